//! `domainNames`: custom domain names and what stands under their paths.

use std::sync::Arc;

use aws_lc_rs::digest;
use postern_document::{Node, Place, Placed, Problem, Problems, Severity};
use postern_model::{
    BasePath, BasePathMapping, DomainHost, DomainName, DomainNameId, EndpointType, MutualTls, Partition,
    SecurityPolicy, VpcEndpointId,
};
use postern_policy::{ExecuteApiBase, Policy, PolicyKind, Reading as PolicyReading};
use postern_protocol::certificate::{Truststore, TruststoreProblem};

use crate::{
    fields::Section,
    names::{Names, StageUser, UsedStage, UsedVpcEndpoint},
    reading::{FileText, Reading},
    section::{
        policies,
        rest_apis::{Account, endpoint_type},
        routing_rules,
    },
    unique::Unique,
};

/// Reads the list; each name comes with its place.
pub(crate) fn read(
    root: &mut Section<'_>,
    account: Option<Account<'_>>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Vec<Placed<DomainName>> {
    root.sections("domainNames", &mut reading.problems)
        .into_iter()
        .filter_map(|section| domain_name(section, account, names, reading))
        .collect()
}

fn domain_name(
    mut section: Section<'_>,
    account: Option<Account<'_>>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Option<Placed<DomainName>> {
    let mutual_tls = mutual_tls(&mut section, reading);
    let problems = &mut reading.problems;
    let node = section.required_node("domainName", problems);
    let name: Option<DomainHost> = node.and_then(|_| section.required("domainName", str::parse, problems));
    let endpoint = section.section("endpointConfiguration", problems);
    let endpoint_type =
        endpoint.map_or(EndpointType::Private, |mut section| endpoint_type(&mut section, problems));
    let private = endpoint_type == EndpointType::Private;
    if let (true, Some(name), Some(node)) = (private, &name, node) {
        refuse_wildcard(name, node, problems);
    }
    let security_policy = security_policy(&mut section, private, problems);
    let is_strict = is_strict(&mut section, private, problems);
    let access_associations = access_associations(&mut section, private, names, problems);
    let routing_mode = routing_rules::mode(&mut section, problems);
    let routing_rules = routing_rules::read(&mut section, private, names, problems);
    let base_path_mappings = base_path_mappings(&mut section, private, names, problems);
    let id = section.optional("domainNameId", DomainNameId::parse, problems);
    let id = id.or_else(|| own_id(name.as_ref()?));
    let arn_resource = name.as_ref().zip(id.as_ref()).map(|(name, id)| id.arn_resource(name));
    let policy = policy(&mut section, private, arn_resource.as_deref(), account, reading);
    let domain_name = DomainName {
        name: name?,
        id: id?,
        private,
        access_associations,
        security_policy,
        is_strict,
        mutual_tls: mutual_tls?,
        policy,
        routing_mode,
        routing_rules,
        base_path_mappings,
    };
    Some(Placed::new(domain_name, node?.place.clone()))
}

/// `mutualTlsAuthentication`: `None` where it is there and wrong. Problems of the truststore stand in it.
fn mutual_tls(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Option<MutualTls>> {
    if section.node("mutualTlsAuthentication").is_none() {
        return Some(None);
    }
    let mut section = section.section("mutualTlsAuthentication", &mut reading.problems)?;
    let node = section.required_node("truststoreFile", &mut reading.problems)?;
    let FileText { name, text } = reading.text("truststoreFile", node)?;
    let mut found = Vec::new();
    let truststore = Truststore::parse(text.as_bytes(), &mut found);
    let start = Place::start_of(&name);
    for TruststoreProblem { line, is_warning, message } in found {
        let severity = if is_warning { Severity::Warning } else { Severity::Error };
        reading.problems.push(Problem { place: start.at(line, 1), severity, message });
    }
    Some(Some(MutualTls { truststore: Arc::new(truststore?) }))
}

/// An id that stays the same as long as the name does: ten characters of its hash.
fn own_id(name: &DomainHost) -> Option<DomainNameId> {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let hash = digest::digest(&digest::SHA256, name.as_str().as_bytes());
    let character = |byte: &u8| ALPHABET.get(usize::from(byte % 36)).copied().map(char::from);
    DomainNameId::parse(&hash.as_ref().iter().take(10).filter_map(character).collect::<String>()).ok()
}

/// The policy of a private name; public ones have none on the service.
fn policy(
    section: &mut Section<'_>,
    private: bool,
    arn_resource: Option<&str>,
    account: Option<Account<'_>>,
    reading: &mut Reading<'_>,
) -> Option<Policy> {
    let node = section.node("policyFile")?;
    if !private {
        let message = "`policyFile` of a public domain name: expected a PRIVATE one";
        reading.problems.error(&node.place, message);
        return None;
    }
    let base = match (account, arn_resource) {
        (Some(Account { region, account_id }), Some(resource)) => {
            let partition = Partition::of(region).as_str();
            ExecuteApiBase::domain(partition, region.as_str(), account_id.as_str(), resource)
        }
        // The file is refused for what is missing; the policy is read all the same.
        _ => ExecuteApiBase::sample(),
    };
    let by_policy = PolicyReading { base: Some(&base), ..PolicyReading::of(PolicyKind::Domain) };
    policies::optional_file(section, "policyFile", &by_policy, reading)
}

/// `securityPolicy`: that of a private name cannot be chosen (PA-85).
fn security_policy(section: &mut Section<'_>, private: bool, problems: &mut Problems) -> SecurityPolicy {
    let word = section.choice("securityPolicy", problems).unwrap_or_default();
    let policy = SecurityPolicy::of_word(word).unwrap_or_default();
    if let Some(node) = section.node("securityPolicy") {
        if private && word != "TLS_1_2" {
            let message = format!("`securityPolicy` is `{word}`: a private domain name has `TLS_1_2`");
            problems.error(&node.place, message);
        } else if word == "TLS_1_0" {
            let message = "`TLS_1_0` is read as `TLS_1_2`: nothing older is spoken";
            problems.warning(&node.place, message);
        } else if policy.is_fips() {
            let message = format!(
                "`{word}`: its algorithms alone are spoken, and not by a module that was validated for FIPS 140"
            );
            problems.warning(&node.place, message);
        }
    }
    policy
}

/// `endpointAccessMode`: it must be said with the newer policies (PA-86).
fn is_strict(section: &mut Section<'_>, private: bool, problems: &mut Problems) -> bool {
    let mode = section.choice("endpointAccessMode", problems);
    let policy = section.node("securityPolicy");
    let is_newer =
        policy.and_then(Node::as_scalar_text).is_some_and(|word| word.starts_with("SecurityPolicy_"));
    match (section.node("endpointAccessMode"), policy) {
        (Some(node), _) if private => {
            problems
                .error(&node.place, "`endpointAccessMode` of a private domain name: expected a public one");
        }
        (None, Some(policy)) if is_newer && !private => {
            let message = "`endpointAccessMode` is missing beside this policy: expected `BASIC` or `STRICT`";
            problems.error(&policy.place, message);
        }
        _ => {}
    }
    mode == Some("STRICT")
}

/// PA-107: a private name stands for itself alone.
fn refuse_wildcard(name: &DomainHost, node: &Node, problems: &mut Problems) {
    if name.wildcard_parent().is_some() {
        let message =
            format!("`domainName` is `{name}`: expected one name, since a private one has no wildcard");
        problems.error(&node.place, message);
    }
}

fn access_associations(
    section: &mut Section<'_>,
    private: bool,
    names: &mut Names,
    problems: &mut Problems,
) -> Option<Vec<VpcEndpointId>> {
    let node = section.node("accessAssociations")?;
    if !private {
        problems.error(&node.place, "`accessAssociations` of a public domain name: expected a PRIVATE one");
    }
    let items = section.filled_list("accessAssociations", problems);
    let ids = vpc_endpoint_ids("accessAssociations", items, problems);
    names
        .used_vpc_endpoints
        .extend(ids.iter().map(|id| UsedVpcEndpoint { id: id.clone(), is_association: true }));
    Some(ids.into_iter().map(|id| id.value).collect())
}

/// Reads a list of VPC endpoint ids, each once.
pub(crate) fn vpc_endpoint_ids(
    key: &'static str,
    items: &[Node],
    problems: &mut Problems,
) -> Vec<Placed<VpcEndpointId>> {
    let mut unique = Unique::of(key);
    let mut ids = Vec::new();
    for node in items {
        let Some(text) = node.as_scalar_text() else {
            problems.error(&node.place, format!("{} among `{key}`: expected a VPC endpoint id", node.kind()));
            continue;
        };
        match text.parse::<VpcEndpointId>() {
            Ok(id) => {
                unique.claim(id.clone(), &node.place, problems);
                ids.push(Placed::new(id, node.place.clone()));
            }
            Err(error) => problems.error(&node.place, format!("`{text}` among `{key}`: {error}")),
        }
    }
    ids
}

fn base_path_mappings(
    section: &mut Section<'_>,
    private: bool,
    names: &mut Names,
    problems: &mut Problems,
) -> Vec<BasePathMapping> {
    let mut base_paths = Unique::of("basePath");
    let mut mappings = Vec::new();
    for mut section in section.sections("basePathMappings", problems) {
        let place =
            section.node("basePath").map_or_else(|| section.place().clone(), |node| node.place.clone());
        let base_path = match section.node("basePath") {
            None => BasePath::parse("").ok(),
            Some(_) => section.optional("basePath", BasePath::parse, problems),
        };
        if let Some(base_path) = &base_path {
            if private && base_path.has_several_levels() {
                let message = format!(
                    "`basePath` is `{}`: expected one level for a private domain name, or a routing rule",
                    base_path.as_str()
                );
                problems.error(&place, message);
            }
            let name = if base_path.as_str().is_empty() { "(none)" } else { base_path.as_str() };
            base_paths.claim(name.to_owned(), &place, problems);
        }
        let by = if private { StageUser::PrivateDomain } else { StageUser::PublicDomain };
        let used = used_stage(&mut section, "restApiId", by, problems);
        if let (Some(base_path), Some(used)) = (base_path, used) {
            let (rest_api_id, stage) = (used.api.value.clone(), used.stage.value.clone());
            mappings.push(BasePathMapping { base_path, rest_api_id, stage });
            names.used_stages.push(used);
        }
    }
    mappings
}

/// Reads the API and the stage that something names.
pub(crate) fn used_stage(
    section: &mut Section<'_>,
    key: &'static str,
    by: StageUser,
    problems: &mut Problems,
) -> Option<UsedStage> {
    let api = section.required(key, str::parse, problems);
    let stage = section.required("stage", str::parse, problems);
    let api = Placed::new(api?, section.node(key)?.place.clone());
    let stage = Placed::new(stage?, section.node("stage")?.place.clone());
    Some(UsedStage { api, stage, key, by })
}
