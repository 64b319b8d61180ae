//! The counters of one worker: in memory that it alone writes, so that counting costs no shared cache
//! line. A scrape reads them all.

use std::sync::OnceLock;

use postern_gateway::{Event, Record, Refusal, Sent};
use postern_model::LIMITS;

use crate::{
    counter::{Counters, Histogram},
    keys::KeyMeters,
    table::{
        OF_PLAN, OF_PROCESS, OF_STAGE, OfPlan, OfProcess, OfStage, of_event, of_key_refusal, of_plan_refusal,
        of_refusal,
    },
};

/// Everything that one worker counts. Aligned so that no line of it holds another's.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerMeters {
    pub(crate) process: Counters<{ OF_PROCESS.len() }>,
    pub(crate) limits: Counters<{ LIMITS.len() }>,
    /// Requests that reached no stage (MT3).
    unrouted: StageMeters,
    stages: Chunks<StageMeters>,
    plans: Chunks<PlanMeters>,
    pub(crate) keys: KeyMeters,
}

/// What is counted of one usage plan.
pub(crate) type PlanMeters = Counters<{ OF_PLAN.len() }>;

/// What is counted of one stage.
#[derive(Debug, Default)]
pub(crate) struct StageMeters {
    pub(crate) counters: Counters<{ OF_STAGE.len() }>,
    pub(crate) latency: Histogram,
    pub(crate) integration_latency: Histogram,
}

impl WorkerMeters {
    /// Nothing counted yet.
    pub(crate) fn with_keys(keys: KeyMeters) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Counts an exchange (MT1 to MT7). To be called by the worker alone.
    pub(crate) fn exchange(&self, record: &Record<'_>, sent: Sent) {
        let stage = record.stage_number().map_or(&self.unrouted, |number| self.stage(number));
        let count = |what: OfStage, more| stage.counters.add(what.place(), more);
        count(OfStage::Requests, 1);
        match record.status() {
            400..=499 => count(OfStage::ClientErrors, 1),
            500..=599 => count(OfStage::ServerErrors, 1),
            _ => {}
        }
        count(OfStage::ResponseBytes, sent.body_bytes);
        if !sent.complete {
            count(OfStage::CutShort, 1);
        }
        if record.repeated_overrides() > 0 {
            count(OfStage::RepeatedOverrides, u64::from(record.repeated_overrides()));
        }
        if let Some(refusal) = record.refusal() {
            count(of_refusal(refusal), 1);
            self.refused_key(record, refusal);
            if let Some(limit) = refusal.limit() {
                self.limit_hit(limit);
            }
        }
        if let Some(plan) = record.usage_plan_number().and_then(|number| self.plans.get_or_make(number)) {
            plan.add(record.refusal().map_or(OfPlan::Requests, of_plan_refusal).place(), 1);
        }
        let received = record.received().monotonic_nanoseconds;
        stage.latency.observe(sent.at_nanoseconds.saturating_sub(received));
        if let Some(integration) = record.integration() {
            stage.integration_latency.observe(integration.latency_nanoseconds);
        }
    }

    /// Counts by key what the key was refused for.
    fn refused_key(&self, record: &Record<'_>, refusal: &Refusal) {
        if let (Some(name), Some(what)) = (record.api_key_name(), of_key_refusal(refusal)) {
            self.keys.count(name, what);
        }
    }

    /// The counters of a usage plan; `None` where the worker has never counted anything there.
    pub(crate) fn of_plan(&self, number: u32) -> Option<&PlanMeters> {
        self.plans.get(number)
    }

    /// Counts what is no exchange. To be called by the worker alone.
    pub(crate) fn event(&self, event: Event) {
        if let Event::ConnectionRefused(refused) = event
            && let Some(limit) = refused.refusal.limit()
        {
            self.limit_hit(limit);
        }
        match of_event(event) {
            Ok(what) => self.process(what, 1),
            Err(limit) => self.limit_hit(limit),
        }
    }

    /// Counts for the whole process. To be called by the worker alone.
    pub(crate) fn process(&self, what: OfProcess, more: u64) {
        self.process.add(what.place(), more);
    }

    fn limit_hit(&self, name: &str) {
        if let Some(place) = LIMITS.iter().position(|row| row.name == name) {
            self.limits.add(place, 1);
        }
    }

    fn stage(&self, number: u32) -> &StageMeters {
        self.stages.get_or_make(number).unwrap_or(&self.unrouted)
    }

    /// The counters of a stage, or of requests that reached none; `None` where the worker has never
    /// counted anything there.
    pub(crate) fn of_stage(&self, number: Option<u32>) -> Option<&StageMeters> {
        number.map_or(Some(&self.unrouted), |number| self.stages.get(number))
    }
}

/// Counters by number, in chunks that never move, so that a scrape may read while the worker adds
/// chunks. Each chunk is twice as long as the one before.
#[derive(Debug)]
struct Chunks<T>([OnceLock<Box<[T]>>; CHUNKS]);

/// Enough for four million numbers.
const CHUNKS: usize = 18;
/// The first chunk has `1 << FIRST_CHUNK_BITS` places.
const FIRST_CHUNK_BITS: u32 = 4;

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

impl<T: Default> Chunks<T> {
    fn get_or_make(&self, number: u32) -> Option<&T> {
        let (chunk, place) = place_of(number);
        let make = || (0..FIRST_CHUNK << chunk).map(|_| T::default()).collect();
        self.0.get(chunk)?.get_or_init(make).get(place)
    }

    fn get(&self, number: u32) -> Option<&T> {
        let (chunk, place) = place_of(number);
        self.0.get(chunk)?.get()?.get(place)
    }
}

const FIRST_CHUNK: usize = 1 << FIRST_CHUNK_BITS;

/// The chunk of a number and its place there.
fn place_of(number: u32) -> (usize, usize) {
    // Shifted by the first chunk's length, the highest bit tells the chunk and the others the place.
    let shifted = u64::from(number) + (1 << FIRST_CHUNK_BITS);
    let chunk = shifted.ilog2() - FIRST_CHUNK_BITS;
    let place = shifted - (1 << shifted.ilog2());
    (chunk as usize, usize::try_from(place).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let mut expected = Vec::new();
        for chunk in 0..4 {
            expected.extend((0..FIRST_CHUNK << chunk).map(|place| (chunk, place)));
        }
        let places: Vec<_> = (0..240).map(place_of).collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn a_stage_is_unknown_until_it_is_counted_and_its_counters_do_not_move() {
        let chunks = Chunks::<StageMeters>::default();
        assert!(chunks.get(17).is_none());
        let first: *const StageMeters = chunks.get_or_make(17).unwrap();
        assert!(chunks.get_or_make(100_000).is_some());
        assert!(std::ptr::eq(first, chunks.get(17).unwrap()));
        assert!(chunks.get_or_make(u32::MAX).is_none(), "beyond the last chunk");
    }

    #[test]
    fn limits_are_counted_by_name() {
        let meters = WorkerMeters::default();
        meters.event(Event::LimitHit("headSeconds"));
        meters.event(Event::LimitHit("no such limit"));
        let place = LIMITS.iter().position(|row| row.name == "headSeconds").unwrap();
        let mut hits = [0; LIMITS.len()];
        meters.limits.gather(&mut hits);
        assert_eq!((hits[place], hits.iter().sum::<u64>()), (1, 1));
    }
}
