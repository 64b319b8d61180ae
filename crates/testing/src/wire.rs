//! A client that sends exactly the bytes it is given, and reads answers strictly.

use std::{
    io::{self, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::{
    Message, PATIENCE,
    message::{Kind, Reader},
};

/// One connection.
#[derive(Debug)]
pub struct Wire {
    reader: Reader<TcpStream>,
}

impl Wire {
    /// Connects.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE);
        Self::over(stream.unwrap_or_else(|error| panic!("{address}: {error}")))
    }

    /// Connects from an address of the caller's choice.
    #[must_use]
    pub fn from_to(source: IpAddr, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::from(SocketAddr::new(source, 0))).unwrap();
        socket.connect_timeout(&SockAddr::from(address), PATIENCE).unwrap();
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { reader: Reader::new(stream) }
    }

    /// Our address.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.reader.inner.local_addr().unwrap()
    }

    /// Sends these bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.reader.inner.write_all(bytes.as_ref()).expect("the peer takes what is sent");
        self
    }

    /// Sends these bytes to a peer that may close before it has them all.
    pub fn send_anyway(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.reader.inner.write_all(bytes.as_ref());
        self
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> &mut Self {
        self.reader.inner.shutdown(std::net::Shutdown::Write).unwrap();
        self
    }

    /// Reads one answer.
    pub fn answer(&mut self) -> Message {
        self.message(Kind::Answer).expect("an answer").expect("an answer before the end")
    }

    /// Reads one answer to a HEAD request.
    pub fn answer_to_head(&mut self) -> Message {
        self.message(Kind::HeadAlone).expect("an answer").expect("an answer before the end")
    }

    /// Reads one answer, or why there is none: nothing where the peer just ended.
    ///
    /// # Errors
    ///
    /// When the connection broke or the answer was cut short.
    pub fn try_answer(&mut self) -> io::Result<Option<Message>> {
        self.message(Kind::Answer)
    }

    fn message(&mut self, kind: Kind) -> io::Result<Option<Message>> {
        Message::read(&mut self.reader, kind)
    }

    /// Sends and reads one answer.
    pub fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Message {
        self.send(bytes).answer()
    }

    /// Waits for the peer to end; fails where it sends more before. A reset is an end too.
    pub fn ends(&mut self) {
        match self.reader.rest() {
            Ok(rest) => assert!(rest.is_empty(), "more came: {:?}", String::from_utf8_lossy(&rest)),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
    }

    /// So many bytes, whatever they mean.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        self.reader.take(length).expect("bytes")
    }

    /// Everything until the peer ends.
    pub fn rest(&mut self) -> Vec<u8> {
        self.reader.rest().expect("an orderly end")
    }

    /// Makes the system keep few bytes for us, so that a peer feels soon that we do not read.
    pub fn keep_little(&self) {
        SockRef::from(&self.reader.inner).set_recv_buffer_size(4_096).unwrap();
    }

    /// Whether a byte or an end comes within a time, without taking it.
    #[must_use]
    pub fn comes_within(&self, time: Duration) -> bool {
        self.reader.inner.set_read_timeout(Some(time)).unwrap();
        let peeked = self.reader.inner.peek(&mut [0]);
        self.reader.inner.set_read_timeout(Some(PATIENCE)).unwrap();
        !matches!(peeked, Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }

    /// Whether a byte or an end has come, without taking it.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.reader.inner.set_nonblocking(true).unwrap();
        let peeked = self.reader.inner.peek(&mut [0]);
        self.reader.inner.set_nonblocking(false).unwrap();
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
