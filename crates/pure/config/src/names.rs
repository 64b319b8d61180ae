//! The names that a configuration declares and uses, with their places: what agreement compares.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use postern_document::{Place, Placed};
use postern_model::{EndpointType, RestApiId, StageName, Verb, VpcEndpointId};

use crate::unique::Unique;

/// Everything that one part of the file declares and another may use.
///
/// A thing whose name was readable is declared even where the rest of it is wrong, so that one
/// mistake is told once.
pub(crate) struct Names {
    /// Listening addresses of every kind.
    pub(crate) addresses: Unique<SocketAddr>,
    /// VPC endpoints.
    pub(crate) vpc_endpoints: BTreeSet<VpcEndpointId>,
    /// APIs.
    pub(crate) rest_apis: BTreeMap<RestApiId, DeclaredApi>,
    /// Stages that others name.
    pub(crate) used_stages: Vec<UsedStage>,
    /// VPC endpoints that others name.
    pub(crate) used_vpc_endpoints: Vec<UsedVpcEndpoint>,
    /// Methods that settings are for.
    pub(crate) used_methods: Vec<UsedMethod>,
    /// Where the first quota stands, if any does.
    pub(crate) first_quota: Option<Place>,
    /// Whether the file says what the silence of an authorizer means.
    pub(crate) says_authorizer_silence: bool,
}

/// An API as others see it.
pub(crate) struct DeclaredApi {
    /// Through which doors it is reached.
    pub(crate) endpoint_type: EndpointType,
    /// Its stages and where each starts.
    pub(crate) stages: BTreeMap<StageName, Place>,
}

/// A stage that something names.
pub(crate) struct UsedStage {
    /// The API.
    pub(crate) api: Placed<RestApiId>,
    /// The stage.
    pub(crate) stage: Placed<StageName>,
    /// The key that names the API.
    pub(crate) key: &'static str,
    /// Who names it.
    pub(crate) by: StageUser,
}

/// Who may name a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StageUser {
    /// A private domain name, for private APIs alone (PA-106).
    PrivateDomain,
    /// A mapping of a public domain name: for public APIs, and for private ones that are called by it
    /// through a VPC endpoint (H8).
    PublicDomain,
    /// A routing rule of a public domain name, for public APIs alone (PA-151).
    PublicRule,
    /// A usage plan.
    UsagePlan,
}

/// A VPC endpoint that something names.
pub(crate) struct UsedVpcEndpoint {
    /// Its id.
    pub(crate) id: Placed<VpcEndpointId>,
    /// Whether a domain name is associated with it; else an API asks for a host name with it.
    pub(crate) is_association: bool,
}

/// A method that a setting is for.
pub(crate) struct UsedMethod {
    /// The API.
    pub(crate) api: RestApiId,
    /// The resource's path template.
    pub(crate) path: Box<str>,
    /// The verb.
    pub(crate) verb: Verb,
    /// Where the setting stands.
    pub(crate) place: Place,
}

impl Names {
    /// Nothing was read yet.
    pub(crate) const fn new() -> Self {
        Self {
            addresses: Unique::of("address"),
            vpc_endpoints: BTreeSet::new(),
            rest_apis: BTreeMap::new(),
            used_stages: Vec::new(),
            used_vpc_endpoints: Vec::new(),
            used_methods: Vec::new(),
            first_quota: None,
            says_authorizer_silence: false,
        }
    }
}
