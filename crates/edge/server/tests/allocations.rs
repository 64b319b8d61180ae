//! The budget of the hot path: a request of a busy connection allocates nothing.
//!
//! One test alone in this file: the allocator counts for the whole process.

mod support;

use std::{
    alloc::System,
    cell::{Cell, RefCell},
    io::{Read, Write},
    num::NonZeroUsize,
    rc::Rc,
    sync::Arc,
};

use postern_gateway::{
    BodyLength, CallBody, Effects, Event, IntegrationCall, IntegrationFailure, Live, Now, Record, Recorder,
    Reply, RequestBody, Sent, State, compile,
};
use postern_protocol::http1::{Limits, ResponseHead, read_response};
use postern_server::{Clock, Server};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Settings, configuration, connect, get};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_plain_proxied_request_allocates_nothing() {
    let clock = Clock::start();
    let mut state = State::new([7; 32]);
    let compiled = compile(configuration(&Settings::default()), None, &mut state);
    let live = Arc::new(Live::new(compiled.begin(clock.now())));
    let workers = NonZeroUsize::new(1).unwrap();
    let server =
        Server::start(Arc::clone(&live), clock, workers, move |_| (Pooled::new(clock), Silent)).unwrap();
    server.commit(server.prepare(&live.current()).unwrap());
    let mut client = connect(server.addresses()[0]);
    let request = get("/pets");
    let mut buffer = [0; 4_096];
    let mut ask = |client: &mut std::net::TcpStream| {
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

    fn now(&self) -> Now {
        self.clock.now()
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
