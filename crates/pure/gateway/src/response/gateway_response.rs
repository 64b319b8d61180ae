//! Answers of the gateway itself: built-in bodies, and an API's own gateway responses
//! (gateway-responses.md sections 1, 3 and 4).

use postern_model::{GatewayResponse, GatewayResponseSource, GatewayResponseType};
use postern_protocol::http1::FieldBlock;
use postern_template::{SimpleSource, SimpleTemplate, SimpleVariable};

use crate::{
    Record, RequestIds, content,
    context::{OF_AUTHORIZER, Variable, View},
    integration::parameters,
    refusal::{Spelling, Wording},
};

/// Writes the two ids that every answer carries (gateway-responses.md section 5).
pub(crate) fn push_ids(ids: &RequestIds, fields: &mut FieldBlock) {
    fields.push_trusted(b"x-amzn-RequestId", ids.request_id_bytes());
    fields.push_trusted(b"x-amz-apigw-id", ids.extended_request_id_bytes());
}

/// Writes the answer to a refused request and gives back its status.
pub(crate) fn refuse(
    record: &Record<'_>,
    wording: &Wording,
    fields: &mut FieldBlock,
    body: &mut String,
) -> u16 {
    fields.clear();
    body.clear();
    let custom = customised(record, wording);
    match custom {
        Some(response) => write_customised(record, wording, response, fields, body),
        None => {
            fields.push_trusted(b"Content-Type", b"application/json");
            write_built_in(wording, body);
        }
    }
    push_ids(&record.ids, fields);
    if let Some(error_type) = wording.error_type {
        fields.push_trusted(b"x-amzn-ErrorType", error_type.as_bytes());
    }
    custom.and_then(|response| response.status).unwrap_or(wording.status)
}

/// The API's own response of the type, else that of the family (GR-1 to GR-4). Nothing is merged.
fn customised<'a>(record: &Record<'a>, wording: &Wording) -> Option<&'a GatewayResponse> {
    let api = record.located.as_ref()?.api;
    let kind = wording.kind?;
    if kind == GatewayResponseType::RequestTooLarge {
        return None;
    }
    api.gateway_response(kind).or_else(|| api.gateway_response(wording.family()?))
}

fn write_built_in(wording: &Wording, body: &mut String) {
    body.push_str(match wording.spelling {
        Spelling::Tight => "{\"message\":",
        Spelling::Spaced => "{\"message\": ",
        Spelling::Capital => "{\"Message\":",
    });
    body.push_str(&wording.quoted_message());
    body.push('}');
}

fn write_customised(
    record: &Record<'_>,
    wording: &Wording,
    response: &GatewayResponse,
    fields: &mut FieldBlock,
    body: &mut String,
) {
    let view = View { record, error: Some(wording), sent: None };
    let mut content_type = None;
    match template_for(record, response) {
        Some((media_type, template)) => {
            template.render(body, |output, variable| write_variable(&view, variable, output));
            content_type = Some(media_type);
        }
        None => write_built_in(wording, body),
    }
    let mut value = String::new();
    for (name, source) in &response.headers {
        value.clear();
        // A header without a value, or with one that may not stand in a header, is left out
        // (GR-23, GR-25).
        let written = write_source(&view, source, &mut value);
        if written && fields.push(name.as_bytes(), value.as_bytes()).is_ok() && is_content_type(name) {
            content_type = None;
        }
    }
    if !fields.contains(b"Content-Type") {
        let content_type = content_type.unwrap_or("application/json");
        if fields.push(b"Content-Type", content_type.as_bytes()).is_err() {
            fields.push_trusted(b"Content-Type", b"application/json");
        }
    }
}

fn is_content_type(name: &str) -> bool {
    name.eq_ignore_ascii_case("Content-Type")
}

/// The template for the first type of `Accept`, else for `application/json`, else the first (GR-26).
fn template_for<'r>(
    record: &Record<'_>,
    response: &'r GatewayResponse,
) -> Option<(&'r str, &'r SimpleTemplate)> {
    let of = |wanted: &str| response.templates.iter().find(|(own, _)| own.eq_ignore_ascii_case(wanted));
    let accepted = record.arrival.and_then(|arrival| of(&content::accepted(arrival)));
    let (media_type, template) =
        accepted.or_else(|| of("application/json")).or_else(|| response.templates.first())?;
    Some((media_type, template))
}

/// A variable that has no value is empty (GR-23), but for `messageString`, which is `null`.
fn write_variable(view: &View<'_>, variable: &SimpleVariable, output: &mut String) {
    match variable.source {
        SimpleSource::Context => {
            write_context(view, &variable.name, output);
        }
        SimpleSource::StageVariable => {
            output.push_str(stage_variable(view, &variable.name).unwrap_or_default());
        }
        SimpleSource::Parameter(place) => {
            if let Some(value) = parameters::request_parameter(view.record, place, &variable.name) {
                output.push_str(&value);
            }
        }
    }
}

fn write_source(view: &View<'_>, source: &GatewayResponseSource, output: &mut String) -> bool {
    use postern_template::ParameterPlace as Place;
    let parameter = |place, name: &str, output: &mut String| {
        parameters::request_parameter(view.record, place, name).map(|value| output.push_str(&value)).is_some()
    };
    match source {
        GatewayResponseSource::Literal(text) => {
            output.push_str(text);
            true
        }
        GatewayResponseSource::RequestHeader(name) => parameter(Place::Header, name, output),
        GatewayResponseSource::RequestQueryString(name) => parameter(Place::Querystring, name, output),
        GatewayResponseSource::RequestPath(name) => parameter(Place::Path, name, output),
        GatewayResponseSource::Context(name) => write_context(view, name, output),
        GatewayResponseSource::StageVariable(name) => {
            stage_variable(view, name).map(|value| output.push_str(value)).is_some()
        }
    }
}

/// Writes what stands under a name of `$context`, if anything does.
fn write_context(view: &View<'_>, name: &str, output: &mut String) -> bool {
    match name.strip_prefix(OF_AUTHORIZER) {
        Some(name) => {
            let value = view.record.authorizer.as_ref().and_then(|outcome| outcome.value(name));
            value.map(|value| output.push_str(&value)).is_some()
        }
        None => Variable::of(name).is_some_and(|variable| view.write(variable, output)),
    }
}

fn stage_variable<'v>(view: &View<'v>, name: &str) -> Option<&'v str> {
    Some(view.record.located.as_ref()?.stage.variables.get(name)?)
}
