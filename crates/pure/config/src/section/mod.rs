//! The parts of the file, each read to its part of the model.

pub(crate) mod api_keys;
pub(crate) mod api_keys_file;
pub(crate) mod credential_chain;
pub(crate) mod credentials;
pub(crate) mod domain_names;
pub(crate) mod functions;
pub(crate) mod gateway;
pub(crate) mod listeners;
pub(crate) mod method_key;
pub(crate) mod network;
pub(crate) mod policies;
pub(crate) mod principals;
pub(crate) mod rest_apis;
pub(crate) mod routing_rules;
pub(crate) mod service_endpoints;
pub(crate) mod stages;
pub(crate) mod throttle;
pub(crate) mod usage_plans;
pub(crate) mod vpc_endpoints;
pub(crate) mod vpc_links;
