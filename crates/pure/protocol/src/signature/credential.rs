//! Access keys, the scope of a signature, and the key derived for it.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::fmt::{self, Write};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use zeroize::Zeroizing;

use super::{TERMINATOR, Timestamp};

/// Whom our own calls are signed for. Printed without its secrets.
#[derive(Clone, Copy)]
pub struct Credential<'secret> {
    /// The access key id, which every receiver sees.
    pub access_key_id: &'secret str,
    /// What is derived from the secret access key, for the day, the region and the service.
    pub signing_key: &'secret SigningKey,
    /// The session token of temporary credentials.
    pub session_token: Option<&'secret str>,
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, (secret))", self.access_key_id)
    }
}

/// Where and when something is signed.
#[derive(Clone, Copy, Debug)]
pub struct SigningPlace<'service> {
    /// The region: `eu-central-1`.
    pub region: &'service str,
    /// The service by its name in signatures: `execute-api`, `lambda`.
    pub service: &'service str,
    /// The moment.
    pub now: Timestamp,
}

/// For whom, which day, region and service a signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialScope {
    /// The access key id.
    pub access_key_id: Box<str>,
    /// The day: `20150830`.
    pub date: Box<str>,
    /// The region: `eu-central-1`.
    pub region: Box<str>,
    /// The service: `execute-api`.
    pub service: Box<str>,
}

impl CredentialScope {
    /// The scope as the string to sign has it, without the access key id.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// A key for one secret, day, region and service (AU-77). It may be kept for the day. Printed as `(secret)`, and
/// its memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct SigningKey(Key);

impl SigningKey {
    /// Derives the key of a secret access key for a scope.
    #[must_use]
    pub fn derive(secret_access_key: &str, date: &str, region: &str, service: &str) -> Self {
        let first = Zeroizing::new(["AWS4", secret_access_key].concat());
        let mut key = Key::new(HMAC_SHA256, first.as_bytes());
        for part in [date, region, service, TERMINATOR] {
            key = Key::new(HMAC_SHA256, sign(&key, part.as_bytes()).as_ref());
        }
        Self(key)
    }

    /// The signature of a string to sign: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn sign(&self, string_to_sign: &[u8]) -> String {
        hexadecimal(sign(&self.0, string_to_sign).as_ref())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
