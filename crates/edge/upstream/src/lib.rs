//! Everything that Postern calls.
//!
//! **For:** reaching backends: names, connections, TLS, pools, our HTTP/1.1 client, the targets of VPC
//! links and their health; running the processes of functions; and fetching credentials. Implements [`postern_gateway::Effects`].
//! **Never enters:** any decision about a request; the server.
//! **Comes in:** [`postern_gateway::IntegrationCall`] and a body. **Goes out:** [`BackendReply`] or a
//! [`postern_gateway::IntegrationFailure`].
//! **Read first:** `upstream.rs`, then `exchange.rs` and `vpc_link.rs`.

mod backends;
mod budget;
mod buffers;
mod check;
mod connection;
mod credentials;
mod dial;
mod exchange;
mod function;
mod health;
mod incoming;
mod name;
mod pool;
mod reply;
mod send;
mod tls;
mod turns;
mod upstream;
mod vpc_link;

pub use backends::Backends;
pub use credentials::{CredentialLog, CredentialNews};
pub use function::{FunctionHost, FunctionLine, FunctionOutput, FunctionStatus, HostedReply};
pub use health::TargetStatus;
pub use postern_socket::Outbox;
pub use reply::BackendReply;
pub use tls::{ClientTls, ClientTlsProblem};
pub use upstream::{Upstream, UpstreamReply};
