//! The IAM policy language.
//!
//! **For:** reading a policy document ([`Policy::parse`]), deciding whether it lets a request
//! through and which statement decided ([`evaluate`]), telling a person why ([`explain`]) and what
//! in a policy cannot mean what it seems to ([`lint`]).
//! **Never enters:** HTTP, API ids, endpoint identity. This crate sees a principal, an action, a
//! resource and condition keys; who fills the keys is `gateway`'s affair.
//! **Comes in:** documents, [`Request`], [`Context`]. **Goes out:** [`Decision`], [`Explanation`].
//! **Read first:** `evaluate.rs`, then `statement.rs` and `condition.rs`.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::as_conversions))]

mod arn;
mod cases;
mod condition;
mod context;
mod decimal;
mod document;
mod evaluate;
mod explain;
mod instant;
mod lint;
mod operator;
mod pattern;
mod principal;
mod resource;
mod specialise;
mod statement;

pub use arn::{Arn, ExecuteApiBase};
pub use cases::{CaseAnswer, evaluate_case};
pub use condition::{Condition, parse_network};
pub use context::{ConditionKey, Context, ContextValue, Lookup};
pub use document::{Policy, PolicyKind, Reading};
pub use evaluate::{Decision, Outcome, Request, both_must_allow, either_may_allow, evaluate};
pub use explain::{Change, Changed, Check, ConditionTrace, Explanation, StatementTrace, Wanted, explain};
pub use instant::parse_date;
pub use lint::{lint, mistakes};
pub use principal::{Caller, NotAPrincipal, Principal};
pub use resource::Nothing;
pub use specialise::{Known, Likeness, Specialised};
pub use statement::{Effect, Statement};
