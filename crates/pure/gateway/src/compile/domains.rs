//! Custom domain names: rules and mappings with the places of what they lead to.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use postern_model::{DomainName, RestApiId, StageName};
use postern_policy::ExecuteApiBase;

use crate::{
    authorization::{Preparation, PrivateDomain},
    routing::{Domain, Mapping, Rules, SeenDomains, Target},
    snapshot::Api,
};

/// What the ARNs of domain names begin with.
pub(crate) struct Arns<'c> {
    pub(crate) partition: &'static str,
    pub(crate) region: &'c str,
    pub(crate) account_id: &'c str,
}

/// The custom domain names, in the order of the configuration.
pub(crate) fn domains(
    names: &[DomainName],
    arns: &Arns<'_>,
    apis: &[Api],
    by_id: &HashMap<Box<str>, usize>,
    preparation: &mut Preparation,
) -> Vec<Domain> {
    let target = |api: &RestApiId, stage: &StageName| {
        let index = *by_id.get(api.as_str())?;
        let stage = apis.get(index)?.stages.iter().position(|own| &*own.name == stage.as_str())?;
        Some(Target { api: index, stage })
    };
    let domain = |(index, name)| domain((index, name), arns.of(name, index, preparation), target);
    names.iter().enumerate().map(domain).collect()
}

impl Arns<'_> {
    /// What the ARNs of all methods of an API begin with.
    pub(crate) fn base_of<'a>(&'a self, api: &'a RestApiId) -> ExecuteApiBase<'a> {
        ExecuteApiBase::api(self.partition, self.region, self.account_id, api.as_str())
    }

    /// What policies are asked about a private name.
    fn of(&self, name: &DomainName, index: usize, preparation: &mut Preparation) -> Option<PrivateDomain> {
        if !name.private {
            return None;
        }
        let Self { partition, region, account_id } = self;
        let arn_resource = name.id.arn_resource(&name.name);
        let base = ExecuteApiBase::domain(partition, region, account_id, &arn_resource);
        Some(PrivateDomain {
            index,
            policy: name.policy.clone().map(|policy| preparation.of_one(policy, &base)),
            arn: format!("arn:{partition}:execute-api:{region}:{account_id}:{arn_resource}").into(),
            arn_resource: arn_resource.into(),
        })
    }
}

fn domain(
    (index, name): (usize, &DomainName),
    private: Option<PrivateDomain>,
    target: impl Fn(&RestApiId, &StageName) -> Option<Target>,
) -> Domain {
    let mut mappings: Vec<Mapping> = name
        .base_path_mappings
        .iter()
        .filter_map(|mapping| {
            let target = target(&mapping.rest_api_id, &mapping.stage)?;
            Some(Mapping { base_path: mapping.base_path.as_str().into(), target })
        })
        .collect();
    mappings.sort_by_key(|mapping| Reverse(mapping.base_path.len()));
    let rules = name
        .routing_rules
        .iter()
        .filter_map(|rule| Some((rule.clone(), target(&rule.rest_api_id, &rule.stage)?)));
    Domain {
        index,
        name: name.name.clone(),
        security_policy: name.security_policy,
        is_strict: name.is_strict,
        truststore: name.mutual_tls.as_ref().map(|mutual| Arc::clone(&mutual.truststore)),
        private,
        mode: name.routing_mode,
        rules: Rules::new(rules),
        has_several_levels: name
            .base_path_mappings
            .iter()
            .any(|mapping| mapping.base_path.has_several_levels()),
        mappings,
    }
}

/// The names that are seen at a door. A private name stands before a public one that is spelled the same.
pub(crate) fn seen(names: &[DomainName], is_seen: impl Fn(&DomainName) -> bool) -> SeenDomains {
    let mut seen = SeenDomains::default();
    for private in [true, false] {
        for (index, name) in
            names.iter().enumerate().filter(|(_, name)| name.private == private && is_seen(name))
        {
            seen.add(name, index);
        }
    }
    seen
}
