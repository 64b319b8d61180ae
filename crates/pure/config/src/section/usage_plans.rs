//! `usagePlans`: which keys open which stages, how fast and how often.

use std::collections::{BTreeMap, BTreeSet};

use postern_document::{Node, Problems};
use postern_model::{
    ApiStage, Malformed, PlanMethodThrottle, Quota, QuotaPeriod, RestApiId, StageName, UsagePlan,
};

use crate::{
    fields::Section,
    names::{Names, StageUser, UsedMethod},
    reading::Reading,
    section::{
        api_keys::{Keys, Membership},
        domain_names::used_stage,
        method_key::MethodKey,
        throttle,
    },
    unique::Unique,
};

/// The numbers of usage plans by name.
#[derive(Default)]
pub(crate) struct PlanNumbers(BTreeMap<Box<str>, u32>);

impl PlanNumbers {
    /// The number of the plan of this name.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }
}

/// The plans while their keys are still to be found.
pub(crate) struct Plans<'node> {
    plans: Vec<UsagePlan>,
    key_names: Vec<&'node [Node]>,
    /// The plans by name, for the files of keys.
    pub(crate) numbers: PlanNumbers,
}

/// Reads the plans without their keys.
pub(crate) fn read<'node>(
    root: &mut Section<'node>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Plans<'node> {
    let mut plans = Plans { plans: Vec::new(), key_names: Vec::new(), numbers: PlanNumbers::default() };
    let mut unique = Unique::of("name");
    for mut section in root.sections("usagePlans", &mut reading.problems) {
        let Some((plan, key_names)) = usage_plan(&mut section, &mut unique, names, &mut reading.problems)
        else {
            continue;
        };
        let number = u32::try_from(plans.plans.len()).unwrap_or(u32::MAX);
        plans.numbers.0.entry(plan.name.clone()).or_insert(number);
        plans.plans.push(plan);
        plans.key_names.push(key_names);
    }
    plans
}

impl Plans<'_> {
    /// Puts the keys into the plans: those that a plan names, and those whose file names a plan.
    pub(crate) fn with_keys(mut self, keys: &mut Keys, problems: &mut Problems) -> Vec<UsagePlan> {
        let mut memberships = std::mem::take(&mut keys.memberships);
        for (plan, names) in (0..).zip(&self.key_names) {
            for node in *names {
                let Some(name) = node.as_scalar_text() else {
                    let message = format!("{} among `apiKeys`: expected a name", node.kind());
                    problems.error(&node.place, message);
                    continue;
                };
                match keys.number(name) {
                    Some(key) => memberships.push(Membership { key, plan, place: node.place.clone() }),
                    None => problems.error(&node.place, "no API key has this name"),
                }
            }
        }
        memberships.retain(|membership| !keys.is_replaced(membership.key));
        memberships.sort_by_key(|membership| (membership.key, membership.plan));
        self.check_memberships(&memberships, problems);
        memberships.dedup_by_key(|membership| (membership.key, membership.plan));
        let places = keys.places();
        for Membership { key, plan, .. } in memberships {
            let [key, plan] = [key, plan].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            if let (Some(plan), Some(place)) = (self.plans.get_mut(plan), places.get(key).copied().flatten())
            {
                plan.api_keys.push(place);
            }
        }
        self.plans
    }

    /// A key stands in a plan once, and in one plan for each stage (AU-16).
    fn check_memberships(&self, memberships: &[Membership], problems: &mut Problems) {
        for of_one_key in memberships.chunk_by(|one, other| one.key == other.key) {
            for (index, later) in of_one_key.iter().enumerate() {
                for earlier in of_one_key.iter().take(index) {
                    self.check_pair(earlier, later, problems);
                }
            }
        }
    }

    fn check_pair(&self, earlier: &Membership, later: &Membership, problems: &mut Problems) {
        let (Some(one), Some(other)) = (self.get(earlier.plan), self.get(later.plan)) else { return };
        if earlier.plan == later.plan {
            let message =
                format!("this API key is in usage plan `{}` at {} already", one.name, earlier.place);
            problems.error(&later.place, message);
            return;
        }
        let stages: BTreeSet<_> = one.api_stages.iter().map(stage_of).collect();
        if let Some((api, stage)) = other.api_stages.iter().map(stage_of).find(|stage| stages.contains(stage))
        {
            let message = format!(
                "this API key is in usage plans `{}` and `{}`, which both have stage `{stage}` of API `{api}`: \
                 expected one plan for each stage",
                one.name, other.name
            );
            problems.error(&later.place, message);
        }
    }

    fn get(&self, number: u32) -> Option<&UsagePlan> {
        self.plans.get(usize::try_from(number).ok()?)
    }
}

const fn stage_of(api_stage: &ApiStage) -> (&RestApiId, &StageName) {
    (&api_stage.api_id, &api_stage.stage)
}

fn usage_plan<'node>(
    section: &mut Section<'node>,
    unique: &mut Unique<Box<str>>,
    names: &mut Names,
    problems: &mut Problems,
) -> Option<(UsagePlan, &'node [Node])> {
    let name: Option<Box<str>> = section.required("name", plan_name, problems);
    if let (Some(name), Some(node)) = (&name, section.node("name")) {
        unique.claim(name.clone(), &node.place, problems);
    }
    let throttle =
        section.section("throttle", problems).and_then(|mut section| throttle::limit(&mut section, problems));
    if let (None, Some(node)) = (&names.first_quota, section.node("quota")) {
        names.first_quota = Some(node.place.clone());
    }
    let quota = section.section("quota", problems).and_then(|mut section| quota(&mut section, problems));
    let api_stages = api_stages(section, names, problems);
    let key_names = section.list("apiKeys", problems);
    let plan = UsagePlan { name: name?, throttle, quota, api_stages, api_keys: Vec::new() };
    Some((plan, key_names))
}

fn plan_name(text: &str) -> Result<Box<str>, Malformed> {
    // The files of keys separate names of plans by commas.
    if text.is_empty() || text.contains(',') {
        Err(Malformed::new("a name without a comma"))
    } else {
        Ok(text.into())
    }
}

fn quota(section: &mut Section<'_>, problems: &mut Problems) -> Option<Quota> {
    let limit = section.whole("limit", problems);
    let period = section.choice("period", problems).and_then(|word| QuotaPeriod::parse(word).ok());
    let offset = section.whole("offset", problems);
    let (limit, period, offset) = (limit?, period?, offset?);
    if offset > limit {
        let place = section.node("offset").map_or_else(|| section.place(), |node| &node.place);
        problems.error(place, format!("`offset` is `{offset}`: expected at most the limit, `{limit}`"));
    }
    Some(Quota { limit, period, offset })
}

fn api_stages(section: &mut Section<'_>, names: &mut Names, problems: &mut Problems) -> Vec<ApiStage> {
    let mut unique = Unique::of("stage");
    let mut api_stages = Vec::new();
    for mut section in section.sections("apiStages", problems) {
        let used = used_stage(&mut section, "apiId", StageUser::UsagePlan, problems);
        let throttle =
            method_throttles(&mut section, used.as_ref().map(|used| &used.api.value), names, problems);
        let Some(used) = used else { continue };
        let (api_id, stage) = (used.api.value.clone(), used.stage.value.clone());
        unique.claim(format!("{stage}` of API `{api_id}"), &used.stage.place, problems);
        api_stages.push(ApiStage { api_id, stage, throttle });
        names.used_stages.push(used);
    }
    api_stages
}

fn method_throttles(
    section: &mut Section<'_>,
    api: Option<&RestApiId>,
    names: &mut Names,
    problems: &mut Problems,
) -> Vec<PlanMethodThrottle> {
    let mut unique = Unique::of("throttle");
    let mut throttles = Vec::new();
    for (entry, mut section) in section.map_sections("throttle", problems) {
        let limit = throttle::limit(&mut section, problems);
        match MethodKey::parse(&entry.key) {
            Ok(MethodKey::One(resource_path, verb)) => {
                let (path, place) = (resource_path.clone(), entry.place.clone());
                unique.claim(MethodKey::One(path.clone(), verb), &place, problems);
                names.used_methods.extend(api.map(|api| UsedMethod { api: api.clone(), path, verb, place }));
                throttles.extend(limit.map(|limit| PlanMethodThrottle { resource_path, verb, limit }));
            }
            Ok(MethodKey::Every) | Err(_) => {
                let message = format!(
                    "throttle of `{}`: expected a path and a verb such as `/pets/{{id}}/GET`",
                    entry.key
                );
                problems.error(&entry.place, message);
            }
        }
    }
    throttles
}
