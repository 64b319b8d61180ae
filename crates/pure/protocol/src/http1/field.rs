//! Header fields: one line parsed to spans, a section of them, and views over the bytes.

use super::{KnownName, Span};

/// One field line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name in the sender's spelling.
    pub name: Span,
    /// The value without the white space around it.
    pub value: Span,
    /// The name as a number.
    pub known: KnownName,
    /// The known name that a backend may read this one as, with `-` for `_`; equal to `known` when
    /// the name has no `_`. A field whose `alias` is known and whose `known` is not is removed
    /// (hardening, section 4).
    pub alias: KnownName,
    /// Whether the name has a `_` (`limits.dropUnderscoreHeaders`).
    pub has_underscore: bool,
    /// Whether the field belongs to this connection only: a hop-by-hop name, or named in
    /// `Connection`. Such fields are never forwarded.
    pub hop_by_hop: bool,
}

/// The fields of a head, in the order in which they came. Reused: clearing keeps its memory.
#[derive(Debug, Default)]
pub struct FieldSection {
    fields: Vec<Field>,
    present: u128,
    repeated: u128,
}

impl FieldSection {
    /// The fields in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Field] {
        &self.fields
    }

    /// Whether a field of this name came.
    #[must_use]
    pub const fn contains(&self, known: KnownName) -> bool {
        self.present & (1 << known as u8) != 0
    }

    /// Whether a field of this name came more than once.
    #[must_use]
    pub const fn is_repeated(&self, known: KnownName) -> bool {
        self.repeated & (1 << known as u8) != 0
    }

    /// The fields over the bytes that the head was read from.
    #[must_use]
    pub const fn over<'head>(&'head self, bytes: &'head [u8]) -> Fields<'head> {
        Fields { section: self, bytes }
    }
}

/// A field section together with its bytes: what routing, policies and mappings ask.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'head> {
    section: &'head FieldSection,
    bytes: &'head [u8],
}

impl<'head> Fields<'head> {
    /// All fields in the order in which they came.
    pub fn iter(self) -> impl Iterator<Item = FieldView<'head>> {
        self.section.fields.iter().map(move |field| FieldView {
            name: field.name.of(self.bytes),
            value: field.value.of(self.bytes),
            field,
        })
    }

    /// Whether a field of this name came.
    #[must_use]
    pub const fn contains(self, known: KnownName) -> bool {
        self.section.contains(known)
    }

    /// Whether a field of this name came more than once.
    #[must_use]
    pub const fn is_repeated(self, known: KnownName) -> bool {
        self.section.is_repeated(known)
    }

    /// The first value of a known name.
    #[must_use]
    pub fn value(self, _known: KnownName) -> Option<&'head [u8]> {
        todo!()
    }

    /// All values of a known name, in order.
    pub fn values(self, known: KnownName) -> impl Iterator<Item = &'head [u8]> {
        self.iter().filter(move |view| view.field.known == known).map(|view| view.value)
    }

    /// All values of fields whose name is spelled exactly so (GR-62: API Gateway's mappings see
    /// case).
    pub fn values_spelled(self, name: &[u8]) -> impl Iterator<Item = &'head [u8]> {
        self.iter().filter(move |view| view.name == name).map(|view| view.value)
    }

    /// All values of fields of this name in any letter case.
    pub fn values_named(self, name: &[u8]) -> impl Iterator<Item = &'head [u8]> {
        self.iter().filter(move |view| view.name.eq_ignore_ascii_case(name)).map(|view| view.value)
    }
}

/// One field with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct FieldView<'head> {
    /// The name in the sender's spelling: a token.
    pub name: &'head [u8],
    /// The value without the white space around it: no control character but HTAB.
    pub value: &'head [u8],
    /// What was found out about it.
    pub field: &'head Field,
}
