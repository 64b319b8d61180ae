//! The tables of `lambda-events.md` section 8.

use proptest::prelude::*;

use super::*;

#[test]
fn calls_and_what_is_none() {
    let rows: [(&str, &str, Option<RuntimeCall<'_>>); 15] = [
        ("GET", "/2018-06-01/runtime/invocation/next", Some(RuntimeCall::Next)),
        (
            "POST",
            "/2018-06-01/runtime/invocation/a-1/response",
            Some(RuntimeCall::Response { request_id: "a-1" }),
        ),
        ("POST", "/2018-06-01/runtime/invocation/a-1/error", Some(RuntimeCall::Error { request_id: "a-1" })),
        ("POST", "/2018-06-01/runtime/init/error", Some(RuntimeCall::InitError)),
        ("GET", "/2018-06-01/runtime/restore/next", Some(RuntimeCall::RestoreNext)),
        ("POST", "/2018-06-01/runtime/restore/error", Some(RuntimeCall::RestoreError)),
        ("POST", "/2018-06-01/runtime/invocation/next", None),
        ("GET", "/2018-06-01/runtime/invocation/a-1/response", None),
        ("POST", "/2018-06-01/runtime/invocation//response", None),
        ("POST", "/2018-06-01/runtime/invocation/a/b/response", None),
        ("POST", "/2018-06-01/runtime/invocation/a/responses", None),
        ("GET", "/runtime/invocation/next", None),
        ("GET", "/2015-03-31/runtime/invocation/next", None),
        ("get", "/2018-06-01/runtime/invocation/next", None),
        ("GET", "/2018-06-01/runtime/invocation/next/", None),
    ];
    for (method, path, call) in rows {
        assert_eq!(RuntimeCall::read(method.as_bytes(), path.as_bytes()), call, "{method} {path}");
        if let Some(call) = call {
            assert_eq!((call.method(), &*call.path()), (method, path));
        }
    }
    assert_eq!(RuntimeCall::read(b"GET", b"/\xff"), None);
}

fn invocation() -> Invocation<'static> {
    Invocation {
        request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        deadline_milliseconds: 1_542_409_706_888,
        function_arn: "arn:aws:lambda:us-east-2:123456789012:function:custom-runtime",
        trace_id: None,
        client_context: None,
        cognito_identity: None,
        tenant_id: None,
    }
}

fn written(invocation: &Invocation<'_>) -> String {
    let mut fields = FieldBlock::default();
    invocation.write_fields(&mut fields);
    String::from_utf8(fields.as_bytes().to_vec()).unwrap()
}

#[test]
fn the_fields_of_next() {
    let told = |invocation: Invocation<'static>| -> Vec<String> {
        written(&invocation).lines().map(ToOwned::to_owned).collect()
    };
    let plain = [
        "Content-Type: application/json",
        "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "Lambda-Runtime-Deadline-Ms: 1542409706888",
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-2:123456789012:function:custom-runtime",
    ];
    assert_eq!(told(invocation()), plain);
    let full = Invocation {
        trace_id: Some("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"),
        client_context: Some("{}"),
        cognito_identity: Some(r#"{"cognitoIdentityId":"i"}"#),
        tenant_id: Some("blue"),
        ..invocation()
    };
    let more = [
        "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
        "Lambda-Runtime-Client-Context: {}",
        r#"Lambda-Runtime-Cognito-Identity: {"cognitoIdentityId":"i"}"#,
        "Lambda-Runtime-Aws-Tenant-Id: blue",
    ];
    assert_eq!(told(full), [&plain[..], &more].concat());
}

#[test]
fn a_process_reads_what_a_host_writes() {
    for invocation in
        [invocation(), Invocation { trace_id: Some("t"), tenant_id: Some("blue"), ..invocation() }]
    {
        let fields = written(&invocation);
        let lines: Vec<_> = fields.lines().filter_map(|line| line.split_once(": ")).collect();
        let value = |name| lines.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        assert_eq!(Invocation::read(value), Some(invocation));
    }
    assert_eq!(Invocation::read(|_| None), None);
    assert_eq!(Invocation::read(|_| Some("not a number")), None);
}

#[test]
fn response_modes() {
    assert_eq!(ResponseMode::read(None), Ok(ResponseMode::Buffered));
    assert_eq!(ResponseMode::read(Some(b"")), Ok(ResponseMode::Buffered));
    assert_eq!(ResponseMode::read(Some(b"streaming")), Ok(ResponseMode::Streaming));
    assert_eq!(ResponseMode::read(Some(b"Streaming")), Err(Refusal::InvalidResponseMode));
    assert_eq!(ResponseMode::read(Some(b"buffered")), Err(Refusal::InvalidResponseMode));
    for mode in [ResponseMode::Buffered, ResponseMode::Streaming] {
        let value =
            mode.fields().iter().find(|(name, _)| *name == RESPONSE_MODE).map(|(_, value)| value.as_bytes());
        assert_eq!(ResponseMode::read(value), Ok(mode));
    }
}

#[test]
fn refusals() {
    let rows = [
        (
            Refusal::StateTransition,
            403,
            r#"{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}"#,
        ),
        (
            Refusal::InvalidRequestId,
            400,
            r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#,
        ),
        (
            Refusal::ResponseTooLarge,
            413,
            r#"{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}"#,
        ),
        (
            Refusal::Truncated,
            400,
            r#"{"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}"#,
        ),
        (
            Refusal::InvalidResponseMode,
            400,
            r#"{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}"#,
        ),
        (Refusal::UnknownCall, 404, r#"{"errorMessage":"No such call","errorType":"UnknownCall"}"#),
    ];
    for (refusal, status, body) in rows {
        assert_eq!((refusal.status(), &*refusal.body()), (status, body));
    }
}

#[test]
fn reported_errors() {
    let body = br#"{"errorType":"KeyError","errorMessage":"m","stackTrace":["a"]}"#;
    assert_eq!(*error_payload(Some(b"Runtime.Unknown"), body), *body);
    assert_eq!(
        *error_payload(Some(b"Function.NoSuchPet"), b""),
        *br#"{"errorMessage":"","errorType":"Function.NoSuchPet"}"#,
    );
    assert_eq!(*error_payload(None, b""), *br#"{"errorMessage":"","errorType":"Runtime.Unknown"}"#);
}

#[test]
fn kinds_of_errors() {
    let rows = [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.NoSuchPet2", "Function.NoSuchPet2"),
        ("Function.no", "Function.Unknown"),
        ("Function.", "Function.Unknown"),
        ("Runtime.x", "Runtime.Unknown"),
        ("KeyError", "Runtime.Unknown"),
        ("Runtime.A b", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
    ];
    for (reported, counted) in rows {
        assert_eq!(valid_error_type(reported.as_bytes()), counted, "{reported:?}");
    }
    assert_eq!(valid_error_type(b"\xff"), "Runtime.Unknown");
}

fn failure(details: &str) -> StreamFailure {
    StreamFailure { code: "Runtime.StreamError".to_owned(), details: details.to_owned() }
}

#[test]
fn rs_1_errors_in_trailers() {
    assert_eq!(read_error_trailers(None, Some(b"e30=")), None);
    assert_eq!(read_error_trailers(Some(b"Runtime.StreamError"), Some(b"bGF0ZQ==")), Some(failure("late")));
    assert_eq!(read_error_trailers(Some(b"Runtime.StreamError"), None), Some(failure("")));
    assert_eq!(
        read_error_trailers(Some(b"Runtime.StreamError"), Some(b"not base64!")),
        Some(failure("not base64!"))
    );
}

/// What the Rust client writes when its stream fails with "late".
const FAKE_TRAILERS: &str = "Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n\
    Lambda-Runtime-Function-Error-Body: bGF0ZQ==\r\n";

/// The bytes that went through, and how it ended.
fn filtered<'piece>(pieces: impl IntoIterator<Item = &'piece [u8]>) -> (Vec<u8>, Ending) {
    let mut filter = TrailingErrorFilter::default();
    let mut through = Vec::new();
    for piece in pieces {
        through.extend_from_slice(&filter.push(piece));
    }
    (through, filter.finish())
}

#[test]
fn rs_2_errors_behind_the_body() {
    let whole = format!("body{FAKE_TRAILERS}");
    assert_eq!(filtered([whole.as_bytes()]), (b"body".to_vec(), Ending::Failed(failure("late"))));
    assert_eq!(filtered([]), (Vec::new(), Ending::Complete(Vec::new())));
    let none = [
        format!("{FAKE_TRAILERS}."),
        FAKE_TRAILERS.trim_end().to_owned(),
        FAKE_TRAILERS.replace("Runtime.StreamError", "Runtime.Other"),
        FAKE_TRAILERS.replace("bGF0", "b F0"),
        FAKE_TRAILERS.replace("Body: ", "Body:"),
        FAKE_TRAILERS.replace("bGF0ZQ==", &"A".repeat(70_000)),
    ];
    for body in none {
        let (mut through, ending) = filtered([body.as_bytes()]);
        let Ending::Complete(last) = ending else { panic!("{body}") };
        through.extend(last);
        assert_eq!(through, body.as_bytes());
    }
}

proptest! {
    #[test]
    fn rs_2_in_any_pieces(body in "[La\r\n]{0,9}(Lambda-Runtime-)?", failed: bool, size in 1..30_usize) {
        let whole = if failed { format!("{body}{FAKE_TRAILERS}") } else { body.clone() };
        let (mut through, ending) = filtered(whole.as_bytes().chunks(size));
        match ending {
            Ending::Failed(error) => prop_assert!(failed && error == failure("late")),
            Ending::Complete(last) => {
                prop_assert!(!failed);
                through.extend(last);
            }
        }
        prop_assert_eq!(through, body.as_bytes());
    }

    #[test]
    fn no_byte_is_lost(pieces: Vec<Vec<u8>>) {
        let (mut through, ending) = filtered(pieces.iter().map(Vec::as_slice));
        let Ending::Complete(last) = ending else { return Err(TestCaseError::fail("an error out of nothing")) };
        through.extend(last);
        prop_assert_eq!(through, pieces.concat());
    }

    #[test]
    fn any_call_is_read(method: Vec<u8>, path: Vec<u8>, tail in "[a-z/-]{0,30}") {
        let _ = RuntimeCall::read(&method, &path);
        let path = format!("{BASE_PATH}/runtime/{tail}");
        if let Some(call) = RuntimeCall::read(b"POST", path.as_bytes()) {
            prop_assert_eq!(call.path(), path.clone());
        }
    }
}
