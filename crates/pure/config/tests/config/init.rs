//! The first file for some definitions.

use postern_config::init;

use crate::common::{OPEN, PETS, files};

/// The lines that `init` leaves to a person, filled in.
fn filled(text: &str) -> String {
    let fill = |line: &str| {
        let Some((blank, _)) = line.split_once("# FILL IN:") else { return line.to_owned() };
        let blank = blank.trim_end();
        let value = match blank.trim_start_matches(['-', ' ']) {
            "region:" => "us-east-1",
            "accountId:" => "'123456789012'",
            "vpcEndpointId:" => "vpce-1",
            "vpcId:" => "vpc-1",
            "policyFile:" => "policies/open.json",
            "valueFile:" => "keys/client",
            "id:" => "link3",
            "command: []" => return blank.replace("[]", "[run]"),
            "targets: []" => return blank.replace("[]", "['a.internal:80']"),
            _ => "link3",
        };
        format!("{blank} {value}")
    };
    text.lines().map(fill).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_plain_definition_gives_a_file_with_few_blanks() {
    let text = init(&[("apis/pets.json", PETS)]).unwrap();
    assert_eq!(text, include_str!("init_pets.yaml"));
    let memory = files().with("postern.yaml", text.clone());
    assert_eq!(
        memory.told(),
        [
            "postern.yaml:3:1: `region` is missing in the configuration",
            "postern.yaml:3:1: `accountId` is missing in the configuration",
            "postern.yaml:7:5: `vpcEndpointId` is missing in a VPC endpoint",
            "postern.yaml:7:5: `vpcId` is missing in a VPC endpoint",
            "postern.yaml:8:5: `vpcId` has no value: write one, or leave the key out",
            "postern.yaml:17:5: `policyFile` has no value: write one, or leave the key out",
        ]
    );
    let memory = files().with("policies/open.json", OPEN).with("postern.yaml", filled(&text));
    assert_eq!(memory.told(), Vec::<String>::new());
    assert!(memory.read().configuration.is_some());
}

#[test]
fn everything_that_a_definition_asks_for_has_its_entry() {
    let text = init(&[("apis/asking.yaml", ASKING), ("apis/pets.json", PETS)]).unwrap();
    assert_eq!(text, include_str!("init_asking.yaml"));
    let memory = files()
        .with("apis/asking.yaml", ASKING)
        .with("keys/client", "01234567890123456789")
        .with("postern.yaml", filled(&text));
    let told: Vec<String> =
        memory.told().into_iter().filter(|told| !told.contains("not served yet")).collect();
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn a_broken_definition_gives_its_problems() {
    let problems = init(&[("a.json", "{"), ("apis/pets.json", PETS)]).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["a.json:1:2: not valid JSON: expected a key in quotation marks, found the end of the text"]
    );
}

#[test]
fn two_definitions_of_one_title_get_two_ids() {
    let text = init(&[("one.json", PETS), ("two.json", PETS)]).unwrap();
    assert!(text.contains("  - id: pets\n") && text.contains("  - id: pets2\n"), "{text}");
}

/// An export says which API, region and stage it was.
#[test]
fn an_export_is_served_as_what_it_was() {
    let petstore = include_str!("../../../../../config/apis/petstore.json");
    let text = init(&[("apis/petstore.json", petstore)]).unwrap();
    for line in ["region: us-west-2", "  - id: 4ke5srsid9", "      - stageName: asfd"] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let memory = files().with("apis/petstore.json", petstore).with("postern.yaml", filled(&text));
    assert!(memory.read().configuration.is_some(), "{:#?}", memory.told());
}

const ASKING: &str = r#"
openapi: 3.0.1
info: {title: 'Asking: much'}
servers:
  - url: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com/{basePath}'
    variables: {basePath: {default: /live}}
    x-amazon-apigateway-endpoint-configuration: {vpcEndpointIds: [vpce-0123, vpce-4567]}
components:
  securitySchemes:
    key: {type: apiKey, name: x-api-key, in: header}
    guard:
      type: apiKey
      name: Authorization
      in: header
      x-amazon-apigateway-authtype: custom
      x-amazon-apigateway-authorizer:
        type: token
        authorizerUri: 'arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:210987654321:function:guard/invocations'
x-amazon-apigateway-policy:
  Version: '2012-10-17'
  Statement: [{Effect: Allow, Principal: '*', Action: execute-api:Invoke, Resource: 'execute-api:/*'}]
paths:
  /keyed:
    get:
      security: [{key: []}]
      responses: {'200': {description: a}}
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://${stageVariables.host}/', connectionType: VPC_LINK, connectionId: link1}
  /linked:
    get:
      responses: {'200': {description: a}}
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://a.internal/', connectionType: VPC_LINK, connectionId: '${stageVariables.link}'}
  /called:
    get:
      security: [{guard: []}]
      responses: {'200': {description: a}}
      x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: 'arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:210987654321:function:hello:live/invocations'}
"#;
