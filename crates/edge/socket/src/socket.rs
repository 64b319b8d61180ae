//! One socket.

use std::{
    any::Any,
    cell::Cell,
    fmt,
    future::poll_fn,
    io::{self, IoSlice},
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{Shutdown, shutdown},
};
use tokio::{net::TcpStream, task::coop::poll_proceed, time::timeout};

use crate::{
    outbox::{MESSAGE_BYTES_MAX, Outbox},
    transfer,
};

/// A TCP socket of a worker, whose small messages leave together with those of others ([`Outbox`]). All that is given
/// to it leaves in the order in which it was given. Dropped, it closes when all its messages have left.
#[derive(Debug)]
pub struct Socket(Rc<Shared>);

/// What a message that waits keeps alive. Every connection has one.
pub(crate) struct Shared {
    stream: TcpStream,
    outbox: Outbox,
    /// Bytes that wait in the outbox.
    posted: Cell<u32>,
    state: Cell<State>,
    /// Whether a peer may take its time: whoever owns the socket has a deadline of its own.
    is_patient: bool,
    rest: Cell<Option<Box<Rest>>>,
    bytes_sent: Cell<u64>,
    /// What lives as long as the socket is open.
    held: Cell<Option<Box<dyn Any>>>,
}

/// How the system took what was given last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Whole.
    Sent,
    /// A direct write in part, or not at all as far as is known: what comes behind it does not wait for others.
    Full,
    /// A message in part or not at all: the rest is sent on.
    Stuck,
    /// Nothing of a message, and it takes nothing more.
    Unsent(Errno),
    /// It takes nothing more.
    Broken(Errno),
}

/// What the system takes later, and who waits for that.
#[derive(Debug, Default)]
struct Rest {
    bytes: Vec<u8>,
    /// The task that sends it on.
    finisher: Option<Waker>,
    /// The task that would send more.
    owner: Option<Waker>,
}

impl Socket {
    /// A socket whose small messages leave by an outbox. A peer that takes nothing of them for too long is given up.
    #[must_use]
    pub fn new(stream: TcpStream, outbox: &Outbox) -> Self {
        Self::with(stream, outbox, false)
    }

    /// As [`Socket::new`], with a peer that may take its time: the owner has a deadline of its own, and calls
    /// [`Socket::reset_on_close`] then.
    #[must_use]
    pub fn patient(stream: TcpStream, outbox: &Outbox) -> Self {
        Self::with(stream, outbox, true)
    }

    fn with(stream: TcpStream, outbox: &Outbox, is_patient: bool) -> Self {
        Self(Rc::new(Shared {
            stream,
            outbox: outbox.clone(),
            posted: Cell::new(0),
            state: Cell::new(State::Sent),
            is_patient,
            rest: Cell::new(None),
            bytes_sent: Cell::new(0),
            held: Cell::new(None),
        }))
    }

    /// Holds something until the socket closes, which messages may put off beyond the life of its owner.
    pub fn hold(&self, what: impl Any) {
        self.0.held.set(Some(Box::new(what)));
    }

    /// The socket as the runtime knows it: for its options, and to ask or wait for whether it is ready.
    #[inline]
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.0.stream
    }

    /// Bytes that the system has taken.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.0.bytes_sent.get()
    }

    /// Whether messages have not left yet, or not whole.
    #[inline]
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.0.posted.get() > 0 || self.0.state.get() == State::Stuck
    }

    /// Why not a byte of the last message has left, and none will. It speaks of one message: whoever wants to send
    /// another way what has not left posts it whole.
    #[must_use]
    pub fn unsent(&self) -> Option<io::Error> {
        match self.0.state.get() {
            State::Unsent(error) => Some(error.into()),
            _ => None,
        }
    }

    /// Reads what there is; 0 bytes are the end. Takes from the budget that a task has for one turn.
    ///
    /// # Errors
    ///
    /// Those of recv(2). [`Poll::Pending`] stands for `EAGAIN`; the task is woken when there is something.
    #[inline]
    pub fn poll_read(&self, context: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        transfer::poll_read(&self.0.stream, context, room)
    }

    /// Writes at once what the system takes of the parts. Takes from the budget that a task has for one turn.
    ///
    /// # Errors
    ///
    /// Those of send(2), for a message before it, too. [`Poll::Pending`] stands for `EAGAIN`; the task is woken when
    /// there is room.
    #[inline]
    pub fn poll_write(&self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(context))?;
        let written = transfer::poll_write(&self.0.stream, context, parts);
        let is_whole = matches!(written, Poll::Ready(Ok(written)) if written == length_of(parts));
        self.0.state.set(if is_whole { State::Sent } else { State::Full });
        let written = ready!(written)?;
        self.0.count_sent(written);
        Poll::Ready(Ok(written))
    }

    /// Takes a small message whole, to leave with those of others; of anything else it writes what the system takes.
    /// What the system does not take of a message is sent on without the caller. Where it takes nothing more, reading
    /// comes to an end. Takes from the budget that a task has for one turn.
    ///
    /// # Errors
    ///
    /// As [`Socket::poll_write`].
    #[inline]
    pub fn poll_post(&self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length = length_of(parts);
        let posted = self.0.posted.get();
        let together = u32::try_from(length).unwrap_or(u32::MAX).saturating_add(posted);
        if self.0.state.get() == State::Sent && together <= MESSAGE_BYTES_MAX {
            let turn = ready!(poll_proceed(context));
            if self.0.outbox.take(&self.0, parts, length) {
                turn.made_progress();
                // What waited before may have left just now.
                self.0.posted.set(self.0.posted.get().saturating_add(together - posted));
                return Poll::Ready(Ok(length));
            }
        }
        self.poll_write(context, parts)
    }

    /// Ready when no message is stuck: whoever waits here waits for the peer.
    ///
    /// # Errors
    ///
    /// Why the system takes nothing more.
    #[inline]
    pub fn poll_flush(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        match self.0.state.get() {
            State::Sent | State::Full => Poll::Ready(Ok(())),
            State::Unsent(error) | State::Broken(error) => Poll::Ready(Err(error.into())),
            State::Stuck => {
                self.0.with_rest(|rest| rest.owner = Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }

    /// Ready when the system takes nothing more, as far as is known; the task is woken when that is found out of what
    /// was given before.
    #[inline]
    pub fn poll_broken(&self, context: &Context<'_>) -> Poll<()> {
        if matches!(self.0.state.get(), State::Unsent(_) | State::Broken(_)) {
            return Poll::Ready(());
        }
        if self.is_sending() {
            self.0.with_rest(|rest| rest.owner = Some(context.waker().clone()));
        }
        Poll::Pending
    }

    /// Ready when the system has all that was given. What waits in the outbox leaves now, also of other sockets.
    ///
    /// # Errors
    ///
    /// Why the system takes nothing more.
    #[inline]
    pub fn poll_drain(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.0.posted.get() > 0 {
            self.0.outbox.send_all();
        }
        self.poll_flush(context)
    }

    /// Writes what the system takes now, whatever the runtime knows of it. What is stuck goes first.
    ///
    /// # Errors
    ///
    /// Those of send(2), `EAGAIN` among them.
    pub fn push(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.posted.get() > 0 {
            self.0.outbox.send_all();
        }
        self.0.push_rest()?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let written = transfer::write(&self.0.stream, &[IoSlice::new(bytes)]);
        let is_whole = written.is_ok_and(|written| written == bytes.len());
        self.0.state.set(if is_whole { State::Sent } else { State::Full });
        let written = written?;
        self.0.count_sent(written);
        Ok(written)
    }

    /// Says to the system that nothing more will be sent. What was given before must be drained.
    ///
    /// # Errors
    ///
    /// Those of shutdown(2).
    pub fn shutdown(&self) -> io::Result<()> {
        Ok(shutdown(&self.0.stream, Shutdown::Write)?)
    }

    /// Makes the end of the connection a reset. What waits leaves now, and what is stuck is given up.
    pub fn reset_on_close(&self) {
        if self.0.posted.get() > 0 {
            self.0.outbox.send_all();
        }
        // A socket that refuses the option is gone already.
        let _ = self.0.stream.set_zero_linger();
        if self.0.state.get() == State::Stuck {
            self.0.end(State::Broken(Errno::CONNABORTED));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.state.get() == State::Stuck {
            // What the peer got must not be taken for whole.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("stream", &self.stream)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn count_sent(&self, count: usize) {
        self.bytes_sent.set(self.bytes_sent.get() + count as u64);
    }

    fn with_rest<T>(&self, with: impl FnOnce(&mut Rest) -> T) -> T {
        let mut rest = self.rest.take().unwrap_or_default();
        let outcome = with(&mut rest);
        self.rest.set(Some(rest));
        outcome
    }

    /// Sends a message whose turn it is. Says whether it is stuck from now on.
    pub(crate) fn send_message(&self, message: &[u8]) -> bool {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        self.posted.set(self.posted.get().saturating_sub(length));
        match self.state.get() {
            State::Sent | State::Full => {}
            State::Stuck => {
                self.with_rest(|rest| rest.bytes.extend_from_slice(message));
                return false;
            }
            State::Unsent(_) | State::Broken(_) => return false,
        }
        let sent = match transfer::write(&self.stream, &[IoSlice::new(message)]) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(error) => {
                self.end(State::Unsent(error));
                return false;
            }
        };
        self.count_sent(sent);
        let Some(rest @ [_, ..]) = message.get(sent..) else { return false };
        self.state.set(State::Stuck);
        self.with_rest(|kept| kept.bytes.extend_from_slice(rest));
        true
    }

    /// Sends on what is stuck, for as long as the peer takes something of it within `stall` each time. Says whether it
    /// did.
    pub(crate) async fn finish(&self, stall: Duration) -> bool {
        let stall = if self.is_patient { Duration::MAX } else { stall };
        while self.state.get() == State::Stuck {
            let sent = self.bytes_sent.get();
            let moves = poll_fn(|context| {
                let is_stuck = self.poll_rest(context).is_pending();
                if is_stuck && self.bytes_sent.get() == sent { Poll::Pending } else { Poll::Ready(()) }
            });
            if timeout(stall, moves).await.is_err() {
                // The runtime hears of room only when a third of all of it is free.
                let _ = self.push_rest();
                if self.state.get() == State::Stuck && self.bytes_sent.get() == sent {
                    // What the peer got must not be taken for whole.
                    let _ = self.stream.set_zero_linger();
                    self.end(State::Broken(Errno::TIMEDOUT));
                    return false;
                }
            }
        }
        true
    }

    fn poll_rest(&self, context: &mut Context<'_>) -> Poll<()> {
        let outcome =
            self.write_rest(|rest| transfer::poll_write(&self.stream, context, &[IoSlice::new(rest)]));
        if outcome.is_pending() {
            self.with_rest(|rest| rest.finisher = Some(context.waker().clone()));
        }
        outcome.map(drop)
    }

    fn push_rest(&self) -> io::Result<()> {
        let written =
            self.write_rest(|rest| Poll::Ready(Ok(transfer::write(&self.stream, &[IoSlice::new(rest)])?)));
        match written {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Writes what is stuck, where something is.
    fn write_rest(&self, mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<()>> {
        while self.state.get() == State::Stuck {
            match self.with_rest(|rest| write(&rest.bytes)) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.count_sent(written);
                    let is_all = self.with_rest(|rest| {
                        rest.bytes.drain(..written);
                        rest.bytes.is_empty()
                    });
                    if is_all {
                        self.end(State::Sent);
                    }
                }
                Poll::Ready(Err(fault)) if fault.kind() == io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(fault));
                }
                Poll::Ready(Err(fault)) if fault.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(outcome) => {
                    let error = outcome.err().and_then(|fault| Errno::from_io_error(&fault));
                    self.end(State::Broken(error.unwrap_or(Errno::IO)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        match self.state.get() {
            State::Unsent(error) | State::Broken(error) => Poll::Ready(Err(error.into())),
            State::Sent | State::Full | State::Stuck => Poll::Ready(Ok(())),
        }
    }

    /// Nothing is stuck any more: whoever waits is woken, who sends it on before who would send more, so that it is done
    /// when something is stuck again. Who reads learns of a fault by the end of what can be read.
    fn end(&self, state: State) {
        self.state.set(state);
        if state != State::Sent {
            // What cannot be shut down is gone already.
            let _ = shutdown(&self.stream, Shutdown::Read);
        }
        if let Some(rest) = self.rest.take() {
            for waker in [rest.finisher, rest.owner].into_iter().flatten() {
                waker.wake();
            }
        }
    }
}

fn length_of(parts: &[IoSlice<'_>]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}
