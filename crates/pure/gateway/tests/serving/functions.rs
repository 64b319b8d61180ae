//! Lambda proxy integrations (lambda-events.md sections 1 to 3): the event against a slow twin, and the
//! table of answers.

use postern_gateway::HttpVersion;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::gateway::{API, Exchange, Gateway, Setting};

const FUNCTION: &str =
    "functions: [{functionName: f, invoke: {endpoint: 'http://127.0.0.1:9001', signing: none}}]";
const URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                   arn:aws:lambda:us-east-1:123456789012:function:f/invocations";

fn gateway(stage: &str, binary: &Value) -> Gateway {
    let operation = json!({
        "operationId": "anything",
        "responses": {"200": {"description": "done"}},
        "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": URI},
    });
    let definition = json!({
        "openapi": "3.0.1",
        "info": {"title": "functions"},
        "x-amazon-apigateway-binary-media-types": binary,
        "paths": {
            "/": {"x-amazon-apigateway-any-method": operation},
            "/a/{id}/{proxy+}": {"x-amazon-apigateway-any-method": operation},
        },
    });
    Gateway::of(Setting {
        definition: &definition.to_string(),
        gateway: FUNCTION,
        stage,
        ..Setting::default()
    })
}

fn reply(payload: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{payload}", payload.len()).into_bytes()
}

fn request(target: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {API}.execute-api.us-east-1.amazonaws.com\r\n{lines}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn exchange(gateway: &Gateway, target: &str, lines: &str, body: &[u8], payload: &str) -> Exchange {
    gateway.serve(HttpVersion::Http1, &request(target, lines, body), &[reply(payload)])
}

/// The event that the function was given.
fn event(gateway: &Gateway, target: &str, lines: &str, body: &[u8]) -> Value {
    let exchange = exchange(gateway, target, lines, body, "{}");
    let call = &exchange.calls[0];
    let start = call.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    serde_json::from_slice(&call[start..]).unwrap()
}

const OWN: [(&str, &str); 7] = [
    ("X-Forwarded-For", "10.0.0.9"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Proto", "http"),
    ("x-amzn-vpc-id", "vpc-0a1b2c3d"),
    ("x-amzn-vpce-id", "vpce-0a1b2c3d"),
    ("x-amzn-vpce-config", "1"),
    ("X-Amzn-Trace-Id", "Root=1-66501237-89abcdef0123456789abcdef"),
];

/// A map of names and all their values, with the last of each and with all.
fn maps(entries: &[(String, String)]) -> (Value, Value) {
    let (mut last, mut all) = (Map::new(), Map::new());
    for (name, value) in entries {
        last.insert(name.clone(), json!(value));
        let values = all.entry(name.clone()).or_insert_with(|| json!([]));
        values.as_array_mut().unwrap().push(json!(value));
    }
    if entries.is_empty() { (Value::Null, Value::Null) } else { (Value::Object(last), Value::Object(all)) }
}

/// The event as section 1 has it, in its order, with no thought for speed.
fn twin(headers: &[(String, String)], query: &[(String, String)], path: [&str; 2], body: &[u8]) -> Value {
    let host = format!("{API}.execute-api.us-east-1.amazonaws.com");
    let mut all = vec![("Host".to_owned(), host.clone())];
    all.extend_from_slice(headers);
    all.extend(OWN.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let (headers_last, headers_all) = maps(&all);
    let (query_last, query_all) = maps(query);
    let agent = headers.iter().find(|(name, _)| name == "User-Agent").map(|(_, value)| value);
    let whole = format!("/test/a/{}/{}", path[0], path[1]);
    json!({
        "resource": "/a/{id}/{proxy+}",
        "path": whole.strip_prefix("/test").unwrap(),
        "httpMethod": "POST",
        "headers": headers_last,
        "multiValueHeaders": headers_all,
        "queryStringParameters": query_last,
        "multiValueQueryStringParameters": query_all,
        "pathParameters": {"id": path[0], "proxy": path[1]},
        "stageVariables": {"table": "orders"},
        "requestContext": {
            "resourceId": "RESOURCE",
            "resourcePath": "/a/{id}/{proxy+}",
            "operationName": "anything",
            "httpMethod": "POST",
            "extendedRequestId": "EXTENDED",
            "requestTime": "24/May/2024:04:06:15 +0000",
            "path": whole,
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "test",
            "domainName": host,
            "domainPrefix": API,
            "requestTimeEpoch": 1_716_523_575_005_u64,
            "requestId": "01234567-89ab-4def-8123-456789abcdef",
            "identity": {
                "cognitoIdentityPoolId": null, "accountId": null, "cognitoIdentityId": null, "caller": null,
                "principalOrgId": null, "accessKey": null, "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null, "userArn": null, "user": null,
                "sourceIp": "10.0.0.9",
                "userAgent": agent,
                "vpcId": "vpc-0a1b2c3d", "vpceId": "vpce-0a1b2c3d",
            },
            "deploymentId": "DEPLOYMENT",
            "apiId": API,
        },
        "body": if body.is_empty() { Value::Null } else { json!(String::from_utf8_lossy(body)) },
        "isBase64Encoded": false,
    })
}

/// What no twin knows: hashes.
fn masked(mut event: Value) -> Value {
    for (name, mask) in
        [("resourceId", "RESOURCE"), ("extendedRequestId", "EXTENDED"), ("deploymentId", "DEPLOYMENT")]
    {
        assert!(event["requestContext"][name].as_str().is_some_and(|text| text.len() >= 6), "{name}");
        event["requestContext"][name] = json!(mask);
    }
    event
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("X-One".to_owned()),
        Just("Accept".to_owned()),
        Just("User-Agent".to_owned()),
        Just("Via".to_owned()),
        "X-[A-Z][a-z]{0,3}",
    ]
}

proptest! {
    #[test]
    fn an_event_is_that_of_the_slow_twin(
        headers in prop::collection::vec((names(), "[!-~][ -~]{0,12}[!-~]"), 0..8),
        query in prop::collection::vec(("[a-c\"\\\\]{1,2}", any::<String>()), 0..6),
        id in "[a-z0-9._~-]{1,4}x",
        proxy in "[a-z0-9]{1,4}(/[a-z0-9]{1,4}){0,2}",
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let gateway = gateway("variables: {table: orders}", &json!([]));
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        let target = format!("/test/a/{id}/{proxy}{mark}{}", pairs.join("&"));
        let mut sorted = query;
        sorted.sort_by(|one, other| one.0.as_bytes().cmp(other.0.as_bytes()));
        let expected = twin(&headers, &sorted, [&id, &proxy], &body);
        prop_assert_eq!(masked(event(&gateway, &target, &lines, &body)), expected);
    }
}

#[test]
fn what_there_is_none_of_is_null() {
    let event = event(&gateway("", &json!([])), "/test/", "", b"");
    for name in [
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "body",
    ] {
        assert_eq!(event[name], Value::Null, "{name}");
    }
    assert_eq!((&event["path"], &event["isBase64Encoded"]), (&json!("/"), &json!(false)));
    assert!(event.get("version").is_none(), "E2");
}

#[test]
fn bm1_a_body_of_a_binary_type_comes_as_base64() {
    let gateway = gateway("", &json!(["image/*"]));
    let event = event(&gateway, "/test/", "Content-Type: image/png\r\n", b"\x00\xff\x01");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("AP8B"), &json!(true)));
}

#[test]
fn s3_paths_and_path_variables_are_not_decoded() {
    let event = event(&gateway("", &json!([])), "/test/a/x%2By/t+x@%20y", "", b"");
    assert_eq!(event["path"], json!("/a/x%2By/t+x@%20y"));
    assert_eq!(event["pathParameters"], json!({"id": "x%2By", "proxy": "t+x@%20y"}));
}

/// Section 3, row by row: status and body of the client's answer.
#[test]
fn answers_are_read_as_the_table_says() {
    const BAD: (u16, &str) = (502, r#"{"message": "Internal server error"}"#);
    let rows: &[(&str, (u16, &str))] = &[
        (r#"{"statusCode":200}"#, (200, "")),
        (r#"{"statusCode":"201"}"#, (201, "")),
        (r#"{"statusCode":"test"}"#, BAD),
        (r#"{"headers":{}}"#, (200, "")),
        ("{}", (200, "")),
        (r#" { "statusCode" : null , "body" : "x" } "#, (200, "x")),
        (r#""justAString""#, BAD),
        ("7", BAD),
        ("[]", BAD),
        ("null", BAD),
        ("", BAD),
        (r#"{"headers": null, "multiValueHeaders": null, "isBase64Encoded": null}"#, (200, "")),
        (r#"{"headers": {"a": [1]}}"#, BAD),
        (r#"{"headers": {"a": {}}}"#, BAD),
        (r#"{"multiValueHeaders": {"x": "v"}}"#, BAD),
        (r#"{"body": {"a": 1}}"#, BAD),
        (r#"{"body": []}"#, BAD),
        (r#"{"body": 1.50}"#, (200, "1.50")),
        (r#"{"body": true}"#, (200, "true")),
        (r#"{"body": null}"#, (200, "")),
        (r#"{"body": "\u00fc\n\"\\"}"#, (200, "ü\n\"\\")),
        (r#"{"statusCode": 600}"#, BAD),
        (r#"{"statusCode": 99}"#, BAD),
        (r#"{"statusCode": 101}"#, BAD),
        (r#"{"statusCode": 200.0}"#, (200, "")),
        (r#"{"statusCode": 200.5}"#, BAD),
        (r#"{"statusCode": 200, "cookies": []}"#, BAD),
        (r#"{"statusCode": 200, "statusDescription": "x"}"#, BAD),
        (r#"{"statusCode": 200} x"#, BAD),
        (r#"{"statusCode": 200,}"#, BAD),
        (r#"{"body": "x"#, BAD),
        (r#"{"headers": {"a\u000ab": "x"}}"#, BAD),
        (r#"{"headers": {"a": "x\u000ay"}}"#, BAD),
        (r#"{"isBase64Encoded": "yes"}"#, BAD),
    ];
    let gateway = gateway("", &json!([]));
    for (payload, expected) in rows {
        let exchange = exchange(&gateway, "/test/", "", b"", payload);
        let text = String::from_utf8(exchange.body).unwrap();
        assert_eq!((exchange.status, &*text), *expected, "{payload}");
    }
}

/// The lines of an answer that a function made.
fn lines(payload: &str) -> Vec<String> {
    let exchange = exchange(&gateway("", &json!([])), "/test/", "", b"", payload);
    let text = String::from_utf8(exchange.fields).unwrap();
    let own = |line: &&str| !line.starts_with("x-amz") || line.starts_with("x-amzn-Remapped");
    text.lines().filter(own).filter(|line| !line.starts_with("X-Amzn-Trace-Id")).map(str::to_owned).collect()
}

#[test]
fn headers_are_merged_renamed_and_dropped() {
    assert_eq!(
        lines(
            r#"{"headers": {"test-multi": "value-solo"}, "multiValueHeaders": {"tesT-Multi": ["value-multi"]}}"#
        ),
        ["tesT-Multi: value-multi", "tesT-Multi: value-solo", "Content-Type: application/json"]
    );
    assert_eq!(
        lines(r#"{"headers": {"a": "1"}, "multiValueHeaders": {"A": ["1", "2"]}}"#),
        ["A: 1", "A: 2", "Content-Type: application/json"]
    );
    assert_eq!(
        lines(r#"{"headers": {"content-type": "text/plain", "n": 1.0, "b": false, "gone": null}}"#),
        ["content-type: text/plain", "n: 1.0", "b: false"]
    );
    assert_eq!(
        lines(r#"{"headers": {"Date": "x", "WWW-Authenticate": "y", "Transfer-Encoding": "z", "Via": "v"}}"#),
        ["x-amzn-Remapped-Date: x", "x-amzn-Remapped-WWW-Authenticate: y", "Content-Type: application/json"]
    );
}

#[test]
fn bm2_base64_is_decoded_for_a_client_that_accepts_bytes() {
    let gateway = gateway("", &json!(["image/*"]));
    let payload = r#"{"body": "AP8B", "isBase64Encoded": true}"#;
    let accepting = exchange(&gateway, "/test/", "Accept: image/png, */*\r\n", b"", payload);
    assert_eq!((accepting.status, &*accepting.body), (200, &b"\x00\xff\x01"[..]));
    let other = exchange(&gateway, "/test/", "Accept: text/html\r\n", b"", payload);
    assert_eq!((other.status, &*other.body), (200, &b"AP8B"[..]));
    let broken = r#"{"body": "!", "isBase64Encoded": true}"#;
    assert_eq!(exchange(&gateway, "/test/", "Accept: image/png\r\n", b"", broken).status, 500);
}
