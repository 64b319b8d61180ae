//! API keys and the plans that they belong to: found by a keyed hash, so that neither timing nor a
//! dump of memory tells a value (AU-19).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use postern_model::{ApiKeyValue, Quota, Verb};
use postern_protocol::signature::PayloadHash;

use super::{QuotaCounter, QuotaLevel};
use crate::{
    ApiKeyFault, Snapshot,
    throttle::{Bucket, Pace},
};

/// The first half of a keyed hash: 2^-64 for two of a billion keys to agree.
type KeyHash = [u8; 16];
type HashedKeys = HashMap<KeyHash, u32, BuildHasherDefault<AlreadyHashed>>;

/// All keys and plans of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    secret: [u8; 32],
    /// By the keyed hash of the value.
    plain: HashedKeys,
    /// By the keyed hash of the value's SHA-256, for keys that are configured so.
    sha256: HashedKeys,
    keys: Vec<Key>,
    plans: Vec<Plan>,
}

#[derive(Debug)]
struct Key {
    name: Box<str>,
    enabled: bool,
    /// The plans that it belongs to.
    memberships: Vec<Membership>,
}

/// A key's place in a plan: which plan, and what the key has used of it.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) plan: u32,
    pub(crate) allowance: Arc<Allowance>,
    /// Buckets of single methods, in the order of the plan's method throttles.
    pub(crate) methods: Box<[Arc<Bucket>]>,
}

/// What has happened to a key in a plan. Adopted from snapshot to snapshot.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    pub(crate) bucket: Bucket,
    pub(crate) quota: QuotaCounter,
}

/// A usage plan.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: Box<str>,
    pub(crate) throttle: Option<Pace>,
    pub(crate) quota: Option<Quota>,
    pub(crate) stages: Vec<PlanStage>,
}

/// A stage that a plan opens.
#[derive(Debug)]
pub(crate) struct PlanStage {
    pub(crate) api: Box<str>,
    pub(crate) stage: Box<str>,
    /// Method throttles.
    pub(crate) methods: Vec<PlanMethod>,
}

/// The throttle of one method in a plan.
#[derive(Debug)]
pub(crate) struct PlanMethod {
    pub(crate) path: Box<str>,
    pub(crate) verb: Verb,
    pub(crate) pace: Pace,
    /// The place of its bucket among those of a membership.
    pub(crate) place: usize,
}

/// A key that may call, in the plan that lets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    key: u32,
    membership: u32,
}

/// What a key has used of a plan's quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUsage<'a> {
    /// The plan's name.
    pub plan: &'a str,
    /// The key's name.
    pub key: &'a str,
    /// The plan's quota, if it has one.
    pub quota: Option<Quota>,
    /// What is used of it.
    pub level: QuotaLevel,
}

impl Keys {
    /// The key of a value, where it opens a stage.
    pub(crate) fn find(&self, value: &[u8], api: &str, stage: &str) -> Result<Usage, ApiKeyFault> {
        let index = self.index_of(value).ok_or(ApiKeyFault::Unknown)?;
        let key = self.keys.get(index as usize).ok_or(ApiKeyFault::Unknown)?;
        if !key.enabled {
            return Err(ApiKeyFault::Disabled);
        }
        let opens = |membership: &Membership| {
            self.plans.get(membership.plan as usize).is_some_and(|plan| plan.stage(api, stage).is_some())
        };
        let membership = key.memberships.iter().position(opens).ok_or(ApiKeyFault::NotInPlan)?;
        Ok(Usage { key: index, membership: u32::try_from(membership).unwrap_or_default() })
    }

    fn index_of(&self, value: &[u8]) -> Option<u32> {
        let plain = self.plain.get(&hash(&self.secret, value)).copied();
        if plain.is_some() || self.sha256.is_empty() {
            return plain;
        }
        self.sha256.get(&hash(&self.secret, PayloadHash::of(value).as_bytes())).copied()
    }

    /// The plan of a key that was found, and its place there.
    pub(crate) fn of(&self, usage: Usage) -> Option<(&Plan, &Membership)> {
        let membership = self.keys.get(usage.key as usize)?.memberships.get(usage.membership as usize)?;
        Some((self.plans.get(membership.plan as usize)?, membership))
    }

    /// What every key has used of every plan.
    pub(crate) fn usage(&self) -> impl Iterator<Item = KeyUsage<'_>> {
        self.keys.iter().flat_map(move |key| {
            key.memberships.iter().filter_map(move |membership| {
                let plan = self.plans.get(membership.plan as usize)?;
                let level = membership.allowance.quota.level();
                Some(KeyUsage { plan: &plan.name, key: &key.name, quota: plan.quota, level })
            })
        })
    }

    /// Every key's place in every plan, by their names: for a new snapshot that adopts it.
    pub(crate) fn memberships(&self) -> impl Iterator<Item = ((&str, &str), &Plan, &Membership)> {
        self.keys.iter().flat_map(move |key| {
            key.memberships.iter().filter_map(move |membership| {
                let plan = self.plans.get(membership.plan as usize)?;
                Some(((&*plan.name, &*key.name), plan, membership))
            })
        })
    }
}

impl Plan {
    pub(crate) fn stage(&self, api: &str, stage: &str) -> Option<&PlanStage> {
        self.stages.iter().find(|own| &*own.api == api && &*own.stage == stage)
    }
}

impl PlanStage {
    /// The throttle of a method: its own, else that of `ANY` on its resource.
    pub(crate) fn method(&self, resource_path: &str, verb: Verb) -> Option<(Pace, usize)> {
        let of = |verb| self.methods.iter().find(|own| &*own.path == resource_path && own.verb == verb);
        of(verb).or_else(|| of(Verb::Any)).map(|method| (method.pace, method.place))
    }
}

impl Usage {
    pub(crate) fn key_name<'a>(&self, house: &'a Snapshot) -> &'a str {
        house.keys.keys.get(self.key as usize).map_or("", |key| &*key.name)
    }
}

/// Builds the table.
#[derive(Debug)]
pub(crate) struct KeysBuilder {
    keys: Keys,
}

impl KeysBuilder {
    /// A table whose hashes are keyed with a secret of this process.
    pub(crate) fn new(secret: [u8; 32], plans: Vec<Plan>, capacity: usize) -> Self {
        let keys = Keys { secret, plans, keys: Vec::with_capacity(capacity), ..Keys::default() };
        Self { keys }
    }

    /// Adds a key with its places in plans.
    pub(crate) fn push(
        &mut self,
        name: &str,
        value: &ApiKeyValue,
        enabled: bool,
        memberships: Vec<Membership>,
    ) {
        let Ok(index) = u32::try_from(self.keys.keys.len()) else { return };
        match value {
            ApiKeyValue::Plain(secret) => {
                self.keys.plain.insert(hash(&self.keys.secret, secret.reveal().as_bytes()), index);
            }
            ApiKeyValue::Sha256(digest) => {
                self.keys.sha256.insert(hash(&self.keys.secret, digest), index);
            }
        }
        self.keys.keys.push(Key { name: name.into(), enabled, memberships });
    }

    pub(crate) fn finish(self) -> Keys {
        self.keys
    }
}

fn hash(secret: &[u8; 32], value: &[u8]) -> KeyHash {
    let hash = blake3::keyed_hash(secret, value);
    hash.as_bytes().first_chunk::<16>().copied().unwrap_or_default()
}

/// The hasher of keys that are hashes already, under a secret: their first bytes are as good as any.
#[derive(Clone, Copy, Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    // A fixed-length array writes its length first, which says nothing.
    fn write_usize(&mut self, _length: usize) {}
}
