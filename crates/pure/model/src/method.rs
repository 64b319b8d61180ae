//! Methods: what may be called on a resource, and what a call must bring.

use std::{fmt, str::FromStr, sync::Arc};

use postern_document::Place;
use postern_schema::Schema;

use crate::{Integration, Malformed};

/// One method of a resource.
#[derive(Clone, Debug)]
pub struct Method {
    /// Where the definition describes it.
    pub place: Place,
    /// Which verb, or all of them.
    pub verb: Verb,
    /// `operationId`.
    pub operation_name: Option<Box<str>>,
    /// How a caller proves who it is.
    pub authorization: AuthorizationType,
    /// Whether an API key is asked for (AU-10).
    pub api_key_required: bool,
    /// Declared parameters.
    pub request_parameters: Vec<RequestParameter>,
    /// Models of the body by media type.
    pub request_models: Vec<RequestModel>,
    /// What is validated; absent: nothing (V1).
    pub request_validator: Option<RequestValidator>,
    /// Declared answers.
    pub responses: Vec<MethodResponse>,
    /// What the method calls.
    pub integration: Integration,
}

/// The verb of a method. `ANY` covers these seven and nothing else (M7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `x-amazon-apigateway-any-method`: every verb that the resource does not name itself.
    Any,
}

impl Verb {
    /// The seven verbs that `ANY` covers, in the order of the alphabet.
    pub const EXACT: [Self; 7] =
        [Self::Delete, Self::Get, Self::Head, Self::Options, Self::Patch, Self::Post, Self::Put];

    /// The verb of a request's method token (case-sensitive); `None` for any other token.
    #[must_use]
    pub const fn of_request(token: &[u8]) -> Option<Self> {
        Some(match token {
            b"DELETE" => Self::Delete,
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            _ => return None,
        })
    }

    /// The verb as it stands in requests and ARNs; `ANY` for [`Verb::Any`].
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Any => "ANY",
        }
    }

    /// Whether repeating such a request changes nothing more (RFC 9110 section 9.2.2).
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post | Self::Patch | Self::Any)
    }
}

impl FromStr for Verb {
    type Err = Malformed;

    /// Reads a verb or `ANY`, without regard to case, as definitions spell them.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::EXACT
            .into_iter()
            .chain([Self::Any])
            .find(|verb| verb.as_str().eq_ignore_ascii_case(text))
            .ok_or(Malformed::new("one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, ANY"))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a caller proves who it is (AU-120).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationType {
    /// Not at all: the resource policy alone decides.
    None,
    /// A signature.
    AwsIam,
    /// A Lambda authorizer, by its name in the definition.
    Custom(Box<str>),
    /// A Cognito user pool authorizer by its name, and the scopes that are asked for.
    CognitoUserPools {
        /// The authorizer's name in the definition.
        authorizer: Box<str>,
        /// Scopes of which the token must hold one; empty: an identity token (AU-102).
        scopes: Vec<Box<str>>,
    },
}

/// A declared parameter of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestParameter {
    /// Where it stands in a request.
    pub location: ParameterLocation,
    /// Its name.
    pub name: Box<str>,
    /// Whether a validator of parameters refuses a request without it (VP1).
    pub required: bool,
}

/// Where a parameter stands in a request, in the order in which missing ones are listed (VP4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParameterLocation {
    /// A header.
    Header,
    /// A variable of the path.
    Path,
    /// The query string.
    QueryString,
}

/// The model of a body of one media type.
#[derive(Clone, Debug)]
pub struct RequestModel {
    /// The media type without parameters, in lower case, or `$default`.
    pub media_type: Box<str>,
    /// The schema.
    pub schema: Arc<Schema>,
}

/// What is validated (V2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestValidator {
    /// Required parameters.
    pub parameters: bool,
    /// The body against its model.
    pub body: bool,
}

/// A declared answer of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResponse {
    /// Its status, 100 to 599; `default` of a definition declares none.
    pub status: u16,
    /// The headers that it declares.
    pub headers: Vec<Box<str>>,
}
