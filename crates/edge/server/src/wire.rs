//! What a connection speaks through: plain TCP or TLS over it, asked by polling and without buffers of
//! its own, so that waiting costs no memory.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll, ready},
};

use postern_socket::Socket;
use tokio::io::Interest;

/// A stream of bytes to a client.
pub(crate) trait Wire: Sized + Unpin + 'static {
    /// The socket below.
    fn socket(&self) -> &Socket;

    /// Reads what there is; 0 bytes mean that the client sends no more.
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Takes bytes of the first part and then of the second, and says how many in all. They may stay
    /// here until [`Wire::poll_flush`].
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>>;

    /// Sends what was taken. Once ready, nobody need care for it any more: small messages leave with those of others
    /// when every task that is ready had its turn, also when the wire is dropped meanwhile.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ready when the system has all that was taken.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(context))?;
        self.socket().poll_drain(context)
    }

    /// Asks the system itself whether it takes something after all, what was taken before first. It wakes a
    /// writer only when a third of a buffer of megabytes is free, which a slow client may need longer for than
    /// it may stand still. Says how many of the bytes were taken; [`Wire::bytes_sent`] tells of others.
    fn push(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Takes leave of the client, with all that was taken before.
    fn poll_goodbye(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// A number that grows with every byte that leaves.
    fn bytes_sent(&self) -> u64 {
        self.socket().bytes_sent()
    }

    /// Takes leave, and says to the system that nothing more will be sent.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_goodbye(context))?;
        ready!(self.poll_drain(context))?;
        Poll::Ready(self.socket().shutdown())
    }

    /// Whether bytes of the client were received and not read yet.
    fn holds_input(&self) -> bool;

    /// Ready when there is something to read, the end included. Reads nothing and needs no buffer.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.holds_input() {
            Poll::Ready(())
        } else {
            self.socket().stream().poll_read_ready(context).map(drop)
        }
    }

    /// Whether the connection is over in both directions: the client has reset it or is gone. Asks
    /// only what the runtime already knows.
    fn is_gone(&self, context: &mut Context<'_>) -> bool {
        let ready = std::pin::pin!(self.socket().stream().ready(Interest::READABLE | Interest::WRITABLE));
        match Future::poll(ready, context) {
            Poll::Ready(Ok(ready)) => ready.is_write_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    /// Makes the end of the connection a reset, so that the client cannot take what it got for whole.
    fn reset_on_close(&self) {
        self.socket().reset_on_close();
    }
}

impl Wire for Socket {
    fn socket(&self) -> &Socket {
        self
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self, context, buffer)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        match (first, second) {
            (bytes, []) | ([], bytes) => self.poll_post(context, &[IoSlice::new(bytes)]),
            _ => self.poll_post(context, &[IoSlice::new(first), IoSlice::new(second)]),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self, context)
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::push(self, bytes)
    }

    fn poll_goodbye(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self, context)
    }

    fn holds_input(&self) -> bool {
        false
    }
}
