//! Custom domain names: who sees them, and which rule or mapping takes a request (private-access.md
//! sections 8 to 10).

use std::net::SocketAddr;

use postern_testing::{
    API_HOST, API_ID, Backend, Gateway, Message, Place, VPCE_A, VPCE_B, Wire, base_configuration, definition,
    http_proxy, mock, run_program,
};
use serde_json::{Value, json};

use crate::{gateway, refusal, short};

const HOST: &str = "api.corp.internal";
const OTHER_API: &str = "f6g7h8i9j0";
const PUBLIC_API: &str = "k1l2m3n4o5";

/// Says which API, stage and path a request reached.
fn sayer() -> Value {
    let said = "$context.apiId $context.stage $input.params('proxy')";
    definition(&json!({
        "/": {"x-amazon-apigateway-any-method": mock("$context.apiId $context.stage root")},
        "/{proxy+}": {"x-amazon-apigateway-any-method": mock(said)},
    }))
}

/// Two private APIs and a public one, each with the stages `demo` and `prod`, behind two endpoints and a
/// public listener, with these domain names.
fn with_domains(domain_names: &Value) -> Gateway {
    gateway(&sayer(), |place, configuration| three_apis(place, configuration, domain_names))
}

fn three_apis(place: &Place, configuration: &mut Value, domain_names: &Value) {
    configuration["publicListeners"] = json!([{"listeners": [{"address": place.address().to_string()}]}]);
    configuration["restApis"][0]["stages"] = json!([{"stageName": "demo"}, {"stageName": "prod"}]);
    for (id, kind) in [(OTHER_API, "PRIVATE"), (PUBLIC_API, "REGIONAL")] {
        let mut other = configuration["restApis"][0].clone();
        other["id"] = json!(id);
        other["endpointConfiguration"] = json!({"types": [kind]});
        configuration["restApis"].as_array_mut().unwrap().push(other);
    }
    configuration["domainNames"] = domain_names.clone();
}

fn mapping(base_path: &str, api: &str, stage: &str) -> Value {
    json!({"basePath": base_path, "restApiId": api, "stage": stage})
}

fn rule(priority: u32, conditions: &Value, api: &str, stage: &str) -> Value {
    let invoked = json!({"apiId": api, "stage": stage});
    json!({"priority": priority, "conditions": conditions, "actions": [{"invokeApi": invoked}]})
}

fn header(name: &str, glob: &str) -> Value {
    json!({"matchHeaders": {"anyOf": [{"header": name, "valueGlob": glob}]}})
}

fn base_path(text: &str) -> Value {
    json!({"matchBasePaths": {"anyOf": [text]}})
}

fn private(rest: &Value) -> Value {
    let mut domain = json!({"domainName": HOST});
    domain.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!([domain])
}

fn ask(address: SocketAddr, host: &str, path: &str, lines: &str) -> Message {
    Wire::to(address).ask(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n"))
}

/// Status and body of a request for [`HOST`] through the first endpoint.
fn said(gateway: &Gateway, path: &str, lines: &str) -> String {
    let answer = ask(gateway.endpoint(0), HOST, path, lines);
    if answer.status() == 200 { answer.text().to_owned() } else { answer.status().to_string() }
}

fn forbidden() -> String {
    refusal("403 Forbidden", "ForbiddenException", r#"{"message":"Forbidden"}"#)
}

#[test]
fn pa_101_one_name_is_another_domain_through_another_endpoint() {
    let gateway = with_domains(&json!([
        {"domainName": HOST, "accessAssociations": [VPCE_A], "basePathMappings": [mapping("", API_ID, "demo")]},
        {"domainName": HOST, "accessAssociations": [VPCE_B], "basePathMappings": [mapping("", OTHER_API, "prod")]},
    ]));
    assert_eq!(short(&ask(gateway.endpoint(0), HOST, "/x", "")), (200, "a1b2c3d4e5 demo x"));
    assert_eq!(short(&ask(gateway.endpoint(1), HOST, "/x", "")), (200, "f6g7h8i9j0 prod x"));
    // F10: where it is not seen it is as unknown as any other name.
    assert_eq!(ask(gateway.public(), HOST, "/x", "").masked(), forbidden());
}

#[test]
fn h8_a_public_name_leads_to_each_kind_of_api_by_its_own_door_alone() {
    let domain = json!([{
        "domainName": "api.example",
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "basePathMappings": [mapping("in", API_ID, "demo"), mapping("out", PUBLIC_API, "demo")],
    }]);
    let gateway = with_domains(&domain);
    assert_eq!(short(&ask(gateway.endpoint(0), "api.example", "/in/x", "")), (200, "a1b2c3d4e5 demo x"));
    assert_eq!(short(&ask(gateway.public(), "api.example", "/out/x", "")), (200, "k1l2m3n4o5 demo x"));
    assert_eq!(ask(gateway.public(), "api.example", "/in/x", "").masked(), forbidden());
    assert_eq!(ask(gateway.endpoint(0), "api.example", "/out/x", "").masked(), forbidden());
}

#[test]
fn pa_107_the_most_specific_public_name_wins() {
    let public = |name: &str, stage: &str| {
        json!({
            "domainName": name,
            "endpointConfiguration": {"types": ["REGIONAL"]},
            "basePathMappings": [mapping("", PUBLIC_API, stage)],
        })
    };
    let gateway = with_domains(&json!([public("*.example", "demo"), public("shop.example", "prod")]));
    for (host, expected) in [
        ("shop.example", Some("k1l2m3n4o5 prod x")),
        ("SHOP.example.:443", Some("k1l2m3n4o5 prod x")),
        ("any.example", Some("k1l2m3n4o5 demo x")),
        ("any.shop.example", None),
        ("example", None),
    ] {
        let answer = ask(gateway.public(), host, "/x", "");
        match expected {
            Some(expected) => assert_eq!(short(&answer), (200, expected), "{host}"),
            None => assert_eq!(answer.masked(), forbidden(), "{host}"),
        }
    }
}

#[test]
fn pa_121_mappings_of_one_level_take_whole_segments() {
    let gateway = with_domains(&private(&json!({
        "basePathMappings": [mapping("orders", API_ID, "prod"), mapping("", OTHER_API, "demo")],
    })));
    assert_eq!(said(&gateway, "/orders/1", ""), "a1b2c3d4e5 prod 1");
    assert_eq!(said(&gateway, "/orders", ""), "a1b2c3d4e5 prod root");
    assert_eq!(said(&gateway, "/ordersandmore", ""), "f6g7h8i9j0 demo ordersandmore");
    assert_eq!(said(&gateway, "//orders/1", ""), "a1b2c3d4e5 prod 1");
    assert_eq!(said(&gateway, "/Orders/1", ""), "f6g7h8i9j0 demo Orders/1");
}

/// PA-122, and what hardening.md section 3 asks of the path that is left: a part of a segment that
/// becomes a segment of its own is looked at again.
#[test]
fn pa_122_mappings_of_several_levels_take_the_longest_prefix() {
    let gateway = with_domains(&json!([{
        "domainName": "api.example",
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "basePathMappings": [mapping("orders", PUBLIC_API, "prod"), mapping("orders/v1/items", PUBLIC_API, "demo")],
    }]));
    let ask = |path: &str| ask(gateway.public(), "api.example", path, "");
    for (path, expected) in [
        ("/orders/v1/items/2", "k1l2m3n4o5 demo 2"),
        ("/orders/v1/items2", "k1l2m3n4o5 demo 2"),
        ("/orders/v1/item", "k1l2m3n4o5 prod v1/item"),
        ("/ordersandmore", "k1l2m3n4o5 prod andmore"),
        ("/orders..a/b", "k1l2m3n4o5 prod ..a/b"),
    ] {
        assert_eq!(short(&ask(path)), (200, expected), "{path}");
    }
    for path in
        ["/orders../admin", "/orders..", "/orders.;x/admin", "/orders..%2fadmin", "/orders%2e%2e/admin"]
    {
        assert_eq!(short(&ask(path)), (400, r#"{"message":"Bad Request"}"#), "{path}");
    }
    assert_eq!(ask("/other").masked(), forbidden());
}

#[test]
fn pa_123_mappings_of_several_levels_lower_header_names() {
    let backend = Backend::answering(200, "");
    for (base, passed, mapped) in [("a/b", "x-mixed", "|1"), ("a", "X-Mixed", "1|")] {
        let paths = json!({
            "/pass": {"get": http_proxy("GET", backend.address(), "/pass")},
            "/say": {"get": mock("$input.params('X-Mixed')|$input.params('x-mixed')")},
        });
        let gateway = gateway(&definition(&paths), |place, configuration| {
            let domain = json!([{
                "domainName": "api.example",
                "endpointConfiguration": {"types": ["REGIONAL"]},
                "basePathMappings": [mapping(base, PUBLIC_API, "demo")],
            }]);
            three_apis(place, configuration, &domain);
        });
        let ask =
            |path: &str| ask(gateway.public(), "api.example", &format!("/{base}{path}"), "X-Mixed: 1\r\n");
        assert_eq!(ask("/pass").status(), 200);
        let request = backend.requests().pop().unwrap();
        assert!(request.names().contains(&passed), "{base}: {:?}", request.names());
        assert_eq!(short(&ask("/say")), (200, mapped), "{base}");
    }
}

#[test]
fn the_context_knows_the_domain_name_and_what_matched() {
    let paths = json!({"/say": {"get": mock("$context.domainName $context.domainPrefix $context.path")}});
    let gateway = gateway(&definition(&paths), |place, configuration| {
        let domain = private(&json!({
            "routingMode": "ROUTING_RULE_THEN_BASE_PATH_MAPPING",
            "routingRules": [rule(1, &json!([base_path("ruled")]), API_ID, "demo")],
            "basePathMappings": [mapping("store", API_ID, "demo"), mapping("", API_ID, "demo")],
        }));
        three_apis(place, configuration, &domain);
        configuration["domainNames"][0]["routingRules"][0]["actions"][0]["invokeApi"]["stripBasePath"] =
            json!(true);
        configuration["accessLog"] = json!({"destination": "stdout", "format": "$context.requestId $context.path $context.customDomain.basePathMatched."});
    });
    let answer = ask(gateway.endpoint(0), "API.corp.internal:443", "/store/say", "");
    assert_eq!(short(&answer), (200, "API.corp.internal API /store/say"));
    let _ = gateway.output_line(" /store/say store.");
    assert_eq!(said(&gateway, "/say", ""), "api.corp.internal api /say");
    let _ = gateway.output_line(" /say (none).");
    assert_eq!(said(&gateway, "/ruled/say", ""), "api.corp.internal api /ruled/say");
    let _ = gateway.output_line(" /ruled/say ruled.");
    assert_eq!(gateway.get("/demo/say").status(), 200);
    let _ = gateway.output_line(" /demo/say -.");
}

#[test]
fn pa_142_the_mode_says_who_is_asked() {
    for (mode, ruled, mapped) in [
        ("BASE_PATH_MAPPING_ONLY", "a1b2c3d4e5 prod ruled", "a1b2c3d4e5 prod x"),
        ("API_MAPPING_ONLY", "a1b2c3d4e5 prod ruled", "a1b2c3d4e5 prod x"),
        ("ROUTING_RULE_THEN_BASE_PATH_MAPPING", "f6g7h8i9j0 demo ruled", "a1b2c3d4e5 prod x"),
        ("ROUTING_RULE_THEN_API_MAPPING", "f6g7h8i9j0 demo ruled", "a1b2c3d4e5 prod x"),
        ("ROUTING_RULE_ONLY", "f6g7h8i9j0 demo ruled", "403"),
    ] {
        let gateway = with_domains(&private(&json!({
            "routingMode": mode,
            "routingRules": [rule(1, &json!([base_path("ruled")]), OTHER_API, "demo")],
            "basePathMappings": [mapping("", API_ID, "prod")],
        })));
        assert_eq!(said(&gateway, "/ruled", ""), ruled, "{mode}");
        assert_eq!(said(&gateway, "/x", ""), mapped, "{mode}");
    }
}

fn ruled(rules: &Value) -> Gateway {
    with_domains(&private(&json!({"routingMode": "ROUTING_RULE_ONLY", "routingRules": rules})))
}

#[test]
fn pa_140_the_lowest_priority_that_matches_decides() {
    for (first, second, expected) in [(10, 20, "a1b2c3d4e5 demo x"), (20, 10, "f6g7h8i9j0 prod x")] {
        let rules =
            json!([rule(first, &json!([]), API_ID, "demo"), rule(second, &json!([]), OTHER_API, "prod")]);
        assert_eq!(said(&ruled(&rules), "/x", ""), expected);
    }
}

#[test]
fn pa_143_to_145_header_conditions_look_at_each_line() {
    let both = json!([header("X-Version", "beta*"), header("accept", "*json")]);
    let gateway = ruled(&json!([
        rule(1, &both, API_ID, "demo"),
        rule(2, &json!([header("x-version", "*")]), API_ID, "prod"),
        rule(3, &json!([header("host", HOST)]), OTHER_API, "demo"),
    ]));
    for (lines, expected) in [
        ("x-version: beta2\r\nAccept: application/json\r\n", "a1b2c3d4e5 demo x"),
        ("X-VERSION: beta\r\nAccept: text/xml\r\nAccept: application/json\r\n", "a1b2c3d4e5 demo x"),
        ("x-version: beta2\r\nAccept: application/json,text/xml\r\n", "a1b2c3d4e5 prod x"),
        ("x-version: Beta2\r\nAccept: application/json\r\n", "a1b2c3d4e5 prod x"),
        ("Accept: application/json\r\n", "f6g7h8i9j0 demo x"),
    ] {
        assert_eq!(said(&gateway, "/x", lines), expected, "{lines}");
    }
}

#[test]
fn pa_146_and_147_base_path_conditions_end_at_segments_and_are_stripped_or_kept() {
    for (strip, orders, deep) in [
        (false, "a1b2c3d4e5 demo orders/7", "a1b2c3d4e5 prod a/b/7"),
        (true, "a1b2c3d4e5 demo 7", "a1b2c3d4e5 prod 7"),
    ] {
        let mut rules = json!([
            rule(1, &json!([base_path("orders")]), API_ID, "demo"),
            rule(2, &json!([{"matchBasePaths": {"anyOf": ["a", "a/b"]}}]), API_ID, "prod"),
        ]);
        for rule in rules.as_array_mut().unwrap() {
            rule["actions"][0]["invokeApi"]["stripBasePath"] = json!(strip);
        }
        let gateway = ruled(&rules);
        assert_eq!(said(&gateway, "/orders/7?orders=8", ""), orders);
        assert_eq!(said(&gateway, "/a/b/7", ""), deep);
        for other in ["/ordersandmore", "/Orders/7", "/x/orders/7", "/?path=/orders"] {
            assert_eq!(said(&gateway, other, ""), "403", "{other}");
        }
    }
}

#[test]
fn pa_148_a_wildcard_domain_tells_its_hosts_apart_by_a_rule() {
    let domain = json!([{
        "domainName": "*.example",
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "routingMode": "ROUTING_RULE_ONLY",
        "routingRules": [
            rule(1, &json!([header("Host", "a.*")]), PUBLIC_API, "demo"),
            rule(2, &json!([]), PUBLIC_API, "prod"),
        ],
    }]);
    let gateway = with_domains(&domain);
    for (host, expected) in [("a.example", "k1l2m3n4o5 demo x"), ("b.example", "k1l2m3n4o5 prod x")] {
        assert_eq!(short(&ask(gateway.public(), host, "/x", "")), (200, expected));
    }
}

/// hardening.md section 2: no other header and no trick of the host finds another domain.
#[test]
fn host_tricks_find_no_other_domain() {
    let gateway = with_domains(&json!([
        {"domainName": HOST, "accessAssociations": [VPCE_A], "basePathMappings": [mapping("", API_ID, "demo")]},
        {"domainName": "hidden.internal", "accessAssociations": [VPCE_B], "basePathMappings": [mapping("", OTHER_API, "demo")]},
    ]));
    for lines in [
        "X-Forwarded-Host: hidden.internal\r\n",
        "Forwarded: host=hidden.internal\r\n",
        "X-Host: hidden.internal\r\n",
        "X-Original-URL: /hidden\r\n",
        "X-Rewrite-URL: http://hidden.internal/\r\n",
        "x-apigw-api-id: f6g7h8i9j0\r\n",
        "x-amzn-vpce-id: vpce-0fedcba9876543210\r\n",
    ] {
        assert_eq!(said(&gateway, "/x", lines), "a1b2c3d4e5 demo x", "{lines}");
    }
    assert_eq!(ask(gateway.endpoint(0), "hidden.internal", "/x", "").masked(), forbidden());
    let two = format!("GET http://hidden.internal/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    assert_eq!(gateway.wire().ask(two).status(), 400);
    assert_eq!(ask(gateway.endpoint(0), API_HOST, "/demo/x", "").status(), 200);
}

#[test]
fn routes_shows_rules_and_the_records_of_every_door() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &definition(&json!({"/": {"get": mock("root")}})));
    let mut rules = json!([
        rule(5, &json!([base_path("orders"), header("X-Version", "beta*")]), API_ID, "demo"),
        rule(9, &json!([base_path("kept")]), API_ID, "demo"),
    ]);
    rules[0]["actions"][0]["invokeApi"]["stripBasePath"] = json!(true);
    let private = private(&json!({"routingMode": "ROUTING_RULE_ONLY", "routingRules": rules}));
    three_apis(&place, &mut configuration, &private);
    let public = json!({
        "domainName": "*.example",
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "basePathMappings": [mapping("", PUBLIC_API, "demo")],
    });
    configuration["domainNames"].as_array_mut().unwrap().push(public);
    place.write("postern.yaml", &configuration.to_string());
    let outcome = run_program(place.path(), &["routes", "--config", "postern.yaml"], "");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = outcome.output.lines().map(words).collect();
    for expected in [
        "api.corp.internal by rule 5 with x-version: beta* demo GET /orders/ MOCK NONE -",
        "api.corp.internal by rule 9 under /kept demo GET / MOCK NONE -",
        "*.example demo GET / MOCK NONE -",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:#?}");
    }
    let outcome = run_program(place.path(), &["routes", "--config", "postern.yaml", "--dns"], "");
    let ip = place.ip();
    let public = outcome.output.split("; public listeners: for everybody\n").nth(1).unwrap();
    let names: Vec<&str> = public.lines().take(2).collect();
    let record = |name: &str| format!("{name}. 60 IN A {ip}");
    assert_eq!(names, [record("k1l2m3n4o5.execute-api.us-east-1.amazonaws.com"), record("*.example")]);
    assert_eq!(outcome.output.matches("api.corp.internal. 60 IN A ").count(), 2, "{}", outcome.output);
}
