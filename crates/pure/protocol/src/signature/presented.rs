//! Finding a signature in a request and parsing it, before anything is believed.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::fmt;

use zeroize::Zeroizing;

use super::{
    ALGORITHM, CredentialScope, RequestParts, SignatureFault, SignatureForm, SignedHeaders, TERMINATOR,
    Timestamp, fault::HeaderPart,
};
use crate::bytes::find_byte;

/// What a request says about its caller.
#[derive(Clone, Debug)]
pub enum Presented {
    /// Neither an `Authorization` header nor a signature in the query.
    Nothing,
    /// An `Authorization` header that is no signature, such as a bearer token; with the answer where one is needed
    /// (AU-83).
    NotASignature(SignatureFault),
    /// A signature that parses. Nothing about it has been checked.
    Signature(Box<PresentedSignature>),
}

/// A signature as the caller wrote it.
#[derive(Clone, Debug)]
pub struct PresentedSignature {
    pub(super) form: SignatureForm,
    pub(super) scope: CredentialScope,
    pub(super) terminated: bool,
    pub(super) signed_headers: SignedHeaders,
    pub(super) signature: Box<[u8]>,
    pub(super) signed_at: Timestamp,
    /// For how many seconds it is good. In the header form the difference of clocks decides.
    pub(super) expires_seconds: Option<u32>,
    pub(super) session_token: Option<SessionToken>,
}

impl PresentedSignature {
    /// Where it stood.
    #[must_use]
    pub const fn form(&self) -> SignatureForm {
        self.form
    }

    /// Whose it claims to be, and for what.
    #[must_use]
    pub const fn scope(&self) -> &CredentialScope {
        &self.scope
    }
}

/// A session token as the caller wrote it. Printed as `(secret)`.
#[derive(Clone)]
pub(super) struct SessionToken(pub(super) Zeroizing<Vec<u8>>);

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Whether the value of an `Authorization` header is a signature, good or bad. Such a value is not passed to a
/// backend (AU-95).
#[must_use]
pub fn holds_signature(authorization: &[u8]) -> bool {
    authorization.trim_ascii().get(..FAMILY.len()).is_some_and(|start| start.eq_ignore_ascii_case(FAMILY))
}

/// Whether a query might hold a signature: a cheap "certainly not" for the usual case.
#[must_use]
pub fn perhaps_in_query(query: &[u8]) -> bool {
    // An escape might spell a letter of the name. Most queries are short, and have neither of the two.
    find_byte(query, b'%').is_some()
        || (find_byte(query, b'X').is_some() && memchr::memmem::find(query, b"X-Amz-Algorithm").is_some())
}

/// Finds and parses the signature of a request, in the header or in the query (AU-92).
///
/// # Errors
///
/// When a signature was meant and does not parse, or is of another algorithm (AU-91).
pub fn read(request: &RequestParts<'_>) -> Result<Presented, SignatureFault> {
    let authorization = at_most_one(request.values(b"authorization"), "Authorization")?;
    let in_query = request.parameters().any(|(name, _)| name == b"X-Amz-Algorithm");
    match authorization {
        None if in_query => read_query(request),
        None => Ok(Presented::Nothing),
        Some(_) if in_query => Err(SignatureFault::HeaderAndQuery),
        Some(value) if holds_signature(value) => read_header(request, value),
        // The same reading, for its fault: a value of a foreign scheme that lacks nothing is signed in a way that
        // does not hold.
        Some(value) => Ok(Presented::NotASignature(
            HeaderValue::parse(value)
                .and_then(|value| value.complete(request))
                .map_or_else(|fault| fault, |_| SignatureFault::Mismatch),
        )),
    }
}

fn read_header(request: &RequestParts<'_>, value: &[u8]) -> Result<Presented, SignatureFault> {
    let value = HeaderValue::parse(value)?;
    if value.algorithm != ALGORITHM.as_bytes() {
        return Err(SignatureFault::Mismatch);
    }
    let complete = value.complete(request)?;
    let (scope, terminated) = parse_credential(complete.credential)?;
    let token = at_most_one(request.values(b"x-amz-security-token"), "X-Amz-Security-Token")?;
    Ok(Presented::Signature(Box::new(PresentedSignature {
        form: SignatureForm::Header,
        scope,
        terminated,
        signed_headers: parse_signed_headers(complete.signed_headers),
        signature: complete.signature.into(),
        signed_at: parse_date(complete.date)?,
        expires_seconds: None,
        session_token: token.map(|token| SessionToken(Zeroizing::new(token.to_vec()))),
    })))
}

/// The value of `Authorization`, taken apart: an algorithm, then `key=value` with commas or spaces between them.
#[derive(Default)]
struct HeaderValue<'value> {
    algorithm: &'value [u8],
    credential: Option<&'value [u8]>,
    signed_headers: Option<&'value [u8]>,
    signature: Option<&'value [u8]>,
}

/// A header value that has all its parts, and the date that belongs to it.
struct CompleteHeader<'value> {
    credential: &'value [u8],
    signed_headers: &'value [u8],
    signature: &'value [u8],
    date: &'value [u8],
}

impl<'value> HeaderValue<'value> {
    fn parse(value: &'value [u8]) -> Result<Self, SignatureFault> {
        let mut words = value
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .flat_map(|word| word.split(|byte| *byte == b','))
            .filter(|word| !word.is_empty());
        let mut parsed = Self { algorithm: words.next().unwrap_or_default(), ..Self::default() };
        for word in words {
            let equal_sign =
                word.iter().position(|byte| *byte == b'=').ok_or(SignatureFault::EqualSignMissing)?;
            let (key, value) = word.split_at(equal_sign);
            let (place, name) = match key {
                b"Credential" => (&mut parsed.credential, "Credential"),
                b"SignedHeaders" => (&mut parsed.signed_headers, "SignedHeaders"),
                b"Signature" => (&mut parsed.signature, "Signature"),
                _ => continue,
            };
            if place.replace(value.strip_prefix(b"=").unwrap_or_default()).is_some() {
                return Err(SignatureFault::Repeated(name));
            }
        }
        Ok(parsed)
    }

    /// Adds the date: `X-Amz-Date`, else `Date` (AU-78). Everything that is missing is told at once.
    fn complete(self, request: &RequestParts<'value>) -> Result<CompleteHeader<'value>, SignatureFault> {
        let date = match at_most_one(request.values(b"x-amz-date"), "X-Amz-Date")? {
            Some(date) => Some(date),
            None => at_most_one(request.values(b"date"), "Date")?,
        };
        let mut missing = Vec::new();
        let mut need = |part: Option<&'value [u8]>, name| {
            part.filter(|part| !part.is_empty()).unwrap_or_else(|| {
                missing.push(name);
                &[]
            })
        };
        let complete = CompleteHeader {
            credential: need(self.credential, HeaderPart::Credential),
            signature: need(self.signature, HeaderPart::Signature),
            signed_headers: need(self.signed_headers, HeaderPart::SignedHeaders),
            date: need(date, HeaderPart::Date),
        };
        if missing.is_empty() { Ok(complete) } else { Err(SignatureFault::HeaderIncomplete(missing)) }
    }
}

fn read_query(request: &RequestParts<'_>) -> Result<Presented, SignatureFault> {
    let mut values: [Option<Vec<u8>>; QUERY_PARAMETERS.len()] = Default::default();
    for (name, value) in request.parameters() {
        let known = QUERY_PARAMETERS.iter().zip(&mut values).find(|(known, _)| known.as_bytes() == name);
        if let Some((known, place)) = known
            && place.replace(value).is_some()
        {
            return Err(SignatureFault::Repeated(known));
        }
    }
    let missing: Vec<&'static str> = QUERY_PARAMETERS
        .into_iter()
        .zip(&values)
        .filter(|(name, value)| *name != SECURITY_TOKEN && value.as_ref().is_none_or(Vec::is_empty))
        .map(|(name, _)| name)
        .collect();
    let [
        Some(algorithm),
        Some(credential),
        Some(signature),
        Some(signed_headers),
        Some(date),
        Some(expires),
        token,
    ] = values
    else {
        return Err(SignatureFault::QueryIncomplete(missing));
    };
    if !missing.is_empty() {
        return Err(SignatureFault::QueryIncomplete(missing));
    }
    if algorithm != ALGORITHM.as_bytes() {
        return Err(SignatureFault::Mismatch);
    }
    let (scope, terminated) = parse_credential(&credential)?;
    Ok(Presented::Signature(Box::new(PresentedSignature {
        form: SignatureForm::Query,
        scope,
        terminated,
        signed_headers: parse_signed_headers(&signed_headers),
        signature: signature.into_boxed_slice(),
        signed_at: parse_date(&date)?,
        expires_seconds: Some(parse_expiry(&expires)?),
        session_token: token.map(|token| SessionToken(Zeroizing::new(token))),
    })))
}

fn at_most_one<'value>(
    mut values: impl Iterator<Item = &'value [u8]>,
    name: &'static str,
) -> Result<Option<&'value [u8]>, SignatureFault> {
    let first = values.next().map(<[u8]>::trim_ascii);
    if values.next().is_some() { Err(SignatureFault::Repeated(name)) } else { Ok(first) }
}

/// Key id, date, region, service, and whether the terminator follows. Parts hold what access key ids and names of
/// regions and services hold, so that a region may be told back.
fn parse_credential(text: &[u8]) -> Result<(CredentialScope, bool), SignatureFault> {
    let text = str::from_utf8(text).map_err(|_| SignatureFault::MalformedCredential)?;
    let parts: Vec<&str> = text.split('/').collect();
    let [access_key_id, date, region, service, terminator] = *parts.as_slice() else {
        return Err(SignatureFault::MalformedCredential);
    };
    let plain = |part: &str| {
        (1..=SCOPE_PART_BYTES_MAX).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if ![access_key_id, date, region, service].into_iter().all(plain) {
        return Err(SignatureFault::MalformedCredential);
    }
    let scope = CredentialScope {
        access_key_id: access_key_id.into(),
        date: date.into(),
        region: region.into(),
        service: service.into(),
    };
    Ok((scope, terminator == TERMINATOR))
}

fn parse_signed_headers(text: &[u8]) -> SignedHeaders {
    SignedHeaders::new(text.split(|byte| *byte == b';').filter(|name| !name.is_empty()))
}

fn parse_date(text: &[u8]) -> Result<Timestamp, SignatureFault> {
    let basic = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    basic.or_else(|| Timestamp::parse_http_date(text)).ok_or(SignatureFault::MalformedDate)
}

fn parse_expiry(text: &[u8]) -> Result<u32, SignatureFault> {
    let digits = str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds))
        .ok_or(SignatureFault::MalformedExpiry)
}

/// How the names of all algorithms start.
const FAMILY: &[u8] = b"AWS4-";

/// The parameters of the query form, in the order in which missing ones are told; the token may be missing.
const QUERY_PARAMETERS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
    SECURITY_TOKEN,
];

const SECURITY_TOKEN: &str = "X-Amz-Security-Token";

/// Access key ids have at most 128 bytes, regions and services far fewer.
const SCOPE_PART_BYTES_MAX: usize = 128;

/// Seven days, as for every service.
const EXPIRES_SECONDS_MAX: u32 = 604_800;
