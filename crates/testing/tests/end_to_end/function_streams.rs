//! Functions whose answers come in pieces: `responseTransferMode: STREAM` (integrations.md section 15,
//! lambda-events.md sections 6 to 8).

use postern_protocol::event_stream::{self, Value as Header};
use postern_testing::{
    Backend, Gateway, Step, Wire, answer, bytes, close, definition, expect, function_arn, function_proxy,
    function_stream, hang, repository_root,
};
use serde_json::{Value, json};

use crate::{gateway, post, refusal, short};

/// `/stream/{do}` streams, `/whole/{do}` does not: both of function `hello`.
fn paths() -> Value {
    definition(&json!({
        "/stream/{do}": {"x-amazon-apigateway-any-method": function_stream(&function_arn("hello"))},
        "/whole/{do}": {"x-amazon-apigateway-any-method": function_proxy(&function_arn("hello"))},
    }))
}

fn with(function: Value) -> Gateway {
    gateway(&paths(), |_, configuration| {
        let mut function = function;
        function["functionName"] = json!("hello");
        configuration["functions"] = json!([function]);
    })
}

fn node() -> Gateway {
    let program = repository_root().join("crates/testing/fixtures/functions/loop.mjs");
    with(json!({"process": {"command": ["node", program.to_string_lossy()]}, "timeoutSeconds": 20}))
}

fn ask(gateway: &Gateway, path: &str, body: &str) -> Wire {
    let mut wire = gateway.wire();
    wire.send(post(&format!("/demo/{path}"), body));
    wire
}

fn bad_gateway() -> String {
    refusal("502 Bad Gateway", "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
}

/// Reads what comes up to and including this.
fn read_until(wire: &mut Wire, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push_str(&String::from_utf8(wire.take(1)).unwrap());
    }
    text
}

/// Everything that comes until the connection ends, which it does in order.
fn until_cut(gateway: &Gateway, path: &str) -> String {
    String::from_utf8(ask(gateway, path, "").rest()).unwrap()
}

#[test]
fn what_a_process_streams_is_passed_on_as_it_comes() {
    let asked = Backend::script([expect("GET /"), hang(), answer(200, "go"), close()]);
    let gateway = node();
    let mut wire = ask(&gateway, "stream/stream", &format!("http://{}/", asked.address()));
    let head = read_until(&mut wire, "\r\n\r\n");
    for line in [
        "HTTP/1.1 201 Created",
        "Content-Type: text/plain",
        "X-One: 1",
        "Set-Cookie: a=b",
        "Set-Cookie: c=d",
        "Transfer-Encoding: chunked",
    ] {
        assert!(head.split("\r\n").any(|other| other == line), "{line} in {head}");
    }
    // The first bytes are here before the function goes on.
    let _first = read_until(&mut wire, " \r\n");
    let _waits = asked.request(0);
    asked.release();
    assert!(read_until(&mut wire, "\r\n0\r\n\r\n").contains("second"));
}

#[test]
fn a_stream_may_be_larger_than_any_other_answer_of_a_function() {
    let answer = ask(&node(), "stream/large", "").answer();
    assert_eq!((answer.status(), answer.body.len()), (201, 320 * (64 << 10)));
}

#[test]
fn st9_a_stream_that_fails_is_cut() {
    let gateway = node();
    for what in ["fail", "text", "crash"] {
        let all = until_cut(&gateway, &format!("stream/{what}"));
        assert!(
            all.starts_with("HTTP/1.1 201 Created\r\n") && all.ends_with("5\r\nfirst\r\n"),
            "{what}: {all}"
        );
    }
}

#[test]
fn st8_what_has_no_prelude_is_answered_502() {
    let gateway = node();
    assert_eq!(ask(&gateway, "stream/nothing", "").answer().masked(), bad_gateway());
    assert_eq!(ask(&gateway, "stream/buffered", "").answer().masked(), bad_gateway(), "L5");
    assert_eq!(ask(&gateway, "whole/stream", "").answer().masked(), bad_gateway(), "L5");
    assert_eq!(short(&ask(&gateway, "whole/buffered", "x").answer()), (200, "node x"));
}

/// One message of InvokeWithResponseStream.
fn message(kind: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [
        (":message-type", Header::Text("event")),
        (":event-type", Header::Text(kind)),
        (":content-type", Header::Text("application/octet-stream")),
    ];
    event_stream::write(&headers, payload)
}

const PRELUDE: &[u8] = b"{\"statusCode\":201,\"headers\":{\"X-One\":\"1\"}}\0\0\0\0\0\0\0\0first ";

/// An answer of InvokeWithResponseStream, whose last message is this.
fn streamed(complete: &str) -> Vec<Step> {
    let all: Vec<u8> = [
        message("PayloadChunk", &PRELUDE[..20]),
        message("PayloadChunk", &PRELUDE[20..]),
        message("PayloadChunk", b"second"),
        message("InvokeComplete", complete.as_bytes()),
    ]
    .concat();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut steps = vec![expect("POST /2021-11-15/functions/"), bytes(head)];
    // Cut anywhere, into chunks of seven bytes.
    for piece in all.chunks(7) {
        steps.push(bytes([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()));
    }
    steps.push(bytes("0\r\n\r\n"));
    steps
}

fn calling(backend: &Backend) -> Gateway {
    with(json!({"invoke": {"endpoint": format!("http://{}", backend.address()), "signing": "none"}}))
}

#[test]
fn what_invoke_streams_is_taken_out_of_its_messages() {
    let backend = Backend::script(streamed("{}"));
    let answer = ask(&calling(&backend), "stream/x", "").answer();
    assert_eq!((short(&answer), answer.field("X-One")), ((201, "first second"), Some("1")));
    let arn = function_arn("hello").replace(':', "%3A");
    assert_eq!(
        backend.request(0).first_line(),
        format!("POST /2021-11-15/functions/{arn}/response-streaming-invocations HTTP/1.1")
    );
}

#[test]
fn a_stream_of_invoke_that_ends_in_an_error_is_cut() {
    let backend = Backend::script(streamed(r#"{"ErrorCode": "Unhandled", "ErrorDetails": "no more"}"#));
    let all = until_cut(&calling(&backend), "stream/x");
    assert!(!all.ends_with("0\r\n\r\n"), "{all}");
}

#[test]
fn an_error_before_the_stream_has_its_own_answer() {
    let error =
        "HTTP/1.1 429 Too Many\r\nx-amzn-ErrorType: TooManyRequestsException\r\nContent-Length: 2\r\n\r\n{}";
    let backend = Backend::script([expect("POST /"), bytes(error)]);
    let answer = ask(&calling(&backend), "stream/x", "").answer();
    let expected = refusal(
        "500 Internal Server Error",
        "InternalServerErrorException",
        r#"{"message": "Internal server error"}"#,
    );
    assert_eq!(answer.masked(), expected);
}
