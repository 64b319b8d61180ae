//! Models: the JSON Schema dialect of request validation.
//!
//! **For:** compiling a model (JSON Schema draft 4) and checking request bodies against it, with
//! numbers of any size compared exactly and patterns matched in linear time.
//! **Never enters:** HTTP; the network, `$ref` by URL included; media types and the choice of a model.
//! **Comes in:** a [`postern_document::Node`] and models by name; a [`serde_json::Value`].
//! **Goes out:** yes or no, and [`Violations`].
//! **Read first:** `keyword.rs`, then `check.rs`.

mod check;
mod decimal;
mod equality;
mod graph;
mod keyword;
mod parse;
mod pattern;
mod reference;
mod schema;
mod types;
mod violation;

pub use schema::Schema;
pub use violation::Violations;
