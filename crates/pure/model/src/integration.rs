//! Integrations: what a method calls, and how request and answer are mapped.

use std::{fmt, str::FromStr};

use postern_document::Place;

use crate::{
    Malformed, ParameterLocation, RequestMapping, RequestTarget, ResponseMapping, SelectionPattern,
    StageVariables, Verb,
};

/// What a method calls.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Where the definition describes it.
    pub place: Place,
    /// Its type.
    pub kind: IntegrationType,
    /// The verb of the call; absent or `ANY`: the client's.
    pub http_method: Option<Verb>,
    /// The address; absent for MOCK.
    pub uri: Option<UriTemplate>,
    /// How it is reached.
    pub connection: ConnectionType,
    /// `integrationTarget`: the load balancer behind a VPC link of the newer kind, as the definition
    /// names it. What a link reaches is said by the configuration.
    pub integration_target: Option<UriTemplate>,
    /// `credentials`: a role ARN, or the caller's own.
    pub credentials: Option<UriTemplate>,
    /// How long the whole call may take, in milliseconds: 50 to 29,000 (900,000 with STREAM).
    pub timeout_milliseconds: u32,
    /// What happens to a body that no template takes.
    pub passthrough_behavior: PassthroughBehavior,
    /// How the request's body is converted.
    pub content_handling: Option<ContentHandling>,
    /// Parameter mappings, in the order of the file.
    pub request_parameters: Vec<RequestMapping>,
    /// Request templates by media type (or `$default`), in the order of the file.
    pub request_templates: Vec<(Box<str>, Template)>,
    /// Answers by pattern, in the order of the file.
    pub responses: Vec<IntegrationResponse>,
    /// `tlsConfig.insecureSkipVerification` (HB6).
    pub insecure_skip_verification: bool,
    /// Whether the answer is collected or passed on as it comes.
    pub response_transfer_mode: ResponseTransferMode,
    /// `cacheNamespace`: what is shared between cached methods; absent: the resource alone (CA5).
    pub cache_namespace: Option<Box<str>>,
    /// `cacheKeyParameters`: whose values tell cached answers apart (CA5).
    pub cache_key_parameters: Vec<CacheKeyParameter>,
    /// A mapping that makes every call fail with 500 (integrations.md section 6.3): loaded only where
    /// the API is not strict.
    pub always_fails: bool,
}

/// The types of integrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationType {
    /// `MOCK`: no backend.
    Mock,
    /// `HTTP`: a URL, with request and answer mapped.
    Http,
    /// `HTTP_PROXY`: a URL, passed through.
    HttpProxy,
    /// `AWS`: a service or a function, with request and answer mapped.
    Aws,
    /// `AWS_PROXY`: a function.
    AwsProxy,
}

/// As definitions spell it.
impl fmt::Display for IntegrationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mock => "MOCK",
            Self::Http => "HTTP",
            Self::HttpProxy => "HTTP_PROXY",
            Self::Aws => "AWS",
            Self::AwsProxy => "AWS_PROXY",
        })
    }
}

/// How an integration is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionType {
    /// By the address in its URI.
    Internet,
    /// Through a VPC link, by id; stage variables may fill it.
    VpcLink(UriTemplate),
}

/// What happens to a body for whose media type there is no template (integrations.md section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PassthroughBehavior {
    /// It passes.
    #[default]
    WhenNoMatch,
    /// It passes where there are no templates at all; else 415.
    WhenNoTemplates,
    /// 415.
    Never,
}

/// How a body is converted (routing.md section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentHandling {
    /// Base64 to bytes.
    ConvertToBinary,
    /// Bytes to base64 or text.
    ConvertToText,
}

/// Whether an answer is collected or passed on as it comes (integrations.md section 15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseTransferMode {
    /// Collected.
    #[default]
    Buffered,
    /// Passed on as it comes.
    Stream,
}

/// A mapping template of an integration.
#[derive(Clone, Debug)]
pub enum Template {
    /// A parsed template.
    Parsed(postern_template::Template),
    /// A template that does not parse, on an API that is not strict: using it answers 500 (ER1).
    Broken,
    /// JSON null: the body passes through for this media type (integrations.md section 5).
    Passthrough,
}

/// One entry of an integration's `responses`.
#[derive(Clone, Debug)]
pub struct IntegrationResponse {
    /// What it is chosen by; absent: the default entry (SP5).
    pub selection_pattern: Option<SelectionPattern>,
    /// The status of the method response, 100 to 599.
    pub status: u16,
    /// Header mappings.
    pub response_parameters: Vec<ResponseMapping>,
    /// Response templates by media type, in the order of the file.
    pub response_templates: Vec<(Box<str>, Template)>,
    /// How the answer's body is converted.
    pub content_handling: Option<ContentHandling>,
}

/// One entry of `cacheKeyParameters` (integrations.md section 16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheKeyParameter {
    /// `method.request.{header|path|querystring}.NAME`
    Method(ParameterLocation, Box<str>),
    /// `integration.request.{header|path|querystring}.NAME`
    Integration(RequestTarget),
}

/// A text with places that stage variables and path parameters fill: a URI, a link id, a role.
///
/// ```
/// use postern_model::{UriSegment, UriTemplate};
///
/// let uri: UriTemplate = "http://${stageVariables.host}/pets/{id}".parse().unwrap();
/// assert_eq!(uri.segments().len(), 4);
/// assert_eq!(uri.segments()[1], UriSegment::StageVariable("host".into()));
/// assert_eq!(uri.segments()[3], UriSegment::PathParameter("id".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriTemplate {
    text: Box<str>,
    segments: Vec<UriSegment>,
}

/// A piece of a [`UriTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UriSegment {
    /// As it stands.
    Literal(Box<str>),
    /// `${stageVariables.NAME}`
    StageVariable(Box<str>),
    /// `{NAME}`: filled by `integration.request.path.NAME`.
    PathParameter(Box<str>),
}

impl UriTemplate {
    /// The pieces in order; literals are not empty.
    #[must_use]
    pub fn segments(&self) -> &[UriSegment] {
        &self.segments
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pieces with stage variables filled in (a missing one is empty), neighbouring texts joined: what
    /// is left are texts and path parameters (integrations.md section 2).
    #[must_use]
    pub fn filled(&self, variables: &StageVariables) -> Vec<UriSegment> {
        let mut filled: Vec<UriSegment> = Vec::new();
        for segment in &self.segments {
            let text = match segment {
                UriSegment::Literal(text) => text,
                UriSegment::StageVariable(name) => variables.get(name).map_or("", |value| value),
                UriSegment::PathParameter(_) => {
                    filled.push(segment.clone());
                    continue;
                }
            };
            if let Some(UriSegment::Literal(last)) = filled.last_mut() {
                *last = format!("{last}{text}").into();
            } else {
                filled.push(UriSegment::Literal(text.into()));
            }
        }
        filled
    }

    /// The text with stage variables filled in; `None` where a path parameter stands in it.
    #[must_use]
    pub fn filled_text(&self, variables: &StageVariables) -> Option<String> {
        match self.filled(variables).as_slice() {
            [] => Some(String::new()),
            [UriSegment::Literal(text)] => Some(text.to_string()),
            _ => None,
        }
    }

    /// The names of the stage variables that it uses.
    pub fn stage_variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            UriSegment::StageVariable(name) => Some(&**name),
            UriSegment::Literal(_) | UriSegment::PathParameter(_) => None,
        })
    }
}

impl FromStr for UriTemplate {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from_brace) = rest.split_at(open);
            let Some(close) = from_brace.find('}') else {
                return Err(Malformed::new("a `}` for every `{`"));
            };
            let name = from_brace.get(1..close).unwrap_or_default();
            let variable = before.ends_with('$').then(|| name.strip_prefix("stageVariables.")).flatten();
            let literal =
                if variable.is_some() { before.get(..open - 1).unwrap_or_default() } else { before };
            if !literal.is_empty() {
                segments.push(UriSegment::Literal(literal.into()));
            }
            segments.push(match variable {
                Some(variable) => UriSegment::StageVariable(variable.into()),
                None => UriSegment::PathParameter(name.strip_suffix('+').unwrap_or(name).into()),
            });
            rest = from_brace.get(close + 1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            segments.push(UriSegment::Literal(rest.into()));
        }
        Ok(Self { text: text.into(), segments })
    }
}
