//! Names that are treated specially, recognised once and then known by a number.

/// The methods that routes can have (routing M7), and the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum KnownMethod {
    /// Any other token: no route has it.
    #[default]
    Other,
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl KnownMethod {
    /// The method of this name. Letter case counts: `get` is not `GET`.
    #[must_use]
    pub fn of(method: &[u8]) -> Self {
        match method {
            b"GET" => Self::Get,
            b"PUT" => Self::Put,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }
}

/// What a name is beside its spelling, as bits.
const PLAIN: u8 = 0;
/// About one connection, never forwarded.
const HOP_BY_HOP: u8 = 1;
/// May not be named in `Connection`.
const PROTECTED: u8 = 1 << 1;
/// Set by the gateway itself, so protected too.
const SET_BY_GATEWAY: u8 = 1 << 2 | PROTECTED;
/// Tells who a caller is or how it came, so set by the gateway too.
const IDENTITY: u8 = 1 << 3 | SET_BY_GATEWAY;

macro_rules! known_names {
    ($($variant:ident = $spelling:literal, $kind:expr;)*) => {
        /// The field names that routing, policies, header rules and mapping treat specially.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum KnownName {
            /// Any other name.
            #[default]
            Other,
            $(#[doc = concat!("`", $spelling, "`")] $variant,)*
        }

        impl KnownName {
            /// All known names, in the order of their spelling.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
        }

        /// Spelling and kind of each name.
        static ROWS: PerName<(&str, u8)> = PerName([("", PLAIN), $(($spelling, $kind),)*]);
    };
}

known_names! {
    Accept = "Accept", PLAIN;
    AcceptCharset = "Accept-Charset", PLAIN;
    AcceptEncoding = "Accept-Encoding", PLAIN;
    Age = "Age", PLAIN;
    Authorization = "Authorization", PROTECTED;
    CacheControl = "Cache-Control", PLAIN;
    Connection = "Connection", HOP_BY_HOP;
    ContentEncoding = "Content-Encoding", PLAIN;
    ContentLength = "Content-Length", PROTECTED;
    ContentMd5 = "Content-MD5", PLAIN;
    ContentType = "Content-Type", PLAIN;
    Cookie = "Cookie", PLAIN;
    Date = "Date", PLAIN;
    Expect = "Expect", PLAIN;
    Forwarded = "Forwarded", PLAIN;
    Host = "Host", PROTECTED;
    Http2Settings = "HTTP2-Settings", HOP_BY_HOP;
    KeepAlive = "Keep-Alive", HOP_BY_HOP;
    Location = "Location", PLAIN;
    MaxForwards = "Max-Forwards", PLAIN;
    Origin = "Origin", PLAIN;
    Pragma = "Pragma", PLAIN;
    ProxyAuthenticate = "Proxy-Authenticate", HOP_BY_HOP;
    ProxyAuthenticationInfo = "Proxy-Authentication-Info", HOP_BY_HOP;
    ProxyAuthorization = "Proxy-Authorization", HOP_BY_HOP;
    ProxyConnection = "Proxy-Connection", HOP_BY_HOP;
    Range = "Range", PLAIN;
    Referer = "Referer", PLAIN;
    RetryAfter = "Retry-After", PLAIN;
    Server = "Server", PLAIN;
    SetCookie = "Set-Cookie", PLAIN;
    Te = "TE", HOP_BY_HOP;
    Trailer = "Trailer", HOP_BY_HOP;
    TransferEncoding = "Transfer-Encoding", HOP_BY_HOP | PROTECTED;
    Upgrade = "Upgrade", HOP_BY_HOP;
    UserAgent = "User-Agent", PLAIN;
    Via = "Via", PLAIN;
    Warn = "Warn", PLAIN;
    WwwAuthenticate = "WWW-Authenticate", PLAIN;
    XAmzApigwId = "x-amz-apigw-id", SET_BY_GATEWAY;
    XAmzContentSha256 = "X-Amz-Content-Sha256", PLAIN;
    XAmzDate = "X-Amz-Date", PLAIN;
    XAmzInvocationType = "X-Amz-Invocation-Type", PLAIN;
    XAmzSecurityToken = "X-Amz-Security-Token", PLAIN;
    XAmzSourceArn = "X-Amz-Source-Arn", SET_BY_GATEWAY;
    XAmznApigatewayApiId = "X-Amzn-Apigateway-Api-Id", SET_BY_GATEWAY;
    XAmznCipherSuite = "x-amzn-cipher-suite", IDENTITY;
    XAmznErrorType = "x-amzn-ErrorType", PLAIN;
    XAmznLambdaIntegrationTag = "x-amzn-lambda-integration-tag", SET_BY_GATEWAY;
    XAmznRequestId = "x-amzn-RequestId", SET_BY_GATEWAY;
    XAmznTlsVersion = "x-amzn-tls-version", IDENTITY;
    XAmznTraceId = "X-Amzn-Trace-Id", SET_BY_GATEWAY;
    XAmznVpcId = "x-amzn-vpc-id", IDENTITY;
    XAmznVpceConfig = "x-amzn-vpce-config", IDENTITY;
    XAmznVpceId = "x-amzn-vpce-id", IDENTITY;
    XAmznVpcePolicyUrl = "x-amzn-vpce-policy-url", IDENTITY;
    XApiKey = "X-API-Key", PROTECTED;
    XApigwApiId = "x-apigw-api-id", PROTECTED;
    XForwardedFor = "X-Forwarded-For", SET_BY_GATEWAY;
    XForwardedHost = "X-Forwarded-Host", PLAIN;
    XForwardedPort = "X-Forwarded-Port", SET_BY_GATEWAY;
    XForwardedProto = "X-Forwarded-Proto", SET_BY_GATEWAY;
    XHttpMethodOverride = "X-HTTP-Method-Override", PLAIN;
}

/// A table with a row for each name, [`KnownName::Other`] among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerName<T>([T; COUNT]);

const COUNT: usize = KnownName::ALL.len().wrapping_add(1);

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a name's number is below the number of names"
)]
impl<T> PerName<T> {
    #[inline]
    pub(crate) const fn of(&self, known: KnownName) -> &T {
        &self.0[known as usize]
    }

    #[inline]
    pub(crate) const fn of_mut(&mut self, known: KnownName) -> &mut T {
        &mut self.0[known as usize]
    }
}

impl<T: Copy> PerName<T> {
    /// The same value for every name.
    pub(crate) const fn of_value(value: T) -> Self {
        Self([value; COUNT])
    }
}

impl<T: Copy + Default> Default for PerName<T> {
    fn default() -> Self {
        Self::of_value(T::default())
    }
}

impl KnownName {
    /// The number of a name in any letter case, or [`KnownName::Other`].
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let known = in_slot(slot_of(name));
        let spelling = known.spelling().as_bytes();
        // Most senders use the usual spelling, which is quicker to compare.
        if spelling == name || is_same_name(spelling, name) { known } else { Self::Other }
    }

    /// The number of a name after `_` was read as `-`, as some backends do.
    #[must_use]
    pub fn of_underscored(name: &[u8]) -> Self {
        let mut copy = [0; Self::LONGEST];
        let Some(copy) = copy.get_mut(..name.len()) else { return Self::Other };
        for (to, from) in copy.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        Self::of(copy)
    }

    /// The usual spelling; empty for [`KnownName::Other`].
    #[inline]
    #[must_use]
    pub fn spelling(self) -> &'static str {
        ROWS.of(self).0
    }

    /// Whether the field is about one connection and is never forwarded (RFC 9110 section 7.6.1,
    /// hardening section 4): `Connection`, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`,
    /// `Transfer-Encoding`, `Upgrade`, `HTTP2-Settings` and the three of `Proxy-Auth…`.
    #[inline]
    #[must_use]
    pub fn is_hop_by_hop(self) -> bool {
        self.is(HOP_BY_HOP)
    }

    /// Whether the field tells who a caller is or how it came (PA-65, PA-67): removed from what a
    /// client sends, then set by the gateway.
    #[must_use]
    pub fn is_identity(self) -> bool {
        self.is(IDENTITY)
    }

    /// Whether the gateway itself sets the field, towards backends or clients (GR-40, GR-41).
    /// Fields of identity are such fields.
    #[must_use]
    pub fn is_set_by_gateway(self) -> bool {
        self.is(SET_BY_GATEWAY)
    }

    /// Whether `Connection` may not name the field: it decides about framing, routing, identity or
    /// permission (hardening section 4), or the gateway sets it.
    #[must_use]
    pub fn is_protected(self) -> bool {
        self.is(PROTECTED)
    }

    #[inline]
    fn is(self, kind: u8) -> bool {
        ROWS.of(self).1 & kind == kind
    }

    /// No known name is longer, in bytes.
    pub(crate) const LONGEST: usize = 32;
}

#[inline(never)]
const fn is_same_name(spelling: &[u8], name: &[u8]) -> bool {
    spelling.eq_ignore_ascii_case(name)
}

/// Names by slot: each stands in the slot that [`slot_of`] says, and no two share one.
static SLOTS: [KnownName; 256] = slots();

#[expect(clippy::indexing_slicing, reason = "a slot is below 256")]
#[inline]
fn in_slot(slot: u8) -> KnownName {
    SLOTS[usize::from(slot)]
}

/// A slot from the length of a name and three of its letters, in any case.
#[inline]
const fn slot_of(name: &[u8]) -> u8 {
    let (first, fourth, last) = match name {
        [first, .., fourth, _, _, last] => (*first, *fourth, *last),
        [first, .., last] => (*first, 0, *last),
        _ => return 0,
    };
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "only the low bits matter")]
    let length = name.len() as u8;
    // The factors were found by trial: with these no two known names share a slot.
    length
        .wrapping_mul(19)
        .wrapping_add((first | 0x20).wrapping_mul(75))
        .wrapping_add((fourth | 0x20).wrapping_mul(43))
        .wrapping_add((last | 0x20).wrapping_mul(3))
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "evaluated by the compiler, which has no iterators there"
)]
const fn slots() -> [KnownName; 256] {
    let mut slots = [KnownName::Other; 256];
    let mut index = 0;
    while index < KnownName::ALL.len() {
        let known = KnownName::ALL[index];
        let name = ROWS.of(known).0.as_bytes();
        let slot = &mut slots[slot_of(name) as usize];
        assert!(name.len() <= KnownName::LONGEST, "a name is longer than `LONGEST`");
        assert!(matches!(slot, KnownName::Other), "two names share a slot: try other factors in `slot_of`");
        *slot = known;
        index += 1;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_letter_case() {
        for known in KnownName::ALL {
            let name = known.spelling();
            for spelling in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(KnownName::of(spelling.as_bytes()), *known, "{spelling}");
                assert_eq!(KnownName::of_underscored(spelling.replace('-', "_").as_bytes()), *known);
                assert_eq!(KnownName::of(format!("{spelling}x").as_bytes()), KnownName::Other);
                assert_eq!(KnownName::of(format!("x{spelling}").as_bytes()), KnownName::Other);
            }
        }
        for other in ["", "a", "x", "xx", "X-Id", "x-amzn-vpce-i", "Hosu", "Content_Length", "\u{3f1}\u{3f1}"]
        {
            assert_eq!(KnownName::of(other.as_bytes()), KnownName::Other, "{other}");
        }
        assert_eq!(KnownName::of_underscored(&[b'a'; 40]), KnownName::Other);
    }

    #[test]
    fn a_known_name_is_a_token_without_underscore() {
        use crate::bytes::is_token;
        for known in KnownName::ALL {
            assert!(is_token(known.spelling().as_bytes()));
            assert!(!known.spelling().contains('_'));
        }
    }
}
