//! What makes a configuration be read again, and what becomes of one that cannot serve. That requests
//! and connections do not notice is proven in `testing`.

use postern_testing::{Gateway, Place, until};
use serde_json::{Value, json};

use crate::support::{hello, saying};

/// The text that `GET /demo/hello` answers with.
fn said(gateway: &Gateway) -> String {
    gateway.get("/demo/hello").text().to_owned()
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
