//! Reload and drain: what a gateway's clients notice when it changes or goes away.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::{
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use postern_gateway::Event;
use postern_server::Inherited;
use support::{Gateway, HOST, Settings, get, until};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn drain_idle_connections_close_at_once_and_requests_in_flight_are_finished() {
    let mut gateway = Gateway::start(Settings { workers: 2, ..Settings::default() });
    let mut idle = gateway.connect();
    assert_eq!(idle.get("/pets").status, 200);
    let mut busy = gateway.connect();
    busy.send(get("/wait"));
    until("the call", || gateway.calls().len() == 2);
    let address = gateway.address();
    let seen = std::sync::Arc::clone(&gateway.seen);
    let drained = std::thread::scope(|scope| {
        let drain = scope.spawn(|| gateway.drain(Duration::ZERO, LONG));
        idle.ends();
        until("the listener to close", || TcpStream::connect(address).is_err());
        assert!(!drain.is_finished());
        seen.released.store(true, Ordering::Relaxed);
        let answer = busy.answer();
        assert_eq!((answer.text(), answer.closes()), ("released", true));
        drop(busy);
        drain.join().unwrap()
    });
    assert_eq!(drained.aborted, 0);
}

#[test]
fn drain_what_is_left_at_the_end_is_aborted() {
    let mut gateway = Gateway::plain();
    let mut busy = gateway.connect();
    busy.send(get("/hang"));
    until("the call", || gateway.calls().len() == 1);
    let started = Instant::now();
    let drained = gateway.drain(Duration::from_millis(100), Duration::from_millis(200));
    assert_eq!(drained.aborted, 1);
    assert!(started.elapsed() < LONG);
    let _ = busy.rest();
}

#[test]
fn drain_connections_are_accepted_while_it_waits() {
    let mut gateway = Gateway::plain();
    let address = gateway.address();
    std::thread::scope(|scope| {
        let drain = scope.spawn(|| gateway.drain(Duration::from_millis(500), LONG));
        let mut client = support::Client::new(support::connect(address));
        let answer = client.get("/pets");
        assert_eq!((answer.status, answer.closes()), (200, false));
        client.ends();
        drain.join().unwrap();
    });
}

#[test]
fn drain_a_connection_that_has_not_asked_yet_is_answered() {
    let mut gateway = Gateway::plain();
    let mut fresh = gateway.connect();
    gateway.until_saw(Event::ConnectionOpened);
    let address = gateway.address();
    std::thread::scope(|scope| {
        let drain = scope.spawn(|| gateway.drain(Duration::ZERO, LONG));
        until("the listener to close", || TcpStream::connect(address).is_err());
        let answer = fresh.get("/pets");
        assert_eq!((answer.status, answer.closes()), (200, true));
        drop(fresh);
        drain.join().unwrap();
    });
}

#[test]
fn dropping_a_server_ends_everything() {
    let mut gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(get("/hang"));
    until("the call", || gateway.calls().len() == 1);
    let address = gateway.address();
    drop(gateway.server.take());
    let _ = client.rest();
    assert!(TcpStream::connect(address).is_err());
}

/// The successor of the next test, when that one starts it.
#[test]
fn a_successor_serves_on_inherited_sockets() {
    let Ok(address) = std::env::var(SUCCESSOR_ADDRESS) else { return };
    let sockets = Inherited::from_environment().unwrap();
    let settings = Settings { address: Some(address), workers: 3, ..Settings::default() };
    let _gateway = Gateway::start_on(settings, sockets);
    println!("serving");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

const SUCCESSOR_ADDRESS: &str = "TEST_SUCCESSOR_ADDRESS";

#[test]
fn drain_a_successor_takes_over_and_no_connection_is_refused() {
    let address = free();
    let settings = Settings { address: Some(address.to_string()), workers: 2, ..Settings::default() };
    let mut gateway = Gateway::start(settings);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_successor_serves_on_inherited_sockets", "--nocapture"]);
    command.env(SUCCESSOR_ADDRESS, address.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut successor = gateway.server().hand_over(&mut command).unwrap();
    let mut said = BufReader::new(successor.stdout.take().unwrap()).lines();
    assert!(said.by_ref().map_while(Result::ok).any(|line| line.ends_with("serving")));
    std::thread::scope(|scope| {
        let drain = scope.spawn(|| gateway.drain(Duration::ZERO, LONG));
        let mut after = 0;
        while after < 20 {
            assert_eq!(support::Client::new(support::connect(address)).get("/pets").status, 200);
            after += usize::from(drain.is_finished());
        }
    });
    drop(successor.stdin.take());
    assert!(successor.wait().unwrap().success());
    drop(said);
    assert!(TcpStream::connect(address).is_err());
}

fn free() -> SocketAddr {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    probe.local_addr().unwrap()
}

#[test]
fn swap_a_reload_closes_no_connection_and_opens_and_closes_listeners() {
    let (first, second) = (free(), free());
    let at = |address: SocketAddr, more: &[SocketAddr]| Settings {
        address: Some(address.to_string()),
        more_addresses: more.iter().map(ToString::to_string).collect(),
        workers: 2,
        ..Settings::default()
    };
    let mut gateway = Gateway::start(at(first, &[]));
    let mut old = gateway.connect();
    assert_eq!(old.get("/pets").status, 200);
    gateway.reload(at(first, &[second])).unwrap();
    assert_eq!(gateway.server().addresses(), [first, second]);
    let mut new = support::Client::new(support::connect(second));
    assert_eq!(new.get("/pets").status, 200);
    gateway.reload(at(second, &[])).unwrap();
    until("the first listener to close", || TcpStream::connect(first).is_err());
    // Its connections live on, and those of the other never noticed.
    assert_eq!(old.get("/pets").status, 200);
    assert_eq!(new.get("/pets").status, 200);
    gateway.reload(at(first, &[second])).unwrap();
    assert_eq!(support::Client::new(support::connect(first)).get("/pets").status, 200);
}

#[test]
fn swap_an_address_that_is_taken_is_a_problem_and_nothing_changes() {
    let mut gateway = Gateway::plain();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let settings = Settings { address: Some(address.to_string()), ..Settings::default() };
    let problems = gateway.reload(settings).unwrap_err();
    assert_eq!(problems, [format!("cannot listen on {address}: Address already in use (os error 98)")]);
    assert_eq!(gateway.connect().get("/pets").status, 200);
}

#[test]
fn swap_new_limits_hold_for_connections_that_are_open() {
    let mut gateway = Gateway::plain();
    let mut client = gateway.connect();
    let request = format!("GET /demo/pets HTTP/1.1\r\nHost: {HOST}\r\nX: {}\r\n\r\n", "x".repeat(1_000));
    client.send(&request);
    assert_eq!(client.answer().status, 200);
    gateway.reload(Settings { limits: "headBytes: 512".to_owned(), ..Settings::default() }).unwrap();
    until("the new limit", || {
        client.send(&request);
        match client.answer().status {
            200 => false,
            status => {
                assert_eq!(status, 431);
                true
            }
        }
    });
}

#[test]
fn swap_the_old_snapshot_is_freed_although_no_request_comes() {
    let mut gateway = Gateway::start(Settings { workers: 2, ..Settings::default() });
    let old = std::sync::Arc::downgrade(&gateway.live.current());
    gateway.reload(Settings { workers: 2, ..Settings::default() }).unwrap();
    until("the old snapshot to be freed", || old.upgrade().is_none());
}
