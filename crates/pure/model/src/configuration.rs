//! The root: everything that one gateway serves.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use postern_document::did_you_mean;
use postern_template::{SimpleSource, SimpleTemplate, SimpleVariable};

use crate::{
    AccountId, ApiKey, Credentials, DomainName, Function, Limits, Partition, PublicListeners, Region,
    RestApi, ServiceEndpoints, SharedListeners, Signer, ThrottleLimit, UsagePlan, VpcEndpoint, VpcLink,
};

/// Everything that one gateway serves, checked: every name that is used exists, no two things claim
/// one host, and every language in it has been parsed.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The region of every ARN and host name here.
    pub region: Region,
    /// The partition that follows from the region.
    pub partition: Partition,
    /// The account that owns every API here.
    pub account_id: AccountId,
    /// What host names of the service end with: `amazonaws.com`, or a company's own zone.
    pub dns_suffix: Box<str>,
    /// The interface VPC endpoints, each with its listeners; those that only come by shared ones, too.
    pub vpc_endpoints: Vec<VpcEndpoint>,
    /// Listeners that VPC endpoints share behind a load balancer.
    pub shared_listeners: Vec<SharedListeners>,
    /// Listeners without an endpoint identity, for APIs that are not private.
    pub public_listeners: Vec<PublicListeners>,
    /// The APIs.
    pub rest_apis: Vec<RestApi>,
    /// Custom domain names.
    pub domain_names: Vec<DomainName>,
    /// VPC links.
    pub vpc_links: Vec<VpcLink>,
    /// Lambda-style functions.
    pub functions: Vec<Function>,
    /// What calls of services are signed with.
    pub credentials: Credentials,
    /// Where services are called that are not called at their own hosts.
    pub service_endpoints: ServiceEndpoints,
    /// API keys.
    pub api_keys: Vec<ApiKey>,
    /// Usage plans.
    pub usage_plans: Vec<UsagePlan>,
    /// Callers that may sign requests, no access key id twice.
    pub principals: Vec<Signer>,
    /// The throttle of the whole account; absent: none (TH-16).
    pub account_throttle: Option<AccountThrottle>,
    /// Where quota counters are kept; absent: in memory alone.
    pub state_directory: Option<PathBuf>,
    /// What a crash may lose of the quota counters, in seconds (TH-37).
    pub quota_flush_seconds: u32,
    /// Whether bodies that no step reads pass through in pieces (TH-52).
    pub request_streaming: bool,
    /// Addresses for upstream names, as `curl --resolve` has them.
    pub hosts: Vec<HostOverride>,
    /// How many workers serve.
    pub workers: WorkerCount,
    /// The admin listener; absent: none.
    pub admin: Option<Admin>,
    /// How many API keys have metrics of their own.
    pub api_key_series: u32,
    /// The access log; absent: none.
    pub access_log: Option<AccessLog>,
    /// Every limit, each with its default.
    pub limits: Limits,
    /// Where the service's behaviour may be left.
    pub compatibility: Compatibility,
}

/// The account-level throttle (TH-16) and where it stands in the order (AU-2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccountThrottle {
    /// The bucket.
    pub limit: ThrottleLimit,
    /// Whether the bucket is asked before authorization instead of after it.
    pub before_authorization: bool,
}

/// An upstream `host:port` and the address that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOverride {
    /// The host name, in lower case.
    pub host: Box<str>,
    /// The port it is called on.
    pub port: u16,
    /// The address to connect to instead of asking DNS.
    pub address: SocketAddr,
}

/// How many workers serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerCount {
    /// One for each CPU that the process may use.
    Auto,
    /// This many.
    Exactly(NonZeroUsize),
}

/// The admin listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens. Beyond loopback only `/livez`, `/readyz` and `/metrics` answer.
    pub address: SocketAddr,
}

/// The access log of the gateway.
#[derive(Clone, Debug)]
pub struct AccessLog {
    /// Where the lines go.
    pub destination: AccessLogDestination,
    /// One line: text with `$context` variables (AL1).
    pub format: SimpleTemplate,
}

impl AccessLog {
    /// A log whose lines have this format: text with `$context` variables, among them
    /// `$context.requestId` or `$context.extendedRequestId` (AL1).
    ///
    /// ```
    /// use postern_model::{AccessLog, AccessLogDestination::StandardError};
    ///
    /// assert!(AccessLog::new(StandardError, "$context.requestId $context.status").is_ok());
    /// assert!(AccessLog::new(StandardError, "$context.status").is_err());
    /// let error = AccessLog::new(StandardError, "$context.requestId $context.statsu").unwrap_err();
    /// assert_eq!(error, "`$context.statsu` is no variable of access logs: did you mean `status`?");
    /// ```
    ///
    /// # Errors
    ///
    /// A sentence that names the variable that no access log has (stages-and-deployments.md section 7),
    /// or says which one is missing. Variables of what is not served yet are taken and print `-` (AL2).
    pub fn new(destination: AccessLogDestination, format: &str) -> Result<Self, String> {
        let format = SimpleTemplate::parse(format);
        if let Some(variable) = format.variables().find(|variable| !is_log_variable(variable)) {
            return Err(unknown_log_variable(variable));
        }
        let names_request = format.variables().any(|variable| {
            variable.source == SimpleSource::Context
                && matches!(&*variable.name, "requestId" | "extendedRequestId")
        });
        if names_request {
            Ok(Self { destination, format })
        } else {
            Err("expected `$context.requestId` or `$context.extendedRequestId` in it".to_owned())
        }
    }
}

fn is_log_variable(variable: &SimpleVariable) -> bool {
    let name = &*variable.name;
    variable.source == SimpleSource::Context
        && (LOG_VARIABLES.contains(&name) || name.starts_with("authorizer.") || name.starts_with("waf."))
}

fn unknown_log_variable(variable: &SimpleVariable) -> String {
    if variable.source != SimpleSource::Context {
        return format!("`{}` is no `$context` variable: access logs have no others", variable.name);
    }
    let suggestion = did_you_mean(&variable.name, LOG_VARIABLES.iter().copied())
        .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
    format!("`$context.{}` is no variable of access logs{suggestion}", variable.name)
}

/// The documented names under `$context` that an access log may have, and `policy.sid` (RP-114), but for
/// those of authorizers and of the web application firewall (mapping-templates.md section 7, stages-and-deployments.md section 7).
const LOG_VARIABLES: &[&str] = &[
    "accountId",
    "apiId",
    "authenticate.error",
    "authenticate.latency",
    "authenticate.status",
    "authorize.error",
    "authorize.latency",
    "authorize.status",
    "awsEndpointRequestId",
    "cipherSuite",
    "customDomain.basePathMatched",
    "deploymentId",
    "domainName",
    "domainPrefix",
    "endpointType",
    "error.message",
    "error.messageString",
    "error.responseType",
    "error.validationErrorString",
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
    "identity.cognitoAuthenticationProvider",
    "identity.cognitoAuthenticationType",
    "identity.cognitoIdentityId",
    "identity.cognitoIdentityPoolId",
    "identity.principalOrgId",
    "identity.sourceIp",
    "identity.user",
    "identity.userAgent",
    "identity.userArn",
    "identity.vpcId",
    "identity.vpceId",
    "integration.error",
    "integration.integrationStatus",
    "integration.latency",
    "integration.requestId",
    "integration.responseTransferMode",
    "integration.status",
    "integration.timeToAllHeaders",
    "integration.timeToFirstContent",
    "integrationErrorMessage",
    "integrationLatency",
    "integrationStatus",
    "isCanaryRequest",
    "path",
    "policy.sid",
    "protocol",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "resourceId",
    "resourcePath",
    "responseLatency",
    "responseLength",
    "stage",
    "status",
    "tlsVersion",
    "wafResponseCode",
    "webaclArn",
    "xrayTraceId",
];

/// Where access log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogDestination {
    /// The standard error stream.
    StandardError,
    /// The standard output stream.
    StandardOutput,
    /// A file, opened for appending and opened anew at each reload, so that it can be rotated.
    File(PathBuf),
}

/// Where the service's behaviour may be left; the defaults are the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// Whether `X-HTTP-Method-Override` changes the method before routing (GR-46).
    pub method_override: bool,
    /// Whether names of header parameters and mappings have case over HTTP/1.1 (GR-62).
    pub case_sensitive_header_names: bool,
    /// What becomes of a request that a Lambda authorizer's policy says nothing about, where the resource
    /// policy allows it (RP-99).
    pub authorizer_silence: AuthorizerSilence,
}

impl Default for Compatibility {
    fn default() -> Self {
        Self {
            method_override: true,
            case_sensitive_header_names: true,
            authorizer_silence: AuthorizerSilence::default(),
        }
    }
}

/// What a Lambda authorizer's policy means by saying nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthorizerSilence {
    /// The resource policy decides, as on the service.
    #[default]
    Allow,
    /// The request is refused.
    Deny,
}
