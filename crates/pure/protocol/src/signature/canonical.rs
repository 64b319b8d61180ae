//! The canonical request and the string to sign: one text for everything that a signature covers.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use aws_lc_rs::digest::{SHA256, digest};

use super::{ALGORITHM, CredentialScope, PayloadHash, Timestamp, credential::hexadecimal};
use crate::uri;

/// The parts of a request that a signature covers, as they are on the wire.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'request> {
    /// The method, in its letter case.
    pub method: &'request [u8],
    /// The path as sent: stage and base path included, nothing decoded. Empty counts as `/`.
    pub path: &'request [u8],
    /// The query as sent, without its `?`; empty when there is none.
    pub query: &'request [u8],
    /// Names and values of all fields, in order of arrival. `host` is the one the client sent (AU-75).
    pub fields: &'request [(&'request [u8], &'request [u8])],
}

impl<'request> RequestParts<'request> {
    /// The values of a field, by its name in any letter case.
    pub(super) fn values<'name>(
        &self,
        name: &'name [u8],
    ) -> impl Iterator<Item = &'request [u8]> + use<'request, 'name> {
        let named = self.fields.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value)
    }

    /// The parameters of the query, decoded as the gateway reads them: names and values.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + use<'request> {
        // `;` separates as `&` does, and `+` is a space, as everywhere else here (routing section 5): a signature
        // must not hold for a query that is read differently.
        let pieces = self.query.split(|byte| matches!(byte, b'&' | b';')).filter(|piece| !piece.is_empty());
        pieces.map(|piece| {
            let mut sides = piece.splitn(2, |byte| *byte == b'=');
            let mut next = || decode(sides.next().unwrap_or_default());
            (next(), next())
        })
    }
}

/// What is not well escaped stands for itself; such requests are refused before they come here.
fn decode(text: &[u8]) -> Vec<u8> {
    uri::decode_form(text).map_or_else(|_| text.to_vec(), std::borrow::Cow::into_owned)
}

/// Where a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// In the `Authorization` header.
    Header,
    /// In the query, where `X-Amz-Signature` is not part of what is signed.
    Query,
}

/// How a path is written into the canonical request (AU-73).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathForm {
    /// Without dot segments and repeated slashes, each segment encoded once more: what signers do for every
    /// service but S3.
    Normalised,
    /// Each segment encoded once more and nothing else changed.
    AsSent,
    /// Byte for byte as on the wire, as S3 has it.
    Verbatim,
}

/// The names of the signed headers: lower case, sorted. Printed with `;` between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    names: Vec<Box<[u8]>>,
}

impl SignedHeaders {
    /// The headers of these names, in any order and letter case; a name that comes twice counts once.
    pub fn new<'name>(names: impl IntoIterator<Item = &'name [u8]>) -> Self {
        let mut names: Vec<Box<[u8]>> =
            names.into_iter().map(|name| name.to_ascii_lowercase().into_boxed_slice()).collect();
        names.sort_unstable();
        names.dedup();
        Self { names }
    }

    /// Whether a header is among them, by its name in any letter case.
    #[must_use]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.names.iter().any(|signed| signed.eq_ignore_ascii_case(name))
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.names.len()
    }

    /// The names with `;` between them.
    #[must_use]
    pub fn joined(&self) -> Vec<u8> {
        self.names.join(&b';')
    }
}

/// Writes the canonical request (AU-93).
#[must_use]
pub fn canonical_request(
    request: &RequestParts<'_>,
    form: SignatureForm,
    path_form: PathForm,
    signed_headers: &SignedHeaders,
    payload_hash: &PayloadHash,
) -> Vec<u8> {
    let path = canonical_path(request.path, path_form);
    let head = CanonicalHead::new(request, form, signed_headers);
    head.with(&path, payload_hash)
}

/// Writes the string to sign: algorithm, moment, scope, and the hash of the canonical request.
#[must_use]
pub fn string_to_sign(timestamp: Timestamp, scope: &CredentialScope, canonical_request: &[u8]) -> String {
    let hash = hexadecimal(digest(&SHA256, canonical_request).as_ref());
    format!("{ALGORITHM}\n{timestamp}\n{}\n{hash}", scope.text())
}

/// A canonical request but for its path, of which there may be two readings, and the payload hash, which is known
/// last.
#[derive(Debug)]
pub(super) struct CanonicalHead {
    method: Vec<u8>,
    after_path: Vec<u8>,
}

impl CanonicalHead {
    pub(super) fn new(
        request: &RequestParts<'_>,
        form: SignatureForm,
        signed_headers: &SignedHeaders,
    ) -> Self {
        let mut after_path = Vec::with_capacity(512);
        push_query(request, form, &mut after_path);
        after_path.push(b'\n');
        for name in &signed_headers.names {
            after_path.extend_from_slice(name);
            after_path.push(b':');
            push_values(request, name, &mut after_path);
            after_path.push(b'\n');
        }
        after_path.push(b'\n');
        after_path.extend_from_slice(&signed_headers.joined());
        Self { method: request.method.to_vec(), after_path }
    }

    pub(super) fn with(&self, path: &[u8], payload_hash: &PayloadHash) -> Vec<u8> {
        let hash = payload_hash.to_string();
        [&self.method, path, &self.after_path, hash.as_bytes()].join(&b'\n')
    }
}

pub(super) fn canonical_path(path: &[u8], form: PathForm) -> Vec<u8> {
    let mut written = Vec::with_capacity(path.len());
    match form {
        PathForm::Normalised => uri::encode_path(&without_dot_segments(path), &mut written),
        PathForm::AsSent => uri::encode_path(path, &mut written),
        PathForm::Verbatim => written.extend_from_slice(path),
    }
    if written.is_empty() {
        written.push(b'/');
    }
    written
}

/// RFC 3986 section 5.2.4, and runs of slashes made one.
fn without_dot_segments(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let mut written = vec![b'/'];
    written.extend_from_slice(&kept.join(&b'/'));
    if path.ends_with(b"/") && !kept.is_empty() {
        written.push(b'/');
    }
    written
}

/// Names and values encoded by RFC 3986, sorted by name and then value (AU-74).
fn push_query(request: &RequestParts<'_>, form: SignatureForm, written: &mut Vec<u8>) {
    let encode = |text: &[u8]| {
        let mut encoded = Vec::with_capacity(text.len());
        uri::encode(text, &mut encoded);
        encoded
    };
    let signed = |(name, _): &(Vec<u8>, _)| form == SignatureForm::Header || name != b"X-Amz-Signature";
    let mut parameters: Vec<(Vec<u8>, Vec<u8>)> =
        request.parameters().filter(signed).map(|(name, value)| (encode(&name), encode(&value))).collect();
    parameters.sort_unstable();
    for (index, (name, value)) in parameters.iter().enumerate() {
        if index > 0 {
            written.push(b'&');
        }
        written.extend_from_slice(name);
        written.push(b'=');
        written.extend_from_slice(value);
    }
}

/// All values of a header in order of arrival, with commas between them. White space around a value is dropped,
/// inside it made one space. A header that is not there counts as empty (AU-75).
fn push_values(request: &RequestParts<'_>, name: &[u8], written: &mut Vec<u8>) {
    for (index, value) in request.values(name).enumerate() {
        if index > 0 {
            written.push(b',');
        }
        let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        for (index, word) in words.enumerate() {
            if index > 0 {
                written.push(b' ');
            }
            written.extend_from_slice(word);
        }
    }
}
