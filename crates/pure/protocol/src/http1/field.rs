//! Header fields: one line parsed to spans, a section of them, and views over the bytes.

use super::name::PerName;
use super::{Fault, KnownName, Limits, Progress, Span};
use crate::bytes::{TOKEN, find_byte, find_control, is, is_token, trim, trim_end, trim_start};

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
    /// the name has no `_`. Where it names a field that decides or that the gateway sets, a field
    /// with `_` is not forwarded (hardening section 4).
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
    places: PerName<Place>,
    /// The sum of `name: value CRLF` so far.
    length: usize,
    /// The length of the longest name.
    longest_name: usize,
}

/// A section without a field.
pub(crate) static NO_FIELDS: FieldSection =
    FieldSection { fields: Vec::new(), places: PerName::of_value(0), length: 0, longest_name: 0 };

/// Where the fields of one name are: the number of the first, counted from 1, with [`REPEATED`] when
/// there are more; 0 when there is none.
type Place = u16;

/// Marks a place whose name came more than once. Heads of more fields than the bits below it can
/// count are refused, whatever the limit says.
const REPEATED: Place = 1 << 15;

/// So many fields can be counted below [`REPEATED`].
#[expect(clippy::as_conversions, reason = "widening; `usize::from` is not const")]
const FIELDS_MAX: usize = REPEATED as usize - 1;

/// The number of the field behind so many others, which are fewer than [`FIELDS_MAX`].
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "below 2^15")]
const fn number_of(others: usize) -> Place {
    (others as Place).wrapping_add(1)
}

impl FieldSection {
    /// The fields in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Field] {
        &self.fields
    }

    /// Whether a field of this name came; of [`KnownName::Other`], whether one of no known name did.
    #[inline]
    #[must_use]
    pub const fn contains(&self, known: KnownName) -> bool {
        *self.places.of(known) != 0
    }

    /// Whether a field of this name came more than once; of [`KnownName::Other`], whether several of no known
    /// name did.
    #[must_use]
    pub const fn is_repeated(&self, known: KnownName) -> bool {
        *self.places.of(known) & REPEATED != 0
    }

    /// The first field of this name.
    #[inline]
    #[must_use]
    pub fn find(&self, known: KnownName) -> Option<&Field> {
        self.fields.get(self.index(known)?)
    }

    /// Where the first field of this name is.
    fn index(&self, known: KnownName) -> Option<usize> {
        usize::from(*self.places.of(known) & !REPEATED).checked_sub(1)
    }

    /// The sum of `name: value CRLF` over all fields, in bytes (TH-50).
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// The fields over the bytes that the head was read from.
    #[must_use]
    pub const fn over<'head>(&'head self, bytes: &'head [u8]) -> Fields<'head> {
        Fields { section: self, bytes }
    }

    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        self.places = PerName::of_value(0);
        self.length = 0;
        self.longest_name = 0;
    }

    /// Whether the fields keep within limits.
    pub(crate) fn fits(&self, limits: &Limits) -> bool {
        self.length <= limits.head_bytes
            && self.fields.len() <= limits.header_fields
            && self.longest_name <= limits.header_name_bytes
    }

    /// Keeps the first fields whose lines, which stood in `kept` from `start` on, stand in `rest` just so, and
    /// says how many bytes these lines have. `kept` ends with the empty line.
    pub(crate) fn keep_leading(&mut self, start: usize, kept: &[u8], rest: &[u8]) -> usize {
        let last_end = kept.len().saturating_sub("\r\n".len());
        let starts = self.fields.iter().skip(1).map(|field| field.name.start().wrapping_sub(start));
        let (mut same, mut count) = (0, 0_usize);
        for end in starts.chain([last_end]) {
            match (kept.get(same..end), rest.get(same..end)) {
                (Some(before), Some(now)) if before == now => (same, count) = (end, count.wrapping_add(1)),
                _ => break,
            }
        }
        self.truncate(count);
        same
    }

    /// Keeps the first fields, as they were read: what other fields made of them is forgotten.
    fn truncate(&mut self, count: usize) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.truncate(count);
        self.clear();
        for (others, field) in fields.iter_mut().enumerate() {
            field.hop_by_hop = field.known.is_hop_by_hop();
            self.count(field.known, number_of(others), field.name.length(), field.value.length());
        }
        self.fields = fields;
    }

    /// Notes where a field is, and how long it is.
    fn count(&mut self, known: KnownName, number: Place, name_length: usize, value_length: usize) {
        let written = name_length.wrapping_add(value_length).wrapping_add(": \r\n".len());
        self.length = self.length.wrapping_add(written);
        self.longest_name = self.longest_name.max(name_length);
        let place = self.places.of_mut(known);
        *place = if *place == 0 { number } else { *place | REPEATED };
    }

    /// Says that the bytes which stood at `from` stand at `to`.
    pub(crate) fn move_places(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        for field in &mut self.fields {
            field.name = field.name.moved(from, to);
            field.value = field.value.moved(from, to);
        }
    }

    /// Reads field lines from `next` on until the empty line, and moves `next` behind what was
    /// read. On [`Progress::Partial`] `next` is the start of the first line that is not whole. The first lines of
    /// the section may be known already.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        next: &mut usize,
        limits: &Limits,
        known: &[KnownLine],
    ) -> Result<Progress, Fault> {
        loop {
            let rest = bytes.get(*next..).unwrap_or_default();
            let line = match known.get(self.fields.len()) {
                Some(known) => known.over(rest, limits)?,
                None if !rest.first().is_some_and(|byte| is(*byte, TOKEN)) => {
                    let progress = no_field(rest)?;
                    if progress == Progress::Complete {
                        *next = next.wrapping_add(2);
                    }
                    return Ok(progress);
                }
                None => Line::read(rest, limits)?,
            };
            let Some(line) = line else { return Ok(Progress::Partial) };
            self.push(line, *next, limits)?;
            *next = next.wrapping_add(line.length);
        }
    }

    fn push(&mut self, line: Line<'_>, start: usize, limits: &Limits) -> Result<(), Fault> {
        let value = trim_start(line.value);
        let white = line.value.len().wrapping_sub(value.len());
        let value = trim_end(value);
        let others = self.fields.len();
        self.count(line.known, number_of(others), line.name.len(), value.len());
        if self.length > limits.head_bytes {
            return Err(Fault::FieldsTooLong);
        }
        if others >= limits.header_fields.min(FIELDS_MAX) {
            return Err(Fault::TooManyFields);
        }
        // A known name has no `_`.
        let has_underscore = line.known == KnownName::Other && find_byte(line.name, b'_').is_some();
        let alias = if has_underscore { KnownName::of_underscored(line.name) } else { line.known };
        let name = Span::new(start, start.wrapping_add(line.name.len()));
        // Behind the name stand the colon and the white space.
        let value_start = name.end().wrapping_add(1).wrapping_add(white);
        self.fields.push(Field {
            name,
            value: Span::new(value_start, value_start.wrapping_add(value.len())),
            known: line.known,
            alias,
            has_underscore,
            hop_by_hop: line.known.is_hop_by_hop(),
        });
        Ok(())
    }

    /// Reads the `Connection` fields over `bytes`, and marks the fields that they name as
    /// hop-by-hop. `is_protected` says which may not be named.
    pub(crate) fn read_connection(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        is_protected: impl Fn(KnownName) -> bool,
    ) -> Result<Connection, Fault> {
        let mut connection = Connection::default();
        let Some(first) = self.index(KnownName::Connection) else { return Ok(connection) };
        let mut options = 0_usize;
        for index in first..self.fields.len() {
            let Some(field) = self.fields.get(index).filter(|field| field.known == KnownName::Connection)
            else {
                continue;
            };
            let list = field.value.of(bytes);
            // What most clients send, quicker than as a list.
            if list == b"keep-alive" {
                connection.keep_alive = true;
                continue;
            }
            for option in elements(list) {
                options = options.saturating_add(1);
                if options > limits.header_fields {
                    return Err(Fault::TooManyConnectionOptions);
                }
                if option.eq_ignore_ascii_case(b"keep-alive") {
                    connection.keep_alive = true;
                } else if option.eq_ignore_ascii_case(b"close") {
                    connection.close = true;
                } else {
                    self.read_option(option, bytes, &is_protected)?;
                }
            }
        }
        Ok(connection)
    }

    fn read_option(
        &mut self,
        option: &[u8],
        bytes: &[u8],
        is_protected: impl Fn(KnownName) -> bool,
    ) -> Result<(), Fault> {
        if !is_token(option) {
            return Err(Fault::ConnectionOption);
        }
        let known = KnownName::of(option);
        if is_protected(known) {
            return Err(Fault::ConnectionNamesProtected);
        }
        for field in &mut self.fields {
            if field.known == known
                && (known != KnownName::Other || field.name.of(bytes).eq_ignore_ascii_case(option))
            {
                field.hop_by_hop = true;
            }
        }
        Ok(())
    }
}

/// What it means that no field line starts here: no line starts with a token's byte.
fn no_field(rest: &[u8]) -> Result<Progress, Fault> {
    match rest {
        [b'\r', b'\n', ..] => Ok(Progress::Complete),
        [] | [b'\r'] => Ok(Progress::Partial),
        [b'\r', ..] => Err(Fault::BareCarriageReturn),
        [b'\n', ..] => Err(Fault::BareLineFeed),
        [b' ' | b'\t', ..] => Err(Fault::FoldedLine),
        _ => Err(Fault::FieldName),
    }
}

/// What `Connection` said about the connection itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Connection {
    close: bool,
    keep_alive: bool,
}

impl Connection {
    /// Whether the connection stays open after the message: `close` always wins, HTTP/1.1 stays,
    /// HTTP/1.0 has to ask (RFC 9112 section 9.3).
    pub(crate) const fn keeps(self, version_minor: u8) -> bool {
        !self.close && (version_minor > 0 || self.keep_alive)
    }
}

/// The elements of a list, without white space around them and without empty ones (RFC 9110
/// section 5.6.1).
pub(crate) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// A field line that was looked at before: its name is a token, its value has no control character, and what
/// stands between them and behind them is `: ` and CRLF.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownLine {
    pub(crate) name_length: usize,
    /// The name as a number.
    pub(crate) name: KnownName,
    /// With its line end.
    pub(crate) length: usize,
}

impl KnownLine {
    /// The line at the start of `bytes`, as [`Line::read`] would find it.
    #[inline]
    fn over<'bytes>(self, bytes: &'bytes [u8], limits: &Limits) -> Result<Option<Line<'bytes>>, Fault> {
        let Self { name_length, name: known, length } = self;
        if name_length.min(bytes.len()) > limits.header_name_bytes {
            return Err(Fault::FieldNameTooLong);
        }
        let line = bytes.get(..length).and_then(|line| line.split_at_checked(name_length));
        Ok(line.map(|(name, rest)| {
            let value = rest.get(1..rest.len().wrapping_sub(2)).unwrap_or_default();
            Line { name, known, value, length }
        }))
    }
}

/// A field line as it stands in the buffer.
#[derive(Clone, Copy)]
struct Line<'bytes> {
    name: &'bytes [u8],
    known: KnownName,
    /// All between the colon and the line end.
    value: &'bytes [u8],
    /// With its line end.
    length: usize,
}

impl<'bytes> Line<'bytes> {
    /// Reads a line that starts with a token's byte. `None` when it is not whole.
    #[inline]
    fn read(bytes: &'bytes [u8], limits: &Limits) -> Result<Option<Self>, Fault> {
        let (known, name_length) = match known_name(bytes) {
            Some((known, length)) => (known, Some(length)),
            None => (KnownName::Other, token_length(bytes)),
        };
        if name_length.unwrap_or(bytes.len()) > limits.header_name_bytes {
            return Err(Fault::FieldNameTooLong);
        }
        let Some((name, rest)) = name_length.and_then(|length| bytes.split_at_checked(length)) else {
            return Ok(None);
        };
        let [b':', rest @ ..] = rest else { return Err(Fault::FieldName) };
        let Some((value, end)) = find_control(rest).and_then(|length| rest.split_at_checked(length)) else {
            return Ok(None);
        };
        match end {
            [b'\r', b'\n', ..] => {}
            [b'\r'] => return Ok(None),
            [b'\r', ..] => return Err(Fault::BareCarriageReturn),
            [b'\n', ..] => return Err(Fault::BareLineFeed),
            _ => return Err(Fault::FieldValue),
        }
        let length = name.len().wrapping_add(value.len()).wrapping_add(":\r\n".len());
        Ok(Some(Self { name, known, value, length }))
    }
}

/// The known name that a line starts with, and its length. Most names are known, and a known one is
/// a token without `_`, so its bytes need no other look.
#[inline]
fn known_name(bytes: &[u8]) -> Option<(KnownName, usize)> {
    let start = bytes.get(..=KnownName::LONGEST).unwrap_or(bytes);
    let length = find_byte(start, b':')?;
    let known = KnownName::of(start.get(..length)?);
    (known != KnownName::Other).then_some((known, length))
}

/// The length of the token that a line starts with, if something ends it.
fn token_length(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| !is(*byte, TOKEN))
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
            bytes: self.bytes,
        })
    }

    /// Whether a field of this name came.
    #[must_use]
    pub const fn contains(self, known: KnownName) -> bool {
        self.section.contains(known)
    }

    /// Whether a field of this name came more than once; of [`KnownName::Other`], whether several of no known
    /// name did.
    #[must_use]
    pub const fn is_repeated(self, known: KnownName) -> bool {
        self.section.is_repeated(known)
    }

    /// The first value of a known name.
    #[must_use]
    pub fn value(self, known: KnownName) -> Option<&'head [u8]> {
        self.section.find(known).map(|field| field.value.of(self.bytes))
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
    /// What the head was read from.
    bytes: &'head [u8],
}

impl<'head> FieldView<'head> {
    /// The whole line with its line end, where it came as a [`FieldBlock`](super::FieldBlock) would write
    /// it: with one space behind the colon and no white space behind the value.
    #[inline]
    pub(crate) fn written_line(&self) -> Option<&'head [u8]> {
        let Field { name, value, .. } = self.field;
        let between = self.bytes.get(name.end()..value.start())?;
        let line = self.bytes.get(name.start()..value.end().wrapping_add(2))?;
        (between == b": " && line.ends_with(b"\r\n")).then_some(line)
    }
}
