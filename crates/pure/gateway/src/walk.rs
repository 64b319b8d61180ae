//! The order in which API Gateway does things. Read this first.
//!
//! [`serve`] is one request from its head to its answer. The order is that of authorization.md
//! section 1; each step adds one value that later steps ask for by type. What must be waited for goes
//! through [`Effects`] and [`RequestBody`]; who wants to watch is an [`Observer`].

mod authorizer;
mod function;
mod service;

use postern_model::IntegrationType;
use postern_protocol::http1::FieldBlock;

use crate::{
    Answer, AnswerBody, BodyLength, CallBody, Effects, Gate, IntegrationCall, IntegrationFailure, Now,
    Observer, Passing, Record, Refusal, Reply, RequestBody, Scratch,
    authorization::{self, Access, Permit},
    body::{self, ClientBody, Collected},
    connection::mutual_tls,
    content,
    integration::{
        Address, CallMemory, IntegrationResult, MappedRequest, SelectedBy, Target, is_streamed, map_request,
        map_response, write_mapped_call, write_proxy_answer, write_proxy_call,
    },
    record::IntegrationOutcome,
    response::{self, Sheet, Sheets},
    routing::{self, Matched, RoutingMemory, VariableSpan},
    usage,
};
use authorizer::ask_authorizer;

/// Serves the request of a new record, which tells then what the exchange was. Handed to the recorder when the
/// answer has been written, it stays where it is until then: it is too large to be passed on.
pub async fn serve<'a, E, B, O>(
    record: &mut Record<'a>,
    client_body: &mut B,
    effects: &E,
    scratch: &'a mut Scratch,
    observer: &mut O,
) -> Answer<'a, Passing<E::Reply>>
where
    E: Effects,
    B: RequestBody,
    O: Observer,
{
    let Scratch { routing, variables, arn, call, collected, sheets, fields } = scratch;
    let memory = Memory { routing, variables, arn, collected };
    let mut paper = Paper { call, sheets, fields };
    observer.at(Gate::Head);
    let result = walk(record, memory, &mut paper, client_body, effects, observer).await;
    let served = result.unwrap_or_else(|refusal| {
        let wording = refusal.wording();
        record.refusal = Some(refusal);
        let status = response::refuse(record, &wording, paper.fields, &mut paper.sheets.text);
        Served::Whole(status, Sheet::Text)
    });
    let Paper { sheets, fields, .. } = paper;
    let (status, body) = match served {
        Served::Stream(status, reply) => (status, AnswerBody::Stream(reply)),
        Served::Whole(status, sheet) => (status, AnswerBody::Whole(sheets.get(sheet))),
    };
    record.status = status;
    let close = record.refusal.as_ref().is_some_and(Refusal::closes);
    Answer { status, fields, body, close }
}

/// Answers a head that the grammar refuses, with a status and a reason for the operator. No API is
/// known then.
pub fn refuse_head<'a, R>(
    record: &mut Record<'a>,
    (status, reason): (u16, &'static str),
    scratch: &'a mut Scratch,
) -> Answer<'a, R> {
    let refusal = Refusal::Head { status, reason };
    let wording = refusal.wording();
    record.refusal = Some(refusal);
    record.status = response::refuse(record, &wording, &mut scratch.fields, &mut scratch.sheets.text);
    Answer {
        status: record.status,
        fields: &scratch.fields,
        body: AnswerBody::Whole(scratch.sheets.get(Sheet::Text)),
        close: true,
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
    let house = record.house;
    let Some(arrival) = record.arrival else { return Err(Refusal::Overloaded) };
    body::check_query(house, arrival)?;
    let located = routing::find_api(house, arrival, memory.routing)?;
    record.located = Some(located);
    observer.at(Gate::ClientCertificate);
    mutual_tls::check(house, &located, arrival)?;
    let matched = routing::find_method(&located, memory.variables);
    record.matched = matched;
    observer.at(Gate::MethodArn);
    authorization::check_arn_length(house, &located, arrival)?;
    observer.at(Gate::ContentLength);
    body::check_declared_length(house, client_body.length())?;
    observer.at(Gate::AccountThrottle);
    usage::take_before_authorization(house, arrival.now)?;
    observer.at(Gate::Method);
    let (place, method) = ((house, arrival), matched.as_ref());
    let collected = &mut *memory.collected;
    let authenticated =
        authorization::authenticate(place, &located, method, client_body, collected, observer).await?;
    record.authenticated = authenticated;
    let access = authorization::authorize(place, &located, method, authenticated, memory.arn, observer)?;
    let permit = match access {
        Access::Granted(permit) => permit,
        Access::AwaitsAuthorizer(awaits) => {
            Box::pin(ask_authorizer::<E, B, O>(awaits, record, memory.arn, paper, effects, observer)).await?
        }
    };
    record.is_authorized = true;
    observer.at(Gate::Resource);
    let Some(matched) = matched else { return Err(Refusal::NoSuchResource) };
    observer.at(Gate::ApiKey);
    let usage = usage::identify(record, &located, &matched, arrival, &permit)?;
    observer.at(Gate::Throttle);
    let now = after_waiting(record, memory.collected, arrival.now, effects);
    usage::take(house, &located, &matched, usage, now)?;
    observer.at(Gate::Parameters);
    matched.method.validation.check_parameters(record)?;
    observer.at(Gate::Body);
    let client_body =
        body::receive((house, arrival), &located, &matched, client_body, memory.collected).await?;
    observer.at(Gate::BodyModel);
    matched.method.validation.check_body(record, client_body.plain())?;
    observer.at(Gate::Integration);
    let served = match matched.stage_method.integration.kind {
        IntegrationType::Mock => mock(&permit, record, &matched, paper, &client_body)?,
        IntegrationType::Http => http(&permit, record, &matched, paper, &client_body, effects).await?,
        IntegrationType::HttpProxy => {
            http_proxy(&permit, record, &matched, paper, client_body, effects).await?
        }
        IntegrationType::Aws if service::is_called(&matched) => {
            service::service(&permit, record, &matched, paper, &client_body, effects).await?
        }
        IntegrationType::Aws => {
            function::function_mapped(&permit, record, &matched, paper, &client_body, effects).await?
        }
        IntegrationType::AwsProxy => {
            function::function_proxy(&permit, record, &matched, paper, &client_body, effects).await?
        }
    };
    Ok(compress(record, served, paper))
}

/// The clocks when a request stands before its throttles: those of its arrival, unless a body or an authorizer
/// was waited for (TH-20).
fn after_waiting(record: &Record<'_>, collected: &Collected, received: Now, effects: &impl Effects) -> Now {
    let asked = record.authorizer.as_ref().is_some_and(|outcome| outcome.latency_nanoseconds > 0);
    if asked || collected.is_read { received.moved_to(effects.monotonic_nanoseconds()) } else { received }
}

/// MOCK: the request template gives a status, and that an answer.
fn mock<R, B: RequestBody>(
    _permit: &Permit,
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: &ClientBody<'_, B>,
) -> Result<Served<R>, Refusal> {
    let Paper { sheets, fields, .. } = paper;
    let body = client_body.text(record);
    let mut mapped = map_request(record, matched, &body, &mut sheets.text)?;
    let selected_by = mapped.mock_status(&sheets.text)?.map_or(SelectedBy::Nothing, SelectedBy::Status);
    let result = IntegrationResult { selected_by, fields: None };
    sheets.reply.clear();
    let (status, sheet) = map_response(record, matched, result, &mut mapped.overrides, sheets, fields)?;
    record.repeated_overrides = mapped.overrides.repeated_assignments;
    Ok(Served::Whole(status, sheet))
}

/// HTTP: request and answer go through mappings and templates.
async fn http<E: Effects, B: RequestBody>(
    _permit: &Permit,
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: &ClientBody<'_, B>,
    effects: &E,
) -> Result<Served<E::Reply>, Refusal> {
    let Paper { call, sheets, fields } = paper;
    let address = address_of(matched)?;
    let body = client_body.text(record);
    let mut mapped = write_mapped_call(record, matched, address, &body, call, &mut sheets.text)?;
    let sent = match mapped.body(&sheets.text) {
        [] => CallBody::None,
        sent => CallBody::<B>::Whole(sent),
    };
    let reply = integrate(record, matched, effects, (address, &call.head), sent).await?;
    answer_mapped(record, matched, reply, &mut mapped, (sheets, fields)).await
}

/// Makes an answer of a backend's, chosen by its status (SP1).
async fn answer_mapped<R: Reply>(
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    mut reply: R,
    mapped: &mut MappedRequest<'_>,
    (sheets, fields): (&mut Sheets, &mut FieldBlock),
) -> Result<Served<R>, Refusal> {
    body::collect_reply(record.house, &mut reply, &mut sheets.reply).await?;
    let (bytes, head) = reply.head();
    let selected_by = SelectedBy::Status(i64::from(reply.status()));
    let result = IntegrationResult { selected_by, fields: Some(head.over(bytes).fields()) };
    let (status, sheet) = map_response(record, matched, result, &mut mapped.overrides, sheets, fields)?;
    record.repeated_overrides = mapped.overrides.repeated_assignments;
    Ok(Served::Whole(status, sheet))
}

/// HTTP_PROXY: the client's request passes, and the backend's answer back.
async fn http_proxy<E: Effects, B: RequestBody>(
    _permit: &Permit,
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: ClientBody<'_, B>,
    effects: &E,
) -> Result<Served<E::Reply>, Refusal> {
    let Paper { call, sheets, fields } = paper;
    let address = address_of(matched)?;
    let is_replaced = write_proxy_call(record, matched, address, &client_body, call, &mut sheets.text)?;
    let sent = match client_body {
        _ if is_replaced => CallBody::Whole(sheets.text.as_bytes()),
        ClientBody::Nothing => CallBody::None,
        ClientBody::Whole(collected) => CallBody::Whole(collected.plain()),
        ClientBody::Stream(body, _) => CallBody::Stream(body),
    };
    let mut reply = integrate(record, matched, effects, (address, &call.head), sent).await?;
    let (bytes, head) = reply.head();
    write_proxy_answer(head.over(bytes).fields(), &record.ids, fields);
    let status = reply.status();
    // What is streamed passes as it is (ST4).
    if is_streamed(matched) || !is_compressed(record, &reply, fields) {
        return Ok(Served::Stream(status, Passing::Plain(reply)));
    }
    body::collect_reply(record.house, &mut reply, &mut sheets.reply).await?;
    Ok(Served::Whole(status, Sheet::Reply))
}

/// Calls the backend and notes what it did.
async fn integrate<E: Effects, B: RequestBody>(
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    effects: &E,
    (address, head): (&Address, &[u8]),
    body: CallBody<'_, B>,
) -> Result<E::Reply, Refusal> {
    let begun = effects.monotonic_nanoseconds();
    let call = integration_call(record, matched, (address, head), begun);
    let result = effects.integrate(&call, body).await;
    note_outcome(record, effects, begun, result)
}

/// Notes what a backend did that was called at `begun`, in nanoseconds.
fn note_outcome<E: Effects>(
    record: &mut Record<'_>,
    effects: &E,
    begun: u64,
    result: Result<E::Reply, IntegrationFailure>,
) -> Result<E::Reply, Refusal> {
    record.integration = Some(IntegrationOutcome {
        status: result.as_ref().ok().map(Reply::status),
        begun_nanoseconds: begun,
        latency_nanoseconds: effects.monotonic_nanoseconds().saturating_sub(begun),
    });
    result.map_err(Refusal::Integration)
}

fn address_of<'m>(matched: &Matched<'m>) -> Result<&'m Address, Refusal> {
    match &matched.stage_method.integration.target {
        Some(Target::Address(address)) if !matched.method.integration.always_fails => Ok(address),
        Some(Target::Malformed(reason)) => Err(Refusal::Configuration(reason.to_string().into())),
        _ => Err(Refusal::Configuration("a mapping of the integration sets a header that it may not".into())),
    }
}

/// A call that is made at a moment, in nanoseconds: the integration's time begins there.
fn integration_call<'c>(
    record: &Record<'c>,
    matched: &Matched<'_>,
    (address, head): (&'c Address, &'c [u8]),
    begun: u64,
) -> IntegrationCall<'c> {
    let verb = address.verb.unwrap_or(matched.verb);
    let timeout = matched.stage_method.integration.timeout_nanoseconds;
    let (answer_bytes_max, answer_gap_nanoseconds) = if is_streamed(matched) {
        (u64::MAX, STREAM_GAP_NANOSECONDS)
    } else {
        (record.house.limits.payload_bytes, u64::MAX)
    };
    IntegrationCall {
        destination: &address.destination,
        head,
        is_head: verb == postern_model::Verb::Head,
        is_idempotent: verb.is_idempotent(),
        deadline_nanoseconds: begun.saturating_add(timeout),
        answer_bytes_max,
        answer_gap_nanoseconds,
        limits: &record.house.limits,
    }
}

/// How long a backend may pause within an answer that is streamed (ST2).
const STREAM_GAP_NANOSECONDS: u64 = 300_000_000_000;

/// Whether an answer that passes is read whole, since it is to be compressed. A part of something
/// cannot be.
fn is_compressed<R: Reply>(record: &Record<'_>, reply: &R, fields: &FieldBlock) -> bool {
    let length = match reply.length() {
        BodyLength::None => return false,
        BodyLength::Known(length) => length,
        BodyLength::Unknown => u64::MAX,
    };
    content::answer_coding(record, fields, length).is_some() && reply.status() != 206
}

/// Gives an answer that is here whole the content coding that API and client ask for (Z1).
fn compress<R>(record: &Record<'_>, served: Served<R>, paper: &mut Paper<'_>) -> Served<R> {
    let Served::Whole(status, sheet) = served else { return served };
    let body = paper.sheets.get(sheet);
    let coding = content::answer_coding(record, paper.fields, body.len() as u64);
    let Some((coding, bytes)) = coding.and_then(|coding| Some((coding, content::compress(coding, body)?)))
    else {
        return served;
    };
    paper.sheets.bytes = bytes;
    paper.fields.push_trusted(b"Content-Encoding", coding.as_str().as_bytes());
    Served::Whole(status, Sheet::Bytes)
}

/// What the steps before the integration write; read until the answer is made.
struct Memory<'a> {
    routing: &'a mut RoutingMemory,
    variables: &'a mut Vec<VariableSpan>,
    arn: &'a mut String,
    collected: &'a mut Collected,
}

/// What the integration writes: the call and the answer.
struct Paper<'p> {
    call: &'p mut CallMemory,
    sheets: &'p mut Sheets,
    fields: &'p mut FieldBlock,
}

/// What a request is answered with: a status, and the body.
enum Served<R> {
    /// The backend's, passed on.
    Stream(u16, Passing<R>),
    /// What was written here.
    Whole(u16, Sheet),
}
