//! Who: may this caller call this method.

mod resource_policy;
mod unmatched;

pub(crate) use resource_policy::{Permit, authorize, check_arn_length};
pub(crate) use unmatched::refuse_unmatched;
