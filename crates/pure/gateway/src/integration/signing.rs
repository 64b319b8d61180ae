//! What our own calls are signed with, and the headers that a signature is made of (AW2, AW3).

use std::sync::Arc;

use postern_model::AccessKey;
use postern_protocol::{
    http1::FieldBlock,
    signature::{Credential, PayloadHash, RequestParts, SigningPlace, Timestamp, sign},
};

use crate::{FetchedCredentials, Record, Refusal};

/// What calls are signed with.
#[derive(Clone, Debug)]
pub(crate) enum SigningKey {
    /// An access key of the gateway.
    Own(AccessKey),
    /// One that is fetched.
    Fetched(Arc<FetchedCredentials>),
    /// That of the caller, who has signed the request.
    OfCaller,
}

/// A call that is about to be sent, as far as it is signed. Its fields stand in a block of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsigned<'c> {
    pub(crate) method: &'c [u8],
    /// Path and query.
    pub(crate) target: &'c [u8],
    pub(crate) body: &'c [u8],
    /// The region and the service by its name in signatures.
    pub(crate) scope: (&'c str, &'c str),
}

/// Signs a call: adds what a signature is made of to its fields, in place of what stands there under those
/// names.
pub(crate) fn push_signature(
    record: &Record<'_>,
    key: &SigningKey,
    call: &Unsigned<'_>,
    fields: &mut FieldBlock,
) -> Result<(), Refusal> {
    let seconds = record.received.epoch_milliseconds / 1_000;
    let held;
    let credential = match key {
        SigningKey::Own(key) => credential_of(key),
        SigningKey::Fetched(fetched) => {
            held = fetched.at(seconds)?;
            credential_of(&held.key)
        }
        SigningKey::OfCaller => credential_of_caller(record)?,
    };
    for name in SET_BY_SIGNING {
        fields.remove(name);
    }
    let (region, service) = call.scope;
    let place = SigningPlace { region, service, now: Timestamp::from_epoch_seconds(seconds) };
    let mut parts = call.target.splitn(2, |byte| *byte == b'?');
    let (path, query) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let sent: Vec<(&[u8], &[u8])> = fields.iter().collect();
    let request = RequestParts { method: call.method, path, query, fields: &sent };
    for (name, value) in sign(&request, &PayloadHash::of(call.body), &credential, &place) {
        fields.push(name.as_bytes(), value.as_bytes()).map_err(|_| {
            Refusal::Configuration("the credentials for signed calls cannot stand in a header".into())
        })?;
    }
    Ok(())
}

/// What a client or a mapping cannot say beside a signature.
const SET_BY_SIGNING: [&[u8]; 4] =
    [b"Authorization", b"X-Amz-Date", b"X-Amz-Content-Sha256", b"X-Amz-Security-Token"];

fn credential_of(key: &AccessKey) -> Credential<'_> {
    Credential {
        access_key_id: &key.access_key_id,
        secret_access_key: key.secret_access_key.reveal(),
        session_token: key.session_token.as_ref().map(|token| token.reveal().as_str()),
    }
}

fn credential_of_caller<'a>(record: &Record<'a>) -> Result<Credential<'a>, Refusal> {
    let caller = record.authenticated.signer.ok_or_else(|| {
        Refusal::Configuration("the call is to be signed for its caller, and nobody has signed".into())
    })?;
    Ok(Credential {
        access_key_id: caller.signer.access_key_id.as_str(),
        secret_access_key: caller.signer.secret_access_key.reveal(),
        session_token: caller.signer.session.as_ref().map(|session| session.token.reveal().as_str()),
    })
}
