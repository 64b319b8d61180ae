//! `postern explain` and `/denials` beside the running gateway: what they say is what is answered.

use postern_testing::{
    API_HOST, API_ID, Backend, Certificate, Gateway, Message, Place, VPCE_A, VPCE_B, Wire,
    base_configuration, definition, http, http_proxy, mock, openssl_client, run_program,
};
use serde_json::{Value, json};

use crate::get;

const KEY: &str = "checkout-key-of-twenty-characters";
const UNPLANNED_KEY: &str = "billing-key-of-twenty-characters-";
const DOMAIN: &str = "api.corp.internal";

/// One method for each gate behind routing.
fn paths(backend: &Backend) -> Value {
    let mut keyed = mock("keyed");
    keyed["security"] = json!([{"api_key": []}]);
    let mut checked = mock("checked");
    checked["parameters"] =
        json!([{"name": "kind", "in": "query", "required": true, "schema": {"type": "string"}}]);
    checked["requestBody"] =
        json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}});
    checked["x-amazon-apigateway-request-validator"] = json!("all");
    let mut mapped = http("POST", backend.address(), "/orders/{id}");
    mapped["parameters"] =
        json!([{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}]);
    mapped["x-amazon-apigateway-integration"]["requestParameters"] = json!({
        "integration.request.path.id": "method.request.path.id",
        "integration.request.header.X-Key": "method.request.header.x-api-key",
    });
    mapped["x-amazon-apigateway-integration"]["requestTemplates"] =
        json!({"application/json": "{\"order\": \"$input.params('id')\", \"by\": $input.json('$.name')}"});
    mapped["x-amazon-apigateway-integration"]["passthroughBehavior"] = json!("never");
    json!({
        "/pets": {"get": mock("pets")},
        "/secret": {"get": mock("secret")},
        "/keyed": {"get": keyed},
        "/checked": {"post": checked},
        "/slow": {"get": mock("slow")},
        "/passed": {"post": http_proxy("POST", backend.address(), "/passed")},
        "/orders/{id}": {"post": mapped},
        "/broken": {"post": {
            "responses": {"200": {"description": "done"}},
            "x-amazon-apigateway-integration": {
                "type": "mock",
                "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
                "passthroughBehavior": "never",
                "responses": {"default": {"statusCode": "200"}},
            },
        }},
    })
}

fn policy() -> Value {
    let deny = |sid: &str, resource: &str, condition: Value| {
        json!({"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke",
            "Resource": resource, "Condition": condition})
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
            deny("OurEndpoint", "execute-api:/*", json!({"StringNotEquals": {"aws:SourceVpce": VPCE_A}})),
            deny("NoRobots", "execute-api:/demo/GET/secret", json!({"StringLike": {"aws:UserAgent": "robot*"}})),
        ],
    })
}

fn configuration(place: &Place, backend: &Backend) -> Value {
    let mut definition = definition(&paths(backend));
    definition["components"] = json!({
        "securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        "schemas": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
    });
    definition["x-amazon-apigateway-request-validators"] =
        json!({"all": {"validateRequestParameters": true, "validateRequestBody": true}});
    let mut configuration = base_configuration(place, &definition);
    place.write("policy.json", &policy().to_string());
    let api = &mut configuration["restApis"][0];
    api["stages"][0]["methodSettings"] =
        json!({"/slow/GET": {"throttlingRateLimit": 0, "throttlingBurstLimit": 0}});
    configuration["domainNames"] = json!([{
        "domainName": DOMAIN,
        "accessAssociations": [VPCE_A],
        "basePathMappings": [{"basePath": "store", "restApiId": API_ID, "stage": "demo"}],
    }]);
    configuration["apiKeys"] =
        json!([{"name": "checkout", "value": KEY}, {"name": "billing", "value": UNPLANNED_KEY}]);
    configuration["usagePlans"] = json!([{
        "name": "gold", "apiStages": [{"apiId": API_ID, "stage": "demo"}], "apiKeys": ["checkout"],
        "throttle": {"rateLimit": 1000, "burstLimit": 100}, "quota": {"limit": 1000, "period": "DAY"},
    }]);
    configuration
}

fn start() -> (Gateway, Backend) {
    let backend = Backend::answering(200, "{\"of\": \"the backend\"}");
    let place = Place::new();
    let configuration = configuration(&place, &backend);
    (Gateway::start(place, configuration), backend)
}

fn request(verb: &str, path: &str, lines: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{verb} {path} HTTP/1.1\r\nHost: {API_HOST}\r\n{lines}{length}\r\n{body}")
}

/// The facts of a gate.
fn facts<'t>(told: &'t Value, gate: &str) -> &'t Value {
    &gate_of(told, gate)["facts"]
}

fn gate_of<'t>(told: &'t Value, gate: &str) -> &'t Value {
    let mut gates = told["gates"].as_array().unwrap().iter();
    gates.find(|own| own["gate"] == gate).unwrap_or_else(|| panic!("no {gate} in {told:#}"))
}

#[test]
fn explain_says_of_every_gate_what_is_answered() {
    let (gateway, _backend) = start();
    let key = |key: &str| format!("x-api-key: {key}\r\n");
    let json_type = "Content-Type: application/json\r\n";
    let by_host = |host: &str, path: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for (request, refused_by, status) in [
        (get("/demo/pets"), None, 200),
        (get("/demo/../pets"), Some("head"), 400),
        (get("/demo/pets?a=b|c"), Some("head"), 400),
        (by_host("nowhere.example", "/demo/pets"), Some("api"), 403),
        (get("/prod/pets"), Some("stage"), 403),
        (by_host(DOMAIN, "/shop/pets"), Some("stage"), 403),
        (by_host(DOMAIN, "/store/pets"), None, 200),
        (get(&format!("/demo/{}", "a".repeat(1_600))), Some("methodArn"), 414),
        (request("POST", "/demo/passed", "Content-Length: 10485761\r\n", ""), Some("contentLength"), 413),
        (get("/demo/cats"), Some("method"), 403),
        (
            request("DELETE", "/demo/pets", "Authorization: Bearer some-secret-token\r\n", ""),
            Some("signature"),
            403,
        ),
        (request("GET", "/demo/secret", "User-Agent: robot 7\r\n", ""), Some("resourcePolicy"), 403),
        (request("GET", "/demo/secret", "User-Agent: a person\r\n", ""), None, 200),
        (get("/demo/keyed"), Some("apiKey"), 403),
        (request("GET", "/demo/keyed", &key("no-such-key-of-twenty-characters"), ""), Some("apiKey"), 403),
        (request("GET", "/demo/keyed", &key(UNPLANNED_KEY), ""), Some("apiKey"), 403),
        (request("GET", "/demo/keyed", &key(KEY), ""), None, 200),
        (get("/demo/slow"), Some("throttle"), 429),
        (request("POST", "/demo/checked", json_type, "{}"), Some("parameters"), 400),
        (request("POST", "/demo/checked?kind=a", json_type, "{\"name\": 7}"), Some("bodyModel"), 400),
        (request("POST", "/demo/checked?kind=a", json_type, "{\"name\": \"b\"}"), None, 200),
        (request("POST", "/demo/passed", "", "a body"), None, 200),
        (request("POST", "/demo/orders/7", json_type, "{\"name\": \"b\"}"), None, 200),
        (request("POST", "/demo/broken", "Content-Type: text/plain\r\n", "x"), Some("integration"), 415),
    ] {
        let (answer, told) = gateway.ask_explained(0, &request);
        assert_eq!(told["refusedBy"].as_str(), refused_by, "{request}\n{told:#}");
        assert_eq!(answer.status(), status, "{request}");
        assert_eq!(told["ending"], "answered");
    }
    let (_, told) = gateway.ask_explained(1, &get("/demo/pets"));
    assert_eq!(told["refusedBy"], "resourcePolicy");
}

#[test]
fn a_refusal_by_policy_names_the_statement_the_value_and_the_change() {
    let (gateway, _backend) = start();
    let told = gateway.explain(1, &get("/demo/pets"), &[]);
    let policy = &gate_of(&told, "resourcePolicy")["policy"];
    assert_eq!((&policy["decision"], &policy["statement"]), (&json!("explicitDeny"), &json!(1)));
    let condition = &policy["statements"][1]["conditions"][0];
    assert_eq!(
        *condition,
        json!({
            "operator": "StringNotEquals", "key": "aws:SourceVpce", "expected": [VPCE_A], "actual": [VPCE_B],
            "missing": false, "rule": format!("aws:SourceVpce is not {VPCE_A}"), "matched": true,
        })
    );
    assert_eq!(policy["nearest"], 1);
    assert_eq!(
        policy["change"],
        json!({
            "what": "key", "key": "aws:SourceVpce", "to": "value", "value": VPCE_A, "allowedBy": 0,
            "text": format!("would be allowed by statement 0 if aws:SourceVpce were {VPCE_A}"),
        })
    );
    // A key that a request does not have is missing, not empty.
    let robots = &policy["statements"][2]["conditions"][0];
    assert_eq!((&robots["actual"], &robots["missing"]), (&Value::Null, &json!(true)));
}

#[test]
fn the_call_is_shown_and_made_only_where_that_is_asked_for() {
    let (gateway, backend) = start();
    let order = request("POST", "/demo/orders/7", "Content-Type: application/json\r\n", "{\"name\": \"b\"}");
    let told = gateway.explain(0, &order, &[]);
    assert_eq!(
        (&told["ending"], &told["answer"], &told["refusedBy"]),
        (&json!("backendNotCalled"), &Value::Null, &Value::Null)
    );
    let call = &gate_of(&told, "integration")["call"];
    assert_eq!(call["method"], "POST");
    assert_eq!(call["url"], format!("http://{}/orders/7", backend.address()));
    assert_eq!(call["body"], "{\"order\": \"7\", \"by\": \"b\"}");
    assert_eq!(call["made"], false);
    assert_eq!(backend.requests().len(), 0);
    let told = gateway.explain(0, &order, &["--invoke"]);
    assert_eq!(
        (&told["ending"], &gate_of(&told, "integration")["call"]["made"]),
        (&json!("answered"), &json!(true))
    );
    assert_eq!(backend.requests().len(), 1);
    assert_eq!(backend.requests()[0].text(), call["body"].as_str().unwrap());
}

#[test]
fn each_gate_tells_the_values_that_it_looked_at() {
    let (gateway, _backend) = start();
    let told = gateway.explain(0, &request("GET", "/demo/keyed", &format!("x-api-key: {KEY}\r\n"), ""), &[]);
    assert_eq!(facts(&told, "api")["hostForm"], "api");
    assert_eq!(facts(&told, "stage"), &json!({"stage": "demo", "path": "/keyed"}));
    assert_eq!(
        facts(&told, "methodArn")["arn"],
        "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/keyed"
    );
    assert_eq!(facts(&told, "method"), &json!({"resource": "/keyed", "method": "GET"}));
    assert_eq!(facts(&told, "apiKey"), &json!({"required": "true", "key": "checkout", "plan": "gold"}));
    assert_eq!(facts(&told, "throttle"), &json!({"plan": "1000 a second, burst 100; 99 left"}));
    assert_eq!(facts(&told, "quota"), &json!({"limit": "1000", "period": "DAY", "used": "1", "left": "999"}));
    let told = gateway.explain(0, &request("PUT", "/demo/orders/7", "", ""), &[]);
    assert_eq!(facts(&told, "method"), &json!({"path": "/orders/7", "methodsOfPath": "POST"}));
    let checked = request("POST", "/demo/checked?kind=a", "Content-Type: application/json\r\n", "{}");
    let violations = facts(&gateway.explain(0, &checked, &[]), "bodyModel")["violations"].clone();
    assert_eq!(violations, "[object has missing required properties ([\"name\"])]");
    let domain = format!("GET /store/pets HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n");
    assert_eq!(facts(&gateway.explain(0, &domain, &[]), "api")["hostForm"], "domainName");
}

#[test]
fn secrets_are_in_no_explanation() {
    let (gateway, _backend) = start();
    let secrets = [
        ("x-api-key", KEY),
        ("Authorization", "Bearer token-that-nobody-may-see"),
        ("Cookie", "session=cookie-that-nobody-may-see"),
    ];
    let lines: String = secrets.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let json_type = format!("{lines}Content-Type: application/json\r\n");
    let query = "X-Amz-Signature=0123456789abcdef-signature";
    for request in [
        request("POST", &format!("/demo/passed?{query}"), &lines, "a body"),
        request("POST", &format!("/demo/orders/7?{query}"), &json_type, "{\"name\": \"b\"}"),
        request("GET", &format!("/demo/keyed?{query}"), &lines, ""),
        request("GET", &format!("/demo/cats?{query}"), &lines, ""),
    ] {
        for more in [&[][..], &["--invoke"], &["--format", "text"]] {
            let text = match more {
                ["--format", _] => text_of(&gateway, &request),
                _ => gateway.explain(0, &request, more).to_string(),
            };
            for secret in
                [KEY, "token-that-nobody-may-see", "cookie-that-nobody-may-see", "0123456789abcdef-signature"]
            {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

fn text_of(gateway: &Gateway, request: &str) -> String {
    let mut lines = request.split("\r\n\r\n").next().unwrap().split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let url = format!("http://{API_HOST}{target}");
    let mut arguments = vec!["explain", "--config", "postern.yaml", "--vpce", VPCE_A, method, &url];
    arguments.extend(lines.flat_map(|line| ["-H", line]));
    let outcome = run_program(gateway.place().path(), &arguments, "");
    assert_eq!(outcome.code, Some(0), "{}", outcome.complaints);
    outcome.output
}

#[test]
fn a_person_reads_aligned_lines() {
    let (gateway, _backend) = start();
    let text = text_of(&gateway, &request("GET", "/demo/keyed", "", ""));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("GET http://{API_HOST}/demo/keyed"));
    assert_eq!(lines[1], format!("through {VPCE_A} in vpc-0aaaabbbbccccdddd, from 127.0.0.1"));
    for line in [
        "passed       TLS                  plain text",
        "passed       method               GET /keyed",
        "passed       resource policy      statement 0 allows",
        "FAILED       API key and plan     no API key was sent",
        "not reached  throttles",
        "not reached  integration",
        "answer: 403 ForbiddenException",
        "{\"message\":\"Forbidden\"}",
    ] {
        assert!(lines.contains(&line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn what_is_asked_wrongly_is_said() {
    let (gateway, _backend) = start();
    let folder = gateway.place().path();
    let explain = |more: &[&str]| {
        let arguments = [&["explain", "--config", "postern.yaml"], more].concat();
        let outcome = run_program(folder, &arguments, "");
        (outcome.code, outcome.complaints)
    };
    let known = format!("{VPCE_A}, {VPCE_B}");
    assert_eq!(
        explain(&["--vpce", "vpce-9", "GET", "http://a/"]),
        (Some(1), format!("`vpce-9` is no VPC endpoint of this configuration: expected one of {known}\n"))
    );
    assert_eq!(
        explain(&["GET", "http://a/"]),
        (Some(1), format!("there is no public listener: name a VPC endpoint with --vpce, one of {known}\n"))
    );
    for wrong in [
        &["GET", "/demo"][..],
        &["-H", "no colon", "GET", "http://a/"],
        &["GET"],
        &["--source-ip", "x", "GET", "http://a/"],
    ] {
        assert_eq!(explain(wrong).0, Some(2), "{wrong:?}");
    }
}

/// Whether a caller at an address of loopback gets an answer.
fn is_answered(gateway: &Gateway, endpoint: usize, source: &str) -> bool {
    let mut wire = Wire::from_to(source.parse().unwrap(), gateway.endpoint(endpoint));
    wire.send_anyway(get("/demo/pets"));
    matches!(wire.try_answer(), Ok(Some(answer)) if answer.status() == 200)
}

#[test]
fn network_layers_close_the_connections_that_explain_says() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &crate::pets());
    configuration["vpcEndpoints"][0]["networkAcl"] = json!([
        {"ruleNumber": 100, "cidr": "127.0.0.9/32", "ruleAction": "deny"},
        {"ruleNumber": 200, "cidr": "127.0.0.0/16", "ruleAction": "allow"},
    ]);
    configuration["vpcEndpoints"][0]["securityGroup"] =
        json!({"ingress": [{"cidr": "127.0.0.0/24"}, {"cidr": "127.7.0.0/16"}]});
    let gateway = Gateway::start(place, configuration);
    for (endpoint, source, refused_by, rule, entry) in [
        (0, "127.0.0.7", None, Some("200 127.0.0.0/16 allow"), Some("127.0.0.0/24")),
        (0, "127.0.0.9", Some("networkAcl"), Some("100 127.0.0.9/32 deny"), None),
        (0, "127.7.0.1", Some("networkAcl"), Some("* deny"), None),
        (0, "127.0.1.1", Some("securityGroup"), Some("200 127.0.0.0/16 allow"), None),
        (1, "127.7.0.1", None, None, None),
    ] {
        let told = gateway.explain(endpoint, &get("/demo/pets"), &["--source-ip", source]);
        assert_eq!(told["refusedBy"].as_str(), refused_by, "{source}\n{told:#}");
        assert_eq!(is_answered(&gateway, endpoint, source), refused_by.is_none(), "{source}");
        assert_eq!(facts(&told, "networkAcl")["rule"].as_str(), rule, "{source}");
        assert_eq!(facts(&told, "securityGroup")["entry"].as_str(), entry, "{source}");
        if refused_by.is_some() {
            assert_eq!((&told["ending"], &told["answer"]), (&json!("closed"), &Value::Null));
        }
    }
}

#[test]
fn public_listeners_are_explained_without_an_endpoint() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &crate::pets());
    configuration["publicListeners"] = json!([{"listeners": [{"address": place.address().to_string()}]}]);
    let mut public = configuration["restApis"][0].clone();
    public["id"] = json!("public0001");
    public["endpointConfiguration"] = json!({"types": ["REGIONAL"]});
    public.as_object_mut().unwrap().remove("policyFile");
    configuration["restApis"].as_array_mut().unwrap().push(public);
    let gateway = Gateway::start(place, configuration);
    let request = get("/demo/pets");
    let public_request = request.replace(API_ID, "public0001");
    let (_, told) = gateway.ask_explained_publicly(&public_request);
    assert_eq!(gate_of(&told, "resourcePolicy")["because"], "the API is public and has none");
    assert_eq!(told["request"].get("vpcEndpointId"), None);
    // Neither kind of API is reached by the other kind of door (PA-17).
    assert_eq!(gateway.ask_explained_publicly(&request).1["refusedBy"], "api");
    assert_eq!(gateway.ask_explained(0, &public_request).1["refusedBy"], "api");
}

#[test]
fn an_endpoint_that_arrives_by_proxy_protocol_is_explained_at_the_listener_that_it_shares() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &crate::pets());
    let certificate = Certificate::write(&place, "shared", &["*.execute-api.us-east-1.amazonaws.com"]);
    let tls =
        json!([{"certificateFile": certificate.certificate_file, "privateKeyFile": certificate.key_file}]);
    let partner = "vpce-0aaaaaaaaaaaaaaaa";
    let more = json!([
        {
            "vpcEndpointId": "from-proxy-protocol", "tls": tls,
            "proxyProtocol": {"trustedSources": ["127.0.0.0/8"], "vpcIds": {partner: "vpc-0bbbbbbbbbbbbbbbb"}},
            "listeners": [{"address": place.address().to_string()}],
        },
        {"vpcEndpointId": partner, "vpcId": "vpc-0bbbbbbbbbbbbbbbb", "securityGroup": {"ingress": [{"cidr": "10.7.0.0/16"}]}},
    ]);
    configuration["vpcEndpoints"].as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
    place.write("postern.yaml", &configuration.to_string());
    let explain = |scheme: &str, source: &str, host: &str| {
        let url = format!("{scheme}://{host}/demo/pets");
        let arguments = [
            "explain",
            "--config",
            "postern.yaml",
            "--format",
            "json",
            "--vpce",
            partner,
            "--source-ip",
            source,
            "GET",
            &url,
        ];
        let outcome = run_program(place.path(), &arguments, "");
        assert_eq!(outcome.code, Some(0), "{}", outcome.complaints);
        serde_json::from_str::<Value>(&outcome.output).unwrap()
    };
    for (scheme, source, host, refused_by) in [
        ("https", "10.7.0.1", API_HOST, None),
        ("https", "10.8.0.1", API_HOST, Some("securityGroup")),
        ("http", "10.7.0.1", API_HOST, Some("tls")),
        ("https", "10.7.0.1", "unknown.example", Some("tls")),
    ] {
        let told = explain(scheme, source, host);
        assert_eq!(told["refusedBy"].as_str(), refused_by, "{told:#}");
        assert_eq!(gate_of(&told, "proxyProtocol")["verdict"], "passed");
    }
}

#[test]
fn tls_and_the_server_name_are_gates_as_on_the_wire() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &crate::pets());
    let names = ["*.execute-api.us-east-1.amazonaws.com", "extra.example"];
    let certificate = Certificate::write(&place, "gateway", &names);
    configuration["vpcEndpoints"][0]["tls"] =
        json!([{"certificateFile": certificate.certificate_file, "privateKeyFile": certificate.key_file}]);
    let gateway = Gateway::start(place, configuration);
    let explain = |address: &str| {
        let url = format!("{address}/demo/pets");
        let arguments =
            ["explain", "--config", "postern.yaml", "--format", "json", "--vpce", VPCE_A, "GET", &url];
        let outcome = run_program(gateway.place().path(), &arguments, "");
        assert_eq!(outcome.code, Some(0), "{}", outcome.complaints);
        serde_json::from_str::<Value>(&outcome.output).unwrap()
    };
    let seen = |name: &str| openssl_client(gateway.endpoint(0), &["-servername", name], "");
    for (name, is_known) in [(API_HOST, true), ("extra.example", true), ("unknown.example", false)] {
        let told = explain(&format!("https://{name}"));
        assert_eq!(gate_of(&told, "tls")["verdict"] == "passed", is_known, "{told:#}");
        assert_eq!(!seen(name).contains("unrecognized name"), is_known, "{name}");
    }
    assert_eq!(facts(&explain(&format!("https://{API_HOST}")), "tls")["transport"], "TLS");
    let told = explain(&format!("http://{API_HOST}"));
    assert_eq!((&told["refusedBy"], &told["ending"]), (&json!("tls"), &json!("closed")));
    let mut wire = gateway.wire();
    wire.send_anyway(get("/demo/pets"));
    assert!(!matches!(wire.try_answer(), Ok(Some(_))), "plain text is no TLS");
}

#[test]
fn a_denied_request_can_be_looked_up_by_its_id() {
    let (mut gateway, _backend) = start();
    let ask = |endpoint: usize, request: String| Wire::to(gateway.endpoint(endpoint)).ask(request);
    let agent = "User-Agent: robot 7\r\nCookie: session=cookie-that-nobody-may-see\r\n";
    let key = "x-api-key: no-such-key-that-nobody-may-see\r\n";
    let cases = [
        (ask(1, get("/demo/pets?token=that-nobody-may-see")), "resourcePolicy"),
        (ask(0, request("GET", "/demo/secret", agent, "")), "resourcePolicy"),
        (ask(0, request("GET", "/demo/keyed", key, "")), "apiKey"),
        (ask(0, get("/prod/pets")), "stage"),
        (ask(0, get("/demo/cats")), "method"),
        (ask(0, get("/demo/slow")), "throttle"),
    ];
    for (answer, gate) in &cases {
        let (page, told) = denial(&gateway, answer);
        assert_eq!((&told["refusedBy"], &told["configuration"]), (&json!(gate), &json!("serving")), "{page}");
        assert_eq!(told["answer"]["status"], answer.status());
        assert_eq!(told["answer"]["body"], answer.text());
        assert!(!page.contains("that-nobody-may-see"), "{page}");
    }
    let (_, told) = denial(&gateway, &cases[0].0);
    assert_eq!(told["request"]["vpcEndpointId"], VPCE_B);
    assert_eq!(gate_of(&told, "resourcePolicy")["policy"]["change"]["value"], VPCE_A);
    let text = denial_text(&gateway, &cases[0].0);
    assert!(
        text.contains("would be allowed by statement 0 if aws:SourceVpce were vpce-01234567abcdef012"),
        "{text}"
    );
    // What was let in is not kept, nor what nobody asked.
    let allowed = gateway.get("/demo/pets");
    for id in [id_of(&allowed), "none", ""] {
        assert_eq!(gateway.ask_admin("GET", &format!("/denials/{id}")).status(), 404, "{id}");
    }
    let configuration = gateway.configuration().clone();
    gateway.reload(configuration);
    let (page, told) = denial(&gateway, &cases[0].0);
    assert_eq!((&told["configuration"], &told["gates"]), (&json!("replaced"), &Value::Null), "{page}");
    assert_eq!(told["because"], "the resource policy denies by statement `OurEndpoint`");
    assert!(
        denial_text(&gateway, &cases[0].0)
            .ends_with("The configuration that decided has been replaced since.\n")
    );
}

#[test]
fn the_oldest_denials_give_way() {
    let (gateway, _backend) = start();
    let mut wire = gateway.wire();
    let first = wire.ask(get("/demo/cats"));
    assert_eq!(denial(&gateway, &first).1["refusedBy"], "method");
    let last = (0..256).map(|_| wire.ask(get("/demo/cats"))).last().unwrap();
    assert_eq!(denial(&gateway, &last).1["refusedBy"], "method");
    assert_eq!(gateway.ask_admin("GET", &format!("/denials/{}", id_of(&first))).status(), 404);
}

fn id_of(answer: &Message) -> &str {
    answer.field("x-amzn-requestid").expect("an id")
}

/// The page of a denial, as it came and read.
fn denial(gateway: &Gateway, answer: &Message) -> (String, Value) {
    let page = gateway.denial(id_of(answer));
    assert_eq!(page.field("content-type"), Some("application/json"));
    (page.text().to_owned(), serde_json::from_slice(&page.body).unwrap())
}

fn denial_text(gateway: &Gateway, answer: &Message) -> String {
    let request =
        format!("GET /denials/{} HTTP/1.1\r\nHost: admin\r\nAccept: text/plain\r\n\r\n", id_of(answer));
    let page = Wire::to(gateway.admin()).ask(request);
    assert_eq!(page.field("content-type"), Some("text/plain; charset=utf-8"));
    page.text().to_owned()
}
