//! What is to be called: plain data that names a link or a host, never a connection.

use std::{net::SocketAddr, sync::Arc};

use postern_model::{Balancing, FunctionProcess, Limits};

/// Where calls go: compiled once for each place that some method names, and adopted across snapshots
/// while nothing about it changes, so that pools survive a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// A small number, unique in the process as long as nothing about the destination changes: pools
    /// are found by it.
    pub id: u32,
    /// The VPC link's id, or the host and port: for messages.
    pub name: Box<str>,
    /// Where it leads; at least one.
    pub targets: Vec<DestinationTarget>,
    /// TLS towards it; absent: plain text.
    pub tls: Option<DestinationTls>,
    /// How its targets share the calls; absent where it is no VPC link and has one target.
    pub balancing: Option<Balancing>,
    /// Whether it takes one call at a time, of all workers together.
    pub one_at_a_time: bool,
}

/// One target of a destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DestinationTarget {
    /// A host name or an address.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
    /// The address that the operator names for it (`hosts`); absent: DNS says.
    pub address: Option<SocketAddr>,
    /// Whether the operator names it (a link's target, an address or `localhost` in the URI, `hosts`):
    /// only then may it be a loopback, link-local or metadata address (hardening.md section 8).
    pub named_by_operator: bool,
}

/// TLS towards a destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DestinationTls {
    /// The name that is sent and verified: the host of the URI.
    pub server_name: Box<str>,
    /// Whether the issuer is not checked (HB6); name and dates always are.
    pub insecure_skip_verification: bool,
}

/// One call of a backend.
#[derive(Clone, Copy, Debug)]
pub struct IntegrationCall<'a> {
    /// Where it goes.
    pub destination: &'a Destination,
    /// The whole head as it goes over the wire, framing and the empty line included.
    pub head: &'a [u8],
    /// Whether it is a HEAD request, whose answer has no body.
    pub is_head: bool,
    /// Whether it may be sent twice (RFC 9110 section 9.2.2).
    pub is_idempotent: bool,
    /// When the whole exchange must be over, on the monotonic clock, in nanoseconds.
    pub deadline_nanoseconds: u64,
    /// How many bytes the body of the answer may have.
    pub answer_bytes_max: u64,
    /// How long the backend may send nothing while the body of its answer is on its way, in nanoseconds.
    pub answer_gap_nanoseconds: u64,
    /// The limits of the snapshot that the request is served by.
    pub limits: &'a Limits,
}

/// A function whose processes run on this machine: adopted across snapshots while nothing about it
/// changes, so that they survive a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedFunction {
    /// A small number, unique in the process as long as nothing about the function changes.
    pub id: u32,
    /// Its name, without what stands before it in an ARN.
    pub name: Box<str>,
    /// The region that it is told it is in.
    pub region: Box<str>,
    /// How its processes are run.
    pub process: FunctionProcess,
}

/// One call of a hosted function.
#[derive(Clone, Copy, Debug)]
pub struct HostedCall<'a> {
    /// The function.
    pub function: &'a Arc<HostedFunction>,
    /// The ARN that was called, alias or version included.
    pub function_arn: &'a str,
    /// The event.
    pub event: &'a [u8],
    /// Whether the event is known to be JSON. What is not is looked at, as the Invoke API does.
    pub event_is_json: bool,
    /// The id of the request.
    pub request_id: &'a str,
    /// The X-Ray header.
    pub trace_id: &'a str,
    /// JSON for the function about its caller, if a mapping gives any.
    pub client_context: Option<&'a str>,
    /// Whether nobody waits for the answer: the call is taken, and that is all.
    pub is_event: bool,
    /// When the whole exchange must be over, on the monotonic clock, in nanoseconds. The function runs on.
    pub deadline_nanoseconds: u64,
    /// How long a function may send nothing within an answer that comes in pieces, in nanoseconds.
    pub answer_gap_nanoseconds: u64,
    /// The limits of the snapshot that the request is served by.
    pub limits: &'a Limits,
}
