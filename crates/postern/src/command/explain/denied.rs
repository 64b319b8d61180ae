//! A denial of the running gateway, as the admin listener tells it.

use postern_gateway::{Denial, Transcript, gate_name, gate_title};
use serde_json::{Value, json};

use super::{
    json::{request_json, transcript_json},
    text::{origin, transcript_text},
};

/// As JSON: what is known of the denial, and the members of `explain` where the configuration that
/// decided still serves.
pub(crate) fn denial_json(denial: &Denial, transcript: Option<&Transcript>) -> Value {
    let (method, path) = method_and_path(denial);
    let request = request_json((&method, ("path", &path)), denial.identity(), denial.source().ip());
    let page = json!({
        "requestId": denial.request_id(),
        "receivedAtMilliseconds": denial.received_milliseconds(),
        "request": request,
        "status": denial.status(),
        "refusedBy": denial.gate().map(gate_name),
        "because": denial.refusal().reason(),
        "configuration": if transcript.is_some() { "serving" } else { "replaced" },
    });
    match (page, transcript) {
        (Value::Object(mut page), Some(transcript)) => {
            page.extend(transcript_json(transcript));
            page.into()
        }
        (page, _) => page,
    }
}

/// As text.
pub(crate) fn denial_text(denial: &Denial, transcript: Option<&Transcript>) -> String {
    let (method, path) = method_and_path(denial);
    let origin = origin(denial.identity(), denial.source().ip());
    let title = denial.gate().map_or("", gate_title);
    let heading = format!(
        "{method} {path}\n{origin}\nrequest {}, answered {}\n{title}: {}\n\n",
        denial.request_id(),
        denial.status(),
        denial.refusal().reason()
    );
    match transcript {
        Some(transcript) => heading + &transcript_text(transcript),
        None => heading + "The configuration that decided has been replaced since.\n",
    }
}

fn method_and_path(denial: &Denial) -> (String, String) {
    let line = denial.request_line();
    let (method, path) = line.split_once(' ').unwrap_or((&line, ""));
    (method.to_owned(), path.to_owned())
}
