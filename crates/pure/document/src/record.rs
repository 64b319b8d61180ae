//! Reading a mapping field by field. What was not read is an unknown key.

use std::fmt::Display;

use crate::{Entry, Mapping, Node, Place, Problems, did_you_mean};

/// A mapping that is being read as a record with known keys.
///
/// Every key that is asked for, present or not, is a known one; [`Record::refuse_unknown_keys`]
/// reports the rest with a suggestion.
///
/// ```
/// use postern_document::{Problems, Record, parse_yaml};
///
/// let node = parse_yaml("stage.yaml", "stagename: demo\ntimeout: x\n").unwrap();
/// let mut problems = Problems::default();
/// let mut record = Record::read(&node, "a stage", &mut problems).unwrap();
/// let name = record.optional("stageName", |text| Ok::<_, String>(text.to_owned()), &mut problems);
/// let timeout = record.required("timeout", |text| text.parse::<u32>().map_err(|_| "expected seconds"), &mut problems);
/// record.refuse_unknown_keys(&mut problems);
/// assert_eq!((name, timeout), (None, None));
/// let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
/// assert_eq!(told, [
///     "stage.yaml:2:10: `timeout` is `x`: expected seconds",
///     "stage.yaml:1:1: unknown key `stagename` in a stage: did you mean `stageName`?",
/// ]);
/// ```
#[derive(Debug)]
pub struct Record<'node> {
    what: &'static str,
    place: Place,
    mapping: &'node Mapping,
    known: Vec<&'static str>,
}

impl<'node> Record<'node> {
    /// Starts reading. `what` names the record in messages, with its article: "a stage".
    /// Anything but a mapping is a problem and gives `None`.
    pub fn read(node: &'node Node, what: &'static str, problems: &mut Problems) -> Option<Self> {
        let Some(mapping) = node.as_mapping() else {
            problems
                .error(&node.place, format!("{} where {what} is expected: expected a mapping", node.kind()));
            return None;
        };
        Some(Self { what, place: node.place.clone(), mapping, known: Vec::new() })
    }

    /// Where the record starts.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The value of a key as it was written; null counts as absent.
    pub fn node(&mut self, key: &'static str) -> Option<&'node Node> {
        self.entry(key).map(|entry| &entry.value).filter(|node| !node.is_null())
    }

    /// The entry of a key, with the key's own place.
    pub fn entry(&mut self, key: &'static str) -> Option<&'node Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.mapping.entry(key)
    }

    /// The value of a key that must be there.
    pub fn required_node(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'node Node> {
        let node = self.node(key);
        if node.is_none() {
            problems.error(&self.place, format!("`{key}` is missing in {}", self.what));
        }
        node
    }

    /// A scalar that must be there, read by `parse`; its error completes "`key` is `text`: …".
    pub fn required<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> Option<T> {
        let node = self.required_node(key, problems)?;
        parse_scalar(key, node, parse, problems)
    }

    /// A scalar that may be there, read by `parse`.
    pub fn optional<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> Option<T> {
        let node = self.node(key)?;
        parse_scalar(key, node, parse, problems)
    }

    /// `true` or `false`, or `default` where the key is absent or wrong (which is reported).
    pub fn boolean(&mut self, key: &'static str, default: bool, problems: &mut Problems) -> bool {
        let parse = |text: &str| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("expected `true` or `false`"),
        };
        self.optional(key, parse, problems).unwrap_or(default)
    }

    /// The items of a list; an absent key is an empty list, anything else than a list a problem.
    pub fn sequence(&mut self, key: &'static str, problems: &mut Problems) -> &'node [Node] {
        let Some(node) = self.node(key) else { return &[] };
        node.as_sequence().unwrap_or_else(|| {
            problems.error(&node.place, format!("`{key}` is {}: expected a list", node.kind()));
            &[]
        })
    }

    /// The entries of a mapping; an absent key is an empty one, anything else a problem.
    pub fn mapping(&mut self, key: &'static str, problems: &mut Problems) -> &'node [Entry] {
        let Some(node) = self.node(key) else { return &[] };
        node.as_mapping().map_or_else(
            || {
                problems.error(&node.place, format!("`{key}` is {}: expected a mapping", node.kind()));
                [].as_slice()
            },
            |mapping| mapping.iter().as_slice(),
        )
    }

    /// The keys that were asked for so far: the known ones.
    #[must_use]
    pub fn known(&self) -> &[&'static str] {
        &self.known
    }

    /// The entries that no call has asked for.
    pub fn unread(&self) -> impl Iterator<Item = &'node Entry> {
        self.mapping.iter().filter(|entry| !self.known.contains(&&*entry.key))
    }

    /// Reports every key that was not asked for.
    pub fn refuse_unknown_keys(&self, problems: &mut Problems) {
        for entry in self.unread() {
            let suggestion = did_you_mean(&entry.key, self.known.iter().copied())
                .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
            problems.error(&entry.place, format!("unknown key `{}` in {}{suggestion}", entry.key, self.what));
        }
    }
}

fn parse_scalar<T, E: Display>(
    key: &str,
    node: &Node,
    parse: impl FnOnce(&str) -> Result<T, E>,
    problems: &mut Problems,
) -> Option<T> {
    let Some(text) = node.as_scalar_text() else {
        problems.error(&node.place, format!("`{key}` is {}: expected one value", node.kind()));
        return None;
    };
    match parse(text) {
        Ok(value) => Some(value),
        Err(error) => {
            problems.error(&node.place, format!("`{key}` is `{text}`: {error}"));
            None
        }
    }
}
