//! Parameter mapping: reading `method.request.…`, `integration.response.…` and their like
//! (integrations.md section 3).

use std::borrow::Cow;
use std::cell::OnceCell;

use postern_model::{RequestSource, ResponseSource};
use postern_protocol::http1::{Fields, KnownName};
use postern_protocol::uri::{self, Query};
use postern_template::{Json, JsonPath, ParameterPlace};

use crate::{
    HttpVersion, Record, Refusal,
    context::{Variable, View, lossy},
};

/// The value of a mapping: nothing, one, or several that are repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mapped<'a> {
    Nothing,
    One(Cow<'a, str>),
    Several(Vec<Cow<'a, str>>),
}

/// A body as mappings read it: text, parsed as JSON at most once.
#[derive(Debug)]
pub(crate) struct MappedBody<'a> {
    text: &'a str,
    json: OnceCell<Option<Json<'a>>>,
}

impl<'a> MappedBody<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, json: OnceCell::new() }
    }

    pub(crate) const fn text(&self) -> &'a str {
        self.text
    }

    /// Whether the body begins like JSON (PM4).
    fn looks_like_json(&self) -> bool {
        self.text.starts_with(['{', '[', '"', '\''])
    }

    fn json(&self) -> Option<&Json<'a>> {
        self.json.get_or_init(|| Json::parse(self.text).ok()).as_ref()
    }
}

/// The value of a request mapping. A source that is missing or empty gives nothing (PM3).
pub(crate) fn request_value<'v>(
    record: &'v Record<'_>,
    source: &'v RequestSource,
    body: Option<&'v MappedBody<'_>>,
) -> Result<Mapped<'v>, Refusal> {
    let last = |values: Vec<Cow<'v, str>>| values.into_iter().next_back();
    let one: Option<Cow<'v, str>> = match source {
        RequestSource::Path(name) => request_parameter(record, ParameterPlace::Path, name),
        RequestSource::QueryString(name) => last(query_values(record, name)),
        RequestSource::Header(name) => last(header_values(record, name)),
        RequestSource::MultiValueQueryString(name) => return Ok(several(query_values(record, name))),
        RequestSource::MultiValueHeader(name) => Some(header_values(record, name).join(",").into()),
        RequestSource::Body => body.map(|body| body.text().into()),
        RequestSource::BodyPath(path) => match body {
            Some(body) => body_value(body, path)?,
            None => None,
        },
        RequestSource::StageVariable(name) => stage_variable(record, name),
        RequestSource::Context(name) => context_value(record, name),
        RequestSource::Literal(text) => return Ok(Mapped::One((&**text).into())),
    };
    Ok(one.filter(|value| !value.is_empty()).map_or(Mapped::Nothing, Mapped::One))
}

/// The value of a response mapping; a missing source gives nothing (PR2).
pub(crate) fn response_value<'v>(
    record: &'v Record<'_>,
    source: &'v ResponseSource,
    reply: Option<Fields<'v>>,
    body: Option<&'v MappedBody<'_>>,
) -> Result<Option<Cow<'v, str>>, Refusal> {
    let headers = |name: &str| -> Vec<Cow<'v, str>> {
        reply.into_iter().flat_map(|fields| fields.values_named(name.as_bytes())).map(lossy).collect()
    };
    Ok(match source {
        ResponseSource::Header(name) => headers(name).into_iter().next_back(),
        ResponseSource::MultiValueHeader(name) => {
            Some(headers(name)).filter(|values| !values.is_empty()).map(|values| values.join(",").into())
        }
        ResponseSource::Body => body.map(|body| body.text().into()),
        ResponseSource::BodyPath(path) => match body.map(|body| body.json()) {
            Some(Some(json)) => path.text_in(json).map(Cow::Owned),
            Some(None) => {
                return Err(Refusal::Configuration(
                    "a response mapping reads JSON from a body that is none".into(),
                ));
            }
            None => None,
        },
        ResponseSource::StageVariable(name) => stage_variable(record, name),
        ResponseSource::Context(name) => context_value(record, name),
        ResponseSource::Literal(text) => Some((&**text).into()),
    })
}

/// The last value of a request parameter, decoded.
pub(crate) fn request_parameter<'a>(
    record: &Record<'a>,
    place: ParameterPlace,
    name: &str,
) -> Option<Cow<'a, str>> {
    match place {
        ParameterPlace::Path => {
            let value = record.matched.as_ref()?.variable(name)?;
            // The path was checked: its escapes are whole and what they stand for is UTF-8.
            Some(match uri::decode(value.as_bytes()) {
                Ok(Cow::Borrowed(_)) | Err(_) => value.into(),
                Ok(Cow::Owned(bytes)) => String::from_utf8_lossy(&bytes).into_owned().into(),
            })
        }
        ParameterPlace::Querystring => query_values(record, name).into_iter().next_back(),
        ParameterPlace::Header => header_values(record, name).into_iter().next_back(),
    }
}

/// The query of a request. It was checked before routing, so it parses.
pub(crate) fn query<'a>(record: &Record<'a>) -> Option<Query<'a>> {
    let arrival = record.arrival?;
    Query::parse(arrival.head.over(arrival.bytes).query()?, usize::MAX).ok()
}

pub(crate) fn query_values<'a>(record: &Record<'a>, name: &str) -> Vec<Cow<'a, str>> {
    query(record)
        .into_iter()
        .flat_map(Query::parameters)
        .filter(|parameter| *parameter.name() == *name.as_bytes())
        .map(|parameter| text(parameter.value()))
        .collect()
}

/// The values of a header as mappings see it: not those that are dropped on entry (H1 of routing.md),
/// and by exact spelling over HTTP/1.1 (GR-62).
pub(crate) fn header_values<'a>(record: &Record<'a>, name: &str) -> Vec<Cow<'a, str>> {
    let Some(arrival) = record.arrival else { return Vec::new() };
    if super::forwarding::is_dropped_on_entry(KnownName::of(name.as_bytes())) {
        return Vec::new();
    }
    let fields = arrival.head.over(arrival.bytes).fields();
    let spelled =
        record.house.compatibility.case_sensitive_header_names && arrival.version == HttpVersion::Http1;
    if spelled {
        fields.values_spelled(name.as_bytes()).map(lossy).collect()
    } else {
        fields.values_named(name.as_bytes()).map(lossy).collect()
    }
}

pub(crate) fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => lossy(bytes),
        Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

fn several(values: Vec<Cow<'_, str>>) -> Mapped<'_> {
    if values.is_empty() { Mapped::Nothing } else { Mapped::Several(values) }
}

fn body_value<'v>(body: &MappedBody<'_>, path: &JsonPath) -> Result<Option<Cow<'v, str>>, Refusal> {
    if !body.looks_like_json() {
        return Ok(None);
    }
    let json = body.json().ok_or(Refusal::InvalidJsonBody)?;
    Ok(path.text_in(json).map(Cow::Owned))
}

fn stage_variable<'a>(record: &Record<'a>, name: &str) -> Option<Cow<'a, str>> {
    Some((&**record.located.as_ref()?.stage.variables.get(name)?).into())
}

fn context_value(record: &Record<'_>, name: &str) -> Option<Cow<'static, str>> {
    let mut value = String::new();
    let view = View { record, error: None, sent: None };
    view.write(Variable::of(name)?, &mut value).then(|| value.into())
}
