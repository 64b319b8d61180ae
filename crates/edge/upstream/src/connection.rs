//! One connection to a backend: plain or TLS, asked by polling, so that a request can be sent and an
//! early answer noticed at the same time.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use postern_socket::Socket;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::buffers::{Buffer, Buffers};

/// A connection to a backend.
#[derive(Debug)]
pub(crate) struct Connection {
    wire: Wire,
    /// Where it leads, if that may change: by a name.
    address: Option<Rc<SocketAddr>>,
}

/// What a connection speaks through.
#[derive(Debug)]
pub(crate) enum Wire {
    /// Plain text.
    Plain(Socket),
    /// TLS.
    Tls(Box<TlsStream<BulkSocket>>),
}

impl Connection {
    pub(crate) const fn new(wire: Wire, address: Option<Rc<SocketAddr>>) -> Self {
        Self { wire, address }
    }

    /// Where it leads, if that may change.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address.as_deref().copied()
    }

    /// Whether an idle connection can be used: nothing came on it, and the backend left it open, as far
    /// as the runtime knows. Only where it says that something happened the kernel is asked what: it may
    /// be news of what was read long ago.
    pub(crate) fn is_usable(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let has_news = match &self.wire {
            Wire::Plain(socket) => return is_silent(socket.stream()),
            Wire::Tls(stream) => {
                let (socket, session) = stream.get_ref();
                // A session that wants nothing more holds bytes that nobody has read, or is at its end.
                !session.wants_read()
                    || socket.held.is_some()
                    || socket.socket.poll_read_ready(&mut context).is_ready()
            }
        };
        !has_news || self.poll_read(&mut context, &mut [0]).is_pending()
    }

    /// Pending where a read would find nothing, as far as that is known without one; the task is woken then.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match &self.wire {
            // What is wrong with the socket is told by the read.
            Wire::Plain(socket) => socket.stream().poll_read_ready(context).map(drop),
            Wire::Tls(_) => Poll::Ready(()),
        }
    }

    /// Reads what there is; 0 at the end.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(socket) => socket.poll_read(context, room),
            Wire::Tls(stream) => {
                let mut room = ReadBuf::new(room);
                Pin::new(stream).poll_read(context, &mut room).map_ok(|()| room.filled().len())
            }
        }
    }

    /// Writes two pieces as if they were one, and says in `written` how far it has come. After an error
    /// with `written` at 0 not a byte has left. Small ones that may wait leave with what other tasks send; if they
    /// cannot, the answer ends before it begins, and [`Connection::unsent`] tells so.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        (first, second): (&[u8], &[u8]),
        may_wait: bool,
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        while *written < first.len() + second.len() {
            let head = first.get(*written..).unwrap_or_default();
            let tail = second.get(written.saturating_sub(first.len())..).unwrap_or_default();
            let count = match &mut self.wire {
                Wire::Plain(socket) => {
                    let (one, both) = ([IoSlice::new(head)], [IoSlice::new(head), IoSlice::new(tail)]);
                    let parts: &[_] = if tail.is_empty() { &one } else { &both };
                    // Only a request that is posted whole can be told not to have left.
                    let write =
                        if may_wait && *written == 0 { Socket::poll_post } else { Socket::poll_write };
                    ready!(write(socket, context, parts))?
                }
                Wire::Tls(stream) => match ready!(poll_write_some(stream, context, head, tail)) {
                    Ok(count) => count,
                    Err(error) => {
                        // How much of the records left before the fault is not told.
                        *written = (*written).max(1);
                        return Poll::Ready(Err(error));
                    }
                },
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += count;
        }
        match &mut self.wire {
            // A plain socket has nothing to flush.
            Wire::Plain(_) => Poll::Ready(Ok(())),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Why not a byte has left of what was written and might wait.
    pub(crate) fn unsent(&self) -> Option<io::Error> {
        match &self.wire {
            Wire::Plain(socket) => socket.unsent(),
            Wire::Tls(_) => None,
        }
    }

    /// Whether a part of what was written has not left yet.
    pub(crate) fn is_sending(&self) -> bool {
        match &self.wire {
            Wire::Plain(socket) => socket.is_sending(),
            Wire::Tls(_) => false,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The call is over: the rest of its request is of no use.
        if let Wire::Plain(socket) = &self.wire
            && socket.is_sending()
        {
            socket.reset_on_close();
        }
    }
}

/// Whether nothing came on a socket, its end included.
fn is_silent(socket: &TcpStream) -> bool {
    matches!(socket.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn poll_write_some<W: AsyncWrite + Unpin>(
    wire: &mut W,
    context: &mut Context<'_>,
    head: &[u8],
    tail: &[u8],
) -> Poll<io::Result<usize>> {
    match (head, tail) {
        (bytes, []) | ([], bytes) => Pin::new(wire).poll_write(context, bytes),
        _ => Pin::new(wire).poll_write_vectored(context, &[IoSlice::new(head), IoSlice::new(tail)]),
    }
}

/// A socket below TLS. The library asks for 4 KiB at a time; this reads as much as there is at once,
/// into a buffer that is on loan only while something lies in it.
#[derive(Debug)]
pub(crate) struct BulkSocket {
    socket: TcpStream,
    buffers: Buffers,
    held: Option<Held>,
}

/// What was read and not asked for yet.
#[derive(Debug)]
struct Held {
    buffer: Buffer,
    start: usize,
    end: usize,
}

impl BulkSocket {
    pub(crate) const fn new(socket: TcpStream, buffers: Buffers) -> Self {
        Self { socket, buffers, held: None }
    }
}

impl AsyncRead for BulkSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut held = match this.held.take() {
            Some(held) => held,
            None => {
                let mut buffer = this.buffers.large();
                let mut all = ReadBuf::new(buffer.bytes_mut());
                ready!(Pin::new(&mut this.socket).poll_read(context, &mut all))?;
                let end = all.filled().len();
                Held { buffer, start: 0, end }
            }
        };
        let here = held.buffer.bytes().get(held.start..held.end).unwrap_or_default();
        let given = here.get(..room.remaining()).unwrap_or(here);
        room.put_slice(given);
        held.start += given.len();
        if held.start < held.end {
            this.held = Some(held);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for BulkSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
