//! Parameter mapping: which value goes where (integrations.md section 3).

use postern_template::JsonPath;

/// One entry of an integration's `requestParameters`.
#[derive(Clone, Debug)]
pub struct RequestMapping {
    /// What is set.
    pub target: RequestTarget,
    /// From where.
    pub source: RequestSource,
}

/// A target `integration.request.…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestTarget {
    /// `integration.request.header.NAME`
    Header(Box<str>),
    /// `integration.request.querystring.NAME`
    QueryString(Box<str>),
    /// `integration.request.path.NAME`: fills `{NAME}` of the URI.
    Path(Box<str>),
    /// `integration.request.body`: is sent in place of a body that passes through.
    Body,
}

/// A source `method.request.…`, `stageVariables.…`, `context.…` or a literal.
#[derive(Clone, Debug)]
pub enum RequestSource {
    /// `method.request.path.NAME`, decoded.
    Path(Box<str>),
    /// `method.request.querystring.NAME`: the last value.
    QueryString(Box<str>),
    /// `method.request.multivaluequerystring.NAME`: all values, repeated.
    MultiValueQueryString(Box<str>),
    /// `method.request.header.NAME`: the last value.
    Header(Box<str>),
    /// `method.request.multivalueheader.NAME`: all values, joined by commas.
    MultiValueHeader(Box<str>),
    /// `method.request.body`: the whole body.
    Body,
    /// `method.request.body.PATH`.
    BodyPath(JsonPath),
    /// `stageVariables.NAME`
    StageVariable(Box<str>),
    /// `context.NAME`, without the `context.`.
    Context(Box<str>),
    /// `'text'`, without the quotes.
    Literal(Box<str>),
}

/// One entry of an integration response's `responseParameters`: `method.response.header.NAME`.
#[derive(Clone, Debug)]
pub struct ResponseMapping {
    /// The header that is set.
    pub header: Box<str>,
    /// From where.
    pub source: ResponseSource,
}

/// A source `integration.response.…`, `stageVariables.…`, `context.…` or a literal.
#[derive(Clone, Debug)]
pub enum ResponseSource {
    /// `integration.response.header.NAME`: the last value, found without regard to case.
    Header(Box<str>),
    /// `integration.response.multivalueheader.NAME`: all values, joined by commas.
    MultiValueHeader(Box<str>),
    /// `integration.response.body`: the whole body.
    Body,
    /// `integration.response.body.PATH`.
    BodyPath(JsonPath),
    /// `stageVariables.NAME`
    StageVariable(Box<str>),
    /// `context.NAME`, without the `context.`.
    Context(Box<str>),
    /// `'text'`, without the quotes.
    Literal(Box<str>),
}
