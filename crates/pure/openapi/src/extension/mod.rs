//! The extensions `x-amazon-apigateway-*`: a table of where each belongs, and a reader for each that
//! says something.

mod address;
mod authorizer;
mod gateway_response;
mod integration;
mod request_mapping;
mod request_validator;
mod response_mapping;
mod root;
mod table;

use postern_document::{Problems, Record};
use postern_model::ContentHandling;

use crate::context::word;

pub(crate) use authorizer::{is_of_http_apis, read_authorizer};
pub(crate) use integration::read_integration;
pub(crate) use request_validator::RequestValidators;
pub(crate) use root::read_root;
pub(crate) use table::{Level, PREFIX, unread};

/// `contentHandling` of an integration or of one of its responses.
fn content_handling(record: &mut Record<'_>, problems: &mut Problems) -> Option<ContentHandling> {
    const CONTENT_HANDLINGS: &[(&str, ContentHandling)] = &[
        ("CONVERT_TO_BINARY", ContentHandling::ConvertToBinary),
        ("CONVERT_TO_TEXT", ContentHandling::ConvertToText),
    ];
    record.optional("contentHandling", |text| word(text, CONTENT_HANDLINGS), problems)
}
