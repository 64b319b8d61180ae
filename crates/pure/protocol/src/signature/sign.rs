//! Signing our own calls.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::{
    ALGORITHM, Credential, CredentialScope, PathForm, PayloadHash, RequestParts, SignatureForm,
    SignedHeaders, SigningPlace, canonical_request, string_to_sign,
};

/// Signs a request that is about to be sent, and gives the headers to add to it: `X-Amz-Date`,
/// `X-Amz-Content-Sha256` where the service wants it, `X-Amz-Security-Token` for temporary credentials, and
/// `Authorization` last.
///
/// `request` holds the fields as they will be sent, `host` among them. Those that the way to the service may change
/// are not signed; those that are given back here must not be sent from elsewhere too, and are not signed with
/// their old value.
///
/// ```
/// use postern_protocol::signature::{
///     Credential, PayloadHash, RequestParts, SigningKey, SigningPlace, Timestamp, sign,
/// };
///
/// let request = RequestParts {
///     method: b"POST",
///     path: b"/2015-03-31/functions/hello/invocations",
///     query: b"",
///     fields: &[(b"host", b"lambda.eu-central-1.amazonaws.com")],
/// };
/// let now = Timestamp::from_epoch_seconds(1_440_938_160);
/// let key = SigningKey::derive("wJalr…", &now.date(), "eu-central-1", "lambda");
/// let credential = Credential { access_key_id: "AKIDEXAMPLE", signing_key: &key, session_token: None };
/// let place = SigningPlace { region: "eu-central-1", service: "lambda", now };
/// let headers = sign(&request, &PayloadHash::of(b"{}"), &credential, &place);
/// assert_eq!(headers[0], ("X-Amz-Date", "20150830T123600Z".to_owned()));
/// assert!(headers[1].1.starts_with(
///     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, ",
/// ));
/// ```
#[must_use]
pub fn sign(
    request: &RequestParts<'_>,
    payload_hash: &PayloadHash,
    credential: &Credential<'_>,
    place: &SigningPlace<'_>,
) -> Vec<(&'static str, String)> {
    let SigningPlace { region, service, now } = *place;
    // S3 signs the path as it is on the wire and wants to be told the hash.
    let (path_form, tells_hash) =
        if service == "s3" { (PathForm::Verbatim, true) } else { (PathForm::Normalised, false) };
    let mut added = vec![("X-Amz-Date", now.to_string())];
    if tells_hash {
        added.push(("X-Amz-Content-Sha256", payload_hash.to_string()));
    }
    if let Some(token) = credential.session_token {
        added.push(("X-Amz-Security-Token", token.to_owned()));
    }
    let kept = request.fields.iter().copied().filter(|(name, _)| !is_one_of(name, UNSIGNED));
    let fields: Vec<(&[u8], &[u8])> =
        kept.chain(added.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).collect();
    let signed_headers = SignedHeaders::new(fields.iter().map(|(name, _)| *name));
    let request = RequestParts { fields: &fields, ..*request };
    let scope = CredentialScope {
        access_key_id: credential.access_key_id.into(),
        date: now.date().into_boxed_str(),
        region: region.into(),
        service: service.into(),
    };
    let canonical =
        canonical_request(&request, SignatureForm::Header, path_form, &signed_headers, payload_hash);
    let signature = credential.signing_key.sign(string_to_sign(now, &scope, &canonical).as_bytes());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        credential.access_key_id,
        scope.text(),
        String::from_utf8_lossy(&signed_headers.joined()),
    );
    added.push(("Authorization", authorization));
    added
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

/// What signing sets itself, and what proxies and client libraries change on the way.
const UNSIGNED: &[&str] = &[
    "authorization",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "connection",
    "expect",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];
