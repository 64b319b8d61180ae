//! The request on its way out, with an eye on an early answer.

use std::{future::poll_fn, io, pin::pin, task::Poll};

use postern_gateway::{BodyFault, RequestBody};

use crate::{buffers::Buffers, connection::Connection, incoming::Incoming};

/// A request on its way out, and what comes back meanwhile.
pub(crate) struct Sending<'s> {
    pub(crate) connection: &'s mut Connection,
    pub(crate) incoming: &'s mut Incoming,
    pub(crate) buffers: &'s Buffers,
    /// Whether it stands still for want of the client's next piece, and not of the backend's reading.
    pub(crate) waits_for_client: &'s mut bool,
    /// Whether it may leave with what other tasks send: it can be written again where that fails.
    pub(crate) may_wait: bool,
    /// How much of an early answer is taken where the backend reads nothing before that is taken.
    pub(crate) early_bytes_max: u64,
}

/// What became of a piece of the request.
#[derive(Debug)]
pub(crate) enum Sent {
    /// It went out.
    Whole,
    /// There is no use in sending on: the backend has refused already, or has closed.
    Answered,
    /// It could not be sent; so many bytes were.
    Failed(usize, io::Error),
}

impl Sending<'_> {
    /// Sends two parts, in one write where the kernel takes them.
    pub(crate) async fn send(&mut self, parts: (&[u8], &[u8])) -> Sent {
        let mut written = 0;
        poll_fn(|context| match self.connection.poll_write(context, parts, self.may_wait, &mut written) {
            Poll::Ready(Ok(())) => Poll::Ready(Sent::Whole),
            Poll::Ready(Err(error)) => Poll::Ready(Sent::Failed(written, error)),
            Poll::Pending => self
                .incoming
                .poll_early(self.connection, context, self.buffers, self.early_bytes_max)
                .map(|()| Sent::Answered),
        })
        .await
    }

    /// Sends the rest of a client's body, in the pieces in which it comes.
    pub(crate) async fn send_rest<B: RequestBody>(&mut self, body: &mut B) -> Result<Sent, BodyFault> {
        loop {
            *self.waits_for_client = true;
            let next = self.next_piece(body).await;
            *self.waits_for_client = false;
            let piece = match next {
                Piece::Came(piece) => piece,
                Piece::Over => return Ok(Sent::Whole),
                Piece::Broke(fault) => return Err(fault),
                Piece::Answered => return Ok(Sent::Answered),
            };
            match self.send((piece, &[])).await {
                Sent::Whole => {}
                other => return Ok(other),
            }
        }
    }

    async fn next_piece<'b, B: RequestBody>(&mut self, body: &'b mut B) -> Piece<'b> {
        let mut next = pin!(body.next());
        poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Ready(Ok(Some(piece))) => Poll::Ready(Piece::Came(piece)),
            Poll::Ready(Ok(None)) => Poll::Ready(Piece::Over),
            Poll::Ready(Err(fault)) => Poll::Ready(Piece::Broke(fault)),
            Poll::Pending => self
                .incoming
                .poll_early(self.connection, context, self.buffers, NO_MORE_BYTES)
                .map(|()| Piece::Answered),
        })
        .await
    }
}

/// No more of an early answer than one buffer holds: while only the client is waited for, nobody is kept from
/// anything by the rest, and a client that takes its time must not fill our memory.
const NO_MORE_BYTES: u64 = 0;

/// What a wait for a client's body ended with.
enum Piece<'b> {
    Came(&'b [u8]),
    Over,
    Broke(BodyFault),
    Answered,
}
