//! One call: a connection, the request out, the answer's head in (hardening.md section 8).

use std::{io, rc::Rc};

use postern_gateway::{
    CallBody, IntegrationCall, IntegrationFailure, IntegrationFailureKind as Kind, RequestBody, Timers,
};
use postern_protocol::http1::{INTERIM_RESPONSES_MAX, Limits, Progress, ResponseHead, read_response};

use crate::{
    BackendReply, Upstream,
    buffers::Buffer,
    connection::Connection,
    dial::dial,
    failure::failure,
    pool::{DestinationPool, Place, TargetPool},
    reply::Received,
};

/// How heads of backends are read: they have room for what a client may not send.
pub(crate) const REPLY_LIMITS: Limits =
    Limits { head_bytes: 16 << 10, raw_head_bytes: 16 << 10, header_fields: 200, ..Limits::PRIVATE };

/// A call on its way.
pub(crate) struct Exchange<'c, T, B> {
    upstream: &'c Upstream<T>,
    call: &'c IntegrationCall<'c>,
    body: CallBody<'c, B>,
}

/// What went wrong in one attempt, and how far it had come.
struct Attempt {
    failure: IntegrationFailure,
    reused: bool,
    /// Whether a byte of the request may have reached the backend.
    written: bool,
    /// Whether a byte of an answer came.
    answered: bool,
}

impl<'c, T: Timers, B: RequestBody> Exchange<'c, T, B> {
    pub(crate) const fn new(
        upstream: &'c Upstream<T>,
        call: &'c IntegrationCall<'c>,
        body: CallBody<'c, B>,
    ) -> Self {
        Self { upstream, call, body }
    }

    /// Runs the call. It is repeated at most once, and never where the backend may have acted on it
    /// and acting twice would matter.
    pub(crate) async fn run(mut self) -> Result<BackendReply<T>, IntegrationFailure> {
        let pool = self.upstream.pool(self.call.destination, self.call.limits.backend_connections);
        let replayable = !matches!(self.body, CallBody::Stream(_));
        match self.attempt(&pool, true).await {
            Ok(reply) => Ok(reply),
            Err(first) => {
                // A connection that could not be opened was tried on every target already.
                let connected = first.reused || first.written;
                let harmless = replayable && (self.call.is_idempotent || !first.written);
                if !connected || first.answered || !harmless || !self.upstream.retries.take() {
                    return Err(first.failure);
                }
                self.attempt(&pool, false).await.map_err(|second| second.failure)
            }
        }
    }

    /// One attempt: on an idle connection where `reuse` allows and there is one, else on a new one.
    async fn attempt(&mut self, pool: &Rc<DestinationPool>, reuse: bool) -> Result<BackendReply<T>, Attempt> {
        let (place, connection, reused) =
            self.connection(pool, reuse).await.map_err(|failure| Attempt::before_writing(failure, false))?;
        let Sent { mut connection, early } = self.send(connection, reused).await?;
        let mut buffer = self.upstream.buffers.small();
        let mut head = self.upstream.buffers.head();
        let filled = self.read_head(&mut connection, &mut buffer, &mut head).await;
        match filled {
            Ok(filled) => {
                let received =
                    Received { place, connection, buffer, head, filled, reusable: early.is_none() };
                Ok(BackendReply::new(self.upstream, self.call, pool, received))
            }
            Err((failure, answered)) => {
                self.upstream.buffers.give_back_head(&head);
                let failure = early.filter(|_| !answered).unwrap_or(failure);
                Err(Attempt { failure, reused, written: true, answered })
            }
        }
    }

    /// A connection and a place for it. Targets that cannot be reached are passed over.
    async fn connection(
        &self,
        pool: &DestinationPool,
        reuse: bool,
    ) -> Result<(Place, Connection, bool), IntegrationFailure> {
        let (upstream, destination, limits) = (self.upstream, self.call.destination, self.call.limits);
        let mut tried: Vec<Rc<TargetPool>> = Vec::new();
        let mut last = None;
        while let Some(target) = pool.choose(&tried) {
            let place = target.place(limits.backend_pending).await;
            let place = place.map_err(|_| {
                failure(Kind::Overloaded, destination, "too many calls wait for a connection")
            })?;
            let now = upstream.timers.coarse_nanoseconds();
            if let Some(connection) = reuse.then(|| target.take_idle(now)).flatten() {
                return Ok((place, connection, true));
            }
            let deadline = now.saturating_add(limits.connect_seconds.saturating_mul(1_000_000_000));
            let dialled = dial(
                destination,
                &target.target,
                &upstream.resolver,
                &upstream.tls,
                &*upstream.timers,
                deadline.min(self.call.deadline_nanoseconds),
            );
            match dialled.await {
                Ok(connection) => return Ok((place, connection, false)),
                Err(failure) => last = Some(failure),
            }
            tried.push(target);
        }
        Err(last.unwrap_or_else(|| failure(Kind::Network, destination, "it has no targets")))
    }

    /// Sends head and body. A backend that stops reading may have answered already, so a failure after
    /// the first byte is kept until that is known.
    async fn send(&mut self, mut connection: Connection, reused: bool) -> Result<Sent, Attempt> {
        let destination = self.call.destination;
        let gone = |error: io::Error| failure(Kind::Network, destination, format_args!("sending: {error}"));
        let first = match &mut self.body {
            CallBody::None => &[],
            CallBody::Whole(bytes) => *bytes,
            CallBody::Stream(body) => body.take_arrived(),
        };
        if let Err((written, error)) = connection.write_both(self.call.head, first).await {
            if written == 0 {
                return Err(Attempt::before_writing(gone(error), reused));
            }
            return Ok(Sent { connection, early: Some(gone(error)) });
        }
        let CallBody::Stream(body) = &mut self.body else { return Ok(Sent { connection, early: None }) };
        loop {
            let piece = body.next().await.map_err(|fault| {
                let failure = failure(Kind::ClientBody(fault), destination, "the client's body broke off");
                Attempt { failure, reused: false, written: true, answered: false }
            })?;
            let Some(piece) = piece else { return Ok(Sent { connection, early: None }) };
            if let Err((_, error)) = connection.write_both(piece, &[]).await {
                return Ok(Sent { connection, early: Some(gone(error)) });
            }
        }
    }

    /// Reads the head of the answer, interim ones passed over. Gives back how many bytes of the buffer
    /// are filled; the head stands at its start. The error says whether a byte had come.
    async fn read_head(
        &self,
        connection: &mut Connection,
        buffer: &mut Buffer,
        head: &mut Rc<ResponseHead>,
    ) -> Result<usize, (IntegrationFailure, bool)> {
        let destination = self.call.destination;
        let bad = |reason: &str| (failure(Kind::BadAnswer, destination, reason), true);
        let mut filled = 0;
        let mut interim = 0;
        // A head that was just taken is held by nobody else.
        let Some(head) = Rc::get_mut(head) else { return Err(bad("the head's memory is in use")) };
        loop {
            let room = buffer.bytes_mut().get_mut(filled..).unwrap_or_default();
            if room.is_empty() {
                return Err(bad("the head of the answer is too large"));
            }
            let answered = filled > 0 || interim > 0;
            let count = connection.read(room).await.map_err(|error| {
                (
                    failure(Kind::Network, destination, format_args!("waiting for the answer: {error}")),
                    answered,
                )
            })?;
            match (count, answered) {
                (0, true) => return Err(bad("the backend closed within the head of its answer")),
                (0, false) => {
                    return Err((
                        failure(Kind::Network, destination, "the backend closed before it answered"),
                        false,
                    ));
                }
                _ => filled += count,
            }
            loop {
                let bytes = buffer.bytes().get(..filled).unwrap_or_default();
                match read_response(bytes, &REPLY_LIMITS, self.call.is_head, head) {
                    Err(fault) => return Err(bad(fault.reason())),
                    Ok(Progress::Partial) => break,
                    Ok(Progress::Complete) if !head.is_interim() => return Ok(filled),
                    Ok(Progress::Complete) => {
                        interim += 1;
                        if interim > INTERIM_RESPONSES_MAX {
                            return Err(bad("the backend sent too many interim answers"));
                        }
                        buffer.bytes_mut().copy_within(head.length()..filled, 0);
                        filled -= head.length();
                        head.clear();
                        if filled == 0 {
                            break;
                        }
                    }
                }
            }
        }
    }
}

/// A request that went out, or as much of it as the backend took.
struct Sent {
    connection: Connection,
    early: Option<IntegrationFailure>,
}

impl Attempt {
    const fn before_writing(failure: IntegrationFailure, reused: bool) -> Self {
        Self { failure, reused, written: false, answered: false }
    }
}
