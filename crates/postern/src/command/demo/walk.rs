//! The walk of `postern demo --check`: every step a real exchange over a socket, in plain text and over
//! TLS.

use std::{fmt::Display, sync::Arc};

use rustls::ClientConfig;
use serde_json::Value;

use super::{
    client::{Answer, Connection, trust},
    scene::{API_HOST, API_ID, Door, ENDPOINT_B, Scene},
};

/// A step: what it shows, and the exchange that does.
type Step = (&'static str, fn(&Walk<'_>) -> Result<(), String>);

/// The steps, in the order of the walkthrough.
const STEPS: &[Step] = &[
    ("endpoint A lets the API's host name in", by_host),
    ("endpoint A lets its own DNS name in, with x-apigw-api-id", by_dns_name),
    ("endpoint A lets the API's name at this endpoint in", by_api_and_endpoint),
    ("endpoint B is denied by the resource policy", through_endpoint_b),
    ("a stage that there is not is forbidden", unknown_stage),
    ("a path that there is not wants an authentication token", unknown_path),
    ("a pet that was posted can be read back", post_and_read_back),
    ("the root is the HTML page of the definition", html_root),
    ("the browser's preflight is answered", preflight),
    ("a function greets whoever asks, and knows the endpoint", function),
    (
        "another policy shuts endpoint A out and lets B in, on connections that stay open, and back",
        policy_edit,
    ),
];

/// Walks, first in plain text, then over TLS. Says whether every answer was right.
pub(super) fn walk(scene: &Scene, say: &mut dyn FnMut(&dyn Display)) -> bool {
    let trusted = match trust(&scene.certificate) {
        Ok(trusted) => trusted,
        Err(fault) => {
            say(&format_args!("FAILED TLS cannot be set up: {fault}"));
            return false;
        }
    };
    let mut failed = 0;
    for (wire, trusted) in [("plain", None), ("TLS", Some(&trusted))] {
        let walk = Walk { scene, trusted };
        for (shows, step) in STEPS {
            match step(&walk) {
                Ok(()) => say(&format_args!("ok     {wire:<5}  {shows}")),
                Err(wrong) => {
                    failed += 1;
                    say(&format_args!("FAILED {wire:<5}  {shows}: {wrong}"));
                }
            }
        }
    }
    let steps = STEPS.len() * 2;
    say(&format_args!("{} of {steps} steps are right", steps - failed));
    failed == 0
}

/// A walk over one kind of wire.
struct Walk<'s> {
    scene: &'s Scene,
    trusted: Option<&'s Arc<ClientConfig>>,
}

impl Walk<'_> {
    fn connect(&self, door: Door, host: &str) -> Result<Connection, String> {
        let address = if self.trusted.is_some() { door.secure } else { door.plain };
        Connection::open(address, host, self.trusted)
    }

    /// Asks on a connection of its own.
    fn ask(&self, door: Door, host: &str, request: &str) -> Result<Answer, String> {
        self.connect(door, host)?.ask(request)
    }

    fn get(&self, door: Door, path: &str) -> Result<Answer, String> {
        self.ask(door, API_HOST, &get(API_HOST, path, ""))
    }

    /// Has the gateway read its files again, by its admin listener.
    fn reload(&self) -> Result<(), String> {
        let mut admin = Connection::open(self.scene.admin, "", None)?;
        let answer = admin.ask("POST /reload HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n\r\n")?;
        expect("the status of the reload", &answer.status, &200)
    }

    fn write_policy(&self, endpoint: &str) -> Result<(), String> {
        let written = self.scene.write("policy.json", &Scene::policy_for(endpoint));
        written.map_err(|fault| fault.to_string())?;
        self.reload()
    }
}

/// A GET; `lines` are more header lines, each with its end.
fn get(host: &str, path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")
}

fn expect<T: PartialEq + std::fmt::Debug + ?Sized>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, not {expected:?}")) }
}

/// The three pets that the store opens with.
fn expect_pets(answer: &Answer) -> Result<(), String> {
    expect("the status", &answer.status, &200)?;
    let pets: Value =
        serde_json::from_str(&answer.body).map_err(|fault| format!("the body is no JSON: {fault}"))?;
    let kinds: Vec<&str> = (0..3).filter_map(|index| pets.get(index)?.get("type")?.as_str()).collect();
    expect("the first three pets", &*kinds, &["dog", "cat", "fish"])
}

fn expect_refusal(answer: &Answer, error_type: &str, body: &str) -> Result<(), String> {
    expect("the status", &answer.status, &403)?;
    expect("x-amzn-ErrorType", answer.field("x-amzn-ErrorType"), error_type)?;
    expect("the body", &*answer.body, body)
}

/// The denial of resource-policies.md section 7.
fn expect_denial(answer: &Answer) -> Result<(), String> {
    let body = format!(
        "{{\"Message\":\"User: anonymous is not authorized to perform: execute-api:Invoke on resource: \
         arn:aws:execute-api:us-east-1:********9012:{API_ID}/demo/GET/pets with an explicit deny\"}}"
    );
    expect_refusal(answer, "AccessDeniedException", &body)
}

fn by_host(walk: &Walk<'_>) -> Result<(), String> {
    expect_pets(&walk.get(walk.scene.endpoint_a, "/demo/pets")?)
}

fn by_dns_name(walk: &Walk<'_>) -> Result<(), String> {
    let door = walk.scene.endpoint_a;
    let (host, line) = (door.dns_name(), format!("x-apigw-api-id: {API_ID}\r\n"));
    expect_pets(&walk.ask(door, &host, &get(&host, "/demo/pets", &line))?)
}

fn by_api_and_endpoint(walk: &Walk<'_>) -> Result<(), String> {
    let door = walk.scene.endpoint_a;
    let host = door.api_host();
    expect_pets(&walk.ask(door, &host, &get(&host, "/demo/pets", ""))?)
}

fn through_endpoint_b(walk: &Walk<'_>) -> Result<(), String> {
    expect_denial(&walk.get(walk.scene.endpoint_b, "/demo/pets")?)
}

fn unknown_stage(walk: &Walk<'_>) -> Result<(), String> {
    let answer = walk.get(walk.scene.endpoint_a, "/nosuchstage/pets")?;
    expect_refusal(&answer, "ForbiddenException", r#"{"message":"Forbidden"}"#)
}

fn unknown_path(walk: &Walk<'_>) -> Result<(), String> {
    let answer = walk.get(walk.scene.endpoint_a, "/demo/nosuchpath")?;
    expect_refusal(
        &answer,
        "MissingAuthenticationTokenException",
        r#"{"message":"Missing Authentication Token"}"#,
    )
}

fn post_and_read_back(walk: &Walk<'_>) -> Result<(), String> {
    let door = walk.scene.endpoint_a;
    let mut connection = walk.connect(door, API_HOST)?;
    let pet = r#"{"type":"cat","price":123.11}"#;
    let answer = connection.ask(&format!(
        "POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{pet}",
        pet.len()
    ))?;
    expect("the status of the POST", &answer.status, &200)?;
    let posted: Value = serde_json::from_str(&answer.body).map_err(|fault| fault.to_string())?;
    let id =
        posted.pointer("/pet/id").ok_or_else(|| format!("the answer has no pet with an id: {posted}"))?;
    let answer = connection.ask(&get(API_HOST, &format!("/demo/pets/{id}"), ""))?;
    expect("the status", &answer.status, &200)?;
    expect("the pet", &*answer.body, &format!(r#"{{"id":{id},"type":"cat","price":123.11}}"#))
}

fn html_root(walk: &Walk<'_>) -> Result<(), String> {
    let answer = walk.get(walk.scene.endpoint_a, "/demo/")?;
    expect("the status", &answer.status, &200)?;
    expect("Content-Type", answer.field("Content-Type"), "text/html")?;
    let links_to_stage =
        answer.body.contains("Welcome to your Pet Store API") && answer.body.contains("\"/demo/pets/\"");
    expect("whether the page welcomes and links to the stage", &links_to_stage, &true)
}

fn preflight(walk: &Walk<'_>) -> Result<(), String> {
    let request = format!(
        "OPTIONS /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    );
    let answer = walk.ask(walk.scene.endpoint_a, API_HOST, &request)?;
    expect("the status", &answer.status, &200)?;
    for (name, value) in [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "POST,GET,OPTIONS"),
        ("Access-Control-Allow-Headers", "Content-Type,X-Amz-Date,Authorization,X-Api-Key"),
    ] {
        expect(name, answer.field(name), value)?;
    }
    Ok(())
}

fn function(walk: &Walk<'_>) -> Result<(), String> {
    let door = walk.scene.endpoint_a;
    let answer = walk.get(door, "/demo/hello?name=Ada")?;
    expect("the status", &answer.status, &200)?;
    expect("Content-Type", answer.field("Content-Type"), "application/json")?;
    let greeting = format!(r#"{{"message":"Hello, Ada!","through":"{}"}}"#, door.id);
    expect("the greeting", &*answer.body, &greeting)
}

fn policy_edit(walk: &Walk<'_>) -> Result<(), String> {
    let request = get(API_HOST, "/demo/pets", "");
    let mut through_a = walk.connect(walk.scene.endpoint_a, API_HOST)?;
    let mut through_b = walk.connect(walk.scene.endpoint_b, API_HOST)?;
    expect_pets(&through_a.ask(&request)?)?;
    expect_denial(&through_b.ask(&request)?)?;
    walk.write_policy(ENDPOINT_B)?;
    let changed = through_a.ask(&request).and_then(|answer| expect_denial(&answer));
    let changed = changed.and_then(|()| expect_pets(&through_b.ask(&request)?));
    walk.write_policy(walk.scene.endpoint_a.id)?;
    changed?;
    expect_pets(&through_a.ask(&request)?)?;
    expect_denial(&through_b.ask(&request)?)
}
