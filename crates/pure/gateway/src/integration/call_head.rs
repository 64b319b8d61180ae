//! The head of a call to an HTTP backend, whatever its fields come from.

use std::borrow::Cow;

use postern_model::Verb;
use postern_protocol::http1::{FieldBlock, KnownName, write_request_line};

use super::{Address, forwarding::write_trace_id};
use crate::{Record, Refusal, context::lossy};

/// Memory for writing a call's head.
#[derive(Debug, Default)]
pub(crate) struct CallMemory {
    pub(crate) head: Vec<u8>,
    pub(crate) fields: FieldBlock,
    pub(crate) target: Vec<u8>,
}

impl CallMemory {
    /// Writes request line, fields, framing and the empty line around what stands in `target` and
    /// `fields`. `body_length` is the body's; `None` where there is none.
    pub(crate) fn finish(
        &mut self,
        record: &Record<'_>,
        address: &Address,
        body_length: Option<u64>,
    ) -> Result<(), Refusal> {
        let Self { head, fields, target } = self;
        // The head's memory serves the trace id first.
        head.clear();
        write_trace_id(record, head);
        fields.push_trusted(b"X-Amzn-Trace-Id", head);
        if let Some(length) = body_length {
            fields.push_number(b"Content-Length", length);
        }
        head.clear();
        write_request_line(head, address.verb_token(record).as_bytes(), target)
            .map_err(|_| Refusal::Configuration("the integration's URI is not an address".into()))?;
        head.extend_from_slice(fields.as_bytes());
        head.extend_from_slice(b"\r\n");
        Ok(())
    }
}

impl Address {
    /// The verb of a call: the integration's, else the client's.
    pub(super) fn verb_token<'a>(&self, record: &Record<'a>) -> Cow<'a, str> {
        let client = record.located.as_ref().and_then(|located| located.verb);
        match self.verb.or(client) {
            Some(verb) => verb.as_str().into(),
            None => {
                let token = record.arrival.map(|arrival| arrival.head.over(arrival.bytes).method());
                lossy(token.unwrap_or(b"GET"))
            }
        }
    }
}

/// The length that a call with this body declares: none where there is no body, none was written (ER4),
/// and a server expects none of the verb (RFC 9110 section 8.6).
pub(crate) const fn declared_length(verb: Verb, length: usize, is_written: bool) -> Option<u64> {
    match verb {
        Verb::Get | Verb::Head | Verb::Options | Verb::Delete if length == 0 && !is_written => None,
        _ => Some(length as u64),
    }
}

/// Adds a header that a mapping or an override sets. Some are never sent (GR-43); one that the gateway
/// alone sets (GR-44) or a value that may not stand in a header fails the call.
pub(crate) fn push_mapped_header(name: &str, value: &str, fields: &mut FieldBlock) -> Result<(), Refusal> {
    use KnownName as N;
    match KnownName::of(name.as_bytes()) {
        N::ContentLength | N::TransferEncoding | N::XAmznTraceId | N::XAmznApigatewayApiId => {
            Err(Refusal::Configuration(format!("header `{name}` is not to be set by a mapping").into()))
        }
        // The last three belong to the connection, which is the gateway's own.
        N::Expect | N::ProxyAuthenticate | N::Te | N::Connection | N::KeepAlive | N::ProxyConnection => {
            Ok(())
        }
        _ => fields.push(name.as_bytes(), value.as_bytes()).map_err(|_| {
            Refusal::Configuration(
                format!("the value mapped to header `{name}` may not stand in a header").into(),
            )
        }),
    }
}
