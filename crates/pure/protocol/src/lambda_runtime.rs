//! The Lambda Runtime API, both directions: what a hosted function's process asks and says, and what it is answered.
//!
//! Source: "Using the Lambda runtime API" and "Building a custom runtime" (AWS Lambda developer guide); what an
//! emulator of the service answers to wrong calls; `lambda-events.md` section 8. Version 2018-06-01. Who may call
//! when, and how long `next` waits, is the host's affair.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod trailing_error;

use std::{borrow::Cow, fmt};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{
    function_error::{FunctionError, StreamFailure},
    http1::FieldBlock,
};

pub use trailing_error::{Ending, TrailingErrorFilter};

/// What a process calls.
///
/// ```
/// use postern_protocol::lambda_runtime::RuntimeCall;
///
/// let call = RuntimeCall::read(b"POST", b"/2018-06-01/runtime/invocation/8476a536/response");
/// assert_eq!(call, Some(RuntimeCall::Response { request_id: "8476a536" }));
/// assert_eq!(RuntimeCall::Next.path(), "/2018-06-01/runtime/invocation/next");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeCall<'path> {
    /// GET `/runtime/invocation/next`: the process is idle and waits for an event, however long.
    Next,
    /// POST `/runtime/invocation/{id}/response`: the answer, which may come in pieces.
    Response {
        /// The id of the invocation.
        request_id: &'path str,
    },
    /// POST `/runtime/invocation/{id}/error`: the function failed.
    Error {
        /// The id of the invocation.
        request_id: &'path str,
    },
    /// POST `/runtime/init/error`: the process could not start, and will end.
    InitError,
    /// GET `/runtime/restore/next`: for snapshots, which are not made here.
    RestoreNext,
    /// POST `/runtime/restore/error`: for snapshots, which are not made here.
    RestoreError,
}

impl<'path> RuntimeCall<'path> {
    /// The call of this method and path (without a query). `None` when there is no such call.
    #[must_use]
    pub fn read(method: &[u8], path: &'path [u8]) -> Option<Self> {
        let path = str::from_utf8(path).ok()?.strip_prefix(BASE_PATH)?;
        match (method, path) {
            (b"GET", "/runtime/invocation/next") => Some(Self::Next),
            (b"POST", "/runtime/init/error") => Some(Self::InitError),
            (b"GET", "/runtime/restore/next") => Some(Self::RestoreNext),
            (b"POST", "/runtime/restore/error") => Some(Self::RestoreError),
            (b"POST", path) => {
                let (request_id, what) = path.strip_prefix("/runtime/invocation/")?.split_once('/')?;
                match what {
                    _ if request_id.is_empty() => None,
                    "response" => Some(Self::Response { request_id }),
                    "error" => Some(Self::Error { request_id }),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The method that makes the call.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Next | Self::RestoreNext => "GET",
            Self::Response { .. } | Self::Error { .. } | Self::InitError | Self::RestoreError => "POST",
        }
    }

    /// The path of the call.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Next => format!("{BASE_PATH}/runtime/invocation/next"),
            Self::Response { request_id } => format!("{BASE_PATH}/runtime/invocation/{request_id}/response"),
            Self::Error { request_id } => format!("{BASE_PATH}/runtime/invocation/{request_id}/error"),
            Self::InitError => format!("{BASE_PATH}/runtime/init/error"),
            Self::RestoreNext => format!("{BASE_PATH}/runtime/restore/next"),
            Self::RestoreError => format!("{BASE_PATH}/runtime/restore/error"),
        }
    }
}

/// What the head of the answer to `next` says about an invocation. The body is the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation<'text> {
    /// A UUID. Clients do not work without it.
    pub request_id: &'text str,
    /// When the answer is due, in milliseconds since 1970. Clients do not work without it.
    pub deadline_milliseconds: u64,
    /// The ARN that was called, qualifier included.
    pub function_arn: &'text str,
    /// The X-Ray header; clients copy it to `_X_AMZN_TRACE_ID`.
    pub trace_id: Option<&'text str>,
    /// JSON that the caller gave.
    pub client_context: Option<&'text str>,
    /// JSON about the caller's Cognito identity.
    pub cognito_identity: Option<&'text str>,
    /// The tenant, for functions that keep tenants apart.
    pub tenant_id: Option<&'text str>,
}

impl<'text> Invocation<'text> {
    /// Writes the fields of the answer, but for its length. The texts are trusted to hold no control characters.
    pub fn write_fields(&self, fields: &mut FieldBlock) {
        fields.push_trusted(b"Content-Type", b"application/json");
        fields.push_trusted(REQUEST_ID.as_bytes(), self.request_id.as_bytes());
        fields.push_number(DEADLINE.as_bytes(), self.deadline_milliseconds);
        fields.push_trusted(FUNCTION_ARN.as_bytes(), self.function_arn.as_bytes());
        let optional = [
            (TRACE_ID, self.trace_id),
            (CLIENT_CONTEXT, self.client_context),
            (COGNITO_IDENTITY, self.cognito_identity),
            (TENANT_ID, self.tenant_id),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                fields.push_trusted(name.as_bytes(), value.as_bytes());
            }
        }
    }

    /// Reads the head that a process gets; `value` gives a field by its name. `None` without an id or a deadline.
    pub fn read(value: impl Fn(&'static str) -> Option<&'text str>) -> Option<Self> {
        Some(Self {
            request_id: value(REQUEST_ID)?,
            deadline_milliseconds: value(DEADLINE)?.parse().ok()?,
            function_arn: value(FUNCTION_ARN).unwrap_or_default(),
            trace_id: value(TRACE_ID),
            client_context: value(CLIENT_CONTEXT),
            cognito_identity: value(COGNITO_IDENTITY),
            tenant_id: value(TENANT_ID),
        })
    }
}

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// Whole, at most [`RESPONSE_BYTES_MAX`].
    Buffered,
    /// In pieces, with errors in trailers.
    Streaming,
}

impl ResponseMode {
    /// Reads the value of [`RESPONSE_MODE`].
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidResponseMode`] for anything but `streaming`; the invocation then fails with
    /// `Runtime.InvalidResponseModeHeader`.
    pub fn read(value: Option<&[u8]>) -> Result<Self, Refusal> {
        match value {
            None | Some(b"") => Ok(Self::Buffered),
            Some(b"streaming") => Ok(Self::Streaming),
            Some(_) => Err(Refusal::InvalidResponseMode),
        }
    }

    /// The fields with which a process sends an answer, but for its framing.
    #[must_use]
    pub const fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Buffered => &[("Content-Type", "application/json")],
            Self::Streaming => &[
                ("Content-Type", "application/vnd.awslambda.http-integration-response"),
                (RESPONSE_MODE, "streaming"),
                ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
            ],
        }
    }
}

/// The payload of an error that a process reports: its body as it is, or one made from the value of [`ERROR_TYPE`]
/// where the body is empty.
#[must_use]
pub fn error_payload<'body>(error_type: Option<&[u8]>, body: &'body [u8]) -> Cow<'body, [u8]> {
    if !body.is_empty() {
        return Cow::Borrowed(body);
    }
    let kind = valid_error_type(error_type.unwrap_or_default()).to_owned();
    Cow::Owned(FunctionError { message: String::new(), kind }.to_json().into_bytes())
}

/// The kind of an error as it is counted: `Runtime.Name` or `Function.Name` as reported, else the unknown one.
#[must_use]
pub fn valid_error_type(error_type: &[u8]) -> &str {
    let text = str::from_utf8(error_type).unwrap_or_default();
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_uppercase())
            && bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_graphic())
    };
    match text.split_once('.') {
        Some(("Runtime" | "Function", name)) if is_name(name) => text,
        Some(("Function", _)) => "Function.Unknown",
        _ => "Runtime.Unknown",
    }
}

/// Reads the trailers of a streamed answer: the values of [`ERROR_TYPE`] and [`ERROR_BODY`]. Without the first the
/// stream ended well.
#[must_use]
pub fn read_error_trailers(error_type: Option<&[u8]>, error_body: Option<&[u8]>) -> Option<StreamFailure> {
    let code = String::from_utf8_lossy(error_type?).into_owned();
    let body = error_body.unwrap_or_default();
    // What is not base64 is told as it came: it is for the operator.
    let details = BASE64_STANDARD.decode(body).unwrap_or_else(|_| body.to_vec());
    Some(StreamFailure { code, details: String::from_utf8_lossy(&details).into_owned() })
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such call.
    UnknownCall,
    /// A call out of its order, such as an answer before an invocation; and all calls about snapshots.
    StateTransition,
    /// The id of no invocation, or of one that is over.
    InvalidRequestId,
    /// An answer above [`RESPONSE_BYTES_MAX`]; the caller gets [`FunctionError::response_too_large`].
    ResponseTooLarge,
    /// A body that ended early.
    Truncated,
    /// A response mode that is not known.
    InvalidResponseMode,
}

impl Refusal {
    /// The status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownCall => 404,
            Self::StateTransition => 403,
            Self::InvalidRequestId | Self::Truncated | Self::InvalidResponseMode => 400,
            Self::ResponseTooLarge => 413,
        }
    }

    /// The kind, as `errorType` has it.
    #[must_use]
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::UnknownCall => "UnknownCall",
            Self::StateTransition => "InvalidStateTransition",
            Self::InvalidRequestId => "InvalidRequestID",
            Self::ResponseTooLarge => "RequestEntityTooLarge",
            Self::Truncated => "TruncatedHTTPRequest",
            Self::InvalidResponseMode => "InvalidFunctionResponseMode",
        }
    }

    /// The body: JSON.
    #[must_use]
    pub fn body(self) -> String {
        json!({"errorMessage": self.to_string(), "errorType": self.error_type()}).to_string()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownCall => "No such call",
            Self::StateTransition => "State transition is not allowed",
            Self::InvalidRequestId => "Invalid request ID",
            Self::ResponseTooLarge => "Exceeded maximum allowed payload size (6291556 bytes).",
            Self::Truncated => "HTTP request detected as truncated",
            Self::InvalidResponseMode => "Invalid function response mode",
        })
    }
}

impl std::error::Error for Refusal {}

/// The body that answers what was taken, with status 202.
pub const ACCEPTED_BODY: &str = r#"{"status":"OK"}"#;

/// The largest answer that is not streamed: 6 MiB and 100 bytes.
pub const RESPONSE_BYTES_MAX: u32 = 6_291_556;

/// The field or trailer that names a reported error.
pub const ERROR_TYPE: &str = "Lambda-Runtime-Function-Error-Type";

/// The trailer with what a reported error says, in base64.
pub const ERROR_BODY: &str = "Lambda-Runtime-Function-Error-Body";

/// The field that says how an answer comes.
pub const RESPONSE_MODE: &str = "Lambda-Runtime-Function-Response-Mode";

/// The version of the API, before every path.
const BASE_PATH: &str = "/2018-06-01";

const REQUEST_ID: &str = "Lambda-Runtime-Aws-Request-Id";
const DEADLINE: &str = "Lambda-Runtime-Deadline-Ms";
const FUNCTION_ARN: &str = "Lambda-Runtime-Invoked-Function-Arn";
const TRACE_ID: &str = "Lambda-Runtime-Trace-Id";
const CLIENT_CONTEXT: &str = "Lambda-Runtime-Client-Context";
const COGNITO_IDENTITY: &str = "Lambda-Runtime-Cognito-Identity";
const TENANT_ID: &str = "Lambda-Runtime-Aws-Tenant-Id";

#[cfg(test)]
mod tests;
