//! What backends are sent, byte for byte, and what becomes of their answers.

use postern_testing::{
    API_HOST, Backend, Gateway, VPC_ID, VPCE_A, answer, bytes, definition, expect, http, http_proxy, mock,
};
use serde_json::json;

use crate::{gateway, plain_gateway, post, short};

/// A head with the value of the trace id, which nobody can foresee, replaced.
fn without_trace(head: &str) -> String {
    let line = |line: &str| match line.strip_prefix("X-Amzn-Trace-Id: Root=1-") {
        Some(value) if value.len() >= 33 => "X-Amzn-Trace-Id: TRACE".to_owned(),
        _ => line.to_owned(),
    };
    head.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
}

fn sorted(head: &str) -> Vec<String> {
    let mut lines: Vec<String> = without_trace(head).split("\r\n").map(ToOwned::to_owned).collect();
    lines[1..].sort();
    lines
}

#[test]
fn http_proxy_passes_a_request_on_and_names_the_endpoint() {
    let backend = Backend::script([expect("GET /store"), answer(200, "[]")]);
    let definition = definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), "/store")}}));
    let gateway = plain_gateway(&definition);
    let lines = "X-Odd-Name: a\r\nx-odd-name: b\r\nAccept: text/plain\r\nConnection: x-gone\r\nX-Gone: 1\r\n\
                 X-Forwarded-For: 9.9.9.9\r\nx-amzn-vpce-id: vpce-forged\r\nX_Amzn_Vpce_Id: vpce-forged\r\n\
                 Forwarded: for=9.9.9.9\r\nTE: trailers\r\nUpgrade: h2c\r\n";
    let answer = gateway.get_with("/demo/pets?b=2&a=1", lines);
    assert_eq!(short(&answer), (200, "[]"));
    let request = backend.request(0);
    let client = "127.0.0.1";
    let port = gateway.endpoint(0).port();
    let mut expected = vec![
        "Accept: text/plain".to_owned(),
        format!("Host: {}", backend.address()),
        "User-Agent: AmazonAPIGateway_a1b2c3d4e5".to_owned(),
        format!("X-Forwarded-For: {client}"),
        format!("X-Forwarded-Port: {port}"),
        "X-Forwarded-Proto: http".to_owned(),
        "X-Amzn-Apigateway-Api-Id: a1b2c3d4e5".to_owned(),
        "X-Amzn-Trace-Id: TRACE".to_owned(),
        format!("x-amzn-vpc-id: {VPC_ID}"),
        format!("x-amzn-vpce-id: {VPCE_A}"),
        "x-amzn-vpce-config: 1".to_owned(),
        "X-Odd-Name: a,b".to_owned(),
        String::new(),
        String::new(),
    ];
    expected.sort();
    let got = sorted(&request.head);
    assert_eq!(got[0], "GET /store?b=2&a=1 HTTP/1.1");
    assert_eq!(got[1..], expected);
    backend.finished();
}

#[test]
fn http_proxy_renames_what_a_client_would_take_for_ours() {
    let reply = "HTTP/1.1 404 Not Here\r\nDate: then\r\nServer: theirs\r\nConnection: keep-alive\r\n\
                 WWW-Authenticate: Basic\r\nx-amzn-RequestId: theirs\r\nVia: 1.1 proxy\r\nX-Own: 1\r\n\
                 Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ngone";
    let backend = Backend::script([expect("GET"), bytes(reply)]);
    let definition = definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), "/")}}));
    let answer = plain_gateway(&definition).get("/demo/pets");
    assert_eq!(short(&answer), (404, "gone"));
    for (name, value) in [
        ("x-amzn-Remapped-Date", "then"),
        ("x-amzn-Remapped-Server", "theirs"),
        ("x-amzn-Remapped-WWW-Authenticate", "Basic"),
        ("x-amzn-Remapped-x-amzn-RequestId", "theirs"),
        ("X-Own", "1"),
        ("Content-Type", "text/plain"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{}", answer.head);
        assert!(answer.names().contains(&name), "{name} is spelled otherwise in {}", answer.head);
    }
    assert_eq!(answer.values("Set-Cookie"), ["a=1", "b=2"]);
    for absent in ["Via", "Server", "WWW-Authenticate"] {
        assert_eq!(answer.field(absent), None);
    }
    assert_ne!(answer.field("x-amzn-RequestId"), Some("theirs"));
}

#[test]
fn http_sends_what_is_mapped_and_nothing_else() {
    let backend = Backend::script([expect("POST /store/7"), answer(201, r#"{"id":9}"#)]);
    let mut operation = http("POST", backend.address(), "/store/{id}");
    operation["parameters"] = json!([
        {"name": "petId", "in": "path", "required": true, "schema": {"type": "string"}},
        {"name": "X-Colour", "in": "header", "schema": {"type": "string"}},
    ]);
    operation["responses"] = json!({"201": {"description": "made"}});
    let integration = &mut operation["x-amazon-apigateway-integration"];
    integration["requestParameters"] = json!({
        "integration.request.path.id": "method.request.path.petId",
        "integration.request.header.X-Paint": "method.request.header.X-Colour",
        "integration.request.querystring.from": "'gateway'",
    });
    integration["requestTemplates"] = json!({"application/json": "{\"name\": $input.json('$.name')}"});
    integration["responses"] = json!({"201": {
        "statusCode": "201",
        "responseParameters": {"method.response.header.X-Id": "integration.response.body.id"},
        "responseTemplates": {"application/json": "made $input.path('$.id')"},
    }});
    let gateway = plain_gateway(&definition(&json!({"/pets/{petId}": {"post": operation}})));
    let request = format!(
        "POST /demo/pets/7 HTTP/1.1\r\nHost: {API_HOST}\r\nX-Colour: red\r\nX-Other: 1\r\n\
         Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{{\"name\": \"rex\"}}"
    );
    let answer = gateway.wire().ask(request);
    assert_eq!(short(&answer), (201, "made 9"));
    assert_eq!(answer.field("X-Id"), Some("9"));
    let request = backend.request(0);
    assert_eq!(request.text(), r#"{"name": "rex"}"#);
    assert_eq!(request.first_line(), "POST /store/7?from=gateway HTTP/1.1");
    let mut names: Vec<String> = request.names().iter().map(|name| name.to_ascii_lowercase()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "accept",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-amzn-apigateway-api-id",
            "x-amzn-trace-id",
            "x-paint",
        ]
    );
    assert_eq!(request.field("X-Paint"), Some("red"));
    backend.finished();
}

#[test]
fn http_answers_by_the_first_pattern_that_matches_the_status() {
    let backend = Backend::with(|request| {
        let status = request.first_line().split(['/', ' ']).nth(2).unwrap_or("200").to_owned();
        format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\n\r\n{{}}").into_bytes()
    });
    let mut operation = http("GET", backend.address(), "/{status}");
    operation["parameters"] =
        json!([{"name": "status", "in": "path", "required": true, "schema": {"type": "string"}}]);
    operation["responses"] =
        json!({"200": {"description": "a"}, "400": {"description": "b"}, "503": {"description": "c"}});
    let integration = &mut operation["x-amazon-apigateway-integration"];
    integration["requestParameters"] =
        json!({"integration.request.path.status": "method.request.path.status"});
    let template = |text: &str| json!({"application/json": text});
    integration["responses"] = json!({
        "default": {"statusCode": "200", "responseTemplates": template("fine")},
        "4\\d{2}": {"statusCode": "400", "responseTemplates": template("theirs")},
        "5\\d{2}": {"statusCode": "503", "responseTemplates": template("ours")},
    });
    let gateway = plain_gateway(&definition(&json!({"/{status}": {"get": operation}})));
    for (asked, expected) in
        [("200", (200, "fine")), ("302", (200, "fine")), ("404", (400, "theirs")), ("500", (503, "ours"))]
    {
        assert_eq!(short(&gateway.get_explained(&format!("/demo/{asked}"), "")), expected, "{asked}");
    }
}

#[test]
fn mock_answers_a_browser_that_asks_before_it_asks() {
    let operation = json!({
        "responses": {"200": {"description": "allowed", "headers": {
            "Access-Control-Allow-Origin": {"schema": {"type": "string"}},
            "Access-Control-Allow-Methods": {"schema": {"type": "string"}},
        }}},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            // As the CDK writes it, which is not JSON (routing.md C3).
            "requestTemplates": {"application/json": "{ statusCode: 200 }"},
            "responses": {"default": {"statusCode": "200", "responseParameters": {
                "method.response.header.Access-Control-Allow-Origin": "'*'",
                "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
            }}},
        },
    });
    let gateway = plain_gateway(&definition(&json!({"/pets": {"get": mock("pets"), "options": operation}})));
    let request = format!(
        "OPTIONS /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nOrigin: https://app.example\r\n\
         Access-Control-Request-Method: GET\r\n\r\n"
    );
    let answer = gateway.wire().ask(request);
    assert_eq!(short(&answer), (200, ""));
    assert_eq!(answer.field("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(answer.field("Access-Control-Allow-Methods"), Some("GET,OPTIONS"));
    assert_eq!(answer.field("X-Amzn-Trace-Id"), None);
}

#[test]
fn a_connection_to_a_backend_is_used_again() {
    let backend = Backend::answering(200, "[]");
    let gateway =
        plain_gateway(&definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), "/")}})));
    for _ in 0..5 {
        assert_eq!(gateway.get("/demo/pets").status(), 200);
    }
    assert_eq!((backend.requests().len(), backend.connections()), (5, 1));
}

#[test]
fn a_body_of_either_framing_reaches_the_backend_with_its_length() {
    let backend = Backend::answering(200, "[]");
    let gateway =
        plain_gateway(&definition(&json!({"/pets": {"post": http_proxy("POST", backend.address(), "/")}})));
    gateway.wire().ask(post("/demo/pets", "hello"));
    let chunked = format!(
        "POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nTransfer-Encoding: chunked\r\n\r\n\
         2;ext=1\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n"
    );
    gateway.wire().ask(chunked);
    for number in [0, 1] {
        let request = backend.request(number);
        assert_eq!(request.text(), "hello");
        assert_eq!((request.field("Content-Length"), request.field("Transfer-Encoding")), (Some("5"), None));
        assert_eq!(request.field("X-Trailer"), None);
    }
}

#[test]
fn a_client_that_waits_for_100_is_told_to_go_on_only_when_it_may() {
    let backend = Backend::answering(200, "[]");
    let gateway =
        plain_gateway(&definition(&json!({"/pets": {"post": http_proxy("POST", backend.address(), "/")}})));
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut wire = gateway.wire();
    assert_eq!(wire.ask(head("/demo/pets")).head, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(wire.ask("ok").status(), 200);
    assert_eq!(gateway.wire().ask(head("/demo/cats")).status(), 403);
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let backend = Backend::script([expect("HEAD /"), bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")]);
    let operation = http_proxy("HEAD", backend.address(), "/");
    let gateway = plain_gateway(&definition(&json!({"/pets": {"head": operation}})));
    let mut wire = gateway.wire();
    wire.send(format!("HEAD /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\n\r\n"));
    let answer = wire.answer_to_head();
    assert_eq!((answer.status(), answer.field("Content-Length")), (200, Some("5")));
    assert!(wire.is_silent());
}

#[test]
fn a_stage_variable_and_the_context_stand_in_a_template() {
    let body = "$stageVariables.colour $context.stage $context.httpMethod $context.resourcePath \
                $context.identity.vpceId $context.apiId";
    let gateway: Gateway =
        gateway(&definition(&json!({"/pets": {"get": mock(body)}})), |_, configuration| {
            configuration["restApis"][0]["stages"][0]["variables"] = json!({"colour": "red"});
        });
    let expected = format!("red demo GET /pets {VPCE_A} a1b2c3d4e5");
    assert_eq!(short(&gateway.get("/demo/pets")), (200, &*expected));
}
