//! How much memory a snapshot holds for each key and each resource.

#![cfg(test)]

use std::{fmt::Write as _, path::Path};

use allocation_counter::measure;
use postern_config::{ReadFailure, Surroundings, read};
use postern_gateway::{Now, Snapshot, State, compile};

const NOW: Now = Now { monotonic_nanoseconds: 0, epoch_milliseconds: 1_716_523_575_005 };

struct Files {
    configuration: String,
    definition: String,
}

impl Surroundings for Files {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        match path.to_str() {
            Some("postern.yaml") => Ok(self.configuration.clone().into()),
            Some("api.json") => Ok(self.definition.clone().into()),
            _ => Err(ReadFailure::new("there is no such file")),
        }
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// An API of so many resources, each with one method that is throttled and asks for a key; and so many keys
/// in a plan.
fn files(resources: usize, keys: usize) -> Files {
    let mut paths = String::new();
    for number in 0..resources {
        let separator = if number == 0 { "" } else { "," };
        let path = format!("/prod/service{number:04}/items/{{id}}");
        write!(
            paths,
            r#"{separator}"{path}": {{"x-amazon-apigateway-any-method": {{
                "parameters": [{{"name": "id", "in": "path", "required": true, "schema": {{"type": "string"}}}}],
                "security": [{{"api_key": []}}],
                "responses": {{"200": {{"description": "ok"}}}},
                "x-amazon-apigateway-integration": {{
                    "type": "http_proxy", "httpMethod": "ANY", "uri": "http://backend.example{path}",
                    "requestParameters": {{"integration.request.path.id": "method.request.path.id"}}
                }}
            }}}}"#
        )
        .unwrap();
    }
    let definition = format!(
        r#"{{"openapi": "3.0.1", "info": {{"title": "memory"}}, "paths": {{{paths}}},
            "components": {{"securitySchemes": {{"api_key": {{"type": "apiKey", "name": "x-api-key", "in": "header"}}}}}}}}"#
    );
    let names: Vec<String> = (0..keys).map(|number| format!("key{number:05}")).collect();
    let each: String = names
        .iter()
        .map(|name| format!("\n- {{name: {name}, value: a-value-of-more-than-twenty-{name}}}"))
        .collect();
    let configuration = format!(
        "region: us-east-1\naccountId: '123456789012'\n\
         vpcEndpoints: [{{vpcEndpointId: vpce-0a1b2c3d, vpcId: vpc-0a1b2c3d, listeners: [{{address: '127.0.0.1:443'}}]}}]\n\
         restApis:\n\
         - id: api0\n  definition: api.json\n\
         \x20 stages: [{{stageName: demo, methodSettings: {{'*/*': {{throttlingRateLimit: 9, throttlingBurstLimit: 9}}}}}}]\n\
         apiKeys:{each}\n- {{name: last, value: a-value-of-more-than-twenty}}\n\
         usagePlans: [{{name: plan, quota: {{limit: 9, period: DAY}}, apiStages: [{{apiId: api0, stage: demo}}], apiKeys: [{}]}}]\n",
        names.join(", ")
    );
    Files { configuration, definition }
}

/// The bytes and pieces that a snapshot holds, when all that it was made of is dropped.
fn held(resources: usize, keys: usize) -> (i64, i64) {
    let files = files(resources, keys);
    let mut snapshot: Option<Snapshot> = None;
    let mut state = State::new([7; 32]);
    let memory = measure(|| {
        let outcome = read("postern.yaml", &files);
        let told: Vec<_> = outcome.problems.iter().map(ToString::to_string).collect();
        let configuration = outcome.configuration.unwrap_or_else(|| panic!("{told:#?}"));
        snapshot = Some(compile(configuration, None, &mut state).begin(NOW));
    });
    assert!(snapshot.is_some_and(|snapshot| snapshot.usage_count() == keys));
    (memory.bytes_current, memory.count_current)
}

/// The least that more of them take, for each.
fn for_each(few: (i64, i64), many: (i64, i64), count: usize) -> (i64, i64) {
    let count = i64::try_from(count).unwrap();
    ((many.0 - few.0) / count, (many.1 - few.1) / count)
}

#[test]
fn a_key_in_a_plan_takes_little_and_no_piece_of_its_own() {
    let (bytes, pieces) = for_each(held(1, 1_000), held(1, 11_000), 10_000);
    assert!(bytes <= 130 && pieces == 0, "{bytes} bytes in {pieces} pieces");
}

#[test]
fn a_resource_takes_one_kibibyte() {
    let (bytes, pieces) = for_each(held(10, 1), held(1_010, 1), 1_000);
    assert!(bytes <= 1_024 && pieces <= 20, "{bytes} bytes in {pieces} pieces");
}
