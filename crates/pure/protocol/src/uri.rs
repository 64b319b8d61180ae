//! Percent-encoding (RFC 3986) and queries (routing section 5), without copies where nothing changes.

use std::borrow::Cow;

/// A `%` that two hexadecimal digits do not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedEscape;

/// Decodes percent escapes once.
///
/// # Errors
///
/// When an escape is malformed.
pub fn decode(_text: &[u8]) -> Result<Cow<'_, [u8]>, MalformedEscape> {
    todo!()
}

/// Decodes percent escapes once, and `+` to a space: names and values of queries and forms (Q1).
///
/// # Errors
///
/// When an escape is malformed.
pub fn decode_form(_text: &[u8]) -> Result<Cow<'_, [u8]>, MalformedEscape> {
    todo!()
}

/// Appends `text` with everything but unreserved characters escaped, in upper-case digits.
pub fn encode(_text: &[u8], _output: &mut Vec<u8>) {
    todo!()
}

/// Appends `text` with everything but unreserved characters and `/` escaped: a greedy path value.
pub fn encode_path(_text: &[u8], _output: &mut Vec<u8>) {
    todo!()
}

/// Appends `text` as a name or value of a query: a space as `+`, `/` bare (S5), all else but
/// unreserved characters escaped.
pub fn encode_form(_text: &[u8], _output: &mut Vec<u8>) {
    todo!()
}

/// Why a query is refused: always 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryRefusal {
    /// More parameters than `queryParameters`.
    TooManyParameters,
    /// A raw `|`, `{` or `}` (Q6), or a byte that may not stand in a target.
    RawCharacter,
    /// A `%` that two hexadecimal digits do not follow.
    MalformedEscape,
}

/// A query whose parameters can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'text> {
    text: &'text [u8],
}

impl<'text> Query<'text> {
    /// Checks a query, given without its `?`.
    ///
    /// # Errors
    ///
    /// See [`QueryRefusal`].
    pub fn parse(_text: &'text [u8], _parameters_max: usize) -> Result<Self, QueryRefusal> {
        todo!()
    }

    /// The query as it was sent.
    #[must_use]
    pub const fn as_bytes(self) -> &'text [u8] {
        self.text
    }

    /// The parameters in order. `&` and `;` separate (Q5); nothing between two separators is no
    /// parameter.
    pub fn parameters(self) -> impl Iterator<Item = Parameter<'text>> {
        std::iter::empty()
    }
}

/// One parameter of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'text> {
    raw_name: &'text [u8],
    raw_value: &'text [u8],
}

impl<'text> Parameter<'text> {
    /// The name as it was sent.
    #[must_use]
    pub const fn raw_name(self) -> &'text [u8] {
        self.raw_name
    }

    /// The value as it was sent: what follows the first `=`, empty without one (Q3).
    #[must_use]
    pub const fn raw_value(self) -> &'text [u8] {
        self.raw_value
    }

    /// The decoded name (Q1). Any bytes: it need not be UTF-8.
    #[must_use]
    pub fn name(self) -> Cow<'text, [u8]> {
        todo!()
    }

    /// The decoded value (Q1). Any bytes: it need not be UTF-8.
    #[must_use]
    pub fn value(self) -> Cow<'text, [u8]> {
        todo!()
    }
}
