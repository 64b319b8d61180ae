//! The paths of one API as a tree: the most specific (resource, verb) pair is found by walking it.
//!
//! At each level a literal part comes before `{name}`, and that before `{name+}`. A node counts only
//! if it has the verb itself or `ANY`; else the search goes back to less specific resources, as
//! measured on the service (routing.md section 3, M1 to M6).

use std::num::NonZeroU32;

use postern_model::{PathPart, ResourcePath, Verb};

use super::branches::{Branches, hash};

/// The number of a method among those of its API.
pub type MethodIndex = u32;

/// Where a path variable's value stands in the path that was searched, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariableSpan {
    /// The first byte.
    pub start: u32,
    /// The byte behind the last.
    pub end: u32,
}

/// The paths of one API, in which methods are found by path and verb. Immutable once built; public for who
/// measures it.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    /// The nodes behind literal parts.
    branches: Branches,
    /// The literal parts, one behind the other.
    texts: String,
    /// Methods of the nodes and greedy parts that have any.
    methods: Vec<Methods>,
}

/// What stands behind a part. Small, so that the nodes of one path are close together.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    part: Literal,
    /// The node before it.
    parent: u32,
    variable: Option<NonZeroU32>,
    greedy: Option<Place>,
    methods: Option<Place>,
}

/// A literal part of a path.
#[derive(Clone, Copy, Debug, Default)]
struct Literal {
    order: Order,
    /// Where it stands among the texts.
    start: u32,
    length: u32,
}

/// The first eight bytes of a text as a number: most texts differ in them, and no more has to be compared of
/// one that is no longer.
type Order = u64;

/// A place in a row, counted from 1.
type Place = NonZeroU32;

fn order_of(text: &str) -> Order {
    let first_eight = text.as_bytes().first_chunk::<8>();
    first_eight.copied().map_or_else(
        || text.bytes().fold(0, |order, byte| order << 8 | Order::from(byte)),
        Order::from_be_bytes,
    )
}

/// Methods of one resource by verb, their numbers counted from 1; the last is `ANY`.
#[derive(Clone, Copy, Debug, Default)]
struct Methods([Option<Place>; 8]);

impl Methods {
    fn of(self, verb: Verb) -> Option<MethodIndex> {
        let at = |verb: Verb| self.0.get(verb as usize).copied().flatten();
        at(verb).or_else(|| at(Verb::Any)).map(|place| place.get() - 1)
    }
}

impl Tree {
    /// A tree without paths.
    pub fn new() -> Self {
        Self { nodes: vec![Node::default()], ..Self::default() }
    }

    /// Adds a method. The model has checked that no pair comes twice and that variables agree.
    pub fn insert(&mut self, path: &ResourcePath, verb: Verb, method: MethodIndex) {
        let mut at = 0;
        let mut greedy = false;
        for part in path.parts() {
            match part {
                PathPart::Literal(text) => at = self.literal_child(at, text),
                PathPart::Variable(_) => at = self.variable_child(at),
                PathPart::Greedy(_) => greedy = true,
            }
        }
        let next = place_behind(self.methods.len());
        let Some(node) = self.nodes.get_mut(at as usize) else { return };
        let slot = if greedy { &mut node.greedy } else { &mut node.methods };
        let place = *slot.get_or_insert(next);
        if place == next {
            self.methods.push(Methods::default());
        }
        let methods = self.methods.get_mut(index(place));
        if let Some(entry) = methods.and_then(|methods| methods.0.get_mut(verb as usize)) {
            *entry = Some(place_behind(method as usize));
        }
    }

    /// Gives back memory that building did not use.
    pub fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.methods.shrink_to_fit();
    }

    /// The method for a path and verb. `path` starts with `/`; `variables` is emptied and then holds
    /// the values of the path's variables in the order of the template.
    pub fn find(&self, path: &str, verb: Verb, variables: &mut Vec<VariableSpan>) -> Option<MethodIndex> {
        variables.clear();
        // One trailing slash never matters (PA-33).
        let path = path.strip_suffix('/').unwrap_or(path);
        self.find_below(0, path, 0, verb, variables)
    }

    /// Searches below a node; `offset` is where the path's next `/` stands, or the path's end. The
    /// depth is that of the tree, which the definition bounds.
    fn find_below(
        &self,
        at: u32,
        path: &str,
        offset: usize,
        verb: Verb,
        variables: &mut Vec<VariableSpan>,
    ) -> Option<MethodIndex> {
        let node = self.nodes.get(at as usize)?;
        let rest = path.get(offset..)?;
        let Some(rest) = rest.strip_prefix('/') else {
            return self.method_of(node.methods, verb);
        };
        let start = offset + 1;
        let length = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
        let (segment, end) = (rest.get(..length)?, start + length);
        if let Some(child) = self.literal(at, segment)
            && let Some(method) = self.find_below(child, path, end, verb, variables)
        {
            return Some(method);
        }
        if let Some(child) = node.variable.filter(|_| !segment.is_empty()) {
            variables.push(span(start, end));
            if let Some(method) = self.find_below(child.get(), path, end, verb, variables) {
                return Some(method);
            }
            variables.pop();
        }
        // A greedy part needs at least one segment that is not empty (M5).
        let greedy = node.greedy.filter(|_| rest.bytes().any(|byte| byte != b'/'));
        let method = self.method_of(greedy, verb)?;
        variables.push(span(start, path.len()));
        Some(method)
    }

    fn method_of(&self, methods: Option<Place>, verb: Verb) -> Option<MethodIndex> {
        self.methods.get(index(methods?))?.of(verb)
    }

    /// The node behind a literal part.
    fn literal(&self, parent: u32, text: &str) -> Option<u32> {
        let order = order_of(text);
        let is_it = |child: u32| {
            let node = self.nodes.get(child as usize);
            node.is_some_and(|node| node.parent == parent && self.is(node.part, order, text))
        };
        self.branches.find(hash(parent, order, text), is_it)
    }

    /// Whether a part is this text, whose order is known.
    fn is(&self, part: Literal, order: Order, text: &str) -> bool {
        let (start, length) = (part.start as usize, part.length as usize);
        let is_rest = || self.texts.get(start..start + length) == Some(text);
        part.order == order && length == text.len() && (length <= size_of::<Order>() || is_rest())
    }

    fn literal_child(&mut self, parent: u32, text: &str) -> u32 {
        if let Some(found) = self.literal(parent, text) {
            return found;
        }
        let next = to_index(self.nodes.len());
        let start = to_index(self.texts.len());
        let part = Literal { order: order_of(text), start, length: to_index(text.len()) };
        self.texts.push_str(text);
        self.branches.insert(hash(parent, part.order, text), next);
        self.nodes.push(Node { part, parent, ..Node::default() });
        next
    }

    fn variable_child(&mut self, parent: u32) -> u32 {
        let next = NonZeroU32::new(to_index(self.nodes.len()));
        let Some(node) = self.nodes.get_mut(parent as usize) else { return parent };
        if let Some(child) = node.variable {
            return child.get();
        }
        node.variable = next;
        self.nodes.push(Node { parent, ..Node::default() });
        next.map_or(parent, NonZeroU32::get)
    }
}

/// Indices and offsets are far below 2^32: a definition has at most 6 MB, a path 64 KiB.
fn to_index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The place behind so many.
fn place_behind(count: usize) -> Place {
    Place::MIN.saturating_add(to_index(count))
}

/// Where a place stands, counted from 0.
const fn index(place: Place) -> usize {
    place.get() as usize - 1
}

fn span(start: usize, end: usize) -> VariableSpan {
    VariableSpan { start: to_index(start), end: to_index(end) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Api {
        tree: Tree,
        names: Vec<String>,
    }

    fn api(methods: &[(&str, &str)]) -> Api {
        let mut tree = Tree::new();
        let mut names = Vec::new();
        for (path, verbs) in methods {
            for verb in verbs.split(' ') {
                let index = u32::try_from(names.len()).unwrap();
                tree.insert(&ResourcePath::parse(path).unwrap(), verb.parse().unwrap(), index);
                names.push(format!("{verb} {path}"));
            }
        }
        Api { tree, names }
    }

    fn text_at(path: &str, span: VariableSpan) -> String {
        path.get(span.start as usize..span.end as usize).unwrap().to_owned()
    }

    /// A request, and the method and values that it finds.
    type Row<'r> = (&'r str, Option<(&'r str, &'r [&'r str])>);

    impl Api {
        fn find(&self, request: &str) -> Option<(String, Vec<String>)> {
            let (verb, path) = request.split_once(' ').unwrap();
            let mut variables = Vec::new();
            let verb = Verb::of_request(verb.as_bytes())?;
            let found = self.tree.find(path, verb, &mut variables)?;
            let text = |span: &VariableSpan| text_at(path, *span);
            Some((self.names[found as usize].clone(), variables.iter().map(text).collect()))
        }

        fn check(&self, rows: &[Row<'_>]) {
            for (request, expected) in rows {
                let expected = expected
                    .map(|(name, values)| (name.to_owned(), values.iter().map(|&v| v.into()).collect()));
                assert_eq!(self.find(request), expected, "{request}");
            }
        }
    }

    #[test]
    fn m1_the_most_specific_pair_of_resource_and_verb_wins() {
        api(&[("/users/{userId}", "GET"), ("/users/me", "PATCH")]).check(&[
            ("GET /users/me", Some(("GET /users/{userId}", &["me"]))),
            ("PATCH /users/me", Some(("PATCH /users/me", &[]))),
            ("POST /users/me", None),
        ]);
        api(&[("/roles/{roleId}", "GET"), ("/roles/provision", "POST")])
            .check(&[("GET /roles/provision", Some(("GET /roles/{roleId}", &["provision"])))]);
        for verbs in ["POST", "ANY"] {
            api(&[("/things/{proxy+}", verbs), ("/things/real", "GET")])
                .check(&[("POST /things/real", Some((&format!("{verbs} /things/{{proxy+}}"), &["real"])))]);
        }
        api(&[("/{proxy+}", "ANY"), ("/jobs/{op}", "GET"), ("/cors_only", "OPTIONS")]).check(&[
            ("GET /jobs", Some(("ANY /{proxy+}", &["jobs"]))),
            ("POST /jobs", Some(("ANY /{proxy+}", &["jobs"]))),
            ("POST /jobs/reboot", Some(("ANY /{proxy+}", &["jobs/reboot"]))),
            ("GET /cors_only", Some(("ANY /{proxy+}", &["cors_only"]))),
        ]);
        api(&[("/{proxy+}", "OPTIONS"), ("/foo", "POST"), ("/foo/bar", "ANY")]).check(&[
            ("OPTIONS /foo", Some(("OPTIONS /{proxy+}", &["foo"]))),
            ("OPTIONS /foo/bar", Some(("ANY /foo/bar", &[]))),
            ("GET /foo", None),
        ]);
    }

    #[test]
    fn m3_an_explicit_verb_wins_over_any() {
        api(&[("/pets", "ANY GET")])
            .check(&[("GET /pets", Some(("GET /pets", &[]))), ("POST /pets", Some(("ANY /pets", &[])))]);
    }

    #[test]
    fn m4_the_deepest_greedy_ancestor_wins() {
        api(&[("/{proxy+}", "ANY"), ("/a/{x}/{rest+}", "ANY"), ("/a/b/c", "PUT")]).check(&[
            ("GET /a/b/c", Some(("ANY /a/{x}/{rest+}", &["b", "c"]))),
            ("GET /a/b", Some(("ANY /{proxy+}", &["a/b"]))),
        ]);
    }

    #[test]
    fn m5_m6_variables_need_a_segment_that_is_not_empty() {
        api(&[("/", "GET"), ("/{id}", "GET"), ("/auth/{proxy+}", "ANY")]).check(&[
            ("GET /", Some(("GET /", &[]))),
            ("GET //", None),
            ("GET /auth/", Some(("GET /{id}", &["auth"]))),
            ("GET /auth//", None),
            ("GET /auth//a", Some(("ANY /auth/{proxy+}", &["/a"]))),
        ]);
        api(&[("/{proxy+}", "ANY")]).check(&[
            ("GET /", None),
            ("GET /a/", Some(("ANY /{proxy+}", &["a"]))),
            ("GET /a//b", Some(("ANY /{proxy+}", &["a//b"]))),
            ("GET //a", Some(("ANY /{proxy+}", &["/a"]))),
        ]);
    }

    #[test]
    fn m7_any_covers_seven_verbs_and_nothing_else() {
        let api = api(&[("/", "ANY")]);
        for verb in Verb::EXACT {
            assert!(api.find(&format!("{verb} /")).is_some(), "{verb}");
        }
        for verb in ["get", "QUERY", "ANY", "TRACE"] {
            assert_eq!(api.find(&format!("{verb} /")), None, "{verb}");
        }
    }

    #[test]
    fn s1_a_trailing_slash_never_matters_and_double_slashes_do() {
        api(&[("/a/b", "GET")]).check(&[
            ("GET /a/b/", Some(("GET /a/b", &[]))),
            ("GET /a//b", None),
            ("GET //a/b", None),
            ("GET /a/b//", None),
            ("GET /A/b", None),
        ]);
    }

    /// Parts of many lengths that begin alike, thousands side by side: each is found, and nothing else.
    #[test]
    fn a_literal_part_is_found_among_thousands() {
        let words = |first: usize| (first..6_000).step_by(2).map(|n| format!("/{}{n}", "p".repeat(n % 10)));
        let mut tree = Tree::new();
        for (path, method) in words(0).zip(0..) {
            tree.insert(&ResourcePath::parse(&path).unwrap(), Verb::Get, method);
        }
        tree.shrink();
        let find = |path: &str| tree.find(path, Verb::Get, &mut Vec::new());
        for (path, method) in words(0).zip(0..) {
            assert_eq!(find(&path), Some(method), "{path}");
        }
        for other in words(1) {
            assert_eq!(find(&other), None, "{other}");
        }
    }

    /// Rules M1 to M6 said once more, without a tree: of all methods whose path fits and whose verb is
    /// asked for or `ANY`, the one whose parts are the most specific from the left.
    fn slow_twin(methods: &[(ResourcePath, Verb)], path: &str, verb: Verb) -> Option<(usize, Vec<String>)> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<&str> =
            path.strip_prefix('/').map_or_else(Vec::new, |rest| rest.split('/').collect());
        let mut best: Option<(Vec<u8>, bool, usize, Vec<String>)> = None;
        for (index, (resource, own)) in methods.iter().enumerate() {
            if *own != verb && *own != Verb::Any {
                continue;
            }
            let Some((ranks, values)) = fit(resource.parts(), &segments) else { continue };
            let found = (ranks, *own == Verb::Any, index, values);
            if best.as_ref().is_none_or(|best| (&found.0, found.1) < (&best.0, best.1)) {
                best = Some(found);
            }
        }
        best.map(|(_, _, index, values)| (index, values))
    }

    /// How specific a template is at each segment (0 literal, 1 variable, 2 greedy), and its values.
    fn fit(parts: &[PathPart], segments: &[&str]) -> Option<(Vec<u8>, Vec<String>)> {
        let (mut ranks, mut values) = (Vec::new(), Vec::new());
        for (index, part) in parts.iter().enumerate() {
            match part {
                PathPart::Literal(text) if segments.get(index) == Some(&&**text) => ranks.push(0),
                PathPart::Variable(_) if segments.get(index).is_some_and(|segment| !segment.is_empty()) => {
                    ranks.push(1);
                    values.push(segments[index].to_owned());
                }
                PathPart::Greedy(_) => {
                    let rest = segments.get(index..).filter(|rest| rest.iter().any(|one| !one.is_empty()))?;
                    ranks.push(2);
                    values.push(rest.join("/"));
                    return Some((ranks, values));
                }
                _ => return None,
            }
        }
        (segments.len() == parts.len()).then_some((ranks, values))
    }

    fn any_path() -> impl Strategy<Value = String> {
        let part = prop_oneof!["a", "b", "ab", Just("{x}".to_owned())];
        (prop::collection::vec(part, 0..4), prop::bool::weighted(0.3)).prop_map(|(mut parts, greedy)| {
            if let Some(first) = parts.iter().position(|part| part == "{x}") {
                // A variable may stand once in a path.
                let mut index = 0;
                parts.retain(|part| {
                    index += 1;
                    part != "{x}" || index - 1 == first
                });
            }
            if greedy {
                parts.push("{rest+}".to_owned());
            }
            format!("/{}", parts.join("/"))
        })
    }

    proptest! {
        #[test]
        fn the_tree_agrees_with_its_definition(
            methods in prop::collection::vec((any_path(), 0..4_usize), 1..12),
            paths in prop::collection::vec("(/(a|b|ab|c|)){1,4}/?", 1..8),
        ) {
            const VERBS: [Verb; 4] = [Verb::Get, Verb::Post, Verb::Put, Verb::Any];
            let mut unique: Vec<(ResourcePath, Verb)> = Vec::new();
            for (path, verb) in methods {
                let method = (ResourcePath::parse(&path).unwrap(), VERBS[verb]);
                if !unique.contains(&method) {
                    unique.push(method);
                }
            }
            // Siblings may not have a variable and a greedy part both (P4).
            let parents = |greedy: bool| {
                unique.iter().flat_map(move |(path, _)| {
                    path.parts().iter().enumerate().filter(move |(_, part)| match part {
                        PathPart::Greedy(_) => greedy,
                        PathPart::Variable(_) => !greedy,
                        PathPart::Literal(_) => false,
                    }).map(move |(index, _)| path.parts()[..index].to_vec())
                })
            };
            prop_assume!(!parents(true).any(|parent| parents(false).any(|other| other == parent)));
            let mut tree = Tree::new();
            for (index, (path, verb)) in unique.iter().enumerate() {
                tree.insert(path, *verb, u32::try_from(index).unwrap());
            }
            for path in paths {
                for verb in [Verb::Get, Verb::Post, Verb::Delete] {
                    let mut spans = Vec::new();
                    let found = tree.find(&path, verb, &mut spans).map(|index| {
                        let text = |span: &VariableSpan| text_at(&path, *span);
                        (index as usize, spans.iter().map(text).collect())
                    });
                    prop_assert_eq!(found, slow_twin(&unique, &path, verb), "{} {}", verb, path);
                }
            }
        }
    }
}
