//! What large bodies cost: each is served or refused within stated memory.

use postern_gateway::HttpVersion;

use crate::gateway::{API, Exchange, Gateway, Setting};

const MEBIBYTE: usize = 1 << 20;

/// The most that a body may have.
const PAYLOAD_BYTES: usize = 10 * MEBIBYTE;

const DEFINITION: &str = r#"{"openapi": "3.0.1", "info": {"title": "memory"},
    "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": true}},
    "paths": {
        "/passing": {"post": {"responses": {"200": {"description": "a"}}, "x-amazon-apigateway-integration": {
            "type": "http", "httpMethod": "POST", "uri": "http://backend.example/in",
            "responses": {"default": {"statusCode": "200"}}}}},
        "/base64": {"post": {"responses": {"200": {"description": "a"}}, "x-amazon-apigateway-integration": {
            "type": "http", "httpMethod": "POST", "uri": "http://backend.example/in",
            "contentHandling": "CONVERT_TO_BINARY",
            "responses": {"default": {"statusCode": "200"}}}}},
        "/json": {"post": {"responses": {"200": {"description": "a"}}, "x-amazon-apigateway-integration": {
            "type": "http", "httpMethod": "POST", "uri": "http://backend.example/in",
            "requestTemplates": {"application/json": "$input.json('$')"},
            "responses": {"default": {"statusCode": "200"}}}}},
        "/mapped": {"post": {"x-amazon-apigateway-integration": {
            "type": "http_proxy", "uri": "http://backend.example/in",
            "requestParameters": {"integration.request.header.a": "method.request.body.a"}}}},
        "/validated": {"post": {"x-amazon-apigateway-request-validator": "body",
            "requestBody": {"content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}}},
            "x-amazon-apigateway-integration": {"type": "http_proxy", "uri": "http://backend.example/in"}}},
        "/reply": {"post": {"responses": {"200": {"description": "a"}}, "x-amazon-apigateway-integration": {
            "type": "http", "httpMethod": "POST", "uri": "http://backend.example/in",
            "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "$input.json('$')"}}}}}}
    }}"#;

/// A list of as many of these as fit.
fn list(item: &str) -> Vec<u8> {
    let count = (PAYLOAD_BYTES - 2) / (item.len() + 1);
    format!("[{}]", vec![item; count].join(",")).into_bytes()
}

fn post(gateway: &Gateway, path: &str, body: &[u8], reply: Option<&[u8]>) -> Exchange {
    let host = format!("{API}.execute-api.us-east-1.amazonaws.com");
    let head = format!("POST /test{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", body.len());
    let replies: Vec<_> = reply
        .map(|reply| {
            [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", reply.len()).as_bytes(), reply].concat()
        })
        .into_iter()
        .collect();
    gateway.serve(HttpVersion::Http1, &[head.as_bytes(), body].concat(), &replies)
}

#[test]
fn a_large_body_is_served_or_refused_within_stated_memory() {
    let gateway = Gateway::of(Setting { definition: DEFINITION, ..Setting::default() });
    let pet =
        list(r#"{"name": "a name of some length", "price": 12.50, "tags": ["a", "b"], "more": {"a": true}}"#);
    // The status, and the most MiB that are held on the way.
    let table: &[(&str, &[u8], u16, usize)] = &[
        ("/passing", &vec![b'a'; PAYLOAD_BYTES], 200, 20),
        // What is no UTF-8 is replaced by three bytes each.
        ("/passing", &vec![0xff; PAYLOAD_BYTES], 200, 80),
        ("/base64", &vec![b'a'; PAYLOAD_BYTES], 200, 24),
        ("/json", &pet, 200, 100),
        ("/json", &list("{}"), 500, 120),
        ("/mapped", &list("1"), 400, 60),
        ("/validated", &pet, 200, 240),
        ("/validated", &list(r#"{"a":1}"#), 400, 240),
        ("/validated", &list("[1]"), 400, 240),
    ];
    for (path, body, status, most) in table {
        let reply = (*status == 200).then_some(b"".as_slice());
        let exchange = post(&gateway, path, body, reply);
        let start = String::from_utf8_lossy(&body[..20]);
        assert_eq!(exchange.status, *status, "{path} {start}");
        let held = exchange.memory.div_ceil(MEBIBYTE as u64);
        assert!(held <= *most as u64, "{path} {start}: {held} MiB");
    }
    let exchange = post(&gateway, "/reply", b"", Some(&pet));
    assert_eq!(exchange.status, 200);
    assert!(exchange.memory <= 120 * MEBIBYTE as u64, "{}", exchange.memory);
}
