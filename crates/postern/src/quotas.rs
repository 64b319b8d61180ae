//! What keys have used of their quotas, kept where a crash cannot lose more than one interval of it
//! (TH-37).
//!
//! Written incrementally by a thread of its own: a write carries what has changed since the one before,
//! and workers never wait for it. The store is redb: pure Rust, one file, and a write is there whole or
//! not at all, whatever happens to the process or the machine.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use postern_gateway::{KeyUsage, Live, QuotaLevel, Snapshot, State};
use postern_observe::{Severity, log};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

/// By plan and key: the period's number, what was used in it, and the first period plus one (0: none).
const TABLE: TableDefinition<'_, (&str, &str), (u32, u64, u32)> = TableDefinition::new("quotas");
const FILE: &str = "quotas.redb";

/// The kept counters, opened and not written to yet.
#[derive(Debug)]
pub(crate) struct QuotaStore {
    database: Database,
    /// What stands in the file.
    written: HashMap<PlanAndKey, QuotaLevel>,
}

type PlanAndKey = (Box<str>, Box<str>);

impl QuotaStore {
    /// Opens what a directory keeps; makes both if they are not there.
    ///
    /// # Errors
    ///
    /// A sentence that names the directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, String> {
        let open = || -> Result<Self, redb::Error> {
            fs::create_dir_all(directory)?;
            let database = Database::create(directory.join(FILE))?;
            let writing = database.begin_write()?;
            writing.open_table(TABLE)?;
            writing.commit()?;
            let mut written = HashMap::new();
            for row in database.begin_read()?.open_table(TABLE)?.iter()? {
                let (names, level) = row?;
                let ((plan, key), (period, used, first)) = (names.value(), level.value());
                let level = QuotaLevel { period, used, first_period: first.checked_sub(1) };
                written.insert((plan.into(), key.into()), level);
            }
            Ok(Self { database, written })
        };
        open().map_err(|fault| format!("`stateDirectory` is `{}`: {fault}", directory.display()))
    }

    /// Has a state go on from what is kept.
    pub(crate) fn restore(&self, state: &mut State) {
        for ((plan, key), level) in &self.written {
            state.restore(plan, key, *level);
        }
    }

    /// Writes what has changed since the last time.
    fn write(&mut self, house: &Snapshot) -> Result<(), redb::Error> {
        let names = |usage: &KeyUsage<'_>| (usage.plan.into(), usage.key.into());
        let changed: Vec<(PlanAndKey, QuotaLevel)> = house
            .usage()
            .filter(|usage| usage.quota.is_some() && usage.level != QuotaLevel::default())
            .map(|usage| (names(&usage), usage.level))
            .filter(|(names, level)| self.written.get(names) != Some(level))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let writing = self.database.begin_write()?;
        {
            let mut table = writing.open_table(TABLE)?;
            for ((plan, key), level) in &changed {
                let first = level.first_period.map_or(0, |period| period.saturating_add(1));
                table.insert((&**plan, &**key), (level.period, level.used, first))?;
            }
        }
        writing.commit()?;
        self.written.extend(changed);
        Ok(())
    }
}

/// The thread that writes. Dropping it writes once more and ends it.
#[derive(Debug)]
pub(crate) struct QuotaKeeper {
    interval: Option<Sender<Duration>>,
    thread: Option<JoinHandle<()>>,
}

impl QuotaKeeper {
    /// Starts to write, at this interval.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn start(store: QuotaStore, live: Arc<Live>, interval: Duration) -> io::Result<Self> {
        let (changed, changes) = channel();
        let keep = move || keep(store, &live, interval, &changes);
        let thread = thread::Builder::new().name("quotas".into()).spawn(keep)?;
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

impl Drop for QuotaKeeper {
    fn drop(&mut self) {
        self.interval = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(mut store: QuotaStore, live: &Live, mut interval: Duration, changes: &Receiver<Duration>) {
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
        match store.write(&live.current()) {
            Ok(()) => failing = false,
            // Told once, not once a second.
            Err(fault) => {
                if !std::mem::replace(&mut failing, true) {
                    let message = "what keys have used of their quotas cannot be written";
                    log(Severity::Error, message, &[("reason", &fault)]);
                }
            }
        }
        if ends {
            return;
        }
    }
}
