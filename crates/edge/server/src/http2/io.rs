//! A wire as hyper wants it, with what was read of it before in front.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::ConnectionState;
use crate::{buffers::BodyBuffers, limits::ConnectionPlace, wire::Wire};

/// The stream of a connection. The rest of the connection stays with it, so that all ends together.
pub(super) struct WireIo<S> {
    pub(super) stream: S,
    pub(super) _counted: ConnectionPlace,
    pub(super) state: Rc<ConnectionState>,
    pub(super) buffers: BodyBuffers,
    /// What was read already and comes first.
    pub(super) read_before: Vec<u8>,
}

impl<S: Wire> Read for WireIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.read_before.is_empty() {
            let taken = this.read_before.len().min(buffer.remaining());
            buffer.put_slice(this.read_before.get(..taken).unwrap_or_default());
            this.read_before.drain(..taken);
            this.state.has_read.set(true);
            return Poll::Ready(Ok(()));
        }
        // A buffer of ours is between, since theirs is not initialised memory.
        let mut between = this.buffers.lend();
        let room = between.len().min(buffer.remaining());
        let room = between.get_mut(..room).unwrap_or_default();
        let read = ready!(this.stream.poll_read(context, room))?;
        this.state.has_read.set(true);
        buffer.put_slice(room.get(..read).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: Wire> Write for WireIo<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().stream.poll_write(context, bytes, &[])
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.poll_close(context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        let first = filled.next().map_or(&[][..], |part| part);
        let second = filled.next().map_or(&[][..], |part| part);
        self.get_mut().stream.poll_write(context, first, second)
    }
}
