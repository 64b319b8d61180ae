//! Routing rules, all of them asked at once (private-access.md section 10).
//!
//! A domain name has at most 50 rules, so a set of them is one number: bit `n` is the rule whose turn is
//! the `n`th. Each condition that holds adds the rules that ask for it; what is in every set at the end
//! matches, and the lowest bit is the first in order. A request's headers are read once, however many
//! rules look at them.

use postern_model::{RoutingRule, ValueGlob};
use postern_protocol::http1::Fields;

use super::domain::{Route, TakenBy, Target, behind};

/// Compiled rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// In order of their priorities.
    rules: Vec<Rule>,
    /// Rules that do not ask for a base path, for a first header, for a second one.
    unconditional: [Set; 3],
    base_paths: Vec<(Box<str>, Set)>,
    headers: Vec<Header>,
}

/// A set of rules, one bit each.
type Set = u64;

const _: () = assert!(RoutingRule::PER_DOMAIN_NAME_MAX <= Set::BITS as usize, "a set holds every rule");

#[derive(Debug)]
struct Rule {
    priority: u32,
    target: Target,
    strip_base_path: bool,
    /// Longest first.
    base_paths: Vec<Box<str>>,
}

/// What rules ask of one header.
#[derive(Debug)]
struct Header {
    name: Box<str>,
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Asked {
    glob: ValueGlob,
    /// The place among a rule's conditions: 1 or 2.
    condition: usize,
    by: Set,
}

impl Rules {
    /// Compiles rules, each with where it leads.
    pub(crate) fn new(rules: impl IntoIterator<Item = (RoutingRule, Target)>) -> Self {
        let mut sorted: Vec<(RoutingRule, Target)> = rules.into_iter().collect();
        sorted.sort_by_key(|(rule, _)| rule.priority);
        sorted.truncate(RoutingRule::PER_DOMAIN_NAME_MAX);
        let mut compiled = Self::default();
        for (index, (rule, target)) in sorted.into_iter().enumerate() {
            compiled.add(rule, target, 1 << index);
        }
        compiled
    }

    fn add(&mut self, rule: RoutingRule, target: Target, bit: Set) {
        let [any_path, any_headers @ ..] = &mut self.unconditional;
        if rule.base_paths.is_empty() {
            *any_path |= bit;
        }
        for unasked in any_headers.iter_mut().skip(rule.headers.len()) {
            *unasked |= bit;
        }
        let mut base_paths: Vec<Box<str>> = Vec::with_capacity(rule.base_paths.len());
        for base_path in &rule.base_paths {
            let text = base_path.as_str();
            match self.base_paths.iter_mut().find(|(known, _)| **known == *text) {
                Some((_, by)) => *by |= bit,
                None => self.base_paths.push((text.into(), bit)),
            }
            base_paths.push(text.into());
        }
        base_paths.sort_by_key(|base_path| std::cmp::Reverse(base_path.len()));
        for (index, condition) in rule.headers.into_iter().enumerate() {
            for wanted in condition.any_of {
                let asked = Asked { glob: wanted.value_glob, condition: index + 1, by: bit };
                match self.headers.iter_mut().find(|header| *header.name == *wanted.header.as_str()) {
                    Some(header) => header.asked.push(asked),
                    None => {
                        self.headers.push(Header { name: wanted.header.as_str().into(), asked: vec![asked] });
                    }
                }
            }
        }
        let RoutingRule { priority, strip_base_path, .. } = rule;
        self.rules.push(Rule { priority, target, strip_base_path, base_paths });
    }

    /// The first rule that matches (PA-140), and what is left of the path (PA-147).
    pub(super) fn route<'a>(&'a self, path: &'a str, fields: Fields<'_>) -> Option<Route<'a>> {
        let index = self.first(path, fields)?;
        let Rule { priority, target, strip_base_path, base_paths } = self.rules.get(index)?;
        let matched = base_paths.iter().find_map(|base_path| Some((base_path, below(path, base_path)?)));
        let (base_path, rest) = match matched {
            Some((base_path, rest)) => (&**base_path, if *strip_base_path { rest } else { path }),
            None => ("", path),
        };
        Some(Route { target: *target, by: TakenBy::Rule(*priority), base_path, rest })
    }

    fn first(&self, path: &str, fields: Fields<'_>) -> Option<usize> {
        let mut held = self.unconditional;
        let [by_path, ..] = &mut held;
        for (base_path, by) in &self.base_paths {
            if below(path, base_path).is_some() {
                *by_path |= by;
            }
        }
        if !self.headers.is_empty() {
            // Each line as it was received (PA-144).
            for field in fields.iter() {
                let is_it = |header: &&Header| field.name.eq_ignore_ascii_case(header.name.as_bytes());
                for asked in self.headers.iter().filter(is_it).flat_map(|header| &header.asked) {
                    if let Some(set) = held.get_mut(asked.condition)
                        && *set & asked.by == 0
                        && asked.glob.matches(field.value)
                    {
                        *set |= asked.by;
                    }
                }
            }
        }
        let matching = held.into_iter().fold(Set::MAX, |all, set| all & set);
        if matching == 0 { None } else { usize::try_from(matching.trailing_zeros()).ok() }
    }
}

/// What stands below a base path, which ends where a segment does (PA-146).
fn below<'a>(path: &'a str, base_path: &str) -> Option<&'a str> {
    behind(path, base_path).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use postern_model::{BasePath, ConditionHeader, HeaderCondition, HeaderMatch};
    use postern_protocol::http1::{Limits, Progress, RequestHead, read_request};
    use proptest::{collection::vec, option, prelude::*, sample::select};

    use super::*;

    /// The first rule in order whose every condition holds, found as the page says it.
    fn twin<'r>(rules: &'r [RoutingRule], path: &str, lines: &[(&str, &str)]) -> Option<&'r RoutingRule> {
        let mut sorted: Vec<&RoutingRule> = rules.iter().collect();
        sorted.sort_by_key(|rule| rule.priority);
        sorted.into_iter().find(|rule| {
            let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
            let starts = |base_path: &BasePath| {
                let wanted: Vec<&str> = base_path.as_str().split('/').collect();
                segments.len() >= wanted.len() && segments[..wanted.len()] == wanted[..]
            };
            let path_holds = rule.base_paths.is_empty() || rule.base_paths.iter().any(starts);
            let header_holds = |condition: &HeaderCondition| {
                condition.any_of.iter().any(|wanted| {
                    lines.iter().any(|(name, value)| {
                        name.to_lowercase() == wanted.header.as_str()
                            && glob_holds(&wanted.value_glob.to_string(), value)
                    })
                })
            };
            path_holds && rule.headers.iter().all(header_holds)
        })
    }

    fn glob_holds(glob: &str, value: &str) -> bool {
        match (glob.strip_prefix('*'), glob.strip_suffix('*')) {
            _ if glob == "*" => true,
            (Some(_), Some(_)) => value.contains(glob.trim_matches('*')),
            (Some(end), None) => value.ends_with(end),
            (None, Some(start)) => value.starts_with(start),
            (None, None) => value == glob,
        }
    }

    fn header_condition() -> impl Strategy<Value = HeaderCondition> {
        let name = select(vec!["x-a", "X-B", "host"]);
        let glob = select(vec!["1", "2*", "*3", "*4*", "*", "h"]);
        let wanted = (name, glob).prop_map(|(name, glob)| HeaderMatch {
            header: ConditionHeader::parse(name).unwrap(),
            value_glob: ValueGlob::parse(glob).unwrap(),
        });
        vec(wanted, 1..3).prop_map(|any_of| HeaderCondition { any_of })
    }

    fn rule() -> impl Strategy<Value = RoutingRule> {
        let base_path =
            select(vec!["a", "a/b", "ab", "a/b/c"]).prop_map(|text| BasePath::parse(text).unwrap());
        (1..60_u32, vec(base_path, 0..3), vec(header_condition(), 0..3), any::<bool>()).prop_map(
            |(priority, base_paths, headers, strip_base_path)| RoutingRule {
                priority,
                base_paths,
                headers,
                rest_api_id: "a1".parse().unwrap(),
                stage: "demo".parse().unwrap(),
                strip_base_path,
            },
        )
    }

    fn head(path: &str, lines: &[(&str, &str)]) -> (RequestHead, Vec<u8>) {
        let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let bytes = format!("GET {path} HTTP/1.1\r\n{lines}\r\n").into_bytes();
        let mut head = RequestHead::default();
        assert_eq!(read_request(&bytes, &Limits::PRIVATE, &mut head), Ok(Progress::Complete));
        (head, bytes)
    }

    proptest! {
        #[test]
        fn pa_140_to_147_the_compiled_rules_agree_with_the_page(
            rules in vec(rule(), 0..50),
            path in select(vec!["/", "/a", "/a/", "/a/b", "/a/b/c/d", "/ab", "/abc", "/A", "/b/a"]),
            lines in vec((select(vec!["x-a", "x-A", "X-b", "y"]), select(vec!["1", "12", "23", "141", ""])), 0..4),
            host in option::of(Just(())),
        ) {
            let mut rules = rules;
            rules.sort_by_key(|rule| rule.priority);
            rules.dedup_by_key(|rule| rule.priority);
            let mut lines = lines;
            lines.push(("Host", if host.is_some() { "h" } else { "other" }));
            let (head, bytes) = head(path, &lines);
            let targets = rules.iter().cloned().map(|rule| {
                let target = Target { api: usize::try_from(rule.priority).unwrap(), stage: 0 };
                (rule, target)
            });
            let compiled = Rules::new(targets.rev());
            let route = compiled.route(path, head.over(&bytes).fields());
            let expected = twin(&rules, path, &lines);
            prop_assert_eq!(route.map(|route| route.by), expected.map(|rule| TakenBy::Rule(rule.priority)));
            if let (Some(route), Some(rule)) = (route, expected) {
                prop_assert_eq!(route.target.api, usize::try_from(rule.priority).unwrap());
                if rule.strip_base_path && !rule.base_paths.is_empty() {
                    prop_assert_eq!(format!("/{}{}", route.base_path, route.rest), path);
                    prop_assert!(!route.base_path.is_empty());
                } else {
                    prop_assert_eq!(route.rest, path);
                }
            }
        }
    }

    #[test]
    fn fifty_rules_cost_no_allocation() {
        let rules = (1..=50).map(|priority| {
            let rule = RoutingRule {
                priority,
                base_paths: vec![BasePath::parse(&format!("p{priority}")).unwrap()],
                headers: vec![HeaderCondition {
                    any_of: vec![HeaderMatch {
                        header: ConditionHeader::parse("x-version").unwrap(),
                        value_glob: ValueGlob::parse(&format!("*{priority}*")).unwrap(),
                    }],
                }],
                rest_api_id: "a1".parse().unwrap(),
                stage: "demo".parse().unwrap(),
                strip_base_path: true,
            };
            (rule, Target { api: 0, stage: 0 })
        });
        let compiled = Rules::new(rules);
        let (head, bytes) = head("/p50/pets", &[("Host", "h"), ("X-Version", "v50")]);
        let mut route = None;
        let counted = allocation_counter::measure(|| {
            route = compiled.route("/p50/pets", head.over(&bytes).fields());
        });
        assert_eq!((counted.count_total, route.unwrap().by), (0, TakenBy::Rule(50)));
    }
}
