//! `vpcLinks`: what the connection ids of integrations lead to.

use std::net::IpAddr;

use postern_document::Problems;
use postern_model::{
    Balancing, HealthCheck, HealthCheckProtocol, HostName, LoadBalancingAlgorithm, Malformed, Target,
    VpcLink, VpcLinkId,
};

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
    let balancing = balancing(&mut section, problems);
    Some(VpcLink { id: id?, name, targets, balancing })
}

fn balancing(section: &mut Section<'_>, problems: &mut Problems) -> Balancing {
    let algorithm = match section.choice("loadBalancingAlgorithm", problems) {
        Some("round_robin") => LoadBalancingAlgorithm::RoundRobin,
        _ => LoadBalancingAlgorithm::LeastOutstandingRequests,
    };
    let slow_start_seconds = small(section, "slowStartSeconds", problems).unwrap_or_default();
    let health_check = section.section("healthCheck", problems);
    let health_check = health_check.map(|section| health_check_of(section, problems));
    Balancing { algorithm, slow_start_seconds, health_check }
}

fn health_check_of(mut section: Section<'_>, problems: &mut Problems) -> HealthCheck {
    let protocol = match section.choice("protocol", problems) {
        Some("HTTP") => HealthCheckProtocol::Http,
        Some("HTTPS") => HealthCheckProtocol::Https,
        _ => HealthCheckProtocol::Tcp,
    };
    let path = section.optional("path", health_check_path, problems);
    let is_tcp = section.node("protocol").is_none_or(|node| node.as_scalar_text() == Some("TCP"));
    if let Some(node) = section.node("path").filter(|_| is_tcp) {
        problems.error(&node.place, "`path` is for the protocols `HTTP` and `HTTPS` alone");
    }
    let interval_seconds = small(&mut section, "intervalSeconds", problems).unwrap_or(1);
    let written = small(&mut section, "timeoutSeconds", problems);
    let timeout_seconds = written.unwrap_or_else(|| HealthCheck::TIMEOUT_SECONDS.min(interval_seconds));
    if let Some(node) = section.node("timeoutSeconds").filter(|_| timeout_seconds > interval_seconds) {
        let message = format!(
            "`timeoutSeconds` is {timeout_seconds}: expected no more than `intervalSeconds`, which is {interval_seconds}"
        );
        problems.error(&node.place, message);
    }
    HealthCheck {
        protocol,
        path: path.unwrap_or_else(|| "/".into()),
        interval_seconds,
        timeout_seconds,
        healthy_threshold: small(&mut section, "healthyThreshold", problems).unwrap_or(1),
        unhealthy_threshold: small(&mut section, "unhealthyThreshold", problems).unwrap_or(1),
    }
}

fn small(section: &mut Section<'_>, name: &'static str, problems: &mut Problems) -> Option<u32> {
    section.whole(name, problems).and_then(|number| u32::try_from(number).ok())
}

fn health_check_path(text: &str) -> Result<Box<str>, Malformed> {
    let is_target = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_target { Ok(text.into()) } else { Err(Malformed::new("a path such as `/health`")) }
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
