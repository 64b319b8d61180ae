//! The real program between a client and a backend, both of which play what the test says.

#![cfg(test)]

mod accuracy;
mod authorizers;
mod callers;
mod credentials;
mod domain_names;
mod doors;
mod emulated_services;
mod entrance;
mod explain;
mod fault_matrix;
mod faults;
mod function_calls;
mod function_streams;
mod function_workers;
mod functions;
mod http2_answers;
mod http2_limits;
mod integrations;
mod keys_and_rates;
mod large_bodies;
mod late_readers;
mod life;
mod limits;
mod load_scripts;
mod mutual_tls;
mod operator;
mod policies;
mod proxy_protocol;
mod refusals;
mod runtime_clients;
mod security_policies;
mod services;
mod settings;
mod streaming;
mod subnets;
mod template_limits;
mod tls;
mod usage;
mod vpc_links;
mod wire;

use postern_testing::{API_HOST, Gateway, Message, Place, base_configuration, definition, mock};
use serde_json::{Value, json};

/// A definition with `GET /pets`, which answers `pets` by itself.
fn pets() -> Value {
    definition(&json!({"/pets": {"get": mock("pets")}}))
}

/// The base configuration with this definition, changed.
fn gateway(definition: &Value, change: impl FnOnce(&Place, &mut Value)) -> Gateway {
    let place = Place::new();
    let mut configuration = base_configuration(&place, definition);
    change(&place, &mut configuration);
    Gateway::start(place, configuration)
}

/// The base configuration with this definition, as it is.
fn plain_gateway(definition: &Value) -> Gateway {
    gateway(definition, |_, _| {})
}

/// A GET for the API.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {API_HOST}\r\n\r\n")
}

/// A request for the API with a body of declared length.
fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A built-in refusal of the gateway, byte for byte (with [`Message::masked`]).
fn refusal(status_line: &str, error_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status_line}\r\nDate: DATE\r\nContent-Type: application/json\r\nx-amzn-RequestId: UUID\r\n\
         x-amz-apigw-id: EXTENDED\r\nx-amzn-ErrorType: {error_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A refusal of the wire, after which the connection closes, byte for byte.
fn wire_refusal(status_line: &str, message: &str) -> String {
    let body = format!("{{\"message\":\"{message}\"}}");
    format!(
        "HTTP/1.1 {status_line}\r\nDate: DATE\r\nContent-Type: application/json\r\nx-amzn-RequestId: UUID\r\n\
         x-amz-apigw-id: EXTENDED\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Status and body, for short comparisons.
fn short(answer: &Message) -> (u16, &str) {
    (answer.status(), answer.text())
}
