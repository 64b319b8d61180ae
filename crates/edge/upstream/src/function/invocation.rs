//! A call of a hosted function on its way to a process.

use postern_gateway::HostedCall;

use super::answer::Answering;

/// What a process is told of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'e> {
    pub(crate) request_id: &'e str,
    pub(crate) function_arn: &'e str,
    pub(crate) trace_id: &'e str,
    pub(crate) client_context: Option<&'e str>,
    pub(crate) payload: &'e [u8],
}

impl<'e> Event<'e> {
    pub(crate) const fn of(call: &HostedCall<'e>) -> Self {
        Self {
            request_id: call.request_id,
            function_arn: call.function_arn,
            trace_id: call.trace_id,
            client_context: call.client_context,
            payload: call.event,
        }
    }
}

/// A call that waits for a process, and may change over to another worker.
#[derive(Debug)]
pub(crate) struct Invocation {
    request_id: Box<str>,
    function_arn: Box<str>,
    trace_id: Box<str>,
    client_context: Option<Box<str>>,
    payload: Box<[u8]>,
    /// Whether it is run although nobody waits for its answer.
    is_event: bool,
    pub(crate) answering: Answering,
}

impl Invocation {
    pub(crate) fn new(event: &Event<'_>, is_event: bool, answering: Answering) -> Self {
        Self {
            request_id: event.request_id.into(),
            function_arn: event.function_arn.into(),
            trace_id: event.trace_id.into(),
            client_context: event.client_context.map(Into::into),
            payload: event.payload.into(),
            is_event,
            answering,
        }
    }

    /// Whether nobody would notice if it were never run.
    pub(crate) fn is_given_up(&self) -> bool {
        !self.is_event && !self.answering.is_awaited()
    }

    /// What the process is told, and where its answer goes.
    pub(crate) fn parts(&mut self) -> (Event<'_>, Answering) {
        let answering = self.answering.take();
        let event = Event {
            request_id: &self.request_id,
            function_arn: &self.function_arn,
            trace_id: &self.trace_id,
            client_context: self.client_context.as_deref(),
            payload: &self.payload,
        };
        (event, answering)
    }
}
