//! AWS_PROXY and AWS: a function is called, in whichever way leads to it.

use postern_protocol::{
    function_error::FunctionError,
    http1::FieldBlock,
    lambda_invoke::{FUNCTION_ERROR, InvocationType, Outcome},
};

use super::{Paper, STREAM_GAP_NANOSECONDS, Served, note_outcome};
use crate::{
    CallBody, Effects, FunctionStream, HostedCall, IntegrationCall, IntegrationFailure,
    IntegrationFailureKind, Passing, Record, Refusal, Reply, RequestBody,
    authorization::Permit,
    body::{self, ClientBody},
    context::lossy,
    integration::{
        CallMemory, EVENT_BYTES_MAX, FunctionCall, FunctionTarget, FunctionWay, IntegrationResult,
        InvocationFields, OnBehalf, ProxyAnswer, SelectedBy, Target, client_context_of, error_of,
        is_streamed, map_function_call, map_response, outcome_of, refused_call, selectable_message,
        write_event, write_fields, write_function_answer, write_invoke_call, write_own_fields,
        write_trace_id,
    },
    response::Sheet,
    routing::Matched,
};

/// AWS_PROXY: the function is given an event made of the request, and says what the client sees.
pub(super) async fn function_proxy<E: Effects, B: RequestBody>(
    _permit: &Permit,
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: &ClientBody<'_, B>,
    effects: &E,
) -> Result<Served<E::Reply>, Refusal> {
    let Paper { call, sheets, fields } = paper;
    let target = function_of(matched)?;
    let mut trace_id = Vec::new();
    write_own_fields(record, &mut trace_id, &mut call.fields);
    write_event(record, matched, &call.fields, client_body.plain(), &mut sheets.text)?;
    call.fields.clear();
    let streams = is_streamed(matched);
    let invocation_type = if streams { InvocationType::Streamed } else { InvocationType::Buffered };
    let event = sheets.text.as_bytes();
    let function_call = FunctionCall {
        target,
        event,
        invocation_type,
        trace_id: &lossy(&trace_id),
        on_behalf: OnBehalf::Method(matched),
    };
    let mut reply = call_noted::<E, B>(record, matched, &function_call, call, effects).await?;
    if streams && !is_failure(&reply) {
        return stream(record, target, reply, fields).await;
    }
    body::collect_reply(record.house, &mut reply, &mut sheets.reply).await?;
    let (bytes, head) = reply.head();
    let fault = |reason: String| Refusal::failed_function(IntegrationFailureKind::BadAnswer, reason);
    let name = target.arn.name();
    match outcome_of(target, reply.status(), head.over(bytes).fields(), &sheets.reply)? {
        Outcome::Answered(payload) => {
            let status = write_function_answer(record, payload, fields, &mut sheets.bytes)?;
            record.function_status = Some(status);
            Ok(Served::Whole(status, Sheet::Bytes))
        }
        Outcome::FunctionFailed(payload) => {
            Err(fault(format!("function `{name}` failed: {}", summary(&error_of(payload)))))
        }
        Outcome::Accepted => Err(fault(format!("function `{name}` gave no answer"))),
        Outcome::Refused(error) => Err(refused_call(&error, name)),
    }
}

/// AWS with a function: the event and the answer go through mappings and templates.
pub(super) async fn function_mapped<E: Effects, B: RequestBody>(
    _permit: &Permit,
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: &ClientBody<'_, B>,
    effects: &E,
) -> Result<Served<E::Reply>, Refusal> {
    let Paper { call, sheets, fields } = paper;
    let target = function_of(matched)?;
    let body = client_body.text(record);
    let mut mapped = map_function_call(record, matched, &body, &mut call.fields, &mut sheets.text)?;
    let event = match mapped.body(&sheets.text) {
        // A function is always given JSON.
        [] => b"{}",
        event => event,
    };
    if event.len() > EVENT_BYTES_MAX {
        return Err(Refusal::EventTooLarge);
    }
    let is_event = InvocationFields::of(&call.fields).invocation_type == Some(b"Event");
    let invocation_type = if is_event { InvocationType::Event } else { InvocationType::Buffered };
    let trace_id = trace_id(record);
    let function_call = FunctionCall {
        target,
        event,
        invocation_type,
        trace_id: &trace_id,
        on_behalf: OnBehalf::Method(matched),
    };
    let mut reply = call_noted::<E, B>(record, matched, &function_call, call, effects).await?;
    body::collect_reply(record.house, &mut reply, &mut sheets.reply).await?;
    let (bytes, head) = reply.head();
    let reply_fields = head.over(bytes).fields();
    let message = match outcome_of(target, reply.status(), reply_fields, &sheets.reply)? {
        Outcome::Answered(_) | Outcome::Accepted => String::new(),
        Outcome::FunctionFailed(payload) => error_of(payload).message,
        Outcome::Refused(error) => selectable_message(error, target.arn.name())?,
    };
    let selected_by = SelectedBy::ErrorMessage(&message);
    let result = IntegrationResult { selected_by, fields: Some(reply_fields) };
    let (status, sheet) = map_response(record, matched, result, &mut mapped.overrides, sheets, fields)?;
    record.repeated_overrides = mapped.overrides.repeated_assignments;
    Ok(Served::Whole(status, sheet))
}

fn function_of<'m>(matched: &Matched<'m>) -> Result<&'m FunctionTarget, Refusal> {
    match &matched.stage_method.integration.target {
        Some(Target::Function(function)) if !matched.method.integration.always_fails => Ok(function),
        Some(Target::Malformed(reason)) => Err(Refusal::Configuration(reason.to_string().into())),
        _ => Err(Refusal::Configuration("the integration cannot call its function".into())),
    }
}

/// Calls the function of an integration and notes what it did.
async fn call_noted<E: Effects, B: RequestBody>(
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    call: &FunctionCall<'_>,
    memory: &mut CallMemory,
    effects: &E,
) -> Result<E::Reply, Refusal> {
    let begun = effects.monotonic_nanoseconds();
    let terms = CallTerms::of(record, matched, begun);
    let result = call_function::<E, B>(record, call, terms, memory, effects).await?;
    note_outcome(record, effects, begun, result)
}

/// How long a call of a function may take, and how much it may answer.
#[derive(Clone, Copy)]
pub(super) struct CallTerms {
    /// As in [`IntegrationCall`].
    pub(super) deadline_nanoseconds: u64,
    pub(super) answer_bytes_max: u64,
    pub(super) answer_gap_nanoseconds: u64,
}

impl CallTerms {
    /// Those of an integration that is called at a moment, in nanoseconds.
    fn of(record: &Record<'_>, matched: &Matched<'_>, begun: u64) -> Self {
        let timeout = matched.stage_method.integration.timeout_nanoseconds;
        let streams = is_streamed(matched);
        Self {
            deadline_nanoseconds: begun.saturating_add(timeout),
            answer_bytes_max: if streams { u64::MAX } else { record.house.limits.payload_bytes },
            answer_gap_nanoseconds: if streams { STREAM_GAP_NANOSECONDS } else { u64::MAX },
        }
    }
}

/// Calls a function; `memory.fields` hold what mappings set.
pub(super) async fn call_function<E: Effects, B: RequestBody>(
    record: &Record<'_>,
    call: &FunctionCall<'_>,
    terms: CallTerms,
    memory: &mut CallMemory,
    effects: &E,
) -> Result<Result<E::Reply, IntegrationFailure>, Refusal> {
    let CallTerms { deadline_nanoseconds, answer_bytes_max, answer_gap_nanoseconds } = terms;
    let limits = &record.house.limits;
    let endpoint = match &call.target.way {
        FunctionWay::Hosted(function) => {
            let client_context = client_context_of(InvocationFields::of(&memory.fields).client_context);
            let hosted_call = HostedCall {
                function,
                function_arn: call.target.arn.as_str(),
                event: call.event,
                event_is_json: !call.is_mapped(),
                request_id: record.ids.request_id(),
                trace_id: call.trace_id,
                client_context: client_context.as_deref(),
                is_event: call.invocation_type == InvocationType::Event,
                deadline_nanoseconds,
                answer_gap_nanoseconds,
                limits,
            };
            return Ok(effects.invoke(&hosted_call).await);
        }
        FunctionWay::Invoke { endpoint, .. } | FunctionWay::Emulator(endpoint) => endpoint,
    };
    if matches!(call.target.way, FunctionWay::Emulator(_)) && call.invocation_type == InvocationType::Streamed
    {
        let reason = "the Runtime Interface Emulator streams no answers";
        return Err(Refusal::Configuration(reason.into()));
    }
    write_invoke_call(record, call, endpoint, memory)?;
    let integration_call = IntegrationCall {
        destination: &endpoint.destination,
        head: &memory.head,
        is_head: false,
        is_idempotent: false,
        deadline_nanoseconds,
        answer_bytes_max,
        answer_gap_nanoseconds,
        limits,
    };
    Ok(effects.integrate(&integration_call, CallBody::<B>::Whole(call.event)).await)
}

/// Passes a streamed answer on, from behind what says how it is to be answered.
async fn stream<R: Reply>(
    record: &mut Record<'_>,
    target: &FunctionTarget,
    reply: R,
    fields: &mut FieldBlock,
) -> Result<Served<R>, Refusal> {
    let comes_in_messages = matches!(target.way, FunctionWay::Invoke { .. });
    let mut stream = FunctionStream::new(reply, comes_in_messages);
    let metadata = stream.metadata().await.map_err(Refusal::Integration)?;
    let answer = ProxyAnswer::of_metadata(&metadata).map_err(Refusal::malformed_answer)?;
    let status = answer.status.unwrap_or(200);
    write_fields(record, &answer, fields)?;
    record.function_status = Some(status);
    Ok(Served::Stream(status, Passing::Function(Box::new(stream))))
}

/// Whether a reply to a call that is to be streamed is no stream: the function failed, or was not run.
fn is_failure<R: Reply>(reply: &R) -> bool {
    let (bytes, head) = reply.head();
    reply.status() != 200
        || head.over(bytes).fields().values_named(FUNCTION_ERROR.as_bytes()).next().is_some()
}

/// The X-Ray header of a request.
fn trace_id(record: &Record<'_>) -> String {
    let mut trace_id = Vec::new();
    write_trace_id(record, &mut trace_id);
    lossy(&trace_id).into_owned()
}

/// An error of a function in a line for an operator.
fn summary(error: &FunctionError) -> String {
    const CHARACTERS_MAX: usize = 256;
    let text = format!("{} {}", error.kind, error.message);
    text.trim().chars().take(CHARACTERS_MAX).collect()
}
