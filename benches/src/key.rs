//! Finding the API key of a request.

use std::{fmt::Write, hint::black_box, path::Path};

use postern_config::{ReadFailure, Surroundings};
use postern_gateway::{Live, Now, State, compile};

use crate::Operation;

const CONFIGURATION: &str = r#"
region: us-east-1
accountId: "123456789012"
vpcEndpoints: [{vpcEndpointId: vpce-01234567abcdef012, vpcId: vpc-0aaaabbbbccccdddd, listeners: [{address: "127.0.0.1:1"}]}]
restApis: [{id: a1b2c3d4e5, definition: api.json, policyFile: policy.json, endpointConfiguration: {types: [PRIVATE]}, stages: [{stageName: demo}]}]
apiKeysFile: [keys.csv]
usagePlans: [{name: gold, apiStages: [{apiId: a1b2c3d4e5, stage: demo}]}]
"#;
const DEFINITION: &str = r#"{"openapi": "3.0.1", "info": {"title": "keys", "version": "1"}, "paths": {"/pets": {"get": {
    "responses": {"200": {"description": "done"}},
    "x-amazon-apigateway-integration": {"type": "mock", "responses": {"default": {"statusCode": "200"}}}}}}}"#;
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]}"#;

/// Finds the key in the middle of so many, in the plan that lets it in.
pub(crate) fn find(keys: usize) -> Operation {
    let outcome = postern_config::read("postern.yaml", &Files { keys });
    let configuration = outcome.configuration.expect("a configuration without a problem");
    let now = Now { epoch_milliseconds: 0, monotonic_nanoseconds: 0 };
    let house = Live::new(compile(configuration, None, &mut State::new([7; 32])).begin(now)).current();
    let value = value(keys / 2);
    let (stage, ..) = house.stages().next().expect("a stage");
    Box::new(move || {
        let found = house.find_api_key(black_box(value.as_bytes()), stage);
        usize::from(found.is_ok())
    })
}

fn value(number: usize) -> String {
    format!("a-key-of-forty-characters-number-{number:07}")
}

/// The files of a gateway with so many keys.
struct Files {
    keys: usize,
}

impl Surroundings for Files {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        Ok(match path.to_str() {
            Some("postern.yaml") => CONFIGURATION.into(),
            Some("api.json") => DEFINITION.into(),
            Some("policy.json") => POLICY.into(),
            _ => {
                let mut text = String::from("Name,Key,UsagePlanIds\n");
                for number in 0..self.keys {
                    writeln!(text, "key-{number},{},gold", value(number)).expect("a string takes everything");
                }
                text.into_bytes()
            }
        })
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}
