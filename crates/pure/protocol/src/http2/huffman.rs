//! The Huffman code of HPACK (RFC 7541 appendix B), made from the lengths of its codes: it is canonical, so
//! that codes of one length follow each other in the order of their symbols.

use super::CompressionFault;

/// Decodes a string behind what is in `output` already.
///
/// # Errors
///
/// When the string holds the symbol of its end, or is padded with anything but the start of that symbol
/// (RFC 7541 section 5.2).
pub(super) fn decode(bytes: &[u8], output: &mut Vec<u8>) -> Result<(), CompressionFault> {
    let mut bits = Bits { rest: bytes, held: 0, count: 0 };
    loop {
        bits.fill();
        let (symbol, length) = match in_row(&SHORT, bits.window() >> (32 - SHORT_BITS)) {
            (_, 0) => match long_code(bits.window()) {
                Some(found) => found,
                None => return bits.check_padding(),
            },
            short => short,
        };
        if u32::from(length) > bits.count {
            return bits.check_padding();
        }
        bits.take(length);
        output.push(symbol);
    }
}

/// The bits of a string that are looked at next.
struct Bits<'bytes> {
    rest: &'bytes [u8],
    /// The next bits, highest first; behind them all are 0.
    held: u64,
    count: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some((word, behind)) = self.rest.split_first_chunk::<4>() {
            let word = u64::from(u32::from_be_bytes(*word));
            self.held |= word.wrapping_shl(32_u32.wrapping_sub(self.count));
            self.count = self.count.wrapping_add(32);
            self.rest = behind;
            return;
        }
        while let [byte, behind @ ..] = self.rest {
            self.held |= u64::from(*byte).wrapping_shl(56_u32.wrapping_sub(self.count));
            self.count = self.count.wrapping_add(8);
            self.rest = behind;
        }
    }

    #[expect(clippy::as_conversions, reason = "32 of 64 bits")]
    const fn window(&self) -> u32 {
        (self.held >> 32) as u32
    }

    fn take(&mut self, length: u8) {
        self.held = self.held.wrapping_shl(u32::from(length));
        self.count = self.count.wrapping_sub(u32::from(length));
    }

    /// What is left when no code fits any more: fewer than eight bits, all of them set.
    fn check_padding(&self) -> Result<(), CompressionFault> {
        let is_padding = self.count < 8 && self.held.leading_ones() >= self.count;
        if is_padding { Ok(()) } else { Err(CompressionFault) }
    }
}

/// The symbol of a code that is longer than [`SHORT_BITS`], and the code's length; `None` for the end.
fn long_code(window: u32) -> Option<(u8, u8)> {
    let row = LONG.iter().find(|row| u64::from(window) < row.end)?;
    let number = window.wrapping_sub(row.first).wrapping_shr(32_u32.wrapping_sub(u32::from(row.length)));
    let place = row.place.wrapping_add(usize::try_from(number).ok()?);
    Some((*SORTED.get(place)?, row.length))
}

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "the window's highest bits are below 256"
)]
#[inline]
const fn in_row(table: &[(u8, u8); 1 << SHORT_BITS], bits: u32) -> (u8, u8) {
    table[bits as usize]
}

/// Codes of so many bits and fewer are found with one look: those of nearly everything in a header.
const SHORT_BITS: u32 = 8;

/// The codes of one length.
#[derive(Clone, Copy)]
struct Row {
    length: u8,
    /// The first code, as the highest bits of 32.
    first: u32,
    /// The first number that is no code of this length or a shorter one.
    end: u64,
    /// Where their symbols are in [`SORTED`].
    place: usize,
}

/// The length of each symbol's code; that of the end of a string, which is no byte, is the last one of 30.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, //
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, //
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, //
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, //
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// The longest code, in bits.
const LENGTH_MAX: u8 = 30;

/// The symbols in the order of their codes.
static SORTED: [u8; 256] = sorted();
/// The symbol and the length of the code that eight bits begin with; a length of 0 where it is longer.
static SHORT: [(u8, u8); 1 << SHORT_BITS] = short();
/// The longer codes.
static LONG: [Row; 22] = long();

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which has no iterators and no conversion traits there"
)]
const fn sorted() -> [u8; 256] {
    let mut sorted = [0; 256];
    let (mut length, mut place) = (0, 0);
    while length <= LENGTH_MAX {
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] == length {
                sorted[place] = symbol as u8;
                place += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    sorted
}

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which has no iterators and no conversion traits there"
)]
const fn short() -> [(u8, u8); 1 << SHORT_BITS] {
    let sorted = sorted();
    let mut table = [(0, 0); 1 << SHORT_BITS];
    let (mut place, mut filled) = (0, 0);
    while (LENGTHS[sorted[place] as usize] as u32) <= SHORT_BITS {
        let length = LENGTHS[sorted[place] as usize];
        let end = filled + (1 << (SHORT_BITS - length as u32));
        while filled < end {
            table[filled] = (sorted[place], length);
            filled += 1;
        }
        place += 1;
    }
    table
}

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, which has no iterators and no conversion traits there"
)]
const fn long() -> [Row; 22] {
    let sorted = sorted();
    let mut rows = [Row { length: 0, first: 0, end: 0, place: 0 }; 22];
    let (mut place, mut code) = (0, 0_u64);
    let mut length = 1;
    while length <= LENGTH_MAX {
        let width = 32 - length;
        let (first, from) = (code, place);
        while place < 256 && LENGTHS[sorted[place] as usize] == length {
            code += 1 << width;
            place += 1;
        }
        if length > SHORT_BITS as u8 {
            let row = (length - SHORT_BITS as u8 - 1) as usize;
            rows[row] = Row { length, first: first as u32, end: code, place: from };
        }
        length += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The code of a symbol, by counting through all that come before it.
    fn code(symbol: u8) -> (u32, u8) {
        let length = LENGTHS[usize::from(symbol)];
        let mut code = 0_u64;
        for before in &SORTED {
            if *before == symbol {
                break;
            }
            code = code
                .wrapping_add(1_u64.wrapping_shl(32_u32.wrapping_sub(LENGTHS[usize::from(*before)].into())));
        }
        (u32::try_from(code.wrapping_shr(32_u32.wrapping_sub(length.into()))).unwrap(), length)
    }

    fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits: Vec<bool> = text
            .iter()
            .flat_map(|symbol| {
                let (code, length) = code(*symbol);
                (0..length).rev().map(move |bit| code >> bit & 1 == 1)
            })
            .collect();
        bits.resize(bits.len().next_multiple_of(8), true);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
    }

    fn decoded(bytes: &[u8]) -> Result<Vec<u8>, CompressionFault> {
        let mut output = Vec::new();
        decode(bytes, &mut output).map(|()| output)
    }

    #[test]
    fn the_codes_are_those_of_the_appendix() {
        for (symbol, expected, length) in [
            (b'0', 0, 5),
            (b'a', 3, 5),
            (b' ', 0x14, 6),
            (b':', 0x5c, 7),
            (b'&', 0xf8, 8),
            (b'Z', 0xfd, 8),
            (b'!', 0x3f8, 10),
            (b'\\', 0x7fff0, 19),
            (0, 0x1ff8, 13),
            (10, 0x3fff_fffc, 30),
            (22, 0x3fff_fffe, 30),
            (249, 0xfff_fffe, 28),
            (255, 0x3ff_ffee, 26),
        ] {
            assert_eq!(code(symbol), (expected, length), "{symbol}");
        }
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (bytes, text) in [
            (
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f], "custom-key"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf], "custom-value"),
            (&[], ""),
        ] {
            assert_eq!(decoded(bytes).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn hpack_padding_that_is_no_start_of_the_end_is_a_fault() {
        // `0` and three bits, one of them not set; eight bits of padding; the end itself.
        for bytes in
            [&[0b0000_0110][..], &[0b0001_1111, 0xff], &[0xff], &[0xff, 0xff, 0xff, 0xff], &[0xff; 9]]
        {
            assert_eq!(decoded(bytes), Err(CompressionFault), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decoded(&encode(&text)).unwrap(), text);
        }

        #[test]
        fn hpack_no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(text) = decoded(&bytes) {
                prop_assert_eq!(encode(&text), bytes);
            }
        }
    }
}
