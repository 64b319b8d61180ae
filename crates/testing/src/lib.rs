//! What tests share.
//!
//! **For:** starting the real program on loopback, playing its backends from scripts, speaking to it
//! byte by byte or through clients that we did not write, and reading the source tree for the house
//! rules.
//! **Never enters:** shipped code: no crate has this one among its `[dependencies]`.
//! **Comes in:** a configuration, a script. **Goes out:** addresses, answers as they stood on the wire.
//! **Read first:** `gateway.rs`, then `backend.rs` and `wire.rs`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "only tests use this crate: whatever goes wrong here is a failed test"
)]

mod backend;
mod balancer;
mod certificate;
mod clients;
mod configuration;
mod explain;
mod gateway;
mod http2;
mod message;
mod place;
mod program;
mod signer;
mod tree;
mod until;
mod verifier;
mod wire;

pub use backend::{Backend, Step, answer, bytes, close, expect, expect_head, hang, reset};
pub use balancer::Balancer;
pub use certificate::{Authority, Certificate};
pub use clients::{Curl, Load, curl, curl_unbuffered, h2load, openssl_client, wrk};
pub use configuration::{
    API_HOST, API_ID, VPC_ID, VPCE_A, VPCE_B, authorizer_process, base_configuration, definition,
    function_arn, function_proxy, function_stream, function_uri, http, http_proxy, mock, open_policy,
    python_process,
};
pub use gateway::Gateway;
pub use http2::{Frame, FrameKind, Http2};
pub use message::Message;
pub use place::Place;
pub use program::{Outcome, program, run_program};
pub use signer::{Signed, Unsigned, sign_all};
pub use tree::{Manifest, Map, MapRow, SourceFile, crate_manifests, repository_root, text_files};
pub use until::{PATIENCE, until};
pub use verifier::{SignedCall, verify_all};
pub use wire::Wire;
