//! What has happened, as far as it belongs to no snapshot: numbers that must not be given twice.
//!
//! Buckets and quota counters are shared between snapshots by reference: a new snapshot takes over
//! those whose names still stand ([`compile`](crate::compile)).

use std::{collections::HashMap, fmt, sync::Arc};

use postern_model::{Balancing, FunctionProcess};

use crate::{DestinationTarget, DestinationTls, FetchedCredentials, UsageLevel, usage::Accounts};

/// What a compiler keeps from one snapshot to the next.
#[derive(Debug)]
pub struct State {
    pub(crate) generation: u64,
    pub(crate) next_destination: u32,
    pub(crate) destinations: HashMap<DestinationKey, u32>,
    pub(crate) next_hosted: u32,
    pub(crate) hosted: HashMap<HostedKey, u32>,
    pub(crate) fetched: Option<Arc<FetchedCredentials>>,
    /// Numbers of stages by API and name. Never forgotten: counters are kept under them.
    pub(crate) stages: HashMap<(Box<str>, Box<str>), u32>,
    /// Numbers of usage plans by name. Never forgotten: counters are kept under them.
    plans: HashMap<Box<str>, u32>,
    pub(crate) key_secret: [u8; 32],
    pub(crate) accounts: Accounts,
    pub(crate) kept: Option<Box<dyn KeptUsage>>,
}

/// What keys had used of plans when it was written out: asked for keys that are new to a snapshot.
pub trait KeptUsage: fmt::Debug + Send + Sync {
    /// What a key had used of a plan; `None`: nothing.
    fn level(&mut self, plan: &str, key: &str) -> Option<UsageLevel>;
}

/// Two destinations that are equal in this are one.
pub(crate) type DestinationKey =
    (Box<str>, Vec<DestinationTarget>, Option<DestinationTls>, Option<Balancing>, bool);

/// Two hosted functions that are equal in this are one: name, region, process.
pub(crate) type HostedKey = (Box<str>, Box<str>, FunctionProcess);

impl State {
    /// The state of a process that has just begun. The secret keys the hashes of API keys; draw it
    /// anew for each process.
    #[must_use]
    pub fn new(key_secret: [u8; 32]) -> Self {
        Self {
            generation: 0,
            next_destination: 0,
            destinations: HashMap::new(),
            next_hosted: 0,
            hosted: HashMap::new(),
            fetched: None,
            stages: HashMap::new(),
            plans: HashMap::new(),
            key_secret,
            accounts: Accounts::default(),
            kept: None,
        }
    }

    /// The number of a stage: the same for as long as the process lives.
    pub(crate) fn stage_number(&mut self, api: &str, stage: &str) -> u32 {
        let next = u32::try_from(self.stages.len()).unwrap_or(u32::MAX);
        *self.stages.entry((api.into(), stage.into())).or_insert(next)
    }

    /// The number of a usage plan: the same for as long as the process lives.
    pub(crate) fn plan_number(&mut self, plan: &str) -> u32 {
        let next = u32::try_from(self.plans.len()).unwrap_or(u32::MAX);
        *self.plans.entry(plan.into()).or_insert(next)
    }

    /// Goes on from what was written out, where the next [`compile`](crate::compile) meets a key that is
    /// new to it (TH-37).
    pub fn restore_from(&mut self, kept: Option<Box<dyn KeptUsage>>) {
        self.kept = kept;
    }
}
