//! Parameter mapping: reading `method.request.…`, `integration.response.…` and their like
//! (integrations.md section 3).

use std::borrow::Cow;
use std::cell::OnceCell;

use postern_model::{ApiKeySource, RequestSource, ResponseSource};
use postern_protocol::http1::{Fields, KnownName};
use postern_protocol::uri::{self, Query};
use postern_template::{Json, JsonPath, ParameterPlace};

use super::forwarding;
use crate::{
    HttpVersion, Record, Refusal,
    content::BodyText,
    context::{OF_AUTHORIZER, Variable, View, lossy},
    routing::Located,
};

/// The value of a mapping: nothing, one, or several that are repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mapped<'a> {
    Nothing,
    One(Cow<'a, str>),
    Several(Vec<Cow<'a, str>>),
}

impl<'a> Mapped<'a> {
    pub(crate) fn as_slice(&self) -> &[Cow<'a, str>] {
        match self {
            Self::Nothing => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }

    /// The values in one text, with commas between them.
    pub(crate) fn joined(&self) -> Cow<'_, str> {
        match self.as_slice() {
            [value] => Cow::Borrowed(value),
            values => values.join(",").into(),
        }
    }
}

/// A body as mappings read it: text, parsed as JSON at most once.
#[derive(Debug)]
pub(crate) struct MappedBody<'a> {
    text: &'a BodyText<'a>,
    json: OnceCell<Option<Json<'a>>>,
}

impl<'a> MappedBody<'a> {
    pub(crate) const fn new(text: &'a BodyText<'a>) -> Self {
        Self { text, json: OnceCell::new() }
    }

    fn text(&self) -> &'a str {
        self.text.as_str()
    }

    /// Whether the body begins like JSON (PM4).
    fn looks_like_json(&self) -> bool {
        self.text().starts_with(['{', '[', '"', '\''])
    }

    fn json(&self) -> Option<&Json<'a>> {
        self.json.get_or_init(|| Json::parse(self.text()).ok()).as_ref()
    }
}

/// The value of a request mapping. A source that is missing or empty gives nothing (PM3).
pub(crate) fn request_value<'v>(
    record: &Record<'v>,
    source: &'v RequestSource,
    body: &MappedBody<'v>,
) -> Result<Mapped<'v>, Refusal> {
    let last = |values: Vec<Cow<'v, str>>| values.into_iter().next_back();
    let one: Option<Cow<'v, str>> = match source {
        RequestSource::Path(name) => request_parameter(record, ParameterPlace::Path, name),
        RequestSource::QueryString(name) => last(query_values(record, name)),
        RequestSource::Header(name) => last(header_values(record, name)),
        RequestSource::MultiValueQueryString(name) => return Ok(several(query_values(record, name))),
        RequestSource::MultiValueHeader(name) => Some(header_values(record, name).join(",").into()),
        RequestSource::Body => Some(body.text().into()),
        RequestSource::BodyPath(path) => body_value(body, path)?,
        RequestSource::StageVariable(name) => stage_variable(record, name),
        RequestSource::Context(name) => context_value(record, name),
        RequestSource::Literal(text) => Some((&**text).into()),
    };
    Ok(one.filter(|value| !value.is_empty()).map_or(Mapped::Nothing, Mapped::One))
}

/// The value of a response mapping; a missing source gives nothing (PR2).
pub(crate) fn response_value<'v>(
    record: &'v Record<'_>,
    source: &'v ResponseSource,
    reply: Option<Fields<'v>>,
    body: &MappedBody<'v>,
) -> Result<Option<Cow<'v, str>>, Refusal> {
    let headers = |name: &str| -> Vec<Cow<'v, str>> {
        reply.into_iter().flat_map(|fields| fields.values_named(name.as_bytes())).map(lossy).collect()
    };
    Ok(match source {
        ResponseSource::Header(name) => headers(name).into_iter().next_back(),
        ResponseSource::MultiValueHeader(name) => {
            Some(headers(name)).filter(|values| !values.is_empty()).map(|values| values.join(",").into())
        }
        // No body is no source, and reads as an object without members.
        ResponseSource::Body | ResponseSource::BodyPath(_) if body.text().is_empty() => None,
        ResponseSource::Body => Some(body.text().into()),
        ResponseSource::BodyPath(path) => {
            let no_json =
                || Refusal::Configuration("a response mapping reads JSON from a body that is none".into());
            path.text_in(body.json().ok_or_else(no_json)?).map(Cow::Owned)
        }
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

/// The values of a header as mappings see it: by exact spelling over HTTP/1.1 (GR-62), and the gateway's
/// own where it alone says what stands there.
pub(crate) fn header_values<'a>(record: &Record<'a>, name: &str) -> Vec<Cow<'a, str>> {
    let Some(arrival) = record.arrival else { return Vec::new() };
    let fields = arrival.head.over(arrival.bytes).fields();
    let spelled =
        record.house.compatibility.case_sensitive_header_names && arrival.version == HttpVersion::Http1;
    if forwarding::is_invisible(name.as_bytes()) {
        let is = |own: &[u8]| own == name.as_bytes() || !spelled && own.eq_ignore_ascii_case(name.as_bytes());
        let own = forwarding::own_fields(record);
        own.iter().filter(|(own, _)| is(own)).map(|(_, value)| lossy(value).into_owned().into()).collect()
    } else if spelled && record.located.as_ref().is_some_and(Located::lowers_header_names) {
        // Every name has arrived in lower case (PA-123), so one with capitals is not there.
        let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
        fields.values_named(name.as_bytes()).filter(|_| !has_capitals).map(lossy).collect()
    } else if spelled {
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
    if values.iter().all(|value| value.is_empty()) { Mapped::Nothing } else { Mapped::Several(values) }
}

fn body_value<'v>(body: &MappedBody<'_>, path: &JsonPath) -> Result<Option<Cow<'v, str>>, Refusal> {
    if !body.looks_like_json() {
        return Ok(None);
    }
    let json = body.json().ok_or(Refusal::InvalidJsonBody)?;
    Ok(path.text_in(json).map(Cow::Owned))
}

pub(crate) fn stage_variable<'a>(record: &Record<'a>, name: &str) -> Option<Cow<'a, str>> {
    Some((&**record.located.as_ref()?.stage.variables.get(name)?).into())
}

pub(crate) fn context_value<'a>(record: &Record<'a>, name: &str) -> Option<Cow<'a, str>> {
    if name == "identity.apiKey" {
        return api_key(record);
    }
    if let Some(name) = name.strip_prefix(OF_AUTHORIZER) {
        return record.authorizer.as_ref()?.value(name).map(|value| value.into_owned().into());
    }
    let variable = Variable::of_request(name)?;
    let mut value = String::new();
    let view = View { record, error: None, sent: None };
    view.write(variable, &mut value).then(|| value.into())
}

/// `$context.identity.apiKey`: the key itself, where the method asks for one. No log and no answer of
/// the gateway's own knows it (hardening.md section 7).
pub(crate) fn api_key<'a>(record: &Record<'a>) -> Option<Cow<'a, str>> {
    record.usage.as_ref()?;
    match record.located.as_ref()?.api.api_key_source {
        ApiKeySource::Header => sent_api_key(record),
        ApiKeySource::Authorizer => {
            let key = record.authorizer.as_ref()?.usage_identifier_key()?;
            Some(key.to_owned().into())
        }
    }
}

/// The key as it was sent, known or not, where the method asks for one in the header.
pub(crate) fn sent_api_key<'a>(record: &Record<'a>) -> Option<Cow<'a, str>> {
    let is_of_header = record.located.as_ref()?.api.api_key_source == ApiKeySource::Header;
    let is_asked_for = record.matched.as_ref()?.method.api_key_required;
    let arrival = record.arrival.filter(|_| is_of_header && is_asked_for)?;
    arrival.head.over(arrival.bytes).fields().value(KnownName::XApiKey).map(lossy)
}
