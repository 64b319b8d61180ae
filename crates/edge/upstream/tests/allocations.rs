//! The budget of the hot path: a call on a connection that is kept open allocates nothing.
//!
//! A file of its own, since its allocator counts.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use postern_gateway::{Destination, IntegrationFailure, Reply};
use support::*;

/// A backend on a thread of its own: what it allocates is not counted.
fn backend(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut bytes = [0; 4_096];
                while stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    address
}

async fn ask(
    house: &House,
    destination: &Destination,
    request: &Request,
) -> Result<usize, IntegrationFailure> {
    let mut reply = house.send(destination, request).await?;
    let mut length = reply.take_arrived().len();
    while let Some(piece) = reply.next().await? {
        length += piece.len();
    }
    Ok(length)
}

const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
];

#[test]
fn a_call_on_an_open_connection_allocates_nothing() {
    for answer in ANSWERS {
        for request in [get(), post()] {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let tasks = tokio::task::LocalSet::new();
            let house = tasks.block_on(&runtime, async { House::new() });
            let single = destination(backend(answer));
            let several = link(&[backend(answer), backend(answer), backend(answer)]);
            for destination in [single, several] {
                let calls = |count: usize| {
                    tasks.block_on(&runtime, async {
                        for _ in 0..count {
                            assert_eq!(ask(&house, &destination, &request).await, Ok(5));
                        }
                    });
                };
                calls(100);
                let of_the_runtime = allocation_counter::measure(|| calls(0)).count_total;
                let counted = allocation_counter::measure(|| calls(1_000)).count_total;
                assert_eq!(counted - of_the_runtime, 0, "{answer}");
            }
        }
    }
}
