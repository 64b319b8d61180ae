//! One policy, one request, one decision; and decisions of several policies taken together.

use std::fmt;

use crate::{
    arn::Arn,
    context::Context,
    document::Policy,
    principal::Principal,
    statement::{Effect, Statement},
};

/// What is asked of a policy. The keys of its conditions come from a [`Context`].
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `execute-api:Invoke` or `execute-api:InvalidateCache`; letter case does not matter (RP-35).
    pub action: &'a str,
    /// What is called (RP-20, RP-23).
    pub resource: Arn<'a>,
    /// Who calls. Without meaning for identity policies and authorizer output.
    pub principal: &'a Principal,
}

/// What a policy says of a request, and which statement says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'policy> {
    /// A statement lets it through, none denies it.
    Allow {
        /// The first statement that does.
        by: &'policy Statement,
    },
    /// A statement denies it, whatever the others say.
    Deny {
        /// The first statement that does.
        by: &'policy Statement,
    },
    /// No statement spoke for the request, and silence means no.
    ImplicitDeny,
}

/// A [`Decision`] without its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request is let through.
    Allow,
    /// A statement denies it.
    ExplicitDeny,
    /// Nothing allows it.
    ImplicitDeny,
}

impl<'policy> Decision<'policy> {
    /// Whether the request is let through.
    #[must_use]
    pub const fn is_allow(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// Whether a statement denies the request.
    #[must_use]
    pub const fn is_explicit_deny(&self) -> bool {
        matches!(self, Self::Deny { .. })
    }

    /// The statement that decided; of an implicit denial there is none.
    #[must_use]
    pub const fn statement(&self) -> Option<&'policy Statement> {
        match self {
            Self::Allow { by } | Self::Deny { by } => Some(by),
            Self::ImplicitDeny => None,
        }
    }

    /// The decision without its statement.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Allow { .. } => Outcome::Allow,
            Self::Deny { .. } => Outcome::ExplicitDeny,
            Self::ImplicitDeny => Outcome::ImplicitDeny,
        }
    }
}

/// `allow`, `explicitDeny` or `implicitDeny`, as programs read them.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::ExplicitDeny => "explicitDeny",
            Self::ImplicitDeny => "implicitDeny",
        })
    }
}

/// What a policy says of a request: an explicit deny beats an allow beats the implicit deny, in
/// whatever order the statements stand (section 5, RP-90). Allocates nothing.
///
/// ```
/// use postern_document::Problems;
/// use postern_policy::{Arn, ConditionKey, Context, ContextValue, Decision, ExecuteApiBase, Lookup};
/// use postern_policy::{Policy, PolicyKind, Principal, Reading, Request, evaluate};
///
/// struct Endpoint(&'static str);
///
/// impl Context for Endpoint {
///     fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
///         match key {
///             ConditionKey::SourceVpce => Lookup::One(ContextValue::Text(self.0)),
///             _ => Lookup::Absent,
///         }
///     }
/// }
///
/// let text = r#"{"Version": "2012-10-17", "Statement": [
///     {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
///     {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
///      "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-01234567abcdef012"}}}]}"#;
/// let api = ExecuteApiBase::api("aws", "us-east-1", "123456789012", "a1b2c3d4e5");
/// let mut problems = Problems::default();
/// let reading = Reading { base: Some(&api), ..Reading::of(PolicyKind::Resource) };
/// let policy = Policy::parse_text("policy.json", text, &reading, &mut problems).unwrap();
/// let request = Request {
///     action: "execute-api:Invoke",
///     resource: Arn::parse("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/pets").unwrap(),
///     principal: &Principal::Anonymous,
/// };
/// assert!(evaluate(&policy, &request, &Endpoint("vpce-01234567abcdef012")).is_allow());
/// let denied = evaluate(&policy, &request, &Endpoint("vpce-0fffffffffffffff0"));
/// assert_eq!(denied.statement().unwrap().index(), 1);
/// ```
pub fn evaluate<'policy>(
    policy: &'policy Policy,
    request: &Request<'_>,
    context: &impl Context,
) -> Decision<'policy> {
    decide(policy.statements().iter().filter(|statement| statement.matches(request, context)))
}

/// The decision of the statements that speak of a request, given in their order.
pub(crate) fn decide<'policy>(matching: impl Iterator<Item = &'policy Statement>) -> Decision<'policy> {
    let mut allowed_by = None;
    for statement in matching {
        match statement.effect() {
            Effect::Deny => return Decision::Deny { by: statement },
            Effect::Allow => allowed_by = allowed_by.or(Some(statement)),
        }
    }
    allowed_by.map_or(Decision::ImplicitDeny, |by| Decision::Allow { by })
}

/// Table A of RP-98: a caller of the same account, or an authorizer's policy, beside the resource
/// policy. One of the two must allow; a deny in either refuses. Also what several policies of one
/// caller say together. Where both decide alike, the first is named as the reason.
#[must_use]
pub const fn either_may_allow<'policy>(
    first: Decision<'policy>,
    second: Decision<'policy>,
) -> Decision<'policy> {
    match (first, second) {
        (Decision::Deny { .. }, _) => first,
        (_, Decision::Deny { .. }) => second,
        (Decision::Allow { .. }, _) => first,
        (Decision::ImplicitDeny, _) => second,
    }
}

/// Table B of RP-98: a caller of another account. Both policies must allow; a deny in either
/// refuses. Where both decide alike, the first is named as the reason.
#[must_use]
pub const fn both_must_allow<'policy>(
    first: Decision<'policy>,
    second: Decision<'policy>,
) -> Decision<'policy> {
    match (first, second) {
        (Decision::Deny { .. }, _) => first,
        (_, Decision::Deny { .. }) => second,
        (Decision::Allow { .. }, Decision::Allow { .. }) => first,
        (Decision::ImplicitDeny, _) | (_, Decision::ImplicitDeny) => Decision::ImplicitDeny,
    }
}
