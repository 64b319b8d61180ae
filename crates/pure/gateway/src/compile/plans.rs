//! Usage plans and API keys.

use std::{collections::HashMap, sync::Arc};

use postern_model::{Configuration, UsagePlan};

use super::methods::shared;
use crate::{
    QuotaLevel, Snapshot, State,
    throttle::Pace,
    usage::{
        Adaptation, AdaptedBucket, Allowance, Keys, KeysBuilder, Membership, Plan, PlanMethod, PlanStage,
        QuotaCounter,
    },
};

/// Compiles keys and plans; what a key has used of a plan goes on as long as both names stand.
pub(crate) fn compile(
    configuration: &Configuration,
    previous: Option<&Snapshot>,
    state: &mut State,
    adaptations: &mut Vec<Adaptation>,
) -> Keys {
    let plans: Vec<Plan> = configuration.usage_plans.iter().map(compile_plan).collect();
    let mut old: HashMap<(&str, &str), (&Plan, &Membership)> = previous
        .iter()
        .flat_map(|previous| previous.keys.memberships())
        .map(|(names, plan, membership)| (names, (plan, membership)))
        .collect();
    let mut memberships = HashMap::<&str, Vec<Membership>>::new();
    for (index, (plan, compiled)) in configuration.usage_plans.iter().zip(&plans).enumerate() {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        for key in &plan.api_keys {
            let membership = match old.remove(&(&*plan.name, &**key)) {
                Some(old) => adopted(index, compiled, old, adaptations),
                None => fresh(index, compiled, state.restored.remove(&(plan.name.clone(), key.clone()))),
            };
            memberships.entry(key).or_default().push(membership);
        }
    }
    // A key that leaves a plan and comes back has used what it had used.
    for ((plan, key), (_, membership)) in old {
        state.restore(plan, key, membership.allowance.quota.level());
    }
    let mut builder = KeysBuilder::new(state.key_secret, plans, configuration.api_keys.len());
    for key in &configuration.api_keys {
        let own = memberships.remove(&*key.name).unwrap_or_default();
        builder.push(&key.name, &key.value, key.enabled, own);
    }
    builder.finish()
}

/// A key that is new to a plan, or was before the process began.
fn fresh(plan: u32, compiled: &Plan, restored: Option<QuotaLevel>) -> Membership {
    let quota = QuotaCounter::restored(restored.unwrap_or_default());
    let allowance = Arc::new(Allowance { quota, ..Allowance::default() });
    Membership { plan, allowance, methods: methods_of(compiled).map(|_| Arc::default()).collect() }
}

/// A key that goes on in a plan.
fn adopted(
    plan: u32,
    compiled: &Plan,
    (old_plan, old): (&Plan, &Membership),
    adaptations: &mut Vec<Adaptation>,
) -> Membership {
    if let (Some(from), Some(to)) = (old_plan.throttle, compiled.throttle)
        && from != to
    {
        let bucket = AdaptedBucket::OfKey(Arc::clone(&old.allowance));
        adaptations.push(Adaptation { bucket, old: from, new: to });
    }
    let method = |(stage, method): (&PlanStage, &PlanMethod)| {
        let same = |(old_stage, old_method): &(&PlanStage, &PlanMethod)| {
            (&old_stage.api, &old_stage.stage) == (&stage.api, &stage.stage)
                && (&old_method.path, old_method.verb) == (&method.path, method.verb)
        };
        let bucket = methods_of(old_plan)
            .find(same)
            .and_then(|(_, own)| Some((own.pace, old.methods.get(own.place)?)));
        bucket.map_or_else(Arc::default, |(from, bucket)| shared(bucket, from, method.pace, adaptations))
    };
    let methods = methods_of(compiled).map(method).collect();
    Membership { plan, allowance: Arc::clone(&old.allowance), methods }
}

fn methods_of(plan: &Plan) -> impl Iterator<Item = (&PlanStage, &PlanMethod)> {
    plan.stages.iter().flat_map(|stage| stage.methods.iter().map(move |method| (stage, method)))
}

fn compile_plan(plan: &UsagePlan) -> Plan {
    let mut place = 0;
    let stages = plan
        .api_stages
        .iter()
        .map(|stage| PlanStage {
            api: stage.api_id.as_str().into(),
            stage: stage.stage.as_str().into(),
            methods: stage
                .throttle
                .iter()
                .map(|throttle| {
                    let method = PlanMethod {
                        path: throttle.resource_path.clone(),
                        verb: throttle.verb,
                        pace: Pace::of(throttle.limit),
                        place,
                    };
                    place += 1;
                    method
                })
                .collect(),
        })
        .collect();
    Plan { name: plan.name.clone(), throttle: plan.throttle.map(Pace::of), quota: plan.quota, stages }
}
