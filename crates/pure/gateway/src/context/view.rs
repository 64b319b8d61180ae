//! `$context` as a view over what is known of an exchange: built when a template, a gateway response
//! or a log line asks.

use std::borrow::Cow;

use postern_protocol::http1::KnownName;

use super::Variable;
use crate::{ClientCertificate, Identity, Record, Refusal, Sent, calendar, refusal::Wording, routing::By};

/// A view of one exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'v> {
    pub(crate) record: &'v Record<'v>,
    /// What is answered, where the gateway itself answers with an error.
    pub(crate) error: Option<&'v Wording>,
    /// What was sent, once it was.
    pub(crate) sent: Option<Sent>,
}

impl View<'_> {
    /// Writes a variable's value. `false` where it has none, and nothing was written then.
    pub(crate) fn write(&self, variable: Variable, output: &mut String) -> bool {
        match self.text(variable) {
            Some(text) => output.push_str(&text),
            None => match self.number(variable) {
                Some(number) => output.push_str(&number.to_string()),
                None => return false,
            },
        }
        true
    }

    /// The value of a variable that is text.
    pub(crate) fn text(&self, variable: Variable) -> Option<Cow<'_, str>> {
        use Variable as V;
        let text = match variable {
            V::RequestId if self.record.ids.replaced_invalid() && self.sent.is_some() => {
                return Some(format!("{}_REPLACED_INVALID_REQUEST_ID", self.record.ids.request_id()).into());
            }
            V::RequestId => self.record.ids.request_id(),
            V::ExtendedRequestId => self.record.ids.extended_request_id(),
            V::Protocol => "HTTP/1.1",
            V::RequestTime => {
                return Some(calendar::request_time(self.record.received.epoch_milliseconds).into());
            }
            V::ErrorMessage => self.error?.message.as_deref()?,
            V::ErrorMessageString => return Some(self.error?.quoted_message().into()),
            V::ErrorResponseType => self.error?.kind?.as_str(),
            V::ErrorValidationErrorString => return self.validation_error(),
            V::IntegrationError | V::IntegrationErrorMessage => return self.integration_error(),
            V::IntegrationResponseTransferMode => {
                self.record.integration?;
                if self.is_streamed() { "STREAMED" } else { "BUFFERED" }
            }
            V::IdentityApiKeyId => self.record.usage.as_ref()?.key_name(self.record.house),
            V::IdentityAccessKey
            | V::IdentityAccountId
            | V::IdentityCaller
            | V::IdentityPrincipalOrgId
            | V::IdentityUser
            | V::IdentityUserArn => return self.signer_text(variable).map(Cow::Borrowed),
            V::AuthenticateError | V::AuthorizeError | V::AuthorizerError | V::PolicySid => {
                return self.denial_text(variable);
            }
            V::IdentityVpcId | V::IdentityVpceId | V::IdentitySourceIp | V::TlsVersion | V::CipherSuite => {
                return self.connection_text(variable);
            }
            V::IdentityClientCertPem
            | V::IdentityClientCertIssuer
            | V::IdentityClientCertSerialNumber
            | V::IdentityClientCertSubject
            | V::IdentityClientCertNotAfter
            | V::IdentityClientCertNotBefore => return self.certificate_text(variable),
            V::IdentityUserAgent => {
                let arrival = self.record.arrival?;
                return arrival.head.over(arrival.bytes).fields().value(KnownName::UserAgent).map(lossy);
            }
            V::AccountId => &self.record.house.account_id,
            V::DomainName | V::DomainPrefix => return self.domain_text(variable),
            V::HttpMethod | V::Path if self.record.located.is_none() => return self.sent_text(variable),
            _ => return self.located_text(variable),
        };
        Some(text.into())
    }

    /// The value of a variable that is a number.
    pub(crate) fn number(&self, variable: Variable) -> Option<u64> {
        use Variable as V;
        match variable {
            V::RequestTimeEpoch => Some(self.record.received.epoch_milliseconds),
            V::AuthenticateStatus => match &self.record.refusal {
                Some(Refusal::Signature(fault)) => Some(u64::from(fault.status())),
                _ => self.record.authenticated.signer.map(|_| 200),
            },
            V::AuthorizeStatus => match &self.record.refusal {
                Some(Refusal::PolicyDenied(_)) => Some(403),
                _ => self.record.is_authorized.then_some(200),
            },
            V::AuthorizerStatus
            | V::AuthorizerIntegrationStatus
            | V::AuthorizerLatency
            | V::AuthorizerIntegrationLatency => self.authorizer_number(variable),
            V::Status => Some(u64::from(self.record.status)).filter(|status| *status != 0),
            // Of a function: what it says, not what calling it gave (stages-and-deployments.md section 7).
            V::IntegrationStatus if self.record.function_status.is_some() => {
                self.record.function_status.map(u64::from)
            }
            V::IntegrationStatus | V::IntegrationIntegrationStatus | V::IntegrationStatusFlat => {
                self.record.integration?.status.map(u64::from)
            }
            V::IntegrationLatency | V::IntegrationLatencyFlat => {
                let integration = self.record.integration?;
                let ended = self.sent.filter(|_| integration.status.is_some() && self.is_streamed());
                Some(match ended {
                    // That of a stream runs to its end (ST12).
                    Some(sent) => milliseconds_between(integration.begun_nanoseconds, sent.at_nanoseconds),
                    None => integration.latency_nanoseconds / NANOSECONDS_OF_MILLISECOND,
                })
            }
            V::IntegrationTimeToAllHeaders => {
                let integration = self.record.integration?;
                integration.status.map(|_| integration.latency_nanoseconds / NANOSECONDS_OF_MILLISECOND)
            }
            V::IntegrationTimeToFirstContent => {
                let (integration, sent) = (self.record.integration?, self.sent?);
                let with_head = integration.begun_nanoseconds.saturating_add(integration.latency_nanoseconds);
                let first = sent.first_content_at_nanoseconds.unwrap_or(with_head);
                (integration.status.is_some() && sent.body_bytes > 0)
                    .then(|| milliseconds_between(integration.begun_nanoseconds, first))
            }
            V::ResponseLatency => {
                let received = self.record.received.monotonic_nanoseconds;
                Some(milliseconds_between(received, self.sent?.at_nanoseconds))
            }
            V::ResponseLength => Some(self.sent?.body_bytes),
            _ => None,
        }
    }

    /// What the log tells of an authorizer (stages-and-deployments.md section 7). Its status is that of what
    /// it decided.
    fn authorizer_number(&self, variable: Variable) -> Option<u64> {
        let outcome = self.record.authorizer.as_ref()?;
        match (variable, &self.record.refusal) {
            (Variable::AuthorizerIntegrationStatus, _) => outcome.function_status.map(u64::from),
            (Variable::AuthorizerStatus, Some(refusal)) if refusal.is_of_authorizer() => {
                Some(u64::from(refusal.wording().status))
            }
            (Variable::AuthorizerStatus, _) => Some(200),
            _ => Some(outcome.latency_milliseconds()),
        }
    }

    fn is_streamed(&self) -> bool {
        self.record.matched.as_ref().is_some_and(crate::integration::is_streamed)
    }

    /// Variables that are known once the API is.
    fn located_text(&self, variable: Variable) -> Option<Cow<'_, str>> {
        use Variable as V;
        let located = self.record.located.as_ref()?;
        Some(match variable {
            V::ApiId => located.api.id.as_str().into(),
            V::CustomDomainBasePathMatched => match located.by {
                By::ExecuteApi => return None,
                By::Domain { base_path: "", .. } => "(none)".into(),
                By::Domain { base_path, .. } => base_path.into(),
            },
            V::DeploymentId => (&*located.stage.deployment_id).into(),
            V::EndpointType => if located.api.private { "PRIVATE" } else { "REGIONAL" }.into(),
            V::HttpMethod => match located.verb {
                Some(verb) => verb.as_str().into(),
                None => lossy(self.record.arrival.map(|arrival| arrival.head.over(arrival.bytes).method())?),
            },
            V::Path => located.path.into(),
            V::ResourceId => (&*self.record.matched.as_ref()?.method.resource_id).into(),
            V::ResourcePath => (&*self.record.matched.as_ref()?.method.path).into(),
            V::Stage => (&*located.stage.name).into(),
            _ => return None,
        })
    }

    /// What is known of the signer (authorization.md, "What IAM exposes").
    fn signer_text(&self, variable: Variable) -> Option<&str> {
        use Variable as V;
        let signer = &self.record.authenticated.signer?.signer;
        let caller = signer.principal.caller()?;
        match variable {
            V::IdentityAccessKey => Some(signer.access_key_id.as_str()),
            V::IdentityAccountId => Some(caller.account()),
            V::IdentityCaller | V::IdentityUser => signer.user_id.as_deref(),
            V::IdentityPrincipalOrgId => signer.organization_id.as_deref(),
            V::IdentityUserArn => Some(caller.arn()),
            _ => None,
        }
    }

    /// Why a signature or a policy refused, and by which statement (RP-114).
    fn denial_text(&self, variable: Variable) -> Option<Cow<'_, str>> {
        match (variable, self.record.refusal.as_ref()?) {
            (Variable::AuthenticateError, Refusal::Signature(_))
            | (Variable::AuthorizeError, Refusal::PolicyDenied(_)) => {
                Some(self.error?.message.as_deref()?.into())
            }
            (Variable::AuthorizerError, Refusal::AuthorizerFailed(reason)) => Some((&**reason).into()),
            (Variable::AuthorizerError, refusal) if refusal.is_of_authorizer() => {
                Some(self.error?.message.as_deref()?.into())
            }
            (Variable::PolicySid, Refusal::PolicyDenied(denial)) => {
                Some(denial.statement.as_ref()?.trim_matches('`').into())
            }
            _ => None,
        }
    }

    fn connection_text(&self, variable: Variable) -> Option<Cow<'_, str>> {
        use Variable as V;
        let connection = self.record.connection;
        let endpoint = match connection.identity() {
            Identity::VpcEndpoint { vpc_endpoint_id, vpc_id } => Some((vpc_endpoint_id, vpc_id)),
            Identity::Public | Identity::Nobody => None,
        };
        Some(match variable {
            V::IdentityVpcId => endpoint?.1.as_str().into(),
            V::IdentityVpceId => endpoint?.0.as_str().into(),
            V::IdentitySourceIp => self.source_address().into(),
            V::TlsVersion => connection.tls()?.version.into(),
            V::CipherSuite => connection.tls()?.cipher_suite.into(),
            _ => return None,
        })
    }

    /// What the client's certificate says, whether or not it is let in (PA-164).
    fn certificate_text(&self, variable: Variable) -> Option<Cow<'_, str>> {
        use Variable as V;
        let ClientCertificate::Readable(certificate) = self.record.connection.client_certificate()? else {
            return None;
        };
        Some(match variable {
            V::IdentityClientCertPem => certificate.pem().into(),
            V::IdentityClientCertIssuer => certificate.issuer().into(),
            V::IdentityClientCertSerialNumber => certificate.serial_number().into(),
            V::IdentityClientCertSubject => certificate.subject().into(),
            V::IdentityClientCertNotAfter => certificate.not_after().into(),
            V::IdentityClientCertNotBefore => certificate.not_before().into(),
            _ => return None,
        })
    }

    /// What was sent, where no API was found: the log knows it all the same (AL4).
    fn sent_text(&self, variable: Variable) -> Option<Cow<'_, str>> {
        let arrival = self.record.arrival?;
        let request = arrival.head.over(arrival.bytes);
        match variable {
            Variable::HttpMethod => Some(lossy(request.method())),
            Variable::Path => Some(lossy(request.path())),
            _ => None,
        }
    }

    fn domain_text(&self, variable: Variable) -> Option<Cow<'_, str>> {
        let host = self.host_as_received()?;
        if variable == Variable::DomainName {
            return Some(host);
        }
        Some(match host {
            Cow::Borrowed(host) => host.split('.').next()?.into(),
            Cow::Owned(host) => host.split('.').next()?.to_owned().into(),
        })
    }

    /// `Host` as it was sent, without its port (PA-19).
    fn host_as_received(&self) -> Option<Cow<'_, str>> {
        let arrival = self.record.arrival?;
        arrival.head.over(arrival.bytes).authority().map(|authority| lossy(authority.host()))
    }

    fn source_address(&self) -> &str {
        std::str::from_utf8(self.record.connection.source_text()).unwrap_or_default()
    }

    fn validation_error(&self) -> Option<Cow<'_, str>> {
        match self.record.refusal.as_ref()? {
            Refusal::InvalidBody(violations) => Some(violations.to_string().into()),
            _ => None,
        }
    }

    fn integration_error(&self) -> Option<Cow<'_, str>> {
        match self.record.refusal.as_ref()? {
            Refusal::Integration(failure) => Some((&*failure.reason).into()),
            _ => None,
        }
    }
}

/// A text as a JSON string, with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

const fn milliseconds_between(begun: u64, ended: u64) -> u64 {
    ended.saturating_sub(begun) / NANOSECONDS_OF_MILLISECOND
}

const NANOSECONDS_OF_MILLISECOND: u64 = 1_000_000;
