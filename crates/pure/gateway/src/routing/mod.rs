//! Where: which API, stage, resource and method a request means.

mod host;
mod location;
mod tree;

pub(crate) use host::{RoutingMemory, find_api};
pub(crate) use location::{Located, Matched, find_method};
pub use tree::{MethodIndex, Tree, VariableSpan};
