//! HPACK, read: header blocks of a client (RFC 7541).

use std::collections::VecDeque;

use super::huffman;
use super::table::{BETWEEN, FieldLine, LINE_END, Meaning, STATIC, STATIC_COUNT, size};
use crate::http1::KnownName;

/// A header block that cannot be read. The tables of both sides may differ from here on, so the connection is
/// over (RFC 9113 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CompressionFault;

/// The decoder of one connection.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    entries: VecDeque<Entry>,
    /// The sum of the sizes of the entries.
    size: usize,
    /// What that sum may be, as the client last said.
    size_max: usize,
    /// A field that the block spells out.
    literal: Entry,
}

/// A field with its line.
#[derive(Debug)]
struct Entry {
    line: Vec<u8>,
    name_length: usize,
    known: KnownName,
    /// What the name means.
    of_name: Meaning,
    /// What it means with this value.
    meaning: Meaning,
}

impl Entry {
    fn field(&self) -> FieldLine<'_> {
        let Self { line, name_length, known, meaning, .. } = self;
        FieldLine { line, name_length: *name_length, known: *known, meaning: *meaning }
    }

    const fn size(&self) -> usize {
        size(self.line.len())
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            line: Vec::new(),
            name_length: 0,
            known: KnownName::Other,
            of_name: Meaning::Malformed,
            meaning: Meaning::Malformed,
        }
    }
}

/// `SETTINGS_HEADER_TABLE_SIZE` as every connection begins with it, and as we leave it.
const TABLE_BYTES: usize = 4_096;

impl Decoder {
    /// An empty table.
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, size_max: TABLE_BYTES, literal: Entry::default() }
    }

    /// Reads a whole block and tells of each of its fields in order.
    pub(super) fn decode(
        &mut self,
        block: &[u8],
        mut tell: impl FnMut(FieldLine<'_>),
    ) -> Result<(), CompressionFault> {
        let mut rest = block;
        let mut is_at_start = true;
        while let Some(first) = rest.first() {
            if first & INDEXED != 0 {
                let index = take_integer(&mut rest, 7)?;
                tell(self.field(index)?);
            } else if first & INCREMENTAL != 0 {
                self.read_literal(&mut rest, 6)?;
                tell(self.literal.field());
                self.insert();
            } else if first & SIZE_UPDATE != 0 {
                let size_max = take_integer(&mut rest, 5)?;
                if !is_at_start || size_max > TABLE_BYTES {
                    return Err(CompressionFault);
                }
                self.size_max = size_max;
                self.evict(0);
                continue;
            } else {
                self.read_literal(&mut rest, 4)?;
                tell(self.literal.field());
            }
            is_at_start = false;
        }
        if self.literal.line.capacity() > TABLE_BYTES {
            self.literal.line = Vec::new();
        }
        Ok(())
    }

    /// The field with an index: of the static table, or behind it of ours.
    fn field(&self, index: usize) -> Result<FieldLine<'_>, CompressionFault> {
        let number = index.checked_sub(1).ok_or(CompressionFault)?;
        if let Some(field) = STATIC.get(number) {
            return Ok(*field);
        }
        let entry = self.entries.get(number.wrapping_sub(STATIC_COUNT)).ok_or(CompressionFault)?;
        Ok(entry.field())
    }

    /// Reads a literal whose name has an index of so many bits, or is spelled out too.
    fn read_literal(&mut self, rest: &mut &[u8], prefix: u32) -> Result<(), CompressionFault> {
        let index = take_integer(rest, prefix)?;
        let mut literal = std::mem::take(&mut self.literal);
        literal.line.clear();
        if index == 0 {
            take_string(rest, &mut literal.line)?;
            literal.known = KnownName::of(&literal.line);
            literal.of_name = Meaning::of(&literal.line);
            literal.name_length = literal.line.len();
        } else {
            let named = self.field(index)?;
            literal.line.extend_from_slice(named.name());
            literal.name_length = named.name_length;
            literal.known = named.known;
            literal.of_name = self.meaning_of_name(index);
        }
        literal.line.extend_from_slice(BETWEEN);
        let value_at = literal.line.len();
        take_string(rest, &mut literal.line)?;
        let value = literal.line.get(value_at..).unwrap_or_default();
        literal.meaning = literal.of_name.with_value(value);
        literal.line.extend_from_slice(LINE_END);
        self.literal = literal;
        Ok(())
    }

    /// What the name of an entry means, which may have a malformed value.
    fn meaning_of_name(&self, index: usize) -> Meaning {
        let number = index.wrapping_sub(1);
        match STATIC.get(number) {
            Some(field) => field.meaning,
            None => {
                let entry = self.entries.get(number.wrapping_sub(STATIC_COUNT));
                entry.map_or(Meaning::Malformed, |entry| entry.of_name)
            }
        }
    }

    /// Puts the literal into the table. One that is larger than the table empties it.
    fn insert(&mut self) {
        let size = self.literal.size();
        let evicted = self.evict(size);
        if size <= self.size_max {
            self.size = self.size.wrapping_add(size);
            // A longer literal may have had the memory before; the table does not keep more than it counts.
            let line = &mut self.literal.line;
            if line.capacity() > line.len().saturating_mul(2).saturating_add(32) {
                line.shrink_to_fit();
            }
            // What was evicted gives its memory to the next literal.
            let literal = std::mem::replace(&mut self.literal, evicted.unwrap_or_default());
            self.entries.push_front(literal);
        }
    }

    /// Makes room for so many bytes, and gives back one of the entries that had to go.
    fn evict(&mut self, room: usize) -> Option<Entry> {
        let mut evicted = None;
        while self.size.saturating_add(room) > self.size_max {
            let Some(oldest) = self.entries.pop_back() else { break };
            self.size = self.size.wrapping_sub(oldest.size());
            evicted = Some(oldest);
        }
        evicted
    }
}

/// RFC 7541 section 6.1.
const INDEXED: u8 = 0x80;
/// Section 6.2.1.
const INCREMENTAL: u8 = 0x40;
/// Section 6.3.
const SIZE_UPDATE: u8 = 0x20;
/// Of a string, section 5.2.
const HUFFMAN: u8 = 0x80;

/// Takes an integer whose first bits are the last ones of a byte (section 5.1).
fn take_integer(rest: &mut &[u8], prefix: u32) -> Result<usize, CompressionFault> {
    let (first, mut behind) = rest.split_first().ok_or(CompressionFault)?;
    let mask = u8::MAX.wrapping_shr(8_u32.wrapping_sub(prefix));
    let mut number = usize::from(first & mask);
    if first & mask == mask {
        let mut shift = 0_u32;
        loop {
            let (byte, after) = behind.split_first().ok_or(CompressionFault)?;
            behind = after;
            // Nothing that is read here needs more than 28 bits.
            if shift > 21 {
                return Err(CompressionFault);
            }
            number = number.saturating_add(usize::from(byte & 0x7f).wrapping_shl(shift));
            shift = shift.wrapping_add(7);
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = behind;
    Ok(number)
}

/// Takes a string and puts it behind what is in `output`.
fn take_string(rest: &mut &[u8], output: &mut Vec<u8>) -> Result<(), CompressionFault> {
    let first = *rest.first().ok_or(CompressionFault)?;
    let length = take_integer(rest, 7)?;
    let (text, behind) = rest.split_at_checked(length).ok_or(CompressionFault)?;
    *rest = behind;
    if first & HUFFMAN != 0 {
        return huffman::decode(text, output);
    }
    output.extend_from_slice(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, CompressionFault> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decoder.decode(block, |field| fields.push((text(field.name()), text(field.value()))))?;
        Ok(fields)
    }

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits: Vec<u8> = hexadecimal.bytes().filter(|byte| *byte != b' ').collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// RFC 7541 appendix C.3 and C.4: three requests, without and with Huffman codes.
    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let plain = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ];
        let coded = [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ];
        for blocks in [plain, coded] {
            let mut decoder = Decoder::new();
            let mut last = Vec::new();
            for (block, size) in blocks.iter().zip([57, 110, 164]) {
                last = fields(&mut decoder, &bytes(block)).unwrap();
                assert_eq!(decoder.size, size);
            }
            let expected = [
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/index.html"),
                (":authority", "www.example.com"),
                ("custom-key", "custom-value"),
            ];
            assert_eq!(last, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
    }

    #[test]
    fn a_field_larger_than_the_table_empties_it() {
        let mut decoder = Decoder::new();
        let mut block = bytes("3f45 4001 6101 62");
        assert_eq!(fields(&mut decoder, &block).unwrap().len(), 1);
        assert_eq!((decoder.size_max, decoder.size), (100, 34));
        block = bytes("4001 6150");
        block.extend([b'x'; 80]);
        assert_eq!(fields(&mut decoder, &block).unwrap().len(), 1);
        assert_eq!((decoder.size, decoder.entries.len()), (0, 0));
        assert_eq!(fields(&mut decoder, &[0xbe]), Err(CompressionFault));
    }

    #[test]
    fn the_table_keeps_no_memory_of_literals_that_are_not_in_it() {
        let mut decoder = Decoder::new();
        // `a` with 50,000 bytes, not into the table; then `a: b`, into it.
        let large = [&bytes("0001 617f d185 03")[..], &[b'x'; 50_000]].concat();
        let block = [large, bytes("4001 6101 62")].concat().repeat(200);
        assert_eq!(fields(&mut decoder, &block).unwrap().len(), 400);
        let kept: usize = decoder.entries.iter().map(|entry| entry.line.capacity()).sum();
        assert!(decoder.entries.len() > 100 && kept <= 4 * TABLE_BYTES, "{kept}");
    }

    #[test]
    fn a_name_keeps_its_meaning_when_a_value_is_malformed() {
        let mut decoder = Decoder::new();
        let mut meanings = Vec::new();
        // `host` with a line end, into the table; then its name with another value.
        decoder.decode(&bytes("6601 0a 7e01 61"), |field| meanings.push(field.meaning)).unwrap();
        assert_eq!(meanings, [Meaning::Malformed, Meaning::Host]);
    }

    #[test]
    fn hpack_faults_are_found() {
        for (what, block) in [
            ("index 0", "80"),
            ("an index beyond both tables", "ff ff 7f"),
            ("an integer without end", "ff ff ff ff ff ff ff ff"),
            ("an integer that is cut", "ff"),
            ("a name that is cut", "40 05 61 62"),
            ("a value that is missing", "40 01 61"),
            ("a table above the limit", "3f e2 1f"),
            ("a size behind a field", "82 20"),
            ("padding of eight bits", "40 01 61 82 1f ff"),
        ] {
            assert_eq!(fields(&mut Decoder::new(), &bytes(block)), Err(CompressionFault), "{what}");
        }
        assert_eq!(fields(&mut Decoder::new(), &bytes("20 3f e1 1f 82")).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn hpack_no_block_breaks_it(blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..6)) {
            let mut decoder = Decoder::new();
            for block in blocks {
                let _ = fields(&mut decoder, &block);
                prop_assert!(decoder.size <= decoder.size_max);
                let sum: usize = decoder.entries.iter().map(|entry| entry.size()).sum();
                prop_assert_eq!(decoder.size, sum);
            }
        }
    }
}
