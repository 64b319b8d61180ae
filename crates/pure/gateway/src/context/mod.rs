//! `$context`: ids, variables, and the access log line.

mod access_log;
mod ids;
mod variable;
mod view;

pub use access_log::CompiledAccessLog;
pub use ids::RequestIds;
pub(crate) use ids::trace_root;
pub(crate) use variable::Variable;
pub(crate) use view::{View, lossy, quoted};

/// What the names of an authorizer's own values begin with (AU-52).
pub(crate) const OF_AUTHORIZER: &str = "authorizer.";
