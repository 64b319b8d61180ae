//! What an exchange was: for whoever counts, logs or looks it up.

use std::{borrow::Cow, sync::Arc};

use postern_model::DomainHost;

use crate::{
    Arrival, Connection, Now, Refusal, RequestIds, Snapshot,
    authorization::{Authenticated, AuthorizerOutput},
    routing::{By, Located, Matched},
    usage::{KeyNumber, Usage},
};

/// What is known of an exchange. The walk fills it in order, so what stands here is what the walk
/// reached.
#[derive(Debug)]
pub struct Record<'a> {
    pub(crate) house: &'a Snapshot,
    pub(crate) connection: &'a Connection,
    /// Absent where the head was refused: then nothing of it is to be believed.
    pub(crate) arrival: Option<&'a Arrival<'a>>,
    pub(crate) received: Now,
    pub(crate) ids: RequestIds,
    pub(crate) located: Option<Located<'a>>,
    pub(crate) matched: Option<Matched<'a>>,
    /// Who signed.
    pub(crate) authenticated: Authenticated<'a>,
    /// What the Lambda authorizer did, where the method has one.
    pub(crate) authorizer: Option<Box<AuthorizerOutcome>>,
    /// Whether every policy has let the request through.
    pub(crate) is_authorized: bool,
    /// The key that was sent, also where it opens nothing.
    pub(crate) key: Option<KeyNumber>,
    pub(crate) usage: Option<Usage>,
    pub(crate) integration: Option<IntegrationOutcome>,
    /// The status that a function gave in its answer, where it is a proxy's.
    pub(crate) function_status: Option<u16>,
    pub(crate) repeated_overrides: u32,
    pub(crate) status: u16,
    pub(crate) refusal: Option<Refusal>,
}

/// What a backend did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegrationOutcome {
    /// The status that it answered; absent where it gave none.
    pub status: Option<u16>,
    /// When it was handed the request, on the monotonic clock, in nanoseconds.
    pub begun_nanoseconds: u64,
    /// From then until its answer's head was in, in nanoseconds.
    pub latency_nanoseconds: u64,
}

/// What a Lambda authorizer did.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthorizerOutcome {
    /// What it said; absent where it gave no usable answer.
    pub(crate) output: Option<Arc<AuthorizerOutput>>,
    /// The status of its function's call; absent where it was not called for this request.
    pub(crate) function_status: Option<u16>,
    /// How long it was waited for, in nanoseconds: 0 where it had answered before.
    pub(crate) latency_nanoseconds: u64,
}

impl AuthorizerOutcome {
    /// What `$context.authorizer` holds of its answer: names and values.
    pub(crate) fn context(&self) -> impl Iterator<Item = (&str, &str)> {
        self.output.iter().flat_map(|output| output.context())
    }

    /// A value of `$context.authorizer`, by the name behind that.
    pub(crate) fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "integrationLatency" => Some(self.latency_milliseconds().to_string().into()),
            _ => self.context().find(|(own, _)| *own == name).map(|(_, value)| value.into()),
        }
    }

    /// The API key that it names.
    pub(crate) fn usage_identifier_key(&self) -> Option<&str> {
        self.output.as_ref()?.usage_identifier_key()
    }

    /// How long it was waited for, in milliseconds.
    pub(crate) const fn latency_milliseconds(&self) -> u64 {
        self.latency_nanoseconds / 1_000_000
    }
}

/// What of a custom domain name took a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routed<'a> {
    /// The domain name.
    pub domain_name: &'a DomainHost,
    /// The priority of the routing rule; absent where a base path mapping took it.
    pub rule: Option<u32>,
    /// The base path that matched; empty where none had to.
    pub base_path: &'a str,
}

impl<'a> Record<'a> {
    /// Of a request of which nothing is decided yet.
    #[must_use]
    pub fn new(house: &'a Snapshot, arrival: &'a Arrival<'a>) -> Self {
        let ids = RequestIds::of(Some(arrival.head.over(arrival.bytes).fields()), arrival.random);
        Self::of(house, arrival.connection, Some(arrival), arrival.now, ids)
    }

    /// Of a request whose head is refused, at a moment and with 128 random bits for its ids.
    #[must_use]
    pub fn of_refused_head(
        house: &'a Snapshot,
        connection: &'a Connection,
        received: Now,
        random: u128,
    ) -> Self {
        Self::of(house, connection, None, received, RequestIds::of(None, random))
    }

    fn of(
        house: &'a Snapshot,
        connection: &'a Connection,
        arrival: Option<&'a Arrival<'a>>,
        received: Now,
        ids: RequestIds,
    ) -> Self {
        Self {
            house,
            connection,
            arrival,
            received,
            ids,
            located: None,
            matched: None,
            authenticated: Authenticated::nobody(),
            authorizer: None,
            is_authorized: false,
            key: None,
            usage: None,
            integration: None,
            function_status: None,
            repeated_overrides: 0,
            status: 0,
            refusal: None,
        }
    }

    /// The snapshot that served.
    #[must_use]
    pub const fn house(&self) -> &'a Snapshot {
        self.house
    }

    /// When the request's head was complete.
    #[must_use]
    pub const fn received(&self) -> Now {
        self.received
    }

    /// The request's ids.
    #[must_use]
    pub const fn ids(&self) -> &RequestIds {
        &self.ids
    }

    /// The status that was answered.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Why the request was not served, if it was not.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// What the backend did, if one was called.
    #[must_use]
    pub const fn integration(&self) -> Option<IntegrationOutcome> {
        self.integration
    }

    /// How often templates overrode what they had overridden before: the last one counts here, and the
    /// service may answer 5XX (OV2).
    #[must_use]
    pub const fn repeated_overrides(&self) -> u32 {
        self.repeated_overrides
    }

    /// How a custom domain name led the request to its stage, if one did.
    #[must_use]
    pub const fn routed(&self) -> Option<Routed<'a>> {
        match &self.located {
            Some(Located { by: By::Domain { domain, taken_by, base_path }, .. }) => {
                Some(Routed { domain_name: &domain.name, rule: taken_by.rule(), base_path })
            }
            _ => None,
        }
    }

    /// The name of the API key that was sent, where the method asks for one and there is such a key.
    #[must_use]
    pub fn api_key_name(&self) -> Option<&'a str> {
        Some(self.key?.name(self.house))
    }

    /// The number of the usage plan that let the key in, by which its counters are found
    /// ([`Snapshot::usage_plans`](crate::Snapshot::usage_plans)).
    #[must_use]
    pub fn usage_plan_number(&self) -> Option<u32> {
        self.house.keys.of(self.usage?).map(|(plan, _)| plan.number)
    }

    /// The number of the stage, by which its counters are found
    /// ([`Snapshot::stages`](crate::Snapshot::stages)). `None` for a request that reached no stage (MT3).
    #[must_use]
    pub fn stage_number(&self) -> Option<u32> {
        self.located.as_ref().map(|located| located.stage.number)
    }
}
