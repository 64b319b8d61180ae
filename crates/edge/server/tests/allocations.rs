//! Budgets of memory: a request of a busy connection allocates nothing, a connection at rest holds
//! almost nothing.
//!
//! The allocator counts for the whole process, so these tests run one after the other.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::{
    alloc::System,
    cell::{Cell, RefCell},
    io::{Read, Write},
    net::TcpStream,
    num::NonZeroUsize,
    rc::Rc,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use postern_gateway::{
    BodyLength, CallBody, Effects, Event, IntegrationCall, IntegrationFailure, Live, Record, Recorder, Reply,
    RequestBody, Sent, State, compile,
};
use postern_protocol::http1::{Limits, ResponseHead, read_response};
use postern_server::{Clock, Server};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Client, HOST, Settings, configuration, connect, get};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn start(settings: &Settings) -> Server {
    let clock = Clock::start();
    let mut state = State::new([7; 32]);
    let compiled = compile(configuration(settings), None, &mut state);
    let live = Arc::new(Live::new(compiled.begin(clock.now())));
    let workers = NonZeroUsize::new(1).unwrap();
    let server =
        Server::start(Arc::clone(&live), clock, workers, move |_| (Pooled::new(clock), Silent)).unwrap();
    server.commit(server.prepare(&live.current()).unwrap());
    server
}

#[test]
fn a_plain_proxied_request_allocates_nothing() {
    let _alone = ONE_AT_A_TIME.lock();
    let server = start(&Settings::default());
    let mut client = connect(server.addresses()[0]);
    let request = get("/pets");
    let mut buffer = [0; 4_096];
    let mut ask = |client: &mut TcpStream| {
        client.write_all(request.as_bytes()).unwrap();
        let mut filled = 0;
        while !buffer[..filled].ends_with(b"hello") {
            filled += client.read(&mut buffer[filled..]).unwrap();
        }
    };
    for _ in 0..100 {
        ask(&mut client);
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..REQUESTS {
        ask(&mut client);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
}

const REQUESTS: usize = 1_000;

#[test]
fn a_connection_at_rest_holds_almost_nothing() {
    let _alone = ONE_AT_A_TIME.lock();
    let server = start(&Settings::default());
    let address = server.addresses()[0];
    let held = held_by_each(PLAIN_BYTES_MAX, || {
        let mut client = Client::new(connect(address));
        assert_eq!(client.get("/pets").text(), "hello");
        client.stream
    });
    assert!(held <= PLAIN_BYTES_MAX, "a plain connection at rest holds {held} bytes");
}

#[test]
fn a_tls_connection_at_rest_holds_little() {
    let _alone = ONE_AT_A_TIME.lock();
    let folder = tempfile::TempDir::new().unwrap();
    let (settings, trusted) = support::secured(&folder);
    let server = start(&settings);
    let address = server.addresses()[0];
    let config = Arc::new(support::client_config(trusted));
    let held = held_by_each(TLS_BYTES_MAX, || {
        let mut client = support::secure(address, &config);
        assert_eq!(client.get("/pets").text(), "hello");
        // The client's own session is not counted.
        client.stream.sock
    });
    assert!(held <= TLS_BYTES_MAX, "a TLS connection at rest holds {held} bytes");
}

#[test]
fn a_client_whose_large_body_comes_slowly_holds_no_large_buffer_and_leaves_no_desk() {
    let _alone = ONE_AT_A_TIME.lock();
    let server = start(&Settings::default());
    let address = server.addresses()[0];
    let head = format!("POST /demo/pets HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 65536\r\n\r\n");
    let begin = || {
        let mut stream = connect(address);
        stream.write_all(&[head.as_bytes(), &[b'x'; 40_000]].concat()).unwrap();
        // The backend answers at once. What is left of the body is waited for, so that the connection lives on.
        let (mut answer, mut filled) = ([0; 4_096], 0);
        while !answer[..filled].ends_with(b"hello") {
            filled += stream.read(&mut answer[filled..]).unwrap();
        }
        stream
    };
    let region = Region::new(ALLOCATOR);
    let held = || {
        let change = region.change();
        change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed()
    };
    let becomes = |bytes_max: isize| {
        let started = Instant::now();
        while held() > bytes_max && started.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        held()
    };
    let open: Vec<_> = (0..CONNECTIONS).map(|_| begin()).collect();
    let each = becomes(WAITING_BYTES_MAX * CONNECTIONS.cast_signed()) / CONNECTIONS.cast_signed();
    assert!(each <= WAITING_BYTES_MAX, "a connection that waits for a body holds {each} bytes");
    drop(open);
    let left = becomes(LEFT_BYTES_MAX);
    assert!(left <= LEFT_BYTES_MAX, "connections that are gone left {left} bytes");
}

/// A desk, which is larger without optimisation.
const WAITING_BYTES_MAX: isize = 32 << 10;
/// A few desks that stay warm, and four large buffers.
const LEFT_BYTES_MAX: isize = 1 << 20;

/// What each of many connections that rest adds to what the process holds, once it is no more than
/// `bytes_max` or has had its time.
fn held_by_each(bytes_max: isize, mut open: impl FnMut() -> TcpStream) -> isize {
    // The first ones make the desks warm.
    let first: Vec<_> = (0..50).map(|_| open()).collect();
    let mut open_ones = Vec::with_capacity(CONNECTIONS);
    let region = Region::new(ALLOCATOR);
    let held = || {
        let change = region.change();
        change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed()
    };
    open_ones.extend((0..CONNECTIONS).map(|_| open()));
    // Desks are given up a moment after the last request, which a busy machine may draw out.
    let each = || held() / CONNECTIONS.cast_signed();
    let started = Instant::now();
    while each() > bytes_max && started.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    let held = each();
    drop(first);
    held
}

const CONNECTIONS: usize = 400;
/// Hardening section 9 allows 2 KiB; what is held now, with a little room.
const PLAIN_BYTES_MAX: isize = 1_100;
/// Hardening section 9 allows 10 KiB.
const TLS_BYTES_MAX: isize = 8_192;

struct Silent;

impl Recorder for Silent {
    fn exchange(&self, _record: &Record<'_>, _sent: Sent) {}

    fn event(&self, _event: Event) {}
}

/// A backend that answers the same always, from memory that it uses again.
struct Pooled {
    clock: Clock,
    heads: Rc<RefCell<Vec<ResponseHead>>>,
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n";

impl Pooled {
    fn new(clock: Clock) -> Self {
        let mut head = ResponseHead::default();
        read_response(ANSWER, &Limits::PRIVATE, false, &mut head).unwrap();
        Self { clock, heads: Rc::new(RefCell::new(vec![head])) }
    }
}

impl Effects for Pooled {
    type Reply = PooledReply;

    fn monotonic_nanoseconds(&self) -> u64 {
        self.clock.monotonic_nanoseconds()
    }

    async fn integrate<B: RequestBody>(
        &self,
        _call: &IntegrationCall<'_>,
        _body: CallBody<'_, B>,
    ) -> Result<PooledReply, IntegrationFailure> {
        tokio::task::yield_now().await;
        let head = self.heads.borrow_mut().pop();
        Ok(PooledReply { head, home: Rc::clone(&self.heads), taken: Cell::new(false) })
    }
}

struct PooledReply {
    head: Option<ResponseHead>,
    home: Rc<RefCell<Vec<ResponseHead>>>,
    taken: Cell<bool>,
}

impl Drop for PooledReply {
    fn drop(&mut self) {
        self.home.borrow_mut().extend(self.head.take());
    }
}

impl Reply for PooledReply {
    fn status(&self) -> u16 {
        200
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        (ANSWER, self.head.as_ref().unwrap())
    }

    fn length(&self) -> BodyLength {
        BodyLength::Known(5)
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        Ok(None)
    }

    fn take_arrived(&mut self) -> &[u8] {
        if self.taken.replace(true) { b"" } else { b"hello" }
    }
}
