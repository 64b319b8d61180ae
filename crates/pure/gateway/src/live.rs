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

use crate::Snapshot;

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

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
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
