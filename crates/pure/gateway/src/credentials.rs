//! Credentials that somebody fetches while requests are served: one cell, which every worker reads without a
//! lock.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use postern_model::{AccessKey, CredentialSource};

use crate::Refusal;

/// Temporary credentials, as far as they have been fetched: adopted across snapshots while they come from the same
/// place.
#[derive(Debug)]
pub struct FetchedCredentials {
    source: CredentialSource,
    held: ArcSwapOption<HeldKey>,
}

/// An access key that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// The key.
    pub key: AccessKey,
    /// When it ends, in seconds since 1970-01-01T00:00:00Z; absent: nobody says.
    pub expires_at: Option<u64>,
}

impl FetchedCredentials {
    /// Nothing has been fetched yet.
    #[must_use]
    pub const fn new(source: CredentialSource) -> Self {
        Self { source, held: ArcSwapOption::const_empty() }
    }

    /// Where they are fetched.
    #[must_use]
    pub const fn source(&self) -> &CredentialSource {
        &self.source
    }

    /// Signs with this key from now on.
    pub fn hold(&self, held: HeldKey) {
        self.held.store(Some(Arc::new(held)));
    }

    /// The key that calls are signed with now, whether or not it still holds.
    #[must_use]
    pub fn held(&self) -> Option<Arc<HeldKey>> {
        self.held.load_full()
    }

    /// The key for a call at a moment, in seconds since 1970-01-01T00:00:00Z.
    pub(crate) fn at(&self, now: u64) -> Result<Arc<HeldKey>, Refusal> {
        let refused = |reason: &'static str| Refusal::Configuration(reason.into());
        let held =
            self.held().ok_or_else(|| refused("the credentials for signed calls were not fetched yet"))?;
        if held.expires_at.is_some_and(|end| end <= now) {
            return Err(refused(
                "the credentials for signed calls have ended, and no others could be fetched",
            ));
        }
        Ok(held)
    }
}
