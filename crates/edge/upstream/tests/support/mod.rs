//! One worker's way to backends, its clock in the test's hand, and backends that play scripts over real
//! sockets.
#![expect(dead_code, reason = "every test file uses a part of it")]

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::{poll_fn, ready},
    net::SocketAddr,
    num::NonZeroUsize,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
};

use postern_gateway::{
    BodyFault, BodyLength, CallBody, Destination, DestinationTarget, Effects, Elapsed, Event,
    IntegrationCall, IntegrationFailure, IntegrationFailureKind, Now, Record, Recorder, Reply, RequestBody,
    Sent, Timers,
};
use postern_model::{Balancing, Limits};
use postern_upstream::{Backends, ClientTls, FunctionHost, Outbox, Upstream, UpstreamReply};
use rustls::RootCertStore;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::{LocalSet, yield_now},
};

/// Runs a test on one thread.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test)
}

pub(crate) const SECOND: u64 = 1_000_000_000;
/// When every test begins.
pub(crate) const BEGIN: u64 = 1_000 * SECOND;
/// How long a call may take.
pub(crate) const TIMEOUT: u64 = 29 * SECOND;
/// When a call that is made at the beginning must be over.
pub(crate) const DEADLINE: u64 = BEGIN + TIMEOUT;

/// A clock that stands still until the test moves it.
#[derive(Clone, Debug)]
pub(crate) struct ManualTimers(Rc<(Cell<u64>, Notify)>);

impl ManualTimers {
    fn new() -> Self {
        Self(Rc::new((Cell::new(BEGIN), Notify::new())))
    }

    /// Moves the clock, and wakes whoever waits for it.
    pub(crate) fn advance_to(&self, nanoseconds: u64) {
        self.0.0.set(nanoseconds);
        self.0.1.notify_waiters();
    }
}

impl Timers for ManualTimers {
    fn now(&self) -> Now {
        Now { monotonic_nanoseconds: self.0.0.get(), epoch_milliseconds: 0 }
    }

    async fn within<F: Future + Unpin>(&self, deadline: u64, mut future: F) -> Result<F::Output, Elapsed> {
        loop {
            // Made before the clock is looked at: a move in between is not missed.
            let mut moved = pin!(self.0.1.notified());
            let outcome = poll_fn(|context| {
                if let Poll::Ready(output) = Pin::new(&mut future).poll(context) {
                    return Poll::Ready(Some(Ok(output)));
                }
                if self.0.0.get() >= deadline {
                    return Poll::Ready(Some(Err(Elapsed)));
                }
                moved.as_mut().poll(context).map(|()| None)
            });
            if let Some(outcome) = outcome.await {
                return outcome;
            }
        }
    }

    fn wake_all(&self) {
        self.0.1.notify_waiters();
    }
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events(Rc<RefCell<Vec<Event>>>);

impl Recorder for Events {
    fn exchange(&self, _record: &Record<'_>, _sent: Sent) {}

    fn event(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }
}

impl Events {
    pub(crate) fn count(&self, event: Event) -> usize {
        self.0.borrow().iter().filter(|known| **known == event).count()
    }
}

pub(crate) type TestReply = UpstreamReply<ManualTimers, Events>;

/// One worker's way to backends.
pub(crate) struct House {
    pub(crate) upstream: Upstream<ManualTimers, Events>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) timers: ManualTimers,
    pub(crate) events: Events,
    pub(crate) limits: Limits,
    pub(crate) answer_gap_nanoseconds: u64,
    pub(crate) answer_bytes_max: u64,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::trusting(RootCertStore::empty())
    }

    pub(crate) fn trusting(roots: RootCertStore) -> Self {
        Self::with(Arc::new(Backends::new(
            ClientTls::with_roots(roots).unwrap(),
            FunctionHost::start(NonZeroUsize::MIN, |_| {}).unwrap(),
        )))
    }

    /// One more worker of the same process.
    pub(crate) fn with(backends: Arc<Backends>) -> Self {
        let (timers, events, outbox) = (ManualTimers::new(), Events::default(), Outbox::new());
        let limits = Limits::default();
        let runs = outbox.clone();
        tokio::task::spawn_local(async move { runs.run(|| std::time::Duration::MAX, || ()).await });
        Self {
            upstream: Upstream::new(timers.clone(), events.clone(), Arc::clone(&backends), outbox),
            backends,
            timers,
            events,
            answer_bytes_max: limits.payload_bytes,
            answer_gap_nanoseconds: u64::MAX,
            limits,
        }
    }

    /// The clock of its calls.
    pub(crate) fn now(&self) -> u64 {
        self.timers.now().monotonic_nanoseconds
    }

    /// Calls a destination and waits for the head of the answer.
    pub(crate) async fn call<B: RequestBody>(
        &self,
        destination: &Destination,
        request: &Request,
        body: CallBody<'_, B>,
    ) -> Result<TestReply, IntegrationFailure> {
        let call = IntegrationCall {
            destination,
            head: request.head.as_bytes(),
            is_head: request.head.starts_with("HEAD "),
            is_idempotent: !request.head.starts_with("POST ") && !request.head.starts_with("PATCH "),
            deadline_nanoseconds: self.now() + TIMEOUT,
            answer_bytes_max: self.answer_bytes_max,
            answer_gap_nanoseconds: self.answer_gap_nanoseconds,
            limits: &self.limits,
        };
        self.upstream.integrate(&call, body).await
    }

    /// Calls without a body, or with a whole one.
    pub(crate) async fn send(
        &self,
        destination: &Destination,
        request: &Request,
    ) -> Result<TestReply, IntegrationFailure> {
        let body = if request.body.is_empty() {
            CallBody::<NoBody>::None
        } else {
            CallBody::Whole(request.body.as_bytes())
        };
        self.call(destination, request, body).await
    }

    /// Calls, and reads the answer to its end.
    pub(crate) async fn ask(&self, destination: &Destination, request: &Request) -> Outcome {
        match self.send(destination, request).await {
            Ok(reply) => read(reply).await,
            Err(failure) => Outcome::Failed(failure.kind),
        }
    }
}

/// What a call came to, as its caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A whole answer: its status and its body.
    Answered(u16, String),
    /// A head, and a body that broke off: its status, what came of the body, why.
    Cut(u16, String, IntegrationFailureKind),
    /// No answer.
    Failed(IntegrationFailureKind),
}

pub(crate) fn answered(status: u16, body: &str) -> Outcome {
    Outcome::Answered(status, body.to_owned())
}

pub(crate) fn cut(status: u16, body: &str, kind: IntegrationFailureKind) -> Outcome {
    Outcome::Cut(status, body.to_owned(), kind)
}

/// Reads an answer to its end, as the server does: what came with the head first.
pub(crate) async fn read(mut reply: TestReply) -> Outcome {
    let status = reply.status();
    let mut body = reply.take_arrived().to_vec();
    let end = loop {
        match reply.next().await {
            Ok(Some(piece)) => body.extend_from_slice(piece),
            Ok(None) => break None,
            Err(failure) => break Some(failure.kind),
        }
    };
    let body = String::from_utf8(body).unwrap();
    match end {
        None => Outcome::Answered(status, body),
        Some(kind) => Outcome::Cut(status, body, kind),
    }
}

/// A request as the gateway writes it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn request(method: &str) -> Request {
    Request { head: format!("{method} / HTTP/1.1\r\nHost: backend.test\r\n\r\n"), body: String::new() }
}

pub(crate) fn get() -> Request {
    request("GET")
}

pub(crate) fn with_body(method: &str, body: &str) -> Request {
    let length = body.len();
    Request {
        head: format!("{method} / HTTP/1.1\r\nHost: backend.test\r\nContent-Length: {length}\r\n\r\n"),
        body: body.to_owned(),
    }
}

pub(crate) fn post() -> Request {
    with_body("POST", "hello")
}

/// The head of a request whose body comes from the client.
pub(crate) fn upload(method: &str, length: usize) -> Request {
    Request { body: String::new(), ..with_body(method, &"x".repeat(length)) }
}

/// No client's body.
pub(crate) struct NoBody;

impl RequestBody for NoBody {
    fn length(&self) -> BodyLength {
        BodyLength::None
    }

    fn next(&mut self) -> impl Future<Output = Result<Option<&[u8]>, BodyFault>> {
        ready(Ok(None))
    }

    fn take_arrived(&mut self) -> &[u8] {
        &[]
    }
}

/// A client's body, whose pieces the test sends.
pub(crate) struct ClientBody {
    arrived: Vec<u8>,
    pieces: mpsc::UnboundedReceiver<Result<Vec<u8>, BodyFault>>,
    current: Vec<u8>,
    pub(crate) times_asked: usize,
}

pub(crate) type ClientPieces = mpsc::UnboundedSender<Result<Vec<u8>, BodyFault>>;

/// A body of which this has arrived with the head. Dropping the sender ends it.
pub(crate) fn client_body(arrived: &str) -> (ClientPieces, ClientBody) {
    let (sender, pieces) = mpsc::unbounded_channel();
    let arrived = arrived.as_bytes().to_vec();
    (sender, ClientBody { arrived, pieces, current: Vec::new(), times_asked: 0 })
}

impl RequestBody for ClientBody {
    fn length(&self) -> BodyLength {
        BodyLength::Unknown
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        self.times_asked += 1;
        if !self.arrived.is_empty() {
            self.current = std::mem::take(&mut self.arrived);
            return Ok(Some(&self.current));
        }
        match self.pieces.recv().await {
            None => Ok(None),
            Some(Ok(piece)) => {
                self.current = piece;
                Ok(Some(&self.current))
            }
            Some(Err(fault)) => Err(fault),
        }
    }

    fn take_arrived(&mut self) -> &[u8] {
        self.current = std::mem::take(&mut self.arrived);
        &self.current
    }
}

/// A plain destination of one address, as a URI names it.
pub(crate) fn destination(address: SocketAddr) -> Destination {
    Destination {
        id: u32::from(address.port()),
        name: format!("backend.test:{}", address.port()).into(),
        targets: vec![target(address)],
        tls: None,
        balancing: None,
        one_at_a_time: false,
    }
}

/// A VPC link with these targets.
pub(crate) fn link(addresses: &[SocketAddr]) -> Destination {
    Destination {
        id: 7,
        name: "vl7".into(),
        targets: addresses.iter().copied().map(target).collect(),
        tls: None,
        balancing: Some(Balancing::default()),
        one_at_a_time: false,
    }
}

pub(crate) fn target(address: SocketAddr) -> DestinationTarget {
    DestinationTarget {
        host: address.ip().to_string().into(),
        port: address.port(),
        address: None,
        named_by_operator: true,
    }
}

/// An address of loopback at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A backend on loopback. It is gone when it is dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    seen: Rc<Seen>,
    tasks: Rc<RefCell<Vec<tokio::task::JoinHandle<()>>>>,
}

#[derive(Default)]
struct Seen {
    connections: Cell<usize>,
    requests: RefCell<VecDeque<String>>,
    changed: Notify,
}

impl Peer {
    /// Plays the script on each connection, which it is told the number of, from 0.
    pub(crate) async fn start<F, P>(script: F) -> Self
    where
        F: Fn(Visit<TcpStream>, usize) -> P + 'static,
        P: Future<Output = ()> + 'static,
    {
        Self::at("127.0.0.1:0", script).await
    }

    /// As [`Peer::start`], at this address.
    pub(crate) async fn at<F, P>(address: &str, script: F) -> Self
    where
        F: Fn(Visit<TcpStream>, usize) -> P + 'static,
        P: Future<Output = ()> + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Rc::new(Seen::default());
        let tasks = Rc::new(RefCell::new(Vec::new()));
        let (theirs, more) = (Rc::clone(&seen), Rc::clone(&tasks));
        let accepting = tokio::task::spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let number = theirs.connections.get();
                theirs.connections.set(number + 1);
                theirs.changed.notify_waiters();
                let visit = Visit { stream, buffer: Vec::new(), seen: Rc::clone(&theirs) };
                more.borrow_mut().push(tokio::task::spawn_local(script(visit, number)));
            }
        });
        tasks.borrow_mut().push(accepting);
        Self { address, seen, tasks }
    }

    /// Answers every request with these bytes.
    pub(crate) async fn answering(answer: &'static str) -> Self {
        Self::start(move |mut visit, _| async move {
            while visit.request().await.is_some() {
                visit.send(answer).await;
            }
        })
        .await
    }

    /// Answers with 200 and its name.
    pub(crate) async fn named(name: &'static str) -> Self {
        Self::start(move |mut visit, _| async move {
            while visit.request().await.is_some() {
                visit.send(&ok(name)).await;
            }
        })
        .await
    }

    /// Answers with 200 and its name, each request when it is let.
    pub(crate) async fn waiting(name: &'static str) -> (Self, Rc<Notify>) {
        let go = Rc::new(Notify::new());
        let gate = Rc::clone(&go);
        let peer = Self::start(move |mut visit, _| {
            let gate = Rc::clone(&gate);
            async move {
                while visit.request().await.is_some() {
                    gate.notified().await;
                    visit.send(&ok(name)).await;
                }
            }
        });
        (peer.await, go)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.get()
    }

    /// The requests so far, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.borrow().iter().cloned().collect()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn has_requests(&self, count: usize) {
        self.until(|seen| seen.requests.borrow().len() >= count).await;
    }

    /// Waits until so many connections have come.
    pub(crate) async fn has_connections(&self, count: usize) {
        self.until(|seen| seen.connections.get() >= count).await;
    }

    async fn until(&self, condition: impl Fn(&Seen) -> bool) {
        loop {
            let changed = self.seen.changed.notified();
            if condition(&self.seen) {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for task in self.tasks.borrow().iter() {
            task.abort();
        }
    }
}

/// A whole answer.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A connection as a backend sees it.
pub(crate) struct Visit<S> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
    seen: Rc<Seen>,
}

impl<S> Visit<S> {
    /// The visit and its wire apart.
    pub(crate) fn without_stream(self) -> (Visit<()>, S) {
        (Visit { stream: (), buffer: self.buffer, seen: self.seen }, self.stream)
    }

    /// The same visit over another wire.
    pub(crate) fn over<U>(self, stream: U) -> Visit<U> {
        Visit { stream, buffer: self.buffer, seen: self.seen }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Visit<S> {
    /// Reads one head, without what follows. `None` at the end of the connection.
    pub(crate) async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(count) if count > 0 => {}
                _ => return None,
            }
        }
    }

    /// Reads so many bytes of a body.
    pub(crate) async fn body(&mut self, length: usize) -> String {
        while self.buffer.len() < length {
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the body is cut short");
        }
        String::from_utf8(self.buffer.drain(..length).collect()).unwrap()
    }

    /// Reads one whole request.
    pub(crate) async fn request(&mut self) -> Option<String> {
        let mut request = self.head().await?;
        let length = request
            .split_once("Content-Length: ")
            .map_or(0, |(_, rest)| rest.split_once("\r\n").unwrap().0.parse().unwrap());
        request.push_str(&self.body(length).await);
        self.note(request.clone());
        Some(request)
    }

    /// Notes a request for the test.
    pub(crate) fn note(&self, request: String) {
        self.seen.requests.borrow_mut().push_back(request);
        self.seen.changed.notify_waiters();
    }

    /// Sends, if somebody still reads.
    pub(crate) async fn send(&mut self, bytes: &str) {
        let _ = self.stream.write_all(bytes.as_bytes()).await;
        let _ = self.stream.flush().await;
    }

    /// Waits for the end of the connection. Says whether it was an orderly one.
    pub(crate) async fn ended(&mut self) -> bool {
        loop {
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }
}

impl Visit<TcpStream> {
    /// Breaks the connection.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// Waits for both.
pub(crate) async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(context)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(context)
        {
            second = Some(output);
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (first.unwrap(), second.unwrap())
}

/// Waits for all of them.
pub(crate) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, output) in futures.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *output = Some(value);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

/// Lets a future go on until a condition is met, and drops it. It must not end before.
pub(crate) async fn abandon<F: Future>(future: F, condition: impl Future<Output = ()>) {
    let (mut future, mut condition) = (pin!(future), pin!(condition));
    poll_fn(|context| {
        assert!(Pin::new(&mut future).poll(context).is_pending(), "it ended");
        condition.as_mut().poll(context)
    })
    .await;
}

/// Lets everything that can go on go on, until it waits for something.
pub(crate) async fn settle() {
    for _ in 0..64 {
        yield_now().await;
    }
}

pub(crate) const NETWORK: Outcome = Outcome::Failed(IntegrationFailureKind::Network);
pub(crate) const BAD_ANSWER: Outcome = Outcome::Failed(IntegrationFailureKind::BadAnswer);
pub(crate) const TIMED_OUT: Outcome = Outcome::Failed(IntegrationFailureKind::TimedOut);
