//! Calls over real sockets: connections and their reuse, requests and answers of every framing.

#[cfg(test)]
mod support;

use std::{cell::Cell, rc::Rc};

use postern_gateway::{BodyFault, BodyLength, CallBody, Event, IntegrationFailureKind as Kind, Reply};
use support::*;
use tokio::{
    io::AsyncReadExt,
    sync::{Notify, oneshot},
};

#[test]
fn a_connection_is_used_again() {
    run(async {
        let (house, peer) = (House::new(), Peer::named("a").await);
        let destination = destination(peer.address);
        for _ in 0..5 {
            assert_eq!(house.ask(&destination, &get()).await, answered(200, "a"));
            assert_eq!(house.ask(&destination, &post()).await, answered(200, "a"));
        }
        assert_eq!((peer.connections(), peer.requests().len()), (1, 10));
        assert_eq!(house.events.count(Event::BackendConnected), 1);
        assert_eq!(house.events.count(Event::BackendRetried), 0);
    });
}

#[test]
fn the_connection_that_was_used_last_is_used_first() {
    run(async {
        let house = House::new();
        let used = Rc::new(Cell::new(usize::MAX));
        let told = Rc::clone(&used);
        let peer = Peer::start(move |mut visit, number| {
            let told = Rc::clone(&told);
            async move {
                while visit.request().await.is_some() {
                    told.set(number);
                    visit.send(&ok("")).await;
                }
            }
        })
        .await;
        let destination = destination(peer.address);
        let first = house.send(&destination, &get()).await.unwrap();
        let second = house.send(&destination, &get()).await.unwrap();
        // An answer without a body is over with its head, so both are idle already.
        drop((first, second));
        let mut third = House::send(&house, &destination, &get()).await.unwrap();
        let before = used.get();
        assert_eq!(third.next().await, Ok(None));
        for _ in 0..5 {
            house.ask(&destination, &get()).await;
            assert_eq!(used.get(), before, "the others grow old");
        }
    });
}

#[test]
fn two_calls_at_once_have_two_connections() {
    run(async {
        let house = House::new();
        let (peer, go) = Peer::waiting("x").await;
        let destination = destination(peer.address);
        let request = get();
        let calls = both(house.ask(&destination, &request), house.ask(&destination, &request));
        let (outcomes, ()) = both(calls, async {
            peer.has_requests(2).await;
            assert_eq!(peer.connections(), 2);
            go.notify_one();
            go.notify_one();
        })
        .await;
        assert_eq!(outcomes, (answered(200, "x"), answered(200, "x")));
    });
}

#[test]
fn an_idle_connection_that_the_backend_closed_is_not_used() {
    run(async {
        let house = House::new();
        let peer = Peer::start(|mut visit, _| async move {
            visit.request().await;
            visit.send(&ok("once")).await;
        })
        .await;
        let destination = destination(peer.address);
        assert_eq!(house.ask(&destination, &post()).await, answered(200, "once"));
        // The runtime learns of the end by itself; nothing is asked of the kernel.
        settle().await;
        assert_eq!(house.ask(&destination, &post()).await, answered(200, "once"));
        assert_eq!((peer.connections(), peer.requests().len()), (2, 2));
        assert_eq!(house.events.count(Event::BackendRetried), 0);
    });
}

#[test]
fn an_idle_connection_on_which_something_came_is_not_used() {
    run(async {
        let house = House::new();
        let speak = Rc::new(Notify::new());
        let cue = Rc::clone(&speak);
        let peer = Peer::start(move |mut visit, _| {
            let cue = Rc::clone(&cue);
            async move {
                visit.request().await;
                visit.send(&ok("own")).await;
                cue.notified().await;
                visit.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled").await;
                visit.ended().await;
            }
        })
        .await;
        let destination = destination(peer.address);
        assert_eq!(house.ask(&destination, &get()).await, answered(200, "own"));
        speak.notify_one();
        settle().await;
        assert_eq!(house.ask(&destination, &get()).await, answered(200, "own"));
        assert_eq!(peer.connections(), 2);
    });
}

#[test]
fn an_idle_connection_is_used_for_fifty_seconds() {
    run(async {
        let (house, peer) = (House::new(), Peer::named("a").await);
        let destination = destination(peer.address);
        for (seconds, connections) in [(0, 1), (10, 1), (59, 1), (109, 2)] {
            house.timers.advance_to(BEGIN + seconds * SECOND);
            assert_eq!(house.ask(&destination, &get()).await, answered(200, "a"));
            assert_eq!(peer.connections(), connections, "after {seconds} s");
        }
    });
}

#[test]
fn head_and_body_leave_in_one_write() {
    run(async {
        let house = House::new();
        let peer = Peer::start(|mut visit, _| async move {
            loop {
                // One read gets what one write sent.
                let mut bytes = vec![0; 4_096];
                match visit.stream.read(&mut bytes).await {
                    Ok(count) if count > 0 => {
                        visit.note(String::from_utf8_lossy(&bytes[..count]).into_owned());
                        visit.send(&ok("")).await;
                    }
                    _ => return,
                }
            }
        })
        .await;
        let destination = destination(peer.address);
        house.ask(&destination, &post()).await;
        let (pieces, mut body) = client_body("arrived");
        drop(pieces);
        let reply = house.call(&destination, &upload("POST", 7), CallBody::Stream(&mut body)).await.unwrap();
        assert_eq!(read(reply).await, answered(200, ""));
        let requests = peer.requests();
        assert_eq!(requests, [post().head + "hello", upload("POST", 7).head + "arrived"]);
    });
}

#[test]
fn a_clients_body_passes_through_in_its_pieces() {
    run(async {
        let (house, peer) = (House::new(), Peer::named("done").await);
        let destination = destination(peer.address);
        let (pieces, mut body) = client_body("one ");
        let request = upload("POST", 13);
        let (reply, ()) = both(house.call(&destination, &request, CallBody::Stream(&mut body)), async {
            peer.has_connections(1).await;
            for piece in ["two ", "three"] {
                settle().await;
                pieces.send(Ok(piece.into())).unwrap();
            }
            drop(pieces);
        })
        .await;
        assert_eq!(read(reply.unwrap()).await, answered(200, "done"));
        assert_eq!(peer.requests(), [request.head.clone() + "one two three"]);
        house.ask(&destination, &get()).await;
        assert_eq!(peer.connections(), 1, "the connection lives on");
    });
}

#[test]
fn upstream_a_clients_body_that_breaks_off_is_never_taken_for_whole() {
    for fault in [BodyFault::Malformed, BodyFault::TooSlow, BodyFault::Gone] {
        run(async {
            let house = House::new();
            let (tell, told) = oneshot::channel();
            let tell = Cell::new(Some(tell));
            let peer = Peer::start(move |mut visit, _| {
                let tell = tell.take();
                async move {
                    visit.head().await;
                    visit.body(4).await;
                    visit.ended().await;
                    tell.unwrap().send(()).unwrap();
                }
            })
            .await;
            let (pieces, mut body) = client_body("half");
            pieces.send(Err(fault)).unwrap();
            let reply =
                house.call(&destination(peer.address), &upload("PUT", 8), CallBody::Stream(&mut body)).await;
            assert_eq!(reply.unwrap_err().kind, Kind::ClientBody(fault));
            told.await.unwrap();
            assert_eq!((peer.connections(), house.events.count(Event::BackendRetried)), (1, 0));
        });
    }
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// It is used again.
    LivesOn,
    /// The backend ends it.
    Ends,
    /// The backend leaves it open, and it is not used again.
    IsDiscarded,
}

use After::{Ends, IsDiscarded, LivesOn};

/// Answers that are whole, and what becomes of the connection after them.
const ANSWERS: &[(&str, &str, &str, &str, After)] = &[
    ("length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", LivesOn),
    ("no bytes", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", LivesOn),
    (
        "chunked",
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: t\r\n\r\n",
        "hello",
        LivesOn,
    ),
    ("until close", "GET", "HTTP/1.1 200 OK\r\n\r\nhello", "hello", Ends),
    ("until close, nothing", "GET", "HTTP/1.1 200 OK\r\n\r\n", "", Ends),
    ("HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", Ends),
    ("HTTP/1.0 until close", "GET", "HTTP/1.0 200 OK\r\n\r\nhello", "hello", Ends),
    (
        "HTTP/1.0 that lives on",
        "GET",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        "hello",
        LivesOn,
    ),
    ("close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok", Ends),
    ("HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", LivesOn),
    ("HEAD, chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", LivesOn),
    ("204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "", LivesOn),
    ("204 with a length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "", LivesOn),
    ("304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", LivesOn),
    // Bytes behind an answer are discarded with the connection.
    (
        "behind a length",
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        "ok",
        IsDiscarded,
    ),
    (
        "behind chunks",
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
        "ok",
        IsDiscarded,
    ),
    ("a body after HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "", IsDiscarded),
    ("a body after 204", "GET", "HTTP/1.1 204 No Content\r\n\r\nhello", "", IsDiscarded),
    ("a body after 304", "GET", "HTTP/1.1 304 Not Modified\r\n\r\nhello", "", IsDiscarded),
];

#[test]
fn upstream_answers_of_every_framing() {
    for (name, method, answer, body, after) in ANSWERS {
        run(async {
            let house = House::new();
            let peer = Peer::start(move |mut visit, _| async move {
                while visit.request().await.is_some() {
                    visit.send(answer).await;
                    if *after == Ends {
                        return;
                    }
                }
            })
            .await;
            let destination = destination(peer.address);
            let status = answer.get(9..12).unwrap().parse().unwrap();
            for _ in 0..2 {
                assert_eq!(house.ask(&destination, &request(method)).await, answered(status, body), "{name}");
            }
            assert_eq!(peer.connections(), if *after == LivesOn { 1 } else { 2 }, "{name}");
        });
    }
}

#[test]
fn a_connection_is_used_again_however_its_answers_came() {
    // What comes in pieces may leave the runtime with news of what was read already.
    for length in [100, 20_000, 300_000, 1_000_000] {
        run(async {
            let house = House::new();
            let peer = Peer::start(move |mut visit, _| async move {
                while visit.request().await.is_some() {
                    visit.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
                    for _ in 0..10 {
                        visit.send(&"x".repeat(length / 10)).await;
                        tokio::task::yield_now().await;
                    }
                }
            })
            .await;
            let destination = destination(peer.address);
            for _ in 0..50 {
                let outcome = house.ask(&destination, &get()).await;
                assert!(matches!(outcome, Outcome::Answered(200, body) if body.len() == length));
            }
            assert_eq!(peer.connections(), 1, "{length}");
        });
    }
}

#[test]
fn the_length_of_an_answer_is_told() {
    for (answer, length) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", BodyLength::Known(5)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BodyLength::Unknown),
        ("HTTP/1.1 200 OK\r\n\r\n", BodyLength::Unknown),
        ("HTTP/1.1 204 No Content\r\n\r\n", BodyLength::None),
    ] {
        run(async {
            let (house, peer) = (House::new(), Peer::answering(answer).await);
            let reply = house.send(&destination(peer.address), &get()).await.unwrap();
            assert_eq!(reply.length(), length, "{answer}");
        });
    }
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_the_same() {
    // What stands behind an answer cannot be seen before it comes.
    for (name, method, answer, body, after) in ANSWERS.iter().filter(|row| row.4 != IsDiscarded) {
        run(async {
            let house = House::new();
            let peer = Peer::start(move |mut visit, _| async move {
                while visit.request().await.is_some() {
                    for index in 0..answer.len() {
                        visit.send(answer.get(index..=index).unwrap()).await;
                        settle().await;
                    }
                    if *after == Ends {
                        return;
                    }
                }
            })
            .await;
            let outcome = house.ask(&destination(peer.address), &request(method)).await;
            assert!(matches!(outcome, Outcome::Answered(_, text) if text == *body), "{name}");
        });
    }
}

#[test]
fn large_answers_pass_whole() {
    // Around the sizes of the buffers that they pass through.
    for length in [1, 16_300, 16_384, 16_385, 131_071, 131_072, 131_073, 500_000, 3_000_000] {
        for chunked in [false, true] {
            run(async {
                let house = House::new();
                let text: String = ('a'..'x').cycle().take(length).collect();
                let theirs: Rc<str> = text.as_str().into();
                let peer = Peer::start(move |mut visit, _| {
                    let text = Rc::clone(&theirs);
                    async move {
                        while visit.request().await.is_some() {
                            if chunked {
                                visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
                                for piece in text.as_bytes().chunks(40_000) {
                                    let piece = std::str::from_utf8(piece).unwrap();
                                    visit.send(&format!("{:x}\r\n{piece}\r\n", piece.len())).await;
                                }
                                visit.send("0\r\n\r\n").await;
                            } else {
                                visit.send(&ok(&text)).await;
                            }
                        }
                    }
                })
                .await;
                let destination = destination(peer.address);
                let outcome = house.ask(&destination, &get()).await;
                assert!(outcome == answered(200, &text), "{length} {chunked}");
            });
        }
    }
}

#[test]
fn large_uploads_pass_whole() {
    run(async {
        let (house, peer) = (House::new(), Peer::named("got it").await);
        let (pieces, mut body) = client_body("");
        let text = "0123456789".repeat(10_000);
        for _ in 0..50 {
            pieces.send(Ok(text.clone().into_bytes())).unwrap();
        }
        drop(pieces);
        let request = upload("POST", 5_000_000);
        let reply = house.call(&destination(peer.address), &request, CallBody::Stream(&mut body)).await;
        assert_eq!(read(reply.unwrap()).await, answered(200, "got it"));
        assert_eq!(peer.requests()[0].len(), request.head.len() + 5_000_000);
    });
}

#[test]
fn a_refusal_before_the_end_of_the_request_is_the_answer() {
    for closes in [false, true] {
        run(async {
            let house = House::new();
            let peer = Peer::start(move |mut visit, _| async move {
                visit.head().await;
                visit.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!").await;
                if !closes {
                    // Reads nothing more, and keeps the connection open.
                    std::future::pending::<()>().await;
                }
            })
            .await;
            let (pieces, mut body) = client_body("first");
            let destination = destination(peer.address);
            // The client has more to send than any buffer between takes, and does not stop.
            for _ in 0..200 {
                pieces.send(Ok(vec![b'x'; 100_000])).unwrap();
            }
            let request = upload("POST", 20_000_005);
            let reply = house.call(&destination, &request, CallBody::Stream(&mut body)).await;
            assert_eq!(read(reply.unwrap()).await, answered(413, "no!"), "{closes}");
            let _ = house.send(&destination, &get()).await;
            assert_eq!(peer.connections(), 2, "the request was not sent whole");
        });
    }
}

#[test]
fn a_refusal_comes_through_while_the_client_is_silent() {
    run(async {
        let house = House::new();
        let peer = Peer::start(|mut visit, _| async move {
            visit.head().await;
            visit.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
            visit.ended().await;
        })
        .await;
        let (_pieces, mut body) = client_body("first");
        let request = upload("POST", 1_000);
        let reply = house.call(&destination(peer.address), &request, CallBody::Stream(&mut body)).await;
        assert_eq!(read(reply.unwrap()).await, answered(401, ""));
    });
}

#[test]
fn a_backend_may_answer_while_it_reads() {
    // An echo of more than the buffers of both sides hold: whoever only sent first would wait for ever.
    const BYTES: usize = 8 << 20;
    run(async {
        let house = House::new();
        let peer = Peer::start(|mut visit, _| async move {
            visit.head().await;
            visit.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n")).await;
            let mut left = BYTES;
            while left > 0 {
                let piece = visit.body(left.min(64 << 10)).await;
                left -= piece.len();
                visit.send(&piece).await;
            }
            assert!(visit.request().await.is_some(), "the connection lives on");
            visit.send(&ok("again")).await;
        })
        .await;
        let (pieces, mut body) = client_body("");
        for _ in 0..BYTES >> 16 {
            pieces.send(Ok(vec![b'e'; 1 << 16])).unwrap();
        }
        drop(pieces);
        let destination = destination(peer.address);
        let request = upload("POST", BYTES);
        let reply = house.call(&destination, &request, CallBody::Stream(&mut body)).await;
        assert!(read(reply.unwrap()).await == answered(200, &"e".repeat(BYTES)));
        assert_eq!(house.ask(&destination, &get()).await, answered(200, "again"));
        assert_eq!(peer.connections(), 1);
    });
}

#[test]
fn upstream_interim_answers_are_dropped_up_to_sixteen() {
    let interim = |count: usize| {
        let mut text = String::new();
        for index in 0..count {
            text.push_str(if index % 2 == 0 {
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
            } else {
                "HTTP/1.1 100 Continue\r\n\r\n"
            });
        }
        text + &ok("final")
    };
    for (count, outcome) in [(1, answered(200, "final")), (16, answered(200, "final")), (17, BAD_ANSWER)] {
        for piecewise in [false, true] {
            run(async {
                let house = House::new();
                let text = interim(count);
                let peer = Peer::start(move |mut visit, _| {
                    let text = text.clone();
                    async move {
                        visit.request().await;
                        if piecewise {
                            for line in text.split_inclusive("\r\n") {
                                visit.send(line).await;
                                settle().await;
                            }
                        } else {
                            visit.send(&text).await;
                        }
                        visit.ended().await;
                    }
                })
                .await;
                let destination = destination(peer.address);
                assert_eq!(house.ask(&destination, &get()).await, outcome, "{count} {piecewise}");
            });
        }
    }
}

#[test]
fn a_reply_that_is_dropped_closes_its_connection() {
    run(async {
        let house = House::new();
        let (tell, told) = oneshot::channel();
        let tell = Cell::new(Some(tell));
        let peer = Peer::start(move |mut visit, _| {
            let tell = tell.take();
            async move {
                visit.request().await;
                visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
                visit.ended().await;
                if let Some(tell) = tell {
                    tell.send(()).unwrap();
                }
            }
        })
        .await;
        let destination = destination(peer.address);
        drop(house.send(&destination, &get()).await.unwrap());
        told.await.unwrap();
        drop(house.send(&destination, &get()).await.unwrap());
        assert_eq!(peer.connections(), 2);
    });
}

#[test]
fn a_call_that_is_dropped_closes_its_connection() {
    run(async {
        let house = House::new();
        let peer = Peer::start(|mut visit, _| async move {
            visit.request().await;
            visit.ended().await;
            visit.note("ended".to_owned());
        })
        .await;
        let destination = destination(peer.address);
        let request = get();
        abandon(house.ask(&destination, &request), peer.has_requests(1)).await;
        peer.has_requests(2).await;
        assert_eq!(peer.requests()[1], "ended");
    });
}

#[test]
fn limits_calls_wait_for_a_connection_and_no_more_than_may_wait() {
    run(async {
        let mut house = House::new();
        house.limits.backend_connections = 2;
        house.limits.backend_pending = 3;
        let (peer, go) = Peer::waiting("in turn").await;
        let destination = destination(peer.address);
        let request = get();
        let ask = || house.ask(&destination, &request);
        let (outcomes, ()) = both(all((0..6).map(|_| ask())), async {
            peer.has_requests(2).await;
            settle().await;
            assert_eq!(peer.requests().len(), 2, "the others wait");
            for _ in 0..5 {
                go.notify_one();
                settle().await;
            }
        })
        .await;
        let (refused, served) = outcomes.split_last().unwrap();
        assert!(served.iter().all(|outcome| *outcome == answered(200, "in turn")), "{served:?}");
        assert_eq!(*refused, Outcome::Failed(Kind::Overloaded));
        assert_eq!(peer.connections(), 2);
        assert_eq!(house.events.count(Event::LimitHit("backendConnections")), 3);
        assert_eq!(house.events.count(Event::LimitHit("backendPending")), 1);
    });
}

#[test]
fn limits_a_call_that_gives_up_waiting_leaves_its_place_to_the_next() {
    run(async {
        let mut house = House::new();
        house.limits.backend_connections = 1;
        house.limits.backend_pending = 1;
        let (peer, go) = Peer::waiting("x").await;
        let destination = destination(peer.address);
        let request = get();
        let holder = house.ask(&destination, &request);
        let others = async {
            peer.has_requests(1).await;
            abandon(house.ask(&destination, &request), settle()).await;
            let (second, ()) = both(house.ask(&destination, &request), async {
                settle().await;
                go.notify_one();
                peer.has_requests(2).await;
                go.notify_one();
            })
            .await;
            second
        };
        assert_eq!(both(holder, others).await, (answered(200, "x"), answered(200, "x")));
        assert_eq!(peer.connections(), 1);
    });
}

#[test]
fn limits_payload_of_an_answer() {
    for (length, chunked, fits) in [
        (99, false, true),
        (100, false, true),
        (101, false, false),
        (99, true, true),
        (100, true, true),
        (101, true, false),
    ] {
        run(async {
            let mut house = House::new();
            house.answer_bytes_max = 100;
            let body = "b".repeat(length);
            let text = if chunked {
                format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
                )
            } else {
                ok(&body)
            };
            let peer = Peer::start(move |mut visit, _| {
                let text = text.clone();
                async move {
                    visit.request().await;
                    visit.send(&text).await;
                    visit.ended().await;
                }
            })
            .await;
            let outcome = house.ask(&destination(peer.address), &get()).await;
            let expected = match (fits, chunked) {
                (true, _) => answered(200, &body),
                // Known before a byte of it is passed on.
                (false, false) => BAD_ANSWER,
                (false, true) => cut(200, "", Kind::BadAnswer),
            };
            assert_eq!(outcome, expected, "{length} {chunked}");
            let hits = house.events.count(Event::LimitHit("payloadBytes"));
            assert_eq!(hits, usize::from(!fits), "{length} {chunked}");
        });
    }
}

#[test]
fn upstream_an_answer_until_close_that_is_too_large_is_not_taken_for_whole() {
    run(async {
        let mut house = House::new();
        house.answer_bytes_max = 10;
        let peer = Peer::start(|mut visit, _| async move {
            visit.request().await;
            visit.send("HTTP/1.1 200 OK\r\n\r\nmore than ten").await;
        })
        .await;
        let outcome = house.ask(&destination(peer.address), &get()).await;
        assert_eq!(outcome, cut(200, "", Kind::BadAnswer));
    });
}
