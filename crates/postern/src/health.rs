//! The health checks of VPC links: a thread and a runtime of their own, so that neither a reload nor a
//! busy worker delays one.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    sync::Arc,
    task::Poll,
    thread::{self, JoinHandle},
};

use postern_upstream::Backends;
use tokio::{runtime::Builder, sync::oneshot};

/// Running health checks. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct HealthChecks {
    /// Dropped to end the thread.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HealthChecks {
    /// Checks whatever a snapshot that serves wants checked.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or event queue.
    pub(crate) fn start(backends: Arc<Backends>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (end, ended) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("health".into()).spawn(move || {
            runtime.block_on(async {
                let (mut checking, mut ended) = (pin!(backends.check_health()), pin!(ended));
                poll_fn(|context| {
                    // An error says that the other end was dropped, which is what ends it.
                    let is_over =
                        ended.as_mut().poll(context).is_ready() || checking.as_mut().poll(context).is_ready();
                    if is_over { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            });
        })?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for HealthChecks {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
