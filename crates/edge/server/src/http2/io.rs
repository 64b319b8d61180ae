//! A wire as hyper wants it, with what was read of it before in front.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use postern_gateway::Timers;

use super::{ConnectionState, noise::Noise};
use crate::{buffers::BodyBuffers, limits::ConnectionPlace, timeout::WorkerTimers, wire::Wire};

/// The stream of a connection. The rest of the connection stays with it, so that all ends together.
pub(super) struct WireIo<S> {
    pub(super) stream: S,
    pub(super) _counted: ConnectionPlace,
    pub(super) state: Rc<ConnectionState>,
    pub(super) buffers: BodyBuffers,
    /// What was read already and comes first.
    pub(super) read_before: Vec<u8>,
    pub(super) noise: Noise,
    pub(super) timers: WorkerTimers,
}

impl<S: Wire> WireIo<S> {
    /// Hears what the client has sent; one that makes too much noise is told so, and the connection ends.
    fn hear(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        let Some(limit) = self.noise.hear(bytes, self.timers.coarse_nanoseconds()) else { return Ok(()) };
        self.state.noise.set(Some(limit));
        if let Some(farewell) = self.noise.farewell()
            && let Poll::Ready(Ok(_)) = self.stream.poll_write(context, &farewell, &[])
        {
            // A client that takes nothing now is not waited for.
            let _ = self.stream.poll_flush(context);
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    fn write(&mut self, context: &mut Context<'_>, first: &[u8], second: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(self.stream.poll_write(context, first, second))?;
        let of_first = written.min(first.len());
        self.noise.say(first.get(..of_first).unwrap_or_default());
        self.noise.say(second.get(..written - of_first).unwrap_or_default());
        Poll::Ready(Ok(written))
    }
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
            let rest = this.read_before.split_off(taken);
            let before = std::mem::replace(&mut this.read_before, rest);
            this.hear(context, &before)?;
            buffer.put_slice(&before);
            this.state.has_read.set(true);
            return Poll::Ready(Ok(()));
        }
        // A buffer of ours is between, since theirs is not initialised memory.
        let mut between = this.buffers.lend();
        let room = between.len().min(buffer.remaining());
        let room = between.get_mut(..room).unwrap_or_default();
        let read = ready!(this.stream.poll_read(context, room))?;
        this.state.has_read.set(true);
        let received = room.get(..read).unwrap_or_default();
        this.hear(context, received)?;
        buffer.put_slice(received);
        Poll::Ready(Ok(()))
    }
}

impl<S: Wire> Write for WireIo<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, bytes, &[])
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
        self.get_mut().write(context, first, second)
    }
}
