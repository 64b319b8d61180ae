//! The compiled configuration: immutable, whole, made for answering.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use postern_model::{
    AccountThrottle, ApiKeySource, AuthorizationType, Compatibility, GatewayResponse, GatewayResponseType,
    Limits, MediaTypePattern, RestApiId, StageVariables, TlsIdentity, Verb, VpcEndpointId,
};
use postern_protocol::{certificate::Truststore, http1};

use crate::{
    Admission, ApiKeyFault, CompiledAccessLog, Connection, Destination, FetchedCredentials, HostedFunction,
    Identity, KeyUsage, NetworkVerdict, Usage,
    authorization::{CompiledAuthorizer, PreparedPolicy, Signers},
    connection::{CachedEntrance, Guarded},
    integration::{ApiIntegration, CompiledIntegration},
    routing::{Domain, SeenDomains, TlsTerms, Tree},
    throttle::{Bucket, Pace},
    usage::Keys,
    validation::Validation,
};

/// Everything that one gateway serves, compiled. A request uses one snapshot from start to end.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) generation: u64,
    pub(crate) region: Box<str>,
    pub(crate) account_id: Box<str>,
    /// `.execute-api.{region}.{suffix}`: what host names of APIs end with.
    pub(crate) api_suffix: Box<str>,
    /// `.execute-api.{region}.vpce.{suffix}`: what host names of endpoints end with.
    pub(crate) endpoint_suffix: Box<str>,
    pub(crate) entrances: Vec<Entrance>,
    /// By address. There are few, and comparing a few is quicker than hashing one.
    pub(crate) admissions: BTreeMap<SocketAddr, Arc<Admission>>,
    pub(crate) apis: Vec<Api>,
    pub(crate) apis_by_id: HashMap<Box<str>, usize>,
    pub(crate) domains: Vec<Domain>,
    pub(crate) destinations: Vec<Arc<Destination>>,
    pub(crate) functions: Vec<Arc<HostedFunction>>,
    pub(crate) fetched_credentials: Option<Arc<FetchedCredentials>>,
    pub(crate) keys: Keys,
    pub(crate) signers: Signers,
    pub(crate) account_throttle: Option<(AccountThrottle, Pace, Arc<Bucket>)>,
    pub(crate) limits: Limits,
    pub(crate) template_limits: postern_template::Limits,
    pub(crate) compatibility: Compatibility,
    pub(crate) request_streaming: bool,
    pub(crate) access_log: Option<CompiledAccessLog>,
}

/// A door of the gateway: one VPC endpoint, listeners that several share, or one entry of the public
/// listeners.
#[derive(Debug)]
pub struct Entrance {
    /// Who comes in by it: nobody at shared listeners, before a PROXY header was read.
    pub identity: Arc<Identity>,
    /// Its addresses; none for an endpoint that comes by shared listeners alone.
    pub addresses: Vec<SocketAddr>,
    /// Its certificates, the default one first; empty: plain text.
    pub tls: Vec<TlsIdentity>,
    /// Whether HTTP/2 is served.
    pub http2: bool,
    /// Limits of the heads that come in by it.
    pub head_limits: http1::Limits,
    /// What connections to its addresses meet first.
    pub admission: Arc<Admission>,
    /// The network layers in front of whom it is the door of.
    pub(crate) guarded: Arc<Guarded>,
    /// The endpoint policy; absent: full access.
    pub(crate) policy: Option<PreparedPolicy>,
    pub(crate) trust_x_forwarded_for: bool,
    /// Custom domain names that are seen here, as indices.
    pub(crate) domains: SeenDomains,
}

/// One API.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) id: RestApiId,
    pub(crate) private: bool,
    pub(crate) partition: &'static str,
    /// Its place among the snapshot's APIs.
    pub(crate) index: usize,
    pub(crate) policy: Option<PreparedPolicy>,
    pub(crate) disable_execute_api_endpoint: bool,
    pub(crate) vpc_endpoint_ids: Vec<VpcEndpointId>,
    pub(crate) tree: Tree,
    pub(crate) methods: Box<[ApiMethod]>,
    pub(crate) binary_media_types: Vec<MediaTypePattern>,
    /// Bodies of so many bytes are compressed and decompressed; absent: none is (Z1, Z4).
    pub(crate) minimum_compression_size: Option<u64>,
    pub(crate) api_key_source: ApiKeySource,
    pub(crate) gateway_responses: Vec<(GatewayResponseType, GatewayResponse)>,
    pub(crate) stages: Vec<Stage>,
}

/// One method of an API: what does not depend on the stage, and of that what requests ask for. There may be
/// a hundred thousand, so the rest of the model is left behind.
#[derive(Debug)]
pub(crate) struct ApiMethod {
    pub(crate) verb: Verb,
    pub(crate) api_key_required: bool,
    /// Whether validation or a parameter mapping reads the body, whatever its type.
    pub(crate) reads_body: bool,
    pub(crate) authorization: AuthorizationType,
    /// The path of its resource.
    pub(crate) path: Box<str>,
    /// The names of the path's variables, in their order.
    pub(crate) variables: Box<[Box<str>]>,
    pub(crate) resource_id: Box<str>,
    pub(crate) operation_name: Option<Box<str>>,
    pub(crate) validation: Validation,
    /// The statuses of the answers that it declares.
    pub(crate) statuses: Box<[u16]>,
    pub(crate) integration: ApiIntegration,
}

/// One stage of an API.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Counters are found by it; the same in every snapshot of a process.
    pub(crate) number: u32,
    pub(crate) name: Box<str>,
    pub(crate) variables: StageVariables,
    pub(crate) deployment_id: Box<str>,
    /// All of its Lambda authorizers.
    pub(crate) authorizers: Vec<Arc<CompiledAuthorizer>>,
    /// In the order of the API's methods.
    pub(crate) methods: Vec<StageMethod>,
}

/// One method in one stage.
#[derive(Debug)]
pub(crate) struct StageMethod {
    pub(crate) integration: CompiledIntegration,
    /// Its Lambda authorizer, if it has one.
    pub(crate) authorizer: Option<Arc<CompiledAuthorizer>>,
    pub(crate) throttles: MethodThrottles,
}

/// A stage's throttles of one method: one for each verb that it stands for, which is its own or all of
/// [`Verb::EXACT`] (TH-14).
#[derive(Debug, Default)]
pub(crate) struct MethodThrottles {
    /// The limits in the order of the verbs; one where it is the same for all of them.
    pub(crate) paces: Box<[Option<Pace>]>,
    /// In the order of the verbs; none where none has a limit.
    pub(crate) buckets: Arc<[Bucket]>,
}

impl Snapshot {
    /// Which one it is: every snapshot of a process has a larger number than the ones before it.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The doors.
    #[must_use]
    pub fn entrances(&self) -> &[Entrance] {
        &self.entrances
    }

    /// The door of an identity: the one with this address, where there are several.
    #[must_use]
    pub fn entrance_for(&self, identity: &Identity, local: SocketAddr) -> Option<&Entrance> {
        self.entrance_index(identity, local).and_then(|index| self.entrances.get(index))
    }

    /// The door whose listeners callers of an entrance connect to: its own, or those that it shares.
    #[must_use]
    pub fn door_of<'s>(&'s self, entrance: &'s Entrance) -> &'s Entrance {
        let Identity::VpcEndpoint { vpc_endpoint_id, .. } = &*entrance.identity else { return entrance };
        if !entrance.addresses.is_empty() {
            return entrance;
        }
        let mut entrances = self.entrances.iter();
        entrances.find(|door| door.admission.shares(vpc_endpoint_id.as_str())).unwrap_or(entrance)
    }

    /// What connections to an address meet first; `None` where nothing is listened for any more.
    #[must_use]
    pub fn admission_at(&self, address: SocketAddr) -> Option<&Arc<Admission>> {
        self.admissions.get(&address)
    }

    /// What the network ACL and the security group of a VPC endpoint say of a source, with the rule and
    /// the entry that say it. `None` where there is no such endpoint.
    #[must_use]
    pub fn network_verdict(
        &self,
        vpc_endpoint_id: &VpcEndpointId,
        source: IpAddr,
    ) -> Option<NetworkVerdict<'_>> {
        let is_of = |entrance: &&Entrance| matches!(&*entrance.identity, Identity::VpcEndpoint { vpc_endpoint_id: own, .. } if own == vpc_endpoint_id);
        self.entrances.iter().find(is_of).map(|entrance| entrance.guarded.verdict(source))
    }

    /// Every place that some integration calls.
    #[must_use]
    pub fn destinations(&self) -> &[Arc<Destination>] {
        &self.destinations
    }

    /// The credentials for signed calls that are fetched, if some call is signed with such.
    #[must_use]
    pub const fn fetched_credentials(&self) -> Option<&Arc<FetchedCredentials>> {
        self.fetched_credentials.as_ref()
    }

    /// Every function whose processes run here.
    #[must_use]
    pub fn functions(&self) -> &[Arc<HostedFunction>] {
        &self.functions
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The access log, if there is one.
    #[must_use]
    pub const fn access_log(&self) -> Option<&CompiledAccessLog> {
        self.access_log.as_ref()
    }

    /// Every stage, with its API's id and the number that its counters are found by: small, and the same
    /// in every snapshot of a process.
    pub fn stages(&self) -> impl Iterator<Item = (u32, &str, &str)> {
        self.apis
            .iter()
            .flat_map(|api| api.stages.iter().map(|stage| (stage.number, api.id.as_str(), &*stage.name)))
    }

    /// The key of a value, in the plan that opens to it the stage of a number (AU-13), as
    /// [`stages`](Self::stages) tells it.
    ///
    /// # Errors
    ///
    /// Why it opens nothing there.
    pub fn find_api_key(&self, value: &[u8], stage: u32) -> Result<Usage, ApiKeyFault> {
        self.keys.find(value, stage).1
    }

    /// How many places of keys in plans there are.
    #[must_use]
    pub const fn usage_count(&self) -> usize {
        self.keys.membership_count()
    }

    /// What a key has used of a plan, by the number of that place, from 0: keys in their order, and each
    /// key's plans in theirs.
    #[must_use]
    pub fn usage(&self, place: usize) -> Option<KeyUsage<'_>> {
        self.keys.usage(place)
    }

    /// Every usage plan's name, with the number that its counters are found by: small, and the same in
    /// every snapshot of a process.
    pub fn usage_plans(&self) -> impl Iterator<Item = (u32, &str)> {
        self.keys.plans()
    }

    /// Whether there is a usage plan of this name.
    #[must_use]
    pub fn has_usage_plan(&self, name: &str) -> bool {
        self.keys.has_plan(name)
    }

    /// Leaves a key so many requests of its plan's quota, for the period that a moment lies in (TH-36).
    ///
    /// # Errors
    ///
    /// A sentence, where there is no such key, plan or quota.
    pub fn set_remaining(
        &self,
        plan: &str,
        key: &str,
        remaining: u64,
        epoch_milliseconds: u64,
    ) -> Result<(), &'static str> {
        let found = self.keys.membership(plan, key);
        let (plan, membership) = found.ok_or("no usage plan of that name has an API key of that name")?;
        let quota = plan.quota.ok_or("the usage plan has no quota")?;
        self.keys.accounts.leave(membership.account, quota, epoch_milliseconds, remaining);
        Ok(())
    }

    /// Whether a TLS server name may be asked for at an entrance: a form H1 to H3 of
    /// private-access.md, or a domain that is served there. `name` is in lower case.
    #[must_use]
    pub fn knows_server_name(&self, entrance: &Entrance, name: &str) -> bool {
        name.ends_with(&*self.api_suffix)
            || name.ends_with(&*self.endpoint_suffix)
            || entrance.domains.find(name).is_some()
    }

    /// What a TLS server name asks for at an entrance. `name` is in lower case.
    #[must_use]
    pub fn tls_terms_of(&self, entrance: &Entrance, name: &str) -> TlsTerms {
        let domain = entrance.domains.find(name).and_then(|index| self.domains.get(index));
        domain.map(Domain::tls_terms).unwrap_or_default()
    }

    /// What all server names ask for, each once; first what those do that are no domain names.
    #[must_use]
    pub fn all_tls_terms(&self) -> Vec<TlsTerms> {
        let mut all = vec![TlsTerms::default()];
        for terms in self.domains.iter().map(Domain::tls_terms) {
            if !all.contains(&terms) {
                all.push(terms);
            }
        }
        all
    }

    /// The truststores of all domain names.
    pub fn truststores(&self) -> impl Iterator<Item = &Arc<Truststore>> {
        self.domains.iter().filter_map(|domain| domain.truststore.as_ref())
    }

    /// The door that a connection came in by, as this snapshot has it. `None` where the endpoint is
    /// no longer configured, and where the connection carries nobody: nothing is reachable then.
    pub(crate) fn entrance_of(&self, connection: &Connection) -> Option<&Entrance> {
        let cached = connection.cached_entrance();
        if let Some(CachedEntrance { generation, index }) = cached.get()
            && generation == self.generation
        {
            return self.entrances.get(index);
        }
        if *connection.identity() == Identity::Nobody {
            return None;
        }
        let index = self.entrance_index(connection.identity(), connection.local())?;
        cached.set(Some(CachedEntrance { generation: self.generation, index }));
        self.entrances.get(index)
    }

    fn entrance_index(&self, identity: &Identity, local: SocketAddr) -> Option<usize> {
        let is_of = |entrance: &Entrance| *entrance.identity == *identity;
        let here = self.entrances.iter().position(|entrance| is_of(entrance) && entrance.serves(local));
        here.or_else(|| self.entrances.iter().position(is_of))
    }

    pub(crate) fn api(&self, id: &str) -> Option<&Api> {
        let index = *self.apis_by_id.get(id)?;
        self.apis.get(index)
    }
}

impl Entrance {
    fn serves(&self, local: SocketAddr) -> bool {
        self.addresses.iter().any(|address| {
            address.port() == local.port() && (address.ip().is_unspecified() || address.ip() == local.ip())
        })
    }
}

impl MethodThrottles {
    /// The limit of a verb, and its bucket.
    pub(crate) fn of(&self, verb: Verb) -> Option<(Pace, &Bucket)> {
        let place = (verb as usize).min(self.buckets.len().saturating_sub(1));
        Some((self.pace(place)?, self.buckets.get(place)?))
    }

    /// The limit of a bucket, by its place.
    pub(crate) fn pace(&self, place: usize) -> Option<Pace> {
        *self.paces.get(place.min(self.paces.len().saturating_sub(1)))?
    }
}

impl Api {
    /// The API's own gateway response of a type, if it has one.
    pub(crate) fn gateway_response(&self, kind: GatewayResponseType) -> Option<&GatewayResponse> {
        self.gateway_responses.iter().find(|(own, _)| *own == kind).map(|(_, response)| response)
    }

    pub(crate) fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| &*stage.name == name)
    }
}
