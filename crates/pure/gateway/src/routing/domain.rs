//! Custom domain names: which rule or mapping takes a request, and what is left of its path
//! (private-access.md sections 9 and 10).

use std::{collections::BTreeMap, sync::Arc};

use postern_model::{DomainHost, DomainName, RoutingMode, SecurityPolicy};
use postern_protocol::{certificate::Truststore, http1::Fields};

use super::rules::Rules;
use crate::authorization::PrivateDomain;

/// A custom domain name, compiled.
#[derive(Debug)]
pub(crate) struct Domain {
    /// Its place among the snapshot's domain names.
    pub(crate) index: usize,
    pub(crate) name: DomainHost,
    /// What policies are asked about it, where it is private (PA-104).
    pub(crate) private: Option<PrivateDomain>,
    pub(crate) security_policy: SecurityPolicy,
    pub(crate) is_strict: bool,
    /// Who vouches for its clients; absent: no certificate is asked for.
    pub(crate) truststore: Option<Arc<Truststore>>,
    pub(crate) mode: RoutingMode,
    pub(crate) rules: Rules,
    /// Longest base path first.
    pub(crate) mappings: Vec<Mapping>,
    /// Whether some mapping's base path has several levels (PA-122, PA-123).
    pub(crate) has_several_levels: bool,
}

/// What a server name asks of TLS. Connections that agreed on other terms than a host's do not serve it
/// (hardening.md section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsTerms {
    /// What may be agreed on.
    pub security_policy: SecurityPolicy,
    /// Whether the client must show a certificate.
    pub asks_for_client_certificate: bool,
}

/// A base path and what stands behind it.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// Without slashes at its ends; empty: every path.
    pub(crate) base_path: Box<str>,
    pub(crate) target: Target,
}

/// An API and one of its stages, by their places in the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) api: usize,
    pub(crate) stage: usize,
}

/// What took a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenBy {
    /// The rule of this priority.
    Rule(u32),
    /// A mapping.
    Mapping,
}

impl TakenBy {
    /// The priority of the rule, if it was one.
    pub(crate) const fn rule(self) -> Option<u32> {
        match self {
            Self::Rule(priority) => Some(priority),
            Self::Mapping => None,
        }
    }
}

/// Where a domain name leads a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) target: Target,
    pub(crate) by: TakenBy,
    /// The base path that matched; empty where none was asked for.
    pub(crate) base_path: &'a str,
    /// The path that the API sees, perhaps without the slash that it must start with.
    pub(crate) rest: &'a str,
}

impl Domain {
    /// What it asks of TLS.
    pub(crate) const fn tls_terms(&self) -> TlsTerms {
        TlsTerms {
            security_policy: self.security_policy,
            asks_for_client_certificate: self.truststore.is_some(),
        }
    }

    /// Where a request goes: by the first rule that matches, else by the mapping with the longest base
    /// path, as far as the mode asks them (PA-142). `path` is normalised.
    pub(crate) fn route<'a>(&'a self, path: &'a str, fields: Fields<'_>) -> Option<Route<'a>> {
        let by_rule = if self.mode.asks_rules() { self.rules.route(path, fields) } else { None };
        match by_rule {
            None if self.mode.asks_mappings() => self.mapped(path),
            route => route,
        }
    }

    /// Where mappings lead a path. Where some base path has several levels, the longest prefix wins
    /// without regard to segments (PA-121, PA-122).
    fn mapped<'a>(&'a self, path: &'a str) -> Option<Route<'a>> {
        self.mappings.iter().find_map(|mapping| {
            let rest = behind(path, &mapping.base_path)?;
            let at_boundary = rest.is_empty() || rest.starts_with('/');
            (at_boundary || self.has_several_levels).then_some(Route {
                target: mapping.target,
                by: TakenBy::Mapping,
                base_path: &mapping.base_path,
                rest,
            })
        })
    }
}

/// What stands behind a base path that a path starts with.
pub(super) fn behind<'a>(path: &'a str, base_path: &str) -> Option<&'a str> {
    if base_path.is_empty() { Some(path) } else { path.strip_prefix('/')?.strip_prefix(base_path) }
}

/// The domain names that are seen at one door, by their places in the snapshot. There are few, and comparing a
/// few names is quicker than hashing one.
#[derive(Debug, Default)]
pub(crate) struct SeenDomains {
    exact: BTreeMap<Box<str>, usize>,
    /// By what stands behind `*.`.
    wildcard: BTreeMap<Box<str>, usize>,
    /// Whether one of them asks of TLS what others do not.
    pub(crate) has_own_terms: bool,
}

impl SeenDomains {
    /// Adds a name; one that is there already stays.
    pub(crate) fn add(&mut self, domain: &DomainName, index: usize) {
        match domain.name.wildcard_parent() {
            Some(parent) => self.wildcard.entry(parent.into()).or_insert(index),
            None => self.exact.entry(domain.name.as_str().into()).or_insert(index),
        };
        self.has_own_terms |=
            domain.mutual_tls.is_some() || domain.security_policy != SecurityPolicy::default();
    }

    /// The domain name of a host in lower case: the name itself before a wildcard, which stands for one
    /// label (PA-107).
    pub(crate) fn find(&self, host: &str) -> Option<usize> {
        let by_wildcard = || {
            let (label, parent) = host.split_once('.')?;
            if label.is_empty() { None } else { self.wildcard.get(parent) }
        };
        self.exact.get(host).or_else(by_wildcard).copied()
    }
}
