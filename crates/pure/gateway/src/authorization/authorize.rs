//! The policies in their order: those of the endpoint and the domain name, then what the method's kind
//! of authorization asks for (RP-95 to RP-100, PA-104, PA-105).

use postern_model::{AuthorizationType, AuthorizerSilence};
use postern_policy::{Caller, Decision, Policy, both_must_allow, either_may_allow};
use postern_protocol::signature::SignatureFault;

use super::{
    Authenticated, AuthorizerOutput, PolicyStep, PreparedPolicy, PrivateDomain, SigningCaller,
    inquiry::Question,
};
use crate::{
    Arrival, Gate, Observer, PolicyLayer, Refusal, Snapshot,
    routing::{Located, Matched},
    snapshot::Api,
};

/// The caller may call this method. Made by [`authorize`] alone and asked for by every step behind
/// it, so that nothing reaches a backend without it.
#[derive(Debug)]
pub(crate) struct Permit(());

/// What the policies say before an authorizer is asked.
#[derive(Debug)]
pub(crate) enum Access<'a> {
    /// All that there is to ask has allowed.
    Granted(Permit),
    /// The method's Lambda authorizer decides.
    AwaitsAuthorizer(AwaitsAuthorizer<'a>),
}

/// No policy has denied, and the method's Lambda authorizer is to be asked (RP-98).
#[derive(Clone, Copy, Debug)]
pub(crate) struct AwaitsAuthorizer<'a> {
    pub(crate) located: Located<'a>,
    pub(crate) matched: Matched<'a>,
    /// What the resource policy says by itself.
    resource: Decision<'a>,
}

/// Asks every policy that the request needs. `arn` is memory for the method's ARN.
///
/// Where no method matched, the request is treated as one for a method with AWS_IAM authorization
/// (PA-40).
pub(crate) fn authorize<'a, O: Observer>(
    (house, arrival): (&Snapshot, &Arrival<'_>),
    located: &Located<'a>,
    matched: Option<&Matched<'a>>,
    authenticated: Authenticated<'_>,
    arn: &mut String,
    observer: &mut O,
) -> Result<Access<'a>, Refusal> {
    arn.clear();
    let mut walk = Walk { house, located, arrival, arn, observer };
    let none = AuthorizationType::AwsIam;
    let authorization = matched.map_or(&none, |matched| &matched.method.authorization);
    let Authenticated { caller, signer, .. } = authenticated;
    if let Some(domain) = located.private_domain() {
        walk.ask_endpoint(caller, Some(domain))?;
        walk.ask_domain(signer, domain)?;
    }
    walk.ask_endpoint(caller, None)?;
    match (authorization, matched) {
        (AuthorizationType::None, _) => walk.ask_resource_policy()?,
        (AuthorizationType::AwsIam, _) => {
            let signer = signer.ok_or(Refusal::Signature(SignatureFault::Missing))?;
            walk.ask_identity_and_resource(signer)?;
        }
        (AuthorizationType::Custom(_), Some(matched)) => {
            let resource = walk.ask_before_authorizer(located.api)?;
            let awaits = AwaitsAuthorizer { located: *located, matched: *matched, resource };
            return Ok(Access::AwaitsAuthorizer(awaits));
        }
        // Cognito's are refused at load until they are served.
        (AuthorizationType::Custom(_) | AuthorizationType::CognitoUserPools { .. }, _) => {
            return Err(Refusal::Configuration("this type of authorization is not served".into()));
        }
    }
    Ok(Access::Granted(Permit(())))
}

impl AwaitsAuthorizer<'_> {
    /// What the authorizer's policy and the resource policy say together: Table A (RP-98), each time anew
    /// (AU-67). `arn` is the memory of the method's ARN, as [`authorize`] left it.
    pub(crate) fn decide<O: Observer>(
        self,
        (house, arrival): (&Snapshot, &Arrival<'_>),
        output: &AuthorizerOutput,
        arn: &mut String,
        observer: &mut O,
    ) -> Result<Permit, Refusal> {
        let mut walk = Walk { house, located: &self.located, arrival, arn, observer };
        let question = walk.question(PolicyLayer::Authorizer, None);
        let own = walk.ask(question, output.policy());
        let is_silent = own == Decision::ImplicitDeny;
        if is_silent && house.compatibility.authorizer_silence == AuthorizerSilence::Deny {
            return Err(question.refused(own));
        }
        let decision = either_may_allow(own, self.resource);
        if decision.is_allow() { Ok(Permit(())) } else { Err(question.refused(decision)) }
    }
}

/// What all layers are asked about.
struct Walk<'w, O> {
    house: &'w Snapshot,
    located: &'w Located<'w>,
    arrival: &'w Arrival<'w>,
    arn: &'w mut String,
    observer: &'w mut O,
}

impl<'w, O: Observer> Walk<'w, O> {
    /// The endpoint policy sees the signature whatever the method asks for (RP-95), and must allow
    /// explicitly (RP-96).
    fn ask_endpoint(
        &mut self,
        caller: Option<&'w SigningCaller>,
        domain: Option<&'w PrivateDomain>,
    ) -> Result<(), Refusal> {
        let Some(policy) = &self.located.entrance.policy else { return Ok(()) };
        self.observer.at(Gate::EndpointPolicy);
        self.require(Question { domain, ..self.question(PolicyLayer::Endpoint, caller) }, policy)
    }

    /// A domain name without a policy adds no rule (PA-103).
    fn ask_domain(
        &mut self,
        caller: Option<&'w SigningCaller>,
        domain: &'w PrivateDomain,
    ) -> Result<(), Refusal> {
        let Some(policy) = &domain.policy else { return Ok(()) };
        self.observer.at(Gate::DomainPolicy);
        let question = Question { domain: Some(domain), ..self.question(PolicyLayer::Domain, caller) };
        self.require(question, policy)
    }

    /// What a method without authorization asks for. A private API without a policy lets nobody in
    /// (RP-1).
    fn ask_resource_policy(&mut self) -> Result<(), Refusal> {
        self.observer.at(Gate::ResourcePolicy);
        let question = self.question(PolicyLayer::Resource, None);
        match &self.located.api.policy {
            Some(policy) => self.require(question, policy),
            None if self.located.api.private => Err(question.refused(Decision::ImplicitDeny)),
            None => Ok(()),
        }
    }

    /// What a method with a Lambda authorizer asks for before that: no explicit deny (RP-98, RP-101). A
    /// private API without a policy lets nobody in (RP-1).
    fn ask_before_authorizer<'a>(&mut self, api: &'a Api) -> Result<Decision<'a>, Refusal> {
        self.observer.at(Gate::ResourcePolicy);
        let question = self.question(PolicyLayer::Resource, None);
        let policy = api.policy.as_ref();
        let is_empty = policy.is_none_or(PreparedPolicy::is_empty);
        let decision = policy.map_or(Decision::ImplicitDeny, |policy| self.ask_prepared(question, policy));
        if decision.is_explicit_deny() || is_empty && api.private {
            return Err(question.refused(decision));
        }
        Ok(decision)
    }

    /// Identity policy and resource policy together: Table A for callers of the API's own account,
    /// Table B for all others (RP-98, RP-100).
    fn ask_identity_and_resource(&mut self, caller: &'w SigningCaller) -> Result<(), Refusal> {
        self.observer.at(Gate::IdentityPolicy);
        let of_identity = self.question(PolicyLayer::Identity, Some(caller));
        let identity = match &caller.signer.identity_policy {
            Some(policy) => self.ask(of_identity, policy),
            None => Decision::ImplicitDeny,
        };
        self.observer.at(Gate::ResourcePolicy);
        let of_resource = self.question(PolicyLayer::Resource, Some(caller));
        let policy = self.located.api.policy.as_ref();
        let resource = policy.map_or(Decision::ImplicitDeny, |policy| self.ask_prepared(of_resource, policy));
        let is_empty = policy.is_none_or(PreparedPolicy::is_empty);
        if is_empty && self.located.api.private {
            return Err(of_resource.refused(Decision::ImplicitDeny));
        }
        let is_of_this_account =
            caller.caller().is_some_and(|caller: &Caller| *caller.account() == *self.house.account_id);
        let decision = if is_of_this_account {
            either_may_allow(identity, resource)
        } else {
            both_must_allow(identity, resource)
        };
        if decision.is_allow() {
            return Ok(());
        }
        let is_by_identity =
            identity.is_explicit_deny() || (!resource.is_explicit_deny() && resource.is_allow());
        Err(if is_by_identity { of_identity } else { of_resource }.refused(decision))
    }

    fn require(&mut self, question: Question<'w>, policy: &PreparedPolicy) -> Result<(), Refusal> {
        let decision = self.ask_prepared(question, policy);
        if decision.is_allow() { Ok(()) } else { Err(question.refused(decision)) }
    }

    fn ask<'p>(&mut self, question: Question<'w>, policy: &'p Policy) -> Decision<'p> {
        let decision = question.ask(policy, self.arn);
        self.observer.asked(&PolicyStep { question, policy, decision });
        decision
    }

    fn ask_prepared<'p>(&mut self, question: Question<'w>, prepared: &'p PreparedPolicy) -> Decision<'p> {
        let decision = question.ask_prepared(prepared, self.arn);
        self.observer.asked(&PolicyStep { question, policy: &prepared.policy, decision });
        decision
    }

    fn question(&self, layer: PolicyLayer, caller: Option<&'w SigningCaller>) -> Question<'w> {
        Question {
            house: self.house,
            located: self.located,
            arrival: self.arrival,
            layer,
            caller,
            domain: None,
        }
    }
}
