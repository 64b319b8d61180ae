//! The body of an HTTP/1.1 request, read as it is asked for.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    ops::Range,
    task::{Context, Poll, ready},
};

use postern_gateway::{BodyFault, BodyLength, RequestBody, Timers};
use postern_protocol::http1::{BodyFraming, ChunkedReader, Fault, RequestHead};

use super::{channel::Channel, input::Beginning};
use crate::{
    body_pace::BodyPace,
    buffers::{BodyBuffer, BodyBuffers},
    listener::Place,
    wire::Wire,
};

/// What became of a body, told to the one who writes the answer while the body itself is lent away.
#[derive(Debug)]
pub(crate) struct BodyProgress {
    /// Bytes of the body that are still to come; unknown for chunks.
    rest: Cell<Option<u64>>,
    /// Bytes that stood behind the head already and were taken.
    taken_of_arrived: Cell<usize>,
    /// The client waits for a 100 before it sends.
    owes_continue: Cell<bool>,
    /// It could not be read.
    failed: Cell<bool>,
    /// The limit that it hit.
    limit_hit: Cell<Option<&'static str>>,
    /// Bytes behind the end of the chunks: the next request.
    excess: RefCell<Vec<u8>>,
}

impl BodyProgress {
    /// Nothing was read yet.
    pub(crate) fn new(head: &RequestHead) -> Self {
        let rest = match head.framing() {
            BodyFraming::None => Some(0),
            BodyFraming::Length(length) => Some(length),
            BodyFraming::Chunked => None,
        };
        Self {
            rest: Cell::new(rest),
            taken_of_arrived: Cell::new(0),
            owes_continue: Cell::new(head.expect_continue() && rest != Some(0)),
            failed: Cell::new(false),
            limit_hit: Cell::new(None),
            excess: RefCell::new(Vec::new()),
        }
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        self.rest.get() == Some(0)
    }

    /// Whether what is left can be read and thrown away, so that the connection lives on (AU-3).
    pub(crate) fn can_be_drained(&self) -> bool {
        !self.failed.get()
            && !self.owes_continue.get()
            && self.rest.get().is_some_and(|rest| rest <= DRAINED_BYTES_MAX)
    }

    /// How many bytes behind the head belong to the body.
    pub(crate) fn taken_of_arrived(&self) -> usize {
        self.taken_of_arrived.get()
    }

    /// The limit that it hit, if it did.
    pub(crate) fn limit_hit(&self) -> Option<&'static str> {
        self.limit_hit.get()
    }

    /// Notes the limit that a body passed whose chunks break the grammar, if it was one.
    fn broken(&self, fault: Fault) -> BodyFault {
        self.limit_hit.set(fault.limit());
        BodyFault::Malformed
    }

    /// What was read beyond the body.
    pub(crate) fn take_excess(&self) -> Vec<u8> {
        self.excess.take()
    }
}

/// What remains of a body that nobody read may be so long for the connection to live on (AU-3).
const DRAINED_BYTES_MAX: u64 = 64 << 10;

/// The body of one request.
pub(crate) struct Http1Body<'c, S> {
    channel: &'c Channel<'c, S>,
    progress: &'c BodyProgress,
    /// What stood behind the head when it was read.
    arrived: &'c [u8],
    place: &'c Place,
    pace: BodyPace,
    framing: BodyFraming,
    chunks: ChunkedReader,
    buffers: &'c BodyBuffers,
    /// Holds what came last; lent only while something lies in it.
    buffer: Option<BodyBuffer>,
    /// What is in the buffer and was not looked at yet.
    unread: Range<usize>,
    received: u64,
    waited: u64,
    waits_since: Option<u64>,
    /// The limit that is hit if nothing comes.
    limit: &'static str,
}

/// Where a piece lies.
enum Piece {
    Arrived(Range<usize>),
    Buffer(Range<usize>),
    End,
}

impl Piece {
    fn is_empty(&self) -> bool {
        match self {
            Self::Arrived(range) | Self::Buffer(range) => range.is_empty(),
            Self::End => true,
        }
    }
}

impl<'c, S: Wire> Http1Body<'c, S> {
    /// The body behind a head.
    pub(crate) fn new(
        channel: &'c Channel<'c, S>,
        progress: &'c BodyProgress,
        arrived: &'c [u8],
        framing: BodyFraming,
        (place, buffers, pace): (&'c Place, &'c BodyBuffers, BodyPace),
    ) -> Self {
        Self {
            channel,
            progress,
            arrived,
            place,
            pace,
            framing,
            chunks: ChunkedReader::new(),
            buffers,
            buffer: None,
            unread: 0..0,
            received: 0,
            waited: 0,
            waits_since: None,
            limit: "",
        }
    }

    /// The same with a large part of the body that came with the head, and lies in a buffer of its own.
    pub(crate) fn beginning_with(self, beginning: Option<Beginning>) -> Self {
        match beginning {
            Some((buffer, unread)) => Self { buffer: Some(buffer), unread, ..self },
            None => self,
        }
    }

    /// Reads what is left and throws it away. Says whether that was possible.
    pub(crate) async fn drain(&mut self) -> bool {
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Takes what came already of a body of known length.
    fn take_counted(&mut self) -> Piece {
        let unread = std::mem::take(&mut self.unread);
        if !unread.is_empty() {
            self.count(unread.len());
            return Piece::Buffer(unread);
        }
        let start = self.progress.taken_of_arrived.get();
        let rest = self.progress.rest.get().unwrap_or(0);
        let here = self.arrived.len().saturating_sub(start);
        let taken = usize::try_from(rest).unwrap_or(usize::MAX).min(here);
        self.progress.taken_of_arrived.set(start + taken);
        self.count(taken);
        Piece::Arrived(start..start + taken)
    }

    fn bytes(&self, piece: Piece) -> Option<&[u8]> {
        match piece {
            Piece::Arrived(range) => self.arrived.get(range),
            Piece::Buffer(range) => self.buffer.as_ref().and_then(|buffer| buffer.get(range)),
            Piece::End => None,
        }
    }

    fn count(&mut self, taken: usize) {
        let taken = taken as u64;
        self.received += taken;
        if taken > 0 {
            // A client that sends does not wait for a 100.
            self.progress.owes_continue.set(false);
        }
        if let Some(rest) = self.progress.rest.get() {
            self.progress.rest.set(Some(rest.saturating_sub(taken)));
        }
    }

    async fn next_counted(&mut self) -> Result<Piece, BodyFault> {
        let here = self.take_counted();
        if !here.is_empty() {
            return Ok(here);
        }
        let rest = self.progress.rest.get().unwrap_or(0);
        if rest == 0 {
            return Ok(Piece::End);
        }
        let read = self.receive(usize::try_from(rest).unwrap_or(usize::MAX)).await?;
        self.count(read);
        Ok(Piece::Buffer(0..read))
    }

    async fn next_chunked(&mut self) -> Result<Piece, BodyFault> {
        loop {
            if self.progress.is_over() {
                return Ok(Piece::End);
            }
            if let Some(piece) = self.feed_arrived()? {
                return Ok(piece);
            }
            if let Some(piece) = self.feed_buffer()? {
                return Ok(piece);
            }
            if !self.progress.is_over() {
                let read = self.receive(usize::MAX).await?;
                self.unread = 0..read;
                self.received += read as u64;
            }
        }
    }

    /// The next run of data within the arrived bytes.
    fn feed_arrived(&mut self) -> Result<Option<Piece>, BodyFault> {
        let start = self.progress.taken_of_arrived.get();
        let input = self.arrived.get(start..).unwrap_or_default();
        if input.is_empty() {
            return Ok(None);
        }
        self.progress.owes_continue.set(false);
        let step = self.chunks.feed(input, &self.place.head_limits());
        let step = step.map_err(|fault| self.progress.broken(fault))?;
        self.progress.taken_of_arrived.set(start + step.consumed);
        if step.finished {
            self.progress.rest.set(Some(0));
        }
        let data = start + step.data.start..start + step.data.end;
        Ok((!data.is_empty()).then_some(Piece::Arrived(data)))
    }

    /// The next run of data within the buffer.
    fn feed_buffer(&mut self) -> Result<Option<Piece>, BodyFault> {
        let start = self.unread.start;
        let input =
            self.buffer.as_ref().and_then(|buffer| buffer.get(self.unread.clone())).unwrap_or_default();
        if input.is_empty() || self.progress.is_over() {
            return Ok(None);
        }
        self.progress.owes_continue.set(false);
        let step = self.chunks.feed(input, &self.place.head_limits());
        let step = step.map_err(|fault| self.progress.broken(fault))?;
        if step.finished {
            self.progress.rest.set(Some(0));
            let excess = input.get(step.consumed..).unwrap_or_default();
            self.progress.excess.borrow_mut().extend_from_slice(excess);
        }
        self.unread.start += step.consumed;
        let data = start + step.data.start..start + step.data.end;
        Ok((!data.is_empty()).then_some(Piece::Buffer(data)))
    }

    /// Reads at most so many bytes into the buffer.
    async fn receive(&mut self, bytes_max: usize) -> Result<usize, BodyFault> {
        if self.progress.owes_continue.replace(false)
            && self.channel.send(b"HTTP/1.1 100 Continue\r\n\r\n", &[]).await.is_err()
        {
            return Err(BodyFault::Gone);
        }
        poll_fn(|context| self.poll_receive(context, bytes_max)).await
    }

    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        bytes_max: usize,
    ) -> Poll<Result<usize, BodyFault>> {
        let buffer = self.buffer.get_or_insert_with(|| self.buffers.lend());
        let room = bytes_max.min(buffer.len());
        let room = buffer.get_mut(..room).unwrap_or_default();
        match self.channel.stream.borrow_mut().poll_read(context, room) {
            // Half of a client is still there: it is told that its body was cut short.
            Poll::Ready(Ok(0)) => Poll::Ready(Err(BodyFault::Malformed)),
            Poll::Ready(Err(_)) => Poll::Ready(Err(BodyFault::Gone)),
            Poll::Ready(Ok(read)) => {
                if let Some(since) = self.waits_since.take() {
                    self.waited += self.channel.timers.coarse_nanoseconds().saturating_sub(since);
                    self.channel.alarm.clear();
                }
                Poll::Ready(Ok(read))
            }
            Poll::Pending => {
                self.buffer = None;
                if self.waits_since.is_none() {
                    let now = self.channel.timers.coarse_nanoseconds();
                    self.waits_since = Some(now);
                    let (deadline, limit) = self.pace.deadline(now, self.received, self.waited);
                    self.limit = limit;
                    self.channel.alarm.set(deadline);
                }
                ready!(self.channel.alarm.poll_elapsed(context));
                self.progress.limit_hit.set(Some(self.limit));
                Poll::Ready(Err(BodyFault::TooSlow))
            }
        }
    }
}

impl<S: Wire> RequestBody for Http1Body<'_, S> {
    fn length(&self) -> BodyLength {
        match self.framing {
            BodyFraming::None => BodyLength::None,
            BodyFraming::Length(length) => BodyLength::Known(length),
            BodyFraming::Chunked => BodyLength::Unknown,
        }
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        if self.progress.failed.get() {
            return Err(BodyFault::Gone);
        }
        let piece = match self.framing {
            BodyFraming::None => Ok(Piece::End),
            BodyFraming::Length(_) => self.next_counted().await,
            BodyFraming::Chunked => self.next_chunked().await,
        };
        match piece {
            Ok(Piece::End) => {
                self.buffer = None;
                Ok(None)
            }
            Ok(piece) => Ok(self.bytes(piece)),
            Err(fault) => {
                self.progress.failed.set(true);
                Err(fault)
            }
        }
    }

    fn take_arrived(&mut self) -> &[u8] {
        // Chunks must be looked at first: they come by `next`, without waiting.
        match self.framing {
            BodyFraming::Length(_) => {
                let here = self.take_counted();
                self.bytes(here).unwrap_or_default()
            }
            BodyFraming::None | BodyFraming::Chunked => &[],
        }
    }
}
