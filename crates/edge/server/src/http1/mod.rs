//! Our HTTP/1.1: one busy connection at a desk, from its next head to its next rest.

mod answer;
mod body;
mod channel;
mod close;
mod input;

use std::{future::poll_fn, pin::pin, task::Poll};

use postern_gateway::{Arrival, Effects, Event, HttpVersion, Now, Record, Recorder, Reply, Sent, Timers};
use postern_model::Limits;
use postern_protocol::http1::{self, Fault, KnownMethod, Progress, RequestHead, read_request};

use self::{
    answer::{AnswerTo, Written},
    body::{BodyProgress, Http1Body},
    channel::Channel,
    input::Input,
};
use crate::{
    SECOND_NANOSECONDS,
    body_pace::BodyPace,
    connection::{Job, Outcome},
    limits::InFlight,
    wire::Wire,
    worker::Worker,
};

/// The memory of a desk: used by one connection after the other, so that a request allocates nothing.
#[derive(Debug)]
pub(crate) struct DeskMemory {
    input: Input,
    head: RequestHead,
    scratch: postern_gateway::Scratch,
}

impl DeskMemory {
    /// An empty desk.
    pub(crate) fn new() -> Self {
        Self {
            input: Input::new(),
            head: RequestHead::default(),
            scratch: postern_gateway::Scratch::default(),
        }
    }

    /// Ready for the next connection; what one large exchange needed is given back.
    fn tidy(&mut self) {
        self.input.clear();
        self.head.clear();
        self.scratch.shrink();
    }
}

/// Serves the requests of a connection until it rests or is over.
pub(crate) async fn sit<S: Wire, E: Effects, R: Recorder>(
    worker: &Worker<E, R>,
    memory: &mut DeskMemory,
    job: Box<Job<S>>,
) -> Outcome<S> {
    let outcome = loop {
        match read_head(worker, memory, &job).await {
            HeadRead::Complete { began } => match exchange(worker, memory, &job, began).await {
                Next::Request => {}
                Next::Close { linger } => {
                    end(worker, &job, linger).await;
                    break Outcome::Closed;
                }
                Next::Abort => {
                    job.stream.borrow().reset_on_close();
                    break Outcome::Closed;
                }
            },
            HeadRead::Refused { status, reason } => {
                refuse(worker, memory, &job, status, reason).await;
                end(worker, &job, true).await;
                break Outcome::Closed;
            }
            HeadRead::Preface => break Outcome::Http2(job, memory.input.bytes().to_vec()),
            HeadRead::Rest => {
                let channel = channel(worker, &job, worker.held.snapshot().limits());
                match channel.send(&[], &[]).await {
                    Ok(()) => break Outcome::Idle(job),
                    Err(_) => break Outcome::Closed,
                }
            }
            HeadRead::End => break Outcome::Closed,
        }
    };
    memory.tidy();
    outcome
}

/// Ends a connection whose last answer was written. Where the client may still be sending, the answer is waited for as
/// long as the client takes something of it; otherwise it leaves without us.
async fn end<S: Wire, E, R: Recorder>(worker: &Worker<E, R>, job: &Job<S>, linger: bool) {
    if linger {
        let house = worker.held.snapshot();
        let channel = channel(worker, job, house.limits());
        if channel.drain().await.is_err() {
            if channel.has_stalled() {
                worker.recorder.event(Event::LimitHit("writeStallSeconds"));
            }
            return job.stream.borrow().reset_on_close();
        }
    }
    close::close(job, &worker.timers, linger).await;
}

/// How the reading of a head ended.
enum HeadRead {
    /// The head is whole; its first byte came at about this moment.
    Complete { began: u64 },
    /// It is refused, and with it the connection.
    Refused { status: u16, reason: &'static str },
    /// It is the preface of HTTP/2, on a listener that serves it.
    Preface,
    /// Nothing came for a while: the desk is needed elsewhere.
    Rest,
    /// The client left, was silent for too long, or the gateway goes away.
    End,
}

async fn read_head<S: Wire, E, R: Recorder>(
    worker: &Worker<E, R>,
    memory: &mut DeskMemory,
    job: &Job<S>,
) -> HeadRead {
    memory.head.clear();
    let mut began = None;
    loop {
        let preface = if job.may_speak_http2() { Preface::of(memory.input.bytes()) } else { Preface::No };
        match preface {
            Preface::Whole => return HeadRead::Preface,
            Preface::Begun => {}
            Preface::No => match parse(memory, &job.place.head_limits()) {
                Ok(Progress::Complete) => {
                    let began = began.unwrap_or_else(|| worker.timers.coarse_nanoseconds());
                    return HeadRead::Complete { began };
                }
                Ok(Progress::Partial) => {}
                Err(fault) => return refused(worker, fault),
            },
        }
        memory.input.keep();
        let started = !memory.input.is_empty();
        if started && began.is_none() {
            let now = worker.timers.coarse_nanoseconds();
            began = Some(now);
            let limits = worker.held.snapshot();
            job.alarm
                .set(now.saturating_add(limits.limits().head_seconds.saturating_mul(SECOND_NANOSECONDS)));
        }
        match receive(worker, memory, job, started).await {
            Received::Bytes => {}
            Received::Late if started => {
                worker.recorder.event(Event::LimitHit("headSeconds"));
                return HeadRead::Refused { status: 408, reason: "the head took too long" };
            }
            Received::Late => return HeadRead::Rest,
            Received::End => return HeadRead::End,
        }
    }
}

fn refused<E, R: Recorder>(worker: &Worker<E, R>, fault: Fault) -> HeadRead {
    if let Some(limit) = fault.limit() {
        worker.recorder.event(Event::LimitHit(limit));
    }
    HeadRead::Refused { status: fault.status(), reason: fault.reason() }
}

/// Reads what is there of a head.
fn parse(memory: &mut DeskMemory, limits: &http1::Limits) -> Result<Progress, Fault> {
    match memory.input.bytes() {
        [] => Ok(Progress::Partial),
        arrived => read_request(arrived, limits, &mut memory.head),
    }
}

/// Whether bytes are the start of an HTTP/2 connection. The first line is enough: no request of HTTP/1.1
/// has the method `PRI`.
enum Preface {
    No,
    Begun,
    Whole,
}

impl Preface {
    const FIRST_LINE: &[u8] = b"PRI * HTTP/2.0\r\n";

    fn of(bytes: &[u8]) -> Self {
        match () {
            () if bytes.starts_with(Self::FIRST_LINE) => Self::Whole,
            () if Self::FIRST_LINE.starts_with(bytes) => Self::Begun,
            () => Self::No,
        }
    }
}

enum Received {
    Bytes,
    /// The deadline passed: of the head, or of lingering for it.
    Late,
    End,
}

/// Reads more of a head. A connection lingers a moment before its first byte, so that a busy one keeps
/// its desk from request to request.
async fn receive<S: Wire, E, R>(
    worker: &Worker<E, R>,
    memory: &mut DeskMemory,
    job: &Job<S>,
    started: bool,
) -> Received {
    let (input, buffers) = (&mut memory.input, &worker.body_buffers);
    let mut was_asked = false;
    poll_fn(|context| {
        let mut stream = job.stream.borrow_mut();
        // The first look mostly finds nothing, and needs no buffer for that.
        let is_first = !std::mem::replace(&mut was_asked, true);
        let read = match is_first && stream.poll_readable(context).is_pending() {
            true => Poll::Pending,
            false => input.poll_read(&mut *stream, context, buffers),
        };
        match read {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Received::End),
            Poll::Ready(Ok(_)) => Poll::Ready(Received::Bytes),
            Poll::Pending if !started && worker.draining.get() && !job.is_fresh() => {
                Poll::Ready(Received::End)
            }
            Poll::Pending if !started && worker.desks_are_scarce() => Poll::Ready(Received::Late),
            Poll::Pending => {
                if !started && is_first {
                    let linger = worker.timers.coarse_nanoseconds().saturating_add(LINGER_NANOSECONDS);
                    job.alarm.set(linger.min(job.rest_deadline.get()));
                }
                job.alarm.poll_elapsed(context).map(|()| Received::Late)
            }
        }
    })
    .await
}

/// How long a desk waits for the next request of its connection.
const LINGER_NANOSECONDS: u64 = 100_000_000;

/// What follows an exchange.
enum Next {
    Request,
    /// The connection closes; it lingers when the client may still be sending.
    Close {
        linger: bool,
    },
    /// The client must not take what it got for whole.
    Abort,
}

fn channel<'c, S: Wire, E, R>(worker: &'c Worker<E, R>, job: &'c Job<S>, limits: &Limits) -> Channel<'c, S> {
    let stall = limits.write_stall_seconds.saturating_mul(SECOND_NANOSECONDS);
    Channel::new(&job.stream, &job.alarm, &worker.timers, stall)
}

async fn exchange<S: Wire, E: Effects, R: Recorder>(
    worker: &Worker<E, R>,
    memory: &mut DeskMemory,
    job: &Job<S>,
    began: u64,
) -> Next {
    let house = worker.held.snapshot();
    let limits = house.limits();
    if !worker.counts().requests.enter(limits.requests_in_flight) {
        worker.recorder.event(Event::LimitHit("requestsInFlight"));
        refuse(worker, memory, job, 503, "too many requests in flight").await;
        return Next::Close { linger: true };
    }
    let _in_flight = InFlight(&worker.counts().requests);
    job.requests.set(job.requests.get() + 1);
    job.alarm.clear();
    let now = worker.timers.now();
    let random = worker.random();
    let beginning = memory.input.keep_head(&memory.head);
    let (head_bytes, behind) = memory.input.split(&memory.head);
    // What stands behind the head is the next request where the body has memory of its own.
    let arrived = if beginning.is_some() { &[] } else { behind };
    let channel = channel(worker, job, limits);
    let progress = BodyProgress::new(&memory.head);
    let pace = BodyPace::new(limits, began);
    let around = (&*job.place, &worker.body_buffers, pace);
    let body = Http1Body::new(&channel, &progress, arrived, memory.head.framing(), around);
    let mut body = body.beginning_with(beginning);
    let version = HttpVersion::Http1;
    let connection = &job.connection;
    let arrival = Arrival { connection, bytes: head_bytes, head: &memory.head, version, now, random };
    let mut nobody = ();
    let written = {
        let mut record = Record::new(&house, &arrival);
        let watched = {
            let (effects, scratch) = (&worker.effects, &mut memory.scratch);
            let serving = postern_gateway::serve(&mut record, &mut body, effects, scratch, &mut nobody);
            channel.watch(pin!(serving)).await
        };
        let Ok(mut answer) = watched else { return Next::Abort };
        let close = answer.close
            || !memory.head.keep_alive()
            || worker.draining.get()
            || is_spent(worker, job, limits, now)
            || !progress.can_be_drained();
        let to = AnswerTo {
            is_head: memory.head.known_method() == KnownMethod::Head,
            is_http10: memory.head.version_minor() == 0,
            close,
        };
        let written = send(worker, &channel, (to, &record), &mut answer).await;
        Written { until_close: written.until_close || close, ..written }
    };
    let stalled = channel.has_stalled().then_some("writeStallSeconds");
    for limit in [progress.limit_hit(), stalled].into_iter().flatten() {
        worker.recorder.event(Event::LimitHit(limit));
    }
    if written.is_cut {
        return Next::Close { linger: true };
    }
    if !written.complete {
        return Next::Abort;
    }
    if written.until_close {
        // A client that asked for the close and sent all of its request sends no more.
        return Next::Close { linger: !progress.is_over() || memory.head.keep_alive() };
    }
    if !progress.is_over() && !body.drain().await {
        return Next::Close { linger: true };
    }
    let answered = head_bytes.len() + progress.taken_of_arrived();
    memory.input.forget(answered, &progress.take_excess());
    job.rest(limits.idle_seconds, worker.timers.coarse_nanoseconds());
    Next::Request
}

/// Writes an answer, and hands the record over then.
async fn send<S: Wire, E, R: Recorder, P: Reply>(
    worker: &Worker<E, R>,
    channel: &Channel<'_, S>,
    (to, record): (AnswerTo, &Record<'_>),
    answer: &mut postern_gateway::Answer<'_, P>,
) -> Written {
    let date = |output: &mut Vec<u8>| worker.write_date(output, record.received());
    let mut output = worker.take_output();
    let written = answer::write(channel, &mut output, date, to, answer).await;
    worker.put_back_output(output);
    note(worker, record, written);
    written
}

fn note<E, R: Recorder>(worker: &Worker<E, R>, record: &Record<'_>, written: Written) {
    let at_nanoseconds = worker.monotonic_nanoseconds();
    let Written { body_bytes, complete, first_content_at_nanoseconds, .. } = written;
    let sent = Sent { body_bytes, complete, first_content_at_nanoseconds, at_nanoseconds };
    worker.recorder.exchange(record, sent);
}

/// Answers a head that the grammar or a limit refuses. The connection closes after it.
async fn refuse<S: Wire, E: Effects, R: Recorder>(
    worker: &Worker<E, R>,
    memory: &mut DeskMemory,
    job: &Job<S>,
    status: u16,
    reason: &'static str,
) {
    // It is not looked at again, and the client may take its time.
    memory.input.clear();
    let house = worker.held.snapshot();
    let now: Now = worker.timers.now();
    let channel = channel(worker, job, house.limits());
    let mut record = Record::of_refused_head(&house, &job.connection, now, worker.random());
    let refused = (status, reason);
    let mut answer = postern_gateway::refuse_head::<E::Reply>(&mut record, refused, &mut memory.scratch);
    let to = AnswerTo { is_head: false, is_http10: false, close: true };
    send(worker, &channel, (to, &record), &mut answer).await;
}

/// Whether a connection takes no more requests: it had enough of them, or is too old.
fn is_spent<S, E, R: Recorder>(worker: &Worker<E, R>, job: &Job<S>, limits: &Limits, now: Now) -> bool {
    let limit = match () {
        () if job.requests.get() >= limits.requests_per_connection => "requestsPerConnection",
        () if now.monotonic_nanoseconds >= job.old_at => "connectionAgeSeconds",
        () => return false,
    };
    worker.recorder.event(Event::LimitHit(limit));
    true
}
