//! Putting the rooms together: a configuration read, compiled and prepared, workers with their way to
//! backends and their recorder, the admin listener.

use std::{io, num::NonZeroUsize, path::PathBuf, rc::Rc, sync::Arc, thread, time::Duration};

use postern_document::{Place, Problems, Severity as Matter};
use postern_gateway::{Compiled, Live, Snapshot, State, compile};
use postern_model::{AccessLogDestination, Admin, Configuration, WorkerCount};
use postern_observe::{AccessLogSink, Instruments, Severity, WorkerRecorder, log};
use postern_server::{Clock, Inherited, Server, WorkerContext, WorkerTimers};
use postern_upstream::{
    Backends, ClientTls, CredentialNews, FunctionHost, FunctionLine, FunctionOutput, Upstream,
};

use crate::{
    admin::AdminListener,
    background::Background,
    descriptors,
    handover::Program,
    load::{Loaded, place_identity_problems},
    memory,
    reload::{Gateway, Leftovers, tell},
    signals::Events,
    status::Status,
    usage::{UsageKeeper, UsageStore},
    watch::FileWatch,
};

/// Where configurations come from: asked anew at each load. `path` is the configuration's name in
/// messages.
pub(crate) struct Source {
    /// The configuration file.
    pub(crate) path: String,
    /// Reads it and what it names.
    pub(crate) load: Box<dyn Fn(&str) -> Loaded + Send + Sync>,
    /// What a successor is started as; absent where none can be.
    pub(crate) program: Option<Program>,
}

impl Source {
    /// Reads everything anew.
    pub(crate) fn load(&self) -> Loaded {
        (self.load)(&self.path)
    }

    /// A problem of the whole configuration.
    pub(crate) fn problem(&self, severity: Matter, message: &str, problems: &mut Problems) {
        let place = Place::start_of(&self.path);
        match severity {
            Matter::Error => problems.error(&place, message),
            Matter::Warning => problems.warning(&place, message),
        }
    }
}

/// What of a configuration the program itself uses.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) admin: Option<Admin>,
    pub(crate) access_log: Option<AccessLogDestination>,
    pub(crate) workers: NonZeroUsize,
    pub(crate) state_directory: Option<PathBuf>,
    pub(crate) quota_interval: Duration,
    pub(crate) api_key_series: u32,
}

impl Settings {
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let workers = match configuration.workers {
            WorkerCount::Exactly(count) => count,
            // Looks at affinity and at the limits of the control group.
            WorkerCount::Auto => thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        };
        let access_log = configuration.access_log.as_ref().map(|log| log.destination.clone());
        Self {
            admin: configuration.admin,
            access_log,
            workers,
            state_directory: configuration.state_directory.clone(),
            quota_interval: Duration::from_secs(u64::from(configuration.quota_flush_seconds)),
            api_key_series: configuration.api_key_series,
        }
    }
}

/// What is opened for a configuration before it serves: everything that can still refuse it.
pub(crate) struct Opened {
    pub(crate) server: postern_server::Prepared,
    pub(crate) access_log: AccessLogSink,
    /// Absent where the admin listener stays as it is.
    pub(crate) admin: Option<Option<AdminListener>>,
}

/// Opens what a snapshot needs. What is not used is given back when it is dropped.
pub(crate) fn open(
    source: &Source,
    house: &Snapshot,
    (settings, admin_before): (&Settings, Option<Admin>),
    server: &Server,
    problems: &mut Problems,
) -> Option<Opened> {
    let refuse = |message: String, problems: &mut Problems| source.problem(Matter::Error, &message, problems);
    let prepared = match server.prepare(house) {
        Ok(prepared) => {
            let warnings = prepared.warnings().to_vec();
            place_identity_problems(&source.path, house, Matter::Warning, warnings, problems);
            Some(prepared)
        }
        Err(sentences) => {
            place_identity_problems(&source.path, house, Matter::Error, sentences, problems);
            None
        }
    };
    let access_log = match settings.access_log.as_ref().map(AccessLogSink::open) {
        None => Some(AccessLogSink::none()),
        Some(opened) => opened.map_err(|fault| refuse(fault, problems)).ok(),
    };
    let admin = if settings.admin == admin_before {
        Some(None)
    } else {
        match settings.admin.map(AdminListener::bind).transpose() {
            Ok(listener) => Some(Some(listener)),
            Err(fault) => {
                refuse(fault, problems);
                None
            }
        }
    };
    Some(Opened { server: prepared?, access_log: access_log?, admin: admin? })
}

/// Starts a gateway. What is wrong with its configuration is given back; then nothing runs.
pub(crate) fn assemble(source: Source, inherited: Inherited, events: &Events) -> Result<Gateway, Problems> {
    let mut watch = FileWatch::start(events.clone());
    let Loaded { outcome, hash } = source.load();
    // Before each next step, so that what it keeps comes to stand where nothing else has stood.
    memory::give_back_freed();
    watch.follow(&outcome.files);
    let mut problems = outcome.problems;
    let Some(configuration) = outcome.configuration else { return Err(problems) };
    let settings = Settings::of(&configuration);
    let fault = |what: &dyn std::fmt::Display| {
        let mut problems = Problems::default();
        source.problem(Matter::Error, &what.to_string(), &mut problems);
        problems
    };
    let clock = Clock::start();
    let mut state = State::new(secret().ok_or_else(|| fault(&"the system gives no random numbers"))?);
    let store = settings.state_directory.as_deref().map(UsageStore::open).transpose();
    let store = store.map_err(|problem| fault(&problem))?;
    state.restore_from(store.as_ref().and_then(UsageStore::kept));
    let compiled: Compiled = compile(configuration, None, &mut state);
    memory::give_back_freed();
    let live = Arc::new(Live::new(compiled.begin(clock.now())));
    let instruments = Instruments::start().map_err(|problem| fault(&problem))?;
    let instruments = Arc::new(instruments.with_api_keys(settings.api_key_series));
    let tls = ClientTls::with_system_roots().map_err(|problem| fault(&problem))?;
    let functions = FunctionHost::start(settings.workers, tell_line).map_err(|problem| fault(&problem))?;
    let backends = Arc::new(Backends::new(tls, functions));
    let health_checks = health_checks(&backends).map_err(|problem| fault(&problem))?;
    let credentials = credentials(&backends).map_err(|problem| fault(&problem))?;
    let (recorders, shared) = (Arc::clone(&instruments), Arc::clone(&backends));
    let build = move |context: WorkerContext| worker(context, &recorders, &shared);
    let server = Server::start(Arc::clone(&live), clock, settings.workers, build)
        .map_err(|problem| fault(&problem))?;
    server.inherit(inherited);
    let opened = open(&source, &live.current(), (&settings, None), &server, &mut problems);
    let Some(opened) = opened else { return Err(problems) };
    let status = Arc::new(Status::new(Arc::clone(&live), instruments, backends, clock));
    status.set_usage_store(store.clone());
    let keeper = store.map(|store| UsageKeeper::start(store, live, settings.quota_interval));
    let usage_keeper = keeper.transpose().map_err(|problem| fault(&problem))?;
    let (events, leftovers) = (events.clone(), Leftovers::default());
    let mut gateway = Gateway {
        source,
        watch,
        settings,
        state,
        clock,
        server,
        status,
        events,
        admin: None,
        usage_keeper,
        _health_checks: health_checks,
        _credentials: credentials,
        leftovers,
        is_handing_over: false,
    };
    let fields: [(&str, &dyn std::fmt::Display); 2] =
        [("version", &env!("CARGO_PKG_VERSION")), ("process", &std::process::id())];
    log(Severity::Info, "starting", &fields);
    descriptors::warn_of_too_few(gateway.status.live.current().limits().connections);
    gateway.put_to_use(opened, hash);
    tell(&problems);
    Ok(gateway)
}

/// Random bits that nobody guesses: what keys the hashes of API keys, for one.
pub(crate) fn secret() -> Option<[u8; 32]> {
    let mut secret = [0; 32];
    rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut secret).ok()?;
    Some(secret)
}

/// Logs what a process of a function wrote, or what became of it.
pub(crate) fn tell_line(line: FunctionLine<'_>) {
    let FunctionLine { function, request_id, stream, text } = line;
    let severity = if stream == FunctionOutput::Host { Severity::Warning } else { Severity::Info };
    let (stream, request_id) = (stream.as_str(), request_id.unwrap_or("-"));
    let fields: [(&str, &dyn std::fmt::Display); 3] =
        [("function", &function), ("stream", &stream), ("requestId", &request_id)];
    log(severity, text, &fields);
}

/// Checks the targets of VPC links until what this gives is dropped.
fn health_checks(backends: &Arc<Backends>) -> io::Result<Background> {
    let backends = Arc::clone(backends);
    Background::start("health", move || backends.check_health())
}

/// Fetches credentials for signed calls until what this gives is dropped.
fn credentials(backends: &Arc<Backends>) -> io::Result<Background> {
    let backends = Arc::clone(backends);
    Background::start("credentials", move || backends.keep_credentials(Arc::new(tell_credentials)))
}

/// Logs what became of a fetch of credentials.
#[expect(clippy::needless_pass_by_value, reason = "what a `CredentialLog` is given")]
fn tell_credentials(news: CredentialNews) {
    let message = news.to_string();
    match &news {
        CredentialNews::Fetched { access_key_id, seconds } => {
            let seconds = seconds.map_or_else(|| "-".to_owned(), |seconds| seconds.to_string());
            let fields: [(&str, &dyn std::fmt::Display); 2] =
                [("accessKeyId", access_key_id), ("seconds", &seconds)];
            log(Severity::Info, &message, &fields);
        }
        CredentialNews::Failed(reason) => log(Severity::Warning, &message, &[("reason", reason)]),
    }
}

/// One worker's way to all backends, and its recorder. To be called within the worker's runtime.
fn worker(
    context: WorkerContext,
    instruments: &Instruments,
    backends: &Arc<Backends>,
) -> (Upstream<WorkerTimers, Rc<WorkerRecorder>>, Rc<WorkerRecorder>) {
    let recorder = Rc::new(instruments.worker());
    let upstream = Upstream::new(context.timers, Rc::clone(&recorder), Arc::clone(backends), context.outbox);
    tokio::task::spawn_local(upstream.tend(context.live));
    (upstream, recorder)
}
