//! What of a policy is decided before anybody connects: all that follows from the action, from the
//! resource's API, and from a caller who has not signed.

use std::{collections::HashMap, sync::Arc};

use postern_policy::{
    ConditionKey, Context, ExecuteApiBase, Known, Likeness, Nothing, Policy, Principal, Specialised,
};

/// The action of every request.
pub(super) const ACTION: &str = "execute-api:Invoke";

/// A policy, and what of it is left to ask where nobody has signed.
#[derive(Debug)]
pub(crate) struct PreparedPolicy {
    pub(super) policy: Policy,
    /// Policies of a snapshot with one number decide alike for one connection: what was specialised
    /// for it by one of them holds for all.
    pub(super) number: u32,
    /// Whether its statements name APIs, and it is not known of which API the request will be.
    pub(super) awaits_api: bool,
    left: Arc<Specialised>,
}

impl PreparedPolicy {
    /// Whether it has no statement.
    pub(super) fn is_empty(&self) -> bool {
        self.policy.statements().is_empty()
    }

    /// What is left to ask of a connection's requests (RP-130), whose API is known where the policy
    /// awaits it.
    pub(super) fn specialise(&self, api: Option<&ExecuteApiBase<'_>>, context: &impl Context) -> Specialised {
        let known =
            Known { action: None, principal: None, api, context, knows: ConditionKey::is_of_connection };
        self.left.specialise(&self.policy, &known)
    }
}

/// Prepares the policies of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Preparation {
    count: u32,
    /// Gateways have many APIs and few kinds of policies.
    kinds: HashMap<Likeness, (u32, Arc<Specialised>)>,
}

impl Preparation {
    /// Prepares the policy of an API or of a private domain name.
    pub(crate) fn of_one(&mut self, policy: Policy, base: &ExecuteApiBase<'_>) -> PreparedPolicy {
        let left = specialise(&policy, Some(base));
        let count = &mut self.count;
        let kind = self.kinds.entry(left.likeness(&policy));
        let (number, left) = kind.or_insert_with(|| (next(count), Arc::new(left)));
        PreparedPolicy { number: *number, awaits_api: false, left: Arc::clone(left), policy }
    }

    /// Prepares a policy that is asked about many APIs: that of a VPC endpoint.
    pub(crate) fn of_many(&mut self, policy: Policy) -> PreparedPolicy {
        let left = specialise(&policy, None);
        PreparedPolicy {
            number: next(&mut self.count),
            awaits_api: left.asks_for_resource(),
            left: Arc::new(left),
            policy,
        }
    }
}

fn specialise(policy: &Policy, api: Option<&ExecuteApiBase<'_>>) -> Specialised {
    policy.specialise(&Known {
        action: Some(ACTION),
        principal: Some(&Principal::Anonymous),
        api,
        context: &Nothing,
        knows: |_| false,
    })
}

/// There are fewer policies than four billion.
const fn next(count: &mut u32) -> u32 {
    let number = *count;
    *count = number.saturating_add(1);
    number
}
