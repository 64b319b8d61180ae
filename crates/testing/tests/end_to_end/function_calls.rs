//! Functions behind the Invoke API and in Runtime Interface Emulators (lambda-events.md sections 4, 5, 9),
//! and custom integrations with functions.

use std::sync::{Mutex, mpsc};

use postern_testing::{
    Backend, Gateway, Message, Step, answer, bytes, definition, expect, function_arn, function_proxy,
    function_uri, hang, python_process,
};
use serde_json::{Value, json};

use crate::{gateway, post, refusal, short};

/// A proxy by `POST /proxy`, and a custom integration by `POST /custom` with these entries of its own.
fn paths(custom: &Value) -> Value {
    let proxy = function_proxy(&function_arn("billing:live"));
    let mut mapped = json!({
        "responses": {"200": {"description": "done"}, "404": {"description": "none"}, "500": {"description": "bad"}},
        "x-amazon-apigateway-integration": {
            "type": "aws",
            "httpMethod": "POST",
            "uri": function_uri(&function_arn("billing")),
            "responses": {"default": {"statusCode": "200"}},
        },
    });
    let integration = mapped["x-amazon-apigateway-integration"].as_object_mut().unwrap();
    for (name, value) in custom.as_object().unwrap() {
        integration.insert(name.clone(), value.clone());
    }
    definition(&json!({"/proxy": {"post": proxy}, "/custom": {"post": mapped}}))
}

fn calling_with(function: &Value, custom: &Value, change: impl FnOnce(&mut Value)) -> Gateway {
    gateway(&paths(custom), |_, configuration| {
        let mut function = function.clone();
        function["functionName"] = json!("billing");
        configuration["functions"] = json!([function]);
        change(configuration);
    })
}

fn unsigned(backend: &Backend) -> Value {
    json!({"invoke": {"endpoint": format!("http://{}", backend.address()), "signing": "none"}})
}

fn emulator(backend: &Backend) -> Value {
    json!({"runtimeInterfaceEmulator": {"endpoint": format!("http://{}", backend.address())}})
}

fn calling(function: &Value) -> Gateway {
    calling_with(function, &json!({}), |_| {})
}

fn proxied(gateway: &Gateway) -> Message {
    gateway.wire().ask(post("/demo/proxy", "hello"))
}

fn custom(gateway: &Gateway, body: &str) -> Message {
    gateway.wire().ask(post("/demo/custom", body))
}

fn said(status: u16, fields: &str, body: &str) -> Step {
    bytes(format!("HTTP/1.1 {status} Whatever\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()))
}

fn internal(status_line: &str) -> String {
    refusal(status_line, "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
}

const CREATED: &str = r#"{"statusCode": 201, "body": "made"}"#;

#[test]
fn a_proxy_calls_invoke_with_its_event_and_says_who_calls() {
    let backend = Backend::answering(200, CREATED);
    let gateway = calling(&unsigned(&backend));
    let answer = proxied(&gateway);
    assert_eq!(short(&answer), (201, "made"));
    let request = backend.request(0);
    let arn = function_arn("billing").replace(':', "%3A");
    assert_eq!(
        request.first_line(),
        format!("POST /2015-03-31/functions/{arn}/invocations?Qualifier=live HTTP/1.1")
    );
    let id = answer.field("x-amzn-RequestId").unwrap();
    let expected = [
        ("Host", backend.address().to_string()),
        ("Content-Type", "application/json".to_owned()),
        ("X-Amz-Invocation-Type", "RequestResponse".to_owned()),
        ("X-Amzn-Trace-Id", answer.field("X-Amzn-Trace-Id").unwrap().to_owned()),
        ("x-amzn-lambda-integration-tag", id.to_owned()),
        (
            "X-Amz-Source-Arn",
            "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/POST/proxy".to_owned(),
        ),
        ("x-amzn-apigateway-api-id", "a1b2c3d4e5".to_owned()),
        ("User-Agent", "AmazonAPIGateway_a1b2c3d4e5".to_owned()),
    ];
    for (name, value) in &expected {
        assert_eq!(request.field(name), Some(&**value), "{name}");
    }
    assert_eq!(request.field("Authorization"), None);
    let event: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&event["body"], &event["requestContext"]["requestId"]), (&json!("hello"), &json!(id)));
}

/// Sections 4 and 14: what the Invoke API answers, and what clients of a proxy and of a custom integration see.
#[test]
fn answers_of_invoke_that_are_none_have_the_stated_answer() {
    let unhandled = "X-Amz-Function-Error: Unhandled\r\n";
    let error_type = |name: &str| format!("x-amzn-ErrorType: {name}\r\n");
    let failed = r#"{"errorMessage": "no such pet", "errorType": "KeyError"}"#;
    let says = r#"{"Type": "User", "Message": "no"}"#;
    type Row<'r> = (u16, String, &'r str, &'r str, (u16, &'r str));
    let rows: [Row<'_>; 9] = [
        (200, unhandled.to_owned(), failed, "502 Bad Gateway", (200, failed)),
        (429, error_type("TooManyRequestsException"), says, "500 Internal Server Error", (500, "")),
        (403, error_type("AccessDeniedException"), says, "500 Internal Server Error", (500, "")),
        (404, error_type("ResourceNotFoundException"), says, "500 Internal Server Error", (500, "")),
        (500, error_type("ServiceException"), says, "502 Bad Gateway", (500, "")),
        (502, error_type("EC2ThrottledException"), says, "502 Bad Gateway", (500, "")),
        (400, error_type("InvalidRequestContentException"), says, "502 Bad Gateway", (200, says)),
        (418, String::new(), says, "500 Internal Server Error", (200, says)),
        (202, String::new(), "", "502 Bad Gateway", (200, "")),
    ];
    for (status, fields, body, proxy, (custom_status, custom_body)) in rows {
        let answer = said(status, &fields, body);
        let backend = Backend::script([expect("POST /"), answer.clone(), expect("POST /"), answer]);
        let gateway = calling(&unsigned(&backend));
        assert_eq!(proxied(&gateway).masked(), internal(proxy), "{status} {fields}");
        let mapped = custom(&gateway, "{}");
        if custom_status == 500 {
            assert_eq!(mapped.masked(), internal("500 Internal Server Error"), "{status} {fields}");
        } else {
            assert_eq!(short(&mapped), (custom_status, custom_body), "{status} {fields}");
        }
    }
}

#[test]
fn a_custom_integration_chooses_by_the_error_message_and_maps() {
    let entries = json!({
        "requestTemplates": {"application/json": "{\"pet\": $input.json('$.id')}"},
        "requestParameters": {"integration.request.header.X-Amz-Client-Context": "'e30='"},
        "responses": {
            "no such .*": {
                "statusCode": "404",
                "responseTemplates": {"application/json": "{\"why\": $input.json('$.errorMessage')}"},
            },
            "default": {
                "statusCode": "200",
                "responseParameters":
                    {"method.response.header.X-Version": "integration.response.header.X-Amz-Executed-Version"},
                "responseTemplates": {"application/json": "{\"pet\": $input.json('$')}"},
            },
        },
    });
    let backend = Backend::script([
        expect("POST /"),
        said(200, "X-Amz-Executed-Version: 7\r\n", "\"rex\""),
        expect("POST /"),
        said(200, "X-Amz-Function-Error: Unhandled\r\n", r#"{"errorMessage": "no such pet"}"#),
        expect("POST /"),
        said(200, "X-Amz-Function-Error: Unhandled\r\n", r#"{"errorMessage": "another fault"}"#),
    ]);
    let gateway = calling_with(&unsigned(&backend), &entries, |_| {});
    let good = custom(&gateway, r#"{"id": 7}"#);
    assert_eq!((short(&good), good.field("X-Version")), ((200, r#"{"pet": "rex"}"#), Some("7")));
    let request = backend.request(0);
    assert_eq!((request.text(), request.field("X-Amz-Client-Context")), (r#"{"pet": 7}"#, Some("e30=")));
    assert_eq!(short(&custom(&gateway, r#"{"id": 8}"#)), (404, r#"{"why": "no such pet"}"#));
    assert_eq!(
        short(&custom(&gateway, r#"{"id": 9}"#)),
        (200, r#"{"pet": {"errorMessage":"another fault"}}"#),
        "the default entry takes what no pattern does"
    );
}

#[test]
fn an_asynchronous_call_is_answered_when_it_is_taken() {
    let entries =
        json!({"requestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}});
    let backend = Backend::script([expect("POST /"), said(202, "", "")]);
    let gateway = calling_with(&unsigned(&backend), &entries, |_| {});
    assert_eq!(short(&custom(&gateway, "{}")), (200, ""));
    assert_eq!(backend.request(0).values("X-Amz-Invocation-Type"), ["Event"]);

    // A function that runs here goes on when the client has its answer.
    let asked = Backend::script([expect("GET /"), hang(), answer(200, "go")]);
    let gateway = calling_with(&json!({"process": python_process(&[])}), &entries, |_| {});
    let event = json!({"do": "wait", "body": format!("http://{}/", asked.address())});
    assert_eq!(short(&custom(&gateway, &event.to_string())), (200, ""));
    let _request = asked.request(0);
    asked.release();
    asked.finished();
}

#[test]
fn a_custom_integration_calls_a_function_that_runs_here() {
    let gateway = calling_with(&json!({"process": python_process(&[])}), &json!({}), |_| {});
    assert_eq!(short(&custom(&gateway, r#"{"do":"mirror","a":1}"#)), (200, r#"{"do": "mirror", "a": 1}"#));
    let failed = custom(&gateway, r#"{"do": "raise"}"#);
    let error = r#"{"errorMessage": "no such pet", "errorType": "KeyError", "stackTrace": []}"#;
    assert_eq!(short(&failed), (200, error));
}

/// integrations.md section 14: as the Invoke API, the function that runs here is not called, and the error chooses
/// an integration response.
#[test]
fn an_event_that_is_no_json_never_reaches_a_function_that_runs_here() {
    let entries = json!({
        "responses": {
            "Could not parse request body into json: .*": {"statusCode": "404"},
            "default": {"statusCode": "200"},
        },
    });
    let gateway = calling_with(&json!({"process": python_process(&[])}), &entries, |_| {});
    let refused = concat!(
        r#"{"Type":"User","message":"Could not parse request body into json: "#,
        r#"Could not parse payload into json: expected value at line 1 column 1"}"#
    );
    assert_eq!(short(&custom(&gateway, "<pet/>")), (404, refused));
    assert!(gateway.metric("postern_function_starts_total", &["function=\"billing\""]) < 1.0);
}

#[test]
fn calls_are_signed_for_the_environment_or_for_a_role() {
    let backend = Backend::answering(200, CREATED);
    let mut signed = unsigned(&backend);
    signed["invoke"]["signing"] = json!("sigv4");
    signed["functionName"] = json!("billing");
    let role = "arn:aws:iam::123456789012:role/caller";
    let place = postern_testing::Place::new();
    let mut configuration =
        postern_testing::base_configuration(&place, &paths(&json!({"credentials": role})));
    configuration["functions"] = json!([signed]);
    configuration["credentials"] = json!([
        {"roleArn": role, "accessKeyId": "AKIDOFTHEROLE0000000", "secretAccessKeyFile": "role.key"}
    ]);
    place.write("role.key", "secret-of-the-role\n");
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE000000000"),
        ("AWS_SECRET_ACCESS_KEY", "secret-of-the-environment"),
        ("AWS_SESSION_TOKEN", "the-token"),
    ];
    let gateway = Gateway::start_with(place, configuration, &variables);
    assert_eq!(proxied(&gateway).status(), 201);
    let request = backend.request(0);
    let authorization = request.field("Authorization").unwrap();
    let scope = "/us-east-1/lambda/aws4_request, SignedHeaders=";
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE000000000/"),
        "{authorization}"
    );
    assert!(authorization.contains(scope), "{authorization}");
    assert_eq!(request.field("X-Amz-Security-Token"), Some("the-token"));
    assert_eq!(custom(&gateway, "{}").status(), 200);
    let of_role = backend.request(1);
    let authorization = of_role.field("Authorization").unwrap();
    assert!(authorization.contains("Credential=AKIDOFTHEROLE0000000/"), "{authorization}");
    assert_eq!(of_role.field("X-Amz-Security-Token"), None);
    verify(&of_role, "AKIDOFTHEROLE0000000", "secret-of-the-role");
    verify(&request, "AKIDEXAMPLE000000000", "secret-of-the-environment");
    assert!(!gateway.log().contains("secret-of"), "{}", gateway.log());
}

/// Signs the request that came once more and compares.
fn verify(request: &Message, access_key_id: &str, secret_access_key: &str) {
    use postern_protocol::signature::{
        Credential, PayloadHash, RequestParts, SigningKey, SigningPlace, Timestamp, sign,
    };
    let target = request.first_line().split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let fields: Vec<(&[u8], &[u8])> = request
        .fields()
        .into_iter()
        .filter(|(name, _)| *name != "Content-Length")
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let parts =
        RequestParts { method: b"POST", path: path.as_bytes(), query: query.as_bytes(), fields: &fields };
    let now: Timestamp = request.field("X-Amz-Date").unwrap().parse().unwrap();
    let place = SigningPlace { region: "us-east-1", service: "lambda", now };
    let session_token = request.field("X-Amz-Security-Token");
    let signing_key = &SigningKey::derive(secret_access_key, &now.date(), place.region, place.service);
    let credential = Credential { access_key_id, signing_key, session_token };
    let signed = sign(&parts, &PayloadHash::of(&request.body), &credential, &place);
    assert_eq!(signed.last().map(|(_, value)| &**value), request.field("Authorization"));
}

#[test]
fn an_emulator_is_called_at_its_one_path_and_its_errors_are_known_by_their_shape() {
    let failed = r#"{"errorMessage": "no such pet", "errorType": "KeyError"}"#;
    let backend = Backend::script([
        expect("POST /2015-03-31/functions/function/invocations HTTP/1.1"),
        answer(200, CREATED),
        expect("POST /"),
        answer(200, failed),
        expect("POST /"),
        answer(200, "Task timed out after 3.00 seconds"),
    ]);
    let gateway = calling(&emulator(&backend));
    assert_eq!(short(&proxied(&gateway)), (201, "made"));
    for _ in 0..2 {
        assert_eq!(proxied(&gateway).masked(), internal("502 Bad Gateway"));
    }
}

#[test]
fn an_emulator_is_given_one_call_at_a_time() {
    let (entered, entries) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let backend = Backend::with(move |_| {
        entered.send(()).unwrap();
        released.lock().unwrap().recv().unwrap();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{CREATED}", CREATED.len()).into_bytes()
    });
    let gateway = calling_with(&emulator(&backend), &json!({}), |configuration| {
        configuration["workers"] = json!(2);
    });
    let mut wires: Vec<_> = (0..4).map(|_| gateway.wire()).collect();
    for wire in &mut wires {
        wire.send(post("/demo/proxy", ""));
    }
    for _ in &wires {
        entries.recv_timeout(postern_testing::PATIENCE).unwrap();
        assert_eq!(entries.try_recv(), Err(mpsc::TryRecvError::Empty), "two at once");
        release.send(()).unwrap();
    }
    for wire in &mut wires {
        assert_eq!(wire.answer().status(), 201);
    }
}
