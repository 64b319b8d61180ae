//! Doors and the custom domain names that are seen through them.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use postern_model::{DomainName, Limits, Listener, PublicListeners, VpcEndpoint};
use postern_protocol::http1;

use crate::{
    Identity,
    snapshot::{Api, Domain, DomainMapping, Entrance},
};

/// The custom domain names, in the order of the configuration.
pub(crate) fn domains(names: &[DomainName], apis: &[Api], by_id: &HashMap<Box<str>, usize>) -> Vec<Domain> {
    names.iter().map(|name| domain(name, apis, by_id)).collect()
}

fn domain(name: &DomainName, apis: &[Api], by_id: &HashMap<Box<str>, usize>) -> Domain {
    let mut mappings: Vec<DomainMapping> = name
        .base_path_mappings
        .iter()
        .filter_map(|mapping| {
            let api = *by_id.get(mapping.rest_api_id.as_str())?;
            let stage =
                apis.get(api)?.stages.iter().position(|stage| &*stage.name == mapping.stage.as_str())?;
            Some(DomainMapping { mapping: mapping.clone(), api, stage })
        })
        .collect();
    mappings.sort_by_key(|mapping| Reverse(mapping.mapping.base_path.as_str().len()));
    let has_several_levels = mappings.iter().any(|mapping| mapping.mapping.base_path.has_several_levels());
    Domain { mappings, has_several_levels }
}

/// The doors: VPC endpoints, then public listeners.
pub(crate) fn entrances(
    endpoints: Vec<VpcEndpoint>,
    public: Vec<PublicListeners>,
    names: &[DomainName],
    limits: &Limits,
) -> Vec<Entrance> {
    let private = endpoints.into_iter().map(|endpoint| {
        let seen = |name: &DomainName| {
            let associated = name.access_associations.as_ref();
            name.private && associated.is_none_or(|ids| ids.contains(&endpoint.vpc_endpoint_id))
        };
        Entrance {
            domains: seen_domains(names, seen),
            addresses: addresses(&endpoint.listeners),
            tls: endpoint.tls,
            http2: endpoint.http2,
            head_limits: head_limits(limits, &http1::Limits::PRIVATE),
            trust_x_forwarded_for: endpoint.trust_x_forwarded_for,
            identity: Arc::new(Identity::VpcEndpoint {
                vpc_endpoint_id: endpoint.vpc_endpoint_id,
                vpc_id: endpoint.vpc_id,
            }),
        }
    });
    let public = public.into_iter().map(|public| Entrance {
        identity: Arc::new(Identity::Public),
        addresses: addresses(&public.listeners),
        tls: public.tls,
        http2: public.http2,
        head_limits: head_limits(limits, &http1::Limits::PUBLIC),
        trust_x_forwarded_for: false,
        domains: seen_domains(names, |name| !name.private),
    });
    private.chain(public).collect()
}

fn addresses(listeners: &[Listener]) -> Vec<std::net::SocketAddr> {
    listeners.iter().map(|listener| listener.address).collect()
}

fn seen_domains(names: &[DomainName], seen: impl Fn(&DomainName) -> bool) -> HashMap<Box<str>, usize> {
    let names = names.iter().enumerate().filter(|(_, name)| seen(name));
    names.map(|(index, name)| (name.name.as_str().into(), index)).collect()
}

/// What the configuration sets holds for every door; what it leaves alone has the figures of the
/// door's kind.
fn head_limits(limits: &Limits, kind: &http1::Limits) -> http1::Limits {
    let standard = Limits::default();
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let own = |set: u64, standard: u64, kind: usize| if set == standard { kind } else { size(set) };
    http1::Limits {
        request_line_bytes: own(
            limits.request_line_bytes,
            standard.request_line_bytes,
            kind.request_line_bytes,
        ),
        head_bytes: own(limits.head_bytes, standard.head_bytes, kind.head_bytes),
        raw_head_bytes: own(limits.raw_head_bytes, standard.raw_head_bytes, kind.raw_head_bytes),
        header_fields: size(limits.header_fields),
        header_name_bytes: size(limits.header_name_bytes),
        path_segments: size(limits.path_segments),
        query_parameters: size(limits.query_parameters),
        chunk_extension_bytes: size(limits.chunk_extension_bytes),
        chunk_extension_total_bytes: size(limits.chunk_extension_total_bytes),
    }
}
