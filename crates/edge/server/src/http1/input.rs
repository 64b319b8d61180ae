//! What came of a connection and was not answered yet: no more memory than it needs while anything is waited for.

use std::{
    io,
    ops::Range,
    task::{Context, Poll, ready},
};

use postern_protocol::http1::{BodyFraming, RequestHead};

use crate::{
    buffers::{BodyBuffer, BodyBuffers},
    wire::Wire,
};

/// The input of a desk. Everything is read into a large buffer of the worker's. What is small is copied from
/// there, so that a request in flight holds its own bytes; a large part of a body stays, and is passed on from
/// where it lies.
#[derive(Debug)]
pub(super) struct Input {
    own: Vec<u8>,
    /// How much at the start of `own` was answered.
    answered: usize,
    /// What was read last, behind all that had come before, and how much it is. Then nothing of `own` counts.
    lent: Option<(BodyBuffer, usize)>,
}

/// The beginning of a body, with the memory that it lies in.
pub(super) type Beginning = (BodyBuffer, Range<usize>);

impl Input {
    /// Nothing came.
    pub(super) fn new() -> Self {
        Self { own: Vec::with_capacity(OWN_BYTES), answered: 0, lent: None }
    }

    /// What came and was not answered.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.lent {
            Some((buffer, filled)) => buffer.get(..*filled),
            None => self.own.get(self.answered..),
        }
        .unwrap_or_default()
    }

    /// A head, and what stands behind it.
    pub(super) fn split(&self, head: &RequestHead) -> (&[u8], &[u8]) {
        let bytes = self.bytes();
        bytes.split_at(head.length().min(bytes.len()))
    }

    /// Whether nothing came.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Reads what there is; 0 bytes are the end. Nothing is held while nothing is there.
    pub(super) fn poll_read<S: Wire>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
        buffers: &BodyBuffers,
    ) -> Poll<io::Result<usize>> {
        let read_max = if buffers.are_scarce() { SCARCE_READ_BYTES_MAX } else { READ_BYTES_MAX };
        let mut buffer = buffers.lend();
        let before = self.own.get(self.answered..).unwrap_or_default();
        let room = buffer.split_at_mut_checked(before.len());
        let room = room.and_then(|(front, room)| Some((front, room.get_mut(..read_max)?)));
        let Some((front, room)) = room else { return self.poll_read_behind(stream, context) };
        let read = ready!(stream.poll_read(context, room))?;
        front.copy_from_slice(before);
        let filled = before.len() + read;
        self.lent = Some((buffer, filled));
        Poll::Ready(Ok(read))
    }

    /// Reads behind a head that is so large that no lent buffer has room for more of it.
    fn poll_read_behind<S: Wire>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let before = self.own.len();
        self.own.resize(before + COPIED_BYTES_MAX, 0);
        let outcome = stream.poll_read(context, self.own.get_mut(before..).unwrap_or_default());
        let read = match outcome {
            Poll::Ready(Ok(read)) => read,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.own.truncate(before + read);
        outcome
    }

    /// More must come before anything can be answered: keeps what is here.
    pub(super) fn keep(&mut self) {
        if let Some((buffer, filled)) = self.lent.take() {
            self.own.clear();
            self.answered = 0;
            self.own.extend_from_slice(buffer.get(..filled).unwrap_or_default());
        }
    }

    /// The head is whole: keeps it and what is small behind it, and gives away what is large of its body.
    pub(super) fn keep_head(&mut self, head: &RequestHead) -> Option<Beginning> {
        let filled = self.lent.as_ref()?.1;
        let behind = filled.saturating_sub(head.length());
        let body = match head.framing() {
            BodyFraming::None => 0,
            BodyFraming::Length(length) => usize::try_from(length).unwrap_or(usize::MAX).min(behind),
            BodyFraming::Chunked => behind,
        };
        if body <= COPIED_BYTES_MAX {
            self.keep();
            return None;
        }
        let (buffer, _) = self.lent.take()?;
        let body = filled - behind..filled - behind + body;
        self.own.clear();
        self.answered = 0;
        self.own.extend_from_slice(buffer.get(..body.start).unwrap_or_default());
        self.own.extend_from_slice(buffer.get(body.end..filled).unwrap_or_default());
        Some((buffer, body))
    }

    /// Forgets the first bytes, which were answered, and puts others behind the rest.
    pub(super) fn forget(&mut self, answered: usize, excess: &[u8]) {
        self.answered = self.answered.saturating_add(answered);
        if self.answered >= self.own.len() || !excess.is_empty() {
            self.own.drain(..self.answered.min(self.own.len()));
            self.answered = 0;
            self.own.extend_from_slice(excess);
        }
    }

    /// Forgets everything, and gives back what is more than a usual request needs.
    pub(super) fn clear(&mut self) {
        self.own.clear();
        self.own.shrink_to(OWN_BYTES);
        self.answered = 0;
        self.lent = None;
    }
}

/// What a head of the usual size needs.
const OWN_BYTES: usize = 2 << 10;
/// A body of 64 KiB comes in one read, with its head. What is pipelined is held no further than this.
const READ_BYTES_MAX: usize = 80 << 10;
/// A read where many buffers are lent: its bytes are copied, whatever they are.
const SCARCE_READ_BYTES_MAX: usize = COPIED_BYTES_MAX;
/// What came of a body is copied up to here.
const COPIED_BYTES_MAX: usize = 16 << 10;
