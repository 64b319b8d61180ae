//! `routingMode` and `routingRules` of a domain name (private-access.md section 10).

use postern_document::{Node, Place, Problems};
use postern_model::{
    BasePath, ConditionHeader, HeaderCondition, HeaderMatch, RoutingMode, RoutingRule, ValueGlob,
};

use crate::{
    fields::Section,
    names::{Names, StageUser, UsedStage},
    section::domain_names::used_stage,
    unique::Unique,
};

/// Reads the mode; it is said where it leaves something that is there without effect.
pub(crate) fn mode(section: &mut Section<'_>, problems: &mut Problems) -> RoutingMode {
    let mode = section.choice("routingMode", problems).and_then(RoutingMode::of_word).unwrap_or_default();
    let written = section.node("routingMode").and_then(Node::as_scalar_text);
    if written.is_some_and(|word| RoutingMode::of_word(word).is_none()) {
        return mode;
    }
    for (key, is_asked) in [("routingRules", mode.asks_rules()), ("basePathMappings", mode.asks_mappings())] {
        let is_filled = |node: &&Node| node.as_sequence().is_some_and(|items| !items.is_empty());
        if let (false, Some(node)) = (is_asked, section.node(key).filter(is_filled)) {
            problems.warning(&node.place, format!("`{key}` has no effect with this `routingMode`"));
        }
    }
    mode
}

/// Reads the rules.
pub(crate) fn read(
    section: &mut Section<'_>,
    private: bool,
    names: &mut Names,
    problems: &mut Problems,
) -> Vec<RoutingRule> {
    let mut priorities = Unique::of("priority");
    let sections = section.sections("routingRules", problems);
    if let (true, Some(node)) =
        (sections.len() > RoutingRule::PER_DOMAIN_NAME_MAX, section.node("routingRules"))
    {
        let most = RoutingRule::PER_DOMAIN_NAME_MAX;
        let message = format!("`routingRules` has {} items: expected at most {most}", sections.len());
        problems.error(&node.place, message);
    }
    let by = if private { StageUser::PrivateDomain } else { StageUser::PublicRule };
    sections.into_iter().filter_map(|section| rule(section, by, &mut priorities, names, problems)).collect()
}

fn rule(
    mut section: Section<'_>,
    by: StageUser,
    priorities: &mut Unique<u64>,
    names: &mut Names,
    problems: &mut Problems,
) -> Option<RoutingRule> {
    let priority = section.whole("priority", problems);
    if let (Some(priority), Some(node)) = (priority, section.node("priority")) {
        priorities.claim(priority, &node.place, problems);
    }
    let Conditions { base_paths, headers } = Conditions::read(&mut section, problems);
    let (used, strip_base_path) = action(&mut section, by, problems)?;
    let (rest_api_id, stage) = (used.api.value.clone(), used.stage.value.clone());
    names.used_stages.push(used);
    let priority = u32::try_from(priority?).ok()?;
    Some(RoutingRule { priority, base_paths, headers, rest_api_id, stage, strip_base_path })
}

/// The one action that there is: a stage is invoked.
fn action(section: &mut Section<'_>, by: StageUser, problems: &mut Problems) -> Option<(UsedStage, bool)> {
    let items = section.required_list("actions", problems);
    if let Some(second) = items.get(1) {
        problems.error(&second.place, "a second action: expected one");
    }
    let mut actions = section.sections_of("actions", items, problems).into_iter();
    let mut action = actions.next()?;
    action.required_node("invokeApi", problems)?;
    let mut invoked = action.section("invokeApi", problems)?;
    let strip_base_path = invoked.boolean("stripBasePath", problems);
    Some((used_stage(&mut invoked, "apiId", by, problems)?, strip_base_path))
}

#[derive(Default)]
struct Conditions {
    base_paths: Vec<BasePath>,
    headers: Vec<HeaderCondition>,
}

impl Conditions {
    fn read(section: &mut Section<'_>, problems: &mut Problems) -> Self {
        let mut conditions = Self::default();
        for mut section in section.sections("conditions", problems) {
            let has_paths = section.node("matchBasePaths").map(|node| node.place.clone());
            let has_headers = section.node("matchHeaders").map(|node| node.place.clone());
            if has_paths.is_none() && has_headers.is_none() {
                let message = "a condition of nothing: expected `matchBasePaths` or `matchHeaders`";
                problems.error(section.place(), message);
            }
            if let Some(place) = has_paths {
                conditions.add_base_paths(&mut section, &place, problems);
            }
            if let Some(place) = has_headers {
                conditions.add_headers(&mut section, &place, problems);
            }
        }
        conditions
    }

    fn add_base_paths(&mut self, section: &mut Section<'_>, place: &Place, problems: &mut Problems) {
        if !self.base_paths.is_empty() {
            problems.error(place, "a second `matchBasePaths`: expected one in a rule");
        }
        let Some(mut section) = section.section("matchBasePaths", problems) else { return };
        for node in section.required_list("anyOf", problems) {
            let text = node.as_scalar_text().unwrap_or_else(|| node.kind());
            match RoutingRule::parse_base_path(text) {
                Ok(base_path) => self.base_paths.push(base_path),
                Err(error) => problems.error(&node.place, format!("`{text}` among `anyOf`: {error}")),
            }
        }
    }

    fn add_headers(&mut self, section: &mut Section<'_>, place: &Place, problems: &mut Problems) {
        if self.headers.len() == RoutingRule::HEADER_CONDITIONS_MAX {
            problems.error(place, "a third `matchHeaders`: expected at most two in a rule");
        }
        let Some(mut section) = section.section("matchHeaders", problems) else { return };
        let items = section.required_list("anyOf", problems);
        let matches = section.sections_of("anyOf", items, problems).into_iter().filter_map(|mut section| {
            let header = section.required("header", ConditionHeader::parse, problems);
            let value_glob = section.required("valueGlob", ValueGlob::parse, problems);
            Some(HeaderMatch { header: header?, value_glob: value_glob? })
        });
        self.headers.push(HeaderCondition { any_of: matches.collect() });
    }
}
