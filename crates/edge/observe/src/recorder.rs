//! What a worker is given to count with.

use std::sync::Arc;

use postern_gateway::{Event, Record, Recorder, Sent};

use crate::{access_log::LogPage, denials::Denials, meters::WorkerMeters, table::OfProcess};

/// The recorder of one worker: counters and log lines in memory that the worker alone writes. Nothing
/// is allocated for an exchange that is not denied, once its stage is known and the log's memory has
/// grown to its size.
#[derive(Debug)]
pub struct WorkerRecorder {
    meters: Arc<WorkerMeters>,
    log: LogPage,
    denials: Denials,
}

impl WorkerRecorder {
    pub(crate) const fn new(meters: Arc<WorkerMeters>, log: LogPage, denials: Denials) -> Self {
        Self { meters, log, denials }
    }
}

impl Recorder for WorkerRecorder {
    fn exchange(&self, record: &Record<'_>, sent: Sent) {
        self.meters.exchange(record, sent);
        self.denials.exchange(record);
        if !self.log.write(record, sent) {
            self.meters.process(OfProcess::LogLinesDropped, 1);
        }
    }

    fn event(&self, event: Event) {
        self.meters.event(event);
    }
}
