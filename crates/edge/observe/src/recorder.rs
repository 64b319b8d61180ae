//! What a worker is given to count with.

use std::{sync::Arc, time::Instant};

use postern_gateway::{Event, Record, Recorder, Sent};

use crate::{
    access_log::LogPage, denials::Denials, meters::WorkerMeters, refused::RefusedLog, table::OfProcess,
};

/// The recorder of one worker: counters and log lines in memory that the worker alone writes. Nothing
/// is allocated for an exchange that is not denied, once its stage is known and the log's memory has
/// grown to its size.
#[derive(Debug)]
pub struct WorkerRecorder {
    meters: Arc<WorkerMeters>,
    log: LogPage,
    denials: Denials,
    refused: RefusedLog,
}

impl WorkerRecorder {
    pub(crate) fn new(meters: Arc<WorkerMeters>, log: LogPage, denials: Denials) -> Self {
        Self { meters, log, denials, refused: RefusedLog::new(Instant::now()) }
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
        if let Event::ConnectionRefused(refused) = event {
            self.refused.tell(&refused, Instant::now());
        }
        self.meters.event(event);
    }
}
