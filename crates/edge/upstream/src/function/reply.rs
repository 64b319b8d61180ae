//! The answer of a hosted function, as the Invoke API would give it.

use std::{pin::pin, rc::Rc, sync::Arc};

use postern_gateway::{
    BodyLength, HostedCall, HostedFunction, IntegrationFailure, IntegrationFailureKind as Kind, Timers,
};
use postern_protocol::{
    function_error::StreamFailure,
    http1::{ResponseHead, read_response},
};
use tokio::sync::mpsc;

use super::Begun;
use crate::incoming::REPLY_LIMITS;

/// The answer of a hosted function.
#[derive(Debug)]
pub struct HostedReply {
    head: Rc<ReplyHead>,
    body: Body,
    /// For messages.
    function: Arc<HostedFunction>,
    deadline: u64,
    gap: u64,
    /// What was given out last.
    given: Vec<u8>,
}

#[derive(Debug)]
enum Body {
    Whole(Vec<u8>),
    Pieces(mpsc::Receiver<Result<Vec<u8>, StreamFailure>>),
    Over,
}

/// A head that a hosted function's answer may have.
#[derive(Debug)]
struct ReplyHead {
    bytes: &'static [u8],
    head: ResponseHead,
}

/// The heads that answers of hosted functions have, read once for a worker.
#[derive(Debug)]
pub(crate) struct ReplyHeads {
    answered: Rc<ReplyHead>,
    failed: Rc<ReplyHead>,
    refused: Rc<ReplyHead>,
    accepted: Rc<ReplyHead>,
}

impl Default for ReplyHeads {
    fn default() -> Self {
        let read = |bytes: &'static [u8]| {
            let mut head = ResponseHead::default();
            // These are heads.
            let _ = read_response(bytes, &REPLY_LIMITS, false, &mut head);
            Rc::new(ReplyHead { bytes, head })
        };
        Self {
            answered: read(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"),
            failed: read(b"HTTP/1.1 200 OK\r\nX-Amz-Function-Error: Unhandled\r\n\r\n"),
            refused: read(
                b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
                x-amzn-ErrorType: InvalidRequestContentException\r\n\r\n",
            ),
            accepted: read(b"HTTP/1.1 202 Accepted\r\n\r\n"),
        }
    }
}

impl HostedReply {
    pub(crate) fn new(begun: Begun, heads: &ReplyHeads, call: &HostedCall<'_>) -> Self {
        let (head, body) = match begun {
            Begun::Answered(payload) => (&heads.answered, Body::Whole(payload)),
            Begun::Failed(error) => (&heads.failed, Body::Whole(error)),
            Begun::Refused(error) => (&heads.refused, Body::Whole(error)),
            Begun::Streams(pieces) => (&heads.answered, Body::Pieces(pieces)),
            Begun::Accepted | Begun::Overloaded => (&heads.accepted, Body::Over),
        };
        Self {
            head: Rc::clone(head),
            body,
            function: Arc::clone(call.function),
            deadline: call.deadline_nanoseconds,
            gap: call.answer_gap_nanoseconds,
            given: Vec::new(),
        }
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.head.status()
    }

    pub(crate) fn head(&self) -> (&[u8], &ResponseHead) {
        (self.head.bytes, &self.head.head)
    }

    pub(crate) const fn length(&self) -> BodyLength {
        match &self.body {
            Body::Whole(payload) => BodyLength::Known(payload.len() as u64),
            Body::Pieces(_) => BodyLength::Unknown,
            Body::Over => BodyLength::None,
        }
    }

    pub(crate) fn take_arrived(&mut self) -> &[u8] {
        if let Body::Whole(payload) = &mut self.body {
            self.given = std::mem::take(payload);
            self.body = Body::Over;
            return &self.given;
        }
        &[]
    }

    pub(crate) async fn next<T: Timers>(&mut self, timers: &T) -> Result<Option<&[u8]>, IntegrationFailure> {
        let deadline = match self.gap {
            u64::MAX => self.deadline,
            gap => self.deadline.min(timers.coarse_nanoseconds().saturating_add(gap)),
        };
        let pieces = match &mut self.body {
            Body::Over => return Ok(None),
            Body::Whole(_) => return Ok(Some(self.take_arrived()).filter(|payload| !payload.is_empty())),
            Body::Pieces(pieces) => pieces,
        };
        let next = {
            let receiving = pin!(pieces.recv());
            timers.within(deadline, receiving).await
        };
        let failure = match next {
            Ok(Some(Ok(piece))) => {
                self.given = piece;
                return Ok(Some(&self.given));
            }
            Ok(None) => {
                self.body = Body::Over;
                return Ok(None);
            }
            Ok(Some(Err(StreamFailure { code, details }))) => {
                (Kind::BadAnswer, format!("it failed within its answer: {code} {details}"))
            }
            Err(_) if deadline < self.deadline => {
                (Kind::TimedOut, "it paused for too long within its answer".to_owned())
            }
            Err(_) => (Kind::TimedOut, "its answer was not complete within the timeout".to_owned()),
        };
        self.body = Body::Over;
        let reason = format!("function `{}`: {}", self.function.name, failure.1);
        Err(IntegrationFailure { kind: failure.0, reason: reason.into() })
    }
}
