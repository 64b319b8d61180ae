//! Response heads of backends: hardening section 8.

use super::framing::declared;
use super::lines::HeadLines;
use super::request::read_version;
use super::{BodyFraming, Fault, FieldSection, Fields, Limits, Progress, ResponseFraming, Span};
use crate::bytes::find_control;

/// How many interim responses (1xx) a backend may send before its answer.
pub const INTERIM_RESPONSES_MAX: usize = 16;

/// A response head: spans over the buffer that it was read from. Reused, as a
/// [`RequestHead`](super::RequestHead) is.
#[derive(Debug, Default)]
pub struct ResponseHead {
    lines: HeadLines,
    first: StatusLine,
    framing: ResponseFraming,
    keep_alive: bool,
}

impl ResponseHead {
    /// Forgets the head and keeps the memory. Call it before the next head, an interim one's
    /// successor included.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.first = StatusLine::default();
        self.framing = ResponseFraming::None;
        self.keep_alive = false;
    }

    /// The head over the bytes that it was read from.
    #[must_use]
    pub const fn over<'head>(&'head self, bytes: &'head [u8]) -> Response<'head> {
        Response { head: self, bytes }
    }

    /// The fields.
    #[must_use]
    pub const fn fields(&self) -> &FieldSection {
        self.lines.fields()
    }

    /// The status, 100 to 599, never 101.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.first.status
    }

    /// Whether the answer itself is still to come: a 1xx.
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.first.status < 200
    }

    /// How the body is delimited.
    #[must_use]
    pub const fn framing(&self) -> ResponseFraming {
        self.framing
    }

    /// Whether the connection may be used again after the body. Never with
    /// [`ResponseFraming::UntilClose`].
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// How many bytes the head took.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.lines.length()
    }
}

/// A response head together with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Response<'head> {
    head: &'head ResponseHead,
    bytes: &'head [u8],
}

impl<'head> Response<'head> {
    /// The head without the bytes.
    #[must_use]
    pub const fn head(self) -> &'head ResponseHead {
        self.head
    }

    /// The reason phrase, often empty.
    #[must_use]
    pub fn reason(self) -> &'head [u8] {
        self.head.first.reason.of(self.bytes)
    }

    /// The fields.
    #[must_use]
    pub const fn fields(self) -> Fields<'head> {
        self.head.lines.fields().over(self.bytes)
    }
}

/// Reads a response head from the start of `bytes` into `head`. `answers_head` says that the
/// request was a HEAD, so that no body follows. Incremental as
/// [`read_request`](super::read_request) is.
///
/// # Errors
///
/// What hardening section 8 calls a bad answer: the client gets 502 whatever the fault, and the
/// connection is closed.
pub fn read_response(
    bytes: &[u8],
    limits: &Limits,
    answers_head: bool,
    head: &mut ResponseHead,
) -> Result<Progress, Fault> {
    let first = &mut head.first;
    let progress =
        head.lines.read((bytes, &[]), limits, Fault::HeadTooLong, response_start, |line, start| {
            *first = StatusLine::read(line, start)?;
            Ok(())
        })?;
    if progress == Progress::Complete {
        head.judge(bytes, limits, answers_head)?;
    }
    Ok(progress)
}

/// A response starts with its status line; what is not HTTP is known by its first bytes.
fn response_start(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let is_http = bytes.iter().zip(b"HTTP/").all(|(byte, wanted)| byte == wanted);
    if is_http { Ok((!bytes.is_empty()).then_some(0)) } else { Err(Fault::NotHttp) }
}

impl ResponseHead {
    /// RFC 9112 section 6.3, with every doubt refused.
    fn judge(&mut self, bytes: &[u8], limits: &Limits, answers_head: bool) -> Result<(), Fault> {
        let version_minor = self.first.version_minor;
        let declared = declared(self.lines.fields().over(bytes), version_minor)?;
        let has_no_body = answers_head || matches!(self.first.status, 100..=199 | 204 | 304);
        self.framing = match declared {
            _ if has_no_body => ResponseFraming::None,
            Some(BodyFraming::Length(length)) => ResponseFraming::Length(length),
            Some(BodyFraming::Chunked) => ResponseFraming::Chunked,
            Some(BodyFraming::None) | None => ResponseFraming::UntilClose,
        };
        let connection = self.lines.fields_mut().read_connection(bytes, limits, |_| false)?;
        self.keep_alive = connection.keeps(version_minor) && self.framing != ResponseFraming::UntilClose;
        Ok(())
    }
}

/// The first line of a response.
#[derive(Debug, Default)]
struct StatusLine {
    status: u16,
    reason: Span,
    version_minor: u8,
}

impl StatusLine {
    /// Reads a line without its line end, which starts at `start` of the buffer. The space behind
    /// the status may be missing where there is no reason: older servers leave it out, and it has
    /// one reading.
    fn read(line: &[u8], start: usize) -> Result<Self, Fault> {
        let (version, rest) = line.split_at_checked(8).ok_or(Fault::StatusLine)?;
        let version_minor = read_version(version, Fault::StatusLine)?;
        let (digits, reason) = match rest {
            [b' ', a, b, c] => ([*a, *b, *c], &[][..]),
            [b' ', a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
            _ => return Err(Fault::StatusLine),
        };
        let status = read_status(digits).ok_or(Fault::StatusLine)?;
        if find_control(reason).is_some() {
            return Err(Fault::StatusLine);
        }
        if status == 101 {
            return Err(Fault::SwitchingProtocols);
        }
        let end = start.wrapping_add(line.len());
        Ok(Self { status, reason: Span::new(end.wrapping_sub(reason.len()), end), version_minor })
    }
}

/// Three digits from 100 to 599: RFC 9110 section 15 knows no other class, and what is in none is
/// to be taken for a server's fault.
fn read_status(digits: [u8; 3]) -> Option<u16> {
    let status = digits.iter().try_fold(0_u16, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    (100..=599).contains(&status).then_some(status)
}
