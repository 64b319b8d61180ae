//! What the pure floor and the backends' side ask of whoever keeps the time.

use std::future::Future;

use crate::Now;

/// A wait that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

/// The clock and the deadlines of one worker. Implemented by `server`'s coarse wheel; asked by
/// `upstream`, which does not know `server`.
pub trait Timers {
    /// Both clocks, as they stand now.
    fn now(&self) -> Now;

    /// The monotonic clock alone, in nanoseconds.
    fn monotonic_nanoseconds(&self) -> u64 {
        self.now().monotonic_nanoseconds
    }

    /// The monotonic clock as it stood a moment ago, in nanoseconds: for what does not need it better
    /// than to a tick.
    fn coarse_nanoseconds(&self) -> u64 {
        self.monotonic_nanoseconds()
    }

    /// Waits for a future, but not beyond a moment on the monotonic clock (in nanoseconds). The wheel
    /// is coarse: the wait may last one tick longer. The future stays where it is pinned: moving a large one
    /// would cost more than what keeps its time.
    fn within<F: Future + Unpin>(
        &self,
        deadline_nanoseconds: u64,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Elapsed>>;

    /// Wakes everybody who waits within a deadline, due or not, so that they look again at what they wait
    /// for: for news that concern few and come seldom.
    fn wake_all(&self);
}
