//! API keys, usage plans, throttles and quotas (throttling-and-usage-plans.md).

use postern_testing::{API_ID, Gateway, Message, Place, base_configuration, definition, mock};
use serde_json::{Value, json};

use crate::{gateway, pets, refusal, short};

const KEY: &str = "checkout-key-of-twenty-characters";
const OTHER_KEY: &str = "billing-key-of-twenty-characters-";

/// `GET /pets` asks for a key; `GET /open` does not.
pub(crate) fn keyed() -> Value {
    let mut operation = mock("pets");
    operation["security"] = json!([{"api_key": []}]);
    let mut definition = definition(&json!({"/pets": {"get": operation}, "/open": {"get": mock("open")}}));
    definition["components"] =
        json!({"securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}});
    definition
}

/// One key in one plan for the stage.
pub(crate) fn with_plan(change: impl FnOnce(&Place, &mut Value)) -> Gateway {
    let place = Place::new();
    let mut configuration = plan_configuration(&place);
    change(&place, &mut configuration);
    Gateway::start(place, configuration)
}

fn plan_configuration(place: &Place) -> Value {
    let mut configuration = base_configuration(place, &keyed());
    configuration["apiKeys"] = json!([{"name": "checkout", "value": KEY}]);
    configuration["usagePlans"] =
        json!([{"name": "gold", "apiStages": [{"apiId": API_ID, "stage": "demo"}], "apiKeys": ["checkout"]}]);
    configuration
}

pub(crate) fn ask(gateway: &Gateway, key: &str) -> Message {
    gateway.get_with("/demo/pets", &format!("x-api-key: {key}\r\n"))
}

/// As [`ask`], where `postern explain` must say the same.
fn explained(gateway: &Gateway, key: &str) -> Message {
    gateway.get_explained("/demo/pets", &format!("x-api-key: {key}\r\n"))
}

fn statuses(gateway: &Gateway, count: usize) -> Vec<u16> {
    (0..count).map(|_| ask(gateway, KEY).status()).collect()
}

fn forbidden() -> String {
    refusal("403 Forbidden", "ForbiddenException", r#"{"message":"Forbidden"}"#)
}

fn too_many() -> String {
    refusal("429 Too Many Requests", "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#)
}

fn limit_exceeded() -> String {
    refusal("429 Too Many Requests", "LimitExceededException", r#"{"message":"Limit Exceeded"}"#)
}

#[test]
fn a_key_opens_the_stages_of_its_plan() {
    let gateway = with_plan(|_, configuration| {
        let mut second = configuration["restApis"][0].clone();
        second["id"] = json!("f6g7h8i9j0");
        second["endpointConfiguration"] = json!({"types": ["PRIVATE"]});
        configuration["restApis"].as_array_mut().unwrap().push(second);
        configuration["restApis"][0]["stages"].as_array_mut().unwrap().push(json!({"stageName": "closed"}));
    });
    assert_eq!(short(&explained(&gateway, KEY)), (200, "pets"));
    assert_eq!(gateway.get_explained("/demo/pets", "").masked(), forbidden());
    assert_eq!(explained(&gateway, "no-such-key-of-twenty-characters").masked(), forbidden());
    assert_eq!(gateway.get_explained("/closed/pets", &format!("x-api-key: {KEY}\r\n")).masked(), forbidden());
    let host = "f6g7h8i9j0.execute-api.us-east-1.amazonaws.com";
    let request = format!("GET /demo/pets HTTP/1.1\r\nHost: {host}\r\nx-api-key: {KEY}\r\n\r\n");
    assert_eq!(gateway.ask_explained(0, &request).0.masked(), forbidden());
    // A method that asks for none ignores it, and no other header will do.
    assert_eq!(short(&gateway.get_explained("/demo/open", "")), (200, "open"));
    assert_eq!(gateway.get_explained(&format!("/demo/pets?x-api-key={KEY}"), "").masked(), forbidden());
}

#[test]
fn a_key_can_be_given_by_value_file_variable_or_hash() {
    for source in ["value", "valueFile", "valueEnv", "valueSha256"] {
        let place = Place::new();
        place.write("keys/checkout", &format!("{KEY}\n"));
        let mut configuration = plan_configuration(&place);
        let given = match source {
            "value" => KEY.to_owned(),
            "valueFile" => "keys/checkout".to_owned(),
            "valueEnv" => "CHECKOUT_KEY".to_owned(),
            _ => sha256_of(&place, KEY),
        };
        configuration["apiKeys"] = json!([{"name": "checkout", (source): given}]);
        let gateway = Gateway::start_with(place, configuration, &[("CHECKOUT_KEY", KEY)]);
        assert_eq!(ask(&gateway, KEY).status(), 200, "{source}");
        assert_eq!(ask(&gateway, OTHER_KEY).status(), 403, "{source}");
    }
}

/// By a tool that we did not write.
fn sha256_of(place: &Place, text: &str) -> String {
    let file = place.write("hashed", text);
    let output =
        std::process::Command::new("openssl").args(["dgst", "-sha256", "-r"]).arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn a_key_that_is_not_enabled_opens_nothing() {
    for (enabled, expected) in [(true, 200), (false, 403)] {
        let gateway = with_plan(|_, configuration| configuration["apiKeys"][0]["enabled"] = json!(enabled));
        assert_eq!(explained(&gateway, KEY).status(), expected);
    }
}

#[test]
fn keys_come_from_files_with_the_plans_that_they_name() {
    let gateway = with_plan(|place, configuration| {
        place.write(
            "keys.csv",
            &format!("Name,key,description,Enabled,usageplanIds\nbilling,{OTHER_KEY},,TRUE,gold\n"),
        );
        configuration["apiKeysFile"] = json!(["keys.csv"]);
    });
    assert_eq!(ask(&gateway, KEY).status(), 200);
    assert_eq!(ask(&gateway, OTHER_KEY).status(), 200);
}

#[test]
fn a_plan_names_its_keys() {
    let gateway = with_plan(|_, configuration| {
        configuration["apiKeys"].as_array_mut().unwrap().push(json!({"name": "billing", "value": OTHER_KEY}));
    });
    assert_eq!((explained(&gateway, KEY).status(), explained(&gateway, OTHER_KEY).status()), (200, 403));
}

#[test]
fn a_plan_throttles_each_of_its_keys() {
    let gateway = with_plan(|_, configuration| {
        configuration["apiKeys"].as_array_mut().unwrap().push(json!({"name": "billing", "value": OTHER_KEY}));
        configuration["usagePlans"][0]["apiKeys"] = json!(["checkout", "billing"]);
        configuration["usagePlans"][0]["throttle"] = json!({"rateLimit": 0.001, "burstLimit": 2});
    });
    assert_eq!(statuses(&gateway, 2), [200, 200]);
    assert_eq!(ask(&gateway, KEY).masked(), too_many());
    assert_eq!(ask(&gateway, OTHER_KEY).status(), 200);
}

#[test]
fn a_bucket_fills_again_at_its_rate() {
    let gateway = with_plan(|_, configuration| {
        configuration["usagePlans"][0]["throttle"] = json!({"rateLimit": 5, "burstLimit": 1});
    });
    assert_eq!(ask(&gateway, KEY).status(), 200);
    postern_testing::until("a new token", || (ask(&gateway, KEY).status() == 200).then_some(()));
}

#[test]
fn a_plan_throttles_a_method_in_place_of_the_whole() {
    let gateway = with_plan(|_, configuration| {
        configuration["usagePlans"][0]["apiStages"][0]["throttle"] =
            json!({"/pets/GET": {"rateLimit": 0.001, "burstLimit": 1}});
    });
    assert_eq!(statuses(&gateway, 1), [200]);
    assert_eq!(ask(&gateway, KEY).masked(), too_many());
    let gateway = with_plan(|_, configuration| {
        configuration["usagePlans"][0]["apiStages"][0]["throttle"] =
            json!({"/pets/GET": {"rateLimit": 1000, "burstLimit": 3}});
        configuration["usagePlans"][0]["throttle"] = json!({"rateLimit": 0.001, "burstLimit": 1});
    });
    assert_eq!(statuses(&gateway, 3), [200, 200, 200]);
}

#[test]
fn a_quota_ends_what_a_key_may_use_in_a_period() {
    let day = json!({"limit": 2, "period": "DAY"});
    let gateway = with_plan(|_, configuration| configuration["usagePlans"][0]["quota"] = day);
    assert_eq!(statuses(&gateway, 2), [200, 200]);
    assert_eq!(ask(&gateway, KEY).masked(), limit_exceeded());
}

#[test]
fn an_offset_makes_the_first_period_smaller() {
    for (offset, expected) in [(0, [200, 200, 429]), (1, [200, 429, 429]), (2, [429, 429, 429])] {
        let quota = json!({"limit": 2, "period": "MONTH", "offset": offset});
        let gateway = with_plan(|_, configuration| configuration["usagePlans"][0]["quota"] = quota);
        assert_eq!(statuses(&gateway, 3), expected, "{offset}");
    }
}

#[test]
fn the_period_of_a_quota_is_shown_with_what_is_left() {
    for period in ["DAY", "WEEK", "MONTH"] {
        let quota = json!({"limit": 5, "period": period});
        let gateway = with_plan(|_, configuration| configuration["usagePlans"][0]["quota"] = quota);
        assert_eq!(ask(&gateway, KEY).status(), 200);
        let page: Value = serde_json::from_slice(&gateway.ask_admin("GET", "/usage").body).unwrap();
        let text = page.to_string();
        assert!(text.contains("gold") && text.contains("checkout"), "{text}");
        assert!(text.contains(period), "{text}");
    }
}

#[test]
fn quotas_outlive_the_process() {
    let place = Place::new();
    let mut configuration = plan_configuration(&place);
    configuration["stateDirectory"] = json!("state");
    configuration["usagePlans"][0]["quota"] = json!({"limit": 2, "period": "MONTH"});
    let mut gateway = Gateway::start(place, configuration);
    assert_eq!(statuses(&gateway, 1), [200]);
    gateway.stop();
    gateway.start_again();
    assert_eq!(statuses(&gateway, 2), [200, 429]);
}

#[test]
fn a_crash_loses_no_more_than_the_time_between_two_flushes() {
    for (seconds, kept) in [(1, true), (3_600, false)] {
        let place = Place::new();
        let mut configuration = plan_configuration(&place);
        configuration["stateDirectory"] = json!("state");
        configuration["quotaFlushSeconds"] = json!(seconds);
        configuration["usagePlans"][0]["quota"] = json!({"limit": 4, "period": "MONTH"});
        let mut gateway = Gateway::start(place, configuration);
        // What the second flush follows is written whole.
        for _ in 0..2 {
            let before = newest(&gateway);
            assert_eq!(statuses(&gateway, 1), [200]);
            if kept {
                postern_testing::until("a flush", || (newest(&gateway) > before).then_some(()));
            }
        }
        gateway.kill();
        gateway.start_again();
        let expected = if kept { 429 } else { 200 };
        assert_eq!(*statuses(&gateway, 4).last().unwrap(), expected, "{seconds}");
    }
}

fn newest(gateway: &Gateway) -> Option<std::time::SystemTime> {
    let folder = std::fs::read_dir(gateway.place().path().join("state")).ok()?;
    folder.filter_map(|file| file.ok()?.metadata().ok()?.modified().ok()).max()
}

#[test]
fn a_stage_throttles_each_method_of_its_own() {
    let one = json!({"throttlingRateLimit": 0.001, "throttlingBurstLimit": 1});
    let gateway = gateway(
        &definition(&json!({"/pets": {"get": mock("pets")}, "/cats": {"get": mock("cats")}})),
        |_, configuration| {
            configuration["restApis"][0]["stages"][0]["methodSettings"] = json!({"*/*": one});
        },
    );
    assert_eq!(gateway.get("/demo/pets").status(), 200);
    assert_eq!(gateway.get("/demo/pets").masked(), too_many());
    // `*/*` is a template, not one bucket for all (TH-10).
    assert_eq!(gateway.get("/demo/cats").status(), 200);
}

#[test]
fn a_stage_without_a_throttle_throttles_nothing() {
    let gateway = gateway(&pets(), |_, configuration| {
        configuration["restApis"][0]["stages"][0]["methodSettings"] =
            json!({"/pets/GET": {"throttlingRateLimit": -1, "throttlingBurstLimit": -1}});
    });
    assert!((0..20).all(|_| gateway.get("/demo/pets").status() == 200));
}

#[test]
fn the_account_throttles_all_apis_together() {
    let gateway = gateway(
        &definition(&json!({"/pets": {"get": mock("pets")}, "/cats": {"get": mock("cats")}})),
        |_, configuration| {
            configuration["accountThrottle"] = json!({"rateLimit": 0.001, "burstLimit": 1});
        },
    );
    assert_eq!(gateway.get("/demo/pets").status(), 200);
    assert_eq!(gateway.get("/demo/cats").masked(), too_many());
}

#[test]
fn the_account_is_asked_before_or_after_authorization() {
    for (before, expected) in [(false, [403, 403, 200]), (true, [403, 403, 429])] {
        let gateway = with_plan(|_, configuration| {
            configuration["accountThrottle"] =
                json!({"rateLimit": 0.001, "burstLimit": 2, "beforeAuthorization": before});
        });
        // Without its key a call is refused, and costs a token only where the account is asked first.
        let seen = [
            gateway.get("/demo/pets").status(),
            gateway.get("/demo/pets").status(),
            ask(&gateway, KEY).status(),
        ];
        assert_eq!(seen, expected, "{before}");
    }
}
