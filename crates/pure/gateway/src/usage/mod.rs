//! Which key, which plan, and how much of its quota is used.

mod identify;
mod keys;
mod quota;

pub(crate) use identify::{Adaptation, AdaptedBucket, identify, take, take_before_authorization};
pub(crate) use keys::{Allowance, Keys, KeysBuilder, Membership, Plan, PlanMethod, PlanStage};
pub use keys::{KeyUsage, Usage};
pub(crate) use quota::QuotaCounter;
pub use quota::{QuotaLevel, period_of};
