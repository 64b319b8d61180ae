//! What a person writes, and what the crate says to it.

mod api_keys;
mod bad_input;
mod common;
mod init;
mod keys;
mod meaning;
mod mutation;
mod sample;
