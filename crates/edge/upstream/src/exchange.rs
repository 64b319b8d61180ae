//! One call: a connection, the request out, the answer's head in (hardening.md section 8).

use std::{future::poll_fn, rc::Rc, task::Poll};

use postern_gateway::{
    CallBody, Event, IntegrationCall, IntegrationFailure, IntegrationFailureKind as Kind, Recorder,
    RequestBody, Timers,
};
use postern_protocol::http1::ResponseFraming;

use crate::{
    BackendReply,
    connection::Connection,
    dial::{DialFailure, Dialler},
    incoming::{Incoming, NoAnswer},
    pool::{Place, TargetPool},
    reply::{Answering, Around},
    send::{Sending, Sent},
    upstream::Worker,
    vpc_link::DestinationPool,
};

/// A call on its way.
pub(crate) struct Exchange<'c, T, R, B> {
    worker: &'c Rc<Worker<T, R>>,
    call: &'c IntegrationCall<'c>,
    pool: Rc<DestinationPool>,
    body: CallBody<'c, B>,
    /// The part of a client's body that was taken for a connection that turned out to be dead.
    unsent: Vec<u8>,
    /// The target that is waited for: until it has read the request, and then until it answers.
    waits_for: Option<Rc<TargetPool>>,
    /// Whether it is the client that is waited for meanwhile.
    waits_for_client: bool,
}

/// A connection that is ready for a request.
struct Ready {
    place: Place,
    connection: Connection,
    is_reused: bool,
}

/// Why an attempt failed.
struct Attempt {
    failure: IntegrationFailure,
    /// The target that should be left out in another attempt; absent where there may be none.
    may_repeat_beside: Option<Rc<TargetPool>>,
}

impl From<IntegrationFailure> for Attempt {
    /// A failure that is final.
    fn from(failure: IntegrationFailure) -> Self {
        Self { failure, may_repeat_beside: None }
    }
}

impl<'c, T: Timers, R: Recorder, B: RequestBody> Exchange<'c, T, R, B> {
    pub(crate) fn new(
        worker: &'c Rc<Worker<T, R>>,
        call: &'c IntegrationCall<'c>,
        body: CallBody<'c, B>,
    ) -> Self {
        let pool = worker.pool(call.destination);
        Self { worker, call, pool, body, unsent: Vec::new(), waits_for: None, waits_for_client: false }
    }

    /// Runs the call. It is repeated at most once, and never where the backend may have acted on it and
    /// acting twice would matter.
    pub(crate) async fn run(&mut self) -> Result<BackendReply<T, R>, IntegrationFailure> {
        self.pool.budget.count_call();
        let mut beside = None;
        loop {
            let Attempt { failure, may_repeat_beside } = match self.attempt(beside.as_ref()).await {
                Ok(reply) => return Ok(reply),
                Err(attempt) => attempt,
            };
            let is_first = beside.is_none();
            beside = may_repeat_beside.filter(|_| is_first && self.pool.budget.take());
            if beside.is_none() {
                return Err(failure);
            }
            self.worker.recorder.event(Event::BackendRetried);
        }
    }

    /// What the call came to when its time was up.
    pub(crate) fn timed_out(&self) -> IntegrationFailure {
        let target = self.waits_for.as_deref();
        if let Some(target) = target.filter(|_| !self.waits_for_client) {
            self.worker.note_failure(&self.pool, target);
        }
        self.pool.failure(Kind::TimedOut, target, "no answer within the integration's timeout")
    }

    /// One attempt: the first on an idle connection where there is one, the second on a new one and to
    /// another target than the first, where there is another.
    async fn attempt(&mut self, beside: Option<&Rc<TargetPool>>) -> Result<BackendReply<T, R>, Attempt> {
        self.waits_for = None;
        let Ready { place, connection, is_reused } = self.connect(beside).await?;
        let target = Rc::clone(place.target());
        let mut lent = self.worker.buffers.answering();
        // What is lent belongs to nobody else.
        let Some(answering) = lent.get_mut() else {
            return Err(self.pool.failure(Kind::Network, Some(&target), "its memory is in use").into());
        };
        answering.place = Some(place);
        let Answering { incoming, connection: held, .. } = answering;
        let connection = held.insert(connection);
        incoming.expect(self.call.is_head);
        self.waits_for = Some(Rc::clone(&target));
        let sent = self.send(connection, incoming, &target, is_reused).await?;
        let waited = self.wait_for_head(connection, incoming).await;
        let target = self.waits_for.take();
        if let Err(no_answer) = waited {
            return Err(match (connection.unsent(), target) {
                (Some(error), Some(target)) => self.unsent(&error, &target, is_reused),
                (_, target) => self.no_answer(no_answer, sent, target, incoming.has_begun()),
            });
        }
        if let ResponseFraming::Length(length) = incoming.head.framing()
            && length > self.call.answer_bytes_max
        {
            self.worker.recorder.event(Event::LimitHit("payloadBytes"));
            let reason = "the answer is larger than `payloadBytes`";
            return Err(self.pool.failure(Kind::BadAnswer, target.as_deref(), reason).into());
        }
        if let Some(health) = target.as_ref().and_then(|target| self.pool.health(target)) {
            health.succeeded();
        }
        let has_left = !connection.is_sending() && connection.unsent().is_none();
        let is_sent_whole = matches!(sent, Sent::Whole) && has_left;
        let around = Around { worker: Rc::clone(self.worker), pool: Rc::clone(&self.pool) };
        Ok(BackendReply::new(around, self.call, lent, is_sent_whole))
    }

    /// A connection and a place for it. Targets that cannot be reached are passed over: nothing was sent
    /// to them. Whatever has to be waited for has memory of its own, which the usual call does not need.
    async fn connect(&self, beside: Option<&Rc<TargetPool>>) -> Result<Ready, IntegrationFailure> {
        let Self { worker, call, pool, .. } = self;
        let mut turn = match pool.takes_turns() {
            true => Box::pin(pool.turn()).await,
            false => None,
        };
        let mut tried: Vec<Rc<TargetPool>> = beside.cloned().into_iter().collect();
        let mut last = None;
        loop {
            let chosen = pool.choose(&tried, || worker.timers.monotonic_nanoseconds());
            // A second attempt goes to the same target only where there is no other.
            let Some(target) = chosen.or_else(|| beside.filter(|_| last.is_none()).cloned()) else { break };
            let place = match target.free_place(call.limits) {
                Some(place) => place,
                None => Box::pin(target.place(call.limits, &worker.recorder)).await.map_err(|_| {
                    let reason = "too many calls wait for a connection";
                    self.pool.failure(Kind::Overloaded, Some(&target), reason)
                })?,
            };
            let place = place.hold(turn.take());
            if beside.is_none()
                && let Some(connection) = target.take_idle(worker.timers.coarse_nanoseconds())
            {
                return Ok(Ready { place, connection, is_reused: true });
            }
            target.make_room(call.limits);
            match Box::pin(self.dial(&target)).await {
                Ok(connection) => return Ok(Ready { place, connection, is_reused: false }),
                Err(failure) => last = Some(self.pool.failure(failure.kind(), Some(&target), failure)),
            }
            worker.note_failure(pool, &target);
            tried.push(target);
        }
        Err(last.unwrap_or_else(|| self.pool.failure(Kind::Network, None, "it has no targets")))
    }

    async fn dial(&self, target: &TargetPool) -> Result<Connection, DialFailure> {
        let Self { worker, call, .. } = self;
        let dialler = Dialler {
            timers: &worker.timers,
            client_tls: worker.backends.tls(),
            buffers: &worker.buffers,
            outbox: &worker.outbox,
            tls: call.destination.tls.as_ref(),
        };
        let limit = call.limits.connect_seconds.saturating_mul(1_000_000_000);
        let deadline = worker.timers.monotonic_nanoseconds().saturating_add(limit);
        let dialled = dialler.dial(&target.name, deadline.min(call.deadline_nanoseconds)).await;
        worker.recorder.event(match &dialled {
            Ok(_) => Event::BackendConnected,
            Err(_) => Event::BackendConnectFailed,
        });
        if matches!(dialled, Err(DialFailure::TooSlow)) {
            worker.recorder.event(Event::LimitHit("connectSeconds"));
        }
        dialled
    }

    /// Sends head and body. A backend that stops reading may have answered already, so a failure after
    /// the first byte is kept until that is known.
    async fn send(
        &mut self,
        connection: &mut Connection,
        incoming: &mut Incoming,
        target: &Rc<TargetPool>,
        is_reused: bool,
    ) -> Result<Sent, Attempt> {
        let is_stream = matches!(self.body, CallBody::Stream(_));
        let Self { worker, call, pool, body, unsent, waits_for_client, .. } = self;
        let mut sending = Sending {
            connection,
            incoming,
            waits_for_client,
            buffers: &worker.buffers,
            may_wait: !is_stream,
            // It is held whole until the request is out, also where it will stream.
            early_bytes_max: call.answer_bytes_max.min(call.limits.payload_bytes),
        };
        let first: &[u8] = match body {
            CallBody::None => &[],
            CallBody::Whole(bytes) => bytes,
            CallBody::Stream(_) if !unsent.is_empty() => unsent,
            CallBody::Stream(body) => body.take_arrived(),
        };
        let sent = sending.send((call.head, first)).await;
        if let Sent::Failed(0, error) = sent {
            // Nothing has left: it may go by another connection, and what was taken of it, too.
            let kept = if is_stream { first.to_vec() } else { Vec::new() };
            *unsent = kept;
            return Err(self.unsent(&error, target, is_reused));
        }
        match body {
            CallBody::Stream(body) if matches!(sent, Sent::Whole) => {
                sending.send_rest(*body).await.map_err(|fault| {
                    let reason = "the client's body broke off";
                    pool.failure(Kind::ClientBody(fault), Some(target), reason).into()
                })
            }
            _ => Ok(sent),
        }
    }

    /// What it means that not a byte of the request has left: an idle connection may have been at its end.
    fn unsent(&self, error: &std::io::Error, target: &Rc<TargetPool>, is_reused: bool) -> Attempt {
        let failure = self.pool.failure(Kind::Network, Some(target), format_args!("sending: {error}"));
        if !is_reused {
            self.worker.note_failure(&self.pool, target);
        }
        let may_repeat = is_reused || self.may_repeat();
        Attempt { failure, may_repeat_beside: may_repeat.then(|| Rc::clone(target)) }
    }

    /// Whether a request of which something has left may be sent once more.
    const fn may_repeat(&self) -> bool {
        self.call.is_idempotent && !matches!(self.body, CallBody::Stream(_))
    }

    /// Waits for the head of the answer: for as long as the target is not put out, where the request
    /// may go to another.
    async fn wait_for_head(
        &self,
        connection: &mut Connection,
        incoming: &mut Incoming,
    ) -> Result<(), NoAnswer> {
        let target = self.waits_for.as_deref().filter(|_| self.pool.has_alternatives() && self.may_repeat());
        let watched = target.map(|target| (target, target.times_put_out.get()));
        poll_fn(|context| {
            let head = incoming.poll_head(connection, context, &self.worker.buffers);
            let is_put_out = watched.is_some_and(|(target, before)| target.times_put_out.get() != before);
            if head.is_pending() && is_put_out && !incoming.has_begun() {
                return Poll::Ready(Err(NoAnswer::PutOut));
            }
            head
        })
        .await
    }

    /// What it means that no answer came.
    fn no_answer(
        &self,
        no_answer: NoAnswer,
        sent: Sent,
        target: Option<Rc<TargetPool>>,
        has_begun: bool,
    ) -> Attempt {
        let to = target.as_deref();
        if let Some(target) = to.filter(|_| !matches!(no_answer, NoAnswer::PutOut)) {
            self.worker.note_failure(&self.pool, target);
        }
        let may_repeat = !has_begun && self.may_repeat();
        let failure = match (no_answer, sent) {
            (NoAnswer::Bad(reason), _) => self.pool.failure(Kind::BadAnswer, to, reason),
            (_, Sent::Failed(_, error)) => {
                self.pool.failure(Kind::Network, to, format_args!("sending: {error}"))
            }
            (NoAnswer::Broken(error), _) => {
                self.pool.failure(Kind::Network, to, format_args!("waiting for the answer: {error}"))
            }
            (NoAnswer::Closed, _) => {
                self.pool.failure(Kind::Network, to, "the backend closed before it answered")
            }
            (NoAnswer::PutOut, _) => {
                self.pool.failure(Kind::Network, to, "it was put out before it answered")
            }
        };
        Attempt { failure, may_repeat_beside: target.filter(|_| may_repeat) }
    }
}
