//! The log of the program and the access log.

use postern_testing::{Gateway, Place, until};
use serde_json::{Value, json};

use crate::support::saying;

const FORMAT: &str =
    "$context.requestId $context.httpMethod $context.path $context.status $context.identity.userAgent";

#[test]
fn log_every_event_is_a_line_of_json() {
    let place = Place::new();
    let configuration = saying(&place, "one");
    let mut gateway = Gateway::start(place, configuration.clone());
    gateway.reload(configuration);
    for line in gateway.log().lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(
            event["time"].is_string() && event["severity"].is_string() && event["message"].is_string(),
            "{line}"
        );
    }
}

#[test]
fn log_what_a_client_sent_stays_within_its_line() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    configuration["accessLog"] = json!({"format": FORMAT});
    let gateway = Gateway::start(place, configuration);
    let answer = gateway.get_with("/demo/hello", "User-Agent: a\"b\\c\u{202e}d\r\n");
    let id = answer.field("x-amzn-RequestId").unwrap();
    let line = gateway.log_line(id);
    assert!(line.starts_with(&format!("{id} GET /demo/hello 200 a\\\"b\\\\c")), "{line}");
    assert!(line.ends_with('d') && line.is_ascii(), "{line}");
}

#[test]
fn log_a_file_is_opened_anew_at_each_reload() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    configuration["accessLog"] = json!({"destination": "access.log", "format": FORMAT});
    let mut gateway = Gateway::start(place, configuration.clone());
    let lines = |gateway: &Gateway, file: &str| gateway.place().read(file).lines().count();
    let _ = gateway.get("/demo/hello");
    until("the first line", || (lines(&gateway, "access.log") == 1).then_some(()));
    std::fs::rename(gateway.place().path().join("access.log"), gateway.place().path().join("access.old"))
        .unwrap();
    gateway.reload(configuration);
    let _ = gateway.get("/demo/hello");
    until("a line in the new file", || (lines(&gateway, "access.log") == 1).then_some(()));
    assert_eq!(lines(&gateway, "access.old"), 1);
    // A line is counted after it was written.
    let counted = || gateway.metric("postern_access_log_lines_total", &[]);
    until("both lines to be counted", || (counted() == 2.0).then_some(()));
    assert_eq!(gateway.metric("postern_access_log_dropped_total", &[]), 0.0);
}

#[test]
fn log_the_last_lines_are_written_before_the_end() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    configuration["accessLog"] = json!({"destination": "access.log", "format": FORMAT});
    let mut gateway = Gateway::start(place, configuration);
    let _ = gateway.get("/demo/hello");
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
    assert_eq!(gateway.place().read("access.log").lines().count(), 1);
}
