//! `x-amazon-apigateway-authorizer`: who proves who calls.

use postern_document::{Node, Record};
use postern_model::{
    Authorizer, AuthorizerFunction, AuthorizerKind, IdentitySource, UriTemplate, is_context_of_requests,
};

use super::{Level, address::function_uri};
use crate::{
    context::{Context, whole_number, word},
    mapping,
    report::Keys,
};

const KEYS: Keys = Keys {
    what: "an authorizer",
    documentation: &[],
    ignored: &[
        ("authorizerPayloadFormatVersion", "it belongs to HTTP APIs"),
        ("enableSimpleResponses", "it belongs to HTTP APIs"),
    ],
    level: Level::Elsewhere,
};

/// How long an answer is kept where nothing is said, in seconds (AU-65).
const RESULT_TTL_SECONDS: u32 = 300;

const KINDS: &[(&str, Kind)] =
    &[("token", Kind::Token), ("request", Kind::Request), ("cognito_user_pools", Kind::CognitoUserPools)];

/// The type of authorizers that only HTTP APIs have.
const JWT: &str = "jwt";

#[derive(Clone, Copy)]
enum Kind {
    Token,
    Request,
    CognitoUserPools,
}

/// Whether this is an authorizer of HTTP APIs, which proves nothing here.
pub(crate) fn is_of_http_apis(node: &Node) -> bool {
    node.get("type").and_then(Node::as_text).is_some_and(|kind| kind.eq_ignore_ascii_case(JWT))
}

/// Reads an authorizer. `header` is the header that its security scheme names (AU-33).
pub(crate) fn read_authorizer<'a>(
    node: &'a Node,
    header: Option<&str>,
    context: &mut Context<'a>,
) -> Option<Authorizer> {
    let node = context.follow(node)?;
    let problems = &mut context.report.problems;
    let mut record = Record::read(node, KEYS.what, problems)?;
    let kind = record.required("type", |text| word(text, KINDS), problems);
    let result_ttl_seconds =
        record.optional("authorizerResultTtlInSeconds", |text| whole_number(text, 0, 3600), problems);
    let uri = record.node("authorizerUri");
    let credentials = record.node("authorizerCredentials");
    let provider_arns = record.sequence("providerARNs", problems);
    let identity_source = record.node("identitySource").filter(|node| !is_empty(node));
    let expression = record.node("identityValidationExpression").filter(|node| !is_empty(node));
    context.report.unread(&record, &KEYS);

    if let (Some(Kind::Request), Some(node)) = (kind, expression) {
        let message = "`identityValidationExpression` has no effect in an authorizer of type `request`";
        context.report.warning(&node.place, message);
    }
    let kind = match kind? {
        Kind::Token => AuthorizerKind::Token(read_function(node, uri, credentials, context)?),
        Kind::Request => AuthorizerKind::Request(read_function(node, uri, credentials, context)?),
        Kind::CognitoUserPools => AuthorizerKind::CognitoUserPools(read_pools(node, provider_arns, context)?),
    };
    let identity_sources = match identity_source {
        Some(node) => context.parse("identitySource", node, read_identity_sources)?,
        None => header
            .filter(|name| !name.is_empty() && *name != "Unused")
            .map(|name| IdentitySource::Header(name.into()))
            .into_iter()
            .collect(),
    };
    warn_of_valueless(&identity_sources, identity_source, context);
    let identity_validation_expression = match expression {
        Some(node) => Some(context.pattern(node.as_scalar_text().unwrap_or_default(), &node.place)?),
        None => None,
    };
    let authorizer = Authorizer {
        place: node.place.clone(),
        kind,
        identity_sources,
        identity_validation_expression,
        result_ttl_seconds: result_ttl_seconds.unwrap_or(RESULT_TTL_SECONDS),
    };
    has_identity(&authorizer, context).then_some(authorizer)
}

fn is_empty(node: &Node) -> bool {
    node.as_scalar_text().is_some_and(|text| text.trim().is_empty())
}

fn read_function(
    authorizer: &Node,
    uri: Option<&Node>,
    credentials: Option<&Node>,
    context: &mut Context<'_>,
) -> Option<AuthorizerFunction> {
    let Some(uri) = uri else {
        context.report.error(&authorizer.place, "`authorizerUri` is missing in a Lambda authorizer");
        return None;
    };
    let uri = context.parse("authorizerUri", uri, function_uri)?;
    let credentials = match credentials.filter(|node| !is_empty(node)) {
        Some(node) => Some(context.parse("authorizerCredentials", node, str::parse::<UriTemplate>)?),
        None => None,
    };
    Some(AuthorizerFunction { uri, credentials })
}

fn read_pools(authorizer: &Node, arns: &[Node], context: &mut Context<'_>) -> Option<Vec<Box<str>>> {
    if arns.is_empty() {
        let message = "`providerARNs` is missing in an authorizer of type `cognito_user_pools`";
        context.report.error(&authorizer.place, message);
        return None;
    }
    let parse = |text: &str| match text.starts_with("arn:") {
        true => Ok(text.into()),
        false => Err("expected the ARN of a user pool"),
    };
    arns.iter().map(|node| context.parse("providerARNs", node, parse)).collect()
}

fn read_identity_sources(text: &str) -> Result<Vec<IdentitySource>, String> {
    text.split(',').map(|source| mapping::identity_source(source.trim())).collect()
}

/// Warns of sources that no request has a value for where the authorizer is asked: whoever needs one is always
/// answered 401.
fn warn_of_valueless(sources: &[IdentitySource], node: Option<&Node>, context: &mut Context<'_>) {
    let Some(node) = node else { return };
    for source in sources {
        if let IdentitySource::Context(name) = source
            && !is_context_of_requests(name)
        {
            let message = format!("`context.{name}` in `identitySource` never has a value here");
            context.report.warning(&node.place, message);
        }
    }
}

/// Whether the identity sources are as many and of the kind that the authorizer takes
/// (authorization.md section 3.1).
fn has_identity(authorizer: &Authorizer, context: &mut Context<'_>) -> bool {
    let Authorizer { place, kind, identity_sources, result_ttl_seconds, .. } = authorizer;
    let is_one_header = matches!(identity_sources.as_slice(), [IdentitySource::Header(_)]);
    let message = match kind {
        AuthorizerKind::Request(_) if identity_sources.is_empty() && *result_ttl_seconds > 0 => {
            "`identitySource` is missing: an authorizer whose answers are kept needs one"
        }
        AuthorizerKind::Token(_) | AuthorizerKind::CognitoUserPools(_) if !is_one_header => {
            "an authorizer of this type reads one header: expected its name as the `name` of the security \
             scheme or as `identitySource`"
        }
        AuthorizerKind::Request(_) | AuthorizerKind::Token(_) | AuthorizerKind::CognitoUserPools(_) => {
            return true;
        }
    };
    context.report.error(place, message);
    false
}
