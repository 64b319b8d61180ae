//! VPC links: targets that die, hang, are drained and come back, under calls.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::pending,
    net::SocketAddr,
    path::Path,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use postern_config::{ReadFailure, Surroundings};
use postern_gateway::{Destination, Event, IntegrationFailureKind as Kind, Live, Now, State, compile};
use postern_upstream::Backends;
use support::*;

const DEFINITION: &str = r#"{
  "openapi": "3.0.1", "info": {"title": "test", "version": "1"},
  "paths": {"/": {"get": {"x-amazon-apigateway-integration": {
    "type": "http_proxy", "httpMethod": "GET", "uri": "http://backend.test/",
    "connectionType": "VPC_LINK", "connectionId": "vl1"}}}}
}"#;

struct Documents(String);

impl Surroundings for Documents {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        let is_definition = path.ends_with("api.json");
        Ok(if is_definition { DEFINITION.as_bytes().to_vec() } else { self.0.as_bytes().to_vec() })
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

/// What a process serves, whose configuration can be replaced.
struct Process {
    live: Arc<Live>,
    state: State,
    backends: Arc<Backends>,
}

const NOW: Now = Now { monotonic_nanoseconds: BEGIN, epoch_milliseconds: 0 };

fn configuration(link: &str) -> postern_model::Configuration {
    let text = format!(
        "region: us-east-1
accountId: '123456789012'
restApis:
  - {{id: a1b2c3d4e5, definition: api.json, stages: [{{stageName: demo}}]}}
vpcLinks: [{link}]"
    );
    let outcome = postern_config::read("postern.yaml", &Documents(text));
    let problems = outcome.problems;
    outcome.configuration.unwrap_or_else(|| panic!("{problems:?}"))
}

impl Process {
    /// Serves one link, described as in the file, whose targets these are. The checks run.
    fn new(targets: &[SocketAddr], more: &str) -> Self {
        let mut state = State::new([7; 32]);
        let compiled = compile(configuration(&link_of(targets, more)), None, &mut state);
        let live = Arc::new(Live::new(compiled.begin(NOW)));
        let backends = House::new().backends;
        backends.serve(&live.current());
        tokio::task::spawn_local(Arc::clone(&backends).check_health());
        Self { live, state, backends }
    }

    fn reload(&mut self, targets: &[SocketAddr], more: &str) {
        let before = self.live.current();
        let compiled = compile(configuration(&link_of(targets, more)), Some(&before), &mut self.state);
        self.live.replace(compiled.begin(NOW));
        self.backends.serve(&self.live.current());
    }

    /// One of its workers.
    fn worker(&self) -> House {
        let house = House::with(Arc::clone(&self.backends));
        tokio::task::spawn_local(house.upstream.tend(Arc::clone(&self.live)));
        house
    }

    fn link(&self) -> Destination {
        (*self.live.current().destinations()[0]).clone()
    }

    /// Which targets are given calls.
    fn healthy(&self, house: &House) -> BTreeMap<String, bool> {
        let statuses = self.backends.targets(house.now());
        statuses.into_iter().map(|status| (status.target.into(), status.is_healthy)).collect()
    }

    fn is_healthy(&self, house: &House, target: SocketAddr) -> bool {
        self.healthy(house)[&target.to_string()]
    }
}

fn link_of(targets: &[SocketAddr], more: &str) -> String {
    let targets: Vec<String> = targets.iter().map(|target| format!("'{target}'")).collect();
    format!("{{id: vl1, targets: [{}]{more}}}", targets.join(", "))
}

/// Runs a test on a clock that only goes on while everybody waits.
fn run_paused<T>(test: impl Future<Output = T>) -> T {
    run(async {
        tokio::time::pause();
        test.await
    })
}

/// Waits for something that must come about, in steps of the paused clock.
async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{what} never came about");
}

/// Lets this many seconds pass for the checks.
async fn pass(seconds: u64) {
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How a target behaves at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Fine,
    /// Answers with this status.
    Says(u16),
    /// Reads and says nothing.
    Hangs,
    /// Breaks connections instead of answering.
    Resets,
}

/// A target whose mood can change, for checks and calls alike. It answers with its name.
struct Target {
    peer: Peer,
    mood: Rc<Cell<Mood>>,
    /// Checks of its health so far.
    checks: Rc<RefCell<Vec<String>>>,
}

impl Target {
    async fn new(name: &'static str) -> Self {
        let (mood, checks) = (Rc::new(Cell::new(Mood::Fine)), Rc::new(RefCell::new(Vec::new())));
        let (moods, checked) = (Rc::clone(&mood), Rc::clone(&checks));
        let peer = Peer::start(move |mut visit, _| {
            let (mood, checked) = (Rc::clone(&moods), Rc::clone(&checked));
            async move {
                while let Some(head) = visit.head().await {
                    let is_check = head.contains("Postern-HealthChecker");
                    if is_check {
                        checked.borrow_mut().push(head);
                    } else {
                        visit.note(head);
                    }
                    match mood.get() {
                        Mood::Fine => visit.send(&ok(name)).await,
                        Mood::Says(status) => {
                            visit.send(&format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")).await;
                        }
                        Mood::Hangs => pending().await,
                        Mood::Resets => return visit.reset(),
                    }
                }
            }
        })
        .await;
        Self { peer, mood, checks }
    }

    fn address(&self) -> SocketAddr {
        self.peer.address
    }

    fn calls(&self) -> usize {
        self.peer.requests().len()
    }
}

async fn two() -> (Target, Target) {
    (Target::new("a").await, Target::new("b").await)
}

#[test]
fn upstream_calls_are_shared_between_targets_and_connections_kept_to_each() {
    run_paused(async {
        let (a, b) = two().await;
        let process = Process::new(&[a.address(), b.address()], "");
        let (house, link) = (process.worker(), process.link());
        for _ in 0..20 {
            assert!(matches!(house.ask(&link, &get()).await, Outcome::Answered(200, _)));
        }
        assert_eq!((a.calls(), b.calls()), (10, 10));
        assert_eq!((a.peer.connections(), b.peer.connections()), (1, 1));
    });
}

#[test]
fn upstream_a_slow_target_gets_fewer_calls() {
    run_paused(async {
        let (a, b) = two().await;
        let process = Process::new(&[a.address(), b.address()], "");
        let (house, link) = (process.worker(), process.link());
        a.mood.set(Mood::Hangs);
        let request = post();
        // One call hangs at the one target, so the other gets all that follow.
        let hanging = all((0..1).map(|_| house.ask(&link, &request)));
        let others = async {
            a.peer.has_requests(1).await;
            for _ in 0..10 {
                assert_eq!(house.ask(&link, &request).await, answered(200, "b"));
            }
        };
        abandon(hanging, others).await;
        assert_eq!((a.calls(), b.calls()), (1, 10));
    });
}

#[test]
fn upstream_a_target_that_refuses_is_passed_over_by_every_method_and_put_out_after_three() {
    run_paused(async {
        let b = Target::new("b").await;
        let dead = nobody().await;
        let process = Process::new(&[dead, b.address()], "");
        let (house, link) = (process.worker(), process.link());
        for request in [get(), post(), get(), post(), get(), post(), get(), post()] {
            assert_eq!(house.ask(&link, &request).await, answered(200, "b"));
        }
        assert_eq!(house.events.count(Event::BackendConnectFailed), 3);
        assert_eq!(house.events.count(Event::BackendRetried), 0, "nothing had been sent");
        assert!(!process.is_healthy(&house, dead) && process.is_healthy(&house, b.address()));
        // After five seconds it is tried again, with a tenth of its share.
        house.timers.advance_to(BEGIN + 5 * SECOND);
        for _ in 0..40 {
            assert_eq!(house.ask(&link, &get()).await, answered(200, "b"));
        }
        assert_eq!(house.events.count(Event::BackendConnectFailed), 4, "once was enough");
        let statuses = process.backends.targets(house.now());
        let status = statuses.iter().find(|status| *status.target == *dead.to_string()).unwrap();
        assert_eq!(status.ejections, 2);
    });
}

#[test]
fn upstream_with_no_target_left_all_are_tried_and_the_failure_names_the_last() {
    run_paused(async {
        let (one, other) = (nobody().await, nobody().await);
        let process = Process::new(&[one, other], "");
        let (house, link) = (process.worker(), process.link());
        for times in 1..=5 {
            let failure = house.send(&link, &get()).await.unwrap_err();
            assert_eq!(failure.kind, Kind::Network);
            assert!(failure.reason.starts_with("`vl1`, target 127.0.0.1:"), "{}", failure.reason);
            assert_eq!(house.events.count(Event::BackendConnectFailed), 2 * times);
        }
        assert!(process.healthy(&house).values().all(|is_healthy| !is_healthy));
    });
}

#[test]
fn upstream_a_target_that_dies_loses_no_idempotent_call() {
    run_paused(async {
        let (a, b) = two().await;
        let process = Process::new(&[a.address(), b.address()], "");
        let (house, link) = (process.worker(), process.link());
        let request = get();
        for round in 0..40 {
            if round == 10 {
                a.mood.set(Mood::Resets);
            }
            let outcomes = all((0..16).map(|_| house.ask(&link, &request))).await;
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Answered(200, _))), "{round}");
        }
        assert!(!process.is_healthy(&house, a.address()));
        let at_a = a.calls();
        for _ in 0..20 {
            assert_eq!(house.ask(&link, &get()).await, answered(200, "b"));
        }
        assert_eq!(a.calls(), at_a, "it is left alone");
    });
}

#[test]
fn upstream_a_target_that_is_drained_loses_no_call_at_all() {
    run_paused(async {
        // It says that it closes, and closes, after each answer: nothing new comes by that connection.
        let b = Target::new("b").await;
        let draining = Peer::start(|mut visit, _| async move {
            visit.request().await;
            visit.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na").await;
        })
        .await;
        let process = Process::new(&[draining.address, b.address()], "");
        let (house, link) = (process.worker(), process.link());
        for request in [get(), post()] {
            for _ in 0..20 {
                assert!(matches!(house.ask(&link, &request).await, Outcome::Answered(200, _)));
            }
        }
        assert_eq!(house.events.count(Event::BackendRetried), 0);
        assert_eq!(draining.connections(), 20);
    });
}

#[test]
fn upstream_a_second_attempt_goes_to_another_target() {
    run_paused(async {
        let (a, b) = two().await;
        a.mood.set(Mood::Resets);
        let process = Process::new(&[a.address(), b.address()], "");
        let (house, link) = (process.worker(), process.link());
        assert_eq!(house.ask(&link, &get()).await, answered(200, "b"));
        assert_eq!((a.calls(), b.calls()), (1, 1));
        assert_eq!(house.events.count(Event::BackendRetried), 1);
    });
}

const CHECK: &str = ", healthCheck: {protocol: HTTP, path: /health, intervalSeconds: 1, timeoutSeconds: 1, healthyThreshold: 3, unhealthyThreshold: 2}";

#[test]
fn upstream_checks_ask_each_target_once_in_each_interval_whatever_the_workers() {
    run_paused(async {
        let (a, b) = two().await;
        let process = Process::new(&[a.address(), b.address()], CHECK);
        let (_one, _other) = (process.worker(), process.worker());
        pass(10).await;
        for target in [&a, &b] {
            let checks = target.checks.borrow();
            assert!((10..=11).contains(&checks.len()), "{}", checks.len());
            let expected = format!(
                "GET /health HTTP/1.1\r\nHost: {}\r\nUser-Agent: Postern-HealthChecker\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                target.address()
            );
            assert_eq!(checks[0], expected);
        }
    });
}

#[test]
fn upstream_checks_put_a_target_out_and_bring_it_back_for_all_workers() {
    for ill in [Mood::Says(500), Mood::Says(404), Mood::Hangs, Mood::Resets] {
        run_paused(async {
            let (a, b) = two().await;
            let process =
                Process::new(&[a.address(), b.address()], &(CHECK.to_owned() + ", slowStartSeconds: 0"));
            let (first, second, link) = (process.worker(), process.worker(), process.link());
            until("the first check", || a.checks.borrow().len() == 1).await;
            a.mood.set(ill);
            until("a target put out", || !process.is_healthy(&first, a.address())).await;
            let before = a.checks.borrow().len();
            assert!((2..=4).contains(&before), "{ill:?}: {before}");
            for house in [&first, &second] {
                for request in [get(), post()] {
                    for _ in 0..5 {
                        assert_eq!(house.ask(&link, &request).await, answered(200, "b"), "{ill:?}");
                    }
                }
            }
            assert_eq!(a.calls(), 0);
            a.mood.set(Mood::Fine);
            until("its return", || process.is_healthy(&first, a.address())).await;
            assert!((3..=4).contains(&(a.checks.borrow().len() - before)), "{ill:?}");
            for _ in 0..10 {
                first.ask(&link, &get()).await;
            }
            assert_eq!(a.calls(), 5, "{ill:?}");
        });
    }
}

#[test]
fn upstream_redirects_and_empty_answers_are_well() {
    for status in [200, 204, 302, 399] {
        run_paused(async {
            let (a, b) = two().await;
            a.mood.set(Mood::Says(status));
            let process = Process::new(&[a.address(), b.address()], CHECK);
            let house = process.worker();
            pass(5).await;
            assert!(process.is_healthy(&house, a.address()), "{status}");
        });
    }
}

#[test]
fn upstream_the_first_check_decides_alone() {
    run_paused(async {
        let (a, b) = two().await;
        a.mood.set(Mood::Says(503));
        let process = Process::new(&[a.address(), b.address()], CHECK);
        let (house, link) = (process.worker(), process.link());
        until("a target put out", || !process.is_healthy(&house, a.address())).await;
        assert_eq!(a.checks.borrow().len(), 1);
        assert_eq!(house.ask(&link, &get()).await, answered(200, "b"));
    });
}

#[test]
fn upstream_with_every_target_ill_one_is_tried_all_the_same() {
    run_paused(async {
        let (a, b) = two().await;
        a.mood.set(Mood::Says(503));
        b.mood.set(Mood::Says(503));
        let process = Process::new(&[a.address(), b.address()], CHECK);
        let (house, link) = (process.worker(), process.link());
        until("both put out", || process.healthy(&house).values().all(|is_healthy| !is_healthy)).await;
        for _ in 0..4 {
            assert_eq!(house.ask(&link, &get()).await, answered(503, ""));
        }
        assert_eq!((a.calls(), b.calls()), (2, 2));
    });
}

#[test]
fn upstream_a_connection_is_enough_for_tcp_checks() {
    run_paused(async {
        let a = Target::new("a").await;
        let silent = Peer::start(|mut visit, _| async move {
            visit.ended().await;
        })
        .await;
        let dead = nobody().await;
        let process =
            Process::new(&[a.address(), silent.address, dead], ", healthCheck: {intervalSeconds: 1}");
        let house = process.worker();
        until("a target put out", || !process.is_healthy(&house, dead)).await;
        pass(5).await;
        assert!(process.is_healthy(&house, a.address()) && process.is_healthy(&house, silent.address));
        assert!(a.checks.borrow().is_empty(), "nothing was said");
    });
}

#[test]
fn upstream_a_call_that_waits_for_a_target_that_is_put_out_goes_elsewhere_if_it_may() {
    run_paused(async {
        let (a, b) = two().await;
        let process = Process::new(&[a.address(), b.address()], CHECK);
        let (house, link) = (process.worker(), process.link());
        until("the first check", || a.checks.borrow().len() == 1).await;
        a.mood.set(Mood::Hangs);
        let (reads, writes) = (get(), post());
        let waiting = async {
            let gets = all((0..8).map(|_| house.ask(&link, &reads)));
            let posts = all((0..8).map(|_| house.ask(&link, &writes)));
            both(gets, posts).await
        };
        let ((gets, posts), ()) = both(waiting, async {
            until("a target put out", || !process.is_healthy(&house, a.address())).await;
            settle().await;
            // What may not be sent twice waits until its time is up.
            house.timers.advance_to(DEADLINE);
        })
        .await;
        assert!(gets.iter().all(|outcome| *outcome == answered(200, "b")), "{gets:?}");
        let (served, lost): (Vec<_>, Vec<_>) =
            posts.into_iter().partition(|outcome| *outcome == answered(200, "b"));
        assert_eq!((served.len(), lost.len()), (4, 4));
        assert!(lost.iter().all(|outcome| *outcome == TIMED_OUT), "{lost:?}");
    });
}

/// Each call is one of those that a target does not read, or of those whose client says no more.
#[test]
fn upstream_a_target_that_stops_reading_is_put_out_and_one_that_waits_for_a_slow_client_is_not() {
    for (piece, is_healthy) in [("x".repeat(20_000_000), false), ("x".to_owned(), true)] {
        run(async {
            let silent = Peer::start(|mut visit, _| async move {
                let head = visit.head().await;
                visit.note(head.unwrap());
                pending().await
            })
            .await;
            // Of two targets the second is dead, so that each call goes to the first in the end.
            let process = Process::new(&[silent.address, nobody().await], "");
            let (house, link) = (process.worker(), process.link());
            let is_healthy_now = || process.is_healthy(&house, silent.address);
            for _ in 0..3 {
                assert!(is_healthy_now());
                let (pieces, mut body) = client_body("");
                pieces.send(Ok(piece.clone().into_bytes())).unwrap();
                let request = upload("POST", 30_000_000);
                let (calls, deadline) = (silent.requests().len(), house.now() + TIMEOUT);
                let call = house.call(&link, &request, postern_gateway::CallBody::Stream(&mut body));
                let (outcome, ()) = both(call, async {
                    silent.has_requests(calls + 1).await;
                    house.timers.advance_to(deadline);
                })
                .await;
                assert_eq!(outcome.unwrap_err().kind, Kind::TimedOut);
            }
            assert_eq!(is_healthy_now(), is_healthy);
        });
    }
}

#[test]
fn upstream_checks_bring_back_what_calls_have_put_out() {
    run_paused(async {
        let (a, b) = two().await;
        let process = Process::new(&[a.address(), b.address()], CHECK);
        let (house, link) = (process.worker(), process.link());
        pass(5).await;
        // It breaks only calls.
        a.mood.set(Mood::Resets);
        for _ in 0..8 {
            assert_eq!(house.ask(&link, &get()).await, answered(200, "b"));
        }
        assert!(!process.is_healthy(&house, a.address()));
        a.mood.set(Mood::Fine);
        let before = a.checks.borrow().len();
        // The clock of the calls stands still.
        until("its return", || process.is_healthy(&house, a.address())).await;
        assert!((3..=4).contains(&(a.checks.borrow().len() - before)));
    });
}

#[test]
fn upstream_timeouts_in_a_row_put_a_target_out() {
    run_paused(async {
        let (a, b) = two().await;
        a.mood.set(Mood::Hangs);
        let process = Process::new(&[a.address(), b.address()], "");
        let (house, link) = (process.worker(), process.link());
        let request = post();
        let (outcomes, ()) = both(all((0..6).map(|_| house.ask(&link, &request))), async {
            a.peer.has_requests(3).await;
            settle().await;
            house.timers.advance_to(DEADLINE);
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == TIMED_OUT).count(), 3);
        assert!(!process.is_healthy(&house, a.address()));
    });
}

#[test]
fn a_changed_check_takes_effect_and_one_that_is_gone_says_nothing_more() {
    run_paused(async {
        let (a, b) = two().await;
        a.mood.set(Mood::Says(503));
        let targets = [a.address(), b.address()];
        let mut process = Process::new(&targets, CHECK);
        let house = process.worker();
        until("a target put out", || !process.is_healthy(&house, a.address())).await;
        process.reload(&targets, &CHECK.replace("/health", "/other"));
        until("another path", || a.checks.borrow().iter().any(|check| check.starts_with("GET /other ")))
            .await;
        assert!(!process.is_healthy(&house, a.address()), "what was known of it stays known");
        process.reload(&targets, "");
        assert!(process.is_healthy(&house, a.address()));
        let checked = a.checks.borrow().len();
        pass(5).await;
        assert_eq!(a.checks.borrow().len(), checked);
        process.reload(&[b.address()], CHECK);
        assert_eq!(process.healthy(&house).into_keys().collect::<Vec<_>>(), [b.address().to_string()]);
    });
}

#[test]
fn idle_connections_that_are_old_or_named_no_more_are_closed() {
    run_paused(async {
        let (ended, a) = (Rc::new(Cell::new(0)), Target::new("a").await);
        let told = Rc::clone(&ended);
        let peer = Peer::start(move |mut visit, _| {
            let told = Rc::clone(&told);
            async move {
                while visit.request().await.is_some() {
                    visit.send(&ok("b")).await;
                }
                told.set(told.get() + 1);
            }
        })
        .await;
        let mut process = Process::new(&[peer.address, a.address()], "");
        let (house, link) = (process.worker(), process.link());
        house.ask(&link, &get()).await;
        house.ask(&link, &get()).await;
        house.timers.advance_to(BEGIN + 49 * SECOND);
        pass(6).await;
        assert_eq!(ended.get(), 0);
        house.timers.advance_to(BEGIN + 50 * SECOND);
        until("the end of an old connection", || ended.get() == 1).await;
        house.ask(&link, &get()).await;
        house.ask(&link, &get()).await;
        process.reload(&[a.address()], "");
        until("the end of a connection to what is gone", || ended.get() == 2).await;
    });
}
