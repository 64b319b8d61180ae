//! A small configuration that tests start from and change: JSON is YAML too.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::Place;

/// The id of the API.
pub const API_ID: &str = "a1b2c3d4e5";
/// Its host name.
pub const API_HOST: &str = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";
/// The endpoint that clients mostly come by.
pub const VPCE_A: &str = "vpce-01234567abcdef012";
/// Another endpoint of the same VPC.
pub const VPCE_B: &str = "vpce-0fedcba9876543210";
/// The VPC of both.
pub const VPC_ID: &str = "vpc-0aaaabbbbccccdddd";

/// One private API with stage `demo` behind two endpoints, with a policy that lets everybody in and the
/// definition `api.json`. Writes both files; the addresses stand in the configuration.
#[must_use]
pub fn base_configuration(place: &Place, definition: &Value) -> Value {
    place.write("api.json", &definition.to_string());
    place.write("policy.json", &open_policy().to_string());
    let endpoint = |id: &str| {
        let address = place.address().to_string();
        json!({"vpcEndpointId": id, "vpcId": VPC_ID, "listeners": [{"address": address}]})
    };
    json!({
        "region": "us-east-1",
        "accountId": "123456789012",
        "vpcEndpoints": [endpoint(VPCE_A), endpoint(VPCE_B)],
        "restApis": [{
            "id": API_ID,
            "definition": "api.json",
            "endpointConfiguration": {"types": ["PRIVATE"], "vpcEndpointIds": [VPCE_A]},
            "policyFile": "policy.json",
            "stages": [{"stageName": "demo"}],
        }],
        "workers": 1,
        "admin": {"address": place.address().to_string()},
        // A test that stops a gateway waits for no load balancer.
        "limits": {"drainWaitSeconds": 0},
    })
}

/// A resource policy that lets everybody in.
#[must_use]
pub fn open_policy() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
        ],
    })
}

/// An OpenAPI 3.0 definition with these paths.
#[must_use]
pub fn definition(paths: &Value) -> Value {
    json!({"openapi": "3.0.1", "info": {"title": "test", "version": "1"}, "paths": paths})
}

/// An operation that answers 200 by itself with this body.
#[must_use]
pub fn mock(body: &str) -> Value {
    json!({
        "responses": {"200": {"description": "done"}},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": body}}},
        },
    })
}

/// An operation that passes requests on to a path of a backend.
#[must_use]
pub fn http_proxy(verb: &str, backend: SocketAddr, path: &str) -> Value {
    json!({
        "responses": {"200": {"description": "done"}},
        "x-amazon-apigateway-integration": {
            "type": "http_proxy",
            "httpMethod": verb,
            "uri": format!("http://{backend}{path}"),
        },
    })
}

/// An operation that maps requests to a path of a backend, and its answers back.
#[must_use]
pub fn http(verb: &str, backend: SocketAddr, path: &str) -> Value {
    json!({
        "responses": {"200": {"description": "done"}},
        "x-amazon-apigateway-integration": {
            "type": "http",
            "httpMethod": verb,
            "uri": format!("http://{backend}{path}"),
            "responses": {"default": {"statusCode": "200"}},
        },
    })
}

/// The ARN of a function of the base configuration's account.
#[must_use]
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{name}")
}

/// What an integration calls a function by.
#[must_use]
pub fn function_uri(arn: &str) -> String {
    format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations")
}

/// An operation that a function answers.
#[must_use]
pub fn function_proxy(arn: &str) -> Value {
    json!({
        "responses": {"200": {"description": "done"}},
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": function_uri(arn),
        },
    })
}

/// An operation that a function answers in pieces.
#[must_use]
pub fn function_stream(arn: &str) -> Value {
    let mut operation = function_proxy(arn);
    let integration = &mut operation["x-amazon-apigateway-integration"];
    integration["responseTransferMode"] = json!("STREAM");
    integration["uri"] = json!(format!(
        "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations"
    ));
    operation
}

/// A process that does what the test says: `fixtures/functions/function.py`.
#[must_use]
pub fn python_process(arguments: &[&str]) -> Value {
    python("function.py", arguments)
}

/// A Lambda authorizer that does what the token says: `fixtures/functions/authorizer.py`.
#[must_use]
pub fn authorizer_process() -> Value {
    python("authorizer.py", &[])
}

fn python(file: &str, arguments: &[&str]) -> Value {
    let program = crate::repository_root().join("crates/testing/fixtures/functions").join(file);
    let mut command = vec!["python3".to_owned(), program.to_string_lossy().into_owned()];
    command.extend(arguments.iter().map(|word| (*word).to_owned()));
    json!({"command": command})
}
