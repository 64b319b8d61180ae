//! What HPACK's tables hold: fields as lines of a head, told apart once and not with each use.

use crate::bytes::{find_control, is_token};
use crate::http1::{KnownLine, KnownName};

/// A field of a header block.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldLine<'line> {
    /// `name: value CRLF`, as it stands in a head of HTTP/1.1.
    pub(super) line: &'line [u8],
    pub(super) name_length: usize,
    /// The name as the grammar of heads knows it.
    pub(super) known: KnownName,
    pub(super) meaning: Meaning,
}

/// What a field is to a request, by its name and the bytes of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Method,
    Scheme,
    Authority,
    Path,
    Protocol,
    /// A pseudo field that no request has.
    OtherPseudo,
    Host,
    Cookie,
    Te,
    /// A name of RFC 9113 section 8.2.2, which may not be there.
    OfConnection,
    /// A name in upper case or of other bytes than a token's, or a value with a control character or
    /// with white space around it.
    Malformed,
    Plain,
}

impl Meaning {
    /// What a name means, whatever its value is.
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b":method" => Self::Method,
            b":scheme" => Self::Scheme,
            b":authority" => Self::Authority,
            b":path" => Self::Path,
            b":protocol" => Self::Protocol,
            [b':', ..] => Self::OtherPseudo,
            b"host" => Self::Host,
            b"cookie" => Self::Cookie,
            b"te" => Self::Te,
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                Self::OfConnection
            }
            _ if !is_token(name) || name.iter().any(u8::is_ascii_uppercase) => Self::Malformed,
            _ => Self::Plain,
        }
    }

    /// What the name means together with a value (RFC 9113 section 8.2.1).
    pub(super) fn with_value(self, value: &[u8]) -> Self {
        let is_padded = matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']);
        if is_padded || find_control(value).is_some() { Self::Malformed } else { self }
    }
}

impl<'line> FieldLine<'line> {
    pub(super) fn name(&self) -> &'line [u8] {
        self.line.get(..self.name_length).unwrap_or_default()
    }

    pub(super) fn value(&self) -> &'line [u8] {
        let end = self.line.len().wrapping_sub(LINE_END.len());
        self.line.get(self.name_length.wrapping_add(BETWEEN.len())..end).unwrap_or_default()
    }

    /// The line as a head has it, if the field is well-formed.
    pub(super) const fn known_line(&self) -> KnownLine {
        KnownLine { name_length: self.name_length, name: self.known, length: self.line.len() }
    }

    /// The size that the tables and the limit of a header list count (RFC 7541 section 4.1).
    pub(super) const fn size(&self) -> usize {
        size(self.line.len())
    }
}

/// The size of a field whose line is so long: name and value, and 32.
pub(super) const fn size(line_length: usize) -> usize {
    line_length.wrapping_sub(BETWEEN.len()).wrapping_sub(LINE_END.len()).wrapping_add(FIELD_OVERHEAD)
}

/// What stands between a name and its value.
pub(super) const BETWEEN: &[u8] = b": ";
/// What ends a line.
pub(super) const LINE_END: &[u8] = b"\r\n";
/// RFC 7541 section 4.1.
const FIELD_OVERHEAD: usize = 32;

/// The static table (RFC 7541 appendix A); the first entry has the index 1.
pub(super) static STATIC: [FieldLine<'static>; STATIC_COUNT] = static_table();

/// How many entries the static table has.
pub(super) const STATIC_COUNT: usize = 61;

macro_rules! static_rows {
    ($($name:literal $value:literal $known:ident $meaning:ident,)*) => {
        const fn static_table() -> [FieldLine<'static>; STATIC_COUNT] {
            [$(FieldLine {
                line: concat!($name, ": ", $value, "\r\n").as_bytes(),
                name_length: $name.len(),
                known: KnownName::$known,
                meaning: Meaning::$meaning,
            },)*]
        }
    };
}

static_rows! {
    ":authority" "" Other Authority,
    ":method" "GET" Other Method,
    ":method" "POST" Other Method,
    ":path" "/" Other Path,
    ":path" "/index.html" Other Path,
    ":scheme" "http" Other Scheme,
    ":scheme" "https" Other Scheme,
    ":status" "200" Other OtherPseudo,
    ":status" "204" Other OtherPseudo,
    ":status" "206" Other OtherPseudo,
    ":status" "304" Other OtherPseudo,
    ":status" "400" Other OtherPseudo,
    ":status" "404" Other OtherPseudo,
    ":status" "500" Other OtherPseudo,
    "accept-charset" "" AcceptCharset Plain,
    "accept-encoding" "gzip, deflate" AcceptEncoding Plain,
    "accept-language" "" Other Plain,
    "accept-ranges" "" Other Plain,
    "accept" "" Accept Plain,
    "access-control-allow-origin" "" Other Plain,
    "age" "" Age Plain,
    "allow" "" Other Plain,
    "authorization" "" Authorization Plain,
    "cache-control" "" CacheControl Plain,
    "content-disposition" "" Other Plain,
    "content-encoding" "" ContentEncoding Plain,
    "content-language" "" Other Plain,
    "content-length" "" ContentLength Plain,
    "content-location" "" Other Plain,
    "content-range" "" Other Plain,
    "content-type" "" ContentType Plain,
    "cookie" "" Cookie Cookie,
    "date" "" Date Plain,
    "etag" "" Other Plain,
    "expect" "" Expect Plain,
    "expires" "" Other Plain,
    "from" "" Other Plain,
    "host" "" Host Host,
    "if-match" "" Other Plain,
    "if-modified-since" "" Other Plain,
    "if-none-match" "" Other Plain,
    "if-range" "" Other Plain,
    "if-unmodified-since" "" Other Plain,
    "last-modified" "" Other Plain,
    "link" "" Other Plain,
    "location" "" Location Plain,
    "max-forwards" "" MaxForwards Plain,
    "proxy-authenticate" "" ProxyAuthenticate Plain,
    "proxy-authorization" "" ProxyAuthorization Plain,
    "range" "" Range Plain,
    "referer" "" Referer Plain,
    "refresh" "" Other Plain,
    "retry-after" "" RetryAfter Plain,
    "server" "" Server Plain,
    "set-cookie" "" SetCookie Plain,
    "strict-transport-security" "" Other Plain,
    "transfer-encoding" "" TransferEncoding OfConnection,
    "user-agent" "" UserAgent Plain,
    "vary" "" Other Plain,
    "via" "" Via Plain,
    "www-authenticate" "" WwwAuthenticate Plain,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_value_is_malformed() {
        for (value, meaning) in [
            (&b""[..], Meaning::Plain),
            (b"a b\tc", Meaning::Plain),
            (b" a", Meaning::Malformed),
            (b"\ta", Meaning::Malformed),
            (b"a ", Meaning::Malformed),
            (b"a\t", Meaning::Malformed),
            (b" ", Meaning::Malformed),
        ] {
            assert_eq!(Meaning::Plain.with_value(value), meaning, "{value:?}");
        }
    }

    #[test]
    fn the_static_table_says_what_its_names_mean() {
        for field in &STATIC {
            assert_eq!(field.meaning, Meaning::of(field.name()).with_value(field.value()), "{field:?}");
            assert_eq!(field.known, KnownName::of(field.name()), "{field:?}");
            assert_eq!(field.size(), field.name().len() + field.value().len() + 32);
        }
        assert_eq!((STATIC[60].name(), STATIC[60].value()), (&b"www-authenticate"[..], &b""[..]));
        assert_eq!((STATIC[15].name(), STATIC[15].value()), (&b"accept-encoding"[..], &b"gzip, deflate"[..]));
    }
}
