//! The PROXY header in front of a connection: read to its last byte and not one further, so that what
//! follows it is TLS or HTTP to whoever reads next (PA-52).

use std::{future::poll_fn, task::Poll};

use postern_gateway::{ConnectionRefusal, Recorder, Timers};
use postern_model::Limits;
use postern_protocol::proxy_protocol::{Header, Progress, read};
use postern_socket::Socket;

use crate::{SECOND_NANOSECONDS, worker::Worker};

/// Reads the header, within its time and size (PA-56).
///
/// # Errors
///
/// Why there is none that can be taken. The connection is then closed without an answer.
pub(crate) async fn read_header<E, R: Recorder>(
    worker: &Worker<E, R>,
    socket: &Socket,
) -> Result<Header, ConnectionRefusal> {
    let Limits { proxy_header_seconds, proxy_header_bytes, .. } = *worker.held.snapshot().limits();
    let length_max = u16::try_from(proxy_header_bytes).unwrap_or(u16::MAX);
    let time = proxy_header_seconds.saturating_mul(SECOND_NANOSECONDS);
    let alarm = worker.timers.alarm();
    alarm.set(worker.timers.coarse_nanoseconds().saturating_add(time));
    let mut bytes = Vec::new();
    loop {
        let missing = match read(&bytes, length_max).map_err(ConnectionRefusal::ProxyHeader)? {
            Progress::Done { header, .. } => return Ok(header),
            Progress::NeedsMore(missing) => missing,
        };
        let begun = bytes.len();
        bytes.resize(begun.saturating_add(missing), 0);
        let room = bytes.get_mut(begun..).unwrap_or_default();
        let received = poll_fn(|context| match socket.poll_read(context, room) {
            Poll::Ready(Ok(received)) if received > 0 => Poll::Ready(Ok(received)),
            Poll::Ready(_) => Poll::Ready(Err(ConnectionRefusal::ProxyHeaderCutShort)),
            Poll::Pending => alarm.poll_elapsed(context).map(|()| Err(ConnectionRefusal::ProxyHeaderLate)),
        })
        .await?;
        bytes.truncate(begun.saturating_add(received));
    }
}
