//! `restApis`: definitions, and what only their owner can say about them.

use postern_document::{Place, Placed, Problems, parse_yaml};
use postern_model::{
    AccountId, Definition, EndpointType, Limits, Partition, Region, RestApi, RestApiId, VpcEndpointId,
};
use postern_openapi::{ApiIdentity, ImportOptions, Imported, import};
use postern_policy::{ExecuteApiBase, Policy, PolicyKind, Reading as PolicyReading};

use crate::{
    fields::{Section, one_of},
    names::{DeclaredApi, Names, UsedVpcEndpoint},
    reading::{FileText, Reading},
    section::{domain_names::vpc_endpoint_ids, policies, stages::Stages},
    unique::Unique,
    uses::{self, Used},
};

/// The types that an endpoint configuration may name.
const ENDPOINT_TYPES: &[&str] = &["PRIVATE", "REGIONAL", "EDGE"];

/// Whose APIs these are: what every ARN holds.
#[derive(Clone, Copy)]
pub(crate) struct Account<'read> {
    /// The region.
    pub(crate) region: &'read Region,
    /// The account.
    pub(crate) account_id: &'read AccountId,
}

/// An API and what agreement needs to know of it.
pub(crate) struct ReadApi {
    /// The API.
    pub(crate) api: RestApi,
    /// Where its entry starts.
    pub(crate) place: Place,
    /// The stage variables that its definition uses.
    pub(crate) stage_variables: Used,
}

/// What every API is read by beside its own entry.
pub(crate) struct Scene<'read> {
    /// Absent where the file does not say it rightly: definitions are read all the same, as those of
    /// an API that stands for any.
    pub(crate) account: Option<Account<'read>>,
    /// The limits, of which some hold at load.
    pub(crate) limits: &'read Limits,
}

/// Reads the list.
pub(crate) fn read(
    root: &mut Section<'_>,
    scene: &Scene<'_>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Vec<ReadApi> {
    let mut ids = Unique::of("id");
    root.sections("restApis", &mut reading.problems)
        .into_iter()
        .filter_map(|section| rest_api(section, &mut ids, scene, names, reading))
        .collect()
}

fn rest_api(
    mut section: Section<'_>,
    ids: &mut Unique<RestApiId>,
    scene: &Scene<'_>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Option<ReadApi> {
    let place = section.place().clone();
    let id: Option<RestApiId> = section.required("id", str::parse, &mut reading.problems);
    if let (Some(id), Some(node)) = (&id, section.node("id")) {
        ids.claim(id.clone(), &node.place, &mut reading.problems);
    }
    let endpoint = Endpoint::read(&mut section, names, &mut reading.problems);
    let stages = Stages::read(&mut section, id.as_ref(), &mut reading.problems);
    names.used_methods.extend(stages.used_methods);
    if let Some(id) = &id {
        let declared = DeclaredApi { endpoint_type: endpoint.kind, stages: stages.declared };
        names.rest_apis.entry(id.clone()).or_insert(declared);
    }
    let by = By { api: scene.identity(id.as_ref()), limits: scene.limits };
    let Read { definition, policy, stage_variables, disabled } = by.read(&mut section, reading)?;
    policies::warn_of_mistakes(
        policy.as_ref(),
        endpoint.kind == EndpointType::Private,
        &mut reading.problems,
    );
    let api = RestApi {
        id: id?,
        endpoint_type: endpoint.kind,
        vpc_endpoint_ids: endpoint.ids_or(&definition, &place, names),
        policy,
        disable_execute_api_endpoint: disabled.or(definition.disable_execute_api_endpoint).unwrap_or(false),
        definition,
        stages: stages.stages,
    };
    Some(ReadApi { api, place, stage_variables })
}

impl<'read> Scene<'read> {
    fn identity(&self, id: Option<&'read RestApiId>) -> Option<ApiIdentity<'read>> {
        let Account { region, account_id } = self.account?;
        Some(ApiIdentity { partition: Partition::of(region), region, account_id, id: id? })
    }
}

/// What the files of one API are read by.
struct By<'read> {
    api: Option<ApiIdentity<'read>>,
    limits: &'read Limits,
}

/// What the files of one API say.
struct Read {
    definition: Definition,
    policy: Option<Policy>,
    stage_variables: Used,
    disabled: Option<bool>,
}

impl By<'_> {
    /// Reads the settings for the files, then the files. The definition is read even where the policy
    /// is wrong.
    fn read(&self, section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Read> {
        let options = self.options(section, &mut reading.problems);
        let disabled = section.optional_boolean("disableExecuteApiEndpoint", &mut reading.problems);
        let base = self.base();
        let own_policy = policy_file(section, &base, options.rewrite_policy_api_id, reading);
        let (definition, stage_variables) = definition(section, &options, reading)?;
        let policy = own_policy.unwrap_or_else(|| definition.policy.clone());
        Some(Read { definition, policy, stage_variables, disabled })
    }

    fn options(&self, section: &mut Section<'_>, problems: &mut Problems) -> ImportOptions<'_> {
        let base_path = section.choice("basePath", problems).and_then(|word| word.parse().ok());
        let root_security = section.choice("rootSecurity", problems).and_then(|word| word.parse().ok());
        let mut options = ImportOptions {
            base_path: base_path.unwrap_or_default(),
            root_security: root_security.unwrap_or_default(),
            strict: section.boolean("strict", problems),
            rewrite_policy_api_id: section.boolean("rewritePolicyApiId", problems),
            api: self.api,
            ..ImportOptions::default()
        };
        options.template_limits.template_bytes =
            usize::try_from(self.limits.template_bytes).unwrap_or(usize::MAX);
        options.template_limits.depth = u32::try_from(self.limits.template_depth).unwrap_or(u32::MAX);
        options
    }

    fn base(&self) -> ExecuteApiBase<'_> {
        self.api.as_ref().map_or_else(ExecuteApiBase::sample, |api| {
            let (region, account_id) = (api.region.as_str(), api.account_id.as_str());
            ExecuteApiBase::api(api.partition.as_str(), region, account_id, api.id.as_str())
        })
    }
}

/// The definition and the stage variables that it uses. What is not served yet refuses it here.
fn definition(
    section: &mut Section<'_>,
    options: &ImportOptions<'_>,
    reading: &mut Reading<'_>,
) -> Option<(Definition, Used)> {
    let node = section.required_node("definition", &mut reading.problems)?;
    let FileText { name, text } = reading.text("definition", node)?;
    let Imported { definition, problems, unserved } = import(&name, &text, options);
    reading.problems.extend(problems);
    reading.problems.extend(unserved);
    let stage_variables = parse_yaml(&name, &text).map(|root| uses::stage_variables(&root));
    Some((definition?, stage_variables.unwrap_or_default()))
}

/// `endpointConfiguration` of an API.
struct Endpoint {
    kind: EndpointType,
    /// Absent where the file says nothing of them.
    vpc_endpoint_ids: Option<Vec<VpcEndpointId>>,
}

impl Endpoint {
    fn read(section: &mut Section<'_>, names: &mut Names, problems: &mut Problems) -> Self {
        let Some(mut section) = section.section("endpointConfiguration", problems) else {
            return Self { kind: EndpointType::Private, vpc_endpoint_ids: None };
        };
        let kind = endpoint_type(&mut section, problems);
        let items = section.list("vpcEndpointIds", problems);
        let ids = vpc_endpoint_ids("vpcEndpointIds", items, problems);
        if let (EndpointType::Regional, Some(first)) = (kind, ids.first()) {
            problems.error(&first.place, "`vpcEndpointIds` of a public API: expected a PRIVATE one");
        }
        let used = ids.iter().map(|id| UsedVpcEndpoint { id: id.clone(), is_association: false });
        names.used_vpc_endpoints.extend(used);
        let is_there = section.node("vpcEndpointIds").is_some();
        Self { kind, vpc_endpoint_ids: is_there.then(|| ids.into_iter().map(|id| id.value).collect()) }
    }

    /// The endpoints that the file names, else those that the definition of a private API names.
    fn ids_or(&self, definition: &Definition, place: &Place, names: &mut Names) -> Vec<VpcEndpointId> {
        match &self.vpc_endpoint_ids {
            Some(ids) => return ids.clone(),
            None if self.kind == EndpointType::Regional => return Vec::new(),
            None => {}
        }
        let used = definition.vpc_endpoint_ids.iter().map(|id| Placed::new(id.clone(), place.clone()));
        names.used_vpc_endpoints.extend(used.map(|id| UsedVpcEndpoint { id, is_association: false }));
        definition.vpc_endpoint_ids.clone()
    }
}

/// The one type of an endpoint configuration; absent or wrong: PRIVATE.
pub(crate) fn endpoint_type(section: &mut Section<'_>, problems: &mut Problems) -> EndpointType {
    let items = section.list("types", problems);
    let Some(written) = section.node("types").filter(|node| node.as_sequence().is_some()) else {
        return EndpointType::Private;
    };
    let [node] = items else {
        let message = format!("`types` has {} items: expected one, `PRIVATE` or `REGIONAL`", items.len());
        problems.error(&written.place, message);
        return EndpointType::Private;
    };
    let text = node.as_scalar_text().unwrap_or_else(|| node.kind());
    match one_of(ENDPOINT_TYPES, text) {
        Ok("REGIONAL") => EndpointType::Regional,
        Ok("EDGE") => {
            problems.warning(&node.place, "`EDGE` is read as `REGIONAL`: there are no edge locations here");
            EndpointType::Regional
        }
        Ok(_) => EndpointType::Private,
        Err(error) => {
            problems.error(&node.place, format!("`{text}` among `types`: {error}"));
            EndpointType::Private
        }
    }
}

/// The policy of `policyFile`: `None` where no file is named, `Some(None)` where it is wrong.
fn policy_file(
    section: &mut Section<'_>,
    base: &ExecuteApiBase<'_>,
    rewrite_api_id: bool,
    reading: &mut Reading<'_>,
) -> Option<Option<Policy>> {
    let by_policy = PolicyReading { kind: PolicyKind::Resource, base: Some(base), rewrite_api_id };
    let policy = policies::file(section, "policyFile", &by_policy, reading)?;
    refuse_foreign_policy(policy.as_ref(), base, &mut reading.problems);
    Some(policy)
}

/// A policy whose every statement is about other APIs was meant for one of them
/// (openapi-extensions.md section 6).
fn refuse_foreign_policy(policy: Option<&Policy>, base: &ExecuteApiBase<'_>, problems: &mut Problems) {
    if let Some(policy) =
        policy.filter(|policy| !policy.statements().is_empty() && !policy.can_speak_of(base))
    {
        let message = format!(
            "no statement of the policy can match API `{}`: expected its id in a resource, or `rewritePolicyApiId: true`",
            base.resource()
        );
        problems.error(policy.place(), message);
    }
}
