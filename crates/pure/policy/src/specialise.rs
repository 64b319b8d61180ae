//! What of a policy is left to decide once connection and method are known.

use crate::{
    arn::ExecuteApiBase,
    condition::Expected,
    context::{ConditionKey, Context},
    document::Policy,
    evaluate::{Decision, Request, decide},
    operator::Operator,
    principal::Principal,
    resource::Reach,
    statement::{Effect, ResourceClause, Statement},
};

/// What is the same for every request that a [`Specialised`] policy will be asked about: those of
/// one connection, or of one method over one connection (RP-130).
#[derive(Clone, Copy)]
pub struct Known<'a, C> {
    /// The action, where it is known.
    pub action: Option<&'a str>,
    /// The caller, where it is known: of methods without IAM authorization it is anonymous.
    pub principal: Option<&'a Principal>,
    /// The API that every request's resource belongs to.
    pub api: Option<&'a ExecuteApiBase<'a>>,
    /// Answers for the keys that are known.
    pub context: &'a C,
    /// Which keys those are. Absence counts as known too. Time, headers and principal keys are not
    /// of a connection (RP-131); [`ConditionKey::is_of_connection`] names those that are.
    pub knows: fn(&ConditionKey) -> bool,
}

/// A policy as far as it could be decided beforehand: the statements that may still speak of a
/// request, and what is left to ask of each. It holds no part of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Specialised {
    settled: Option<Settled>,
    /// Empty where the decision is settled.
    remaining: Box<[Remaining]>,
}

/// A decision, its statement by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Settled {
    Statement(Effect, usize),
    ImplicitDeny,
}

/// What is left to ask of one statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Remaining {
    statement: usize,
    effect: Effect,
    principal: bool,
    action: bool,
    resource: bool,
    /// The conditions by number.
    conditions: Box<[usize]>,
}

/// What is left to ask by conditions, as a value: where it is the same for two specialised policies,
/// the same further knowledge of condition keys makes the same [`Specialised`] of both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Likeness {
    left: Specialised,
    /// The conditions that are left, in their order.
    conditions: Box<[(Operator, ConditionKey, Expected)]>,
}

impl Policy {
    /// Decides what can be decided of every request that shares what is known.
    #[must_use]
    pub fn specialise<C: Context>(&self, known: &Known<'_, C>) -> Specialised {
        let statements = self.statements().iter();
        Specialised::of(
            statements.filter_map(|statement| Remaining::whole(statement).after(statement, known)),
        )
    }
}

impl Specialised {
    fn of(remaining: impl Iterator<Item = Remaining>) -> Self {
        let remaining: Box<[Remaining]> = remaining.collect();
        match settle(&remaining) {
            None => Self { settled: None, remaining },
            settled => Self { settled, remaining: Box::default() },
        }
    }

    /// The same policy with more known. What was known before need not be said again.
    #[must_use]
    pub fn specialise<C: Context>(&self, policy: &Policy, known: &Known<'_, C>) -> Self {
        if self.settled.is_some() {
            return self.clone();
        }
        Self::of(self.remaining.iter().filter_map(|remaining| {
            let statement = policy.statements().get(remaining.statement)?;
            remaining.after(statement, known)
        }))
    }

    /// Whether it depends on the API, or on the method, what the policy says.
    #[must_use]
    pub fn asks_for_resource(&self) -> bool {
        self.remaining.iter().any(|remaining| remaining.resource)
    }

    /// What conditions are left to ask, to be compared with that of other policies.
    #[must_use]
    pub fn likeness(&self, policy: &Policy) -> Likeness {
        let conditions = self.remaining.iter().flat_map(|remaining| {
            let all = policy.statements().get(remaining.statement).map(Statement::conditions);
            let left = remaining.conditions.iter().filter_map(move |number| all?.get(*number));
            left.map(|condition| (condition.operator, condition.key.clone(), condition.expected.clone()))
        });
        Likeness { left: self.clone(), conditions: conditions.collect() }
    }

    /// The decision, where nothing of a request can change it.
    #[must_use]
    pub fn settled<'policy>(&self, policy: &'policy Policy) -> Option<Decision<'policy>> {
        let (effect, index) = match self.settled? {
            Settled::ImplicitDeny => return Some(Decision::ImplicitDeny),
            Settled::Statement(effect, index) => (effect, index),
        };
        // The statement itself is not looked at: it may be far from the processor.
        let by = policy.statements().get(index)?;
        Some(match effect {
            Effect::Allow => Decision::Allow { by },
            Effect::Deny => Decision::Deny { by },
        })
    }

    /// What [`evaluate`](crate::evaluate) says of a request that agrees with what was known.
    /// `policy` is the one that was specialised. Allocates nothing.
    pub fn evaluate<'policy>(
        &self,
        policy: &'policy Policy,
        request: &Request<'_>,
        context: &impl Context,
    ) -> Decision<'policy> {
        if let Some(decision) = self.settled(policy) {
            return decision;
        }
        decide(self.remaining.iter().filter_map(|remaining| {
            let statement = policy.statements().get(remaining.statement)?;
            remaining.matches(statement, request, context).then_some(statement)
        }))
    }
}

/// The decision, where the statement that must be named is known already.
fn settle(remaining: &[Remaining]) -> Option<Settled> {
    let first = |effect| remaining.iter().find(|remaining| remaining.effect == effect);
    match first(Effect::Deny).or_else(|| first(Effect::Allow)) {
        None => Some(Settled::ImplicitDeny),
        Some(decider) => {
            decider.is_certain().then_some(Settled::Statement(decider.effect, decider.statement))
        }
    }
}

impl Remaining {
    /// Everything that a statement asks.
    fn whole(statement: &Statement) -> Self {
        Self {
            statement: statement.index(),
            effect: statement.effect(),
            principal: true,
            action: true,
            resource: true,
            conditions: (0..statement.conditions().len()).collect(),
        }
    }

    /// What is left with more known; `None` where the statement cannot speak of any such request.
    fn after<C: Context>(&self, statement: &Statement, known: &Known<'_, C>) -> Option<Self> {
        let principal = self.principal
            && left_to_ask(match known.principal {
                Some(principal) => Some(statement.matches_principal(principal)),
                None => statement.matches_every_principal(),
            })?;
        let matches_action = |action: &str| statement.actions.matches(action);
        let action = self.action && left_to_ask(known.action.map(matches_action))?;
        let resource = self.resource
            && left_to_ask(match known.api {
                Some(api) => matches_api(&statement.resources, api),
                None => matches_everything(&statement.resources),
            })?;
        let mut conditions = Vec::new();
        for number in &self.conditions {
            let condition = statement.conditions().get(*number)?;
            let is_known = condition.keys().all(known.knows);
            if left_to_ask(is_known.then(|| condition.holds(known.context)))? {
                conditions.push(*number);
            }
        }
        Some(Self { principal, action, resource, conditions: conditions.into(), ..*self })
    }

    fn is_certain(&self) -> bool {
        !self.principal && !self.action && !self.resource && self.conditions.is_empty()
    }

    fn matches(&self, statement: &Statement, request: &Request<'_>, context: &impl Context) -> bool {
        let mut conditions = self.conditions.iter().filter_map(|number| statement.conditions().get(*number));
        (!self.principal || statement.matches_principal(request.principal))
            && (!self.action || statement.actions.matches(request.action))
            && (!self.resource || statement.resources.matches(&request.resource, context))
            && conditions.all(|condition| condition.holds(context))
    }
}

/// Whether a part is still to be asked, given what is known of it; `None` where it does not match.
const fn left_to_ask(known: Option<bool>) -> Option<bool> {
    match known {
        Some(true) => Some(false),
        Some(false) => None,
        None => Some(true),
    }
}

/// Whether the clause speaks of every request to an API, or of none.
fn matches_api(resources: &ResourceClause, api: &ExecuteApiBase<'_>) -> Option<bool> {
    let mut any_is_open = false;
    for entry in &resources.entries {
        match entry.value.reach(api) {
            Reach::Always => return Some(!resources.negated),
            Reach::Sometimes => any_is_open = true,
            Reach::Never => {}
        }
    }
    (!any_is_open).then_some(resources.negated)
}

/// Whether the clause speaks of whatever there is, or of nothing.
fn matches_everything(resources: &ResourceClause) -> Option<bool> {
    resources.entries.iter().any(|entry| entry.value.is_everything()).then_some(!resources.negated)
}
