//! Idle connections of one worker to one target, and how many may be busy.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use postern_gateway::{Destination, DestinationTarget};
use tokio::sync::Semaphore;

use crate::connection::Connection;

/// An idle connection is not used again after so long: most backends close theirs after a minute.
const IDLE_NANOSECONDS: u64 = 50_000_000_000;

/// The connections of one worker to one destination.
#[derive(Debug)]
pub(crate) struct DestinationPool {
    /// The destination's name, for messages.
    pub(crate) name: Box<str>,
    targets: Box<[Rc<TargetPool>]>,
    next: Cell<usize>,
}

/// The connections of one worker to one target.
#[derive(Debug)]
pub(crate) struct TargetPool {
    pub(crate) target: DestinationTarget,
    /// The last one used is the first to be used again: it is warm, and the others grow old.
    idle: RefCell<Vec<Idle>>,
    busy: Cell<usize>,
    places: Semaphore,
    waiting: Cell<u64>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: u64,
}

/// A place among the busy connections to a target. Going out of scope gives it up.
#[derive(Debug)]
pub(crate) struct Place(Rc<TargetPool>);

/// Too many calls wait for a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManyWait;

impl DestinationPool {
    pub(crate) fn new(destination: &Destination, connections_max: u64) -> Self {
        let places = usize::try_from(connections_max).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let pool = |target: &DestinationTarget| {
            Rc::new(TargetPool {
                target: target.clone(),
                idle: RefCell::default(),
                busy: Cell::new(0),
                places: Semaphore::new(places),
                waiting: Cell::new(0),
            })
        };
        Self {
            name: destination.name.clone(),
            targets: destination.targets.iter().map(pool).collect(),
            next: Cell::new(0),
        }
    }

    /// The target with the fewest calls in flight; among equals each has its turn. `tried` are left
    /// out.
    pub(crate) fn choose(&self, tried: &[Rc<TargetPool>]) -> Option<Rc<TargetPool>> {
        let start = self.next.get();
        self.next.set(start.wrapping_add(1));
        let count = self.targets.len();
        (0..count)
            .filter_map(|step| self.targets.get(start.wrapping_add(step) % count))
            .filter(|pool| !tried.iter().any(|tried| Rc::ptr_eq(tried, pool)))
            .min_by_key(|pool| pool.busy.get())
            .map(Rc::clone)
    }

    /// Closes what has been idle for too long.
    pub(crate) fn close_old(&self, now: u64) {
        for pool in &self.targets {
            pool.idle.borrow_mut().retain(|idle| now.saturating_sub(idle.since) < IDLE_NANOSECONDS);
        }
    }
}

impl TargetPool {
    /// Takes a place among the busy connections; waits for one if there is none, unless too many wait
    /// already.
    pub(crate) async fn place(self: &Rc<Self>, waiting_max: u64) -> Result<Place, TooManyWait> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                if self.waiting.get() >= waiting_max {
                    return Err(TooManyWait);
                }
                let _waiting = Waiting::begin(&self.waiting);
                self.places.acquire().await.map_err(|_| TooManyWait)?
            }
        };
        permit.forget();
        self.busy.set(self.busy.get() + 1);
        Ok(Place(Rc::clone(self)))
    }

    /// An idle connection that the backend has left open, as far as is known without asking.
    pub(crate) fn take_idle(&self, now: u64) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { connection, since }) = idle.pop() {
            if now.saturating_sub(since) < IDLE_NANOSECONDS && !connection.has_news() {
                return Some(connection);
            }
        }
        None
    }
}

impl Place {
    /// Keeps a connection for the next call.
    pub(crate) fn keep(&self, connection: Connection, now: u64) {
        self.0.idle.borrow_mut().push(Idle { connection, since: now });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get().saturating_sub(1));
        self.0.places.add_permits(1);
    }
}

/// Counts a waiting call, also one that is given up.
struct Waiting<'w>(&'w Cell<u64>);

impl<'w> Waiting<'w> {
    fn begin(count: &'w Cell<u64>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
