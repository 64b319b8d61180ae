//! Binary and text: the two tables of routing.md section 8, and what a body becomes by them.

use std::{borrow::Cow, cell::OnceCell, str::from_utf8};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use postern_model::{ContentHandling, MediaTypePattern};
use postern_protocol::http1::KnownName;

use crate::{Arrival, Refusal, context::lossy, snapshot::Api};

/// A body and its text.
#[derive(Debug)]
pub(crate) struct BodyText<'b> {
    bytes: &'b [u8],
    /// The very bytes, where they are UTF-8.
    exact: Option<&'b str>,
    /// The text of other bytes, made when somebody asks for it.
    lossy: OnceCell<String>,
    /// Whether the bytes still have a content coding, so that they are nobody's text.
    pub(crate) is_coded: bool,
}

impl<'b> BodyText<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, exact: from_utf8(bytes).ok(), lossy: OnceCell::new(), is_coded: false }
    }

    /// The body of a request; `is_coded` says that it still has its content coding.
    pub(crate) fn of_request(bytes: &'b [u8], is_coded: bool) -> Self {
        Self { is_coded, ..Self::new(bytes) }
    }

    /// The body as text: what is no UTF-8 is replaced and lost.
    pub(crate) fn as_str(&self) -> &str {
        match self.exact {
            Some(text) => text,
            None => self.lossy.get_or_init(|| lossy(self.bytes).into_owned()),
        }
    }
}

/// A body as a template, a backend or a client is given it.
#[derive(Debug)]
pub(crate) enum Payload<'b> {
    /// As text.
    Text(&'b BodyText<'b>),
    /// Its bytes in base64.
    Base64(String),
    /// Its bytes, untouched.
    Bytes(&'b [u8]),
    /// The bytes that its base64 stood for.
    Decoded(Vec<u8>),
}

impl Payload<'_> {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_str().as_bytes(),
            Self::Base64(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Decoded(bytes) => bytes,
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Base64(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Decoded(bytes) => bytes,
        }
    }

    /// What a request template reads: bytes too, if they are UTF-8 (section 8.1).
    pub(crate) fn request_text(&self) -> Result<&str, Refusal> {
        from_utf8(self.as_bytes())
            .map_err(|_| Refusal::Configuration("a template was given a body that is not text".into()))
    }

    /// What a response template reads: never bytes (section 8.2).
    pub(crate) fn reply_text(&self) -> Result<&str, Refusal> {
        match self {
            Self::Text(text) => Ok(text.as_str()),
            Self::Base64(text) => Ok(text),
            Self::Bytes(_) | Self::Decoded(_) => {
                Err(Refusal::Configuration("a response template was given a binary body".into()))
            }
        }
    }

    /// Whether it is the body as it came, byte for byte.
    pub(crate) fn is_untouched(&self) -> bool {
        match self {
            Self::Text(text) => text.exact.is_some(),
            Self::Bytes(_) => true,
            Self::Base64(_) | Self::Decoded(_) => false,
        }
    }
}

/// A client's body as template and backend are given it (section 8.1). A body whose coding nobody took
/// off is no text: it passes unchanged (Z4).
pub(crate) fn towards_backend<'b>(
    api: &Api,
    arrival: &Arrival<'_>,
    handling: Option<ContentHandling>,
    body: &'b BodyText<'b>,
) -> Result<Payload<'b>, Refusal> {
    let is_binary = body.is_coded && handling.is_none() || is_binary_request(api, arrival);
    convert(request_conversion(is_binary, handling), body)
}

/// A backend's body as template and client are given it (section 8.2).
pub(crate) fn towards_client<'b>(
    api: &Api,
    arrival: &Arrival<'_>,
    reply_type: Option<&[u8]>,
    handling: Option<ContentHandling>,
    body: &'b BodyText<'b>,
) -> Result<Payload<'b>, Refusal> {
    let is_binary = is_listed(&api.binary_media_types, reply_type, "application/json");
    let is_accepted = accepts_binary(api, arrival);
    convert(reply_conversion(is_binary, is_accepted, handling), body)
}

/// Whether the type of a client's body is binary (BM1).
pub(crate) fn is_binary_request(api: &Api, arrival: &Arrival<'_>) -> bool {
    let content_type = arrival.head.over(arrival.bytes).fields().value(KnownName::ContentType);
    is_listed(&api.binary_media_types, content_type, "application/json")
}

/// Whether the client takes a binary body (BM2, BM3).
pub(crate) fn accepts_binary(api: &Api, arrival: &Arrival<'_>) -> bool {
    let accept = arrival.head.over(arrival.bytes).fields().value(KnownName::Accept);
    is_listed(&api.binary_media_types, accept, "*/*")
}

/// Whether `binaryMediaTypes` list a header's value. An absent `Content-Type` means JSON, an absent
/// `Accept` everything, which only the entry `*/*` lists (BM3).
fn is_listed(types: &[MediaTypePattern], value: Option<&[u8]>, absent: &str) -> bool {
    if types.is_empty() {
        return false;
    }
    let value = value.map_or(Cow::Borrowed(absent), lossy);
    types.iter().any(|pattern| pattern.matches(&value))
}

/// What is done with a body's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conversion {
    AsText,
    AsBytes,
    ToBase64,
    FromBase64,
}

use ContentHandling::{ConvertToBinary as ToBinary, ConvertToText as ToText};
use Conversion::{AsBytes, AsText, FromBase64, ToBase64};

/// Table 8.1, by whether the body's type is listed.
const fn request_conversion(is_binary: bool, handling: Option<ContentHandling>) -> Conversion {
    match (is_binary, handling) {
        (false, None | Some(ToText)) => AsText,
        (false, Some(ToBinary)) => FromBase64,
        (true, None | Some(ToBinary)) => AsBytes,
        (true, Some(ToText)) => ToBase64,
    }
}

/// Table 8.2, by whether the body's type and the accepted type are listed.
const fn reply_conversion(
    is_binary: bool,
    is_accepted: bool,
    handling: Option<ContentHandling>,
) -> Conversion {
    match (is_binary, is_accepted, handling) {
        (false, false, None) | (false, _, Some(ToText)) => AsText,
        (false, true, None) | (false, _, Some(ToBinary)) => FromBase64,
        (true, false, None) | (true, _, Some(ToText)) => ToBase64,
        (true, true, None) | (true, _, Some(ToBinary)) => AsBytes,
    }
}

fn convert<'b>(conversion: Conversion, body: &'b BodyText<'b>) -> Result<Payload<'b>, Refusal> {
    Ok(match conversion {
        AsText => Payload::Text(body),
        AsBytes => Payload::Bytes(body.bytes),
        ToBase64 => Payload::Base64(BASE64.encode(body.bytes)),
        FromBase64 => {
            Payload::Decoded(BASE64.decode(body.bytes).map_err(|_| {
                Refusal::Configuration("a body that is to be made binary is not base64".into())
            })?)
        }
    })
}

/// Standard base64; what another wrote may lack its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_8_1() {
        let table = [(false, [AsText, AsText, FromBase64]), (true, [AsBytes, ToBase64, AsBytes])];
        for (is_binary, row) in table {
            let told = [None, Some(ToText), Some(ToBinary)].map(|it| request_conversion(is_binary, it));
            assert_eq!(told, row, "{is_binary}");
        }
    }

    #[test]
    fn table_8_2() {
        let table = [
            (false, false, [AsText, FromBase64, AsText]),
            (false, true, [FromBase64, FromBase64, AsText]),
            (true, false, [ToBase64, AsBytes, ToBase64]),
            (true, true, [AsBytes, AsBytes, ToBase64]),
        ];
        for (is_binary, is_accepted, row) in table {
            let told =
                [None, Some(ToBinary), Some(ToText)].map(|it| reply_conversion(is_binary, is_accepted, it));
            assert_eq!(told, row, "{is_binary} {is_accepted}");
        }
    }

    #[test]
    fn absent_headers_stand_for_json_and_everything() {
        let listed = |entry: &str, value: Option<&str>, absent: &str| {
            is_listed(&[MediaTypePattern::parse(entry).unwrap()], value.map(str::as_bytes), absent)
        };
        assert!(listed("application/json", None, "application/json"));
        assert!(!listed("image/*", None, "application/json"));
        assert!(listed("*/*", None, "*/*") && !listed("image/*", None, "*/*"));
        assert!(listed("image/*", Some("image/*, text/html"), "*/*"));
        assert!(!listed("image/png", Some("image/*"), "*/*"));
        assert!(!is_listed(&[], Some(b"a/b"), "*/*"));
    }

    #[test]
    fn text_that_is_no_utf8_is_lossy_and_touched() {
        let (exact, broken) = (BodyText::new(b"zo\xc3\xab"), BodyText::new(b"zo\xff"));
        assert!(Payload::Text(&exact).is_untouched());
        assert!(!Payload::Text(&broken).is_untouched());
        assert_eq!(Payload::Text(&broken).as_bytes(), "zo\u{fffd}".as_bytes());
        assert!(Payload::Bytes(b"\xff").request_text().is_err());
        assert_eq!(Payload::Bytes(b"a").request_text(), Ok("a"));
        assert!(Payload::Bytes(b"a").reply_text().is_err());
    }
}
