//! Decides about requests.
//!
//! **For:** compiling a checked configuration to a [`Snapshot`], and walking one request through it
//! in API Gateway's order ([`serve`]).
//! **Never enters:** sockets, clocks, tasks, file formats, metric names. Time, random numbers and
//! bodies are handed in; what must be waited for is asked of [`Effects`].
//! **Comes in:** `model::Configuration`, [`Arrival`]. **Goes out:** [`Answer`], [`Record`].
//! **Read first:** `walk.rs`.

mod answer;
mod arrival;
mod authorization;
mod body;
mod calendar;
mod call;
mod compile;
mod connection;
mod content;
mod context;
mod credentials;
mod effects;
mod explain;
mod integration;
mod key_of_day;
mod live;
mod observer;
mod passing;
mod record;
mod recorder;
mod refusal;
mod response;
mod routing;
mod scratch;
mod snapshot;
mod state;
mod throttle;
mod timers;
mod usage;
mod validation;
mod walk;

pub use answer::{Answer, AnswerBody};
pub use arrival::{Arrival, HttpVersion, Now};
pub use authorization::{AuthorizerOutput, PolicyStep};
pub use calendar::{RequestTimeText, date_of_day, day_of_date};
pub use call::{Destination, DestinationTarget, DestinationTls, HostedCall, HostedFunction, IntegrationCall};
pub use compile::{Compiled, compile};
pub use connection::{
    Admission, Admitted, ClientCertificate, Connection, ConnectionRefusal, Identity, Introduction,
    NetworkAclVerdict, NetworkVerdict, SecurityGroupVerdict, TlsFacts,
};
pub use content::CodingFault;
pub use context::{CompiledAccessLog, RequestIds};
pub use credentials::{FetchedCredentials, HeldKey};
pub use effects::{
    BodyFault, BodyLength, CallBody, Effects, IntegrationFailure, IntegrationFailureKind, Reply, RequestBody,
};
pub use explain::{
    Answered, Denial, Ending, GateTrace, Hello, MappedCall, NoBackend, Question, Transcript, Verdict,
    explain, gate_name, gate_title,
};
pub use live::{ChangedUsage, Held, Live};
pub use observer::{Gate, Observer};
pub use passing::{FunctionStream, Passing};
pub use record::{IntegrationOutcome, Record, Routed};
pub use recorder::{Event, Recorder, RefusedConnection, Sent};
pub use refusal::{ApiKeyFault, IdentityFault, NoSuchApi, PolicyDenial, PolicyLayer, Refusal, ThrottleLevel};
pub use routing::TlsTerms;
pub use routing::{MethodIndex, Tree, VariableSpan};
pub use scratch::Scratch;
pub use snapshot::{Entrance, Snapshot};
pub use state::{KeptUsage, State};
pub use throttle::{Bucket, Pace};
pub use timers::{Elapsed, Timers};
pub use usage::{DayUse, KeyUsage, QuotaLevel, Usage, UsageLevel, day_of, first_day_of, period_of};
pub use walk::{refuse_head, serve};
