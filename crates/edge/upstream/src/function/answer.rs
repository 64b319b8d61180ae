//! What a process makes of a call, on its way back to the worker.

use postern_protocol::function_error::StreamFailure;
use tokio::sync::{mpsc, oneshot};

/// The beginning of an answer.
#[derive(Debug)]
pub(crate) enum Begun {
    /// The whole answer.
    Answered(Vec<u8>),
    /// The function failed: the JSON of its error.
    Failed(Vec<u8>),
    /// The answer comes in pieces.
    Streams(mpsc::Receiver<Result<Vec<u8>, StreamFailure>>),
    /// The event is none that a function may be called with: why, as the Invoke API says it.
    Refused(Vec<u8>),
    /// The call was taken, and nobody waits for what becomes of it.
    Accepted,
    /// Too many calls wait already.
    Overloaded,
}

/// Where an answer goes. It goes once; nobody may be there any more.
#[derive(Debug)]
pub(crate) struct Answering(Option<oneshot::Sender<Begun>>);

impl Answering {
    pub(crate) const fn new(to: oneshot::Sender<Begun>) -> Self {
        Self(Some(to))
    }

    /// Whether an answer is waited for.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.as_ref().is_some_and(|to| !to.is_closed())
    }

    /// What is left of it goes elsewhere; here nothing is answered any more.
    pub(crate) const fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Answers, if nobody has.
    pub(crate) fn answer(&mut self, begun: Begun) {
        if let Some(to) = self.0.take() {
            let _ = to.send(begun);
        }
    }
}
