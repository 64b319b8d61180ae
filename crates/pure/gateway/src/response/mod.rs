//! What the client sees.

mod gateway_response;
mod sheets;

pub(crate) use gateway_response::{push_ids, refuse};
pub(crate) use sheets::{Sheet, Sheets};
