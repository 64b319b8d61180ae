//! Who is let in, and as whom, by the statements of private-access.md sections 5 and 6.

use postern_model::{Cidr, NetworkAcl, NetworkAclRule, RuleAction, SecurityGroup};

use super::*;

const ENDPOINT: &str = "vpce-08d2bf15fac5001c9";
const OTHER: &str = "vpce-01234567abcdef012";

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn proxy() -> ProxyProtocol {
    ProxyProtocol { trusted_sources: vec![cidr("10.0.9.0/24"), cidr("2001:db8::/64")] }
}

fn endpoint(id: &str) -> Arc<Identity> {
    let (vpc_endpoint_id, vpc_id) = (id.parse().unwrap(), "vpc-0eee".parse().unwrap());
    Arc::new(Identity::VpcEndpoint { vpc_endpoint_id, vpc_id })
}

fn guarded(identity: Arc<Identity>, network: NetworkLayers) -> Arc<Guarded> {
    Arc::new(Guarded { identity, network })
}

/// Lets in 10.0.1.0/24.
fn one_subnet() -> NetworkLayers {
    let rule = NetworkAclRule { rule_number: 1, cidr: cidr("10.0.0.0/16"), rule_action: RuleAction::Allow };
    NetworkLayers {
        network_acl: Some(NetworkAcl::new(vec![rule])),
        security_group: Some(SecurityGroup { ingress: vec![cidr("10.0.1.0/24")] }),
    }
}

fn shared() -> Admission {
    let both = [(ENDPOINT, one_subnet()), (OTHER, NetworkLayers::default())];
    let endpoints = both.map(|(id, network)| (id.into(), guarded(endpoint(id), network)));
    Admission::shared(proxy(), endpoints.into_iter().collect())
}

fn header(source: &str, vpc_endpoint_id: Option<&str>) -> Header {
    Header {
        command: Command::Proxy,
        addresses: Some(Addresses {
            source: source.parse().unwrap(),
            destination: "10.0.9.9:443".parse().unwrap(),
        }),
        vpc_endpoint_id: vpc_endpoint_id.map(Box::from),
    }
}

fn peer() -> SocketAddr {
    "10.0.9.1:40000".parse().unwrap()
}

fn identify(
    admission: &Admission,
    source: &str,
    id: Option<&str>,
) -> Result<(Identity, SocketAddr, Option<u16>), ConnectionRefusal> {
    let introduction = admission.identify(&header(source, id), peer())?;
    Ok(((*introduction.identity).clone(), introduction.source, introduction.called_port))
}

#[test]
fn pa_51_only_trusted_sources_may_send_a_header() {
    for admission in [shared(), Admission::of_one(Some(proxy()), guarded(endpoint(ENDPOINT), one_subnet()))] {
        for (peer, expected) in [
            ("10.0.9.255", Ok(Admitted::AwaitsHeader)),
            ("::ffff:10.0.9.255", Ok(Admitted::AwaitsHeader)),
            ("2001:db8::7", Ok(Admitted::AwaitsHeader)),
            // Inside the security group, which is not asked about the peer (PA-70).
            ("10.0.1.1", Err(ConnectionRefusal::UntrustedSource)),
            ("2001:db8:0:1::7", Err(ConnectionRefusal::UntrustedSource)),
        ] {
            assert_eq!(admission.admit(peer.parse().unwrap()), expected, "{peer}");
        }
    }
}

#[test]
fn pa_70_without_proxy_the_layers_test_the_peer() {
    let admission = Admission::of_one(None, guarded(endpoint(ENDPOINT), one_subnet()));
    for (peer, expected) in [
        ("10.0.1.1", Ok(Admitted::Known(endpoint(ENDPOINT)))),
        ("10.0.2.1", Err(ConnectionRefusal::SecurityGroup)),
        ("10.1.1.1", Err(ConnectionRefusal::NetworkAcl)),
        ("::ffff:10.0.1.1", Ok(Admitted::Known(endpoint(ENDPOINT)))),
    ] {
        assert_eq!(admission.admit(peer.parse().unwrap()), expected, "{peer}");
    }
}

#[test]
fn pa_57_and_pa_70_with_proxy_the_layers_of_the_named_endpoint_test_the_carried_source() {
    let admission = shared();
    let known = |id| (*endpoint(id)).clone();
    for (source, id, expected) in [
        ("10.0.1.20:49152", Some(ENDPOINT), Ok(ENDPOINT)),
        ("10.0.2.20:49152", Some(ENDPOINT), Err(ConnectionRefusal::SecurityGroup)),
        ("192.0.2.1:49152", Some(ENDPOINT), Err(ConnectionRefusal::NetworkAcl)),
        ("192.0.2.1:49152", Some(OTHER), Ok(OTHER)),
        ("[::ffff:10.0.1.20]:49152", Some(ENDPOINT), Ok(ENDPOINT)),
        ("10.0.1.20:49152", Some("vpce-0fff"), Err(ConnectionRefusal::VpcEndpoint)),
        ("10.0.1.20:49152", Some("vpce-08D2BF15FAC5001C9"), Err(ConnectionRefusal::VpcEndpoint)),
        ("10.0.1.20:49152", None, Err(ConnectionRefusal::VpcEndpoint)),
    ] {
        let expected = expected.map(|id| (known(id), source.parse().unwrap(), Some(443)));
        assert_eq!(identify(&admission, source, id), expected, "{source} {id:?}");
    }
}

#[test]
fn pa_53_a_header_that_carries_nobody_gives_no_identity() {
    let local = Header { command: Command::Local, addresses: None, vpc_endpoint_id: None };
    let unspecified = Header { command: Command::Proxy, ..local.clone() };
    let nobody = Introduction { identity: Arc::new(Identity::Nobody), source: peer(), called_port: None };
    let public = Admission::of_one(Some(proxy()), guarded(Arc::new(Identity::Public), one_subnet()));
    for admission in [shared(), public] {
        for header in [&local, &unspecified] {
            assert_eq!(admission.identify(header, peer()), Ok(nobody.clone()));
        }
    }
}

#[test]
fn a_header_may_repeat_the_listeners_own_endpoint_and_not_contradict_it() {
    let source = "10.0.1.20:49152";
    let own = Admission::of_one(Some(proxy()), guarded(endpoint(ENDPOINT), one_subnet()));
    let public = Admission::of_one(Some(proxy()), guarded(Arc::new(Identity::Public), one_subnet()));
    let refused = Err(ConnectionRefusal::VpcEndpoint);
    for (admission, id, expected) in [
        (&own, None, Ok((*endpoint(ENDPOINT)).clone())),
        (&own, Some(ENDPOINT), Ok((*endpoint(ENDPOINT)).clone())),
        (&own, Some(OTHER), refused.clone()),
        (&public, None, Ok(Identity::Public)),
        (&public, Some(ENDPOINT), refused),
    ] {
        let identity = identify(admission, source, id).map(|(identity, ..)| identity);
        assert_eq!(identity, expected, "{id:?}");
    }
    // The layers test the carried source here too.
    assert_eq!(identify(&own, "10.0.2.1:1", None), Err(ConnectionRefusal::SecurityGroup));
    assert_eq!(identify(&public, "10.1.0.1:1", None), Err(ConnectionRefusal::NetworkAcl));
}
