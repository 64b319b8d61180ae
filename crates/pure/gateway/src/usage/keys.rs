//! API keys and the plans that they belong to: found by a keyed hash, so that neither timing nor a
//! dump of memory tells a value (AU-19).
//!
//! There may be a million of them, so they stand in a few long rows instead of many small pieces: about
//! a hundred bytes for a key in one plan, its account included.

use std::{ops::Range, sync::Arc};

use postern_model::{ApiKey, ApiKeyValue, Quota, Verb};
use postern_protocol::signature::PayloadHash;

use super::{Accounts, UsageLevel};
use crate::{
    ApiKeyFault, Snapshot,
    throttle::{Bucket, Pace},
};

/// The first half of a keyed hash: 2^-64 for two of a billion keys to agree.
type KeyHash = [u8; 16];

/// All keys and plans of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    secret: [u8; 32],
    keys: Vec<Key>,
    /// The names of all keys, one behind the other.
    names: String,
    table: Table,
    has_hashed_values: bool,
    /// In the order of keys.
    memberships: Vec<Membership>,
    /// Buckets of single methods. Each membership has as many as its plan has method throttles.
    buckets: Vec<Arc<Bucket>>,
    plans: Vec<Plan>,
    pub(crate) accounts: Accounts,
    /// Places of memberships, in the order of their accounts' numbers.
    by_account: Vec<u32>,
    /// Accounts of keys that left their plans, and may come back.
    departed: Vec<Departed>,
}

/// A key. Its name and memberships begin where those of the key before it end.
#[derive(Debug)]
struct Key {
    hash: KeyHash,
    names_end: u32,
    memberships_end: u32,
    form: Form,
    enabled: bool,
}

/// What the hash of a key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The value.
    Plain,
    /// The SHA-256 of the value.
    Sha256,
}

/// A key's place in a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) plan: u32,
    /// The number of its account.
    pub(crate) account: u32,
    /// The place of its first bucket of single methods.
    first_bucket: u32,
}

/// A key that left a plan. What it used is remembered, so that leaving and coming back resets nothing.
#[derive(Clone, Debug)]
pub(crate) struct Departed {
    pub(crate) plan: Box<str>,
    pub(crate) key: Box<str>,
    pub(crate) account: u32,
}

/// A usage plan.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Counters are found by it; the same in every snapshot of a process.
    pub(crate) number: u32,
    pub(crate) name: Box<str>,
    pub(crate) throttle: Option<Pace>,
    pub(crate) quota: Option<Quota>,
    /// In the order of their numbers, for binary search.
    pub(crate) stages: Vec<PlanStage>,
    /// Method throttles, in the order of stages.
    pub(crate) methods: Vec<PlanMethod>,
}

/// A stage that a plan opens. Its method throttles begin where those of the stage before it end. There may
/// be thousands, so they lie close together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlanStage {
    /// The stage's number, which is the same in every snapshot of a process.
    pub(crate) number: u32,
    pub(crate) methods_end: u32,
}

/// The throttle of one method in a plan.
#[derive(Debug)]
pub(crate) struct PlanMethod {
    pub(crate) path: Box<str>,
    pub(crate) verb: Verb,
    pub(crate) pace: Pace,
}

/// A key that was found, whatever it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyNumber(u32);

impl KeyNumber {
    pub(crate) fn name(self, house: &Snapshot) -> &str {
        house.keys.name(self.0)
    }
}

/// A key that may call, in the plan that lets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    key: u32,
    membership: u32,
}

/// What a key has used of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage<'a> {
    /// The plan's name.
    pub plan: &'a str,
    /// The key's name.
    pub key: &'a str,
    /// The plan's quota, if it has one.
    pub quota: Option<Quota>,
    /// What is used.
    pub level: UsageLevel,
}

impl Keys {
    /// The key of a value, and its plan where it opens the stage of a number.
    pub(crate) fn find(&self, value: &[u8], stage: u32) -> (Option<KeyNumber>, Result<Usage, ApiKeyFault>) {
        match self.key_of(value) {
            Some(key) => (Some(KeyNumber(key)), self.open(key, stage)),
            None => (None, Err(ApiKeyFault::Unknown)),
        }
    }

    fn open(&self, key: u32, stage: u32) -> Result<Usage, ApiKeyFault> {
        if !self.keys.get(key as usize).is_some_and(|key| key.enabled) {
            return Err(ApiKeyFault::Disabled);
        }
        let opens = |membership: &u32| {
            let plan = self.memberships.get(*membership as usize).and_then(|own| self.plan(own.plan));
            plan.is_some_and(|plan| plan.opens(stage))
        };
        let membership = self.memberships_of(key).find(opens).ok_or(ApiKeyFault::NotInPlan)?;
        Ok(Usage { key, membership })
    }

    /// The place of the key of a value.
    fn key_of(&self, value: &[u8]) -> Option<u32> {
        let find = |value: &[u8], form| {
            let hash = hash(&self.secret, value);
            let is_it = |place: u32| {
                let key = self.keys.get(place as usize);
                key.is_some_and(|key| key.hash == hash && key.form == form)
            };
            self.table.find(&hash, is_it)
        };
        let plain = find(value, Form::Plain);
        if plain.is_some() || !self.has_hashed_values {
            return plain;
        }
        find(PayloadHash::of(value).as_bytes(), Form::Sha256)
    }

    /// The plan of a key that was found, and its place there.
    pub(crate) fn of(&self, usage: Usage) -> Option<(&Plan, &Membership)> {
        let membership = self.memberships.get(usage.membership as usize)?;
        Some((self.plan(membership.plan)?, membership))
    }

    /// The bucket of a single method.
    pub(crate) fn method_bucket(&self, membership: &Membership, place: usize) -> Option<&Arc<Bucket>> {
        self.buckets.get(membership.first_bucket as usize + place)
    }

    fn plan(&self, place: u32) -> Option<&Plan> {
        self.plans.get(place as usize)
    }

    fn name(&self, key: u32) -> &str {
        let begin = self.before(key).map_or(0, |key| key.names_end as usize);
        let end = self.keys.get(key as usize).map_or(0, |key| key.names_end as usize);
        self.names.get(begin..end).unwrap_or_default()
    }

    fn memberships_of(&self, key: u32) -> Range<u32> {
        let begin = self.before(key).map_or(0, |key| key.memberships_end);
        begin..self.keys.get(key as usize).map_or(begin, |key| key.memberships_end)
    }

    fn before(&self, key: u32) -> Option<&Key> {
        self.keys.get(key.checked_sub(1)? as usize)
    }

    /// The plans, with the numbers that their counters are found by.
    pub(crate) fn plans(&self) -> impl Iterator<Item = (u32, &str)> {
        self.plans.iter().map(|plan| (plan.number, &*plan.name))
    }

    pub(crate) fn has_plan(&self, name: &str) -> bool {
        self.plans.iter().any(|plan| &*plan.name == name)
    }

    /// How many places in plans there are.
    pub(crate) const fn membership_count(&self) -> usize {
        self.memberships.len()
    }

    /// What a key has used of a plan, by the place of its membership.
    pub(crate) fn usage(&self, place: usize) -> Option<KeyUsage<'_>> {
        let membership = self.memberships.get(place)?;
        let plan = self.plan(membership.plan)?;
        let key = self.keys.partition_point(|key| key.memberships_end as usize <= place);
        let key = self.name(u32::try_from(key).ok()?);
        let level = self.accounts.get(membership.account)?.level();
        Some(KeyUsage { plan: &plan.name, key, quota: plan.quota, level })
    }

    /// What an account is of: a key in a plan, or one that was.
    pub(crate) fn usage_of_account(&self, number: u32) -> Option<KeyUsage<'_>> {
        let account = |place: &u32| self.memberships.get(*place as usize).map(|own| own.account);
        let found = self.by_account.binary_search_by(|place| account(place).cmp(&Some(number)));
        if let Ok(index) = found {
            return self.usage(*self.by_account.get(index)? as usize);
        }
        let Departed { plan, key, account } = self.departed.iter().find(|own| own.account == number)?;
        let level = self.accounts.get(*account)?.level();
        Some(KeyUsage { plan, key, quota: None, level })
    }

    /// The membership of a key in a plan, by their names.
    pub(crate) fn membership(&self, plan: &str, key: &str) -> Option<(&Plan, &Membership)> {
        let mut places = 0..u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let place = places.find(|place| self.name(*place) == key)?;
        self.memberships_of(place)
            .filter_map(|place| self.memberships.get(place as usize))
            .filter_map(|membership| Some((self.plan(membership.plan)?, membership)))
            .find(|(own, _)| &*own.name == plan)
    }

    /// Every key's place in every plan, by their names: for a new snapshot that adopts it.
    pub(crate) fn memberships(&self) -> impl Iterator<Item = ((&str, &str), (&Plan, &Membership))> {
        (0_u32..).zip(&self.keys).flat_map(move |(key, _)| {
            self.memberships_of(key).filter_map(move |place| {
                let membership = self.memberships.get(place as usize)?;
                let plan = self.plan(membership.plan)?;
                Some(((&*plan.name, self.name(key)), (plan, membership)))
            })
        })
    }

    /// The keys that left their plans.
    pub(crate) fn departed(&self) -> &[Departed] {
        &self.departed
    }
}

impl Plan {
    /// Whether it opens the stage of a number.
    pub(crate) fn opens(&self, stage: u32) -> bool {
        self.place_of(stage).is_some()
    }

    /// The throttle of a method in the stage of a number: its own, else that of `ANY` on its resource; and
    /// the place of its bucket among those of a membership.
    pub(crate) fn method(&self, stage: u32, resource_path: &str, verb: Verb) -> Option<(Pace, usize)> {
        // Few plans throttle single methods.
        if self.methods.is_empty() {
            return None;
        }
        let stage = self.place_of(stage)?;
        let is_it = |own: &PlanMethod, verb| &*own.path == resource_path && own.verb == verb;
        let of = |verb| self.methods_of(stage)?.find(|(_, own)| is_it(own, verb));
        of(verb).or_else(|| of(Verb::Any)).map(|(place, method)| (method.pace, place))
    }

    /// The method throttles of all stages, with the stages' numbers, in the order of their places.
    pub(crate) fn stage_methods(&self) -> impl Iterator<Item = (u32, &PlanMethod)> {
        let stages = self.stages.iter().enumerate();
        stages.flat_map(|(place, stage)| {
            self.methods_of(place).into_iter().flatten().map(|(_, method)| (stage.number, method))
        })
    }

    fn place_of(&self, stage: u32) -> Option<usize> {
        self.stages.binary_search_by_key(&stage, |own| own.number).ok()
    }

    /// The method throttles of the stage at a place, with their own places.
    fn methods_of(&self, place: usize) -> Option<impl Iterator<Item = (usize, &PlanMethod)>> {
        let before = place.checked_sub(1).and_then(|before| self.stages.get(before));
        let begin = before.map_or(0, |before| before.methods_end as usize);
        let end = self.stages.get(place)?.methods_end as usize;
        Some((begin..).zip(self.methods.get(begin..end)?))
    }
}

impl Usage {
    pub(crate) fn key_name(self, house: &Snapshot) -> &str {
        house.keys.name(self.key)
    }
}

/// Builds the table.
#[derive(Debug)]
pub(crate) struct KeysBuilder {
    keys: Keys,
}

impl KeysBuilder {
    /// A table for so many keys and memberships, whose hashes are keyed with a secret of this process.
    pub(crate) fn new(secret: [u8; 32], keys: &[ApiKey], memberships: usize) -> Self {
        let names = keys.iter().map(|key| key.name.len()).sum();
        Self {
            keys: Keys {
                secret,
                keys: Vec::with_capacity(keys.len()),
                names: String::with_capacity(names),
                table: Table::for_keys(keys.len()),
                memberships: Vec::with_capacity(memberships),
                ..Keys::default()
            },
        }
    }

    /// Adds a key. What is added next are its places in plans.
    pub(crate) fn push_key(&mut self, key: &ApiKey) {
        let keys = &mut self.keys;
        let (hash, form) = match &key.value {
            ApiKeyValue::Plain(value) => (hash(&keys.secret, value.reveal().as_bytes()), Form::Plain),
            ApiKeyValue::Sha256(digest) => (hash(&keys.secret, digest), Form::Sha256),
        };
        keys.has_hashed_values |= form == Form::Sha256;
        keys.table.insert(&hash, number(keys.keys.len()));
        keys.names.push_str(&key.name);
        keys.keys.push(Key {
            hash,
            names_end: number(keys.names.len()),
            memberships_end: number(keys.memberships.len()),
            form,
            enabled: key.enabled,
        });
    }

    /// Adds a place in a plan to the key that was added last.
    pub(crate) fn push_membership(&mut self, plan: u32, account: u32, buckets: Vec<Arc<Bucket>>) {
        let keys = &mut self.keys;
        let first_bucket = number(keys.buckets.len());
        keys.buckets.extend(buckets);
        keys.memberships.push(Membership { plan, account, first_bucket });
        if let Some(key) = keys.keys.last_mut() {
            key.memberships_end = number(keys.memberships.len());
        }
    }

    /// Adds a key that left a plan.
    pub(crate) fn push_departed(&mut self, departed: Departed) {
        self.keys.departed.push(departed);
    }

    pub(crate) fn finish(self, plans: Vec<Plan>, accounts: Accounts) -> Keys {
        let mut keys = Keys { plans, accounts, ..self.keys };
        let account = |place: &u32| keys.memberships.get(*place as usize).map(|own| own.account);
        let mut by_account: Vec<u32> = (0..number(keys.memberships.len())).collect();
        by_account.sort_unstable_by_key(account);
        keys.by_account = by_account;
        keys.buckets.shrink_to_fit();
        keys
    }
}

/// Places by hash: an open table of which at most half is used, so that a look costs two places on
/// average, however many keys there are.
#[derive(Debug, Default)]
struct Table {
    /// Places plus one; 0: free. Its length is a power of two.
    slots: Vec<u32>,
}

impl Table {
    fn for_keys(count: usize) -> Self {
        Self { slots: vec![0; (count * 2).next_power_of_two()] }
    }

    fn find(&self, hash: &KeyHash, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.probe(hash)
            .filter_map(|slot| self.slots.get(slot))
            .map_while(|slot| slot.checked_sub(1))
            .find(|place| is_it(*place))
    }

    fn insert(&mut self, hash: &KeyHash, place: u32) {
        let free = self.probe(hash).find(|slot| self.slots.get(*slot) == Some(&0));
        if let Some(slot) = free.and_then(|slot| self.slots.get_mut(slot)) {
            *slot = place.saturating_add(1);
        }
    }

    /// The slots of a hash, in the order in which they are looked at. A hash under a secret is as good
    /// as any: its first bytes tell the slot.
    fn probe(&self, hash: &KeyHash) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len().saturating_sub(1);
        let first = hash.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        // What a smaller address space cuts off does not matter.
        let first = usize::try_from(first & mask as u64).unwrap_or_default();
        (0..=mask).map(move |step| (first + step) & mask)
    }
}

fn hash(secret: &[u8; 32], value: &[u8]) -> KeyHash {
    let hash = blake3::keyed_hash(secret, value);
    hash.as_bytes().first_chunk::<16>().copied().unwrap_or_default()
}

/// A number for a place: of keys and names that fit in memory there are fewer than four billion.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys_of(values: &[(String, bool)]) -> Keys {
        let keys: Vec<ApiKey> = values
            .iter()
            .map(|(value, is_hashed)| {
                let plain = ApiKeyValue::plain(value).unwrap();
                let digest = ApiKeyValue::Sha256(*PayloadHash::of(value.as_bytes()).as_bytes());
                ApiKey {
                    name: value.as_str().into(),
                    value: if *is_hashed { digest } else { plain },
                    enabled: true,
                }
            })
            .collect();
        let mut builder = KeysBuilder::new([7; 32], &keys, 0);
        keys.iter().for_each(|key| builder.push_key(key));
        builder.finish(Vec::new(), Accounts::default())
    }

    #[test]
    fn a_table_of_no_keys_knows_none() {
        assert_eq!(keys_of(&[]).key_of(b"any value of twenty characters"), None);
        assert_eq!(Keys::default().key_of(b""), None);
    }

    #[test]
    fn the_hash_of_a_value_does_not_stand_for_it() {
        let value = "a-value-of-more-than-twenty-characters".to_owned();
        let keys = keys_of(&[(value.clone(), true)]);
        assert_eq!(keys.key_of(value.as_bytes()), Some(0));
        assert_eq!(keys.key_of(PayloadHash::of(value.as_bytes()).as_bytes()), None);
    }

    proptest! {
        /// The slow twin looks at one after the other.
        #[test]
        fn every_key_is_found_by_its_value_alone(
            values in proptest::collection::btree_map("[a-c]{20,24}", any::<bool>(), 0..60),
            asked in proptest::collection::vec("[a-c]{20,24}", 0..20),
        ) {
            let values: Vec<(String, bool)> = values.into_iter().collect();
            let keys = keys_of(&values);
            for value in values.iter().map(|(value, _)| value).chain(&asked) {
                let expected = values.iter().position(|(own, _)| own == value).map(number);
                prop_assert_eq!(keys.key_of(value.as_bytes()), expected);
                if let Some(place) = expected {
                    prop_assert_eq!(keys.name(place), value.as_str());
                }
            }
        }
    }
}
