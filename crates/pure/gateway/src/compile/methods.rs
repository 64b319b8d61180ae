//! Methods in a stage: their integration and their buckets.

use std::{collections::HashMap, sync::Arc};

use postern_model::{
    AuthorizationType, IntegrationType, Method, ResourcePath, RestApiId, Stage, Verb, calls_function,
};

use super::{Destinations, address, functions, own, services};
use crate::{
    Snapshot,
    authorization::CompiledAuthorizer,
    integration::{self, CompiledIntegration, Target},
    snapshot::{ApiMethod, MethodThrottle, StageMethod},
    throttle::{Bucket, Pace},
    usage::Adaptation,
    validation::Validation,
};

/// What names a bucket of a method: API, stage, resource, the method's verb, the verb asked for.
type BucketKey<'p> = (&'p str, &'p str, &'p str, Verb, Verb);

/// The buckets of the snapshot that serves, by what they are of.
#[derive(Debug, Default)]
pub(crate) struct MethodBuckets<'p> {
    buckets: HashMap<BucketKey<'p>, (Pace, &'p Arc<Bucket>)>,
}

impl<'p> MethodBuckets<'p> {
    pub(crate) fn of(previous: Option<&'p Snapshot>) -> Self {
        let mut buckets = HashMap::new();
        for api in previous.iter().flat_map(|previous| &previous.apis) {
            for stage in &api.stages {
                for (method, stage_method) in api.methods.iter().zip(&stage.methods) {
                    for throttle in &stage_method.throttle {
                        let path = method.path.as_str();
                        let key = (api.id.as_str(), &*stage.name, path, method.model.verb, throttle.verb);
                        buckets.insert(key, (throttle.pace, &throttle.bucket));
                    }
                }
            }
        }
        Self { buckets }
    }
}

/// The bucket that goes on under another limit: shared with the snapshot that serves, so that nothing
/// is counted twice or lost in between.
pub(crate) fn shared(
    bucket: &Arc<Bucket>,
    old: Pace,
    new: Pace,
    adaptations: &mut Vec<Adaptation>,
) -> Arc<Bucket> {
    if old != new {
        adaptations.push(Adaptation { bucket: own(bucket), old, new });
    }
    Arc::clone(bucket)
}

/// Compiles what one method is in every stage.
pub(crate) fn compile_method(model: Method, path: ResourcePath, resource_id: Box<str>) -> ApiMethod {
    let validation = Validation::of(&model);
    let reads_body = validation.reads_body() || integration::maps_body(&model.integration);
    ApiMethod { model, path, resource_id, validation, reads_body }
}

/// Compiles one method for one stage.
pub(crate) fn compile(
    api: &RestApiId,
    method: &ApiMethod,
    (stage, authorizers): (&Stage, &[Arc<CompiledAuthorizer>]),
    destinations: &mut Destinations<'_>,
    buckets: &MethodBuckets<'_>,
    adaptations: &mut Vec<Adaptation>,
) -> StageMethod {
    let integration = &method.model.integration;
    let variables = &stage.variables;
    let target = match integration.kind {
        IntegrationType::Http | IntegrationType::HttpProxy => {
            let address = address::resolve(integration, variables, destinations);
            Some(address.map(|address| Target::Address(Box::new(address))))
        }
        IntegrationType::Aws if !integration.uri.as_ref().is_some_and(calls_function) => {
            let service = services::resolve(integration, variables, destinations);
            Some(service.map(|service| Target::Service(Box::new(service))))
        }
        IntegrationType::Aws | IntegrationType::AwsProxy => {
            let (uri, credentials) = (integration.uri.as_ref(), integration.credentials.as_ref());
            let function = functions::resolve(uri, credentials, variables, destinations);
            Some(function.map(|function| Target::Function(Box::new(function))))
        }
        IntegrationType::Mock => None,
    };
    let malformed = |reason: String| Target::Malformed(reason.into());
    let integration = CompiledIntegration {
        kind: integration.kind,
        target: target.map(|target| target.unwrap_or_else(malformed)),
        timeout_nanoseconds: u64::from(integration.timeout_milliseconds) * 1_000_000,
    };
    let verbs: &[Verb] = match &method.model.verb {
        Verb::Any => &Verb::EXACT,
        verb => std::slice::from_ref(verb),
    };
    let mut throttle = Vec::new();
    for verb in verbs {
        let Some(limit) = stage.method_settings.of(method.path.as_str(), *verb).throttle else { continue };
        let pace = Pace::of(limit);
        let key = (api.as_str(), stage.name.as_str(), method.path.as_str(), method.model.verb, *verb);
        let bucket = match buckets.buckets.get(&key) {
            Some((old, bucket)) => shared(bucket, *old, pace, adaptations),
            None => Arc::default(),
        };
        throttle.push(MethodThrottle { verb: *verb, pace, bucket });
    }
    throttle.shrink_to_fit();
    let authorizer = match &method.model.authorization {
        AuthorizationType::Custom(name) => authorizers.iter().find(|own| own.name == *name).cloned(),
        _ => None,
    };
    StageMethod { integration, authorizer, throttle }
}
