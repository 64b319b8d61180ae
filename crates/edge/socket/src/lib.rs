//! Bytes from and to sockets, with little between the caller and the kernel.
//!
//! **For:** a read or a write of a TCP socket ([`poll_read`], [`poll_write`]), in half the instructions that the
//! runtime's own take: it is asked for the task's waker only where nothing can be done, and no call can be
//! cancelled.
//! **Never enters:** what the bytes mean; buffers; deadlines.
//! **Comes in:** a [`TcpStream`]. **Goes out:** how many bytes.
//! **Read first:** this file, which is all.

use std::{
    io,
    task::{Context, Poll, ready},
};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::{io::Interest, net::TcpStream, task::coop::poll_proceed};

/// Reads what there is; 0 bytes are the end. Takes from the budget that a task has for one turn.
///
/// # Errors
///
/// Those of recv(2). [`Poll::Pending`] stands for `EAGAIN`; the task is woken when there is something.
#[inline]
pub fn poll_read(socket: &TcpStream, context: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
    let wanted = room.len();
    let read = || Ok(recv(socket, &mut *room, RecvFlags::empty())?.0);
    poll_transfer(socket, context, (Interest::READABLE, TcpStream::poll_read_ready), wanted, read)
}

/// Writes what the kernel takes. Takes from the budget that a task has for one turn.
///
/// # Errors
///
/// Those of send(2). [`Poll::Pending`] stands for `EAGAIN`; the task is woken when there is room.
#[inline]
pub fn poll_write(socket: &TcpStream, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    let write = || Ok(send(socket, bytes, SendFlags::NOSIGNAL)?);
    poll_transfer(socket, context, (Interest::WRITABLE, TcpStream::poll_write_ready), bytes.len(), write)
}

/// How a task waits for a socket.
type PollReady = fn(&TcpStream, &mut Context<'_>) -> Poll<io::Result<()>>;

#[inline]
fn poll_transfer(
    socket: &TcpStream,
    context: &mut Context<'_>,
    (interest, poll_ready): (Interest, PollReady),
    wanted: usize,
    mut transfer: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    let turn = ready!(poll_proceed(context));
    loop {
        let mut partly = None;
        let outcome = socket.try_io(interest, || match transfer() {
            // The kernel has no more for now: its next news is waited for, as behind a transfer of nothing.
            Ok(count) if 0 < count && count < wanted => {
                partly = Some(count);
                Err(io::ErrorKind::WouldBlock.into())
            }
            outcome => outcome,
        });
        match (partly, outcome) {
            (None, Err(fault)) if fault.kind() == io::ErrorKind::WouldBlock => {
                ready!(poll_ready(socket, context))?;
            }
            (partly, outcome) => {
                turn.made_progress();
                return Poll::Ready(partly.map_or(outcome, Ok));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (ours, listener.accept().await.unwrap().0)
    }

    async fn read(socket: &TcpStream, room: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| poll_read(socket, context, room)).await
    }

    #[tokio::test]
    async fn bytes_come_as_they_are_sent_and_then_the_end() {
        let (ours, mut peer) = pair().await;
        let mut room = [0; 8];
        let early = poll_fn(|context| Poll::Ready(poll_read(&ours, context, &mut room).is_pending())).await;
        assert!(early, "nothing was sent yet");
        for sent in [&b"a"[..], b"eight by", b"more than that"] {
            peer.write_all(sent).await.unwrap();
            let mut received = Vec::new();
            while received.len() < sent.len() {
                let count = read(&ours, &mut room).await.unwrap();
                received.extend_from_slice(&room[..count]);
            }
            assert_eq!(received, sent);
        }
        drop(peer);
        assert_eq!(read(&ours, &mut room).await.unwrap(), 0);
        assert_eq!(read(&ours, &mut room).await.unwrap(), 0, "the end stays");
    }

    #[tokio::test]
    async fn a_writer_waits_for_room_and_nothing_is_lost() {
        let (ours, mut peer) = pair().await;
        let all: Vec<u8> = (0..=250_u8).cycle().take(32 << 20).collect();
        let reader = tokio::spawn(async move {
            let mut received = Vec::new();
            peer.read_to_end(&mut received).await.unwrap();
            received
        });
        let (mut sent, mut waits) = (0, 0);
        while sent < all.len() {
            sent += poll_fn(|context| {
                let poll = poll_write(&ours, context, &all[sent..]);
                waits += usize::from(poll.is_pending());
                poll
            })
            .await
            .unwrap();
        }
        drop(ours);
        assert!(reader.await.unwrap() == all);
        assert!(waits > 0, "32 MiB are more than buffers hold");
    }

    #[tokio::test]
    async fn a_reset_is_an_error_of_reads_and_writes() {
        let (ours, peer) = pair().await;
        peer.set_zero_linger().unwrap();
        drop(peer);
        assert_eq!(read(&ours, &mut [0; 8]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let written = poll_fn(|context| poll_write(&ours, context, b"x")).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_task_that_always_finds_something_gives_way() {
        let (ours, mut peer) = pair().await;
        peer.write_all(&[0; 4_096]).await.unwrap();
        ours.readable().await.unwrap();
        let mut reads = 0;
        // One byte each time, so that the runtime goes on to think that there is more.
        let gave_way = poll_fn(|context| {
            while reads < 4_096 {
                match poll_read(&ours, context, &mut [0]) {
                    Poll::Ready(_) => reads += 1,
                    Poll::Pending => return Poll::Ready(true),
                }
            }
            Poll::Ready(false)
        });
        assert!(gave_way.await);
        assert!((1..4_096).contains(&reads), "{reads}");
    }
}
