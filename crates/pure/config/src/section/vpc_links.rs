//! `vpcLinks`: what the connection ids of integrations lead to.

use std::net::IpAddr;

use postern_document::Problems;
use postern_model::{Balancing, HostName, Malformed, Target, VpcLink, VpcLinkId};

use crate::{fields::Section, reading::Reading, unique::Unique};

/// Reads the list.
pub(crate) fn read(root: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<VpcLink> {
    let mut ids = Unique::of("id");
    root.sections("vpcLinks", &mut reading.problems)
        .into_iter()
        .filter_map(|section| vpc_link(section, &mut ids, &mut reading.problems))
        .collect()
}

fn vpc_link(
    mut section: Section<'_>,
    ids: &mut Unique<VpcLinkId>,
    problems: &mut Problems,
) -> Option<VpcLink> {
    let id: Option<VpcLinkId> = section.required("id", str::parse, problems);
    if let (Some(id), Some(node)) = (&id, section.node("id")) {
        ids.claim(id.clone(), &node.place, problems);
    }
    let name = section.optional("name", |text| Ok::<_, Malformed>(text.into()), problems);
    let targets = targets(&mut section, problems);
    Some(VpcLink { id: id?, name, targets, balancing: Balancing::default() })
}

fn targets(section: &mut Section<'_>, problems: &mut Problems) -> Vec<Target> {
    let mut unique = Unique::of("targets");
    let mut targets = Vec::new();
    for node in section.required_list("targets", problems) {
        let Some(text) = node.as_scalar_text() else {
            problems
                .error(&node.place, format!("{} among `targets`: expected a host and a port", node.kind()));
            continue;
        };
        match target(text) {
            Ok(target) => {
                unique.claim(text.to_ascii_lowercase(), &node.place, problems);
                targets.push(target);
            }
            Err(error) => problems.error(&node.place, format!("target `{text}`: {error}")),
        }
    }
    targets
}

/// Reads `host:port`, `address:port` or `[address]:port`.
pub(crate) fn target(text: &str) -> Result<Target, Malformed> {
    let malformed = || Malformed::new("a host or an address, and a port, such as `10.0.3.10:8080`");
    let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(malformed)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(address) => address.parse().ok().filter(IpAddr::is_ipv6).map(|address| address.to_string()),
        None => host.to_ascii_lowercase().parse::<HostName>().ok().map(|name| name.to_string()),
    };
    Ok(Target { host: host.ok_or_else(malformed)?.into(), port })
}
