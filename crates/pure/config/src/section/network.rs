//! Who may talk at all: `networkAcl`, `securityGroup` and `proxyProtocol`.

use std::str::FromStr;

use postern_document::{Node, Placed, Problems};
use postern_model::{
    Cidr, NetworkAcl, NetworkAclRule, NetworkLayers, ProxyProtocol, RuleAction, SecurityGroup, VpcEndpointId,
    VpcId,
};

use crate::{fields::Section, unique::Unique};

/// `networkAcl` and `securityGroup`.
pub(crate) fn layers(section: &mut Section<'_>, problems: &mut Problems) -> NetworkLayers {
    NetworkLayers {
        network_acl: network_acl(section, problems),
        security_group: security_group(section, problems),
    }
}

/// `networkAcl`: an empty list is refused, since it may be meant as no rules or as no access.
fn network_acl(section: &mut Section<'_>, problems: &mut Problems) -> Option<NetworkAcl> {
    let place = &section.node("networkAcl")?.place;
    let items = section.filled_list("networkAcl", problems);
    let mut numbers = Unique::of("ruleNumber");
    let mut rules: Vec<Placed<NetworkAclRule>> = section
        .sections_of("networkAcl", items, problems)
        .into_iter()
        .filter_map(|rule| network_acl_rule(rule, &mut numbers, problems))
        .collect();
    rules.sort_by_key(|rule| rule.value.rule_number);
    warn_of_rules(&rules, problems);
    if !rules.is_empty() && rules.iter().all(|rule| rule.value.rule_action == RuleAction::Deny) {
        problems.warning(place, "no rule of `networkAcl` allows anything: nobody is let in");
    }
    Some(NetworkAcl::new(rules.into_iter().map(|rule| rule.value).collect()))
}

fn network_acl_rule(
    mut rule: Section<'_>,
    numbers: &mut Unique<u64>,
    problems: &mut Problems,
) -> Option<Placed<NetworkAclRule>> {
    let number = rule.whole("ruleNumber", problems);
    let cidr = rule.required("cidr", str::parse, problems);
    let action = rule.choice("ruleAction", problems);
    let place = rule.node("ruleNumber").map_or_else(|| rule.place(), |node| &node.place).clone();
    numbers.claim(number?, &place, problems);
    let rule_action = if action? == "allow" { RuleAction::Allow } else { RuleAction::Deny };
    let rule_number = u16::try_from(number?).ok()?;
    Some(Placed { value: NetworkAclRule { rule_number, cidr: cidr?, rule_action }, place })
}

/// A rule whose sources an earlier one holds already is never asked.
fn warn_of_rules(rules: &[Placed<NetworkAclRule>], problems: &mut Problems) {
    for (index, later) in rules.iter().enumerate() {
        let earlier = rules.iter().take(index).find(|earlier| earlier.value.cidr.covers(&later.value.cidr));
        if let Some(earlier) = earlier {
            let (later_number, number) = (later.value.rule_number, earlier.value.rule_number);
            let message =
                format!("rule {later_number} never decides: rule {number} speaks of all its sources first");
            problems.warning(&later.place, message);
        }
    }
}

/// `securityGroup`: absent, all sources; an empty list lets in none.
fn security_group(section: &mut Section<'_>, problems: &mut Problems) -> Option<SecurityGroup> {
    let mut group = section.section("securityGroup", problems)?;
    let node = group.required_node("ingress", problems)?;
    let items = group.list("ingress", problems);
    if node.as_sequence().is_some_and(<[_]>::is_empty) {
        problems.warning(&node.place, "`ingress` is empty: nobody is let in");
    }
    let entries = group.sections_of("ingress", items, problems).into_iter();
    let ingress = entries.filter_map(|mut entry| entry.required("cidr", str::parse, problems)).collect();
    Some(SecurityGroup { ingress })
}

/// What stands under `proxyProtocol`.
pub(crate) struct ReadProxyProtocol {
    /// Whose headers are believed.
    pub(crate) proxy_protocol: ProxyProtocol,
    /// The endpoints that may be named, each with its VPC; `None` where nothing is said of them.
    pub(crate) vpc_ids: Option<Vec<(Placed<VpcEndpointId>, VpcId)>>,
}

/// `proxyProtocol`.
pub(crate) fn proxy_protocol(
    section: &mut Section<'_>,
    problems: &mut Problems,
) -> Option<ReadProxyProtocol> {
    let mut proxy = section.section("proxyProtocol", problems)?;
    let items = proxy.required_list("trustedSources", problems);
    let trusted_sources = items.iter().filter_map(|item| trusted_source(item, problems)).collect();
    let vpc_ids = proxy.node("vpcIds").is_some().then(|| vpc_ids(&mut proxy, problems));
    Some(ReadProxyProtocol { proxy_protocol: ProxyProtocol { trusted_sources }, vpc_ids })
}

fn trusted_source(node: &Node, problems: &mut Problems) -> Option<Cidr> {
    let cidr: Cidr = scalar("trustedSources", node, problems)?;
    if cidr.is_everything() {
        let message = format!(
            "whoever reaches the listener is believed: expected the load balancer's addresses, not `{cidr}`"
        );
        problems.warning(&node.place, message);
    }
    Some(cidr)
}

fn vpc_ids(proxy: &mut Section<'_>, problems: &mut Problems) -> Vec<(Placed<VpcEndpointId>, VpcId)> {
    let mut ids = Vec::new();
    for entry in proxy.map("vpcIds", problems) {
        let id = entry.key.parse().map_err(|error| {
            problems.error(&entry.place, format!("`{}` among `vpcIds`: {error}", entry.key));
        });
        let vpc_id = scalar("vpcIds", &entry.value, problems);
        if let (Ok(id), Some(vpc_id)) = (id, vpc_id) {
            ids.push((Placed { value: id, place: entry.place.clone() }, vpc_id));
        }
    }
    ids
}

/// One value of a list or of a mapping whose keys the user chooses.
fn scalar<T: FromStr<Err = postern_model::Malformed>>(
    key: &str,
    node: &Node,
    problems: &mut Problems,
) -> Option<T> {
    let Some(text) = node.as_scalar_text() else {
        problems.error(&node.place, format!("{} among `{key}`: expected one value", node.kind()));
        return None;
    };
    text.parse().map_err(|error| problems.error(&node.place, format!("`{text}` among `{key}`: {error}"))).ok()
}
