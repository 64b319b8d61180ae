//! The media types that a request names: the first one of a header, without its parameters.

use std::borrow::Cow;

use postern_protocol::http1::KnownName;

use crate::{Arrival, context::lossy};

/// What holds where a header is absent or blank (TS1).
const DEFAULT: &str = "application/json";

/// The media type of a request's body (TS1).
pub(crate) fn of_body<'a>(arrival: &Arrival<'a>) -> Cow<'a, str> {
    first(arrival, KnownName::ContentType)
}

/// The media type that a client wants first (H5 of routing.md, TS2).
pub(crate) fn accepted<'a>(arrival: &Arrival<'a>) -> Cow<'a, str> {
    first(arrival, KnownName::Accept)
}

/// Whether bodies of this type are JSON, which models can check (VB9).
pub(crate) fn is_json(media_type: &str) -> bool {
    let ends_with_json = || {
        let suffix = media_type.len().checked_sub(5).and_then(|start| media_type.get(start..));
        suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
    };
    media_type.eq_ignore_ascii_case(DEFAULT) || ends_with_json()
}

fn first<'a>(arrival: &Arrival<'a>, name: KnownName) -> Cow<'a, str> {
    let value = arrival.head.over(arrival.bytes).fields().value(name).unwrap_or_default();
    let first = value.split(|byte| matches!(byte, b',' | b';')).next().unwrap_or_default().trim_ascii();
    if first.is_empty() { DEFAULT.into() } else { lossy(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vb9_json_is_one_type_and_one_ending() {
        for json in ["application/json", "Application/JSON", "application/vnd.api+json", "a/b+JSON"] {
            assert!(is_json(json), "{json}");
        }
        for other in ["", "json", "text/json", "application/jsonp", "application/xml", "+jso", "é+jso"] {
            assert!(!is_json(other), "{other}");
        }
    }
}
