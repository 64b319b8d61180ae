//! Lambda authorizers (authorization.md section 3) whose functions are processes of the gateway's own.

use postern_testing::{
    API_HOST, Gateway, Message, Place, authorizer_process, base_configuration, curl, definition,
    function_arn, function_uri, mock,
};
use serde_json::{Value, json};

use crate::{
    refusal,
    refusals::{in_http2, masked_http2},
    short,
};

/// `/pets` and `/orders`, guarded by the authorizer `guard` with these members of its own.
fn guarded(members: &Value, operation: Value) -> Value {
    let mut authorizer = json!({"type": "token", "authorizerUri": function_uri(&function_arn("guard"))});
    for (name, value) in members.as_object().unwrap() {
        authorizer[name] = value.clone();
    }
    let mut operation = operation;
    operation["security"] = json!([{"guard": []}]);
    let mut definition =
        definition(&json!({"/pets": {"get": operation.clone()}, "/orders": {"get": operation}}));
    definition["components"] = json!({"securitySchemes": {
        "guard": {
            "type": "apiKey", "name": "Authorization", "in": "header",
            "x-amazon-apigateway-authtype": "custom", "x-amazon-apigateway-authorizer": authorizer,
        },
        "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
    }});
    definition
}

/// A gateway with the function `guard` behind the authorizer, its configuration changed.
fn gateway(definition: &Value, change: impl FnOnce(&mut Value)) -> Gateway {
    let place = Place::new();
    let mut configuration = base_configuration(&place, definition);
    let mut process = authorizer_process();
    process["environment"] = json!({"CALLS": place.write("calls", "")});
    configuration["functions"] = json!([{"functionName": "guard", "process": process}]);
    configuration["vpcEndpoints"][1]["http2"] = json!(true);
    change(&mut configuration);
    Gateway::start(place, configuration)
}

fn ask(gateway: &Gateway, path: &str, token: &str) -> Message {
    gateway.get_with(path, &format!("Authorization: {token}\r\n"))
}

fn unauthorized() -> String {
    refusal("401 Unauthorized", "UnauthorizedException", r#"{"message":"Unauthorized"}"#)
}

fn denied(ending: &str) -> String {
    let body = format!(r#"{{"Message":"User is not authorized to access this resource{ending}"}}"#);
    refusal("403 Forbidden", "AccessDeniedException", &body)
}

fn unusable() -> String {
    refusal("500 Internal Server Error", "AuthorizerConfigurationException", r#"{"message":null}"#)
}

/// Byte for byte over HTTP/1.1 and HTTP/2, and as `postern explain` says.
#[test]
fn outcomes_are_those_of_the_table_over_both_versions() {
    let members = json!({"identityValidationExpression": "[a-z =]+"});
    let gateway = gateway(&guarded(&members, mock("pets")), |configuration| {
        configuration["compatibility"] = json!({"authorizerSilence": "deny"});
        configuration["restApis"][0]["endpointConfiguration"] = json!({"types": ["PRIVATE"]});
    });
    let rows = [
        ("allow", None),
        ("deny", Some(denied(" with an explicit deny"))),
        ("silent", Some(denied(""))),
        ("refuse", Some(unauthorized())),
        ("raise", Some(unusable())),
        ("garbage", Some(unusable())),
        ("not-a-token", Some(unauthorized())),
        ("", Some(unauthorized())),
    ];
    for (token, expected) in &rows {
        let answer = gateway.get_explained("/demo/pets", &format!("Authorization: {token}\r\n"));
        let field = format!("Authorization: {token}");
        let url = format!("http://{API_HOST}/demo/pets");
        let http2 = curl(gateway.endpoint(1), &["--http2-prior-knowledge", "--header", &field, &url]);
        assert_eq!(http2.code, 0, "{http2:?}");
        match expected {
            Some(expected) => {
                assert_eq!(answer.masked(), *expected, "{token}");
                let http2 = (http2.head.trim_end().replace("\r\n", "\n"), http2.body);
                assert_eq!(masked_http2(http2), in_http2(expected), "{token}");
            }
            None => assert_eq!((short(&answer), http2.status), ((200, "pets"), 200), "{token}"),
        }
    }
    assert_eq!(gateway.get("/demo/pets").masked(), unauthorized());
    for (name, words) in [
        ("postern_denied_total", &["layer=\"authorizer\""]),
        ("postern_denied_total", &["layer=\"authorizerIdentity\""]),
        ("postern_refused_total", &["reason=\"authorizer\""]),
    ] {
        assert!(gateway.metric(name, words) > 0.0, "{words:?}");
    }
}

/// RP-99.
#[test]
fn the_silence_of_an_authorizer_leaves_the_decision_to_the_resource_policy_or_refuses() {
    for (silence, expected) in [("allow", 200), ("deny", 403)] {
        let gateway = gateway(&guarded(&json!({}), mock("pets")), |configuration| {
            configuration["compatibility"] = json!({"authorizerSilence": silence});
        });
        assert_eq!(ask(&gateway, "/demo/pets", "silent").status(), expected);
    }
}

/// AU-62.
#[test]
fn an_authorizer_has_its_seconds() {
    let gateway = gateway(&guarded(&json!({}), mock("pets")), |configuration| {
        configuration["limits"]["authorizerSeconds"] = json!(1);
        configuration["accessLog"] = json!({"format": "latency of $context.requestId: $context.authorizer.latency $context.authorizer.error"});
    });
    assert_eq!(ask(&gateway, "/demo/pets", "hang").masked(), unusable());
    let line = gateway.log_line("latency of");
    let words: Vec<&str> = line.split(' ').collect();
    let latency: u64 = words[3].parse().unwrap();
    assert!((1_000..10_000).contains(&latency), "{line}");
    assert!(line.contains("guard") && !line.contains("hang"), "{line}");
}
