//! The tree that YAML and JSON are read into: what was written, and where.

use std::collections::BTreeMap;

use crate::{Place, Problems};

/// How deep lists and mappings may stand in each other; a list in nothing has depth 1.
pub const MAXIMUM_DEPTH: usize = 64;

/// One value of a document and the place where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where the value starts; of a block scalar, where its first line that is not blank starts.
    pub place: Place,
    /// The value.
    pub value: Value,
    layout: Layout,
}

/// How the text of a scalar lies in the file, for places inside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// With escapes or folded lines, or no text at all: only the start is known.
    Opaque,
    /// On one line as it is, after this many characters of quotation.
    Inline {
        /// 1 behind a quotation mark, else 0.
        quotation: u32,
    },
    /// A literal block: each line of the text is a line of the file, indented alike.
    Block,
}

/// What a document can hold. Equality ignores nothing: numbers are equal when their text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false` (YAML 1.2 core schema: no `yes`, `on`).
    Boolean(bool),
    /// A number, as it was written: digits are kept whatever their count.
    Number(Box<str>),
    /// Text.
    Text(Box<str>),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order of the file.
    Mapping(Mapping),
}

/// Keys and values in the order in which they were written; keys are unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    entries: Vec<Entry>,
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key. A YAML number or boolean as key (`200:`) is read as its text.
    pub key: Box<str>,
    /// Where the key starts.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A node of this place and value.
    #[must_use]
    pub const fn new(place: Place, value: Value) -> Self {
        Self { place, value, layout: Layout::Opaque }
    }

    pub(crate) const fn with_layout(place: Place, value: Value, layout: Layout) -> Self {
        Self { place, value, layout }
    }

    /// The place in the file of a line and column (both from 1) of this text: exact in literal
    /// blocks and in scalars on one line without escapes, else the start of the scalar.
    ///
    /// ```
    /// use postern_document::parse_yaml;
    ///
    /// let node = parse_yaml("a.yaml", "template: |\n  #set($a = 1)\n  $a\n").unwrap();
    /// assert_eq!(node.get("template").unwrap().place_in_text(2, 1).to_string(), "a.yaml:3:3");
    /// ```
    #[must_use]
    pub fn place_in_text(&self, line: u32, column: u32) -> Place {
        let Value::Text(text) = &self.value else { return self.place.clone() };
        let to_the_right = self.place.column().saturating_add(column.saturating_sub(1));
        match self.layout {
            Layout::Inline { quotation } if line <= 1 => {
                self.place.at(self.place.line(), to_the_right.saturating_add(quotation))
            }
            Layout::Inline { .. } | Layout::Opaque => self.place.clone(),
            Layout::Block => {
                let blank = text.bytes().take_while(|byte| *byte == b'\n').count();
                let first = self.place.line().saturating_sub(u32::try_from(blank).unwrap_or(u32::MAX));
                self.place.at(first.saturating_add(line.saturating_sub(1)), to_the_right)
            }
        }
    }

    /// The mapping, if this is one.
    #[must_use]
    pub const fn as_mapping(&self) -> Option<&Mapping> {
        if let Value::Mapping(mapping) = &self.value { Some(mapping) } else { None }
    }

    /// The list, if this is one.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Self]> {
        if let Value::Sequence(items) = &self.value { Some(items) } else { None }
    }

    /// The text, if this is text (a number or boolean is not).
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The text of a scalar: text, number or boolean as written. `None` for null, lists, mappings.
    #[must_use]
    pub fn as_scalar_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Boolean(true) => Some("true"),
            Value::Boolean(false) => Some("false"),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The boolean, if this is one.
    #[must_use]
    pub const fn as_boolean(&self) -> Option<bool> {
        if let Value::Boolean(boolean) = self.value { Some(boolean) } else { None }
    }

    /// Whether this is null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value under `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_mapping()?.get(key)
    }

    /// The value at a JSON pointer (RFC 6901) such as `/paths/~1pets/get`.
    #[must_use]
    pub fn at_pointer(&self, pointer: &str) -> Option<&Self> {
        let Some(steps) = pointer.strip_prefix('/') else {
            return pointer.is_empty().then_some(self);
        };
        steps.split('/').try_fold(self, |node, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match &node.value {
                Value::Mapping(mapping) => mapping.get(&step),
                Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }

    /// What kind of value this is, as a word for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

impl Mapping {
    /// A mapping of these entries. The reader of the text has refused duplicate keys.
    #[must_use]
    pub const fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// A mapping of these entries; keys that stand twice are problems.
    pub(crate) fn of_unique(entries: Vec<Entry>, problems: &mut Problems) -> Self {
        let mut places = BTreeMap::new();
        for entry in &entries {
            if let Some(first) = places.get(&entry.key) {
                let message = format!("duplicate key `{}`: it stands at {first} already", entry.key);
                problems.error(&entry.place, message);
            } else {
                places.insert(&entry.key, &entry.place);
            }
        }
        drop(places);
        Self::new(entries)
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, with the key's place.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }

    /// All entries in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<'mapping> IntoIterator for &'mapping Mapping {
    type Item = &'mapping Entry;
    type IntoIter = std::slice::Iter<'mapping, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
