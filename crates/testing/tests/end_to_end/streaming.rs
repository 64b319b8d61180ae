//! `responseTransferMode: STREAM` with HTTP_PROXY (integrations.md section 15).

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use postern_testing::{
    API_HOST, Backend, Gateway, PATIENCE, Wire, answer, bytes, close, definition, expect, hang, http_proxy,
};
use serde_json::{Value, json};

use crate::{gateway, get};

const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// `GET /stream` and `GET /whole` of one backend; the access log tells how the integration did.
fn before(backend: &Backend, change: impl FnOnce(&mut Value)) -> Gateway {
    let whole = http_proxy("GET", backend.address(), "/");
    let mut stream = whole.clone();
    let integration = &mut stream["x-amazon-apigateway-integration"];
    integration["responseTransferMode"] = json!("STREAM");
    change(integration);
    let mut definition = definition(&json!({"/stream": {"get": stream}, "/whole": {"get": whole}}));
    definition["x-amazon-apigateway-minimum-compression-size"] = json!(0);
    gateway(&definition, |_, configuration| {
        configuration["limits"]["payloadBytes"] = json!(1_000);
        configuration["accessLog"] = json!({"format": "$context.requestId \
            mode=$context.integration.responseTransferMode headers=$context.integration.timeToAllHeaders \
            first=$context.integration.timeToFirstContent latency=$context.integrationLatency \
            status=$context.status length=$context.responseLength"});
    })
}

fn plain(backend: &Backend) -> Gateway {
    before(backend, |_| {})
}

/// Reads what comes up to and including this.
fn read_until(wire: &mut Wire, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push_str(&String::from_utf8(wire.take(1)).unwrap());
    }
    text
}

#[test]
fn st3_a_stream_may_be_larger_than_any_other_answer() {
    let body = "x".repeat(50_000);
    let (sized, chunked) =
        (answer(200, &body), bytes(format!("{CHUNKED}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())));
    let backend =
        Backend::script([expect("GET /"), sized.clone(), expect("GET /"), chunked, expect("GET /"), sized]);
    let gateway = plain(&backend);
    let known = gateway.get("/demo/stream");
    assert_eq!((known.text(), known.field("Content-Length")), (&*body, Some("50000")), "ST14");
    assert_eq!(gateway.get("/demo/stream").text(), body);
    assert_eq!(gateway.get("/demo/whole").status(), 502);
}

#[test]
fn st4_a_stream_is_never_compressed() {
    let backend = Backend::answering(200, "{}");
    let gateway = plain(&backend);
    let accepts = "Accept-Encoding: gzip\r\n";
    assert_eq!(gateway.get_with("/demo/stream", accepts).field("Content-Encoding"), None);
    assert_eq!(gateway.get_with("/demo/whole", accepts).field("Content-Encoding"), Some("gzip"));
}

#[test]
fn st6_what_comes_is_passed_on_at_once_and_nothing_before_all_headers() {
    let (first, second) = CHUNKED.split_once("Transfer").unwrap();
    let backend = Backend::script([
        expect("GET /"),
        bytes(first),
        hang(),
        bytes(format!("Transfer{second}7\r\none\r\n\r\n\r\n")),
        hang(),
        bytes("7\r\ntwo\r\n\r\n\r\n0\r\n\r\n"),
    ]);
    let gateway = plain(&backend);
    let mut wire = gateway.wire();
    wire.send(get("/demo/stream"));
    let _ = backend.request(0);
    assert!(wire.is_silent());
    backend.release();
    let begun = read_until(&mut wire, "one\r\n\r\n\r\n");
    assert!(begun.starts_with("HTTP/1.1 200 OK\r\n"), "{begun}");
    assert!(begun.contains("Content-Type: text/event-stream\r\n"), "{begun}");
    assert!(wire.is_silent());
    backend.release();
    assert_eq!(read_until(&mut wire, "0\r\n\r\n"), "7\r\ntwo\r\n\r\n\r\n0\r\n\r\n");
    backend.finished();
}

#[test]
fn st9_a_stream_that_fails_is_cut() {
    for end in [close(), bytes("nonsense\r\n")] {
        let begun = bytes(format!("{CHUNKED}3\r\none\r\n"));
        let backend = Backend::script([expect("GET /"), begun, end]);
        let gateway = plain(&backend);
        let mut wire = gateway.wire();
        wire.send(get("/demo/stream"));
        assert!(wire.try_answer().is_err(), "there is no last chunk, so it is not whole");
        assert!(gateway.log_line("mode=STREAMED").contains("status=200 length=3"));
    }
}

/// Also what comes together with the failure. HTTP/1.0 knows a body's end by the connection's alone, so that one
/// must not look orderly.
#[test]
fn st9_a_client_gets_what_came_before_a_stream_failed() {
    let failing = bytes(format!("{CHUNKED}3\r\none\r\nnonsense\r\n"));
    let backend = Backend::script([expect("GET /"), failing.clone(), expect("GET /"), failing]);
    let gateway = plain(&backend);
    for (version, end, is_orderly) in [("1.1", "\r\n\r\n3\r\none\r\n", true), ("1.0", "\r\n\r\none", false)] {
        let mut stream = TcpStream::connect(gateway.endpoint(0)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET /demo/stream HTTP/{version}\r\nHost: {API_HOST}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut all = Vec::new();
        let ended = stream.read_to_end(&mut all);
        let text = String::from_utf8(all).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with(end), "{version}: {text}");
        let fault = ended.err().map(|error| error.kind());
        assert_eq!(fault, (!is_orderly).then_some(io::ErrorKind::ConnectionReset), "{version}");
    }
}

#[test]
fn st11_the_timeout_bounds_the_whole_stream() {
    let backend = Backend::script([expect("GET /"), bytes(format!("{CHUNKED}3\r\none\r\n")), hang()]);
    let gateway = before(&backend, |integration| integration["timeoutInMillis"] = json!(500));
    let mut wire = gateway.wire();
    wire.send(get("/demo/stream"));
    let begun = read_until(&mut wire, "one\r\n");
    assert!(begun.starts_with("HTTP/1.1 200 OK\r\n"), "{begun}");
    wire.ends();
    assert!(gateway.log_line("mode=STREAMED").contains("status=200 length=3"));
}

#[test]
fn st11_a_stream_may_take_a_quarter_of_an_hour() {
    let backend = Backend::answering(200, "{}");
    let gateway = before(&backend, |integration| integration["timeoutInMillis"] = json!(900_000));
    assert_eq!(gateway.get("/demo/stream").status(), 200);
}

#[test]
fn st10_a_client_that_leaves_ends_the_call() {
    let backend = Backend::script([
        expect("GET /"),
        bytes(format!("{CHUNKED}3\r\none\r\n")),
        // The connection ends, since the next request comes by another.
        expect("GET /"),
        answer(200, "next"),
    ]);
    let gateway = plain(&backend);
    let mut client = TcpStream::connect(gateway.endpoint(0)).unwrap();
    client.write_all(get("/demo/stream").as_bytes()).unwrap();
    // What is left unread makes the end a reset: half of a client could still read.
    assert_eq!(client.peek(&mut [0]).unwrap(), 1);
    drop(client);
    assert_eq!(gateway.get("/demo/whole").text(), "next");
    backend.finished();
}

#[test]
fn st12_the_log_tells_how_a_stream_went() {
    let backend = Backend::script([
        expect("GET /"),
        bytes(CHUNKED),
        hang(),
        bytes("3\r\none\r\n"),
        hang(),
        bytes("0\r\n\r\n"),
        expect("GET /"),
        answer(200, "whole"),
    ]);
    let gateway = plain(&backend);
    let mut wire = gateway.wire();
    wire.send(get("/demo/stream"));
    let head = read_until(&mut wire, "\r\n\r\n");
    let pause = std::time::Duration::from_millis(20);
    for end in ["one\r\n", "0\r\n\r\n"] {
        assert!(!wire.comes_within(pause), "the backend waits");
        backend.release();
        let _ = read_until(&mut wire, end);
    }
    let line = gateway.log_line("mode=STREAMED");
    let number = |name: &str| -> u64 {
        let (_, rest) = line.split_once(&format!(" {name}=")).unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let (headers, first, latency) = (number("headers"), number("first"), number("latency"));
    assert!(first >= headers + 20 && latency >= first + 20, "{line}");
    assert!(head.contains(
        line.split_once("\"").map_or(line.as_str(), |(start, _)| start).split(' ').next().unwrap()
    ));
    let _ = gateway.get("/demo/whole");
    let whole = gateway.log_line("mode=BUFFERED");
    assert!(whole.contains("status=200 length=5"), "{whole}");
}
