//! HPACK, written: header blocks of answers. Nothing is Huffman coded: that costs more than the bytes that it
//! saves.
//!
//! Answers of one connection are much alike, so each field is first looked for where the one at its place in the
//! answer before was found. A field that comes again goes into the table; one that has had another value
//! every time so far (an id) leaves its name there and nothing else.

use std::collections::VecDeque;

use super::table::{BETWEEN, LINE_END, STATIC, STATIC_COUNT, size};
use crate::bytes::find_byte;
use crate::http1::first_line;

/// The encoder of one connection.
#[derive(Debug)]
pub(super) struct Encoder {
    /// The oldest first.
    entries: VecDeque<Entry>,
    /// How many were ever put there.
    inserted: u64,
    /// The sum of their sizes.
    size: usize,
    size_max: usize,
    /// The smallest and the last size that the client was not told yet.
    size_update: Option<(usize, usize)>,
    /// The numbers of the entries where the fields of the last answer were found, in their order.
    trail: Vec<u64>,
    /// How many fields of this answer are written.
    written: usize,
}

#[derive(Debug)]
struct Entry {
    /// `Name: value CRLF`, as the field block has it.
    line: Box<[u8]>,
    name_length: usize,
    /// Whether the value came again.
    was_found: bool,
}

impl Entry {
    /// The value of the first of some lines, if that has this entry's name.
    fn value_of<'lines>(&self, lines: &'lines [u8]) -> Option<&'lines [u8]> {
        let rest = lines.strip_prefix(self.line.get(..self.name_length.wrapping_add(BETWEEN.len()))?)?;
        rest.get(..find_byte(rest, b'\n')?.wrapping_sub(1))
    }
}

/// Where a field is in the table.
enum Found {
    /// Name and value are there.
    Whole(u64),
    /// The name is there with a value that changes all the time.
    Changing(u64),
    /// The name is there with a value that did not change so far.
    Changed(u64),
    Nowhere,
}

/// The table's size on our side: the client may make it smaller.
const TABLE_BYTES: usize = 4_096;
/// Larger fields would drive out all others.
const KEPT_BYTES_MAX: usize = 512;
/// So many fields of an answer are remembered.
const TRAIL_FIELDS_MAX: usize = 32;
/// The number of no entry.
const NO_ENTRY: u64 = u64::MAX;

impl Encoder {
    /// An empty table.
    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            inserted: 0,
            size: 0,
            size_max: TABLE_BYTES,
            size_update: None,
            trail: Vec::new(),
            written: 0,
        }
    }

    /// The client keeps a table of at most so many bytes.
    pub(super) fn limit_table(&mut self, bytes: usize) {
        let size_max = bytes.min(TABLE_BYTES);
        if size_max != self.size_max {
            let smallest = self.size_update.map_or(size_max, |(smallest, _)| smallest.min(size_max));
            self.size_update = Some((smallest, size_max));
            self.size_max = size_max;
            self.evict(0);
        }
    }

    /// Begins a block with the status.
    pub(super) fn begin(&mut self, output: &mut Vec<u8>, status: u16) {
        if let Some((smallest, last)) = self.size_update.take() {
            put_integer(output, 0x20, 5, smallest);
            if last != smallest {
                put_integer(output, 0x20, 5, last);
            }
        }
        self.written = 0;
        match STATUSES.iter().position(|known| *known == status) {
            Some(place) => put_integer(output, INDEXED, 7, place.wrapping_add(STATUS_INDEX)),
            None => {
                let digits = [100, 10, 1].map(|unit| b'0'.wrapping_add(digit(status, unit)));
                put_integer(output, LITERAL, 4, STATUS_INDEX);
                put_string(output, &digits);
            }
        }
    }

    /// Writes fields, given as lines of a field block, without those that are about an HTTP/1.1 connection.
    pub(super) fn fields(&mut self, output: &mut Vec<u8>, mut lines: &[u8]) {
        while !lines.is_empty() {
            let written = self.repeat(output, lines).or_else(|| self.field(output, lines));
            let Some(length) = written else { break };
            lines = lines.get(length..).unwrap_or_default();
            self.written = self.written.wrapping_add(1);
        }
    }

    /// Remembers where the field that is written was found.
    fn remember(&mut self, number: u64) {
        match self.trail.get_mut(self.written) {
            Some(place) => *place = number,
            None if self.written < TRAIL_FIELDS_MAX => self.trail.push(number),
            None => {}
        }
    }

    /// Writes the first of the lines if it is the one that is expected, and gives its length: neither its end nor
    /// that of its name need be looked for.
    fn repeat(&mut self, output: &mut Vec<u8>, lines: &[u8]) -> Option<usize> {
        let number = *self.trail.get(self.written)?;
        let place = usize::try_from(number.wrapping_sub(self.first())).ok()?;
        let index = self.index_of(number);
        let entry = self.entries.get_mut(place)?;
        if lines.starts_with(&entry.line) {
            entry.was_found = true;
            put_integer(output, INDEXED, 7, index);
            return Some(entry.line.len());
        }
        if entry.was_found {
            return None;
        }
        let value = entry.value_of(lines)?;
        put_integer(output, LITERAL, 4, index);
        put_string(output, value);
        let beside = BETWEEN.len().wrapping_add(LINE_END.len());
        Some(entry.name_length.wrapping_add(value.len()).wrapping_add(beside))
    }

    /// Writes the first of the lines, wherever in the table it is, and gives its length.
    fn field(&mut self, output: &mut Vec<u8>, lines: &[u8]) -> Option<usize> {
        let (name, value, length) = first_line(lines)?;
        let line = lines.get(..length)?;
        let found = self.find(line);
        self.remember(match found {
            Found::Whole(number) | Found::Changing(number) => number,
            Found::Changed(_) | Found::Nowhere => NO_ENTRY,
        });
        match found {
            Found::Whole(number) => put_integer(output, INDEXED, 7, self.index_of(number)),
            Found::Changing(number) => {
                put_integer(output, LITERAL, 4, self.index_of(number));
                put_string(output, value);
            }
            Found::Changed(number) => self.literal(output, (line, name, value), Some(self.index_of(number))),
            Found::Nowhere if is_about_the_connection(name) => {}
            Found::Nowhere => self.literal(output, (line, name, value), static_index(name)),
        }
        Some(length)
    }

    /// Spells a field out, and keeps it where it may be kept.
    fn literal(
        &mut self,
        output: &mut Vec<u8>,
        (line, name, value): (&[u8], &[u8], &[u8]),
        index: Option<usize>,
    ) {
        let bytes = size(line.len());
        let is_secret = name.eq_ignore_ascii_case(b"set-cookie");
        let is_kept = !is_secret && bytes <= KEPT_BYTES_MAX.min(self.size_max);
        let (pattern, prefix) = match () {
            () if is_secret => (NEVER_INDEXED, 4),
            () if is_kept => (INCREMENTAL, 6),
            () => (LITERAL, 4),
        };
        put_integer(output, pattern, prefix, index.unwrap_or(0));
        if index.is_none() {
            put_length(output, name.len());
            output.extend(name.iter().map(u8::to_ascii_lowercase));
        }
        put_string(output, value);
        if is_kept {
            self.evict(bytes);
            self.entries.push_back(Entry { line: line.into(), name_length: name.len(), was_found: false });
            self.size = self.size.wrapping_add(bytes);
            self.remember(self.inserted);
            self.inserted = self.inserted.wrapping_add(1);
        }
    }

    fn find(&mut self, line: &[u8]) -> Found {
        let first = self.first();
        let mut found = Found::Nowhere;
        for (number, entry) in (first..).zip(&mut self.entries) {
            if *entry.line == *line {
                entry.was_found = true;
                return Found::Whole(number);
            }
            if entry.value_of(line).is_some() {
                found = if entry.was_found { Found::Changed(number) } else { Found::Changing(number) };
            }
        }
        found
    }

    /// The number of the oldest entry.
    fn first(&self) -> u64 {
        self.inserted.wrapping_sub(u64::try_from(self.entries.len()).unwrap_or(0))
    }

    /// The index of an entry: the newest one stands behind the static table.
    fn index_of(&self, number: u64) -> usize {
        let age = self.inserted.wrapping_sub(number);
        usize::try_from(age).unwrap_or(0).wrapping_add(STATIC_COUNT)
    }

    fn evict(&mut self, room: usize) {
        while self.size.saturating_add(room) > self.size_max {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.size = self.size.wrapping_sub(size(oldest.line.len()));
        }
    }
}

/// Fields of HTTP/1.1 that no answer of HTTP/2 has (RFC 9113 section 8.2.2).
fn is_about_the_connection(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 5] =
        [b"connection", b"transfer-encoding", b"keep-alive", b"upgrade", b"proxy-connection"];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The index of a name in the static table.
fn static_index(name: &[u8]) -> Option<usize> {
    let place = STATIC.iter().position(|field| field.name().eq_ignore_ascii_case(name))?;
    Some(place.wrapping_add(1))
}

/// A decimal digit of a status.
#[expect(clippy::as_conversions, reason = "a digit")]
const fn digit(status: u16, unit: u16) -> u8 {
    match status.checked_div(unit) {
        Some(digits) => (digits % 10) as u8,
        None => 0,
    }
}

fn put_string(output: &mut Vec<u8>, text: &[u8]) {
    put_length(output, text.len());
    output.extend_from_slice(text);
}

fn put_length(output: &mut Vec<u8>, length: usize) {
    put_integer(output, 0, 7, length);
}

/// Writes an integer behind the bits of a pattern (RFC 7541 section 5.1).
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "each is below 256 where it is cast"
)]
#[inline]
fn put_integer(output: &mut Vec<u8>, pattern: u8, prefix: u32, number: usize) {
    let mask = u8::MAX.wrapping_shr(8_u32.wrapping_sub(prefix));
    if number < usize::from(mask) {
        output.push(pattern | number as u8);
        return;
    }
    output.push(pattern | mask);
    let mut rest = number.wrapping_sub(usize::from(mask));
    while rest >= 0x80 {
        output.push(rest as u8 | 0x80);
        rest = rest.wrapping_shr(7);
    }
    output.push(rest as u8);
}

/// Statuses of the static table, in its order.
const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
/// The index of the first of them.
const STATUS_INDEX: usize = 8;
/// RFC 7541 section 6.1.
const INDEXED: u8 = 0x80;
/// Without indexing, section 6.2.2.
const LITERAL: u8 = 0;
/// Section 6.2.3: nobody on the way may keep it.
const NEVER_INDEXED: u8 = 0x10;
/// Section 6.2.1.
const INCREMENTAL: u8 = 0x40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decode::Decoder;
    use super::*;
    use crate::http1::FieldBlock;

    fn block(fields: &[(&str, &str)]) -> FieldBlock {
        let mut block = FieldBlock::default();
        for (name, value) in fields {
            block.push(name.as_bytes(), value.as_bytes()).unwrap();
        }
        block
    }

    fn encoded(encoder: &mut Encoder, status: u16, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut output = Vec::new();
        encoder.begin(&mut output, status);
        encoder.fields(&mut output, block(fields).as_bytes());
        output
    }

    fn decoded(decoder: &mut Decoder, block: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decoder.decode(block, |field| fields.push((text(field.name()), text(field.value())))).unwrap();
        fields
    }

    #[test]
    fn what_comes_again_is_an_index_and_ids_are_not_kept() {
        let mut encoder = Encoder::new();
        let answer = |id: &'static str, date: &'static str| {
            [("Date", date), ("Content-Type", "text/plain"), ("x-amzn-RequestId", id), ("Server", "a")]
        };
        let first = encoded(&mut encoder, 200, &answer("1", "Mon"));
        assert_eq!(encoder.entries.len(), 4);
        let second = encoded(&mut encoder, 200, &answer("2", "Mon"));
        assert_eq!(second, [0x88, 0xc1, 0xc0, 15, 48, 1, b'2', 0xbe]);
        let third = encoded(&mut encoder, 200, &answer("3", "Tue"));
        // The date did not change and does now: it is kept anew, and what was found before is still there.
        assert_eq!(third, [0x88, 0x7f, 2, 3, b'T', b'u', b'e', 0xc1, 15, 49, 1, b'3', 0xbf]);
        let mut decoder = Decoder::new();
        for (block, id, date) in [(first, "1", "Mon"), (second, "2", "Mon"), (third, "3", "Tue")] {
            let expected: Vec<(String, String)> = [(":status", "200")]
                .into_iter()
                .chain(answer(id, date))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            assert_eq!(decoded(&mut decoder, &block), expected);
        }
    }

    #[test]
    fn what_changes_now_and_then_is_found_at_once_like_what_never_does() {
        let mut encoder = Encoder::new();
        for second in 0..70 {
            let date = format!("{second:029}");
            for _ in 0..2 {
                encoded(&mut encoder, 200, &[("Date", &date), ("Server", "a"), ("X-Id", &date)]);
            }
            let trail: Vec<_> = encoder.trail.iter().map(|number| encoder.index_of(*number)).collect();
            let places = trail.iter().map(|index| encoder.entries.len() - (index - STATIC_COUNT));
            let names: Vec<_> = places.map(|place| encoder.entries[place].line[0]).collect();
            assert_eq!(names, *b"DSX", "{second}");
        }
    }

    #[test]
    fn cookies_are_never_indexed_and_statuses_are_spelled() {
        let mut encoder = Encoder::new();
        let block = encoded(&mut encoder, 429, &[("Set-Cookie", "a=1"), ("Connection", "close")]);
        assert_eq!(block, [8, 3, b'4', b'2', b'9', 0x1f, 55 - 15, 3, b'a', b'=', b'1']);
        assert!(encoder.entries.is_empty());
    }

    #[test]
    fn a_client_that_keeps_no_table_is_told_so() {
        let mut encoder = Encoder::new();
        let mut decoder = Decoder::new();
        let fields = [("X-A", "b")];
        for (size, begins_with) in [(4_096, &[0x88][..]), (0, &[0x20, 0x88]), (60, &[0x3f, 29, 0x88])] {
            encoder.limit_table(size);
            let block = encoded(&mut encoder, 200, &fields);
            assert!(block.starts_with(begins_with), "{size}: {block:x?}");
            assert_eq!(decoded(&mut decoder, &block).len(), 2);
        }
    }

    proptest! {
        /// The twin: the decoder, whose table must be the encoder's after each answer.
        #[test]
        fn what_is_encoded_is_decoded(
            answers in proptest::collection::vec(
                (100..600_u16, proptest::collection::vec(("[a-cA-C]{1,2}|Date|Set-Cookie|vary", "[x-z]{0,3}|[x]{600}"), 0..8)),
                1..20,
            ),
            sizes in proptest::collection::vec(proptest::option::of(0..300_usize), 20),
        ) {
            let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
            for ((status, fields), size) in answers.iter().zip(sizes) {
                if let Some(size) = size {
                    encoder.limit_table(size);
                }
                let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let block = encoded(&mut encoder, *status, &fields);
                let expected: Vec<_> = std::iter::once((":status".to_owned(), status.to_string()))
                    .chain(fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())))
                    .collect();
                prop_assert_eq!(decoded(&mut decoder, &block), expected);
                prop_assert!(encoder.size <= encoder.size_max);
            }
        }
    }
}
