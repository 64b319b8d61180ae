//! Which template a body goes through (integrations.md section 5, mapping-templates.md section 2).

use std::borrow::Cow;

use postern_model::{Integration, PassthroughBehavior, Template};
use postern_protocol::http1::KnownName;

use crate::{Arrival, Refusal, context::lossy};

/// The request template for a body, or `None` where the body passes through.
pub(crate) fn template_for_request<'m>(
    integration: &'m Integration,
    arrival: &Arrival<'_>,
) -> Result<Option<&'m Template>, Refusal> {
    let templates = &integration.request_templates;
    let passes = if templates.is_empty() {
        integration.passthrough_behavior != PassthroughBehavior::Never
    } else {
        let media_type = media_type(arrival, KnownName::ContentType);
        let of = |name: &str| templates.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        if let Some((_, template)) = of(&media_type).or_else(|| of("$default")) {
            return Ok(Some(template).filter(|template| !matches!(template, Template::Passthrough)));
        }
        integration.passthrough_behavior == PassthroughBehavior::WhenNoMatch
    };
    if passes { Ok(None) } else { Err(Refusal::UnsupportedMediaType) }
}

/// The response template: that of the first type of `Accept`, else of `application/json`, else the
/// first (SP11).
pub(crate) fn template_for_response<'m>(
    templates: &'m [(Box<str>, Template)],
    arrival: &Arrival<'_>,
) -> Option<&'m Template> {
    let accept = media_type(arrival, KnownName::Accept);
    let of = |name: &str| templates.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    of(&accept).or_else(|| of("application/json")).or_else(|| templates.first()).map(|(_, template)| template)
}

/// The media type of a header without its parameters; `application/json` where the header is absent.
fn media_type<'a>(arrival: &Arrival<'a>, name: KnownName) -> Cow<'a, str> {
    let value = arrival.head.over(arrival.bytes).fields().value(name);
    let Some(value) = value else { return "application/json".into() };
    let first = value.split(|byte| matches!(byte, b',' | b';')).next().unwrap_or_default();
    lossy(first.trim_ascii())
}
