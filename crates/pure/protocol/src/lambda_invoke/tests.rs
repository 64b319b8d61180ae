//! The tables of `lambda-events.md` sections 5, 6 and 9.

use proptest::prelude::*;

use super::*;
use crate::event_stream;

#[test]
fn names_and_arns_in_the_path() {
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:hello";
    let escaped = "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Ahello";
    let rows = [
        ("hello", InvocationType::Buffered, "/2015-03-31/functions/hello/invocations".to_owned()),
        (arn, InvocationType::Event, format!("/2015-03-31/functions/{escaped}/invocations")),
        (
            arn,
            InvocationType::Streamed,
            format!("/2021-11-15/functions/{escaped}/response-streaming-invocations"),
        ),
        ("../x?y", InvocationType::Buffered, "/2015-03-31/functions/..%2Fx%3Fy/invocations".to_owned()),
    ];
    for (function, invocation_type, path) in rows {
        assert_eq!(InvokeCall::new(function, invocation_type).path(), path);
    }
    assert_eq!(
        InvokeCall::new("hello", InvocationType::Buffered).path().replace("hello", "function"),
        EMULATOR_PATH
    );
    let qualified =
        InvokeCall { qualifier: Some("$LATEST"), ..InvokeCall::new("hello", InvocationType::Buffered) };
    assert_eq!(qualified.query(), "Qualifier=%24LATEST");
    assert_eq!(InvokeCall::new("hello", InvocationType::Buffered).query(), "");
}

#[test]
fn the_fields_of_a_call() {
    let fields = |call: InvokeCall<'static>| {
        call.fields().into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    assert_eq!(
        fields(InvokeCall::new("hello", InvocationType::Event)),
        ["Content-Type: application/json", "X-Amz-Invocation-Type: Event"],
    );
    let call = InvokeCall {
        tail_log: true,
        client_context: Some("e30="),
        tenant_id: Some("blue"),
        trace_id: Some("Root=1-67891233-abcdef012345678912345678"),
        caller: Some(Caller {
            request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            source_arn: "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/demo/GET/pets",
            api_id: "a1b2c3d4e5",
        }),
        ..InvokeCall::new("hello", InvocationType::Buffered)
    };
    assert_eq!(
        fields(call),
        [
            "Content-Type: application/json",
            "X-Amz-Invocation-Type: RequestResponse",
            "X-Amz-Log-Type: Tail",
            "X-Amz-Client-Context: e30=",
            "X-Amz-Tenant-Id: blue",
            "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678",
            "x-amzn-lambda-integration-tag: c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "X-Amz-Source-Arn: arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/demo/GET/pets",
            "x-amzn-apigateway-api-id: a1b2c3d4e5",
            "User-Agent: AmazonAPIGateway_a1b2c3d4e5",
        ],
    );
}

fn head(status: u16) -> AnswerHead<'static> {
    AnswerHead { status, ..AnswerHead::default() }
}

#[test]
fn answers() {
    let failed = AnswerHead { function_error: Some(b"Unhandled"), ..head(200) };
    let body = br#"{"errorType":"E","errorMessage":"m"}"#;
    assert_eq!(read_answer(&head(200), body), Outcome::Answered(body));
    assert_eq!(read_answer(&failed, body), Outcome::FunctionFailed(body));
    assert_eq!(read_answer(&head(202), b""), Outcome::Accepted);
    assert_eq!(read_answer(&head(204), b""), Outcome::Accepted);
    assert!(matches!(
        read_answer(&head(302), b""),
        Outcome::Refused(ApiError { kind: ApiErrorKind::Other, .. })
    ));
}

#[test]
fn api_errors_by_their_names() {
    let rows = [
        (429, "TooManyRequestsException", ApiErrorKind::Throttled),
        (403, "AccessDeniedException", ApiErrorKind::AccessDenied),
        (403, "InvalidSignatureException", ApiErrorKind::AccessDenied),
        (404, "ResourceNotFoundException", ApiErrorKind::NotFound),
        (400, "InvalidRequestContentException", ApiErrorKind::InvalidRequest),
        (400, "InvalidParameterValueException", ApiErrorKind::InvalidRequest),
        (415, "UnsupportedMediaTypeException", ApiErrorKind::InvalidRequest),
        (413, "RequestTooLargeException", ApiErrorKind::TooLarge),
        (409, "ResourceConflictException", ApiErrorKind::Service),
        (500, "ServiceException", ApiErrorKind::Service),
        (502, "EC2ThrottledException", ApiErrorKind::Service),
        (502, "ENILimitReachedException", ApiErrorKind::Service),
        (410, "EFSMountFailureException", ApiErrorKind::Service),
        (408, "EFSMountTimeoutException", ApiErrorKind::Service),
        (502, "KMSDisabledException", ApiErrorKind::Service),
        (502, "InvalidZipFileException", ApiErrorKind::Service),
        (502, "ResourceNotReadyException", ApiErrorKind::Service),
        (409, "SnapStartNotReadyException", ApiErrorKind::Service),
        (418, "TeapotException", ApiErrorKind::Other),
        (599, "NewException", ApiErrorKind::Service),
        (429, "", ApiErrorKind::Throttled),
        (403, "", ApiErrorKind::AccessDenied),
        (404, "", ApiErrorKind::NotFound),
        (413, "", ApiErrorKind::TooLarge),
        (500, "", ApiErrorKind::Service),
        (400, "", ApiErrorKind::Other),
    ];
    for (status, name, kind) in rows {
        let head = AnswerHead { error_type: Some(name.as_bytes()), ..head(status) };
        let error = ApiError { kind, status, name: name.to_owned(), message: "why".to_owned() };
        assert_eq!(read_answer(&head, br#"{"Type":"User","Message":"why"}"#), Outcome::Refused(error));
    }
}

#[test]
fn names_of_errors_may_carry_a_namespace_and_an_address() {
    let rows = [
        "ResourceNotFoundException",
        "com.amazonaws.lambda#ResourceNotFoundException",
        "ResourceNotFoundException:http://internal.amazon.com/coral/com.amazonaws.lambda/",
    ];
    for name in rows {
        let error = read_api_error(&AnswerHead { error_type: Some(name.as_bytes()), ..head(400) }, b"<html>");
        assert_eq!(
            (&*error.name, error.kind, &*error.message),
            ("ResourceNotFoundException", ApiErrorKind::NotFound, "")
        );
    }
    let lower = read_api_error(&head(500), br#"{"message":"why"}"#);
    assert_eq!(lower.message, "why");
}

#[test]
fn re_1_answers_of_the_emulator() {
    let rows = [
        (r#"{"errorType":"E","errorMessage":"m"}"#, true),
        (r#"{"errorType":"E","errorMessage":"m","statusCode":200}"#, false),
        (r#"{"errorMessage":"m"}"#, false),
        ("Task timed out after 3.00 seconds", true),
        ("Task timed out after 300.00 seconds\n", true),
        (r#""Task timed out after 3.00 seconds""#, false),
        ("Task timed out after some seconds", false),
        (r#"{"statusCode":200}"#, false),
        ("", false),
    ];
    for (payload, failed) in rows {
        let expected = if failed {
            Outcome::FunctionFailed(payload.as_bytes())
        } else {
            Outcome::Answered(payload.as_bytes())
        };
        assert_eq!(read_emulator_answer(&head(200), payload.as_bytes()), expected, "{payload}");
    }
    assert!(matches!(read_emulator_answer(&head(502), b""), Outcome::Refused(_)));
}

/// One message of a stream.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (*name, event_stream::Value::Text(value))).collect();
    event_stream::write(&headers, payload)
}

fn event(bytes: &[u8]) -> StreamEvent<'_> {
    match event_stream::read(bytes, 1 << 20) {
        Ok(event_stream::Progress::Done { message, .. }) => read_stream_event(message),
        other => panic!("{other:?}"),
    }
}

fn failure(code: &str, details: &str) -> StreamEvent<'static> {
    StreamEvent::InvokeComplete(Err(StreamFailure { code: code.to_owned(), details: details.to_owned() }))
}

#[test]
fn events_of_a_stream() {
    let kind = |event_type| [(":message-type", "event"), (":event-type", event_type)];
    let chunk = message(&kind("PayloadChunk"), b"\0\xffpet");
    assert_eq!(event(&chunk), StreamEvent::PayloadChunk(b"\0\xffpet"));
    let ends = [
        ("{}", StreamEvent::InvokeComplete(Ok(()))),
        ("", StreamEvent::InvokeComplete(Ok(()))),
        (r#"{"ErrorCode":null,"LogResult":"e30="}"#, StreamEvent::InvokeComplete(Ok(()))),
        (r#"{"ErrorCode":"Unhandled","ErrorDetails":"late"}"#, failure("Unhandled", "late")),
        (r#"{"ErrorCode":"Unhandled"}"#, failure("Unhandled", "")),
        ("[]", failure("InvalidInvokeComplete", "the last event of the stream is not a JSON object")),
    ];
    for (payload, expected) in ends {
        assert_eq!(event(&message(&kind("InvokeComplete"), payload.as_bytes())), expected, "{payload}");
    }
    let exception = [(":message-type", "exception"), (":exception-type", "TooManyRequestsException")];
    assert_eq!(event(&message(&exception, b"{}")), failure("TooManyRequestsException", "{}"));
    let error = [(":message-type", "error"), (":error-code", "code"), (":error-message", "message")];
    assert_eq!(event(&message(&error, b"")), failure("code", "message"));
    assert_eq!(event(&message(&kind("Later"), b"")), StreamEvent::Unknown);
    assert_eq!(event(&message(&[], b"")), StreamEvent::Unknown);
}

proptest! {
    #[test]
    fn any_answer_is_read(status: u16, error_type: Option<Vec<u8>>, failed: bool, body: Vec<u8>) {
        let function_error = failed.then_some(&b"Unhandled"[..]);
        let head = AnswerHead { status, function_error, error_type: error_type.as_deref() };
        let _ = read_emulator_answer(&head, &body);
    }
}
