//! What is sent a second time, and what never is (hardening.md section 8).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of a test may fail like the test"
)]

#[cfg(test)]
mod support;

use std::{
    future::poll_fn,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    pin::pin,
    rc::Rc,
    sync::mpsc::{Receiver, Sender, channel},
    task::Poll,
    thread,
    time::Duration,
};

use postern_gateway::{CallBody, Event, IntegrationFailureKind as Kind};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::spawn_local,
};

/// Answers each connection's first request, then treats the next so.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// Reads it, and closes.
    Closes,
    /// Reads it, and breaks the connection.
    Resets,
    /// Reads it, and closes within the answer.
    ClosesWithinTheAnswer,
}

async fn fickle(then: Then) -> Peer {
    Peer::start(move |mut visit, number| async move {
        visit.request().await;
        visit.send(&ok("fine")).await;
        if number > 0 {
            visit.ended().await;
            return;
        }
        visit.request().await;
        match then {
            Then::Closes => {}
            Then::Resets => visit.reset(),
            Then::ClosesWithinTheAnswer => visit.send("HTTP/1.1 2").await,
        }
    })
    .await
}

#[test]
fn retry_what_has_not_left_goes_by_another_connection_whatever_its_verb() {
    for request in [get(), post()] {
        run(async {
            let house = House::new();
            let listener = Rc::new(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
            let destination = destination(listener.local_addr().unwrap());
            let backend = spawn_local(answer_once(Rc::clone(&listener)));
            assert_eq!(house.ask(&destination, &get()).await, answered(200, "fine"));
            let (backend, _) = backend.await.unwrap();
            let mut asking = pin!(house.ask(&destination, &request));
            let is_posted = poll_fn(|context| Poll::Ready(asking.as_mut().poll(context).is_pending())).await;
            assert!(is_posted, "the request waits for its turn");
            // The kernel knows of the reset before that turn comes.
            backend.set_zero_linger().unwrap();
            drop(backend);
            let backend = spawn_local(answer_once(listener));
            assert_eq!(asking.await, answered(200, "fine"), "{}", request.head);
            let (_backend, head) = backend.await.unwrap();
            assert!(head.starts_with(&request.head), "{head}");
            assert_eq!(house.events.count(Event::BackendRetried), 1, "{}", request.head);
        });
    }
}

async fn answer_once(listener: Rc<tokio::net::TcpListener>) -> (tokio::net::TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let head = read_head(&mut stream).await;
    stream.write_all(ok("fine").as_bytes()).await.unwrap();
    (stream, head)
}

async fn read_head(stream: &mut tokio::net::TcpStream) -> String {
    let mut read = Vec::new();
    while !read.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn retry_what_is_idempotent_and_can_be_sent_again_on_a_connection_that_died_before_a_byte_of_the_answer() {
    for (method, body, is_repeated) in [
        ("GET", "", true),
        ("HEAD", "", true),
        ("OPTIONS", "", true),
        ("DELETE", "", true),
        ("PUT", "hello", true),
        ("POST", "hello", false),
        ("PATCH", "hello", false),
    ] {
        for then in [Then::Closes, Then::Resets] {
            run(async {
                let (house, peer) = (House::new(), fickle(then).await);
                let destination = destination(peer.address);
                let request = if body.is_empty() { request(method) } else { with_body(method, body) };
                assert_eq!(house.ask(&destination, &get()).await, answered(200, "fine"));
                let outcome = house.ask(&destination, &request).await;
                let retries = house.events.count(Event::BackendRetried);
                if is_repeated {
                    assert!(matches!(outcome, Outcome::Answered(200, _)), "{method} {then:?}: {outcome:?}");
                } else {
                    assert_eq!(outcome, NETWORK, "{method} {then:?}");
                }
                assert_eq!(retries, usize::from(is_repeated), "{method} {then:?}");
                assert_eq!(peer.connections(), 1 + retries, "{method} {then:?}");
            });
        }
    }
}

#[test]
fn retry_nothing_after_a_byte_of_the_answer() {
    run(async {
        let (house, peer) = (House::new(), fickle(Then::ClosesWithinTheAnswer).await);
        let destination = destination(peer.address);
        house.ask(&destination, &get()).await;
        assert_eq!(house.ask(&destination, &get()).await, BAD_ANSWER);
        assert_eq!((peer.connections(), house.events.count(Event::BackendRetried)), (1, 0));
    });
}

#[test]
fn retry_nothing_twice() {
    run(async {
        let house = House::new();
        let peer = Peer::start(|mut visit, _| async move {
            visit.request().await;
        })
        .await;
        assert_eq!(house.ask(&destination(peer.address), &get()).await, NETWORK);
        assert_eq!((peer.connections(), peer.requests().len()), (2, 2));
    });
}

#[test]
fn retry_no_body_that_passed_through() {
    run(async {
        let (house, peer) = (House::new(), fickle(Then::Closes).await);
        let destination = destination(peer.address);
        house.ask(&destination, &get()).await;
        let (pieces, mut body) = client_body("hello");
        drop(pieces);
        let outcome = house.call(&destination, &upload("PUT", 5), CallBody::Stream(&mut body)).await;
        assert_eq!(outcome.unwrap_err().kind, Kind::Network);
        assert_eq!(peer.connections(), 1);
    });
}

/// A backend on a thread of its own: answers the first request, breaks the connection when told to, and
/// says so; then answers one request more on a new connection, and gives it out.
fn breaks_when_told() -> (SocketAddr, Sender<()>, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    let (say, said) = channel();
    let answer = ok("fine");
    thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        let mut bytes = [0; 4_096];
        let _ = first.read(&mut bytes).unwrap();
        first.write_all(answer.as_bytes()).unwrap();
        told.recv().unwrap();
        socket2::SockRef::from(&first).set_linger(Some(Duration::ZERO)).unwrap();
        drop(first);
        say.send("broken".to_owned()).unwrap();
        let (mut second, _) = listener.accept().unwrap();
        let length = second.read(&mut bytes).unwrap();
        say.send(String::from_utf8(bytes[..length].to_vec()).unwrap()).unwrap();
        second.write_all(answer.as_bytes()).unwrap();
    });
    (address, tell, said)
}

#[test]
fn retry_a_reused_connection_that_took_no_byte_whatever_the_method() {
    for method in ["POST", "PUT", "GET"] {
        for streams in [false, true] {
            run(async {
                let house = House::new();
                let (address, tell, said) = breaks_when_told();
                let destination = destination(address);
                assert_eq!(house.ask(&destination, &get()).await, answered(200, "fine"));
                // This thread waits here, so the runtime cannot learn of it before the write.
                tell.send(()).unwrap();
                assert_eq!(said.recv().unwrap(), "broken");
                let (pieces, mut body) = client_body("hello");
                drop(pieces);
                let body = if streams { CallBody::Stream(&mut body) } else { CallBody::Whole(b"hello") };
                let request = upload(method, 5);
                let reply = house.call(&destination, &request, body).await.unwrap();
                assert_eq!(read(reply).await, answered(200, "fine"), "{method} {streams}");
                assert_eq!(said.recv().unwrap(), request.head.clone() + "hello");
                assert_eq!(house.events.count(Event::BackendRetried), 1, "{method} {streams}");
            });
        }
    }
}

#[test]
fn retry_within_the_budget_alone() {
    run(async {
        let house = House::new();
        let peer = Peer::start(|mut visit, _| async move {
            visit.request().await;
        })
        .await;
        let destination = destination(peer.address);
        // Ten at first, and a tenth of the calls.
        for _ in 0..30 {
            assert_eq!(house.ask(&destination, &get()).await, NETWORK);
        }
        assert_eq!(house.events.count(Event::BackendRetried), 13);
        assert_eq!(peer.requests().len(), 43);
    });
}
