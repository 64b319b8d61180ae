//! One stream of HTTP/2: its request walks as every other does, its answer is written into its connection's
//! output as the client takes it.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use postern_gateway::{
    Answer, AnswerBody, Arrival, BodyFault, BodyLength, Connection, Effects, Event, HttpVersion, Record,
    Recorder, Reply, RequestBody, Scratch, Sent, Timers,
};
use postern_protocol::{
    http1::{BodyFraming, KnownName},
    http2::{AnswerHead, HeadMemory, HeadRefusal, Place, Session},
};

use super::ConnectionState;
use crate::{
    SECOND_NANOSECONDS, body_pace::BodyPace, limits::InFlight, listener, timeout::Alarm, worker::Worker,
};

/// The connection as its streams see it.
pub(super) struct About<E, R> {
    pub(super) worker: Rc<Worker<E, R>>,
    pub(super) connection: Connection,
    pub(super) place: Rc<listener::Place>,
    pub(super) session: RefCell<Session>,
    pub(super) state: ConnectionState,
    pub(super) old_at: u64,
    pub(super) requests: Cell<u64>,
}

impl<E, R: Recorder> About<E, R> {
    /// Has the connection look at its state when a stream is over.
    pub(super) fn stream_is_over(&self) {
        let (state, worker) = (&self.state, &self.worker);
        let now = worker.timers.coarse_nanoseconds();
        state.last_taken.set(now);
        if self.session.borrow().open_streams() == 0 {
            // The rest begins: its length is looked up when the alarm goes off for the first time.
            state.alarm.set(now.saturating_add(SECOND_NANOSECONDS));
        }
        let limit = match self.requests.get() >= worker.held.snapshot().limits().requests_per_connection {
            true => "requestsPerConnection",
            false if now >= self.old_at => "connectionAgeSeconds",
            false => return,
        };
        if !state.is_spent.replace(true) {
            worker.recorder.event(Event::LimitHit(limit));
            // It looks at the next tick.
            state.alarm.set(0);
        }
    }

    /// Begins to wait for the client.
    pub(super) fn wait(&self, stall_seconds: u64) {
        let state = &self.state;
        if state.waiting.replace(state.waiting.get() + 1) == 0 {
            let now = self.worker.timers.coarse_nanoseconds();
            state.last_taken.set(now);
            state.alarm.set(now.saturating_add(stall_seconds.saturating_mul(SECOND_NANOSECONDS)));
        }
    }
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
    /// The memory for the next head.
    memory: Cell<Option<Box<HeadMemory>>>,
    inbox: RefCell<Inbox>,
    /// The exchange is over.
    is_done: Cell<bool>,
}

/// A stream that is to be served.
struct StreamTask<E, R> {
    about: Rc<About<E, R>>,
    place: Place,
    memory: Box<HeadMemory>,
    refusal: Option<HeadRefusal>,
    has_body: bool,
}

/// What came of a request's body and was not taken.
#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    has_ended: bool,
}

/// What a desk uses again and again.
#[derive(Debug, Default)]
struct DeskMemory {
    scratch: Scratch,
    date_line: Vec<u8>,
}

impl<E, R> StreamDesk<E, R>
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    pub(super) fn new() -> Self {
        let slot = Rc::new(Slot {
            task: Cell::new(None),
            memory: Cell::new(None),
            inbox: RefCell::default(),
            is_done: Cell::new(false),
        });
        let at = Rc::clone(&slot);
        let work = Box::pin(async move {
            let mut memory = DeskMemory::default();
            loop {
                // Nobody wakes this: it is polled by the stream that sits down.
                let task = poll_fn(|_| at.task.take().map_or(Poll::Pending, Poll::Ready)).await;
                exchange(&task, &at.inbox, &mut memory).await;
                at.memory.set(Some(task.memory));
                at.is_done.set(true);
            }
        });
        Self { slot, work }
    }

    /// Memory for the head of the next request.
    pub(super) fn memory(&self) -> Box<HeadMemory> {
        self.slot.memory.take().unwrap_or_default()
    }

    /// Gives the memory back when there was no request.
    pub(super) fn put_back(&self, memory: Box<HeadMemory>) {
        self.slot.memory.set(Some(memory));
    }

    /// Sits a stream down.
    pub(super) fn seat(
        &self,
        about: Rc<About<E, R>>,
        place: Place,
        memory: Box<HeadMemory>,
        refusal: Option<HeadRefusal>,
        has_body: bool,
    ) {
        self.slot.task.set(Some(StreamTask { about, place, memory, refusal, has_body }));
    }

    /// Takes a part of the request's body.
    pub(super) fn receive(&self, bytes: &[u8], ends: bool) {
        let mut inbox = self.slot.inbox.borrow_mut();
        inbox.bytes.extend_from_slice(bytes);
        inbox.has_ended |= ends;
    }

    /// Goes on with the exchange. Ready when it is over.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // The work never ends by itself; it says when an exchange is over.
        let _ = self.work.as_mut().poll(context);
        if self.slot.is_done.take() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Frees the desk for the next stream of any connection. One whose exchange is not over is dropped instead.
    pub(super) fn leave(self, worker: &Worker<E, R>) {
        let mut free = worker.stream_desks.borrow_mut();
        if free.len() < KEPT_DESKS_MAX {
            let mut inbox = self.slot.inbox.borrow_mut();
            inbox.bytes.clear();
            inbox.bytes.shrink_to(KEPT_BODY_BYTES_MAX);
            inbox.has_ended = false;
            drop(inbox);
            free.push(self);
        }
    }
}

/// Free desks that a worker keeps.
const KEPT_DESKS_MAX: usize = 128;
/// What a free desk keeps of its memory for bodies.
const KEPT_BODY_BYTES_MAX: usize = 16 << 10;

/// One exchange, from the request to the last byte of the answer.
async fn exchange<E, R>(task: &StreamTask<E, R>, inbox: &RefCell<Inbox>, memory: &mut DeskMemory)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let StreamTask { about, place, memory: head_memory, refusal, has_body } = task;
    let worker = &about.worker;
    let house = worker.held.snapshot();
    let limits = house.limits();
    let now = worker.timers.now();
    let random = worker.random();
    let is_admitted = worker.counts().requests.enter(limits.requests_in_flight);
    let in_flight = is_admitted.then(|| InFlight(&worker.counts().requests));
    let refusal = match refusal {
        _ if !is_admitted => Some(TOO_MANY),
        refusal => *refusal,
    };
    let HeadMemory { bytes, head, is_head } = &**head_memory;
    let DeskMemory { scratch, date_line } = memory;
    let mut delivery = Delivery {
        about,
        place: *place,
        is_head: *is_head,
        stall_seconds: limits.write_stall_seconds,
        date_line,
    };
    let length = match head.framing() {
        _ if !has_body => BodyLength::None,
        BodyFraming::Length(length) if refusal.is_none() => BodyLength::Known(length),
        BodyFraming::None | BodyFraming::Chunked | BodyFraming::Length(_) => BodyLength::Unknown,
    };
    let pace = BodyPace::new(limits, now.monotonic_nanoseconds);
    let mut body = Http2Body::new(about, *place, inbox, length, pace);
    let is_sent = match refusal {
        None => {
            // Whatever else a client expects was refused with its head.
            body.owes_continue = *has_body && head.fields().contains(KnownName::Expect);
            let arrival = Arrival {
                connection: &about.connection,
                bytes,
                head,
                version: HttpVersion::Http2,
                now,
                random,
            };
            let mut record = Record::new(&house, &arrival);
            let answer =
                postern_gateway::serve(&mut record, &mut body, &worker.effects, scratch, &mut ()).await;
            delivery.deliver(answer, &record).await
        }
        Some(HeadRefusal { status, reason, limit }) => {
            if let Some(limit) = limit {
                worker.recorder.event(Event::LimitHit(limit));
            }
            let mut record = Record::of_refused_head(&house, &about.connection, now, random);
            let answer = postern_gateway::refuse_head::<E::Reply>(&mut record, (status, reason), scratch);
            delivery.deliver(answer, &record).await
        }
    };
    if is_sent {
        drop(in_flight);
        body.drain().await;
    }
    scratch.shrink();
}

/// The process has enough to do.
const TOO_MANY: HeadRefusal =
    HeadRefusal { status: 503, reason: "too many requests in flight", limit: Some("requestsInFlight") };

/// The way of an answer to its frames.
struct Delivery<'s, E, R> {
    about: &'s About<E, R>,
    place: Place,
    is_head: bool,
    stall_seconds: u64,
    date_line: &'s mut Vec<u8>,
}

impl<E, R: Recorder> Delivery<'_, E, R> {
    /// Says whether all of the answer is on its way.
    async fn deliver<P: Reply>(&mut self, mut answer: Answer<'_, P>, record: &Record<'_>) -> bool {
        let worker = &self.about.worker;
        let is_without = matches!(answer.status, 100..200 | 204 | 304);
        let length = self.length(&answer);
        let is_bodyless = self.is_head || is_without || length == Some(0);
        self.date_line.clear();
        worker.write_date(self.date_line, record.received());
        let head = AnswerHead {
            status: answer.status,
            date_line: self.date_line,
            fields: answer.fields,
            length: length.filter(|_| !is_without),
            ends: is_bodyless,
        };
        self.about.session.borrow_mut().answer(self.place, &head);
        let mut answered = Answered { worker, record, sent: NOTHING_SENT };
        let sent = &mut answered.sent;
        let is_complete = match &mut answer.body {
            _ if is_bodyless => true,
            AnswerBody::Whole(bytes) => self.put(bytes, true, sent).await,
            AnswerBody::Stream(reply) => self.pass_on(reply, length, sent).await,
        };
        answered.sent.complete = is_complete;
        is_complete
    }

    /// Passes a backend's body on, and says whether all of it is on its way. One that breaks off is not ended, so
    /// that its stream is reset and the client cannot take it for whole.
    async fn pass_on<P: Reply>(&self, reply: &mut P, length: Option<u64>, sent: &mut Sent) -> bool {
        let arrived = reply.take_arrived();
        let mut came = arrived.len() as u64;
        let mut is_last = length == Some(came);
        let mut is_taken = self.put(arrived, is_last, sent).await;
        while is_taken && !is_last {
            let piece = match reply.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) if length.is_none() => return self.put(&[], true, sent).await,
                Ok(None) | Err(_) => return false,
            };
            if came == 0 {
                sent.first_content_at_nanoseconds = Some(self.about.worker.monotonic_nanoseconds());
            }
            came += piece.len() as u64;
            if length.is_some_and(|length| came > length) {
                return false;
            }
            is_last = length == Some(came);
            is_taken = self.put(piece, is_last, sent).await;
        }
        is_taken
    }

    /// Writes a piece and waits until all of it lies in the connection's output. Says whether the client took it
    /// in time: other streams of its connection may go on while this one stands still.
    async fn put(&self, piece: &[u8], ends: bool, sent: &mut Sent) -> bool {
        let mut rest = piece;
        let mut waiting = None;
        poll_fn(|context| {
            let taken = self.about.session.borrow_mut().body(self.place, rest, ends);
            sent.body_bytes += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                return Poll::Ready(true);
            }
            let waiting = waiting.get_or_insert_with(|| Waiting::new(self.about, self.stall_seconds));
            if taken > 0 {
                waiting.has_taken();
            }
            // The connection polls those that wait for room.
            ready!(waiting.alarm.poll_elapsed(context));
            self.about.worker.recorder.event(Event::LimitHit("writeStallSeconds"));
            Poll::Ready(false)
        })
        .await
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

/// An answer on its way. Its record is handed over when it is over, also where the client takes its stream or its
/// connection away in the middle.
struct Answered<'r, E, R: Recorder> {
    worker: &'r Worker<E, R>,
    record: &'r Record<'r>,
    sent: Sent,
}

const NOTHING_SENT: Sent =
    Sent { body_bytes: 0, complete: false, first_content_at_nanoseconds: None, at_nanoseconds: 0 };

impl<E, R: Recorder> Drop for Answered<'_, E, R> {
    fn drop(&mut self) {
        self.sent.at_nanoseconds = self.worker.monotonic_nanoseconds();
        self.worker.recorder.exchange(self.record, self.sent);
    }
}

/// Counts an answer that waits for the client, and keeps its time.
struct Waiting<'s, E, R> {
    about: &'s About<E, R>,
    alarm: Alarm,
    stall_nanoseconds: u64,
}

impl<'s, E, R: Recorder> Waiting<'s, E, R> {
    fn new(about: &'s About<E, R>, stall_seconds: u64) -> Self {
        about.wait(stall_seconds);
        // Where nothing at all is taken, the connection ends with all its streams, before any of them.
        let stall_nanoseconds = stall_seconds.saturating_add(1).saturating_mul(SECOND_NANOSECONDS);
        let waiting = Self { about, alarm: about.worker.timers.alarm(), stall_nanoseconds };
        waiting.set_alarm();
        waiting
    }
}

impl<E, R> Waiting<'_, E, R> {
    fn has_taken(&self) {
        self.about.state.last_taken.set(self.about.worker.timers.coarse_nanoseconds());
        self.set_alarm();
    }

    fn set_alarm(&self) {
        let now = self.about.worker.timers.coarse_nanoseconds();
        self.alarm.set(now.saturating_add(self.stall_nanoseconds));
    }
}

impl<E, R> Drop for Waiting<'_, E, R> {
    fn drop(&mut self) {
        let state = &self.about.state;
        state.waiting.set(state.waiting.get() - 1);
        state.last_taken.set(self.about.worker.timers.coarse_nanoseconds());
    }
}

/// The body of a request.
struct Http2Body<'s, E, R> {
    about: &'s About<E, R>,
    place: Place,
    inbox: &'s RefCell<Inbox>,
    length: BodyLength,
    piece: Vec<u8>,
    /// Set while the client is waited for.
    alarm: Option<Alarm>,
    pace: BodyPace,
    /// The client waits for a 100 before it sends.
    owes_continue: bool,
    received: u64,
    waited: u64,
    waits_since: Option<u64>,
    /// The limit that is hit if nothing comes.
    limit: &'static str,
}

/// As long and as much as on a connection of HTTP/1.1 that closes.
const DRAIN_SECONDS: u64 = 2;
const DRAINED_BYTES_MAX: usize = 256 << 10;

impl<'s, E, R: Recorder> Http2Body<'s, E, R> {
    const fn new(
        about: &'s About<E, R>,
        place: Place,
        inbox: &'s RefCell<Inbox>,
        length: BodyLength,
        pace: BodyPace,
    ) -> Self {
        Self {
            about,
            place,
            inbox,
            length,
            piece: Vec::new(),
            alarm: None,
            pace,
            owes_continue: false,
            received: 0,
            waited: 0,
            waits_since: None,
            limit: "",
        }
    }

    /// Takes what has arrived, and makes room for as much. Says whether that was anything.
    fn take(&mut self) -> bool {
        let mut inbox = self.inbox.borrow_mut();
        self.piece.clear();
        if inbox.bytes.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.piece, &mut inbox.bytes);
        // A client that sends does not wait for a 100.
        self.owes_continue = false;
        self.received += self.piece.len() as u64;
        self.about.session.borrow_mut().release(self.place, self.piece.len());
        true
    }

    /// Reads on for a while and throws it away, where the client still sends: a reset that comes together with an
    /// answer makes some clients lose the answer.
    async fn drain(&mut self) {
        let timers = &self.about.worker.timers;
        let deadline = timers.coarse_nanoseconds().saturating_add(DRAIN_SECONDS * SECOND_NANOSECONDS);
        let mut drained = 0;
        poll_fn(|context| {
            while self.take() {
                drained += self.piece.len();
            }
            let is_over = self.inbox.borrow().has_ended || self.length == BodyLength::None;
            if is_over || drained >= DRAINED_BYTES_MAX {
                return Poll::Ready(());
            }
            let alarm = self.alarm.get_or_insert_with(|| timers.alarm());
            alarm.set(deadline);
            alarm.poll_elapsed(context)
        })
        .await;
    }

    /// Ready with whether there is another piece.
    fn poll_piece(&mut self, context: &Context<'_>) -> Poll<Result<bool, BodyFault>> {
        let timers = &self.about.worker.timers;
        if self.take() {
            if let Some(since) = self.waits_since.take() {
                self.waited += timers.coarse_nanoseconds().saturating_sub(since);
            }
            return Poll::Ready(Ok(true));
        }
        if self.inbox.borrow().has_ended || self.length == BodyLength::None {
            return Poll::Ready(Ok(false));
        }
        if std::mem::take(&mut self.owes_continue) {
            self.about.session.borrow_mut().go_on(self.place);
        }
        let alarm = self.alarm.get_or_insert_with(|| timers.alarm());
        if self.waits_since.is_none() {
            let now = timers.coarse_nanoseconds();
            self.waits_since = Some(now);
            let (deadline, limit) = self.pace.deadline(now, self.received, self.waited);
            self.limit = limit;
            alarm.set(deadline);
        }
        ready!(alarm.poll_elapsed(context));
        self.about.worker.recorder.event(Event::LimitHit(self.limit));
        Poll::Ready(Err(BodyFault::TooSlow))
    }
}

impl<E, R: Recorder> RequestBody for Http2Body<'_, E, R> {
    fn length(&self) -> BodyLength {
        self.length
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        let is_piece = poll_fn(|context| self.poll_piece(context)).await?;
        Ok(is_piece.then_some(self.piece.as_slice()))
    }

    fn take_arrived(&mut self) -> &[u8] {
        self.take();
        &self.piece
    }
}
