//! A mapping that is read by the table of keys: ranges, words and defaults come from there.

use std::fmt::Display;

use postern_document::{Entry, Node, Place, Problems, Record};

use crate::keys::{Absent, Fields, Key, Kind, MOST_REQUESTS_PER_SECOND};

/// A mapping of the file and the keys that it may have.
///
/// Unknown keys are reported once for the whole file (`check.rs`), so nothing here looks for them.
pub(crate) struct Section<'node> {
    record: Record<'node>,
    fields: &'static Fields,
}

impl<'node> Section<'node> {
    /// Starts reading; anything but a mapping is a problem.
    pub(crate) fn read(node: &'node Node, fields: &'static Fields, problems: &mut Problems) -> Option<Self> {
        Some(Self { record: Record::read(node, fields.what, problems)?, fields })
    }

    /// Where the mapping starts.
    pub(crate) const fn place(&self) -> &Place {
        self.record.place()
    }

    /// The value of a key as it was written; null counts as absent.
    pub(crate) fn node(&mut self, name: &'static str) -> Option<&'node Node> {
        self.record.node(name)
    }

    /// A value that must be there.
    pub(crate) fn required<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> Option<T> {
        self.record.required(name, parse, problems)
    }

    /// A value that may be there.
    pub(crate) fn optional<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> Option<T> {
        self.record.optional(name, parse, problems)
    }

    /// A value that must be there, with its node.
    pub(crate) fn required_node(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<&'node Node> {
        self.record.required_node(name, problems)
    }

    /// The items of a list; none where it is absent.
    pub(crate) fn list(&mut self, name: &'static str, problems: &mut Problems) -> &'node [Node] {
        self.record.sequence(name, problems)
    }

    /// The items of a list that must be there and hold something.
    pub(crate) fn required_list(&mut self, name: &'static str, problems: &mut Problems) -> &'node [Node] {
        if self.record.required_node(name, problems).is_some() {
            self.filled_list(name, problems)
        } else {
            &[]
        }
    }

    /// The items of a list that may be absent and may not be empty.
    pub(crate) fn filled_list(&mut self, name: &'static str, problems: &mut Problems) -> &'node [Node] {
        let items = self.record.sequence(name, problems);
        if let Some(node) =
            self.record.node(name).filter(|node| node.as_sequence().is_some_and(<[_]>::is_empty))
        {
            problems.error(&node.place, format!("`{name}` is empty: expected at least one item"));
        }
        items
    }

    /// The entries of a mapping whose keys the user chooses.
    pub(crate) fn map(&mut self, name: &'static str, problems: &mut Problems) -> &'node [Entry] {
        self.record.mapping(name, problems)
    }

    /// A mapping in this one, if it is there.
    pub(crate) fn section(&mut self, name: &'static str, problems: &mut Problems) -> Option<Self> {
        let fields = self.key(name)?.kind.fields()?;
        Self::read(self.record.node(name)?, fields, problems)
    }

    /// The mappings in a list of this one; none where it is absent.
    pub(crate) fn sections(&mut self, name: &'static str, problems: &mut Problems) -> Vec<Self> {
        let items = self.list(name, problems);
        self.sections_of(name, items, problems)
    }

    /// The mappings in a list that was read as a list already.
    pub(crate) fn sections_of(
        &self,
        name: &'static str,
        items: &'node [Node],
        problems: &mut Problems,
    ) -> Vec<Self> {
        let Some(fields) = self.key(name).and_then(|key| key.kind.fields()) else { return Vec::new() };
        items.iter().filter_map(|item| Self::read(item, fields, problems)).collect()
    }

    /// The mappings in a map of this one, each with its entry.
    pub(crate) fn map_sections(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Vec<(&'node Entry, Self)> {
        let Some(fields) = self.key(name).and_then(|key| key.kind.fields()) else { return Vec::new() };
        let entries = self.record.mapping(name, problems);
        entries
            .iter()
            .filter_map(|entry| Some((entry, Self::read(&entry.value, fields, problems)?)))
            .collect()
    }

    /// `true` or `false`; absent: the table's default.
    pub(crate) fn boolean(&mut self, name: &'static str, problems: &mut Problems) -> bool {
        let default = self.key(name).is_some_and(|key| key.absent == Absent::Value("true"));
        self.record.boolean(name, default, problems)
    }

    /// `true` or `false`, if it is there.
    pub(crate) fn optional_boolean(&mut self, name: &'static str, problems: &mut Problems) -> Option<bool> {
        self.record.node(name)?;
        Some(self.record.boolean(name, false, problems))
    }

    /// One of the table's words; absent or wrong: the default, else the first.
    pub(crate) fn choice(&mut self, name: &'static str, problems: &mut Problems) -> Option<&'static str> {
        let key = self.key(name)?;
        let Kind::Choice(words) = key.kind else { return None };
        let written = match key.absent {
            Absent::Refused => self.record.required(name, |text| one_of(words, text), problems),
            _ => self.record.optional(name, |text| one_of(words, text), problems),
        };
        match (written, key.absent) {
            (None, Absent::Value(default)) => Some(default),
            (written, _) => written,
        }
    }

    /// A whole number in the table's range; absent or wrong: the default, if there is one.
    pub(crate) fn whole(&mut self, name: &'static str, problems: &mut Problems) -> Option<u64> {
        let key = self.key(name)?;
        let parse = |text: &str| parse_whole(&key.kind, text);
        match key.absent {
            Absent::Refused => self.record.required(name, parse, problems),
            Absent::Number(default) => self.record.optional(name, parse, problems).or(Some(default)),
            _ => self.record.optional(name, parse, problems),
        }
    }

    /// A rate; absent or wrong: none.
    pub(crate) fn rate(&mut self, name: &'static str, problems: &mut Problems) -> Option<f64> {
        let key = self.key(name)?;
        let parse = |text: &str| parse_rate(&key.kind, text);
        match key.absent {
            Absent::Refused => self.record.required(name, parse, problems),
            _ => self.record.optional(name, parse, problems),
        }
    }

    /// Whether a key holds the word that stands beside numbers in the table, such as `auto` or `-1`.
    pub(crate) fn is_word(&mut self, name: &'static str) -> bool {
        let Some(Kind::WordOr(word, _)) = self.key(name).map(|key| key.kind) else { return false };
        self.record.node(name).and_then(Node::as_scalar_text) == Some(word)
    }

    /// The row of a key in the table.
    fn key(&self, name: &str) -> Option<&'static Key> {
        self.fields.keys.iter().find(|key| key.name == name)
    }
}

/// Reads one of some words.
pub(crate) fn one_of(words: &'static [&'static str], text: &str) -> Result<&'static str, String> {
    words
        .iter()
        .find(|word| **word == text)
        .copied()
        .ok_or_else(|| format!("expected {}", alternatives(words)))
}

/// `` `a`, `b` or `c` ``
fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

fn parse_whole(kind: &Kind, text: &str) -> Result<u64, String> {
    let (least, most) = match kind {
        Kind::WordOr(_, Kind::Whole { least, most, .. }) | Kind::Whole { least, most, .. } => (*least, *most),
        _ => return Err(expected(kind)),
    };
    text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| expected(kind))
}

fn parse_rate(kind: &Kind, text: &str) -> Result<f64, String> {
    let most = f64::from(MOST_REQUESTS_PER_SECOND);
    text.parse().ok().filter(|rate| (0.0..=most).contains(rate)).ok_or_else(|| expected(kind))
}

/// What would have been right, for messages.
fn expected(kind: &Kind) -> String {
    match kind {
        Kind::WordOr(word, other) => format!("{}, or `{word}`", expected(other)),
        Kind::Whole { least, most, unit: "" } => format!("expected a whole number from {least} to {most}"),
        Kind::Whole { least, most: u64::MAX, unit } => {
            format!("expected a whole number of {unit} from {least} on")
        }
        Kind::Whole { least, most, unit } => {
            format!("expected a whole number of {unit} from {least} to {most}")
        }
        Kind::Rate => format!("expected 0 to {MOST_REQUESTS_PER_SECOND} requests a second"),
        _ => String::new(),
    }
}
