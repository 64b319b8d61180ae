//! A REST API: a definition, and what only its owner can say about it.

use postern_policy::Policy;

use crate::{Definition, RestApiId, Stage, VpcEndpointId};

/// A REST API as it is served.
#[derive(Clone, Debug)]
pub struct RestApi {
    /// Its id: host name, ARNs.
    pub id: RestApiId,
    /// What its definition says.
    pub definition: Definition,
    /// Who may reach it.
    pub endpoint_type: EndpointType,
    /// The endpoints whose own `{api}-{vpce}` host names exist (PA-15). Not access control.
    pub vpc_endpoint_ids: Vec<VpcEndpointId>,
    /// The resource policy: the file named in the configuration, else the definition's own.
    /// Absent on a private API means that every request is denied (RP-1).
    pub policy: Option<Policy>,
    /// Whether the API answers by its custom domain names alone (R9).
    pub disable_execute_api_endpoint: bool,
    /// Its stages.
    pub stages: Vec<Stage>,
}

/// Through which doors an API is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointType {
    /// Through VPC endpoints alone.
    Private,
    /// Through public listeners alone. `EDGE` is read as this, with a warning.
    Regional,
}
