//! The condition keys of one request (resource-policies.md section 4).

use postern_model::SignerSession;
use postern_policy::{ConditionKey, Context, ContextValue, Lookup, Principal};
use postern_protocol::http1::KnownName;

use super::{PrivateDomain, SigningCaller};
use crate::{Arrival, Identity, Snapshot};

/// What is known of one request, key by key.
pub(super) struct PolicyContext<'a> {
    house: &'a Snapshot,
    arrival: &'a Arrival<'a>,
    /// The private domain name that was called.
    domain: Option<&'a PrivateDomain>,
    caller: Option<&'a SigningCaller>,
    /// The values of a header that came more than once: each counts on its own (hardening.md
    /// section 4).
    user_agents: Vec<ContextValue<'a>>,
    referers: Vec<ContextValue<'a>>,
}

impl<'a> PolicyContext<'a> {
    pub(super) fn new(
        house: &'a Snapshot,
        arrival: &'a Arrival<'a>,
        domain: Option<&'a PrivateDomain>,
        caller: Option<&'a SigningCaller>,
    ) -> Self {
        let fields = arrival.head.over(arrival.bytes).fields();
        let repeated = |name| {
            let values = fields.is_repeated(name).then(|| fields.values(name)).into_iter().flatten();
            values.filter_map(|value| std::str::from_utf8(value).ok()).map(ContextValue::Text).collect()
        };
        Self {
            house,
            arrival,
            domain,
            caller,
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
            (ConditionKey::ViaDomainArn, _) => match self.domain {
                Some(domain) => ContextValue::Text(&domain.arn),
                None => return Lookup::Absent,
            },
            (ConditionKey::ResourceAccount, _) => ContextValue::Text(&self.house.account_id),
            (ConditionKey::RequestedRegion, _) => ContextValue::Text(&self.house.region),
            (ConditionKey::ViaAwsService | ConditionKey::PrincipalIsAwsService, _) => {
                ContextValue::Boolean(false)
            }
            _ => return self.of_caller(key),
        };
        Lookup::One(value)
    }
}

impl PolicyContext<'_> {
    /// The keys that only a signer has. An anonymous caller has a type and nothing else.
    fn of_caller(&self, key: &ConditionKey) -> Lookup<'_> {
        let Some(SigningCaller { signer, .. }) = self.caller else {
            return match key {
                ConditionKey::PrincipalType => one_text(Some(Principal::Anonymous.kind())),
                _ => Lookup::Absent,
            };
        };
        let caller = signer.principal.caller();
        match key {
            ConditionKey::PrincipalArn => one_text(caller.map(|caller| caller.principal_arn())),
            ConditionKey::PrincipalAccount => one_text(caller.map(|caller| caller.account())),
            ConditionKey::PrincipalType => one_text(Some(signer.principal.kind())),
            ConditionKey::PrincipalOrgId => one_text(signer.organization_id.as_deref()),
            ConditionKey::PrincipalOrgPaths => Lookup::Texts(&signer.organization_paths),
            ConditionKey::PrincipalTag(name) => {
                one_text(signer.tags.iter().find(|(own, _)| own == name).map(|(_, value)| &**value))
            }
            ConditionKey::UserId => one_text(signer.user_id.as_deref()),
            ConditionKey::UserName => one_text(caller.and_then(|caller| caller.user_name())),
            _ => signer.session.as_ref().map_or(Lookup::Absent, |session| self.of_session(session, key)),
        }
    }

    /// The keys that only temporary credentials have.
    fn of_session(&self, session: &SignerSession, key: &ConditionKey) -> Lookup<'_> {
        let milliseconds = |seconds: i64| ContextValue::Time(seconds.saturating_mul(1_000));
        let now = signed(self.arrival.now.epoch_milliseconds / 1_000);
        let value = match key {
            ConditionKey::TokenIssueTime => session.issued_at.map(milliseconds),
            ConditionKey::MultiFactorAuthPresent => {
                Some(ContextValue::Boolean(session.multi_factor_auth_at.is_some()))
            }
            ConditionKey::MultiFactorAuthAge => {
                session.multi_factor_auth_at.map(|moment| ContextValue::Number(now.saturating_sub(moment)))
            }
            _ => None,
        };
        value.map_or(Lookup::Absent, Lookup::One)
    }

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

fn one_text(text: Option<&str>) -> Lookup<'_> {
    text.map_or(Lookup::Absent, |text| Lookup::One(ContextValue::Text(text)))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
