//! The order in which API Gateway does things. Read this first.
//!
//! [`serve`] is one request from its head to its answer. The order is that of authorization.md
//! section 1; each step adds one value that later steps ask for by type. What must be waited for goes
//! through [`Effects`] and [`RequestBody`]; who wants to watch is an [`Observer`].

use postern_model::IntegrationType;
use postern_protocol::http1::FieldBlock;

use crate::{
    Answer, AnswerBody, Arrival, BodyLength, CallBody, Effects, IntegrationCall, IntegrationFailure,
    IntegrationFailureKind, Now, Observer, Record, Refusal, Reply, RequestBody, RequestIds, Scratch,
    Snapshot, Step,
    authorization::{self, Permit},
    body,
    context::lossy,
    integration::{
        self, Address, CallMemory, IntegrationResult, Target, map_request, map_response,
        mock_integration_status, parameters::MappedBody, write_mapped_call, write_proxy_answer,
        write_proxy_call,
    },
    record::IntegrationOutcome,
    response,
    routing::{self, Matched, RoutingMemory, VariableSpan},
    usage,
};

/// Serves one request.
pub async fn serve<'a, E, B, O>(
    house: &'a Snapshot,
    arrival: &'a Arrival<'a>,
    client_body: &mut B,
    effects: &E,
    scratch: &'a mut Scratch,
    observer: &mut O,
) -> Answer<'a, E::Reply>
where
    E: Effects,
    B: RequestBody,
    O: Observer,
{
    let ids = RequestIds::of(Some(arrival.head.over(arrival.bytes).fields()), arrival.random);
    let mut record = Record::new(house, Some(arrival), arrival.now, ids);
    let Scratch { routing, variables, arn, call, collected, reply, text, fields } = scratch;
    let where_to = Memory { routing, variables, arn };
    let mut paper = Paper { call, collected, reply, text, fields };
    let result = walk(&mut record, where_to, &mut paper, client_body, effects, observer).await;
    let served = result.unwrap_or_else(|refusal| {
        observer.step(Step::Refused(&refusal));
        let wording = refusal.wording();
        record.refusal = Some(refusal);
        Served::Text(response::refuse(&record, &wording, paper.fields, paper.text))
    });
    let Paper { text, fields, .. } = paper;
    let (status, body) = match served {
        Served::Stream(status, reply) => (status, AnswerBody::Stream(reply)),
        Served::Text(status) => (status, AnswerBody::Whole(text.as_bytes())),
    };
    record.status = status;
    let close = record.refusal.as_ref().is_some_and(Refusal::closes);
    Answer { status, fields, body, close, record }
}

/// Answers a head that the grammar refuses. No API is known then.
pub fn refuse_head<'a, R>(
    house: &'a Snapshot,
    status: u16,
    reason: &'static str,
    now: Now,
    random: u128,
    scratch: &'a mut Scratch,
) -> Answer<'a, R> {
    let mut record = Record::new(house, None, now, RequestIds::of(None, random));
    let refusal = Refusal::Head { status, reason };
    let wording = refusal.wording();
    record.refusal = Some(refusal);
    record.status = response::refuse(&record, &wording, &mut scratch.fields, &mut scratch.text);
    Answer {
        status: record.status,
        fields: &scratch.fields,
        body: AnswerBody::Whole(scratch.text.as_bytes()),
        close: true,
        record,
    }
}

/// The order.
async fn walk<'a, E, B, O>(
    record: &mut Record<'a>,
    memory: Memory<'a>,
    paper: &mut Paper<'_>,
    client_body: &mut B,
    effects: &E,
    observer: &mut O,
) -> Result<Served<E::Reply>, Refusal>
where
    E: Effects,
    B: RequestBody,
    O: Observer,
{
    let (house, arrival) = (record.house, record.arrival.ok_or(Refusal::Overloaded)?);
    body::check_query(house, arrival)?;
    let located = routing::find_api(house, arrival, memory.routing)?;
    record.located = Some(located);
    observer.step(Step::Located { api: located.api.id.as_str(), stage: &located.stage.name });
    let matched = routing::find_method(&located, memory.variables);
    record.matched = matched;
    authorization::check_arn_length(house, &located)?;
    body::check_declared_length(house, client_body.length())?;
    usage::take_before_authorization(house, arrival.now)?;
    let matched = matched.ok_or_else(|| authorization::refuse_unmatched(house, arrival))?;
    observer.step(Step::Matched { resource: matched.method.path.as_str(), verb: matched.verb.as_str() });
    let permit = authorization::authorize(house, &located, arrival, memory.arn)?;
    observer.step(Step::Authorized);
    let usage = usage::identify(house, &located, &matched, arrival, &permit)?;
    record.usage = usage;
    usage::take(house, &located, &matched, usage, arrival.now)?;
    observer.step(Step::Admitted);
    match matched.stage_method.integration.kind {
        IntegrationType::Mock => mock(&permit, record, &matched, paper, client_body).await,
        IntegrationType::Http => http(&permit, record, &matched, paper, client_body, effects).await,
        IntegrationType::HttpProxy => {
            http_proxy(&permit, record, &matched, paper, client_body, effects).await
        }
        // Refused at load until they are served.
        IntegrationType::Aws | IntegrationType::AwsProxy => {
            Err(Refusal::Configuration("this type of integration is not served".into()))
        }
    }
}

/// MOCK: the request template gives a status, and that an answer.
async fn mock<R, B: RequestBody>(
    _permit: &Permit,
    record: &Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: &mut B,
) -> Result<Served<R>, Refusal> {
    let Paper { collected, text, fields, .. } = paper;
    body::collect(record.house, client_body, collected).await?;
    let client_text = lossy(collected);
    let request = MappedBody::new(&client_text);
    let mapped = map_request(record, matched, &request, text)?;
    let status = mock_integration_status(if mapped.rendered { text } else { request.text() })?;
    let result = IntegrationResult { status, fields: None, body: None };
    let status = map_response(record, matched, &result, mapped.overrides, fields, text)?;
    Ok(Served::Text(status))
}

/// HTTP: request and answer go through mappings and templates.
async fn http<E: Effects, B: RequestBody>(
    _permit: &Permit,
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: &mut B,
    effects: &E,
) -> Result<Served<E::Reply>, Refusal> {
    let Paper { call, collected, reply: reply_body, text, fields } = paper;
    body::collect(record.house, client_body, collected).await?;
    // Where no binary type says otherwise a body is text (routing.md section 8.1).
    let client_text = lossy(collected);
    let request = MappedBody::new(&client_text);
    let mapped = map_request(record, matched, &request, text)?;
    let sent = if mapped.rendered { text.as_bytes() } else { client_text.as_bytes() };
    let address = address_of(matched)?;
    let length = content_length(record, sent.len() as u64);
    write_mapped_call(record, matched, address, &request, &mapped, length, call)?;
    let integration_call = integration_call(record, matched, address, &call.head);
    let call_body = if sent.is_empty() { CallBody::None } else { CallBody::<B>::Whole(sent) };
    let mut reply = integrate(record, effects, &integration_call, call_body).await?;
    body::collect_reply(record.house, &mut reply, reply_body).await?;
    let (bytes, head) = reply.head();
    let result = IntegrationResult {
        status: Some(i64::from(reply.status())),
        fields: Some(head.over(bytes).fields()),
        body: Some(reply_body),
    };
    let status = map_response(record, matched, &result, mapped.overrides, fields, text)?;
    Ok(Served::Text(status))
}

/// HTTP_PROXY: the client's request passes, and the backend's answer back.
async fn http_proxy<E: Effects, B: RequestBody>(
    _permit: &Permit,
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: &mut B,
    effects: &E,
) -> Result<Served<E::Reply>, Refusal> {
    let Paper { call, collected, fields, .. } = paper;
    let address = address_of(matched)?;
    let length = client_body.length();
    let streams = record.house.request_streaming
        && matches!(length, BodyLength::Known(_))
        && !integration::reads_body(matched);
    let reply = if streams || length == BodyLength::None {
        let declared = if let BodyLength::Known(length) = length { Some(length) } else { None };
        write_proxy_call(record, matched, address, None, declared, call)?;
        let integration_call = integration_call(record, matched, address, &call.head);
        let body = if streams { CallBody::Stream(client_body) } else { CallBody::None };
        integrate(record, effects, &integration_call, body).await?
    } else {
        body::collect(record.house, client_body, collected).await?;
        let client_text = lossy(collected);
        let mapped_body = MappedBody::new(&client_text);
        let length = Some(collected.len() as u64);
        write_proxy_call(record, matched, address, Some(&mapped_body), length, call)?;
        let integration_call = integration_call(record, matched, address, &call.head);
        integrate(record, effects, &integration_call, CallBody::<B>::Whole(collected)).await?
    };
    let (bytes, head) = reply.head();
    write_proxy_answer(head.over(bytes).fields(), &record.ids, fields);
    Ok(Served::Stream(reply.status(), reply))
}

/// Calls the backend and notes what it did.
async fn integrate<E: Effects, B: RequestBody>(
    record: &mut Record<'_>,
    effects: &E,
    call: &IntegrationCall<'_>,
    body: CallBody<'_, B>,
) -> Result<E::Reply, Refusal> {
    let begun = effects.monotonic_nanoseconds();
    let result = effects.integrate(call, body).await;
    record.integration = Some(IntegrationOutcome {
        status: result.as_ref().ok().map(Reply::status),
        latency_nanoseconds: effects.monotonic_nanoseconds().saturating_sub(begun),
    });
    let reply = result.map_err(Refusal::Integration)?;
    if let BodyLength::Known(length) = reply.length()
        && length > record.house.limits.payload_bytes
    {
        return Err(Refusal::Integration(IntegrationFailure {
            kind: IntegrationFailureKind::BadAnswer,
            reason: "the answer is larger than `payloadBytes`".into(),
        }));
    }
    Ok(reply)
}

fn address_of<'m>(matched: &Matched<'m>) -> Result<&'m Address, Refusal> {
    match &matched.stage_method.integration.target {
        Some(Target::Address(address)) if !matched.method.model.integration.always_fails => Ok(address),
        Some(Target::Malformed(reason)) => Err(Refusal::Configuration(reason.to_string().into())),
        _ => Err(Refusal::Configuration("a mapping of the integration sets a header that it may not".into())),
    }
}

fn integration_call<'c>(
    record: &Record<'c>,
    matched: &Matched<'_>,
    address: &'c Address,
    head: &'c [u8],
) -> IntegrationCall<'c> {
    let verb = address.verb.unwrap_or(matched.verb);
    let timeout = matched.stage_method.integration.timeout_nanoseconds;
    IntegrationCall {
        destination: &address.destination,
        head,
        is_head: verb == postern_model::Verb::Head,
        is_idempotent: verb.is_idempotent(),
        deadline_nanoseconds: record.received.monotonic_nanoseconds.saturating_add(timeout),
        answer_bytes_max: record.house.limits.payload_bytes,
        answer_gap_nanoseconds: u64::MAX,
        limits: &record.house.limits,
    }
}

/// The length that a call declares: none where there is no body and the client declared none.
fn content_length(record: &Record<'_>, length: u64) -> Option<u64> {
    use postern_model::Verb;
    let bodiless = record
        .located
        .as_ref()
        .and_then(|located| located.verb)
        .is_some_and(|verb| matches!(verb, Verb::Get | Verb::Head | Verb::Options | Verb::Delete));
    (length > 0 || !bodiless).then_some(length)
}

/// What routing and authorization write; read until the answer is made.
struct Memory<'a> {
    routing: &'a mut RoutingMemory,
    variables: &'a mut Vec<VariableSpan>,
    arn: &'a mut String,
}

/// What the integration writes: the call, both bodies, the answer.
struct Paper<'p> {
    call: &'p mut CallMemory,
    collected: &'p mut Vec<u8>,
    reply: &'p mut Vec<u8>,
    text: &'p mut String,
    fields: &'p mut FieldBlock,
}

/// What a request is answered with: a status, and the body.
enum Served<R> {
    /// The backend's, passed on.
    Stream(u16, R),
    /// The text that was written.
    Text(u16),
}
