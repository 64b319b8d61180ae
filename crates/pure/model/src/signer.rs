//! Callers that may sign requests: who they are, and what proves it.

use std::fmt;

use postern_policy::{Policy, Principal};

use crate::{Malformed, Secret};

/// A caller that may sign requests (AU-79): an entry of `principals`.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Who it is: never anonymous.
    pub principal: Principal,
    /// The access key id, which every request shows.
    pub access_key_id: AccessKeyId,
    /// What its requests are signed with.
    pub secret_access_key: Secret<String>,
    /// The session, where the credentials are temporary.
    pub session: Option<SignerSession>,
    /// The unique id: `AIDA…`, of a session `AROA…:name`.
    pub user_id: Option<Box<str>>,
    /// The organization that its account belongs to.
    pub organization_id: Option<Box<str>>,
    /// Where in the organization the account stands.
    pub organization_paths: Box<[Box<str>]>,
    /// Tags: names in lower case (RP-51), each once, and values.
    pub tags: Box<[(Box<str>, Box<str>)]>,
    /// What the caller itself is allowed; absent: nothing.
    pub identity_policy: Option<Policy>,
}

/// A session of temporary credentials. Moments are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerSession {
    /// The token that every request of the session carries.
    pub token: Secret<String>,
    /// When the session ends; absent: never.
    pub expires_at: Option<i64>,
    /// When the credentials were issued.
    pub issued_at: Option<i64>,
    /// When a second factor was shown, if one was.
    pub multi_factor_auth_at: Option<i64>,
}

/// An access key id: 1 to 128 letters, digits, `-` and `_`.
///
/// ```
/// use postern_model::AccessKeyId;
///
/// assert!(AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").is_ok());
/// assert!(AccessKeyId::parse("AKIA/20150830").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(Box<str>);

impl AccessKeyId {
    /// Reads an id.
    ///
    /// # Errors
    ///
    /// What would have been right.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=128).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::new("1 to 128 letters, digits, `-` and `_`"))
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
