//! What our own calls are signed with, and the headers that a signature is made of (AW2, AW3).

use std::sync::Arc;

use postern_model::{AccessKey, Secret};
use postern_protocol::{
    http1::FieldBlock,
    signature::{Credential, PayloadHash, RequestParts, SigningPlace, Timestamp, sign},
};

use crate::{FetchedCredentials, Record, Refusal, key_of_day::KeyOfDay};

/// How the calls of an integration are signed.
#[derive(Debug)]
pub(crate) struct Signing {
    key: CallKey,
    region: Box<str>,
    /// The service by its name in signatures.
    service: Box<str>,
    key_of_day: KeyOfDay,
}

/// What calls are signed with.
#[derive(Clone, Debug)]
pub(crate) enum CallKey {
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
}

/// An access key, whosever it is.
struct Signer<'s> {
    access_key_id: &'s str,
    secret_access_key: &'s Secret<String>,
    session_token: Option<&'s Secret<String>>,
}

impl Signing {
    /// Nothing has been signed yet.
    pub(crate) fn new(key: CallKey, region: &str, service: &str) -> Self {
        Self { key, region: region.into(), service: service.into(), key_of_day: KeyOfDay::default() }
    }

    /// Signs a call: adds what a signature is made of to its fields, in place of what stands there under those
    /// names.
    pub(crate) fn push_signature(
        &self,
        record: &Record<'_>,
        call: &Unsigned<'_>,
        fields: &mut FieldBlock,
    ) -> Result<(), Refusal> {
        let seconds = record.received.epoch_milliseconds / 1_000;
        let held;
        let signer = match &self.key {
            CallKey::Own(key) => Signer::of(key),
            CallKey::Fetched(fetched) => {
                held = fetched.at(seconds)?;
                Signer::of(&held.key)
            }
            CallKey::OfCaller => Signer::of_caller(record)?,
        };
        for name in SET_BY_SIGNING {
            fields.remove(name);
        }
        let now = Timestamp::from_epoch_seconds(seconds);
        let place = SigningPlace { region: &self.region, service: &self.service, now };
        let scope = (place.region, place.service);
        let credential = Credential {
            access_key_id: signer.access_key_id,
            signing_key: &self.key_of_day.of(signer.secret_access_key, &now.date(), scope),
            session_token: signer.session_token.map(|token| token.reveal().as_str()),
        };
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
}

impl<'s> Signer<'s> {
    fn of(key: &'s AccessKey) -> Self {
        Self {
            access_key_id: &key.access_key_id,
            secret_access_key: &key.secret_access_key,
            session_token: key.session_token.as_ref(),
        }
    }

    fn of_caller(record: &Record<'s>) -> Result<Self, Refusal> {
        let caller = record.authenticated.signer.ok_or_else(|| {
            Refusal::Configuration("the call is to be signed for its caller, and nobody has signed".into())
        })?;
        Ok(Self {
            access_key_id: caller.signer.access_key_id.as_str(),
            secret_access_key: &caller.signer.secret_access_key,
            session_token: caller.signer.session.as_ref().map(|session| &session.token),
        })
    }
}

/// What a client or a mapping cannot say beside a signature.
const SET_BY_SIGNING: [&[u8]; 4] =
    [b"Authorization", b"X-Amz-Date", b"X-Amz-Content-Sha256", b"X-Amz-Security-Token"];
