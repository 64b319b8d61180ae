//! `postern.yaml` and what it names, to the model.
//!
//! **For:** reading a configuration file with its definitions, policies and secrets to a
//! [`Configuration`](postern_model::Configuration) ([`read`]), with every problem at its place; the
//! table of its keys ([`KEYS`]) and what follows from it ([`json_schema`]); writing a first file for
//! some definitions ([`init`]).
//! **Never enters:** the file system and the environment: they are asked of [`Surroundings`]; what a
//! definition means, which is `openapi`'s affair; compiled things.
//! **Comes in:** a path, [`Surroundings`]. **Goes out:** [`Outcome`].
//! **Read first:** `gateway_file.rs`, then `keys.rs`.

mod agreement;
mod check;
mod fields;
mod gateway_file;
mod init;
mod json_schema;
mod keys;
mod names;
mod reading;
mod section;
mod services;
mod surroundings;
mod unique;
mod uses;

pub use gateway_file::{Outcome, read};
pub use init::init;
pub use json_schema::json_schema;
pub use keys::{Absent, Fields, KEYS, Key, KeyPath, Kind, MOST_REQUESTS_PER_SECOND, key_paths};
pub use surroundings::{ReadFailure, Surroundings};
