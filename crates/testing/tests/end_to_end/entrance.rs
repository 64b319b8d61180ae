//! How a request finds its API and stage, and what is answered where it finds none
//! (private-access.md sections 2 to 4, 8 and 9).

use postern_testing::{API_HOST, API_ID, Gateway, Message, VPCE_A, VPCE_B, Wire, definition, mock};
use serde_json::json;

use crate::{gateway, get, pets, plain_gateway, refusal, short};

const VPCE_HOST: &str = "vpce-01234567abcdef012-abcdefgh.execute-api.us-east-1.vpce.amazonaws.com";
const ZONAL_HOST: &str =
    "vpce-01234567abcdef012-abcdefgh-us-east-1a.execute-api.us-east-1.vpce.amazonaws.com";

/// What is answered here is what `postern explain` says.
fn ask(gateway: &Gateway, host: &str, path: &str, lines: &str) -> Message {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
    gateway.ask_explained(0, &request).0
}

fn forbidden() -> String {
    refusal("403 Forbidden", "ForbiddenException", r#"{"message":"Forbidden"}"#)
}

fn missing_token() -> String {
    let body = r#"{"message":"Missing Authentication Token"}"#;
    refusal("403 Forbidden", "MissingAuthenticationTokenException", body)
}

#[test]
fn h1_to_h5_name_the_api() {
    let gateway = plain_gateway(&pets());
    let by_id = format!("x-apigw-api-id: {API_ID}\r\n");
    let h2 = format!("{API_ID}-{VPCE_A}.execute-api.us-east-1.amazonaws.com");
    for (host, lines) in [
        (API_HOST, ""),
        (&*h2, ""),
        (VPCE_HOST, &*by_id),
        (ZONAL_HOST, &*by_id),
        ("internal-balancer.example", &*by_id),
        // H1 with the same id beside it, in other letter cases, with a port and a last dot (PA-10, PA-13).
        (API_HOST, &*by_id),
        ("A1B2C3D4E5.Execute-API.us-east-1.amazonaws.com.", ""),
        ("a1b2c3d4e5.execute-api.us-east-1.amazonaws.com:443", ""),
    ] {
        let answer = ask(&gateway, host, "/demo/pets", lines);
        assert_eq!(short(&answer), (200, "pets"), "{host} {lines}");
    }
}

#[test]
fn f1_answers_whoever_names_no_api_that_is_reachable_here() {
    let gateway = plain_gateway(&pets());
    let by_id = format!("x-apigw-api-id: {API_ID}\r\n");
    let other_endpoint = format!("{API_ID}-{VPCE_B}.execute-api.us-east-1.amazonaws.com");
    for (host, lines) in [
        ("zzzzzzzzzz.execute-api.us-east-1.amazonaws.com", String::new()),
        ("a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com", String::new()),
        ("somewhere.example", String::new()),
        (VPCE_HOST, String::new()),
        (VPCE_HOST, "x-apigw-api-id: zzzzzzzzzz\r\n".to_owned()),
        (VPCE_HOST, by_id.repeat(2)),
        (API_HOST, "x-apigw-api-id: zzzzzzzzzz\r\n".to_owned()),
        (&*other_endpoint, String::new()),
    ] {
        assert_eq!(ask(&gateway, host, "/demo/pets", &lines).masked(), forbidden(), "{host} {lines}");
    }
}

#[test]
fn f2_answers_an_unknown_stage() {
    let gateway = plain_gateway(&pets());
    for path in ["/", "/Demo/pets", "/prod/pets", "/pets"] {
        assert_eq!(ask(&gateway, API_HOST, path, "").masked(), forbidden(), "{path}");
    }
}

#[test]
fn f4_answers_an_unknown_resource_or_method() {
    let gateway = plain_gateway(&pets());
    for path in ["/demo", "/demo/cats", "/demo/pets/1", "/demo//pets", "/demo/Pets"] {
        assert_eq!(ask(&gateway, API_HOST, path, "").masked(), missing_token(), "{path}");
    }
    let mut wire = gateway.wire();
    let post = format!("POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.ask(post).masked(), missing_token());
    // The connection lives on.
    assert_eq!(wire.ask(get("/demo/pets")).status(), 200);
}

#[test]
fn f5_answers_an_unknown_resource_with_an_authorization_that_is_no_signature() {
    let gateway = plain_gateway(&pets());
    let answer = ask(&gateway, API_HOST, "/demo/cats", "Authorization: Bearer secret-token\r\n");
    let body = r#"{"message":"Invalid key=value pair (missing equal-sign) in Authorization header"}"#;
    let head = refusal("403 Forbidden", "IncompleteSignatureException", "");
    let head = head.strip_suffix("Content-Length: 0\r\n\r\n").unwrap().to_owned();
    assert!(answer.masked().starts_with(&head), "{}", answer.masked());
    assert!(answer.text().starts_with(body.strip_suffix("\"}").unwrap()), "{}", answer.text());
    assert!(!answer.masked().contains("secret-token"));
}

#[test]
fn the_policy_of_the_walkthrough_lets_one_endpoint_in_and_tells_the_other_why_not() {
    let gateway = gateway(&pets(), |place, _| {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
                {
                    "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
                    "Condition": {"StringNotEquals": {"aws:SourceVpce": VPCE_A}},
                },
            ],
        });
        place.write("policy.json", &policy.to_string());
    });
    assert_eq!(short(&gateway.get("/demo/pets")), (200, "pets"));
    let denied = Wire::to(gateway.endpoint(1)).ask(get("/demo/pets"));
    let body = "{\"Message\":\"User: anonymous is not authorized to perform: execute-api:Invoke on resource: \
                arn:aws:execute-api:us-east-1:********9012:a1b2c3d4e5/demo/GET/pets with an explicit deny\"}";
    assert_eq!(denied.masked(), refusal("403 Forbidden", "AccessDeniedException", body));
}

#[test]
fn a_private_api_without_a_policy_lets_nobody_in() {
    let gateway = gateway(&pets(), |_, configuration| {
        configuration["restApis"][0].as_object_mut().unwrap().remove("policyFile");
    });
    let answer = gateway.get("/demo/pets");
    let body = "{\"Message\":\"User: anonymous is not authorized to perform: execute-api:Invoke on resource: \
                arn:aws:execute-api:us-east-1:********9012:a1b2c3d4e5/demo/GET/pets\"}";
    assert_eq!(answer.masked(), refusal("403 Forbidden", "AccessDeniedException", body));
}

#[test]
fn slashes_before_the_stage_are_skipped_and_one_at_the_end_is_ignored() {
    let gateway = plain_gateway(&pets());
    for path in ["//demo/pets", "///demo/pets", "/demo/pets/", "/demo/pets?a=b", "/demo/%70ets"] {
        assert_eq!(short(&gateway.get(path)), (200, "pets"), "{path}");
    }
}

/// The table that was measured on the service (routing.md section 3).
#[test]
fn the_most_specific_pair_of_resource_and_method_wins() {
    let paths = json!({
        "/users/{userId}": {"get": mock("variable $input.params('userId')")},
        "/users/me": {"patch": mock("me")},
        "/things/{proxy+}": {"x-amazon-apigateway-any-method": mock("greedy $input.params('proxy')")},
        "/things/real": {"get": mock("real")},
    });
    let gateway = plain_gateway(&definition(&paths));
    for (verb, path, expected) in [
        ("GET", "/demo/users/me", "variable me"),
        ("GET", "/demo/users/7", "variable 7"),
        ("PATCH", "/demo/users/me", "me"),
        ("GET", "/demo/things/real", "real"),
        ("DELETE", "/demo/things/real", "greedy real"),
        ("GET", "/demo/things/a/b%2Fc/", "greedy a/b/c"),
    ] {
        let request = format!("{verb} {path} HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(short(&gateway.wire().ask(request)), (200, expected), "{verb} {path}");
    }
    let post = format!("POST /demo/users/me HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(gateway.wire().ask(post).masked(), missing_token());
}

#[test]
fn a_custom_domain_name_maps_base_paths_to_stages() {
    let gateway = gateway(&pets(), |_, configuration| {
        configuration["domainNames"] = json!([{
            "domainName": "api.corp.internal",
            "accessAssociations": [VPCE_A],
            "basePathMappings": [{"basePath": "store", "restApiId": API_ID, "stage": "demo"}],
        }]);
    });
    assert_eq!(short(&ask(&gateway, "api.corp.internal", "/store/pets", "")), (200, "pets"));
    assert_eq!(short(&ask(&gateway, "API.corp.internal:443", "/store/pets", "")), (200, "pets"));
    // F9: no mapping; PA-36: the stage is no part of the path; F4 below the mapping.
    assert_eq!(ask(&gateway, "api.corp.internal", "/shop/pets", "").masked(), forbidden());
    assert_eq!(ask(&gateway, "api.corp.internal", "/store/demo/pets", "").masked(), missing_token());
    // F10: an endpoint without an association cannot tell the name from an unknown one.
    let request = "GET /store/pets HTTP/1.1\r\nHost: api.corp.internal\r\n\r\n";
    assert_eq!(Wire::to(gateway.endpoint(1)).ask(request).masked(), forbidden());
}
