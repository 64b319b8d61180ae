//! The step at which a Lambda authorizer is asked: what it said before, or a call of its function.

use std::sync::Arc;

use postern_protocol::lambda_invoke::{InvocationType, Outcome};

use super::{
    Paper,
    function::{CallTerms, call_function, summary, trace_id},
};
use crate::{
    Arrival, Effects, Gate, IdentityFault, Observer, Record, Refusal, Reply, RequestBody,
    authorization::{
        AuthorizerOutput, AwaitsAuthorizer, CallerIdentity, CompiledAuthorizer, Found, Permit, base_of,
        method_arn,
    },
    body,
    integration::{
        CallMemory, FunctionCall, OnBehalf, error_of, outcome_of, refused_call, write_authorizer_event,
        write_own_fields, write_token_event,
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
    let mut outcome = AuthorizerOutcome::default();
    let answer = find_or_call::<E, B>((&awaits, arrival), record, &mut outcome, paper, effects).await;
    outcome.output = answer.as_ref().ok().cloned();
    record.authorizer = Some(Box::new(outcome));
    awaits.decide((record.house, arrival), &*answer?, arn, observer)
}

/// What the authorizer says of the caller: kept, waited for, or asked for now.
async fn find_or_call<E: Effects, B: RequestBody>(
    (awaits, arrival): (&AwaitsAuthorizer<'_>, &Arrival<'_>),
    record: &Record<'_>,
    outcome: &mut AuthorizerOutcome,
    paper: &mut Paper<'_>,
    effects: &E,
) -> Result<Arc<AuthorizerOutput>, Refusal> {
    let authorizer = awaits.matched.stage_method.authorizer.as_deref();
    let authorizer =
        authorizer.ok_or_else(|| Refusal::AuthorizerFailed("the method's authorizer is missing".into()))?;
    let identity = CallerIdentity::of(record, authorizer)?;
    let begun = effects.monotonic_nanoseconds();
    let mut call =
        Call { authorizer, identity: &identity, awaits, arrival, outcome, begun_nanoseconds: begun };
    let Some(cache) = &authorizer.cache else {
        return Ok(call.make::<E, B>(record, paper, effects).await?.0);
    };
    let key = identity.hash(cache.secret());
    loop {
        match cache.find(&key, effects.monotonic_nanoseconds()) {
            Found::Answer(output) => return Ok(output),
            Found::Asked(wait) => {
                let told = wait.await;
                call.note_latency(effects);
                if let Some(answer) = told {
                    return answer;
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
            // Whatever else went wrong, nobody is let in by it (AUTHORIZER_CONFIGURATION_ERROR).
            other => Refusal::AuthorizerFailed(other.reason().into()),
        })
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
        self.write_event(record, memory, &mut sheets.text)?;
        let function_call = FunctionCall {
            target,
            event: sheets.text.as_bytes(),
            invocation_type: InvocationType::Buffered,
            trace_id: &trace_id(record),
            on_behalf: OnBehalf::Authorizer(&self.authorizer.id),
        };
        let limits = &record.house.limits;
        let terms = CallTerms {
            deadline_nanoseconds: self
                .begun_nanoseconds
                .saturating_add(limits.authorizer_seconds.saturating_mul(1_000_000_000)),
            answer_bytes_max: limits.payload_bytes,
            answer_gap_nanoseconds: u64::MAX,
        };
        let reply = call_function::<E, B>(record, &function_call, terms, memory, effects).await?;
        let mut reply = reply.map_err(Refusal::Integration)?;
        self.outcome.function_status = Some(reply.status());
        body::collect_reply(record.house, &mut reply, &mut sheets.reply).await?;
        let (bytes, head) = reply.head();
        let name = target.arn.name();
        match outcome_of(target, reply.status(), head.over(bytes).fields(), &sheets.reply)? {
            Outcome::Answered(payload) => self.read(record, payload),
            Outcome::FunctionFailed(payload) => Err(refused_by_function(name, payload)),
            Outcome::Accepted => Err(Refusal::AuthorizerFailed("its function gave no answer".into())),
            Outcome::Refused(error) => Err(refused_call(&error, name)),
        }
    }

    fn write_event(
        &self,
        record: &Record<'_>,
        memory: &mut CallMemory,
        event: &mut String,
    ) -> Result<(), Refusal> {
        let AwaitsAuthorizer { located, matched, .. } = self.awaits;
        let arn = method_arn(record.house, located, self.arrival);
        if self.authorizer.terms.is_token() {
            write_token_event(self.identity.token(), &arn, event);
        } else {
            write_own_fields(record, &mut Vec::new(), &mut memory.fields);
            write_authorizer_event(record, matched, &memory.fields, &arn, event)?;
        }
        memory.fields.clear();
        Ok(())
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

/// A function that fails with exactly the message `Unauthorized` refuses the caller, with any other itself
/// (authorization.md section 3.4).
fn refused_by_function(name: &str, payload: &[u8]) -> Refusal {
    let error = error_of(payload);
    if error.message == "Unauthorized" {
        return Refusal::Unauthorized(IdentityFault::Refused);
    }
    Refusal::AuthorizerFailed(format!("function `{name}` failed: {}", summary(&error)).into())
}
