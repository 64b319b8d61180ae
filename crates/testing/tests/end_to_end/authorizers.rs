//! Lambda authorizers (authorization.md section 3) whose functions are processes of the gateway's own.

use std::thread;

use postern_testing::{
    API_HOST, API_ID, Backend, Gateway, Message, Place, answer, authorizer_process, base_configuration, curl,
    definition, expect, function_arn, function_proxy, function_uri, hang, mock, python_process, run_program,
    until,
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

fn plain(members: &Value) -> Gateway {
    gateway(&guarded(members, mock("pets")), |_| {})
}

/// The events of all calls of the function, in their order.
fn events(gateway: &Gateway) -> Vec<Value> {
    gateway.place().read("calls").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
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

/// AU-65 to AU-68: the calls of the function are counted.
#[test]
fn au_65_an_answer_is_kept_for_all_workers_and_a_failure_is_not() {
    let gateway = gateway(&guarded(&json!({}), mock("pets")), |configuration| {
        configuration["workers"] = json!(2);
    });
    // Each on a connection of its own, so that both workers are asked.
    for _ in 0..8 {
        assert_eq!(ask(&gateway, "/demo/pets", "allow").status(), 200);
        assert_eq!(ask(&gateway, "/demo/orders", "allow").status(), 200);
        assert_eq!(ask(&gateway, "/demo/pets", "deny").status(), 403);
    }
    assert_eq!(events(&gateway).len(), 2);
    for _ in 0..3 {
        assert_eq!(ask(&gateway, "/demo/pets", "refuse").status(), 401);
        assert_eq!(ask(&gateway, "/demo/pets", "raise").status(), 500);
    }
    assert_eq!(events(&gateway).len(), 8);
}

#[test]
fn au_65_nothing_is_kept_without_a_time_and_nothing_beyond_it() {
    let gateway = plain(&json!({"authorizerResultTtlInSeconds": 0}));
    for _ in 0..3 {
        assert_eq!(ask(&gateway, "/demo/pets", "allow").status(), 200);
    }
    assert_eq!(events(&gateway).len(), 3);
    let gateway = plain(&json!({"authorizerResultTtlInSeconds": 1}));
    assert_eq!(ask(&gateway, "/demo/pets", "allow").status(), 200);
    until("the answer to be forgotten", || {
        assert_eq!(ask(&gateway, "/demo/pets", "allow").status(), 200);
        (events(&gateway).len() > 1).then_some(())
    });
}

/// AU-67: what is kept is a policy, and it is asked anew.
#[test]
fn au_67_a_kept_policy_of_one_method_is_silent_about_the_others() {
    let gateway = gateway(&guarded(&json!({}), mock("pets")), |configuration| {
        configuration["compatibility"] = json!({"authorizerSilence": "deny"});
    });
    assert_eq!(ask(&gateway, "/demo/pets", "only").status(), 200);
    assert_eq!(ask(&gateway, "/demo/orders", "only").masked(), denied(""));
    assert_eq!(ask(&gateway, "/demo/pets", "only").status(), 200);
    assert_eq!(events(&gateway).len(), 1);
}

/// AU-69.
#[test]
fn au_69_requests_of_one_identity_share_one_call() {
    const REQUESTS: usize = 6;
    let backend = Backend::script([expect("GET /"), hang(), answer(200, "go")]);
    let gateway = gateway(&guarded(&json!({}), mock("pets")), |configuration| {
        configuration["workers"] = json!(2);
        configuration["limits"]["authorizerSeconds"] = json!(29);
        configuration["functions"][0]["timeoutSeconds"] = json!(60);
        configuration["functions"][0]["process"]["environment"]["GATE"] =
            json!(format!("http://{}/", backend.address()));
    });
    let request = format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nAuthorization: wait\r\n\r\n");
    let mut waiting: Vec<_> = (0..REQUESTS).map(|_| gateway.wire()).collect();
    for wire in &mut waiting {
        wire.send(&request);
    }
    until("the function to be called", || (backend.requests().len() == 1).then_some(()));
    // One that goes away while it waits disturbs nobody.
    drop(waiting.pop());
    backend.release();
    for mut wire in waiting {
        assert_eq!(short(&wire.answer()), (200, "pets"));
    }
    assert_eq!(events(&gateway).len(), 1);
}

/// AU-69: who called the function goes away, and another calls it.
#[test]
fn whoever_waits_for_one_that_went_away_is_answered() {
    let backend = Backend::with(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\ngo".to_vec());
    let gateway = gateway(&guarded(&json!({}), mock("pets")), |configuration| {
        configuration["functions"][0]["process"]["environment"]["GATE"] =
            json!(format!("http://{}/", backend.address()));
    });
    let request = format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nAuthorization: wait\r\n\r\n");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                gateway.wire().send(&request);
            });
            scope.spawn(|| assert_eq!(short(&gateway.wire().ask(&request)), (200, "pets")));
        }
    });
}

/// AU-70.
#[test]
fn au_70_a_reload_forgets_what_another_authorizer_said() {
    let mut gateway = plain(&json!({}));
    let calls = |gateway: &Gateway| {
        assert_eq!(ask(gateway, "/demo/pets", "allow").status(), 200);
        events(gateway).len()
    };
    assert_eq!((calls(&gateway), calls(&gateway)), (1, 1));
    let mut configuration = gateway.configuration().clone();
    configuration["restApis"][0]["stages"][0]["methodSettings"] =
        json!({"*/*": {"throttlingRateLimit": 1000, "throttlingBurstLimit": 1000}});
    gateway.reload(configuration.clone());
    assert_eq!(calls(&gateway), 1, "nothing about the authorizer has changed");
    configuration["restApis"][0]["stages"][0]["variables"] = json!({"tenant": "acme"});
    gateway.reload(configuration.clone());
    assert_eq!(calls(&gateway), 2, "its event may say something else");
    configuration["functions"][0]["process"]["environment"]["MORE"] = json!("x");
    gateway.reload(configuration.clone());
    assert_eq!(calls(&gateway), 3, "its function is another one");
    let other = guarded(&json!({"authorizerResultTtlInSeconds": 299}), mock("pets"));
    gateway.place().write("api.json", &other.to_string());
    gateway.reload(configuration);
    assert_eq!(calls(&gateway), 4, "it is another one itself");
}

/// AU-11, TH-20 to TH-22: key, throttle and quota by what the authorizer names.
#[test]
fn au_11_the_authorizer_names_the_key_whose_plan_counts() {
    const KEYS: [&str; 2] = ["checkout-key-of-twenty-characters", "billing-key-of-twenty-characters-"];
    let mut definition = guarded(&json!({}), mock("pets"));
    definition["x-amazon-apigateway-api-key-source"] = json!("AUTHORIZER");
    definition["paths"]["/pets"]["get"]["security"] = json!([{"guard": [], "key": []}]);
    let gateway = gateway(&definition, |configuration| {
        let stages = json!([{"apiId": API_ID, "stage": "demo"}]);
        configuration["apiKeys"] =
            json!([{"name": "checkout", "value": KEYS[0]}, {"name": "billing", "value": KEYS[1]}]);
        configuration["usagePlans"] = json!([
            {"name": "gold", "throttle": {"rateLimit": 0.001, "burstLimit": 2}, "apiStages": stages, "apiKeys": ["checkout"]},
            {"name": "free", "quota": {"limit": 3, "period": "MONTH"}, "apiStages": stages, "apiKeys": ["billing"]},
        ]);
    });
    let statuses = |token: &str, count: usize| -> Vec<u16> {
        (0..count).map(|_| ask(&gateway, "/demo/pets", token).status()).collect()
    };
    assert_eq!(statuses(&format!("allow key={}", KEYS[0]), 3), [200, 200, 429]);
    assert_eq!(statuses(&format!("allow a=b key={}", KEYS[1]), 4), [200, 200, 200, 429]);
    let exceeded = ask(&gateway, "/demo/pets", &format!("allow key={}", KEYS[1]));
    let limit = refusal("429 Too Many Requests", "LimitExceededException", r#"{"message":"Limit Exceeded"}"#);
    assert_eq!(exceeded.masked(), limit);
    let forbidden = refusal("403 Forbidden", "ForbiddenException", r#"{"message":"Forbidden"}"#);
    for token in ["allow", "allow key=unknown-key-of-twenty-characters"] {
        let lines = format!("Authorization: {token}\r\nx-api-key: {}\r\n", KEYS[1]);
        assert_eq!(gateway.get_explained("/demo/pets", &lines).masked(), forbidden, "the header is ignored");
    }
    assert_eq!(ask(&gateway, "/demo/orders", "allow").status(), 200, "it asks for no key");
}

/// AU-40 to AU-43, AU-53, over HTTP/2 too: what the function is told, and what the next one is told of it.
#[test]
fn au_53_functions_are_told_who_calls_and_what_the_authorizer_said() {
    let members = json!({"type": "request", "identitySource": "method.request.header.X-Token"});
    let proxy = function_proxy(&function_arn("hello"));
    let gateway = gateway(&guarded(&members, proxy), |configuration| {
        let mut hello = python_process(&[]);
        hello["environment"] = json!({"DO": "echo"});
        let hello = json!({"functionName": "hello", "process": hello});
        configuration["functions"].as_array_mut().unwrap().push(hello);
    });
    let answer = gateway.get_with("/demo/pets?a=1", "X-Token: allow level=7\r\n");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let event: Value = serde_json::from_slice(&answer.body).unwrap();
    let authorizer = &event["requestContext"]["authorizer"];
    assert_eq!((&authorizer["principalId"], &authorizer["level"]), (&json!("anna"), &json!("7")));
    assert!(authorizer["integrationLatency"].is_u64(), "{authorizer}");
    let told = &events(&gateway)[0];
    assert_eq!(
        (&told["type"], &told["resource"], &told["queryStringParameters"], &told["stageVariables"]),
        (&json!("REQUEST"), &json!("/pets"), &json!({"a": "1"}), &json!({}))
    );
    assert_eq!(
        told["methodArn"],
        json!(format!("arn:aws:execute-api:us-east-1:123456789012:{API_ID}/demo/GET/pets"))
    );
    // HTTP/2 knows names in lower case alone.
    let url = format!("http://{API_HOST}/demo/pets");
    let field = "X-Token: allow level=8";
    let http2 = curl(gateway.endpoint(1), &["--http2-prior-knowledge", "--header", field, &url]);
    let event: Value = serde_json::from_str(&http2.body).unwrap();
    assert_eq!(event["requestContext"]["authorizer"]["level"], json!("8"));
    assert_eq!(events(&gateway)[1]["headers"]["x-token"], json!("allow level=8"));
}

/// The Invoke API and the Runtime Interface Emulator lead to an authorizer as well.
#[test]
fn every_way_to_a_function_is_one_to_an_authorizer() {
    let output = r#"{"principalId": "anna", "policyDocument": {"Version": "2012-10-17", "Statement":
        [{"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": "*"}]}}"#;
    for way in ["invoke", "runtimeInterfaceEmulator"] {
        let backend = Backend::answering(200, output);
        let gateway = gateway(&guarded(&json!({}), mock("pets")), |configuration| {
            let mut way_to_it = json!({"endpoint": format!("http://{}", backend.address())});
            if way == "invoke" {
                way_to_it["signing"] = json!("none");
            }
            configuration["functions"] = json!([{"functionName": "guard", (way): way_to_it}]);
        });
        let expected = denied(" with an explicit deny");
        assert_eq!(ask(&gateway, "/demo/pets", "x").masked(), expected, "{way}");
        let event: Value = serde_json::from_slice(&backend.request(0).body).unwrap();
        assert_eq!(event["authorizationToken"], json!("x"));
    }
}

/// `postern explain` calls the function with `--invoke` alone, and shows no token.
#[test]
fn explain_says_that_the_authorizer_decides_and_shows_no_token() {
    let members = json!({"type": "request", "identitySource": "method.request.header.X-Token"});
    let gateway = plain(&members);
    let token = "allow name=secretivename";
    let request = format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nX-Token: {token}\r\n\r\n");
    let told = gateway.explain(0, &request, &[]);
    assert_eq!((&told["ending"], &told["refusedBy"]), (&json!("authorizerNotCalled"), &Value::Null));
    let gate = |told: &Value, name: &str| {
        told["gates"].as_array().unwrap().iter().find(|gate| gate["gate"] == name).unwrap().clone()
    };
    let authorizer = gate(&told, "authorizer");
    assert_eq!(
        (&authorizer["verdict"], &authorizer["because"]),
        (&json!("notReached"), &json!("its function decides, and was not called"))
    );
    assert_eq!(gate(&told, "integration")["verdict"], json!("notReached"));
    assert_eq!(events(&gateway).len(), 0);
    let told = gateway.explain(0, &request, &["--invoke"]);
    let authorizer = gate(&told, "authorizer");
    assert_eq!((&authorizer["verdict"], &authorizer["facts"]["type"]), (&json!("passed"), &json!("REQUEST")));
    assert_eq!(authorizer["facts"]["identitySource"], json!("method.request.header.X-Token"));
    assert_eq!(authorizer["policy"]["decision"], json!("allow"));
    assert!(!told.to_string().contains("secretivename"), "{told:#}");
    assert_eq!(events(&gateway).len(), 1);
    // What was denied is explained afterwards.
    let denied = gateway.get_with("/demo/pets", "X-Token: deny name=secretivename\r\n");
    let page = gateway.denial(denied.field("x-amzn-requestid").unwrap());
    let told: Value = serde_json::from_slice(&page.body).unwrap();
    assert_eq!((&told["refusedBy"], &told["status"]), (&json!("authorizer"), &json!(403)));
    assert!(!page.text().contains("secretivename") && !gateway.log().contains("secretivename"));
}

#[test]
fn check_says_where_an_authorizer_has_no_function() {
    let place = Place::new();
    let configuration = base_configuration(&place, &guarded(&json!({}), mock("pets")));
    place.write("postern.yaml", &configuration.to_string());
    let outcome = run_program(place.path(), &["check", "--config", "postern.yaml"], "");
    assert_eq!(outcome.code, Some(1));
    let told = format!("{}{}", outcome.output, outcome.complaints);
    let uri = function_uri(&function_arn("guard"));
    assert!(
        told.contains(&format!("`authorizerUri` is `{uri}`: no entry of `functions` is called `guard`")),
        "{told}"
    );
    assert!(told.contains("api.json:1:"), "{told}");
}
