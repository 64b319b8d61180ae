//! A request that nobody has sent, walked through a snapshot.

use std::{net::SocketAddr, sync::Arc};

use postern_protocol::http1::{BodyFraming, Progress, RequestHead, read_request};

use super::{
    Answered, Ending, Transcript,
    facts::{Asked, Facts},
    gates,
    secrets::Secrets,
    witness::{Given, Witness},
};
use crate::{
    Answer, AnswerBody, Arrival, BodyLength, CallBody, ClientCertificate, Connection, ConnectionRefusal,
    Effects, Entrance, Gate, HttpVersion, IntegrationCall, IntegrationFailure, Now, Observer, PolicyStep,
    Record, Refusal, Reply, RequestBody, Scratch, Snapshot, TlsFacts, refuse_head, serve,
};

/// A request as it would come over the wire, and the connection that it would come by.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Who comes: the VPC endpoint, or the public.
    pub entrance: &'q Entrance,
    /// The door that they come by ([`Snapshot::door_of`]).
    pub door: &'q Entrance,
    /// The address of the door.
    pub local: SocketAddr,
    /// The client's address.
    pub source: SocketAddr,
    /// What the client does with TLS; absent: it speaks plain text.
    pub tls: Option<Hello<'q>>,
    /// Method, target, fields and the empty line.
    pub head: &'q [u8],
    /// The body, without framing.
    pub body: &'q [u8],
    /// When it comes.
    pub now: Now,
    /// What its ids are made of.
    pub random: u128,
}

/// How a client begins TLS.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'q> {
    /// The server name; clients that call an address send none.
    pub server_name: Option<&'q str>,
    /// Whether a certificate of the door is for that name.
    pub is_covered: bool,
    /// The certificate whose key the client proves to have (DER).
    pub client_certificate: Option<&'q [u8]>,
}

/// Says what would become of a request. `effects` is called where it is given; without it the walk ends
/// in front of the backend.
///
/// The walk takes from buckets and quotas as every walk does, so it is asked of a snapshot that does not
/// serve.
pub async fn explain<E: Effects>(
    house: &Snapshot,
    question: &Question<'_>,
    effects: Option<&E>,
) -> Transcript {
    let tls = question.tls.map(|_| ASSUMED_TLS);
    let identity = Arc::clone(&question.entrance.identity);
    let mut connection = Connection::new(identity, question.source, question.local, tls);
    if let Some(Hello { server_name, client_certificate, .. }) = question.tls {
        let server_name = server_name.map(|name| name.to_ascii_lowercase().into());
        connection.learn_handshake(server_name, client_certificate.map(ClientCertificate::of));
    }
    let facts = Facts::of_connection(house, question, &connection);
    if let Some(refused) = refused_before_request(house, question) {
        let facts = Facts { failed: Some(refused), ..facts };
        return Transcript { gates: gates::tell_all(&facts), ending: Ending::Closed };
    }
    let mut scratch = Scratch::default();
    let mut head = RequestHead::default();
    let complete = match read_request(question.head, &question.door.head_limits, &mut head) {
        Ok(Progress::Complete) => Ok(()),
        Ok(Progress::Partial) => Err((400, "the head does not end")),
        Err(fault) => Err((fault.status(), fault.reason())),
    };
    if let Err(fault) = complete {
        let Question { now, random, .. } = *question;
        let mut record = Record::of_refused_head(house, &connection, now, random);
        let answer = refuse_head::<E::Reply>(&mut record, fault, &mut scratch);
        let facts = Facts { failed: Some((Gate::Head, fault.1.to_owned())), ..facts };
        return Transcript {
            gates: gates::tell_all(&facts),
            ending: answered(answer, house.limits().payload_bytes).await,
        };
    }
    let arrival = Arrival {
        connection: &connection,
        bytes: question.head,
        head: &head,
        version: HttpVersion::Http1,
        now: question.now,
        random: question.random,
    };
    walk(house, &arrival, (question.body, effects), facts, &mut scratch).await
}

/// What clients and gateway agree on where nothing is known of the client.
const ASSUMED_TLS: TlsFacts = TlsFacts { version: "TLSv1.3", cipher_suite: "TLS_AES_128_GCM_SHA256" };

/// What closes a connection before a byte of a request is read: network layers, then TLS.
fn refused_before_request(house: &Snapshot, question: &Question<'_>) -> Option<(Gate, String)> {
    let network = question.entrance.guarded.verdict(question.source.ip()).refusal();
    let of_network = network.map(|refusal| {
        let is_acl = refusal == ConnectionRefusal::NetworkAcl;
        (if is_acl { Gate::NetworkAcl } else { Gate::SecurityGroup }, refusal.to_string())
    });
    of_network.or_else(|| refused_by_tls(house, question).map(|reason| (Gate::Tls, reason.to_owned())))
}

fn refused_by_tls(house: &Snapshot, question: &Question<'_>) -> Option<&'static str> {
    let door = question.door;
    match question.tls {
        None if !door.tls.is_empty() => Some("the listener speaks TLS, and the client plain text"),
        Some(_) if door.tls.is_empty() => Some("the listener speaks plain text, and the client TLS"),
        Some(Hello { server_name: Some(name), client_certificate: None, .. })
            if house
                .tls_terms_of(question.entrance, &name.to_ascii_lowercase())
                .asks_for_client_certificate =>
        {
            Some("the server name asks for a client certificate, and none is shown: the handshake fails")
        }
        Some(Hello { server_name: Some(name), is_covered: false, .. })
            if !house.knows_server_name(question.entrance, &name.to_ascii_lowercase()) =>
        {
            Some("the server name is unknown: the handshake ends with the alert unrecognized_name")
        }
        _ => None,
    }
}

async fn walk<E: Effects>(
    house: &Snapshot,
    arrival: &Arrival<'_>,
    (body, effects): (&[u8], Option<&E>),
    facts: Facts<'_>,
    scratch: &mut Scratch,
) -> Transcript {
    let length = match arrival.head.framing() {
        BodyFraming::None => BodyLength::None,
        BodyFraming::Length(length) => BodyLength::Known(length),
        BodyFraming::Chunked => BodyLength::Unknown,
    };
    let mut secrets = Secrets::of(arrival);
    let mut body = Given::new(length, body);
    let mut at = At { gate: Gate::Head, policies: Asked::default() };
    let witness = Witness::new(effects, arrival.now.monotonic_nanoseconds);
    let mut record = Record::new(house, arrival);
    let answer = serve(&mut record, &mut body, &witness, scratch, &mut at).await;
    let call = witness.call();
    let is_called = call.is_none() || effects.is_some();
    let refusal = record.refusal().filter(|_| is_called);
    secrets.add_identity(&record);
    let facts = Facts {
        arrival: Some(arrival),
        located: record.located,
        matched: record.matched,
        authenticated: record.authenticated,
        policies: at.policies.0,
        usage: record.usage,
        failed: refusal.map(|refusal| (failed_at(at.gate, refusal), refusal.reason().into_owned())),
        ended_at: (!is_called).then_some(at.gate),
        refusal,
        // Else it is the authorizer's, which is not shown: it holds the caller's token.
        call: call.filter(|_| record.integration.is_some()),
        body_length: length,
        ..facts
    };
    let gates = gates::tell_all(&facts);
    let ending = match at.gate {
        _ if is_called => answered(answer, house.limits().payload_bytes).await,
        Gate::Authorizer => Ending::AuthorizerNotCalled,
        _ => Ending::NotCalled,
    };
    secrets.taken_out(Transcript { gates, ending })
}

/// The gate that the walk has come to, and the policies that were asked.
struct At {
    gate: Gate,
    policies: Asked,
}

impl Observer for At {
    fn at(&mut self, gate: Gate) {
        self.gate = gate;
    }

    fn asked(&mut self, policy: &PolicyStep<'_>) {
        self.policies.asked(policy);
    }
}

/// The gate of a refusal. Where a walk stands says it, but where one step is several gates.
fn failed_at(at: Gate, refusal: &Refusal) -> Gate {
    match refusal {
        Refusal::Throttled(_) => at,
        _ => refusal.gate().unwrap_or(at),
    }
}

async fn answered<R: Reply>(answer: Answer<'_, R>, bytes_max: u64) -> Ending {
    let error_type = field(answer.fields.as_bytes(), "x-amzn-errortype");
    let body = match answer.body {
        AnswerBody::Whole(bytes) => bytes.to_vec(),
        AnswerBody::Stream(reply) => read_out(reply, bytes_max).await,
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    Ending::Answer(Answered { status: answer.status, error_type, body })
}

/// The body of an answer that passes through: as much as there is, and as may be held.
async fn read_out<R: Reply>(mut reply: R, bytes_max: u64) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = reply.next().await {
        body.extend_from_slice(piece);
        if body.len() as u64 > bytes_max {
            break;
        }
    }
    body
}

fn field(block: &[u8], name: &str) -> Option<String> {
    let block = String::from_utf8_lossy(block);
    let mut fields = block.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

/// No backends: there is none, and so none is ever called.
#[derive(Clone, Copy, Debug)]
pub enum NoBackend {}

impl Effects for NoBackend {
    type Reply = Self;

    fn monotonic_nanoseconds(&self) -> u64 {
        match *self {}
    }

    async fn integrate<B: RequestBody>(
        &self,
        _: &IntegrationCall<'_>,
        _: CallBody<'_, B>,
    ) -> Result<Self, IntegrationFailure> {
        match *self {}
    }
}

impl Reply for NoBackend {
    fn status(&self) -> u16 {
        match *self {}
    }

    fn head(&self) -> (&[u8], &postern_protocol::http1::ResponseHead) {
        match *self {}
    }

    fn length(&self) -> BodyLength {
        match *self {}
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        match *self {}
    }

    fn take_arrived(&mut self) -> &[u8] {
        match *self {}
    }
}
