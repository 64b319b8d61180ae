//! Which template a body goes through (integrations.md section 5, mapping-templates.md section 2).

use postern_model::{PassthroughBehavior, Template};

use super::ApiIntegration;
use crate::{Arrival, Refusal, content};

/// The request template for a body, or `None` where the body passes through.
pub(crate) fn template_for_request<'m>(
    integration: &'m ApiIntegration,
    arrival: &Arrival<'_>,
) -> Result<Option<&'m Template>, Refusal> {
    let templates = &integration.request_templates;
    let passes = if templates.is_empty() {
        integration.passthrough_behavior != PassthroughBehavior::Never
    } else {
        if let Some(template) =
            find(templates, &content::of_body(arrival)).or_else(|| find(templates, "$default"))
        {
            return Ok(Some(template).filter(|template| !matches!(template, Template::Passthrough)));
        }
        integration.passthrough_behavior == PassthroughBehavior::WhenNoMatch
    };
    if passes { Ok(None) } else { Err(Refusal::UnsupportedMediaType) }
}

/// The response template: that of the first type of `Accept`, else of `application/json`, else the
/// first (SP11). `None` where the body passes through.
pub(crate) fn template_for_response<'m>(
    templates: &'m [(Box<str>, Template)],
    arrival: &Arrival<'_>,
) -> Option<&'m Template> {
    let first = templates.first().map(|(_, template)| template)?;
    let template = find(templates, &content::accepted(arrival))
        .or_else(|| find(templates, "application/json"))
        .unwrap_or(first);
    Some(template).filter(|template| !matches!(template, Template::Passthrough))
}

fn find<'m>(templates: &'m [(Box<str>, Template)], media_type: &str) -> Option<&'m Template> {
    templates.iter().find(|(own, _)| own.eq_ignore_ascii_case(media_type)).map(|(_, template)| template)
}
