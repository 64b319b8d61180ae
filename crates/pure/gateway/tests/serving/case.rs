//! Files of cases: how they are read, how messages are written in them, and how they are compared.
//!
//! A file has the `definition`, keys of the gateway, the API and the stage (`gateway`, `api`, `stage`), and
//! `cases`. A case has its `id` (the statements that it proves, and what happens), the `request`, what the
//! backend answers (`reply`; without one it must not be called), the `call` that it gets, the client's
//! `answer`, the `log` line, and how often overrides were `repeated`.
//!
//! Messages are a first line, field lines and, behind an empty line, the body; `\xNN` in them is a byte and
//! `\` at the end of a line joins it to the next. `Host` and lengths are written by the reader. Lines that
//! every message of a kind has are left out of what is compared, unless the case is `whole`.

use std::fmt::Write as _;

use postern_document::{Node, parse_yaml, write_json};
use postern_gateway::HttpVersion;

use crate::gateway::{API, Exchange, Gateway, Setting};

/// What every call of this API has, in the order of no importance.
const USUAL_OF_CALLS: &[&str] = &[
    "Accept: application/json",
    "User-Agent: AmazonAPIGateway_abc123",
    "X-Amzn-Apigateway-Api-Id: abc123",
    "X-Amzn-Trace-Id: Root=1-66501237-89abcdef0123456789abcdef",
    "X-Forwarded-For: 10.0.0.9",
    "X-Forwarded-Port: 443",
    "X-Forwarded-Proto: http",
    "x-amzn-vpc-id: vpc-0a1b2c3d",
    "x-amzn-vpce-id: vpce-0a1b2c3d",
    "x-amzn-vpce-config: 1",
    "Host: backend.example",
];

/// What every answer has, or every answer of an integration.
const USUAL_OF_ANSWERS: &[&str] = &[
    "x-amzn-RequestId: 01234567-89ab-4def-8123-456789abcdef",
    "x-amz-apigw-id: ",
    "X-Amzn-Trace-Id: Root=1-66501237-89abcdef0123456789abcdef",
];

/// Checks every case of a file, and tells of all that are not as they should be.
pub(crate) fn check_file(file: &str, text: &str) {
    let root = parse_yaml(file, text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let key = |name: &str| root.get(name).and_then(Node::as_text).unwrap_or_default();
    let definition = write_json(root.get("definition").expect("a definition"));
    let (gateway, api, stage) = (key("gateway"), key("api"), key("stage"));
    let gateway = Gateway::of(Setting { definition: &definition, gateway, api, stage, ..Setting::default() });
    let mut told = String::new();
    for node in root.get("cases").and_then(Node::as_sequence).expect("cases") {
        let case = Case::read(node);
        for (what, expected, is) in case.differences(&case.serve(&gateway)) {
            let line = node.place.line();
            write!(told, "\n\n{file}:{line}: {}\n--- {what}, expected\n{expected}\n--- is\n{is}", case.id)
                .unwrap();
        }
    }
    assert!(told.is_empty(), "{told}\n");
}

struct Case<'t> {
    id: &'t str,
    request: &'t str,
    version: HttpVersion,
    reply: Option<&'t str>,
    call: Option<&'t str>,
    answer: Option<&'t str>,
    log: Option<&'t str>,
    repeated: Option<&'t str>,
    is_whole: bool,
}

impl<'t> Case<'t> {
    fn read(node: &'t Node) -> Self {
        const KEYS: [&str; 9] =
            ["id", "request", "http2", "reply", "call", "answer", "log", "repeated", "whole"];
        for entry in node.as_mapping().expect("a case").iter() {
            assert!(KEYS.contains(&&*entry.key), "{}: `{}` is no key of a case", entry.place, entry.key);
        }
        let key = |name: &str| node.get(name).map(|node| node.as_text().expect("text"));
        let is = |name: &str| node.get(name).and_then(Node::as_boolean).unwrap_or_default();
        Self {
            id: key("id").expect("an id"),
            request: key("request").expect("a request"),
            version: if is("http2") { HttpVersion::Http2 } else { HttpVersion::Http1 },
            reply: key("reply"),
            call: key("call"),
            answer: key("answer"),
            log: key("log"),
            repeated: key("repeated"),
            is_whole: is("whole"),
        }
    }

    fn serve(&self, gateway: &Gateway) -> Exchange {
        let (first, rest) = self.request.split_once('\n').unwrap_or((self.request, ""));
        let (verb, target) = first.split_once(' ').expect("a verb and a target");
        let host = format!("{API}.execute-api.us-east-1.amazonaws.com");
        let request = message(&format!("{verb} /test{target} HTTP/1.1\nHost: {host}"), rest);
        let replies: Vec<_> = self
            .reply
            .map(|reply| {
                let (status, rest) = reply.split_once('\n').unwrap_or((reply, ""));
                message(&format!("HTTP/1.1 {status} "), rest)
            })
            .into_iter()
            .collect();
        gateway.serve(self.version, &request, &replies)
    }

    /// What is not as it should be, with how it should be and is.
    fn differences(&self, exchange: &Exchange) -> Vec<(&'static str, String, String)> {
        let mut parts = Vec::new();
        let (expected, is) = (usize::from(self.reply.is_some()), exchange.calls.len());
        parts.push(("the number of calls", expected.to_string(), is.to_string()));
        if let Some(expected) = self.call {
            let is = exchange.calls.first().map_or_else(String::new, |call| {
                let end = call.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
                let (head, body) = call.split_at(end);
                self.shown(&String::from_utf8_lossy(head), body, USUAL_OF_CALLS)
            });
            parts.push(("the call", expected.to_owned(), is));
        }
        if let Some(expected) = self.answer {
            let head = format!("{}\r\n{}", exchange.status, String::from_utf8_lossy(&exchange.fields));
            parts.push((
                "the answer",
                expected.to_owned(),
                self.shown(&head, &exchange.body, USUAL_OF_ANSWERS),
            ));
        }
        if let Some(expected) = self.repeated {
            parts.push(("repetitions", expected.to_owned(), exchange.repeated_overrides.to_string()));
        }
        if let Some(expected) = self.log {
            parts.push(("the log line", expected.to_owned(), exchange.log.clone().unwrap_or_default()));
        }
        parts.retain(|(_, expected, is)| expected.replace("\\\n", "").trim_end() != is.trim_end());
        if expected != is && self.answer.is_none() {
            let head = format!("{}\r\n{}", exchange.status, String::from_utf8_lossy(&exchange.fields));
            parts.push(("the answer", String::new(), self.shown(&head, &exchange.body, USUAL_OF_ANSWERS)));
        }
        parts
    }

    /// A message as files show it.
    fn shown(&self, head: &str, body: &[u8], usual: &[&str]) -> String {
        let is_shown = |line: &&str| {
            let is_usual = usual.iter().any(|usual| match usual.strip_suffix(": ") {
                Some(name) => line.starts_with(name),
                None => line == usual,
            });
            !line.is_empty() && (self.is_whole || !is_usual)
        };
        let lines: Vec<_> = head.split("\r\n").filter(is_shown).collect();
        let mut text = lines.join("\n");
        if !body.is_empty() {
            text.push_str("\n\n");
            text.push_str(&escaped(body));
        }
        text
    }
}

/// A message on the wire: its first lines are given; the rest as files write it.
fn message(first: &str, rest: &str) -> Vec<u8> {
    let rest = rest.replace("\\\n", "");
    let (fields, body) = match rest.strip_prefix('\n') {
        Some(body) => ("", body),
        None => rest.split_once("\n\n").unwrap_or((&rest, "")),
    };
    let body = unescaped(body.strip_suffix('\n').unwrap_or(body));
    let mut head = first.to_owned();
    for line in fields.lines() {
        head.push('\n');
        head.push_str(line);
    }
    let is_chunked = head.contains("Transfer-Encoding: chunked");
    let is_answer = head.starts_with("HTTP/");
    if !is_chunked && (!body.is_empty() || is_answer) {
        write!(head, "\nContent-Length: {}", body.len()).unwrap();
    }
    let mut bytes = unescaped(&head.replace('\n', "\r\n"));
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(&body);
    bytes
}

/// `\xNN` stands for a byte.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// Bytes that are no text, and control characters but for the line end, as `\xNN`.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push(character),
                _ if character.is_control() => write!(text, "\\x{:02x}", u32::from(character)).unwrap(),
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").unwrap();
        }
    }
    text
}
