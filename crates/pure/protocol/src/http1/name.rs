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

macro_rules! known_names {
    ($($variant:ident = $name:literal,)*) => {
        /// The field names that routing, policies, header rules and mapping treat specially. The
        /// number fits a bit of a `u128`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum KnownName {
            /// Any other name.
            #[default]
            Other,
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl KnownName {
            /// All known names with their usual spelling.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$variant, $name),)*];
        }
    };
}

known_names! {
    Accept = "Accept",
    AcceptCharset = "Accept-Charset",
    AcceptEncoding = "Accept-Encoding",
    Age = "Age",
    Authorization = "Authorization",
    CacheControl = "Cache-Control",
    Connection = "Connection",
    ContentEncoding = "Content-Encoding",
    ContentLength = "Content-Length",
    ContentMd5 = "Content-MD5",
    ContentType = "Content-Type",
    Cookie = "Cookie",
    Date = "Date",
    Expect = "Expect",
    Forwarded = "Forwarded",
    Host = "Host",
    Http2Settings = "HTTP2-Settings",
    KeepAlive = "Keep-Alive",
    Location = "Location",
    MaxForwards = "Max-Forwards",
    Origin = "Origin",
    Pragma = "Pragma",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthenticationInfo = "Proxy-Authentication-Info",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyConnection = "Proxy-Connection",
    Range = "Range",
    Referer = "Referer",
    RetryAfter = "Retry-After",
    Server = "Server",
    SetCookie = "Set-Cookie",
    Te = "TE",
    Trailer = "Trailer",
    TransferEncoding = "Transfer-Encoding",
    Upgrade = "Upgrade",
    UserAgent = "User-Agent",
    Via = "Via",
    Warn = "Warn",
    WwwAuthenticate = "WWW-Authenticate",
    XAmzApigwId = "x-amz-apigw-id",
    XAmzContentSha256 = "X-Amz-Content-Sha256",
    XAmzDate = "X-Amz-Date",
    XAmzInvocationType = "X-Amz-Invocation-Type",
    XAmzSecurityToken = "X-Amz-Security-Token",
    XAmzSourceArn = "X-Amz-Source-Arn",
    XAmznApigatewayApiId = "X-Amzn-Apigateway-Api-Id",
    XAmznCipherSuite = "x-amzn-cipher-suite",
    XAmznErrorType = "x-amzn-ErrorType",
    XAmznLambdaIntegrationTag = "x-amzn-lambda-integration-tag",
    XAmznRequestId = "x-amzn-RequestId",
    XAmznTlsVersion = "x-amzn-tls-version",
    XAmznTraceId = "X-Amzn-Trace-Id",
    XAmznVpcId = "x-amzn-vpc-id",
    XAmznVpceConfig = "x-amzn-vpce-config",
    XAmznVpceId = "x-amzn-vpce-id",
    XAmznVpcePolicyUrl = "x-amzn-vpce-policy-url",
    XApiKey = "X-API-Key",
    XApigwApiId = "x-apigw-api-id",
    XForwardedFor = "X-Forwarded-For",
    XForwardedHost = "X-Forwarded-Host",
    XForwardedPort = "X-Forwarded-Port",
    XForwardedProto = "X-Forwarded-Proto",
    XHttpMethodOverride = "X-HTTP-Method-Override",
}

impl KnownName {
    /// The number of a name in any letter case, or [`KnownName::Other`].
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let Some(mut slot) = slot_of(name) else { return Self::Other };
        loop {
            let known = in_slot(slot);
            if known == Self::Other || known.spelling().as_bytes().eq_ignore_ascii_case(name) {
                return known;
            }
            slot = slot.wrapping_add(1);
        }
    }

    /// The number of a name after `_` was read as `-`, as some backends do.
    #[must_use]
    pub fn of_underscored(name: &[u8]) -> Self {
        let mut copy = [0; LONGEST];
        let Some(copy) = copy.get_mut(..name.len()) else { return Self::Other };
        for (to, from) in copy.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        Self::of(copy)
    }

    /// The usual spelling; empty for [`KnownName::Other`].
    #[must_use]
    pub fn spelling(self) -> &'static str {
        self.number().checked_sub(1).and_then(|row| Self::ALL.get(row)).map_or("", |(_, name)| name)
    }

    /// Whether the field is about one connection and is never forwarded (RFC 9110 section 7.6.1,
    /// hardening section 4): `Connection`, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`,
    /// `Transfer-Encoding`, `Upgrade`, `HTTP2-Settings` and the three of `Proxy-Auth…`.
    #[inline]
    #[must_use]
    pub const fn is_hop_by_hop(self) -> bool {
        HOP_BY_HOP & self.bit() != 0
    }

    /// Whether the field tells who a caller is or how it came (PA-65, PA-67): removed from what a
    /// client sends, then set by the gateway.
    #[must_use]
    pub const fn is_identity(self) -> bool {
        IDENTITY & self.bit() != 0
    }

    /// Whether the gateway itself sets the field, towards backends or clients (GR-40, GR-41).
    #[must_use]
    pub const fn is_set_by_gateway(self) -> bool {
        SET_BY_GATEWAY & self.bit() != 0
    }

    /// Whether `Connection` may not name the field: it decides about framing, routing, identity or
    /// permission (hardening section 4).
    #[must_use]
    pub const fn is_protected(self) -> bool {
        PROTECTED & self.bit() != 0
    }

    /// The bit of this name in a set of names.
    #[inline]
    pub(crate) const fn bit(self) -> u128 {
        1 << self.number()
    }

    #[expect(clippy::as_conversions, reason = "the number of a variant is what `repr` says")]
    #[inline]
    const fn number(self) -> usize {
        self as usize
    }
}

const HOP_BY_HOP: u128 = set(&[
    KnownName::Connection,
    KnownName::Http2Settings,
    KnownName::KeepAlive,
    KnownName::ProxyAuthenticate,
    KnownName::ProxyAuthenticationInfo,
    KnownName::ProxyAuthorization,
    KnownName::ProxyConnection,
    KnownName::Te,
    KnownName::Trailer,
    KnownName::TransferEncoding,
    KnownName::Upgrade,
]);

const IDENTITY: u128 = set(&[
    KnownName::XAmznCipherSuite,
    KnownName::XAmznTlsVersion,
    KnownName::XAmznVpcId,
    KnownName::XAmznVpceConfig,
    KnownName::XAmznVpceId,
    KnownName::XAmznVpcePolicyUrl,
]);

const SET_BY_GATEWAY: u128 = IDENTITY
    | set(&[
        KnownName::XAmzApigwId,
        KnownName::XAmzSourceArn,
        KnownName::XAmznApigatewayApiId,
        KnownName::XAmznLambdaIntegrationTag,
        KnownName::XAmznRequestId,
        KnownName::XAmznTraceId,
        KnownName::XForwardedFor,
        KnownName::XForwardedPort,
        KnownName::XForwardedProto,
    ]);

const PROTECTED: u128 = SET_BY_GATEWAY
    | set(&[
        KnownName::Authorization,
        KnownName::ContentLength,
        KnownName::Host,
        KnownName::TransferEncoding,
        KnownName::XApiKey,
        KnownName::XApigwApiId,
    ]);

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which has no iterators there"
)]
const fn set(names: &[KnownName]) -> u128 {
    let mut bits = 0;
    let mut index = 0;
    while index < names.len() {
        bits |= names[index].bit();
        index += 1;
    }
    bits
}

/// No known name is longer.
const LONGEST: usize = 32;

/// Names by slot. A name stands in the slot that [`slot_of`] says, or in the next free one behind
/// it; most searches end at the first.
static SLOTS: [KnownName; 256] = slots();

#[expect(clippy::indexing_slicing, reason = "the slot is below 256")]
#[inline]
fn in_slot(slot: u8) -> KnownName {
    SLOTS[usize::from(slot)]
}

/// A slot from the length of a name and three of its letters, in any case. `None` for names shorter
/// than every known one.
#[inline]
const fn slot_of(name: &[u8]) -> Option<u8> {
    let [first, _, ..] = name else { return None };
    let [.., fourth, _, _, last] = name else {
        return Some(spread(name.len(), *first, 0, *first));
    };
    Some(spread(name.len(), *first, *fourth, *last))
}

/// The factors were found by trial: with these the names meet least.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "only the low bits matter")]
const fn spread(length: usize, first: u8, fourth: u8, last: u8) -> u8 {
    (length as u8)
        .wrapping_mul(197)
        .wrapping_add((first | 0x20).wrapping_mul(243))
        .wrapping_add((fourth | 0x20).wrapping_mul(15))
        .wrapping_add((last | 0x20).wrapping_mul(237))
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::panic,
    reason = "evaluated by the compiler, which has no iterators there; a name too long does not compile"
)]
const fn slots() -> [KnownName; 256] {
    let mut slots = [KnownName::Other; 256];
    let mut index = 0;
    while index < KnownName::ALL.len() {
        let (known, name) = KnownName::ALL[index];
        assert!(name.len() <= LONGEST && index < 127);
        let Some(mut slot) = slot_of(name.as_bytes()) else { panic!("a name has two letters or more") };
        while slots[slot as usize] as u8 != KnownName::Other as u8 {
            slot = slot.wrapping_add(1);
        }
        slots[slot as usize] = known;
        index += 1;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_letter_case() {
        for (known, name) in KnownName::ALL {
            for spelling in [name.to_string(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(KnownName::of(spelling.as_bytes()), *known, "{spelling}");
                assert_eq!(KnownName::of_underscored(spelling.replace('-', "_").as_bytes()), *known);
                assert_eq!(KnownName::of(format!("{spelling}x").as_bytes()), KnownName::Other);
                assert_eq!(KnownName::of(format!("x{spelling}").as_bytes()), KnownName::Other);
            }
            assert_eq!(known.spelling(), *name);
        }
        for other in ["", "a", "x", "xx", "X-Id", "x-amzn-vpce-i", "Hosu", "Content_Length", "\u{3f1}\u{3f1}"]
        {
            assert_eq!(KnownName::of(other.as_bytes()), KnownName::Other, "{other}");
        }
        assert_eq!(KnownName::of_underscored(&[b'a'; 40]), KnownName::Other);
    }

    #[test]
    fn few_names_share_a_slot() {
        let moved = KnownName::ALL
            .iter()
            .filter(|(known, name)| in_slot(slot_of(name.as_bytes()).unwrap()) != *known);
        assert!(moved.count() <= 2, "try other factors in `spread`");
    }
}
