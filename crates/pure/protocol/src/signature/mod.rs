//! AWS Signature Version 4: what a caller signed, whether it holds, and how our own calls are signed.
//!
//! Source: "AWS Signature Version 4 for API requests" (IAM user guide); the statements AU-73 to AU-95 are those of
//! `authorization.md` section 5. Who may sign, with which key, and what an answer looks like are asked and told as
//! plain data: this module knows neither a store of credentials nor the time.
//!
//! A request is verified in three steps, so that a bad one costs no body: [`read`] parses what was presented,
//! [`PresentedSignature::check`] judges all that the head decides, and [`PendingVerification::verify`] compares
//! once the body's hash is known (AU-76).

mod canonical;
mod credential;
mod fault;
mod payload;
mod presented;
mod sign;
mod timestamp;
mod verify;

pub use canonical::{
    PathForm, RequestParts, SignatureForm, SignedHeaders, canonical_request, string_to_sign,
};
pub use credential::{Credential, CredentialScope, SigningKey, SigningPlace};
pub use fault::{HeaderPart, SignatureFault, WrongScope};
pub use payload::{PayloadHash, PayloadHasher};
pub use presented::{Presented, PresentedSignature, holds_signature, perhaps_in_query, read};
pub use sign::sign;
pub use timestamp::{NotATimestamp, Timestamp};
pub use verify::{PendingVerification, StoredCredential, StoredSession, Verified};

/// The one algorithm that is taken, and that our own calls use.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What ends every credential scope.
const TERMINATOR: &str = "aws4_request";

#[cfg(test)]
mod tests;
