//! Usage plans and API keys.

use std::{collections::HashMap, sync::Arc};

use postern_model::{ApiStage, Configuration, UsagePlan};

use super::methods::shared;
use crate::{
    KeptUsage, Snapshot, State, UsageLevel,
    throttle::{Bucket, Pace},
    usage::{
        Adaptation, AdaptedBucket, Departed, Keys, KeysBuilder, Membership, Plan, PlanMethod, PlanStage,
    },
};

/// Compiles keys and plans; what a key has used of a plan goes on as long as both names stand.
pub(crate) fn compile(
    configuration: &Configuration,
    previous: Option<&Snapshot>,
    state: &mut State,
    adaptations: &mut Vec<Adaptation>,
) -> Keys {
    let plans = configuration.usage_plans.iter();
    let plans: Vec<Plan> = plans.map(|plan| compile_plan(plan, state)).collect();
    let memberships = memberships(&configuration.usage_plans);
    let mut past = Past::of(previous, state);
    let mut builder = KeysBuilder::new(state.key_secret, &configuration.api_keys, memberships.len());
    let mut memberships = memberships.into_iter().peekable();
    for (place, key) in (0..).zip(&configuration.api_keys) {
        builder.push_key(key);
        while let Some((_, number)) = memberships.next_if(|(key, _)| *key == place) {
            let Some(plan) = plans.get(number as usize) else { continue };
            let (account, buckets) = past.go_on(plan, &key.name, adaptations);
            builder.push_membership(number, account, buckets);
        }
    }
    let Past { accounts, opened, .. } = past;
    for ((plan, key), old) in accounts.into_iter().filter(|(_, old)| old.has_been_used()) {
        builder.push_departed(Departed { plan: plan.into(), key: key.into(), account: old.account });
    }
    state.accounts.open(opened);
    builder.finish(plans, state.accounts.clone())
}

/// Places of keys and of their plans, in the order of both.
fn memberships(plans: &[UsagePlan]) -> Vec<(u32, u32)> {
    let of_plan = |(place, plan): (u32, &UsagePlan)| {
        let of_key = |key: &u32| (*key, place);
        plan.api_keys.iter().map(of_key).collect::<Vec<_>>()
    };
    let mut memberships: Vec<(u32, u32)> = (0..).zip(plans).flat_map(of_plan).collect();
    memberships.sort_unstable();
    memberships
}

/// What has happened to keys in plans before.
struct Past<'p> {
    /// By the names of plan and key.
    accounts: HashMap<(&'p str, &'p str), Old<'p>>,
    /// What was written out.
    kept: Option<Box<dyn KeptUsage>>,
    next_number: u32,
    /// Accounts for what is new, from that number on.
    opened: Vec<UsageLevel>,
}

/// The account of a key that stands in a plan, or stood there once.
struct Old<'p> {
    keys: &'p Keys,
    account: u32,
    membership: Option<(&'p Plan, &'p Membership)>,
}

impl<'p> Past<'p> {
    fn of(previous: Option<&'p Snapshot>, state: &mut State) -> Self {
        let mut accounts = HashMap::new();
        if let Some(keys) = previous.map(|previous| &previous.keys) {
            let departed = keys.departed().iter().map(|departed| {
                let Departed { plan, key, account } = departed;
                ((&**plan, &**key), Old { keys, account: *account, membership: None })
            });
            let standing = keys.memberships().map(|(names, (plan, membership))| {
                (names, Old { keys, account: membership.account, membership: Some((plan, membership)) })
            });
            accounts.extend(departed.chain(standing));
        }
        let next_number = state.accounts.next_number();
        Self { accounts, kept: state.kept.take(), next_number, opened: Vec::new() }
    }

    /// The account of a key in a plan, and its buckets of single methods.
    fn go_on(
        &mut self,
        plan: &'p Plan,
        key: &'p str,
        adaptations: &mut Vec<Adaptation>,
    ) -> (u32, Vec<Arc<Bucket>>) {
        if let Some(old) = self.accounts.remove(&(&*plan.name, key)) {
            return (old.account, old.adopted(plan, adaptations));
        }
        let level = self.kept.as_mut().and_then(|kept| kept.level(&plan.name, key));
        let number = self.next_number.saturating_add(u32::try_from(self.opened.len()).unwrap_or(u32::MAX));
        self.opened.push(level.unwrap_or_default());
        (number, plan.stage_methods().map(|_| Arc::default()).collect())
    }
}

impl Old<'_> {
    fn has_been_used(&self) -> bool {
        let account = self.keys.accounts.get(self.account);
        account.is_some_and(|account| account.level() != UsageLevel::default())
    }

    /// The buckets of a key that goes on in a plan.
    fn adopted(&self, plan: &Plan, adaptations: &mut Vec<Adaptation>) -> Vec<Arc<Bucket>> {
        let Some((old_plan, membership)) = self.membership else {
            return plan.stage_methods().map(|_| Arc::default()).collect();
        };
        if let (Some(old), Some(new)) = (old_plan.throttle, plan.throttle)
            && old != new
        {
            adaptations.push(Adaptation { bucket: AdaptedBucket::OfAccount(self.account), old, new });
        }
        let method = |(stage, method): (u32, &PlanMethod)| {
            let same = |(_, (old_stage, old_method)): &(usize, (u32, &PlanMethod))| {
                *old_stage == stage && (&old_method.path, old_method.verb) == (&method.path, method.verb)
            };
            let bucket =
                old_plan.stage_methods().enumerate().find(same).and_then(|(place, (_, own))| {
                    Some((own.pace, self.keys.method_bucket(membership, place)?))
                });
            bucket.map_or_else(Arc::default, |(old, bucket)| shared(bucket, old, method.pace, adaptations))
        };
        plan.stage_methods().map(method).collect()
    }
}

fn compile_plan(plan: &UsagePlan, state: &mut State) -> Plan {
    let numbered = plan.api_stages.iter();
    let numbered = numbered.map(|own| (state.stage_number(own.api_id.as_str(), own.stage.as_str()), own));
    let mut numbered: Vec<_> = numbered.collect();
    numbered.sort_by_key(|(number, _)| *number);
    let mut methods = Vec::new();
    let mut compile_stage = |(number, stage): (u32, &ApiStage)| {
        methods.extend(stage.throttle.iter().map(|throttle| PlanMethod {
            path: throttle.resource_path.clone(),
            verb: throttle.verb,
            pace: Pace::of(throttle.limit),
        }));
        PlanStage { number, methods_end: u32::try_from(methods.len()).unwrap_or(u32::MAX) }
    };
    let stages = numbered.into_iter().map(&mut compile_stage).collect();
    Plan {
        number: state.plan_number(&plan.name),
        name: plan.name.clone(),
        throttle: plan.throttle.map(Pace::of),
        quota: plan.quota,
        stages,
        methods,
    }
}
