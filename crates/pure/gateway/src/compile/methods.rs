//! Methods in a stage: their integration and their buckets.

use std::{collections::HashMap, sync::Arc};

use postern_model::{
    AuthorizationType, IntegrationType, Method, PathPart, ResourcePath, RestApiId, Stage, Verb,
    calls_function,
};

use super::{Destinations, address, functions, own, services};
use crate::{
    Snapshot,
    authorization::CompiledAuthorizer,
    integration::{self, ApiIntegration, CompiledIntegration, Target},
    snapshot::{ApiMethod, MethodThrottles, StageMethod},
    throttle::{Bucket, Pace},
    usage::{Adaptation, AdaptedBucket},
    validation::Validation,
};

/// What names the buckets of a method: API, stage, resource, the method's verb.
type BucketsKey<'p> = (&'p str, &'p str, &'p str, Verb);

/// The buckets of the snapshot that serves, by what they are of.
#[derive(Debug, Default)]
pub(crate) struct MethodBuckets<'p> {
    buckets: HashMap<BucketsKey<'p>, &'p MethodThrottles>,
}

impl<'p> MethodBuckets<'p> {
    pub(crate) fn of(previous: Option<&'p Snapshot>) -> Self {
        let mut buckets = HashMap::new();
        for api in previous.iter().flat_map(|previous| &previous.apis) {
            for stage in &api.stages {
                for (method, stage_method) in api.methods.iter().zip(&stage.methods) {
                    let key = (api.id.as_str(), &*stage.name, &*method.path, method.verb);
                    buckets.insert(key, &stage_method.throttles);
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

/// A method as its definition describes it.
#[derive(Debug)]
pub(crate) struct DefinedMethod {
    pub(crate) model: Method,
    pub(crate) path: ResourcePath,
    pub(crate) resource_id: Box<str>,
}

impl DefinedMethod {
    /// Compiles what it is in every stage.
    pub(crate) fn compile(self) -> ApiMethod {
        let Self { model, path, resource_id } = self;
        let validation = Validation::of(&model);
        let variables = path.parts().iter().filter_map(PathPart::variable).map(Box::from);
        ApiMethod {
            verb: model.verb,
            api_key_required: model.api_key_required,
            reads_body: validation.reads_body() || integration::maps_body(&model.integration),
            path: path.as_str().into(),
            variables: variables.collect(),
            resource_id,
            operation_name: model.operation_name,
            validation,
            statuses: model.responses.iter().map(|response| response.status).collect(),
            authorization: model.authorization,
            integration: ApiIntegration::of(model.integration),
        }
    }
}

/// Compiles one method for one stage.
pub(crate) fn compile(
    api: &RestApiId,
    method: &DefinedMethod,
    (stage, authorizers): (&Stage, &[Arc<CompiledAuthorizer>]),
    destinations: &mut Destinations<'_>,
    buckets: &MethodBuckets<'_>,
    adaptations: &mut Vec<Adaptation>,
) -> StageMethod {
    let integration = &method.model.integration;
    let variables = &stage.variables;
    let target = match integration.kind {
        IntegrationType::Http | IntegrationType::HttpProxy => {
            let address = address::resolve((integration, &method.path), variables, destinations);
            Some(address.map(|address| Target::Address(Box::new(address))))
        }
        IntegrationType::Aws if !integration.uri.as_ref().is_some_and(calls_function) => {
            let service = services::resolve((integration, &method.path), variables, destinations);
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
    let pace = |verb: &Verb| stage.method_settings.of(method.path.as_str(), *verb).throttle.map(Pace::of);
    let key = (api.as_str(), stage.name.as_str(), method.path.as_str(), method.model.verb);
    let old = buckets.buckets.get(&key).copied();
    let throttles = throttles(verbs.iter().map(pace).collect(), old, adaptations);
    let authorizer = match &method.model.authorization {
        AuthorizationType::Custom(name) => authorizers.iter().find(|own| own.name == *name).cloned(),
        _ => None,
    };
    StageMethod { integration, authorizer, throttles }
}

/// The throttles of a method. Its buckets go on where it had any.
fn throttles(
    mut paces: Vec<Option<Pace>>,
    old: Option<&MethodThrottles>,
    adaptations: &mut Vec<Adaptation>,
) -> MethodThrottles {
    if paces.iter().all(Option::is_none) {
        return MethodThrottles::default();
    }
    let old = old.filter(|old| old.buckets.len() == paces.len());
    let fresh = || paces.iter().map(|_| Bucket::default()).collect();
    let buckets: Arc<[Bucket]> = old.map_or_else(fresh, |old| Arc::clone(&old.buckets));
    for (place, new) in paces.iter().enumerate().filter(|_| old.is_some()) {
        let old = old.and_then(|old| old.pace(place));
        if let Some(new) = *new
            && old != Some(new)
        {
            // A limit that comes back meets what was taken under the one before it.
            let bucket = AdaptedBucket::OfMethod(Arc::clone(&buckets), place);
            adaptations.push(Adaptation { bucket, old: old.unwrap_or(new), new });
        }
    }
    if paces.iter().all(|pace| Some(pace) == paces.first()) {
        paces.truncate(1);
    }
    MethodThrottles { paces: paces.into(), buckets }
}

#[cfg(test)]
mod tests {
    use postern_model::ThrottleLimit;

    use super::*;

    fn pace(rate: f64, burst: u32) -> Option<Pace> {
        Some(Pace::of(ThrottleLimit::new(rate, burst).unwrap()))
    }

    #[test]
    fn th14_each_verb_has_its_limit_and_its_bucket() {
        let mut paces = vec![pace(9.0, 9); Verb::EXACT.len()];
        let same = throttles(paces.clone(), None, &mut Vec::new());
        assert_eq!(same.paces.len(), 1, "what is the same stands once");
        paces[Verb::Get as usize] = None;
        paces[Verb::Put as usize] = pace(1.0, 1);
        let different = throttles(paces, None, &mut Vec::new());
        for verb in Verb::EXACT {
            let own = match verb {
                Verb::Get => None,
                Verb::Put => pace(1.0, 1),
                _ => pace(9.0, 9),
            };
            assert_eq!(same.of(verb).map(|(pace, _)| pace), pace(9.0, 9));
            assert_eq!(different.of(verb).map(|(pace, _)| pace), own, "{verb}");
        }
        let (put, post) = (different.of(Verb::Put).unwrap(), different.of(Verb::Post).unwrap());
        assert!(put.1.take(put.0, 0) && !put.1.take(put.0, 0));
        assert!(post.1.take(post.0, 0), "a bucket of its own");
    }

    #[test]
    fn one_verb_has_one_bucket_and_no_limit_has_none() {
        let one = throttles(vec![pace(1.0, 1)], None, &mut Vec::new());
        assert_eq!((one.buckets.len(), one.of(Verb::Put).map(|(pace, _)| pace)), (1, pace(1.0, 1)));
        let none = throttles(vec![None; Verb::EXACT.len()], None, &mut Vec::new());
        assert!(none.buckets.is_empty() && none.of(Verb::Get).is_none());
    }

    #[test]
    fn th61_buckets_go_on_and_what_has_changed_is_adapted() {
        let paces = |get, put| {
            let mut paces = vec![pace(9.0, 9); Verb::EXACT.len()];
            (paces[Verb::Get as usize], paces[Verb::Put as usize]) = (get, put);
            paces
        };
        let mut adaptations = Vec::new();
        let old = throttles(paces(pace(1.0, 1), None), None, &mut adaptations);
        assert!(adaptations.is_empty());
        let new = throttles(paces(pace(2.0, 2), pace(3.0, 3)), Some(&old), &mut adaptations);
        assert!(Arc::ptr_eq(&old.buckets, &new.buckets));
        let adapted: Vec<_> = adaptations.iter().map(|it| (Some(it.old), Some(it.new))).collect();
        assert_eq!(adapted, [(pace(1.0, 1), pace(2.0, 2)), (pace(3.0, 3), pace(3.0, 3))]);
    }
}
