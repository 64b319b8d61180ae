//! The names of `$context`, each with its number, so that formats are resolved once, at load.

use postern_model::is_context_of_requests;

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
    AuthenticateError = "authenticate.error",
    AuthenticateStatus = "authenticate.status",
    AuthorizeError = "authorize.error",
    AuthorizeStatus = "authorize.status",
    AuthorizerError = "authorizer.error",
    AuthorizerIntegrationLatency = "authorizer.integrationLatency",
    AuthorizerIntegrationStatus = "authorizer.integrationStatus",
    AuthorizerLatency = "authorizer.latency",
    AuthorizerStatus = "authorizer.status",
    CustomDomainBasePathMatched = "customDomain.basePathMatched",
    DeploymentId = "deploymentId",
    DomainName = "domainName",
    DomainPrefix = "domainPrefix",
    EndpointType = "endpointType",
    ErrorMessage = "error.message",
    ErrorMessageString = "error.messageString",
    ErrorResponseType = "error.responseType",
    ErrorValidationErrorString = "error.validationErrorString",
    ExtendedRequestId = "extendedRequestId",
    HttpMethod = "httpMethod",
    IdentityAccessKey = "identity.accessKey",
    IdentityAccountId = "identity.accountId",
    IdentityApiKeyId = "identity.apiKeyId",
    IdentityCaller = "identity.caller",
    IdentityPrincipalOrgId = "identity.principalOrgId",
    IdentityClientCertPem = "identity.clientCert.clientCertPem",
    IdentityClientCertIssuer = "identity.clientCert.issuerDN",
    IdentityClientCertSerialNumber = "identity.clientCert.serialNumber",
    IdentityClientCertSubject = "identity.clientCert.subjectDN",
    IdentityClientCertNotAfter = "identity.clientCert.validity.notAfter",
    IdentityClientCertNotBefore = "identity.clientCert.validity.notBefore",
    IdentitySourceIp = "identity.sourceIp",
    IdentityUser = "identity.user",
    IdentityUserAgent = "identity.userAgent",
    IdentityUserArn = "identity.userArn",
    IdentityVpcId = "identity.vpcId",
    IdentityVpceId = "identity.vpceId",
    IntegrationError = "integration.error",
    IntegrationErrorMessage = "integrationErrorMessage",
    IntegrationIntegrationStatus = "integration.integrationStatus",
    IntegrationLatency = "integration.latency",
    IntegrationLatencyFlat = "integrationLatency",
    IntegrationResponseTransferMode = "integration.responseTransferMode",
    IntegrationStatus = "integration.status",
    IntegrationStatusFlat = "integrationStatus",
    IntegrationTimeToAllHeaders = "integration.timeToAllHeaders",
    IntegrationTimeToFirstContent = "integration.timeToFirstContent",
    Path = "path",
    PolicySid = "policy.sid",
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
    /// The variable of this name, if templates and mappings know it; the others are for gateway responses and
    /// access logs alone.
    pub(crate) fn of_request(name: &str) -> Option<Self> {
        if is_context_of_requests(name) { Self::of(name) } else { None }
    }

    /// Whether it tells how the gateway worded a refusal.
    pub(crate) const fn is_of_error(self) -> bool {
        matches!(
            self,
            Self::ErrorMessage
                | Self::ErrorMessageString
                | Self::ErrorResponseType
                | Self::AuthenticateError
                | Self::AuthorizeError
                | Self::AuthorizerError
        )
    }
}
