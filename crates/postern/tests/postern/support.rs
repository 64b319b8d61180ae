//! What these tests share.

use postern_testing::{Place, base_configuration, definition, mock};
use serde_json::{Value, json};

/// A gateway whose `GET /hello` answers by itself with this text.
pub(crate) fn saying(place: &Place, text: &str) -> Value {
    base_configuration(place, &hello(text))
}

/// A definition whose `GET /hello` answers by itself with this text.
pub(crate) fn hello(text: &str) -> Value {
    definition(&json!({"/hello": {"get": mock(text)}}))
}
