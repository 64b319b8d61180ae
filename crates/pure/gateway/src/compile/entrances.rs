//! Doors.

use std::sync::Arc;

use postern_model::{DomainName, Limits, Listener, PublicListeners, VpcEndpoint};
use postern_protocol::http1;

use super::domains::seen;
use crate::{Identity, snapshot::Entrance};

/// The doors: VPC endpoints, then public listeners.
pub(crate) fn entrances(
    endpoints: Vec<VpcEndpoint>,
    public: Vec<PublicListeners>,
    names: &[DomainName],
    limits: &Limits,
) -> Vec<Entrance> {
    let private = endpoints.into_iter().map(|endpoint| Entrance {
        domains: seen(names, |name| name.is_seen_through(&endpoint.vpc_endpoint_id)),
        addresses: addresses(&endpoint.listeners),
        tls: endpoint.tls,
        http2: endpoint.http2,
        head_limits: head_limits(limits, &http1::Limits::PRIVATE),
        trust_x_forwarded_for: endpoint.trust_x_forwarded_for,
        identity: Arc::new(Identity::VpcEndpoint {
            vpc_endpoint_id: endpoint.vpc_endpoint_id,
            vpc_id: endpoint.vpc_id,
        }),
    });
    let public = public.into_iter().map(|public| Entrance {
        identity: Arc::new(Identity::Public),
        addresses: addresses(&public.listeners),
        tls: public.tls,
        http2: public.http2,
        head_limits: head_limits(limits, &http1::Limits::PUBLIC),
        trust_x_forwarded_for: false,
        domains: seen(names, |name| !name.private),
    });
    private.chain(public).collect()
}

fn addresses(listeners: &[Listener]) -> Vec<std::net::SocketAddr> {
    listeners.iter().map(|listener| listener.address).collect()
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
