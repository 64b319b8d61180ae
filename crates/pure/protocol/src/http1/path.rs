//! The one reading of a request path: hardening section 3.

use std::{error, fmt};

use memchr::{memchr, memchr2};

use crate::bytes::{UNRESERVED, hexadecimal_pair, is};

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathRefusal {
    /// It does not start with `/`.
    NoSlash,
    /// A byte that may not stand in a path, a backslash among them.
    Byte,
    /// A `%` that two hexadecimal digits do not follow.
    MalformedEscape,
    /// An escaped control character, NUL among them.
    EscapedControl,
    /// An escaped backslash.
    EscapedBackslash,
    /// Escapes that are not UTF-8: overlong, cut short, surrogates, or above U+10FFFF.
    NotUtf8,
    /// A segment that is `.` or `..`, perhaps after decoding or without its `;` part.
    DotSegment,
    /// More segments than `pathSegments`.
    TooManySegments,
}

impl PathRefusal {
    /// The status that answers it: 414 for too many segments, else 400.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooManySegments => 414,
            _ => 400,
        }
    }

    /// The limit that was passed, by its key under `limits:`, for its metric.
    #[must_use]
    pub const fn limit(self) -> Option<&'static str> {
        match self {
            Self::TooManySegments => Some("pathSegments"),
            _ => None,
        }
    }

    /// What was wrong, for logs. Never holds bytes of the peer.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoSlash => "the path does not start with a slash",
            Self::Byte => "the path has a byte that may not stand there",
            Self::MalformedEscape => "the path has a malformed percent escape",
            Self::EscapedControl => "the path has an escaped control character",
            Self::EscapedBackslash => "the path has an escaped backslash",
            Self::NotUtf8 => "the path's escapes are not UTF-8",
            Self::DotSegment => "the path has a dot segment",
            Self::TooManySegments => "the path has too many segments",
        }
    }
}

impl fmt::Display for PathRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl error::Error for PathRefusal {}

/// Normalises a path: surplus slashes before the first segment go (R7), escaped unreserved
/// characters are decoded, all else stays as it was sent. The result is a part of `path` when
/// nothing had to be decoded; else it is written to `output`, whose content is lost.
///
/// ```
/// use postern_protocol::http1::path::{PathRefusal, normalise};
///
/// let mut output = Vec::new();
/// assert_eq!(normalise(b"//prod/%61%2Fb", 128, &mut output), Ok("/prod/a%2Fb"));
/// assert_eq!(normalise(b"/prod/..%2Fadmin", 128, &mut output), Err(PathRefusal::DotSegment));
/// ```
///
/// # Errors
///
/// Paths that a backend could read as another one, and paths of more than `segments_max` segments.
pub fn normalise<'path>(
    path: &'path [u8],
    segments_max: usize,
    output: &'path mut Vec<u8>,
) -> Result<&'path str, PathRefusal> {
    let path = skip_surplus_slashes(path)?;
    let seen = path.iter().fold(0, |seen, byte| seen | class_of(*byte));
    if seen & OUTSIDE != 0 {
        return Err(PathRefusal::Byte);
    }
    // A path of few bytes has few segments, whose slashes need no counting.
    if path.len() > segments_max && path.iter().filter(|byte| **byte == b'/').count() > segments_max {
        return Err(PathRefusal::TooManySegments);
    }
    let has_unreserved_escapes = seen & PERCENT != 0 && check_escapes(path)?;
    let normalised = if has_unreserved_escapes { decode_unreserved(path, output) } else { path };
    // A path without a dot, raw or escaped, has no dot segment.
    if seen & DOT != 0 || has_unreserved_escapes {
        check_dot_segments(normalised)?;
    }
    str::from_utf8(normalised).map_err(|_| PathRefusal::NotUtf8)
}

/// Whether a path that is part of a normalised one has a segment `.` or `..`, perhaps before `;` or an
/// escaped slash: where something was taken off its front, a segment may have become one.
///
/// ```
/// use postern_protocol::http1::path::has_dot_segment;
///
/// assert!(has_dot_segment("/../admin") && !has_dot_segment("/..a/admin"));
/// ```
#[must_use]
pub fn has_dot_segment(path: &str) -> bool {
    check_dot_segments(path.as_bytes()).is_err()
}

/// A byte that may not stand in a path.
const OUTSIDE: u8 = 1;
const PERCENT: u8 = 1 << 1;
const DOT: u8 = 1 << 2;

const CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which has no iterators there"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            0..=b' ' | b'#' | b'?' | b'\\' | 0x7f.. => OUTSIDE,
            b'%' => PERCENT,
            b'.' => DOT,
            _ => 0,
        };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
fn class_of(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// The path from the last of its leading slashes on.
fn skip_surplus_slashes(mut path: &[u8]) -> Result<&[u8], PathRefusal> {
    while let [b'/', rest @ ..] = path
        && rest.first() == Some(&b'/')
    {
        path = rest;
    }
    if path.first() == Some(&b'/') { Ok(path) } else { Err(PathRefusal::NoSlash) }
}

/// Checks every escape and says whether one is of an unreserved character.
fn check_escapes(path: &[u8]) -> Result<bool, PathRefusal> {
    let mut has_unreserved = false;
    let mut rest = path;
    while let Some(escaped) = memchr(b'%', rest).and_then(|place| rest.get(place..)) {
        let (byte, behind) = escape(escaped)?;
        rest = match byte {
            0..=0x1f | 0x7f => return Err(PathRefusal::EscapedControl),
            b'\\' => return Err(PathRefusal::EscapedBackslash),
            0x80.. => check_character(byte, behind)?,
            _ => {
                has_unreserved |= is(byte, UNRESERVED);
                behind
            }
        };
    }
    Ok(has_unreserved)
}

/// Reads an escape: its byte and what stands behind it.
fn escape(escaped: &[u8]) -> Result<(u8, &[u8]), PathRefusal> {
    let [b'%', high, low, rest @ ..] = escaped else { return Err(PathRefusal::MalformedEscape) };
    let byte = hexadecimal_pair(*high, *low).ok_or(PathRefusal::MalformedEscape)?;
    Ok((byte, rest))
}

/// Checks a character of two to four escaped bytes, of which `first` was read. Since raw bytes of a
/// path are ASCII, a character is whole only if all its bytes are escaped, one behind the other.
fn check_character(first: u8, mut rest: &[u8]) -> Result<&[u8], PathRefusal> {
    let mut character = [first, 0, 0, 0];
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Err(PathRefusal::NotUtf8),
    };
    let character = character.get_mut(..length).unwrap_or_default();
    for place in character.iter_mut().skip(1) {
        if rest.first() != Some(&b'%') {
            return Err(PathRefusal::NotUtf8);
        }
        (*place, rest) = escape(rest)?;
    }
    // The library knows overlong forms, surrogates and the last character.
    str::from_utf8(character).map_or(Err(PathRefusal::NotUtf8), |_| Ok(rest))
}

/// Writes the path with escapes of unreserved characters decoded, once: `%2561` stays, since its
/// `%25` is no escape of an unreserved character.
fn decode_unreserved<'output>(path: &[u8], output: &'output mut Vec<u8>) -> &'output [u8] {
    output.clear();
    let mut rest = path;
    while let Some((before, escaped)) = memchr(b'%', rest).and_then(|place| rest.split_at_checked(place)) {
        output.extend_from_slice(before);
        let (text, behind) = escaped.split_at_checked(3).unwrap_or((escaped, &[]));
        match text {
            [_, high, low] => match hexadecimal_pair(*high, *low) {
                Some(byte) if is(byte, UNRESERVED) => output.push(byte),
                _ => output.extend_from_slice(text),
            },
            _ => output.extend_from_slice(text),
        }
        rest = behind;
    }
    output.extend_from_slice(rest);
    output
}

/// Looks for dot segments. A dot is unreserved, so after decoding each is raw; an escaped slash
/// separates, and from a `;` on, raw or escaped, a segment is cut.
fn check_dot_segments(path: &[u8]) -> Result<(), PathRefusal> {
    let mut rest = path;
    while let Some(found) = memchr2(b'/', b'%', rest).and_then(|place| rest.get(place..)) {
        rest = match found {
            [b'/', segment @ ..] | [b'%', b'2', b'F' | b'f', segment @ ..] => {
                if starts_with_dot_segment(segment) {
                    return Err(PathRefusal::DotSegment);
                }
                segment
            }
            [_, behind @ ..] => behind,
            [] => return Ok(()),
        };
    }
    Ok(())
}

/// Whether a segment that starts here is `.` or `..`, up to a separator, a parameter or the end.
fn starts_with_dot_segment(path: &[u8]) -> bool {
    let Some(behind) = path.strip_prefix(b"..").or_else(|| path.strip_prefix(b".")) else { return false };
    matches!(behind, [] | [b'/' | b';', ..] | [b'%', b'2', b'F' | b'f', ..] | [b'%', b'3', b'B' | b'b', ..])
}
