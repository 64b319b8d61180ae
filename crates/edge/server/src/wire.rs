//! What a connection speaks through: plain TCP or TLS over it, asked by polling and without buffers of
//! its own, so that waiting costs no memory.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncWrite, Interest},
    net::TcpStream,
};

/// A stream of bytes to a client.
pub(crate) trait Wire: Sized + Unpin + 'static {
    /// The socket below.
    fn socket(&self) -> &TcpStream;

    /// The socket below, to be read without regard to what it means.
    fn socket_mut(&mut self) -> &mut TcpStream;

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

    /// Sends what was taken.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Asks the system itself whether it takes something after all. It wakes a writer only when a third
    /// of a buffer of megabytes is free, which a slow client may need longer for than it may stand
    /// still. Says how many of the bytes were taken; [`Wire::bytes_sent`] tells of others.
    fn push(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Takes leave of the client, as far as that is more than closing the socket.
    fn poll_goodbye(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// A number that grows with every byte that leaves in [`Wire::poll_flush`].
    fn bytes_sent(&self) -> u64;

    /// Takes leave, and says to the system that nothing more will be sent.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_goodbye(context))?;
        AsyncWrite::poll_shutdown(Pin::new(self.socket_mut()), context)
    }

    /// Whether bytes of the client were received and not read yet.
    fn holds_input(&self) -> bool;

    /// Ready when there is something to read, the end included. Reads nothing and needs no buffer.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.holds_input() { Poll::Ready(()) } else { self.socket().poll_read_ready(context).map(drop) }
    }

    /// Whether the connection is over in both directions: the client has reset it or is gone. Asks
    /// only what the runtime already knows.
    fn is_gone(&self, context: &mut Context<'_>) -> bool {
        let ready = std::pin::pin!(self.socket().ready(Interest::READABLE | Interest::WRITABLE));
        match Future::poll(ready, context) {
            Poll::Ready(Ok(ready)) => ready.is_write_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    /// Makes the end of the connection a reset, so that the client cannot take what it got for whole.
    fn reset_on_close(&self) {
        // A socket that refuses the option is gone already.
        let _ = self.socket().set_zero_linger();
    }
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }

    fn socket_mut(&mut self) -> &mut TcpStream {
        self
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        postern_socket::poll_read(self, context, buffer)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        match (first, second) {
            (bytes, []) | ([], bytes) => postern_socket::poll_write(self, context, bytes),
            _ => {
                let parts = [IoSlice::new(first), IoSlice::new(second)];
                AsyncWrite::poll_write_vectored(Pin::new(self), context, &parts)
            }
        }
    }

    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(&*self).send(bytes)
    }

    fn poll_goodbye(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn bytes_sent(&self) -> u64 {
        0
    }

    fn holds_input(&self) -> bool {
        false
    }
}
