//! The gates: one table, in the order of the walk. A gate is a row and a function that tells what the
//! gate looked at.

use postern_policy::{Explanation, Outcome};

use super::{GateTrace, MappedCall, Verdict, facts::Facts};
use crate::{
    BodyLength, ClientCertificate, Gate, Identity, NetworkAclVerdict, PolicyLayer, Refusal,
    SecurityGroupVerdict, authorization,
    routing::{self, By, HostForm, TakenBy},
    usage,
};

/// What a gate tells of itself.
#[derive(Default)]
struct Told {
    /// Why it let the request through.
    because: String,
    facts: Vec<(&'static str, String)>,
    policy: Option<Explanation>,
    call: Option<MappedCall>,
}

/// One gate.
struct Row {
    gate: Gate,
    /// What programs call it.
    name: &'static str,
    /// What people call it.
    title: &'static str,
    /// `None` where the gate does not exist for this request.
    tell: fn(&Facts<'_>) -> Option<Told>,
}

const GATES: &[Row] = &[
    Row { gate: Gate::ProxyProtocol, name: "proxyProtocol", title: "PROXY protocol", tell: proxy_protocol },
    Row { gate: Gate::NetworkAcl, name: "networkAcl", title: "network ACL", tell: network_acl },
    Row { gate: Gate::SecurityGroup, name: "securityGroup", title: "security group", tell: security_group },
    Row { gate: Gate::Tls, name: "tls", title: "TLS", tell: tls },
    Row { gate: Gate::Head, name: "head", title: "request head", tell: head },
    Row { gate: Gate::Api, name: "api", title: "API", tell: api },
    Row { gate: Gate::Stage, name: "stage", title: "stage", tell: stage },
    Row {
        gate: Gate::ClientCertificate,
        name: "clientCertificate",
        title: "client certificate",
        tell: client_certificate,
    },
    Row { gate: Gate::MethodArn, name: "methodArn", title: "method ARN", tell: method_arn },
    Row { gate: Gate::ContentLength, name: "contentLength", title: "declared length", tell: content_length },
    Row {
        gate: Gate::AccountThrottle,
        name: "accountThrottle",
        title: "account throttle",
        tell: account_throttle,
    },
    Row { gate: Gate::Method, name: "method", title: "method", tell: method },
    Row { gate: Gate::Signature, name: "signature", title: "signature", tell: signature },
    Row {
        gate: Gate::EndpointPolicy,
        name: "endpointPolicy",
        title: "endpoint policy",
        tell: endpoint_policy,
    },
    Row {
        gate: Gate::DomainPolicy,
        name: "domainPolicy",
        title: "policy of the domain name",
        tell: domain_policy,
    },
    Row {
        gate: Gate::IdentityPolicy,
        name: "identityPolicy",
        title: "identity policy",
        tell: identity_policy,
    },
    Row {
        gate: Gate::ResourcePolicy,
        name: "resourcePolicy",
        title: "resource policy",
        tell: resource_policy,
    },
    Row { gate: Gate::Authorizer, name: "authorizer", title: "authorizer", tell: authorizer },
    Row { gate: Gate::Resource, name: "resource", title: "resource", tell: resource },
    Row { gate: Gate::ApiKey, name: "apiKey", title: "API key and plan", tell: api_key },
    Row { gate: Gate::Throttle, name: "throttle", title: "throttles", tell: throttle },
    Row { gate: Gate::Quota, name: "quota", title: "quota", tell: quota },
    Row { gate: Gate::Parameters, name: "parameters", title: "required parameters", tell: parameters },
    Row { gate: Gate::Body, name: "body", title: "body", tell: body },
    Row { gate: Gate::BodyModel, name: "bodyModel", title: "body model", tell: body_model },
    Row { gate: Gate::Integration, name: "integration", title: "integration", tell: integration },
];

/// Gates that are left out where they were not reached: few requests come to them.
const OPTIONAL: [Gate; 5] =
    [Gate::Signature, Gate::DomainPolicy, Gate::IdentityPolicy, Gate::Authorizer, Gate::Resource];

/// What programs call a gate.
#[must_use]
pub fn gate_name(gate: Gate) -> &'static str {
    GATES.iter().find(|row| row.gate == gate).map_or("", |row| row.name)
}

/// What people call a gate.
#[must_use]
pub fn gate_title(gate: Gate) -> &'static str {
    GATES.iter().find(|row| row.gate == gate).map_or("", |row| row.title)
}

/// Tells every gate.
pub(super) fn tell_all(facts: &Facts<'_>) -> Vec<GateTrace> {
    GATES.iter().filter_map(|row| row.trace(facts)).collect()
}

impl Row {
    fn trace(&self, facts: &Facts<'_>) -> Option<GateTrace> {
        let gate = self.gate;
        let failed = facts.failed.as_ref();
        let is_behind = |end: &Gate| *end < gate;
        if failed.is_some_and(|(failed, _)| is_behind(failed))
            || facts.ended_at.as_ref().is_some_and(is_behind)
        {
            if OPTIONAL.contains(&gate) {
                return None;
            }
            let verdict = Verdict::NotReached;
            return Some(GateTrace {
                gate,
                verdict,
                because: String::new(),
                facts: Vec::new(),
                policy: None,
                call: None,
            });
        }
        // A call that was not made leaves the authorizer open; an integration has passed the request on.
        let is_undecided = gate == Gate::Authorizer && facts.ended_at == Some(gate);
        let Told { because, facts, policy, call } = (self.tell)(facts)?;
        let refused = failed.filter(|(failed, _)| *failed == gate);
        let verdict = match refused {
            Some(_) => Verdict::Failed,
            None if is_undecided => Verdict::NotReached,
            None => Verdict::Passed,
        };
        let because = refused.map_or(because, |(_, reason)| reason.clone());
        Some(GateTrace { gate, verdict, because, facts, policy, call })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn proxy_protocol(facts: &Facts<'_>) -> Option<Told> {
    facts.door.filter(|door| door.admission.awaits_header())?;
    let because = "a trusted load balancer says who the caller is".to_owned();
    Some(Told { because, ..Told::default() })
}

fn network_acl(facts: &Facts<'_>) -> Option<Told> {
    let source = facts.connection.source().ip().to_canonical();
    let mut told = Told { facts: vec![("source", source.to_string())], ..Told::default() };
    let verdict = facts.entrance?.guarded.verdict(source).network_acl;
    let rule = match verdict {
        NetworkAclVerdict::Absent => {
            "there is none: every source passes".clone_into(&mut told.because);
            return Some(told);
        }
        NetworkAclVerdict::Unmatched => "* deny".to_owned(),
        NetworkAclVerdict::Allowed(rule) => format!("{} {} allow", rule.rule_number, rule.cidr),
        NetworkAclVerdict::Denied(rule) => format!("{} {} deny", rule.rule_number, rule.cidr),
    };
    "a rule allows the source".clone_into(&mut told.because);
    told.facts.push(("rule", rule));
    Some(told)
}

fn security_group(facts: &Facts<'_>) -> Option<Told> {
    let source = facts.connection.source().ip().to_canonical();
    let mut told = Told { facts: vec![("source", source.to_string())], ..Told::default() };
    match facts.entrance?.guarded.verdict(source).security_group {
        SecurityGroupVerdict::Absent => "there is none: every source passes".clone_into(&mut told.because),
        SecurityGroupVerdict::Allowed(entry) => {
            "an entry holds the source".clone_into(&mut told.because);
            told.facts.push(("entry", entry.to_string()));
        }
        SecurityGroupVerdict::Unmatched | SecurityGroupVerdict::NotReached => {}
    }
    Some(told)
}

fn tls(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    match facts.connection.tls() {
        Some(tls) => {
            told.because = "the client speaks TLS".to_owned();
            told.facts.push(("transport", "TLS".to_owned()));
            told.facts.push(("version", tls.version.to_owned()));
            told.facts.push(("cipherSuite", tls.cipher_suite.to_owned()));
        }
        None => {
            told.because = "plain text".to_owned();
            told.facts.push(("transport", "plain text".to_owned()));
        }
    }
    told.facts.extend(facts.server_name.map(|name| ("serverName", name.to_owned())));
    Some(told)
}

fn head(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told { because: "well formed".to_owned(), ..Told::default() };
    if let Some(arrival) = facts.arrival {
        let request = arrival.head.over(arrival.bytes);
        told.facts.push(("method", text(request.method())));
        told.facts.push(("target", text(request.target())));
    }
    Some(told)
}

fn api(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    let Some(arrival) = facts.arrival else { return Some(told) };
    let host = arrival.head.over(arrival.bytes).host();
    told.facts.extend(host.map(|host| ("host", host.to_owned())));
    if let Some(located) = &facts.located {
        let form = routing::host_form(facts.house, arrival, located);
        told.because = match form {
            HostForm::Api => "the host is the API's own".to_owned(),
            HostForm::ApiAndVpcEndpoint => "the host names the API and this VPC endpoint".to_owned(),
            HostForm::VpcEndpoint => {
                "the host is a VPC endpoint's, and x-apigw-api-id names the API".to_owned()
            }
            HostForm::Other => "x-apigw-api-id names the API, whatever the host".to_owned(),
            HostForm::DomainName => "the host is a custom domain name".to_owned(),
        };
        told.facts.push(("hostForm", form.name().to_owned()));
        told.facts.push(("apiId", located.api.id.to_string()));
    }
    let fields = arrival.head.over(arrival.bytes).fields();
    let given: Vec<String> = fields.values_named(b"x-apigw-api-id").map(text).collect();
    if !given.is_empty() {
        told.facts.push(("x-apigw-api-id", given.join(", ")));
    }
    Some(told)
}

fn client_certificate(facts: &Facts<'_>) -> Option<Told> {
    let located = facts.located.as_ref().filter(|located| located.entrance.domains.has_own_terms)?;
    let because = match located.by {
        By::Domain { domain, .. } if domain.truststore.is_some() => {
            "the domain name's truststore vouches for the client"
        }
        _ => "the host asks for none, and the connection was made for such a host",
    };
    let mut told = Told { because: because.to_owned(), ..Told::default() };
    if let Some(ClientCertificate::Readable(certificate)) = facts.connection.client_certificate() {
        told.facts.push(("subjectDN", certificate.subject().to_owned()));
        told.facts.push(("issuerDN", certificate.issuer().to_owned()));
        told.facts.push(("serialNumber", certificate.serial_number().to_owned()));
    }
    Some(told)
}

fn stage(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    if let Some(located) = &facts.located {
        told.because = match located.by {
            By::ExecuteApi => "the first segment of the path names it".to_owned(),
            By::Domain { domain, taken_by, base_path } => {
                told.facts.push(("domainName", domain.name.as_str().to_owned()));
                told.facts.push(("basePath", base_path.to_owned()));
                match taken_by {
                    TakenBy::Rule(priority) => {
                        told.facts.push(("routingRule", priority.to_string()));
                        format!("the routing rule of priority {priority} leads to it")
                    }
                    TakenBy::Mapping if base_path.is_empty() => "the domain name leads to it".to_owned(),
                    TakenBy::Mapping => format!("the base path {base_path} leads to it"),
                }
            }
        };
        told.facts.push(("stage", located.stage.name.to_string()));
        told.facts.push(("path", located.resource_path.to_owned()));
    } else if let Some(arrival) = facts.arrival {
        told.facts.push(("path", text(arrival.head.over(arrival.bytes).path())));
    }
    Some(told)
}

fn method_arn(facts: &Facts<'_>) -> Option<Told> {
    let limit = facts.house.limits.method_arn_bytes;
    let mut told = Told::default();
    if let Some(located) = &facts.located {
        let arn = facts
            .arrival
            .map_or_else(String::new, |arrival| authorization::method_arn(facts.house, located, arrival));
        told.because = format!("{} of at most {limit} bytes", arn.len());
        told.facts.push(("arn", arn));
    }
    Some(told)
}

fn content_length(facts: &Facts<'_>) -> Option<Told> {
    let limit = facts.house.limits.payload_bytes;
    let because = match facts.body_length {
        BodyLength::None => "no body".to_owned(),
        BodyLength::Known(length) => format!("{length} of at most {limit} bytes"),
        BodyLength::Unknown => "not declared: counted as it comes".to_owned(),
    };
    Some(Told { because, ..Told::default() })
}

fn account_throttle(facts: &Facts<'_>) -> Option<Told> {
    let (_, pace, bucket) =
        facts.house.account_throttle.as_ref().filter(|(throttle, ..)| throttle.before_authorization)?;
    let levels = vec![("account", level(facts, bucket, *pace))];
    Some(Told { because: "it has a token left".to_owned(), facts: levels, ..Told::default() })
}

fn method(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    let Some(located) = &facts.located else { return Some(told) };
    match &facts.matched {
        Some(matched) => {
            told.because = format!("{} {}", matched.method.verb, matched.method.path);
            told.facts.push(("resource", matched.method.path.to_string()));
            told.facts.push(("method", matched.verb.to_string()));
            let variables = matched.variables().map(|(name, value)| format!("{name}={value}"));
            let variables: Vec<String> = variables.collect();
            if !variables.is_empty() {
                told.facts.push(("pathParameters", variables.join(", ")));
            }
        }
        None => {
            told.facts.push(("path", located.resource_path.to_owned()));
            let others: Vec<&str> = routing::verbs_at(located).collect();
            let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
            told.facts.push(("methodsOfPath", others));
        }
    }
    Some(told)
}

/// Exists where somebody asked for a signature and there was one, or there should have been.
fn signature(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    if let Some(caller) = facts.authenticated.caller {
        told.because = format!("it is that of {}", caller.arn());
        told.facts.push(("caller", caller.arn().to_owned()));
        told.facts.push(("accessKeyId", caller.signer.access_key_id.to_string()));
    } else if facts.failed.as_ref().is_none_or(|(gate, _)| *gate != Gate::Signature) {
        return None;
    }
    Some(told)
}

fn endpoint_policy(facts: &Facts<'_>) -> Option<Told> {
    asked(facts, PolicyLayer::Endpoint).or_else(|| {
        let because = match facts.connection.identity() {
            Identity::VpcEndpoint { .. } => "the VPC endpoint has none: full access",
            Identity::Public | Identity::Nobody => "the client comes by no VPC endpoint",
        };
        let none = vec![("policy", "none".to_owned())];
        Some(Told { because: because.to_owned(), facts: none, ..Told::default() })
    })
}

fn domain_policy(facts: &Facts<'_>) -> Option<Told> {
    asked(facts, PolicyLayer::Domain)
}

fn identity_policy(facts: &Facts<'_>) -> Option<Told> {
    facts.authenticated.signer?;
    let mut told = asked(facts, PolicyLayer::Identity).unwrap_or_default();
    if told.because.is_empty() {
        "it allows nothing here; the resource policy may".clone_into(&mut told.because);
    }
    Some(told)
}

fn resource_policy(facts: &Facts<'_>) -> Option<Told> {
    let told = asked(facts, PolicyLayer::Resource).map(|mut told| {
        if told.because.is_empty() && has_authorizer(facts) {
            "it denies nothing; the authorizer decides".clone_into(&mut told.because);
        }
        told
    });
    told.or_else(|| {
        let because = match facts.authenticated.signer {
            Some(_) => "the API has none; the identity policy allows",
            None => "the API is public and has none",
        };
        let none = vec![("policy", "none".to_owned())];
        Some(Told { because: because.to_owned(), facts: none, ..Told::default() })
    })
}

fn has_authorizer(facts: &Facts<'_>) -> bool {
    facts.matched.as_ref().is_some_and(|matched| matched.stage_method.authorizer.is_some())
}

/// What the policy of a layer said; of two answers the last, which is about the method.
fn asked(facts: &Facts<'_>, layer: PolicyLayer) -> Option<Told> {
    let asked = facts.policies.iter().rfind(|asked| asked.layer == layer)?;
    let policy = asked.explanation.clone();
    let because = match (policy.outcome, policy.deciding) {
        (Outcome::Allow, Some(index)) => format!("statement {index} allows"),
        _ => String::new(),
    };
    let mut told = Told { because, policy: Some(policy), ..Told::default() };
    if layer != PolicyLayer::Resource || facts.authenticated.signer.is_some() {
        told.facts.push(("caller", asked.caller.clone()));
        told.facts.push(("resource", asked.resource.clone()));
    }
    Some(told)
}

/// Exists for methods with a Lambda authorizer. What it said is told by its policy; its context and the
/// caller's tokens are not told at all.
fn authorizer(facts: &Facts<'_>) -> Option<Told> {
    let authorizer = facts.matched.as_ref()?.stage_method.authorizer.as_deref()?;
    let asked = asked(facts, PolicyLayer::Authorizer);
    let because = match &asked {
        Some(told) if !told.because.is_empty() => told.because.clone(),
        Some(_) => "its policy says nothing of the method; the resource policy allows".to_owned(),
        None if facts.ended_at == Some(Gate::Authorizer) => {
            "its function decides, and was not called".to_owned()
        }
        // What it said to a request that was denied later is not kept.
        None => "it has let the request through".to_owned(),
    };
    let mut told = Told { because, ..asked.unwrap_or_default() };
    told.facts.push(("name", authorizer.name.to_string()));
    told.facts.push(("type", if authorizer.terms.is_token() { "TOKEN" } else { "REQUEST" }.to_owned()));
    if let Ok(target) = &authorizer.target {
        told.facts.push(("function", target.arn.as_str().to_owned()));
    }
    let sources: Vec<String> = authorizer.terms.identity_sources.iter().map(ToString::to_string).collect();
    told.facts.push(("identitySource", sources.join(", ")));
    Some(told)
}

/// Exists where a signer is told that there is no method (F7).
fn resource(facts: &Facts<'_>) -> Option<Told> {
    facts.failed.as_ref().filter(|(gate, _)| *gate == Gate::Resource)?;
    Some(Told::default())
}

fn api_key(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    let is_required = facts.matched.as_ref().is_some_and(|matched| matched.method.api_key_required);
    told.facts.push(("required", is_required.to_string()));
    if !is_required {
        told.because = "the method asks for none".to_owned();
    }
    if let Some(usage) = facts.usage
        && let Some((plan, _)) = facts.house.keys.of(usage)
    {
        let key = usage.key_name(facts.house);
        told.because = format!("the key `{key}` is in the plan `{}`, which opens this stage", plan.name);
        told.facts.push(("key", key.to_owned()));
        told.facts.push(("plan", plan.name.to_string()));
    }
    Some(told)
}

fn throttle(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    if let (Some(located), Some(matched)) = (&facts.located, &facts.matched) {
        let buckets = usage::buckets(facts.house, located, matched, facts.usage);
        told.facts.extend(buckets.map(|(name, bucket, pace)| (name.name(), level(facts, bucket, pace))));
    }
    let is_none = told.facts.is_empty();
    told.because = if is_none { "none holds for the request" } else { "each has a token left" }.to_owned();
    Some(told)
}

/// `5 a second, burst 2; 1 left`
fn level(facts: &Facts<'_>, bucket: &crate::throttle::Bucket, pace: crate::throttle::Pace) -> String {
    let (rate, burst) = (pace.rate_per_second(), pace.burst());
    let limit = format!("{rate} a second, burst {burst}");
    match facts.levels_at {
        Some(now) => format!("{limit}; {} left", bucket.tokens_left(pace, now.monotonic_nanoseconds)),
        None => limit,
    }
}

fn quota(facts: &Facts<'_>) -> Option<Told> {
    let plan = facts.usage.and_then(|usage| facts.house.keys.of(usage));
    let of_plan = plan.and_then(|(plan, membership)| Some((plan.quota?, membership)));
    let Some((quota, membership)) = of_plan else {
        return Some(Told { because: "none holds for the request".to_owned(), ..Told::default() });
    };
    let mut told = Told { because: "it is not used up".to_owned(), ..Told::default() };
    told.facts.push(("limit", quota.limit.to_string()));
    told.facts.push(("period", quota.period.to_string()));
    if let Some(now) = facts.levels_at {
        let account = facts.house.keys.accounts.get(membership.account);
        let level = account.map(|account| account.level().quota).unwrap_or_default();
        let (used, left) = level.used_and_left(quota, now.epoch_milliseconds);
        told.facts.push(("used", used.to_string()));
        told.facts.push(("left", left.to_string()));
    }
    Some(told)
}

fn parameters(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    let validation = facts.matched.as_ref().map(|matched| &matched.method.validation);
    let required: Vec<&str> = validation.into_iter().flat_map(|it| it.required_parameters()).collect();
    if required.is_empty() {
        told.because = "the method checks for none".to_owned();
    } else {
        told.because = "all are there".to_owned();
        told.facts.push(("required", required.join(", ")));
    }
    if let Some(Refusal::MissingParameters(missing)) = facts.refusal {
        told.facts.push(("missing", missing.join(", ")));
    }
    Some(told)
}

fn body(facts: &Facts<'_>) -> Option<Told> {
    let because = match facts.body_length {
        BodyLength::None => "no body",
        BodyLength::Known(_) | BodyLength::Unknown => "within its limits",
    };
    Some(Told { because: because.to_owned(), ..Told::default() })
}

fn body_model(facts: &Facts<'_>) -> Option<Told> {
    let is_checked = facts.matched.as_ref().is_some_and(|matched| matched.method.validation.reads_body());
    let because = if is_checked { "as its model says" } else { "the method checks for none" };
    let mut told = Told { because: because.to_owned(), ..Told::default() };
    if let Some(Refusal::InvalidBody(violations)) = facts.refusal {
        told.facts.push(("violations", violations.to_string()));
    }
    Some(told)
}

fn integration(facts: &Facts<'_>) -> Option<Told> {
    let mut told = Told::default();
    if let Some(matched) = &facts.matched {
        let model = &matched.method.integration;
        told.facts.push(("type", model.kind.to_string()));
        told.facts.push(("timeoutMilliseconds", model.timeout_milliseconds.to_string()));
    }
    if let Some(call) = &facts.call {
        told.because =
            if call.is_made { "the backend answered" } else { "the call is ready; it was not made" }
                .to_owned();
        told.facts.push(("destination", call.destination.clone()));
        told.call = Some(call.clone());
    } else {
        told.because = "the gateway answers by itself".to_owned();
    }
    Some(told)
}
