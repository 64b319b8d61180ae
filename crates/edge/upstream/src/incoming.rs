//! The head of an answer on its way in.

use std::{
    io,
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
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// The head stands at its start. Absent while nothing has come: who waits holds no memory.
    buffer: Option<Buffer>,
    pub(crate) filled: usize,
    pub(crate) head: ResponseHead,
    was_looked_for: bool,
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
        self.was_looked_for = false;
        self.is_complete = false;
        self.interim = 0;
        self.fault = None;
        self.buffer = None;
    }

    /// What was read, and the room behind it.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], Buffer::bytes)
    }

    /// Reads what there is, behind the first `from` bytes.
    pub(crate) fn poll_read(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
        buffers: &Buffers,
        from: usize,
    ) -> Poll<io::Result<usize>> {
        let buffer = self.buffer.get_or_insert_with(|| buffers.large());
        let read = connection.poll_read(context, buffer.bytes_mut().get_mut(from..).unwrap_or_default());
        if read.is_pending() && from == 0 {
            self.buffer = None;
        }
        read
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
        buffers: &Buffers,
    ) -> Poll<Result<(), NoAnswer>> {
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Err(*fault));
        }
        // The first look mostly finds nothing, and needs no memory for that.
        if !std::mem::replace(&mut self.was_looked_for, true) {
            ready!(connection.poll_readable(context));
        }
        while !self.is_complete {
            let read = ready!(self.poll_read(connection, context, buffers, self.filled));
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
        let (head, Some(buffer)) = (&mut self.head, &mut self.buffer) else { return Ok(()) };
        while self.filled > 0 {
            let bytes = buffer.bytes().get(..self.filled).unwrap_or_default();
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
                    buffer.bytes_mut().copy_within(head.length()..self.filled, 0);
                    self.filled -= head.length();
                    head.clear();
                }
            }
        }
        Ok(())
    }

    /// While the request is still on its way out: takes in what the backend says already, so that it
    /// is not kept from reading by what it has to say. Ready when there is no use in sending on: it has
    /// refused, or it has closed. More than a buffer holds is taken only up to `bytes_max`.
    pub(crate) fn poll_early(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
        buffers: &Buffers,
        bytes_max: u64,
    ) -> Poll<()> {
        if let Err(fault) = ready!(self.poll_head(connection, context, buffers)) {
            self.fault = Some(Box::new(fault));
            return Poll::Ready(());
        }
        if self.head.status() >= 300 {
            return Poll::Ready(());
        }
        loop {
            if self.filled == self.bytes().len() {
                if self.filled as u64 >= bytes_max {
                    return Poll::Pending;
                }
                self.buffer.as_mut().map(Buffer::grow);
            }
            match ready!(self.poll_read(connection, context, buffers, self.filled)) {
                Ok(count) if count > 0 => self.filled += count,
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::AsyncWriteExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::connection::Wire;
    use postern_socket::{Outbox, Socket};

    #[test]
    fn upstream_of_an_early_answer_no_more_is_held_than_is_allowed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut backend, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                backend.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                while backend.write_all(&[b'x'; 4_096]).await.is_ok() {}
            });
            let mut connection = Connection::new(Wire::Plain(Socket::new(socket, &Outbox::new())), None);
            let buffers = Buffers::default();
            let a_buffer = buffers.large().bytes().len();
            let mut incoming = Incoming::default();
            for (bytes_max, held) in [(0, a_buffer), (2 * a_buffer as u64, 2 * a_buffer)] {
                poll_fn(|context| {
                    assert!(incoming.poll_early(&mut connection, context, &buffers, bytes_max).is_pending());
                    if incoming.filled == held { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                poll_fn(|context| {
                    assert!(incoming.poll_early(&mut connection, context, &buffers, bytes_max).is_pending());
                    Poll::Ready(())
                })
                .await;
                assert_eq!((incoming.filled, incoming.bytes().len()), (held, held));
            }
        });
    }
}
