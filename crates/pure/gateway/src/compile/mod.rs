//! A checked configuration made into a snapshot. Nothing here can fail: what can be wrong was refused
//! when the configuration was read; what only a request can show (an address that stage variables
//! leave malformed) becomes that request's answer.

mod address;
mod authorizers;
mod destinations;
mod domains;
mod entrances;
mod functions;
mod methods;
mod plans;
mod services;

use std::{collections::HashMap, sync::Arc};

use postern_model::{AccountThrottle, Configuration, EndpointType, GatewayResponseType, RestApi};

use crate::{
    CompiledAccessLog, Now, Snapshot, State,
    authorization::{Preparation, PreparedPolicy, Signers},
    routing::Tree,
    snapshot::{Api, Stage},
    throttle::{Bucket, Pace},
    usage::{Adaptation, AdaptedBucket},
};

use destinations::{Called, Destinations};
use domains::Arns;
use methods::DefinedMethod;

/// A snapshot that is ready to serve, and what is to be done at the moment when it begins to.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) snapshot: Snapshot,
    pub(crate) adaptations: Vec<Adaptation>,
}

impl Compiled {
    /// The snapshot.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Takes up changed limits in buckets that the old snapshot shares (TH-61), and gives out the
    /// snapshot: call it when the snapshot begins to serve.
    #[must_use]
    pub fn begin(self, now: Now) -> Snapshot {
        for adaptation in &self.adaptations {
            adaptation.apply(&self.snapshot, now);
        }
        self.snapshot
    }
}

/// Makes a snapshot of a configuration. Buckets and quotas of the snapshot that serves are taken over
/// where what they are of still stands.
#[must_use]
pub fn compile(mut configuration: Configuration, previous: Option<&Snapshot>, state: &mut State) -> Compiled {
    state.generation += 1;
    let mut adaptations = Vec::new();
    let mut destinations = Destinations::new(state, &configuration);
    let kept = Kept {
        buckets: methods::MethodBuckets::of(previous),
        answers: authorizers::KeptAnswers::of(previous),
    };
    let account_throttle =
        configuration.account_throttle.map(|throttle| account_throttle(throttle, previous, &mut adaptations));
    let suffix =
        |kind: &str| format!(".execute-api.{}{kind}.{}", configuration.region, configuration.dns_suffix);
    let (api_suffix, endpoint_suffix) = (suffix(""), suffix(".vpce"));
    let rest_apis = std::mem::take(&mut configuration.rest_apis);
    let arns = Arns {
        partition: configuration.partition.as_str(),
        region: configuration.region.as_str(),
        account_id: configuration.account_id.as_str(),
    };
    let mut preparation = Preparation::default();
    let mut apis = Vec::with_capacity(rest_apis.len());
    for (index, mut rest_api) in rest_apis.into_iter().enumerate() {
        let policy = rest_api.policy.take();
        let policy = policy.map(|policy| preparation.of_one(policy, &arns.base_of(&rest_api.id)));
        let place = (index, arns.partition);
        apis.push(compile_api(rest_api, place, policy, &mut destinations, &kept, &mut adaptations));
    }
    let keys = plans::compile(&configuration, previous, destinations.state(), &mut adaptations);
    let apis_by_id: HashMap<Box<str>, usize> =
        apis.iter().enumerate().map(|(index, api)| (api.id.as_str().into(), index)).collect();
    let names = &configuration.domain_names;
    let domains = domains::domains(names, &arns, &apis, &apis_by_id, &mut preparation);
    let doors = entrances::Doors {
        endpoints: configuration.vpc_endpoints,
        shared: configuration.shared_listeners,
        public: configuration.public_listeners,
    };
    let entrances = entrances::entrances(doors, names, &configuration.limits, &mut preparation);
    let generation = destinations.generation();
    let Called { destinations, functions, fetched_credentials } = destinations.finish();
    let snapshot = Snapshot {
        generation,
        region: configuration.region.as_str().into(),
        account_id: configuration.account_id.as_str().into(),
        api_suffix: api_suffix.into(),
        endpoint_suffix: endpoint_suffix.into(),
        admissions: entrances::admissions(&entrances),
        entrances,
        apis,
        apis_by_id,
        domains,
        destinations,
        functions,
        fetched_credentials,
        keys,
        signers: Signers::of(configuration.principals),
        account_throttle,
        template_limits: template_limits(&configuration.limits),
        limits: configuration.limits,
        compatibility: configuration.compatibility,
        request_streaming: configuration.request_streaming,
        access_log: configuration.access_log.map(|log| CompiledAccessLog::compile(&log.format)),
    };
    Compiled { snapshot, adaptations }
}

/// What a new snapshot takes over from the one that serves.
struct Kept<'p> {
    buckets: methods::MethodBuckets<'p>,
    answers: authorizers::KeptAnswers<'p>,
}

fn account_throttle(
    throttle: AccountThrottle,
    previous: Option<&Snapshot>,
    adaptations: &mut Vec<Adaptation>,
) -> (AccountThrottle, Pace, Arc<Bucket>) {
    let pace = Pace::of(throttle.limit);
    let old = previous.and_then(|previous| previous.account_throttle.as_ref());
    let bucket = match old {
        Some((_, old, bucket)) => methods::shared(bucket, *old, pace, adaptations),
        None => Arc::default(),
    };
    (throttle, pace, bucket)
}

fn compile_api(
    rest_api: RestApi,
    (index, partition): (usize, &'static str),
    policy: Option<PreparedPolicy>,
    destinations: &mut Destinations<'_>,
    kept: &Kept<'_>,
    adaptations: &mut Vec<Adaptation>,
) -> Api {
    let RestApi {
        id, definition, endpoint_type, vpc_endpoint_ids, disable_execute_api_endpoint, stages, ..
    } = rest_api;
    let mut tree = Tree::new();
    let mut defined = Vec::new();
    for resource in definition.resources {
        let resource_id = short_hash(&[id.as_str(), resource.path.as_str()]);
        for model in resource.methods {
            let index = u32::try_from(defined.len()).unwrap_or(u32::MAX);
            tree.insert(&resource.path, model.verb, index);
            let (path, resource_id) = (resource.path.clone(), resource_id.clone());
            defined.push(DefinedMethod { model, path, resource_id });
        }
    }
    tree.shrink();
    let mut compile_stage = |stage: postern_model::Stage| {
        let named = definition.authorizers.iter().map(|(name, authorizer)| (&**name, authorizer));
        let authorizers = authorizers::compile(&id, &stage, named, destinations, &kept.answers);
        let number = destinations.state().stage_number(id.as_str(), stage.name.as_str());
        let compile = |method| {
            methods::compile(&id, method, (&stage, &authorizers), destinations, &kept.buckets, adaptations)
        };
        Stage {
            number,
            methods: defined.iter().map(compile).collect(),
            deployment_id: short_hash(&[id.as_str(), stage.name.as_str(), &definition.revision]),
            name: stage.name.as_str().into(),
            variables: stage.variables,
            authorizers,
        }
    };
    let stages = stages.into_iter().map(&mut compile_stage).collect();
    let methods = defined.into_iter().map(DefinedMethod::compile).collect();
    let gateway_responses: Vec<(GatewayResponseType, _)> = definition.gateway_responses.into_iter().collect();
    Api {
        id,
        private: endpoint_type == EndpointType::Private,
        partition,
        index,
        policy,
        disable_execute_api_endpoint,
        vpc_endpoint_ids,
        tree,
        methods,
        binary_media_types: definition.binary_media_types,
        minimum_compression_size: definition.minimum_compression_size.map(u64::from),
        api_key_source: definition.api_key_source,
        gateway_responses,
        stages,
    }
}

/// Six characters of base 36 that stay the same as long as what they are of does.
fn short_hash(parts: &[&str]) -> Box<str> {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize();
    let character = |byte: &u8| ALPHABET.get(usize::from(byte % 36)).copied().map_or('a', char::from);
    hash.as_bytes().iter().take(6).map(character).collect::<String>().into()
}

fn template_limits(limits: &postern_model::Limits) -> postern_template::Limits {
    let count = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    postern_template::Limits {
        template_bytes: size(limits.template_bytes),
        output_bytes: size(limits.template_output_bytes),
        loop_iterations: count(limits.template_loop),
        steps: count(limits.template_steps),
        depth: count(limits.template_depth),
    }
}

pub(crate) fn own(bucket: &Arc<Bucket>) -> AdaptedBucket {
    AdaptedBucket::Own(Arc::clone(bucket))
}
