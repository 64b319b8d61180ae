//! Doors.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use postern_model::{
    DomainName, Limits, Listener, NetworkLayers, PublicListeners, SharedListeners, VpcEndpoint,
};
use postern_protocol::http1;

use super::domains::seen;
use crate::{Admission, Identity, authorization::Preparation, connection::Guarded, snapshot::Entrance};

/// The doors: VPC endpoints, listeners that they share, then public listeners.
pub(crate) fn entrances(
    doors: Doors,
    names: &[DomainName],
    limits: &Limits,
    preparation: &mut Preparation,
) -> Vec<Entrance> {
    let of_endpoint = |endpoint| of_endpoint(endpoint, names, limits, preparation);
    let mut entrances: Vec<Entrance> = doors.endpoints.into_iter().map(of_endpoint).collect();
    let shared: Vec<Entrance> =
        doors.shared.into_iter().map(|shared| of_shared(shared, &entrances, names, limits)).collect();
    entrances.extend(shared);
    entrances.extend(doors.public.into_iter().map(|public| of_public(public, names, limits)));
    entrances
}

/// Everything that connections come in by.
pub(crate) struct Doors {
    pub(crate) endpoints: Vec<VpcEndpoint>,
    pub(crate) shared: Vec<SharedListeners>,
    pub(crate) public: Vec<PublicListeners>,
}

fn of_endpoint(
    endpoint: VpcEndpoint,
    names: &[DomainName],
    limits: &Limits,
    preparation: &mut Preparation,
) -> Entrance {
    let id = endpoint.vpc_endpoint_id;
    let domains = seen(names, |name| name.is_seen_through(&id));
    let identity = Arc::new(Identity::VpcEndpoint { vpc_endpoint_id: id, vpc_id: endpoint.vpc_id });
    let guarded = Arc::new(Guarded { identity: Arc::clone(&identity), network: endpoint.network });
    Entrance {
        domains,
        identity,
        addresses: addresses(&endpoint.listeners),
        tls: endpoint.tls,
        http2: endpoint.http2,
        head_limits: head_limits(limits, &http1::Limits::PRIVATE),
        policy: endpoint.policy.map(|policy| preparation.of_many(policy)),
        trust_x_forwarded_for: endpoint.trust_x_forwarded_for,
        admission: Arc::new(Admission::of_one(endpoint.proxy_protocol, Arc::clone(&guarded))),
        guarded,
    }
}

/// Listeners where a header says through which of some endpoints a connection comes.
fn of_shared(
    shared: SharedListeners,
    endpoints: &[Entrance],
    names: &[DomainName],
    limits: &Limits,
) -> Entrance {
    let ids = &shared.vpc_endpoint_ids;
    let guarded = endpoints.iter().filter_map(|entrance| match &*entrance.identity {
        Identity::VpcEndpoint { vpc_endpoint_id: id, .. } if ids.contains(id) => {
            Some((id.as_str().into(), Arc::clone(&entrance.guarded)))
        }
        _ => None,
    });
    let admission = Admission::shared(shared.proxy_protocol, guarded.collect());
    let identity = Arc::new(Identity::Nobody);
    Entrance {
        addresses: addresses(&shared.listeners),
        tls: shared.tls,
        http2: shared.http2,
        head_limits: head_limits(limits, &http1::Limits::PRIVATE),
        admission: Arc::new(admission),
        policy: None,
        trust_x_forwarded_for: false,
        domains: seen(names, |name| ids.iter().any(|id| name.is_seen_through(id))),
        guarded: Arc::new(Guarded { identity: Arc::clone(&identity), network: NetworkLayers::default() }),
        identity,
    }
}

fn of_public(public: PublicListeners, names: &[DomainName], limits: &Limits) -> Entrance {
    let identity = Arc::new(Identity::Public);
    let guarded = Arc::new(Guarded { identity: Arc::clone(&identity), network: public.network });
    Entrance {
        identity,
        addresses: addresses(&public.listeners),
        tls: public.tls,
        http2: public.http2,
        head_limits: head_limits(limits, &http1::Limits::PUBLIC),
        policy: None,
        trust_x_forwarded_for: public.trust_x_forwarded_for,
        domains: seen(names, |name| !name.private),
        admission: Arc::new(Admission::of_one(public.proxy_protocol, Arc::clone(&guarded))),
        guarded,
    }
}

/// What connections to each address meet first.
pub(crate) fn admissions(entrances: &[Entrance]) -> BTreeMap<SocketAddr, Arc<Admission>> {
    let by_address = |entrance: &Entrance| {
        let admission = Arc::clone(&entrance.admission);
        entrance.addresses.clone().into_iter().map(move |address| (address, Arc::clone(&admission)))
    };
    entrances.iter().flat_map(by_address).collect()
}

fn addresses(listeners: &[Listener]) -> Vec<SocketAddr> {
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
