//! What is told of functions: how they are doing, and what their processes write.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

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

/// The counters of all functions, by name: those of a function that went and came again go on.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<BTreeMap<Box<str>, Arc<Counters>>>);

/// The counters of one function. Written by the host alone.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) processes: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) starts: AtomicU64,
    pub(crate) crashes: AtomicU64,
}

impl Board {
    pub(crate) fn of(&self, function: &str) -> Arc<Counters> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(function.into()).or_default())
    }

    pub(crate) fn statuses(&self) -> Vec<FunctionStatus> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut statuses = Vec::new();
        for (function, counters) in &*all {
            statuses.push(FunctionStatus {
                function: function.clone(),
                processes: read(&counters.processes),
                waiting: read(&counters.waiting),
                starts: read(&counters.starts),
                crashes: read(&counters.crashes),
            });
        }
        statuses
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Says how many there are.
pub(crate) fn set(counter: &AtomicU64, number: usize) {
    counter.store(number as u64, Ordering::Relaxed);
}
