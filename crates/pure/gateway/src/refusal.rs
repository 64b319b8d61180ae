//! Why a request is not served, and what each reason is answered with.

use std::borrow::Cow;

use postern_model::GatewayResponseType;
use postern_protocol::{certificate::Distrust, signature::SignatureFault};
use postern_schema::Violations;
use postern_template::{FailureReason, TemplateFailure};

use crate::{BodyFault, CodingFault, Gate, IntegrationFailure, IntegrationFailureKind, context::quoted};

/// Why a request is not served. Carries what decided, for the log, the metrics and `explain`; the
/// client sees no more than its status and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The head breaks a rule that no API can change: the status, and why.
    Head {
        /// 400, 405, 408, 414, 417, 421, 431, 501, 503 or 505.
        status: u16,
        /// Why, in words without the client's bytes.
        reason: &'static str,
    },
    /// The path has more segments than `pathSegments`.
    TooManyPathSegments,
    /// The query has more parameters than `queryParameters`.
    TooManyQueryParameters,
    /// Host and `x-apigw-api-id` name no API that is reachable here (F1).
    NoSuchApi(NoSuchApi),
    /// The request is for a domain name that asks for client certificates, and its connection was made for
    /// another name; or the other way round (hardening.md section 6).
    Misdirected,
    /// The domain name's truststore does not vouch for the client (PA-164).
    ClientCertificate(Distrust),
    /// The API has no stage of that name (F2).
    NoSuchStage,
    /// The API answers by its custom domain names alone (F8).
    DefaultEndpointDisabled,
    /// No base path of the domain name matches (F9).
    NoSuchMapping,
    /// The ARN of the method is longer than `methodArnBytes`.
    MethodArnTooLong,
    /// No resource with that verb, and no `Authorization` (F4).
    NoSuchMethod,
    /// No resource with that verb, for a signer whom the policies allow (F7).
    NoSuchResource,
    /// A signature, or what stands in its place, does not hold (F5, AU-81 to AU-87).
    Signature(SignatureFault),
    /// A policy refuses.
    PolicyDenied(PolicyDenial),
    /// A Lambda authorizer's caller is nobody (AU-30, authorization.md section 3.4).
    Unauthorized(IdentityFault),
    /// A Lambda authorizer gave no usable answer: why, for an operator.
    AuthorizerFailed(Box<str>),
    /// The API key opens nothing here (AU-14).
    ApiKey(ApiKeyFault),
    /// A bucket is empty.
    Throttled(ThrottleLevel),
    /// The key's quota is used up.
    QuotaExceeded,
    /// The body is larger than `payloadBytes`.
    BodyTooLarge,
    /// The event of a function would be larger than it may be.
    EventTooLarge,
    /// The client's body could not be read.
    Body(BodyFault),
    /// A validator asks for parameters that the request does not bring: their names (VP3).
    MissingParameters(Vec<Box<str>>),
    /// The body is not as its model says, or no JSON at all (VB5, VB6).
    InvalidBody(Violations),
    /// The body has a content coding that cannot be taken off it.
    ContentCoding(CodingFault),
    /// A mapping reads JSON from a body that starts like JSON and is none (PM4).
    InvalidJsonBody,
    /// No template for the body's media type, and it may not pass (integrations.md section 5).
    UnsupportedMediaType,
    /// The API's own configuration cannot serve the request: why, for an operator.
    Configuration(Cow<'static, str>),
    /// A mapping template ended without a result.
    Template(TemplateFailure),
    /// The backend gave no usable answer.
    Integration(IntegrationFailure),
    /// Too many requests are in flight.
    Overloaded,
}

/// What did not name a reachable API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSuchApi {
    /// Neither `Host` nor `x-apigw-api-id` names an API.
    NotNamed,
    /// The id that was given belongs to no API here.
    UnknownId,
    /// `x-apigw-api-id` came twice, or contradicts `Host` (PA-13, PA-16).
    Contradiction,
    /// The host names another VPC endpoint, or one that the API does not list (PA-14).
    OtherVpcEndpoint,
    /// The domain name is STRICT, and the request came by another kind of listener or a connection that was
    /// not made for its host (PA-86).
    NotStrict,
    /// The API is private and the connection came in publicly, or the other way round (PA-17).
    WrongDoor,
}

/// A policy's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDenial {
    /// Whether a `Deny` statement matched; else nothing allowed.
    pub explicit: bool,
    /// Which policy decided.
    pub layer: PolicyLayer,
    /// The ARN of the signer; absent: the caller counts as anonymous.
    pub caller: Option<Box<str>>,
    /// The `Sid` or index of the statement that denied.
    pub statement: Option<Box<str>>,
    /// The masked ARN of the method, or of the domain name that was asked about (RP-110).
    pub resource: Box<str>,
}

/// Which policy decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyLayer {
    /// The policy of the VPC endpoint.
    Endpoint,
    /// The policy of the private domain name.
    Domain,
    /// The policy of the caller.
    Identity,
    /// The API's resource policy.
    Resource,
    /// What the method's Lambda authorizer returned.
    Authorizer,
}

/// Why a Lambda authorizer's caller is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityFault {
    /// An identity source is missing or empty.
    Missing,
    /// The token does not match `identityValidationExpression`.
    Mismatch,
    /// The function says so.
    Refused,
}

/// Why an API key opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyFault {
    /// None was sent.
    Missing,
    /// Nobody has it.
    Unknown,
    /// It is not enabled.
    Disabled,
    /// It is in no usage plan with this stage.
    NotInPlan,
}

/// Which bucket was empty (TH-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleLevel {
    /// A method in a usage plan.
    PlanMethod,
    /// A usage plan.
    Plan,
    /// A method in a stage.
    Method,
    /// The account.
    Account,
}

/// How the message of a built-in body is spelled: the service is not uniform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `{"message":"…"}`
    Tight,
    /// `{"message": "…"}`
    Spaced,
    /// `{"Message":"…"}`
    Capital,
}

/// What a refusal is answered with, before an API's own gateway responses are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wording {
    /// The gateway response type, if the answer has one. `DEFAULT_4XX` itself stands for errors of no
    /// named type.
    pub(crate) kind: Option<GatewayResponseType>,
    pub(crate) status: u16,
    /// The value of `x-amzn-ErrorType`.
    pub(crate) error_type: Option<&'static str>,
    /// Absent: `null`.
    pub(crate) message: Option<Cow<'static, str>>,
    pub(crate) spelling: Spelling,
}

const INTERNAL: &str = "Internal server error";

impl Refusal {
    /// The answer's words (gateway-responses.md sections 1 and 2).
    pub(crate) fn wording(&self) -> Wording {
        use GatewayResponseType as Type;
        use Spelling::Tight;
        let built_in = |status, message: &'static str| Wording::new(None, status, None, message, Tight);
        let typed = |kind, status, error_type, message: &'static str, spelling| {
            Wording::new(Some(kind), status, Some(error_type), message, spelling)
        };
        match self {
            Self::Head { status, .. } => built_in(*status, head_message(*status)),
            Self::TooManyQueryParameters => built_in(400, head_message(400)),
            Self::Overloaded => built_in(503, "Service Unavailable"),
            Self::MethodArnTooLong | Self::TooManyPathSegments => built_in(414, head_message(414)),
            Self::Body(BodyFault::Malformed) => built_in(400, "Bad Request"),
            Self::Body(BodyFault::TooSlow | BodyFault::Gone) => built_in(408, "Request Timeout"),
            Self::Misdirected => built_in(421, head_message(421)),
            Self::ClientCertificate(_)
            | Self::NoSuchApi(_)
            | Self::NoSuchStage
            | Self::DefaultEndpointDisabled
            | Self::NoSuchMapping => Wording::new(None, 403, Some("ForbiddenException"), "Forbidden", Tight),
            Self::NoSuchMethod => typed(
                Type::MissingAuthenticationToken,
                403,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
                Tight,
            ),
            Self::NoSuchResource => {
                typed(Type::ResourceNotFound, 404, "ResourceNotFoundException", "Not Found", Tight)
            }
            Self::Signature(_)
            | Self::PolicyDenied(_)
            | Self::Unauthorized(_)
            | Self::AuthorizerFailed(_) => self.wording_of_authorization(),
            Self::ApiKey(_) => typed(Type::InvalidApiKey, 403, "ForbiddenException", "Forbidden", Tight),
            Self::Throttled(_) => {
                typed(Type::Throttled, 429, "TooManyRequestsException", "Too Many Requests", Tight)
            }
            Self::QuotaExceeded => {
                typed(Type::QuotaExceeded, 429, "LimitExceededException", "Limit Exceeded", Tight)
            }
            Self::BodyTooLarge | Self::EventTooLarge | Self::ContentCoding(CodingFault::TooLarge) => typed(
                Type::RequestTooLarge,
                413,
                "RequestTooLargeException",
                "HTTP content length exceeded 10485760 bytes.",
                Tight,
            ),
            Self::MissingParameters(_)
            | Self::InvalidBody(_)
            | Self::ContentCoding(_)
            | Self::InvalidJsonBody
            | Self::UnsupportedMediaType
            | Self::Configuration(_)
            | Self::Template(_)
            | Self::Integration(_) => self.wording_of_execution(),
        }
    }

    /// The words for a caller who is not let in.
    fn wording_of_authorization(&self) -> Wording {
        use GatewayResponseType as Type;
        let of = |kind, status, error_type, message| Wording {
            message,
            ..Wording::new(Some(kind), status, Some(error_type), "", Spelling::Tight)
        };
        match self {
            Self::Signature(fault) => Wording {
                kind: fault.response_type().parse().ok(),
                status: fault.status(),
                error_type: Some(fault.error_type()),
                message: Some(fault.to_string().into()),
                spelling: Spelling::Tight,
            },
            Self::PolicyDenied(denial) => {
                let message = Some(denial.message());
                let denied = of(Type::AccessDenied, 403, "AccessDeniedException", message);
                Wording { spelling: Spelling::Capital, ..denied }
            }
            Self::Unauthorized(_) => {
                of(Type::Unauthorized, 401, "UnauthorizedException", Some("Unauthorized".into()))
            }
            _ => of(Type::AuthorizerConfigurationError, 500, "AuthorizerConfigurationException", None),
        }
    }

    /// The words of what is raised while the method executes: these have a space behind the colon.
    fn wording_of_execution(&self) -> Wording {
        use GatewayResponseType as Type;
        let bad_request = |kind, status, message| {
            Wording::new(Some(kind), status, Some("BadRequestException"), message, Spelling::Spaced)
        };
        match self {
            Self::MissingParameters(names) => Wording {
                message: Some(format!("Missing required request parameters: [{}]", names.join(", ")).into()),
                ..bad_request(Type::BadRequestParameters, 400, "")
            },
            Self::InvalidBody(_) => bad_request(Type::BadRequestBody, 400, "Invalid request body"),
            Self::InvalidJsonBody => bad_request(Type::Default4xx, 400, "Invalid JSON in request body"),
            Self::UnsupportedMediaType | Self::ContentCoding(_) => {
                bad_request(Type::UnsupportedMediaType, 415, "Unsupported Media Type")
            }
            Self::Integration(failure) => failure.wording(),
            _ => Wording::new(
                Some(Type::ApiConfigurationError),
                500,
                Some("InternalServerErrorException"),
                INTERNAL,
                Spelling::Spaced,
            ),
        }
    }

    /// A function's answer that is none (lambda-events.md section 3).
    pub(crate) fn malformed_answer(reason: &str) -> Self {
        Self::failed_function(IntegrationFailureKind::BadAnswer, reason)
    }

    /// A function that gave no usable answer.
    pub(crate) fn failed_function(kind: IntegrationFailureKind, reason: impl Into<Box<str>>) -> Self {
        Self::Integration(IntegrationFailure { kind, reason: reason.into() })
    }

    /// Whether the connection closes after the answer (hardening.md sections 1 to 3): where the client
    /// and we might not agree on what follows.
    pub(crate) const fn closes(&self) -> bool {
        matches!(
            self,
            Self::Head { .. }
                | Self::TooManyPathSegments
                | Self::TooManyQueryParameters
                | Self::MethodArnTooLong
                | Self::BodyTooLarge
                | Self::Body(_)
                | Self::Integration(IntegrationFailure { kind: IntegrationFailureKind::ClientBody(_), .. })
        )
    }

    /// Whether a Lambda authorizer refuses, or fails.
    pub(crate) fn is_of_authorizer(&self) -> bool {
        match self {
            Self::PolicyDenied(denial) => denial.layer == PolicyLayer::Authorizer,
            refusal => matches!(refusal, Self::Unauthorized(_) | Self::AuthorizerFailed(_)),
        }
    }

    /// The limit of the table of limits that was hit, where the refusal is one and the edge has not told
    /// of it already.
    #[must_use]
    pub const fn limit(&self) -> Option<&'static str> {
        match self {
            Self::BodyTooLarge | Self::ContentCoding(CodingFault::TooLarge) => Some("payloadBytes"),
            Self::MethodArnTooLong => Some("methodArnBytes"),
            Self::TooManyPathSegments => Some("pathSegments"),
            Self::TooManyQueryParameters => Some("queryParameters"),
            Self::Template(TemplateFailure { reason, .. }) => match reason {
                FailureReason::OutputTooLarge => Some("templateOutputBytes"),
                FailureReason::LoopTooLong => Some("templateLoop"),
                FailureReason::TooManySteps => Some("templateSteps"),
                FailureReason::TooDeep => Some("templateDepth"),
                FailureReason::BadArgument(_) | FailureReason::JsonTooLarge => None,
            },
            Self::Integration(IntegrationFailure { kind: IntegrationFailureKind::Overloaded, .. }) => {
                Some("backendPending")
            }
            _ => None,
        }
    }

    /// The gate that refuses so, of the gates that keep callers out: where a request goes and who may
    /// send it. `None` for a refusal that has other causes.
    #[must_use]
    pub const fn gate(&self) -> Option<Gate> {
        Some(match self {
            Self::NoSuchApi(_) => Gate::Api,
            Self::NoSuchStage | Self::DefaultEndpointDisabled | Self::NoSuchMapping => Gate::Stage,
            Self::Misdirected | Self::ClientCertificate(_) => Gate::ClientCertificate,
            Self::NoSuchMethod => Gate::Method,
            Self::NoSuchResource => Gate::Resource,
            Self::Signature(_) => Gate::Signature,
            Self::PolicyDenied(denial) => match denial.layer {
                PolicyLayer::Endpoint => Gate::EndpointPolicy,
                PolicyLayer::Domain => Gate::DomainPolicy,
                PolicyLayer::Identity => Gate::IdentityPolicy,
                PolicyLayer::Resource => Gate::ResourcePolicy,
                PolicyLayer::Authorizer => Gate::Authorizer,
            },
            Self::Unauthorized(_) | Self::AuthorizerFailed(_) => Gate::Authorizer,
            Self::ApiKey(_) => Gate::ApiKey,
            Self::Throttled(_) => Gate::Throttle,
            Self::QuotaExceeded => Gate::Quota,
            _ => return None,
        })
    }

    /// What happened, for an operator. Holds no secret and no byte of the client's.
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        match self {
            Self::Head { reason, .. } => (*reason).into(),
            Self::NoSuchApi(why) => why.reason().into(),
            Self::Misdirected => "the connection was not made for the domain name of the request".into(),
            Self::ClientCertificate(why) => why.reason().into(),
            Self::Configuration(why) => (&**why).into(),
            Self::Template(failure) => format!("a mapping template failed: {failure}").into(),
            Self::Integration(failure) => (&*failure.reason).into(),
            Self::PolicyDenied(denial) => denial.reason(),
            Self::Unauthorized(fault) => fault.reason().into(),
            Self::AuthorizerFailed(why) => (&**why).into(),
            Self::ApiKey(fault) => fault.reason().into(),
            Self::Throttled(level) => level.reason().into(),
            Self::NoSuchStage => "the API has no stage of that name".into(),
            Self::DefaultEndpointDisabled => "the API answers by its custom domain names alone".into(),
            Self::NoSuchMapping => "no base path of the domain name matches".into(),
            Self::TooManyPathSegments => "the path has more segments than `pathSegments`".into(),
            Self::TooManyQueryParameters => "the query has more parameters than `queryParameters`".into(),
            Self::MethodArnTooLong => "the ARN of the method is too long".into(),
            Self::NoSuchMethod | Self::NoSuchResource => "no resource and method match".into(),
            Self::Signature(fault) => fault.to_string().into(),
            Self::QuotaExceeded => "the quota of the API key is used up".into(),
            Self::BodyTooLarge => "the body is larger than `payloadBytes`".into(),
            Self::EventTooLarge => "the event of the function would be larger than 6291556 bytes".into(),
            Self::Body(fault) => fault.reason().into(),
            Self::MissingParameters(names) => format!("required and missing: {}", names.join(", ")).into(),
            Self::InvalidBody(_) => "the body is not as its model says".into(),
            Self::ContentCoding(fault) => fault.reason().into(),
            Self::InvalidJsonBody => "a mapping reads JSON from a body that is not JSON".into(),
            Self::UnsupportedMediaType => "no request template takes the body's media type".into(),
            Self::Overloaded => "too many requests are in flight".into(),
        }
    }
}

impl Wording {
    fn new(
        kind: Option<GatewayResponseType>,
        status: u16,
        error_type: Option<&'static str>,
        message: &'static str,
        spelling: Spelling,
    ) -> Self {
        Self { kind, status, error_type, message: Some(Cow::Borrowed(message)), spelling }
    }

    /// The message as a JSON string, or `null`.
    pub(crate) fn quoted_message(&self) -> String {
        self.message.as_deref().map_or_else(|| "null".to_owned(), quoted)
    }

    /// The family that an uncustomised type falls back to (GR-1). A request that is too large has
    /// none (GR-4).
    pub(crate) fn family(&self) -> Option<GatewayResponseType> {
        match self.kind? {
            GatewayResponseType::RequestTooLarge => None,
            _ if self.status < 500 => Some(GatewayResponseType::Default4xx),
            _ => Some(GatewayResponseType::Default5xx),
        }
    }
}

impl IntegrationFailure {
    fn wording(&self) -> Wording {
        use GatewayResponseType::{IntegrationFailure as Failure, IntegrationTimeout};
        let failure = |kind, status, message| {
            Wording::new(Some(kind), status, Some("InternalServerErrorException"), message, Spelling::Spaced)
        };
        match self.kind {
            IntegrationFailureKind::TimedOut => {
                failure(IntegrationTimeout, 504, "Endpoint request timed out")
            }
            IntegrationFailureKind::Network => {
                failure(Failure, 504, "Network error communicating with endpoint")
            }
            IntegrationFailureKind::Certificate | IntegrationFailureKind::Refused => {
                failure(Failure, 500, INTERNAL)
            }
            IntegrationFailureKind::BadAnswer => failure(Failure, 502, INTERNAL),
            IntegrationFailureKind::Overloaded => failure(Failure, 503, "Service Unavailable"),
            IntegrationFailureKind::ClientBody(fault) => Refusal::Body(fault).wording(),
        }
    }
}

impl PolicyDenial {
    /// The text of the answer (resource-policies.md section 7).
    fn message(&self) -> Cow<'static, str> {
        let ending = if self.explicit { " with an explicit deny" } else { "" };
        if self.layer == PolicyLayer::Authorizer {
            return format!("User is not authorized to access this resource{ending}").into();
        }
        let caller = self.caller.as_deref().unwrap_or("anonymous");
        let resource = &self.resource;
        format!(
            "User: {caller} is not authorized to perform: execute-api:Invoke on resource: {resource}{ending}"
        )
        .into()
    }

    fn reason(&self) -> Cow<'_, str> {
        let policy = self.layer.words();
        match &self.statement {
            Some(statement) => format!("{policy} denies by statement {statement}").into(),
            None => format!("no statement of {policy} allows").into(),
        }
    }
}

impl PolicyLayer {
    /// The policy in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Endpoint => "the endpoint policy",
            Self::Domain => "the policy of the domain name",
            Self::Identity => "the identity policy of the caller",
            Self::Resource => "the resource policy",
            Self::Authorizer => "the authorizer's policy",
        }
    }
}

impl NoSuchApi {
    const fn reason(self) -> &'static str {
        match self {
            Self::NotNamed => "neither Host nor x-apigw-api-id names an API",
            Self::UnknownId => "no API has that id",
            Self::Contradiction => "x-apigw-api-id contradicts Host, or came twice",
            Self::OtherVpcEndpoint => {
                "Host names a VPC endpoint that is not this one, or that the API does not list"
            }
            Self::NotStrict => {
                "the domain name is STRICT, and the request came through an endpoint or by another server name"
            }
            Self::WrongDoor => "the API is not reachable through this kind of listener",
        }
    }
}

impl IdentityFault {
    const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "an identity source of the authorizer is missing or empty",
            Self::Mismatch => "the token does not match the authorizer's `identityValidationExpression`",
            Self::Refused => "the authorizer's function refuses the caller",
        }
    }
}

impl ApiKeyFault {
    const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "no API key was sent",
            Self::Unknown => "the API key is unknown",
            Self::Disabled => "the API key is disabled",
            Self::NotInPlan => "the API key is in no usage plan with this stage",
        }
    }
}

impl ThrottleLevel {
    /// What programs call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlanMethod => "planMethod",
            Self::Plan => "plan",
            Self::Method => "method",
            Self::Account => "account",
        }
    }

    /// The level in words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::PlanMethod => "the usage plan's throttle of this method",
            Self::Plan => "the usage plan's throttle",
            Self::Method => "the stage's throttle of this method",
            Self::Account => "the account's throttle",
        }
    }
}

impl CodingFault {
    const fn reason(self) -> &'static str {
        match self {
            Self::Unsupported => "the body has a content coding that is not spoken here, or several",
            Self::Malformed => "the body is not what its content coding promises",
            Self::TooLarge => "the body without its content coding is too large",
        }
    }
}

impl BodyFault {
    const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "the body breaks the grammar of its framing",
            Self::TooSlow => "the body came too slowly",
            Self::Gone => "the client went away before its body was complete",
        }
    }
}

/// The message of a refusal that no API can change (gateway-responses.md, end of section 1).
const fn head_message(status: u16) -> &'static str {
    match status {
        403 => "Forbidden",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "HTTP content length exceeded 10485760 bytes.",
        414 => "Request URI too long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request header fields too large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Bad Request",
    }
}
