//! Bodies: what type a request names, how bytes become text and back, and content codings
//! (routing.md sections 8 and 9).

mod coding;
mod conversion;
mod media_type;

pub use coding::CodingFault;
pub(crate) use coding::{answer_coding, compress, decode, is_coded, push_request_coding, request_coding};
pub(crate) use conversion::{
    BodyText, Payload, accepts_binary, is_binary_request, towards_backend, towards_client,
};
pub(crate) use media_type::{accepted, is_json, of_body};
