//! What an OpenAPI or Swagger definition says of an API.

use std::{collections::BTreeMap, fmt, sync::Arc};

use postern_document::Place;
use postern_policy::Policy;
use postern_schema::Schema;

use crate::{
    GatewayResponse, GatewayResponseType, Malformed, Resource, SelectionPattern, UriTemplate, VpcEndpointId,
};

/// An imported definition.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `info.title`: the API's name.
    pub title: Box<str>,
    /// Resources with at least one method, ordered by path. Resources without methods match nothing
    /// (M1), so they are not kept.
    pub resources: Vec<Resource>,
    /// `x-amazon-apigateway-policy`, with short resources expanded to this API.
    pub policy: Option<Policy>,
    /// `x-amazon-apigateway-binary-media-types`.
    pub binary_media_types: Vec<MediaTypePattern>,
    /// `x-amazon-apigateway-minimum-compression-size`, in bytes, 0 to 10,485,760.
    pub minimum_compression_size: Option<u32>,
    /// `x-amazon-apigateway-api-key-source`.
    pub api_key_source: ApiKeySource,
    /// `x-amazon-apigateway-gateway-responses`.
    pub gateway_responses: BTreeMap<GatewayResponseType, GatewayResponse>,
    /// Models by name.
    pub models: BTreeMap<Box<str>, Arc<Schema>>,
    /// Authorizers by name.
    pub authorizers: BTreeMap<Box<str>, Authorizer>,
    /// A hash of the definition as text: another one after any change, the same after none.
    pub revision: Box<str>,
    /// `disableExecuteApiEndpoint`, where the definition says it.
    pub disable_execute_api_endpoint: Option<bool>,
    /// `vpcEndpointIds`, where the definition says them.
    pub vpc_endpoint_ids: Vec<VpcEndpointId>,
    /// `x-amazon-apigateway-security-policy`: the name of a TLS policy.
    pub security_policy: Option<Box<str>>,
    /// `x-amazon-apigateway-endpoint-access-mode`.
    pub endpoint_access_mode: Option<EndpointAccessMode>,
}

/// Where the API key of a request is found (AU-11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiKeySource {
    /// The header `x-api-key`.
    #[default]
    Header,
    /// The Lambda authorizer's `usageIdentifierKey`.
    Authorizer,
}

/// How strictly a host name must agree with the TLS connection that a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointAccessMode {
    /// `BASIC`
    Basic,
    /// `STRICT`
    Strict,
}

/// An authorizer as the definition describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// Where the definition describes it.
    pub place: Place,
    /// What kind it is.
    pub kind: AuthorizerKind,
    /// Where the caller's identity stands. TOKEN and Cognito have exactly one header; REQUEST has
    /// none only where nothing is kept (authorization.md section 3.1).
    pub identity_sources: Vec<IdentitySource>,
    /// What the token (of a Cognito token: its audience, AU-103) must match (AU-30).
    pub identity_validation_expression: Option<SelectionPattern>,
    /// How long its answers are kept, in seconds: 0 to 3600; 300 where nothing is said (AU-65).
    pub result_ttl_seconds: u32,
}

/// The kinds of authorizers, and whom they ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// A Lambda function that is given one token.
    Token(AuthorizerFunction),
    /// A Lambda function that is given the request.
    Request(AuthorizerFunction),
    /// Cognito user pools, by their ARNs; at least one.
    CognitoUserPools(Vec<Box<str>>),
}

/// The function of a Lambda authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerFunction {
    /// `authorizerUri`, in the form of a Lambda integration's URI.
    pub uri: UriTemplate,
    /// `authorizerCredentials`: the role it is called as.
    pub credentials: Option<UriTemplate>,
}

/// A place of a request that tells who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// `method.request.header.NAME`
    Header(Box<str>),
    /// `method.request.querystring.NAME`
    QueryString(Box<str>),
    /// `stageVariables.NAME`
    StageVariable(Box<str>),
    /// `context.NAME`, without the `context.`.
    Context(Box<str>),
}

/// As definitions write it.
impl fmt::Display for IdentitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "method.request.header.{name}"),
            Self::QueryString(name) => write!(f, "method.request.querystring.{name}"),
            Self::StageVariable(name) => write!(f, "stageVariables.{name}"),
            Self::Context(name) => write!(f, "context.{name}"),
        }
    }
}

/// One entry of `binaryMediaTypes`: `type/subtype`, `type/*` or `*/*`, in lower case
/// (routing.md section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaTypePattern(Box<str>);

impl MediaTypePattern {
    /// Reads an entry. An entry `*/subtype` is accepted and never matches, as on the service.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        match text.split_once('/') {
            Some((kind, subtype)) if !kind.is_empty() && !subtype.is_empty() => {
                Ok(Self(text.to_ascii_lowercase().into()))
            }
            _ => Err(Malformed::new("a media type such as `image/png`, `image/*` or `*/*`")),
        }
    }

    /// The entry in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a header value (`Content-Type`, or `Accept` of which the first type counts) matches.
    ///
    /// ```
    /// use postern_model::MediaTypePattern;
    ///
    /// let images = MediaTypePattern::parse("image/*").unwrap();
    /// assert!(images.matches("image/png; q=1, text/html"));
    /// assert!(!images.matches("text/html, image/png"));
    /// ```
    #[must_use]
    pub fn matches(&self, header_value: &str) -> bool {
        let first = header_value.split([',', ';']).next().unwrap_or_default().trim();
        if !first.contains('/') {
            return false;
        }
        if &*self.0 == "*/*" || first.eq_ignore_ascii_case(&self.0) {
            return true;
        }
        let Some(kind) = self.0.strip_suffix("/*") else { return false };
        first.split_once('/').is_some_and(|(first_kind, _)| first_kind.eq_ignore_ascii_case(kind))
    }
}
