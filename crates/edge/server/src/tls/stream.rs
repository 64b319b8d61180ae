//! TLS over one socket, driven so that an idle connection holds no buffer and an answer leaves in one
//! write: records are read into memory that all connections of a worker share.

use std::{
    cell::RefCell,
    io::{self, IoSlice, Read, Write},
    rc::Rc,
    task::{Context, Poll, ready},
};

use postern_gateway::{ClientCertificate, TlsFacts};
use postern_socket::Socket;
use rustls::{CipherSuite, HandshakeKind, ProtocolVersion, ServerConnection};

use crate::wire::Wire;

/// The memory that the records of all connections of a worker are read into, one connection at a time:
/// nothing stays in it between two polls.
#[derive(Clone, Debug)]
pub(crate) struct RecordScratch(Rc<RefCell<Box<[u8]>>>);

impl RecordScratch {
    /// Memory for a worker.
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(vec![0; RECORD_SCRATCH_BYTES].into_boxed_slice())))
    }
}

const RECORD_SCRATCH_BYTES: usize = 128 << 10;

/// What is sealed and not yet sent, at most: a whole body buffer with its head.
const SEALED_BYTES_MAX: usize = 144 << 10;

/// A TLS connection after its handshake.
#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: Socket,
    session: Box<ServerConnection>,
    scratch: RecordScratch,
    holds_opened: bool,
    /// The client has said that it sends no more.
    is_ended: bool,
    said_goodbye: bool,
}

impl TlsStream {
    /// A session over its socket; the handshake may still be going on.
    pub(crate) fn new(socket: Socket, mut session: Box<ServerConnection>, scratch: RecordScratch) -> Self {
        session.set_buffer_limit(Some(SEALED_BYTES_MAX));
        Self { socket, session, scratch, holds_opened: false, is_ended: false, said_goodbye: false }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Whether the client has said that it sends no more.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether the client cannot go on before it gets what we hold: not so with the tickets of TLS 1.3,
    /// which leave with the first answer.
    pub(crate) fn client_waits(&self) -> bool {
        self.session.wants_write() && self.session.protocol_version() != Some(ProtocolVersion::TLSv1_3)
    }

    /// Whether the session was resumed.
    pub(crate) fn is_resumed(&self) -> bool {
        self.session.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Whether HTTP/2 was agreed on.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.session.alpn_protocol() == Some(b"h2")
    }

    /// The server name that the client asked for, in lower case.
    pub(crate) fn server_name(&self) -> Option<Box<str>> {
        self.session.server_name().map(|name| name.to_ascii_lowercase().into())
    }

    /// The certificate that the client has shown, now or in the session that was resumed.
    pub(crate) fn client_certificate(&self) -> Option<ClientCertificate> {
        self.session.peer_certificates()?.first().map(|certificate| ClientCertificate::of(certificate))
    }

    /// What was agreed on.
    pub(crate) fn facts(&self) -> TlsFacts {
        let version = match self.session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        let suite = self.session.negotiated_cipher_suite().map(|suite| suite.suite());
        let name = CIPHER_SUITES.iter().find(|(known, _)| Some(*known) == suite).map_or("", |(_, name)| name);
        TlsFacts { version, cipher_suite: name }
    }

    /// Reads records from the socket and opens them; says how many bytes were read.
    pub(crate) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_records(context, &mut []).map_ok(|(received, _)| received)
    }

    /// Opens records that were read already.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open_records(bytes, &mut []).map(drop)
    }

    /// Reads no more than fits the output, so that what was opened is never more than the output and
    /// the one record that had begun before.
    fn poll_records(
        &mut self,
        context: &mut Context<'_>,
        output: &mut [u8],
    ) -> Poll<io::Result<(usize, usize)>> {
        let scratch = Rc::clone(&self.scratch.0);
        let mut scratch = scratch.borrow_mut();
        let room = if output.is_empty() { HANDSHAKE_READ_BYTES } else { output.len() };
        let room = room.min(scratch.len());
        let buffer = scratch.get_mut(..room).unwrap_or_default();
        let received = ready!(self.socket.poll_read(context, buffer))?;
        let opened = self.open_records(buffer.get(..received).unwrap_or_default(), output)?;
        Poll::Ready(Ok((received, opened)))
    }

    fn open_records(&mut self, mut received: &[u8], output: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        // What stands behind the client's end is nothing (RFC 8446 section 6.1).
        while !received.is_empty() && !self.is_ended {
            if self.session.read_tls(&mut received)? == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let state = self
                .session
                .process_new_packets()
                .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
            self.is_ended = state.peer_has_closed();
            self.holds_opened = state.plaintext_bytes_to_read() > 0;
            if self.holds_opened {
                filled += self.read_opened(output.get_mut(filled..).unwrap_or_default()).unwrap_or(0);
            }
        }
        Ok(filled)
    }

    /// What was opened already; `None` when there is nothing and the client may still send.
    fn read_opened(&mut self, output: &mut [u8]) -> Option<usize> {
        if output.is_empty() {
            return None;
        }
        let read = match self.session.reader().read(output) {
            Ok(read) => Some(read),
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => None,
            // The client closed without saying so. Where a message ends is known from its framing.
            Err(_) => Some(0),
        };
        if read.is_none_or(|read| read < output.len()) {
            self.holds_opened = false;
        }
        read
    }
}

impl Wire for TlsStream {
    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if self.holds_input()
                && let Some(read) = self.read_opened(buffer)
            {
                return Poll::Ready(Ok(read));
            }
            match ready!(self.poll_records(context, buffer)) {
                Ok((0, _)) => return Poll::Ready(Ok(0)),
                Ok((_, 0)) => {}
                Ok((_, opened)) => return Poll::Ready(Ok(opened)),
                Err(fault) => {
                    // The client is told what was wrong, if it still listens.
                    let _ = self.poll_flush(context);
                    return Poll::Ready(Err(fault));
                }
            }
        }
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        let wanted = first.len() + second.len();
        loop {
            let taken = self.session.writer().write_vectored(&parts)?;
            if taken > 0 || wanted == 0 {
                return Poll::Ready(Ok(taken));
            }
            ready!(self.poll_flush(context))?;
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut SocketWriter { socket: &self.socket, context }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(fault) => return Poll::Ready(Err(fault)),
            }
        }
        self.socket.poll_flush(context)
    }

    fn push(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        // What is sealed already comes first, and before that what was.
        self.socket.push(&[])?;
        self.session.write_tls(&mut DirectWriter(&self.socket))?;
        Ok(0)
    }

    fn poll_goodbye(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.said_goodbye {
            self.said_goodbye = true;
            self.session.send_close_notify();
        }
        self.poll_flush(context)
    }

    fn holds_input(&self) -> bool {
        self.holds_opened || self.is_ended
    }
}

/// A socket as the TLS library writes to it: whole lists of records in one call.
struct SocketWriter<'a, 'c> {
    socket: &'a Socket,
    context: &'a mut Context<'c>,
}

impl Write for SocketWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.socket.poll_post(self.context, parts) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket that is written to whatever the runtime knows of it.
struct DirectWriter<'a>(&'a Socket);

impl Write for DirectWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A flight of a client's handshake with room to spare.
const HANDSHAKE_READ_BYTES: usize = 16 << 10;

/// Cipher suites by OpenSSL's names, which are IANA's for TLS 1.3.
const CIPHER_SUITES: &[(CipherSuite, &str)] = &[
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305"),
];
