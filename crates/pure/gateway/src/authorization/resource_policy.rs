//! The API's resource policy (resource-policies.md sections 4 to 7).

use std::fmt::Write;

use postern_policy::{
    Arn, ConditionKey, Context, ContextValue, Decision, ExecuteApiBase, Explanation, Known, Lookup, Policy,
    Principal, Request, Specialised, explain,
};
use postern_protocol::http1::KnownName;

use crate::{
    Arrival, Identity, PolicyDenial, PolicyLayer, Refusal, Snapshot, connection::CachedPolicy,
    routing::Located,
};

/// The caller may call this method. Made by [`authorize`] alone and asked for by every step behind
/// it, so that nothing reaches a backend without it.
#[derive(Debug)]
pub(crate) struct Permit(());

const ACTION: &str = "execute-api:Invoke";

/// Refuses a method whose ARN is too long.
pub(crate) fn check_arn_length(house: &Snapshot, located: &Located<'_>) -> Result<(), Refusal> {
    let fixed = "arn::execute-api:::".len();
    let resource: usize = arn_parts(located).iter().map(|part| part.len()).sum();
    let length = fixed + located.api.partition.len() + house.region.len() + house.account_id.len() + resource;
    if length as u64 > house.limits.method_arn_bytes { Err(Refusal::MethodArnTooLong) } else { Ok(()) }
}

/// The method's ARN behind the account (RP-20, RP-23, RP-24).
fn arn_parts<'l>(located: &Located<'l>) -> [&'l str; 6] {
    let verb = located.verb.map_or("", |verb| verb.as_str());
    [located.api.id.as_str(), "/", &located.stage.name, "/", verb, located.resource_path]
}

/// Decides by the resource policy alone: what a method without authorization asks for (RP-98).
/// A private API without a policy lets nobody in (RP-1).
pub(crate) fn authorize(
    house: &Snapshot,
    located: &Located<'_>,
    arrival: &Arrival<'_>,
    arn: &mut String,
) -> Result<Permit, Refusal> {
    let Some(policy) = &located.api.policy else {
        if !located.api.private {
            return Ok(Permit(()));
        }
        return Err(denied(house, located, Decision::ImplicitDeny));
    };
    let connection = arrival.connection;
    let mut cached = connection.cached_policy().borrow_mut();
    let wanted = (house.generation, located.api.index);
    if cached.as_ref().is_none_or(|cached| (cached.generation, cached.api) != wanted) {
        let policy = specialise(house, located, arrival, policy);
        *cached = Some(CachedPolicy { generation: house.generation, api: located.api.index, policy });
    }
    let decision = match &*cached {
        Some(cached) => decide(house, located, arrival, (policy, &cached.policy), arn),
        None => Decision::ImplicitDeny,
    };
    if decision.is_allow() { Ok(Permit(())) } else { Err(denied(house, located, decision)) }
}

/// What of the policy is left to ask of a request on this connection.
fn specialise(
    house: &Snapshot,
    located: &Located<'_>,
    arrival: &Arrival<'_>,
    policy: &Policy,
) -> Specialised {
    let api = located.api;
    policy.specialise(&Known {
        action: Some(ACTION),
        principal: Some(&Principal::Anonymous),
        api: Some(&ExecuteApiBase::api(api.partition, &house.region, &house.account_id, api.id.as_str())),
        context: &PolicyContext::new(house, arrival),
        knows: ConditionKey::is_of_connection,
    })
}

fn decide<'p>(
    house: &Snapshot,
    located: &Located<'_>,
    arrival: &Arrival<'_>,
    (policy, specialised): (&'p Policy, &Specialised),
    arn: &mut String,
) -> Decision<'p> {
    if let Some(decision) = specialised.settled(policy) {
        return decision;
    }
    arn.clear();
    arn.extend(arn_parts(located));
    let request =
        Request { action: ACTION, resource: full_arn(house, located, arn), principal: &Principal::Anonymous };
    specialised.evaluate(policy, &request, &PolicyContext::new(house, arrival))
}

/// Why [`authorize`] decides as it does: the same request, statement by statement. `None` where the API
/// has no policy.
pub(crate) fn explain_resource_policy(
    house: &Snapshot,
    located: &Located<'_>,
    arrival: &Arrival<'_>,
) -> Option<Explanation> {
    let policy = located.api.policy.as_ref()?;
    let resource = arn_parts(located).concat();
    let resource = full_arn(house, located, &resource);
    let request = Request { action: ACTION, resource, principal: &Principal::Anonymous };
    Some(explain(policy, &request, &PolicyContext::new(house, arrival)))
}

/// The ARN of a method (RP-20, RP-23).
pub(crate) fn method_arn(house: &Snapshot, located: &Located<'_>) -> String {
    full_arn(house, located, &arn_parts(located).concat()).to_string()
}

fn full_arn<'a>(house: &'a Snapshot, located: &Located<'a>, resource: &'a str) -> Arn<'a> {
    Arn {
        partition: located.api.partition,
        service: "execute-api",
        region: &house.region,
        account: &house.account_id,
        resource,
    }
}

fn denied(house: &Snapshot, located: &Located<'_>, decision: Decision<'_>) -> Refusal {
    let statement = decision.statement().map(|statement| {
        statement.sid().map_or_else(|| statement.index().to_string(), |sid| format!("`{sid}`")).into()
    });
    Refusal::PolicyDenied(PolicyDenial {
        explicit: decision.is_explicit_deny(),
        layer: PolicyLayer::Resource,
        statement,
        resource: masked(&full_arn(house, located, &arn_parts(located).concat())),
    })
}

/// The ARN as a denial shows it: of the account, the last four digits (RP-110).
fn masked(arn: &Arn<'_>) -> Box<str> {
    let last_four = arn.account.get(arn.account.len().saturating_sub(4)..).unwrap_or_default();
    let mut text = String::with_capacity(96);
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", Arn { account: "********", ..*arn });
    text.replacen(":********:", &format!(":********{last_four}:"), 1).into()
}

/// The condition keys of one request (resource-policies.md section 4).
struct PolicyContext<'a> {
    house: &'a Snapshot,
    arrival: &'a Arrival<'a>,
    /// The values of a header that came more than once: each counts on its own (hardening.md
    /// section 4).
    user_agents: Vec<ContextValue<'a>>,
    referers: Vec<ContextValue<'a>>,
}

impl<'a> PolicyContext<'a> {
    fn new(house: &'a Snapshot, arrival: &'a Arrival<'a>) -> Self {
        let fields = arrival.head.over(arrival.bytes).fields();
        let repeated = |name| {
            let values = fields.is_repeated(name).then(|| fields.values(name)).into_iter().flatten();
            values.filter_map(|value| std::str::from_utf8(value).ok()).map(ContextValue::Text).collect()
        };
        Self {
            house,
            arrival,
            user_agents: repeated(KnownName::UserAgent),
            referers: repeated(KnownName::Referer),
        }
    }
}

impl Context for PolicyContext<'_> {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        let connection = self.arrival.connection;
        let address = ContextValue::Address(connection.source().ip());
        let value = match (key, connection.identity()) {
            (ConditionKey::SourceVpce, Identity::VpcEndpoint { vpc_endpoint_id, .. }) => {
                ContextValue::Text(vpc_endpoint_id.as_str())
            }
            (ConditionKey::SourceVpc, Identity::VpcEndpoint { vpc_id, .. }) => {
                ContextValue::Text(vpc_id.as_str())
            }
            (ConditionKey::VpcSourceIp, Identity::VpcEndpoint { .. }) => address,
            (ConditionKey::SourceIp, Identity::Public) => address,
            (ConditionKey::CurrentTime, _) => ContextValue::Time(signed(self.arrival.now.epoch_milliseconds)),
            (ConditionKey::EpochTime, _) => {
                ContextValue::Number(signed(self.arrival.now.epoch_milliseconds / 1_000))
            }
            (ConditionKey::SecureTransport, _) => ContextValue::Boolean(connection.tls().is_some()),
            (ConditionKey::UserAgent, _) => return self.header(KnownName::UserAgent, &self.user_agents),
            (ConditionKey::Referer, _) => return self.header(KnownName::Referer, &self.referers),
            (ConditionKey::PrincipalType, _) => ContextValue::Text(Principal::Anonymous.kind()),
            (ConditionKey::ResourceAccount, _) => ContextValue::Text(&self.house.account_id),
            (ConditionKey::RequestedRegion, _) => ContextValue::Text(&self.house.region),
            (ConditionKey::ViaAwsService | ConditionKey::PrincipalIsAwsService, _) => {
                ContextValue::Boolean(false)
            }
            _ => return Lookup::Absent,
        };
        Lookup::One(value)
    }
}

impl PolicyContext<'_> {
    /// Bytes that are no text make a header absent.
    fn header<'v>(&'v self, name: KnownName, repeated: &'v [ContextValue<'v>]) -> Lookup<'v> {
        if !repeated.is_empty() {
            return Lookup::Many(repeated);
        }
        let value = self.arrival.head.over(self.arrival.bytes).fields().value(name);
        value
            .and_then(|value| std::str::from_utf8(value).ok())
            .map_or(Lookup::Absent, |text| Lookup::One(ContextValue::Text(text)))
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
