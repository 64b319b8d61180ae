//! Where names lead: DNS, the operator's addresses, and what a name of somebody else's may never lead to.

#[cfg(test)]
mod support;

use std::net::SocketAddr;

use postern_gateway::{Destination, DestinationTarget, Event, IntegrationFailureKind as Kind};
use socket2::{Domain, Socket, Type};
use support::*;

fn named(host: &str, port: u16, address: Option<SocketAddr>, named_by_operator: bool) -> Destination {
    let target = DestinationTarget { host: host.into(), port, address, named_by_operator };
    Destination {
        id: 1,
        name: format!("{host}:{port}").into(),
        targets: vec![target],
        tls: None,
        balancing: None,
        one_at_a_time: false,
    }
}

#[test]
fn upstream_a_name_may_lead_to_loopback_only_where_the_operator_says_so() {
    run(async {
        let (house, peer) = (House::new(), Peer::named("here").await);
        let port = peer.address.port();
        assert_eq!(house.ask(&named("localhost", port, None, true), &get()).await, answered(200, "here"));
        let house = House::new();
        let failure = house.send(&named("localhost", port, None, false), &get()).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Network);
        assert_eq!(
            &*failure.reason,
            format!("`localhost:{port}`: the name has no address that may be called")
        );
        assert_eq!(peer.connections(), 1);
    });
}

#[test]
fn the_operators_address_stands_for_the_name() {
    run(async {
        let (house, peer) = (House::new(), Peer::named("here").await);
        let destination = named("no.such.name.invalid", 80, Some(peer.address), true);
        assert_eq!(house.ask(&destination, &get()).await, answered(200, "here"));
    });
}

#[test]
fn upstream_a_name_that_nobody_knows_is_a_network_failure() {
    for request in [get(), post()] {
        run(async {
            let house = House::new();
            let destination = named("no.such.name.invalid", 80, None, false);
            let failure = house.send(&destination, &request).await.unwrap_err();
            assert_eq!(failure.kind, Kind::Network);
            assert!(failure.reason.contains("the name cannot be resolved"), "{}", failure.reason);
            assert_eq!(house.events.count(Event::BackendConnectFailed), 1);
        });
    }
}

#[test]
fn an_address_of_version_six_is_called() {
    run(async {
        let (house, peer) = (
            House::new(),
            Peer::at("[::1]:0", |mut visit, _| async move {
                while visit.request().await.is_some() {
                    visit.send(&ok("six")).await;
                }
            })
            .await,
        );
        let destination = named("::1", peer.address.port(), None, true);
        assert_eq!(house.ask(&destination, &get()).await, answered(200, "six"));
    });
}

#[test]
fn upstream_a_connection_that_does_not_open_ends_with_connect_seconds() {
    run(async {
        // A listener whose queue is full lets nobody in and says nothing.
        let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        full.listen(0).unwrap();
        let address = full.local_addr().unwrap().as_socket().unwrap();
        let fill = |_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        };
        let _queue: Vec<Socket> = (0..4).map(fill).collect();
        for seconds in [1, 2] {
            let mut house = House::new();
            house.limits.connect_seconds = seconds;
            let (outcome, ()) = both(house.ask(&destination(address), &get()), async {
                settle().await;
                house.timers.advance_to(BEGIN + seconds * SECOND - 1);
                settle().await;
                assert_eq!(house.events.count(Event::BackendConnectFailed), 0, "too early");
                house.timers.advance_to(BEGIN + seconds * SECOND);
            })
            .await;
            assert_eq!(outcome, NETWORK);
            assert_eq!(house.events.count(Event::LimitHit("connectSeconds")), 1);
        }
    });
}
