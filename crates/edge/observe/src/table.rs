//! The table of what is counted: each row is one series with its family, label and help.

use postern_gateway::{
    ApiKeyFault, BodyFault, ConnectionRefusal, Event, IntegrationFailureKind, PolicyLayer, Refusal,
    ThrottleLevel,
};

/// One series, or one for each API and stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The metric's name. Rows of one family stand together.
    pub(crate) family: &'static str,
    /// The label that tells the rows of one family apart, and its value.
    pub(crate) label: Option<(&'static str, &'static str)>,
    /// What is counted, as one sentence.
    pub(crate) help: &'static str,
    /// Whether the series stands there before the first one was counted.
    pub(crate) from_zero: bool,
}

macro_rules! rows {
    ($(#[doc = $doc:literal])* $name:ident, $table:ident:
        $($family:literal, $zero:ident, $help:literal { $($variant:ident $(($label:literal, $value:literal))?),* $(,)? })*
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($($variant,)*)*
        }

        /// The rows, in the order of the variants.
        pub(crate) const $table: &[Row] = &[
            $($(Row {
                family: $family,
                label: rows!(@label $($label, $value)?),
                help: $help,
                from_zero: rows!(@zero $zero),
            },)*)*
        ];

        impl $name {
            /// The place of its counter.
            pub(crate) const fn place(self) -> usize {
                self as usize
            }
        }
    };
    (@label) => { None };
    (@label $label:literal, $value:literal) => { Some(($label, $value)) };
    (@zero always) => { true };
    (@zero once_counted) => { false };
}

rows! {
    /// What is counted for each API and stage.
    ///
    /// Layers are what may refuse a caller, in the order of authorization.md section 1. Series that
    /// most stages never have appear once they are counted.
    OfStage, OF_STAGE:
    "postern_requests_total", always, "Requests received." { Requests }
    "postern_4xx_total", always, "Answers with a status of 400 to 499, the gateway's and the backend's." {
        ClientErrors
    }
    "postern_5xx_total", always, "Answers with a status of 500 to 599, the gateway's and the backend's." {
        ServerErrors
    }
    "postern_response_bytes_total", always, "Bytes of bodies that were sent to clients." { ResponseBytes }
    "postern_responses_cut_short_total", once_counted,
    "Answers that did not go out whole: the client left, or the backend broke off." { CutShort }
    "postern_denied_total", once_counted, "Requests that a layer of access control denied." {
        DeniedByTruststore("layer", "mutualTls"),
        DeniedBySignature("layer", "signature"),
        DeniedByEndpointPolicy("layer", "endpointPolicy"),
        DeniedByDomainPolicy("layer", "domainPolicy"),
        DeniedByIdentityPolicy("layer", "identityPolicy"),
        DeniedByResourcePolicy("layer", "resourcePolicy"),
        DeniedAsUnauthorized("layer", "authorizerIdentity"),
        DeniedByAuthorizer("layer", "authorizer"),
        DeniedForMissingApiKey("layer", "apiKeyMissing"),
        DeniedForUnknownApiKey("layer", "apiKeyUnknown"),
        DeniedForDisabledApiKey("layer", "apiKeyDisabled"),
        DeniedForApiKeyWithoutPlan("layer", "apiKeyNotInPlan"),
    }
    "postern_throttled_total", once_counted, "Requests that found a bucket empty, by its level." {
        ThrottledByPlanMethod("level", "planMethod"),
        ThrottledByPlan("level", "plan"),
        ThrottledByMethod("level", "method"),
        ThrottledByAccount("level", "account"),
    }
    "postern_quota_exceeded_total", once_counted, "Requests of keys whose quota was used up." { QuotaExceeded }
    "postern_integration_failures_total", once_counted,
    "Calls of backends that gave no usable answer, by what happened." {
        IntegrationTimedOut("kind", "timedOut"),
        IntegrationNetwork("kind", "network"),
        IntegrationCertificate("kind", "certificate"),
        IntegrationBadAnswer("kind", "badAnswer"),
        IntegrationRefused("kind", "refused"),
        IntegrationOverloaded("kind", "overloaded"),
    }
    "postern_repeated_overrides_total", once_counted,
    "Targets that a mapping template overrode more than once: the service may answer 5XX." { RepeatedOverrides }
    "postern_refused_total", once_counted, "Requests that were not served for another reason." {
        RefusedHead("reason", "head"),
        RefusedUnreachableApi("reason", "noSuchApi"),
        RefusedMisdirected("reason", "misdirected"),
        RefusedStage("reason", "noSuchStage"),
        RefusedDefaultEndpoint("reason", "defaultEndpointDisabled"),
        RefusedMapping("reason", "noSuchMapping"),
        RefusedMethodArn("reason", "methodArnTooLong"),
        RefusedMethod("reason", "noSuchMethod"),
        RefusedAuthorizer("reason", "authorizer"),
        RefusedBodySize("reason", "bodyTooLarge"),
        RefusedBodyMalformed("reason", "bodyMalformed"),
        RefusedBodySlow("reason", "bodyTooSlow"),
        RefusedBodyGone("reason", "clientGone"),
        RefusedJson("reason", "invalidJsonBody"),
        RefusedMediaType("reason", "unsupportedMediaType"),
        RefusedContentCoding("reason", "contentCoding"),
        RefusedParameters("reason", "missingParameters"),
        RefusedInvalidBody("reason", "invalidBody"),
        RefusedConfiguration("reason", "configuration"),
        RefusedTemplate("reason", "template"),
        RefusedOverloaded("reason", "overloaded"),
    }
}

rows! {
    /// What is counted for the whole process.
    OfProcess, OF_PROCESS:
    "postern_connections_opened_total", always, "Connections of clients that were let in." { ConnectionsOpened }
    "postern_connections_refused_total", always,
    "Connections that were closed before TLS, by the layer that turned them away." {
        RefusedByNetworkAcl("layer", "networkAcl"),
        RefusedBySecurityGroup("layer", "securityGroup"),
        RefusedByTrustedSources("layer", "trustedSources"),
        RefusedByProxyHeader("layer", "proxyHeader"),
        RefusedByVpcIds("layer", "vpcIds"),
    }
    "postern_connections_closed_total", always, "Connections of clients that are over." { ConnectionsClosed }
    "postern_tls_handshakes_total", always, "TLS handshakes that finished, by whether they resumed a session." {
        HandshakesFull("resumed", "false"),
        HandshakesResumed("resumed", "true"),
    }
    "postern_tls_handshake_failures_total", always, "TLS handshakes that failed or took too long." {
        HandshakeFailures
    }
    "postern_accept_failures_total", always, "Connections that could not be accepted, for want of descriptors or the like." {
        AcceptFailures
    }
    "postern_faults_total", always, "Faults of the program that were caught at one connection." { Faults }
    "postern_backend_connections_total", always, "Connections to backends that were opened." { BackendConnections }
    "postern_backend_connect_failures_total", always, "Connections to backends that could not be opened." {
        BackendConnectFailures
    }
    "postern_backend_retries_total", always, "Calls that were sent a second time, on another connection." {
        BackendRetries
    }
    "postern_access_log_lines_total", always, "Access log lines that were written." { LogLines }
    "postern_access_log_dropped_total", always, "Access log lines that were dropped, since nobody took them." {
        LogLinesDropped
    }
}

rows! {
    /// What is counted for each usage plan.
    OfPlan, OF_PLAN:
    "postern_usage_plan_requests_total", always, "Requests of keys in the plan that its limits let through." {
        Requests
    }
    "postern_usage_plan_throttled_total", always, "Requests of keys in the plan that found a bucket empty, by its level." {
        ThrottledByPlanMethod("level", "planMethod"),
        ThrottledByPlan("level", "plan"),
        ThrottledByMethod("level", "method"),
        ThrottledByAccount("level", "account"),
    }
    "postern_usage_plan_quota_exceeded_total", always, "Requests of keys in the plan whose quota was used up." {
        QuotaExceeded
    }
}

rows! {
    /// What is counted for API keys by name, where that is asked for.
    OfKey, OF_KEY:
    "postern_api_key_throttled_total", once_counted, "Requests of the key that found a bucket empty." { Throttled }
    "postern_api_key_quota_exceeded_total", once_counted, "Requests of the key when its quota was used up." {
        QuotaExceeded
    }
    "postern_api_key_denied_total", once_counted, "Requests that the key does not open, by why." {
        Disabled("reason", "disabled"),
        NotInPlan("reason", "notInPlan"),
    }
}

/// Where a refusal is counted by usage plan. What came after its limits was let through by them.
pub(crate) const fn of_plan_refusal(refusal: &Refusal) -> OfPlan {
    match refusal {
        Refusal::Throttled(ThrottleLevel::PlanMethod) => OfPlan::ThrottledByPlanMethod,
        Refusal::Throttled(ThrottleLevel::Plan) => OfPlan::ThrottledByPlan,
        Refusal::Throttled(ThrottleLevel::Method) => OfPlan::ThrottledByMethod,
        Refusal::Throttled(ThrottleLevel::Account) => OfPlan::ThrottledByAccount,
        Refusal::QuotaExceeded => OfPlan::QuotaExceeded,
        _ => OfPlan::Requests,
    }
}

/// Where a refusal is counted by API key.
pub(crate) const fn of_key_refusal(refusal: &Refusal) -> Option<OfKey> {
    match refusal {
        Refusal::Throttled(_) => Some(OfKey::Throttled),
        Refusal::QuotaExceeded => Some(OfKey::QuotaExceeded),
        Refusal::ApiKey(ApiKeyFault::Disabled) => Some(OfKey::Disabled),
        Refusal::ApiKey(ApiKeyFault::NotInPlan) => Some(OfKey::NotInPlan),
        _ => None,
    }
}

/// Where a refusal is counted.
pub(crate) const fn of_refusal(refusal: &Refusal) -> OfStage {
    use OfStage as S;
    match refusal {
        Refusal::Head { .. } | Refusal::TooManyPathSegments | Refusal::TooManyQueryParameters => {
            S::RefusedHead
        }
        Refusal::NoSuchApi(_) => S::RefusedUnreachableApi,
        Refusal::Misdirected => S::RefusedMisdirected,
        Refusal::ClientCertificate(_) => S::DeniedByTruststore,
        Refusal::NoSuchStage => S::RefusedStage,
        Refusal::DefaultEndpointDisabled => S::RefusedDefaultEndpoint,
        Refusal::NoSuchMapping => S::RefusedMapping,
        Refusal::MethodArnTooLong => S::RefusedMethodArn,
        Refusal::NoSuchMethod | Refusal::NoSuchResource => S::RefusedMethod,
        Refusal::Signature(_) => S::DeniedBySignature,
        Refusal::PolicyDenied(denial) => match denial.layer {
            PolicyLayer::Endpoint => S::DeniedByEndpointPolicy,
            PolicyLayer::Domain => S::DeniedByDomainPolicy,
            PolicyLayer::Identity => S::DeniedByIdentityPolicy,
            PolicyLayer::Resource => S::DeniedByResourcePolicy,
            PolicyLayer::Authorizer => S::DeniedByAuthorizer,
        },
        Refusal::Unauthorized(_) => S::DeniedAsUnauthorized,
        Refusal::AuthorizerFailed(_) => S::RefusedAuthorizer,
        Refusal::ApiKey(ApiKeyFault::Missing) => S::DeniedForMissingApiKey,
        Refusal::ApiKey(ApiKeyFault::Unknown) => S::DeniedForUnknownApiKey,
        Refusal::ApiKey(ApiKeyFault::Disabled) => S::DeniedForDisabledApiKey,
        Refusal::ApiKey(ApiKeyFault::NotInPlan) => S::DeniedForApiKeyWithoutPlan,
        Refusal::Throttled(ThrottleLevel::PlanMethod) => S::ThrottledByPlanMethod,
        Refusal::Throttled(ThrottleLevel::Plan) => S::ThrottledByPlan,
        Refusal::Throttled(ThrottleLevel::Method) => S::ThrottledByMethod,
        Refusal::Throttled(ThrottleLevel::Account) => S::ThrottledByAccount,
        Refusal::QuotaExceeded => S::QuotaExceeded,
        Refusal::BodyTooLarge | Refusal::EventTooLarge => S::RefusedBodySize,
        Refusal::Body(fault) => of_body_fault(*fault),
        Refusal::InvalidJsonBody => S::RefusedJson,
        Refusal::UnsupportedMediaType => S::RefusedMediaType,
        Refusal::ContentCoding(_) => S::RefusedContentCoding,
        Refusal::MissingParameters(_) => S::RefusedParameters,
        Refusal::InvalidBody(_) => S::RefusedInvalidBody,
        Refusal::Configuration(_) => S::RefusedConfiguration,
        Refusal::Template(_) => S::RefusedTemplate,
        Refusal::Overloaded => S::RefusedOverloaded,
        Refusal::Integration(failure) => match failure.kind {
            IntegrationFailureKind::TimedOut => S::IntegrationTimedOut,
            IntegrationFailureKind::Network => S::IntegrationNetwork,
            IntegrationFailureKind::Certificate => S::IntegrationCertificate,
            IntegrationFailureKind::BadAnswer => S::IntegrationBadAnswer,
            IntegrationFailureKind::Refused => S::IntegrationRefused,
            IntegrationFailureKind::Overloaded => S::IntegrationOverloaded,
            IntegrationFailureKind::ClientBody(fault) => of_body_fault(fault),
        },
    }
}

const fn of_body_fault(fault: BodyFault) -> OfStage {
    match fault {
        BodyFault::Malformed => OfStage::RefusedBodyMalformed,
        BodyFault::TooSlow => OfStage::RefusedBodySlow,
        BodyFault::Gone => OfStage::RefusedBodyGone,
    }
}

/// Where an event is counted; a limit has counters of its own.
pub(crate) const fn of_event(event: Event) -> Result<OfProcess, &'static str> {
    use OfProcess as P;
    Ok(match event {
        Event::ConnectionOpened => P::ConnectionsOpened,
        Event::ConnectionClosed => P::ConnectionsClosed,
        Event::ConnectionRefused(refused) => of_connection_refusal(refused.refusal),
        Event::HandshakeFinished { resumed: false } => P::HandshakesFull,
        Event::HandshakeFinished { resumed: true } => P::HandshakesResumed,
        Event::HandshakeFailed => P::HandshakeFailures,
        Event::AcceptFailed => P::AcceptFailures,
        Event::FaultCaught => P::Faults,
        Event::BackendConnected => P::BackendConnections,
        Event::BackendConnectFailed => P::BackendConnectFailures,
        Event::BackendRetried => P::BackendRetries,
        Event::LimitHit(name) => return Err(name),
    })
}

const fn of_connection_refusal(refusal: ConnectionRefusal) -> OfProcess {
    match refusal {
        ConnectionRefusal::NetworkAcl => OfProcess::RefusedByNetworkAcl,
        ConnectionRefusal::SecurityGroup => OfProcess::RefusedBySecurityGroup,
        ConnectionRefusal::UntrustedSource => OfProcess::RefusedByTrustedSources,
        ConnectionRefusal::ProxyHeader(_)
        | ConnectionRefusal::ProxyHeaderCutShort
        | ConnectionRefusal::ProxyHeaderLate => OfProcess::RefusedByProxyHeader,
        ConnectionRefusal::VpcEndpoint => OfProcess::RefusedByVpcIds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stand_together_and_no_series_twice() {
        for table in [OF_STAGE, OF_PROCESS, OF_PLAN, OF_KEY] {
            let mut families: Vec<&str> = table.iter().map(|row| row.family).collect();
            families.dedup();
            let count = families.len();
            families.sort_unstable();
            families.dedup();
            assert_eq!(families.len(), count, "a family is split");
            let mut series: Vec<_> = table.iter().map(|row| (row.family, row.label)).collect();
            series.sort_unstable();
            series.dedup();
            assert_eq!(series.len(), table.len());
        }
    }
}
