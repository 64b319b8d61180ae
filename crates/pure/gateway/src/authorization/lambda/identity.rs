//! Who calls, as an authorizer's identity sources say it (authorization.md section 3.1).

use std::borrow::Cow;

use postern_model::IdentitySource;
use postern_protocol::http1::KnownName;

use super::CompiledAuthorizer;
use crate::{
    IdentityFault, Record, Refusal,
    context::lossy,
    integration::parameters::{context_value, query_values, sent_api_key, stage_variable},
};

/// What a request brings for an authorizer's identity sources: all values of each, in the order of the
/// configuration (AU-32, AU-66).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallerIdentity<'a> {
    values: Vec<Vec<Cow<'a, str>>>,
}

impl<'a> CallerIdentity<'a> {
    /// The identity in a request. What is missing or malformed is refused without a call of the function; a
    /// REQUEST authorizer that keeps nothing is called whatever there is.
    pub(crate) fn of(record: &Record<'a>, authorizer: &CompiledAuthorizer) -> Result<Self, Refusal> {
        let terms = &authorizer.terms;
        let values = terms.identity_sources.iter().map(|source| values_of(record, source));
        let identity = Self { values: values.collect::<Result<_, _>>()? };
        let is_complete = identity.values.iter().all(|values| !last(values).is_empty());
        if !is_complete && (terms.is_token() || authorizer.cache.is_some()) {
            return Err(Refusal::Unauthorized(IdentityFault::Missing));
        }
        let expression = terms.identity_validation_expression.as_ref().filter(|_| terms.is_token());
        if expression.is_some_and(|expression| !expression.matches(identity.token())) {
            return Err(Refusal::Unauthorized(IdentityFault::Mismatch));
        }
        Ok(identity)
    }

    /// The value of a TOKEN authorizer's one source: of several, the last (AU-32).
    pub(crate) fn token(&self) -> &str {
        self.values.first().map_or("", |values| last(values))
    }

    /// The hash that the answer is kept under. Nobody without the secret can find two identities of one
    /// hash, and every length stands before what it is of, so that no two identities are hashed alike.
    pub(crate) fn hash(&self, secret: &[u8; 32]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(secret);
        for values in &self.values {
            hasher.update(&(values.len() as u64).to_le_bytes());
            for value in values {
                hasher.update(&(value.len() as u64).to_le_bytes());
                hasher.update(value.as_bytes());
            }
        }
        *hasher.finalize().as_bytes()
    }
}

fn last<'v>(values: &'v [Cow<'_, str>]) -> &'v str {
    values.last().map_or("", |value| value)
}

fn values_of<'a>(record: &Record<'a>, source: &IdentitySource) -> Result<Vec<Cow<'a, str>>, Refusal> {
    Ok(match source {
        IdentitySource::Header(name) => return header_values(record, name),
        IdentitySource::QueryString(name) => query_values(record, name),
        IdentitySource::StageVariable(name) => stage_variable(record, name).into_iter().collect(),
        IdentitySource::Context(name) if &**name == "identity.apiKey" => {
            sent_api_key(record).into_iter().collect()
        }
        IdentitySource::Context(name) => context_value(record, name).into_iter().collect(),
    })
}

/// The values of a header, whatever the case of its name (AU-31). `Authorization` may come but once
/// (hardening.md section 4).
fn header_values<'a>(record: &Record<'a>, name: &str) -> Result<Vec<Cow<'a, str>>, Refusal> {
    let Some(arrival) = record.arrival else { return Ok(Vec::new()) };
    let fields = arrival.head.over(arrival.bytes).fields();
    let is_authorization = KnownName::of(name.as_bytes()) == KnownName::Authorization;
    if is_authorization && fields.is_repeated(KnownName::Authorization) {
        return Err(Refusal::Head { status: 400, reason: "Authorization came more than once" });
    }
    Ok(fields.values_named(name.as_bytes()).map(lossy).collect())
}
