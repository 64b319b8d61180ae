//! The fault matrix: every way in which a backend can fail, asked by GET and by POST, with the one
//! outcome of each (hardening.md section 8, integrations.md section 14).

#[cfg(test)]
mod support;

use std::future::pending;

use postern_gateway::{Event, IntegrationFailureKind as Kind};
use support::*;

/// What a backend does with a connection on which a request came.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Sends this, keeps the connection open.
    Sends(&'static str),
    /// Sends this and ends the connection.
    SendsAndEnds(&'static str),
    /// Sends this and breaks the connection.
    SendsAndResets(&'static str),
}

use Fault::{Sends, SendsAndEnds, SendsAndResets};

/// What a call comes to.
#[derive(Clone, Copy, Debug)]
enum Means {
    /// Not a byte of an answer: 504, and what may be sent twice is.
    NoAnswer,
    /// No answer that can be read: 502.
    Bad,
    /// A head, this of the body, and a cut: 502 where the answer is collected, a broken connection where
    /// it passes through.
    Cut(&'static str),
    /// An answer with this body.
    Fine(&'static str),
}

use Means::{Bad, Cut, Fine, NoAnswer};

impl Means {
    /// The outcome, and how many connections it takes.
    fn of(self, request: &Request) -> (Outcome, usize) {
        match self {
            NoAnswer if request.head.starts_with("GET") => (NETWORK, 2),
            NoAnswer => (NETWORK, 1),
            Bad => (BAD_ANSWER, 1),
            Cut(body) => (cut(200, body, Kind::BadAnswer), 1),
            Fine(body) => (answered(200, body), 1),
        }
    }
}

/// Every fault, and what it means for GET and for POST.
const MATRIX: &[(&str, Fault, Means)] = &[
    // No answer.
    ("reset before headers", SendsAndResets(""), NoAnswer),
    ("closed before headers", SendsAndEnds(""), NoAnswer),
    ("reset within the head", SendsAndResets("HTTP/1.1 200 OK\r\nContent-"), Bad),
    ("closed within the head", SendsAndEnds("HTTP/1.1 200 OK\r\nContent-"), Bad),
    ("closed after an interim answer", SendsAndEnds("HTTP/1.1 100 Continue\r\n\r\n"), Bad),
    // Half an answer.
    ("reset in the body", SendsAndResets("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), Cut("half")),
    ("closed in the body", SendsAndEnds("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), Cut("half")),
    (
        "closed between chunks",
        SendsAndEnds("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        Cut("half"),
    ),
    (
        "closed before the last line of the chunks",
        SendsAndEnds("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"),
        Cut("half"),
    ),
    (
        "reset where the end of the connection is the end of the body",
        SendsAndResets("HTTP/1.1 200 OK\r\n\r\nhalf"),
        Cut("half"),
    ),
    // Wrong lengths.
    ("longer than it says", Sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay"), Fine("ok")),
    // No HTTP, or none that can be read in one way only.
    ("garbage", Sends("SSH-2.0-OpenSSH_9.2\r\n"), Bad),
    ("binary garbage", Sends("\x16\x03\x01\x02\0\x01\0\x01\x7c\x03\x03"), Bad),
    ("an empty line", Sends("\r\nHTTP/1.1 200 OK\r\n\r\n"), Bad),
    ("HTTP/2", Sends("\0\0\x12\x04\0\0\0\0\0"), Bad),
    ("HTTP/0.9", Sends("<html>hello</html>"), Bad),
    ("another major version", Sends("HTTP/2.0 200 OK\r\n\r\n"), Bad),
    ("no version", Sends("HTTP/ 200 OK\r\n\r\n"), Bad),
    ("a short status", Sends("HTTP/1.1 20 OK\r\n\r\n"), Bad),
    ("a long status", Sends("HTTP/1.1 2000 OK\r\n\r\n"), Bad),
    ("a status of no class", Sends("HTTP/1.1 600 What\r\n\r\n"), Bad),
    ("a status below all", Sends("HTTP/1.1 099 What\r\n\r\n"), Bad),
    ("a status of letters", Sends("HTTP/1.1 abc What\r\n\r\n"), Bad),
    ("NUL in the reason", Sends("HTTP/1.1 200 O\0K\r\n\r\n"), Bad),
    ("101 that nobody asked for", Sends("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), Bad),
    (
        "a length and chunks",
        Sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Bad,
    ),
    ("two lengths", Sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), Bad),
    (
        "the same length twice",
        Sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
        Bad,
    ),
    ("a length with a sign", Sends("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"), Bad),
    ("a length of words", Sends("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"), Bad),
    ("a length that is a list", Sends("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello"), Bad),
    (
        "a length beyond all numbers",
        Sends("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        Bad,
    ),
    ("another coding", Sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), Bad),
    ("chunks in HTTP/1.0", Sends("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Bad),
    ("a line without a colon", Sends("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"), Bad),
    ("a name with a space", Sends("HTTP/1.1 200 OK\r\nName : x\r\n\r\n"), Bad),
    ("an empty name", Sends("HTTP/1.1 200 OK\r\n: x\r\n\r\n"), Bad),
    ("a folded line", Sends("HTTP/1.1 200 OK\r\nName: x\r\n y\r\n\r\n"), Bad),
    ("NUL in a value", Sends("HTTP/1.1 200 OK\r\nName: x\0y\r\n\r\n"), Bad),
    ("a bare carriage return", Sends("HTTP/1.1 200 OK\r\nName: x\ry\r\n\r\n"), Bad),
    ("bare line feeds", Sends("HTTP/1.1 200 OK\nName: x\n\n"), Bad),
    ("a bad chunk size", Sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n"), Cut("")),
    (
        "a chunk longer than it says",
        Sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n"),
        Cut("ok"),
    ),
    (
        "a chunk size beyond all numbers",
        Sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n"),
        Cut(""),
    ),
    (
        "a bad trailer",
        Sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nbad\0: x\r\n\r\n"),
        Cut("ok"),
    ),
    // Odd, and fine.
    ("HTTP/1.0", SendsAndEnds("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), Fine("ok")),
    ("close-delimited", SendsAndEnds("HTTP/1.1 200 OK\r\n\r\nok"), Fine("ok")),
    ("no reason", Sends("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), Fine("ok")),
    ("no reason, a space", Sends("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"), Fine("ok")),
    (
        "interim answers",
        Sends(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ),
        Fine("ok"),
    ),
];

async fn peer_with(fault: Fault) -> Peer {
    Peer::start(move |mut visit, _| async move {
        visit.request().await;
        match fault {
            Sends(bytes) => {
                visit.send(bytes).await;
                pending().await
            }
            SendsAndEnds(bytes) => visit.send(bytes).await,
            SendsAndResets(bytes) => {
                visit.send(bytes).await;
                // What was sent is read before the connection breaks.
                settle().await;
                visit.reset();
            }
        }
    })
    .await
}

#[test]
fn upstream_the_fault_matrix() {
    for (name, fault, means) in MATRIX {
        for request in [get(), post()] {
            run(async {
                let (house, peer) = (House::new(), peer_with(*fault).await);
                let (outcome, connections) = means.of(&request);
                let method = request.head.split(' ').next();
                assert_eq!(
                    house.ask(&destination(peer.address), &request).await,
                    outcome,
                    "{name}: {method:?}"
                );
                assert_eq!(peer.connections(), connections, "{name}: {method:?}");
                assert_eq!(house.events.count(Event::BackendRetried), connections - 1, "{name}: {method:?}");
            });
        }
    }
}

#[test]
fn upstream_a_connection_that_showed_a_fault_is_never_used_again() {
    for (name, fault, means) in MATRIX {
        if matches!((fault, means), (Sends(_), Fine(_))) && *name != "longer than it says" {
            continue;
        }
        run(async {
            let (house, peer) = (House::new(), peer_with(*fault).await);
            let connections = means.of(&get()).1;
            for times in 1..3 {
                house.ask(&destination(peer.address), &get()).await;
                assert_eq!(peer.connections(), times * connections, "{name}");
            }
        });
    }
}

#[test]
fn upstream_refused_is_a_network_failure() {
    for request in [get(), post()] {
        run(async {
            let house = House::new();
            let destination = destination(nobody().await);
            let failure = house.send(&destination, &request).await.unwrap_err();
            assert_eq!(failure.kind, Kind::Network);
            assert!(failure.reason.contains("connecting to 127.0.0.1:"), "{}", failure.reason);
            assert_eq!(house.events.count(Event::BackendConnectFailed), 1);
            assert_eq!(house.events.count(Event::BackendRetried), 0);
        });
    }
}

#[test]
fn upstream_a_head_that_is_too_large() {
    for (bytes, fits) in [(16_000, true), (16 << 10, false)] {
        for request in [get(), post()] {
            run(async {
                let text =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n", "x".repeat(bytes));
                let peer = Peer::start(move |mut visit, _| {
                    let text = text.clone();
                    async move {
                        visit.request().await;
                        visit.send(&text).await;
                        pending().await
                    }
                })
                .await;
                let outcome = House::new().ask(&destination(peer.address), &request).await;
                assert_eq!(outcome, if fits { answered(200, "") } else { BAD_ANSWER }, "{bytes}");
            });
        }
    }
}

#[test]
fn upstream_too_many_fields() {
    for (fields, fits) in [(199, true), (200, false)] {
        run(async {
            let lines = "X: y\r\n".repeat(fields);
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n");
            let peer = Peer::start(move |mut visit, _| {
                let text = text.clone();
                async move {
                    visit.request().await;
                    visit.send(&text).await;
                    pending().await
                }
            })
            .await;
            let outcome = House::new().ask(&destination(peer.address), &get()).await;
            assert_eq!(outcome, if fits { answered(200, "") } else { BAD_ANSWER }, "{fields}");
        });
    }
}

/// How a backend takes its time.
#[derive(Clone, Copy, Debug)]
enum Delay {
    /// Says nothing at all.
    Hangs,
    /// Stops within the head.
    StopsInHead,
    /// Stops within the body.
    StopsInBody,
    /// Says a byte each second: time is counted over the whole, not between bytes.
    IsSlow,
    /// Takes the connection and not the request.
    DoesNotRead,
}

#[test]
fn upstream_silence_ends_at_the_timeout_and_not_before() {
    let all = [Delay::Hangs, Delay::StopsInHead, Delay::StopsInBody, Delay::IsSlow, Delay::DoesNotRead];
    for delay in all {
        for request in [get(), post()] {
            run(async {
                let house = House::new();
                let peer = Peer::start(move |mut visit, _| async move {
                    if !matches!(delay, Delay::DoesNotRead) {
                        visit.request().await;
                    }
                    match delay {
                        Delay::Hangs | Delay::DoesNotRead => {}
                        Delay::StopsInHead => visit.send("HTTP/1.1 200 OK\r\n").await,
                        Delay::StopsInBody => {
                            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
                        }
                        Delay::IsSlow => {
                            for byte in "HTTP/1.1 200 OK\r\nContent-Length: 5".chars() {
                                visit.send(&byte.to_string()).await;
                                settle().await;
                            }
                        }
                    }
                    visit.ended().await;
                    visit.note("ended".to_owned());
                })
                .await;
                let destination = destination(peer.address);
                let is_over = std::cell::Cell::new(false);
                let (outcome, ()) = both(
                    async {
                        let outcome = house.ask(&destination, &request).await;
                        is_over.set(true);
                        outcome
                    },
                    async {
                        peer.has_connections(1).await;
                        for second in 1..29 {
                            house.timers.advance_to(BEGIN + second * SECOND);
                            settle().await;
                        }
                        house.timers.advance_to(DEADLINE - 1);
                        settle().await;
                        assert!(!is_over.get(), "{delay:?}: too early");
                        house.timers.advance_to(DEADLINE);
                        settle().await;
                        assert!(is_over.get(), "{delay:?}: too late");
                    },
                )
                .await;
                let expected = match delay {
                    Delay::StopsInBody => cut(200, "half", Kind::TimedOut),
                    _ => TIMED_OUT,
                };
                assert_eq!(outcome, expected, "{delay:?}");
                // The connection is dropped, and nothing is tried again.
                let notes = if matches!(delay, Delay::DoesNotRead) { 1 } else { 2 };
                peer.has_requests(notes).await;
                assert_eq!(peer.connections(), 1);
            });
        }
    }
}

#[test]
fn upstream_a_backend_that_does_not_take_the_body_is_timed_out() {
    run(async {
        let house = House::new();
        let peer = Peer::start(|visit, _| async move {
            let _open = visit;
            pending().await
        })
        .await;
        let (pieces, mut body) = client_body("");
        for _ in 0..200 {
            pieces.send(Ok(vec![b'x'; 100_000])).unwrap();
        }
        let (outcome, ()) = both(
            house.call(
                &destination(peer.address),
                &upload("POST", 20_000_000),
                postern_gateway::CallBody::Stream(&mut body),
            ),
            async {
                peer.has_connections(1).await;
                settle().await;
                house.timers.advance_to(DEADLINE);
            },
        )
        .await;
        assert_eq!(outcome.unwrap_err().kind, Kind::TimedOut);
        assert!(body.times_asked < 200, "the rest of the body was left with the client");
    });
}

#[test]
fn upstream_a_pause_within_an_answer_is_bounded_where_the_call_says_so() {
    run(async {
        let mut house = House::new();
        house.answer_gap_nanoseconds = 5 * SECOND;
        let peer = Peer::start(|mut visit, _| async move {
            visit.request().await;
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\none").await;
            visit.ended().await;
        })
        .await;
        let destination = destination(peer.address);
        let request = get();
        // Before the head there is no gap, however long it takes.
        let (outcome, ()) = both(house.ask(&destination, &request), async {
            peer.has_requests(1).await;
            settle().await;
            house.timers.advance_to(BEGIN + 5 * SECOND - 1);
            settle().await;
            house.timers.advance_to(BEGIN + 5 * SECOND);
        })
        .await;
        assert_eq!(outcome, cut(200, "one", Kind::TimedOut));
    });
}
