//! What one policy is asked about one request, and what of it is decided once for a connection.

use std::fmt;

use postern_policy::{
    Arn, Decision, ExecuteApiBase, Explanation, Policy, Principal, Request, Specialised, evaluate, explain,
};

use super::{
    SigningCaller, arn,
    policy_context::PolicyContext,
    prepared::{ACTION, PreparedPolicy},
};
use crate::{Arrival, PolicyDenial, PolicyLayer, Refusal, Snapshot, routing::Located};

/// What a policy is asked about: who calls what, by which request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'q> {
    pub(super) house: &'q Snapshot,
    pub(super) located: &'q Located<'q>,
    pub(super) arrival: &'q Arrival<'q>,
    /// Whose policy is asked.
    pub(super) layer: PolicyLayer,
    /// The signer; `None`: the caller counts as anonymous.
    pub(super) caller: Option<&'q SigningCaller>,
    /// The private domain name, where it is asked about in place of the method (PA-105).
    pub(super) domain: Option<&'q PrivateDomain>,
}

/// A private domain name, as policies are asked about it.
#[derive(Debug)]
pub(crate) struct PrivateDomain {
    /// Its place among the snapshot's domain names.
    pub(crate) index: usize,
    /// Its ARN as a resource of policies (PA-100).
    pub(crate) arn: Box<str>,
    /// What stands in that behind the account.
    pub(crate) arn_resource: Box<str>,
    pub(crate) policy: Option<PreparedPolicy>,
}

/// What is left of a policy once the connection is known (RP-130, RP-131), for anonymous callers. A
/// connection keeps one for each thing that policies are asked about: most APIs have policies of a few
/// kinds, so that it serves who asks another API with each request as well.
#[derive(Debug)]
pub(crate) struct CachedPolicy {
    layer: PolicyLayer,
    of_domain: bool,
    generation: u64,
    /// The number of the prepared policy.
    number: u32,
    /// The number of the API or of the domain name, where the policy awaits it.
    subject: Option<usize>,
    policy: Specialised,
}

impl<'q> Question<'q> {
    /// What a policy says, statement by statement: that of a caller, or of one request. `method` is the
    /// memory of the method's ARN: empty, or written already.
    pub(super) fn ask<'p>(&self, policy: &'p Policy, method: &mut String) -> Decision<'p> {
        evaluate(policy, &self.request(method), &self.context())
    }

    /// What a policy says that many requests are asked about. Of anonymous ones, the connection keeps what
    /// it need not ask again.
    pub(super) fn ask_prepared<'p>(&self, prepared: &'p PreparedPolicy, method: &mut String) -> Decision<'p> {
        let policy = &prepared.policy;
        if self.caller.is_some() {
            return self.ask(policy, method);
        }
        let mut kept = self.arrival.connection.cached_policies().borrow_mut();
        let Some(specialised) = self.specialised(prepared, &mut kept) else {
            return self.ask(policy, method);
        };
        match specialised.settled(policy) {
            Some(decision) => decision,
            None => specialised.evaluate(policy, &self.request(method), &self.context()),
        }
    }

    /// Why the policy decides so.
    fn explain(&self, policy: &Policy) -> Explanation {
        explain(policy, &self.request(&mut String::new()), &self.context())
    }

    /// The refusal that follows from a decision.
    pub(super) fn refused(&self, decision: Decision<'_>) -> Refusal {
        let statement = decision.statement().map(|statement| {
            statement.sid().map_or_else(|| statement.index().to_string(), |sid| format!("`{sid}`")).into()
        });
        Refusal::PolicyDenied(PolicyDenial {
            explicit: decision.is_explicit_deny(),
            layer: self.layer,
            statement,
            caller: self.caller.map(|caller| caller.arn().into()),
            resource: arn::masked(&self.resource(&mut String::new())),
        })
    }

    fn request<'r>(&'r self, method: &'r mut String) -> Request<'r> {
        let principal = self.caller.map_or(&Principal::Anonymous, |caller| &caller.signer.principal);
        Request { action: ACTION, resource: self.resource(method), principal }
    }

    fn resource<'r>(&'r self, method: &'r mut String) -> Arn<'r> {
        if let Some(domain) = self.domain {
            return arn::of(self.house, self.located, &domain.arn_resource);
        }
        if method.is_empty() {
            arn::write_method(self.located, self.arrival, method);
        }
        arn::of(self.house, self.located, method)
    }

    fn context(&self) -> PolicyContext<'_> {
        PolicyContext::new(self.house, self.arrival, self.located.private_domain(), self.caller)
    }

    fn specialised<'k>(
        &self,
        prepared: &PreparedPolicy,
        kept: &'k mut Vec<CachedPolicy>,
    ) -> Option<&'k Specialised> {
        let (layer, of_domain) = (self.layer, self.domain.is_some());
        let (generation, number) = (self.house.generation, prepared.number);
        let subject = prepared.awaits_api.then(|| self.subject());
        let is_of_this = |kept: &CachedPolicy| kept.layer == layer && kept.of_domain == of_domain;
        let is_right = |kept: &CachedPolicy| {
            kept.generation == generation && kept.number == number && kept.subject == subject
        };
        let place = kept.iter().position(is_of_this).unwrap_or(kept.len());
        if !kept.get(place).is_some_and(is_right) {
            let policy = self.specialise(prepared);
            let fresh = CachedPolicy { layer, of_domain, generation, number, subject, policy };
            match kept.get_mut(place) {
                Some(old) => *old = fresh,
                None => {
                    // Most connections ask about one thing only.
                    kept.reserve_exact(1);
                    kept.push(fresh);
                }
            }
        }
        kept.get(place).map(|kept| &kept.policy)
    }

    /// The number of what is asked about.
    fn subject(&self) -> usize {
        self.domain.map_or(self.located.api.index, |domain| domain.index)
    }

    /// What of the policy is left to ask of an anonymous request on this connection.
    fn specialise(&self, prepared: &PreparedPolicy) -> Specialised {
        let api = match self.domain {
            Some(domain) => {
                ExecuteApiBase::of_request(&arn::of(self.house, self.located, &domain.arn_resource))
            }
            None => arn::base_of(self.house, self.located),
        };
        prepared.specialise(prepared.awaits_api.then_some(&api), &self.context())
    }
}

/// A policy that was asked on a walk, and what it said.
#[derive(Clone, Copy)]
pub struct PolicyStep<'s> {
    pub(super) question: Question<'s>,
    pub(super) policy: &'s Policy,
    /// What it said, by itself.
    pub decision: Decision<'s>,
}

impl PolicyStep<'_> {
    /// Whose policy it is.
    #[must_use]
    pub const fn layer(&self) -> PolicyLayer {
        self.question.layer
    }

    /// Why it said so: the same question, every step kept.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        self.question.explain(self.policy)
    }

    /// The ARN that it was asked about.
    #[must_use]
    pub fn resource(&self) -> String {
        self.question.resource(&mut String::new()).to_string()
    }

    /// Who called, as far as this policy is concerned: `anonymous` or an ARN.
    #[must_use]
    pub fn caller(&self) -> &str {
        self.question.caller.map_or("anonymous", SigningCaller::arn)
    }
}

impl fmt::Debug for PolicyStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyStep({:?}, {})", self.layer(), self.decision.outcome())
    }
}
