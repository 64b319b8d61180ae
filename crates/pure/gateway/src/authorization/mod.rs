//! Who: may this caller call this method.
//!
//! Steps 8 and 10 to 12 of authorization.md section 1, in the files' order: [`authenticate`] says who
//! calls, [`authorize`] asks every policy.

mod arn;
mod authenticate;
mod authorize;
mod inquiry;
mod policy_context;
mod signers;

pub(crate) use arn::{check_arn_length, method_arn};
pub(crate) use authenticate::{Authenticated, authenticate};
pub(crate) use authorize::{Permit, authorize};
pub use inquiry::PolicyStep;
pub(crate) use inquiry::{CachedPolicy, PrivateDomain};
pub(crate) use signers::{Signers, SigningCaller};
