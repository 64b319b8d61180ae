//! Text with places.
//!
//! **For:** reading YAML and JSON into trees whose every node knows its file, line and column;
//! reading such a tree field by field; collecting problems instead of stopping at the first.
//! **Never enters:** any word of API Gateway; serde structs.
//! **Comes in:** text and the name of its file. **Goes out:** [`Node`], [`Problems`].
//! **Read first:** `node.rs`, then `record.rs`.

mod json;
mod node;
mod place;
mod problem;
mod record;
mod suggestion;
mod yaml;

pub use json::{parse_json, write_json};
pub use node::{Entry, MAXIMUM_DEPTH, Mapping, Node, Value};
pub use place::{Place, Placed};
pub use problem::{Problem, Problems, Severity};
pub use record::Record;
pub use suggestion::did_you_mean;
pub use yaml::{parse_yaml, parse_yaml_partly};
