//! Which API and stage: by host, by `x-apigw-api-id`, by custom domain name (private-access.md
//! sections 2, 3 and 9).

use postern_protocol::http1::{
    KnownName,
    path::{self, PathRefusal},
};

use super::{
    domain::Route,
    location::{By, Located, verb_of},
};
use crate::{
    Arrival, Identity, NoSuchApi, Refusal, Snapshot,
    snapshot::{Api, Stage},
};

/// Memory for what was sent in another form than routing reads it; untouched in the usual case.
#[derive(Debug, Default)]
pub(crate) struct RoutingMemory {
    path: Vec<u8>,
    resource_path: String,
}

/// Finds the API, the stage and the path below it.
pub(crate) fn find_api<'a>(
    house: &'a Snapshot,
    arrival: &'a Arrival<'a>,
    memory: &'a mut RoutingMemory,
) -> Result<Located<'a>, Refusal> {
    let request = arrival.head.over(arrival.bytes);
    let Some(entrance) = house.entrance_of(arrival.connection) else {
        return Err(Refusal::NoSuchApi(NoSuchApi::WrongDoor));
    };
    let segments_max = usize::try_from(house.limits.path_segments).unwrap_or(usize::MAX);
    let path =
        path::normalise(request.path(), segments_max, &mut memory.path).map_err(|refusal| match refusal {
            PathRefusal::TooManySegments => Refusal::TooManyPathSegments,
            _ => Refusal::Head { status: refusal.status(), reason: refusal.reason() },
        })?;
    let verb = verb_of(arrival, house.compatibility.method_override).map_err(|_| Refusal::Head {
        status: 400,
        reason: "X-HTTP-Method-Override is repeated or names no method",
    })?;
    let Some(host) = request.host() else { return Err(Refusal::NoSuchApi(NoSuchApi::NotNamed)) };

    if let Some(domain) = entrance.domains.find(host).and_then(|index| house.domains.get(index)) {
        if domain.is_strict && !comes_strictly(arrival, host) {
            return Err(Refusal::NoSuchApi(NoSuchApi::NotStrict));
        }
        let leads_to = |route: Route<'a>| {
            let api = house.apis.get(route.target.api)?;
            Some((route, api, api.stages.get(route.target.stage)?))
        };
        let Some((route, api, stage)) = domain.route(path, request.fields()).and_then(leads_to) else {
            return Err(Refusal::NoSuchMapping);
        };
        // A public name may lead to a private API, through its endpoints alone (H8, PA-17).
        check_door(arrival, api).map_err(Refusal::NoSuchApi)?;
        let resource_path = below_base_path(route.rest, &mut memory.resource_path)?;
        let by = By::Domain { domain, taken_by: route.by, base_path: route.base_path };
        return Ok(Located { entrance, api, stage, path, resource_path, by, verb });
    }
    let api = api_of_host(house, arrival, host).map_err(Refusal::NoSuchApi)?;
    let Some((stage, resource_path)) = stage_of_path(api, path) else { return Err(Refusal::NoSuchStage) };
    if api.disable_execute_api_endpoint {
        return Err(Refusal::DefaultEndpointDisabled);
    }
    Ok(Located { entrance, api, stage, path, resource_path, by: By::ExecuteApi, verb })
}

/// Whether a request for a STRICT domain name, which is a public one, comes by a public listener and a
/// connection that was made for its host (PA-86).
fn comes_strictly(arrival: &Arrival<'_>, host: &str) -> bool {
    matches!(arrival.connection.identity(), Identity::Public)
        && arrival.connection.server_name() == Some(host)
}

/// The API that the host names (H1, H2), else the one that `x-apigw-api-id` names (H3, H5).
fn api_of_host<'a>(house: &'a Snapshot, arrival: &Arrival<'_>, host: &str) -> Result<&'a Api, NoSuchApi> {
    let fields = arrival.head.over(arrival.bytes).fields();
    let given = fields.value(KnownName::XApigwApiId);
    if fields.is_repeated(KnownName::XApigwApiId) {
        return Err(NoSuchApi::Contradiction);
    }
    let named = host.strip_suffix(&*house.api_suffix).filter(|label| !label.contains('.'));
    let api = if let Some(label) = named {
        let (id, vpc_endpoint) = split_endpoint(label);
        if given.is_some_and(|given| given != id.as_bytes()) {
            return Err(NoSuchApi::Contradiction);
        }
        let api = house.api(id).ok_or(NoSuchApi::UnknownId)?;
        if let Some(vpc_endpoint) = vpc_endpoint {
            check_named_endpoint(arrival, api, vpc_endpoint)?;
        }
        api
    } else {
        let given = given.ok_or(NoSuchApi::NotNamed)?;
        let id = std::str::from_utf8(given).map_err(|_| NoSuchApi::UnknownId)?;
        house.api(id).ok_or(NoSuchApi::UnknownId)?
    };
    check_door(arrival, api)?;
    Ok(api)
}

/// A private API is reached through VPC endpoints alone, and no other is reached there (PA-17).
fn check_door(arrival: &Arrival<'_>, api: &Api) -> Result<(), NoSuchApi> {
    let came_privately = matches!(arrival.connection.identity(), Identity::VpcEndpoint { .. });
    if api.private == came_privately { Ok(()) } else { Err(NoSuchApi::WrongDoor) }
}

/// How a host led to an API (private-access.md section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostForm {
    /// H1: the API's own name.
    Api,
    /// H2: the API and the VPC endpoint.
    ApiAndVpcEndpoint,
    /// H3: the VPC endpoint's name, with `x-apigw-api-id`.
    VpcEndpoint,
    /// H5: any other name, with `x-apigw-api-id`.
    Other,
    /// H6 to H8: a custom domain name.
    DomainName,
}

impl HostForm {
    /// What programs call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::ApiAndVpcEndpoint => "apiAndVpcEndpoint",
            Self::VpcEndpoint => "vpcEndpoint",
            Self::Other => "other",
            Self::DomainName => "domainName",
        }
    }
}

/// By which form of host a request was located.
pub(crate) fn host_form(house: &Snapshot, arrival: &Arrival<'_>, located: &Located<'_>) -> HostForm {
    let host = arrival.head.over(arrival.bytes).host().unwrap_or_default();
    let label = host.strip_suffix(&*house.api_suffix).filter(|label| !label.contains('.'));
    match label.map(split_endpoint) {
        _ if matches!(located.by, By::Domain { .. }) => HostForm::DomainName,
        Some((_, None)) => HostForm::Api,
        Some((_, Some(_))) => HostForm::ApiAndVpcEndpoint,
        None if host.ends_with(&*house.endpoint_suffix) => HostForm::VpcEndpoint,
        None => HostForm::Other,
    }
}

/// Splits `{api}-{vpce}` (PA-11): API ids hold no hyphen.
fn split_endpoint(label: &str) -> (&str, Option<&str>) {
    match label.split_once('-') {
        Some((id, vpc_endpoint)) if vpc_endpoint.starts_with("vpce-") => (id, Some(vpc_endpoint)),
        _ => (label, None),
    }
}

/// A host name of the form H2 exists only for endpoints that the API lists, and only there (PA-14).
fn check_named_endpoint(arrival: &Arrival<'_>, api: &Api, named: &str) -> Result<(), NoSuchApi> {
    let Identity::VpcEndpoint { vpc_endpoint_id, .. } = arrival.connection.identity() else {
        return Err(NoSuchApi::WrongDoor);
    };
    let listed = api.vpc_endpoint_ids.contains(vpc_endpoint_id);
    if listed && vpc_endpoint_id.as_str().eq_ignore_ascii_case(named) {
        Ok(())
    } else {
        Err(NoSuchApi::OtherVpcEndpoint)
    }
}

/// The stage that the first segment names, and the path behind it (PA-30).
fn stage_of_path<'a>(api: &'a Api, path: &'a str) -> Option<(&'a Stage, &'a str)> {
    let rest = path.strip_prefix('/')?;
    let (name, resource_path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    Some((api.stage(name)?, resource_path))
}

/// What is left behind a base path, as a path: with a slash put before it where it has none (PA-122).
/// What was part of a segment can become a dot segment then, which no path may have.
fn below_base_path<'a>(rest: &'a str, memory: &'a mut String) -> Result<&'a str, Refusal> {
    if rest.is_empty() {
        return Ok("/");
    }
    if rest.starts_with('/') {
        return Ok(rest);
    }
    memory.clear();
    memory.push('/');
    memory.push_str(rest);
    if path::has_dot_segment(memory) {
        let refusal = PathRefusal::DotSegment;
        return Err(Refusal::Head { status: refusal.status(), reason: refusal.reason() });
    }
    Ok(memory)
}
