//! Request heads: read once, judged by the tables of hardening sections 1 and 2.

use super::authority::LastAuthority;
use super::field::KnownLine;
use super::framing::declared;
use super::lines::HeadLines;
use super::{
    Authority, BodyFraming, Fault, FieldSection, Fields, KnownMethod, KnownName, Limits, Progress, Span,
};
use crate::bytes::{TOKEN, find_byte, find_outside_target, is, is_token};

/// In which form of RFC 9112 section 3.2 the target came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`.
    #[default]
    Origin,
    /// `http://host/path?query`; its authority agrees with `Host`.
    Absolute,
    /// `*`, with OPTIONS only. The path is `*` too.
    Asterisk,
}

/// A request head: spans over the buffer that it was read from. Reused from request to request:
/// [`RequestHead::clear`] keeps its memory, so that a second head allocates nothing.
#[derive(Debug, Default)]
pub struct RequestHead {
    lines: HeadLines,
    first: RequestLine,
    /// Where the host of `Host` stands.
    host: Option<Span>,
    last_host: LastAuthority,
    framing: BodyFraming,
    keep_alive: bool,
    expect_continue: bool,
}

impl RequestHead {
    /// Forgets the head and keeps the memory. Call it before the next request of a connection.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.first = RequestLine::default();
        self.host = None;
        self.framing = BodyFraming::None;
        self.keep_alive = false;
        self.expect_continue = false;
    }

    /// The head over the bytes that it was read from. The bytes may have moved or have grown
    /// behind the head since.
    #[must_use]
    pub const fn over<'head>(&'head self, bytes: &'head [u8]) -> Request<'head> {
        Request { head: self, bytes }
    }

    /// The fields.
    #[must_use]
    pub const fn fields(&self) -> &FieldSection {
        self.lines.fields()
    }

    /// The method as a number.
    #[must_use]
    pub const fn known_method(&self) -> KnownMethod {
        self.first.known_method
    }

    /// The form of the target.
    #[must_use]
    pub const fn target_form(&self) -> TargetForm {
        self.first.target.form
    }

    /// How the body is delimited.
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// The minor version: 0 for HTTP/1.0, 1 for HTTP/1.1 to 1.9.
    #[must_use]
    pub const fn version_minor(&self) -> u8 {
        self.first.version_minor
    }

    /// Whether the client wants the connection kept: HTTP/1.1 without `close`, HTTP/1.0 with
    /// `keep-alive`.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether the client waits for a 100 before it sends its body. Never for HTTP/1.0.
    #[must_use]
    pub const fn expect_continue(&self) -> bool {
        self.expect_continue
    }

    /// How many bytes the head took, an empty line before it included.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.lines.length()
    }
}

/// A request head together with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Request<'head> {
    head: &'head RequestHead,
    bytes: &'head [u8],
}

impl<'head> Request<'head> {
    /// The head without the bytes.
    #[must_use]
    pub const fn head(self) -> &'head RequestHead {
        self.head
    }

    /// The method as it was sent: a token of 1 to 32 bytes.
    #[must_use]
    pub fn method(self) -> &'head [u8] {
        self.head.first.method.of(self.bytes)
    }

    /// The whole target as it was sent: bytes 0x21 to 0x7e without `#`.
    #[must_use]
    pub fn target(self) -> &'head [u8] {
        self.head.first.target.whole.of(self.bytes)
    }

    /// The path as it was sent: starts with `/`, or is `*`. Not yet normalised.
    #[must_use]
    pub fn path(self) -> &'head [u8] {
        self.head.first.target.path.of(self.bytes)
    }

    /// The query as it was sent, without its `?`; `None` when there is no `?`.
    #[must_use]
    pub fn query(self) -> Option<&'head [u8]> {
        self.head.first.target.query.map(|query| query.of(self.bytes))
    }

    /// The value of `Host`. `None` only for HTTP/1.0 requests without one.
    #[must_use]
    pub fn authority(self) -> Option<Authority<'head>> {
        self.head.host.map(|host| self.head.last_host.over(host.of(self.bytes)))
    }

    /// The host of [`Request::authority`] in its normal form, as [`Authority::normalised`] gives it.
    #[must_use]
    pub fn host(self) -> Option<&'head str> {
        self.head.host.map(|_| self.head.last_host.name())
    }

    /// The fields.
    #[must_use]
    pub const fn fields(self) -> Fields<'head> {
        self.head.lines.fields().over(self.bytes)
    }
}

/// Reads a request head from the start of `bytes` into `head`.
///
/// On [`Progress::Partial`] call again with the same bytes and more behind them, and the same
/// head: what was read is not read again. After [`Progress::Complete`] the rest of the bytes,
/// behind [`RequestHead::length`], are body or the next request.
///
/// # Errors
///
/// What the tables of hardening sections 1 and 2 refuse; [`Fault::status`] answers it. The head is
/// then unusable until it is cleared.
pub fn read_request(bytes: &[u8], limits: &Limits, head: &mut RequestHead) -> Result<Progress, Fault> {
    read_known_request(bytes, &[], limits, head)
}

/// The same for a head whose first field lines are known already: they are not looked at again, and judged alike.
pub(crate) fn read_known_request(
    bytes: &[u8],
    known: &[KnownLine],
    limits: &Limits,
    head: &mut RequestHead,
) -> Result<Progress, Fault> {
    let first = &mut head.first;
    let progress =
        head.lines.read((bytes, known), limits, Fault::TargetTooLong, request_start, |line, start| {
            *first = RequestLine::read(line, start, limits)?;
            Ok(())
        })?;
    if progress == Progress::Complete {
        head.judge(bytes, limits)?;
    }
    Ok(progress)
}

/// Where the request line starts: at the first byte, or behind one empty line (RFC 9112 section
/// 2.2). `None` while that is not known.
fn request_start(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let (start, rest) = match bytes {
        [b'\r', b'\n', rest @ ..] => (2, rest),
        [b'\r'] => return Ok(None),
        _ => (0, bytes),
    };
    match rest.first() {
        Some(byte) if is(*byte, TOKEN) => Ok(Some(start)),
        Some(_) => Err(Fault::NotHttp),
        None => Ok(None),
    }
}

impl RequestHead {
    /// Judges what the whole head says: framing, host, expectation, connection.
    fn judge(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Fault> {
        let version_minor = self.first.version_minor;
        self.framing = declared(self.lines.fields().over(bytes), version_minor)?.unwrap_or_default();
        self.host = self.judge_host(bytes)?;
        self.expect_continue = self.judge_expectation(bytes)?;
        let connection = self.lines.fields_mut().read_connection(bytes, limits, KnownName::is_protected)?;
        self.keep_alive = connection.keeps(version_minor);
        Ok(())
    }

    /// Whether the client waits for a 100. Nobody waits for leave to send nothing, and HTTP/1.0
    /// knows no interim answer.
    fn judge_expectation(&self, bytes: &[u8]) -> Result<bool, Fault> {
        let fields = self.lines.fields().over(bytes);
        if !fields.contains(KnownName::Expect) {
            return Ok(false);
        }
        if fields.values(KnownName::Expect).any(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
            return Err(Fault::Expectation);
        }
        Ok(self.first.version_minor > 0 && self.framing != BodyFraming::None)
    }

    /// The place of the host, after a look at the target's own authority.
    fn judge_host(&mut self, bytes: &[u8]) -> Result<Option<Span>, Fault> {
        let fields = self.lines.fields();
        if fields.is_repeated(KnownName::Host) {
            return Err(Fault::HostRepeated);
        }
        let Some(field) = fields.find(KnownName::Host) else {
            return match (self.first.version_minor, self.first.target.form) {
                (0, TargetForm::Absolute) => Err(Fault::TargetAuthority),
                (0, _) => Ok(None),
                _ => Err(Fault::HostMissing),
            };
        };
        let start = field.value.start();
        let length = self.last_host.read(field.value.of(bytes)).ok_or(Fault::HostInvalid)?;
        let host = Span::new(start, start.wrapping_add(length));
        if self.first.target.form == TargetForm::Absolute {
            Authority::parse(self.first.target.authority.of(bytes))
                .filter(|authority| authority.agrees_with(&self.last_host.over(host.of(bytes))))
                .ok_or(Fault::TargetAuthority)?;
        }
        Ok(Some(host))
    }
}

/// Longer methods are answered with 501.
const METHOD_BYTES_MAX: usize = 32;

/// The first line of a request.
#[derive(Debug, Default)]
struct RequestLine {
    method: Span,
    known_method: KnownMethod,
    target: Target,
    version_minor: u8,
}

impl RequestLine {
    /// Reads a line without its line end, which starts at `start` of the buffer.
    fn read(line: &[u8], start: usize, limits: &Limits) -> Result<Self, Fault> {
        let (method, rest) = split_at_space(line).ok_or(Fault::RequestLine)?;
        let (target, version, is_clean) = split_target(rest).ok_or(Fault::RequestLine)?;
        let known_method = KnownMethod::of(method);
        if target.is_empty() || (known_method == KnownMethod::Other && !is_token(method)) {
            return Err(Fault::RequestLine);
        }
        let version_minor = read_version(version, Fault::Version)?;
        if method.len() > METHOD_BYTES_MAX {
            return Err(Fault::MethodTooLong);
        }
        if matches!(method, b"CONNECT" | b"TRACE") {
            return Err(Fault::MethodNotAllowed);
        }
        let method = Span::new(start, start.wrapping_add(method.len()));
        let target = Target::read(target, method.end().wrapping_add(1), known_method, limits)?;
        if !is_clean {
            return Err(Fault::TargetByte);
        }
        Ok(Self { method, known_method, target, version_minor })
    }
}

/// What stands before the first space and what stands behind it.
fn split_at_space(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, rest) = line.split_at_checked(find_byte(line, b' ')?)?;
    Some((before, rest.get(1..)?))
}

/// What stands before the first space, what stands behind it, and whether all bytes before it may stand in
/// a target: one look tells all, since a space may not.
fn split_target(rest: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let (target, behind) = rest.split_at_checked(find_outside_target(rest)?)?;
    if let [b' ', version @ ..] = behind {
        return Some((target, version, true));
    }
    split_at_space(rest).map(|(target, version)| (target, version, false))
}

/// The minor version of `HTTP/1.x`, where 2 to 9 count as 1. `malformed` is the fault of what is no
/// version at all.
pub(crate) fn read_version(version: &[u8], malformed: Fault) -> Result<u8, Fault> {
    match version {
        b"HTTP/1.0" => Ok(0),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(1),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Fault::VersionUnsupported),
        _ => Err(malformed),
    }
}

/// A request target and its parts.
#[derive(Debug, Default)]
struct Target {
    whole: Span,
    form: TargetForm,
    /// Of an absolute target; else empty.
    authority: Span,
    path: Span,
    query: Option<Span>,
}

impl Target {
    /// Reads a target that starts at `start` of the buffer.
    fn read(target: &[u8], start: usize, method: KnownMethod, limits: &Limits) -> Result<Self, Fault> {
        let end = start.wrapping_add(target.len());
        let mut parts = Self { whole: Span::new(start, end), ..Self::default() };
        let authority_length = match target {
            [b'/', ..] => 0,
            b"*" if method == KnownMethod::Options => {
                parts.form = TargetForm::Asterisk;
                0
            }
            _ => parts.read_authority(target, start)?,
        };
        let rest = target.get(authority_length..).unwrap_or_default();
        if rest.len() > limits.request_line_bytes {
            return Err(Fault::TargetTooLong);
        }
        let path_start = start.wrapping_add(authority_length);
        let path_end = path_start.wrapping_add(find_byte(rest, b'?').unwrap_or(rest.len()));
        // An URL may have no path, which means `/` (RFC 9112 section 3.2.1). The second slash of
        // its `://` stands for it, so that a path is always a part of the buffer.
        parts.path = if path_start == path_end {
            Span::new(parts.authority.start().wrapping_sub(1), parts.authority.start())
        } else {
            Span::new(path_start, path_end)
        };
        parts.query = (path_end < end).then(|| Span::new(path_end.wrapping_add(1), end));
        Ok(parts)
    }

    /// Reads scheme and authority of an absolute target and gives their length.
    fn read_authority(&mut self, target: &[u8], start: usize) -> Result<usize, Fault> {
        const SCHEMES: [&[u8]; 2] = [b"http://", b"https://"];
        let has_scheme = |scheme: &&&[u8]| {
            target.get(..scheme.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(scheme))
        };
        let scheme = SCHEMES.iter().find(has_scheme).ok_or(Fault::TargetForm)?.len();
        let rest = target.get(scheme..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let authority_start = start.wrapping_add(scheme);
        self.form = TargetForm::Absolute;
        self.authority = Span::new(authority_start, authority_start.wrapping_add(length));
        Ok(scheme.wrapping_add(length))
    }
}
