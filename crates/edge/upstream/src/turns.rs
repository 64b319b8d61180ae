//! Who is next where one call at a time is taken, of all workers together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use postern_gateway::{Destination, Snapshot};
use tokio::sync::Semaphore;

/// The turns of destinations that take one call at a time, by their numbers. Asked once by a worker for
/// each destination.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<u32, Arc<Semaphore>>>);

impl Turns {
    /// The turn of a destination; none where it takes as many calls as come.
    pub(crate) fn of(&self, destination: &Destination) -> Option<Arc<Semaphore>> {
        if !destination.one_at_a_time {
            return None;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(all.entry(destination.id).or_insert_with(|| Arc::new(Semaphore::new(1)))))
    }

    /// Forgets the destinations that a snapshot does not name.
    pub(crate) fn retain(&self, snapshot: &Snapshot) {
        let is_named = |id: &u32| snapshot.destinations().iter().any(|destination| destination.id == *id);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| is_named(id));
    }
}
