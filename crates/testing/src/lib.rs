//! What tests share.
//!
//! **For:** starting the real program on loopback, playing its backends from scripts, speaking to it
//! byte by byte or through clients that we did not write, and reading the source tree for the house
//! rules.
//! **Never enters:** shipped code: no crate has this one among its `[dependencies]`.
//! **Comes in:** a configuration, a script. **Goes out:** addresses, answers as they stood on the wire.
//! **Read first:** `gateway.rs`, then `backend.rs` and `client.rs`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::missing_panics_doc,
    reason = "only tests use this crate: whatever goes wrong here is a failed test"
)]

mod tree;

pub use tree::{Manifest, Map, MapRow, SourceFile, crate_manifests, repository_root, text_files};
