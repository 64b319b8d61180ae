//! Lambda authorizers (authorization.md section 3): who calls, what the function is told and says, and what
//! it said before.

mod cache;
mod compiled;
mod identity;
mod output;

pub(crate) use cache::{AnswerCache, Found};
pub(crate) use compiled::{AuthorizerTerms, CompiledAuthorizer};
pub(crate) use identity::CallerIdentity;
pub use output::AuthorizerOutput;
