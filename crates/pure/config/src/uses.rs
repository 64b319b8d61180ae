//! What a definition refers to and does not hold itself, found in its text.

use std::collections::BTreeMap;

use postern_document::{Node, Place, Value};
use postern_model::{AccountId, Region, RestApiId, StageName};

/// The prefix of every extension of the service.
const EXTENSION: &str = "x-amazon-apigateway-";

/// What a text has before the name of a stage variable.
const STAGE_VARIABLES: &str = "stageVariables.";

/// Names that a definition uses, each with the place of its first use.
pub(crate) type Used = BTreeMap<Box<str>, Place>;

/// The stage variables that the extensions of a definition use: in addresses, mappings and templates.
pub(crate) fn stage_variables(definition: &Node) -> Used {
    let mut used = Used::new();
    let mut note = |node: &Node| {
        if let Some(text) = node.as_text() {
            note_stage_variables(node, text, &mut used);
        }
    };
    within_extensions(definition, false, &mut note);
    used
}

/// Calls `note` for every scalar that belongs to an extension, in the order of the file.
fn within_extensions(node: &Node, is_within: bool, note: &mut impl FnMut(&Node)) {
    match &node.value {
        Value::Mapping(mapping) => {
            for entry in mapping {
                within_extensions(&entry.value, is_within || entry.key.starts_with(EXTENSION), note);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| within_extensions(item, is_within, note)),
        _ if is_within => note(node),
        _ => {}
    }
}

/// Finds `stageVariables.NAME` at the start of a text, or after `$` or `{`. A method of the map, such as
/// `$stageVariables.keySet()`, is no variable.
fn note_stage_variables(node: &Node, text: &str, used: &mut Used) {
    for (at, _) in text.match_indices(STAGE_VARIABLES) {
        let (before, from) = text.split_at_checked(at).unwrap_or((text, ""));
        let rest = from.strip_prefix(STAGE_VARIABLES).unwrap_or_default();
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let name = rest.split(|character| !is_name(character)).next().unwrap_or_default();
        let is_method = rest.strip_prefix(name).is_some_and(|behind| behind.starts_with('('));
        if !name.is_empty() && !is_method && (before.is_empty() || before.ends_with(['$', '{'])) {
            used.entry(name.into()).or_insert_with(|| place_behind(node, before));
        }
    }
}

/// The place in a node's text behind its first part.
fn place_behind(node: &Node, before: &str) -> Place {
    let whole = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let line = whole(before.matches('\n').count()).saturating_add(1);
    let last = before.rsplit('\n').next().unwrap_or_default();
    node.place_in_text(line, whole(last.chars().count()).saturating_add(1))
}

/// What the hints of an exported definition say of its old home, and what it calls.
#[derive(Default)]
pub(crate) struct Hints {
    /// The API's id, from its host name.
    pub(crate) api_id: Option<RestApiId>,
    /// The region, from the host name or an ARN.
    pub(crate) region: Option<Region>,
    /// The account, from an ARN.
    pub(crate) account_id: Option<AccountId>,
    /// The stage, which an export puts into the base path.
    pub(crate) stage: Option<StageName>,
    /// Functions, by what stands in their ARNs.
    pub(crate) functions: Used,
}

impl Hints {
    /// Reads the hints of a definition.
    pub(crate) fn of(definition: &Node) -> Self {
        let mut hints = Self::default();
        if let Some(host) = definition.get("host").and_then(Node::as_text) {
            hints.take_host(host);
        }
        hints.take_stage(definition.get("basePath"));
        for server in definition.get("servers").and_then(Node::as_sequence).unwrap_or_default() {
            let url = server.get("url").and_then(Node::as_text).unwrap_or_default();
            hints.take_host(url.split_once("://").map_or(url, |(_, rest)| rest));
            hints.take_stage(server.at_pointer("/variables/basePath/default"));
        }
        within_extensions(definition, false, &mut |node| hints.take_arns(node));
        hints
    }

    /// `{api}.execute-api.{region}.amazonaws.com`, also with a VPC endpoint behind the API's id.
    fn take_host(&mut self, host: &str) {
        let mut labels = host.split(['.', '/']);
        let (first, second, third) = (labels.next(), labels.next(), labels.next());
        if second == Some("execute-api") {
            let id = first.and_then(|first| first.split('-').next());
            self.api_id = self.api_id.take().or_else(|| id?.parse().ok());
            self.region = self.region.take().or_else(|| third?.parse().ok());
        }
    }

    fn take_stage(&mut self, base_path: Option<&Node>) {
        let stage = base_path.and_then(Node::as_text).and_then(|path| path.trim_matches('/').parse().ok());
        self.stage = self.stage.take().or(stage);
    }

    /// `arn:{partition}:{service}:{region}:{account}:…`, and of functions `…:function:{name}`.
    fn take_arns(&mut self, node: &Node) {
        for arn in node.as_text().unwrap_or_default().split("arn:").skip(1) {
            let mut parts = arn.split(':').skip(1);
            let (service, region, account) = (parts.next(), parts.next(), parts.next());
            self.account_id = self.account_id.take().or_else(|| account?.parse().ok());
            if service == Some("lambda") && parts.next() == Some("function") {
                self.region = self.region.take().or_else(|| region?.parse().ok());
                let name = parts.next().and_then(|name| name.split('/').next()).unwrap_or_default();
                self.functions.entry(name.into()).or_insert_with(|| node.place.clone());
            }
        }
    }
}
