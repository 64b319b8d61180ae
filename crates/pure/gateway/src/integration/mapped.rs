//! HTTP and MOCK: request and answer go through mappings and templates (integrations.md sections 2, 6
//! to 8).

use std::borrow::Cow;

use postern_model::{IntegrationResponse, IntegrationType, Template};
use postern_protocol::http1::{FieldBlock, Fields, KnownName};
use postern_template::{OverrideValue, Overrides, mock_status};

use super::{
    Address,
    content::{template_for_request, template_for_response},
    forwarding::{push_mapped_reply_field, write_trace_id},
    http_proxy::{CallMemory, HeadParts, Mappings, client_verb, finish_head, push_mapped_header},
    parameters::{MappedBody, response_value},
    request_line::{Filling, QueryWriter, write_target},
    template_view::TemplateView,
};
use crate::{Record, Refusal, context::lossy, response::push_ids, routing::Matched};

/// What the request template gave.
#[derive(Debug, Default)]
pub(crate) struct MappedRequest {
    /// Whether the body was rendered; else the client's passes through.
    pub(crate) rendered: bool,
    pub(crate) overrides: Overrides,
}

/// Renders the request template, if one takes the body, into `output`.
pub(crate) fn map_request(
    record: &Record<'_>,
    matched: &Matched<'_>,
    body: &MappedBody<'_>,
    output: &mut String,
) -> Result<MappedRequest, Refusal> {
    output.clear();
    let mut mapped = MappedRequest::default();
    let Some(arrival) = record.arrival else { return Ok(mapped) };
    if let Some(template) = template_for_request(&matched.method.model.integration, arrival)? {
        render(record, template, Some(body.text()), &mut mapped.overrides, output)?;
        mapped.rendered = true;
    }
    Ok(mapped)
}

/// The status that a MOCK's request text names, or `None` where there is no text and the default
/// response is used (MK1 to MK4).
pub(crate) fn mock_integration_status(text: &str) -> Result<Option<i64>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    mock_status(text).map(Some).ok_or_else(|| {
        Refusal::Configuration("the MOCK's request template gives no object with a whole `statusCode`".into())
    })
}

/// Writes the head of a call to an HTTP backend: nothing of the client's but what is mapped (6.1).
pub(crate) fn write_mapped_call(
    record: &Record<'_>,
    matched: &Matched<'_>,
    address: &Address,
    body: &MappedBody<'_>,
    mapped: &MappedRequest,
    body_length: Option<u64>,
    memory: &mut CallMemory,
) -> Result<(), Refusal> {
    let mappings = Mappings::evaluate(record, matched, Some(body), |_| true)?;
    let overrides = &mapped.overrides;
    let CallMemory { head, fields, target } = memory;
    target.clear();
    let path = |name: &str| match overrides.request_path.get(name) {
        Some(value) => Some(one(value)),
        None => mappings.path(name),
    };
    write_target(record, matched, address, Filling::Encoded, path, target)?;
    write_query(&mappings, overrides, address, target);

    fields.clear();
    for (name, value) in mappings.headers().filter(|(name, _)| overridden(overrides, name).is_none()) {
        push_mapped_header(name, &value.as_slice().join(","), fields)?;
    }
    for (name, value) in overrides.request_header.iter() {
        each(value, |value| push_mapped_header(name, value, fields))?;
    }
    push_missing_fields(record, address, body_length.is_some(), fields);
    finish_head(record, client_verb(record, address), body_length, HeadParts { target, fields }, head)
}

/// Query parameters: overrides replace mappings of the same name (OV1).
fn write_query(mappings: &Mappings<'_>, overrides: &Overrides, address: &Address, target: &mut Vec<u8>) {
    let mut query = QueryWriter::new(address.has_query);
    for (name, value) in mappings.query() {
        if overrides.request_querystring.get(name).is_none() {
            query.push(name.as_bytes(), value.as_bytes(), target);
        }
    }
    for (name, value) in overrides.request_querystring.iter() {
        for value in values(value) {
            query.push(name.as_bytes(), value.as_bytes(), target);
        }
    }
}

/// What every call to an HTTP backend has where no mapping set it.
fn push_missing_fields(record: &Record<'_>, address: &Address, has_body: bool, fields: &mut FieldBlock) {
    let api = record.located.as_ref().map_or("", |located| located.api.id.as_str());
    if !fields.contains(b"Accept") {
        fields.push_trusted(b"Accept", b"application/json");
    }
    if !fields.contains(b"User-Agent") {
        fields.push_trusted(b"User-Agent", format!("AmazonAPIGateway_{api}").as_bytes());
    }
    fields.push_trusted(b"X-Amzn-Apigateway-Api-Id", api.as_bytes());
    if has_body && !fields.contains(b"Content-Type") {
        let sent = record
            .arrival
            .and_then(|arrival| arrival.head.over(arrival.bytes).fields().value(KnownName::ContentType));
        fields.push_trusted(b"Content-Type", sent.unwrap_or(b"application/json"));
    }
    if !fields.contains(b"Host") {
        fields.push_trusted(b"Host", address.host.as_bytes());
    }
}

/// What came back, before it is mapped.
#[derive(Debug)]
pub(crate) struct IntegrationResult<'a> {
    /// What selection patterns are matched against; absent: only the default entry can be meant.
    pub(crate) status: Option<i64>,
    pub(crate) fields: Option<Fields<'a>>,
    /// The backend's body; absent for MOCK.
    pub(crate) body: Option<&'a [u8]>,
}

/// Chooses the integration response, maps its headers and renders its template. Gives back the status
/// of the answer; `output` holds its body.
pub(crate) fn map_response(
    record: &Record<'_>,
    matched: &Matched<'_>,
    result: &IntegrationResult<'_>,
    mut overrides: Overrides,
    fields: &mut FieldBlock,
    output: &mut String,
) -> Result<u16, Refusal> {
    let entry = select(&matched.method.model.integration.responses, result.status)?;
    if !matched.method.model.responses.iter().any(|response| response.status == entry.status) {
        let reason =
            format!("the method declares no response {}, which the integration response gives", entry.status);
        return Err(Refusal::Configuration(reason.into()));
    }
    let text = result.body.map(lossy);
    let body = text.as_deref().map(MappedBody::new);
    output.clear();
    let template =
        record.arrival.and_then(|arrival| template_for_response(&entry.response_templates, arrival));
    match (template, &body) {
        (Some(Template::Passthrough) | None, Some(body)) => output.push_str(body.text()),
        (Some(Template::Passthrough) | None, None) => {}
        (Some(template), body) => {
            let text = body.as_ref().map(|body| body.text());
            render(record, template, text, &mut overrides, output)?;
        }
    }
    write_fields(record, entry, result, body.as_ref(), &overrides, fields)?;
    if matched.method.model.integration.kind != IntegrationType::Mock {
        let mut trace_id = Vec::new();
        write_trace_id(record, &mut trace_id);
        fields.push_trusted(b"X-Amzn-Trace-Id", &trace_id);
    }
    Ok(overrides.status().unwrap_or(entry.status))
}

fn write_fields(
    record: &Record<'_>,
    entry: &IntegrationResponse,
    result: &IntegrationResult<'_>,
    body: Option<&MappedBody<'_>>,
    overrides: &Overrides,
    fields: &mut FieldBlock,
) -> Result<(), Refusal> {
    fields.clear();
    let invalid = |name: &str| {
        Refusal::Configuration(
            format!("the value mapped to header `{name}` may not stand in a header").into(),
        )
    };
    for mapping in &entry.response_parameters {
        let name = &*mapping.header;
        let is_overridden = overrides.response_header.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        if is_overridden {
            continue;
        }
        if let Some(value) = response_value(record, &mapping.source, result.fields, body)? {
            push_mapped_reply_field(name, &value, fields).map_err(|_| invalid(name))?;
        }
    }
    for (name, value) in overrides.response_header.iter() {
        each(value, |value| push_mapped_reply_field(name, value, fields).map_err(|_| invalid(name)))?;
    }
    if !fields.contains(b"Content-Type") {
        fields.push_trusted(b"Content-Type", b"application/json");
    }
    push_ids(&record.ids, fields);
    Ok(())
}

/// The entry for a status (SP1, SP5 to SP7).
fn select(responses: &[IntegrationResponse], status: Option<i64>) -> Result<&IntegrationResponse, Refusal> {
    let text = status.map(|status| status.to_string());
    let matches = |entry: &&IntegrationResponse| match (&entry.selection_pattern, &text) {
        (Some(pattern), Some(text)) => pattern.matches(text),
        _ => false,
    };
    let own_status = |entry: &&IntegrationResponse| Some(i64::from(entry.status)) == status;
    responses
        .iter()
        .filter(matches)
        .find(own_status)
        .or_else(|| responses.iter().find(matches))
        .or_else(|| responses.iter().find(|entry| entry.selection_pattern.is_none()))
        .ok_or_else(|| {
            Refusal::Configuration("no integration response matches and there is no default".into())
        })
}

fn render(
    record: &Record<'_>,
    template: &Template,
    body: Option<&str>,
    overrides: &mut Overrides,
    output: &mut String,
) -> Result<(), Refusal> {
    match template {
        Template::Parsed(template) => template
            .render(&TemplateView { record, body }, overrides, &record.house.template_limits, output)
            .map_err(Refusal::Template),
        Template::Broken => Err(Refusal::Configuration("the mapping template does not parse".into())),
        Template::Passthrough => Ok(()),
    }
}

fn overridden<'o>(overrides: &'o Overrides, name: &str) -> Option<&'o OverrideValue> {
    overrides.request_header.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn values(value: &OverrideValue) -> &[String] {
    match value {
        OverrideValue::One(value) => std::slice::from_ref(value),
        OverrideValue::Several(values) => values,
    }
}

fn one(value: &OverrideValue) -> Cow<'_, str> {
    match value {
        OverrideValue::One(value) => value.into(),
        OverrideValue::Several(values) => values.join(",").into(),
    }
}

fn each(value: &OverrideValue, mut take: impl FnMut(&str) -> Result<(), Refusal>) -> Result<(), Refusal> {
    values(value).iter().try_for_each(|value| take(value))
}
