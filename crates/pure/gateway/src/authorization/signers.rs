//! The callers that may sign, found by their access keys.

use std::collections::HashMap;

use arc_swap::ArcSwapOption;
use postern_model::{Signer, SignerSession};
use postern_policy::Caller;
use postern_protocol::signature::{CredentialScope, SigningKey, StoredCredential, StoredSession, Timestamp};

/// All of them.
#[derive(Debug)]
pub(crate) struct Signers {
    by_access_key: HashMap<Box<str>, SigningCaller>,
}

/// One of them, and the key of the day.
#[derive(Debug)]
pub(crate) struct SigningCaller {
    pub(crate) signer: Signer,
    /// Derived once a day, and read by every worker without a lock (AU-77).
    key_of_day: ArcSwapOption<KeyOfDay>,
}

#[derive(Debug)]
struct KeyOfDay {
    date: Box<str>,
    key: SigningKey,
}

impl Signers {
    pub(crate) fn of(signers: Vec<Signer>) -> Self {
        let entry = |signer: Signer| {
            let id = signer.access_key_id.as_str().into();
            (id, SigningCaller { signer, key_of_day: ArcSwapOption::empty() })
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
        StoredCredential {
            signing_key: self.signing_key(scope),
            session: self.signer.session.as_ref().map(stored_session),
        }
    }

    fn signing_key(&self, scope: &CredentialScope) -> SigningKey {
        let kept = self.key_of_day.load();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.date == scope.date) {
            return kept.key.clone();
        }
        let secret = self.signer.secret_access_key.reveal();
        let key = SigningKey::derive(secret, &scope.date, &scope.region, &scope.service);
        // An address that was signed days ago does not put out the key of today.
        if kept.as_ref().is_none_or(|kept| kept.date < scope.date) {
            let today = KeyOfDay { date: scope.date.clone(), key: key.clone() };
            self.key_of_day.store(Some(today.into()));
        }
        key
    }
}

fn stored_session(session: &SignerSession) -> StoredSession<'_> {
    let expires_at = session.expires_at.map_or(u64::MAX, |moment| u64::try_from(moment).unwrap_or_default());
    StoredSession { token: session.token.reveal(), expires_at: Timestamp::from_epoch_seconds(expires_at) }
}
