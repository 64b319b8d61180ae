//! The official runtime clients of Lambda serve functions unchanged: awslambdaric (Python), aws-lambda-ric
//! (Node.js) and `lambda_runtime` (Rust). `.ci/tools` installs and builds them.

use std::{
    io::Read,
    net::TcpListener,
    path::{Path, PathBuf},
};

use postern_testing::{
    API_HOST, Gateway, curl_unbuffered, definition, function_arn, function_proxy, function_stream,
    repository_root,
};
use serde_json::{Value, json};

use crate::{gateway, post, refusal};

fn functions() -> PathBuf {
    repository_root().join("crates/testing/fixtures/functions")
}

/// What `.ci/tools` has put beside the tests.
fn installed(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let program = target.join("runtime-clients").join(path);
    assert!(program.exists(), "`.ci/tools` installs the official clients: {}", program.display());
    program
}

fn python() -> Value {
    json!({
        "command": [installed("bin/python3"), "-m", "awslambdaric", "app.handler"],
        "workingDirectory": functions(),
        "environment": {"PYTHONDONTWRITEBYTECODE": "1"},
    })
}

fn node(handler: &str) -> Value {
    let client = installed("node/node_modules/aws-lambda-ric/bin/index.mjs");
    json!({"command": ["node", client, handler], "workingDirectory": functions().join("node")})
}

fn rust() -> Value {
    json!({"command": [installed("rust/debug/postern-test-function")]})
}

/// A gateway whose `/whole/{do}` and `/stream/{do}` are of a function with this process.
fn hosting(mut process: Value) -> Gateway {
    process["concurrency"] = json!(1);
    let mut definition = definition(&json!({
        "/whole/{do}": {"x-amazon-apigateway-any-method": function_proxy(&function_arn("hello"))},
        "/stream/{do}": {"x-amazon-apigateway-any-method": function_stream(&function_arn("hello"))},
    }));
    definition["x-amazon-apigateway-binary-media-types"] = json!(["application/octet-stream"]);
    gateway(&definition, |_, configuration| {
        configuration["functions"] =
            json!([{"functionName": "hello", "process": process, "timeoutSeconds": 20}]);
    })
}

fn bad_gateway() -> String {
    refusal("502 Bad Gateway", "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
}

/// An event, an answer, bytes that are no text, an error, and that one process did it all.
fn answers_whole(process: Value) {
    let gateway = hosting(process);
    for _ in 0..3 {
        let answer = gateway.get("/demo/whole/tell");
        let expected = json!({
            "request": answer.field("x-amzn-RequestId"),
            "function": function_arn("hello"),
            "memory": "128",
            "has_time": true,
            "path": "/whole/tell",
        });
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), expected);
    }
    let every_byte: Vec<u8> = (0..=255).collect();
    let head = format!(
        "POST /demo/whole/mirror HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Type: application/octet-stream\r\n\
         Accept: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        every_byte.len()
    );
    let answer = gateway.wire().ask([head.as_bytes(), &every_byte].concat());
    assert_eq!((answer.status(), &*answer.body), (201, &*every_byte));
    let answer = gateway.wire().ask(post("/demo/whole/mirror", "plain text"));
    assert_eq!((answer.status(), answer.text()), (201, "plain text"));
    assert_eq!(gateway.get("/demo/whole/fail").masked(), bad_gateway());
    assert_eq!(gateway.get("/demo/whole/tell").status(), 200);
    assert_eq!(gateway.metric("postern_function_starts_total", &["function=\"hello\""]), 1.0);
}

/// What curl prints up to and with these words, or up to its end.
fn printed(output: &mut impl Read, words: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(words.as_bytes()) && output.read(&mut byte).unwrap() == 1 {
        text.extend_from_slice(&byte);
    }
    String::from_utf8(text).unwrap()
}

/// Status, fields and cookies of the prelude, the first piece before the function goes on, the second, and
/// that a stream which fails is cut.
fn streams(process: Value) {
    let gateway = hosting(process);
    let holds_back = TcpListener::bind("127.0.0.1:0").unwrap();
    let body = holds_back.local_addr().unwrap().to_string();
    for (what, rest, ends_well) in [("stream", "second", true), ("break", "", false)] {
        let url = format!("http://{API_HOST}/demo/stream/{what}");
        let mut curl = curl_unbuffered(gateway.endpoint(0), &["--data", &body, &url]);
        let output = curl.stdout.as_mut().unwrap();
        let text = printed(output, "first ");
        for line in ["HTTP/1.1 201 Created", "x-one: 1", "set-cookie: a=b", "set-cookie: c=d"] {
            assert!(text.lines().any(|other| other.eq_ignore_ascii_case(line)), "{what}: {line} in {text}");
        }
        assert!(text.ends_with("\r\n\r\nfirst "), "{what}: {text}");
        drop(holds_back.accept().unwrap());
        assert_eq!(printed(output, "no such words"), rest, "{what}");
        assert_eq!(curl.wait().unwrap().success(), ends_well, "{what}");
    }
    assert_eq!(gateway.get("/demo/stream/fail").masked(), bad_gateway());
}

#[test]
fn the_python_client_answers_whole() {
    answers_whole(python());
}

#[test]
fn the_node_client_answers_whole() {
    answers_whole(node("app.whole"));
}

#[test]
fn the_node_client_streams() {
    streams(node("app.stream"));
}

#[test]
fn the_rust_client_answers_whole() {
    answers_whole(rust());
}

#[test]
fn the_rust_client_streams() {
    streams(rust());
}
