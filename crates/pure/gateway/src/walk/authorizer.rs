//! The step at which a Lambda authorizer is asked: what it said before, or a call of its function.

use std::sync::Arc;

use postern_protocol::lambda_invoke::{InvocationType, Outcome};

use super::{
    Paper,
    function::{CallTerms, call_function},
};
use crate::{
    Arrival, Effects, Gate, IdentityFault, IntegrationFailure, IntegrationFailureKind, Observer, Record,
    Refusal, Reply, RequestBody,
    authorization::{
        AuthorizerOutput, AwaitsAuthorizer, CallerIdentity, CompiledAuthorizer, Found, Permit, base_of,
        method_arn,
    },
    body,
    context::lossy,
    integration::{
        CallMemory, FunctionCall, OnBehalf, error_of, outcome_of, refused_call, write_authorizer_event,
        write_own_fields, write_token_event, write_trace_id,
    },
    record::AuthorizerOutcome,
};

/// Has the method's authorizer decide, together with the resource policy. `arn` is the memory of the method's
/// ARN. The walk puts this into a box of its own: a walk without an authorizer takes no room for it.
pub(super) async fn ask_authorizer<'a, E: Effects, B: RequestBody, O: Observer>(
    awaits: AwaitsAuthorizer<'a>,
    record: &mut Record<'a>,
    arn: &mut String,
    paper: &mut Paper<'_>,
    effects: &E,
    observer: &mut O,
) -> Result<Permit, Refusal> {
    observer.at(Gate::Authorizer);
    let arrival = record.arrival.ok_or(Refusal::Overloaded)?;
    let authorizer = awaits.matched.stage_method.authorizer.as_deref();
    let authorizer =
        authorizer.ok_or_else(|| Refusal::AuthorizerFailed("the method's authorizer is missing".into()))?;
    // Who is refused here has no authorizer's outcome: it was not asked (AU-63).
    let identity = CallerIdentity::of(record, authorizer)?;
    let mut outcome = AuthorizerOutcome::default();
    let begun_nanoseconds = effects.monotonic_nanoseconds();
    let call = Call {
        authorizer,
        identity: &identity,
        awaits: &awaits,
        arrival,
        outcome: &mut outcome,
        begun_nanoseconds,
    };
    let answer = find_or_call::<E, B>(call, record, paper, effects).await;
    outcome.output = answer.as_ref().ok().cloned();
    record.authorizer = Some(Box::new(outcome));
    awaits.decide((record.house, arrival), &*answer?, arn, observer)
}

/// What the authorizer says of the caller: kept, waited for, or asked for now.
async fn find_or_call<E: Effects, B: RequestBody>(
    mut call: Call<'_, '_>,
    record: &Record<'_>,
    paper: &mut Paper<'_>,
    effects: &E,
) -> Result<Arc<AuthorizerOutput>, Refusal> {
    let authorizer = call.authorizer;
    let Some(cache) = &authorizer.cache else {
        return Ok(call.make::<E, B>(record, paper, effects).await?.0);
    };
    let key = call.identity.hash(cache.secret());
    loop {
        match cache.find(&key, effects.monotonic_nanoseconds()) {
            Found::Answer(output) => return Ok(output),
            Found::Asked(wait) => {
                let told = wait.await;
                call.note_latency(effects);
                if let Some(answer) = told {
                    return answer;
                }
                if call.is_over(record, effects) {
                    return Err(call.late());
                }
            }
            Found::Nothing(lead) => {
                let answer = call.make::<E, B>(record, paper, effects).await;
                return match answer {
                    Ok((output, bytes)) => {
                        let until = effects
                            .monotonic_nanoseconds()
                            .saturating_add(authorizer.terms.ttl_nanoseconds());
                        lead.answered(&output, bytes, until);
                        Ok(output)
                    }
                    Err(refusal) => {
                        lead.failed(&refusal);
                        Err(refusal)
                    }
                };
            }
        }
    }
}

/// One call of an authorizer's function.
struct Call<'c, 'a> {
    authorizer: &'c CompiledAuthorizer,
    identity: &'c CallerIdentity<'a>,
    awaits: &'c AwaitsAuthorizer<'a>,
    arrival: &'c Arrival<'a>,
    outcome: &'c mut AuthorizerOutcome,
    /// Since when it is waited for, on the monotonic clock, in nanoseconds.
    begun_nanoseconds: u64,
}

impl Call<'_, '_> {
    /// Makes it. Gives what the function says, and how many bytes that had.
    async fn make<E: Effects, B: RequestBody>(
        &mut self,
        record: &Record<'_>,
        paper: &mut Paper<'_>,
        effects: &E,
    ) -> Result<(Arc<AuthorizerOutput>, usize), Refusal> {
        let answer = self.answer::<E, B>(record, paper, effects).await;
        self.note_latency(effects);
        answer.map_err(|refusal| match refusal {
            Refusal::Unauthorized(_) => refusal,
            Refusal::Integration(IntegrationFailure { kind: IntegrationFailureKind::TimedOut, .. }) => {
                self.late()
            }
            // Whatever else went wrong, nobody is let in by it (AUTHORIZER_CONFIGURATION_ERROR).
            other => Refusal::AuthorizerFailed(other.reason().into()),
        })
    }

    /// Whether what may be waited for an authorizer is over (AU-62).
    fn is_over(&self, record: &Record<'_>, effects: &impl Effects) -> bool {
        deadline(record, self.begun_nanoseconds) <= effects.monotonic_nanoseconds()
    }

    /// The refusal where it did not answer in time.
    fn late(&self) -> Refusal {
        let name = &self.authorizer.name;
        Refusal::AuthorizerFailed(format!("authorizer `{name}`: no answer within `authorizerSeconds`").into())
    }

    fn note_latency(&mut self, effects: &impl Effects) {
        self.outcome.latency_nanoseconds =
            effects.monotonic_nanoseconds().saturating_sub(self.begun_nanoseconds);
    }

    async fn answer<E: Effects, B: RequestBody>(
        &mut self,
        record: &Record<'_>,
        paper: &mut Paper<'_>,
        effects: &E,
    ) -> Result<(Arc<AuthorizerOutput>, usize), Refusal> {
        let Paper { call: memory, sheets, .. } = paper;
        let target = self.authorizer.target.as_ref();
        let target = target.map_err(|reason| Refusal::Configuration(reason.to_string().into()))?;
        let trace_id = self.write_event(record, memory, &mut sheets.text)?;
        let function_call = FunctionCall {
            target,
            event: sheets.text.as_bytes(),
            invocation_type: InvocationType::Buffered,
            trace_id: &lossy(&trace_id),
            on_behalf: OnBehalf::Authorizer(&self.authorizer.id),
        };
        let terms = CallTerms {
            deadline_nanoseconds: deadline(record, effects.monotonic_nanoseconds()),
            answer_bytes_max: record.house.limits.payload_bytes,
            answer_gap_nanoseconds: u64::MAX,
        };
        let reply = call_function::<E, B>(record, &function_call, terms, memory, effects).await?;
        let mut reply = reply.map_err(Refusal::Integration)?;
        self.outcome.function_status = Some(reply.status());
        let name = target.arn.name();
        let collected = body::collect_reply(record.house, &mut reply, &mut sheets.reply).await;
        collected.map_err(|refusal| incomplete(refusal, name))?;
        let (bytes, head) = reply.head();
        match outcome_of(target, reply.status(), head.over(bytes).fields(), &sheets.reply)? {
            Outcome::Answered(payload) => self.read(record, payload),
            Outcome::FunctionFailed(payload) => Err(refused_by_function(name, payload)),
            Outcome::Accepted => Err(Refusal::AuthorizerFailed("its function gave no answer".into())),
            Outcome::Refused(error) => Err(refused_call(&error, name)),
        }
    }

    /// Writes the event. Gives the X-Ray header.
    fn write_event(
        &self,
        record: &Record<'_>,
        memory: &mut CallMemory,
        event: &mut String,
    ) -> Result<Vec<u8>, Refusal> {
        let AwaitsAuthorizer { located, matched, .. } = self.awaits;
        let arn = method_arn(record.house, located, self.arrival);
        let mut trace_id = Vec::new();
        if self.authorizer.terms.is_token() {
            write_trace_id(record, &mut trace_id);
            write_token_event(self.identity.token(), &arn, event);
        } else {
            write_own_fields(record, &mut trace_id, &mut memory.fields);
            write_authorizer_event(record, matched, &memory.fields, &arn, event)?;
        }
        memory.fields.clear();
        Ok(trace_id)
    }

    fn read(&self, record: &Record<'_>, payload: &[u8]) -> Result<(Arc<AuthorizerOutput>, usize), Refusal> {
        let api = base_of(record.house, &self.awaits.located);
        match AuthorizerOutput::parse(payload, &api) {
            Ok(output) => Ok((Arc::new(output), payload.len())),
            Err(reason) => {
                let name = &self.authorizer.name;
                let reason = format!("the answer of authorizer `{name}` is not usable: {reason}");
                Err(Refusal::AuthorizerFailed(reason.into()))
            }
        }
    }
}

/// Until when a call may take that is made at a moment; both in nanoseconds.
fn deadline(record: &Record<'_>, begun: u64) -> u64 {
    begun.saturating_add(record.house.limits.authorizer_seconds.saturating_mul(1_000_000_000))
}

/// The refusal where an answer was not read to its end. What a function says when it breaks off may hold the
/// caller's token, and is not told.
fn incomplete(refusal: Refusal, name: &str) -> Refusal {
    match refusal {
        Refusal::Integration(IntegrationFailure { kind: IntegrationFailureKind::BadAnswer, .. }) => {
            Refusal::AuthorizerFailed(
                format!("function `{name}`: its answer is malformed, too large or broke off").into(),
            )
        }
        other => other,
    }
}

/// A function that fails with exactly the message `Unauthorized` refuses the caller, with any other itself
/// (authorization.md section 3.4). Its message may hold the caller's token, and is not told.
fn refused_by_function(name: &str, payload: &[u8]) -> Refusal {
    let error = error_of(payload);
    if error.message == "Unauthorized" {
        return Refusal::Unauthorized(IdentityFault::Refused);
    }
    let kind = Some(error.kind).filter(|kind| is_identifier(kind));
    let kind = kind.map(|kind| format!(": {kind}")).unwrap_or_default();
    Refusal::AuthorizerFailed(format!("function `{name}` failed{kind}").into())
}

fn is_identifier(text: &str) -> bool {
    const BYTES_MAX: usize = 64;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.".contains(&byte);
    !text.is_empty() && text.len() <= BYTES_MAX && text.bytes().all(is_allowed)
}
