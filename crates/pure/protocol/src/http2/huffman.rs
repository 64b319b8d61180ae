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
    let start = output.len();
    // No code has fewer than five bits; a pair is written as two bytes, whether or not both are symbols.
    let symbols_max = bytes.len().wrapping_mul(8).wrapping_div(5);
    output.resize(start.wrapping_add(symbols_max).wrapping_add(2), 0);
    let room = output.get_mut(start..).unwrap_or_default();
    let mut bits = Bits { rest: bytes, held: 0, count: 0 };
    let mut end = 0_usize;
    let outcome = loop {
        bits.fill();
        let mut found = pair(bits.window() >> (32 - PAIR_BITS));
        // Neither a code that is longer than a pair, which has the length 0, nor one that is cut off.
        if u32::from(found.length).wrapping_sub(1) >= bits.count {
            match bits.rare(found) {
                Some(rare) => found = rare,
                None => break bits.check_padding(),
            }
        }
        bits.take(found.length);
        if let Some(place) = room.get_mut(end..end.wrapping_add(2)) {
            place.copy_from_slice(&found.symbols);
        }
        end = end.wrapping_add(found.count());
    };
    output.truncate(start.wrapping_add(end));
    outcome
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

    /// What these bits begin with where that is no pair: a long code, or the last one.
    fn rare(&self, found: Pair) -> Option<Pair> {
        let found = if found.first_length == 0 { long_code(self.window())? } else { found.first_alone() };
        (u32::from(found.length) <= self.count).then_some(found)
    }

    /// What is left when no code fits any more: fewer than eight bits, all of them set.
    fn check_padding(&self) -> Result<(), CompressionFault> {
        let is_padding = self.count < 8 && self.held.leading_ones() >= self.count;
        if is_padding { Ok(()) } else { Err(CompressionFault) }
    }
}

/// What bits begin with: one symbol, or two of short codes.
#[derive(Clone, Copy)]
struct Pair {
    symbols: [u8; 2],
    /// The length of the first code, in bits; 0 where it is longer than [`PAIR_BITS`].
    first_length: u8,
    /// The length of both codes, or of the first one where there is no second.
    length: u8,
}

impl Pair {
    const fn first_alone(self) -> Self {
        Self { length: self.first_length, ..self }
    }

    fn count(self) -> usize {
        usize::from(self.length != self.first_length).wrapping_add(1)
    }
}

/// The symbol of a code that is longer than [`PAIR_BITS`]; `None` for the end.
fn long_code(window: u32) -> Option<Pair> {
    let row = LONG.iter().find(|row| u64::from(window) < row.end)?;
    let number = window.wrapping_sub(row.first).wrapping_shr(32_u32.wrapping_sub(u32::from(row.length)));
    let place = row.place.wrapping_add(usize::try_from(number).ok()?);
    Some(Pair { symbols: [*SORTED.get(place)?, 0], first_length: row.length, length: row.length })
}

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "the window's highest bits are below the table's length"
)]
#[inline]
const fn pair(bits: u32) -> Pair {
    PAIRS[bits as usize]
}

/// Two codes of so many bits together are found with one look: nearly all neighbours in a header.
const PAIR_BITS: u32 = 12;

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
/// What each number of [`PAIR_BITS`] bits begins with.
static PAIRS: [Pair; 1 << PAIR_BITS] = pairs();
/// The codes that are longer than [`PAIR_BITS`].
static LONG: [Row; LONG_LENGTHS] = long();

/// How many lengths they have.
#[expect(clippy::as_conversions, reason = "30 - 12")]
const LONG_LENGTHS: usize = LENGTH_MAX as usize - PAIR_BITS as usize;

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
const fn pairs() -> [Pair; 1 << PAIR_BITS] {
    let sorted = sorted();
    let mut table = [Pair { symbols: [0; 2], first_length: 0, length: 0 }; 1 << PAIR_BITS];
    let (mut place, mut filled) = (0, 0);
    while (LENGTHS[sorted[place] as usize] as u32) <= PAIR_BITS {
        let length = LENGTHS[sorted[place] as usize];
        let end = filled + (1 << (PAIR_BITS - length as u32));
        while filled < end {
            table[filled] = Pair { symbols: [sorted[place], 0], first_length: length, length };
            filled += 1;
        }
        place += 1;
    }
    // What stands behind the first code is looked up like a first one; a code that is cut off there does not fit.
    let mut bits = 0;
    while bits < table.len() {
        let first = table[bits];
        let second = table[(bits << first.first_length) % table.len()];
        let length = first.first_length + second.first_length;
        if first.first_length > 0 && second.first_length > 0 && length as u32 <= PAIR_BITS {
            table[bits] = Pair { symbols: [first.symbols[0], second.symbols[0]], length, ..first };
        }
        bits += 1;
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
const fn long() -> [Row; LONG_LENGTHS] {
    let sorted = sorted();
    let mut rows = [Row { length: 0, first: 0, end: 0, place: 0 }; LONG_LENGTHS];
    let (mut place, mut code) = (0, 0_u64);
    let mut length = 1;
    while length <= LENGTH_MAX {
        let width = 32 - length;
        let (first, from) = (code, place);
        while place < 256 && LENGTHS[sorted[place] as usize] == length {
            code += 1 << width;
            place += 1;
        }
        if length > PAIR_BITS as u8 {
            let row = (length - PAIR_BITS as u8 - 1) as usize;
            rows[row] = Row { length, first: first as u32, end: code, place: from };
        }
        length += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

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

    /// The twin: bit by bit, by the codes of all symbols.
    fn decoded_slowly(bytes: &[u8]) -> Result<Vec<u8>, CompressionFault> {
        let codes: HashMap<(u32, u8), u8> = (0..=255).map(|symbol| (code(symbol), symbol)).collect();
        let (mut text, mut begun, mut length) = (Vec::new(), 0, 0_u8);
        for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)) {
            (begun, length) = (begun << 1 | u32::from(bit), length.wrapping_add(1));
            if let Some(symbol) = codes.get(&(begun, length)) {
                text.push(*symbol);
                (begun, length) = (0, 0);
            } else if length == LENGTH_MAX {
                return Err(CompressionFault);
            }
        }
        let is_padding = length < 8 && begun.count_ones() == u32::from(length);
        if is_padding { Ok(text) } else { Err(CompressionFault) }
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

        /// Text of a header, cut off anywhere, is mostly whole codes and some padding.
        #[test]
        fn hpack_texts_are_read_like_their_bits(text in "[ -~]{0,60}", length in 0..60_usize, last in any::<u8>()) {
            let mut bytes = encode(text.as_bytes());
            bytes.truncate(length);
            prop_assert_eq!(decoded(&bytes), decoded_slowly(&bytes));
            bytes.push(last);
            prop_assert_eq!(decoded(&bytes), decoded_slowly(&bytes));
        }

        #[test]
        fn hpack_no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decoded(&bytes), decoded_slowly(&bytes));
            if let Ok(text) = decoded(&bytes) {
                prop_assert_eq!(encode(&text), bytes);
            }
        }
    }
}
