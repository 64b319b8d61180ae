//! Functions whose processes Postern runs itself (lambda-events.md section 8).

use std::{fs, path::Path, time::Instant};

use postern_testing::{
    Backend, Gateway, Message, Place, answer, definition, expect, function_arn, function_proxy, hang,
    python_process, until,
};
use serde_json::{Value, json};

use crate::{gateway, post, refusal, short};

/// `/hello/{do}` and, by a stage variable and an alias, `/alias/{do}`: both of function `hello`.
fn paths() -> Value {
    let by_name = function_proxy(&function_arn("hello"));
    let mut short = by_name.clone();
    short["x-amazon-apigateway-integration"]["timeoutInMillis"] = json!(300);
    let by_alias = function_proxy(&function_arn("${stageVariables.function}:live"));
    definition(&json!({
        "/hello/{do}": {"x-amazon-apigateway-any-method": by_name},
        "/short/{do}": {"x-amazon-apigateway-any-method": short},
        "/alias/{do}": {"x-amazon-apigateway-any-method": by_alias},
    }))
}

fn configure(configuration: &mut Value, process: &Value) {
    configuration["restApis"][0]["stages"][0]["variables"] = json!({"function": "hello"});
    configuration["functions"] = json!([{"functionName": "hello", "process": process, "timeoutSeconds": 20}]);
}

/// A gateway with function `hello`, its process changed.
fn hosting(change: impl FnOnce(&Place, &mut Value)) -> Gateway {
    gateway(&paths(), |place, configuration| {
        configure(configuration, &python_process(&[]));
        change(place, configuration);
    })
}

fn plain() -> Gateway {
    hosting(|_, _| {})
}

fn ask(gateway: &Gateway, what: &str, body: &str) -> Message {
    gateway.wire().ask(post(&format!("/demo/hello/{what}"), body))
}

fn json_of(answer: &Message) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.text()))
}

/// The number of the process that answers.
fn process(gateway: &Gateway) -> String {
    ask(gateway, "process", "").text().to_owned()
}

fn runs(process: &str) -> bool {
    Path::new("/proc").join(process).exists()
}

fn until_gone(process: &str) {
    until("a process to be gone", || (!runs(process)).then_some(()));
}

fn bad_gateway() -> String {
    refusal("502 Bad Gateway", "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
}

#[test]
fn a_function_is_called_by_its_name_and_by_an_alias_in_a_stage_variable() {
    let gateway = plain();
    let event = json_of(&ask(&gateway, "echo", "hello"));
    assert_eq!(
        (&event["resource"], &event["path"], &event["httpMethod"], &event["body"]),
        (&json!("/hello/{do}"), &json!("/hello/echo"), &json!("POST"), &json!("hello"))
    );
    let head = json_of(&gateway.get("/demo/alias/head"));
    assert_eq!(head["Lambda-Runtime-Invoked-Function-Arn"], json!(function_arn("hello:live")));
    assert_eq!(gateway.metric("postern_function_processes", &["function=\"hello\""]), 1.0);
}

#[test]
fn a_process_is_told_what_the_service_would_tell_it() {
    let gateway = plain();
    let head = json_of(&ask(&gateway, "head", ""));
    let request = gateway.get("/demo/hello/head");
    assert_eq!(json_of(&request)["Lambda-Runtime-Aws-Request-Id"], json!(request.field("x-amzn-RequestId")));
    assert_eq!(json_of(&request)["Lambda-Runtime-Trace-Id"], json!(request.field("X-Amzn-Trace-Id")));
    let deadline: u64 = head["Lambda-Runtime-Deadline-Ms"].as_str().unwrap().parse().unwrap();
    assert!(deadline > 1_700_000_000_000, "{deadline}");
    assert_eq!(head["Content-Type"], json!("application/json"));
}

#[test]
fn a_process_sees_its_own_environment_and_nothing_of_the_gateways() {
    let place = Place::new();
    let mut configuration = postern_testing::base_configuration(&place, &paths());
    let mut process = python_process(&[]);
    process["environment"] = json!({"TABLE": "orders", "_HANDLER": "app.handler"});
    process["workingDirectory"] = json!("fn");
    process["memoryMiB"] = json!(777);
    configure(&mut configuration, &process);
    place.write("fn/here", "");
    let gateway = Gateway::start_with(place, configuration, &[("SECRET_OF_THE_GATEWAY", "x")]);
    let seen = json_of(&ask(&gateway, "environment", ""));
    let folder = fs::canonicalize(gateway.place().path().join("fn")).unwrap();
    assert_eq!(seen["folder"], json!(folder));
    let variables = seen["variables"].as_object().unwrap();
    let expected = [
        ("TABLE", "orders"),
        ("_HANDLER", "app.handler"),
        ("AWS_LAMBDA_FUNCTION_NAME", "hello"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "777"),
        ("AWS_REGION", "us-east-1"),
        ("TZ", ":UTC"),
    ];
    for (name, value) in expected {
        assert_eq!(variables[name], json!(value), "{name}");
    }
    assert!(variables["LAMBDA_TASK_ROOT"].as_str().unwrap().ends_with("/fn"));
    assert!(variables["AWS_LAMBDA_RUNTIME_API"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(!variables.contains_key("SECRET_OF_THE_GATEWAY") && !variables.contains_key("HOME"));
}

#[test]
fn a_process_is_used_again_and_more_are_started_up_to_the_limit() {
    let gateway = hosting(|_, configuration| {
        configuration["functions"][0]["process"]["concurrency"] = json!(2);
    });
    let first = process(&gateway);
    assert_eq!(process(&gateway), first, "it is warm");
    let backend = Backend::script(
        (0..3).flat_map(|_| [expect("GET /"), hang(), answer(200, "go"), postern_testing::close()]),
    );
    let url = format!("http://{}/", backend.address());
    let mut waiting: Vec<_> = (0..3).map(|_| gateway.wire()).collect();
    for wire in &mut waiting {
        wire.send(post("/demo/hello/wait", &url));
    }
    until("two processes and one that waits", || {
        let of = |name| gateway.metric(name, &["function=\"hello\""]);
        (of("postern_function_processes") == 2.0 && of("postern_function_waiting") == 1.0).then_some(())
    });
    for _ in 0..3 {
        backend.release();
    }
    for wire in &mut waiting {
        assert_eq!(short(&wire.answer()), (200, "go"));
    }
    assert_eq!(gateway.metric("postern_function_starts_total", &["function=\"hello\""]), 2.0);
}

#[test]
fn a_call_that_waits_too_long_is_answered_504() {
    let gateway = hosting(|_, configuration| {
        configuration["functions"][0]["process"]["concurrency"] = json!(1);
    });
    let backend = Backend::script([expect("GET /"), hang(), answer(200, "go")]);
    let mut first = gateway.wire();
    first.send(post("/demo/hello/wait", &format!("http://{}/", backend.address())));
    let _asked = backend.request(0);
    let begun = Instant::now();
    let late = gateway.get("/demo/short/process");
    let waited = begun.elapsed().as_millis();
    assert!((300..5_000).contains(&waited), "{waited} ms");
    let expected = refusal(
        "504 Gateway Timeout",
        "InternalServerErrorException",
        r#"{"message": "Endpoint request timed out"}"#,
    );
    assert_eq!(late.masked(), expected);
    backend.release();
    assert_eq!(short(&first.answer()), (200, "go"), "it runs on, and the late call was never run");
    assert!(!process(&gateway).is_empty());
}

#[test]
fn a_process_that_is_idle_is_ended_and_another_started_when_it_is_needed() {
    let gateway = hosting(|_, configuration| {
        configuration["functions"][0]["process"]["idleSeconds"] = json!(1);
    });
    let first = process(&gateway);
    until_gone(&first);
    assert_ne!(process(&gateway), first);
    assert_eq!(gateway.metric("postern_function_crashes_total", &["function=\"hello\""]), 0.0);
}

#[test]
fn a_call_that_takes_too_long_is_answered_502_and_its_process_is_ended() {
    let gateway = hosting(|_, configuration| configuration["functions"][0]["timeoutSeconds"] = json!(1));
    let first = process(&gateway);
    let begun = Instant::now();
    assert_eq!(ask(&gateway, "hang", "").masked(), bad_gateway());
    // Not a process's ten seconds for its start.
    assert!((1..8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    until_gone(&first);
    assert_ne!(process(&gateway), first, "another has come");
}

#[test]
fn memory_beyond_the_limit_is_refused_to_a_process() {
    let gateway = hosting(|_, configuration| {
        configuration["functions"][0]["process"]["memoryMiB"] = json!(128);
    });
    assert_eq!(ask(&gateway, "memory", "16").status(), 200);
    assert_eq!(ask(&gateway, "memory", "512").status(), 502);
    assert_eq!(ask(&gateway, "memory", "16").status(), 200, "another process has come");
}

#[test]
fn a_process_that_crashes_is_answered_for_and_another_comes() {
    let gateway = plain();
    let first = process(&gateway);
    assert_eq!(ask(&gateway, "crash", "").masked(), bad_gateway());
    assert_ne!(process(&gateway), first);
    let line = gateway.log_line("its process ended: exit status 3");
    assert!(line.contains("\"function\":\"hello\""), "{line}");
    assert_eq!(gateway.metric("postern_function_crashes_total", &["function=\"hello\""]), 1.0);
}

#[test]
fn what_is_no_answer_is_answered_502() {
    let gateway = plain();
    for what in ["raise", "garbage", "cut", "strange%20mode"] {
        assert_eq!(ask(&gateway, what, "").masked(), bad_gateway(), "{what}");
    }
    for body in ["[]", "null", "\"x\"", r#"{"statusCode": "test"}"#, r#"{"cookies": []}"#] {
        assert_eq!(ask(&gateway, "answer", body).masked(), bad_gateway(), "{body}");
    }
}

#[test]
fn an_answer_may_have_6291556_bytes_and_no_more() {
    let gateway = plain();
    let around = r#"{"statusCode": 200, "body": ""}"#.len();
    let fits = ask(&gateway, "large", &(6_291_556 - around).to_string());
    assert_eq!((fits.status(), fits.body.len()), (200, 6_291_556 - around));
    assert_eq!(ask(&gateway, "large", &(6_291_557 - around).to_string()).masked(), bad_gateway());
}

#[test]
fn an_event_may_have_6291556_bytes_and_no_more() {
    let gateway = plain();
    let too_large = ask(&gateway, "process", &"x".repeat(6_291_556));
    assert_eq!(too_large.status(), 413);
    assert_eq!(too_large.text(), r#"{"message":"HTTP content length exceeded 10485760 bytes."}"#);
    assert_eq!(ask(&gateway, "process", &"x".repeat(6_200_000)).status(), 200);
}

#[test]
fn a_start_that_fails_is_answered_502_at_once() {
    for (arguments, told) in
        [(vec!["init-error"], "no module"), (vec!["init-crash"], "its process ended: exit status 7")]
    {
        let gateway = hosting(|_, configuration| {
            configuration["functions"][0]["process"] = python_process(&arguments);
        });
        assert_eq!(ask(&gateway, "process", "").masked(), bad_gateway(), "{told}");
        if told.starts_with("its") {
            let _line = gateway.log_line(told);
        }
    }
    let gateway = hosting(|_, configuration| {
        configuration["functions"][0]["process"]["command"] = json!(["/no/such/program"]);
    });
    assert_eq!(ask(&gateway, "process", "").masked(), bad_gateway());
    let _line = gateway.log_line("`/no/such/program`: No such file or directory");
}

#[test]
fn calls_out_of_turn_are_refused_as_the_service_refuses_them() {
    let gateway = plain();
    let rows = [
        ("other%20id", "400 {\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}"),
        (
            "next",
            "403 {\"errorMessage\":\"State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}",
        ),
        (
            "restore",
            "403 {\"errorMessage\":\"State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}",
        ),
        ("unknown%20call", "404 {\"errorMessage\":\"No such call\",\"errorType\":\"UnknownCall\"}"),
    ];
    for (what, said) in rows {
        assert_eq!(short(&ask(&gateway, what, "")), (200, said), "{what}");
    }
}

#[test]
fn what_a_process_writes_is_logged_with_its_request() {
    let gateway = plain();
    let answer = ask(&gateway, "log", "");
    let id = answer.field("x-amzn-RequestId").unwrap();
    for (text, stream) in [("said on stdout", "stdout"), ("said on stderr", "stderr")] {
        let line = gateway.log_line(text);
        let expected = format!(
            "\"message\":\"{text}\",\"function\":\"hello\",\"stream\":\"{stream}\",\"requestId\":\"{id}\""
        );
        assert!(line.contains(&expected), "{line}");
    }
}

#[test]
fn processes_survive_a_reload_that_changes_nothing_of_them_and_end_with_their_function() {
    let mut gateway = plain();
    let first = process(&gateway);
    let mut configuration = gateway.configuration().clone();
    configuration["limits"]["headSeconds"] = json!(9);
    gateway.reload(configuration.clone());
    assert_eq!(process(&gateway), first);
    configuration["functions"][0]["process"]["environment"] = json!({"NEW": "1"});
    gateway.reload(configuration);
    let second = process(&gateway);
    assert_ne!(second, first);
    until_gone(&first);
}

#[test]
fn processes_end_with_the_gateway() {
    let mut gateway = plain();
    let process = process(&gateway);
    gateway.stop();
    assert!(!runs(&process));
}

#[test]
fn explain_shows_the_event_and_calls_the_function_where_that_is_asked_for() {
    let gateway = plain();
    let request = post("/demo/hello/answer", r#"{"statusCode": 201, "body": "made"}"#);
    let (answer, told) = gateway.ask_explained(0, &request);
    assert_eq!((answer.status(), answer.text()), (201, "made"));
    let gates = told["gates"].as_array().unwrap();
    let event: Value = serde_json::from_str(gates.last().unwrap()["call"]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&event["httpMethod"], &event["path"]), (&json!("POST"), &json!("/hello/answer")));
    let told = gateway.explain(0, &request, &[]);
    assert_eq!((&told["ending"], &told["answer"]), (&json!("backendNotCalled"), &Value::Null));
}
