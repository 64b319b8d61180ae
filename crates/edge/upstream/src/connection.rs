//! One connection to a backend: plain or TLS.

use std::{
    io,
    task::{Context, Waker},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// A connection to a backend.
#[derive(Debug)]
pub(crate) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Whether the runtime knows already that something arrived, or that the backend closed: then an
    /// idle connection is of no use. Asks the kernel nothing.
    pub(crate) fn has_news(&self) -> bool {
        let socket = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        socket.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Reads what there is; 0 at the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        }
    }

    /// Writes two pieces as one, as long as the kernel takes them. Gives back how many bytes went out
    /// before an error, and the error.
    pub(crate) async fn write_both(&mut self, first: &[u8], second: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        let whole = first.len() + second.len();
        while written < whole {
            let head = first.get(written..).unwrap_or_default();
            let tail = second.get(written.saturating_sub(first.len())..).unwrap_or_default();
            let pieces = [io::IoSlice::new(head), io::IoSlice::new(tail)];
            let result = match (head.is_empty(), tail.is_empty()) {
                (true, _) => self.write(tail).await,
                (_, true) => self.write(head).await,
                _ => self.write_vectored(&pieces).await,
            };
            match result {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) => return Err((written, error)),
            }
        }
        self.flush().await.map_err(|error| (written, error))
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes).await,
            Self::Tls(stream) => stream.write(bytes).await,
        }
    }

    async fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write_vectored(pieces).await,
            Self::Tls(stream) => stream.write_vectored(pieces).await,
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        match self {
            // A plain socket has nothing to flush.
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.flush().await,
        }
    }
}
