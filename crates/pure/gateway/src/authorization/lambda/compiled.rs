//! A Lambda authorizer as it runs in one stage.

use std::sync::Arc;

use postern_model::{
    AuthorizerKind, Function, FunctionArn, IdentitySource, SelectionPattern, StageVariables,
};

use super::AnswerCache;
use crate::integration::FunctionTarget;

/// A Lambda authorizer in one stage.
#[derive(Debug)]
pub(crate) struct CompiledAuthorizer {
    /// What the definition calls it.
    pub(crate) name: Box<str>,
    /// Its id: functions are told it.
    pub(crate) id: Box<str>,
    pub(crate) terms: AuthorizerTerms,
    /// Its function, or why there is none.
    pub(crate) target: Result<FunctionTarget, Box<str>>,
    /// What it said before; absent where nothing is kept.
    pub(crate) cache: Option<Arc<AnswerCache>>,
}

/// What an answer depends on beside the request. As long as it stays the same across a reload, what was
/// answered is kept (AU-70).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizerTerms {
    pub(crate) kind: AuthorizerKind,
    pub(crate) identity_sources: Vec<IdentitySource>,
    pub(crate) identity_validation_expression: Option<SelectionPattern>,
    pub(crate) result_ttl_seconds: u32,
    /// The function's ARN with stage variables filled in, and its entry.
    pub(crate) function: Option<(FunctionArn, Function)>,
    /// Functions are told them.
    pub(crate) variables: StageVariables,
    /// Region and account: ARNs in policies and events have them.
    pub(crate) home: (Box<str>, Box<str>),
}

impl AuthorizerTerms {
    /// Whether it is given one token, and not the request.
    pub(crate) const fn is_token(&self) -> bool {
        matches!(self.kind, AuthorizerKind::Token(_))
    }

    /// How long answers are kept, in nanoseconds.
    pub(crate) fn ttl_nanoseconds(&self) -> u64 {
        u64::from(self.result_ttl_seconds) * 1_000_000_000
    }
}
