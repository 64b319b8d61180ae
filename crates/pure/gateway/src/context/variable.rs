//! The names of `$context`, each with its number, so that formats are resolved once, at load.

macro_rules! variables {
    ($($variant:ident = $name:literal,)*) => {
        /// A variable under `$context` (mapping-templates.md section 7, stages-and-deployments.md
        /// section 7).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Variable {
            $($variant,)*
        }

        impl Variable {
            /// The variable of this name, without `$context.`.
            pub(crate) fn of(name: &str) -> Option<Self> {
                Some(match name {
                    $($name => Self::$variant,)*
                    _ => return None,
                })
            }

            /// All names, for tests and messages.
            #[cfg(test)]
            pub(crate) const NAMES: &'static [&'static str] = &[$($name,)*];
        }
    };
}

variables! {
    AccountId = "accountId",
    ApiId = "apiId",
    CustomDomainBasePathMatched = "customDomain.basePathMatched",
    DeploymentId = "deploymentId",
    DomainName = "domainName",
    DomainPrefix = "domainPrefix",
    EndpointType = "endpointType",
    ErrorMessage = "error.message",
    ErrorMessageString = "error.messageString",
    ErrorResponseType = "error.responseType",
    ExtendedRequestId = "extendedRequestId",
    HttpMethod = "httpMethod",
    IdentityApiKeyId = "identity.apiKeyId",
    IdentitySourceIp = "identity.sourceIp",
    IdentityUserAgent = "identity.userAgent",
    IdentityVpcId = "identity.vpcId",
    IdentityVpceId = "identity.vpceId",
    IntegrationError = "integration.error",
    IntegrationErrorMessage = "integrationErrorMessage",
    IntegrationIntegrationStatus = "integration.integrationStatus",
    IntegrationLatency = "integration.latency",
    IntegrationLatencyFlat = "integrationLatency",
    IntegrationStatus = "integration.status",
    IntegrationStatusFlat = "integrationStatus",
    Path = "path",
    Protocol = "protocol",
    RequestId = "requestId",
    RequestTime = "requestTime",
    RequestTimeEpoch = "requestTimeEpoch",
    ResourceId = "resourceId",
    ResourcePath = "resourcePath",
    ResponseLatency = "responseLatency",
    ResponseLength = "responseLength",
    Stage = "stage",
    Status = "status",
    TlsVersion = "tlsVersion",
    CipherSuite = "cipherSuite",
}

impl Variable {
    /// Whether it tells how the gateway worded a refusal.
    pub(crate) const fn is_of_error(self) -> bool {
        matches!(self, Self::ErrorMessage | Self::ErrorMessageString | Self::ErrorResponseType)
    }
}
