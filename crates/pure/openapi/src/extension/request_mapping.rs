//! Entries of an integration's `requestParameters`, and targets that the service refuses to set.

use postern_document::Entry;
use postern_model::{IntegrationType, ParameterLocation, RequestMapping, RequestSource, RequestTarget};

use crate::{context::Context, mapping, operation::Declared};

/// Headers that no mapping may set: every call fails (integrations.md section 6.3).
const NEVER: &[&str] =
    &["Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id", "X-Amzn-Apigateway-Api-Id"];

/// Headers that a mapping may not set towards a service or a function.
const NEVER_FOR_AWS: &[&str] = &["Authorization", "Connection", "Expect", "Proxy-Authenticate", "TE"];

/// Headers that are dropped behind the mapping towards HTTP backends, and towards services (GR-43);
/// the last three belong to the connection, which is the gateway's own.
const DROPPED_FOR_HTTP: &[&str] =
    &["Expect", "Proxy-Authenticate", "TE", "Connection", "Keep-Alive", "Proxy-Connection"];
const DROPPED_FOR_AWS: &[&str] = &["Referer"];

/// Reads one entry; with it, why every call fails that uses it, if that is so.
pub(super) fn read(
    entry: &Entry,
    kind: IntegrationType,
    declared: &Declared<'_>,
    context: &mut Context<'_>,
) -> Option<(RequestMapping, Option<String>)> {
    let source = context.parse(&entry.key, &entry.value, mapping::request_source);
    let target = match mapping::request_target(&entry.key) {
        Ok(target) => target,
        Err(error) => {
            context.report.error(&entry.place, format!("`{}` cannot be set: {error}", entry.key));
            return None;
        }
    };
    let source = source?;
    if let Some(undeclared) = undeclared(&source, declared) {
        let message = format!("`{undeclared}` is used in a mapping and not declared by its method");
        context.report.once(&entry.place, message);
    }
    if kind == IntegrationType::AwsProxy {
        let message = "`requestParameters` of an integration of type `aws_proxy` has no effect";
        context.report.once(&entry.place, message);
    }
    let fault = illegal_target(&target, kind);
    if let RequestTarget::Header(name) = &target
        && fault.is_none()
        && is_dropped(name, kind)
    {
        let message = format!("the header `{name}` is dropped on the way to the backend");
        context.report.once(&entry.place, message);
    }
    Some((RequestMapping { target, source }, fault))
}

fn illegal_target(target: &RequestTarget, kind: IntegrationType) -> Option<String> {
    let RequestTarget::Header(name) = target else { return None };
    let is_illegal = match kind {
        IntegrationType::Mock => false,
        IntegrationType::Http | IntegrationType::HttpProxy => is_among(name, NEVER),
        IntegrationType::Aws | IntegrationType::AwsProxy => {
            is_among(name, NEVER) || is_among(name, NEVER_FOR_AWS)
        }
    };
    is_illegal.then(|| format!("the header `{name}` cannot be set by a mapping: every call answers 500"))
}

fn is_dropped(name: &str, kind: IntegrationType) -> bool {
    match kind {
        IntegrationType::Mock | IntegrationType::AwsProxy => false,
        IntegrationType::Http => is_among(name, DROPPED_FOR_HTTP) || is_among(name, &["Via"]),
        IntegrationType::HttpProxy => is_among(name, DROPPED_FOR_HTTP),
        IntegrationType::Aws => is_among(name, DROPPED_FOR_AWS),
    }
}

fn is_among(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// The parameter that a source reads and its method does not declare (PM2).
fn undeclared(source: &RequestSource, declared: &Declared<'_>) -> Option<String> {
    let (location, word, name) = match source {
        RequestSource::Path(name) => (ParameterLocation::Path, "path", name),
        RequestSource::QueryString(name) | RequestSource::MultiValueQueryString(name) => {
            (ParameterLocation::QueryString, "querystring", name)
        }
        RequestSource::Header(name) | RequestSource::MultiValueHeader(name) => {
            (ParameterLocation::Header, "header", name)
        }
        RequestSource::Body
        | RequestSource::BodyPath(_)
        | RequestSource::StageVariable(_)
        | RequestSource::Context(_)
        | RequestSource::Literal(_) => return None,
    };
    let is_declared =
        declared.parameters.iter().any(|parameter| parameter.location == location && parameter.name == *name);
    (!is_declared).then(|| format!("method.request.{word}.{name}"))
}
