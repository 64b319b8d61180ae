//! What the workers and the thread of functions have in common: how they reach each other.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::sync::{mpsc, watch};

use super::{FunctionLine, FunctionOutput, host::Order, letter::Letter, standing::Board};

/// What the workers and the thread of functions have in common.
pub(crate) struct Shared {
    orders: mpsc::UnboundedSender<Order>,
    /// A place for each worker, which it takes when it calls its first function.
    mailboxes: Box<[OnceLock<mpsc::UnboundedSender<Letter>>]>,
    /// Workers that have come for a place.
    joined: AtomicUsize,
    pub(crate) board: Board,
    pub(crate) crowd: watch::Sender<Crowd>,
    log: Box<dyn Fn(FunctionLine<'_>) + Send + Sync>,
    begun: Instant,
}

/// The workers that call functions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crowd {
    /// Those that have ever called one.
    pub(crate) joined: usize,
    /// Those that call none any more.
    pub(crate) finished: usize,
}

impl Shared {
    pub(crate) fn new(
        workers: NonZeroUsize,
        orders: mpsc::UnboundedSender<Order>,
        log: Box<dyn Fn(FunctionLine<'_>) + Send + Sync>,
    ) -> Arc<Self> {
        let mailboxes = (0..workers.get()).map(|_| OnceLock::new()).collect();
        let (joined, board, crowd) = (AtomicUsize::new(0), Board::default(), watch::Sender::default());
        Arc::new(Self { orders, mailboxes, joined, board, crowd, log, begun: Instant::now() })
    }

    /// How many workers there are at most.
    pub(crate) const fn workers(&self) -> usize {
        self.mailboxes.len()
    }

    /// A place for the worker that asks, and what comes for it; none where there are more workers than were
    /// announced.
    pub(crate) fn join(&self) -> Option<(usize, mpsc::UnboundedReceiver<Letter>)> {
        let number = self.joined.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::unbounded_channel();
        self.mailboxes.get(number)?.set(sender).ok()?;
        self.crowd.send_modify(|crowd| crowd.joined += 1);
        Some((number, receiver))
    }

    /// Tells the thread of functions. Nothing comes of it when that has ended.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// Writes to a worker; gives the letter back where nobody reads it.
    pub(crate) fn write(&self, worker: usize, letter: Letter) -> Result<(), Letter> {
        match self.mailboxes.get(worker).and_then(OnceLock::get) {
            Some(mailbox) => mailbox.send(letter).map_err(|unread| unread.0),
            None => Err(letter),
        }
    }

    /// Writes the same to all workers.
    pub(crate) fn write_to_all(&self, letter: impl Fn() -> Letter) {
        for mailbox in self.mailboxes.iter().filter_map(OnceLock::get) {
            let _ = mailbox.send(letter());
        }
    }

    /// Nanoseconds on a clock that all workers go by.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Tells what a process wrote, or what became of it.
    pub(crate) fn tell(&self, function: &str, request_id: Option<&str>, stream: FunctionOutput, text: &str) {
        (self.log)(FunctionLine { function, request_id, stream, text });
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("workers", &self.workers()).finish_non_exhaustive()
    }
}
