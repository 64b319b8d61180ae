//! Places that integrations call, each one once.

use std::{collections::HashMap, sync::Arc};

use postern_model::{Configuration, Target, VpcLink, VpcLinkId};

use crate::{Destination, DestinationAddress, DestinationTls, State, state::DestinationKey};

/// The destinations of the snapshot that is being made.
#[derive(Debug)]
pub(crate) struct Destinations<'s> {
    state: &'s mut State,
    links: HashMap<VpcLinkId, VpcLink>,
    known: HashMap<DestinationKey, Arc<Destination>>,
}

impl<'s> Destinations<'s> {
    pub(crate) fn new(state: &'s mut State, configuration: &Configuration) -> Self {
        let links = configuration.vpc_links.iter().map(|link| (link.id.clone(), link.clone())).collect();
        Self { state, links, known: HashMap::new() }
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.state.generation
    }

    pub(crate) const fn key_secret(&self) -> [u8; 32] {
        self.state.key_secret
    }

    /// The targets of a link, if there is one of that id.
    pub(crate) fn targets_of(&self, link: &str) -> Option<Vec<Target>> {
        self.links.get(&link.parse::<VpcLinkId>().ok()?).map(|link| link.targets.clone())
    }

    /// The destination of an address: the same number as before, as long as nothing about it changes.
    pub(crate) fn get(&mut self, address: DestinationAddress, tls: Option<DestinationTls>) -> Arc<Destination> {
        let key = (address, tls);
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        let state = &mut *self.state;
        let id = *state.destinations.entry(key.clone()).or_insert_with(|| {
            state.next_destination += 1;
            state.next_destination
        });
        let destination = Arc::new(Destination { id, address: key.0.clone(), tls: key.1.clone() });
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
