//! The Runtime API: what a process asks and says on one of its connections, and what it is answered.

use std::rc::Rc;

use postern_protocol::{
    function_error::{FunctionError, StreamFailure},
    http1::{FieldBlock, write_status_line},
    lambda_runtime::{
        self, Ending, RESPONSE_BYTES_MAX, Refusal, ResponseMode, RuntimeCall, TrailingErrorFilter,
    },
};
use tokio::{net::TcpStream, sync::mpsc};

use super::{
    Begun,
    body::{Broken, Incoming},
    letter::Stop,
    line::Line,
    pool::Pool,
    process::{OutOfTurn, Process},
};

/// Serves a connection of a process until it ends.
pub(crate) async fn serve(socket: TcpStream, pool: Rc<Pool>, process: Rc<Process>) {
    let _ = socket.set_nodelay(true);
    let (incoming, outgoing) = socket.into_split();
    let (incoming, line) = (Incoming::new(incoming), Line::new(outgoing));
    let mut connection = Connection { incoming, line, output: Vec::new(), pool, process };
    // A connection that breaks says nothing of the process, which may have others.
    let _ = connection.serve().await;
    if connection.line.is_broken() {
        // It has asked and does not take what it asked for.
        connection.process.stop(Stop::Gently);
    }
    connection.process.stop_asking(&connection.line, &connection.pool);
}

struct Connection {
    incoming: Incoming,
    line: Rc<Line>,
    output: Vec<u8>,
    pool: Rc<Pool>,
    process: Rc<Process>,
}

/// What a process calls, as far as it matters here.
enum Call {
    Next,
    /// Whether it is its turn to answer, and how the answer comes.
    Response(Result<(), OutOfTurn>, Result<ResponseMode, Refusal>),
    /// Whether it is its turn to answer, and what kind of error it names.
    Error(Result<(), OutOfTurn>, Option<Vec<u8>>),
    /// What kind of error it names.
    InitError(Option<Vec<u8>>),
    Restore,
    Unknown,
}

/// What a call is answered with.
enum Reply {
    Accepted,
    Refused(Refusal),
}

impl Connection {
    async fn serve(&mut self) -> Result<(), Broken> {
        loop {
            self.line.flushed().await;
            if !self.incoming.next_head().await? {
                return Ok(());
            }
            // The next call may come before this one is answered.
            while self.process.asks_on(&self.line) {
                self.line.changed.notified().await;
            }
            let keep_alive = self.incoming.head.keep_alive();
            let reply = match self.call() {
                Call::Next => {
                    self.discard_body().await?;
                    if self.process.may_ask() {
                        self.incoming.finish();
                        self.process.ask(&self.line, &self.pool);
                        continue;
                    }
                    Reply::Refused(Refusal::StateTransition)
                }
                Call::Response(turn, mode) => self.take_response(turn, mode).await?,
                Call::Error(turn, error_type) => self.take_error(turn, error_type).await?,
                Call::InitError(error_type) => self.take_start_error(error_type).await?,
                Call::Restore => {
                    self.discard_body().await?;
                    Reply::Refused(Refusal::StateTransition)
                }
                Call::Unknown => {
                    self.discard_body().await?;
                    Reply::Refused(Refusal::UnknownCall)
                }
            };
            self.incoming.finish();
            self.answer(&reply)?;
            if !keep_alive {
                self.line.flushed().await;
                return Ok(());
            }
        }
    }

    /// The call whose head has come. Who begins to answer has had its turn.
    fn call(&self) -> Call {
        let head = self.incoming.head.over(self.incoming.head_bytes());
        let value = |name: &str| head.fields().values_named(name.as_bytes()).next();
        let error_type = || value(lambda_runtime::ERROR_TYPE).map(<[u8]>::to_vec);
        match RuntimeCall::read(head.method(), head.path()) {
            Some(RuntimeCall::Next) => Call::Next,
            Some(RuntimeCall::Response { request_id }) => {
                let mode = ResponseMode::read(value(lambda_runtime::RESPONSE_MODE));
                Call::Response(self.process.begin_answer(request_id), mode)
            }
            Some(RuntimeCall::Error { request_id }) => {
                Call::Error(self.process.begin_answer(request_id), error_type())
            }
            Some(RuntimeCall::InitError) => Call::InitError(error_type()),
            Some(RuntimeCall::RestoreNext | RuntimeCall::RestoreError) => Call::Restore,
            None => Call::Unknown,
        }
    }

    async fn take_response(
        &mut self,
        turn: Result<(), OutOfTurn>,
        mode: Result<ResponseMode, Refusal>,
    ) -> Result<Reply, Broken> {
        self.allow_body()?;
        if let Err(out_of_turn) = turn {
            self.discard_body().await?;
            return Ok(Reply::Refused(refusal(out_of_turn)));
        }
        let taken = match mode {
            Ok(ResponseMode::Buffered) => self.take_whole().await,
            Ok(ResponseMode::Streaming) => self.take_stream().await,
            Err(refusal) => self.refuse_mode(refusal).await,
        };
        match taken {
            Ok(reply) => {
                self.process.finish(&self.pool);
                Ok(reply)
            }
            Err(Broken) => {
                // A process that breaks off its answer is not asked again.
                self.process.stop(Stop::Gently);
                Err(Broken)
            }
        }
    }

    async fn take_whole(&mut self) -> Result<Reply, Broken> {
        let payload = self.body().await?;
        Ok(match payload {
            Some(payload) => {
                self.process.answer(Begun::Answered(payload));
                Reply::Accepted
            }
            None => {
                let error = FunctionError::response_too_large();
                self.process.answer(Begun::Failed(error.to_json().into_bytes()));
                Reply::Refused(Refusal::ResponseTooLarge)
            }
        })
    }

    async fn take_stream(&mut self) -> Result<Reply, Broken> {
        let (pieces, taken) = mpsc::channel(PIECES_WAITING_MAX);
        self.process.answer(Begun::Streams(taken));
        let mut filter = TrailingErrorFilter::default();
        loop {
            let piece = match self.incoming.next_piece().await {
                Ok(Some(piece)) => filter.push(piece).into_owned(),
                Ok(None) => break,
                Err(Broken) => {
                    let details = "the process broke off its answer".to_owned();
                    let failure = StreamFailure { code: "Runtime.TruncatedResponse".to_owned(), details };
                    let _ = pieces.send(Err(failure)).await;
                    return Err(Broken);
                }
            };
            if !piece.is_empty() {
                // The client may have gone: the function runs on, and what it says is let go of.
                let _ = pieces.send(Ok(piece)).await;
            }
        }
        let error_type = self.incoming.trailer(lambda_runtime::ERROR_TYPE);
        let error_body = self.incoming.trailer(lambda_runtime::ERROR_BODY);
        let failure = lambda_runtime::read_error_trailers(error_type, error_body);
        match (failure, filter.finish()) {
            (Some(failure), _) | (None, Ending::Failed(failure)) => {
                let _ = pieces.send(Err(failure)).await;
            }
            (None, Ending::Complete(rest)) if !rest.is_empty() => {
                let _ = pieces.send(Ok(rest)).await;
            }
            (None, Ending::Complete(_)) => {}
        }
        Ok(Reply::Accepted)
    }

    async fn refuse_mode(&mut self, refusal: Refusal) -> Result<Reply, Broken> {
        self.discard_body().await?;
        let kind = "Runtime.InvalidResponseModeHeader".to_owned();
        let error = FunctionError { message: refusal.to_string(), kind };
        self.process.answer(Begun::Failed(error.to_json().into_bytes()));
        Ok(Reply::Refused(refusal))
    }

    async fn take_error(
        &mut self,
        turn: Result<(), OutOfTurn>,
        error_type: Option<Vec<u8>>,
    ) -> Result<Reply, Broken> {
        self.allow_body()?;
        let body = self.body().await?.unwrap_or_default();
        if let Err(out_of_turn) = turn {
            return Ok(Reply::Refused(refusal(out_of_turn)));
        }
        let payload = lambda_runtime::error_payload(error_type.as_deref(), &body).into_owned();
        self.process.answer(Begun::Failed(payload));
        self.process.finish(&self.pool);
        Ok(Reply::Accepted)
    }

    async fn take_start_error(&mut self, error_type: Option<Vec<u8>>) -> Result<Reply, Broken> {
        self.allow_body()?;
        let body = self.body().await?.unwrap_or_default();
        if !self.process.is_starting() {
            return Ok(Reply::Refused(Refusal::StateTransition));
        }
        let payload = lambda_runtime::error_payload(error_type.as_deref(), &body).into_owned();
        self.process.fail_start(payload);
        Ok(Reply::Accepted)
    }

    /// Lets a client send a body that waits for that.
    fn allow_body(&self) -> Result<(), Broken> {
        if self.incoming.head.expect_continue() {
            self.line.send(b"HTTP/1.1 100 Continue\r\n\r\n", b"")?;
        }
        Ok(())
    }

    /// The whole body; `None` where it is too large, and what is too much is read all the same, so that the
    /// client comes to read the answer.
    async fn body(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let bytes_max = usize::try_from(RESPONSE_BYTES_MAX).unwrap_or(usize::MAX);
        let mut body = Vec::new();
        let mut is_too_large = false;
        while let Some(piece) = self.incoming.next_piece().await? {
            is_too_large |= body.len() + piece.len() > bytes_max;
            if !is_too_large {
                body.extend_from_slice(piece);
            }
        }
        Ok((!is_too_large).then_some(body))
    }

    async fn discard_body(&mut self) -> Result<(), Broken> {
        while self.incoming.next_piece().await?.is_some() {}
        Ok(())
    }

    fn answer(&mut self, reply: &Reply) -> Result<(), Broken> {
        let Reply::Refused(refusal) = reply else { return Ok(self.line.send(ACCEPTED, b"")?) };
        let body = refusal.body();
        self.output.clear();
        write_status_line(&mut self.output, refusal.status());
        let mut fields = FieldBlock::with_capacity(64);
        fields.push_trusted(b"Content-Type", b"application/json");
        fields.push_number(b"Content-Length", body.len() as u64);
        self.output.extend_from_slice(fields.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        Ok(self.line.send(&self.output, body.as_bytes())?)
    }
}

/// The answer to what was taken, whose body is [`lambda_runtime::ACCEPTED_BODY`].
const ACCEPTED: &[u8] =
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"OK\"}";

/// How many pieces of a streamed answer wait for the client.
const PIECES_WAITING_MAX: usize = 8;

const fn refusal(out_of_turn: OutOfTurn) -> Refusal {
    match out_of_turn {
        OutOfTurn::NotCalled => Refusal::StateTransition,
        OutOfTurn::OtherCall => Refusal::InvalidRequestId,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_answered_as_the_protocol_says() {
        let body = lambda_runtime::ACCEPTED_BODY;
        let mut expected = Vec::new();
        write_status_line(&mut expected, 202);
        let fields =
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        expected.extend_from_slice(fields.as_bytes());
        assert_eq!(ACCEPTED, expected);
    }
}
