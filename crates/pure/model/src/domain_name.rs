//! Custom domain names and what stands under their paths.

use crate::{HostName, Malformed, RestApiId, StageName, VpcEndpointId};

/// A custom domain name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainName {
    /// The name.
    pub name: HostName,
    /// Whether it belongs to private APIs and VPC endpoints, or to public listeners.
    pub private: bool,
    /// The endpoints through which a private name is seen (PA-101); absent: all of them.
    pub access_associations: Option<Vec<VpcEndpointId>>,
    /// What stands under its paths; no base path twice.
    pub base_path_mappings: Vec<BasePathMapping>,
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
