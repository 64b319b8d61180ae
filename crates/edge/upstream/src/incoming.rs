//! The head of an answer on its way in.

use std::{
    io,
    task::{Context, Poll, ready},
};

use postern_protocol::http1::{INTERIM_RESPONSES_MAX, Limits, Progress, ResponseHead, read_response};

use crate::connection::Connection;

/// Holds a head and small bodies.
const BUFFER_BYTES: usize = 16 << 10;

/// How heads of backends are read: they have room for what a client may not send.
pub(crate) const REPLY_LIMITS: Limits =
    Limits { head_bytes: 16 << 10, raw_head_bytes: 16 << 10, header_fields: 200, ..Limits::PRIVATE };

/// What has come of an answer.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The head stands at its start.
    pub(crate) buffer: Vec<u8>,
    pub(crate) filled: usize,
    pub(crate) head: ResponseHead,
    is_complete: bool,
    interim: usize,
    /// What was found wrong while the request was still on its way out.
    fault: Option<Box<NoAnswer>>,
    answers_head: bool,
}

/// Why no answer came.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The connection broke before a byte of it.
    Broken(io::Error),
    /// The connection ended before a byte of it.
    Closed,
    /// What came is no answer, or only a part of one.
    Bad(&'static str),
    /// The target was put out before a byte of it, and the request may go to another.
    PutOut,
}

impl Incoming {
    /// Nothing has come of the answer to a request; `answers_head` says that HEAD is asked, so that no body
    /// follows.
    pub(crate) fn expect(&mut self, answers_head: bool) {
        self.answers_head = answers_head;
    }

    /// Nothing yet, in the memory that is here.
    pub(crate) fn forget(&mut self) {
        self.filled = 0;
        self.head.clear();
        self.is_complete = false;
        self.interim = 0;
        self.fault = None;
        if self.buffer.len() > BUFFER_BYTES {
            self.buffer = vec![0; BUFFER_BYTES];
        }
    }

    /// Whether a byte of an answer has come.
    pub(crate) const fn has_begun(&self) -> bool {
        self.filled > 0 || self.interim > 0
    }

    /// Ready when the head is in; interim ones are passed over.
    pub(crate) fn poll_head(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), NoAnswer>> {
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Err(*fault));
        }
        while !self.is_complete {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            if room.is_empty() {
                return Poll::Ready(Err(NoAnswer::Bad("the head of the answer is too large")));
            }
            let read = ready!(connection.poll_read(context, room));
            let has_begun = self.has_begun();
            match read {
                Err(_) if has_begun => {
                    return Poll::Ready(Err(NoAnswer::Bad(
                        "the connection broke within the head of the answer",
                    )));
                }
                Err(error) => return Poll::Ready(Err(NoAnswer::Broken(error))),
                Ok(0) if has_begun => {
                    return Poll::Ready(Err(NoAnswer::Bad(
                        "the backend closed within the head of its answer",
                    )));
                }
                Ok(0) => return Poll::Ready(Err(NoAnswer::Closed)),
                Ok(count) => self.filled += count,
            }
            if let Err(reason) = self.parse() {
                return Poll::Ready(Err(NoAnswer::Bad(reason)));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn parse(&mut self) -> Result<(), &'static str> {
        let head = &mut self.head;
        while self.filled > 0 {
            let bytes = self.buffer.get(..self.filled).unwrap_or_default();
            match read_response(bytes, &REPLY_LIMITS, self.answers_head, head) {
                Err(fault) => return Err(fault.reason()),
                Ok(Progress::Partial) => break,
                Ok(Progress::Complete) if !head.is_interim() => {
                    self.is_complete = true;
                    break;
                }
                Ok(Progress::Complete) => {
                    self.interim += 1;
                    if self.interim > INTERIM_RESPONSES_MAX {
                        return Err("the backend sent too many interim answers");
                    }
                    self.buffer.copy_within(head.length()..self.filled, 0);
                    self.filled -= head.length();
                    head.clear();
                }
            }
        }
        Ok(())
    }

    /// While the request is still on its way out: takes in what the backend says already, so that it
    /// is not kept from reading by what it has to say. Ready when there is no use in sending on: it has
    /// refused, or it has closed. At most `answer_bytes_max` are taken.
    pub(crate) fn poll_early(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
        answer_bytes_max: u64,
    ) -> Poll<()> {
        if let Err(fault) = ready!(self.poll_head(connection, context)) {
            self.fault = Some(Box::new(fault));
            return Poll::Ready(());
        }
        if self.head.status() >= 300 {
            return Poll::Ready(());
        }
        loop {
            if self.filled == self.buffer.len() {
                if self.filled as u64 > answer_bytes_max {
                    return Poll::Pending;
                }
                self.buffer.resize(self.filled.saturating_mul(2), 0);
            }
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match ready!(connection.poll_read(context, room)) {
                Ok(count) if count > 0 => self.filled += count,
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES],
            filled: 0,
            head: ResponseHead::default(),
            is_complete: false,
            interim: 0,
            fault: None,
            answers_head: false,
        }
    }
}
