//! The thread that writes what keys have used, where a crash cannot lose more than one interval of it
//! (TH-37).
//!
//! A write carries what has changed since the one before; workers never wait for it.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use postern_gateway::Live;
use postern_observe::{Severity, log};

use super::UsageStore;
use crate::status::today;

/// The thread that writes. Dropping it writes once more and ends it.
#[derive(Debug)]
pub(crate) struct UsageKeeper {
    interval: Option<Sender<Duration>>,
    thread: Option<JoinHandle<()>>,
}

impl UsageKeeper {
    /// Starts to write, at this interval.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn start(store: UsageStore, live: Arc<Live>, interval: Duration) -> io::Result<Self> {
        let (changed, changes) = channel();
        let keep = move || keep(store, &live, interval, &changes);
        let thread = thread::Builder::new().name("usage".into()).spawn(keep)?;
        Ok(Self { interval: Some(changed), thread: Some(thread) })
    }

    /// Writes at another interval from now on.
    pub(crate) fn set_interval(&self, interval: Duration) {
        if let Some(changed) = &self.interval {
            // It ends only after this is dropped.
            let _ = changed.send(interval);
        }
    }
}

impl Drop for UsageKeeper {
    fn drop(&mut self) {
        self.interval = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(store: UsageStore, live: &Live, mut interval: Duration, changes: &Receiver<Duration>) {
    let mut failing = false;
    loop {
        let ends = match changes.recv_timeout(interval) {
            Ok(changed) => {
                interval = changed;
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        match store.write(&mut live.take_changed_usage(), today()) {
            Ok(()) => failing = false,
            // Told once, not once a second.
            Err(fault) => {
                if !std::mem::replace(&mut failing, true) {
                    let message = "what keys have used cannot be written";
                    log(Severity::Error, message, &[("reason", &fault)]);
                }
            }
        }
        if ends {
            return;
        }
    }
}
