//! What never stands in a transcript: credentials of the client and of the gateway.

use std::borrow::Cow;

use postern_model::IdentitySource;
use postern_protocol::{http1::Fields, uri::Query};

use super::{Answered, Ending, GateTrace, MappedCall, Transcript};
use crate::{Arrival, Record, context::quoted, integration::parameters::query_values};

/// Fields whose values are never told.
const SECRET_FIELDS: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-amz-security-token",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
];

/// Query parameters whose values are never told.
const SECRET_PARAMETERS: [&str; 8] = [
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-credential",
    "access_token",
    "api_key",
    "apikey",
    "password",
    "token",
];

const MASK: &str = "***";

/// Shorter values are masked where they stand by name alone: anywhere else they could be anything.
const LENGTH_MIN: usize = 6;

pub(super) fn is_secret_field(name: &str) -> bool {
    SECRET_FIELDS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// The secret values of one request: taken out of every text, wherever mappings put them.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(arrival: &Arrival<'_>) -> Self {
        let request = arrival.head.over(arrival.bytes);
        let mut values = Vec::new();
        for name in SECRET_FIELDS {
            collect_field(request.fields(), name, &mut values);
        }
        if let Some(query) = request.query()
            && let Ok(query) = Query::parse(query, usize::MAX)
        {
            let is_secret =
                |name: &[u8]| SECRET_PARAMETERS.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(name));
            for parameter in query.parameters().filter(|parameter| is_secret(&parameter.name())) {
                values.push(String::from_utf8_lossy(parameter.raw_value()).into_owned());
                values.push(String::from_utf8_lossy(&parameter.value()).into_owned());
            }
        }
        let mut secrets = Self(values);
        secrets.complete();
        secrets
    }

    /// Adds what an authorizer's identity sources read of the request, and the key that it gave.
    pub(super) fn add_identity(&mut self, record: &Record<'_>) {
        let authorizer =
            record.matched.as_ref().and_then(|matched| matched.stage_method.authorizer.as_deref());
        let sources = authorizer.into_iter().flat_map(|authorizer| &authorizer.terms.identity_sources);
        for source in sources {
            match source {
                IdentitySource::Header(name) => {
                    if let Some(arrival) = record.arrival {
                        collect_field(arrival.head.over(arrival.bytes).fields(), name, &mut self.0);
                    }
                }
                IdentitySource::QueryString(name) => {
                    self.0.extend(query_values(record, name).into_iter().map(Cow::into_owned));
                }
                IdentitySource::StageVariable(_) | IdentitySource::Context(_) => {}
            }
        }
        let key = record.authorizer.as_ref().and_then(|outcome| outcome.usage_identifier_key());
        self.0.extend(key.map(ToOwned::to_owned));
        self.complete();
    }

    /// Adds what they are within JSON, and puts the longest first, so that none is cut in two.
    fn complete(&mut self) {
        self.0.retain(|value| value.len() >= LENGTH_MIN);
        let is_escaped = |value: &&String| value.contains(['"', '\\']);
        let escaped: Vec<String> = self.0.iter().filter(is_escaped).map(|value| quoted(value)).collect();
        self.0.extend(escaped.iter().filter_map(|value| value.get(1..value.len() - 1)).map(str::to_owned));
        self.0.sort_by_key(|value| std::cmp::Reverse(value.len()));
        self.0.dedup();
    }

    /// The transcript without them.
    pub(super) fn taken_out(&self, mut transcript: Transcript) -> Transcript {
        for GateTrace { because, facts, policy, call, .. } in &mut transcript.gates {
            self.take_out(because);
            facts.iter_mut().for_each(|(_, value)| self.take_out(value));
            let statements = policy.iter_mut().flat_map(|policy| &mut policy.statements);
            let conditions = statements.flat_map(|statement| &mut statement.conditions);
            conditions.filter_map(|it| it.actual.as_mut()).flatten().for_each(|text| self.take_out(text));
            if let Some(MappedCall { url, fields, body, .. }) = call {
                self.take_out(url);
                self.take_out(body);
                for (name, value) in fields {
                    if is_secret_field(name) {
                        MASK.clone_into(value);
                    }
                    self.take_out(value);
                }
            }
        }
        if let Ending::Answer(Answered { body, .. }) = &mut transcript.ending {
            self.take_out(body);
        }
        transcript
    }

    fn take_out(&self, text: &mut String) {
        for secret in &self.0 {
            if text.contains(&**secret) {
                *text = text.replace(&**secret, MASK);
            }
        }
    }
}

/// The whole value, what stands behind its scheme, and each cookie.
fn collect_field(fields: Fields<'_>, name: &str, values: &mut Vec<String>) {
    for value in fields.values_named(name.as_bytes()) {
        let value = String::from_utf8_lossy(value).into_owned();
        let parts = value.split([' ', ';', ',']).map(|part| part.split_once('=').map_or(part, |(_, it)| it));
        values.extend(parts.map(ToOwned::to_owned));
        values.push(value);
    }
}
