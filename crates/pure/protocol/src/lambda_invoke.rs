//! The Invoke call of Lambda and its answer, buffered and streamed, for whatever speaks it: the service, emulators.
//!
//! Source: "Invoke" and "InvokeWithResponseStream" (AWS Lambda API reference); `lambda-events.md` sections 5, 6
//! and 9. Heads are given and taken as plain names and values; which connection carries them is the edge's affair.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::{event_stream::Message, function_error::StreamFailure, uri};

/// A call that is about to be made. Its body is the event; its method is POST.
///
/// ```
/// use postern_protocol::lambda_invoke::{InvocationType, InvokeCall};
///
/// let call = InvokeCall { qualifier: Some("live"), ..InvokeCall::new("hello", InvocationType::Buffered) };
/// assert_eq!(call.path(), "/2015-03-31/functions/hello/invocations");
/// assert_eq!(call.query(), "Qualifier=live");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvokeCall<'call> {
    /// A name, a partial ARN (`123456789012:function:name`) or a whole one, without a qualifier.
    pub function: &'call str,
    /// An alias or a version.
    pub qualifier: Option<&'call str>,
    /// How the answer comes.
    pub invocation_type: InvocationType,
    /// Whether the last 4 KB of the function's log are wanted with the answer.
    pub tail_log: bool,
    /// `X-Amz-Client-Context`: base64 of JSON.
    pub client_context: Option<&'call str>,
    /// `X-Amz-Tenant-Id`.
    pub tenant_id: Option<&'call str>,
    /// `X-Amzn-Trace-Id`.
    pub trace_id: Option<&'call str>,
    /// What the gateway says about itself; `None` where that is turned off.
    pub caller: Option<Caller<'call>>,
}

/// What API Gateway adds to its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'call> {
    /// The id of the request.
    pub request_id: &'call str,
    /// The ARN of the method.
    pub source_arn: &'call str,
    /// The id of the API.
    pub api_id: &'call str,
}

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationType {
    /// Whole, when the function is done: `RequestResponse`.
    Buffered,
    /// Not at all: `Event` is answered 202 at once.
    Event,
    /// In pieces, by InvokeWithResponseStream.
    Streamed,
}

impl<'call> InvokeCall<'call> {
    /// A call with nothing but a function and a type.
    #[must_use]
    pub const fn new(function: &'call str, invocation_type: InvocationType) -> Self {
        Self {
            function,
            qualifier: None,
            invocation_type,
            tail_log: false,
            client_context: None,
            tenant_id: None,
            trace_id: None,
            caller: None,
        }
    }

    /// The path, in which the `:` of an ARN is escaped.
    #[must_use]
    pub fn path(&self) -> String {
        let function = escaped(self.function);
        match self.invocation_type {
            InvocationType::Buffered | InvocationType::Event => {
                format!("/2015-03-31/functions/{function}/invocations")
            }
            InvocationType::Streamed => {
                format!("/2021-11-15/functions/{function}/response-streaming-invocations")
            }
        }
    }

    /// The query without its `?`; empty without a qualifier.
    #[must_use]
    pub fn query(&self) -> String {
        self.qualifier.map_or_else(String::new, |qualifier| format!("Qualifier={}", escaped(qualifier)))
    }

    /// The fields, but for `Host`, `Content-Length` and the signature's.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, Cow<'call, str>)> {
        let invocation_type = match self.invocation_type {
            InvocationType::Buffered | InvocationType::Streamed => "RequestResponse",
            InvocationType::Event => "Event",
        };
        let mut fields: Vec<(&'static str, Cow<'call, str>)> = vec![
            ("Content-Type", "application/json".into()),
            ("X-Amz-Invocation-Type", invocation_type.into()),
        ];
        if self.tail_log {
            fields.push(("X-Amz-Log-Type", "Tail".into()));
        }
        let optional = [
            ("X-Amz-Client-Context", self.client_context),
            ("X-Amz-Tenant-Id", self.tenant_id),
            ("X-Amzn-Trace-Id", self.trace_id),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?.into()))));
        if let Some(caller) = self.caller {
            fields.extend([
                ("x-amzn-lambda-integration-tag", caller.request_id.into()),
                ("X-Amz-Source-Arn", caller.source_arn.into()),
                ("x-amzn-apigateway-api-id", caller.api_id.into()),
                ("User-Agent", format!("AmazonAPIGateway_{}", caller.api_id).into()),
            ]);
        }
        fields
    }
}

fn escaped(text: &str) -> String {
    let mut written = Vec::with_capacity(text.len());
    uri::encode(text.as_bytes(), &mut written);
    String::from_utf8(written).unwrap_or_default()
}

/// What the head of an answer says. The names of the fields are those of the constants below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnswerHead<'answer> {
    /// The status.
    pub status: u16,
    /// The value of [`FUNCTION_ERROR`].
    pub function_error: Option<&'answer [u8]>,
    /// The value of [`ERROR_TYPE`].
    pub error_type: Option<&'answer [u8]>,
}

/// The field that says that the function failed: `Handled` or `Unhandled`.
pub const FUNCTION_ERROR: &str = "X-Amz-Function-Error";

/// The field that names an error of the API itself.
pub const ERROR_TYPE: &str = "x-amzn-ErrorType";

/// The field with the last 4 KB of the function's log, in base64.
pub const LOG_RESULT: &str = "X-Amz-Log-Result";

/// The field with the version that ran.
pub const EXECUTED_VERSION: &str = "X-Amz-Executed-Version";

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'answer> {
    /// The function answered with this payload.
    Answered(&'answer [u8]),
    /// The event was taken (202) or would have been (204); there is no payload.
    Accepted,
    /// The function failed. [`FunctionError`](crate::function_error::FunctionError) reads the payload.
    FunctionFailed(&'answer [u8]),
    /// The function was not run.
    Refused(ApiError),
}

/// An error of the API: the function was not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// What it means for a gateway.
    pub kind: ApiErrorKind,
    /// The status.
    pub status: u16,
    /// The name, such as `TooManyRequestsException`; empty when the answer has none.
    pub name: String,
    /// The text; empty when the answer has none. For the operator, not for the client.
    pub message: String,
}

/// The kinds of API errors that are answered differently (`lambda-events.md` section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// Too many calls at once.
    Throttled,
    /// The caller may not call, or its signature does not hold.
    AccessDenied,
    /// No such function, version or alias.
    NotFound,
    /// The event is not what the service takes, such as text that is not JSON.
    InvalidRequest,
    /// The event is too large.
    TooLarge,
    /// The service failed, or what the function needs did.
    Service,
    /// Any other refusal.
    Other,
}

/// What Invoke answers to an event that is no JSON, or is nested more than 128 deep: the body of
/// `InvalidRequestContentException`, whose status is 400. Absent where it would call the function.
///
/// ```
/// use postern_protocol::lambda_invoke::refuse_event;
///
/// assert_eq!(refuse_event(b"[1]"), None);
/// assert!(refuse_event(b"[1").unwrap().starts_with(br#"{"Type":"User","message":"Could not parse"#));
/// ```
#[must_use]
pub fn refuse_event(event: &[u8]) -> Option<Vec<u8>> {
    let fault = serde_json::from_slice::<Value>(event).err()?;
    let message =
        format!("Could not parse request body into json: Could not parse payload into json: {fault}");
    Some(json!({"Type": "User", "message": message}).to_string().into_bytes())
}

/// Reads an answer of Invoke. `body` is the whole body.
#[must_use]
pub fn read_answer<'answer>(head: &AnswerHead<'answer>, body: &'answer [u8]) -> Outcome<'answer> {
    match (head.status, head.function_error) {
        (200, Some(_)) => Outcome::FunctionFailed(body),
        (200, None) => Outcome::Answered(body),
        (202 | 204, _) => Outcome::Accepted,
        _ => Outcome::Refused(read_api_error(head, body)),
    }
}

/// Reads an answer of the Runtime Interface Emulator, which says 200 to a function that failed (rule RE1). Not for
/// anything else: an answer of a function may look the same.
#[must_use]
pub fn read_emulator_answer<'answer>(head: &AnswerHead<'answer>, body: &'answer [u8]) -> Outcome<'answer> {
    match read_answer(head, body) {
        Outcome::Answered(payload) if is_emulator_error(payload) => Outcome::FunctionFailed(payload),
        outcome => outcome,
    }
}

/// The path of the emulator: its only function has this name.
pub const EMULATOR_PATH: &str = "/2015-03-31/functions/function/invocations";

fn is_emulator_error(payload: &[u8]) -> bool {
    if let Ok(Value::Object(members)) = serde_json::from_slice(payload) {
        return members.contains_key("errorType")
            && members.contains_key("errorMessage")
            && !members.contains_key("statusCode");
    }
    let text = payload.trim_ascii();
    let seconds = text.strip_prefix(b"Task timed out after ").and_then(|text| text.strip_suffix(b" seconds"));
    seconds.is_some_and(|seconds| {
        !seconds.is_empty() && seconds.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    })
}

/// Reads an error of the API. For InvokeWithResponseStream too, whose errors before the stream have the same shape.
#[must_use]
pub fn read_api_error(head: &AnswerHead<'_>, body: &[u8]) -> ApiError {
    let name = head.error_type.map(String::from_utf8_lossy).unwrap_or_default();
    // Some speakers put a namespace before the name, or an address behind it.
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim();
    let members: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = ["Message", "message"].into_iter().find_map(|key| members.get(key)?.as_str());
    ApiError {
        kind: kind_of(name, head.status),
        status: head.status,
        name: name.to_owned(),
        message: message.unwrap_or_default().to_owned(),
    }
}

/// By the name; by the status only where the name says nothing, since further names use further statuses.
fn kind_of(name: &str, status: u16) -> ApiErrorKind {
    let named = API_ERRORS.iter().find(|(start, _)| name.starts_with(start));
    named.map_or_else(
        || match status {
            429 => ApiErrorKind::Throttled,
            403 | 401 => ApiErrorKind::AccessDenied,
            404 => ApiErrorKind::NotFound,
            413 => ApiErrorKind::TooLarge,
            500.. => ApiErrorKind::Service,
            _ => ApiErrorKind::Other,
        },
        |(_, kind)| *kind,
    )
}

/// How the names of errors start, and what they mean. The first that fits counts.
const API_ERRORS: &[(&str, ApiErrorKind)] = &[
    ("TooManyRequests", ApiErrorKind::Throttled),
    ("Throttling", ApiErrorKind::Throttled),
    ("AccessDenied", ApiErrorKind::AccessDenied),
    ("UnrecognizedClient", ApiErrorKind::AccessDenied),
    ("InvalidSignature", ApiErrorKind::AccessDenied),
    ("IncompleteSignature", ApiErrorKind::AccessDenied),
    ("MissingAuthenticationToken", ApiErrorKind::AccessDenied),
    ("ExpiredToken", ApiErrorKind::AccessDenied),
    ("ResourceNotFound", ApiErrorKind::NotFound),
    ("InvalidRequestContent", ApiErrorKind::InvalidRequest),
    ("InvalidParameterValue", ApiErrorKind::InvalidRequest),
    ("UnsupportedMediaType", ApiErrorKind::InvalidRequest),
    ("RequestTooLarge", ApiErrorKind::TooLarge),
    ("Service", ApiErrorKind::Service),
    ("EC2", ApiErrorKind::Service),
    ("EFS", ApiErrorKind::Service),
    ("ENI", ApiErrorKind::Service),
    ("KMS", ApiErrorKind::Service),
    ("SnapStart", ApiErrorKind::Service),
    ("InvalidRuntime", ApiErrorKind::Service),
    ("InvalidSecurityGroup", ApiErrorKind::Service),
    ("InvalidSubnet", ApiErrorKind::Service),
    ("InvalidZipFile", ApiErrorKind::Service),
    ("ResourceConflict", ApiErrorKind::Service),
    ("ResourceNotReady", ApiErrorKind::Service),
    ("SubnetIPAddressLimitReached", ApiErrorKind::Service),
];

/// What one message of a streamed answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent<'message> {
    /// The next bytes of the payload.
    PayloadChunk(&'message [u8]),
    /// The end. An error here came after the start: the status was 200.
    InvokeComplete(Result<(), StreamFailure>),
    /// A message of a kind that is not known; it says nothing.
    Unknown,
}

/// Reads one message of InvokeWithResponseStream's answer.
#[must_use]
pub fn read_stream_event(message: Message<'_>) -> StreamEvent<'_> {
    let text = |name| message.text(name).unwrap_or_default().to_owned();
    match (message.text(":message-type"), message.text(":event-type")) {
        (Some("event"), Some("PayloadChunk")) => StreamEvent::PayloadChunk(message.payload()),
        (Some("event"), Some("InvokeComplete")) => StreamEvent::InvokeComplete(read_end(message.payload())),
        (Some("exception"), _) => StreamEvent::InvokeComplete(Err(StreamFailure {
            code: text(":exception-type"),
            details: String::from_utf8_lossy(message.payload()).into_owned(),
        })),
        (Some("error"), _) => StreamEvent::InvokeComplete(Err(StreamFailure {
            code: text(":error-code"),
            details: text(":error-message"),
        })),
        _ => StreamEvent::Unknown,
    }
}

/// Reads `{"ErrorCode": …, "ErrorDetails": …, "LogResult": …}`, each of which may be absent or null.
fn read_end(payload: &[u8]) -> Result<(), StreamFailure> {
    if payload.trim_ascii().is_empty() {
        return Ok(());
    }
    let Ok(Value::Object(members)) = serde_json::from_slice(payload) else {
        let details = "the last event of the stream is not a JSON object".to_owned();
        return Err(StreamFailure { code: "InvalidInvokeComplete".to_owned(), details });
    };
    let text = |name| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match text("ErrorCode") {
        code if code.is_empty() => Ok(()),
        code => Err(StreamFailure { code, details: text("ErrorDetails") }),
    }
}

#[cfg(test)]
mod tests;
