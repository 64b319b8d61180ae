//! Calls of functions over HTTP: the Invoke API and the Runtime Interface Emulator, and what their answers
//! mean (lambda-events.md sections 4, 5 and 9).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use postern_model::IntegrationType;
use postern_protocol::{
    function_error::FunctionError,
    http1::{FieldBlock, Fields, write_request_line},
    lambda_invoke::{
        self, AnswerHead, ApiError, ApiErrorKind, Caller, EMULATOR_PATH, InvocationType, InvokeCall, Outcome,
    },
};

use super::{CallMemory, FunctionEndpoint, FunctionTarget, FunctionWay, signing::Unsigned};
use crate::{IntegrationFailureKind, Record, Refusal, context::lossy, routing::Matched};

/// What a call of a function says beside its event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionCall<'c> {
    pub(crate) target: &'c FunctionTarget,
    pub(crate) event: &'c [u8],
    pub(crate) invocation_type: InvocationType,
    /// The X-Ray header.
    pub(crate) trace_id: &'c str,
    pub(crate) on_behalf: OnBehalf<'c>,
}

/// What of an API calls a function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OnBehalf<'c> {
    /// A method.
    Method(&'c Matched<'c>),
    /// An authorizer, by its id.
    Authorizer(&'c str),
}

impl FunctionCall<'_> {
    /// Whether a mapping wrote the event, which may be anything then.
    pub(crate) fn is_mapped(&self) -> bool {
        matches!(self.on_behalf, OnBehalf::Method(matched)
            if matched.method.integration.kind == IntegrationType::Aws)
    }
}

/// Fields that mappings may set and a call of a function means something by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvocationFields<'f> {
    /// `X-Amz-Invocation-Type`; absent: the answer is waited for.
    pub(crate) invocation_type: Option<&'f [u8]>,
    /// `X-Amz-Client-Context`: base64 of JSON.
    pub(crate) client_context: Option<&'f [u8]>,
}

impl<'f> InvocationFields<'f> {
    /// Those of a block.
    pub(crate) fn of(fields: &'f FieldBlock) -> Self {
        Self {
            invocation_type: fields.get(b"X-Amz-Invocation-Type"),
            client_context: fields.get(b"X-Amz-Client-Context"),
        }
    }
}

/// Writes the head of a call over HTTP into `memory.head`. What mappings set stands in `memory.fields`.
pub(crate) fn write_invoke_call(
    record: &Record<'_>,
    call: &FunctionCall<'_>,
    endpoint: &FunctionEndpoint,
    memory: &mut CallMemory,
) -> Result<(), Refusal> {
    let CallMemory { head, fields, target } = memory;
    let source_arn = source_arn(record, call.on_behalf);
    let api_id = record.located.as_ref().map_or("", |located| located.api.id.as_str());
    let caller = Caller { request_id: record.ids.request_id(), source_arn: &source_arn, api_id };
    let invoke = InvokeCall {
        qualifier: call.target.arn.qualifier(),
        trace_id: Some(call.trace_id),
        caller: Some(caller),
        ..InvokeCall::new(call.target.arn.unqualified(), call.invocation_type)
    };
    let is_emulator = matches!(call.target.way, FunctionWay::Emulator(_));
    let path = if is_emulator { EMULATOR_PATH.to_owned() } else { invoke.path() };
    let query = if is_emulator { String::new() } else { invoke.query() };
    for (name, value) in invoke.fields() {
        // What a mapping sets goes before what is usual.
        if !fields.contains(name.as_bytes()) {
            fields.push_trusted(name.as_bytes(), value.as_bytes());
        }
    }
    fields.push_trusted(b"Host", endpoint.host.as_bytes());
    target.clear();
    target.extend_from_slice(path.as_bytes());
    if !query.is_empty() {
        target.push(b'?');
        target.extend_from_slice(query.as_bytes());
    }
    if let FunctionWay::Invoke { signing: Some(signing), .. } = &call.target.way {
        let unsigned = Unsigned { method: b"POST", target, body: call.event };
        signing.push_signature(record, &unsigned, fields)?;
    }
    fields.push_number(b"Content-Length", call.event.len() as u64);
    head.clear();
    write_request_line(head, b"POST", target)
        .map_err(|_| Refusal::Configuration("the function's ARN makes no address".into()))?;
    head.extend_from_slice(fields.as_bytes());
    head.extend_from_slice(b"\r\n");
    Ok(())
}

/// The ARN of the method or the authorizer, as functions are told who calls.
fn source_arn(record: &Record<'_>, on_behalf: OnBehalf<'_>) -> String {
    let Some(located) = record.located.as_ref() else { return String::new() };
    let house = record.house;
    let resource = match on_behalf {
        OnBehalf::Method(matched) => {
            let verb = matched.method.verb.as_str().replace("ANY", "*");
            format!("{}/{verb}{}", located.stage.name, matched.method.path)
        }
        OnBehalf::Authorizer(id) => format!("authorizers/{id}"),
    };
    format!(
        "arn:{}:execute-api:{}:{}:{}/{resource}",
        located.api.partition, house.region, house.account_id, located.api.id
    )
}

/// What became of a call, or why the request fails whatever the integration is (lambda-events.md
/// section 4).
pub(crate) fn outcome_of<'b>(
    target: &FunctionTarget,
    status: u16,
    fields: Fields<'b>,
    body: &'b [u8],
) -> Result<Outcome<'b>, Refusal> {
    let value = |name: &str| fields.values_named(name.as_bytes()).next();
    let (function_error, error_type) =
        (value(lambda_invoke::FUNCTION_ERROR), value(lambda_invoke::ERROR_TYPE));
    let head = AnswerHead { status, function_error, error_type };
    let outcome = match target.way {
        FunctionWay::Emulator(_) => lambda_invoke::read_emulator_answer(&head, body),
        FunctionWay::Hosted(_) | FunctionWay::Invoke { .. } => lambda_invoke::read_answer(&head, body),
    };
    match outcome {
        Outcome::Refused(error)
            if matches!(
                error.kind,
                ApiErrorKind::Throttled | ApiErrorKind::AccessDenied | ApiErrorKind::NotFound
            ) =>
        {
            Err(refused_call(&error, target.arn.name()))
        }
        outcome => Ok(outcome),
    }
}

/// The refusal where a function was not run (lambda-events.md section 4, column of proxies).
pub(crate) fn refused_call(error: &ApiError, name: &str) -> Refusal {
    let kind = match error.kind {
        ApiErrorKind::TooLarge => return Refusal::EventTooLarge,
        ApiErrorKind::Service | ApiErrorKind::InvalidRequest => IntegrationFailureKind::BadAnswer,
        _ => IntegrationFailureKind::Refused,
    };
    let ApiError { status, name: error_name, message, .. } = error;
    let reason = format!("function `{name}`: the Invoke API answered {status} {error_name} {message}");
    Refusal::failed_function(kind, reason.trim_end())
}

/// What the integration responses of a custom integration are chosen by where a function was not run: the
/// text of an error of the caller's making flows through (SP10), one of the service fails the request.
pub(crate) fn selectable_message(error: ApiError, name: &str) -> Result<String, Refusal> {
    match error.kind {
        ApiErrorKind::Service => {
            let reason =
                format!("function `{name}`: the Invoke API answered {} {}", error.status, error.name);
            Err(Refusal::failed_function(IntegrationFailureKind::Refused, reason))
        }
        _ => Ok(error.message),
    }
}

/// The error in the payload of a function that failed. What is no JSON is all message.
pub(crate) fn error_of(payload: &[u8]) -> FunctionError {
    FunctionError::parse(payload)
        .unwrap_or_else(|| FunctionError { message: lossy(payload).into_owned(), kind: String::new() })
}

/// The JSON of `X-Amz-Client-Context`, which comes in base64; what does not is left out.
pub(crate) fn client_context_of(value: Option<&[u8]>) -> Option<String> {
    let decoded = BASE64_STANDARD.decode(value?).ok()?;
    // It becomes a field of the answer to `next`.
    String::from_utf8(decoded).ok().filter(|text| !text.bytes().any(|byte| byte.is_ascii_control()))
}
