//! The function of the demo: the program itself, started once more, speaks the runtime's side of the Lambda
//! Runtime API.

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
};

use clap::ArgMatches;
use postern_protocol::{
    http1::{Limits, Progress, ResponseFraming, ResponseHead, read_response},
    lambda_runtime::{Invocation, RuntimeCall},
};
use serde_json::{Value, json};

use super::super::{Action, Command, terminal::complain};
use crate::exit::Exit;

/// Not for people: the gateway of the demo starts it.
pub(crate) const COMMAND: Command = Command {
    name: "demo-function",
    about: "The function of the demo: speaks the runtime's side of the Lambda Runtime API",
    action: Action::Run { arguments: Vec::new, run },
};

fn run(_: &ArgMatches) -> Exit {
    let Ok(address) = env::var("AWS_LAMBDA_RUNTIME_API") else {
        complain("AWS_LAMBDA_RUNTIME_API is not set: `postern demo` starts this itself");
        return Exit::WrongCommandLine;
    };
    match answer_events(&address) {
        Ok(never) => match never {},
        Err(fault) => {
            complain(format_args!("the Runtime API is gone: {fault}"));
            Exit::Fault
        }
    }
}

/// What a loop that never ends gives back.
enum Never {}

/// Answers one event after the other, until the host is gone.
fn answer_events(address: &str) -> io::Result<Never> {
    let mut host = Host { socket: TcpStream::connect(address)?, address, bytes: Vec::new() };
    loop {
        let asked = host.call(RuntimeCall::Next, "")?;
        let text = |name| asked.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        let invocation = Invocation::read(|name| text(name).map(|(_, value)| value.as_str()));
        let invocation = invocation.ok_or(io::ErrorKind::InvalidData)?;
        let answer = greet(&serde_json::from_slice(&asked.body).unwrap_or_default());
        host.call(RuntimeCall::Response { request_id: invocation.request_id }, &answer.to_string())?;
    }
}

/// What the function does: it greets whoever asks, and tells by which door they came.
fn greet(event: &Value) -> Value {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let name = text("/queryStringParameters/name").unwrap_or("whoever you are");
    let door = text("/requestContext/identity/vpceId").unwrap_or("no endpoint");
    let body = json!({"message": format!("Hello, {name}!"), "through": door});
    json!({"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": body.to_string()})
}

/// The host's side of the connection.
struct Host<'a> {
    socket: TcpStream,
    address: &'a str,
    /// What has come and is not read.
    bytes: Vec<u8>,
}

/// What the host answers.
struct Answer {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Host<'_> {
    fn call(&mut self, call: RuntimeCall<'_>, body: &str) -> io::Result<Answer> {
        let (method, path) = (call.method(), call.path());
        let message = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.socket.write_all(message.as_bytes())?;
        let mut head = ResponseHead::default();
        while read_response(&self.bytes, &Limits::default(), false, &mut head)
            .map_err(|_| io::ErrorKind::InvalidData)?
            == Progress::Partial
        {
            self.read_more()?;
        }
        let length = match head.framing() {
            ResponseFraming::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            _ => 0,
        };
        let end = head.length().saturating_add(length);
        while self.bytes.len() < end {
            self.read_more()?;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields = head.over(&self.bytes).fields();
        let fields = fields.iter().map(|view| (text(view.name), text(view.value))).collect();
        let body = self.bytes.get(head.length()..end).unwrap_or_default().to_vec();
        self.bytes.drain(..end);
        Ok(Answer { fields, body })
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 << 10];
        match self.socket.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
                Ok(())
            }
        }
    }
}
