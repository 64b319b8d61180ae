//! Everything that calls Postern.
//!
//! **For:** listeners, TLS, HTTP/1.1 and HTTP/2 towards clients, timeouts, limits of connections,
//! draining: bytes in, [`Arrival`](postern_gateway::Arrival) out; answer in, bytes out.
//! **Never enters:** decisions about a request, backends, configuration files, metric names.
//! **Comes in:** a [`Snapshot`](postern_gateway::Snapshot) to listen for, connections of clients.
//! **Goes out:** calls of [`serve`](postern_gateway::serve), answers, events for a
//! [`Recorder`](postern_gateway::Recorder).
//! **Read first:** `worker.rs`, then `connection.rs` and `http1/mod.rs`.

mod body_pace;
mod buffers;
mod clock;
mod connection;
mod handoff;
mod http1;
mod http2;
mod limits;
mod listener;
mod proxy_header;
mod random;
mod server;
mod timeout;
mod tls;
mod wire;
mod worker;

pub use clock::Clock;
pub use handoff::Inherited;
pub use server::{Drained, Prepared, Server, certificates_cover, check_identities};
pub use timeout::WorkerTimers;
pub use worker::WorkerContext;

/// Nanoseconds of one second: limits are in seconds, clocks in nanoseconds.
pub(crate) const SECOND_NANOSECONDS: u64 = 1_000_000_000;
