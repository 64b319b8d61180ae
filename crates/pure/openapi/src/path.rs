//! Path templates of a definition: each one right by itself, and all of them one tree (P1 to P5).

use std::collections::{HashMap, hash_map};

use postern_document::{Entry, Place};
use postern_model::{PathPart, ResourcePath};

use crate::report::Report;

/// The tree of resources while it grows.
#[derive(Default)]
pub(crate) struct Paths {
    declared: HashMap<ResourcePath, Place>,
    /// Every resource by its path, the root as nothing; those without methods included (P5).
    resources: HashMap<String, Option<Variable>>,
}

/// The variable child of a resource, and the declared path that brought it.
struct Variable {
    part: PathPart,
    path: ResourcePath,
    place: Place,
}

impl Paths {
    /// Reads the key of a path item, with the base path in front. What is wrong is reported and
    /// gives `None`.
    pub(crate) fn add(&mut self, prefix: &str, entry: &Entry, report: &mut Report) -> Option<ResourcePath> {
        let Entry { key, place, .. } = entry;
        let parsed = match &**key {
            _ if key.contains(['?', '#']) => Err("expected a path without query and fragment".to_owned()),
            _ if !key.starts_with('/') => Err("expected a path that starts with `/`".to_owned()),
            "/" if !prefix.is_empty() => ResourcePath::parse(prefix).map_err(|error| error.to_string()),
            _ => ResourcePath::parse(&format!("{prefix}{key}")).map_err(|error| error.to_string()),
        };
        let path = match parsed {
            Ok(path) => path,
            Err(error) => {
                report.error(place, format!("`{prefix}{key}` is not a path: {error}"));
                return None;
            }
        };
        if key.len() > 1 && key.ends_with('/') {
            report.warning(place, format!("`{key}` is read as `{path}`: no resource ends with a slash"));
        }
        match self.declared.entry(path.clone()) {
            hash_map::Entry::Occupied(first) => {
                report.error(place, format!("the path `{path}` stands at {} already", first.get()));
                return None;
            }
            hash_map::Entry::Vacant(free) => free.insert(place.clone()),
        };
        self.grow(&path, place, report).then_some(path)
    }

    /// How many resources the paths make.
    pub(crate) fn len(&self) -> usize {
        self.resources.len()
    }

    /// Adds the resources of a path; a parent that would get a second variable child is reported
    /// and gives false (P4).
    fn grow(&mut self, path: &ResourcePath, place: &Place, report: &mut Report) -> bool {
        let mut parent = String::new();
        for part in path.parts() {
            let variable = self.resources.entry(parent.clone()).or_default();
            if part.variable().is_some() {
                let first = variable.get_or_insert_with(|| Variable {
                    part: part.clone(),
                    path: path.clone(),
                    place: place.clone(),
                });
                if first.part != *part {
                    report.error(place, conflict(path, part, &parent, first));
                    return false;
                }
            }
            parent.push('/');
            parent.push_str(&text_of(part));
        }
        self.resources.entry(parent).or_default();
        true
    }
}

fn conflict(path: &ResourcePath, part: &PathPart, parent: &str, first: &Variable) -> String {
    let parent = if parent.is_empty() { "/" } else { parent };
    format!(
        "`{path}` has `{}` under `{parent}`, where `{}` at {} has `{}`: a resource has at most one variable below it",
        text_of(part),
        first.path,
        first.place,
        text_of(&first.part),
    )
}

fn text_of(part: &PathPart) -> String {
    match part {
        PathPart::Literal(text) => text.to_string(),
        PathPart::Variable(name) => format!("{{{name}}}"),
        PathPart::Greedy(name) => format!("{{{name}+}}"),
    }
}

#[cfg(test)]
mod tests {
    use postern_document::parse_yaml;

    use super::*;

    /// What adding these paths, one on each line of a file, reports.
    fn reported(prefix: &str, paths: &str) -> Vec<String> {
        let node = parse_yaml("a.yaml", paths).unwrap();
        let mut report = Report::default();
        let mut tree = Paths::default();
        for entry in node.as_mapping().unwrap() {
            tree.add(prefix, entry, &mut report);
        }
        report.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn p1_a_part_is_a_literal_a_variable_or_greedy() {
        assert_eq!(reported("", "/:\n/a:\n/a/{b}:\n/a/{b}/{c+}:\n/x,y:\n/a.b_c-d:e:\n"), [""; 0]);
        for (path, reason) in [
            (
                "/v{n}",
                "expected path parts of letters, digits and `.:_-`, or whole variables such as `{name}`",
            ),
            ("/{a}{b}", "expected a variable such as `{name}` or `{name+}`"),
            (
                "/a//b",
                "expected path parts of letters, digits and `.:_-`, or whole variables such as `{name}`",
            ),
            ("/{p+}/a", "expected nothing after a greedy part such as `{proxy+}`"),
            ("/{a}/{a}", "expected each path variable once"),
            ("/a?b=1", "expected a path without query and fragment"),
            ("pets", "expected a path that starts with `/`"),
        ] {
            assert_eq!(
                reported("", &format!("'{path}':\n")),
                [format!("a.yaml:1:1: `{path}` is not a path: {reason}")]
            );
        }
    }

    #[test]
    fn p4_a_resource_has_one_variable_below_it() {
        assert_eq!(reported("", "/a/{b}:\n/a/{b}/c:\n/{b}:\n/d/{e+}:\n"), [""; 0]);
        assert_eq!(
            reported("", "/a/{b}/x:\n/a/{c}/y:\n/a/{b+}:\n"),
            [
                "a.yaml:2:1: `/a/{c}/y` has `{c}` under `/a`, where `/a/{b}/x` at a.yaml:1:1 has `{b}`: \
                 a resource has at most one variable below it",
                "a.yaml:3:1: `/a/{b+}` has `{b+}` under `/a`, where `/a/{b}/x` at a.yaml:1:1 has `{b}`: \
                 a resource has at most one variable below it",
            ]
        );
    }

    #[test]
    fn a_slash_at_the_end_is_dropped_and_makes_no_second_resource() {
        assert_eq!(
            reported("/v1", "/a/:\n/a:\n/:\n"),
            [
                "a.yaml:1:1: warning: `/a/` is read as `/v1/a`: no resource ends with a slash",
                "a.yaml:2:1: the path `/v1/a` stands at a.yaml:1:1 already",
            ]
        );
    }

    #[test]
    fn p5_resources_without_methods_count() {
        let node = parse_yaml("a.yaml", "/a/b/c:\n/a/d:\n").unwrap();
        let mut tree = Paths::default();
        for entry in node.as_mapping().unwrap() {
            tree.add("", entry, &mut Report::default());
        }
        assert_eq!(tree.len(), 5); // /, /a, /a/b, /a/b/c, /a/d
    }
}
