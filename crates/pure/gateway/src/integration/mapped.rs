//! HTTP and MOCK: request and answer go through mappings and templates (integrations.md sections 2, 6
//! to 8).

use std::borrow::Cow;

use postern_model::{IntegrationResponse, IntegrationType, Template};
use postern_protocol::http1::{FieldBlock, Fields, KnownName};
use postern_template::{OverrideGroup, OverrideValue, Overrides, mock_status};

use super::{
    Address,
    call_head::{CallMemory, declared_length, push_mapped_header},
    forwarding::{push_mapped_reply_field, write_trace_id},
    mappings::Mappings,
    parameters::{MappedBody, response_value},
    request_line::{Filling, QueryWriter, VariableText, write_target},
    template_choice::{template_for_request, template_for_response},
    template_view::TemplateView,
};
use crate::{
    Record, Refusal,
    content::{self, BodyText, Payload},
    response::{Sheet, Sheets, push_ids},
    routing::Matched,
};

/// A request after its template.
#[derive(Debug)]
pub(crate) struct MappedRequest<'b> {
    /// Whether the body was written anew; else it passes.
    is_written: bool,
    /// The body that passes, after content handling.
    passing: Payload<'b>,
    pub(crate) overrides: Overrides,
}

impl MappedRequest<'_> {
    /// The body to be sent. `written` is what the template wrote.
    pub(crate) fn body<'s>(&'s self, written: &'s str) -> &'s [u8] {
        if self.is_written { written.as_bytes() } else { self.passing.as_bytes() }
    }

    /// Whether the body was written anew.
    pub(super) const fn is_written(&self) -> bool {
        self.is_written
    }

    /// Whether the client's bytes pass with the content coding that they came with.
    fn passes_coded(&self, body: &BodyText<'_>) -> bool {
        body.is_coded && !self.is_written && self.passing.is_untouched()
    }

    /// The status that a MOCK's text names, or `None` where there is no text and the default response
    /// is used (MK1 to MK4).
    pub(crate) fn mock_status(&self, written: &str) -> Result<Option<i64>, Refusal> {
        let text = if self.is_written { written } else { self.passing.request_text()? };
        if text.is_empty() && !self.is_written {
            return Ok(None);
        }
        let unreadable = "the text of a MOCK's request is no object with a whole `statusCode`";
        mock_status(text).map(Some).ok_or_else(|| Refusal::Configuration(unreadable.into()))
    }
}

/// Converts the body and renders the request template, if one takes it, into `output`.
pub(crate) fn map_request<'b>(
    record: &Record<'_>,
    matched: &Matched<'_>,
    body: &'b BodyText<'b>,
    output: &mut String,
) -> Result<MappedRequest<'b>, Refusal> {
    let integration = &matched.method.integration;
    let (Some(located), Some(arrival)) = (record.located.as_ref(), record.arrival) else {
        return Err(Refusal::Overloaded);
    };
    let template = template_for_request(integration, arrival)?;
    let passing = content::towards_backend(located.api, arrival, integration.content_handling, body)?;
    output.clear();
    let mut overrides = Overrides::default();
    if let Some(template) = template {
        render(record, template, Some(passing.request_text()?), &mut overrides, output)?;
    }
    Ok(MappedRequest { is_written: template.is_some(), passing, overrides })
}

/// Writes a call to an HTTP backend, nothing of the client's but what is mapped (6.1): its head, and
/// into `output` a body that is written anew.
pub(crate) fn write_mapped_call<'b>(
    record: &Record<'_>,
    matched: &Matched<'_>,
    address: &Address,
    body: &'b BodyText<'b>,
    memory: &mut CallMemory,
    output: &mut String,
) -> Result<MappedRequest<'b>, Refusal> {
    let (mapped, mappings) = map_request_of(record, matched, address, body, output)?;
    let verb = address.verb.unwrap_or(matched.verb);
    let length = declared_length(verb, mapped.body(output).len(), mapped.is_written);
    write_fields_of_call(matched, address, (&mappings, &mapped.overrides), memory)?;
    push_coding(record, &mapped, body, &mut memory.fields);
    push_missing_fields(record, address, length.is_some(), &mut memory.fields);
    memory.finish(record, address, length)?;
    Ok(mapped)
}

/// Evaluates the mappings of a call to an address and renders its template, if one takes the body, into
/// `output`.
pub(super) fn map_request_of<'b, 'm>(
    record: &Record<'m>,
    matched: &Matched<'m>,
    address: &Address,
    body: &'b BodyText<'b>,
    output: &mut String,
) -> Result<(MappedRequest<'b>, Mappings<'m>), Refusal>
where
    'b: 'm,
{
    let mappings = Mappings::evaluate(record, matched, body, |mapping| !address.copies(mapping))?;
    let mut mapped = map_request(record, matched, body, output)?;
    if let Some(instead) = mappings.body().filter(|_| !mapped.is_written) {
        output.push_str(&instead);
        mapped.is_written = true;
    }
    Ok((mapped, mappings))
}

/// Says which content coding a body has that passes with the one that it came with.
pub(super) fn push_coding(
    record: &Record<'_>,
    mapped: &MappedRequest<'_>,
    body: &BodyText<'_>,
    fields: &mut FieldBlock,
) {
    if let Some(arrival) = record.arrival.filter(|_| mapped.passes_coded(body))
        && !fields.contains(b"Content-Encoding")
    {
        content::push_request_coding(arrival, fields);
    }
}

/// Maps a request to a function: what a call's head is made of stands in `fields` then, and a body that is
/// written anew in `output`.
pub(crate) fn map_function_call<'b>(
    record: &Record<'_>,
    matched: &Matched<'_>,
    body: &'b BodyText<'b>,
    fields: &mut FieldBlock,
    output: &mut String,
) -> Result<MappedRequest<'b>, Refusal> {
    let mappings = Mappings::evaluate(record, matched, body, |_| true)?;
    let mut mapped = map_request(record, matched, body, output)?;
    if let Some(instead) = mappings.body().filter(|_| !mapped.is_written) {
        output.push_str(&instead);
        mapped.is_written = true;
    }
    fields.clear();
    push_mapped_headers(&mappings, &mapped.overrides, fields)?;
    if FORBIDDEN_FOR_AWS.iter().any(|name| fields.contains(name)) {
        let reason = "a mapping or template sets a header that it may not set towards a function";
        return Err(Refusal::Configuration(reason.into()));
    }
    Ok(mapped)
}

/// Headers that may not be set towards a service or a function (integrations.md section 6.3), as far as
/// they are not dropped.
const FORBIDDEN_FOR_AWS: [&[u8]; 1] = [b"Authorization"];

/// Headers: overrides replace mappings of the same name (OV1).
fn push_mapped_headers(
    mappings: &Mappings<'_>,
    overrides: &Overrides,
    fields: &mut FieldBlock,
) -> Result<(), Refusal> {
    mappings.push_headers(|name| !overrides_header(&overrides.request_header, name), fields)?;
    for (name, value) in overrides.request_header.iter() {
        values(value).iter().try_for_each(|value| push_mapped_header(name, value, fields))?;
    }
    Ok(())
}

/// Target and fields that mappings and overrides give.
pub(super) fn write_fields_of_call(
    matched: &Matched<'_>,
    address: &Address,
    (mappings, overrides): (&Mappings<'_>, &Overrides),
    memory: &mut CallMemory,
) -> Result<(), Refusal> {
    let CallMemory { fields, target, .. } = memory;
    target.clear();
    let path = |name: &str| match overrides.request_path.get(name) {
        Some(value) => Some(Filling::Author(joined(value))),
        None => mappings.path(name),
    };
    write_target(matched, address, VariableText::Encoded, path, target)?;
    write_query(mappings, overrides, address, target);

    fields.clear();
    push_mapped_headers(mappings, overrides, fields)?;
    // Not to plain HTTP integrations (GR-43).
    fields.remove(b"Via");
    Ok(())
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

/// What every call has where no mapping set it.
pub(super) fn push_missing_fields(
    record: &Record<'_>,
    address: &Address,
    has_body: bool,
    fields: &mut FieldBlock,
) {
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

/// What came back, before it is mapped. A MOCK's has no fields and no body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntegrationResult<'a> {
    pub(crate) selected_by: SelectedBy<'a>,
    pub(crate) fields: Option<Fields<'a>>,
}

/// What selection patterns are matched against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SelectedBy<'a> {
    /// Nothing: only the default entry can be meant.
    Nothing,
    /// A status as text (SP1).
    Status(i64),
    /// The error message of a function, empty where it did not fail (SP2).
    ErrorMessage(&'a str),
}

/// Chooses the integration response, maps its headers and renders its template. Gives back the status
/// of the answer and where its body stands.
pub(crate) fn map_response(
    record: &Record<'_>,
    matched: &Matched<'_>,
    result: IntegrationResult<'_>,
    overrides: &mut Overrides,
    sheets: &mut Sheets,
    fields: &mut FieldBlock,
) -> Result<(u16, Sheet), Refusal> {
    let entry = select(&matched.method.integration.responses, result.selected_by)?;
    check_declared(matched, entry)?;
    let Sheets { text, reply, bytes } = sheets;
    let body = BodyText::new(reply);
    text.clear();
    let sheet = match write_body(record, entry, result, &body, overrides, text)? {
        None => Sheet::Text,
        Some(passing) if passing.is_untouched() => Sheet::Reply,
        Some(passing) => {
            *bytes = passing.into_bytes();
            Sheet::Bytes
        }
    };
    write_fields(record, entry, result, &body, overrides, fields)?;
    if matched.method.integration.kind != IntegrationType::Mock {
        let mut trace_id = Vec::new();
        write_trace_id(record, &mut trace_id);
        fields.push_trusted(b"X-Amzn-Trace-Id", &trace_id);
    }
    Ok((overrides.status().unwrap_or(entry.status), sheet))
}

/// Refuses a status that the method does not declare (SP8).
fn check_declared(matched: &Matched<'_>, entry: &IntegrationResponse) -> Result<(), Refusal> {
    if matched.method.statuses.contains(&entry.status) {
        return Ok(());
    }
    let reason =
        format!("the method declares no response {}, which the integration response gives", entry.status);
    Err(Refusal::Configuration(reason.into()))
}

/// Converts the body and renders the response template into `output`; gives back the body where none
/// takes it. A MOCK has no body: there is nothing to convert, and `$input.body` is empty (MK5).
fn write_body<'b>(
    record: &Record<'_>,
    entry: &IntegrationResponse,
    result: IntegrationResult<'_>,
    body: &'b BodyText<'_>,
    overrides: &mut Overrides,
    output: &mut String,
) -> Result<Option<Payload<'b>>, Refusal> {
    let (Some(located), Some(arrival)) = (record.located.as_ref(), record.arrival) else { return Ok(None) };
    let template = template_for_response(&entry.response_templates, arrival);
    let payload = match result.fields {
        Some(fields) => Some(content::towards_client(
            located.api,
            arrival,
            fields.value(KnownName::ContentType),
            entry.content_handling,
            body,
        )?),
        None => None,
    };
    let Some(template) = template else { return Ok(payload) };
    let text = payload.as_ref().map(Payload::reply_text).transpose()?;
    render(record, template, text, overrides, output)?;
    Ok(None)
}

fn write_fields(
    record: &Record<'_>,
    entry: &IntegrationResponse,
    result: IntegrationResult<'_>,
    body: &BodyText<'_>,
    overrides: &Overrides,
    fields: &mut FieldBlock,
) -> Result<(), Refusal> {
    fields.clear();
    let body = MappedBody::new(body);
    let mut push = |name: &str, value: &str| {
        push_mapped_reply_field(name, value, fields).map_err(|_| {
            Refusal::Configuration(
                format!("the value mapped to header `{name}` may not stand in a header").into(),
            )
        })
    };
    for mapping in &entry.response_parameters {
        let name = &*mapping.header;
        if overrides_header(&overrides.response_header, name) {
            continue;
        }
        if let Some(value) = response_value(record, &mapping.source, result.fields, &body)? {
            push(name, &value)?;
        }
    }
    for (name, value) in overrides.response_header.iter() {
        values(value).iter().try_for_each(|value| push(name, value))?;
    }
    if !fields.contains(b"Content-Type") {
        fields.push_trusted(b"Content-Type", b"application/json");
    }
    push_ids(&record.ids, fields);
    Ok(())
}

/// The entry for a status or an error message (SP1, SP2, SP5 to SP7).
fn select<'r>(
    responses: &'r [IntegrationResponse],
    by: SelectedBy<'_>,
) -> Result<&'r IntegrationResponse, Refusal> {
    let (text, status) = match by {
        SelectedBy::Nothing => (None, None),
        SelectedBy::Status(status) => (Some(Cow::Owned(status.to_string())), Some(status)),
        SelectedBy::ErrorMessage(message) => (Some(Cow::Borrowed(message)), None),
    };
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

/// Whether a template overrides this header (OV1).
fn overrides_header(group: &OverrideGroup, name: &str) -> bool {
    group.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
}

fn values(value: &OverrideValue) -> &[String] {
    match value {
        OverrideValue::One(value) => std::slice::from_ref(value),
        OverrideValue::Several(values) => values,
    }
}

fn joined(value: &OverrideValue) -> Cow<'_, str> {
    match value {
        OverrideValue::One(value) => value.into(),
        OverrideValue::Several(values) => values.join(",").into(),
    }
}
