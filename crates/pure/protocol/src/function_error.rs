//! The error of a Lambda-style function, as functions report it and callers read it.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use serde_json::{Value, json};

/// An error of a function: `{"errorMessage": …, "errorType": …}`. Stack traces and further members are the payload's
/// own and pass through as they are.
///
/// ```
/// use postern_protocol::function_error::FunctionError;
///
/// let payload = br#"{"errorMessage": "no such pet", "errorType": "KeyError", "stackTrace": []}"#;
/// let error = FunctionError::parse(payload).unwrap();
/// assert_eq!(error.message, "no such pet");
/// assert_eq!(error.to_json(), r#"{"errorMessage":"no such pet","errorType":"KeyError"}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionError {
    /// What selection patterns are matched against. Empty when the payload has none.
    pub message: String,
    /// The kind, such as `KeyError` or `Runtime.ExitError`. Empty when the payload has none.
    pub kind: String,
}

impl FunctionError {
    /// Reads the payload of a function error. Anything but a JSON object is none.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let Ok(Value::Object(members)) = serde_json::from_slice(payload) else { return None };
        let text = |name| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Self { message: text("errorMessage"), kind: text("errorType") })
    }

    /// The payload.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({"errorMessage": self.message, "errorType": self.kind}).to_string()
    }

    /// A function that did not answer in time. The gateway ended it.
    #[must_use]
    pub fn timed_out(request_id: &str, timeout_seconds: u32) -> Self {
        Self {
            message: format!(
                "RequestId: {request_id} Error: Task timed out after {timeout_seconds}.00 seconds"
            ),
            kind: "Sandbox.Timedout".to_owned(),
        }
    }

    /// A process that ended before it answered. `how` says how, such as `exit status 1` or `signal: killed`.
    #[must_use]
    pub fn exited(request_id: &str, how: Option<&str>) -> Self {
        let reason = how.map_or_else(
            || "Runtime exited without providing a reason".to_owned(),
            |how| format!("Runtime exited with error: {how}"),
        );
        Self {
            message: format!("RequestId: {request_id} Error: {reason}"),
            kind: "Runtime.ExitError".to_owned(),
        }
    }

    /// An answer above [`RESPONSE_BYTES_MAX`](crate::lambda_runtime::RESPONSE_BYTES_MAX).
    #[must_use]
    pub fn response_too_large() -> Self {
        Self {
            message: "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
                .to_owned(),
            kind: "Function.ResponseSizeTooLarge".to_owned(),
        }
    }
}

/// Why a streamed answer ended early. Its status had gone out before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFailure {
    /// Such as `Unhandled` or `Runtime.StreamError`.
    pub code: String,
    /// The text; for a function's error often the JSON of it.
    pub details: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn payloads_that_are_errors_and_that_are_none() {
        let error = |message: &str, kind: &str| {
            Some(FunctionError { message: message.to_owned(), kind: kind.to_owned() })
        };
        let rows: [(&str, _); 7] = [
            (r#"{"errorType":"E","errorMessage":"m","stackTrace":[]}"#, error("m", "E")),
            (r#"{"errorMessage":"m"}"#, error("m", "")),
            (r#"{"errorMessage":{"code":1}}"#, error("", "")),
            ("{}", error("", "")),
            (r#""text""#, None),
            ("not JSON", None),
            ("", None),
        ];
        for (payload, expected) in rows {
            assert_eq!(FunctionError::parse(payload.as_bytes()), expected, "{payload}");
        }
    }

    #[test]
    fn the_errors_that_a_host_makes() {
        let rows = [
            (
                FunctionError::timed_out("r1", 3),
                r#"{"errorMessage":"RequestId: r1 Error: Task timed out after 3.00 seconds","errorType":"Sandbox.Timedout"}"#,
            ),
            (
                FunctionError::exited("r1", Some("exit status 1")),
                r#"{"errorMessage":"RequestId: r1 Error: Runtime exited with error: exit status 1","errorType":"Runtime.ExitError"}"#,
            ),
            (
                FunctionError::exited("r1", None),
                r#"{"errorMessage":"RequestId: r1 Error: Runtime exited without providing a reason","errorType":"Runtime.ExitError"}"#,
            ),
            (
                FunctionError::response_too_large(),
                r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
            ),
        ];
        for (error, expected) in rows {
            assert_eq!(error.to_json(), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(message: String, kind: String) {
            let error = FunctionError { message, kind };
            prop_assert_eq!(FunctionError::parse(error.to_json().as_bytes()), Some(error));
        }
    }
}
