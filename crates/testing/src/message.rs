//! One HTTP/1.1 message, read strictly: what a peer sent, byte for byte.

use std::io::{self, Read};

/// A request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The head with its last empty line, as it stood on the wire (Latin-1).
    pub head: String,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Message {
    /// The first line.
    #[must_use]
    pub fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        let status = self.first_line().strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        status.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no status: {:?}", self.head))
    }

    /// The names and values of the fields, in order.
    #[must_use]
    pub fn fields(&self) -> Vec<(&str, &str)> {
        let lines = self.head.split("\r\n").skip(1).filter(|line| !line.is_empty());
        lines
            .map(|line| line.split_once(':').unwrap_or_else(|| panic!("no colon in {line:?}")))
            .map(trim)
            .collect()
    }

    /// The value of the one field with this name, in any letter case; fails where there are two.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() < 2, "`{name}` stands {} times in {:?}", values.len(), self.head);
        values.first().copied()
    }

    /// The values of every field with this name, in any letter case.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields().into_iter();
        fields.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The names of the fields, in order, as they were written.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.fields().into_iter().map(|(name, _)| name).collect()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The whole message with what differs from one exchange to the next replaced by its kind: the
    /// date, the request id and the extended request id, each of which must have its form.
    #[must_use]
    pub fn masked(&self) -> String {
        let mut lines = self.head.split("\r\n").map(mask).collect::<Vec<_>>().join("\r\n");
        lines.push_str(&String::from_utf8_lossy(&self.body));
        lines
    }

    /// Reads one message. `kind` says how its body ends. Nothing where the peer ended before its
    /// first byte.
    pub(crate) fn read(reader: &mut Reader<impl Read>, kind: Kind) -> io::Result<Option<Self>> {
        let Some(head) = reader.head()? else { return Ok(None) };
        let mut message = Self { head, body: Vec::new() };
        message.body = match message.length(kind) {
            Length::None => Vec::new(),
            Length::Bytes(length) => reader.take(length)?,
            Length::Chunked => reader.chunks()?,
            Length::UntilClose => reader.rest()?,
        };
        Ok(Some(message))
    }

    fn length(&self, kind: Kind) -> Length {
        let bodiless = match kind {
            Kind::Request => false,
            Kind::HeadAlone => true,
            Kind::Answer => matches!(self.status(), 100..=199 | 204 | 304),
        };
        if bodiless {
            return Length::None;
        }
        let declared = self.field("content-length");
        match (self.field("transfer-encoding"), declared) {
            (Some(coding), None) => {
                assert_eq!(coding, "chunked");
                Length::Chunked
            }
            (None, Some(length)) => Length::Bytes(length.parse().expect("digits")),
            (None, None) if kind == Kind::Request => Length::None,
            (None, None) => Length::UntilClose,
            (Some(_), Some(_)) => panic!("two lengths in {:?}", self.head),
        }
    }
}

/// A line of a head, with a value that nobody can foresee replaced.
fn mask(line: &str) -> String {
    let Some((name, value)) = line.split_once(": ") else { return line.to_owned() };
    let kind = match name {
        "Date" if has_form(value, "Aaa, 00 Aaa 0000 00:00:00 GMT") => "DATE",
        "x-amzn-RequestId" if has_form(value, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") => "UUID",
        "x-amz-apigw-id" if has_form(value, "***************=") => "EXTENDED",
        _ => return line.to_owned(),
    };
    format!("{name}: {kind}")
}

/// Whether a text has a form, in which `0` stands for a digit, `A` and `a` for letters, `x` for a
/// hexadecimal digit, `*` for a digit of base64, and everything else for itself.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, kind)| match kind {
            b'0' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase() || byte == kind,
            b'a' => byte.is_ascii_lowercase(),
            b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            b'*' => byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte),
            _ => byte == kind,
        })
}

fn trim<'t>((name, value): (&'t str, &'t str)) -> (&'t str, &'t str) {
    (name, value.trim_matches([' ', '\t']))
}

/// Which kind of message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Answer,
    HeadAlone,
}

enum Length {
    None,
    Bytes(usize),
    Chunked,
    UntilClose,
}

/// Bytes that were read and not yet used, and where more come from.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    pub(crate) inner: R,
    buffer: Vec<u8>,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, buffer: Vec::new() }
    }

    /// Reads more. Nothing is left to read where it says `false`.
    fn more(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16_384];
        let read = self.inner.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(read > 0)
    }

    fn head(&mut self) -> io::Result<Option<String>> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more()? {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(io::Error::other(format!("cut short in a head: {:?}", self.lossy())));
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let head: String = head.into_iter().map(char::from).collect();
        assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "a bare line end in {head:?}");
        Ok(Some(head))
    }

    /// So many bytes.
    pub(crate) fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more()? {
                return Err(io::Error::other(format!("cut short: {} of {length} bytes", self.buffer.len())));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line = self.take(at + 2)?;
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !self.more()? {
                return Err(io::Error::other(format!("cut short in a chunk: {:?}", self.lossy())));
            }
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.line()?;
            let size = usize::from_str_radix(&size, 16)
                .map_err(|_| io::Error::other(format!("no size: {size:?}")))?;
            body.extend(self.take(size)?);
            let end = self.line()?;
            assert_eq!(end, "", "no trailers are expected, and a chunk ends with a line end");
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Everything until the peer ends.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.more()? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}
