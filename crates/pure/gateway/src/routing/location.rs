//! What routing found: values that later steps ask for.

use postern_model::Verb;

use super::{Domain, TakenBy, VariableSpan};
use crate::{
    Arrival,
    authorization::PrivateDomain,
    snapshot::{Api, ApiMethod, Entrance, Stage, StageMethod},
};

/// The API and stage that a request means, and its path there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<'a> {
    pub(crate) entrance: &'a Entrance,
    pub(crate) api: &'a Api,
    pub(crate) stage: &'a Stage,
    /// The whole path, normalised: stage or base path included.
    pub(crate) path: &'a str,
    /// The path below the stage or base path; starts with `/`.
    pub(crate) resource_path: &'a str,
    /// What named the API.
    pub(crate) by: By<'a>,
    /// The verb, after `X-HTTP-Method-Override`; `None` for one that no route can have.
    pub(crate) verb: Option<Verb>,
}

/// What named the API and the stage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    /// A host name of the API, or its id.
    ExecuteApi,
    /// A custom domain name.
    Domain {
        domain: &'a Domain,
        taken_by: TakenBy,
        /// What matched of the path; empty where nothing had to.
        base_path: &'a str,
    },
}

impl<'a> Located<'a> {
    /// The private domain name that was called: policies are asked about it (PA-104).
    pub(crate) const fn private_domain(&self) -> Option<&'a PrivateDomain> {
        match self.by {
            By::Domain { domain, .. } => domain.private.as_ref(),
            By::ExecuteApi => None,
        }
    }

    /// Whether the names of header fields reach the API in lower case: over a domain name that has
    /// mappings of several levels (PA-123).
    pub(crate) const fn lowers_header_names(&self) -> bool {
        matches!(self.by, By::Domain { domain, .. } if domain.has_several_levels)
    }
}

/// What stands at the path: a method, or nothing. "Nothing" travels on to authorization, since the
/// service answers an unmatched path as a method that wants a signature (PA-40).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matched<'a> {
    /// What the method is in every stage.
    pub(crate) method: &'a ApiMethod,
    /// What it is in this stage.
    pub(crate) stage_method: &'a StageMethod,
    /// The verb that was asked for.
    pub(crate) verb: Verb,
    variables: &'a [VariableSpan],
    path: &'a str,
}

/// Finds the most specific (resource, verb) pair.
pub(crate) fn find_method<'a>(
    located: &Located<'a>,
    variables: &'a mut Vec<VariableSpan>,
) -> Option<Matched<'a>> {
    let verb = located.verb?;
    let index = located.api.tree.find(located.resource_path, verb, variables)?;
    let index = usize::try_from(index).ok()?;
    Some(Matched {
        method: located.api.methods.get(index)?,
        stage_method: located.stage.methods.get(index)?,
        verb,
        variables,
        path: located.resource_path,
    })
}

/// The verbs that have a method at a path: for who wants to know why one has none.
pub(crate) fn verbs_at(located: &Located<'_>) -> impl Iterator<Item = &'static str> {
    let has = |verb: &Verb| located.api.tree.find(located.resource_path, *verb, &mut Vec::new()).is_some();
    Verb::EXACT.into_iter().filter(has).map(|verb| verb.as_str())
}

impl<'a> Matched<'a> {
    /// The value of a path variable as it stands in the normalised path.
    pub(crate) fn variable(&self, name: &str) -> Option<&'a str> {
        self.variables().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// The same of the variable at a place among the path's, from 0.
    pub(crate) fn variable_at(&self, place: usize) -> Option<&'a str> {
        let span = self.variables.get(place)?;
        self.path.get(span.start as usize..span.end as usize)
    }

    /// Names and values of the path's variables, in the order of the path.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let names = self.method.variables.iter().map(|name| &**name);
        let values = (0..self.variables.len()).map(|place| self.variable_at(place).unwrap_or_default());
        names.zip(values)
    }
}

/// The verb of a request, after `X-HTTP-Method-Override` where that is honoured (GR-46). The error is
/// a value that is not one of the seven verbs, or came twice.
pub(crate) fn verb_of(arrival: &Arrival<'_>, method_override: bool) -> Result<Option<Verb>, InvalidOverride> {
    use postern_protocol::http1::KnownName;
    let request = arrival.head.over(arrival.bytes);
    let fields = request.fields();
    if method_override && fields.contains(KnownName::XHttpMethodOverride) {
        if fields.is_repeated(KnownName::XHttpMethodOverride) {
            return Err(InvalidOverride);
        }
        let value = fields.value(KnownName::XHttpMethodOverride).unwrap_or_default();
        return Verb::of_request(value).map(Some).ok_or(InvalidOverride);
    }
    Ok(Verb::of_request(request.method()))
}

/// An `X-HTTP-Method-Override` that names no verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidOverride;
