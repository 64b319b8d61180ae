//! The scripts for wrk that users are given (`benches/wrk`).

use std::{collections::BTreeSet, process::Command};

use postern_testing::{
    API_HOST, API_ID, Backend, Gateway, definition, http_proxy, mock, repository_root, until,
};
use serde_json::json;

use crate::gateway;

const KEYS: [&str; 2] = ["abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba"];
const KEY_NAMES: [&str; 2] = ["one", "two"];

fn serving(backend: &Backend) -> Gateway {
    let mut keyed = mock("keyed");
    keyed["security"] = json!([{"api_key": []}]);
    let paths = json!({
        "/plain": {"get": mock("plain")},
        "/keyed": {"get": keyed},
        "/in": {"post": http_proxy("POST", backend.address(), "/in")},
    });
    let mut definition = definition(&paths);
    definition["components"] =
        json!({"securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}});
    gateway(&definition, |place, configuration| {
        place.write("keys.txt", &KEYS.join("\n"));
        configuration["apiKeys"] =
            json!([{"name": KEY_NAMES[0], "value": KEYS[0]}, {"name": KEY_NAMES[1], "value": KEYS[1]}]);
        configuration["accessLog"] = json!({"destination": place.path().join("access.log"), "format": "$context.requestId $context.identity.apiKeyId"});
        configuration["usagePlans"] = json!([
            {"name": "plan", "apiKeys": KEY_NAMES, "apiStages": [{"apiId": API_ID, "stage": "demo"}]}
        ]);
    })
}

/// The last line that a script writes.
fn report(gateway: &Gateway, script: &str, path: &str, variable: (&str, &str)) -> String {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t", "1", "-c", "4", "-d", "1s", "-s"])
        .arg(repository_root().join("benches/wrk").join(script));
    wrk.args(["-H", &format!("Host: {API_HOST}"), &format!("http://{}/demo{path}", gateway.endpoint(0))]);
    let output = wrk.env(variable.0, variable.1).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().map(ToOwned::to_owned);
    last.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn each_script_for_wrk_is_answered() {
    let backend = Backend::with(|request| {
        assert_eq!(
            (request.body.len(), request.field("content-type")),
            (3_000, Some("application/octet-stream"))
        );
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()
    });
    let gateway = serving(&backend);
    let keys = gateway.place().path().join("keys.txt");
    let rows = [
        ("plain.lua", "/plain", ("KEYS", "")),
        ("keys.lua", "/keyed", ("KEYS", keys.to_str().unwrap())),
        ("post.lua", "/in", ("BYTES", "3000")),
    ];
    for (script, path, variable) in rows {
        let report = report(&gateway, script, path, variable);
        assert!(report.starts_with("answers ") && !report.starts_with("answers 0,"), "{script}: {report}");
        assert!(report.ends_with(", not 2xx or 3xx 0, lost 0"), "{script}: {report}");
    }
    let every_key = || {
        let log = gateway.place().read("access.log");
        let keys: BTreeSet<&str> =
            log.lines().filter_map(|line| line.split_once(" ")).map(|(_, key)| key).collect();
        KEY_NAMES.iter().all(|name| keys.contains(name)).then_some(())
    };
    until("each key to have been used", every_key);
}
