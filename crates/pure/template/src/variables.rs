//! What a template may ask of its surroundings: a trait, so that a gateway answers from what it holds.

use std::borrow::Cow;

/// What a template looks up. Every answer is asked for when it is needed, so an implementation is a
/// view over one exchange and builds no maps.
///
/// `$context.requestOverride` and `$context.responseOverride` are not asked here: they live in
/// [`Overrides`](crate::Overrides).
pub trait Variables {
    /// A member of `$context`, by its path without the leading `$context.`: `identity.sourceIp`,
    /// `authorizer.claims.sub`. `None` is a variable that does not exist, and prints nothing.
    fn context(&self, path: &str) -> Option<ContextValue<'_>>;

    /// Tells `visit` the names directly under a branch of `$context`, in the service's order: the top
    /// level for the empty path ([`CONTEXT_NAMES`] in a plain exchange), `identity`, `authorizer`.
    fn each_context_name(&self, branch: &str, visit: &mut dyn FnMut(&str));

    /// The value of a stage variable.
    fn stage_variable(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Tells `visit` the name and value of every stage variable.
    fn each_stage_variable(&self, visit: &mut dyn FnMut(&str, &str));

    /// The value of a request parameter: the last one where it came several times. Names are
    /// compared as they were received, upper and lower case apart.
    fn parameter(&self, place: ParameterPlace, name: &str) -> Option<Cow<'_, str>>;

    /// Tells `visit` every request parameter of one place in the order in which they came. A name
    /// may come several times: its last value counts, at its first position.
    fn each_parameter(&self, place: ParameterPlace, visit: &mut dyn FnMut(&str, &str));

    /// What `$input` reads: the client's body in a request template, the backend's in a response
    /// template. An empty text is shown as `{}`; `None` is the response of a MOCK integration, where
    /// there is no body at all and `$input.body` is empty (statement MK5).
    fn body(&self) -> Option<&str>;
}

/// A value under `$context`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextValue<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number: `requestTimeEpoch`.
    Number(i64),
    /// A branch: it prints nothing, its members are asked for by their own paths (statement X2).
    Branch,
}

/// The three places of request parameters, in the order in which `$input.params(name)` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ParameterPlace {
    /// Path parameters.
    Path,
    /// Query string parameters.
    Querystring,
    /// Header fields.
    Header,
}

impl ParameterPlace {
    /// All places, in the order in which `$input.params(name)` looks.
    pub const ALL: [Self; 3] = [Self::Path, Self::Querystring, Self::Header];

    /// The key of this place in `$input.params()`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Querystring => "querystring",
            Self::Header => "header",
        }
    }

    /// The place with this key.
    ///
    /// ```
    /// use postern_template::ParameterPlace;
    ///
    /// assert_eq!(ParameterPlace::from_name("header"), Some(ParameterPlace::Header));
    /// assert_eq!(ParameterPlace::from_name("body"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }
}

/// The names of `$context.keySet()` in the service's order (statement X1).
pub const CONTEXT_NAMES: [&str; 18] = [
    "resourceId",
    "resourcePath",
    "httpMethod",
    "extendedRequestId",
    "requestTime",
    "path",
    "accountId",
    "protocol",
    "requestOverride",
    "stage",
    "domainPrefix",
    "requestTimeEpoch",
    "requestId",
    "identity",
    "domainName",
    "deploymentId",
    "responseOverride",
    "apiId",
];
