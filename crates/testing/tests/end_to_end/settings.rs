//! Settings that no other file of tests is about: each test changes one and sees what changes.

use std::fs;

use postern_testing::{
    API_HOST, API_ID, Backend, Certificate, Gateway, Place, VPC_ID, VPCE_A, VPCE_B, Wire, answer,
    base_configuration, curl, definition, expect, expect_head, hang, http_proxy, mock, run_program,
};
use serde_json::{Value, json};

use crate::{gateway, get, keys_and_rates::keyed, pets, plain_gateway, short};

fn ask(gateway: &Gateway, host: &str, path: &str) -> u16 {
    gateway.wire().ask(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).status()
}

/// Says what stands in the context.
fn saying(text: &str) -> Value {
    definition(&json!({"/say": {"get": mock(text)}}))
}

/// What `postern check` says.
fn check(place: &Place, configuration: &Value) -> (Option<i32>, String) {
    place.write("postern.yaml", &configuration.to_string());
    let outcome = run_program(place.path(), &["check", "--config", "postern.yaml"], "");
    (outcome.code, format!("{}{}", outcome.output, outcome.complaints))
}

#[test]
fn the_region_is_part_of_host_names() {
    for (region, expected) in [("us-east-1", 200), ("eu-west-1", 403)] {
        let gateway = gateway(&pets(), |_, configuration| configuration["region"] = json!(region));
        assert_eq!(ask(&gateway, API_HOST, "/demo/pets"), expected, "{region}");
        let host = format!("{API_ID}.execute-api.{region}.amazonaws.com");
        assert_eq!(ask(&gateway, &host, "/demo/pets"), 200);
    }
}

#[test]
fn the_account_stands_in_arns() {
    for account in ["123456789012", "210987654321"] {
        let gateway = gateway(&saying("$context.accountId"), |place, configuration| {
            configuration["accountId"] = json!(account);
            let mut policy = postern_testing::open_policy();
            policy["Statement"][0]["Resource"] =
                json!(format!("arn:aws:execute-api:us-east-1:{account}:{API_ID}/demo/GET/say"));
            place.write("policy.json", &policy.to_string());
        });
        assert_eq!(short(&gateway.get("/demo/say")), (200, account));
    }
}

#[test]
fn the_dns_suffix_is_what_host_names_end_with() {
    let gateway = gateway(&pets(), |_, configuration| configuration["dnsSuffix"] = json!("corp.internal"));
    assert_eq!(ask(&gateway, "a1b2c3d4e5.execute-api.us-east-1.corp.internal", "/demo/pets"), 200);
    assert_eq!(ask(&gateway, API_HOST, "/demo/pets"), 403);
}

#[test]
fn a_connection_has_the_endpoint_and_the_vpc_of_its_listener() {
    let gateway =
        gateway(&saying("$context.identity.vpceId $context.identity.vpcId"), |place, configuration| {
            configuration["vpcEndpoints"][1]["vpcId"] = json!("vpc-0fffffffffffffff0");
            let address = place.address().to_string();
            configuration["vpcEndpoints"][0]["listeners"]
                .as_array_mut()
                .unwrap()
                .push(json!({"address": address}));
        });
    let first = format!("{VPCE_A} {VPC_ID}");
    let second = format!("{VPCE_B} vpc-0fffffffffffffff0");
    let other_listener = gateway.configuration()["vpcEndpoints"][0]["listeners"][1]["address"].clone();
    for (address, expected) in [
        (gateway.endpoint(0), &first),
        (other_listener.as_str().unwrap().parse().unwrap(), &first),
        (gateway.endpoint(1), &second),
    ] {
        assert_eq!(short(&Wire::to(address).ask(get("/demo/say"))), (200, &**expected));
    }
}

#[test]
fn a_listener_shows_its_certificate() {
    let gateway = gateway(&pets(), |place, configuration| {
        let one = Certificate::write(place, "one", &[API_HOST]);
        configuration["vpcEndpoints"][0]["tls"] =
            json!([{"certificateFile": one.certificate_file, "privateKeyFile": one.key_file}]);
        let two = Certificate::write(place, "two", &[API_HOST]);
        configuration["publicListeners"] = json!([{
            "listeners": [{"address": place.address().to_string()}],
            "tls": [{"certificateFile": two.certificate_file, "privateKeyFile": two.key_file}],
        }]);
    });
    let trusted = |name: &str, address| {
        let file = gateway.place().path().join(format!("tls/{name}.crt"));
        let url = format!("https://{API_HOST}/demo/pets");
        curl(address, &["--cacert", &file.to_string_lossy(), &url]).code
    };
    assert_eq!((trusted("one", gateway.endpoint(0)), trusted("two", gateway.public())), (0, 0));
    assert_ne!(trusted("two", gateway.endpoint(0)), 0);
    assert_ne!(trusted("one", gateway.public()), 0);
}

#[test]
fn http_2_is_served_where_the_listener_says_so() {
    let gateway = gateway(&pets(), |place, configuration| {
        let certificate = Certificate::write(place, "one", &[API_HOST]);
        let tls = json!([{"certificateFile": certificate.certificate_file, "privateKeyFile": certificate.key_file}]);
        configuration["vpcEndpoints"][0]["tls"] = tls.clone();
        configuration["vpcEndpoints"][0]["http2"] = json!(false);
        configuration["vpcEndpoints"][1]["tls"] = tls.clone();
        configuration["publicListeners"] = json!([
            {"listeners": [{"address": place.address().to_string()}], "tls": tls, "http2": false},
            {"listeners": [{"address": place.address().to_string()}], "tls": tls},
        ]);
    });
    let second_public = gateway.configuration()["publicListeners"][1]["listeners"][0]["address"].clone();
    for (address, version) in [
        (gateway.endpoint(0), "1.1"),
        (gateway.endpoint(1), "2"),
        (gateway.public(), "1.1"),
        (second_public.as_str().unwrap().parse().unwrap(), "2"),
    ] {
        let url = format!("https://{API_HOST}/demo/pets");
        let answer = curl(address, &["--http2", "--insecure", &url]);
        assert_eq!(answer.version, version, "{answer:?}");
    }
}

#[test]
fn private_dns_decides_which_records_are_printed() {
    for (enabled, expected) in [(true, true), (false, false)] {
        let place = Place::new();
        let mut configuration = base_configuration(&place, &pets());
        for endpoint in [0, 1] {
            configuration["vpcEndpoints"][endpoint]["privateDnsEnabled"] = json!(enabled);
        }
        place.write("postern.yaml", &configuration.to_string());
        let outcome = run_program(place.path(), &["routes", "--config", "postern.yaml", "--dns"], "");
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let regional = "execute-api.us-east-1.amazonaws.com";
        let named = outcome.output.lines().any(|line| {
            line.split_whitespace().any(|word| {
                let word = word.trim_end_matches('.');
                word == regional || word == format!("*.{regional}") || word == API_HOST
            })
        });
        assert_eq!(named, expected, "{}", outcome.output);
    }
}

#[test]
fn a_trusted_x_forwarded_for_stays_before_ours() {
    for (trusted, expected) in [(true, "9.9.9.9, 127.0.0.1"), (false, "127.0.0.1")] {
        let backend = Backend::answering(200, "[]");
        let definition = definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), "/")}}));
        let gateway = gateway(&definition, |_, configuration| {
            configuration["vpcEndpoints"][0]["trustXForwardedFor"] = json!(trusted);
        });
        assert_eq!(gateway.get_with("/demo/pets", "X-Forwarded-For: 9.9.9.9\r\n").status(), 200);
        assert_eq!(backend.request(0).field("X-Forwarded-For"), Some(expected));
    }
}

#[test]
fn the_type_of_an_endpoint_decides_the_door() {
    for (kind, inside, outside) in [("PRIVATE", 200, 403), ("REGIONAL", 403, 200)] {
        let gateway = gateway(&pets(), |place, configuration| {
            configuration["publicListeners"] =
                json!([{"listeners": [{"address": place.address().to_string()}]}]);
            configuration["restApis"][0]["endpointConfiguration"] = json!({"types": [kind]});
        });
        assert_eq!(gateway.get("/demo/pets").status(), inside, "{kind}");
        assert_eq!(Wire::to(gateway.public()).ask(get("/demo/pets")).status(), outside, "{kind}");
    }
}

#[test]
fn the_endpoints_that_an_api_lists_give_it_host_names() {
    for (listed, expected) in [(json!([VPCE_A]), 200), (json!([VPCE_B]), 403), (json!([]), 403)] {
        let gateway = gateway(&pets(), |_, configuration| {
            configuration["restApis"][0]["endpointConfiguration"]["vpcEndpointIds"] = listed.clone();
        });
        let host = format!("{API_ID}-{VPCE_A}.execute-api.us-east-1.amazonaws.com");
        assert_eq!(ask(&gateway, &host, "/demo/pets"), expected, "{listed}");
    }
}

#[test]
fn an_api_has_its_id_definition_stages_and_policy() {
    let gateway = gateway(&pets(), |place, configuration| {
        place.write("cats.json", &definition(&json!({"/cats": {"get": mock("cats")}})).to_string());
        let mut closed = postern_testing::open_policy();
        closed["Statement"][0]["Effect"] = json!("Deny");
        place.write("closed.json", &closed.to_string());
        let api = |id: &str, policy: &str| json!({"id": id, "definition": "cats.json", "policyFile": policy, "stages": [{"stageName": "prod"}]});
        let apis = configuration["restApis"].as_array_mut().unwrap();
        apis.extend([api("opencats01", "policy.json"), api("closecats1", "closed.json")]);
    });
    let host = |id: &str| format!("{id}.execute-api.us-east-1.amazonaws.com");
    assert_eq!(ask(&gateway, &host("opencats01"), "/prod/cats"), 200);
    assert_eq!(ask(&gateway, &host("closecats1"), "/prod/cats"), 403);
    assert_eq!(ask(&gateway, &host("opencats01"), "/demo/cats"), 403);
    assert_eq!(ask(&gateway, &host("opencats01"), "/prod/pets"), 403);
    assert_eq!(ask(&gateway, API_HOST, "/demo/pets"), 200);
}

fn domain(configuration: &mut Value, change: impl FnOnce(&mut Value)) {
    let mut domain = json!({
        "domainName": "api.corp.internal",
        "basePathMappings": [{"basePath": "store", "restApiId": API_ID, "stage": "demo"}],
    });
    change(&mut domain);
    configuration["domainNames"] = json!([domain]);
}

#[test]
fn the_default_endpoint_can_be_disabled() {
    for (disabled, expected) in [(true, 403), (false, 200)] {
        let gateway = gateway(&pets(), |_, configuration| {
            configuration["restApis"][0]["disableExecuteApiEndpoint"] = json!(disabled);
            domain(configuration, |_| {});
        });
        assert_eq!(ask(&gateway, API_HOST, "/demo/pets"), expected);
        assert_eq!(ask(&gateway, "api.corp.internal", "/store/pets"), 200);
    }
}

#[test]
fn a_domain_name_has_a_type_associations_and_mappings() {
    let host = "api.corp.internal";
    let request = format!("GET /store/pets HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let with = |change: &dyn Fn(&mut Value)| {
        gateway(&pets(), |place, configuration| {
            configuration["publicListeners"] =
                json!([{"listeners": [{"address": place.address().to_string()}]}]);
            domain(configuration, |domain| change(domain));
        })
    };
    let plain = with(&|_| {});
    assert_eq!(ask(&plain, host, "/store/pets"), 200);
    assert_eq!(Wire::to(plain.endpoint(1)).ask(&request).status(), 200);
    let other_name = with(&|domain| domain["domainName"] = json!("shop.corp.internal"));
    assert_eq!(ask(&other_name, host, "/store/pets"), 403);
    assert_eq!(ask(&other_name, "shop.corp.internal", "/store/pets"), 200);
    let associated = with(&|domain| domain["accessAssociations"] = json!([VPCE_B]));
    assert_eq!(ask(&associated, host, "/store/pets"), 403);
    assert_eq!(Wire::to(associated.endpoint(1)).ask(&request).status(), 200);
    let at_the_root = with(&|domain| {
        domain["basePathMappings"][0].as_object_mut().unwrap().remove("basePath");
    });
    assert_eq!(ask(&at_the_root, host, "/pets"), 200);
    assert_eq!(ask(&at_the_root, host, "/store/pets"), 403);
}

#[test]
fn a_mapping_leads_to_an_api_and_a_stage() {
    let gateway = gateway(&saying("$context.apiId $context.stage"), |_, configuration| {
        configuration["restApis"][0]["stages"] = json!([{"stageName": "demo"}, {"stageName": "prod"}]);
        let mut second = configuration["restApis"][0].clone();
        second["id"] = json!("f6g7h8i9j0");
        second["endpointConfiguration"] = json!({"types": ["PRIVATE"]});
        configuration["restApis"].as_array_mut().unwrap().push(second);
        domain(configuration, |domain| {
            let mapping = |base: &str, api: &str, stage: &str| json!({"basePath": base, "restApiId": api, "stage": stage});
            domain["basePathMappings"] = json!([
                mapping("one", API_ID, "demo"),
                mapping("two", API_ID, "prod"),
                mapping("three", "f6g7h8i9j0", "demo"),
            ]);
        });
    });
    for (path, expected) in
        [("/one/say", "a1b2c3d4e5 demo"), ("/two/say", "a1b2c3d4e5 prod"), ("/three/say", "f6g7h8i9j0 demo")]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: api.corp.internal\r\n\r\n");
        assert_eq!(short(&gateway.wire().ask(request)), (200, expected));
    }
}

#[test]
fn a_public_domain_name_is_seen_publicly() {
    for (kind, expected) in [("REGIONAL", 200), ("PRIVATE", 403)] {
        let gateway = gateway(&pets(), |place, configuration| {
            configuration["publicListeners"] =
                json!([{"listeners": [{"address": place.address().to_string()}]}]);
            let mut public = configuration["restApis"][0].clone();
            public["id"] = json!("f6g7h8i9j0");
            public["endpointConfiguration"] = json!({"types": ["REGIONAL"]});
            configuration["restApis"].as_array_mut().unwrap().push(public);
            domain(configuration, |domain| {
                domain["endpointConfiguration"] = json!({"types": [kind]});
                let api = if kind == "REGIONAL" { "f6g7h8i9j0" } else { API_ID };
                domain["basePathMappings"][0]["restApiId"] = json!(api);
            });
        });
        let request = "GET /store/pets HTTP/1.1\r\nHost: api.corp.internal\r\n\r\n";
        assert_eq!(Wire::to(gateway.public()).ask(request).status(), expected, "{kind}");
    }
}

#[test]
fn the_base_path_of_a_definition_is_ignored_prepended_or_split() {
    let swagger = json!({
        "swagger": "2.0", "info": {"title": "test", "version": "1"}, "basePath": "/a/b",
        "paths": {"/pets": {"get": {
            "responses": {"200": {"description": "done"}},
            "x-amazon-apigateway-integration": mock("pets")["x-amazon-apigateway-integration"],
        }}},
    });
    for (mode, path) in [("ignore", "/demo/pets"), ("prepend", "/demo/a/b/pets"), ("split", "/demo/b/pets")] {
        let gateway =
            gateway(&swagger, |_, configuration| configuration["restApis"][0]["basePath"] = json!(mode));
        for other in ["/demo/pets", "/demo/a/b/pets", "/demo/b/pets"] {
            let expected = if other == path { 200 } else { 403 };
            assert_eq!(gateway.get(other).status(), expected, "{mode} {other}");
        }
    }
}

#[test]
fn security_at_the_root_holds_for_methods_or_is_ignored() {
    let mut definition = keyed();
    definition["paths"]["/pets"]["get"].as_object_mut().unwrap().remove("security");
    definition["security"] = json!([{"api_key": []}]);
    for (mode, expected) in [("apply", 403), ("ignore", 200)] {
        let gateway = gateway(&definition, |_, configuration| {
            configuration["restApis"][0]["rootSecurity"] = json!(mode)
        });
        assert_eq!(gateway.get("/demo/pets").status(), expected, "{mode}");
    }
}

#[test]
fn an_exported_policy_is_read_as_this_apis() {
    for (rewrite, expected) in [(true, 403), (false, 200)] {
        let gateway = gateway(&pets(), |place, configuration| {
            let statement = |effect: &str, api: &str| {
                let resource = format!("arn:aws:execute-api:us-east-1:123456789012:{api}/*");
                json!({"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource})
            };
            let statements = [statement("Allow", API_ID), statement("Deny", "z9y8x7w6v5")];
            place
                .write("policy.json", &json!({"Version": "2012-10-17", "Statement": statements}).to_string());
            configuration["restApis"][0]["rewritePolicyApiId"] = json!(rewrite);
        });
        assert_eq!(gateway.get("/demo/pets").status(), expected, "{rewrite}");
    }
}

#[test]
fn what_would_always_fail_is_refused_or_only_warned_about() {
    let mut operation = http_proxy("GET", "127.0.0.1:9".parse().unwrap(), "/");
    operation["x-amazon-apigateway-integration"]["requestParameters"] =
        json!({"integration.request.header.Content-Length": "'5'"});
    let definition = definition(&json!({"/pets": {"get": operation}}));
    let place = Place::new();
    let configuration = base_configuration(&place, &definition);
    let (code, said) = check(&place, &configuration);
    assert_eq!(code, Some(1), "{said}");
    let gateway =
        gateway(&definition, |_, configuration| configuration["restApis"][0]["strict"] = json!(false));
    let expected = (500, r#"{"message": "Internal server error"}"#);
    assert_eq!(short(&gateway.get("/demo/pets")), expected);
}

#[test]
fn stage_variables_are_read_by_templates() {
    for colour in ["red", "green"] {
        let gateway = gateway(&saying("$stageVariables.colour"), |_, configuration| {
            configuration["restApis"][0]["stages"][0]["variables"] = json!({"colour": colour});
        });
        assert_eq!(short(&gateway.get("/demo/say")), (200, colour));
    }
}

#[test]
fn method_settings_are_for_all_methods_or_for_one() {
    let definition = definition(&json!({"/pets": {"get": mock("pets")}, "/cats": {"get": mock("cats")}}));
    let gateway = gateway(&definition, |_, configuration| {
        configuration["restApis"][0]["stages"][0]["methodSettings"] = json!({
            "*/*": {"throttlingRateLimit": 0.001, "throttlingBurstLimit": 1},
            "/pets/GET": {"throttlingRateLimit": 1000, "throttlingBurstLimit": 5},
        });
    });
    let statuses = |path: &str| [gateway.get(path).status(), gateway.get(path).status()];
    assert_eq!(statuses("/demo/pets"), [200, 200]);
    assert_eq!(statuses("/demo/cats"), [200, 429]);
}

#[test]
fn a_vpc_link_leads_to_its_targets() {
    let (one, two) = (Backend::answering(200, "one"), Backend::answering(200, "two"));
    let mut operation = http_proxy("GET", one.address(), "/");
    let integration = &mut operation["x-amazon-apigateway-integration"];
    integration["uri"] = json!("http://petstore.internal/store");
    integration["connectionType"] = json!("VPC_LINK");
    integration["connectionId"] = json!("vl0001");
    let definition = definition(&json!({"/pets": {"get": operation}}));
    let link = |id: &str, backend: &Backend| json!({"id": id, "name": format!("the link {id}"), "targets": [backend.address().to_string()]});
    let first = gateway(&definition, |_, configuration| {
        configuration["vpcLinks"] = json!([link("vl0001", &one), link("vl0002", &two)]);
    });
    assert_eq!(first.get("/demo/pets").text(), "one");
    assert_eq!(one.request(0).first_line(), "GET /store HTTP/1.1");
    assert_eq!(one.request(0).field("Host"), Some("petstore.internal"));
    let second = gateway(&definition, |_, configuration| {
        configuration["vpcLinks"] = json!([link("vl0002", &one), link("vl0001", &two)]);
    });
    assert_eq!(second.get("/demo/pets").text(), "two");
}

#[test]
fn the_name_of_a_vpc_link_is_shown_with_its_routes() {
    let mut operation = http_proxy("GET", "127.0.0.1:9".parse().unwrap(), "/");
    let integration = &mut operation["x-amazon-apigateway-integration"];
    integration["connectionType"] = json!("VPC_LINK");
    integration["connectionId"] = json!("vl0001");
    let place = Place::new();
    let mut configuration = base_configuration(&place, &definition(&json!({"/pets": {"get": operation}})));
    for name in ["orders-nlb", "billing-nlb"] {
        configuration["vpcLinks"] = json!([{"id": "vl0001", "name": name, "targets": ["127.0.0.1:9"]}]);
        place.write("postern.yaml", &configuration.to_string());
        let outcome = run_program(place.path(), &["routes", "--config", "postern.yaml"], "");
        assert!(outcome.output.contains(name), "{outcome:?}");
    }
}

#[test]
fn a_body_that_nobody_reads_passes_as_it_comes_or_is_collected_first() {
    for streaming in [true, false] {
        let backend = Backend::script([expect_head("POST /"), hang(), answer(200, "done")]);
        let definition = definition(&json!({"/pets": {"post": http_proxy("POST", backend.address(), "/")}}));
        let gateway = gateway(&definition, |_, configuration| {
            configuration["requestStreaming"] = json!(streaming);
            configuration["limits"]["bodyIdleSeconds"] = json!(if streaming { 30 } else { 1 });
        });
        let mut wire = gateway.wire();
        wire.send(format!("POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: 10\r\n\r\n12345"));
        if streaming {
            assert_eq!(backend.request(0).field("Content-Length"), Some("10"));
            backend.release();
            assert_eq!(short(&wire.ask("67890")), (200, "done"));
        } else {
            assert_eq!(wire.answer().status(), 408);
            assert_eq!(backend.connections(), 0);
        }
    }
}

#[test]
fn hosts_lead_a_name_to_an_address() {
    let backend = Backend::script([expect("GET /store"), answer(200, "[]")]);
    let mut operation = http_proxy("GET", backend.address(), "/");
    operation["x-amazon-apigateway-integration"]["uri"] = json!("http://petstore.example/store");
    let gateway = gateway(&definition(&json!({"/pets": {"get": operation}})), |_, configuration| {
        configuration["hosts"] = json!({"petstore.example:80": backend.address().to_string()});
    });
    assert_eq!(gateway.get("/demo/pets").text(), "[]");
    assert_eq!(backend.request(0).field("Host"), Some("petstore.example"));
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    for workers in [1, 3] {
        let gateway = gateway(&pets(), |_, configuration| configuration["workers"] = json!(workers));
        let threads = fs::read_dir(format!("/proc/{}/task", gateway.number())).unwrap();
        let names = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        assert_eq!(names.filter(|name| name.starts_with("worker-")).count(), workers);
    }
}

#[test]
fn the_admin_listener_stands_where_it_is_put() {
    let gateway = plain_gateway(&pets());
    assert_eq!(gateway.ask_admin("GET", "/livez").status(), 200);
    let place = Place::new();
    let mut configuration = base_configuration(&place, &pets());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    configuration["admin"] = json!({"address": taken.local_addr().unwrap().to_string()});
    place.write("postern.yaml", &configuration.to_string());
    let outcome = run_program(place.path(), &["run", "--config", "postern.yaml"], "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.complaints.contains(&taken.local_addr().unwrap().to_string()), "{outcome:?}");
}

#[test]
fn the_access_log_goes_where_it_is_sent() {
    for destination in ["stderr", "stdout", "access.log"] {
        let gateway = gateway(&pets(), |_, configuration| {
            configuration["accessLog"] =
                json!({"destination": destination, "format": "seen $context.requestId $context.path"});
        });
        let answer = gateway.get("/demo/pets");
        let line = format!("seen {} /demo/pets", answer.field("x-amzn-RequestId").unwrap());
        match destination {
            "stderr" => drop(gateway.log_line(&line)),
            "stdout" => drop(gateway.output_line(&line)),
            file => postern_testing::until("the line in the file", || {
                gateway.place().read(file).contains(&line).then_some(())
            }),
        }
    }
}

#[test]
fn a_method_override_changes_the_method_or_is_left_alone() {
    let definition = definition(&json!({"/pets": {"get": mock("got"), "delete": mock("deleted")}}));
    for (on, expected) in [(true, "deleted"), (false, "got")] {
        let gateway = gateway(&definition, |_, configuration| {
            configuration["compatibility"] = json!({"methodOverride": on})
        });
        let answer = gateway.get_with("/demo/pets", "X-HTTP-Method-Override: DELETE\r\n");
        assert_eq!(short(&answer), (200, expected));
    }
}

#[test]
fn names_of_header_parameters_have_case_or_not() {
    let backend = Backend::answering(200, "[]");
    let mut operation = http_proxy("GET", backend.address(), "/");
    operation["parameters"] = json!([{"name": "X-Id", "in": "header", "schema": {"type": "string"}}]);
    operation["x-amazon-apigateway-integration"]["requestParameters"] =
        json!({"integration.request.querystring.id": "method.request.header.X-Id"});
    let definition = definition(&json!({"/pets": {"get": operation}}));
    for (number, (sensitive, expected)) in
        [(true, "GET / HTTP/1.1"), (false, "GET /?id=7 HTTP/1.1")].iter().enumerate()
    {
        let gateway = gateway(&definition, |_, configuration| {
            configuration["compatibility"] = json!({"caseSensitiveHeaderNames": sensitive});
        });
        assert_eq!(gateway.get_with("/demo/pets", "x-id: 7\r\n").status(), 200);
        assert_eq!(backend.request(number).first_line(), *expected);
    }
}
