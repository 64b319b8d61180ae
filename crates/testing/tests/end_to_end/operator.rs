//! What an operator sees: access log, admin listener, metrics, and what the commands say.

use postern_testing::{Place, VPCE_A, base_configuration, run_program, until};
use serde_json::{Value, json};

use crate::{gateway, pets, plain_gateway};

#[test]
fn the_access_log_has_a_line_for_each_request_with_its_context() {
    let gateway = gateway(&pets(), |_, configuration| {
        configuration["accessLog"] = json!({"format": "{\"id\":\"$context.requestId\",\"status\":\"$context.status\",\
             \"path\":\"$context.path\",\"agent\":\"$context.identity.userAgent\",\
             \"vpce\":\"$context.identity.vpceId\",\"length\":$context.responseLength}"});
    });
    let answer = gateway.get_with("/demo/pets", "User-Agent: a\"b\\\r\n");
    let id = answer.field("x-amzn-RequestId").unwrap();
    let line: Value = serde_json::from_str(&gateway.log_line(id)).expect("a line of JSON");
    assert_eq!(
        line,
        json!({"id": id, "status": "200", "path": "/demo/pets", "agent": "a\"b\\", "vpce": VPCE_A, "length": 4})
    );
    let refused = gateway.get("/demo/cats");
    assert!(gateway.log_line(refused.field("x-amzn-RequestId").unwrap()).contains("\"status\":\"403\""));
}

#[test]
fn the_access_log_knows_requests_that_reached_no_api() {
    let gateway = gateway(&pets(), |_, configuration| {
        configuration["accessLog"] = json!({"format": "$context.requestId $context.httpMethod $context.path \
             $context.domainName $context.identity.sourceIp $context.identity.vpceId $context.status"});
    });
    let unknown = gateway.get("/nowhere/at/all");
    let line = gateway.log_line(unknown.field("x-amzn-RequestId").unwrap());
    assert!(line.contains(" GET /nowhere/at/all "), "{line}");
    assert!(line.contains(&format!(" 127.0.0.1 {VPCE_A} 403")), "{line}");
    let refused = gateway.get("/demo/pets\\x");
    let line = gateway.log_line(refused.field("x-amzn-RequestId").unwrap());
    assert!(line.contains(&format!(" 127.0.0.1 {VPCE_A} 400")), "{line}");
}

#[test]
fn the_admin_listener_says_that_it_lives_and_is_ready_and_what_serves() {
    let gateway = plain_gateway(&pets());
    for path in ["/livez", "/readyz", "/metrics", "/config"] {
        assert_eq!(gateway.ask_admin("GET", path).status(), 200, "{path}");
    }
    assert_eq!(gateway.ask_admin("GET", "/nothing").status(), 404);
    let page: Value = serde_json::from_slice(&gateway.ask_admin("GET", "/config").body).unwrap();
    for member in ["generation", "hash", "loadedAt"] {
        assert!(!page[member].is_null(), "no `{member}` in {page}");
    }
    // The data plane has none of it.
    assert_eq!(gateway.get("/metrics").status(), 403);
}

#[test]
fn metrics_count_requests_by_api_stage_and_outcome() {
    let gateway = plain_gateway(&pets());
    for path in ["/demo/pets", "/demo/pets", "/demo/cats", "/nowhere"] {
        let _ = gateway.get(path);
    }
    // A request is counted when its answer is out.
    for (words, count) in [(&["a1b2c3d4e5", "demo"][..], 3.0), (&[], 4.0)] {
        until("the requests to be counted", || {
            let counted = gateway.metric("postern_requests_total", words);
            assert!(counted < count + 0.5, "{counted} requests with {words:?}");
            (counted > count - 0.5).then_some(())
        });
    }
}

fn program(place: &Place, configuration: &Value, arguments: &[&str]) -> (Option<i32>, String) {
    place.write("postern.yaml", &configuration.to_string());
    let outcome = run_program(place.path(), arguments, "");
    (outcome.code, format!("{}{}", outcome.output, outcome.complaints))
}

#[test]
fn check_tells_every_problem_with_its_place_and_ends_with_one() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &pets());
    let (code, said) = program(&place, &configuration, &["check", "--config", "postern.yaml"]);
    assert_eq!(code, Some(0), "{said}");
    configuration["regoin"] = json!("us-east-1");
    configuration["restApis"][0]["definition"] = json!("missing.json");
    configuration["restApis"][0]["stages"][0]["stageName"] = json!("not a name");
    let (code, said) = program(&place, &configuration, &["check", "--config", "postern.yaml"]);
    assert_eq!(code, Some(1), "{said}");
    for words in ["did you mean `region`", "missing.json", "not a name"] {
        let line =
            said.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {said}"));
        assert!(line.starts_with("postern.yaml:1:"), "{line}");
    }
    let (code, said) =
        program(&place, &configuration, &["check", "--config", "postern.yaml", "--format", "json"]);
    assert_eq!(code, Some(1));
    assert!(serde_json::from_str::<Value>(&said).is_ok(), "{said}");
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    let place = Place::new();
    for arguments in [&["serve"][..], &["run", "--confg", "x"], &[]] {
        assert_eq!(run_program(place.path(), arguments, "").code, Some(2), "{arguments:?}");
    }
}

#[test]
fn routes_shows_what_is_compiled() {
    let place = Place::new();
    let configuration = base_configuration(&place, &pets());
    let (code, said) = program(&place, &configuration, &["routes", "--config", "postern.yaml"]);
    assert_eq!(code, Some(0), "{said}");
    let line = said.lines().find(|line| line.contains("/pets")).unwrap_or_else(|| panic!("{said}"));
    for words in ["a1b2c3d4e5", "demo", "GET", "MOCK"] {
        assert!(line.to_uppercase().contains(&words.to_uppercase()), "{words} in {line}");
    }
}

#[test]
fn run_ends_with_one_where_the_configuration_is_wrong() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &pets());
    configuration["regoin"] = json!("us-east-1");
    let (code, said) = program(&place, &configuration, &["run", "--config", "postern.yaml"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("did you mean `region`"), "{said}");
}

#[test]
fn what_init_writes_is_right_when_it_is_filled_in() {
    let place = Place::new();
    place.write("api.json", &pets().to_string());
    place.write("policy.json", &postern_testing::open_policy().to_string());
    let outcome = run_program(place.path(), &["init", "api.json"], "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let written =
        if outcome.output.contains("restApis") { outcome.output } else { place.read("postern.yaml") };
    place.write("postern.yaml", &written);
    // What only a person can say is named line by line, and nothing else is.
    let outcome = run_program(place.path(), &["check", "--config", "postern.yaml"], "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}\n{written}");
    let filled: Vec<String> = written.lines().map(fill_in).collect();
    place.write("postern.yaml", &filled.join("\n"));
    let outcome = run_program(place.path(), &["check", "--config", "postern.yaml"], "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}\n{written}");
}

/// A line of what `postern init` writes, with what a person would fill in.
fn fill_in(line: &str) -> String {
    let Some((key, _)) = line.split_once("  # FILL IN") else { return line.to_owned() };
    let value = match key.trim_start_matches([' ', '-']) {
        "region:" => "us-east-1",
        "accountId:" => "\"123456789012\"",
        "vpcEndpointId:" => VPCE_A,
        "vpcId:" => "vpc-0aaaabbbbccccdddd",
        "policyFile:" => "policy.json",
        other => panic!("nobody knows what to fill in for {other}"),
    };
    format!("{key} {value}")
}

#[test]
fn the_demo_checks_itself() {
    let place = Place::new();
    let outcome = run_program(place.path(), &["demo", "--check"], "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
