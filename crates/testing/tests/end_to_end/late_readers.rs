//! Clients that read late, when the system holds all that it takes of their answers: nothing of what was answered is
//! lost, whatever the connection waits for meanwhile.

use postern_testing::{Gateway, Wire, definition, mock, until};
use serde_json::json;

use crate::{gateway, get};

const BODY_BYTES: usize = 3_000;

fn serving() -> Gateway {
    let mut large = mock("");
    let answers = "x".repeat(BODY_BYTES);
    large["x-amazon-apigateway-integration"]["responses"]["default"]["responseTemplates"] =
        json!({"application/json": answers});
    gateway(&definition(&json!({"/large": {"get": large}})), |_, configuration| {
        // What stands still does so for the whole test.
        for limit in ["headSeconds", "idleSeconds", "writeStallSeconds"] {
            configuration["limits"][limit] = json!(300);
        }
    })
}

fn served(gateway: &Gateway) -> usize {
    let served = gateway.metric("postern_requests_total", &[]);
    (0..).find(|count| f64::from(*count) >= served).and_then(|count| usize::try_from(count).ok()).unwrap()
}

/// Asks so often and then sends this, and reads nothing until so many were served.
fn ask_and_wait(gateway: &Gateway, count: usize, ending: &str, until_served: usize) -> Wire {
    let before = served(gateway);
    let mut wire = gateway.wire();
    wire.send(get("/demo/large").repeat(count) + ending);
    until("the requests to be served", || (served(gateway) >= before + until_served).then_some(()));
    wire
}

/// How many requests of one client are served that reads nothing.
fn held_by_the_system(gateway: &Gateway) -> usize {
    let before = served(gateway);
    let _wire = ask_and_wait(gateway, 2_500, "", 1);
    let (mut last, mut times_seen) = (0, 0);
    until("the gateway to wait for its client", || {
        let now = served(gateway);
        times_seen = if now == last { times_seen + 1 } else { 0 };
        last = now;
        (times_seen > 100).then_some(())
    });
    last - before
}

/// Asks as often as the system has just room for, and a little less and more.
fn around_the_edge(mut probe: impl FnMut(&Gateway, usize, usize)) {
    let gateway = serving();
    let edge = held_by_the_system(&gateway);
    for count in edge - 6..edge + 6 {
        probe(&gateway, count, count.min(edge - 20));
    }
}

fn assert_whole(answers: &[u8], count: usize, what: &str) {
    let answers = String::from_utf8_lossy(answers);
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), count, "{what}");
    assert_eq!(answers.matches(&"x".repeat(BODY_BYTES)).count(), count, "{what}");
}

#[test]
fn late_readers_get_their_answers_while_the_next_head_is_awaited() {
    around_the_edge(|gateway, count, until_served| {
        let (begun, rest) = ("GET /demo/large HT", get("/demo/large"));
        let mut wire = ask_and_wait(gateway, count, begun, until_served);
        for number in 0..count {
            let answer = wire.answer();
            assert_eq!((answer.status(), answer.body.len()), (200, BODY_BYTES), "{number} of {count}");
        }
        assert_eq!(wire.ask(rest.strip_prefix(begun).unwrap()).status(), 200);
    });
}

#[test]
fn late_readers_that_send_no_more_get_their_answers() {
    around_the_edge(|gateway, count, until_served| {
        let mut wire = ask_and_wait(gateway, count, "", until_served);
        wire.finish();
        assert_whole(&wire.rest(), count, "half closed");
    });
}

#[test]
fn late_readers_get_their_answers_before_the_connection_closes() {
    let last = get("/demo/large").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    around_the_edge(|gateway, count, until_served| {
        let mut wire = ask_and_wait(gateway, count, &last, until_served);
        assert_whole(&wire.rest(), count + 1, "closed");
    });
}

#[test]
fn late_readers_get_their_answers_before_a_refusal() {
    around_the_edge(|gateway, count, until_served| {
        let mut wire = ask_and_wait(gateway, count, "no head\r\n\r\n", until_served);
        let all = wire.rest();
        assert_whole(&all, count, "refused");
        let text = String::from_utf8_lossy(&all);
        assert!(text.rsplit("HTTP/1.1 ").next().is_some_and(|last| last.starts_with("400 ")), "{count}");
    });
}
