//! What `postern explain` says of a request, beside what the running gateway answers.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{API_HOST, Gateway, Message, Wire, program::run_program_with};

impl Gateway {
    /// Sends a request by an endpoint and asks `postern explain` about the same request: status, error
    /// type and body must be the same, and the gates must stand in order. Gives back both.
    ///
    /// Only for what does not depend on requests before it: `explain` knows no empty bucket.
    #[must_use]
    pub fn ask_explained(&self, endpoint: usize, request: &str) -> (Message, Value) {
        let told = self.explain(endpoint, request, &["--invoke"]);
        (ask_alike(self.endpoint(endpoint), request, &told), told)
    }

    /// As [`Gateway::ask_explained`], by the first public listener.
    #[must_use]
    pub fn ask_explained_publicly(&self, request: &str) -> (Message, Value) {
        let told = self.explain_at(self.public(), &[], request, &["--invoke"]);
        (ask_alike(self.public(), request, &told), told)
    }

    /// As [`Gateway::ask_explained`]: one GET for the API through the first endpoint, with more header
    /// lines, each with its line end.
    #[must_use]
    pub fn get_explained(&self, path: &str, lines: &str) -> Message {
        self.ask_explained(0, &format!("GET {path} HTTP/1.1\r\nHost: {API_HOST}\r\n{lines}\r\n")).0
    }

    /// What `postern explain` says of a request as it stands on the wire.
    #[must_use]
    pub fn explain(&self, endpoint: usize, request: &str, more: &[&str]) -> Value {
        let vpc_endpoint = &self.configuration()["vpcEndpoints"][endpoint]["vpcEndpointId"];
        let vpc_endpoint = vpc_endpoint.as_str().expect("an id");
        self.explain_at(self.endpoint(endpoint), &["--vpce", vpc_endpoint], request, more)
    }

    fn explain_at(&self, address: SocketAddr, door: &[&str], request: &str, more: &[&str]) -> Value {
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.split("\r\n");
        let mut first = lines.next().expect("a request line").split(' ');
        let (method, target) = (first.next().expect("a method"), first.next().expect("a target"));
        let url = format!("http://{address}{target}");
        let mut arguments = vec!["explain", "--config", "postern.yaml", "--format", "json"];
        arguments.extend(door);
        arguments.extend(lines.flat_map(|line| ["-H", line]));
        if !body.is_empty() {
            arguments.extend(["-d", body]);
        }
        arguments.extend(more);
        arguments.extend([method, &url]);
        let outcome = run_program_with(self.place().path(), &arguments, "", self.variables());
        assert_eq!(outcome.code, Some(0), "{}", outcome.complaints);
        serde_json::from_str(&outcome.output).expect("explain writes JSON")
    }
}

/// Sends a request, which must be answered as was told.
fn ask_alike(address: SocketAddr, request: &str, told: &Value) -> Message {
    let answer = Wire::to(address).ask(request);
    let expected = &told["answer"];
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(expected["status"], answer.status(), "{request}\n{told:#}");
    assert_eq!(expected["errorType"].as_str(), answer.field("x-amzn-errortype"), "{request}\n{told:#}");
    assert_eq!(expected["body"].as_str(), Some(&*body), "{request}\n{told:#}");
    assert_in_order(told);
    answer
}

/// All gates before the one that refused have passed, and none after it was reached.
fn assert_in_order(told: &Value) {
    let gates = told["gates"].as_array().expect("gates");
    let at = gates.iter().position(|gate| gate["gate"] == told["refusedBy"]);
    for (place, gate) in gates.iter().enumerate() {
        let expected = match at {
            Some(at) if place == at => "failed",
            Some(at) if place > at => "notReached",
            _ => "passed",
        };
        assert_eq!(gate["verdict"], expected, "{gate:#}");
    }
}
