//! Parameter mapping expressions: what is set, and from where (integrations.md section 3).

use postern_model::{
    CacheKeyParameter, GatewayResponseSource, IdentitySource, ParameterLocation, RequestSource,
    RequestTarget, ResponseSource,
};
use postern_template::JsonPath;

/// What stands behind a prefix, made of the name there.
type Named<T> = (&'static str, fn(Box<str>) -> T);

const REQUEST_TARGETS: &[Named<RequestTarget>] = &[
    ("integration.request.header.", RequestTarget::Header),
    ("integration.request.querystring.", RequestTarget::QueryString),
    ("integration.request.path.", RequestTarget::Path),
];

const REQUEST_SOURCES: &[Named<RequestSource>] = &[
    ("method.request.path.", RequestSource::Path),
    ("method.request.querystring.", RequestSource::QueryString),
    ("method.request.multivaluequerystring.", RequestSource::MultiValueQueryString),
    ("method.request.header.", RequestSource::Header),
    ("method.request.multivalueheader.", RequestSource::MultiValueHeader),
    ("stageVariables.", RequestSource::StageVariable),
    ("context.", RequestSource::Context),
];

const RESPONSE_SOURCES: &[Named<ResponseSource>] = &[
    ("integration.response.header.", ResponseSource::Header),
    ("integration.response.multivalueheader.", ResponseSource::MultiValueHeader),
    ("stageVariables.", ResponseSource::StageVariable),
    ("context.", ResponseSource::Context),
];

const GATEWAY_RESPONSE_SOURCES: &[Named<GatewayResponseSource>] = &[
    ("method.request.header.", GatewayResponseSource::RequestHeader),
    ("method.request.querystring.", GatewayResponseSource::RequestQueryString),
    ("method.request.path.", GatewayResponseSource::RequestPath),
    ("stageVariables.", GatewayResponseSource::StageVariable),
    ("context.", GatewayResponseSource::Context),
];

const IDENTITY_SOURCES: &[Named<IdentitySource>] = &[
    ("method.request.header.", IdentitySource::Header),
    ("method.request.querystring.", IdentitySource::QueryString),
    ("stageVariables.", IdentitySource::StageVariable),
    ("context.", IdentitySource::Context),
];

const CACHE_KEY_PARAMETERS: &[Named<CacheKeyParameter>] = &[
    ("method.request.header.", |name| CacheKeyParameter::Method(ParameterLocation::Header, name)),
    ("method.request.querystring.", |name| CacheKeyParameter::Method(ParameterLocation::QueryString, name)),
    ("method.request.path.", |name| CacheKeyParameter::Method(ParameterLocation::Path, name)),
    ("integration.request.header.", |name| CacheKeyParameter::Integration(RequestTarget::Header(name))),
    ("integration.request.querystring.", |name| {
        CacheKeyParameter::Integration(RequestTarget::QueryString(name))
    }),
    ("integration.request.path.", |name| CacheKeyParameter::Integration(RequestTarget::Path(name))),
];

/// The target of a request mapping.
pub(crate) fn request_target(text: &str) -> Result<RequestTarget, String> {
    if text == "integration.request.body" {
        return Ok(RequestTarget::Body);
    }
    named(text, REQUEST_TARGETS, "`integration.request.header.NAME`, `.querystring.NAME` or `.path.NAME`")
}

/// The source of a request mapping.
pub(crate) fn request_source(text: &str) -> Result<RequestSource, String> {
    if let Some(literal) = literal(text) {
        return Ok(RequestSource::Literal(literal.into()));
    }
    if text == "method.request.body" {
        return Ok(RequestSource::Body);
    }
    if let Some(path) = text.strip_prefix("method.request.body.") {
        return JsonPath::parse(path).map(RequestSource::BodyPath);
    }
    named(
        text,
        REQUEST_SOURCES,
        "`method.request.…`, `stageVariables.NAME`, `context.NAME` or text in single quotes",
    )
}

/// The header that a response mapping sets.
pub(crate) fn response_header(text: &str) -> Result<Box<str>, String> {
    named(text, &[("method.response.header.", |name| name)], "`method.response.header.NAME`")
}

/// The source of a response mapping.
pub(crate) fn response_source(text: &str) -> Result<ResponseSource, String> {
    if let Some(literal) = literal(text) {
        return Ok(ResponseSource::Literal(literal.into()));
    }
    if text == "integration.response.body" {
        return Ok(ResponseSource::Body);
    }
    if let Some(path) = text.strip_prefix("integration.response.body.") {
        return JsonPath::parse(path).map(ResponseSource::BodyPath);
    }
    named(
        text,
        RESPONSE_SOURCES,
        "`integration.response.…`, `stageVariables.NAME`, `context.NAME` or text in single quotes",
    )
}

/// The header that a gateway response sets.
pub(crate) fn gateway_response_header(text: &str) -> Result<Box<str>, String> {
    named(text, &[("gatewayresponse.header.", |name| name)], "`gatewayresponse.header.NAME`")
}

/// The source of a header of a gateway response (GR-24).
pub(crate) fn gateway_response_source(text: &str) -> Result<GatewayResponseSource, String> {
    if let Some(literal) = literal(text) {
        return Ok(GatewayResponseSource::Literal(literal.into()));
    }
    named(
        text,
        GATEWAY_RESPONSE_SOURCES,
        "`method.request.…`, `stageVariables.NAME`, `context.NAME` or text in single quotes",
    )
}

/// One identity source of an authorizer.
pub(crate) fn identity_source(text: &str) -> Result<IdentitySource, String> {
    named(
        text,
        IDENTITY_SOURCES,
        "`method.request.header.NAME`, `method.request.querystring.NAME`, `stageVariables.NAME` or `context.NAME`",
    )
}

/// One entry of `cacheKeyParameters`.
pub(crate) fn cache_key_parameter(text: &str) -> Result<CacheKeyParameter, String> {
    named(
        text,
        CACHE_KEY_PARAMETERS,
        "`method.request` or `integration.request` with `.header.NAME`, `.querystring.NAME` or `.path.NAME`",
    )
}

fn named<T>(text: &str, forms: &[Named<T>], expected: &str) -> Result<T, String> {
    let (name, make) = forms
        .iter()
        .find_map(|(prefix, make)| Some((text.strip_prefix(prefix)?, make)))
        .ok_or_else(|| format!("expected {expected}"))?;
    // PM1: anything else is a definition error.
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._$-".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_allowed) {
        return Err(format!("`{name}` is not a name: expected letters, digits and `._$-`"));
    }
    Ok(make(name.into()))
}

/// The text between single quotes.
fn literal(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pm1_names_are_letters_digits_and_four_signs() {
        assert!(request_target("integration.request.header.X-a_b.c$1").is_ok());
        assert_eq!(
            request_target("integration.request.querystring.filter[name]").unwrap_err(),
            "`filter[name]` is not a name: expected letters, digits and `._$-`"
        );
        assert_eq!(request_target("integration.request.body"), Ok(RequestTarget::Body));
        assert!(request_target("integration.request.body.a").is_err());
        assert_eq!(
            request_target("integration.request.header.").unwrap_err(),
            "`` is not a name: expected letters, digits and `._$-`"
        );
    }

    #[test]
    fn a_request_source_is_one_of_the_table() {
        let is = |text, wanted: fn(&RequestSource) -> bool| wanted(&request_source(text).unwrap());
        assert!(is(
            "method.request.path.id",
            |source| matches!(source, RequestSource::Path(name) if &**name == "id")
        ));
        assert!(is("method.request.multivalueheader.a", |source| matches!(
            source,
            RequestSource::MultiValueHeader(_)
        )));
        assert!(is("method.request.body", |source| matches!(source, RequestSource::Body)));
        assert!(is("method.request.body.a.b", |source| matches!(source, RequestSource::BodyPath(_))));
        assert!(is("context.authorizer.principalId", |source| {
            matches!(source, RequestSource::Context(name) if &**name == "authorizer.principalId")
        }));
        assert!(is("''", |source| matches!(source, RequestSource::Literal(text) if text.is_empty())));
        assert!(is("'it's'", |source| matches!(source, RequestSource::Literal(text) if &**text == "it's")));
        for wrong in
            ["text", "'", "$context.stage", "integration.response.body", "Method.request.path.id", ""]
        {
            assert!(request_source(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_response_sets_headers_alone() {
        assert_eq!(response_header("method.response.header.Location"), Ok("Location".into()));
        assert!(response_header("method.response.body").is_err());
        assert!(matches!(response_source("integration.response.header.a"), Ok(ResponseSource::Header(_))));
        assert!(response_source("method.request.header.a").is_err());
    }
}
