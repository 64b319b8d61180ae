//! Classes of bytes, and searches that look at eight bytes at a time.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// A byte of a token (RFC 9110 section 5.6.2): names, methods, connection options.
pub(crate) const TOKEN: u8 = 1;
/// A byte of a registered name without percent escapes and without `,`, which makes a list.
pub(crate) const HOST: u8 = 1 << 1;
/// A hexadecimal digit.
pub(crate) const HEXADECIMAL: u8 = 1 << 2;
/// An unreserved character (RFC 3986 section 2.3).
pub(crate) const UNRESERVED: u8 = 1 << 3;
/// Anything but a capital letter.
pub(crate) const NO_CAPITAL: u8 = 1 << 4;
/// A byte that may stand in a query and is no escape's.
pub(crate) const PLAIN_QUERY: u8 = 1 << 5;
/// A byte that is the same in the name or value of a query when it is decoded and encoded again.
pub(crate) const SAME_IN_FORM: u8 = 1 << 6;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    mark(&mut table, b"0123456789ABCDEFabcdef", HEXADECIMAL);
    mark(&mut table, b"0123456789", TOKEN | HOST | UNRESERVED);
    mark(&mut table, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", TOKEN | HOST | UNRESERVED);
    mark(&mut table, b"abcdefghijklmnopqrstuvwxyz", TOKEN | HOST | UNRESERVED);
    mark(&mut table, b"-._~", HOST | UNRESERVED);
    mark(&mut table, b"!$&'()*+;=", HOST);
    mark(&mut table, b"!#$%&'*+-.^_`|~", TOKEN);
    mark(&mut table, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~/+", SAME_IN_FORM);
    mark_most(table)
}

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which has no iterators and no conversion traits there"
)]
const fn mark(table: &mut [u8; 256], members: &[u8], class: u8) {
    let mut index = 0;
    while index < members.len() {
        table[members[index] as usize] |= class;
        index += 1;
    }
}

/// Marks the members of the classes that are told by what is not in them.
#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which has no iterators there; a place is below 256"
)]
const fn mark_most(mut table: [u8; 256]) -> [u8; 256] {
    let mut index = 0;
    while index < table.len() {
        let byte = index as u8;
        if !byte.is_ascii_uppercase() {
            table[index] |= NO_CAPITAL;
        }
        if is_in_target(byte) && !matches!(byte, b'%' | b'|' | b'{' | b'}') {
            table[index] |= PLAIN_QUERY;
        }
        index += 1;
    }
    table
}

/// The classes that a byte belongs to.
#[expect(clippy::indexing_slicing, reason = "a byte is always below 256")]
#[inline]
pub(crate) const fn class_of(byte: u8) -> u8 {
    #[expect(clippy::as_conversions, reason = "widening; `usize::from` is not const")]
    CLASSES[byte as usize]
}

/// Whether a byte belongs to a class.
#[inline]
pub(crate) const fn is(byte: u8, class: u8) -> bool {
    class_of(byte) & class != 0
}

/// The classes that all bytes belong to. Looks at all of them, which is quicker than to stop at one.
#[inline]
pub(crate) fn common_classes(bytes: &[u8]) -> u8 {
    bytes.iter().fold(u8::MAX, |seen, byte| seen & class_of(*byte))
}

/// Whether all bytes belong to a class.
#[inline]
pub(crate) fn are_all(bytes: &[u8], class: u8) -> bool {
    common_classes(bytes) & class != 0
}

/// Whether the bytes are a token: at least one, and all of [`TOKEN`].
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && are_all(bytes, TOKEN)
}

/// The value of two hexadecimal digits.
pub(crate) const fn hexadecimal_pair(high: u8, low: u8) -> Option<u8> {
    match (hexadecimal_digit(high), hexadecimal_digit(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

/// The value of a hexadecimal digit.
pub(crate) const fn hexadecimal_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// Whether a byte is a control character other than HTAB: it may not stand in a field value.
pub(crate) const fn is_control(byte: u8) -> bool {
    byte != b'\t' && byte.is_ascii_control()
}

/// Whether a byte may stand in a target: 0x21 to 0x7e without `#`.
const fn is_in_target(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && byte != b'#'
}

/// White space around a field value is SP and HTAB and nothing else.
pub(crate) const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The bytes without white space around them.
pub(crate) const fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// The bytes without white space before them.
#[inline]
pub(crate) const fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_white(*first)
    {
        bytes = rest;
    }
    bytes
}

/// The bytes without white space behind them.
#[inline]
pub(crate) const fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes
        && is_white(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Where the first control character other than HTAB is: the first byte that may not stand in a
/// field value.
#[inline]
pub(crate) fn find_control(bytes: &[u8]) -> Option<usize> {
    find(bytes, |word| word.below(0x20) | word.equal(0x7f), is_control)
}

/// Where the first byte is that may not stand in a target: controls, space, `#`, 0x7f to 0xff.
#[inline]
pub(crate) fn find_outside_target(bytes: &[u8]) -> Option<usize> {
    let marks = |word: Word| word.below(0x21) | word.equal(b'#') | word.equal(0x7f) | word.high();
    find(bytes, marks, |byte| !is_in_target(byte))
}

/// Where a byte below 0x80 first is. Made for short texts, on which `memchr` takes longer to begin.
#[inline]
pub(crate) fn find_byte(bytes: &[u8], wanted: u8) -> Option<usize> {
    find(bytes, |word| word.equal(wanted), |byte| byte == wanted)
}

/// Eight bytes in one number, the first of them lowest.
///
/// Each search marks bytes by their highest bit. A subtraction may borrow from the next byte, so
/// marks above the lowest may be wrong; the lowest is right, since nothing below it borrowed.
#[derive(Clone, Copy)]
struct Word(u64);

/// The highest bit of each byte.
const MARKS: u64 = 0x8080_8080_8080_8080;

impl Word {
    /// One byte eight times over.
    const fn splat(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }

    /// Marks bytes from 0x80 on.
    const fn high(self) -> u64 {
        self.0 & MARKS
    }

    /// Marks bytes below `bound`, which is at most 0x80.
    const fn below(self, bound: u8) -> u64 {
        self.0.wrapping_sub(Self::splat(bound)) & !self.0 & MARKS
    }

    /// Marks bytes that equal `wanted`, which is below 0x80.
    const fn equal(self, wanted: u8) -> u64 {
        Self(self.0 ^ Self::splat(wanted)).below(1)
    }
}

/// Where the first byte is for which `is_found` holds. `marks` marks it among eight, and perhaps others.
#[inline(always)]
fn find(all: &[u8], marks: impl Fn(Word) -> u64, is_found: impl Fn(u8) -> bool) -> Option<usize> {
    let (mut bytes, length) = (all, all.len());
    while let Some((word, behind)) = bytes.split_first_chunk::<8>() {
        let found = marks(Word(u64::from_le_bytes(*word)));
        if found == 0 {
            bytes = behind;
            continue;
        }
        let place = first_marked(found);
        let (byte, rest) = bytes.get(place..)?.split_first()?;
        if is_found(*byte) {
            return Some(length.wrapping_sub(rest.len()).wrapping_sub(1));
        }
        bytes = rest;
    }
    // Most often nothing is there: one look says so, which takes in some bytes from before.
    if let Some(word) = all.last_chunk::<8>()
        && marks(Word(u64::from_le_bytes(*word))) == 0
    {
        return None;
    }
    let place = bytes.iter().position(|byte| is_found(*byte))?;
    Some(length.wrapping_sub(bytes.len()).wrapping_add(place))
}

/// The number of the lowest byte with a mark.
#[expect(clippy::as_conversions, reason = "at most 8")]
const fn first_marked(marks: u64) -> usize {
    (marks.trailing_zeros() >> 3) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_agree_with_a_look_at_each_byte() {
        let in_target = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b'#';
        for length in 1..26_usize {
            for place in 0..length {
                for byte in 0..=255_u8 {
                    for filler in [b'a', b' ', 0xff, b'\t'] {
                        let mut bytes = vec![filler; length];
                        bytes[place] = byte;
                        assert_eq!(find_control(&bytes), bytes.iter().position(|it| is_control(*it)));
                        assert_eq!(find_outside_target(&bytes), bytes.iter().position(|it| !in_target(*it)));
                        assert_eq!(find_byte(&bytes, b':'), bytes.iter().position(|it| *it == b':'));
                    }
                }
            }
        }
        assert_eq!((find_control(b""), find_outside_target(b"")), (None, None));
    }

    #[test]
    fn classes_are_those_of_the_grammars() {
        let token = b"!#$%&'*+-.^_`|~";
        for byte in 0..=255_u8 {
            assert_eq!(is(byte, TOKEN), byte.is_ascii_alphanumeric() || token.contains(&byte), "{byte:#x}");
            assert_eq!(
                is(byte, UNRESERVED),
                byte.is_ascii_alphanumeric() || b"-._~".contains(&byte),
                "{byte:#x}"
            );
            assert_eq!(is(byte, HEXADECIMAL), byte.is_ascii_hexdigit(), "{byte:#x}");
            assert_eq!(hexadecimal_digit(byte).is_some(), byte.is_ascii_hexdigit(), "{byte:#x}");
        }
        assert_eq!(hexadecimal_pair(b'7', b'F'), Some(0x7f));
    }
}
