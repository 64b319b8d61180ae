//! Reading what a process sends: heads and bodies of its calls of the Runtime API.

use std::io;

use postern_protocol::http1::{BodyFraming, ChunkedReader, Limits, Progress, RequestHead, read_request};
use tokio::{io::AsyncReadExt, net::tcp::OwnedReadHalf};

/// How the calls of a process are read. A trailer holds a whole error, with its trace.
const CALL_LIMITS: Limits = Limits { head_bytes: 256 << 10, raw_head_bytes: 256 << 10, ..Limits::PRIVATE };

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// The connection of a process, as far as it is read.
#[derive(Debug)]
pub(crate) struct Incoming {
    socket: OwnedReadHalf,
    /// What has come and is not done with.
    buffer: Vec<u8>,
    pub(crate) head: RequestHead,
    body: Body,
    /// What of the buffer was given out last.
    given: usize,
}

#[derive(Debug)]
enum Body {
    Over,
    Length(u64),
    Chunked {
        reader: ChunkedReader,
        /// What came behind the last data: at the end the trailers.
        behind: Vec<u8>,
    },
}

/// The connection ended, or what came breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Incoming {
    pub(crate) fn new(socket: OwnedReadHalf) -> Self {
        Self { socket, buffer: Vec::new(), head: RequestHead::default(), body: Body::Over, given: 0 }
    }

    /// Reads the head of the next call; `false` where the connection ends in order.
    pub(crate) async fn next_head(&mut self) -> Result<bool, Broken> {
        self.head.clear();
        loop {
            match read_request(&self.buffer, &CALL_LIMITS, &mut self.head) {
                Ok(Progress::Complete) => break,
                Ok(Progress::Partial) => {}
                Err(_) => return Err(Broken),
            }
            if self.read_more().await? == 0 {
                return if self.buffer.is_empty() { Ok(false) } else { Err(Broken) };
            }
        }
        self.given = self.head.length();
        self.body = match self.head.framing() {
            BodyFraming::None | BodyFraming::Length(0) => Body::Over,
            BodyFraming::Length(length) => Body::Length(length),
            BodyFraming::Chunked => Body::Chunked { reader: ChunkedReader::new(), behind: Vec::new() },
        };
        Ok(true)
    }

    /// The bytes of the head, until the first piece of the body is asked for.
    pub(crate) fn head_bytes(&self) -> &[u8] {
        self.buffer.get(..self.head.length()).unwrap_or_default()
    }

    /// The next piece of the body, which is not empty; `None` at its end.
    pub(crate) async fn next_piece(&mut self) -> Result<Option<&[u8]>, Broken> {
        loop {
            self.buffer.drain(..self.given);
            self.given = 0;
            if matches!(self.body, Body::Over) {
                return Ok(None);
            }
            if self.buffer.is_empty() && self.read_more().await? == 0 {
                return Err(Broken);
            }
            let data = match &mut self.body {
                Body::Over => return Ok(None),
                Body::Length(left) => {
                    let count = self.buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= count as u64;
                    if *left == 0 {
                        self.body = Body::Over;
                    }
                    self.given = count;
                    0..count
                }
                Body::Chunked { reader, behind } => {
                    let step = reader.feed(&self.buffer, &CALL_LIMITS).map_err(|_| Broken)?;
                    self.given = step.consumed;
                    if step.data.is_empty() {
                        behind.extend_from_slice(self.buffer.get(..step.consumed).unwrap_or_default());
                    } else {
                        behind.clear();
                    }
                    if step.finished && step.data.is_empty() {
                        return Ok(None);
                    }
                    step.data
                }
            };
            if !data.is_empty() {
                return Ok(self.buffer.get(data));
            }
        }
    }

    /// The value of a trailer; known at the end of the body.
    pub(crate) fn trailer(&self, name: &str) -> Option<&[u8]> {
        let Body::Chunked { behind, .. } = &self.body else { return None };
        let lines = behind.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.into_iter().find_map(|line| {
            let (own, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":")?;
            own.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
        })
    }

    /// Lets go of what was read of the call that is over.
    pub(crate) fn finish(&mut self) {
        self.buffer.drain(..self.given);
        self.given = 0;
        self.body = Body::Over;
    }

    /// Reads what comes: 0 where the connection has ended.
    async fn read_more(&mut self) -> Result<usize, Broken> {
        self.buffer.reserve(READ_BYTES);
        Ok(self.socket.read_buf(&mut self.buffer).await?)
    }
}
