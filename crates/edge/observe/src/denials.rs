//! The last requests that were denied, kept for whoever asks why.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use postern_gateway::{Denial, Record};

/// How many denials one worker keeps; the oldest gives way. One holds the path and a few fields of its
/// request, so all of them together stay below the size of as many request heads.
pub const DENIALS_KEPT: usize = 256;

/// The denials of one worker. Only this worker writes, and only where a request was denied; who asks
/// for one holds the lock for as long as it takes to copy it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Denials(Arc<Mutex<VecDeque<Arc<Denial>>>>);

impl Denials {
    /// Keeps a request that a gate denied. Costs one comparison where none did.
    pub(crate) fn exchange(&self, record: &Record<'_>) {
        let Some(denial) = Denial::of(record) else { return };
        let denial = Arc::new(denial);
        let mut kept = self.kept();
        let oldest = if kept.len() >= DENIALS_KEPT { kept.pop_front() } else { None };
        kept.push_back(denial);
        drop(kept);
        drop(oldest);
    }

    /// The latest denial of a request id.
    pub(crate) fn find(&self, request_id: &str) -> Option<Arc<Denial>> {
        self.kept().iter().rev().find(|denial| denial.request_id() == request_id).cloned()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Denial>>> {
        // What is kept here is right after every single step, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
