//! Everything that Postern calls.
//!
//! **For:** reaching backends: names, connections, TLS, pools, our HTTP/1.1 client, the targets of VPC
//! links. Implements [`postern_gateway::Effects`].
//! **Never enters:** any decision about a request; the server.
//! **Comes in:** [`postern_gateway::IntegrationCall`] and a body. **Goes out:** [`BackendReply`] or a
//! [`postern_gateway::IntegrationFailure`].
//! **Read first:** `upstream.rs`, then `exchange.rs`.

mod buffers;
mod connection;
mod dial;
mod exchange;
mod failure;
mod pool;
mod reply;
mod resolve;
mod tls;
mod upstream;

pub use reply::BackendReply;
pub use tls::{ClientTls, ClientTlsProblem};
pub use upstream::Upstream;
