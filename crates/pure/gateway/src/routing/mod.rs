//! Where: which API, stage, resource and method a request means.

mod branches;
mod domain;
mod host;
mod location;
mod rules;
mod tree;

pub use domain::TlsTerms;
pub(crate) use domain::{Domain, Mapping, SeenDomains, TakenBy, Target};
pub(crate) use host::{HostForm, RoutingMemory, find_api, host_form};
pub(crate) use location::{By, Located, Matched, find_method, verbs_at};
pub(crate) use rules::Rules;
pub use tree::{MethodIndex, Tree, VariableSpan};
