//! Which target is next: the balance between the targets of one destination.

use std::{cell::Cell, fmt::Display, rc::Rc, sync::Arc};

use postern_gateway::{Destination, IntegrationFailure, IntegrationFailureKind};
use postern_model::LoadBalancingAlgorithm;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    budget::RetryBudget,
    health::{HealthBoard, TargetHealth, TargetName},
    pool::{TargetPool, Warming},
};

/// The connections of one worker to one destination.
#[derive(Debug)]
pub(crate) struct DestinationPool {
    /// The destination's number.
    pub(crate) id: u32,
    /// The link's id, or the host and port: for messages.
    name: Box<str>,
    pub(crate) budget: RetryBudget,
    targets: Box<[Rc<TargetPool>]>,
    is_link: bool,
    algorithm: LoadBalancingAlgorithm,
    slow_start_nanoseconds: u64,
    next: Cell<usize>,
    /// Of all workers together, where one call at a time is taken.
    turn: Option<Arc<Semaphore>>,
}

/// Whether a target should be given a call. The better stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It has its share.
    In,
    /// It came back not long ago, and it is not its turn.
    Warming,
    /// It is not well: given calls only where no other is left, as a balancer does.
    Out,
}

impl DestinationPool {
    pub(crate) fn new(destination: &Destination, board: &HealthBoard, turn: Option<Arc<Semaphore>>) -> Self {
        let is_link = destination.balancing.is_some();
        let balancing = destination.balancing.clone().unwrap_or_default();
        let health = |target| is_link.then(|| board.of(TargetName::new(&destination.name, target)));
        Self {
            id: destination.id,
            name: destination.name.clone(),
            budget: RetryBudget::default(),
            targets: destination
                .targets
                .iter()
                .map(|target| Rc::new(TargetPool::new(target, health(target))))
                .collect(),
            is_link,
            algorithm: balancing.algorithm,
            slow_start_nanoseconds: u64::from(balancing.slow_start_seconds) * 1_000_000_000,
            next: Cell::new(0),
            turn,
        }
    }

    /// Whether one call at a time is taken.
    pub(crate) const fn takes_turns(&self) -> bool {
        self.turn.is_some()
    }

    /// Waits for the turn of a call, where one at a time is taken. It is over when the permit is dropped.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(self.turn.as_ref()?).acquire_owned().await.ok()
    }

    /// The next target. `tried` are left out. The clock, in nanoseconds, is asked only where a target is
    /// or was out.
    pub(crate) fn choose(&self, tried: &[Rc<TargetPool>], clock: impl Fn() -> u64) -> Option<Rc<TargetPool>> {
        let is_tried = |pool: &Rc<TargetPool>| tried.iter().any(|tried| Rc::ptr_eq(tried, pool));
        if let [only] = &*self.targets {
            return (!is_tried(only)).then(|| Rc::clone(only));
        }
        let start = self.next.get();
        self.next.set(start.wrapping_add(1));
        let count = self.targets.len();
        let load = |pool: &TargetPool| match self.algorithm {
            LoadBalancingAlgorithm::LeastOutstandingRequests => pool.load(),
            LoadBalancingAlgorithm::RoundRobin => 0,
        };
        let chosen = (0..count)
            .filter_map(|step| self.targets.get(start.wrapping_add(step) % count))
            .filter(|pool| !is_tried(pool))
            .min_by_key(|pool| (self.standing(pool, &clock), load(pool)))?;
        chosen.warming.pay(count as u64);
        Some(Rc::clone(chosen))
    }

    fn standing(&self, pool: &TargetPool, clock: impl Fn() -> u64) -> Standing {
        let Some(health) = &pool.health else { return Standing::In };
        if health.is_out(&clock) {
            pool.warming.was_out.set(true);
            return Standing::Out;
        }
        pool.warming.standing(self.slow_start_nanoseconds, self.targets.len() as u64, clock)
    }

    /// Whether a call could go to another target than this.
    pub(crate) const fn has_alternatives(&self) -> bool {
        self.targets.len() > 1
    }

    /// All targets.
    pub(crate) const fn targets(&self) -> &[Rc<TargetPool>] {
        &self.targets
    }

    /// A failure of a call, with its reason for an operator: names the destination, and the target where
    /// there are several.
    pub(crate) fn failure(
        &self,
        kind: IntegrationFailureKind,
        target: Option<&TargetPool>,
        reason: impl Display,
    ) -> IntegrationFailure {
        let reason = match target {
            Some(target) if self.is_link => format!("`{}`, target {}: {reason}", self.name, target.label),
            _ => format!("`{}`: {reason}", self.name),
        };
        IntegrationFailure { kind, reason: reason.into() }
    }

    /// The health of a target where it decides anything.
    pub(crate) fn health<'t>(&self, target: &'t TargetPool) -> Option<&'t Arc<TargetHealth>> {
        target.health.as_ref().filter(|_| self.has_alternatives())
    }
}

impl Warming {
    /// A share that grows from a tenth to the whole in the course of a slow start: with each choice
    /// between `targets` it earns a part of its turn, and takes part when it has earned the whole.
    fn standing(&self, slow_start_nanoseconds: u64, targets: u64, clock: impl Fn() -> u64) -> Standing {
        if self.was_out.take() {
            self.since.set(clock().max(1));
            self.credit.set(0);
        }
        let since = self.since.get();
        if since == 0 {
            return Standing::In;
        }
        let elapsed = clock().saturating_sub(since);
        if elapsed >= slow_start_nanoseconds {
            self.since.set(0);
            return Standing::In;
        }
        let hundredths = (elapsed / (slow_start_nanoseconds / 100).max(1)).clamp(10, 100);
        let price = HUNDREDTHS * targets;
        let credit = (self.credit.get() + hundredths).min(2 * price);
        self.credit.set(credit);
        if credit >= price { Standing::In } else { Standing::Warming }
    }

    /// It had its turn.
    fn pay(&self, targets: u64) {
        self.credit.set(self.credit.get().saturating_sub(HUNDREDTHS * targets));
    }
}

/// Of a turn.
const HUNDREDTHS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use postern_gateway::DestinationTarget;
    use postern_model::Balancing;

    const SECOND: u64 = 1_000_000_000;

    fn link(targets: u16, algorithm: LoadBalancingAlgorithm) -> DestinationPool {
        let target = |index| DestinationTarget {
            host: "10.0.0.1".into(),
            port: 8_000 + index,
            address: None,
            named_by_operator: true,
        };
        let destination = Destination {
            id: 1,
            name: "vl1".into(),
            targets: (0..targets).map(target).collect(),
            tls: None,
            balancing: Some(Balancing { algorithm, ..Balancing::default() }),
            one_at_a_time: false,
        };
        DestinationPool::new(&destination, &HealthBoard::new(), None)
    }

    fn index_of(pool: &DestinationPool, target: &Rc<TargetPool>) -> usize {
        pool.targets.iter().position(|known| Rc::ptr_eq(known, target)).unwrap()
    }

    /// How often each target is chosen at this moment.
    fn shares(pool: &DestinationPool, calls: usize, now: u64) -> Vec<usize> {
        let mut shares = vec![0; pool.targets.len()];
        for _ in 0..calls {
            shares[index_of(pool, &pool.choose(&[], || now).unwrap())] += 1;
        }
        shares
    }

    const LEAST: LoadBalancingAlgorithm = LoadBalancingAlgorithm::LeastOutstandingRequests;
    const ROUND_ROBIN: LoadBalancingAlgorithm = LoadBalancingAlgorithm::RoundRobin;

    #[test]
    fn upstream_equals_have_their_turns() {
        for algorithm in [LEAST, ROUND_ROBIN] {
            assert_eq!(shares(&link(3, algorithm), 9, 0), [3, 3, 3], "{algorithm:?}");
        }
    }

    #[test]
    fn upstream_the_one_with_the_fewest_calls_is_next() {
        let limits = postern_model::Limits::default();
        for (algorithm, expected) in [(LEAST, [0, 6, 0]), (ROUND_ROBIN, [2, 2, 2])] {
            let pool = link(3, algorithm);
            let place = |index: usize| pool.targets[index].free_place(&limits).unwrap();
            let _busy = (place(0), place(2));
            assert_eq!(shares(&pool, 6, 0), expected, "{algorithm:?}");
        }
    }

    #[test]
    fn upstream_a_target_that_is_out_is_chosen_only_where_no_other_is_left() {
        let pool = link(2, LEAST);
        pool.targets[0].health.as_ref().unwrap().set_checked(false);
        assert_eq!(shares(&pool, 4, 0), [0, 4]);
        let tried = [Rc::clone(&pool.targets[1])];
        assert_eq!(index_of(&pool, &pool.choose(&tried, || 0).unwrap()), 0);
        pool.targets[1].health.as_ref().unwrap().set_checked(false);
        assert_eq!(shares(&pool, 4, 0), [2, 2], "with all of them out each has its turn");
        assert!(pool.choose(&[Rc::clone(&pool.targets[0]), Rc::clone(&pool.targets[1])], || 0).is_none());
    }

    #[test]
    fn upstream_slow_start_lets_the_share_grow_from_a_tenth() {
        let pool = link(2, ROUND_ROBIN);
        let health = Arc::clone(pool.targets[0].health.as_ref().unwrap());
        health.set_checked(false);
        let begin = 1_000 * SECOND;
        assert_eq!(shares(&pool, 10, begin), [0, 10]);
        health.set_checked(true);
        // A turn is a half of all choices; of its turns it takes its share.
        let of_1000 = |seconds: u64| shares(&pool, 1_000, begin + seconds * SECOND)[0];
        let (first, third, half, most) = (of_1000(0), of_1000(9), of_1000(15), of_1000(27));
        assert!((40..=60).contains(&first), "{first}");
        assert!((130..=170).contains(&third), "{third}");
        assert!((230..=270).contains(&half), "{half}");
        assert!((430..=470).contains(&most), "{most}");
        assert_eq!(of_1000(30), 500);
    }

    #[test]
    fn upstream_nothing_is_slow_at_the_start_of_the_process() {
        assert_eq!(shares(&link(2, LEAST), 10, 5 * SECOND), [5, 5]);
    }
}
