//! Who: may this caller call this method.

mod resource_policy;
mod unmatched;

pub(crate) use resource_policy::{Permit, authorize, check_arn_length, explain_resource_policy, method_arn};
pub(crate) use unmatched::refuse_unmatched;
