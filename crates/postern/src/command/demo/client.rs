//! A small client: one connection, one request after the other, over plain text or TLS.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use postern_protocol::http1::{
    ChunkedReader, Limits, Progress, ResponseFraming, ResponseHead, read_response,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// What a client trusts: one certificate.
pub(super) fn trust(certificate: &str) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let certificate =
        CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|fault| fault.to_string())?;
    roots.add(certificate).map_err(|fault| fault.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|fault| fault.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// What was read and not used yet.
    bytes: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    /// The value of a field; empty if it is not there.
    pub(super) fn field(&self, name: &str) -> &str {
        let own = self.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        own.map_or("", |(_, value)| value)
    }
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Connection {
    /// Connects; with `trusted`, over TLS, to a server of that name.
    pub(super) fn open(
        address: SocketAddr,
        name: &str,
        trusted: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, String> {
        let connected = TcpStream::connect_timeout(&address, PATIENCE).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        });
        let stream = connected.map_err(|fault| format!("connecting to {address}: {fault}"))?;
        let stream: Box<dyn Stream> = match trusted {
            None => Box::new(stream),
            Some(trusted) => {
                let name = ServerName::try_from(name.to_owned()).map_err(|fault| fault.to_string())?;
                let client =
                    ClientConnection::new(Arc::clone(trusted), name).map_err(|fault| fault.to_string())?;
                Box::new(StreamOwned::new(client, stream))
            }
        };
        Ok(Self { stream, bytes: Vec::new() })
    }

    /// Sends a request and reads its answer.
    pub(super) fn ask(&mut self, request: &str) -> Result<Answer, String> {
        let sent = self.stream.write_all(request.as_bytes()).and_then(|()| self.stream.flush());
        sent.map_err(|fault| format!("sending: {fault}"))?;
        let mut head = ResponseHead::default();
        loop {
            match read_response(&self.bytes, &Limits::default(), false, &mut head) {
                Ok(Progress::Complete) => break,
                Ok(Progress::Partial) => self.read_more()?,
                Err(fault) => return Err(format!("not an answer: {}", fault.reason())),
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields = head.over(&self.bytes).fields().iter();
        let fields = fields.map(|field| (text(field.name), text(field.value))).collect();
        self.bytes.drain(..head.length());
        let body = self.body(head.framing())?;
        Ok(Answer { status: head.status(), fields, body: text(&body) })
    }

    fn body(&mut self, framing: ResponseFraming) -> Result<Vec<u8>, String> {
        match framing {
            ResponseFraming::None => Ok(Vec::new()),
            ResponseFraming::Length(length) => {
                let length = usize::try_from(length).map_err(|fault| fault.to_string())?;
                while self.bytes.len() < length {
                    self.read_more()?;
                }
                Ok(self.bytes.drain(..length).collect())
            }
            ResponseFraming::Chunked => self.chunks(),
            ResponseFraming::UntilClose => Err("an answer without an end".to_owned()),
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        let mut reader = ChunkedReader::new();
        loop {
            if self.bytes.is_empty() {
                self.read_more()?;
            }
            let step =
                reader.feed(&self.bytes, &Limits::default()).map_err(|fault| fault.reason().to_owned())?;
            body.extend_from_slice(self.bytes.get(step.data).unwrap_or_default());
            self.bytes.drain(..step.consumed);
            if step.finished {
                return Ok(body);
            }
        }
    }

    fn read_more(&mut self) -> Result<(), String> {
        let mut piece = [0; 4_096];
        match self.stream.read(&mut piece) {
            Ok(0) => Err("the connection was closed".to_owned()),
            Ok(length) => {
                self.bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
                Ok(())
            }
            Err(fault) => Err(format!("reading: {fault}")),
        }
    }
}
