//! The orderly end of a connection: a client that still sends gets its answer instead of a reset.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use postern_gateway::Timers;

use crate::{SECOND_NANOSECONDS, connection::Job, timeout::WorkerTimers, wire::Wire};

/// Says that nothing more comes, and where the client may still be sending reads on for a while.
pub(crate) async fn close<S: Wire>(job: &Job<S>, timers: &WorkerTimers, linger: bool) {
    let now = timers.coarse_nanoseconds();
    job.alarm.set(now.saturating_add(LINGER_SECONDS.saturating_mul(SECOND_NANOSECONDS)));
    let mut closed = false;
    let mut drained = 0;
    poll_fn(|context| {
        let mut stream = job.stream.borrow_mut();
        if !closed {
            // Where nobody lingers the socket is closed at once, which says the same to the client.
            let closing = if linger { stream.poll_close(context) } else { stream.poll_goodbye(context) };
            match closing {
                Poll::Ready(Ok(())) if linger => closed = true,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return job.alarm.poll_elapsed(context),
            }
        }
        match poll_discard(&*stream, context, &mut drained) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => job.alarm.poll_elapsed(context),
        }
    })
    .await;
}

/// Reads what comes and throws it away, until the client's end or the most that is read.
fn poll_discard<S: Wire>(stream: &S, context: &mut Context<'_>, drained: &mut usize) -> Poll<()> {
    let mut waste = [0; WASTE_BYTES];
    while *drained < DRAINED_BYTES_MAX {
        // Below TLS: nobody opens these records any more.
        match stream.socket().poll_read(context, &mut waste) {
            Poll::Ready(Ok(count)) if count > 0 => *drained += count,
            Poll::Ready(_) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(())
}

const LINGER_SECONDS: u64 = 2;
const DRAINED_BYTES_MAX: usize = 256 << 10;
const WASTE_BYTES: usize = 8 << 10;
