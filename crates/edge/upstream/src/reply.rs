//! The answer of a backend: its head, and its body in pieces.

use std::{future::poll_fn, ops::Range, rc::Rc};

use postern_gateway::{
    BodyLength, Event, IntegrationCall, IntegrationFailure, IntegrationFailureKind as Kind, Recorder, Reply,
    Timers,
};
use postern_protocol::http1::{ChunkedReader, ResponseFraming, ResponseHead};

use crate::{
    buffers::Buffer,
    connection::Connection,
    incoming::{Incoming, REPLY_LIMITS},
    pool::Place,
    upstream::Worker,
    vpc_link::DestinationPool,
};

/// What an exchange has when the head of the answer is in.
pub(crate) struct Received {
    pub(crate) place: Place,
    pub(crate) connection: Connection,
    pub(crate) incoming: Incoming,
    /// Whether the request went out whole.
    pub(crate) is_sent_whole: bool,
}

/// The answer of a backend. Dropped before its end, its connection is closed and never used again.
#[derive(Debug)]
pub struct BackendReply<T, R> {
    worker: Rc<Worker<T, R>>,
    pool: Rc<DestinationPool>,
    deadline: u64,
    gap: u64,
    /// Bytes that the body may still have.
    allowance: u64,
    place: Option<Place>,
    connection: Option<Connection>,
    reusable: bool,
    /// Holds the head and what came with it.
    incoming: Incoming,
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
    /// Nothing: this was found wrong when nobody could be told.
    Failed(IntegrationFailure),
}

impl<T: Timers, R: Recorder> BackendReply<T, R> {
    pub(crate) fn new(
        worker: &Rc<Worker<T, R>>,
        call: &IntegrationCall<'_>,
        pool: &Rc<DestinationPool>,
        received: Received,
    ) -> Self {
        let Received { place, connection, incoming, is_sent_whole } = received;
        let body = match incoming.head.framing() {
            ResponseFraming::None | ResponseFraming::Length(0) => Body::Done,
            ResponseFraming::Length(length) => Body::Length(length),
            ResponseFraming::Chunked => Body::Chunked(ChunkedReader::new()),
            ResponseFraming::UntilClose => Body::UntilClose,
        };
        let mut reply = Self {
            worker: Rc::clone(worker),
            pool: Rc::clone(pool),
            deadline: call.deadline_nanoseconds,
            gap: call.answer_gap_nanoseconds,
            allowance: call.answer_bytes_max,
            place: Some(place),
            connection: Some(connection),
            reusable: is_sent_whole && incoming.head.keep_alive(),
            unread: incoming.head.length()..incoming.filled,
            incoming,
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
            place.keep(connection, self.worker.timers.coarse_nanoseconds());
        }
    }

    fn bytes(&self) -> &[u8] {
        self.large.as_ref().unwrap_or(&self.incoming.buffer).bytes()
    }

    /// The next run of body data among what has been read: where it stands. `None` where more must be
    /// read, or the body is over.
    fn next_range(&mut self) -> Result<Option<Range<usize>>, IntegrationFailure> {
        let start = self.unread.start;
        let (consumed, data, done) = match &mut self.body {
            Body::Done | Body::Failed(_) => return Ok(None),
            Body::UntilClose => (self.unread.len(), start..self.unread.end, false),
            Body::Length(left) => {
                let count = self.unread.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                (count, start..start + count, *left == 0)
            }
            Body::Chunked(reader) => {
                let bytes = self.large.as_ref().unwrap_or(&self.incoming.buffer).bytes();
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
            None => {
                self.worker.recorder.event(Event::LimitHit("payloadBytes"));
                return Err(self.fail(Kind::BadAnswer, "the answer is larger than `payloadBytes`"));
            }
        }
        Ok(Some(data))
    }

    /// Reads more of the body into a buffer.
    async fn read_more(&mut self) -> Result<(), IntegrationFailure> {
        let room_behind_head = self.incoming.buffer.bytes().len() - self.incoming.head.length();
        let expects_much = match &self.body {
            Body::Length(left) => *left > room_behind_head as u64,
            Body::Chunked(_) | Body::UntilClose => true,
            Body::Done | Body::Failed(_) => return Ok(()),
        };
        if expects_much && self.large.is_none() {
            self.large = Some(self.worker.buffers.large());
        }
        let (buffer, from) = match &mut self.large {
            Some(large) => (large, 0),
            None => (&mut self.incoming.buffer, self.incoming.head.length()),
        };
        let room = buffer.bytes_mut().get_mut(from..).unwrap_or_default();
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let timers = &self.worker.timers;
        let deadline = match self.gap {
            // No gap is too long but that which ends everything.
            u64::MAX => self.deadline,
            gap => self.deadline.min(timers.coarse_nanoseconds().saturating_add(gap)),
        };
        let read = poll_fn(|context| connection.poll_read(context, room));
        let count = match timers.within(deadline, read).await {
            Err(_) if deadline < self.deadline => {
                return Err(self.fail(Kind::TimedOut, "the backend paused for too long within its answer"));
            }
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

    /// An answer that is none, or none that is whole.
    fn bad(&mut self, reason: &str) -> IntegrationFailure {
        if let Some(place) = &self.place {
            self.worker.note_failure(&self.pool, place.target());
        }
        self.fail(Kind::BadAnswer, reason)
    }

    /// A failure after which the connection is of no use.
    fn fail(&mut self, kind: Kind, reason: &str) -> IntegrationFailure {
        self.body = Body::Done;
        self.unread = 0..0;
        self.connection = None;
        let place = self.place.take();
        self.pool.failure(kind, place.as_ref().map(|place| &**place.target()), reason)
    }
}

impl<T: Timers, R: Recorder> Reply for BackendReply<T, R> {
    fn status(&self) -> u16 {
        self.incoming.head.status()
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        (self.incoming.buffer.bytes(), &self.incoming.head)
    }

    fn length(&self) -> BodyLength {
        match self.incoming.head.framing() {
            ResponseFraming::None => BodyLength::None,
            ResponseFraming::Length(length) => BodyLength::Known(length),
            ResponseFraming::Chunked | ResponseFraming::UntilClose => BodyLength::Unknown,
        }
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        if matches!(self.body, Body::Failed(_))
            && let Body::Failed(failure) = std::mem::replace(&mut self.body, Body::Done)
        {
            return Err(failure);
        }
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
        // Of chunks only the first would be given; all that came is given by `next` without waiting.
        if matches!(self.body, Body::Chunked(_)) || self.unread.is_empty() {
            return &[];
        }
        let range = self.next_range().unwrap_or_else(|failure| {
            self.body = Body::Failed(failure);
            None
        });
        range.and_then(|range| self.bytes().get(range)).unwrap_or_default()
    }
}
