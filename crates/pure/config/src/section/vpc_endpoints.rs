//! `vpcEndpoints`: who comes in, and where.

use postern_document::{Node, Problems};
use postern_model::{VpcEndpoint, VpcEndpointId};

use crate::{fields::Section, names::Names, reading::Reading, section::listeners, unique::Unique};

/// What stands in place of an id where identities come by PROXY headers.
const FROM_PROXY_PROTOCOL: &str = "from-proxy-protocol";

/// Reads the list.
pub(crate) fn read(root: &mut Section<'_>, names: &mut Names, reading: &mut Reading<'_>) -> Vec<VpcEndpoint> {
    let mut ids = Unique::of("vpcEndpointId");
    root.sections("vpcEndpoints", &mut reading.problems)
        .into_iter()
        .filter_map(|section| vpc_endpoint(section, &mut ids, names, reading))
        .collect()
}

fn vpc_endpoint(
    mut section: Section<'_>,
    ids: &mut Unique<VpcEndpointId>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Option<VpcEndpoint> {
    if comes_by_proxy_protocol(&mut section, &mut reading.problems) {
        return None;
    }
    let id = id(&mut section, ids, names, reading);
    let vpc_id = section.required("vpcId", str::parse, &mut reading.problems);
    let listeners = listeners::listeners(&mut section, names, reading);
    let tls = listeners::tls(&mut section, reading);
    let http2 = listeners::http2(&mut section, &tls, reading);
    let private_dns_enabled = section.boolean("privateDnsEnabled", &mut reading.problems);
    let trust_x_forwarded_for = section.boolean("trustXForwardedFor", &mut reading.problems);
    Some(VpcEndpoint {
        vpc_endpoint_id: id?,
        vpc_id: vpc_id?,
        listeners,
        tls,
        http2,
        private_dns_enabled,
        trust_x_forwarded_for,
    })
}

fn id(
    section: &mut Section<'_>,
    ids: &mut Unique<VpcEndpointId>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Option<VpcEndpointId> {
    let id: VpcEndpointId = section.required("vpcEndpointId", str::parse, &mut reading.problems)?;
    let place = &section.node("vpcEndpointId")?.place;
    ids.claim(id.clone(), place, &mut reading.problems);
    names.vpc_endpoints.insert(id.clone());
    Some(id)
}

/// Endpoints whose identity comes by PROXY headers are known, and refused until they are served.
fn comes_by_proxy_protocol(section: &mut Section<'_>, problems: &mut Problems) -> bool {
    let is_written = |node: &&Node| node.as_scalar_text() == Some(FROM_PROXY_PROTOCOL);
    let Some(node) = section.node("vpcEndpointId").filter(is_written) else { return false };
    problems.error(&node.place, format!("`{FROM_PROXY_PROTOCOL}` is not supported yet"));
    true
}
