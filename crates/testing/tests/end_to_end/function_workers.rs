//! Functions that several workers call: fewer processes than workers, processes that are killed while calls
//! wait, reloads under load.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use postern_testing::{
    Backend, Gateway, Step, Wire, answer, close, definition, expect, function_arn, function_proxy, hang,
    python_process, until,
};
use serde_json::{Value, json};

use crate::{gateway, post, short};

/// `/hello/{do}` of function `hello`, with so many processes at most, served by four workers.
fn hosting(concurrency: u32) -> Gateway {
    let proxy = function_proxy(&function_arn("hello"));
    let paths = definition(&json!({"/hello/{do}": {"x-amazon-apigateway-any-method": proxy}}));
    gateway(&paths, |_, configuration| {
        let mut process = python_process(&[]);
        process["concurrency"] = json!(concurrency);
        configuration["workers"] = json!(4);
        configuration["functions"] =
            json!([{"functionName": "hello", "process": process, "timeoutSeconds": 20}]);
    })
}

fn ask(wire: &mut Wire, what: &str, body: &str) -> Value {
    let answer = wire.ask(post(&format!("/demo/hello/{what}"), body));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    json!(answer.text())
}

/// A process that is at a call until the backend is released.
fn busy(gateway: &Gateway, backend: &Backend) -> Wire {
    let mut wire = gateway.wire();
    wire.send(post("/demo/hello/wait", &format!("http://{}/first", backend.address())));
    let _asked = backend.request(0);
    wire
}

/// Calls that wait, each on a connection of its own and come behind the one before.
fn waiting(gateway: &Gateway, count: u32, what: &str, body: impl Fn(u32) -> String) -> Vec<Wire> {
    let mut wires = Vec::new();
    for number in 0..count {
        let mut wire = gateway.wire();
        wire.send(post(&format!("/demo/hello/{what}"), &body(number)));
        wires.push(wire);
        until("a call to wait", || (waits(gateway) == f64::from(number + 1)).then_some(()));
    }
    wires
}

fn waits(gateway: &Gateway) -> f64 {
    gateway.metric("postern_function_waiting", &["function=\"hello\""])
}

const CALLS: u32 = 16;

#[test]
fn one_process_serves_the_calls_of_all_workers_in_their_order() {
    let gateway = hosting(1);
    let one = |beginning: &str, holds: bool| -> Vec<Step> {
        let held = holds.then(hang);
        [expect(beginning)].into_iter().chain(held).chain([answer(200, "go"), close()]).collect()
    };
    let others = (0..CALLS).flat_map(|_| one("GET /call-", false));
    let backend = Backend::script(one("GET /first", true).into_iter().chain(others));
    let mut first = busy(&gateway, &backend);
    let url = |number| format!("http://{}/call-{number}", backend.address());
    let mut wires = waiting(&gateway, CALLS, "wait", url);
    backend.release();
    for wire in [&mut first].into_iter().chain(&mut wires) {
        assert_eq!(short(&wire.answer()), (200, "go"));
    }
    let order: Vec<_> = backend.requests().iter().map(|request| request.first_line().to_owned()).collect();
    let expected = (0..CALLS).map(|number| format!("GET /call-{number} HTTP/1.1"));
    assert_eq!(order[1..], expected.collect::<Vec<_>>());
    assert_eq!(gateway.metric("postern_function_starts_total", &["function=\"hello\""]), 1.0);
}

#[test]
fn calls_that_wait_when_the_process_is_killed_are_served_by_the_next() {
    let gateway = hosting(1);
    let backend = Backend::script([expect("GET /first"), hang()]);
    let process = ask(&mut gateway.wire(), "process", "");
    let mut first = busy(&gateway, &backend);
    let mut wires = waiting(&gateway, CALLS, "process", |_| String::new());
    let number = process.as_str().unwrap();
    assert!(Command::new("kill").args(["-9", number]).status().unwrap().success());
    assert_eq!(first.answer().status(), 502);
    for wire in &mut wires {
        let answer = wire.answer();
        assert_eq!(answer.status(), 200);
        assert_ne!(answer.text(), number);
    }
    assert_eq!(
        (gateway.metric("postern_function_starts_total", &["function=\"hello\""]), waits(&gateway)),
        (2.0, 0.0)
    );
    backend.release();
}

#[test]
fn an_idle_process_serves_whichever_worker_is_called() {
    let gateway = hosting(4);
    let process = ask(&mut gateway.wire(), "process", "");
    for _ in 0..CALLS {
        assert_eq!(ask(&mut gateway.wire(), "process", ""), process);
    }
}

#[test]
fn reloads_under_load_lose_no_call() {
    let mut gateway = hosting(3);
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let wires: Vec<_> = (0..8).map(|_| gateway.wire()).collect();
    thread::scope(|scope| {
        for mut wire in wires {
            let (is_over, answered) = (&is_over, &answered);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    ask(&mut wire, "process", "");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut configuration = gateway.configuration().clone();
        for turn in 0..6 {
            // What every other reload changes is the function.
            configuration["limits"]["headSeconds"] = json!(5 + turn);
            configuration["functions"][0]["process"]["environment"] = json!({"TURN": (turn / 2).to_string()});
            gateway.reload(configuration.clone());
            let before = answered.load(Ordering::Relaxed);
            until("calls to go on", || (answered.load(Ordering::Relaxed) > before + 50).then_some(()));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    until("old processes to be gone", || {
        (gateway.metric("postern_function_processes", &["function=\"hello\""]) <= 3.0).then_some(())
    });
}
