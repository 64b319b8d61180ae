//! Places that integrations call, each one once.

use std::{collections::HashMap, sync::Arc};

use postern_model::{
    CallCredentials, Configuration, CredentialSource, Credentials, Function, FunctionArn, FunctionProcess,
    HostOverride, ResolvedService, ServiceCall, ServiceEndpoints, Target, VpcLink, VpcLinkId, is_of_caller,
};

use crate::{
    Destination, DestinationTarget, DestinationTls, FetchedCredentials, HostedFunction, State,
    integration::CallKey,
    state::{DestinationKey, HostedKey},
};

/// The destinations of the snapshot that is being made.
#[derive(Debug)]
pub(crate) struct Destinations<'s> {
    state: &'s mut State,
    links: HashMap<VpcLinkId, VpcLink>,
    hosts: Vec<HostOverride>,
    functions: Vec<Function>,
    credentials: Credentials,
    service_endpoints: ServiceEndpoints,
    /// Region and account.
    home: (Box<str>, Box<str>),
    fetched: Option<Arc<FetchedCredentials>>,
    known: HashMap<DestinationKey, Arc<Destination>>,
    hosted: HashMap<HostedKey, Arc<HostedFunction>>,
}

/// Everything outside the gateway that a snapshot names.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) destinations: Vec<Arc<Destination>>,
    pub(crate) functions: Vec<Arc<HostedFunction>>,
    pub(crate) fetched_credentials: Option<Arc<FetchedCredentials>>,
}

impl<'s> Destinations<'s> {
    pub(crate) fn new(state: &'s mut State, configuration: &Configuration) -> Self {
        let links = configuration.vpc_links.iter().map(|link| (link.id.clone(), link.clone())).collect();
        Self {
            state,
            links,
            hosts: configuration.hosts.clone(),
            functions: configuration.functions.clone(),
            credentials: configuration.credentials.clone(),
            service_endpoints: configuration.service_endpoints.clone(),
            home: (configuration.region.as_str().into(), configuration.account_id.as_str().into()),
            fetched: None,
            known: HashMap::new(),
            hosted: HashMap::new(),
        }
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.state.generation
    }

    /// Region and account of the gateway.
    pub(crate) const fn home(&self) -> &(Box<str>, Box<str>) {
        &self.home
    }

    pub(crate) const fn state(&mut self) -> &mut State {
        self.state
    }

    /// The destination of a VPC link, if there is one of that id.
    pub(crate) fn link(&mut self, id: &str, tls: Option<DestinationTls>) -> Option<Arc<Destination>> {
        let link = self.links.get(&id.parse::<VpcLinkId>().ok()?)?;
        let targets = link.targets.iter().map(|target| self.target(target, true)).collect();
        let balancing = Some(link.balancing.clone());
        Some(self.get((id.into(), targets, tls, balancing, false)))
    }

    /// The function that an ARN leads to.
    pub(crate) fn function(&self, arn: &FunctionArn) -> Option<Function> {
        Function::find(&self.functions, arn).cloned()
    }

    /// What calls are signed with in the name of a role, of the caller, or of nobody in particular.
    pub(crate) fn call_key(&mut self, role: Option<&str>) -> Option<CallKey> {
        if role.is_some_and(is_of_caller) {
            return Some(CallKey::OfCaller);
        }
        Some(match self.credentials.of(role)?.clone() {
            CallCredentials::Known(key) => CallKey::Own(key),
            CallCredentials::Fetched(source) => CallKey::Fetched(self.fetched(source)),
        })
    }

    /// What is fetched there: the same cell as before, as long as it is the same place.
    fn fetched(&mut self, source: CredentialSource) -> Arc<FetchedCredentials> {
        let before = self.fetched.iter().chain(&self.state.fetched);
        let fetched = match before.into_iter().find(|fetched| *fetched.source() == source) {
            Some(known) => Arc::clone(known),
            None => Arc::new(FetchedCredentials::new(source)),
        };
        self.fetched = Some(Arc::clone(&fetched));
        fetched
    }

    /// The service that is called, or why there is none.
    pub(crate) fn service(&self, call: &ServiceCall) -> Result<ResolvedService, String> {
        call.resolve(&self.service_endpoints)
    }

    /// A function whose processes run here: of the same number as before, as long as nothing about it
    /// changes.
    pub(crate) fn hosted(
        &mut self,
        name: &str,
        region: &str,
        process: FunctionProcess,
    ) -> Arc<HostedFunction> {
        let key: HostedKey = (name.into(), region.into(), process);
        if let Some(known) = self.hosted.get(&key) {
            return Arc::clone(known);
        }
        let state = &mut *self.state;
        let id = *state.hosted.entry(key.clone()).or_insert_with(|| {
            state.next_hosted += 1;
            state.next_hosted
        });
        let (name, region, process) = key.clone();
        let function = Arc::new(HostedFunction { id, name, region, process });
        self.hosted.insert(key, Arc::clone(&function));
        function
    }

    /// The destination of an endpoint that the operator names.
    pub(crate) fn endpoint(
        &mut self,
        target: &Target,
        one_at_a_time: bool,
        tls: Option<DestinationTls>,
    ) -> Arc<Destination> {
        let name = format!("{}:{}", target.host, target.port);
        let target = self.target(target, true);
        self.get((name.into(), vec![target], tls, None, one_at_a_time))
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
        self.get((name.into(), vec![target], tls, None, false))
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
        let (name, targets, tls, balancing, one_at_a_time) = key.clone();
        let destination = Arc::new(Destination { id, name, targets, tls, balancing, one_at_a_time });
        self.known.insert(key, Arc::clone(&destination));
        destination
    }

    /// What is called, and what for. Numbers of what is gone are forgotten and not given again.
    pub(crate) fn finish(self) -> Called {
        self.state.fetched.clone_from(&self.fetched);
        self.state.destinations.retain(|key, _| self.known.contains_key(key));
        self.state.hosted.retain(|key, _| self.hosted.contains_key(key));
        let mut all: Vec<_> = self.known.into_values().collect();
        all.sort_by_key(|destination| destination.id);
        let mut hosted: Vec<_> = self.hosted.into_values().collect();
        hosted.sort_by_key(|function| function.id);
        Called { destinations: all, functions: hosted, fetched_credentials: self.fetched }
    }
}
