//! A backend's answer that passes in pieces: as it comes, or as what a function streams.

use postern_protocol::{
    event_stream::{self, Progress},
    http1::ResponseHead,
    integration_response::{self, Metadata},
    lambda_invoke::{StreamEvent, read_stream_event},
};

use crate::{BodyLength, IntegrationFailure, IntegrationFailureKind, Reply};

/// A backend's answer on its way to the client.
#[derive(Debug)]
pub enum Passing<R> {
    /// As the backend sends it.
    Plain(R),
    /// What a function streams, without what stands before the body.
    Function(Box<FunctionStream<R>>),
}

impl<R: Reply> Reply for Passing<R> {
    fn status(&self) -> u16 {
        self.reply().status()
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        self.reply().head()
    }

    fn length(&self) -> BodyLength {
        match self {
            Self::Plain(reply) => reply.length(),
            Self::Function(_) => BodyLength::Unknown,
        }
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        match self {
            Self::Plain(reply) => reply.next().await,
            Self::Function(stream) => stream.next().await,
        }
    }

    fn take_arrived(&mut self) -> &[u8] {
        match self {
            Self::Plain(reply) => reply.take_arrived(),
            Self::Function(stream) => stream.take_held(),
        }
    }
}

impl<R> Passing<R> {
    const fn reply(&self) -> &R {
        match self {
            Self::Plain(reply) => reply,
            Self::Function(stream) => &stream.reply,
        }
    }
}

/// What a function streams: by InvokeWithResponseStream in the messages of an event stream, by a process as
/// it is.
#[derive(Debug)]
pub struct FunctionStream<R> {
    reply: R,
    /// What was read of a message; absent where there are no messages.
    messages: Option<Vec<u8>>,
    /// What was read and not given out.
    held: Vec<u8>,
    /// What was given out last.
    given: Vec<u8>,
    is_over: bool,
}

impl<R: Reply> FunctionStream<R> {
    /// The stream behind a reply, which comes in messages or as it is.
    pub(crate) const fn new(reply: R, comes_in_messages: bool) -> Self {
        let messages = if comes_in_messages { Some(Vec::new()) } else { None };
        Self { reply, messages, held: Vec::new(), given: Vec::new(), is_over: false }
    }

    /// Reads what stands before the body (lambda-events.md section 7).
    pub(crate) async fn metadata(&mut self) -> Result<Metadata, IntegrationFailure> {
        loop {
            match integration_response::read(&self.held) {
                Err(malformed) => return Err(failure(malformed.to_string())),
                Ok(integration_response::Progress::Done { metadata, rest }) => {
                    let rest = rest.len();
                    self.held.drain(..self.held.len() - rest);
                    return Ok(metadata);
                }
                Ok(integration_response::Progress::NeedsMore) => {}
            }
            let mut held = std::mem::take(&mut self.held);
            let has_more = self.read_into(&mut held).await?;
            self.held = held;
            if !has_more {
                return Err(failure("the streamed answer ends before its eight NUL bytes".to_owned()));
            }
        }
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        if !self.held.is_empty() {
            return Ok(Some(self.take_held()));
        }
        let mut given = std::mem::take(&mut self.given);
        given.clear();
        let has_more = self.read_into(&mut given).await?;
        self.given = given;
        Ok(has_more.then_some(&*self.given))
    }

    fn take_held(&mut self) -> &[u8] {
        self.given.clear();
        std::mem::swap(&mut self.given, &mut self.held);
        &self.given
    }

    /// Appends the next piece, which is not empty; `false` at the end.
    async fn read_into(&mut self, output: &mut Vec<u8>) -> Result<bool, IntegrationFailure> {
        let start = output.len();
        while output.len() == start && !self.is_over {
            let Some(messages) = &mut self.messages else {
                match self.reply.next().await? {
                    Some(piece) => output.extend_from_slice(piece),
                    None => self.is_over = true,
                }
                continue;
            };
            match event_stream::read(messages, MESSAGE_BYTES_MAX) {
                Err(malformed) => return Err(failure(malformed.to_string())),
                Ok(Progress::Done { message, rest }) => {
                    match read_stream_event(message) {
                        StreamEvent::PayloadChunk(payload) => output.extend_from_slice(payload),
                        StreamEvent::InvokeComplete(Ok(())) => self.is_over = true,
                        StreamEvent::InvokeComplete(Err(error)) => {
                            return Err(failure(format!(
                                "the function failed within its answer: {} {}",
                                error.code, error.details
                            )));
                        }
                        StreamEvent::Unknown => {}
                    }
                    let read = messages.len() - rest.len();
                    messages.drain(..read);
                }
                Ok(Progress::NeedsMore(_)) => match self.reply.next().await? {
                    Some(piece) => messages.extend_from_slice(piece),
                    None => return Err(failure("the stream of the function broke off".to_owned())),
                },
            }
        }
        Ok(output.len() > start)
    }
}

/// The longest message of a stream.
const MESSAGE_BYTES_MAX: u32 = 16 << 20;

fn failure(reason: String) -> IntegrationFailure {
    IntegrationFailure { kind: IntegrationFailureKind::BadAnswer, reason: reason.into() }
}
