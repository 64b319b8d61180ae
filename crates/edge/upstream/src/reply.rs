//! The answer of a backend: its head, and its body in pieces.

use std::{future::poll_fn, ops::Range, rc::Rc};

use postern_gateway::{
    BodyLength, Event, IntegrationCall, IntegrationFailure, IntegrationFailureKind as Kind, Recorder, Reply,
    Timers,
};
use postern_protocol::http1::{ChunkedReader, ResponseFraming, ResponseHead};

use crate::{
    buffers::Lent,
    connection::Connection,
    incoming::{Incoming, REPLY_LIMITS},
    pool::Place,
    upstream::Worker,
    vpc_link::DestinationPool,
};

/// The answer of a backend. Dropped before its end, its connection is closed and never used again.
///
/// What it holds lies in memory of the worker's: a reply is passed on as a few pointers.
#[derive(Debug)]
pub struct BackendReply<T, R> {
    around: Around<T, R>,
    answering: Lent,
}

/// Whose answer it is.
#[derive(Debug)]
pub(crate) struct Around<T, R> {
    pub(crate) worker: Rc<Worker<T, R>>,
    pub(crate) pool: Rc<DestinationPool>,
}

/// An answer on its way: what came of it, and where the rest comes from.
#[derive(Debug, Default)]
pub(crate) struct Answering {
    pub(crate) place: Option<Place>,
    pub(crate) connection: Option<Connection>,
    /// Holds the head, and behind it what was read last.
    pub(crate) incoming: Incoming,
    deadline: u64,
    gap: u64,
    /// Bytes that the body may still have.
    allowance: u64,
    reusable: bool,
    /// What has been read and not given out.
    unread: Range<usize>,
    body: Body,
}

/// What of the body is still to come.
#[derive(Debug, Default)]
enum Body {
    #[default]
    Done,
    Length(u64),
    Chunked(ChunkedReader),
    UntilClose,
    /// Nothing: this was found wrong when nobody could be told.
    Failed(IntegrationFailure),
}

impl<T: Timers, R: Recorder> BackendReply<T, R> {
    /// The answer whose head is in, after a request that went out whole or not.
    pub(crate) fn new(
        around: Around<T, R>,
        call: &IntegrationCall<'_>,
        mut answering: Lent,
        is_sent_whole: bool,
    ) -> Self {
        if let Some(answering) = answering.get_mut() {
            answering.begin(&around, call, is_sent_whole);
        }
        Self { around, answering }
    }
}

impl Answering {
    /// Nothing has come, and nothing is waited for.
    pub(crate) fn forget(&mut self) {
        self.connection = None;
        self.place = None;
        self.body = Body::Done;
        self.incoming.forget();
    }

    /// The head is in: the body follows.
    fn begin<T: Timers, R>(
        &mut self,
        around: &Around<T, R>,
        call: &IntegrationCall<'_>,
        is_sent_whole: bool,
    ) {
        let head = &self.incoming.head;
        self.body = match head.framing() {
            ResponseFraming::None | ResponseFraming::Length(0) => Body::Done,
            ResponseFraming::Length(length) => Body::Length(length),
            ResponseFraming::Chunked => Body::Chunked(ChunkedReader::new()),
            ResponseFraming::UntilClose => Body::UntilClose,
        };
        self.deadline = call.deadline_nanoseconds;
        self.gap = call.answer_gap_nanoseconds;
        self.allowance = call.answer_bytes_max;
        self.reusable = is_sent_whole && head.keep_alive();
        self.unread = head.length()..self.incoming.filled;
        self.finish_if_done(around);
    }

    /// Gives the connection back once the body is over, unless something stands behind it.
    fn finish_if_done<T: Timers, R>(&mut self, around: &Around<T, R>) {
        if !matches!(self.body, Body::Done) {
            return;
        }
        let place = self.place.take();
        if let (Some(place), Some(connection)) = (place, self.connection.take())
            && self.reusable
            && self.unread.is_empty()
        {
            place.keep(connection, around.worker.timers.coarse_nanoseconds());
        }
    }

    /// The next run of body data among what has been read: where it stands. `None` where more must be
    /// read, or the body is over.
    fn next_range<T: Timers, R: Recorder>(
        &mut self,
        around: &Around<T, R>,
    ) -> Result<Option<Range<usize>>, IntegrationFailure> {
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
                let input = self.incoming.bytes().get(self.unread.clone()).unwrap_or_default();
                let step = match reader.feed(input, &REPLY_LIMITS) {
                    Ok(step) => step,
                    Err(fault) => return Err(self.bad(around, fault.reason())),
                };
                (step.consumed, start + step.data.start..start + step.data.end, step.finished)
            }
        };
        self.unread.start += consumed;
        if done {
            self.body = Body::Done;
            self.finish_if_done(around);
        }
        if data.is_empty() {
            return Ok(None);
        }
        match self.allowance.checked_sub(data.len() as u64) {
            Some(rest) => self.allowance = rest,
            None => {
                around.worker.recorder.event(Event::LimitHit("payloadBytes"));
                return Err(self.fail(around, Kind::BadAnswer, "the answer is larger than `payloadBytes`"));
            }
        }
        Ok(Some(data))
    }

    /// Reads more of the body, behind the head.
    async fn read_more<T: Timers, R: Recorder>(
        &mut self,
        around: &Around<T, R>,
    ) -> Result<(), IntegrationFailure> {
        let from = self.incoming.head.length();
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let timers = &around.worker.timers;
        let deadline = match self.gap {
            // No gap is too long but that which ends everything.
            u64::MAX => self.deadline,
            gap => self.deadline.min(timers.coarse_nanoseconds().saturating_add(gap)),
        };
        let (incoming, buffers) = (&mut self.incoming, &around.worker.buffers);
        let read = poll_fn(|context| incoming.poll_read(connection, context, buffers, from));
        let count = match timers.within(deadline, read).await {
            Err(_) if deadline < self.deadline => {
                let reason = "the backend paused for too long within its answer";
                return Err(self.fail(around, Kind::TimedOut, reason));
            }
            Err(_) => {
                let reason = "the answer was not complete within the timeout";
                return Err(self.fail(around, Kind::TimedOut, reason));
            }
            Ok(Err(error)) => return Err(self.bad(around, &format!("the answer broke off: {error}"))),
            Ok(Ok(count)) => count,
        };
        self.unread = from..from + count;
        if count == 0 {
            if !matches!(self.body, Body::UntilClose) {
                return Err(self.bad(around, "the backend closed within the body of its answer"));
            }
            self.body = Body::Done;
            self.finish_if_done(around);
        }
        Ok(())
    }

    /// An answer that is none, or none that is whole.
    fn bad<T: Timers, R: Recorder>(&mut self, around: &Around<T, R>, reason: &str) -> IntegrationFailure {
        if let Some(place) = &self.place {
            around.worker.note_failure(&around.pool, place.target());
        }
        self.fail(around, Kind::BadAnswer, reason)
    }

    /// A failure after which the connection is of no use.
    fn fail<T, R>(&mut self, around: &Around<T, R>, kind: Kind, reason: &str) -> IntegrationFailure {
        self.body = Body::Done;
        self.unread = 0..0;
        self.connection = None;
        let place = self.place.take();
        around.pool.failure(kind, place.as_ref().map(|place| &**place.target()), reason)
    }

    async fn next<T: Timers, R: Recorder>(
        &mut self,
        around: &Around<T, R>,
    ) -> Result<Option<&[u8]>, IntegrationFailure> {
        if matches!(self.body, Body::Failed(_))
            && let Body::Failed(failure) = std::mem::replace(&mut self.body, Body::Done)
        {
            return Err(failure);
        }
        loop {
            if !self.unread.is_empty()
                && let Some(range) = self.next_range(around)?
            {
                return Ok(self.incoming.bytes().get(range));
            }
            if matches!(self.body, Body::Done) {
                return Ok(None);
            }
            if self.unread.is_empty() {
                self.read_more(around).await?;
            }
        }
    }

    fn take_arrived<T: Timers, R: Recorder>(&mut self, around: &Around<T, R>) -> &[u8] {
        // Of chunks only the first would be given; all that came is given by `next` without waiting.
        if matches!(self.body, Body::Chunked(_)) || self.unread.is_empty() {
            return &[];
        }
        let range = self.next_range(around).unwrap_or_else(|failure| {
            self.body = Body::Failed(failure);
            None
        });
        range.and_then(|range| self.incoming.bytes().get(range)).unwrap_or_default()
    }
}

impl<T: Timers, R: Recorder> Reply for BackendReply<T, R> {
    fn status(&self) -> u16 {
        self.answering.incoming.head.status()
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        (self.answering.incoming.bytes(), &self.answering.incoming.head)
    }

    fn length(&self) -> BodyLength {
        match self.answering.incoming.head.framing() {
            ResponseFraming::None => BodyLength::None,
            ResponseFraming::Length(length) => BodyLength::Known(length),
            ResponseFraming::Chunked | ResponseFraming::UntilClose => BodyLength::Unknown,
        }
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        match self.answering.get_mut() {
            Some(answering) => answering.next(&self.around).await,
            None => Ok(None),
        }
    }

    fn take_arrived(&mut self) -> &[u8] {
        match self.answering.get_mut() {
            Some(answering) => answering.take_arrived(&self.around),
            None => &[],
        }
    }
}
