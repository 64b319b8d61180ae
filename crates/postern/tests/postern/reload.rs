//! Another configuration takes over without anybody noticing, or is refused without anybody noticing.

use postern_testing::{Backend, Gateway, Place, VPCE_A, answer, definition, expect, hang, http_proxy, until};
use serde_json::{Value, json};

use crate::support::{hello, saying};

/// The text that `GET /demo/hello` answers with.
fn said(gateway: &Gateway) -> String {
    gateway.get("/demo/hello").text().to_owned()
}

#[test]
fn swap_sighup_serves_the_new_files_on_the_old_connection() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    let mut gateway = Gateway::start(place, configuration.clone());
    let mut connection = gateway.wire();
    let request = format!("GET /demo/hello HTTP/1.1\r\nHost: {}\r\n\r\n", postern_testing::API_HOST);
    assert_eq!(connection.ask(&request).text(), "one");
    gateway.place().write("api.json", &hello("two").to_string());
    gateway.reload(configuration);
    assert_eq!(connection.ask(&request).text(), "two");
}

#[test]
fn swap_a_changed_file_reloads_by_itself() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    let gateway = Gateway::start(place, configuration);
    assert_eq!(said(&gateway), "one");
    gateway.place().write("api.json", &hello("two").to_string());
    until("the changed definition to serve", || (said(&gateway) == "two").then_some(()));
    // The policy is another file.
    gateway.place().write("policy.json", &json!({"Statement": []}).to_string());
    until("the changed policy to serve", || (gateway.get("/demo/hello").status() == 403).then_some(()));
}

#[test]
fn swap_the_link_of_a_mounted_volume_reloads() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    place.write("..1/api.json", &hello("one").to_string());
    place.write("..2/api.json", &hello("two").to_string());
    let link = |from: &str, to: &str| {
        std::os::unix::fs::symlink(from, place.path().join("draft")).unwrap();
        std::fs::rename(place.path().join("draft"), place.path().join(to)).unwrap();
    };
    link("..1", "..data");
    link("..data/api.json", "api.json");
    let folder = place.path().to_owned();
    let gateway = Gateway::start(place, configuration);
    assert_eq!(said(&gateway), "one");
    std::os::unix::fs::symlink("..2", folder.join("draft")).unwrap();
    std::fs::rename(folder.join("draft"), folder.join("..data")).unwrap();
    until("the other volume to serve", || (said(&gateway) == "two").then_some(()));
}

#[test]
fn swap_a_broken_configuration_is_refused_with_its_problems_and_the_old_one_serves_on() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    let mut gateway = Gateway::start(place, configuration.clone());
    let mut broken = configuration.clone();
    broken["regoin"] = "us-east-1".into();
    gateway.rewrite(broken);
    gateway.signal("HUP");
    let line = gateway.log_line("unknown key `regoin`");
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["severity"], "error");
    assert!(event["at"].as_str().unwrap().starts_with("postern.yaml:1:"), "{line}");
    let _ = gateway.log_line("the configuration is refused: the one before serves on");
    assert_eq!(said(&gateway), "one");
    let page = config(&gateway);
    assert_eq!(page["generation"], 1);
    let problem = &page["refusedReload"]["problems"][0];
    assert_eq!((&problem["file"], &problem["severity"]), (&"postern.yaml".into(), &"error".into()));
    assert!(problem["message"].as_str().unwrap().starts_with("unknown key `regoin`"), "{problem}");
    assert!(gateway.metric("postern_reloads_total", &["refused"]) >= 1.0);
    // Once it is right again, nothing is left of it.
    gateway.reload(configuration);
    assert_eq!(config(&gateway)["refusedReload"], Value::Null);
    assert_eq!(said(&gateway), "one");
}

#[test]
fn swap_an_address_that_is_taken_is_refused_and_nothing_changes() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    // Without the option that listeners share ports by, so that nobody can share this one.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Gateway::start(place, configuration.clone());
    let endpoint = json!({"vpcEndpointId": "vpce-0aaaaaaaaaaaaaaa1", "vpcId": "vpc-0aaaabbbbccccdddd",
        "listeners": [{"address": taken.local_addr().unwrap().to_string()}]});
    configuration["vpcEndpoints"].as_array_mut().unwrap().push(endpoint);
    gateway.place().write("postern.yaml", &configuration.to_string());
    let _ = gateway.log_line("cannot listen on 127.0.0.1:");
    assert_eq!(said(&gateway), "one");
    assert_eq!(gateway.generation(), 1);
}

#[test]
fn swap_a_request_in_flight_ends_on_the_snapshot_that_it_began_with() {
    let backend = Backend::script([expect("GET /slow"), hang(), answer(200, "\"old\"")]);
    let place = Place::new();
    let paths = json!({"/slow": {"get": http_proxy("GET", backend.address(), "/slow")}});
    let configuration = postern_testing::base_configuration(&place, &definition(&paths));
    let mut gateway = Gateway::start(place, configuration.clone());
    let mut connection = gateway.wire();
    connection.send(format!("GET /demo/slow HTTP/1.1\r\nHost: {}\r\n\r\n", postern_testing::API_HOST));
    let _ = backend.request(0);
    // Nobody may enter any more, and the path is gone.
    gateway.place().write("policy.json", &json!({"Statement": []}).to_string());
    gateway.place().write("api.json", &hello("new").to_string());
    gateway.reload(configuration);
    assert_eq!(gateway.get("/demo/hello").status(), 403);
    backend.release();
    let answer = connection.answer();
    assert_eq!((answer.status(), answer.text()), (200, "\"old\""));
    backend.finished();
}

#[test]
fn swap_listeners_come_and_go() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    let other = place.address();
    let mut gateway = Gateway::start(place, configuration.clone());
    let mut kept = gateway.wire();
    let request = format!("GET /demo/hello HTTP/1.1\r\nHost: {}\r\n\r\n", postern_testing::API_HOST);
    assert_eq!(kept.ask(&request).status(), 200);
    configuration["vpcEndpoints"][0]["listeners"] = json!([{"address": other.to_string()}]);
    gateway.reload(configuration);
    assert_eq!(gateway.get("/demo/hello").text(), "one");
    // A connection that came in by the address that is gone lives on, by its endpoint.
    assert_eq!(kept.ask(&request).text(), "one", "through {VPCE_A}");
}

#[test]
fn swap_the_admin_listener_moves() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    let other = place.address();
    let mut gateway = Gateway::start(place, configuration.clone());
    let before = gateway.admin();
    configuration["admin"]["address"] = other.to_string().into();
    gateway.rewrite(configuration);
    gateway.signal("HUP");
    until("the admin listener to answer elsewhere", || std::net::TcpStream::connect(other).ok());
    assert_eq!(gateway.generation(), 2);
    until("the old one to be gone", || std::net::TcpStream::connect(before).is_err().then_some(()));
}

#[test]
fn another_number_of_workers_is_told_to_need_a_new_start() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    let mut gateway = Gateway::start(place, configuration.clone());
    configuration["workers"] = 2.into();
    gateway.reload(configuration);
    let line = gateway.log_line("`workers` has changed, which takes effect when the gateway is started anew");
    assert!(line.contains("\"severity\":\"warning\""), "{line}");
}

fn config(gateway: &Gateway) -> Value {
    serde_json::from_slice(&gateway.ask_admin("GET", "/config").body).unwrap()
}
