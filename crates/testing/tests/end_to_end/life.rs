//! The gateway's life: configurations replaced while it serves, and an orderly end.

use postern_testing::{Backend, VPCE_A, Wire, answer, definition, expect, hang, http_proxy, mock, until};
use serde_json::json;

use crate::{gateway, get, large_bodies::memory, pets, plain_gateway, short};

fn reloaded_pets(body: &str) -> String {
    definition(&json!({"/pets": {"get": mock(body)}})).to_string()
}

#[test]
fn sighup_replaces_the_configuration_and_keeps_every_connection() {
    let mut gateway = plain_gateway(&pets());
    let mut wire = gateway.wire();
    assert_eq!(short(&wire.ask(get("/demo/pets"))), (200, "pets"));
    gateway.place().write("api.json", &reloaded_pets("cats"));
    let configuration = gateway.configuration().clone();
    gateway.reload(configuration);
    assert_eq!(short(&wire.ask(get("/demo/pets"))), (200, "cats"));
}

#[test]
fn the_memory_of_reading_a_configuration_goes_back_to_the_system() {
    let key =
        |number: u32| json!({"name": format!("key {number}"), "value": format!("value-of-key-{number:010}")});
    let small = memory(&plain_gateway(&pets()), "RssAnon");
    let mut gateway = gateway(&pets(), |_, configuration| {
        configuration["apiKeys"] = (0..KEYS).map(key).collect();
    });
    let started = memory(&gateway, "RssAnon");
    assert!(started <= small + STARTED_KIB_MAX, "{started} KiB, {small} without keys");
    let configuration = gateway.configuration().clone();
    for _ in 0..RELOADS {
        gateway.reload(configuration.clone());
    }
    // The snapshot before is let go of a second later.
    let is_given_back = || (memory(&gateway, "RssAnon") <= started + RELOADED_KIB_MAX).then_some(());
    until("the memory to be given back", is_given_back);
}

const KEYS: u32 = 10_000;
const RELOADS: usize = 8;
/// Of which the snapshot needs half. Reading them takes ten times as much.
const STARTED_KIB_MAX: u64 = 2 << 10;
/// What is not given back stands among what is kept.
const RELOADED_KIB_MAX: u64 = 2 << 10;

#[test]
fn a_changed_file_is_noticed() {
    let gateway = plain_gateway(&pets());
    gateway.place().write("api.json", &reloaded_pets("cats"));
    until("the changed definition", || (gateway.get("/demo/pets").text() == "cats").then_some(()));
}

#[test]
fn post_reload_does_what_sighup_does() {
    let gateway = plain_gateway(&pets());
    gateway.place().write("api.json", &reloaded_pets("cats"));
    assert_eq!(gateway.ask_admin("POST", "/reload").status(), 200);
    assert_eq!(gateway.get("/demo/pets").text(), "cats");
}

#[test]
fn a_broken_configuration_is_refused_and_the_old_one_serves_on() {
    let mut gateway = plain_gateway(&pets());
    let before = gateway.generation();
    let mut configuration = gateway.configuration().clone();
    configuration["vpcEndpoint"] = json!([]);
    configuration["workers"] = json!("many");
    gateway.rewrite(configuration);
    gateway.signal("HUP");
    // Every problem is told, with its place.
    let line = gateway.log_line("did you mean `vpcEndpoints`");
    assert!(line.contains("postern.yaml:1:"), "{line}");
    assert!(gateway.log_line("workers").contains("postern.yaml:1:"));
    assert_eq!(short(&gateway.get("/demo/pets")), (200, "pets"));
    assert_eq!(gateway.generation(), before);
    // The problems are told in the log first.
    until("the refused reload to be shown", || {
        gateway.ask_admin("GET", "/config").text().contains("did you mean").then_some(())
    });
    assert_ne!(gateway.ask_admin("POST", "/reload").status(), 200);
}

#[test]
fn a_policy_edit_shuts_an_endpoint_out_without_dropping_its_connections() {
    let mut gateway = plain_gateway(&pets());
    let mut wire = gateway.wire();
    assert_eq!(wire.ask(get("/demo/pets")).status(), 200);
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"},
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*",
         "Condition": {"StringEquals": {"aws:SourceVpce": VPCE_A}}},
    ]});
    gateway.place().write("policy.json", &deny.to_string());
    let configuration = gateway.configuration().clone();
    gateway.reload(configuration.clone());
    assert_eq!(wire.ask(get("/demo/pets")).status(), 403);
    assert_eq!(Wire::to(gateway.endpoint(1)).ask(get("/demo/pets")).status(), 200);
    gateway.place().write("policy.json", &postern_testing::open_policy().to_string());
    gateway.reload(configuration);
    assert_eq!(wire.ask(get("/demo/pets")).status(), 200);
}

#[test]
fn a_request_in_flight_finishes_on_the_configuration_that_it_began_with() {
    let backend = Backend::script([
        expect("GET /old"),
        hang(),
        answer(200, "old"),
        expect("GET /new"),
        answer(200, "new"),
    ]);
    let paths =
        |path: &str| definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), path)}}));
    let mut gateway = plain_gateway(&paths("/old"));
    let mut wire = gateway.wire();
    wire.send(get("/demo/pets"));
    let _ = backend.request(0);
    gateway.place().write("api.json", &paths("/new").to_string());
    let configuration = gateway.configuration().clone();
    gateway.reload(configuration);
    backend.release();
    assert_eq!(wire.answer().text(), "old");
    assert_eq!(wire.ask(get("/demo/pets")).text(), "new");
    backend.finished();
}

#[test]
fn listeners_come_and_go_with_the_configuration() {
    let mut gateway = plain_gateway(&pets());
    let mut old = gateway.wire();
    assert_eq!(old.ask(get("/demo/pets")).status(), 200);
    let address = gateway.place().address();
    let mut configuration = gateway.configuration().clone();
    configuration["vpcEndpoints"][0]["listeners"] = json!([{"address": address.to_string()}]);
    let gone = gateway.endpoint(0);
    gateway.reload(configuration);
    assert_eq!(Wire::to(address).ask(get("/demo/pets")).status(), 200);
    until("the old address to be closed", || std::net::TcpStream::connect(gone).is_err().then_some(()));
    // Who was there stays.
    assert_eq!(old.ask(get("/demo/pets")).status(), 200);
}

#[test]
fn a_reload_refills_no_bucket() {
    let mut gateway = gateway(&pets(), |_, configuration| {
        configuration["restApis"][0]["stages"][0]["methodSettings"] =
            json!({"*/*": {"throttlingRateLimit": 0.001, "throttlingBurstLimit": 1}});
    });
    assert_eq!(gateway.get("/demo/pets").status(), 200);
    assert_eq!(gateway.get("/demo/pets").status(), 429);
    let configuration = gateway.configuration().clone();
    gateway.reload(configuration);
    assert_eq!(gateway.get("/demo/pets").status(), 429);
}

#[test]
fn sigterm_finishes_what_was_begun_and_ends_with_zero() {
    let backend = Backend::script([expect("GET /"), hang(), answer(200, "late")]);
    let definition = definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), "/")}}));
    let mut gateway = plain_gateway(&definition);
    let mut wire = gateway.wire();
    wire.send(get("/demo/pets"));
    let _ = backend.request(0);
    gateway.signal("TERM");
    let address = gateway.endpoint(0);
    until("accepting to stop", || std::net::TcpStream::connect(address).is_err().then_some(()));
    assert!(gateway.runs());
    backend.release();
    let answer = wire.answer();
    assert_eq!((answer.text(), answer.field("Connection")), ("late", Some("close")));
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn it_is_not_ready_while_it_drains() {
    let mut gateway = gateway(&pets(), |_, configuration| {
        configuration["limits"]["drainWaitSeconds"] = json!(2);
    });
    assert_eq!(gateway.ask_admin("GET", "/livez").status(), 200);
    gateway.signal("TERM");
    until("not to be ready", || (gateway.ask_admin("GET", "/readyz").status() == 503).then_some(()));
    // It still serves, until those who send requests have noticed.
    assert_eq!(gateway.get("/demo/pets").status(), 200);
    assert_eq!(gateway.wait().code(), Some(0));
}
