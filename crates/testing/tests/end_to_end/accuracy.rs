//! Rates are honoured under load, exactly, whatever the number of workers and through a hot swap
//! (TH-6); and who is refused keeps nobody waiting. `benches/accuracy` does the same for longer and at
//! higher rates.

use std::{thread, time::Instant};

use postern_testing::{API_HOST, Gateway, Load, wrk};
use serde_json::json;

use crate::keys_and_rates::{ask, with_plan};

const KEY: &str = "checkout-key-of-twenty-characters";
const QUIET: &str = "a-quiet-key-of-twenty-characters";

/// Asks with a key as fast as it goes, for so many seconds.
fn saturate(gateway: &Gateway, seconds: u32) -> Load {
    let url = format!("http://{}/demo/pets", gateway.endpoint(0));
    wrk(&url, &[&format!("Host: {API_HOST}"), &format!("x-api-key: {KEY}")], seconds)
}

#[test]
fn th6_a_rate_is_honoured_by_all_workers_together_and_through_a_swap() {
    // As much as a second brings, so that a machine that is busy for a moment loses no token.
    const RATE: u32 = 500;
    const BURST: u32 = 500;
    for workers in [1, 2, 8] {
        let mut gateway = with_plan(|_, configuration| {
            configuration["workers"] = json!(workers);
            configuration["usagePlans"][0]["throttle"] = json!({"rateLimit": RATE, "burstLimit": BURST});
        });
        let begun = Instant::now();
        let seen = thread::scope(|scope| {
            let seen = scope.spawn(|| saturate(&gateway, 2));
            let mut other = gateway.configuration().clone();
            other["restApis"][0]["stages"][0]["variables"] = json!({"a": "b"});
            gateway.place().write("postern.yaml", &other.to_string());
            gateway.signal("HUP");
            seen.join().unwrap()
        });
        let in_seconds = |seconds: f64| f64::from(BURST) + f64::from(RATE) * seconds;
        let most = in_seconds(begun.elapsed().as_secs_f64());
        let accepted = seen.accepted as f64;
        assert!(accepted <= most, "{workers} workers: {seen:?}, but at most {most}");
        // wrk's clock goes before it has connected, and after the last answers that it counts.
        let least = 0.99 * in_seconds(seen.seconds - 0.1);
        let is_saturated = (seen.accepted + seen.refused) as f64 > 2.0 * most;
        assert!(!is_saturated || accepted >= least, "{workers} workers: {seen:?}, but at least {least}");
        postern_testing::until("the swap", || (gateway.generation() > 1).then_some(()));
        assert!(gateway.runs());
    }
}

#[test]
fn a_noisy_key_that_is_refused_keeps_no_other_key_from_its_answers() {
    let gateway = with_plan(|_, configuration| {
        let quiet = json!({"name": "quiet", "value": QUIET});
        configuration["apiKeys"].as_array_mut().unwrap().push(quiet);
        configuration["usagePlans"][0]["apiKeys"] = json!(["checkout", "quiet"]);
        configuration["usagePlans"][0]["throttle"] = json!({"rateLimit": 0.001, "burstLimit": 100});
    });
    thread::scope(|scope| {
        let noisy = scope.spawn(|| saturate(&gateway, 2));
        let mut answers = 0;
        while !noisy.is_finished() && answers < 100 {
            assert_eq!(ask(&gateway, QUIET).status(), 200);
            answers += 1;
        }
        let seen = noisy.join().unwrap();
        // The noisy key has its own burst and no more; the quiet one was answered all the while.
        assert_eq!(seen.accepted, 100, "{seen:?}");
        assert!(seen.refused > 0 && answers > 10, "{seen:?}, {answers} answers");
    });
}
