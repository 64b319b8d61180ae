//! Do the parts agree: every name that is used exists, and no two things claim one host.

use std::collections::BTreeSet;

use postern_document::{Place, Placed, Problems};
use postern_model::{
    ApiKeySource, AuthorizationType, AuthorizerKind, ConnectionType, Credentials, Definition, DomainName,
    EndpointType, Function, FunctionArn, FunctionBackend, Integration, IntegrationType, Method,
    PublicListeners, RestApi, ServiceEndpoints, Stage, UriSegment, UriTemplate, UsagePlan, Verb, VpcEndpoint,
    VpcEndpointId, VpcLink, calls_function,
};

use crate::{
    names::{DeclaredApi, Names, StageUser, UsedMethod, UsedStage},
    section::rest_apis::ReadApi,
    services,
};

/// The parts that are compared, each as far as it could be read.
pub(crate) struct Parts<'read> {
    pub(crate) vpc_endpoints: &'read [VpcEndpoint],
    pub(crate) public_listeners: &'read [PublicListeners],
    pub(crate) rest_apis: &'read [ReadApi],
    pub(crate) domain_names: &'read [Placed<DomainName>],
    /// `.execute-api.{region}.{suffix}`, as far as it is known.
    pub(crate) api_suffix: Option<&'read str>,
    pub(crate) vpc_links: &'read [VpcLink],
    pub(crate) functions: &'read [Function],
    pub(crate) credentials: &'read Credentials,
    pub(crate) service_endpoints: &'read ServiceEndpoints,
    pub(crate) usage_plans: &'read [UsagePlan],
    /// Whether quota counters outlive the process.
    pub(crate) keeps_state: bool,
}

/// Reports everything on which the parts do not agree, and warns of what is probably not meant.
pub(crate) fn check(parts: &Parts<'_>, names: &Names, problems: &mut Problems) {
    for used in &names.used_stages {
        check_used_stage(used, names, problems);
    }
    check_used_vpc_endpoints(names, problems);
    check_hosts(parts.domain_names, problems);
    refuse_names_of_the_service(parts, problems);
    for read in parts.rest_apis {
        check_stage_variables(read, names, problems);
        check_links(&read.api, parts.vpc_links, problems);
        check_functions(&read.api, parts, problems);
        services::check(&read.api, parts, problems);
    }
    // What is missing because it could not be read would be warned of for nothing.
    if !problems.has_errors() {
        warn(parts, names, problems);
    }
}

fn warn(parts: &Parts<'_>, names: &Names, problems: &mut Problems) {
    for used in &names.used_methods {
        warn_of_used_method(used, parts.rest_apis, problems);
    }
    for read in parts.rest_apis {
        warn_of_denied(read, problems);
        warn_of_unreachable(read, parts, problems);
        warn_of_reserved_paths(&read.api.definition, problems);
        warn_of_keys_without_plan(read, parts.usage_plans, names, problems);
        warn_of_keys_without_authorizer(read, problems);
        if !names.says_authorizer_silence {
            warn_of_silence(read, problems);
        }
    }
    for domain in parts.domain_names.iter().filter(|domain| domain.value.mutual_tls.is_some()) {
        warn_of_ways_around(domain, parts, problems);
    }
    if let (false, Some(place)) = (parts.keeps_state, &names.first_quota) {
        let message =
            "quotas are counted in memory alone, and anew after a restart: expected `stateDirectory`";
        problems.warning(place, message);
    }
}

/// A base path mapping or a usage plan names an API and one of its stages.
fn check_used_stage(used: &UsedStage, names: &Names, problems: &mut Problems) {
    let (api, stage) = (&used.api.value, &used.stage.value);
    let key = used.key;
    let Some(DeclaredApi { endpoint_type, stages, .. }) = names.rest_apis.get(api) else {
        problems.error(&used.api.place, format!("`{key}` is `{api}`: no API has this id"));
        return;
    };
    if used.by == StageUser::PrivateDomain && *endpoint_type != EndpointType::Private {
        let message = format!("`{key}` is `{api}`: a private domain name leads to PRIVATE APIs alone");
        problems.error(&used.api.place, message);
    }
    if used.by == StageUser::PublicRule && *endpoint_type == EndpointType::Private {
        let message =
            format!("`{key}` is `{api}`: the rules of a public domain name lead to REGIONAL APIs alone");
        problems.error(&used.api.place, message);
    }
    if !stages.contains_key(stage) {
        let message = format!("`stage` is `{stage}`: API `{api}` has no stage of this name");
        problems.error(&used.stage.place, message);
    }
}

/// A name that an API asks for may belong to another gateway; an association may not.
fn check_used_vpc_endpoints(names: &Names, problems: &mut Problems) {
    for used in &names.used_vpc_endpoints {
        let Placed { value: id, place } = &used.id;
        if names.vpc_endpoints.contains(id) {
            continue;
        }
        if used.is_association {
            let message =
                format!("`{id}` among `accessAssociations`: no entry of `vpcEndpoints` has this id");
            problems.error(place, message);
        } else {
            let message = format!("`{id}` among `vpcEndpointIds`: no entry of `vpcEndpoints` has this id");
            problems.warning(place, message);
        }
    }
}

/// Through one VPC endpoint a name is one domain (PA-101); a public name is one anyway.
fn check_hosts(domain_names: &[Placed<DomainName>], problems: &mut Problems) {
    let mut sorted: Vec<&Placed<DomainName>> = domain_names.iter().collect();
    sorted.sort_by(|one, other| (&one.value.name, &one.place).cmp(&(&other.value.name, &other.place)));
    for same_name in sorted.chunk_by(|one, other| one.value.name == other.value.name) {
        for (index, later) in same_name.iter().enumerate() {
            let Some((earlier, through)) = same_name
                .iter()
                .take(index)
                .find_map(|earlier| Some((earlier, shared_endpoint(&earlier.value, &later.value)?)))
            else {
                continue;
            };
            let message = format!(
                "`domainName` is `{}`: {through} it stands at {} already",
                later.value.name, earlier.place
            );
            problems.error(&later.place, message);
        }
    }
}

/// Host names of APIs and endpoints are theirs: a domain name among them would take their requests.
fn refuse_names_of_the_service(parts: &Parts<'_>, problems: &mut Problems) {
    let Some(suffix) = parts.api_suffix else { return };
    for Placed { value: domain, place } in parts.domain_names {
        let name = domain.name.as_str();
        if name.ends_with(suffix) || suffix.strip_prefix('.') == Some(name) {
            let message =
                format!("`domainName` is `{name}`: names that end with `{suffix}` are those of APIs");
            problems.error(place, message);
        }
    }
}

/// How two domains of one name meet, if they do.
fn shared_endpoint(one: &DomainName, other: &DomainName) -> Option<String> {
    if one.private != other.private {
        return None;
    }
    let through = |id: &VpcEndpointId| format!("for VPC endpoint `{id}`");
    match (&one.access_associations, &other.access_associations) {
        _ if !one.private => Some("for public listeners".to_owned()),
        (None, None) => Some("for every VPC endpoint".to_owned()),
        (None, Some(ids)) | (Some(ids), None) => ids.first().map(through),
        (Some(ids), Some(others)) => ids.iter().find(|id| others.contains(id)).map(through),
    }
}

/// A setting for a method that is not there does nothing.
fn warn_of_used_method(used: &UsedMethod, rest_apis: &[ReadApi], problems: &mut Problems) {
    let Some(read) = rest_apis.iter().find(|read| read.api.id == used.api) else { return };
    let resource =
        read.api.definition.resources.iter().find(|resource| resource.path.as_str() == &*used.path);
    let is_there = resource.is_some_and(|resource| {
        let has = |verb| resource.methods.iter().any(|method| method.verb == verb);
        used.verb == Verb::Any || has(used.verb) || has(Verb::Any)
    });
    if !is_there {
        let (verb, path) = (used.verb.as_str(), &used.path);
        problems.warning(&used.place, format!("API `{}` has no method `{verb} {path}`", used.api));
    }
}

/// Every stage defines every variable that the definition uses (openapi-extensions.md section 6).
fn check_stage_variables(read: &ReadApi, names: &Names, problems: &mut Problems) {
    let Some(declared) = names.rest_apis.get(&read.api.id) else { return };
    for stage in &read.api.stages {
        for (variable, used_at) in &read.stage_variables {
            if let (false, Some(place)) =
                (stage.variables.contains_key(variable), declared.stages.get(&stage.name))
            {
                let message =
                    format!("stage `{}` has no variable `{variable}`, which {used_at} uses", stage.name);
                problems.error(place, message);
            }
        }
    }
}

/// Every VPC link that an integration names, in every stage, has its entry.
fn check_links(api: &RestApi, vpc_links: &[VpcLink], problems: &mut Problems) {
    let known: BTreeSet<&str> = vpc_links.iter().map(|link| link.id.as_str()).collect();
    for method in methods(&api.definition) {
        let ConnectionType::VpcLink(id) = &method.integration.connection else { continue };
        let place = &method.integration.place;
        if id.stage_variables().next().is_none() {
            if !known.contains(id.as_str()) {
                let message =
                    format!("`connectionId` is `{}`: no entry of `vpcLinks` has this id", id.as_str());
                problems.error(place, message);
            }
            continue;
        }
        for stage in &api.stages {
            if let Some(filled) = filled(id, stage).filter(|filled| !known.contains(filled.as_str())) {
                let message = format!(
                    "`connectionId` is `{}`, in stage `{}` that is `{filled}`: no entry of `vpcLinks` has this id",
                    id.as_str(),
                    stage.name
                );
                problems.error(place, message);
            }
        }
    }
}

/// A place of a definition that calls a function.
struct FunctionUse<'d> {
    place: &'d Place,
    /// The key that names the function.
    key: &'static str,
    uri: &'d UriTemplate,
    credentials: Option<&'d UriTemplate>,
    /// How callers have shown who they are before.
    authorization: &'d AuthorizationType,
}

/// Every function that an integration or an authorizer calls, in every stage, has its entry, and what its
/// calls are signed with is there.
fn check_functions(api: &RestApi, parts: &Parts<'_>, problems: &mut Problems) {
    for used in function_uses(&api.definition) {
        let depends_on_stage = used.uri.stage_variables().next().is_some();
        for stage in &api.stages {
            let Some(call) = filled(used.uri, stage) else { continue };
            match check_function(&used, &call, stage, parts) {
                Ok(None) => {}
                Ok(Some(warning)) => problems.warning(used.place, warning),
                Err(fault) => {
                    let within = if depends_on_stage {
                        format!(", in stage `{}` that is `{call}`", stage.name)
                    } else {
                        String::new()
                    };
                    let (key, uri) = (used.key, used.uri.as_str());
                    problems.error(used.place, format!("`{key}` is `{uri}`{within}: {fault}"));
                }
            }
            if !depends_on_stage {
                break;
            }
        }
    }
}

fn function_uses(definition: &Definition) -> impl Iterator<Item = FunctionUse<'_>> {
    let of_methods = methods(definition).filter_map(|method| {
        let integration = &method.integration;
        Some(FunctionUse {
            place: &integration.place,
            key: "uri",
            uri: integration.uri.as_ref().filter(|_| is_of_function(integration))?,
            credentials: integration.credentials.as_ref(),
            authorization: &method.authorization,
        })
    });
    let is_used = |name: &str| {
        methods(definition)
            .any(|method| matches!(&method.authorization, AuthorizationType::Custom(own) if **own == *name))
    };
    let used = definition.authorizers.iter().filter(move |(name, _)| is_used(name));
    let of_authorizers = used.filter_map(|(_, authorizer)| match &authorizer.kind {
        AuthorizerKind::Token(function) | AuthorizerKind::Request(function) => Some(FunctionUse {
            place: &authorizer.place,
            key: "authorizerUri",
            uri: &function.uri,
            credentials: function.credentials.as_ref(),
            authorization: &AuthorizationType::None,
        }),
        AuthorizerKind::CognitoUserPools(_) => None,
    });
    of_methods.chain(of_authorizers)
}

fn is_of_function(integration: &Integration) -> bool {
    match integration.kind {
        IntegrationType::AwsProxy => true,
        IntegrationType::Aws => integration.uri.as_ref().is_some_and(calls_function),
        IntegrationType::Mock | IntegrationType::Http | IntegrationType::HttpProxy => false,
    }
}

fn check_function(
    used: &FunctionUse<'_>,
    call: &str,
    stage: &Stage,
    parts: &Parts<'_>,
) -> Result<Option<String>, String> {
    let arn = FunctionArn::of_uri(call).map_err(|error| error.to_string())?;
    let function = Function::find(parts.functions, &arn)
        .ok_or_else(|| format!("no entry of `functions` is called `{}`", arn.name()))?;
    let role = used.credentials.and_then(|role| filled(role, stage));
    match &function.backend {
        FunctionBackend::Invoke(invoke) if invoke.is_signed => {
            services::check_signing(used.authorization, role.as_deref(), arn.name(), parts)
        }
        _ => Ok(None),
    }
}

/// The text with the stage's variables filled in; `None` where one is missing, which is reported
/// elsewhere.
pub(crate) fn filled(template: &UriTemplate, stage: &Stage) -> Option<String> {
    let mut text = String::new();
    for segment in template.segments() {
        match segment {
            UriSegment::Literal(literal) => text.push_str(literal),
            UriSegment::StageVariable(name) => text.push_str(stage.variables.get(name)?),
            UriSegment::PathParameter(_) => return None,
        }
    }
    Some(text)
}

/// No policy, or an empty one, on a private API denies every request (RP-1).
fn warn_of_denied(read: &ReadApi, problems: &mut Problems) {
    let RestApi { id, endpoint_type, policy, .. } = &read.api;
    let is_silent = policy.as_ref().is_none_or(|policy| policy.statements().is_empty());
    if *endpoint_type == EndpointType::Private && is_silent {
        let message = format!("API `{id}` is PRIVATE and has no resource policy: every request is denied");
        problems.warning(&read.place, message);
    }
}

fn warn_of_unreachable(read: &ReadApi, parts: &Parts<'_>, problems: &mut Problems) {
    let api = &read.api;
    let leads_here =
        |domain: &Placed<DomainName>| domain.value.stages().any(|(rest_api_id, _)| *rest_api_id == api.id);
    let reason = match api.endpoint_type {
        EndpointType::Private if parts.vpc_endpoints.is_empty() => {
            "it is PRIVATE, and there are no `vpcEndpoints`"
        }
        EndpointType::Regional if parts.public_listeners.is_empty() => {
            "it is REGIONAL, and there are no `publicListeners`"
        }
        _ if api.stages.is_empty() => "it has no stages",
        _ if api.disable_execute_api_endpoint && !parts.domain_names.iter().any(leads_here) => {
            "its own endpoint is disabled, and no domain name leads to it"
        }
        _ => return,
    };
    problems.warning(&read.place, format!("no request can reach API `{}`: {reason}", api.id));
}

/// Mutual TLS is asked for by the domain name alone: an API's own host names lead around it (PA-166), and
/// a listener without TLS asks for nothing, so that the domain name is not served there.
fn warn_of_ways_around(domain: &Placed<DomainName>, parts: &Parts<'_>, problems: &mut Problems) {
    let Placed { value: domain, place } = domain;
    let leads_to = |api: &RestApi| domain.stages().any(|(id, _)| *id == api.id);
    for api in parts.rest_apis.iter().map(|read| &read.api).filter(|api| leads_to(api)) {
        if !api.disable_execute_api_endpoint {
            let message = format!(
                "`{}` asks for client certificates, and API `{}` answers without them by its own host name: expected \
                 `disableExecuteApiEndpoint: true`",
                domain.name, api.id
            );
            problems.warning(place, message);
        }
    }
    let is_plain = |endpoint: &&VpcEndpoint| {
        endpoint.tls.is_empty()
            && !endpoint.listeners.is_empty()
            && domain.private
            && domain.is_seen_through(&endpoint.vpc_endpoint_id)
    };
    for endpoint in parts.vpc_endpoints.iter().filter(is_plain) {
        let message = format!(
            "`{}` asks for client certificates, and VPC endpoint `{}` speaks plain text: it is not served there",
            domain.name, endpoint.vpc_endpoint_id
        );
        problems.warning(place, message);
    }
    if !domain.private && parts.public_listeners.iter().any(|public| public.tls.is_empty()) {
        let message = format!(
            "`{}` asks for client certificates, and public listeners speak plain text: it is not served there",
            domain.name
        );
        problems.warning(place, message);
    }
}

/// On the service custom domain names keep `/ping` and `/sping` for themselves (R10).
fn warn_of_reserved_paths(definition: &Definition, problems: &mut Problems) {
    for resource in &definition.resources {
        let path = resource.path.as_str();
        if let ("/ping" | "/sping", Some(method)) = (path, resource.methods.first()) {
            let message =
                format!("`{path}` is served here, and reserved on custom domain names of the service");
            problems.warning(&method.place, message);
        }
    }
}

/// A method that asks for a key refuses every call where no plan has its stage (AU-18).
fn warn_of_keys_without_plan(
    read: &ReadApi,
    usage_plans: &[UsagePlan],
    names: &Names,
    problems: &mut Problems,
) {
    let Some(method) = methods(&read.api.definition).find(|method| method.api_key_required) else { return };
    let Some(declared) = names.rest_apis.get(&read.api.id) else { return };
    for stage in &read.api.stages {
        let has_plan = usage_plans
            .iter()
            .flat_map(|plan| &plan.api_stages)
            .any(|of_plan| of_plan.api_id == read.api.id && of_plan.stage == stage.name);
        if let (false, Some(place)) = (has_plan, declared.stages.get(&stage.name)) {
            let message = format!(
                "stage `{}` is in no usage plan: calls of methods that ask for an API key, as the one at {} does, \
                 are refused",
                stage.name, method.place
            );
            problems.warning(place, message);
        }
    }
}

/// An authorizer that says nothing of a method lets through whom the resource policy allows, also by an answer
/// that was kept for another method (RP-99, AU-67).
fn warn_of_silence(read: &ReadApi, problems: &mut Problems) {
    let RestApi { id, policy, definition, .. } = &read.api;
    let has_policy = policy.as_ref().is_some_and(|policy| !policy.statements().is_empty());
    let is_guarded = |method: &Method| matches!(method.authorization, AuthorizationType::Custom(_));
    if has_policy && methods(definition).any(is_guarded) {
        let message = format!(
            "where an authorizer of API `{id}` returns a policy that says nothing of a method, the resource policy \
             decides alone: expected `authorizerSilence: deny` under `compatibility`, or `allow` if that is meant"
        );
        problems.warning(&read.place, message);
    }
}

/// Where keys come from authorizers, a method without one refuses everybody (AU-11).
fn warn_of_keys_without_authorizer(read: &ReadApi, problems: &mut Problems) {
    let definition = &read.api.definition;
    let has_none = |method: &&Method| {
        method.api_key_required && !matches!(method.authorization, AuthorizationType::Custom(_))
    };
    if definition.api_key_source == ApiKeySource::Authorizer
        && let Some(method) = methods(definition).find(has_none)
    {
        let message = format!(
            "API `{}` takes its keys from authorizers, and a method asks for a key without one: it refuses every \
             request",
            read.api.id
        );
        problems.warning(&method.integration.place, message);
    }
}

pub(crate) fn methods(definition: &Definition) -> impl Iterator<Item = &Method> {
    definition.resources.iter().flat_map(|resource| &resource.methods)
}
