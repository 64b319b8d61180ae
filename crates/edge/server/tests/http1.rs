//! The HTTP/1.1 driver over real sockets: keep-alive, pipelining, bodies, refusals and their ends.

#[cfg(test)]
mod support;

use std::{net::Shutdown, time::Duration};

use postern_gateway::{BodyFault, Event};
use support::{Gateway, HOST, get, pattern, post, until};

#[test]
fn requests_follow_each_other_on_one_connection() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    for _ in 0..5 {
        let answer = client.get("/pets");
        assert_eq!((answer.status, answer.text()), (200, "hello"));
        assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\nDate: "), "{}", answer.head);
        assert_eq!(answer.field("content-length"), Some("5"));
        assert_eq!(answer.field("connection"), None);
        assert_eq!(answer.field("x-backend"), Some("Yes"));
    }
    assert_eq!(gateway.calls().len(), 5);
    assert!(gateway.calls()[0].head.starts_with("GET /pets HTTP/1.1\r\n"));
    assert_eq!(gateway.count(Event::ConnectionOpened), 1);
}

#[test]
fn a_head_may_arrive_one_byte_at_a_time() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    for byte in get("/pets").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.answer().status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    let requests: String = (1..=16).map(|size| get(&format!("/bytes/{size}"))).collect();
    client.send(requests);
    for size in 1..=16 {
        assert_eq!(client.answer().body, pattern(size));
    }
}

#[test]
fn a_request_behind_a_body_is_read_as_the_next_one() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    let counted = post("/echo", "Content-Length: 4\r\n", "data");
    let chunked =
        post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n");
    client.send(format!("{counted}{chunked}{}", get("/pets")));
    assert_eq!(client.answer().text(), "data");
    assert_eq!(client.answer().text(), "abcde");
    assert_eq!(client.answer().text(), "hello");
}

#[test]
fn what_is_read_beyond_a_long_chunked_body_is_the_next_request() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    let body = String::from_utf8(pattern(100_000)).unwrap();
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let upload = post("/count", "Transfer-Encoding: chunked\r\n", &chunks);
    client.send(format!("{upload}{}", get("/pets")));
    assert_eq!(client.answer().text(), "100000");
    assert_eq!(client.answer().text(), "hello");
}

#[test]
fn bodies_of_every_size_pass_both_ways() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    for size in [0, 1, 1_000, 16_000, 16_384, 16_385, 131_072, 131_073, 1_000_000] {
        let body = String::from_utf8(pattern(size)).unwrap();
        client.send(post("/echo", &format!("Content-Length: {size}\r\n"), &body));
        assert_eq!(client.answer().text(), body, "{size}");
    }
}

#[test]
fn answers_stream_with_a_length_and_in_chunks() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    for (count, size) in [(1, 5), (10, 100), (3, 16_384), (5, 100_000)] {
        let counted = client.get(&format!("/pieces/{count}/{size}"));
        assert_eq!(counted.field("content-length"), Some(&*(count * size).to_string()));
        assert_eq!(counted.body, pattern(count * size));
        let chunked = client.get(&format!("/chunked/{count}/{size}"));
        assert_eq!(chunked.field("transfer-encoding"), Some("chunked"));
        assert_eq!(chunked.body, pattern(count * size));
    }
}

#[test]
fn an_answer_larger_than_every_buffer_waits_for_a_slow_reader() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(get("/pieces/100/100000"));
    let head = client.head();
    assert_eq!(head.status, 200);
    until("the gateway to be held back", || gateway.seen.exchanges.lock().unwrap().is_empty());
    client.send(get("/pets"));
    let body = {
        let mut body = Vec::new();
        while body.len() < 10_000_000 {
            body.extend(client.take(100_000));
        }
        body
    };
    assert_eq!(body, pattern(10_000_000));
    assert_eq!(client.answer().text(), "hello");
}

#[test]
fn head_has_the_length_and_no_body() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(format!("HEAD /demo/bytes/77 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let head = client.head();
    assert_eq!((head.status, head.field("content-length")), (200, Some("77")));
    assert_eq!(client.get("/pets").text(), "hello");
}

#[test]
fn no_content_and_not_modified_end_with_their_heads() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    for (path, status) in [("/empty", 204), ("/notmodified", 304)] {
        client.send(get(path));
        let head = client.head();
        assert_eq!(head.status, status);
        assert_eq!((head.field("content-length"), head.field("transfer-encoding")), (None, None));
    }
    assert_eq!(client.get("/pets").text(), "hello");
}

#[test]
fn http_1_0_closes_unless_it_asks_to_stay() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(format!("GET /demo/pets HTTP/1.0\r\nHost: {HOST}\r\nConnection: keep-alive\r\n\r\n"));
    let answer = client.answer();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("keep-alive")));
    client.send(format!("GET /demo/pets HTTP/1.0\r\nHost: {HOST}\r\n\r\n"));
    let answer = client.answer();
    assert_eq!((answer.text(), answer.closes()), ("hello", true));
    client.ends();
}

#[test]
fn http_1_0_gets_a_body_of_unknown_length_until_the_end() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(format!("GET /demo/chunked/3/10 HTTP/1.0\r\nHost: {HOST}\r\nConnection: keep-alive\r\n\r\n"));
    let head = client.head();
    assert!(head.closes());
    assert_eq!(head.field("transfer-encoding"), None);
    assert_eq!(client.rest().unwrap(), pattern(30));
}

#[test]
fn a_client_that_asks_for_the_close_gets_it() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(format!("GET /demo/pets HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"));
    assert!(client.answer().closes());
    client.ends();
    gateway.until_saw(Event::ConnectionClosed);
}

#[test]
fn a_waiting_client_is_told_to_go_on_when_its_body_is_read() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(post("/echo", "Content-Length: 4\r\nExpect: 100-continue\r\n", ""));
    assert_eq!(client.head().head, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("data");
    assert_eq!(client.answer().text(), "data");
    assert_eq!(client.get("/pets").status, 200);
}

#[test]
fn a_waiting_client_that_is_refused_gets_no_100() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(format!(
        "POST /unknown HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    ));
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (403, true));
    client.ends();
}

#[test]
fn a_small_body_that_nobody_reads_is_drained() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(post("/early", "Content-Length: 60000\r\n", ""));
    let answer = client.answer();
    assert_eq!((answer.text(), answer.closes()), ("early", false));
    client.send(pattern(60_000));
    assert_eq!(client.get("/pets").text(), "hello");
}

#[test]
fn a_large_body_that_nobody_reads_closes() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(post("/early", "Content-Length: 70000\r\n", ""));
    let answer = client.answer();
    assert_eq!((answer.text(), answer.closes()), ("early", true));
    // What the client still sends is taken, so that it is not reset before it has read its answer.
    client.send(pattern(70_000));
    client.stream.shutdown(Shutdown::Write).unwrap();
    client.ends();
}

#[test]
fn slow_a_client_that_goes_on_sending_is_left_after_two_seconds() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(post("/early", "Content-Length: 70000\r\n", ""));
    assert!(client.answer().closes());
    gateway.until_saw(Event::ConnectionClosed);
}

#[test]
fn heads_that_the_grammar_refuses_are_answered_and_closed() {
    let gateway = Gateway::plain();
    let long = "x".repeat(9_000);
    for (request, status) in [
        ("GET /demo/pets HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("GET /demo/pets HTTP/1.1\nHost: {HOST}\n\n"), 400),
        (format!("GET /demo/pets HTTP/2.0\r\nHost: {HOST}\r\n\r\n"), 505),
        (format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), 405),
        (format!("GET /{long} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX: {long}\r\n\r\n"), 431),
        (post("/echo", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", ""), 400),
        (post("/echo", "Transfer-Encoding: gzip, chunked\r\n", ""), 501),
        (post("/echo", "Content-Length: 1\r\nExpect: something\r\n", ""), 417),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03".to_owned(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
    ] {
        let mut client = gateway.connect();
        client.send(&request);
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (status, true), "{request}");
        assert!(answer.field("x-amzn-requestid").is_some(), "{}", answer.head);
        client.stream.shutdown(Shutdown::Write).unwrap();
        client.ends();
    }
    assert!(gateway.calls().is_empty());
    until("a record of each", || gateway.seen.exchanges.lock().unwrap().len() == 11);
}

#[test]
fn smuggling_a_broken_chunk_is_refused_and_nothing_behind_it_is_read() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(post("/echo", "Transfer-Encoding: chunked\r\n", &format!("zz\r\n{}", get("/pets"))));
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (400, true));
    client.stream.shutdown(Shutdown::Write).unwrap();
    client.ends();
    assert!(gateway.calls().is_empty());
}

#[test]
fn a_body_that_ends_early_reaches_no_backend_as_whole() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(post("/echo", "Content-Length: 10\r\n", "short"));
    client.stream.shutdown(Shutdown::Write).unwrap();
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (400, true));
    assert_eq!(gateway.calls()[0].body_fault, Some(BodyFault::Malformed));
    client.ends();
}

#[test]
fn a_backend_that_breaks_off_breaks_the_connection_without_a_last_chunk() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(get("/break/5"));
    assert_eq!(client.head().status, 200);
    assert_eq!(client.rest().unwrap(), b"5\r\n01234\r\n", "what had come, and no last chunk");
    until("the record", || !gateway.seen.exchanges.lock().unwrap().is_empty());
    assert!(!gateway.seen.exchanges.lock().unwrap()[0].1.complete);
}

#[test]
fn a_client_that_is_gone_is_noticed_while_the_backend_works() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(get("/hang"));
    until("the call", || gateway.calls().len() == 1);
    socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    until("the call to be given up", || *gateway.seen.bodies_dropped.lock().unwrap() == 1);
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_answer() {
    let gateway = Gateway::plain();
    let mut client = gateway.connect();
    client.send(get("/wait"));
    client.stream.shutdown(Shutdown::Write).unwrap();
    until("the call", || gateway.calls().len() == 1);
    gateway.seen.released.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(client.answer().text(), "released");
}

#[test]
fn a_fault_closes_its_connection_and_no_other() {
    let gateway = Gateway::plain();
    let mut bystander = gateway.connect();
    assert_eq!(bystander.get("/pets").status, 200);
    let mut client = gateway.connect();
    client.send(get("/panic"));
    let _ = client.rest();
    gateway.until_saw(Event::FaultCaught);
    assert_eq!(bystander.get("/pets").status, 200);
    assert_eq!(gateway.connect().get("/pets").status, 200);
}

#[test]
fn a_connection_takes_so_many_requests_and_no_more() {
    let gateway = Gateway::with_limits("requestsPerConnection: 2");
    let mut client = gateway.connect();
    assert!(!client.get("/pets").closes());
    assert!(client.get("/pets").closes());
    client.stream.shutdown(Shutdown::Write).unwrap();
    client.ends();
}
