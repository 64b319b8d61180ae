//! Work beside the workers: each piece on a thread and a runtime of its own, so that neither a reload
//! nor a busy worker delays it.

use std::{
    future::poll_fn,
    io, panic,
    pin::pin,
    task::Poll,
    thread::{self, JoinHandle},
};

use tokio::{runtime::Builder, sync::oneshot};

use crate::memory;

/// A thread that does one piece of work. Dropping this ends it, with everything that it has spawned.
#[derive(Debug)]
pub(crate) struct Background {
    /// Dropped to end the thread.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts a thread of this name. `work` makes its future there, within its runtime.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or event queue.
    pub(crate) fn start<F>(name: &str, work: impl FnOnce() -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = ()>,
    {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (end, ended) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            runtime.block_on(async {
                // An error says that the other end was dropped, which is what ends it.
                let ended = async { drop(ended.await) };
                unless(ended, work()).await;
            });
        })?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Does a long piece of work on a thread of its own that gives way to all others, and waits for it: what a
/// processor's time goes to first are requests. The memory that it took and freed goes back to the system.
///
/// # Errors
///
/// When the system gives no thread.
pub(crate) fn giving_way<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let work = || {
            // Linux counts niceness by thread. Where it cannot be changed, the work is done all the same.
            let _ = rustix::process::nice(NICENESS);
            work()
        };
        let thread = thread::Builder::new().name("reload".into()).spawn_scoped(scope, work)?;
        let done = thread.join().unwrap_or_else(|fault| panic::resume_unwind(fault));
        memory::give_back_freed();
        Ok(done)
    })
}

/// How far such work steps back: where workers want the same processor, it has a third of a worker's weight. Much
/// more would let a busy machine stop it for long while it holds what a worker waits for, such as memory's lock.
const NICENESS: i32 = 5;

/// Waits for a future, unless another one ends first.
pub(crate) async fn unless<T>(
    hurry: impl Future<Output = ()>,
    awaited: impl Future<Output = T>,
) -> Option<T> {
    let (mut awaited, mut hurry) = (pin!(awaited), pin!(hurry));
    poll_fn(|context| match awaited.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => hurry.as_mut().poll(context).map(|()| None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn long_work_gives_way_and_its_thread_alone() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        assert_eq!(giving_way(own).unwrap(), (before + NICENESS).min(19));
        assert_eq!(own(), before);
    }

    #[test]
    fn dropping_it_ends_the_work_and_what_it_spawned() {
        let (alive, ended) = mpsc::channel::<()>();
        let work = move || async move {
            let spawned = alive.clone();
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(spawned);
            });
            std::future::pending::<()>().await;
            drop(alive);
        };
        drop(Background::start("test", work).unwrap());
        assert_eq!(ended.recv(), Err(mpsc::RecvError));
    }
}
