//! `policyFile` and `identityPolicyFile`: policies, wherever they are attached.

use postern_document::{Place, Problems, parse_json, write_json};
use postern_policy::{Policy, PolicyKind, Reading as PolicyReading, mistakes};

use crate::{
    fields::Section,
    reading::{FileText, Reading},
};

/// The policy in the file that a key names: `None` where no file is named, `Some(None)` where the policy
/// is wrong.
pub(crate) fn file(
    section: &mut Section<'_>,
    key: &'static str,
    by_policy: &PolicyReading<'_>,
    reading: &mut Reading<'_>,
) -> Option<Option<Policy>> {
    let node = section.node(key)?;
    let Some(FileText { name, text }) = reading.text(key, node) else { return Some(None) };
    check_length(by_policy.kind, &name, &text, &mut reading.problems);
    Some(Policy::parse_text(&name, &text, by_policy, &mut reading.problems))
}

/// The same, where no file is as good as a wrong one.
pub(crate) fn optional_file(
    section: &mut Section<'_>,
    key: &'static str,
    by_policy: &PolicyReading<'_>,
    reading: &mut Reading<'_>,
) -> Option<Policy> {
    let policy = file(section, key, by_policy, reading).flatten();
    warn_of_mistakes(policy.as_ref(), true, &mut reading.problems);
    policy
}

/// Warns of what in a policy cannot be meant: what can never match, and what is misspelt.
pub(crate) fn warn_of_mistakes(policy: Option<&Policy>, is_private: bool, problems: &mut Problems) {
    if let Some(policy) = policy {
        problems.extend(mistakes(policy, is_private));
    }
}

/// Refuses a policy that the service would not store (resource-policies.md section 1).
fn check_length(kind: PolicyKind, name: &str, text: &str, problems: &mut Problems) {
    let without_space = || parse_json(name, text).map_or(0, |policy| write_json(&policy).chars().count());
    let (characters, most) = match kind {
        PolicyKind::Resource | PolicyKind::Domain => (without_space(), RESOURCE_POLICY_CHARACTERS_MAX),
        PolicyKind::Endpoint => (text.chars().count(), ENDPOINT_POLICY_CHARACTERS_MAX),
        PolicyKind::Identity | PolicyKind::AuthorizerOutput => return,
    };
    if characters > most {
        let message = format!("the policy has {characters} characters: expected at most {most}");
        problems.error(&Place::start_of(name), message);
    }
}

/// The characters of a resource policy without white space around its elements.
const RESOURCE_POLICY_CHARACTERS_MAX: usize = 8_192;

/// The characters of an endpoint policy, white space and all.
const ENDPOINT_POLICY_CHARACTERS_MAX: usize = 20_480;
