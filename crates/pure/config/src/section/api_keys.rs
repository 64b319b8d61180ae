//! `apiKeys` and `apiKeysFile`: the keys, of which there may be a million.
//!
//! Nothing here is quadratic, and what is kept beside a key while reading is small: duplicates are
//! found by sorting hashes and numbers, not by maps of texts. Messages show places alone, neither
//! values nor names: a person may have put one where the other belongs.

use aws_lc_rs::digest;
use postern_document::{Node, Place, Problems};
use postern_model::{ApiKey, ApiKeyValue, Malformed, Secret};

use crate::{
    fields::Section,
    reading::Reading,
    section::{
        api_keys_file::{self, ImportedKey},
        usage_plans::PlanNumbers,
    },
};

/// The four ways to give a value.
const VALUE_KEYS: [&str; 4] = ["value", "valueFile", "valueEnv", "valueSha256"];

/// All keys that were read.
#[derive(Default)]
pub(crate) struct Keys {
    keys: Vec<ReadKey>,
    /// Numbers of keys, in the order of their names.
    by_name: Vec<u32>,
    /// What the files say about usage plans.
    pub(crate) memberships: Vec<Membership>,
}

/// A key in a usage plan, both by number.
pub(crate) struct Membership {
    /// The key.
    pub(crate) key: u32,
    /// The plan.
    pub(crate) plan: u32,
    /// Where that is said.
    pub(crate) place: Place,
}

struct ReadKey {
    name: Box<str>,
    /// Absent where it was refused.
    value: Option<ApiKeyValue>,
    enabled: bool,
    place: Place,
    is_imported: bool,
    /// A later line of a file holds the same value, and wins.
    is_replaced: bool,
}

impl ReadKey {
    /// Whether it is a key of the model.
    const fn is_kept(&self) -> bool {
        self.value.is_some() && !self.is_replaced
    }
}

/// Reads `apiKeys`, then the files.
pub(crate) fn read(root: &mut Section<'_>, plans: &PlanNumbers, reading: &mut Reading<'_>) -> Keys {
    let mut keys = Keys::default();
    for section in root.sections("apiKeys", &mut reading.problems) {
        keys.keys.extend(api_key(section, reading));
    }
    for node in root.list("apiKeysFile", &mut reading.problems) {
        keys.import(node, plans, reading);
    }
    keys.settle_values(&mut reading.problems);
    keys.settle_names(&mut reading.problems);
    keys
}

impl Keys {
    /// The number of the key of this name.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        let index = self.by_name.binary_search_by(|number| self.name(*number).cmp(name)).ok()?;
        self.by_name.get(index).copied()
    }

    /// The name of a key.
    pub(crate) fn name(&self, number: u32) -> &str {
        self.get(number).map_or("", |key| &key.name)
    }

    /// Whether a later line of a file stands for this key.
    pub(crate) fn is_replaced(&self, number: u32) -> bool {
        self.get(number).is_some_and(|key| key.is_replaced)
    }

    /// The places of keys, by their numbers, among those of the model; absent for what it leaves out.
    pub(crate) fn places(&self) -> Vec<Option<u32>> {
        let mut kept = 0..;
        self.keys.iter().map(|key| if key.is_kept() { kept.next() } else { None }).collect()
    }

    /// The keys of the model.
    pub(crate) fn into_api_keys(self) -> Vec<ApiKey> {
        self.keys
            .into_iter()
            .filter(ReadKey::is_kept)
            .filter_map(|key| Some(ApiKey { name: key.name, value: key.value?, enabled: key.enabled }))
            .collect()
    }

    fn get(&self, number: u32) -> Option<&ReadKey> {
        self.keys.get(usize::try_from(number).ok()?)
    }

    fn import(&mut self, node: &Node, plans: &PlanNumbers, reading: &mut Reading<'_>) {
        let Some(file) = reading.text("apiKeysFile", node) else { return };
        let text = Secret::new(file.text);
        api_keys_file::read(&file.name, text.reveal(), &mut reading.problems, |imported, problems| {
            let ImportedKey { name, value, enabled, usage_plans: (names, plans_place), place } = imported;
            let key = number_of(self.keys.len());
            for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                match plans.number(name) {
                    Some(plan) => self.memberships.push(Membership { key, plan, place: plans_place.clone() }),
                    None => {
                        problems.error(&plans_place, "`UsagePlanIds` names a usage plan that is not there")
                    }
                }
            }
            self.keys.push(ReadKey { name, value, enabled, place, is_imported: true, is_replaced: false });
        });
    }

    /// Finds values that stand twice, by hash. In files a later line replaces an earlier one, as the
    /// service's import does; elsewhere that is a mistake.
    fn settle_values(&mut self, problems: &mut Problems) {
        let hash_of = |(index, key): (usize, &ReadKey)| Some((sha256(key.value.as_ref()?), number_of(index)));
        let mut hashes: Vec<([u8; 32], u32)> = self.keys.iter().enumerate().filter_map(hash_of).collect();
        hashes.sort_unstable();
        let mut pairs: Vec<(u32, u32)> = hashes
            .iter()
            .zip(hashes.iter().skip(1))
            .filter(|(one, other)| one.0 == other.0)
            .map(|(one, other)| (one.1, other.1))
            .collect();
        pairs.sort_unstable();
        for (earlier, later) in pairs {
            self.settle_pair(earlier, later, problems);
        }
    }

    fn settle_pair(&mut self, earlier: u32, later: u32, problems: &mut Problems) {
        let (Some(first), Some(second)) = (self.get(earlier), self.get(later)) else { return };
        if first.is_imported && second.is_imported {
            let message = format!("this key stands again at {}, which replaces it", second.place);
            problems.warning(&first.place, message);
            let index = usize::try_from(earlier).unwrap_or(usize::MAX);
            if let Some(first) = self.keys.get_mut(index) {
                first.is_replaced = true;
            }
        } else {
            let message = format!("the value of this API key stands at {} already", first.place);
            problems.error(&second.place, message);
        }
    }

    /// Sorts the keys by name and finds names that stand twice.
    fn settle_names(&mut self, problems: &mut Problems) {
        let count = number_of(self.keys.len());
        let mut by_name: Vec<u32> = (0..count).filter(|number| !self.is_replaced(*number)).collect();
        by_name.sort_by(|one, other| self.name(*one).cmp(self.name(*other)));
        for (earlier, later) in by_name.iter().zip(by_name.iter().skip(1)) {
            if let (Some(first), Some(second)) = (self.get(*earlier), self.get(*later))
                && first.name == second.name
            {
                let message = format!("the name of this API key stands at {} already", first.place);
                problems.error(&second.place, message);
            }
        }
        self.by_name = by_name;
    }
}

/// Reads a name: 1 to 1024 characters (AU-15).
pub(crate) fn key_name(text: &str) -> Result<Box<str>, Malformed> {
    if (1..=1024).contains(&text.chars().count()) {
        Ok(text.into())
    } else {
        Err(Malformed::new("a name of 1 to 1024 characters"))
    }
}

fn api_key(mut section: Section<'_>, reading: &mut Reading<'_>) -> Option<ReadKey> {
    let place = section.place().clone();
    let name = section.required("name", key_name, &mut reading.problems);
    let value = value(&mut section, reading);
    let enabled = section.boolean("enabled", &mut reading.problems);
    Some(ReadKey { name: name?, value, enabled, place, is_imported: false, is_replaced: false })
}

/// The value by the one way that is given. A refused value is never shown.
fn value(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<ApiKeyValue> {
    let given: Vec<(&str, &Node)> =
        VALUE_KEYS.into_iter().filter_map(|key| Some((key, section.node(key)?))).collect();
    let (key, node) = match given.as_slice() {
        [one] => *one,
        others => {
            let problem = if others.is_empty() { "has no value" } else { "has several values" };
            let message = format!(
                "the API key {problem}: expected one of `value`, `valueFile`, `valueEnv`, `valueSha256`"
            );
            reading.problems.error(section.place(), message);
            return None;
        }
    };
    let text = match key {
        "valueFile" => reading.secret_text(key, node)?,
        "valueEnv" => reading.secret_variable(key, node)?,
        _ => Secret::new(reading.scalar(key, node)?.to_owned()),
    };
    let parse = if key == "valueSha256" { ApiKeyValue::sha256 } else { ApiKeyValue::plain };
    parse(text.reveal())
        .map_err(|error| reading.problems.error(&node.place, format!("`{key}` is refused: {error}")))
        .ok()
}

/// The hash by which values are compared.
fn sha256(value: &ApiKeyValue) -> [u8; 32] {
    match value {
        ApiKeyValue::Sha256(hash) => *hash,
        ApiKeyValue::Plain(text) => {
            let hash = digest::digest(&digest::SHA256, text.reveal().as_bytes());
            hash.as_ref().try_into().unwrap_or_default()
        }
    }
}

/// A number for an index: of keys that fit in memory there are fewer than four billion.
fn number_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
