//! The Lambda authorizers of a stage: each function found once, and what was answered before taken over.

use std::{collections::HashMap, sync::Arc};

use postern_model::{Authorizer, AuthorizerFunction, AuthorizerKind, RestApiId, Stage};

use super::{Destinations, functions, short_hash};
use crate::{
    Snapshot,
    authorization::{AnswerCache, AuthorizerTerms, CompiledAuthorizer},
};

/// The authorizers of the snapshot that serves, by API, stage and name.
#[derive(Debug, Default)]
pub(crate) struct KeptAnswers<'p> {
    by_name: HashMap<(&'p str, &'p str, &'p str), &'p CompiledAuthorizer>,
}

impl<'p> KeptAnswers<'p> {
    pub(crate) fn of(previous: Option<&'p Snapshot>) -> Self {
        let mut by_name = HashMap::new();
        for api in previous.iter().flat_map(|previous| &previous.apis) {
            for stage in &api.stages {
                for authorizer in &stage.authorizers {
                    by_name.insert((api.id.as_str(), &*stage.name, &*authorizer.name), &**authorizer);
                }
            }
        }
        Self { by_name }
    }

    /// What an authorizer answered before, where nothing that answers depend on has changed (AU-70).
    fn of_same(
        &self,
        (api, stage, name): (&str, &str, &str),
        terms: &AuthorizerTerms,
    ) -> Option<Arc<AnswerCache>> {
        let old = self.by_name.get(&(api, stage, name)).filter(|old| old.terms == *terms)?;
        old.cache.clone()
    }
}

/// Compiles the Lambda authorizers of an API for one stage.
pub(crate) fn compile<'d>(
    api: &RestApiId,
    stage: &Stage,
    authorizers: impl Iterator<Item = (&'d str, &'d Authorizer)>,
    destinations: &mut Destinations<'_>,
    kept: &KeptAnswers<'_>,
) -> Vec<Arc<CompiledAuthorizer>> {
    let mut compiled = Vec::new();
    for (name, authorizer) in authorizers {
        let (AuthorizerKind::Token(function) | AuthorizerKind::Request(function)) = &authorizer.kind else {
            continue;
        };
        let AuthorizerFunction { uri, credentials } = function;
        let target = functions::resolve(Some(uri), credentials.as_ref(), &stage.variables, destinations);
        let target = target.map_err(Box::from);
        let entry = target
            .as_ref()
            .ok()
            .and_then(|target| Some((target.arn.clone(), destinations.function(&target.arn)?)));
        let terms = AuthorizerTerms {
            kind: authorizer.kind.clone(),
            identity_sources: authorizer.identity_sources.clone(),
            identity_validation_expression: authorizer.identity_validation_expression.clone(),
            result_ttl_seconds: authorizer.result_ttl_seconds,
            function: entry,
            variables: stage.variables.clone(),
            home: destinations.home().clone(),
        };
        let cache = (terms.result_ttl_seconds > 0).then(|| {
            let kept = kept.of_same((api.as_str(), stage.name.as_str(), name), &terms);
            kept.unwrap_or_else(|| Arc::new(AnswerCache::new(destinations.state().key_secret)))
        });
        let id = short_hash(&[api.as_str(), name]);
        compiled.push(Arc::new(CompiledAuthorizer { name: name.into(), id, terms, target, cache }));
    }
    compiled
}
