//! Everything that is counted and logged in one process, brought together where somebody reads it.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use postern_gateway::{Denial, Snapshot};
use postern_model::LIMITS;

use crate::{
    WorkerRecorder,
    access_log::{AccessLog, AccessLogSink},
    counter::HistogramSum,
    denials::Denials,
    keys::{KeyMeters, KeySeries},
    meters::{StageMeters, WorkerMeters},
    prometheus::{Label, Page},
    table::{OF_KEY, OF_PLAN, OF_PROCESS, OF_STAGE, OfProcess, Row},
};

/// The instruments of one process.
#[derive(Debug)]
pub struct Instruments {
    workers: Mutex<Vec<Arc<WorkerMeters>>>,
    denials: Mutex<Vec<Denials>>,
    /// API and stage by number, as far as they were ever served: a counter that was seen must not
    /// vanish.
    stages: Mutex<BTreeMap<u32, StageName>>,
    /// Usage plans by number, likewise.
    plans: Mutex<BTreeMap<u32, Box<str>>>,
    keys: Arc<KeySeries>,
    access_log: AccessLog,
    reloads_done: AtomicU64,
    reloads_refused: AtomicU64,
}

/// A stage as its series are labelled.
#[derive(Clone, Debug)]
struct StageName {
    api: Box<str>,
    stage: Box<str>,
}

/// What is read off the moment at which it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Whether the gateway is ready for requests.
    pub is_ready: bool,
    /// The number of the snapshot that serves.
    pub generation: u64,
    /// When it began to serve, in seconds since 1970.
    pub loaded_at_seconds: u64,
    /// When the process began, in seconds since 1970.
    pub started_at_seconds: u64,
    /// The targets of VPC links.
    pub targets: Vec<TargetGauge>,
    /// The functions whose processes run here.
    pub functions: Vec<FunctionGauge>,
}

/// How one hosted function is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionGauge {
    /// Its name.
    pub function: Box<str>,
    /// Its processes that run.
    pub processes: u64,
    /// Calls that wait for a process.
    pub waiting: u64,
    /// Processes that were started.
    pub starts: u64,
    /// Processes that ended by themselves, or were ended for being too slow.
    pub crashes: u64,
}

/// How one target of a VPC link is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGauge {
    /// The link's id.
    pub link: Box<str>,
    /// The target, as `host:port`.
    pub target: Box<str>,
    /// Whether it is given calls.
    pub is_healthy: bool,
    /// Times that it was put out.
    pub ejections: u64,
}

impl Instruments {
    /// Starts the instruments, and the thread that carries log lines away. They go nowhere until
    /// [`Instruments::serve`].
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start() -> io::Result<Self> {
        Ok(Self {
            workers: Mutex::default(),
            denials: Mutex::default(),
            stages: Mutex::default(),
            plans: Mutex::default(),
            keys: Arc::default(),
            access_log: AccessLog::start()?,
            reloads_done: AtomicU64::new(0),
            reloads_refused: AtomicU64::new(0),
        })
    }

    /// Counts refusals by API key: of the first so many keys by name, of all others together. To be
    /// called before [`Instruments::worker`].
    #[must_use]
    pub fn with_api_keys(self, count: u32) -> Self {
        Self { keys: Arc::new(KeySeries::new(count)), ..self }
    }

    /// The recorder of one more worker. Make it on the worker's own thread, so that its memory is near.
    #[must_use]
    pub fn worker(&self) -> WorkerRecorder {
        let keys = KeyMeters::new(Arc::clone(&self.keys));
        let meters = Arc::new(WorkerMeters::with_keys(keys));
        locked(&self.workers).push(Arc::clone(&meters));
        let denials = Denials::default();
        locked(&self.denials).push(denials.clone());
        WorkerRecorder::new(meters, self.access_log.page(), denials)
    }

    /// Knows the stages of a snapshot that begins to serve, and sends log lines where it wants them.
    pub fn serve(&self, house: &Snapshot, access_log: AccessLogSink) {
        let mut stages = locked(&self.stages);
        for (number, api, stage) in house.stages() {
            stages.entry(number).or_insert_with(|| StageName { api: api.into(), stage: stage.into() });
        }
        drop(stages);
        let mut plans = locked(&self.plans);
        for (number, plan) in house.usage_plans() {
            plans.entry(number).or_insert_with(|| plan.into());
        }
        drop(plans);
        self.access_log.redirect(access_log);
    }

    /// Counts a reload: done, or refused.
    pub fn reloaded(&self, done: bool) {
        let count = if done { &self.reloads_done } else { &self.reloads_refused };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The denial of a request id, if it is among the last [`DENIALS_KEPT`](crate::DENIALS_KEPT) of the
    /// worker that served it.
    #[must_use]
    pub fn denial(&self, request_id: &str) -> Option<Arc<Denial>> {
        locked(&self.denials).iter().find_map(|denials| denials.find(request_id))
    }

    /// Writes out log lines that have not gone out yet, and ends. To be called when the workers have
    /// ended. Waits so long at most.
    pub fn finish(&self, limit: Duration) {
        self.access_log.finish(limit);
    }

    /// Everything, in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self, gauges: &Gauges) -> String {
        let workers = locked(&self.workers).clone();
        let mut page = Page::default();
        self.write_stages(&workers, &mut page);
        self.write_plans(&workers, &mut page);
        self.write_keys(&workers, &mut page);
        self.write_process(&workers, &mut page);
        write_limits(&workers, &mut page);
        self.write_gauges(gauges, &mut page);
        write_targets(&gauges.targets, &mut page);
        write_functions(&gauges.functions, &mut page);
        page.finish()
    }

    fn write_stages(&self, workers: &[Arc<WorkerMeters>], page: &mut Page) {
        let stages = locked(&self.stages).clone();
        let sums: Vec<(&str, &str, StageSum)> = stages
            .iter()
            .map(|(number, name)| (&*name.api, &*name.stage, StageSum::of(workers, Some(*number))))
            .chain([(UNROUTED, "", StageSum::of(workers, None))])
            .collect();
        let mut family = "";
        for (place, row) in OF_STAGE.iter().enumerate() {
            if family != row.family {
                family = row.family;
                page.family(family, "counter", row.help);
            }
            for (api, stage, sum) in &sums {
                let value = sum.counters.get(place).copied().unwrap_or_default();
                write_row(row, &[("api", api), ("stage", stage)], value, page);
            }
        }
        for (name, help, histogram) in HISTOGRAMS {
            page.family(name, "histogram", help);
            for (api, stage, sum) in &sums {
                page.histogram(name, &[("api", api), ("stage", stage)], histogram(sum));
            }
        }
    }

    fn write_plans(&self, workers: &[Arc<WorkerMeters>], page: &mut Page) {
        let plans = locked(&self.plans).clone();
        let sums = plans.iter().map(|(number, plan)| {
            let mut sums = [0; OF_PLAN.len()];
            workers.iter().filter_map(|worker| worker.of_plan(*number)).for_each(|own| own.gather(&mut sums));
            (&**plan, sums)
        });
        write_table(OF_PLAN, "plan", &sums.collect::<Vec<_>>(), page);
    }

    fn write_keys(&self, workers: &[Arc<WorkerMeters>], page: &mut Page) {
        let names = self.keys.names().filter(|_| self.keys.is_wanted());
        let sums = names.map(|(place, name)| {
            let mut sums = [0; OF_KEY.len()];
            workers.iter().filter_map(|own| own.keys.of_place(place)).for_each(|own| own.gather(&mut sums));
            (name, sums)
        });
        write_table(OF_KEY, "key", &sums.collect::<Vec<_>>(), page);
    }

    fn write_process(&self, workers: &[Arc<WorkerMeters>], page: &mut Page) {
        let mut sums = [0; OF_PROCESS.len()];
        for worker in workers {
            worker.process.gather(&mut sums);
        }
        let (written, lost) = self.access_log.counts();
        add_one(&mut sums, OfProcess::LogLines, written);
        add_one(&mut sums, OfProcess::LogLinesDropped, lost);
        let mut family = "";
        for (row, value) in OF_PROCESS.iter().zip(sums) {
            if family != row.family {
                family = row.family;
                page.family(family, "counter", row.help);
            }
            write_row(row, &[], value, page);
        }
        let of = |what: OfProcess| sums.get(what.place()).copied().unwrap_or_default();
        let open = of(OfProcess::ConnectionsOpened).saturating_sub(of(OfProcess::ConnectionsClosed));
        page.family("postern_connections", "gauge", "Connections of clients that are open.");
        page.series("postern_connections", &[], open);
        page.family("postern_reloads_total", "counter", "Reloads of the configuration, done or refused.");
        for (result, count) in [("done", &self.reloads_done), ("refused", &self.reloads_refused)] {
            page.series("postern_reloads_total", &[("result", result)], count.load(Ordering::Relaxed));
        }
    }

    fn write_gauges(&self, gauges: &Gauges, page: &mut Page) {
        let rows = [
            (
                "postern_ready",
                "Whether the gateway is ready for requests: 1 or 0.",
                u64::from(gauges.is_ready),
            ),
            (
                "postern_configuration_generation",
                "The number of the configuration that serves.",
                gauges.generation,
            ),
            (
                "postern_configuration_loaded_timestamp_seconds",
                "When the configuration that serves was loaded, since 1970.",
                gauges.loaded_at_seconds,
            ),
            ("process_start_time_seconds", "When the process began, since 1970.", gauges.started_at_seconds),
        ];
        for (name, help, value) in rows {
            page.family(name, "gauge", help);
            page.series(name, &[], value);
        }
    }
}

/// The `api` of requests that reached no API and stage (MT3). Their `stage` is empty, which no stage's
/// name is.
const UNROUTED: &str = "unrouted";

type OfSum = fn(&StageSum) -> &HistogramSum;

/// The histograms of a stage.
const HISTOGRAMS: [(&str, &str, OfSum); 2] = [
    (
        "postern_latency_seconds",
        "From a request's head until its answer was sent, the backend's time included.",
        |sum| &sum.latency,
    ),
    (
        "postern_integration_latency_seconds",
        "From calling the backend until the head of its answer was in; absent where none was called.",
        |sum| &sum.integration_latency,
    ),
];

/// What all workers counted of one stage.
#[derive(Debug)]
struct StageSum {
    counters: [u64; OF_STAGE.len()],
    latency: HistogramSum,
    integration_latency: HistogramSum,
}

impl StageSum {
    fn of(workers: &[Arc<WorkerMeters>], number: Option<u32>) -> Self {
        let mut sum = Self {
            counters: [0; OF_STAGE.len()],
            latency: HistogramSum::default(),
            integration_latency: HistogramSum::default(),
        };
        for meters in workers.iter().filter_map(|worker| worker.of_stage(number)) {
            let StageMeters { counters, latency, integration_latency } = meters;
            counters.gather(&mut sum.counters);
            latency.gather(&mut sum.latency);
            integration_latency.gather(&mut sum.integration_latency);
        }
        sum
    }
}

fn write_limits(workers: &[Arc<WorkerMeters>], page: &mut Page) {
    let mut sums = [0; LIMITS.len()];
    for worker in workers {
        worker.limits.gather(&mut sums);
    }
    page.family(
        "postern_limit_hits_total",
        "counter",
        "Times that a limit was hit, by its name in the file.",
    );
    for (row, value) in LIMITS.iter().zip(sums) {
        page.series("postern_limit_hits_total", &[("limit", row.name)], value);
    }
}

fn write_targets(targets: &[TargetGauge], page: &mut Page) {
    if targets.is_empty() {
        return;
    }
    let mut family = |name: &str, kind, help: &str, value: fn(&TargetGauge) -> u64| {
        page.family(name, kind, help);
        for gauge in targets {
            page.series(name, &[("link", &gauge.link), ("target", &gauge.target)], value(gauge));
        }
    };
    let healthy = "Whether a target of a VPC link is given calls: 1 or 0.";
    family("postern_target_healthy", "gauge", healthy, |gauge| u64::from(gauge.is_healthy));
    let ejections = "Times that a target of a VPC link was put out, by checks or by failed calls.";
    family("postern_target_ejections_total", "counter", ejections, |gauge| gauge.ejections);
}

/// The series of a table, for each value of a label.
fn write_table<const ROWS: usize>(table: &[Row], label: &str, sums: &[(&str, [u64; ROWS])], page: &mut Page) {
    let mut family = "";
    for (place, row) in table.iter().enumerate().filter(|_| !sums.is_empty()) {
        if family != row.family {
            family = row.family;
            page.family(family, "counter", row.help);
        }
        for (name, sum) in sums {
            write_row(row, &[(label, name)], sum.get(place).copied().unwrap_or_default(), page);
        }
    }
}

fn write_functions(functions: &[FunctionGauge], page: &mut Page) {
    if functions.is_empty() {
        return;
    }
    let mut family = |name: &str, kind, help: &str, value: fn(&FunctionGauge) -> u64| {
        page.family(name, kind, help);
        for gauge in functions {
            page.series(name, &[("function", &gauge.function)], value(gauge));
        }
    };
    family("postern_function_processes", "gauge", "Processes of a function that run.", |it| it.processes);
    family("postern_function_waiting", "gauge", "Calls that wait for a process of a function.", |it| {
        it.waiting
    });
    let starts = "Processes of a function that were started.";
    family("postern_function_starts_total", "counter", starts, |it| it.starts);
    let crashes = "Processes of a function that ended by themselves, or were ended for being too slow.";
    family("postern_function_crashes_total", "counter", crashes, |it| it.crashes);
}

fn write_row(row: &Row, labels: &[Label<'_>], value: u64, page: &mut Page) {
    if value == 0 && !row.from_zero {
        return;
    }
    let labels: Vec<Label<'_>> = labels.iter().copied().chain(row.label).collect();
    page.series(row.family, &labels, value);
}

fn add_one(sums: &mut [u64], what: OfProcess, more: u64) {
    if let Some(sum) = sums.get_mut(what.place()) {
        *sum += more;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept here is right after every single step, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
