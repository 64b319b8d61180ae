//! `vpcEndpoints`: who comes in, and where.

use std::collections::BTreeMap;

use postern_document::{Node, Place, Placed, Problems};
use postern_model::{NetworkLayers, SharedListeners, VpcEndpoint, VpcEndpointId, VpcId};
use postern_policy::{PolicyKind, Reading as PolicyReading};

use crate::{
    fields::Section,
    names::Names,
    reading::Reading,
    section::{
        listeners,
        network::{self, ReadProxyProtocol},
        policies,
    },
    unique::Unique,
};

/// What stands in place of an id where identities come by PROXY headers.
const FROM_PROXY_PROTOCOL: &str = "from-proxy-protocol";

/// The entries, by their kind.
#[derive(Default)]
pub(crate) struct ReadVpcEndpoints {
    /// Every endpoint, those without an entry of their own too.
    pub(crate) vpc_endpoints: Vec<VpcEndpoint>,
    /// The listeners that some of them share.
    pub(crate) shared_listeners: Vec<SharedListeners>,
    entries: BTreeMap<VpcEndpointId, Entry>,
    /// The endpoints that come by shared listeners, each with its VPC and where that is said.
    sharing: BTreeMap<VpcEndpointId, (VpcId, Place)>,
}

/// What an endpoint's own entry says.
struct Entry {
    vpc_id: VpcId,
    /// The place of its id.
    place: Place,
    has_listeners: bool,
}

/// Reads the list.
pub(crate) fn read(root: &mut Section<'_>, names: &mut Names, reading: &mut Reading<'_>) -> ReadVpcEndpoints {
    let mut ids = Unique::of("vpcEndpointId");
    let mut read = ReadVpcEndpoints::default();
    for mut section in root.sections("vpcEndpoints", &mut reading.problems) {
        if is_shared(&mut section) {
            read.shared(&mut section, names, reading);
        } else {
            read.endpoint(&mut section, &mut ids, names, reading);
        }
    }
    read.check_listeners(&mut reading.problems);
    read.complete(names);
    read
}

fn is_shared(section: &mut Section<'_>) -> bool {
    section.node("vpcEndpointId").and_then(Node::as_scalar_text) == Some(FROM_PROXY_PROTOCOL)
}

impl ReadVpcEndpoints {
    /// Reads an endpoint's own entry.
    fn endpoint(
        &mut self,
        section: &mut Section<'_>,
        ids: &mut Unique<VpcEndpointId>,
        names: &mut Names,
        reading: &mut Reading<'_>,
    ) {
        let id = id(section, ids, names, reading);
        let vpc_id: Option<VpcId> = section.required("vpcId", str::parse, &mut reading.problems);
        let has_listeners = section.node("listeners").is_some();
        let listeners =
            if has_listeners { listeners::listeners(section, names, reading) } else { Vec::new() };
        let tls = listeners::tls(section, reading);
        let http2 = listeners::http2(section, &tls, reading);
        let proxy = network::proxy_protocol(section, &mut reading.problems);
        let network = network::layers(section, &mut reading.problems);
        let by_policy = PolicyReading::of(PolicyKind::Endpoint);
        let policy = policies::optional_file(section, "policyFile", &by_policy, reading);
        let private_dns_enabled = section.boolean("privateDnsEnabled", &mut reading.problems);
        let trust_x_forwarded_for = section.boolean("trustXForwardedFor", &mut reading.problems);
        if !has_listeners {
            refuse_of_listeners(section, &mut reading.problems);
        }
        refuse_vpc_ids(section, proxy.as_ref(), &mut reading.problems);
        let (Some(vpc_endpoint_id), Some(vpc_id)) = (id, vpc_id) else { return };
        let place = section.node("vpcEndpointId").map_or_else(|| section.place(), |node| &node.place).clone();
        self.entries.insert(vpc_endpoint_id.clone(), Entry { vpc_id: vpc_id.clone(), place, has_listeners });
        self.vpc_endpoints.push(VpcEndpoint {
            vpc_endpoint_id,
            vpc_id,
            listeners,
            tls,
            http2,
            proxy_protocol: proxy.map(|read| read.proxy_protocol),
            network,
            policy,
            private_dns_enabled,
            trust_x_forwarded_for,
        });
    }

    /// Reads listeners whose connections say by a PROXY header which endpoint they come through.
    fn shared(&mut self, section: &mut Section<'_>, names: &mut Names, reading: &mut Reading<'_>) {
        let listeners = listeners::listeners(section, names, reading);
        let tls = listeners::tls(section, reading);
        let http2 = listeners::http2(section, &tls, reading);
        let problems = &mut reading.problems;
        refuse_of_endpoint(section, problems);
        let node = section.required_node("proxyProtocol", problems);
        let Some(ReadProxyProtocol { proxy_protocol, vpc_ids }) = network::proxy_protocol(section, problems)
        else {
            return;
        };
        let vpc_ids = vpc_ids.unwrap_or_default();
        if let (true, Some(node)) = (vpc_ids.is_empty(), node) {
            problems.warning(&node.place, "no VPC endpoint is let in: expected `vpcIds`");
        }
        let vpc_endpoint_ids = vpc_ids.iter().map(|(id, _)| id.value.clone()).collect();
        for (Placed { value: id, place }, vpc_id) in vpc_ids {
            self.share(id, vpc_id, place, problems);
        }
        self.shared_listeners.push(SharedListeners {
            listeners,
            tls,
            http2,
            proxy_protocol,
            vpc_endpoint_ids,
        });
    }

    /// An endpoint stands in one VPC, whichever listeners it comes by.
    fn share(&mut self, id: VpcEndpointId, vpc_id: VpcId, place: Place, problems: &mut Problems) {
        match self.sharing.get(&id) {
            Some((other, at)) if *other != vpc_id => {
                problems.error(&place, format!("`{id}` stands in `{other}` at {at}, and here in `{vpc_id}`"));
            }
            Some(_) => {}
            None => {
                self.sharing.insert(id, (vpc_id, place));
            }
        }
    }

    /// Every endpoint has listeners of its own or shares some, and its VPC is the same wherever it stands.
    fn check_listeners(&self, problems: &mut Problems) {
        for (id, Entry { vpc_id, place, has_listeners }) in &self.entries {
            match self.sharing.get(id) {
                Some((other, at)) if other != vpc_id => {
                    problems
                        .error(at, format!("`{id}` stands in `{vpc_id}` at {place}, and here in `{other}`"));
                }
                None if !has_listeners => {
                    let message = format!(
                        "`{id}` has no `listeners`, and no `vpcIds` of `{FROM_PROXY_PROTOCOL}` names it: \
                         expected one of them"
                    );
                    problems.error(place, message);
                }
                _ => {}
            }
        }
    }

    /// What holds for endpoints that have no entry of their own: nothing but the policies of APIs.
    fn complete(&mut self, names: &mut Names) {
        for (id, (vpc_id, _)) in &self.sharing {
            names.vpc_endpoints.insert(id.clone());
            if self.entries.contains_key(id) {
                continue;
            }
            self.vpc_endpoints.push(VpcEndpoint {
                vpc_endpoint_id: id.clone(),
                vpc_id: vpc_id.clone(),
                listeners: Vec::new(),
                tls: Vec::new(),
                http2: false,
                proxy_protocol: None,
                network: NetworkLayers::default(),
                policy: None,
                private_dns_enabled: true,
                trust_x_forwarded_for: false,
            });
        }
    }
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

/// Without listeners of its own an endpoint has nothing to say of how they speak.
fn refuse_of_listeners(section: &mut Section<'_>, problems: &mut Problems) {
    for key in ["tls", "http2", "proxyProtocol"] {
        if let Some(node) = section.node(key) {
            let message =
                format!("`{key}` without `listeners`: expected at the listeners that the endpoint comes by");
            problems.error(&node.place, message);
        }
    }
}

/// The identity of an entry with an id of its own is that id.
fn refuse_vpc_ids(section: &mut Section<'_>, proxy: Option<&ReadProxyProtocol>, problems: &mut Problems) {
    if proxy.is_some_and(|proxy| proxy.vpc_ids.is_some())
        && let Some(node) = section.node("proxyProtocol")
    {
        let message = format!("`vpcIds` of a VPC endpoint: expected at `{FROM_PROXY_PROTOCOL}` alone");
        problems.error(&node.place, message);
    }
}

/// What is said of an endpoint stands at its own entry, not at the listeners that it shares.
fn refuse_of_endpoint(section: &mut Section<'_>, problems: &mut Problems) {
    for key in OF_ENDPOINT {
        if let Some(node) = section.node(key) {
            let message =
                format!("`{key}` of `{FROM_PROXY_PROTOCOL}`: expected at the entry of a VPC endpoint");
            problems.error(&node.place, message);
        }
    }
}

/// The keys of an endpoint itself.
const OF_ENDPOINT: [&str; 6] =
    ["vpcId", "securityGroup", "networkAcl", "policyFile", "privateDnsEnabled", "trustXForwardedFor"];
