//! The target of a call: the URI's path and query, path parameters filled in.

use std::borrow::Cow;

use postern_protocol::uri;

use super::{Address, TargetPiece, parameters};
use crate::{Record, Refusal, routing::Matched};

/// What fills a place of a URI (S5, S6 of routing.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filling<'v> {
    /// A value of the client's: nothing in it separates segments.
    Client(Cow<'v, str>),
    /// A text of the API's author: a `/` in it separates.
    Author(Cow<'v, str>),
}

/// How the text of a path variable goes into a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VariableText {
    /// As it stands in the normalised path (S6): HTTP_PROXY.
    AsReceived,
    /// Decoded once, then encoded (S5): HTTP.
    Encoded,
}

/// Writes path and query of the URI. `filling` gives what fills a place; in the path, a path variable
/// that the definition maps there is copied instead of a value of the client's. A place that nothing
/// fills makes an invalid address (PM7), and so does a value that makes a segment `.` or `..`: the backend
/// would take it for another place.
pub(crate) fn write_target<'v>(
    matched: &Matched<'_>,
    address: &Address,
    variables: VariableText,
    filling: impl Fn(&str) -> Option<Filling<'v>>,
    output: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let mut is_filled = false;
    for piece in &address.pieces {
        let (name, variable, in_query) = match piece {
            TargetPiece::Literal(text) => {
                output.extend_from_slice(text.as_bytes());
                continue;
            }
            TargetPiece::Parameter { name, variable, in_query } => (name, *variable, *in_query),
        };
        let own = variable.filter(|_| !in_query).and_then(|place| matched.variable_at(place));
        match (filling(name), own) {
            (Some(Filling::Client(value) | Filling::Author(value)), _) if in_query => {
                uri::encode_form(value.as_bytes(), output);
            }
            (Some(Filling::Author(value)), _) => uri::encode_path(value.as_bytes(), output),
            (_, Some(text)) => write_variable(text, variables, output),
            (Some(Filling::Client(value)), None) => uri::encode(value.as_bytes(), output),
            (None, None) => return Err(unfilled(name)),
        }
        is_filled = true;
    }
    if is_filled && has_dot_segment(output) {
        return Err(Refusal::Configuration("a value makes a segment of the path `.` or `..`".into()));
    }
    Ok(())
}

fn has_dot_segment(target: &[u8]) -> bool {
    // Most targets have no dot at all.
    if !target.contains(&b'.') {
        return false;
    }
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    path.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b".."))
}

/// Writes a path variable. The slashes between the segments of a greedy one stay; those that were
/// escaped stay escaped.
fn write_variable(text: &str, variables: VariableText, output: &mut Vec<u8>) {
    if variables == VariableText::AsReceived {
        return output.extend_from_slice(text.as_bytes());
    }
    for (index, segment) in text.split('/').enumerate() {
        if index > 0 {
            output.push(b'/');
        }
        match uri::decode(segment.as_bytes()) {
            Ok(decoded) => uri::encode(&decoded, output),
            // The path was checked before routing: its escapes are whole.
            Err(uri::MalformedEscape) => uri::encode(segment.as_bytes(), output),
        }
    }
}

fn unfilled(name: &str) -> Refusal {
    Refusal::Configuration(format!("nothing fills `{{{name}}}` of the integration's URI").into())
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
            self.separate(output);
            parameter.write_normal(output);
        }
    }

    pub(crate) fn push(&mut self, name: &[u8], value: &[u8], output: &mut Vec<u8>) {
        self.separate(output);
        uri::encode_form(name, output);
        output.push(b'=');
        uri::encode_form(value, output);
    }

    fn separate(&mut self, output: &mut Vec<u8>) {
        output.push(self.separator);
        self.separator = b'&';
    }
}
