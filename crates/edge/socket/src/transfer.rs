//! One system call for a task that waits where the kernel has nothing or takes nothing.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll, ready},
};

use rustix::{
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg},
};
use tokio::{io::Interest, net::TcpStream, task::coop::poll_proceed};

/// Reads what there is; 0 bytes are the end. Takes from the budget that a task has for one turn.
#[inline]
pub(crate) fn poll_read(
    stream: &TcpStream,
    context: &mut Context<'_>,
    room: &mut [u8],
) -> Poll<io::Result<usize>> {
    let wanted = room.len();
    let read = || Ok(recv(stream, &mut *room, RecvFlags::empty())?.0);
    poll_transfer(stream, context, (Interest::READABLE, TcpStream::poll_read_ready), wanted, read)
}

/// Writes what the kernel takes of the parts. Takes from the budget that a task has for one turn.
#[inline]
pub(crate) fn poll_write(
    stream: &TcpStream,
    context: &mut Context<'_>,
    parts: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let wanted = parts.iter().map(|part| part.len()).sum();
    let waits = (Interest::WRITABLE, TcpStream::poll_write_ready as PollReady);
    poll_transfer(stream, context, waits, wanted, || Ok(write(stream, parts)?))
}

/// Writes what the kernel takes now, whatever the runtime knows of the socket.
#[inline]
pub(crate) fn write(stream: &TcpStream, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
    match parts {
        [part] => send(stream, part, SendFlags::NOSIGNAL),
        parts => sendmsg(stream, parts, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL),
    }
}

/// How a task waits for a socket.
type PollReady = fn(&TcpStream, &mut Context<'_>) -> Poll<io::Result<()>>;

#[inline]
fn poll_transfer(
    stream: &TcpStream,
    context: &mut Context<'_>,
    (interest, poll_ready): (Interest, PollReady),
    wanted: usize,
    mut transfer: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    let turn = ready!(poll_proceed(context));
    loop {
        let mut partly = None;
        let outcome = stream.try_io(interest, || match transfer() {
            // The kernel has no more for now: its next news is waited for, as behind a transfer of nothing.
            Ok(count) if 0 < count && count < wanted => {
                partly = Some(count);
                Err(io::ErrorKind::WouldBlock.into())
            }
            outcome => outcome,
        });
        match (partly, outcome) {
            (None, Err(fault)) if fault.kind() == io::ErrorKind::WouldBlock => {
                ready!(poll_ready(stream, context))?;
            }
            (partly, outcome) => {
                turn.made_progress();
                return Poll::Ready(partly.map_or(outcome, Ok));
            }
        }
    }
}
