//! The snapshot that serves: one pointer, replaced whole.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

use crate::{KeyUsage, Snapshot, usage::Changed};

/// The snapshot that serves. Shared by all workers and the reloader.
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Snapshot>,
    generation: AtomicU64,
}

impl Live {
    /// Serves this snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        let generation = AtomicU64::new(snapshot.generation());
        Self { current: ArcSwap::from_pointee(snapshot), generation }
    }

    /// The snapshot that serves now.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Serves another snapshot from now on. Gives back the old one, so that its memory is freed where
    /// the caller is and not by a worker; requests in flight finish on it.
    pub fn replace(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let generation = snapshot.generation();
        let old = self.current.swap(Arc::new(snapshot));
        // Release: a worker that sees the new number also sees the new pointer.
        self.generation.store(generation, Ordering::Release);
        old
    }

    /// Takes what keys have used since this was called last. To be called by one writer alone.
    #[must_use]
    pub fn take_changed_usage(&self) -> ChangedUsage {
        let list = self.current().keys.accounts.take_changed();
        // Asked for after the list was taken: no worker puts into it what this snapshot does not know.
        ChangedUsage { house: self.current(), list }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// What keys have used of plans and nobody has written out.
#[derive(Debug)]
pub struct ChangedUsage {
    house: Arc<Snapshot>,
    list: Changed,
}

impl ChangedUsage {
    /// The next one, with the number that it is put back by.
    pub fn take_next(&mut self) -> Option<(u32, KeyUsage<'_>)> {
        loop {
            let number = self.house.keys.accounts.next_changed(&mut self.list)?;
            if let Some(usage) = self.house.keys.usage_of_account(number) {
                return Some((number, usage));
            }
        }
    }

    /// Whether nothing is left to take.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Has what could not be written out taken once more.
    pub fn put_back(&self, numbers: &[u32]) {
        for number in numbers {
            self.house.keys.accounts.touch(*number);
        }
    }
}

/// A worker's own hold on the live snapshot: asking for it touches no memory that other workers
/// write, until the generation moves.
#[derive(Debug)]
pub struct Held {
    live: Arc<Live>,
    #[expect(
        clippy::redundant_allocation,
        reason = "the inner count is shared between workers: a request takes the outer one, which is the worker's own"
    )]
    snapshot: RefCell<(u64, Rc<Arc<Snapshot>>)>,
}

impl Held {
    /// A hold on what serves now.
    #[must_use]
    pub fn new(live: Arc<Live>) -> Self {
        let current = live.current();
        let snapshot = RefCell::new((current.generation(), Rc::new(current)));
        Self { live, snapshot }
    }

    /// The snapshot for one request, from its start to its end.
    #[must_use]
    pub fn snapshot(&self) -> Rc<Arc<Snapshot>> {
        let generation = self.live.generation();
        let mut held = self.snapshot.borrow_mut();
        if held.0 != generation {
            *held = (generation, Rc::new(self.live.current()));
        }
        Rc::clone(&held.1)
    }

    /// Lets go of a snapshot that no longer serves, so that it can be freed: for a worker that no
    /// request wakes.
    pub fn refresh(&self) {
        let _ = self.snapshot();
    }
}
