//! What our own calls of services are signed with, and where it comes from.

use std::path::PathBuf;

use postern_protocol::credential_source::FoundKey;

use crate::{HttpEndpoint, Secret};

/// What calls are signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// By the ARN of the role that the `credentials` of an integration name.
    pub of_roles: Vec<(Box<str>, CallCredentials)>,
    /// For every other call; absent: there is nothing to sign with.
    pub standard: Option<CallCredentials>,
}

/// An access key, or where one is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallCredentials {
    /// An access key that stays as it is.
    Known(AccessKey),
    /// One that ends and is fetched anew before it does.
    Fetched(CredentialSource),
}

/// An access key that our own calls are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The access key id, which every receiver sees.
    pub access_key_id: Box<str>,
    /// The secret access key.
    pub secret_access_key: Secret<String>,
    /// The session token of temporary credentials.
    pub session_token: Option<Secret<String>>,
}

impl From<&FoundKey> for AccessKey {
    fn from(found: &FoundKey) -> Self {
        let secret = |text: &str| Secret::new(text.to_owned());
        Self {
            access_key_id: found.access_key_id.as_str().into(),
            secret_access_key: secret(&found.secret_access_key),
            session_token: found.session_token.as_ref().map(|token| secret(token)),
        }
    }
}

/// Where temporary credentials are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// From the endpoint that a container is told of.
    Container {
        /// Where it is.
        endpoint: HttpEndpoint,
        /// Path and query.
        path: Box<str>,
        /// What is sent in `Authorization`; absent: nothing.
        token: Option<ContainerToken>,
    },
    /// From the metadata of the instance, version 2.
    Instance(HttpEndpoint),
}

/// The token that a container endpoint wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerToken {
    /// The token itself.
    Text(Secret<String>),
    /// A file that holds it, read for each fetch: whoever wrote it may write another.
    File(PathBuf),
}

impl Credentials {
    /// What a call is signed with in the name of a role, or of nobody in particular.
    #[must_use]
    pub fn of(&self, role: Option<&str>) -> Option<&CallCredentials> {
        let own = self.of_roles.iter().find(|(arn, _)| Some(&**arn) == role).map(|(_, own)| own);
        own.or(self.standard.as_ref())
    }

    /// Whether a role has an entry of its own.
    #[must_use]
    pub fn names(&self, role: &str) -> bool {
        self.of_roles.iter().any(|(arn, _)| **arn == *role)
    }
}
