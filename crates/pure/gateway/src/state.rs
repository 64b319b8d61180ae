//! What has happened, as far as it belongs to no snapshot: numbers that must not be given twice.
//!
//! Buckets and quota counters are shared between snapshots by reference: a new snapshot takes over
//! those whose names still stand ([`compile`](crate::compile)).

use std::collections::HashMap;

use postern_model::Balancing;

use crate::{DestinationTarget, DestinationTls, QuotaLevel};

/// What a compiler keeps from one snapshot to the next.
#[derive(Debug)]
pub struct State {
    pub(crate) generation: u64,
    pub(crate) next_destination: u32,
    pub(crate) destinations: HashMap<DestinationKey, u32>,
    /// Numbers of stages by API and name. Never forgotten: counters are kept under them.
    pub(crate) stages: HashMap<(Box<str>, Box<str>), u32>,
    pub(crate) key_secret: [u8; 32],
    /// What was counted before the process began, by plan and key.
    pub(crate) restored: HashMap<(Box<str>, Box<str>), QuotaLevel>,
}

/// Two destinations that are equal in this are one.
pub(crate) type DestinationKey =
    (Box<str>, Vec<DestinationTarget>, Option<DestinationTls>, Option<Balancing>);

impl State {
    /// The state of a process that has just begun. The secret keys the hashes of API keys; draw it
    /// anew for each process.
    #[must_use]
    pub fn new(key_secret: [u8; 32]) -> Self {
        Self {
            generation: 0,
            next_destination: 0,
            destinations: HashMap::new(),
            stages: HashMap::new(),
            key_secret,
            restored: HashMap::new(),
        }
    }

    /// The number of a stage: the same for as long as the process lives.
    pub(crate) fn stage_number(&mut self, api: &str, stage: &str) -> u32 {
        let next = u32::try_from(self.stages.len()).unwrap_or(u32::MAX);
        *self.stages.entry((api.into(), stage.into())).or_insert(next)
    }

    /// Goes on from what a key had used of a plan when it was written out (TH-37). To be called before
    /// the first [`compile`](crate::compile).
    pub fn restore(&mut self, plan: &str, key: &str, level: QuotaLevel) {
        self.restored.insert((plan.into(), key.into()), level);
    }
}
