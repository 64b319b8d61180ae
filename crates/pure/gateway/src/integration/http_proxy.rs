//! HTTP_PROXY: the client's request passes to the backend, and its answer back (integrations.md
//! sections 3.1, 6.2 and 6.4).

use std::borrow::Cow;

use postern_model::{RequestMapping, RequestTarget};
use postern_protocol::http1::{FieldBlock, Fields, KnownName, write_request_line};

use super::{
    Address,
    forwarding::{push_client_fields, push_gateway_fields, push_proxy_reply_fields, write_trace_id},
    parameters::{Mapped, MappedBody, request_value},
    request_line::{Filling, QueryWriter, write_target},
};
use crate::{Record, Refusal, RequestIds, context::lossy, response::push_ids, routing::Matched};

/// Memory for writing a call's head.
#[derive(Debug, Default)]
pub(crate) struct CallMemory {
    pub(crate) head: Vec<u8>,
    pub(crate) fields: FieldBlock,
    pub(crate) target: Vec<u8>,
}

/// Writes the head of a call. `body_length` is the body's; `None` where there is none.
pub(crate) fn write_proxy_call(
    record: &Record<'_>,
    matched: &Matched<'_>,
    address: &Address,
    body: Option<&MappedBody<'_>>,
    body_length: Option<u64>,
    memory: &mut CallMemory,
) -> Result<(), Refusal> {
    let mappings = Mappings::evaluate(record, matched, body, |mapping| !address.copies(mapping))?;
    let CallMemory { head, fields, target } = memory;
    target.clear();
    write_target(record, matched, address, Filling::AsReceived, |name| mappings.path(name), target)?;
    let mut query = QueryWriter::new(address.has_query);
    query.push_client_query(record, target);
    for (name, value) in mappings.query() {
        query.push(name.as_bytes(), value.as_bytes(), target);
    }

    fields.clear();
    let request = record.arrival.map(|arrival| arrival.head.over(arrival.bytes).fields());
    if let Some(request) = request {
        push_client_fields(request, |name| mappings.sets_header(name), fields);
    }
    let has = |known, name: &[u8]| {
        request.is_some_and(|request| request.contains(known)) || mappings.sets_header(name)
    };
    push_gateway_fields(record, has, fields);
    mappings.push_headers(fields)?;
    if !mappings.sets_header(b"Host") {
        fields.push_trusted(b"Host", address.host.as_bytes());
    }
    finish_head(record, client_verb(record, address), body_length, HeadParts { target, fields }, head)
}

/// Writes the fields of the answer: the backend's, renamed where they would be taken for ours.
pub(crate) fn write_proxy_answer(reply: Fields<'_>, ids: &RequestIds, fields: &mut FieldBlock) {
    fields.clear();
    push_proxy_reply_fields(reply, fields);
    if !reply.contains(KnownName::ContentType) {
        fields.push_trusted(b"Content-Type", b"application/json");
    }
    push_ids(ids, fields);
}

/// Target and fields of a head that is to be written.
#[derive(Debug)]
pub(crate) struct HeadParts<'a> {
    pub(crate) target: &'a [u8],
    pub(crate) fields: &'a mut FieldBlock,
}

/// Writes request line, fields, framing and the empty line.
pub(crate) fn finish_head(
    record: &Record<'_>,
    verb: Cow<'_, str>,
    body_length: Option<u64>,
    parts: HeadParts<'_>,
    head: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let HeadParts { target, fields } = parts;
    // The head's memory serves the trace id first.
    head.clear();
    write_trace_id(record, head);
    fields.push_trusted(b"X-Amzn-Trace-Id", head);
    if let Some(length) = body_length {
        fields.push_number(b"Content-Length", length);
    }
    head.clear();
    write_request_line(head, verb.as_bytes(), target)
        .map_err(|_| Refusal::Configuration("the integration's URI is not an address".into()))?;
    head.extend_from_slice(fields.as_bytes());
    head.extend_from_slice(b"\r\n");
    Ok(())
}

/// The verb of the call: the integration's, else the client's.
pub(crate) fn client_verb<'a>(record: &Record<'a>, address: &Address) -> Cow<'a, str> {
    if let Some(verb) = address.verb {
        return verb.as_str().into();
    }
    match record.located.as_ref().and_then(|located| located.verb) {
        Some(verb) => verb.as_str().into(),
        None => record
            .arrival
            .map_or_else(|| "GET".into(), |arrival| lossy(arrival.head.over(arrival.bytes).method())),
    }
}

/// The values of an integration's `requestParameters`.
#[derive(Debug)]
pub(crate) struct Mappings<'a> {
    values: Vec<(&'a RequestTarget, Mapped<'a>)>,
}

impl<'a> Mappings<'a> {
    /// Evaluates every mapping that is `wanted`.
    pub(crate) fn evaluate(
        record: &'a Record<'_>,
        matched: &'a Matched<'_>,
        body: Option<&'a MappedBody<'_>>,
        wanted: impl Fn(&RequestMapping) -> bool,
    ) -> Result<Self, Refusal> {
        let mut values = Vec::new();
        for mapping in &matched.method.model.integration.request_parameters {
            if !wanted(mapping) {
                continue;
            }
            let value = request_value(record, &mapping.source, body)?;
            if value != Mapped::Nothing {
                values.push((&mapping.target, value));
            }
        }
        Ok(Self { values })
    }

    /// The value for a place of the URI.
    pub(crate) fn path(&self, name: &str) -> Option<Cow<'_, str>> {
        self.values.iter().rev().find_map(|(target, value)| match (target, value) {
            (RequestTarget::Path(own), Mapped::One(value)) if **own == *name => Some(Cow::Borrowed(&**value)),
            _ => None,
        })
    }

    /// Names and values of query parameters, repeated ones one by one.
    pub(crate) fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = self.values.iter().filter_map(|(target, value)| match target {
            RequestTarget::QueryString(name) => Some((&**name, value)),
            RequestTarget::Header(_) | RequestTarget::Path(_) => None,
        });
        named.flat_map(|(name, value)| value.as_slice().iter().map(move |value| (name, &**value)))
    }

    /// Whether a mapping sets this header.
    pub(crate) fn sets_header(&self, name: &[u8]) -> bool {
        self.headers().any(|(own, _)| own.as_bytes().eq_ignore_ascii_case(name))
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &Mapped<'a>)> {
        self.values.iter().filter_map(|(target, value)| match target {
            RequestTarget::Header(name) => Some((&**name, value)),
            RequestTarget::QueryString(_) | RequestTarget::Path(_) => None,
        })
    }

    pub(crate) fn push_headers(&self, fields: &mut FieldBlock) -> Result<(), Refusal> {
        for (name, value) in self.headers() {
            let value = value.as_slice().join(",");
            push_mapped_header(name, &value, fields)?;
        }
        Ok(())
    }
}

/// Adds a mapped header. Some are never sent (GR-43); a value that may not stand in a header fails the
/// call (hardening.md section 7).
pub(crate) fn push_mapped_header(name: &str, value: &str, fields: &mut FieldBlock) -> Result<(), Refusal> {
    let known = KnownName::of(name.as_bytes());
    if matches!(known, KnownName::Expect | KnownName::ProxyAuthenticate | KnownName::Te | KnownName::Via) {
        return Ok(());
    }
    // The connection to the backend is the gateway's own.
    if matches!(known, KnownName::Connection | KnownName::KeepAlive | KnownName::Upgrade | KnownName::Trailer)
    {
        return Ok(());
    }
    fields.push(name.as_bytes(), value.as_bytes()).map_err(|_| {
        Refusal::Configuration(
            format!("the value mapped to header `{name}` may not stand in a header").into(),
        )
    })
}

impl<'a> Mapped<'a> {
    pub(crate) fn as_slice(&self) -> &[Cow<'a, str>] {
        match self {
            Self::Nothing => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}
