//! The Runtime API: what a process asks and says on one of its connections, and what it is answered.

use std::{
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::Poll,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use postern_protocol::{
    function_error::{FunctionError, StreamFailure},
    http1::{FieldBlock, write_status_line},
    lambda_runtime::{
        self, ACCEPTED_BODY, Ending, RESPONSE_BYTES_MAX, Refusal, ResponseMode, RuntimeCall,
        TrailingErrorFilter,
    },
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::spawn_local,
};

use super::{
    Begun, Invocation,
    body::{Broken, Incoming},
    pool::FunctionPool,
    process::{OutOfTurn, Process},
};

/// Accepts the connections of a process for as long as it lives.
pub(crate) async fn accept(listener: TcpListener, pool: Rc<FunctionPool>, process: Rc<Process>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (pool, process) = (Rc::clone(&pool), Rc::clone(&process));
        spawn_local(async move {
            let _ = socket.set_nodelay(true);
            let mut connection =
                Connection { incoming: Incoming::new(socket), output: Vec::new(), pool, process };
            // A connection that breaks says nothing of the process, which may have others.
            let _ = connection.serve().await;
        });
    }
}

struct Connection {
    incoming: Incoming,
    output: Vec<u8>,
    pool: Rc<FunctionPool>,
    process: Rc<Process>,
}

/// What a call is answered with.
enum Reply {
    Accepted,
    Refused(Refusal),
}

impl Connection {
    async fn serve(&mut self) -> Result<(), Broken> {
        while self.incoming.next_head().await? {
            let head = self.incoming.head.over(self.incoming.head_bytes());
            let (method, path) = (head.method().to_vec(), head.path().to_vec());
            let keep_alive = self.incoming.head.keep_alive();
            let reply = match RuntimeCall::read(&method, &path) {
                Some(RuntimeCall::Next) => {
                    self.discard_body().await?;
                    if self.process.may_ask() {
                        self.give_call().await?;
                        continue;
                    }
                    Reply::Refused(Refusal::StateTransition)
                }
                Some(RuntimeCall::Response { request_id }) => self.take_response(request_id).await?,
                Some(RuntimeCall::Error { request_id }) => self.take_error(request_id).await?,
                Some(RuntimeCall::InitError) => self.take_start_error().await?,
                Some(RuntimeCall::RestoreNext | RuntimeCall::RestoreError) => {
                    self.discard_body().await?;
                    Reply::Refused(Refusal::StateTransition)
                }
                None => {
                    self.discard_body().await?;
                    Reply::Refused(Refusal::UnknownCall)
                }
            };
            self.incoming.finish();
            self.answer(&reply).await?;
            if !keep_alive {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits for a call and gives it to the process.
    async fn give_call(&mut self) -> Result<(), Broken> {
        self.incoming.finish();
        let invocation = match self.process.ask(&self.pool) {
            Ok(invocation) => invocation,
            Err(call) => match self.wait_for_call(call).await {
                Ok(invocation) => invocation,
                Err(broken) => {
                    self.process.stop_asking(&self.pool);
                    return Err(broken);
                }
            },
        };
        let deadline = Duration::from_secs(self.pool.function.process.timeout_seconds.into());
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + deadline;
        let mut fields = FieldBlock::with_capacity(512);
        let invocation_head = lambda_runtime::Invocation {
            request_id: &invocation.request_id,
            deadline_milliseconds: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
            function_arn: &invocation.function_arn,
            trace_id: Some(&invocation.trace_id),
            client_context: invocation.client_context.as_deref(),
            cognito_identity: None,
            tenant_id: None,
        };
        for (name, value) in invocation_head.fields() {
            fields.push_trusted(name.as_bytes(), value.as_bytes());
        }
        fields.push_number(b"Content-Length", invocation.event.len() as u64);
        let Invocation { event, request_id, answering, .. } = invocation;
        self.process.begin(request_id, answering);
        self.output.clear();
        write_status_line(&mut self.output, 200);
        self.output.extend_from_slice(fields.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        let written = self.write(&event).await;
        if written.is_err() {
            // It has asked and does not take what it asked for.
            self.process.stop();
        }
        written
    }

    /// Waits for a call, for as long as the process is there to take it.
    async fn wait_for_call(&mut self, call: oneshot::Receiver<Invocation>) -> Result<Invocation, Broken> {
        let mut call = pin!(call);
        loop {
            let mut reading = pin!(self.incoming.read_more());
            let came = poll_fn(|context| {
                if let Poll::Ready(invocation) = call.as_mut().poll(context) {
                    return Poll::Ready(Ok(invocation));
                }
                reading.as_mut().poll(context).map(Err)
            })
            .await;
            match came {
                Ok(invocation) => return invocation.map_err(|_| Broken),
                // The next call may come before this one is answered.
                Err(Ok(1..)) => {}
                Err(Ok(0) | Err(Broken)) => return Err(Broken),
            }
        }
    }

    async fn take_response(&mut self, request_id: &str) -> Result<Reply, Broken> {
        let head = self.incoming.head.over(self.incoming.head_bytes());
        let mode = head.fields().values_named(lambda_runtime::RESPONSE_MODE.as_bytes()).next();
        let mode = ResponseMode::read(mode);
        self.allow_body().await?;
        if let Err(out_of_turn) = self.process.begin_answer(request_id) {
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
                self.process.stop();
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

    async fn take_error(&mut self, request_id: &str) -> Result<Reply, Broken> {
        let error_type = self.error_type();
        self.allow_body().await?;
        let turn = self.process.begin_answer(request_id);
        let body = self.body().await?.unwrap_or_default();
        if let Err(out_of_turn) = turn {
            return Ok(Reply::Refused(refusal(out_of_turn)));
        }
        let payload = lambda_runtime::error_payload(error_type.as_deref(), &body).into_owned();
        self.process.answer(Begun::Failed(payload));
        self.process.finish(&self.pool);
        Ok(Reply::Accepted)
    }

    async fn take_start_error(&mut self) -> Result<Reply, Broken> {
        let error_type = self.error_type();
        self.allow_body().await?;
        let body = self.body().await?.unwrap_or_default();
        if !self.process.is_starting() {
            return Ok(Reply::Refused(Refusal::StateTransition));
        }
        let payload = lambda_runtime::error_payload(error_type.as_deref(), &body).into_owned();
        self.process.fail_start(payload);
        Ok(Reply::Accepted)
    }

    fn error_type(&self) -> Option<Vec<u8>> {
        let head = self.incoming.head.over(self.incoming.head_bytes());
        head.fields().values_named(lambda_runtime::ERROR_TYPE.as_bytes()).next().map(<[u8]>::to_vec)
    }

    /// Lets a client send a body that waits for that.
    async fn allow_body(&mut self) -> Result<(), Broken> {
        if self.incoming.head.expect_continue() {
            self.incoming.socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
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

    async fn answer(&mut self, reply: &Reply) -> Result<(), Broken> {
        let (status, body) = match reply {
            Reply::Accepted => (202, ACCEPTED_BODY.to_owned()),
            Reply::Refused(refusal) => (refusal.status(), refusal.body()),
        };
        self.output.clear();
        write_status_line(&mut self.output, status);
        let mut fields = FieldBlock::with_capacity(64);
        fields.push_trusted(b"Content-Type", b"application/json");
        fields.push_number(b"Content-Length", body.len() as u64);
        self.output.extend_from_slice(fields.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        self.write(body.as_bytes()).await
    }

    /// Writes the output and a body behind it.
    async fn write(&mut self, body: &[u8]) -> Result<(), Broken> {
        let socket: &mut TcpStream = &mut self.incoming.socket;
        if body.len() <= GATHERED_BYTES_MAX {
            self.output.extend_from_slice(body);
            socket.write_all(&self.output).await?;
        } else {
            socket.write_all(&self.output).await?;
            socket.write_all(body).await?;
        }
        Ok(())
    }
}

/// How many pieces of a streamed answer wait for the client.
const PIECES_WAITING_MAX: usize = 8;

/// What is copied together to leave in one write.
const GATHERED_BYTES_MAX: usize = 64 << 10;

const fn refusal(out_of_turn: OutOfTurn) -> Refusal {
    match out_of_turn {
        OutOfTurn::NotCalled => Refusal::StateTransition,
        OutOfTurn::OtherCall => Refusal::InvalidRequestId,
    }
}
