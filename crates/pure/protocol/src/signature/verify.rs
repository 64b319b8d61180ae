//! Verifying a signature: what the head decides first, the comparison last.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{
    CredentialScope, PathForm, PayloadHash, PresentedSignature, RequestParts, SignatureFault, SigningKey,
    SigningPlace, Timestamp,
    canonical::{CanonicalHead, canonical_path},
    fault::WrongScope,
    presented::SessionToken,
    string_to_sign,
};

/// What a store of credentials knows about an access key.
#[derive(Clone, Debug)]
pub struct StoredCredential<'store> {
    /// The key derived for the scope that was asked for.
    pub signing_key: SigningKey,
    /// The session, for temporary credentials.
    pub session: Option<StoredSession<'store>>,
}

/// A session of temporary credentials.
#[derive(Clone, Copy)]
pub struct StoredSession<'store> {
    /// The token that every request of the session carries.
    pub token: &'store str,
    /// When the session ends.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for StoredSession<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredSession((secret), {})", self.expires_at)
    }
}

/// The request was signed with the secret of this access key. Made by [`PendingVerification::verify`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    access_key_id: Box<str>,
}

impl Verified {
    /// The access key id.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }
}

/// A signature about which all is right that the head shows. What is missing is the hash of the body.
#[derive(Debug)]
pub struct PendingVerification<'store> {
    head: CanonicalHead,
    normalised_path: Vec<u8>,
    path_as_sent: Vec<u8>,
    scope: CredentialScope,
    signed_at: Timestamp,
    signature: Box<[u8]>,
    declared_hash: Option<Box<[u8]>>,
    session_token: Option<SessionToken>,
    stored: StoredCredential<'store>,
    now: Timestamp,
}

impl PresentedSignature {
    /// Judges what the head shows, in the service's order: the moment, `host`, the scope, the access key, and what
    /// else must be signed. `find` gives what is known about the access key of a scope.
    ///
    /// # Errors
    ///
    /// The first fault in that order.
    pub fn check<'store>(
        self,
        request: &RequestParts<'_>,
        place: &SigningPlace<'_>,
        find: impl FnOnce(&CredentialScope) -> Option<StoredCredential<'store>>,
    ) -> Result<PendingVerification<'store>, SignatureFault> {
        self.check_moment(place.now)?;
        if !self.signed_headers.contains(b"host") {
            return Err(SignatureFault::HostNotSigned);
        }
        self.check_scope(place)?;
        let stored = find(&self.scope).ok_or(SignatureFault::UnknownClient)?;
        self.check_signed_headers(request)?;
        Ok(PendingVerification {
            head: CanonicalHead::new(request, self.form, &self.signed_headers),
            normalised_path: canonical_path(request.path, PathForm::Normalised),
            path_as_sent: canonical_path(request.path, PathForm::AsSent),
            scope: self.scope,
            signed_at: self.signed_at,
            signature: self.signature,
            declared_hash: declared_hash(request)?,
            session_token: self.session_token,
            stored,
            now: place.now,
        })
    }

    /// AU-78, AU-84, AU-85: a header is good for five minutes, a query for as long as it says; both may be five
    /// minutes early.
    fn check_moment(&self, now: Timestamp) -> Result<(), SignatureFault> {
        let (signed, good_for) = (self.signed_at, self.expires_seconds.unwrap_or(CLOCK_SKEW_SECONDS));
        let later = |moment: Timestamp, seconds: u32| moment.epoch_seconds().saturating_add(seconds.into());
        if now.epoch_seconds() > later(signed, good_for) {
            return Err(SignatureFault::Expired { signed, now, window_seconds: good_for });
        }
        if signed.epoch_seconds() > later(now, CLOCK_SKEW_SECONDS) {
            return Err(SignatureFault::NotYetCurrent { signed, now, window_seconds: CLOCK_SKEW_SECONDS });
        }
        Ok(())
    }

    /// AU-87, with everything that is wrong told at once.
    fn check_scope(&self, place: &SigningPlace<'_>) -> Result<(), SignatureFault> {
        let CredentialScope { date, region, service, .. } = &self.scope;
        let wrong = WrongScope {
            region: (**region != *place.region).then(|| region.clone()),
            service: (**service != *place.service).then(|| place.service.into()),
            terminator: !self.terminated,
            date: **date != *self.signed_at.date(),
        };
        if wrong == WrongScope::default() { Ok(()) } else { Err(SignatureFault::WrongScope(Box::new(wrong))) }
    }

    /// AU-75: what changes the meaning of a request must be signed with it. So must a header that
    /// changes its method, or one signature would be good for every method.
    fn check_signed_headers(&self, request: &RequestParts<'_>) -> Result<(), SignatureFault> {
        let must_be_signed = |name: &[u8]| {
            name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"x-amz-"))
                || name.eq_ignore_ascii_case(b"x-http-method-override")
        };
        let unsigned = |name: &[u8]| must_be_signed(name) && !self.signed_headers.contains(name);
        let left_out = request.fields.iter().any(|(name, _)| unsigned(name));
        // More names than a request can have fields cannot be those of its fields.
        if left_out || self.signed_headers.len() > SIGNED_HEADERS_MAX {
            return Err(SignatureFault::Mismatch);
        }
        Ok(())
    }
}

impl PendingVerification<'_> {
    /// Compares, now that the hash of the body is known: with the path in its normal form, then as it was sent
    /// (AU-73). The session is looked at last, so that only who knows the secret learns about it.
    ///
    /// # Errors
    ///
    /// [`SignatureFault::Mismatch`], [`SignatureFault::UnknownClient`] or [`SignatureFault::SessionExpired`].
    pub fn verify(self, payload_hash: &PayloadHash) -> Result<Verified, SignatureFault> {
        if let Some(declared) = &self.declared_hash
            && **declared != *payload_hash.to_string().as_bytes()
        {
            return Err(SignatureFault::Mismatch);
        }
        let matches = |path: &[u8]| {
            let canonical_request = self.head.with(path, payload_hash);
            let text = string_to_sign(self.signed_at, &self.scope, &canonical_request);
            let expected = self.stored.signing_key.sign(text.as_bytes());
            verify_slices_are_equal(expected.as_bytes(), &self.signature).is_ok()
        };
        let signed = matches(&self.normalised_path)
            || (self.path_as_sent != self.normalised_path && matches(&self.path_as_sent));
        if !signed {
            return Err(SignatureFault::Mismatch);
        }
        self.check_session()?;
        Ok(Verified { access_key_id: self.scope.access_key_id })
    }

    /// AU-79, AU-81, AU-82: a session's token, and no token without a session.
    fn check_session(&self) -> Result<(), SignatureFault> {
        match (&self.stored.session, &self.session_token) {
            (None, None) => Ok(()),
            (Some(session), Some(SessionToken(token)))
                if verify_slices_are_equal(session.token.as_bytes(), token).is_ok() =>
            {
                if session.expires_at <= self.now { Err(SignatureFault::SessionExpired) } else { Ok(()) }
            }
            (Some(_), _) | (None, Some(_)) => Err(SignatureFault::UnknownClient),
        }
    }
}

/// The value of `x-amz-content-sha256`, which is compared in the end. What is no hash leaves the body unsigned, as
/// `UNSIGNED-PAYLOAD` does, and is refused at once (AU-76).
fn declared_hash(request: &RequestParts<'_>) -> Result<Option<Box<[u8]>>, SignatureFault> {
    let mut values = request.values(b"x-amz-content-sha256");
    let Some(value) = values.next() else { return Ok(None) };
    let hash = value.trim_ascii();
    let is_hash = hash.len() == 64 && hash.iter().all(u8::is_ascii_hexdigit);
    if is_hash && values.next().is_none() { Ok(Some(hash.into())) } else { Err(SignatureFault::Mismatch) }
}

/// How far the clocks of caller and gateway may be apart (AU-78).
const CLOCK_SKEW_SECONDS: u32 = 300;

/// As many as a request may have fields.
const SIGNED_HEADERS_MAX: usize = 100;
