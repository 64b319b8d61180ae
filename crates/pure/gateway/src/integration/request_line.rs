//! The target of a call: the URI's path and query, path parameters filled in.

use std::borrow::Cow;

use postern_protocol::uri;

use super::{Address, TargetPiece, parameters};
use crate::{Record, Refusal, routing::Matched};

/// How a path parameter's text goes into a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    /// As it stands in the normalised path (S6): HTTP_PROXY.
    AsReceived,
    /// Decoded once, then encoded (S5): HTTP.
    Encoded,
}

/// Writes path and query of the URI. A place that no mapping fills makes an invalid address (PM7).
pub(crate) fn write_target<'v>(
    record: &Record<'_>,
    matched: &Matched<'_>,
    address: &Address,
    filling: Filling,
    mapped: impl Fn(&str) -> Option<Cow<'v, str>>,
    output: &mut Vec<u8>,
) -> Result<(), Refusal> {
    for piece in &address.pieces {
        match piece {
            TargetPiece::Literal(text) => output.extend_from_slice(text.as_bytes()),
            TargetPiece::Parameter { name, variable, in_query } => {
                let own = variable.as_deref().filter(|_| filling == Filling::AsReceived && !in_query);
                if let Some(text) = own.and_then(|variable| matched.variable(variable)) {
                    output.extend_from_slice(text.as_bytes());
                    continue;
                }
                let value = mapped(name).ok_or_else(|| {
                    Refusal::Configuration(
                        format!("nothing fills `{{{name}}}` of the integration's URI").into(),
                    )
                })?;
                if *in_query {
                    uri::encode_form(value.as_bytes(), output);
                } else {
                    uri::encode_path(value.as_bytes(), output);
                }
            }
        }
    }
    let _ = record;
    Ok(())
}

/// Appends the client's query, decoded and encoded again (GR-72), then mapped parameters (PM5).
#[derive(Debug)]
pub(crate) struct QueryWriter {
    separator: u8,
}

impl QueryWriter {
    /// A writer behind a target that has a query already, or has none.
    pub(crate) const fn new(has_query: bool) -> Self {
        Self { separator: if has_query { b'&' } else { b'?' } }
    }

    pub(crate) fn push_client_query(&mut self, record: &Record<'_>, output: &mut Vec<u8>) {
        let Some(query) = parameters::query(record) else { return };
        for parameter in query.parameters() {
            self.push(&parameter.name(), &parameter.value(), output);
        }
    }

    pub(crate) fn push(&mut self, name: &[u8], value: &[u8], output: &mut Vec<u8>) {
        output.push(self.separator);
        self.separator = b'&';
        uri::encode_form(name, output);
        output.push(b'=');
        uri::encode_form(value, output);
    }
}
