//! The board by which workers find each other's calls and processes of a function.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

/// What each worker has of one function, for the others to see. A worker writes its own slot alone, but for
/// [`Slots::claim`].
///
/// Whoever changes its slot so that others should act looks at the others' slots after that. All of it is in
/// one order (`SeqCst`), so that of two that change at once at least one sees the other.
#[derive(Debug)]
pub(crate) struct Slots(Box<[Slot]>);

/// One worker's, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    /// Processes that wait for a call, or are about to and have none in sight.
    idle: AtomicUsize,
    /// All processes.
    processes: AtomicUsize,
    /// Calls that wait.
    waiting: AtomicUsize,
    /// Since when the first of them waits; [`NOBODY`] where none does that others should see to.
    since: AtomicU64,
}

/// Since when a call waits that is not there.
const NOBODY: u64 = u64::MAX;

impl Slots {
    pub(crate) fn new(workers: usize) -> Self {
        let slot = |_| Slot {
            idle: AtomicUsize::new(0),
            processes: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            since: AtomicU64::new(NOBODY),
        };
        Self((0..workers).map(slot).collect())
    }

    pub(crate) fn set_idle(&self, worker: usize, idle: usize) {
        if let Some(slot) = self.0.get(worker) {
            slot.idle.store(idle, SeqCst);
        }
    }

    pub(crate) fn set_processes(&self, worker: usize, processes: usize) {
        if let Some(slot) = self.0.get(worker) {
            slot.processes.store(processes, SeqCst);
        }
    }

    /// Says how many calls wait, and since when the first does.
    pub(crate) fn set_waiting(&self, worker: usize, waiting: usize, since: Option<u64>) {
        if let Some(slot) = self.0.get(worker) {
            slot.waiting.store(waiting, SeqCst);
            slot.since.store(since.unwrap_or(NOBODY), SeqCst);
        }
    }

    /// How many calls wait with a worker.
    pub(crate) fn waiting_with(&self, worker: usize) -> usize {
        self.0.get(worker).map_or(0, |slot| slot.waiting.load(SeqCst))
    }

    /// How many calls wait with all workers.
    pub(crate) fn waiting(&self) -> usize {
        self.0.iter().map(|slot| slot.waiting.load(SeqCst)).sum()
    }

    /// The workers with whom calls wait, those whose first waits longest before the others.
    pub(crate) fn by_age(&self) -> Vec<usize> {
        let mut all: Vec<_> = self.0.iter().map(|slot| slot.since.load(SeqCst)).enumerate().collect();
        all.retain(|(_, since)| *since != NOBODY);
        all.sort_by_key(|(_, since)| *since);
        all.into_iter().map(|(worker, _)| worker).collect()
    }

    /// Another worker with an idle process, or one that is about to ask, which counts as taken from now on.
    pub(crate) fn claim(&self, me: usize) -> Option<usize> {
        let (worker, slot) = self.others(me).find(|(_, slot)| slot.idle.load(SeqCst) > 0)?;
        // Whether or not it was so still, a call is on its way there.
        let _ = slot.idle.fetch_update(SeqCst, SeqCst, |idle| idle.checked_sub(1));
        Some(worker)
    }

    /// Another worker whose first call has waited since before `since`, by more than `tolerance` where that
    /// worker has processes; of several the one that waits longest.
    pub(crate) fn older(&self, me: usize, since: u64, tolerance: u64) -> Option<usize> {
        let moment = |slot: &Slot| {
            let own = if slot.processes.load(SeqCst) > 0 { tolerance } else { 0 };
            slot.since.load(SeqCst).saturating_add(own)
        };
        let all = self.others(me).map(|(worker, slot)| (moment(slot), worker));
        all.filter(|(moment, _)| *moment < since).min().map(|(_, worker)| worker)
    }

    /// Another worker with whom a call waits; of several the one whose first waits longest.
    pub(crate) fn any_waiting(&self, me: usize) -> Option<usize> {
        self.older(me, NOBODY, 0)
    }

    fn others(&self, me: usize) -> impl Iterator<Item = (usize, &Slot)> {
        self.0.iter().enumerate().filter(move |(worker, _)| *worker != me)
    }
}
