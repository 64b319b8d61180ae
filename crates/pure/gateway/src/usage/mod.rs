//! Which key, which plan, and how much of its quota is used.

mod accounts;
mod days;
mod identify;
mod keys;
mod quota;

pub use accounts::UsageLevel;
pub(crate) use accounts::{Accounts, Changed};
pub use days::{DayUse, day_of};
pub(crate) use identify::{Adaptation, AdaptedBucket, buckets, identify, take, take_before_authorization};
pub(crate) use keys::{Departed, KeyNumber, Keys, KeysBuilder, Membership, Plan, PlanMethod, PlanStage};
pub use keys::{KeyUsage, Usage};
pub use quota::{QuotaLevel, first_day_of, period_of};
