//! Why a request is answered as it is: the walk with a transcript, and without backends unless they are
//! asked for.
//!
//! [`explain`] runs the very walk that serves. What it adds is told from what the walk left behind:
//! each [`Gate`](crate::Gate) is a row of one table (`gates.rs`) with a function that says what the gate
//! looked at. [`Denial`] is the same for a request that a running gateway has refused.

mod ask;
mod denial;
mod facts;
mod gates;
mod secrets;
mod witness;

use postern_policy::Explanation;

use crate::Gate;

pub use ask::{Hello, NoBackend, Question, explain};
pub use denial::Denial;
pub use gates::{gate_name, gate_title};

/// What every gate said of one request, in the order in which they are come to, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Every gate.
    pub gates: Vec<GateTrace>,
    /// How it ended.
    pub ending: Ending,
}

/// What one gate said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateTrace {
    /// The gate.
    pub gate: Gate,
    /// Whether it let the request through.
    pub verdict: Verdict,
    /// What decided, in words; empty where the gate was not reached.
    pub because: String,
    /// The values that it looked at: stable names, and text.
    pub facts: Vec<(&'static str, String)>,
    /// The policy that it asked, statement by statement.
    pub policy: Option<Explanation>,
    /// The call that was made of the request.
    pub call: Option<MappedCall>,
}

/// Whether a gate let a request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    Passed,
    /// It refused.
    Failed,
    /// It was not asked: a gate before it refused, or it asks an authorizer and that was not called.
    NotReached,
}

/// A call of a backend as it goes over the wire, without the request's secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedCall {
    /// Where it goes: a VPC link's id, or host and port.
    pub destination: String,
    /// The verb.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// The fields, as they are written.
    pub fields: Vec<(String, String)>,
    /// The body; bytes that are no text are replaced.
    pub body: String,
    /// Whether the backend was really called.
    pub is_made: bool,
}

/// How a request ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client is answered.
    Answer(Answered),
    /// The connection is closed, or the handshake refused, before there is a request.
    Closed,
    /// The backend's answer decides, and it was not called.
    NotCalled,
    /// The authorizer's function decides, and it was not called.
    AuthorizerNotCalled,
}

/// What the client is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// `x-amzn-ErrorType`.
    pub error_type: Option<String>,
    /// The body; bytes that are no text are replaced.
    pub body: String,
}

impl Transcript {
    /// The gate that refused, with what it said.
    #[must_use]
    pub fn refused_by(&self) -> Option<&GateTrace> {
        self.gates.iter().find(|trace| trace.verdict == Verdict::Failed)
    }
}

/// `passed`, `failed` or `notReached`, as programs read them.
impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotReached => "notReached",
        })
    }
}
