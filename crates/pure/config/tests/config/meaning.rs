//! What a right file means.

use std::path::{Path, PathBuf};

use postern_model::{
    AccessLogDestination, Balancing, Configuration, FunctionBackend, HealthCheck, HealthCheckProtocol,
    HttpEndpoint, LoadBalancingAlgorithm, ThrottleLimit, Verb, WorkerCount,
};

use crate::common::{EVERYTHING, Memory, OPEN, PETS, files};

const ACCOUNT: &str = "region: us-east-1\naccountId: '123456789012'\n";

fn with(rest: &str) -> Memory {
    files().with("postern.yaml", format!("{ACCOUNT}{rest}"))
}

fn read(memory: &Memory) -> Configuration {
    let outcome = memory.read();
    outcome.configuration.unwrap_or_else(|| panic!("{:#?}", outcome.problems))
}

#[test]
fn the_least_file_has_the_defaults_of_the_contract() {
    let configuration = read(&with(""));
    assert_eq!(&*configuration.dns_suffix, "amazonaws.com");
    assert_eq!(configuration.quota_flush_seconds, 1);
    assert!(configuration.request_streaming);
    assert_eq!(configuration.workers, WorkerCount::Auto);
    assert!(configuration.admin.is_none() && configuration.access_log.is_none());
    assert_eq!(configuration.limits, postern_model::Limits::default());
    assert_eq!(configuration.compatibility, postern_model::Compatibility::default());
}

#[test]
fn the_suffix_follows_the_partition_and_may_be_chosen() {
    let suffix = |text: &str| read(&files().with("postern.yaml", text)).dns_suffix;
    assert_eq!(&*suffix("{region: cn-north-1, accountId: '123456789012'}"), "amazonaws.com.cn");
    let own = "{region: cn-north-1, accountId: '123456789012', dnsSuffix: gateway.corp}";
    assert_eq!(&*suffix(own), "gateway.corp");
}

#[test]
fn the_service_that_functions_are_invoked_at_keeps_its_own_name() {
    let endpoint = |rest: &str| {
        let text =
            format!("{rest}\naccountId: '123456789012'\nfunctions: [{{functionName: a, invoke: {{}}}}]");
        let configuration = read(&files().with("postern.yaml", text));
        match &configuration.functions[0].backend {
            FunctionBackend::Invoke(invoke) => invoke.endpoint.clone(),
            other => panic!("{other:?}"),
        }
    };
    let written = |url: &str| url.parse::<HttpEndpoint>().unwrap();
    assert_eq!(
        endpoint("region: eu-west-1\ndnsSuffix: gateway.corp"),
        written("https://lambda.eu-west-1.amazonaws.com")
    );
    assert_eq!(endpoint("region: cn-north-1"), written("https://lambda.cn-north-1.amazonaws.com.cn"));
}

#[test]
fn the_state_directory_is_named_or_given() {
    let mut memory = with("");
    assert_eq!(read(&memory).state_directory, None);
    memory.variables.insert("STATE_DIRECTORY".into(), "/var/lib/postern:/var/lib/other".into());
    assert_eq!(read(&memory).state_directory, Some(PathBuf::from("/var/lib/postern")));
    memory = memory.with("postern.yaml", format!("{ACCOUNT}stateDirectory: state"));
    assert_eq!(read(&memory).state_directory, Some(PathBuf::from("state")));
}

#[test]
fn paths_are_relative_to_the_file_and_watched() {
    let text = format!(
        "{ACCOUNT}
stateDirectory: /var/lib/postern
vpcEndpoints:
  - vpcEndpointId: vpce-1
    vpcId: vpc-1
    listeners: [{{address: '[::1]:443'}}]
    tls: [{{certificateFile: tls/a.crt, privateKeyFile: ../a.key}}]
accessLog: {{destination: access.log, format: $context.extendedRequestId}}
restApis: [{{id: a1, definition: apis/pets.json, policyFile: /policies/open.json, stages: [{{stageName: a}}]}}]"
    );
    let memory = Memory::default()
        .with("/etc/postern/postern.yaml", text)
        .with("/etc/postern/apis/pets.json", PETS)
        .with("/policies/open.json", OPEN);
    let outcome = postern_config::read("/etc/postern/postern.yaml", &memory);
    let configuration = outcome.configuration.unwrap();
    let endpoint = &configuration.vpc_endpoints[0];
    assert!(endpoint.http2, "with TLS by default");
    assert_eq!(endpoint.tls[0].certificate_file, Path::new("/etc/postern/tls/a.crt"));
    let log = configuration.access_log.unwrap().destination;
    assert_eq!(log, AccessLogDestination::File("/etc/postern/access.log".into()));
    let watched = [
        "/etc/postern/../a.key",
        "/etc/postern/apis/pets.json",
        "/etc/postern/postern.yaml",
        "/etc/postern/tls/a.crt",
        "/policies/open.json",
    ];
    assert_eq!(outcome.files, watched.map(PathBuf::from));
}

#[test]
fn bytes_that_are_no_text_are_told_at_the_start_of_their_file() {
    let rest = "restApis: [{id: a1, definition: apis/bytes.json}]";
    let memory = with(rest).with("apis/bytes.json", b"\xff\xfe".to_vec());
    assert_eq!(memory.told(), ["apis/bytes.json:1:1: the file is not UTF-8 text"]);
    let memory = Memory::default().with("postern.yaml", b"\xff".to_vec());
    assert_eq!(memory.told(), ["postern.yaml:1:1: the file is not UTF-8 text"]);
}

const ENDPOINT: &str =
    "vpcEndpoints: [{vpcEndpointId: vpce-1, vpcId: vpc-1, listeners: [{address: 127.0.0.1:80}]}]\n";

/// A definition that says what the file may say, too.
const OWN: &str = r#"
openapi: 3.0.1
info: {title: own}
servers:
  - url: 'https://old.execute-api.us-east-1.amazonaws.com/{basePath}'
    variables: {basePath: {default: /v1/pets}}
    x-amazon-apigateway-endpoint-configuration: {vpcEndpointIds: [vpce-1], disableExecuteApiEndpoint: true}
components: {securitySchemes: {key: {type: apiKey, name: x-api-key, in: header}}}
security: [{key: []}]
x-amazon-apigateway-policy:
  Version: '2012-10-17'
  Statement:
    - {Effect: Allow, Principal: '*', Action: execute-api:Invoke, Resource: 'arn:aws:execute-api:us-east-1:123456789012:old/*'}
    - {Effect: Deny, Principal: '*', Action: execute-api:Invoke, Resource: 'arn:aws:execute-api:us-east-1:123456789012:old/*/GET/no'}
paths:
  /a:
    get:
      responses: {'200': {description: a}}
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://a.internal/'}
"#;

fn own(settings: &str) -> Configuration {
    let rest = format!(
        "{ENDPOINT}restApis: [{{id: a1, definition: apis/own.yaml, stages: [{{stageName: a}}]{settings}}}]"
    );
    read(&with(&rest).with("apis/own.yaml", OWN))
}

#[test]
fn what_the_definition_says_holds_until_the_file_says_otherwise() {
    let api = &own("").rest_apis[0];
    assert_eq!(api.policy.as_ref().unwrap().statements().len(), 2);
    assert!(api.disable_execute_api_endpoint);
    assert_eq!(api.vpc_endpoint_ids.len(), 1);
    let settings = ", policyFile: policies/open.json, disableExecuteApiEndpoint: false, \
                    endpointConfiguration: {types: [PRIVATE], vpcEndpointIds: []}";
    let api = &own(settings).rest_apis[0];
    assert_eq!(api.policy.as_ref().unwrap().statements().len(), 1);
    assert!(!api.disable_execute_api_endpoint);
    assert!(api.vpc_endpoint_ids.is_empty());
}

#[test]
fn the_settings_of_the_import_reach_it() {
    let first = |settings| {
        let configuration = own(settings);
        let resource = &configuration.rest_apis[0].definition.resources[0];
        (resource.path.to_string(), resource.methods[0].api_key_required)
    };
    assert_eq!(first(""), ("/a".to_owned(), true));
    assert_eq!(first(", basePath: prepend, rootSecurity: ignore"), ("/v1/pets/a".to_owned(), false));
    assert_eq!(first(", basePath: split, rootSecurity: apply"), ("/pets/a".to_owned(), true));
    let rest =
        format!("{ENDPOINT}restApis: [{{id: a1, definition: apis/own.yaml, rewritePolicyApiId: false}}]");
    let told = with(&rest).with("apis/own.yaml", OWN).told();
    assert!(told.iter().any(|told| told.contains("no statement of the policy can")), "{told:#?}");
}

#[test]
fn what_is_not_served_yet_is_refused_here() {
    let text = OWN.replace("type: http_proxy", "type: aws_proxy");
    let options = postern_openapi::ImportOptions::default();
    let imported = postern_openapi::import("apis/own.yaml", &text, &options);
    let rest = format!("{ENDPOINT}restApis: [{{id: a1, definition: apis/own.yaml}}]");
    let told = with(&rest).with("apis/own.yaml", text).told();
    for unserved in &imported.unserved {
        assert!(told.contains(&unserved.to_string()), "{unserved}");
    }
}

#[test]
fn the_template_limits_hold_at_load() {
    let rest = format!(
        "{ENDPOINT}limits: {{templateBytes: 5}}\nrestApis: [{{id: a1, definition: apis/pets.json, policyFile: policies/open.json, stages: [{{stageName: a}}]}}]"
    );
    let told = with(&rest).told();
    assert!(told.iter().any(|told| told.contains("at most 5")), "{told:#?}");
}

#[test]
fn method_settings_hold_for_their_methods() {
    let rest = format!(
        "{ENDPOINT}restApis:
  - id: a1
    definition: apis/pets.json
    policyFile: policies/open.json
    stages:
      - stageName: a
        variables: {{port: 8080, flag: true}}
        methodSettings:
          '*/*': {{throttlingRateLimit: 10, throttlingBurstLimit: 5}}
          ~1pets/GET: {{throttlingRateLimit: 0.5, throttlingBurstLimit: 0}}"
    );
    let configuration = read(&with(&rest));
    let stage = &configuration.rest_apis[0].stages[0];
    let limit = |rate, burst| ThrottleLimit::new(rate, burst).ok();
    assert_eq!(stage.method_settings.of("/pets", Verb::Get).throttle, limit(0.5, 0));
    assert_eq!(stage.method_settings.of("/pets", Verb::Put).throttle, limit(10.0, 5));
    assert_eq!(stage.variables.get("port").map(|value| &**value), Some("8080"));
    assert_eq!(stage.variables.get("flag").map(|value| &**value), Some("true"));
}

#[test]
fn links_and_hosts_are_read() {
    let configuration = read(&with(
        "vpcLinks: [{id: vl-1, name: orders, targets: ['10.0.3.10:8080', 'Orders.internal:80', '[fd00::1]:443']}]
hosts: {'Orders.internal:80': '[::1]:8080'}
workers: 4",
    ));
    let targets: Vec<_> =
        configuration.vpc_links[0].targets.iter().map(|target| (&*target.host, target.port)).collect();
    assert_eq!(targets, [("10.0.3.10", 8080), ("orders.internal", 80), ("fd00::1", 443)]);
    let host = &configuration.hosts[0];
    assert_eq!(
        (&*host.host, host.port, host.address.to_string()),
        ("orders.internal", 80, "[::1]:8080".to_owned())
    );
    assert_eq!(configuration.workers, WorkerCount::Exactly(4.try_into().unwrap()));
}

#[test]
fn a_link_says_how_its_targets_share_the_calls() {
    let balancing = |rest: &str| {
        let configuration = read(&with(&format!("vpcLinks: [{{id: vl-1, targets: ['a:80']{rest}}}]")));
        configuration.vpc_links[0].balancing.clone()
    };
    assert_eq!(balancing(""), Balancing::default());
    let given = balancing(", loadBalancingAlgorithm: round_robin, slowStartSeconds: 0");
    assert_eq!(given.algorithm, LoadBalancingAlgorithm::RoundRobin);
    assert_eq!((given.slow_start_seconds, given.health_check), (0, None));
    let check = |protocol, path: &str, numbers: [u32; 4]| HealthCheck {
        protocol,
        path: path.into(),
        interval_seconds: numbers[0],
        timeout_seconds: numbers[1],
        healthy_threshold: numbers[2],
        unhealthy_threshold: numbers[3],
    };
    let given = |rest: &str| balancing(&format!(", healthCheck: {{{rest}}}")).health_check.unwrap();
    assert_eq!(given(""), check(HealthCheckProtocol::Tcp, "/", [30, 5, 5, 2]));
    assert_eq!(given("intervalSeconds: 2"), check(HealthCheckProtocol::Tcp, "/", [2, 2, 5, 2]));
    let all = "protocol: HTTPS, path: '/a?b=%20', intervalSeconds: 10, timeoutSeconds: 3, healthyThreshold: 1, unhealthyThreshold: 10";
    assert_eq!(given(all), check(HealthCheckProtocol::Https, "/a?b=%20", [10, 3, 1, 10]));
}

/// Endpoints that share listeners behind a load balancer, with an entry of their own and without.
#[test]
fn endpoints_that_come_by_proxy_are_endpoints_like_others() {
    let configuration = read(&with(
        "vpcEndpoints:
  - vpcEndpointId: from-proxy-protocol
    proxyProtocol: {trustedSources: [10.0.9.0/24, '2001:db8::/64'], vpcIds: {vpce-2: vpc-2, vpce-1: vpc-1}}
    listeners: [{address: 127.0.0.1:8080}]
  - vpcEndpointId: vpce-1
    vpcId: vpc-1
    networkAcl:
      - {ruleNumber: 200, cidr: 10.0.0.0/8, ruleAction: allow}
      - {ruleNumber: 100, cidr: 10.0.9.7/24, ruleAction: deny}
    securityGroup: {ingress: [{cidr: '::ffff:10.0.0.0/104'}]}
",
    ));
    let [first, second] = &*configuration.vpc_endpoints else { panic!("two endpoints") };
    assert_eq!((first.vpc_endpoint_id.as_str(), first.vpc_id.as_str()), ("vpce-1", "vpc-1"));
    assert_eq!((second.vpc_endpoint_id.as_str(), second.vpc_id.as_str()), ("vpce-2", "vpc-2"));
    assert!(first.listeners.is_empty() && second.listeners.is_empty());
    let acl = first.network.network_acl.as_ref().unwrap();
    let rules: Vec<_> = acl.rules().iter().map(|rule| (rule.rule_number, rule.cidr.to_string())).collect();
    assert_eq!(rules, [(100, "10.0.9.0/24".to_owned()), (200, "10.0.0.0/8".to_owned())]);
    let group = first.network.security_group.as_ref().unwrap();
    assert_eq!(group.ingress[0].to_string(), "10.0.0.0/8");
    assert_eq!(second.network, postern_model::NetworkLayers::default());
    let [shared] = &*configuration.shared_listeners else { panic!("one list of listeners") };
    let ids: Vec<&str> = shared.vpc_endpoint_ids.iter().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["vpce-2", "vpce-1"]);
    assert_eq!(shared.proxy_protocol.trusted_sources.len(), 2);
}

#[test]
fn json_is_yaml_too() {
    let text = r#"{"region": "us-east-1", "accountId": "123456789012", "limits": {"headBytes": 9000}}"#;
    assert_eq!(read(&files().with("postern.yaml", text)).limits.head_bytes, 9_000);
}

/// Every key of the contract page is known: what is refused of its example is not supported yet.
#[test]
fn the_example_of_the_contract_names_no_unknown_key() {
    let memory = files()
        .with("apis/petstore.json", PETS)
        .with("policies/source-vpce.json", OPEN)
        .with("policies/endpoint.json", EVERYTHING)
        .with("policies/partner.json", EVERYTHING)
        .with("policies/domain.json", EVERYTHING)
        .with("postern.yaml", include_str!("contract.yaml"));
    let outcome = memory.read();
    let refused: Vec<String> = outcome.problems.errors().map(|problem| problem.message.clone()).collect();
    let expected = ["`truststoreFile` is `tls/truststore.pem`: there is no such file"];
    assert_eq!(refused, expected);
}
