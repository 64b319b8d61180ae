//! Percent-encoding (RFC 3986) and queries (routing section 5), without copies where nothing changes.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::borrow::Cow;
use std::{error, fmt};

use memchr::{memchr, memchr2};

use crate::bytes::{
    PLAIN_QUERY, SAME_IN_FORM, UNRESERVED, are_all, find_byte, find_outside_target, hexadecimal_pair, is,
};

/// A `%` that two hexadecimal digits do not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedEscape;

impl fmt::Display for MalformedEscape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a `%` is not followed by two hexadecimal digits")
    }
}

impl error::Error for MalformedEscape {}

/// Decodes percent escapes once. Borrowed when there is none.
///
/// ```
/// use postern_protocol::uri::{MalformedEscape, decode};
///
/// assert_eq!(*decode(b"a%2Fb+c").unwrap(), *b"a/b+c");
/// assert_eq!(decode(b"50%"), Err(MalformedEscape));
/// ```
///
/// # Errors
///
/// When an escape is malformed.
pub fn decode(text: &[u8]) -> Result<Cow<'_, [u8]>, MalformedEscape> {
    check_escapes(text)?;
    Ok(if memchr(b'%', text).is_some() {
        Cow::Owned(decoded(text, Plus::Itself))
    } else {
        Cow::Borrowed(text)
    })
}

/// Decodes percent escapes once, and `+` to a space: names and values of queries and forms (Q1).
/// Borrowed when there is neither.
///
/// # Errors
///
/// When an escape is malformed.
pub fn decode_form(text: &[u8]) -> Result<Cow<'_, [u8]>, MalformedEscape> {
    check_escapes(text)?;
    Ok(decode_checked_form(text))
}

fn decode_checked_form(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'%', b'+', text).is_some() {
        Cow::Owned(decoded(text, Plus::Space))
    } else {
        Cow::Borrowed(text)
    }
}

/// What a `+` stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Itself,
    Space,
}

/// Decodes text whose escapes were checked.
fn decoded(text: &[u8], plus: Plus) -> Vec<u8> {
    let mut output = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        output.push(match (byte, behind) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                // INVARIANT (escapes are well formed): `check_escapes` ran before.
                hexadecimal_pair(*high, *low).unwrap_or(b'%')
            }
            (b'+', _) if plus == Plus::Space => b' ',
            _ => *byte,
        });
    }
    output
}

fn check_escapes(text: &[u8]) -> Result<(), MalformedEscape> {
    let mut rest = text;
    while let Some(escape) = memchr(b'%', rest).and_then(|place| rest.get(place..)) {
        rest = match escape {
            [_, high, low, behind @ ..] if hexadecimal_pair(*high, *low).is_some() => behind,
            _ => return Err(MalformedEscape),
        };
    }
    Ok(())
}

/// Appends `text` with everything but unreserved characters escaped, in upper-case digits.
pub fn encode(text: &[u8], output: &mut Vec<u8>) {
    encode_except(text, |_| None, output);
}

/// Appends `text` with everything but unreserved characters and `/` escaped: the value of a greedy
/// path part.
pub fn encode_path(text: &[u8], output: &mut Vec<u8>) {
    encode_except(text, |byte| (byte == b'/').then_some(b'/'), output);
}

/// Appends `text` as a name or value of a query: a space as `+`, `/` bare (S5), all else but
/// unreserved characters escaped.
pub fn encode_form(text: &[u8], output: &mut Vec<u8>) {
    let special = |byte| match byte {
        b' ' => Some(b'+'),
        b'/' => Some(b'/'),
        _ => None,
    };
    encode_except(text, special, output);
}

/// Appends a name or value of a query decoded and encoded again, as [`decode_form`] and [`encode_form`] do
/// it. Its escapes were checked.
fn recode_form(text: &[u8], output: &mut Vec<u8>) {
    if are_all(text, SAME_IN_FORM) {
        output.extend_from_slice(text);
    } else {
        encode_form(&decode_checked_form(text), output);
    }
}

/// Escapes all but unreserved characters and those for which `special` has another one.
fn encode_except(text: &[u8], special: impl Fn(u8) -> Option<u8>, output: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text {
        if is(*byte, UNRESERVED) {
            output.push(*byte);
        } else if let Some(instead) = special(*byte) {
            output.push(instead);
        } else {
            output.push(b'%');
            output.extend(DIGITS.get(usize::from(byte >> 4)));
            output.extend(DIGITS.get(usize::from(byte & 0xf)));
        }
    }
}

/// Why a query is refused: always with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryRefusal {
    /// More parameters than `queryParameters`.
    TooManyParameters,
    /// A raw `|`, `{` or `}` (Q6), or a byte that may not stand in a target.
    RawCharacter,
    /// A `%` that two hexadecimal digits do not follow.
    MalformedEscape,
}

impl QueryRefusal {
    /// The limit that was passed, by its key under `limits:`, for its metric.
    #[must_use]
    pub const fn limit(self) -> Option<&'static str> {
        match self {
            Self::TooManyParameters => Some("queryParameters"),
            Self::RawCharacter | Self::MalformedEscape => None,
        }
    }

    /// What was wrong, for logs. Never holds bytes of the peer.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooManyParameters => "the query has too many parameters",
            Self::RawCharacter => "the query has a character that must be escaped",
            Self::MalformedEscape => "the query has a malformed percent escape",
        }
    }
}

impl fmt::Display for QueryRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl error::Error for QueryRefusal {}

/// A query whose parameters can be read: its characters, escapes and number were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'text> {
    text: &'text [u8],
}

impl<'text> Query<'text> {
    /// Checks a query, given without its `?`.
    ///
    /// ```
    /// use postern_protocol::uri::Query;
    ///
    /// let query = Query::parse(b"name=a+b&tag;empty=", 256).unwrap();
    /// let pairs: Vec<_> = query.parameters().map(|it| (it.name(), it.value())).collect();
    /// assert_eq!(pairs, [
    ///     (b"name"[..].into(), b"a b"[..].into()),
    ///     (b"tag"[..].into(), b""[..].into()),
    ///     (b"empty"[..].into(), b""[..].into()),
    /// ]);
    /// ```
    ///
    /// # Errors
    ///
    /// See [`QueryRefusal`].
    pub fn parse(text: &'text [u8], parameters_max: usize) -> Result<Self, QueryRefusal> {
        // Most queries have no escape, and cannot have too many parameters: a byte of one, a separator.
        if are_all(text, PLAIN_QUERY) && text.len().div_ceil(2) <= parameters_max {
            return Ok(Self { text });
        }
        if find_outside_target(text).is_some() || text.iter().any(|byte| matches!(byte, b'|' | b'{' | b'}')) {
            return Err(QueryRefusal::RawCharacter);
        }
        check_escapes(text).map_err(|MalformedEscape| QueryRefusal::MalformedEscape)?;
        let query = Self { text };
        if query.parameters().nth(parameters_max).is_some() {
            return Err(QueryRefusal::TooManyParameters);
        }
        Ok(query)
    }

    /// The query as it was sent.
    #[must_use]
    pub const fn as_bytes(self) -> &'text [u8] {
        self.text
    }

    /// The parameters in order. `&` and `;` separate (Q5); nothing between two separators is no
    /// parameter.
    pub fn parameters(self) -> impl Iterator<Item = Parameter<'text>> {
        self.text
            .split(|byte| matches!(byte, b'&' | b';'))
            .filter(|text| !text.is_empty())
            .map(Parameter::read)
    }
}

/// One parameter of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'text> {
    raw_name: &'text [u8],
    raw_value: &'text [u8],
}

impl<'text> Parameter<'text> {
    fn read(text: &'text [u8]) -> Self {
        let (raw_name, rest) = text.split_at(find_byte(text, b'=').unwrap_or(text.len()));
        Self { raw_name, raw_value: rest.strip_prefix(b"=").unwrap_or_default() }
    }

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

    /// The decoded name (Q1); letter case counts (Q4). Any bytes: it need not be UTF-8.
    #[must_use]
    pub fn name(self) -> Cow<'text, [u8]> {
        decode_checked_form(self.raw_name)
    }

    /// Appends name, `=` and value, decoded and encoded again: escapes of what needs none are gone, and
    /// what needs one has it.
    pub fn write_normal(self, output: &mut Vec<u8>) {
        recode_form(self.raw_name, output);
        output.push(b'=');
        recode_form(self.raw_value, output);
    }

    /// The decoded value (Q1). Any bytes: it need not be UTF-8.
    #[must_use]
    pub fn value(self) -> Cow<'text, [u8]> {
        decode_checked_form(self.raw_value)
    }
}
