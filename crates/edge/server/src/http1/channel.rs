//! A busy connection's wire, shared between the one who reads the body and the one who writes the answer.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use postern_gateway::Timers;

use crate::{
    timeout::{Alarm, WorkerTimers},
    wire::Wire,
};

/// The client is gone, or took no byte for too long: nobody is left to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientGone;

/// The wire of one connection for one exchange, with the deadline of whatever it waits for.
pub(crate) struct Channel<'c, S> {
    pub(crate) stream: &'c RefCell<S>,
    pub(crate) alarm: &'c Alarm,
    pub(crate) timers: &'c WorkerTimers,
    pub(crate) write_stall_nanoseconds: u64,
    /// The client took no byte for too long.
    has_stalled: Cell<bool>,
    /// The client sent something, or half of its end, while it waited: no more can be learned.
    has_spoken: Cell<bool>,
}

impl<'c, S: Wire> Channel<'c, S> {
    pub(crate) const fn new(
        stream: &'c RefCell<S>,
        alarm: &'c Alarm,
        timers: &'c WorkerTimers,
        write_stall_nanoseconds: u64,
    ) -> Self {
        Self {
            stream,
            alarm,
            timers,
            write_stall_nanoseconds,
            has_stalled: Cell::new(false),
            has_spoken: Cell::new(false),
        }
    }

    /// Whether the client was given up because it took no byte for too long.
    pub(crate) fn has_stalled(&self) -> bool {
        self.has_stalled.get()
    }

    /// Sends two parts, in as few writes as the wire can.
    pub(crate) async fn send(&self, first: &[u8], second: &[u8]) -> Result<(), ClientGone> {
        let mut sending = Sending::default();
        poll_fn(|context| sending.poll(self, context, first, second)).await
    }

    /// Waits until the system has all that was sent.
    pub(crate) async fn drain(&self) -> Result<(), ClientGone> {
        let mut sending = Sending { drains: true, ..Sending::default() };
        poll_fn(|context| sending.poll(self, context, &[], &[])).await
    }

    /// Waits for something while the client waits, and gives up when the client is gone.
    pub(crate) async fn watch<F: Future>(&self, mut future: Pin<&mut F>) -> Result<F::Output, ClientGone> {
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            self.poll_gone(context).map(Err)
        })
        .await
    }

    /// Ready when the client is gone. A client that only sends no more is not: it may still read.
    pub(crate) fn poll_gone(&self, context: &mut Context<'_>) -> Poll<ClientGone> {
        let stream = self.stream.borrow();
        if stream.socket().poll_broken(context).is_ready() {
            return Poll::Ready(ClientGone);
        }
        if self.has_spoken.get() {
            return Poll::Pending;
        }
        // The outcome is the same in both cases: what is ready is told by the next line.
        let _ = ready!(stream.socket().stream().poll_read_ready(context));
        if stream.is_gone(context) {
            return Poll::Ready(ClientGone);
        }
        self.has_spoken.set(true);
        Poll::Pending
    }
}

/// How far a sending has come.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// Bytes that the wire took.
    pub(crate) taken: usize,
    waits: bool,
    sent_when_armed: (u64, usize),
    /// Whether it goes on until the system has all of it.
    drains: bool,
}

impl Sending {
    /// Goes on with sending two parts, until all of both is on its way.
    pub(crate) fn poll<S: Wire>(
        &mut self,
        channel: &Channel<'_, S>,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<Result<(), ClientGone>> {
        let mut stream = channel.stream.borrow_mut();
        let total = first.len() + second.len();
        while self.taken < total {
            let first_rest = first.get(self.taken..).unwrap_or_default();
            let second_rest = second.get(self.taken.saturating_sub(first.len())..).unwrap_or_default();
            match stream.poll_write(context, first_rest, second_rest) {
                Poll::Ready(Ok(taken)) if taken > 0 => {
                    self.taken += taken;
                    self.waits = false;
                }
                Poll::Ready(_) => return Poll::Ready(Err(ClientGone)),
                Poll::Pending => {
                    let rest = if first_rest.is_empty() { second_rest } else { first_rest };
                    return self.poll_stalled(channel, &mut *stream, context, rest);
                }
            }
        }
        let flushed = if self.drains { stream.poll_drain(context) } else { stream.poll_flush(context) };
        match flushed {
            Poll::Ready(Ok(())) => {
                if std::mem::take(&mut self.waits) {
                    channel.alarm.clear();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(ClientGone)),
            Poll::Pending => self.poll_stalled(channel, &mut *stream, context, &[]),
        }
    }

    /// `writeStallSeconds`, counted from the last byte that the client took.
    fn poll_stalled<S: Wire>(
        &mut self,
        channel: &Channel<'_, S>,
        stream: &mut S,
        context: &Context<'_>,
        rest: &[u8],
    ) -> Poll<Result<(), ClientGone>> {
        let is_late = self.waits && channel.alarm.poll_elapsed(context).is_ready();
        if is_late {
            self.taken += stream.push(rest).unwrap_or(0);
        }
        let sent = (stream.bytes_sent(), self.taken);
        if self.waits && self.sent_when_armed == sent {
            channel.has_stalled.set(is_late);
            return if is_late { Poll::Ready(Err(ClientGone)) } else { Poll::Pending };
        }
        self.waits = true;
        self.sent_when_armed = sent;
        let now = channel.timers.coarse_nanoseconds();
        channel.alarm.set(now.saturating_add(channel.write_stall_nanoseconds));
        channel.alarm.poll_elapsed(context).map(|()| Err(ClientGone))
    }
}
