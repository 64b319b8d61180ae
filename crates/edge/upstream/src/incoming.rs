//! The head of an answer on its way in.

use std::{
    io,
    rc::Rc,
    task::{Context, Poll, ready},
};

use postern_protocol::http1::{INTERIM_RESPONSES_MAX, Limits, Progress, ResponseHead, read_response};

use crate::{
    buffers::{Buffer, Buffers},
    connection::Connection,
};

/// How heads of backends are read: they have room for what a client may not send.
pub(crate) const REPLY_LIMITS: Limits =
    Limits { head_bytes: 16 << 10, raw_head_bytes: 16 << 10, header_fields: 200, ..Limits::PRIVATE };

/// What has come of an answer.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The head stands at its start.
    pub(crate) buffer: Buffer,
    pub(crate) filled: usize,
    pub(crate) head: Rc<ResponseHead>,
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
    /// Nothing yet. `answers_head` says that HEAD is asked, so that no body follows.
    pub(crate) fn new(buffers: &Buffers, answers_head: bool) -> Self {
        Self {
            buffer: buffers.small(),
            filled: 0,
            head: buffers.head(),
            is_complete: false,
            interim: 0,
            fault: None,
            answers_head,
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
            let room = self.buffer.bytes_mut().get_mut(self.filled..).unwrap_or_default();
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
        // Nobody else holds a head that is still being read.
        let head = Rc::get_mut(&mut self.head).ok_or("the head's memory is in use")?;
        while self.filled > 0 {
            let bytes = self.buffer.bytes().get(..self.filled).unwrap_or_default();
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
                    self.buffer.bytes_mut().copy_within(head.length()..self.filled, 0);
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
            if self.filled == self.buffer.bytes().len() {
                if self.filled as u64 > answer_bytes_max {
                    return Poll::Pending;
                }
                self.buffer.grow();
            }
            let room = self.buffer.bytes_mut().get_mut(self.filled..).unwrap_or_default();
            match ready!(connection.poll_read(context, room)) {
                Ok(count) if count > 0 => self.filled += count,
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.buffer.owner().give_back_head(&self.head);
    }
}
