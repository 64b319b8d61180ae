//! The callers that may sign, found by their access keys.

use std::collections::HashMap;

use postern_model::{Signer, SignerSession};
use postern_policy::Caller;
use postern_protocol::signature::{CredentialScope, StoredCredential, StoredSession, Timestamp};

use crate::key_of_day::KeyOfDay;

/// All of them.
#[derive(Debug)]
pub(crate) struct Signers {
    by_access_key: HashMap<Box<str>, SigningCaller>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct SigningCaller {
    pub(crate) signer: Signer,
    /// For the gateway's own region and service.
    key_of_day: KeyOfDay,
}

impl Signers {
    pub(crate) fn of(signers: Vec<Signer>) -> Self {
        let entry = |signer: Signer| {
            let id = signer.access_key_id.as_str().into();
            (id, SigningCaller { signer, key_of_day: KeyOfDay::default() })
        };
        Self { by_access_key: signers.into_iter().map(entry).collect() }
    }

    pub(super) fn find(&self, access_key_id: &str) -> Option<&SigningCaller> {
        self.by_access_key.get(access_key_id)
    }
}

impl SigningCaller {
    /// Who it is; the configuration has no others.
    pub(crate) const fn caller(&self) -> Option<&Caller> {
        self.signer.principal.caller()
    }

    /// Its ARN.
    pub(crate) fn arn(&self) -> &str {
        self.caller().map_or("", Caller::arn)
    }

    /// What a signature of this scope is compared with. Region and service are the gateway's own.
    pub(super) fn credential(&self, scope: &CredentialScope) -> StoredCredential<'_> {
        let place = (&*scope.region, &*scope.service);
        StoredCredential {
            signing_key: self.key_of_day.of(&self.signer.secret_access_key, &scope.date, place),
            session: self.signer.session.as_ref().map(stored_session),
        }
    }
}

fn stored_session(session: &SignerSession) -> StoredSession<'_> {
    let expires_at = session.expires_at.map_or(u64::MAX, |moment| u64::try_from(moment).unwrap_or_default());
    StoredSession { token: session.token.reveal(), expires_at: Timestamp::from_epoch_seconds(expires_at) }
}
