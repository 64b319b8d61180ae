//! Content codings (routing.md section 9, hardening.md section 7).

use std::io::{Read, Write};

use flate2::{
    Compression,
    read::{GzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use postern_gateway::HttpVersion;

use crate::gateway::{API, Exchange, Gateway, Setting};

const PAYLOAD_BYTES: usize = 4_000;

fn definition(minimum_compression_size: Option<u32>) -> String {
    let minimum = minimum_compression_size.map_or_else(String::new, |size| {
        format!(r#""x-amazon-apigateway-minimum-compression-size": {size},"#)
    });
    let http = |more: &str| {
        format!(
            r#"{{"post": {{"responses": {{"200": {{"description": "a"}}}}, "x-amazon-apigateway-integration": {{
                "type": "http", "httpMethod": "POST", "uri": "http://backend.example/in", {more}
                "responses": {{"default": {{"statusCode": "200"}}}}}}}}}}"#
        )
    };
    let template = http(r#""requestTemplates": {"application/json": "<$input.body>"},"#);
    let passing = http("");
    let proxy = r#""x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "ANY", "uri": "http://backend.example/in"}"#;
    let mapped_reply = r#"{"post": {"responses": {"200": {"description": "a"}}, "x-amazon-apigateway-integration": {
        "type": "http", "httpMethod": "POST", "uri": "http://backend.example/in",
        "responses": {"default": {"statusCode": "200",
            "responseParameters": {"method.response.header.Content-Encoding": "integration.response.header.Content-Encoding"},
            "responseTemplates": {"application/json": "<$input.body>"}}}}}}"#;
    format!(
        r#"{{"openapi": "3.0.1", "info": {{"title": "coding"}}, {minimum}
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "x-amazon-apigateway-request-validators": {{"body": {{"validateRequestBody": true}}}},
        "paths": {{
            "/template": {template},
            "/passing": {passing},
            "/reply": {mapped_reply},
            "/proxy": {{"x-amazon-apigateway-any-method": {{{proxy}}}}},
            "/validated": {{"post": {{"x-amazon-apigateway-request-validator": "body", {proxy}}}}}
        }}}}"#
    )
}

fn gateway(minimum_compression_size: Option<u32>) -> Gateway {
    let definition = definition(minimum_compression_size);
    let limits = format!("limits: {{payloadBytes: {PAYLOAD_BYTES}}}");
    Gateway::of(Setting { definition: &definition, gateway: &limits, ..Setting::default() })
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Sends a request by POST; the backend, if it is called at all, answers with this.
fn post(gateway: &Gateway, path: &str, fields: &str, body: &[u8], replies: &[Vec<u8>]) -> Exchange {
    let mut request = format!(
        "POST /test{path} HTTP/1.1\r\nHost: {API}.execute-api.us-east-1.amazonaws.com\r\nContent-Length: {}\r\n{fields}\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    gateway.serve(HttpVersion::Http1, &request, replies)
}

fn reply(fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// The body of the only call.
fn sent(exchange: &Exchange) -> &[u8] {
    let [call] = exchange.calls.as_slice() else { panic!("{} calls", exchange.calls.len()) };
    let head = call.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    &call[head..]
}

fn field(exchange: &Exchange, name: &str) -> Option<String> {
    let fields = std::str::from_utf8(&exchange.fields).unwrap();
    fields.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}

const PLAIN: &[u8] = b"{\"a\": \"a plain text, a plain text, a plain text, a plain text\"}";

#[test]
fn z4_a_template_is_given_the_plain_body() {
    let gateway = gateway(Some(0));
    let rendered = [b"<", PLAIN, b">"].concat();
    for (fields, body) in [
        ("Content-Encoding: gzip\r\n", gzip(PLAIN)),
        ("Content-Encoding: X-Gzip\r\n", gzip(PLAIN)),
        ("Content-Encoding: deflate\r\n", deflate(PLAIN)),
        ("Content-Encoding: identity, gzip\r\n", gzip(PLAIN)),
        ("Content-Encoding: identity\r\n", PLAIN.to_vec()),
        ("", PLAIN.to_vec()),
    ] {
        let exchange = post(&gateway, "/template", fields, &body, &[reply("", b"")]);
        assert_eq!(sent(&exchange), rendered, "{fields}");
    }
}

#[test]
fn z4_a_coding_that_is_not_spoken_and_bad_data_are_415() {
    let gateway = gateway(Some(0));
    let cut = gzip(PLAIN);
    for (fields, body) in [
        ("Content-Encoding: br\r\n", gzip(PLAIN)),
        ("Content-Encoding: gzip, gzip\r\n", gzip(&gzip(PLAIN))),
        ("Content-Encoding: gzip\r\nContent-Encoding: deflate\r\n", gzip(PLAIN)),
        ("Content-Encoding: gzip\r\n", PLAIN.to_vec()),
        ("Content-Encoding: gzip\r\n", cut[..cut.len() - 1].to_vec()),
        ("Content-Encoding: deflate\r\n", gzip(PLAIN)),
    ] {
        for path in ["/template", "/validated", "/passing", "/proxy"] {
            let exchange = post(&gateway, path, fields, &body, &[]);
            assert_eq!(exchange.status, 415, "{path} {fields}");
            assert_eq!(exchange.body, b"{\"message\": \"Unsupported Media Type\"}");
            assert_eq!(field(&exchange, "x-amzn-ErrorType").as_deref(), Some("BadRequestException"));
        }
    }
}

/// The head of the only call, its name of the coding.
fn told(exchange: &Exchange) -> Option<String> {
    let [call] = exchange.calls.as_slice() else { panic!("{} calls", exchange.calls.len()) };
    let head = String::from_utf8_lossy(call);
    head.lines().find_map(|line| Some(line.strip_prefix("Content-Encoding: ")?.to_owned()))
}

#[test]
fn z4_every_backend_gets_the_plain_body_and_is_told_of_no_coding() {
    for minimum in [None, Some(0), Some(10)] {
        let gateway = gateway(minimum);
        for path in ["/passing", "/proxy", "/validated"] {
            for (fields, body) in [
                ("Content-Encoding: gzip\r\n", gzip(PLAIN)),
                ("Content-Encoding: deflate\r\n", deflate(PLAIN)),
            ] {
                let exchange = post(&gateway, path, fields, &body, &[reply("", b"")]);
                assert_eq!((sent(&exchange), told(&exchange)), (PLAIN, None), "{path} {minimum:?} {fields}");
            }
        }
    }
}

#[test]
fn z5_a_body_below_the_size_passes_coded_and_its_backend_is_told_so() {
    let body = gzip(b"short");
    let size = u32::try_from(body.len()).unwrap();
    let above = gateway(Some(size + 1));
    for path in ["/passing", "/proxy"] {
        for (fields, coding) in [
            ("Content-Encoding: gzip\r\n", "gzip"),
            ("Content-Encoding: br\r\n", "br"),
            ("content-encoding: br\r\nContent-Encoding: identity, gzip\r\n", "br, gzip"),
        ] {
            let exchange = post(&above, path, fields, &body, &[reply("", b"")]);
            assert_eq!(
                (sent(&exchange), told(&exchange).as_deref()),
                (body.as_slice(), Some(coding)),
                "{path}"
            );
        }
    }
    // What is not plain is no text for a template.
    assert_eq!(post(&above, "/template", "Content-Encoding: gzip\r\n", &body, &[]).status, 500);
    let exchange =
        post(&gateway(Some(size)), "/template", "Content-Encoding: gzip\r\n", &body, &[reply("", b"")]);
    assert_eq!(sent(&exchange), b"<short>");
    // Without a body there is nothing to tell of.
    let exchange = post(&above, "/proxy", "Content-Encoding: gzip\r\n", b"", &[reply("", b"")]);
    assert_eq!(told(&exchange), None);
}

#[test]
fn vb8_validation_reads_the_plain_body() {
    let gateway = gateway(Some(0));
    let exchange = post(&gateway, "/validated", "Content-Encoding: gzip\r\n", &gzip(b"[]"), &[]);
    assert_eq!(
        (exchange.status, exchange.body.as_slice()),
        (400, b"{\"message\": \"Invalid request body\"}".as_slice())
    );
}

#[test]
fn z7_size_and_ratio_are_bounded() {
    let gateway = gateway(Some(0));
    for (length, status) in [(PAYLOAD_BYTES - 1, 200), (PAYLOAD_BYTES, 200), (PAYLOAD_BYTES + 1, 413)] {
        let plain: Vec<u8> =
            (0u32..).map(|at| (at.wrapping_mul(at) >> 3).to_le_bytes()[0] % 64 + 33).take(length).collect();
        for (coding, body) in [("gzip", gzip(&plain)), ("deflate", deflate(&plain))] {
            let fields = format!("Content-Encoding: {coding}\r\n");
            let replies = if status == 200 { vec![reply("", b"")] } else { Vec::new() };
            let exchange = post(&gateway, "/template", &fields, &body, &replies);
            assert_eq!(exchange.status, status, "{length} {coding}");
            if status == 413 {
                assert_eq!(exchange.body, b"{\"message\":\"HTTP content length exceeded 10485760 bytes.\"}");
                assert_eq!(field(&exchange, "x-amzn-ErrorType").as_deref(), Some("RequestTooLargeException"));
            }
        }
    }
    // A hundred times its size is the most, whatever the limit.
    let bomb = deflate(&[b' '; PAYLOAD_BYTES]);
    assert!(bomb.len() * 100 < PAYLOAD_BYTES);
    let exchange = post(&gateway, "/template", "Content-Encoding: deflate\r\n", &bomb, &[]);
    assert_eq!(exchange.status, 413);
}

#[test]
fn z1_an_answer_is_compressed_where_api_client_and_size_ask_for_it() {
    let long = [b'a'; 200];
    let cases = [
        (Some(0), "Accept-Encoding: gzip\r\n", "", long.as_slice(), Some("gzip")),
        (Some(200), "Accept-Encoding: gzip\r\n", "", long.as_slice(), Some("gzip")),
        (Some(201), "Accept-Encoding: gzip\r\n", "", long.as_slice(), None),
        (None, "Accept-Encoding: gzip\r\n", "", long.as_slice(), None),
        (Some(0), "", "", long.as_slice(), None),
        (Some(0), "Accept-Encoding: *\r\n", "", long.as_slice(), Some("gzip")),
        (Some(0), "Accept-Encoding: deflate, br\r\n", "", long.as_slice(), Some("deflate")),
        (Some(0), "Accept-Encoding: br;q=1, gzip;q=0.9\r\n", "", long.as_slice(), None),
        (
            Some(0),
            "Accept-Encoding: gzip;q=0.5\r\nAccept-Encoding: deflate\r\n",
            "",
            long.as_slice(),
            Some("deflate"),
        ),
        (Some(0), "Accept-Encoding: identity\r\n", "", long.as_slice(), None),
        (Some(0), "Accept-Encoding: gzip\r\n", "Content-Encoding: br\r\n", long.as_slice(), Some("br")),
        (Some(0), "Accept-Encoding: gzip\r\n", "", b"".as_slice(), None),
    ];
    for (minimum, fields, reply_fields, body, coding) in cases {
        let gateway = gateway(minimum);
        for path in ["/reply", "/proxy"] {
            if path == "/reply" && (body.is_empty() || minimum == Some(201)) {
                continue; // Its template makes the body longer.
            }
            let exchange = post(&gateway, path, fields, b"", &[reply(reply_fields, body)]);
            assert_eq!(
                field(&exchange, "Content-Encoding").as_deref(),
                coding,
                "{path} {minimum:?} {fields}"
            );
            let expected = if path == "/reply" { [b"<", body, b">"].concat() } else { body.to_vec() };
            assert_eq!(plain(&exchange, coding), expected, "{path} {minimum:?} {fields}");
        }
    }
}

fn plain(exchange: &Exchange, coding: Option<&str>) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        Some("gzip") => GzDecoder::new(exchange.body.as_slice()).read_to_end(&mut plain).unwrap(),
        Some("deflate") => ZlibDecoder::new(exchange.body.as_slice()).read_to_end(&mut plain).unwrap(),
        _ => return exchange.body.clone(),
    };
    plain
}

#[test]
fn z1_a_part_an_answer_to_head_and_a_refusal_are_never_compressed() {
    let gateway = gateway(Some(0));
    let long = [b'a'; 200];
    let fields = "Accept-Encoding: gzip\r\n";
    let part = [b"HTTP/1.1 206 Partial Content\r\nContent-Length: 200\r\n\r\n".as_slice(), &long].concat();
    let exchange = post(&gateway, "/proxy", fields, b"", &[part]);
    assert_eq!((exchange.status, exchange.body.as_slice()), (206, long.as_slice()));
    assert_eq!(field(&exchange, "Content-Encoding"), None);

    let head = format!(
        "HEAD /test/proxy HTTP/1.1\r\nHost: {API}.execute-api.us-east-1.amazonaws.com\r\n{fields}\r\n"
    );
    let told = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n".to_vec();
    let exchange = gateway.serve(HttpVersion::Http1, head.as_bytes(), &[told]);
    assert_eq!(field(&exchange, "Content-Encoding"), None);

    let exchange = post(&gateway, "/validated", fields, b"[]", &[]);
    assert_eq!((exchange.status, field(&exchange, "Content-Encoding")), (400, None));
}

#[test]
fn z1_a_body_of_unknown_length_is_read_whole() {
    let gateway = gateway(Some(100));
    for (length, coding) in [(99, None), (100, Some("gzip"))] {
        let body = vec![b'a'; length];
        let reply = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice(), &body].concat();
        let exchange = post(&gateway, "/proxy", "Accept-Encoding: gzip\r\n", b"", &[reply]);
        assert_eq!(field(&exchange, "Content-Encoding").as_deref(), coding);
        assert_eq!(plain(&exchange, coding), body);
    }
}
