//! What a worker is written, by the others and by the thread of functions.

use std::{
    collections::HashSet,
    net::TcpListener,
    process::ExitStatus,
    sync::{Arc, atomic::AtomicBool},
};

use postern_gateway::HostedFunction;
use tokio::sync::{mpsc, oneshot};

use super::{invocation::Invocation, queue::Waiting, request_id::SharedRequestId, standing::Standing};

/// What a worker is written.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A call for one of its processes.
    Call(Arc<Standing>, Box<Waiting<Invocation>>, Why),
    /// A worker has a process for a call, if one waits.
    Ask(Arc<Standing>, usize),
    /// A worker that was asked has no call any more.
    Nothing(Arc<Standing>),
    /// A process was started whose home it is.
    Process(Arc<Standing>, Box<Started>),
    /// No process is left: what waits fails with this.
    Fail(Arc<Standing>, Arc<[u8]>),
    /// These functions are kept, and no others.
    Keep(Arc<Kept>),
}

/// Why a call is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A process seemed to be idle.
    Idle,
    /// It was asked for.
    Asked,
}

/// A process that was started, as its home is told of it.
#[derive(Debug)]
pub(crate) struct Started {
    /// Where it makes its calls of the Runtime API.
    pub(crate) listener: TcpListener,
    pub(crate) told: Arc<Told>,
    pub(crate) stop: mpsc::UnboundedSender<Stop>,
    pub(crate) ended: oneshot::Receiver<Ended>,
}

/// What the home of a process tells the thread of functions all the time.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The request that it is or was at last: what it writes of it may be read when it is answered.
    pub(crate) request_id: SharedRequestId,
    /// Whether it has asked for a call.
    pub(crate) has_asked: AtomicBool,
}

/// How a process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is asked to, and killed where it does not.
    Gently,
    /// It is killed.
    AtOnce,
}

/// A process is gone.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How, where that is known.
    pub(crate) status: Option<ExitStatus>,
    /// Whether it was asked to.
    pub(crate) was_asked: bool,
    /// Where its home says what that means.
    pub(crate) outcome: oneshot::Sender<Outcome>,
}

/// What a process came to that is gone.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Whether it ended before it had answered anything.
    pub(crate) is_failure: bool,
    /// What became of it where it never came to ask for a call.
    pub(crate) error: Option<Vec<u8>>,
}

/// The functions whose processes are kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    ids: HashSet<u32>,
    /// The newest function that was ever kept: those that are newer will be.
    newest: u32,
}

impl Kept {
    /// What is kept after this.
    pub(crate) fn next(&self, functions: &[Arc<HostedFunction>]) -> Self {
        let ids: HashSet<u32> = functions.iter().map(|function| function.id).collect();
        let newest = ids.iter().copied().fold(self.newest, u32::max);
        Self { ids, newest }
    }

    /// Whether the processes of a function are to end when they are idle. One that is new may be called
    /// before it is known here.
    pub(crate) fn is_retired(&self, id: u32) -> bool {
        id <= self.newest && !self.ids.contains(&id)
    }
}
