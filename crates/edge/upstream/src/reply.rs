//! The answer of a backend: its head, and its body in pieces.

use std::{ops::Range, rc::Rc};

use postern_gateway::{
    BodyLength, IntegrationCall, IntegrationFailure, IntegrationFailureKind as Kind, Reply, Timers,
};
use postern_protocol::http1::{ChunkedReader, ResponseFraming, ResponseHead};

use crate::{
    Upstream,
    buffers::{Buffer, Buffers},
    connection::Connection,
    exchange::REPLY_LIMITS,
    pool::{DestinationPool, Place},
};

/// What an exchange has when the head of the answer is in.
pub(crate) struct Received {
    pub(crate) place: Place,
    pub(crate) connection: Connection,
    /// The head stands at its start.
    pub(crate) buffer: Buffer,
    pub(crate) head: Rc<ResponseHead>,
    pub(crate) filled: usize,
    /// Whether the request went out whole.
    pub(crate) reusable: bool,
}

/// The answer of a backend. Dropped before its end, its connection is closed and never used again.
#[derive(Debug)]
pub struct BackendReply<T> {
    timers: Rc<T>,
    buffers: Buffers,
    /// For messages.
    pool: Rc<DestinationPool>,
    deadline: u64,
    /// Bytes that the body may still have.
    allowance: u64,
    place: Option<Place>,
    connection: Option<Connection>,
    reusable: bool,
    head: Rc<ResponseHead>,
    /// Holds the head and what came with it.
    first: Buffer,
    /// Holds what comes later, where that is much.
    large: Option<Buffer>,
    /// What has been read and not given out, in the large buffer if there is one.
    unread: Range<usize>,
    body: Body,
}

/// What of the body is still to come.
#[derive(Debug)]
enum Body {
    Done,
    Length(u64),
    Chunked(ChunkedReader),
    UntilClose,
}

impl<T: Timers> BackendReply<T> {
    pub(crate) fn new(
        upstream: &Upstream<T>,
        call: &IntegrationCall<'_>,
        pool: &Rc<DestinationPool>,
        received: Received,
    ) -> Self {
        let Received { place, connection, buffer, head, filled, reusable } = received;
        let body = match head.framing() {
            ResponseFraming::None | ResponseFraming::Length(0) => Body::Done,
            ResponseFraming::Length(length) => Body::Length(length),
            ResponseFraming::Chunked => Body::Chunked(ChunkedReader::new()),
            ResponseFraming::UntilClose => Body::UntilClose,
        };
        let mut reply = Self {
            timers: Rc::clone(&upstream.timers),
            buffers: upstream.buffers.clone(),
            pool: Rc::clone(pool),
            deadline: call.deadline_nanoseconds,
            allowance: call.limits.payload_bytes,
            place: Some(place),
            connection: Some(connection),
            reusable: reusable && head.keep_alive(),
            unread: head.length()..filled,
            head,
            first: buffer,
            large: None,
            body,
        };
        reply.finish_if_done();
        reply
    }

    /// Gives the connection back once the body is over, unless something stands behind it.
    fn finish_if_done(&mut self) {
        if !matches!(self.body, Body::Done) {
            return;
        }
        let place = self.place.take();
        if let (Some(place), Some(connection)) = (place, self.connection.take())
            && self.reusable
            && self.unread.is_empty()
        {
            place.keep(connection, self.timers.coarse_nanoseconds());
        }
    }

    fn bytes(&self) -> &[u8] {
        self.large.as_ref().unwrap_or(&self.first).bytes()
    }

    /// The next run of body data among what has been read: where it stands. `None` where more must be
    /// read, or the body is over.
    fn next_range(&mut self) -> Result<Option<Range<usize>>, IntegrationFailure> {
        let start = self.unread.start;
        let (consumed, data, done) = match &mut self.body {
            Body::Done => return Ok(None),
            Body::UntilClose => (self.unread.len(), start..self.unread.end, false),
            Body::Length(left) => {
                let count = self.unread.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                (count, start..start + count, *left == 0)
            }
            Body::Chunked(reader) => {
                let bytes = self.large.as_ref().unwrap_or(&self.first).bytes();
                let input = bytes.get(self.unread.clone()).unwrap_or_default();
                let step = match reader.feed(input, &REPLY_LIMITS) {
                    Ok(step) => step,
                    Err(fault) => return Err(self.bad(fault.reason())),
                };
                (step.consumed, start + step.data.start..start + step.data.end, step.finished)
            }
        };
        self.unread.start += consumed;
        if done {
            self.body = Body::Done;
            self.finish_if_done();
        }
        if data.is_empty() {
            return Ok(None);
        }
        match self.allowance.checked_sub(data.len() as u64) {
            Some(rest) => self.allowance = rest,
            None => return Err(self.bad("the answer is larger than `payloadBytes`")),
        }
        Ok(Some(data))
    }

    /// Reads more of the body into a buffer.
    async fn read_more(&mut self) -> Result<(), IntegrationFailure> {
        let expects_much = match &self.body {
            Body::Length(left) => *left > self.first.bytes().len() as u64 / 2,
            Body::Chunked(_) | Body::UntilClose => true,
            Body::Done => return Ok(()),
        };
        if expects_much && self.large.is_none() {
            // What is unread is a part of a chunk's head at most, which the reader has taken in.
            self.large = Some(self.buffers.large());
        }
        let (buffer, from) = match &mut self.large {
            Some(large) => (large, 0),
            None => (&mut self.first, self.head.length()),
        };
        let room = buffer.bytes_mut().get_mut(from..).unwrap_or_default();
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let count = self.timers.within(self.deadline, connection.read(room)).await;
        let count = match count {
            Err(_) => return Err(self.fail(Kind::TimedOut, "the answer was not complete within the timeout")),
            Ok(Err(error)) => return Err(self.bad(&format!("the answer broke off: {error}"))),
            Ok(Ok(count)) => count,
        };
        self.unread = from..from + count;
        if count == 0 {
            if !matches!(self.body, Body::UntilClose) {
                return Err(self.bad("the backend closed within the body of its answer"));
            }
            self.body = Body::Done;
            self.finish_if_done();
        }
        Ok(())
    }

    fn bad(&mut self, reason: &str) -> IntegrationFailure {
        self.fail(Kind::BadAnswer, reason)
    }

    /// A failure after which the connection is of no use.
    fn fail(&mut self, kind: Kind, reason: &str) -> IntegrationFailure {
        self.body = Body::Done;
        self.connection = None;
        self.place = None;
        IntegrationFailure { kind, reason: format!("`{}`: {reason}", self.pool.name).into() }
    }
}

impl<T: Timers> Reply for BackendReply<T> {
    fn status(&self) -> u16 {
        self.head.status()
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        (self.first.bytes(), &self.head)
    }

    fn length(&self) -> BodyLength {
        match self.head.framing() {
            ResponseFraming::None => BodyLength::None,
            ResponseFraming::Length(length) => BodyLength::Known(length),
            ResponseFraming::Chunked | ResponseFraming::UntilClose => BodyLength::Unknown,
        }
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        loop {
            if !self.unread.is_empty()
                && let Some(range) = self.next_range()?
            {
                return Ok(self.bytes().get(range));
            }
            if matches!(self.body, Body::Done) {
                return Ok(None);
            }
            if self.unread.is_empty() {
                self.read_more().await?;
            }
        }
    }

    fn take_arrived(&mut self) -> &[u8] {
        // A fault in what came with the head shows when the next piece is asked for.
        if matches!(self.body, Body::Chunked(_)) || self.unread.is_empty() {
            return &[];
        }
        match self.next_range() {
            Ok(Some(range)) => self.bytes().get(range).unwrap_or_default(),
            Ok(None) | Err(_) => &[],
        }
    }
}

impl<T> Drop for BackendReply<T> {
    fn drop(&mut self) {
        self.buffers.give_back_head(&self.head);
    }
}
