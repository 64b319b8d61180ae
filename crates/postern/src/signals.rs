//! What happens to the process from outside: signals, changed files, the admin listener's wishes. All
//! of it becomes one stream of events.

use postern_document::Problems;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The configuration is to be read again. Who asked wants to know what came of it.
    Reload(Option<oneshot::Sender<Reloaded>>),
    /// A file that the configuration names may have changed.
    FilesChanged,
    /// A successor is to be started, which takes over the listening sockets.
    HandOver,
    /// The successor of this number serves.
    Succeeded(u32),
    /// The successor does not come to serve: why.
    SuccessorFailed(String),
    /// The process is to end.
    Terminate,
}

/// What came of a reload.
#[derive(Clone, Debug)]
pub(crate) struct Reloaded {
    /// The number of the configuration that serves now.
    pub(crate) generation: u64,
    /// Whether it is the new one.
    pub(crate) done: bool,
    /// Everything that was found: errors where it is not.
    pub(crate) problems: Problems,
}

/// Where events go.
pub(crate) type Events = mpsc::Sender<Event>;

/// Events that wait, at most: all but the first few of one kind say nothing new.
pub(crate) const EVENTS_MAX: usize = 16;

/// Listens to signals from now on, within a runtime: SIGHUP reloads, SIGUSR2 hands
/// over, SIGTERM and SIGINT end.
///
/// # Errors
///
/// When the system takes no handler.
pub(crate) fn listen(events: &Events) -> std::io::Result<()> {
    let table: [(SignalKind, fn() -> Event); 4] = [
        (SignalKind::hangup(), || Event::Reload(None)),
        (SignalKind::user_defined2(), || Event::HandOver),
        (SignalKind::terminate(), || Event::Terminate),
        (SignalKind::interrupt(), || Event::Terminate),
    ];
    for (kind, event) in table {
        tokio::spawn(forward(signal(kind)?, event, events.clone()));
    }
    Ok(())
}

async fn forward(mut signal: Signal, event: fn() -> Event, events: Events) {
    while signal.recv().await.is_some() {
        if events.send(event()).await.is_err() {
            return;
        }
    }
}
