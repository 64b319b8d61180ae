//! A gateway that serves: reloaded off the workers, drained at the end.

use std::{io, sync::Arc, time::Duration};

use postern_document::{Problems, Severity as Matter};
use postern_gateway::{Snapshot, State, compile};
use postern_observe::{Severity, log};
use postern_protocol::signature::PayloadHash;
use postern_server::{Clock, Drained, Server};

use crate::{
    admin::{self, AdminListener},
    assemble::{Opened, Settings, Source, open},
    background::{Background, giving_way, unless},
    handover::start_successor,
    load::Loaded,
    signals::{Events, Reloaded},
    status::Status,
    usage::{UsageKeeper, UsageStore},
    watch::FileWatch,
};

/// A gateway that serves. The main thread owns it and alone changes what serves.
pub(crate) struct Gateway {
    pub(crate) source: Source,
    pub(crate) watch: FileWatch,
    pub(crate) settings: Settings,
    pub(crate) state: State,
    pub(crate) clock: Clock,
    pub(crate) server: Server,
    pub(crate) status: Arc<Status>,
    pub(crate) events: Events,
    pub(crate) admin: Option<Background>,
    /// Absent where usage is counted in memory alone.
    pub(crate) usage_keeper: Option<UsageKeeper>,
    /// Ends with the gateway.
    pub(crate) _health_checks: Background,
    pub(crate) _credentials: Background,
    /// What serves no more, until the last request lets go of it.
    pub(crate) leftovers: Leftovers,
    /// Whether a successor has been started and does not serve yet.
    pub(crate) is_handing_over: bool,
}

/// Why a gateway goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// It was told to.
    Asked,
    /// The process of this number serves in its place.
    Succeeded(u32),
}

/// What was replaced and is still in use.
#[derive(Default)]
pub(crate) struct Leftovers {
    snapshots: Vec<Arc<Snapshot>>,
    /// Its last answer may still be on the way.
    admin: Option<Background>,
}

impl Gateway {
    /// Puts to use what was opened for the snapshot that serves now.
    pub(crate) fn put_to_use(&mut self, opened: Opened, hash: PayloadHash) {
        let house = self.status.live.current();
        self.status.instruments.serve(&house, opened.access_log);
        self.status.backends.serve(&house);
        self.server.commit(opened.server);
        // Before the admin listener may move, so that it tells of this configuration from the first answer on.
        self.status.set_serving(house.generation(), &self.source.path, hash.to_string());
        if let Some(listener) = opened.admin {
            let started = listener.and_then(|listener| self.serve_admin(listener));
            self.leftovers.admin = std::mem::replace(&mut self.admin, started);
        }
        self.status.set_accepting(true);
        let addresses: Vec<String> = self.server.addresses().iter().map(ToString::to_string).collect();
        let fields: [(&str, &dyn std::fmt::Display); 4] = [
            ("generation", &house.generation()),
            ("configuration", &self.source.path),
            ("hash", &hash),
            ("listeners", &addresses.join(" ")),
        ];
        log(Severity::Info, "serving", &fields);
    }

    fn serve_admin(&self, listener: AdminListener) -> Option<Background> {
        let started = admin::start(listener, Arc::clone(&self.status), self.events.clone());
        let failed = |fault| log(Severity::Error, "the admin listener does not start", &[("reason", &fault)]);
        started.map_err(failed).ok()
    }

    /// Whether a file is another one than when it was read. While a successor is being started that is
    /// its affair.
    pub(crate) fn files_have_changed(&self) -> bool {
        !self.is_handing_over && self.watch.has_changed()
    }

    /// Reads the configuration again and serves it, if nothing is wrong with it.
    pub(crate) fn reload(&mut self) -> Reloaded {
        let mut problems = Problems::default();
        let done = self.replace(&mut problems);
        self.status.instruments.reloaded(done);
        tell(&problems);
        if !done {
            self.status.set_refused(problems.clone());
            log(Severity::Error, "the configuration is refused: the one before serves on", &[]);
        }
        Reloaded { generation: self.status.serving().generation, done, problems }
    }

    fn replace(&mut self, problems: &mut Problems) -> bool {
        if self.is_handing_over {
            let message = "a successor is being started: it reads the configuration itself";
            self.source.problem(Matter::Error, message, problems);
            return false;
        }
        self.watch.look();
        let loaded = giving_way(|| self.source.load()).map_err(|fault| self.refuse(&fault, problems));
        let Ok(Loaded { outcome, hash }) = loaded else { return false };
        self.watch.follow(&outcome.files);
        problems.extend(outcome.problems);
        let Some(configuration) = outcome.configuration else { return false };
        let settings = Settings::of(&configuration);
        self.warn_of_what_waits(&settings, problems);
        let live = Arc::clone(&self.status.live);
        self.state.restore_from(self.status.usage_store().as_ref().and_then(UsageStore::kept));
        let compile = || compile(configuration, Some(&live.current()), &mut self.state);
        let compiled = giving_way(compile).map_err(|fault| self.refuse(&fault, problems));
        let Ok(compiled) = compiled else { return false };
        let before = self.settings.admin;
        let opened = open(&self.source, compiled.snapshot(), (&settings, before), &self.server, problems);
        let Some(opened) = opened else { return false };
        let old = live.replace(compiled.begin(self.clock.now()));
        if let Some(keeper) = &self.usage_keeper {
            keeper.set_interval(settings.quota_interval);
        }
        let Settings { workers, state_directory, api_key_series, .. } = self.settings.clone();
        self.settings = Settings { workers, state_directory, api_key_series, ..settings };
        self.put_to_use(opened, hash);
        self.server.retire();
        self.leftovers.snapshots.push(old);
        true
    }

    /// Tells why nothing was loaded.
    fn refuse(&self, fault: &io::Error, problems: &mut Problems) {
        self.source.problem(Matter::Error, &format!("the system gives no thread: {fault}"), problems);
    }

    /// Tells what takes effect only when the gateway is started anew.
    fn warn_of_what_waits(&self, settings: &Settings, problems: &mut Problems) {
        let rows = [
            ("`workers`", settings.workers == self.settings.workers),
            ("`stateDirectory`", settings.state_directory == self.settings.state_directory),
            ("`metrics.apiKeys`", settings.api_key_series == self.settings.api_key_series),
        ];
        for (key, _) in rows.iter().filter(|(_, is_same)| !is_same) {
            let message = format!("{key} has changed, which takes effect when the gateway is started anew");
            self.source.problem(Matter::Warning, &message, problems);
        }
    }

    /// Whether something waits to be let go of.
    pub(crate) fn has_leftovers(&self) -> bool {
        let Leftovers { snapshots, admin } = &self.leftovers;
        !snapshots.is_empty() || admin.is_some()
    }

    /// Lets go of what nobody uses any more: here, so that no worker spends its time on it.
    pub(crate) fn tidy(&mut self) {
        let Leftovers { snapshots, admin } = &mut self.leftovers;
        let unused: Vec<Arc<Snapshot>> =
            snapshots.extract_if(.., |snapshot| Arc::strong_count(snapshot) == 1).collect();
        *admin = None;
        if !unused.is_empty() {
            // Without a thread it is done here.
            let _ = giving_way(|| drop(unused));
        }
    }

    /// Starts a successor. What two processes cannot have at once is its own from now on: the admin
    /// listener's address and the file of usage. Connections are accepted by both until it serves.
    pub(crate) fn hand_over(&mut self) {
        let Some(program) = self.source.program.as_ref().filter(|_| !self.is_handing_over) else {
            log(Severity::Warning, "no successor is started", &[]);
            return;
        };
        self.status.set_usage_store(None);
        (self.admin, self.usage_keeper) = (None, None);
        match start_successor(&self.server, program, self.events.clone()) {
            Ok(()) => {
                self.is_handing_over = true;
                log(Severity::Info, "a successor is started", &[]);
            }
            Err(fault) => self.take_back(&fault.to_string()),
        }
    }

    /// Goes on as before, since no successor came to serve.
    pub(crate) fn take_back(&mut self, reason: &str) {
        self.is_handing_over = false;
        log(Severity::Error, "the successor does not serve: this process goes on", &[("reason", &reason)]);
        let problem = |what: &str| log(Severity::Error, "not all is as before", &[("reason", &what)]);
        let listener = self.settings.admin.map(AdminListener::bind).transpose();
        let listener = listener.map_err(|fault| problem(&fault)).ok().flatten();
        self.admin = listener.and_then(|listener| self.serve_admin(listener));
        let store = self.settings.state_directory.as_deref().map(UsageStore::open).transpose();
        let store = store.map_err(|fault| problem(&fault)).ok().flatten();
        self.status.set_usage_store(store.clone());
        let (live, interval) = (Arc::clone(&self.status.live), self.settings.quota_interval);
        let keeper = store.map(|store| UsageKeeper::start(store, live, interval)).transpose();
        self.usage_keeper = keeper.map_err(|fault| problem(&fault.to_string())).ok().flatten();
    }

    /// Goes away in order: is not ready any more, waits until that is known (unless another process is
    /// ready in its place), stops accepting, finishes the requests in flight. `hurry` cuts it short.
    pub(crate) async fn drain(self, farewell: Farewell, hurry: impl Future<Output = ()>) {
        self.status.set_accepting(false);
        let limits = *self.status.live.current().limits();
        let wait_seconds = match farewell {
            Farewell::Asked => limits.drain_wait_seconds,
            Farewell::Succeeded(_) => 0,
        };
        let fields: [(&str, &dyn std::fmt::Display); 2] =
            [("waitSeconds", &wait_seconds), ("drainSeconds", &limits.drain_seconds)];
        log(Severity::Info, "draining", &fields);
        let seconds = Duration::from_secs;
        let drain = self.server.drain(seconds(wait_seconds), seconds(limits.drain_seconds));
        let drained = unless(hurry, drain).await;
        match drained {
            Some(Drained { aborted: 0 }) => log(Severity::Info, "drained", &[]),
            Some(Drained { aborted }) => {
                log(
                    Severity::Warning,
                    "drained, but for connections that were aborted",
                    &[("aborted", &aborted)],
                );
            }
            None => log(Severity::Warning, "ended at once, as asked", &[]),
        }
        self.status.backends.functions().end().await;
        // The last levels are written.
        drop(self.usage_keeper);
        self.status.instruments.finish(LAST_LINES);
    }
}

/// How long the last lines of the access log may take.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Logs every problem, each on its own line.
pub(crate) fn tell(problems: &Problems) {
    for problem in problems {
        let severity = match problem.severity {
            Matter::Error => Severity::Error,
            Matter::Warning => Severity::Warning,
        };
        log(severity, &problem.message, &[("at", &problem.place)]);
    }
}
