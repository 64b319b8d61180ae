//! What a walk may wait for: the client's body, and the backend.

use std::{future::Future, rc::Rc};

use postern_protocol::http1::ResponseHead;

use crate::{HostedCall, IntegrationCall};

/// The body of a request, in pieces, as the server reads it.
///
/// Reading is what makes a waiting client send: the server writes `100 Continue` when the first
/// piece is asked for.
pub trait RequestBody {
    /// How long the body says that it is.
    fn length(&self) -> BodyLength;

    /// The next piece, or `None` after the last. A piece that has arrived already comes without
    /// waiting.
    fn next(&mut self) -> impl Future<Output = Result<Option<&[u8]>, BodyFault>>;

    /// The bytes that have arrived already, so that they can leave in one write with a head. They
    /// count as taken.
    fn take_arrived(&mut self) -> &[u8];
}

/// How long a body says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    None,
    /// So many bytes.
    Known(u64),
    /// Until its end is seen (chunked; HTTP/2 without a length).
    Unknown,
}

/// Why a client's body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It broke the grammar: 400.
    Malformed,
    /// It took too long: 408.
    TooSlow,
    /// The client went away; nobody is left to answer.
    Gone,
}

/// What stands behind the walk. Implemented by `upstream`.
pub trait Effects {
    /// An answer of a backend.
    type Reply: Reply;

    /// The monotonic clock, in nanoseconds.
    fn monotonic_nanoseconds(&self) -> u64;

    /// Calls a backend and returns when the head of its answer is in.
    ///
    /// The call's deadline holds for the whole exchange, [`Reply::next`] included, and an answer that is
    /// larger than the call lets it be is a [`IntegrationFailureKind::BadAnswer`].
    fn integrate<B: RequestBody>(
        &self,
        call: &IntegrationCall<'_>,
        body: CallBody<'_, B>,
    ) -> impl Future<Output = Result<Self::Reply, IntegrationFailure>>;

    /// Has a process of a function answer an event, and returns when the answer begins.
    ///
    /// The reply is that of the Invoke API: its status is 200, or 202 where the call was only taken; the
    /// field `X-Amz-Function-Error` says that the function failed. Whoever hosts no functions leaves this as
    /// it is.
    fn invoke(&self, call: &HostedCall<'_>) -> impl Future<Output = Result<Self::Reply, IntegrationFailure>> {
        let reason = format!("function `{}`: nobody hosts it", call.function.name).into();
        std::future::ready(Err(IntegrationFailure { kind: IntegrationFailureKind::Network, reason }))
    }

    /// Waits until what goes on though nobody waits for it has come to an end, or was given long enough. To be
    /// called when the last request has been answered, before the worker ends.
    fn finish(&self) -> impl Future<Output = ()> {
        std::future::ready(())
    }
}

/// What several hold: the walk, and whoever keeps connections in order.
impl<E: Effects> Effects for Rc<E> {
    type Reply = E::Reply;

    fn monotonic_nanoseconds(&self) -> u64 {
        (**self).monotonic_nanoseconds()
    }

    fn integrate<B: RequestBody>(
        &self,
        call: &IntegrationCall<'_>,
        body: CallBody<'_, B>,
    ) -> impl Future<Output = Result<Self::Reply, IntegrationFailure>> {
        (**self).integrate(call, body)
    }

    fn invoke(&self, call: &HostedCall<'_>) -> impl Future<Output = Result<Self::Reply, IntegrationFailure>> {
        (**self).invoke(call)
    }

    fn finish(&self) -> impl Future<Output = ()> {
        (**self).finish()
    }
}

/// The body of a call.
#[derive(Debug)]
pub enum CallBody<'a, B> {
    /// None.
    None,
    /// These bytes; they can be sent again.
    Whole(&'a [u8]),
    /// The client's own, passed on in pieces; its length stands in the call's head.
    Stream(&'a mut B),
}

/// The answer of a backend: its head, and its body in pieces.
pub trait Reply {
    /// The status.
    fn status(&self) -> u16;

    /// The head's bytes and the spans over them.
    fn head(&self) -> (&[u8], &ResponseHead);

    /// How long the body is.
    fn length(&self) -> BodyLength;

    /// The next piece, or `None` after the last.
    fn next(&mut self) -> impl Future<Output = Result<Option<&[u8]>, IntegrationFailure>>;

    /// The bytes of the body that have arrived already. They count as taken.
    fn take_arrived(&mut self) -> &[u8];
}

/// Why a backend gave no usable answer (integrations.md section 14, hardening.md section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationFailure {
    /// What happened, as the client's answer depends on it.
    pub kind: IntegrationFailureKind,
    /// What happened, for an operator: names the backend, never a secret.
    pub reason: Box<str>,
}

/// What a failed call is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationFailureKind {
    /// No complete answer within the time limit: 504.
    TimedOut,
    /// Refused, reset, no route, no such name, or closed before a byte of the answer: 504.
    Network,
    /// The backend's certificate was rejected: 500.
    Certificate,
    /// The answer broke the grammar, was cut short or was too large: 502.
    BadAnswer,
    /// The function was not run: throttled, not permitted, not there: 500.
    Refused,
    /// Too many calls wait for this backend already: 503.
    Overloaded,
    /// The client's body could not be read while it was passed on.
    ClientBody(BodyFault),
}
