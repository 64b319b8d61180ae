//! Who: may this caller call this method.
//!
//! Steps 8 and 10 to 13 of authorization.md section 1, in the files' order: [`authenticate`] says who
//! calls, [`authorize`] asks every policy, and `lambda` is what a Lambda authorizer adds to that.

mod arn;
mod authenticate;
mod authorize;
mod inquiry;
mod lambda;
mod policy_context;
mod prepared;
mod signers;

pub(crate) use arn::{base_of, check_arn_length, method_arn};
pub(crate) use authenticate::{Authenticated, authenticate};
pub(crate) use authorize::{Access, AwaitsAuthorizer, Permit, authorize};
pub use inquiry::PolicyStep;
pub(crate) use inquiry::{CachedPolicy, PrivateDomain};
pub use lambda::AuthorizerOutput;
pub(crate) use lambda::{AnswerCache, AuthorizerTerms, CallerIdentity, CompiledAuthorizer, Found};
pub(crate) use prepared::{Preparation, PreparedPolicy};
pub(crate) use signers::{Signers, SigningCaller};
