//! HTTP_PROXY: the client's request passes to the backend, and its answer back (integrations.md
//! sections 3.1, 6.2 and 6.4).

use postern_protocol::http1::{FieldBlock, Fields, KnownName};

use super::{
    Address,
    call_head::CallMemory,
    forwarding::{push_client_fields, push_gateway_fields, push_proxy_reply_fields},
    mappings::Mappings,
    request_line::{QueryWriter, VariableText, write_target},
};
use crate::{
    Record, Refusal, RequestIds, body::ClientBody, content::push_request_coding, response::push_ids,
    routing::Matched,
};

/// Writes the head of a call, and into `output` what a mapping sends in place of the client's body;
/// tells whether one does.
pub(crate) fn write_proxy_call<B>(
    record: &Record<'_>,
    matched: &Matched<'_>,
    address: &Address,
    client_body: &ClientBody<'_, B>,
    memory: &mut CallMemory,
    output: &mut String,
) -> Result<bool, Refusal> {
    let body;
    let mappings = if address.copies_all {
        Mappings::none()
    } else {
        body = client_body.text(record);
        Mappings::evaluate(record, matched, &body, |mapping| !address.copies(mapping))?
    };
    let instead = mappings.body();
    let body_length = match (&instead, client_body) {
        (Some(instead), _) => Some(instead.len() as u64),
        (None, ClientBody::Nothing) => None,
        (None, ClientBody::Whole(collected)) => Some(collected.plain().len() as u64),
        (None, ClientBody::Stream(_, length)) => Some(*length),
    };
    let CallMemory { fields, target, .. } = memory;
    target.clear();
    write_target(matched, address, VariableText::AsReceived, |name| mappings.path(name), target)?;
    let mut query = QueryWriter::new(address.has_query);
    query.push_client_query(record, target);
    for (name, value) in mappings.query() {
        query.push(name.as_bytes(), value.as_bytes(), target);
    }

    fields.clear();
    if let Some(arrival) = record.arrival {
        push_client_fields(record, arrival.head.over(arrival.bytes).fields(), fields);
        if instead.is_none() && client_body.is_coded(record) {
            push_request_coding(arrival, fields);
        }
    }
    push_gateway_fields(record, fields);
    fields.push_trusted(b"Host", address.host.as_bytes());
    mappings.push_headers(|_| true, fields)?;
    memory.finish(record, address, body_length)?;
    if let Some(instead) = &instead {
        output.clear();
        output.push_str(instead);
    }
    Ok(instead.is_some())
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
