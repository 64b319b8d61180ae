//! What an operator's instruments read.
//!
//! **For:** counting exchanges and events ([`WorkerRecorder`]), bringing the counts of all workers
//! together as Prometheus's text ([`Instruments::metrics`]), carrying access log lines away, keeping the
//! last denials ([`Instruments::denial`]), and the program's own log ([`log`]).
//! **Never enters:** changing an exchange; bodies; what a line of the access log says, which is
//! `gateway`'s affair.
//! **Comes in:** [`Record`](postern_gateway::Record) and [`Event`](postern_gateway::Event). **Goes
//! out:** text, for a scraper, a file or a stream.
//! **Read first:** `table.rs`, then `meters.rs` and `access_log.rs`.

mod access_log;
mod counter;
mod denials;
mod instruments;
mod keys;
mod log;
mod meters;
mod prometheus;
mod recorder;
mod refused;
mod table;

pub use access_log::AccessLogSink;
pub use denials::DENIALS_KEPT;
pub use instruments::{FunctionGauge, Gauges, Instruments, TargetGauge};
pub use log::{Severity, log, log_from};
pub use recorder::WorkerRecorder;
