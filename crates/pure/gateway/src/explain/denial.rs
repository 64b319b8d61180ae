//! Why a running gateway denied a request: what is kept of it, and how it is explained afterwards.

use std::{net::SocketAddr, sync::Arc};

use postern_protocol::http1::{FieldBlock, KnownName, Limits, Progress, RequestHead, read_request};

use super::{
    Answered, Ending, Transcript,
    facts::{Asked, AskedPolicy, Facts},
    gates,
};
use crate::{
    Arrival, BodyLength, Connection, Gate, HttpVersion, Identity, Now, Record, Refusal, RequestIds, Snapshot,
    ThrottleLevel, TlsFacts,
    authorization::{Authenticated, authorize},
    response,
    routing::{self, Located, Matched, RoutingMemory},
    usage::Usage,
};

/// What is kept of a request that a gate denied: enough to tell every gate up to that one. Of the head
/// only what these gates read: the path without its query, and a few fields. Keys, credentials,
/// cookies, queries and bodies are not kept.
#[derive(Clone, Debug)]
pub struct Denial {
    ids: RequestIds,
    generation: u64,
    received: Now,
    status: u16,
    refusal: Refusal,
    identity: Arc<Identity>,
    source: SocketAddr,
    local: SocketAddr,
    tls: Option<TlsFacts>,
    version: HttpVersion,
    head: Box<[u8]>,
    /// Whose signature it had, by its access key.
    access_key_id: Option<Box<str>>,
    usage: Option<Usage>,
}

/// The fields that routing and policies read.
const KEPT_FIELDS: [(KnownName, &[u8]); 5] = [
    (KnownName::Host, b"host"),
    (KnownName::XApigwApiId, b"x-apigw-api-id"),
    (KnownName::XHttpMethodOverride, b"x-http-method-override"),
    (KnownName::UserAgent, b"user-agent"),
    (KnownName::Referer, b"referer"),
];

impl Denial {
    /// What is to be kept of an exchange; `None` where no gate denied it. Costs one comparison then.
    #[must_use]
    pub fn of(record: &Record<'_>) -> Option<Self> {
        let refusal = record.refusal.as_ref()?;
        refusal.gate()?;
        let arrival = record.arrival?;
        let connection = record.connection;
        Some(Self {
            ids: record.ids,
            generation: record.house.generation,
            received: record.received,
            status: record.status,
            refusal: refusal.clone(),
            identity: connection.shared_identity(),
            source: connection.source(),
            local: connection.local(),
            tls: connection.tls(),
            version: arrival.version,
            head: kept_head(arrival),
            access_key_id: record
                .authenticated
                .caller
                .map(|caller| caller.signer.access_key_id.as_str().into()),
            usage: record.usage,
        })
    }

    /// The request's id, as the client was told it.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.ids.request_id()
    }

    /// When its head was complete, in milliseconds since 1970.
    #[must_use]
    pub const fn received_milliseconds(&self) -> u64 {
        self.received.epoch_milliseconds
    }

    /// Which door it came in by.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The client's address.
    #[must_use]
    pub const fn source(&self) -> SocketAddr {
        self.source
    }

    /// Method and path.
    #[must_use]
    pub fn request_line(&self) -> String {
        let line = self.head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line.strip_suffix(b" HTTP/1.1").unwrap_or(line)).into_owned()
    }

    /// The status that was answered.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Why it was denied.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// The gate that denied it.
    #[must_use]
    pub fn gate(&self) -> Option<Gate> {
        self.refusal.gate()
    }

    /// Every gate up to the one that denied, told with the snapshot that decided. `None` where this is
    /// another one: what it would say is not what was decided by.
    #[must_use]
    pub fn explain(&self, house: &Snapshot) -> Option<Transcript> {
        if house.generation != self.generation {
            return None;
        }
        let connection = Connection::new(Arc::clone(&self.identity), self.source, self.local, self.tls);
        let entrance = house.entrance_of(&connection);
        let limits = entrance.map_or(&Limits::PRIVATE, |entrance| &house.door_of(entrance).head_limits);
        let mut head = RequestHead::default();
        if read_request(&self.head, limits, &mut head) != Ok(Progress::Complete) {
            return None;
        }
        let arrival = Arrival {
            connection: &connection,
            bytes: &self.head,
            head: &head,
            version: self.version,
            now: self.received,
            random: 0,
        };
        let (mut memory, mut variables) = (RoutingMemory::default(), Vec::new());
        let located = routing::find_api(house, &arrival, &mut memory).ok();
        let matched = located.as_ref().and_then(|located| routing::find_method(located, &mut variables));
        let authenticated = match (&self.access_key_id, &located) {
            (Some(id), Some(located)) => Authenticated::again(house, id, located, matched.as_ref()),
            _ => Authenticated::nobody(),
        };
        let policies = self.policies(house, &arrival, (located.as_ref(), matched.as_ref()), authenticated);
        let gates = gates::tell_all(&Facts {
            house,
            connection: &connection,
            entrance,
            door: entrance.map(|entrance| house.door_of(entrance)),
            server_name: None,
            arrival: Some(&arrival),
            located,
            matched,
            authenticated,
            policies,
            usage: self.usage,
            body_length: BodyLength::None,
            failed: self.gate_in(house).map(|gate| (gate, self.refusal.reason().into_owned())),
            ended_at: None,
            refusal: Some(&self.refusal),
            call: None,
            levels_at: None,
        });
        let mut record = Record::new(house, &arrival);
        (record.received, record.ids) = (self.received, self.ids);
        (record.located, record.matched, record.usage) = (located, matched, self.usage);
        record.authenticated = authenticated;
        Some(Transcript { gates, ending: Ending::Answer(self.answered(&record)) })
    }

    /// The policies, asked again by the very function that asked them, as far as the request came.
    fn policies(
        &self,
        house: &Snapshot,
        arrival: &Arrival<'_>,
        (located, matched): (Option<&Located<'_>>, Option<&Matched<'_>>),
        authenticated: Authenticated<'_>,
    ) -> Vec<AskedPolicy> {
        let mut asked = Asked::default();
        if let Some(located) = located.filter(|_| self.gate().is_some_and(|gate| gate > Gate::Signature)) {
            let place = (house, arrival);
            // What is decided is known; how is what is wanted.
            let _ = authorize(place, located, matched, authenticated, &mut String::new(), &mut asked);
        }
        asked.0
    }

    /// The gate, where the account's throttle may stand in two places.
    fn gate_in(&self, house: &Snapshot) -> Option<Gate> {
        let is_early = house.account_throttle.as_ref().is_some_and(|(it, ..)| it.before_authorization);
        match self.refusal {
            Refusal::Throttled(ThrottleLevel::Account) if is_early => Some(Gate::AccountThrottle),
            _ => self.refusal.gate(),
        }
    }

    /// The answer as it was sent, but for what an API's own gateway response takes from what is not kept.
    fn answered(&self, record: &Record<'_>) -> Answered {
        let wording = self.refusal.wording();
        let mut body = String::new();
        response::refuse(record, &wording, &mut FieldBlock::default(), &mut body);
        Answered { status: self.status, error_type: wording.error_type.map(ToOwned::to_owned), body }
    }
}

fn kept_head(arrival: &Arrival<'_>) -> Box<[u8]> {
    let request = arrival.head.over(arrival.bytes);
    let mut head = [request.method(), b" ", request.path(), b" HTTP/1.1\r\n"].concat();
    for (known, name) in KEPT_FIELDS {
        for value in request.fields().values(known) {
            head.extend_from_slice(name);
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}
