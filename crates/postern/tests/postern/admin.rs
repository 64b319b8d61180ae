//! The admin listener.

use postern_testing::{Gateway, Message, Place, Wire, definition, mock};
use serde_json::{Value, json};

use crate::support::saying;

fn page(answer: &Message) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.text()))
}

#[test]
fn pages_answer_their_method_and_no_other() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    let gateway = Gateway::start(place, configuration);
    for (verb, path, status, body) in [
        ("GET", "/livez", 200, "live\n"),
        ("HEAD", "/livez", 200, ""),
        ("GET", "/readyz", 200, "ready\n"),
        ("POST", "/readyz", 405, "another method\n"),
        ("GET", "/reload", 405, "another method\n"),
        ("GET", "/", 404, "no such page\n"),
        ("GET", "/livez/", 404, "no such page\n"),
    ] {
        let request = format!("{verb} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        let mut wire = Wire::to(gateway.admin());
        wire.send(request);
        let answer = if verb == "HEAD" { wire.answer_to_head() } else { wire.answer() };
        assert_eq!((answer.status(), answer.text()), (status, body), "{verb} {path}");
    }
    let refusal = gateway.ask_admin("PUT", "/reload");
    assert_eq!(refusal.field("Allow"), Some("POST"));
}

#[test]
fn config_tells_what_serves() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    let mut gateway = Gateway::start(place, configuration.clone());
    let first = page(&gateway.ask_admin("GET", "/config"));
    assert_eq!((&first["generation"], &first["file"]), (&1.into(), &"postern.yaml".into()));
    assert_eq!(first["hash"].as_str().unwrap().len(), 64);
    assert!(first["loadedAt"].as_u64().unwrap() > 1_700_000_000);
    gateway.reload(configuration.clone());
    let same = page(&gateway.ask_admin("GET", "/config"));
    assert!(same["generation"].as_u64() > Some(1));
    assert_eq!(same["hash"], first["hash"], "nothing has changed");
    let mut changed = configuration;
    changed["quotaFlushSeconds"] = 2.into();
    gateway.reload(changed);
    assert_ne!(page(&gateway.ask_admin("GET", "/config"))["hash"], first["hash"]);
}

#[test]
fn reload_answers_with_what_was_found() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    let gateway = Gateway::start(place, configuration.clone());
    let answer = gateway.ask_admin("POST", "/reload");
    assert_eq!(answer.status(), 200);
    assert_eq!((&page(&answer)["reloaded"], &page(&answer)["generation"]), (&true.into(), &2.into()));
    let mut broken = configuration;
    broken["workers"] = "many".into();
    gateway.place().write("postern.yaml", &broken.to_string());
    let answer = gateway.ask_admin("POST", "/reload");
    assert_eq!(answer.status(), 422);
    assert_eq!(page(&answer)["reloaded"], false);
    assert!(
        page(&answer)["problems"][0]["message"].as_str().unwrap().contains("`workers` is `many`"),
        "{}",
        answer.text()
    );
}

#[test]
fn beyond_loopback_only_probes_and_metrics_answer() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    // The gateway's own addresses are on loopback; the admin listener takes every address.
    let port = place.address().port();
    configuration["admin"]["address"] = format!("0.0.0.0:{port}").into();
    let gateway = Gateway::start(place, configuration);
    for (verb, path, status) in [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/config", 403),
        ("POST", "/reload", 403),
        ("GET", "/usage", 403),
        ("GET", "/denials/00000000-0000-0000-0000-000000000000", 403),
    ] {
        assert_eq!(gateway.ask_admin(verb, path).status(), status, "{verb} {path}");
    }
}

#[test]
fn usage_tells_what_is_left_of_each_quota() {
    let place = Place::new();
    let mut keyed = mock("one");
    keyed["security"] = json!([{"key": []}]);
    let mut api = definition(&json!({"/hello": {"get": keyed}}));
    api["components"] =
        json!({"securitySchemes": {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}});
    let mut configuration = postern_testing::base_configuration(&place, &api);
    configuration["apiKeys"] = json!([
        {"name": "checkout", "value": "a-key-of-twenty-letters-or-more"},
        {"name": "other", "value": "another-key-of-twenty-letters"},
    ]);
    configuration["usagePlans"] = json!([
        {"name": "gold", "quota": {"limit": 10, "period": "DAY"}, "apiKeys": ["checkout"],
         "apiStages": [{"apiId": postern_testing::API_ID, "stage": "demo"}]},
        {"name": "free", "apiKeys": ["other"], "apiStages": [{"apiId": postern_testing::API_ID, "stage": "demo"}]},
    ]);
    let gateway = Gateway::start(place, configuration);
    for _ in 0..3 {
        let answer = gateway.get_with("/demo/hello", "x-api-key: a-key-of-twenty-letters-or-more\r\n");
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    let usage = page(&gateway.ask_admin("GET", "/usage?startDate=2100-01-01"));
    let today = &usage["endDate"];
    assert_eq!(
        usage,
        json!({"startDate": "2100-01-01", "endDate": today, "usage": [
            {"plan": "gold", "key": "checkout", "period": "DAY", "limit": 10, "used": 3, "left": 7, "days": []},
            {"plan": "free", "key": "other", "days": []},
        ]})
    );
    let usage = page(&gateway.ask_admin("GET", &format!("/usage?startDate={}", today.as_str().unwrap())));
    assert_eq!(
        usage,
        json!({"startDate": today, "endDate": today, "usage": [
            {"plan": "gold", "key": "checkout", "period": "DAY", "limit": 10, "used": 3, "left": 7, "days": [[3, 7]]},
            {"plan": "free", "key": "other", "days": [[0, null]]},
        ]})
    );
}

#[test]
fn metrics_count_by_api_and_stage() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    let gateway = Gateway::start(place, configuration);
    for (path, times) in [("/demo/hello", 3), ("/demo/nothing", 2), ("/nostage/hello", 1)] {
        for _ in 0..times {
            let _ = gateway.get(path);
        }
    }
    let of_stage = ["api=\"a1b2c3d4e5\"", "stage=\"demo\""];
    let unrouted = ["api=\"unrouted\"", "stage=\"\""];
    for (name, words, expected) in [
        ("postern_requests_total", of_stage, 5.0),
        ("postern_4xx_total", of_stage, 2.0),
        ("postern_5xx_total", of_stage, 0.0),
        ("postern_requests_total", unrouted, 1.0),
        ("postern_4xx_total", unrouted, 1.0),
        ("postern_latency_seconds_count", of_stage, 5.0),
        ("postern_integration_latency_seconds_count", of_stage, 0.0),
    ] {
        assert_eq!(gateway.metric(name, &words), expected, "{name} {words:?}");
    }
    assert_eq!(gateway.metric("postern_refused_total", &["reason=\"noSuchMethod\""]), 2.0);
    assert_eq!(gateway.metric("postern_refused_total", &["reason=\"noSuchStage\""]), 1.0);
    assert_eq!(gateway.metric("postern_connections_opened_total", &[]), 6.0);
    assert_eq!(gateway.metric("postern_ready", &[]), 1.0);
    assert_eq!(gateway.metric("postern_configuration_generation", &[]), 1.0);
    let page = gateway.ask_admin("GET", "/metrics");
    assert_eq!(page.field("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}
