//! What the client sees.

mod gateway_response;

pub(crate) use gateway_response::{push_ids, refuse};
