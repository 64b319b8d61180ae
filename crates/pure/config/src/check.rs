//! Compares what was written with the table of keys: unknown keys, keys that are not supported yet, and
//! keys without a value.

use postern_document::{Entry, Node, Problems, did_you_mean};

use crate::keys::{Absent, Fields, Key, Kind};

/// Reports every key of a mapping, and of all mappings in it, that its fields do not have. Values of
/// a wrong shape are left to the sections, which report them.
pub(crate) fn check_keys(node: &Node, fields: &'static Fields, problems: &mut Problems) {
    let Some(mapping) = node.as_mapping() else { return };
    for entry in mapping {
        match fields.keys.iter().find(|key| key.name == &*entry.key) {
            // A key that was left empty by mistake must not lift what it would have set.
            Some(key) if entry.value.is_null() && !matches!(key.absent, Absent::Refused) => {
                let name = key.name;
                problems
                    .error(&entry.place, format!("`{name}` has no value: write one, or leave the key out"));
            }
            Some(key) => check_value(&entry.value, &key.kind, problems),
            None => refuse(entry, fields, problems),
        }
    }
}

fn check_value(node: &Node, kind: &Kind, problems: &mut Problems) {
    match kind {
        Kind::Record(fields) => check_keys(node, fields, problems),
        Kind::List(inner) if inner.fields().is_some() => {
            for item in node.as_sequence().unwrap_or_default() {
                check_value(item, inner, problems);
            }
        }
        Kind::Map(inner) if inner.fields().is_some() => {
            for entry in node.as_mapping().into_iter().flatten() {
                check_value(&entry.value, inner, problems);
            }
        }
        _ => {}
    }
}

fn refuse(entry: &Entry, fields: &Fields, problems: &mut Problems) {
    let name = &*entry.key;
    if fields.unsupported.contains(&name) {
        problems.error(&entry.place, format!("`{name}` is not supported yet"));
        return;
    }
    let known = fields.keys.iter().map(|key: &Key| key.name).chain(fields.unsupported.iter().copied());
    let suggestion =
        did_you_mean(name, known).map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
    problems.error(&entry.place, format!("unknown key `{name}` in {}{suggestion}", fields.what));
}
