//! Header fields: one line parsed to spans, a section of them, and views over the bytes.

use super::{Fault, KnownName, Limits, Progress, Span};
use crate::bytes::{TOKEN, UNDERSCORE, class_of, find_control, is_token, trim};

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
    /// A bit for each [`KnownName`] that came, and for each that came again.
    present: u128,
    repeated: u128,
    /// The sum of `name: value CRLF` so far.
    length: usize,
}

impl FieldSection {
    /// The fields in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Field] {
        &self.fields
    }

    /// Whether a field of this name came.
    #[inline]
    #[must_use]
    pub const fn contains(&self, known: KnownName) -> bool {
        self.present & known.bit() != 0
    }

    /// Whether a field of this name came more than once.
    #[must_use]
    pub const fn is_repeated(&self, known: KnownName) -> bool {
        self.repeated & known.bit() != 0
    }

    /// The first field of this name.
    #[must_use]
    pub fn find(&self, known: KnownName) -> Option<&Field> {
        if !self.contains(known) {
            return None;
        }
        self.fields.iter().find(|field| field.known == known)
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
        self.present = 0;
        self.repeated = 0;
        self.length = 0;
    }

    /// Reads field lines from `next` on until the empty line, and moves `next` behind what was
    /// read. On [`Progress::Partial`] `next` is the start of the first line that is not whole.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        next: &mut usize,
        limits: &Limits,
    ) -> Result<Progress, Fault> {
        loop {
            let rest = bytes.get(*next..).unwrap_or_default();
            match rest {
                [b'\r', b'\n', ..] => {
                    *next = next.saturating_add(2);
                    return Ok(Progress::Complete);
                }
                [] | [b'\r'] => return Ok(Progress::Partial),
                [b'\r', ..] => return Err(Fault::BareCarriageReturn),
                [b'\n', ..] => return Err(Fault::BareLineFeed),
                [b' ' | b'\t', ..] => return Err(Fault::FoldedLine),
                _ => {}
            }
            let Some(line) = Line::read(rest, limits)? else { return Ok(Progress::Partial) };
            self.push(line, *next, limits)?;
            *next = next.saturating_add(line.length);
        }
    }

    fn push(&mut self, line: Line<'_>, start: usize, limits: &Limits) -> Result<(), Fault> {
        let value = trim(line.value);
        let written = line.name.len().saturating_add(value.len()).saturating_add(": \r\n".len());
        self.length = self.length.saturating_add(written);
        if self.length > limits.head_bytes {
            return Err(Fault::FieldsTooLong);
        }
        if self.fields.len() >= limits.header_fields {
            return Err(Fault::TooManyFields);
        }
        let known = KnownName::of(line.name);
        let alias = if line.has_underscore { KnownName::of_underscored(line.name) } else { known };
        self.repeated |= self.present & known.bit();
        self.present |= known.bit();
        let name = Span::new(start, start.saturating_add(line.name.len()));
        // The value is what is left of the line behind the colon and the white space around it.
        let white = line.value.len().saturating_sub(line.value.trim_ascii_start().len());
        let value_start = name.end().saturating_add(1).saturating_add(white);
        self.fields.push(Field {
            name,
            value: Span::new(value_start, value_start.saturating_add(value.len())),
            known,
            alias,
            has_underscore: line.has_underscore,
            hop_by_hop: known.is_hop_by_hop(),
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
        if !self.contains(KnownName::Connection) {
            return Ok(connection);
        }
        let mut options = 0_usize;
        for index in 0..self.fields.len() {
            let Some(field) = self.fields.get(index).filter(|field| field.known == KnownName::Connection)
            else {
                continue;
            };
            for option in elements(field.value.of(bytes)) {
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

/// A field line as it stands in the buffer.
#[derive(Clone, Copy)]
struct Line<'bytes> {
    name: &'bytes [u8],
    has_underscore: bool,
    /// All between the colon and the line end.
    value: &'bytes [u8],
    /// With its line end.
    length: usize,
}

impl<'bytes> Line<'bytes> {
    /// Reads a line that starts with neither white space nor a line end. `None` when it is not
    /// whole.
    #[inline]
    fn read(bytes: &'bytes [u8], limits: &Limits) -> Result<Option<Self>, Fault> {
        let mut seen = 0;
        let name_length = bytes.iter().position(|byte| {
            let class = class_of(*byte);
            seen |= class;
            class & TOKEN == 0
        });
        if name_length.unwrap_or(bytes.len()) > limits.header_name_bytes {
            return Err(Fault::FieldNameTooLong);
        }
        let Some((name, rest)) = name_length.and_then(|length| bytes.split_at_checked(length)) else {
            return Ok(None);
        };
        let [b':', rest @ ..] = rest else { return Err(Fault::FieldName) };
        if name.is_empty() {
            return Err(Fault::FieldName);
        }
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
        let length = name.len().saturating_add(value.len()).saturating_add(":\r\n".len());
        Ok(Some(Self { name, has_underscore: seen & UNDERSCORE != 0, value, length }))
    }
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
        })
    }

    /// Whether a field of this name came.
    #[must_use]
    pub const fn contains(self, known: KnownName) -> bool {
        self.section.contains(known)
    }

    /// Whether a field of this name came more than once.
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
}
