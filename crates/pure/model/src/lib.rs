//! API Gateway's words as checked values.
//!
//! **For:** the vocabulary of a configuration: every value here obeys its rules, because only its
//! reader or constructor makes it. Languages (policies, templates, schemas, patterns) stand here
//! parsed, never as text to be parsed later.
//! **Never enters:** serde derives, file names, compiled look-up structures, counters.
//! **Comes in:** checked parts from `openapi` and `config`. **Goes out:** [`Configuration`].
//! **Read first:** `configuration.rs`.

mod api_key;
mod configuration;
mod context;
mod credentials;
mod definition;
mod domain_name;
mod function;
mod gateway_response;
mod integration;
mod limits;
mod listener;
mod method;
mod names;
mod network;
mod parameter;
mod pattern;
mod resource;
mod rest_api;
mod routing_rule;
mod secret;
mod security_policy;
mod service;
mod signer;
mod stage;
mod usage_plan;
mod vpc_endpoint;
mod vpc_link;

pub use api_key::{ApiKey, ApiKeyValue};
pub use configuration::{
    AccessLog, AccessLogDestination, AccountThrottle, Admin, AuthorizerSilence, Compatibility, Configuration,
    HostOverride, WorkerCount,
};
pub use context::is_context_of_requests;
pub use credentials::{AccessKey, CallCredentials, ContainerToken, CredentialSource, Credentials};
pub use definition::{
    ApiKeySource, Authorizer, AuthorizerFunction, AuthorizerKind, Definition, EndpointAccessMode,
    IdentitySource, MediaTypePattern,
};
pub use domain_name::{BasePath, BasePathMapping, DomainName, DomainNameId, MutualTls};
pub use function::{
    Function, FunctionArn, FunctionBackend, FunctionName, FunctionProcess, HttpEndpoint, InvokeEndpoint,
};
pub use gateway_response::{GatewayResponse, GatewayResponseSource, GatewayResponseType};
pub use integration::{
    CacheKeyParameter, ConnectionType, ContentHandling, Integration, IntegrationResponse, IntegrationType,
    PassthroughBehavior, ResponseTransferMode, Template, UriSegment, UriTemplate,
};
pub use limits::{LIMITS, LimitRow, Limits};
pub use listener::{Listener, PublicListeners, SharedListeners, TlsIdentity};
pub use method::{
    AuthorizationType, Method, MethodResponse, ParameterLocation, RequestModel, RequestParameter,
    RequestValidator, Verb,
};
pub use names::{
    AccountId, DomainHost, HostName, Malformed, Partition, Region, RestApiId, StageName, VpcEndpointId,
    VpcId, VpcLinkId,
};
pub use network::{
    Cidr, NetworkAcl, NetworkAclRule, NetworkLayers, ProxyProtocol, RuleAction, SecurityGroup,
};
pub use parameter::{RequestMapping, RequestSource, RequestTarget, ResponseMapping, ResponseSource};
pub use pattern::{PatternProblem, SelectionPattern};
pub use resource::{PathPart, Resource, ResourcePath};
pub use rest_api::{EndpointType, RestApi};
pub use routing_rule::{ConditionHeader, HeaderCondition, HeaderMatch, RoutingMode, RoutingRule, ValueGlob};
pub use secret::Secret;
pub use security_policy::SecurityPolicy;
pub use service::{ResolvedService, ServiceCall, ServiceEndpoints, calls_function, is_of_caller};
pub use signer::{AccessKeyId, Signer, SignerSession};
pub use stage::{MethodSetting, MethodSettings, Stage, StageVariables};
pub use usage_plan::{ApiStage, PlanMethodThrottle, Quota, QuotaPeriod, ThrottleLimit, UsagePlan};
pub use vpc_endpoint::VpcEndpoint;
pub use vpc_link::{Balancing, HealthCheck, HealthCheckProtocol, LoadBalancingAlgorithm, Target, VpcLink};
