//! A transcript as text for a person.

use std::{fmt::Write, net::IpAddr};

use postern_gateway::{Answered, Ending, GateTrace, Identity, MappedCall, Transcript, Verdict, gate_title};

/// By which door, and from where.
pub(super) fn origin(identity: &Identity, source: IpAddr) -> String {
    match identity {
        Identity::VpcEndpoint { vpc_endpoint_id, vpc_id } => {
            format!("through {vpc_endpoint_id} in {vpc_id}, from {source}")
        }
        Identity::Public => format!("through a public listener, from {source}"),
        Identity::Nobody => format!("by a load balancer's own connection, from {source}"),
    }
}

/// Every gate, and how it ended.
pub(super) fn transcript_text(transcript: &Transcript) -> String {
    let mut text = String::new();
    let titles = transcript.gates.iter().map(|trace| gate_title(trace.gate).chars().count());
    let width = titles.max().unwrap_or_default();
    for trace in &transcript.gates {
        write_gate(trace, width, &mut text);
    }
    text.push('\n');
    write_ending(&transcript.ending, &mut text);
    text
}

/// What stands before the title of a gate.
const fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed     ",
        Verdict::Failed => "FAILED     ",
        Verdict::NotReached => "not reached",
    }
}

/// Details stand below the title that they belong to.
const INDENT: &str = "             ";

fn write_gate(trace: &GateTrace, width: usize, text: &mut String) {
    let GateTrace { gate, verdict, because, facts, policy, call } = trace;
    let line = format!("{}  {:width$}  {because}", mark(*verdict), gate_title(*gate));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
    let names = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, value) in facts {
        let _ = writeln!(text, "{INDENT}  {name:names$}  {value}");
    }
    if let Some(policy) = policy {
        write_indented(&policy.to_string(), text);
    }
    if let Some(call) = call {
        write_indented(&call_text(call), text);
    }
}

fn write_indented(block: &str, text: &mut String) {
    for line in block.lines() {
        let _ = writeln!(text, "{}", format!("{INDENT}  {line}").trim_end());
    }
}

fn call_text(call: &MappedCall) -> String {
    let MappedCall { method, url, fields, body, .. } = call;
    let mut text = format!("{method} {url}\n");
    for (name, value) in fields {
        let _ = writeln!(text, "{name}: {value}");
    }
    if !body.is_empty() {
        let _ = write!(text, "\n{body}\n");
    }
    text
}

fn write_ending(ending: &Ending, text: &mut String) {
    let _ = match ending {
        Ending::Answer(Answered { status, error_type, body }) => {
            let error_type = error_type.as_ref().map_or_else(String::new, |it| format!(" {it}"));
            writeln!(text, "answer: {status}{error_type}\n{body}")
        }
        Ending::Closed => writeln!(text, "answer: none, the connection is closed"),
        Ending::NotCalled => {
            writeln!(text, "answer: the backend's, which was not called (--invoke calls it)")
        }
        Ending::AuthorizerNotCalled => {
            writeln!(text, "answer: up to the authorizer, which was not called (--invoke calls it)")
        }
    };
}
