//! Request ids: made of the arrival's random bits, so that the pure floor draws none itself.

use postern_protocol::http1::{Fields, KnownName};

/// The ids of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestIds {
    request_id: [u8; 36],
    extended_request_id: [u8; 16],
    replaced: bool,
}

impl RequestIds {
    /// The ids for a request. A client's own `x-amzn-RequestId` is taken if it is a UUID (H6 of
    /// routing.md); the extended id can never be set by a client.
    #[must_use]
    pub fn of(fields: Option<Fields<'_>>, random: u128) -> Self {
        let client = fields.and_then(|fields| fields.value(KnownName::XAmznRequestId));
        let adopted = client.and_then(as_uuid);
        Self {
            request_id: adopted.unwrap_or_else(|| uuid(random)),
            extended_request_id: extended_id(random),
            replaced: client.is_some() && adopted.is_none(),
        }
    }

    /// `$context.requestId`: a UUID.
    #[must_use]
    pub fn request_id(&self) -> &str {
        std::str::from_utf8(&self.request_id).unwrap_or_default()
    }

    /// `$context.extendedRequestId`: 15 characters and `=`.
    #[must_use]
    pub fn extended_request_id(&self) -> &str {
        std::str::from_utf8(&self.extended_request_id).unwrap_or_default()
    }

    pub(crate) const fn request_id_bytes(&self) -> &[u8; 36] {
        &self.request_id
    }

    pub(crate) const fn extended_request_id_bytes(&self) -> &[u8; 16] {
        &self.extended_request_id
    }

    /// Whether the client sent an id that is not a UUID: the access log marks it.
    #[must_use]
    pub const fn replaced_invalid(&self) -> bool {
        self.replaced
    }
}

/// `Root=1-{8 hexadecimal digits of the time}-{24 of chance}` (integrations.md section 6.5).
pub(crate) fn trace_root(epoch_milliseconds: u64, random: u128) -> [u8; 40] {
    let mut text = *b"Root=1-00000000-000000000000000000000000";
    let seconds = u32::try_from((epoch_milliseconds / 1_000) & u64::from(u32::MAX)).unwrap_or_default();
    place::<8>(&eight_digits(seconds), 0, &mut text, 7);
    place::<24>(&hexadecimal(random), 8, &mut text, 16);
    text
}

/// The 32 digits of a number.
fn hexadecimal(number: u128) -> [u8; 32] {
    let mut text = [0; 32];
    for (eight, bytes) in text.as_chunks_mut::<8>().0.iter_mut().zip(number.to_be_bytes().as_chunks().0) {
        *eight = eight_digits(u32::from_be_bytes(*bytes));
    }
    text
}

/// The eight digits of a number, all at once: each nibble gets a byte of its own and becomes a digit, a
/// letter where adding 6 carries out of the nibble.
fn eight_digits(number: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let number = u64::from(number);
    let halves = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes | bytes << 4) & (0xf * ONES);
    let letters = (nibbles + 6 * ONES) >> 4 & ONES;
    // From behind `9` to `a`.
    (nibbles + u64::from(b'0') * ONES + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

/// A UUID of version 4, variant 1 (RFC 9562 section 5.4).
fn uuid(random: u128) -> [u8; 36] {
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let digits = hexadecimal(bits);
    let mut text = [b'-'; 36];
    place::<8>(&digits, 0, &mut text, 0);
    place::<4>(&digits, 8, &mut text, 9);
    place::<4>(&digits, 12, &mut text, 14);
    place::<4>(&digits, 16, &mut text, 19);
    place::<12>(&digits, 20, &mut text, 24);
    text
}

/// Copies so many bytes from one place to another: as moves, since their number is known.
#[inline(always)]
fn place<const COUNT: usize>(digits: &[u8], from: usize, text: &mut [u8], to: usize) {
    if let (Some(part), Some(place)) = (digits.get(from..from + COUNT), text.get_mut(to..to + COUNT)) {
        place.copy_from_slice(part);
    }
}

fn extended_id(random: u128) -> [u8; 16] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // The low bits are the request id's too; mixing keeps one from being read off the other.
    let mixed = random.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    let mut text = [b'='; 16];
    for (byte, bits) in text.iter_mut().take(15).zip(mixed) {
        *byte = ALPHABET.get(usize::from(bits & 63)).copied().unwrap_or(b'A');
    }
    text
}

fn as_uuid(text: &[u8]) -> Option<[u8; 36]> {
    let id = <[u8; 36]>::try_from(text).ok()?;
    let right = id.iter().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    right.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_forms_of_the_service() {
        let ids = RequestIds::of(None, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(ids.request_id(), "01234567-89ab-4def-8123-456789abcdef");
        assert_eq!(ids.extended_request_id().len(), 16);
        assert!(ids.extended_request_id().ends_with('='));
        assert!(!ids.replaced_invalid());
    }

    #[test]
    fn digits_are_those_of_the_library() {
        for number in [0, 1, 9, 0xa, 0xf, 0x0123_4567, 0x89ab_cdef, 0xffff_ffff, 0xdead_beef] {
            assert_eq!(eight_digits(number), *format!("{number:08x}").as_bytes(), "{number:x}");
        }
        let number = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210;
        assert_eq!(hexadecimal(number), *format!("{number:032x}").as_bytes());
    }

    #[test]
    fn a_trace_root_has_the_time_and_chance() {
        let root = trace_root(0x6650_1234_u64 * 1_000 + 5, 0xf << 96 | 0xabc);
        assert_eq!(root, *b"Root=1-66501234-000000000000000000000abc");
    }

    #[test]
    fn h6_a_clients_uuid_is_adopted_and_nothing_else() {
        assert!(as_uuid(b"01234567-89AB-4def-8123-456789abcdef").is_some());
        assert!(as_uuid(b"01234567-89AB-4def-8123-456789abcdeg").is_none());
        assert!(as_uuid(b"0123456789AB4def8123456789abcdef0000").is_none());
    }
}
