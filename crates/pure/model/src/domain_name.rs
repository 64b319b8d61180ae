//! Custom domain names and what stands under their paths.

use std::sync::Arc;

use postern_policy::Policy;
use postern_protocol::certificate::Truststore;

use crate::{
    DomainHost, Malformed, RestApiId, RoutingMode, RoutingRule, SecurityPolicy, StageName, VpcEndpointId,
};

/// A custom domain name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainName {
    /// The name; with a wildcard only where it is public (PA-107).
    pub name: DomainHost,
    /// What stands behind the name in its ARN (PA-100).
    pub id: DomainNameId,
    /// Whether it belongs to private APIs and VPC endpoints, or to public listeners.
    pub private: bool,
    /// The endpoints through which a private name is seen (PA-101); absent: all of them.
    pub access_associations: Option<Vec<VpcEndpointId>>,
    /// What TLS may agree on.
    pub security_policy: SecurityPolicy,
    /// Whether requests must come by the name's own kind of listener, and by a connection that was made for
    /// their very host (PA-86).
    pub is_strict: bool,
    /// The policy of a private name; absent: no rule of its own (PA-103).
    pub policy: Option<Policy>,
    /// Who may call it; absent: no client certificate is asked for.
    pub mutual_tls: Option<MutualTls>,
    /// In what order rules and mappings are asked.
    pub routing_mode: RoutingMode,
    /// Its rules; no priority twice.
    pub routing_rules: Vec<RoutingRule>,
    /// What stands under its paths; no base path twice.
    pub base_path_mappings: Vec<BasePathMapping>,
}

impl DomainName {
    /// Every API and stage that it leads to: by rules that are asked, and by mappings that are.
    pub fn stages(&self) -> impl Iterator<Item = (&RestApiId, &StageName)> {
        let rules = self.routing_rules.iter().filter(|_| self.routing_mode.asks_rules());
        let mappings = self.base_path_mappings.iter().filter(|_| self.routing_mode.asks_mappings());
        let of_rules = rules.map(|rule| (&rule.rest_api_id, &rule.stage));
        of_rules.chain(mappings.map(|mapping| (&mapping.rest_api_id, &mapping.stage)))
    }

    /// Whether it is seen through a VPC endpoint: a private name by its associations (PA-102), a public
    /// one as any (H8 of private-access.md).
    #[must_use]
    pub fn is_seen_through(&self, id: &VpcEndpointId) -> bool {
        let associated = self.access_associations.as_ref();
        !self.private || associated.is_none_or(|ids| ids.contains(id))
    }
}

/// Mutual TLS of a domain name (PA-160).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutualTls {
    /// Who vouches for clients.
    pub truststore: Arc<Truststore>,
}

/// The id of a domain name: 1 to 64 lower-case letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainNameId(Box<str>);

impl DomainNameId {
    /// Reads an id.
    ///
    /// # Errors
    ///
    /// What would have been right.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::new("1 to 64 lower-case letters and digits"))
        }
    }

    /// The last part of the ARN of the name that has this id, as a resource of policies:
    /// `/domainnames/{name}+{id}` (PA-100).
    #[must_use]
    pub fn arn_resource(&self, name: &DomainHost) -> String {
        format!("/domainnames/{}+{}", name.as_str(), self.0)
    }
}

/// A base path of a domain name and the stage behind it (PA-120).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasePathMapping {
    /// The base path.
    pub base_path: BasePath,
    /// The API.
    pub rest_api_id: RestApiId,
    /// Its stage.
    pub stage: StageName,
}

/// A base path without slashes at its ends; empty: the whole domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BasePath(Box<str>);

impl BasePath {
    /// Reads a base path: letters, digits and `$-_.+!*'()/`, at most 300 (PA-125). `(none)` is the
    /// empty one, as the service spells it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = if text == "(none)" { "" } else { text.trim_matches('/') };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"$-_.+!*'()/".contains(&byte);
        if text.len() <= 300 && text.bytes().all(allowed) && !text.contains("//") {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::new("at most 300 letters, digits and `$-_.+!*'()/`"))
        }
    }

    /// The path without slashes at its ends.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has several levels (PA-122).
    #[must_use]
    pub fn has_several_levels(&self) -> bool {
        self.0.contains('/')
    }
}
