//! What is told of functions: how they are doing, and what their processes write.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{
            AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
};

use postern_gateway::HostedFunction;

use super::slots::Slots;

/// How a function is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionStatus {
    /// Its name.
    pub function: Box<str>,
    /// Its processes that run.
    pub processes: u64,
    /// Calls that wait for a process.
    pub waiting: u64,
    /// Processes that were started.
    pub starts: u64,
    /// Processes that ended by themselves, or were ended for being too slow.
    pub crashes: u64,
}

/// A line that a process wrote.
#[derive(Clone, Copy, Debug)]
pub struct FunctionLine<'l> {
    /// The function.
    pub function: &'l str,
    /// The request that the process was at.
    pub request_id: Option<&'l str>,
    /// Where it was written.
    pub stream: FunctionOutput,
    /// The line without its end.
    pub text: &'l str,
}

/// Where a process writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionOutput {
    /// The standard output stream.
    Output,
    /// The standard error stream.
    Error,
    /// Nowhere: the host tells what became of a process.
    Host,
}

impl FunctionOutput {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Output => "stdout",
            Self::Error => "stderr",
            Self::Host => "host",
        }
    }
}

/// How all functions are doing.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By name: the counters of a function that went and came again go on.
    counters: BTreeMap<Box<str>, Arc<Counters>>,
    /// By number, as long as anybody holds one.
    standings: BTreeMap<u32, Weak<Standing>>,
}

/// What is counted of one function.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) starts: AtomicU64,
    pub(crate) crashes: AtomicU64,
}

/// What all workers and the thread of functions share of one function.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) function: Arc<HostedFunction>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) slots: Slots,
    /// Its processes, wherever they are at home. Written by the thread of functions.
    pub(crate) running: AtomicUsize,
    /// Processes in a row that ended before they answered anything.
    pub(crate) failures: AtomicU32,
}

impl Standing {
    /// Whether no more processes may be started.
    pub(crate) fn is_full(&self) -> bool {
        self.running.load(SeqCst) as u64 >= u64::from(self.function.process.concurrency)
    }

    /// A process has answered: what it needs to run is there.
    pub(crate) fn note_success(&self) {
        if self.failures.load(Relaxed) > 0 {
            self.failures.store(0, Relaxed);
        }
    }
}

impl Board {
    /// What is shared of a function. To be asked once by whoever needs it.
    pub(crate) fn of(&self, function: &Arc<HostedFunction>, workers: usize) -> Arc<Standing> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(standing) = known.standings.get(&function.id).and_then(Weak::upgrade) {
            return standing;
        }
        known.standings.retain(|_, standing| standing.strong_count() > 0);
        let counters = Arc::clone(known.counters.entry(function.name.clone()).or_default());
        let (running, failures) = (AtomicUsize::new(0), AtomicU32::new(0));
        let (function, slots) = (Arc::clone(function), Slots::new(workers));
        let standing = Arc::new(Standing { function, counters, slots, running, failures });
        known.standings.insert(standing.function.id, Arc::downgrade(&standing));
        standing
    }

    pub(crate) fn statuses(&self) -> Vec<FunctionStatus> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let standings: Vec<_> = known.standings.values().filter_map(Weak::upgrade).collect();
        let status = |name: &str, counters: &Counters| {
            let own = || standings.iter().filter(|standing| *standing.function.name == *name);
            FunctionStatus {
                function: name.into(),
                processes: own().map(|standing| standing.running.load(Relaxed) as u64).sum(),
                waiting: own().map(|standing| standing.slots.waiting() as u64).sum(),
                starts: counters.starts.load(Relaxed),
                crashes: counters.crashes.load(Relaxed),
            }
        };
        known.counters.iter().map(|(name, counters)| status(name, counters)).collect()
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
