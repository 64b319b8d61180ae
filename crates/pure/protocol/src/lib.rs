//! Bytes that others defined, read and written.
//!
//! **For:** HTTP/1.1 heads and framing, HTTP/2, targets and queries, the PROXY protocol, Signature Version 4, how
//! services are spoken to, the Invoke and Runtime APIs of Lambda, certificates of clients.
//! **Never enters:** sockets, clocks, configuration, decisions about who may do what.
//! **Comes in:** bytes, in pieces of any size. **Goes out:** spans, checked values, a fault with its
//! status; and the bytes of messages that are written.
//! **Read first:** `http1/request.rs`.

mod bytes;
pub mod certificate;
pub mod credential_source;
mod cyclic_redundancy;
pub mod event_stream;
pub mod function_error;
pub mod http1;
pub mod http2;
pub mod integration_response;
pub mod lambda_invoke;
pub mod lambda_runtime;
pub mod proxy_protocol;
pub mod service;
pub mod signature;
pub mod uri;
