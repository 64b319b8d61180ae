//! AWS with a service: the call that its mappings and templates make, signed (integrations.md section 9).

use postern_protocol::uri;

use super::{
    CallMemory, MappedRequest, ServiceTarget,
    call_head::declared_length,
    mapped::{map_request_of, push_coding, push_missing_fields, write_fields_of_call},
    signing::Unsigned,
};
use crate::{Record, Refusal, content::BodyText, routing::Matched};

/// Writes a call of a service, nothing of the client's but what is mapped: its head, and into `output` a body
/// that is written anew.
pub(crate) fn write_service_call<'b>(
    record: &Record<'_>,
    matched: &Matched<'_>,
    service: &ServiceTarget,
    body: &'b BodyText<'b>,
    memory: &mut CallMemory,
    output: &mut String,
) -> Result<MappedRequest<'b>, Refusal> {
    let address = &service.address;
    let (mapped, mappings) = map_request_of(record, matched, address, body, output)?;
    write_fields_of_call(matched, address, (&mappings, &mapped.overrides), memory)?;
    escape_query(&mut memory.target);
    let fields = &mut memory.fields;
    if fields.contains(b"Authorization") {
        let reason = "a mapping or template sets `Authorization`, which is the signature's own";
        return Err(Refusal::Configuration(reason.into()));
    }
    // A signature holds for one host, and `Referer` is dropped towards services (6.3).
    fields.remove(b"Host");
    fields.remove(b"Referer");
    if let Some(action) = &service.json_action {
        if let Some(target) = action.target.as_ref().filter(|_| !fields.contains(b"X-Amz-Target")) {
            fields.push_trusted(b"X-Amz-Target", target.as_bytes());
        }
        if !fields.contains(b"Content-Type") {
            fields.push_trusted(b"Content-Type", action.content_type.as_bytes());
        }
    }
    push_coding(record, &mapped, body, fields);
    let verb = address.verb.unwrap_or(matched.verb);
    let sent = mapped.body(output);
    let length = declared_length(verb, sent.len(), mapped.is_written());
    // Without a body the type of the client's would say how an action is asked for.
    push_missing_fields(record, address, !sent.is_empty(), fields);
    let method = address.verb_token(record);
    let call = Unsigned { method: method.as_bytes(), target: &memory.target, body: sent };
    service.signing.push_signature(record, &call, fields)?;
    memory.finish(record, address, length)?;
    Ok(mapped)
}

/// Escapes a query as it is signed, so that it cannot be read otherwise: a space is `%20`, and `;` no separator.
fn escape_query(target: &mut Vec<u8>) {
    let Some(start) = target.iter().position(|byte| *byte == b'?') else { return };
    let query = target.split_off(start + 1);
    for (number, parameter) in query.split(|byte| *byte == b'&').enumerate() {
        if number > 0 {
            target.push(b'&');
        }
        for (side, text) in parameter.splitn(2, |byte| *byte == b'=').enumerate() {
            if side > 0 {
                target.push(b'=');
            }
            // What is not well escaped stands for itself.
            uri::encode(&uri::decode_form(text).unwrap_or_else(|_| text.into()), target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_on_the_wire_is_the_one_that_is_signed() {
        for (target, sent) in [
            ("/", "/"),
            ("/a;b", "/a;b"),
            ("/?", "/?"),
            ("/?Action=A&b=c+d%20e", "/?Action=A&b=c%20d%20e"),
            ("/?acl&a=b=c&=d", "/?acl&a=b%3Dc&=d"),
            ("/?a=b;c%3Bd&e=%zz", "/?a=b%3Bc%3Bd&e=%25zz"),
            ("/?%c3%a9=%C3%A9/?", "/?%C3%A9=%C3%A9%2F%3F"),
        ] {
            let mut written = target.as_bytes().to_vec();
            escape_query(&mut written);
            assert_eq!(String::from_utf8(written).unwrap(), sent, "{target}");
        }
    }
}
