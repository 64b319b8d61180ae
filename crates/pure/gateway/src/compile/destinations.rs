//! Places that integrations call, each one once.

use std::{collections::HashMap, sync::Arc};

use postern_model::{Configuration, HostOverride, Target, VpcLink, VpcLinkId};

use crate::{Destination, DestinationTarget, DestinationTls, State, state::DestinationKey};

/// The destinations of the snapshot that is being made.
#[derive(Debug)]
pub(crate) struct Destinations<'s> {
    state: &'s mut State,
    links: HashMap<VpcLinkId, VpcLink>,
    hosts: Vec<HostOverride>,
    known: HashMap<DestinationKey, Arc<Destination>>,
}

impl<'s> Destinations<'s> {
    pub(crate) fn new(state: &'s mut State, configuration: &Configuration) -> Self {
        let links = configuration.vpc_links.iter().map(|link| (link.id.clone(), link.clone())).collect();
        Self { state, links, hosts: configuration.hosts.clone(), known: HashMap::new() }
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.state.generation
    }

    pub(crate) const fn state(&mut self) -> &mut State {
        self.state
    }

    /// The destination of a VPC link, if there is one of that id.
    pub(crate) fn link(&mut self, id: &str, tls: Option<DestinationTls>) -> Option<Arc<Destination>> {
        let link = self.links.get(&id.parse::<VpcLinkId>().ok()?)?;
        let targets = link.targets.iter().map(|target| self.target(target, true)).collect();
        let balancing = Some(link.balancing.clone());
        Some(self.get((id.into(), targets, tls, balancing)))
    }

    /// The destination of a host.
    pub(crate) fn host(
        &mut self,
        target: &Target,
        named_by_operator: bool,
        tls: Option<DestinationTls>,
    ) -> Arc<Destination> {
        let name = format!("{}:{}", target.host, target.port);
        let target = self.target(target, named_by_operator);
        self.get((name.into(), vec![target], tls, None))
    }

    fn target(&self, target: &Target, named_by_operator: bool) -> DestinationTarget {
        let address = self
            .hosts
            .iter()
            .find(|entry| entry.port == target.port && entry.host.eq_ignore_ascii_case(&target.host))
            .map(|entry| entry.address);
        DestinationTarget {
            host: target.host.clone(),
            port: target.port,
            address,
            named_by_operator: named_by_operator || address.is_some(),
        }
    }

    /// The same number as before, as long as nothing about a destination changes.
    fn get(&mut self, key: DestinationKey) -> Arc<Destination> {
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        let state = &mut *self.state;
        let id = *state.destinations.entry(key.clone()).or_insert_with(|| {
            state.next_destination += 1;
            state.next_destination
        });
        let (name, targets, tls, balancing) = key.clone();
        let destination = Arc::new(Destination { id, name, targets, tls, balancing });
        self.known.insert(key, Arc::clone(&destination));
        destination
    }

    /// All of them. Numbers of those that are gone are forgotten and not given again.
    pub(crate) fn finish(self) -> Vec<Arc<Destination>> {
        self.state.destinations.retain(|key, _| self.known.contains_key(key));
        let mut all: Vec<_> = self.known.into_values().collect();
        all.sort_by_key(|destination| destination.id);
        all
    }
}
