//! One stream of HTTP/2: its request written as a head of HTTP/1.1 and read like one, so that every
//! version passes one grammar; its answer in frames as the client takes them.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    error, fmt,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{
    Method, Request, Response,
    body::{Body, Frame, Incoming, SizeHint},
    header::{CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue},
    http::{StatusCode, request::Parts},
};
use postern_gateway::{
    Answer, AnswerBody, Arrival, BodyFault, BodyLength, Connection, Effects, Event, HttpVersion, Recorder,
    Reply, RequestBody, Scratch, Sent, Timers,
};
use postern_protocol::http1::{Authority, KnownName, Progress, RequestHead, read_request};

use super::ConnectionState;
use crate::{body_pace::BodyPace, limits::InFlight, listener::Place, timeout::Alarm, worker::Worker};

/// The connection as its streams see it.
pub(super) struct About<E, R> {
    pub(super) worker: Rc<Worker<E, R>>,
    pub(super) connection: Connection,
    pub(super) place: Rc<Place>,
    pub(super) state: Rc<ConnectionState>,
    pub(super) old_at: u64,
    pub(super) requests: Cell<u64>,
}

/// The memory of a stream, used again by the next.
#[derive(Debug, Default)]
struct StreamMemory {
    head_bytes: Vec<u8>,
    head: RequestHead,
    scratch: Scratch,
}

/// A desk for streams: the work of serving one after the other. The work is large and is therefore
/// neither made nor moved for a stream.
pub(crate) struct StreamDesk<E, R> {
    slot: Rc<Slot<E, R>>,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

/// What lies on a desk.
struct Slot<E, R> {
    task: Cell<Option<StreamTask<E, R>>>,
    outbox: Outbox,
}

/// A stream that is to be served.
struct StreamTask<E, R> {
    about: Rc<About<E, R>>,
    request: Request<Incoming>,
}

impl<E, R> StreamDesk<E, R>
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    fn new() -> Self {
        let slot = Rc::new(Slot { task: Cell::new(None), outbox: Outbox::default() });
        let at = Rc::clone(&slot);
        let work = Box::pin(async move {
            let mut memory = StreamMemory::default();
            loop {
                // Nobody wakes this: it is polled by the stream that sits down.
                let task = poll_fn(|_| at.task.take().map_or(Poll::Pending, Poll::Ready));
                let StreamTask { about, request } = task.await;
                exchange(&about, request, &at.outbox, &mut memory).await;
                at.outbox.is_done.set(true);
            }
        });
        Self { slot, work }
    }
}

/// Free desks that a worker keeps.
const KEPT_DESKS_MAX: usize = 128;

/// Begins to serve a stream.
pub(super) fn serve<E, R>(about: Rc<About<E, R>>, request: Request<Incoming>) -> Head<E, R>
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let desk = about.worker.stream_desks.borrow_mut().pop().unwrap_or_else(StreamDesk::new);
    let worker = Rc::clone(&about.worker);
    desk.slot.task.set(Some(StreamTask { about, request }));
    Head { stream: Some(AnswerStream { worker, desk: Some(desk) }) }
}

/// The head of the answer to come.
pub(super) struct Head<E, R> {
    stream: Option<AnswerStream<E, R>>,
}

impl<E, R> Future for Head<E, R> {
    type Output = Result<Response<AnswerStream<E, R>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(stream) = &mut self.stream else { return Poll::Pending };
        stream.poll_work(context);
        let Some(head) = stream.outbox().and_then(|outbox| outbox.head.take()) else { return Poll::Pending };
        let Some(stream) = self.stream.take() else { return Poll::Pending };
        Poll::Ready(Ok(head.map(|()| stream)))
    }
}

/// Where the exchange puts its answer, for the frames to take.
#[derive(Default)]
struct Outbox {
    head: Cell<Option<Response<()>>>,
    piece: RefCell<Option<Bytes>>,
    /// Nothing follows what is in the box.
    is_last: Cell<bool>,
    /// The answer broke off.
    is_broken: Cell<bool>,
    /// The exchange is over.
    is_done: Cell<bool>,
}

impl Outbox {
    /// Puts a piece and waits until it is taken.
    async fn put(&self, state: &ConnectionState, piece: Bytes, now: impl Fn() -> u64, stall: u64) {
        if state.waiting.get() == 0 {
            state.last_taken.set(now());
            state.alarm.set(now().saturating_add(stall));
        }
        let _waiting = Waiting::new(state);
        *self.piece.borrow_mut() = Some(piece);
        // Polled by whoever takes pieces, so nobody need be woken.
        poll_fn(|_| if self.piece.borrow().is_none() { Poll::Ready(()) } else { Poll::Pending }).await;
        state.last_taken.set(now());
    }

    /// Empties the box. Says whether the exchange was over.
    fn clear(&self) -> bool {
        self.head.set(None);
        *self.piece.borrow_mut() = None;
        self.is_last.set(false);
        self.is_broken.set(false);
        self.is_done.take()
    }
}

/// Counts a piece that waits for the client.
struct Waiting<'s>(&'s ConnectionState);

impl<'s> Waiting<'s> {
    fn new(state: &'s ConnectionState) -> Self {
        state.waiting.set(state.waiting.get() + 1);
        Self(state)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

/// The body of an answer: the rest of its exchange, which goes on as frames are taken.
pub(super) struct AnswerStream<E, R> {
    worker: Rc<Worker<E, R>>,
    /// Lost with what is on it if the stream ends before its exchange.
    desk: Option<StreamDesk<E, R>>,
}

impl<E, R> AnswerStream<E, R> {
    fn outbox(&self) -> Option<&Outbox> {
        self.desk.as_ref().map(|desk| &desk.slot.outbox)
    }

    fn poll_work(&mut self, context: &mut Context<'_>) {
        if let Some(desk) = &mut self.desk
            && !desk.slot.outbox.is_done.get()
        {
            // The work never ends by itself; it says when an exchange is over.
            let _ = desk.work.as_mut().poll(context);
        }
    }
}

impl<E, R> Drop for AnswerStream<E, R> {
    fn drop(&mut self) {
        let Some(desk) = self.desk.take() else { return };
        let mut free = self.worker.stream_desks.borrow_mut();
        if desk.slot.outbox.clear() && free.len() < KEPT_DESKS_MAX {
            free.push(desk);
        }
    }
}

impl<E, R> Body for AnswerStream<E, R> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.outbox().is_some_and(|outbox| outbox.piece.borrow().is_none()) {
            self.poll_work(context);
        }
        let piece = self.outbox().and_then(|outbox| outbox.piece.borrow_mut().take());
        let is_last = self.outbox().is_none_or(|outbox| outbox.is_last.get());
        if let Some(piece) = piece {
            if is_last {
                // The exchange is told that its last piece was taken, since nobody asks again.
                self.poll_work(context);
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.outbox() {
            Some(outbox) if outbox.is_broken.get() => Poll::Ready(Some(Err(BrokenOff))),
            Some(outbox) if !is_last && !outbox.is_done.get() => Poll::Pending,
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.outbox().is_none_or(|outbox| outbox.is_last.get() && outbox.piece.borrow().is_none())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// The backend's answer broke off: the stream is reset, so that the client cannot take it for whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the answer broke off")
    }
}

impl error::Error for BrokenOff {}

/// Counts a stream; the connection looks at its state when the last one ends.
struct OpenStream<'s, E, R: Recorder>(&'s About<E, R>);

impl<'s, E, R: Recorder> OpenStream<'s, E, R> {
    fn new(about: &'s About<E, R>) -> Self {
        about.state.streams.set(about.state.streams.get() + 1);
        about.requests.set(about.requests.get() + 1);
        Self(about)
    }
}

impl<E, R: Recorder> Drop for OpenStream<'_, E, R> {
    fn drop(&mut self) {
        let (state, worker) = (&self.0.state, &self.0.worker);
        state.streams.set(state.streams.get() - 1);
        let now = worker.timers.coarse_nanoseconds();
        state.last_taken.set(now);
        if state.streams.get() == 0 {
            // The rest begins: its length is looked up when the alarm goes off for the first time.
            state.alarm.set(now.saturating_add(crate::SECOND_NANOSECONDS));
        }
        let limit = match self.0.requests.get() >= worker.held.snapshot().limits().requests_per_connection {
            true => "requestsPerConnection",
            false if now >= self.0.old_at => "connectionAgeSeconds",
            false => return,
        };
        if !state.is_spent.replace(true) {
            worker.recorder.event(Event::LimitHit(limit));
            state.nudge();
        }
    }
}

/// One exchange, from the request to the last byte of the answer.
async fn exchange<E, R>(
    about: &About<E, R>,
    request: Request<Incoming>,
    outbox: &Outbox,
    memory: &mut StreamMemory,
) where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let worker = &about.worker;
    let _open = OpenStream::new(about);
    let (parts, incoming) = request.into_parts();
    let house = worker.held.snapshot();
    let limits = house.limits();
    let now = worker.timers.now();
    let random = worker.random();
    let is_admitted = worker.counts().requests.enter(limits.requests_in_flight);
    let _in_flight = is_admitted.then(|| InFlight(&worker.counts().requests));
    let read = match is_admitted {
        true => read_head(&parts, &about.place, memory),
        false => {
            worker.recorder.event(Event::LimitHit("requestsInFlight"));
            Err((503, "too many requests in flight"))
        }
    };
    let delivery = Delivery { about, outbox, is_head: parts.method == Method::HEAD };
    match read {
        Ok(()) => {
            let alarm = worker.timers.alarm();
            let mut body = Http2Body::new(
                incoming,
                &memory.head,
                (about, &alarm),
                BodyPace::new(limits, now.monotonic_nanoseconds),
            );
            let arrival = Arrival {
                connection: &about.connection,
                bytes: &memory.head_bytes,
                head: &memory.head,
                version: HttpVersion::Http2,
                now,
                random,
            };
            let scratch = &mut memory.scratch;
            let answer =
                postern_gateway::serve(&house, &arrival, &mut body, &worker.effects, scratch, &mut ()).await;
            delivery.deliver(answer, limits.write_stall_seconds).await;
        }
        Err((status, reason)) => {
            let scratch = &mut memory.scratch;
            let answer = postern_gateway::refuse_head::<E::Reply>(
                &house,
                &about.connection,
                (status, reason),
                now,
                random,
                scratch,
            );
            delivery.deliver(answer, limits.write_stall_seconds).await;
        }
    }
    memory.scratch.shrink();
}

/// Writes a request as a head of HTTP/1.1 and reads it, so that the same grammar and limits hold.
fn read_head(parts: &Parts, place: &Place, memory: &mut StreamMemory) -> Result<(), (u16, &'static str)> {
    let StreamMemory { head_bytes, head, .. } = memory;
    head_bytes.clear();
    head.clear();
    head_bytes.extend_from_slice(parts.method.as_str().as_bytes());
    head_bytes.push(b' ');
    let target = match parts.uri.path_and_query() {
        Some(target) => target.as_str(),
        // It has none, and is refused for its method.
        None if parts.method == Method::CONNECT => "/",
        None => return Err((400, "no path")),
    };
    head_bytes.extend_from_slice(target.as_bytes());
    head_bytes.extend_from_slice(b" HTTP/1.1\r\n");
    write_field(head_bytes, b"host", host(parts)?);
    write_cookies(head_bytes, &parts.headers);
    for (name, value) in &parts.headers {
        if name != HOST && name != COOKIE {
            write_field(head_bytes, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    head_bytes.extend_from_slice(b"\r\n");
    match read_request(head_bytes, &place.head_limits(), head) {
        Ok(Progress::Complete) => Ok(()),
        Ok(Progress::Partial) => Err((400, "the head does not end")),
        Err(fault) => Err((fault.status(), fault.reason())),
    }
}

/// The host that is asked for: `:authority`, with which a `host` field must agree.
fn host(parts: &Parts) -> Result<&[u8], (u16, &'static str)> {
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let mut fields = parts.headers.get_all(HOST).iter();
    let (field, repeated) = (fields.next().map(HeaderValue::as_bytes), fields.next().is_some());
    match (authority, field) {
        _ if repeated => Err((400, "more than one host")),
        (Some(authority), None) => Ok(authority),
        (None, Some(field)) => Ok(field),
        (None, None) => Err((400, "no host")),
        (Some(authority), Some(field)) => match (Authority::parse(authority), Authority::parse(field)) {
            (Some(one), Some(other)) if one.agrees_with(&other) => Ok(authority),
            _ => Err((400, "host and :authority disagree")),
        },
    }
}

/// Cookies may come in pieces over HTTP/2 and are one field elsewhere (RFC 9113 section 8.2.3).
fn write_cookies(head: &mut Vec<u8>, headers: &HeaderMap) {
    let mut pieces = headers.get_all(COOKIE).iter();
    let Some(first) = pieces.next() else { return };
    head.extend_from_slice(b"cookie: ");
    head.extend_from_slice(first.as_bytes());
    for piece in pieces {
        head.extend_from_slice(b"; ");
        head.extend_from_slice(piece.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
}

fn write_field(head: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    head.extend_from_slice(name);
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// The way of an answer to its frames.
struct Delivery<'s, E, R> {
    about: &'s About<E, R>,
    outbox: &'s Outbox,
    is_head: bool,
}

impl<E, R: Recorder> Delivery<'_, E, R> {
    async fn deliver<P: Reply>(&self, mut answer: Answer<'_, P>, write_stall_seconds: u64) {
        let length = self.length(&answer);
        let is_bodyless = self.is_head || length == Some(0) || matches!(answer.status, 100..200 | 204 | 304);
        let head = head_of(&answer, length);
        self.outbox.is_last.set(is_bodyless);
        self.outbox.head.set(Some(head));
        let stall = write_stall_seconds.saturating_mul(crate::SECOND_NANOSECONDS);
        let mut sent =
            Sent { body_bytes: 0, complete: true, first_content_at_nanoseconds: None, at_nanoseconds: 0 };
        if !is_bodyless {
            match &mut answer.body {
                AnswerBody::Whole(bytes) => {
                    sent.body_bytes = bytes.len() as u64;
                    self.outbox.is_last.set(true);
                    self.put(Bytes::copy_from_slice(bytes), stall).await;
                }
                AnswerBody::Stream(reply) => self.pass_on(reply, length, stall, &mut sent).await,
            }
        }
        sent.at_nanoseconds = self.about.worker.monotonic_nanoseconds();
        self.about.worker.recorder.exchange(&answer.record, sent);
    }

    async fn pass_on<P: Reply>(&self, reply: &mut P, length: Option<u64>, stall: u64, sent: &mut Sent) {
        let mut piece = Bytes::copy_from_slice(reply.take_arrived());
        loop {
            sent.body_bytes += piece.len() as u64;
            self.outbox.is_last.set(length == Some(sent.body_bytes));
            if !piece.is_empty() {
                self.put(piece, stall).await;
            }
            if self.outbox.is_last.get() {
                return;
            }
            piece = match reply.next().await {
                Ok(Some(next)) => {
                    if sent.body_bytes == 0 {
                        sent.first_content_at_nanoseconds = Some(self.about.worker.monotonic_nanoseconds());
                    }
                    Bytes::copy_from_slice(next)
                }
                Ok(None) if length.is_none() => return self.outbox.is_last.set(true),
                Ok(None) | Err(_) => {
                    sent.complete = false;
                    return self.outbox.is_broken.set(true);
                }
            };
            if length.is_some_and(|length| sent.body_bytes + piece.len() as u64 > length) {
                sent.complete = false;
                return self.outbox.is_broken.set(true);
            }
        }
    }

    async fn put(&self, piece: Bytes, stall: u64) {
        let worker = &self.about.worker;
        self.outbox.put(&self.about.state, piece, || worker.timers.coarse_nanoseconds(), stall).await;
    }

    /// How long the body is, or would be for GET; `None` when that is not known.
    fn length<P: Reply>(&self, answer: &Answer<'_, P>) -> Option<u64> {
        match &answer.body {
            AnswerBody::Whole(bytes) => Some(bytes.len() as u64),
            AnswerBody::Stream(reply) if self.is_head => {
                let (bytes, head) = reply.head();
                let value = head.fields().over(bytes).value(KnownName::ContentLength)?;
                std::str::from_utf8(value).ok()?.parse().ok()
            }
            AnswerBody::Stream(reply) => match reply.length() {
                BodyLength::None => Some(0),
                BodyLength::Known(length) => Some(length),
                BodyLength::Unknown => None,
            },
        }
    }
}

/// The head of an answer in HTTP/2's words: lower-case names, nothing about the connection.
fn head_of<P>(answer: &Answer<'_, P>, length: Option<u64>) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // One copy of the block; every value is a part of it.
    let block = Bytes::copy_from_slice(answer.fields.as_bytes());
    let mut line = 0;
    for (name, value) in answer.fields.iter() {
        let value_at = line + name.len() + ": ".len();
        line = value_at + value.len() + "\r\n".len();
        if is_about_the_connection(name) {
            continue;
        }
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_maybe_shared(block.slice(value_at..value_at + value.len()));
        // The block holds nothing else than tokens and field values.
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    if let Some(length) = length
        && !matches!(answer.status, 100..200 | 204 | 304)
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// RFC 9113 section 8.2.2.
fn is_about_the_connection(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 5] =
        [b"connection", b"transfer-encoding", b"keep-alive", b"upgrade", b"proxy-connection"];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The body of a request.
struct Http2Body<'s, E, R> {
    incoming: Incoming,
    length: BodyLength,
    piece: Bytes,
    about: &'s About<E, R>,
    alarm: &'s Alarm,
    pace: BodyPace,
    received: u64,
    waited: u64,
    waits_since: Option<u64>,
    /// The limit that is hit if nothing comes.
    limit: &'static str,
}

impl<'s, E, R: Recorder> Http2Body<'s, E, R> {
    fn new(
        incoming: Incoming,
        head: &RequestHead,
        (about, alarm): (&'s About<E, R>, &'s Alarm),
        pace: BodyPace,
    ) -> Self {
        let length = match head.framing() {
            _ if incoming.is_end_stream() => BodyLength::None,
            postern_protocol::http1::BodyFraming::Length(length) => BodyLength::Known(length),
            _ => BodyLength::Unknown,
        };
        Self {
            incoming,
            length,
            piece: Bytes::new(),
            about,
            alarm,
            pace,
            received: 0,
            waited: 0,
            waits_since: None,
            limit: "",
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        let timers = &self.about.worker.timers;
        loop {
            match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(since) = self.waits_since.take() {
                        self.waited += timers.coarse_nanoseconds().saturating_sub(since);
                    }
                    // Trailers are dropped, and empty frames carry nothing.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        self.received += data.len() as u64;
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(BodyFault::Gone)),
                Poll::Pending => {
                    if self.waits_since.is_none() {
                        let now = timers.coarse_nanoseconds();
                        self.waits_since = Some(now);
                        let (deadline, limit) = self.pace.deadline(now, self.received, self.waited);
                        self.limit = limit;
                        self.alarm.set(deadline);
                    }
                    ready!(self.alarm.poll_elapsed(context));
                    self.about.worker.recorder.event(Event::LimitHit(self.limit));
                    return Poll::Ready(Err(BodyFault::TooSlow));
                }
            }
        }
    }
}

impl<E, R: Recorder> RequestBody for Http2Body<'_, E, R> {
    fn length(&self) -> BodyLength {
        self.length
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        match poll_fn(|context| self.poll_piece(context)).await? {
            Some(piece) => {
                self.piece = piece;
                Ok(Some(&self.piece))
            }
            None => Ok(None),
        }
    }

    fn take_arrived(&mut self) -> &[u8] {
        // What has arrived is handed out by `next` without waiting.
        &[]
    }
}
