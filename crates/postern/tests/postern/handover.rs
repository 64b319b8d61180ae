//! SIGUSR2: another process takes over and nobody is refused.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use postern_testing::{Gateway, Place, Wire, until};
use serde_json::{Value, json};

use crate::support::saying;

/// A process that is killed, by its number, when this is dropped.
struct Successor(String);

impl Drop for Successor {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.0]).status();
    }
}

fn request() -> String {
    format!("GET /demo/hello HTTP/1.1\r\nHost: {}\r\n\r\n", postern_testing::API_HOST)
}

#[test]
fn drain_a_successor_takes_over_and_no_connection_is_refused() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    configuration["stateDirectory"] = json!("state");
    let mut gateway = Gateway::start(place, configuration);
    let mut kept = gateway.wire();
    assert_eq!(kept.ask(request()).text(), "one");
    let (address, done) = (gateway.endpoint(0), Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&done);
    let callers = thread::spawn(move || {
        let mut calls = 0;
        while !over.load(Ordering::Relaxed) {
            assert_eq!(Wire::to(address).ask(request()).text(), "one");
            calls += 1;
        }
        calls
    });
    gateway.signal("USR2");
    let line = gateway.log_line("a successor serves");
    let event: Value = serde_json::from_str(&line).unwrap();
    let successor = Successor(event["process"].as_str().unwrap().to_owned());
    assert_ne!(successor.0, gateway.number().to_string());
    assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.log());
    // A connection at rest is closed; its client comes again.
    kept.ends();
    assert_eq!(gateway.get("/demo/hello").text(), "one");
    assert_eq!(gateway.ask_admin("GET", "/readyz").status(), 200);
    done.store(true, Ordering::Relaxed);
    assert!(callers.join().unwrap() > 0);
    // Nobody writes to the log any more, so that its reader ends.
    drop(successor);
}

#[test]
fn swap_a_successor_that_cannot_serve_changes_nothing() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    configuration["stateDirectory"] = json!("state");
    let mut gateway = Gateway::start(place, configuration.clone());
    configuration["regoin"] = "us-east-1".into();
    gateway.rewrite(configuration);
    gateway.signal("USR2");
    let line = gateway.log_line("the successor does not serve: this process goes on");
    assert!(line.contains("exit status: 1"), "{line}");
    assert_eq!(gateway.get("/demo/hello").text(), "one");
    until("the admin listener to be back", || {
        std::net::TcpStream::connect(gateway.admin()).ok()?;
        (gateway.ask_admin("GET", "/livez").status() == 200).then_some(())
    });
    assert!(gateway.runs());
}
