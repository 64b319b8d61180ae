//! The names under `$context`.

/// Whether a request has a variable of this name, written without `$context.`, before its authorizer is asked: templates,
/// mappings and identity sources know these, gateway responses and access logs know more (mapping-templates.md section 7,
/// stages-and-deployments.md section 7).
///
/// ```
/// use postern_model::is_context_of_requests;
///
/// assert!(is_context_of_requests("identity.sourceIp"));
/// assert!(!is_context_of_requests("status"));
/// ```
#[must_use]
pub fn is_context_of_requests(name: &str) -> bool {
    CONTEXT_OF_REQUESTS.binary_search(&name).is_ok()
}

/// In their order.
const CONTEXT_OF_REQUESTS: &[&str] = &[
    "accountId",
    "apiId",
    "deploymentId",
    "domainName",
    "domainPrefix",
    "extendedRequestId",
    "httpMethod",
    "identity.accessKey",
    "identity.accountId",
    "identity.apiKey",
    "identity.apiKeyId",
    "identity.caller",
    "identity.clientCert.clientCertPem",
    "identity.clientCert.issuerDN",
    "identity.clientCert.serialNumber",
    "identity.clientCert.subjectDN",
    "identity.clientCert.validity.notAfter",
    "identity.clientCert.validity.notBefore",
    "identity.principalOrgId",
    "identity.sourceIp",
    "identity.user",
    "identity.userAgent",
    "identity.userArn",
    "identity.vpcId",
    "identity.vpceId",
    "path",
    "protocol",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "resourceId",
    "resourcePath",
    "stage",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_order() {
        assert!(CONTEXT_OF_REQUESTS.is_sorted());
    }
}
