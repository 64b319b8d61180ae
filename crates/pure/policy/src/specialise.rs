//! What of a policy is left to decide once connection and method are known.

use crate::{
    arn::ExecuteApiBase,
    context::{ConditionKey, Context},
    document::Policy,
    evaluate::{Decision, Request, decide},
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specialised {
    settled: Option<Settled>,
    remaining: Box<[Remaining]>,
}

/// A decision, its statement by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Statement(usize),
    ImplicitDeny,
}

/// What is left to ask of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Remaining {
    statement: usize,
    principal: bool,
    action: bool,
    resource: bool,
    /// The conditions by number.
    conditions: Box<[usize]>,
}

impl Policy {
    /// Decides what can be decided of every request that shares what is known.
    #[must_use]
    pub fn specialise<C: Context>(&self, known: &Known<'_, C>) -> Specialised {
        let remaining: Box<[Remaining]> =
            self.statements().iter().filter_map(|statement| Remaining::of(statement, known)).collect();
        Specialised { settled: self.settle(&remaining), remaining }
    }

    /// The decision, where the statement that must be named is known already.
    fn settle(&self, remaining: &[Remaining]) -> Option<Settled> {
        let effect_of =
            |remaining: &Remaining| self.statements().get(remaining.statement).map(Statement::effect);
        let first = |effect| remaining.iter().find(|remaining| effect_of(remaining) == Some(effect));
        let decider = first(Effect::Deny).or_else(|| first(Effect::Allow));
        match decider {
            None => Some(Settled::ImplicitDeny),
            Some(decider) => decider.is_certain().then_some(Settled::Statement(decider.statement)),
        }
    }
}

impl Specialised {
    /// The decision, where nothing of a request can change it.
    #[must_use]
    pub fn settled<'policy>(&self, policy: &'policy Policy) -> Option<Decision<'policy>> {
        Some(match self.settled? {
            Settled::ImplicitDeny => Decision::ImplicitDeny,
            Settled::Statement(index) => decide(policy.statements().get(index).into_iter()),
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

impl Remaining {
    /// `None` where the statement cannot speak of any such request.
    fn of<C: Context>(statement: &Statement, known: &Known<'_, C>) -> Option<Self> {
        let principal = match known.principal {
            Some(principal) => Some(statement.matches_principal(principal)),
            None => statement.matches_every_principal(),
        };
        let principal = left_to_ask(principal)?;
        let action = left_to_ask(known.action.map(|action| statement.actions.matches(action)))?;
        let resource = left_to_ask(known.api.and_then(|api| matches_api(&statement.resources, api)))?;
        let mut conditions = Vec::new();
        for (number, condition) in statement.conditions().iter().enumerate() {
            let is_known = condition.keys().all(known.knows);
            if left_to_ask(is_known.then(|| condition.holds(known.context)))? {
                conditions.push(number);
            }
        }
        Some(Self {
            statement: statement.index(),
            principal,
            action,
            resource,
            conditions: conditions.into(),
        })
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
