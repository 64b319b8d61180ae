//! One statement: whom, what and where it speaks of, and when.

use std::fmt;

use postern_document::{Place, Placed};

use crate::{
    arn::Arn,
    condition::Condition,
    context::Context,
    evaluate::Request,
    pattern::Pattern,
    principal::{Principal, PrincipalClause},
    resource::{Nothing, ResourcePattern},
};

/// What a statement does with a request that it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Lets it through, unless another statement denies it.
    Allow,
    /// Refuses it.
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub(crate) index: usize,
    pub(crate) sid: Option<Box<str>>,
    pub(crate) place: Place,
    pub(crate) effect: Effect,
    /// Absent in identity policies and authorizer output, which are about one caller anyway.
    pub(crate) principals: Option<PrincipalClause>,
    pub(crate) actions: ActionClause,
    pub(crate) resources: ResourceClause,
    pub(crate) conditions: Box<[Condition]>,
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActionClause {
    pub(crate) negated: bool,
    pub(crate) entries: Box<[Placed<Pattern>]>,
}

/// `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceClause {
    pub(crate) negated: bool,
    pub(crate) entries: Box<[Placed<ResourcePattern>]>,
}

impl Statement {
    /// Where the statement stands in its policy, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Its `Sid`, if it has one that is not empty.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref().filter(|sid| !sid.is_empty())
    }

    /// Its place in the file.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// What it does.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// Its conditions; all must hold (RP-50).
    #[must_use]
    pub const fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether the statement speaks of a request.
    pub(crate) fn matches(&self, request: &Request<'_>, context: &impl Context) -> bool {
        self.matches_principal(request.principal)
            && self.actions.matches(request.action)
            && self.resources.matches(&request.resource, context)
            && self.conditions.iter().all(|condition| condition.holds(context))
    }

    pub(crate) fn matches_principal(&self, principal: &Principal) -> bool {
        self.principals.as_ref().is_none_or(|clause| clause.matches(principal))
    }

    /// Whether the statement speaks of everybody, or of nobody; `None` where it depends on who asks.
    pub(crate) fn matches_every_principal(&self) -> Option<bool> {
        match &self.principals {
            None => Some(true),
            Some(clause) => clause.names_everyone().then_some(!clause.negated),
        }
    }
}

/// The statement as a person calls it: `statement 1`, `statement 1 ("OnlyOurs")`.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}", self.index)?;
        self.sid().map_or(Ok(()), |sid| write!(f, " (\"{sid}\")"))
    }
}

impl ActionClause {
    /// Whether the clause speaks of an action, letter case aside (RP-35).
    pub(crate) fn matches(&self, action: &str) -> bool {
        // Actions hold no variables, so no context is asked.
        self.entries.iter().any(|entry| entry.value.matches(action, &Nothing)) != self.negated
    }
}

impl ResourceClause {
    /// Whether the clause speaks of a resource.
    pub(crate) fn matches(&self, arn: &Arn<'_>, context: &impl Context) -> bool {
        self.entries.iter().any(|entry| entry.value.matches(arn, context)) != self.negated
    }
}
