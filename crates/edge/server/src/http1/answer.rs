//! Answers as HTTP/1.1 writes them: head and small body in one write, streams in large pieces.

use std::{future::poll_fn, pin::pin, task::Poll};

use postern_gateway::{Answer, AnswerBody, BodyLength, IntegrationFailure, Reply, Timers};
use postern_protocol::http1::{KnownName, LAST_CHUNK, push_number, write_chunk_head, write_status_line};

use super::channel::{Channel, ClientGone, Sending};
use crate::wire::Wire;

/// What an answer must know of its request and connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerTo {
    /// Whether HEAD was asked, so that no body may follow.
    pub(crate) is_head: bool,
    /// Whether the client speaks HTTP/1.0: no chunks, and a connection that lives on must say so.
    pub(crate) is_http10: bool,
    /// Whether the connection closes after the answer.
    pub(crate) close: bool,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes of the body that were sent.
    pub(crate) body_bytes: u64,
    /// Whether all of it was sent.
    pub(crate) complete: bool,
    /// Whether the backend broke off, the client was sent what had come, and its framing tells it that more is
    /// missing.
    pub(crate) is_cut: bool,
    /// Whether the connection must close, since only its end ends the body.
    pub(crate) until_close: bool,
    /// When the first byte of a backend's body came, if not with its head.
    pub(crate) first_content_at_nanoseconds: Option<u64>,
}

impl Written {
    const fn body(body_bytes: u64, complete: bool) -> Self {
        Self { body_bytes, complete, is_cut: false, until_close: false, first_content_at_nanoseconds: None }
    }
}

/// How the end of an answer's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// No body and no word about it.
    None,
    /// A length. The body follows unless the request was a HEAD.
    Length(u64),
    Chunked,
    UntilClose,
}

/// Writes an answer. `output` is emptied first and used again.
pub(crate) async fn write<S: Wire, R: Reply>(
    channel: &Channel<'_, S>,
    output: &mut Vec<u8>,
    date_line: impl FnOnce(&mut Vec<u8>),
    to: AnswerTo,
    answer: &mut Answer<'_, R>,
) -> Written {
    let framing = framing(answer, to);
    output.clear();
    write_status_line(output, answer.status);
    date_line(output);
    output.extend_from_slice(answer.fields.as_bytes());
    write_framing(output, framing, to);
    let bodyless = to.is_head || framing == Framing::None;
    let written = match &mut answer.body {
        _ if bodyless => Written::body(0, channel.send(output, &[]).await.is_ok()),
        AnswerBody::Whole(bytes) => write_whole(channel, output, bytes).await,
        AnswerBody::Stream(reply) => write_stream(channel, output, framing, reply).await,
    };
    Written { until_close: framing == Framing::UntilClose, ..written }
}

fn framing<R: Reply>(answer: &Answer<'_, R>, to: AnswerTo) -> Framing {
    // RFC 9112 section 6.3: these end with their head.
    if answer.status < 200 || answer.status == 204 || answer.status == 304 {
        return Framing::None;
    }
    match &answer.body {
        AnswerBody::Whole(bytes) => Framing::Length(bytes.len() as u64),
        AnswerBody::Stream(reply) if to.is_head => {
            length_instead(reply).map_or(Framing::None, Framing::Length)
        }
        AnswerBody::Stream(reply) => match reply.length() {
            BodyLength::None => Framing::Length(0),
            BodyLength::Known(length) => Framing::Length(length),
            BodyLength::Unknown if to.is_http10 => Framing::UntilClose,
            BodyLength::Unknown => Framing::Chunked,
        },
    }
}

/// The length that a backend's answer to HEAD tells: what GET would have (routing.md M10).
fn length_instead<R: Reply>(reply: &R) -> Option<u64> {
    let (bytes, head) = reply.head();
    let value = head.fields().over(bytes).value(KnownName::ContentLength)?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn write_framing(output: &mut Vec<u8>, framing: Framing, to: AnswerTo) {
    match framing {
        Framing::Length(length) => {
            output.extend_from_slice(b"Content-Length: ");
            push_number(output, length);
            output.extend_from_slice(LINE_END);
        }
        Framing::Chunked => output.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::None | Framing::UntilClose => {}
    }
    if to.close || framing == Framing::UntilClose {
        output.extend_from_slice(b"Connection: close\r\n");
    } else if to.is_http10 {
        output.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    output.extend_from_slice(LINE_END);
}

async fn write_whole<S: Wire>(channel: &Channel<'_, S>, output: &mut Vec<u8>, body: &[u8]) -> Written {
    let sent = if body.len() <= GATHERED_BYTES_MAX {
        output.extend_from_slice(body);
        channel.send(output, &[]).await
    } else {
        channel.send(output, body).await
    };
    match sent {
        Ok(()) => Written::body(body.len() as u64, true),
        Err(ClientGone) => Written::body(0, false),
    }
}

async fn write_stream<S: Wire, R: Reply>(
    channel: &Channel<'_, S>,
    output: &mut Vec<u8>,
    framing: Framing,
    reply: &mut R,
) -> Written {
    let length = match framing {
        Framing::Length(length) => Some(length),
        _ => None,
    };
    let arrived = reply.take_arrived();
    // Not complete until its end.
    let mut written = Written::body(arrived.len() as u64, false);
    if write_piece(channel, output, framing, arrived).await.is_err() {
        return Written::body(0, false);
    }
    while length.is_none_or(|length| written.body_bytes < length) {
        match next_piece(channel, output, reply).await {
            Ok(Ok(Some(piece))) => {
                if written.body_bytes == 0 {
                    written.first_content_at_nanoseconds = Some(channel.timers.monotonic_nanoseconds());
                }
                written.body_bytes += piece.len() as u64;
                if length.is_some_and(|length| written.body_bytes > length)
                    || write_piece(channel, output, framing, piece).await.is_err()
                {
                    return written;
                }
            }
            Ok(Ok(None)) => break,
            Ok(Err(_)) => {
                let is_sent = channel.send(output, &[]).await.is_ok();
                written.is_cut = is_sent && framing != Framing::UntilClose;
                return written;
            }
            Err(ClientGone) => return written,
        }
    }
    if framing == Framing::Chunked {
        output.extend_from_slice(LAST_CHUNK);
    }
    let sent = output.is_empty() || channel.send(output, &[]).await.is_ok();
    written.complete = sent && length.is_none_or(|length| written.body_bytes == length);
    written
}

/// Writes a piece behind what waits in the output. Small pieces wait there too, for company.
async fn write_piece<S: Wire>(
    channel: &Channel<'_, S>,
    output: &mut Vec<u8>,
    framing: Framing,
    piece: &[u8],
) -> Result<(), ClientGone> {
    if piece.is_empty() {
        return Ok(());
    }
    if framing == Framing::Chunked {
        write_chunk_head(output, piece.len());
    }
    let gathered = output.len() + piece.len() <= GATHERED_BYTES_MAX;
    if gathered {
        output.extend_from_slice(piece);
    } else {
        channel.send(output, piece).await?;
        output.clear();
    }
    if framing == Framing::Chunked {
        output.extend_from_slice(LINE_END);
    }
    Ok(())
}

/// The next piece of a backend's answer. What waits in the output leaves while the backend is waited
/// for, and only then: what comes together leaves together.
async fn next_piece<'r, S: Wire, R: Reply>(
    channel: &Channel<'_, S>,
    output: &mut Vec<u8>,
    reply: &'r mut R,
) -> Result<Result<Option<&'r [u8]>, IntegrationFailure>, ClientGone> {
    let mut next = pin!(reply.next());
    let mut sending = Sending::default();
    let mut is_sent = output.is_empty();
    let outcome = poll_fn(|context| {
        if let Poll::Ready(piece) = next.as_mut().poll(context) {
            return Poll::Ready(Ok(piece));
        }
        if !is_sent {
            match sending.poll(channel, context, output, &[]) {
                Poll::Ready(Ok(())) => is_sent = true,
                Poll::Ready(Err(gone)) => return Poll::Ready(Err(gone)),
                Poll::Pending => return Poll::Pending,
            }
        }
        channel.poll_gone(context).map(Err)
    })
    .await;
    output.drain(..sending.taken);
    outcome
}

/// What is copied together to leave in one write; larger pieces are written from where they lie.
const GATHERED_BYTES_MAX: usize = 16 << 10;
/// What ends a line, a head and a chunk's data.
const LINE_END: &[u8] = b"\r\n";
