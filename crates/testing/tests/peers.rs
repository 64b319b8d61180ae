//! The scripted peers themselves: a client and a backend without a gateway between them.

#![cfg(test)]

use postern_testing::{Backend, Wire, answer, bytes, close, expect, hang, reset};

const GET: &str = "GET /pets HTTP/1.1\r\nHost: backend\r\n\r\n";

#[test]
fn a_script_is_played_over_connections_as_they_come() {
    let backend = Backend::script([
        expect("GET /pets"),
        close(),
        expect("POST /pets"),
        answer(201, "{}"),
        expect("GET /pets HTTP/1.1\r\nHost: backend\r\n\r\n"),
        answer(200, "[]"),
    ]);
    let mut wire = Wire::to(backend.address());
    wire.send(GET).ends();
    let post = "POST /pets HTTP/1.1\r\nHost: backend\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(Wire::to(backend.address()).ask(post).status(), 201);
    assert_eq!(Wire::to(backend.address()).ask(GET).text(), "[]");
    backend.finished();
    assert_eq!(backend.request(1).text(), "abc");
    assert_eq!((backend.requests().len(), backend.connections()), (3, 3));
}

#[test]
fn a_script_can_hang_and_go_on_when_told() {
    let backend = Backend::script([
        expect("GET"),
        bytes("HTTP/1.1 200 OK\r\nContent-"),
        hang(),
        bytes("Length: 2\r\n\r\n"),
        hang(),
        bytes("ok"),
    ]);
    let mut wire = Wire::to(backend.address());
    wire.send(GET);
    backend.release();
    backend.release();
    assert_eq!(wire.answer().text(), "ok");
    backend.finished();
}

#[test]
fn a_script_can_break_a_connection() {
    let backend = Backend::script([expect("GET"), reset()]);
    let mut wire = Wire::to(backend.address());
    assert!(wire.send(GET).try_answer().is_err());
    backend.finished();
}

#[test]
#[should_panic(expected = "expected PUT, got GET /pets")]
fn what_goes_against_the_script_fails_the_test() {
    let backend = Backend::script([expect("PUT")]);
    Wire::to(backend.address()).send(GET);
    backend.finished();
}

#[test]
fn an_answering_backend_serves_many_connections_at_once() {
    let backend = Backend::answering(200, "[1]");
    let mut wires = [Wire::to(backend.address()), Wire::to(backend.address())];
    for _ in 0..2 {
        for wire in &mut wires {
            assert_eq!(wire.ask(GET).text(), "[1]");
        }
    }
    assert_eq!((backend.requests().len(), backend.connections()), (4, 2));
}

#[test]
fn chunks_are_read() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let backend = Backend::script([expect("GET"), bytes(chunked)]);
    assert_eq!(Wire::to(backend.address()).ask(GET).text(), "abcde");
}
