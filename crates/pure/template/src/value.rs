//! The values of a running template, and where its lists and maps live.
//!
//! Lists and maps stand in a [`Heap`] that lives as long as one rendering and are named by number, so
//! that sharing, changing and even nesting one in itself cost nothing and leak nothing.

use std::collections::BTreeMap;

use crate::{ParameterPlace, text::Text};

/// A value. Cloning is cheap: lists and maps are shared, as Java's are.
#[derive(Clone, Debug)]
#[repr(u64)]
pub(crate) enum Value<'a> {
    /// What every undefined reference, missing path and JSON null is to a template: it prints
    /// nothing, equals `$null` and `""`, is true in `#if`, and every member of it is empty again
    /// (statements D1, D2, D4).
    Empty,
    /// Null inside a list or map, and the result of arithmetic that has none. A reference that leads
    /// to it gives [`Value::Empty`].
    Null,
    Boolean(Truth),
    Integer(i64),
    Float(f64),
    /// A number with the digits of its source: a fraction, an exponent, or too large for
    /// [`Value::Integer`].
    Digits(Text<'a>),
    Text(Text<'a>),
    List(ListId),
    Map(MapId),
    /// An entry of a map's `entrySet()`.
    Entry(EntryId),
    /// What `#define` made: the number of its block.
    Block(usize),
    /// `$foreach`: the number of the running loop, from the outermost.
    Loop(usize),
    /// `$input`.
    Input,
    /// `$util`.
    Util,
    /// `$context`, or the branch of it at this path.
    Context(Text<'a>),
    /// `$stageVariables`.
    StageVariables,
    /// `$input.params()`, or one place of it.
    Parameters(Option<ParameterPlace>),
}

/// A boolean that takes a whole word, as everything else in a [`Value`] does: values are then copied
/// word by word, and none of these copies has to wait for the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Truth {
    False,
    True,
}

impl From<bool> for Truth {
    fn from(boolean: bool) -> Self {
        if boolean { Self::True } else { Self::False }
    }
}

impl<'a> Value<'a> {
    /// A boolean value.
    pub(crate) fn boolean(boolean: bool) -> Self {
        Self::Boolean(boolean.into())
    }

    /// A text value.
    pub(crate) fn text(text: impl Into<Text<'a>>) -> Self {
        Self::Text(text.into())
    }

    /// The value as a reference gives it: null is empty.
    pub(crate) fn or_empty(self) -> Self {
        match self {
            Self::Null => Self::Empty,
            value => value,
        }
    }

    /// Whether the value is nothing to Java.
    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Empty | Self::Null)
    }

    /// Whether a condition holds: only `false` itself does not (statement D2).
    pub(crate) const fn is_true(&self) -> bool {
        !matches!(self, Self::Boolean(Truth::False))
    }

    /// The text of a text value.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The number of a list in its [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListId(usize);

/// The number of a map in its [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MapId(usize);

/// The number of a map entry in its [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryId(usize);

/// How a list prints: those from JSON as JSON, those that a template made as Java's do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Json,
    Java,
}

/// The lists and maps of one rendering.
#[derive(Debug, Default)]
pub(crate) struct Heap<'a> {
    lists: Vec<List<'a>>,
    maps: Vec<Map<'a>>,
    entries: Vec<(Text<'a>, Value<'a>)>,
    /// Up to here lists and maps are those of the body.
    body: (usize, usize),
    body_changed: bool,
}

#[derive(Debug)]
struct List<'a> {
    items: Vec<Value<'a>>,
    style: Style,
}

impl<'a> Heap<'a> {
    /// A new list.
    pub(crate) fn list_of(&mut self, items: Vec<Value<'a>>, style: Style) -> Value<'a> {
        self.lists.push(List { items, style });
        Value::List(ListId(self.lists.len() - 1))
    }

    /// A new map.
    pub(crate) fn map_of(&mut self, map: Map<'a>) -> Value<'a> {
        self.maps.push(map);
        Value::Map(MapId(self.maps.len() - 1))
    }

    /// A new map entry.
    pub(crate) fn entry_of(&mut self, key: Text<'a>, value: Value<'a>) -> Value<'a> {
        self.entries.push((key, value));
        Value::Entry(EntryId(self.entries.len() - 1))
    }

    /// The items of a list.
    pub(crate) fn items(&self, id: ListId) -> &[Value<'a>] {
        self.lists.get(id.0).map_or(&[], |list| &list.items)
    }

    /// How a list prints.
    pub(crate) fn style(&self, id: ListId) -> Style {
        self.lists.get(id.0).map_or(Style::Java, |list| list.style)
    }

    /// The items of a list, to be changed.
    pub(crate) fn items_mut(&mut self, id: ListId) -> Option<&mut Vec<Value<'a>>> {
        self.body_changed |= id.0 < self.body.0;
        self.lists.get_mut(id.0).map(|list| &mut list.items)
    }

    /// The entries of a map, in their order.
    pub(crate) fn pairs(&self, id: MapId) -> &[Pair<'a>] {
        self.maps.get(id.0).map_or(&[], |map| &map.pairs)
    }

    /// The value under a key.
    pub(crate) fn get(&self, id: MapId, key: &str) -> Option<&Value<'a>> {
        self.maps.get(id.0)?.get(key, Signature::of(key))
    }

    /// The value under a key whose signature is known.
    pub(crate) fn get_signed(&self, id: MapId, key: &str, signature: Signature) -> Option<&Value<'a>> {
        self.maps.get(id.0)?.get(key, signature)
    }

    /// A map, to be changed.
    pub(crate) fn map_mut(&mut self, id: MapId) -> Option<&mut Map<'a>> {
        self.body_changed |= id.0 < self.body.1;
        self.maps.get_mut(id.0)
    }

    /// An entry of `entrySet()`.
    pub(crate) fn entry(&self, id: EntryId) -> Option<&(Text<'a>, Value<'a>)> {
        self.entries.get(id.0)
    }

    /// Marks all that stands here as the body's, to be told of changes.
    pub(crate) fn mark_body(&mut self) {
        self.body = (self.lists.len(), self.maps.len());
        self.body_changed = false;
    }

    /// Whether a list or map of the body has been changed since [`Heap::mark_body`].
    pub(crate) const fn body_changed(&self) -> bool {
        self.body_changed
    }
}

/// A map that keeps the order of insertion, as Java's `LinkedHashMap` does.
#[derive(Debug, Default)]
pub(crate) struct Map<'a> {
    pairs: Vec<Pair<'a>>,
    /// Positions by key, once there are many: hostile objects must not make look-ups slow.
    index: Option<BTreeMap<Text<'a>, usize>>,
}

/// An entry of a map.
#[derive(Clone, Debug)]
pub(crate) struct Pair<'a> {
    pub(crate) key: Text<'a>,
    pub(crate) value: Value<'a>,
    signature: Signature,
}

/// The length of a key, its first four and its last three bytes in one number: two short keys are equal
/// where their signatures are, and most others are told apart without looking at the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature(u64);

impl Signature {
    /// How long a key is whose signature says everything.
    const WHOLE: u64 = 7;

    /// The signature of a key.
    pub(crate) fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let ends = match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                let last = u32::from_le_bytes(*last) & 0xFFFF_FF00;
                u64::from(last) << 32 | u64::from(u32::from_le_bytes(*first)) << 8
            }
            _ => bytes.iter().fold(0, |packed, byte| (packed | u64::from(*byte)) << 8),
        };
        Self(ends | bytes.len().min(0xFF) as u64)
    }

    /// Whether two keys that have this signature are equal.
    fn is_of_same(self, left: &str, right: &str) -> bool {
        self.0 & 0xFF <= Self::WHOLE || are_equal(left, right)
    }
}

/// Apart, so that searching for a short key needs no room for it.
#[inline(never)]
fn are_equal(left: &str, right: &str) -> bool {
    left == right
}

/// Up to here a map is searched from the front.
const SMALL_MAP: usize = 16;

impl<'a> Pair<'a> {
    /// An entry.
    pub(crate) fn new(key: Text<'a>, value: Value<'a>) -> Self {
        let signature = Signature::of(&key);
        Self { key, value, signature }
    }

    fn has_key_of(&self, other: &Self) -> bool {
        self.has_key(&other.key, other.signature)
    }

    fn has_key(&self, key: &str, signature: Signature) -> bool {
        self.signature == signature && signature.is_of_same(&self.key, key)
    }
}

/// Whether no two of a few entries have equal keys.
fn are_distinct(mut pairs: &[Pair<'_>]) -> bool {
    while let Some((pair, earlier)) = pairs.split_last() {
        if earlier.iter().any(|other| other.has_key_of(pair)) {
            return false;
        }
        pairs = earlier;
    }
    true
}

impl<'a> Map<'a> {
    /// A map of these entries; the last of equal keys counts, at the first one's position.
    pub(crate) fn of_pairs(pairs: Vec<Pair<'a>>) -> Self {
        let count = pairs.len();
        let mut map = Self { pairs, index: None };
        let distinct = if count > SMALL_MAP {
            map.build_index();
            map.index.as_ref().is_some_and(|index| index.len() == count)
        } else {
            are_distinct(&map.pairs)
        };
        if !distinct {
            let pairs = std::mem::take(&mut map.pairs);
            map.index = None;
            for pair in pairs {
                map.insert(pair.key, pair.value);
            }
        }
        map
    }

    /// How many entries there are.
    pub(crate) const fn len(&self) -> usize {
        self.pairs.len()
    }

    #[inline]
    fn get(&self, key: &str, signature: Signature) -> Option<&Value<'a>> {
        if self.index.is_some() {
            return self.indexed(key);
        }
        let mut pairs = self.pairs.iter();
        pairs.find(|pair| pair.has_key(key, signature)).map(|pair| &pair.value)
    }

    #[inline(never)]
    fn indexed(&self, key: &str) -> Option<&Value<'a>> {
        self.pairs.get(self.indexed_position(key)?).map(|pair| &pair.value)
    }

    /// Puts a value under a key and gives back the old one. An old key keeps its position.
    pub(crate) fn insert(&mut self, key: Text<'a>, value: Value<'a>) -> Option<Value<'a>> {
        let signature = Signature::of(&key);
        if let Some(position) = self.position(&key, signature) {
            return self.pairs.get_mut(position).map(|pair| std::mem::replace(&mut pair.value, value));
        }
        if let Some(index) = &mut self.index {
            index.insert(key.clone(), self.pairs.len());
        }
        self.pairs.push(Pair { key, value, signature });
        if self.index.is_none() && self.pairs.len() > SMALL_MAP {
            self.build_index();
        }
        None
    }

    /// Takes an entry out; costs as many steps as there are entries.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Value<'a>> {
        let position = self.position(key, Signature::of(key))?;
        let pair = self.pairs.remove(position);
        if self.index.is_some() {
            self.build_index();
        }
        Some(pair.value)
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
        self.index = None;
    }

    fn position(&self, key: &str, signature: Signature) -> Option<usize> {
        if self.index.is_some() {
            return self.indexed_position(key);
        }
        self.pairs.iter().position(|pair| pair.has_key(key, signature))
    }

    fn indexed_position(&self, key: &str) -> Option<usize> {
        self.index.as_ref()?.get(key).copied()
    }

    fn build_index(&mut self) {
        let positions = self.pairs.iter().enumerate().map(|(position, pair)| (pair.key.clone(), position));
        self.index = Some(positions.collect());
    }
}
