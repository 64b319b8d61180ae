//! What keys have used and left, by day: counted, kept, told and set (throttling-and-usage-plans.md
//! section 4).

use std::{fmt::Write, io::Read, net::TcpStream};

use postern_testing::{API_ID, Gateway, Message, Outcome, Place, base_configuration, run_program, until};
use serde_json::{Value, json};

use crate::keys_and_rates::{ask, keyed};

const CHECKOUT: &str = "checkout-key-of-twenty-characters";
const BILLING: &str = "billing-key-of-twenty-characters-";

/// Plan `gold` has a quota, `free` has none; each has one key.
fn two_plans(place: &Place) -> Value {
    let mut configuration = base_configuration(place, &keyed());
    configuration["stateDirectory"] = json!("state");
    configuration["apiKeys"] =
        json!([{"name": "checkout", "value": CHECKOUT}, {"name": "billing", "value": BILLING}]);
    let stages = json!([{"apiId": API_ID, "stage": "demo"}]);
    configuration["usagePlans"] = json!([
        {"name": "gold", "quota": {"limit": 5, "period": "MONTH"}, "apiStages": stages, "apiKeys": ["checkout"]},
        {"name": "free", "apiStages": stages, "apiKeys": ["billing"]},
    ]);
    configuration
}

fn start(change: impl FnOnce(&Place, &mut Value)) -> Gateway {
    let place = Place::new();
    let mut configuration = two_plans(&place);
    change(&place, &mut configuration);
    Gateway::start(place, configuration)
}

fn call(gateway: &Gateway, key: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(ask(gateway, key).status(), 200);
    }
}

fn json_of(answer: &Message) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.text()))
}

/// The last day of each row of `/usage`, with its plan and key.
fn last_days(gateway: &Gateway, query: &str) -> Value {
    let page = json_of(&gateway.ask_admin("GET", &format!("/usage?{query}")));
    let row = |row: &Value| json!([row["plan"], row["key"], row["days"].as_array().unwrap().last().unwrap()]);
    page["usage"].as_array().unwrap().iter().map(row).collect()
}

fn usage(gateway: &Gateway, arguments: &[&str]) -> Outcome {
    run_program(gateway.place().path(), &[&["usage", "--config", "postern.yaml"], arguments].concat(), "")
}

/// What `postern usage` prints of a plan, and what it should.
fn check_command(gateway: &Gateway, plan: &str, key: &str, today: &str, (used, left): (u64, Option<u64>)) {
    let told = left.map_or_else(|| "-".to_owned(), |left| left.to_string());
    let text =
        format!("DAY                 USED            LEFT  KEY\n{today}  {used:>12}  {told:>14}  {key}\n");
    let done = |output: String| Outcome { code: Some(0), output, complaints: String::new() };
    let days = ["--start-date", today, "--end-date", today];
    assert_eq!(usage(gateway, &[&["--plan", plan], &days[..]].concat()), done(text));
    let left = json!(left);
    let service = format!(
        "{{\"usagePlanId\":\"{plan}\",\"startDate\":\"{today}\",\"endDate\":\"{today}\",\"items\":{{\n\
         \"{key}\":[[{used},{left}]]\n}}}}\n"
    );
    let arguments = [&["--plan", plan, "--key", key, "--format", "json"], &days[..]].concat();
    assert_eq!(usage(gateway, &arguments), done(service));
}

#[test]
fn use_is_counted_by_key_and_day_with_a_quota_and_without() {
    let gateway = start(|_, _| {});
    call(&gateway, CHECKOUT, 2);
    call(&gateway, BILLING, 3);
    let expected = json!([["gold", "checkout", [2, 3]], ["free", "billing", [3, null]]]);
    assert_eq!(last_days(&gateway, ""), expected);
    assert_eq!(last_days(&gateway, "plan=gold"), json!([["gold", "checkout", [2, 3]]]));
    assert_eq!(last_days(&gateway, "key=billing"), json!([["free", "billing", [3, null]]]));
    assert_eq!(last_days(&gateway, "plan=gold&key=billing"), json!([]));
    // A refused request is not counted (TH-33), nor is one for a method that wants no key (TH-23).
    call(&gateway, CHECKOUT, 3);
    assert_eq!(ask(&gateway, CHECKOUT).status(), 429);
    let _ = gateway.get_with("/demo/open", &format!("x-api-key: {CHECKOUT}\r\n"));
    assert_eq!(last_days(&gateway, "plan=gold"), json!([["gold", "checkout", [5, 0]]]));
}

#[test]
fn usage_is_told_by_the_gateway_while_it_runs_and_by_its_file_after_that() {
    let mut gateway = start(|_, configuration| configuration["quotaFlushSeconds"] = json!(3_600));
    call(&gateway, CHECKOUT, 2);
    call(&gateway, BILLING, 3);
    let page = json_of(&gateway.ask_admin("GET", "/usage"));
    let today = page["endDate"].as_str().unwrap();
    // Nothing is written yet.
    check_command(&gateway, "gold", "checkout", today, (2, Some(3)));
    check_command(&gateway, "free", "billing", today, (3, None));
    gateway.stop();
    check_command(&gateway, "gold", "checkout", today, (2, Some(3)));
    check_command(&gateway, "free", "billing", today, (3, None));
    gateway.start_again();
    call(&gateway, BILLING, 1);
    check_command(&gateway, "gold", "checkout", today, (2, Some(3)));
    check_command(&gateway, "free", "billing", today, (4, None));
}

#[test]
fn usage_is_read_after_a_crash() {
    let mut gateway = start(|_, _| {});
    call(&gateway, BILLING, 3);
    let page = json_of(&gateway.ask_admin("GET", "/usage"));
    let today = page["endDate"].as_str().unwrap().to_owned();
    let state = gateway.place().path().join("state/usage.redb");
    let newest = || std::fs::metadata(&state).unwrap().modified().unwrap();
    // What the second flush follows is written whole.
    let before = newest();
    until("a flush", || (newest() > before).then_some(()));
    let before = newest();
    call(&gateway, CHECKOUT, 1);
    until("another flush", || (newest() > before).then_some(()));
    gateway.kill();
    check_command(&gateway, "free", "billing", &today, (3, None));
}

#[test]
fn usage_that_nobody_can_tell_is_refused() {
    let mut gateway = start(|_, _| {});
    let wrong = |complaints: String| Outcome { code: Some(1), output: String::new(), complaints };
    let refused = |gateway: &Gateway, arguments: &[&str], complaint: &str| {
        assert_eq!(usage(gateway, arguments), wrong(format!("{complaint}\n")));
    };
    refused(&gateway, &["--plan", "silver"], "there is no usage plan `silver`");
    refused(&gateway, &["--plan", "gold", "--key", "billing"], "usage plan `gold` has no API key `billing`");
    let mut configuration = gateway.configuration().clone();
    let admin = configuration.as_object_mut().unwrap().remove("admin").unwrap();
    gateway.rewrite(configuration.clone());
    let open = "`stateDirectory` is `state`: another process has it open: a gateway that runs is asked through its \
                `admin` listener";
    refused(&gateway, &["--plan", "gold"], open);
    configuration.as_object_mut().unwrap().remove("stateDirectory");
    gateway.rewrite(configuration.clone());
    let nobody = "no gateway listens on `admin`, and without `stateDirectory` nothing is kept";
    refused(&gateway, &["--plan", "gold"], nobody);
    configuration["admin"] = admin;
    gateway.rewrite(configuration);
    let outcome = usage(&gateway, &["--plan", "gold", "--start-date", "2026-11-31"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.complaints);
    let reversed = ["--plan", "gold", "--start-date", "2026-11-22", "--end-date", "2026-11-21"];
    let outcome = usage(&gateway, &reversed);
    assert_eq!((outcome.code, &*outcome.output), (Some(2), ""));
    assert!(outcome.complaints.contains("`--start-date` is after `--end-date`"), "{}", outcome.complaints);
}

#[test]
fn the_command_needs_no_key_that_stands_in_a_variable() {
    let place = Place::new();
    let mut configuration = two_plans(&place);
    configuration["apiKeys"] = json!([
        {"name": "checkout", "valueEnv": "CHECKOUT_KEY"}, {"name": "billing", "valueEnv": "BILLING_KEY"},
    ]);
    let variables = [("CHECKOUT_KEY", CHECKOUT), ("BILLING_KEY", BILLING)];
    let gateway = Gateway::start_with(place, configuration, &variables);
    call(&gateway, CHECKOUT, 2);
    let outcome = usage(&gateway, &["--plan", "gold"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.complaints);
    assert!(outcome.output.trim_end().ends_with("checkout"), "{}", outcome.output);
    let check = run_program(gateway.place().path(), &["check", "--config", "postern.yaml"], "");
    assert!(
        check.complaints.contains("there is no such variable")
            || check.output.contains("there is no such variable")
    );
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let gateway = start(|_, _| {});
    for (verb, path, status, words) in [
        ("GET", "/usage?plan=silver", 404, "no usage plan has this name\n"),
        ("GET", "/usage?plam=gold", 400, "expected `plan`, `key`, `startDate`, `endDate`, `remaining`\n"),
        ("GET", "/usage?startDate=today", 400, "`startDate`: expected a date such as `2026-11-22`\n"),
        ("GET", "/usage?remaining=7", 400, "`remaining` is set with PATCH\n"),
        ("PATCH", "/usage?plan=gold&remaining=7", 400, "expected `plan`, `key` and `remaining`\n"),
        (
            "PATCH",
            "/usage?plan=gold&key=billing&remaining=7",
            404,
            "no usage plan of that name has an API key of that name\n",
        ),
        ("PATCH", "/usage?plan=free&key=billing&remaining=7", 404, "the usage plan has no quota\n"),
        ("POST", "/usage", 405, "another method\n"),
    ] {
        let answer = gateway.ask_admin(verb, path);
        assert_eq!((answer.status(), answer.text()), (status, words), "{verb} {path}");
    }
}

#[test]
fn th36_what_a_key_has_left_can_be_set() {
    let mut gateway = start(|_, _| {});
    call(&gateway, CHECKOUT, 5);
    assert_eq!(ask(&gateway, CHECKOUT).status(), 429);
    let set = |gateway: &Gateway, left: u64| {
        let path = format!("/usage?plan=gold&key=checkout&remaining={left}");
        assert_eq!(gateway.ask_admin("PATCH", &path).status(), 200);
    };
    set(&gateway, 2);
    assert_eq!(last_days(&gateway, "plan=gold"), json!([["gold", "checkout", [5, 2]]]));
    call(&gateway, CHECKOUT, 2);
    assert_eq!(ask(&gateway, CHECKOUT).status(), 429);
    // More than the limit, and kept.
    set(&gateway, 20);
    gateway.stop();
    gateway.start_again();
    call(&gateway, CHECKOUT, 7);
    assert_eq!(last_days(&gateway, "plan=gold"), json!([["gold", "checkout", [14, 13]]]));
}

#[test]
fn a_key_that_leaves_its_plan_and_comes_back_has_used_what_it_had() {
    for restarts in [false, true] {
        let mut gateway = start(|_, _| {});
        call(&gateway, CHECKOUT, 4);
        let before = gateway.configuration().clone();
        let mut without = before.clone();
        without["usagePlans"][0]["apiKeys"] = json!([]);
        gateway.reload(without);
        assert_eq!(ask(&gateway, CHECKOUT).status(), 403);
        if restarts {
            gateway.stop();
            gateway.start_again();
        }
        gateway.reload(before);
        call(&gateway, CHECKOUT, 1);
        assert_eq!(ask(&gateway, CHECKOUT).status(), 429, "{restarts}");
    }
}

#[test]
fn a_page_of_many_keys_keeps_nobody_waiting() {
    const COUNT: usize = 50_000;
    let mut gateway = start(|place, configuration| {
        let mut keys = String::from("Name,Key,UsagePlanIds\n");
        for number in 0..COUNT {
            writeln!(keys, "key-{number},a-key-of-many-characters-{number},free").unwrap();
        }
        place.write("keys.csv", &keys);
        configuration["apiKeysFile"] = json!(["keys.csv"]);
    });
    call(&gateway, "a-key-of-many-characters-49999", 2);
    // Somebody asks for everything and does not take it: others are answered all the same, and what
    // nobody takes is not made.
    let mut slow = TcpStream::connect(gateway.admin()).unwrap();
    std::io::Write::write_all(&mut slow, b"GET /usage HTTP/1.0\r\n\r\n").unwrap();
    let mut first = [0; 12];
    slow.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.0 200");
    assert_eq!(gateway.ask_admin("GET", "/readyz").status(), 200);
    assert_eq!(last_days(&gateway, "key=key-49999"), json!([["free", "key-49999", [2, null]]]));
    let mut rest = String::new();
    slow.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("]\n]}\n") || rest.ends_with("}\n]}\n"), "{}", rest.len());
    assert_eq!(rest.matches("\"plan\"").count(), COUNT + 2);
    assert!(gateway.runs());
}

/// Requests of keys that are used up, disabled and in no plan, with series for so many of them.
fn refused_once_each(count: u32) -> Gateway {
    let place = Place::new();
    let mut configuration = two_plans(&place);
    configuration["metrics"] = json!({"apiKeys": count});
    let key = |name: &str| json!({"name": name, "value": format!("{name}-of-more-than-twenty-characters")});
    configuration["apiKeys"] = json!([key("a"), key("b"), key("c"), key("idle"), key("lost")]);
    configuration["apiKeys"][3]["enabled"] = json!(false);
    configuration["usagePlans"][0]["apiKeys"] = json!(["a", "b", "c", "idle"]);
    configuration["usagePlans"][0]["quota"]["limit"] = json!(1);
    configuration["usagePlans"][1]["apiKeys"] = json!([]);
    let gateway = Gateway::start(place, configuration);
    for name in ["a", "a", "b", "b", "b", "c", "c", "idle", "lost"] {
        let _ = ask(&gateway, &format!("{name}-of-more-than-twenty-characters"));
    }
    until_counted(&gateway, 9.0);
    gateway
}

/// Waits until so many requests are in the metrics: an answer is counted when it has been sent.
fn until_counted(gateway: &Gateway, count: f64) {
    let counted = || gateway.metric("postern_requests_total", &[]) >= count;
    until("the requests to be counted", || counted().then_some(()));
}

#[test]
fn refusals_are_counted_by_plan_and_for_so_many_keys_by_key() {
    let exceeded = "postern_api_key_quota_exceeded_total";
    for (count, a, b, others) in [(0, 0.0, 0.0, 0.0), (1, 1.0, 0.0, 3.0), (10, 1.0, 2.0, 0.0)] {
        let gateway = refused_once_each(count);
        let page = gateway.ask_admin("GET", "/metrics").text().to_owned();
        let of_key = |key: &str| gateway.metric(exceeded, &[&format!("key=\"{key}\"")]);
        assert_eq!((of_key("a"), of_key("b"), of_key("")), (a, b, others), "{count}: {page}");
        let denied = |key: &str, reason: &str| {
            let words = [format!("key=\"{key}\""), format!("reason=\"{reason}\"")];
            gateway.metric("postern_api_key_denied_total", &[&words[0], &words[1]])
        };
        let (idle, lost) = if count == 10 { (1.0, 1.0) } else { (0.0, 0.0) };
        assert_eq!(
            (denied("idle", "disabled"), denied("lost", "notInPlan")),
            (idle, lost),
            "{count}: {page}"
        );
        let of_plan = |name: &str| gateway.metric(name, &["plan=\"gold\""]);
        assert_eq!(of_plan("postern_usage_plan_requests_total"), 3.0, "{page}");
        assert_eq!(of_plan("postern_usage_plan_quota_exceeded_total"), 4.0, "{page}");
        assert!(!page.contains("of-more-than-twenty-characters"), "a value of a key: {page}");
    }
}

#[test]
fn throttled_requests_are_counted_by_plan_and_level() {
    let gateway = start(|_, configuration| {
        configuration["usagePlans"][1]["throttle"] = json!({"rateLimit": 0.001, "burstLimit": 1});
    });
    call(&gateway, BILLING, 1);
    assert_eq!(ask(&gateway, BILLING).status(), 429);
    until_counted(&gateway, 2.0);
    let throttled = |words: &[&str]| gateway.metric("postern_usage_plan_throttled_total", words);
    assert_eq!(throttled(&["plan=\"free\"", "level=\"plan\""]), 1.0);
    assert_eq!(throttled(&[]), 1.0);
}
