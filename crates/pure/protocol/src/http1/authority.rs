//! `uri-host [":" port]` of RFC 9110 section 7.2, and its normal form.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use crate::bytes::{HOST, NO_CAPITAL, common_classes, find_byte};

/// A host with or without a port, as in `Host` and in an absolute-form target.
///
/// ```
/// use postern_protocol::http1::Authority;
///
/// let authority = Authority::parse(b"API.Example.com.:8443").unwrap();
/// assert_eq!((&*authority.normalised(), authority.port()), ("api.example.com", Some(8443)));
/// assert_eq!(Authority::parse(b"user@example.com"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'bytes> {
    host: &'bytes [u8],
    port: Option<u16>,
    has_capitals: bool,
}

impl<'bytes> Authority<'bytes> {
    /// Reads an authority. `None` for userinfo, a path, a list, white space, percent escapes, an
    /// empty host, a port that is empty or not 0 to 65535, and a broken IPv6 address.
    #[must_use]
    pub fn parse(bytes: &'bytes [u8]) -> Option<Self> {
        let is_literal = bytes.first() == Some(&b'[');
        let host_length = if is_literal {
            find_byte(bytes, b']')?.wrapping_add(1)
        } else {
            find_byte(bytes, b':').unwrap_or(bytes.len())
        };
        let (host, rest) = bytes.split_at_checked(host_length)?;
        let (host, has_capitals) = if is_literal { ip_literal(host)? } else { registered_name(host)? };
        let port = match rest {
            [] => None,
            [b':', digits @ ..] => Some(port(digits)?),
            _ => return None,
        };
        Some(Self { host, port, has_capitals })
    }

    /// The host as it was written, without port and without one trailing dot; an IPv6 address
    /// keeps its brackets.
    #[must_use]
    pub const fn host(&self) -> &'bytes [u8] {
        self.host
    }

    /// The port, when one was written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The host in lower case: what tables of hosts are keyed by. Borrowed unless a letter changes.
    #[must_use]
    pub fn normalised(&self) -> Cow<'bytes, str> {
        // INVARIANT (a host is ASCII): `parse` let nothing else through.
        let host = str::from_utf8(self.host).unwrap_or_default();
        if self.has_capitals { Cow::Owned(host.to_ascii_lowercase()) } else { Cow::Borrowed(host) }
    }

    /// Whether both name one host. Letter case is ignored, and so is a port that only one of them
    /// has: it is then the listener's own.
    #[must_use]
    pub fn agrees_with(&self, other: &Authority<'_>) -> bool {
        let ports_agree = match (self.port, other.port) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        ports_agree && self.host.eq_ignore_ascii_case(other.host)
    }
}

/// The authority that was read last, kept as long as the same comes again: whoever sends one request after
/// another names the same host.
#[derive(Debug, Default)]
pub(crate) struct LastAuthority {
    /// As it was written; empty before the first one.
    written: Vec<u8>,
    /// The normal form of its host.
    name: String,
    host_length: usize,
    port: Option<u16>,
    has_capitals: bool,
}

impl LastAuthority {
    /// Reads an authority, and gives the length of its host. `None` as [`Authority::parse`].
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.is_empty() || self.written != bytes {
            self.written.clear();
            let authority = Authority::parse(bytes)?;
            self.name.clear();
            self.name.push_str(&authority.normalised());
            self.host_length = authority.host.len();
            self.port = authority.port;
            self.has_capitals = authority.has_capitals;
            self.written.extend_from_slice(bytes);
        }
        Some(self.host_length)
    }

    /// The same with the host's text, which stands somewhere else by now.
    pub(crate) const fn over<'bytes>(&self, host: &'bytes [u8]) -> Authority<'bytes> {
        Authority { host, port: self.port, has_capitals: self.has_capitals }
    }

    /// What [`Authority::normalised`] gives.
    pub(crate) const fn name(&self) -> &str {
        self.name.as_str()
    }
}

/// `IP-literal` without `IPvFuture`, for which no address mechanism is defined, and without zones; and
/// whether it has capitals.
fn ip_literal(host: &[u8]) -> Option<(&[u8], bool)> {
    let inside = host.strip_prefix(b"[")?.strip_suffix(b"]")?;
    str::from_utf8(inside).ok()?.parse::<Ipv6Addr>().ok()?;
    Some((host, common_classes(host) & NO_CAPITAL == 0))
}

/// `reg-name` without escapes and commas, and without one trailing dot; `IPv4address` is one too. And
/// whether it has capitals.
fn registered_name(host: &[u8]) -> Option<(&[u8], bool)> {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let classes = common_classes(host);
    (!host.is_empty() && classes & HOST != 0).then_some((host, classes & NO_CAPITAL == 0))
}

fn port(digits: &[u8]) -> Option<u16> {
    // `parse` alone would take a sign.
    if !digits.iter().all(u8::is_ascii_digit) || digits.len() > 5 {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}
