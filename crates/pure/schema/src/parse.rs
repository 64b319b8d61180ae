//! Schemas as they are written, to rules that are ready to run.

use std::collections::BTreeMap;

use postern_document::{Mapping, Node, Problems, Value, did_you_mean, write_json};

use crate::{
    decimal::{Decimal, Divisor},
    graph,
    keyword::{ANNOTATIONS, Bound, Dependency, Items, KEYWORDS, Keyword, Members, Others},
    pattern::Pattern,
    reference::{self, Located, Models},
    types::{self, Types},
};

/// One schema, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// All of them must hold.
    pub(crate) keywords: Box<[Keyword]>,
    /// Whether the rule may come upon itself again, deeper in a value.
    pub(crate) is_recursive: bool,
}

/// Reads a schema and all that it refers to; the first rule is its own.
///
/// Rules refer to each other by index, so a model may contain itself, and nothing here recurses.
pub(crate) fn read<'nodes>(
    root: &'nodes Node,
    models: &Models<'_, 'nodes>,
    problems: &mut Problems,
) -> Vec<Rule> {
    let mut reader = Reader {
        models,
        problems,
        indices: BTreeMap::new(),
        schemas: Vec::new(),
        current: Located { node: root, root },
    };
    reader.index_of(root);
    let mut rules = Vec::new();
    while let Some(schema) = reader.schemas.get(rules.len()) {
        reader.current = *schema;
        rules.push(Rule { keywords: reader.keywords(), is_recursive: false });
    }
    let endless = graph::loops(rules.len(), |rule| edges(&rules, rule, Keyword::rules_for_itself));
    for schema in endless.iter().filter_map(|rule| reader.schemas.get(*rule)) {
        reader.problems.error(&schema.node.place, "the schema applies itself to the same value, without end");
    }
    let all_edges = |rule| {
        let mut all = edges(&rules, rule, Keyword::rules_for_itself);
        all.extend(edges(&rules, rule, Keyword::rules_for_children));
        all
    };
    for rule in graph::loops(rules.len(), all_edges) {
        if let Some(rule) = rules.get_mut(rule) {
            rule.is_recursive = true;
        }
    }
    rules
}

fn edges(rules: &[Rule], rule: usize, of_keyword: fn(&Keyword) -> Vec<usize>) -> Vec<usize> {
    rules.get(rule).map_or_else(Vec::new, |rule| rule.keywords.iter().flat_map(of_keyword).collect())
}

/// What is being read: the schemas found so far, and the one whose keywords are read now.
pub(crate) struct Reader<'nodes, 'call> {
    models: &'call Models<'call, 'nodes>,
    problems: &'call mut Problems,
    /// The index of the rule of a schema, by the addresses of its node and its root.
    indices: BTreeMap<(usize, usize), usize>,
    /// In the order of their indices; those behind the last rule are still to be read.
    schemas: Vec<Located<'nodes>>,
    current: Located<'nodes>,
}

impl<'nodes> Reader<'nodes, '_> {
    /// The index of the rule of a schema that stands in the current one.
    fn index_of(&mut self, node: &'nodes Node) -> usize {
        let schema = Located { node, root: self.current.root };
        // Where a reference leads nowhere the schema is refused, and the index is of no rule.
        let Some(schema) = reference::follow(schema, self.models, self.problems) else { return usize::MAX };
        *self.indices.entry(schema.address()).or_insert_with(|| {
            self.schemas.push(schema);
            self.schemas.len() - 1
        })
    }

    fn keywords(&mut self) -> Box<[Keyword]> {
        let Some(mapping) = self.current.node.as_mapping() else {
            let message =
                format!("{} where a schema is expected: expected a mapping", self.current.node.kind());
            self.problems.error(&self.current.node.place, message);
            return Box::default();
        };
        self.warn_of_unknown(mapping);
        let is_there = |names: &[&str]| names.iter().any(|name| mapping.get(name).is_some());
        KEYWORDS.iter().filter(|(names, _)| is_there(names)).filter_map(|(_, read)| read(self)).collect()
    }

    fn warn_of_unknown(&mut self, mapping: &Mapping) {
        let known = || KEYWORDS.iter().flat_map(|(names, _)| names.iter()).chain(ANNOTATIONS).copied();
        let unknown = |key: &str| !key.starts_with("x-") && !known().any(|name| name == key);
        for entry in mapping.iter().filter(|entry| unknown(&entry.key)) {
            let suggestion = did_you_mean(&entry.key, known())
                .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
            let message =
                format!("`{}` is no keyword of JSON Schema draft 4, and is ignored{suggestion}", entry.key);
            self.problems.warning(&entry.place, message);
        }
    }

    fn value(&self, name: &str) -> Option<&'nodes Node> {
        self.current.node.get(name)
    }

    fn unexpected(&mut self, name: &str, node: &Node, expected: &str) {
        let found = node.as_scalar_text().map_or_else(|| node.kind().to_owned(), |text| format!("`{text}`"));
        self.problems.error(&node.place, format!("`{name}` is {found}: expected {expected}"));
    }

    /// What `read` makes of the value of a keyword; `None` is reported.
    fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'nodes Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.value(name)?;
        let value = read(node);
        if value.is_none() {
            self.unexpected(name, node, expected);
        }
        value
    }

    fn count(&mut self, name: &str) -> Option<usize> {
        self.read(name, "a whole number from 0", |node| number(node)?.parse().ok())
    }

    fn bound(&mut self, name: &str, exclusive_name: &str) -> Option<Bound> {
        let is_exclusive = self.read(exclusive_name, "`true` or `false`", Node::as_boolean).unwrap_or(false);
        let number = self.read(name, "a number", number)?;
        Some(Bound { number, is_exclusive })
    }

    /// A list that is not empty.
    fn list(&mut self, name: &str, expected: &str) -> Option<&'nodes [Node]> {
        self.read(name, expected, |node| node.as_sequence().filter(|items| !items.is_empty()))
    }

    fn schemas(&mut self, name: &str) -> Option<Box<[usize]>> {
        let schemas = self.list(name, "a list of schemas")?;
        Some(schemas.iter().map(|schema| self.index_of(schema)).collect())
    }

    /// `additionalItems` or `additionalProperties`.
    fn others(&mut self, name: &str) -> Others {
        match self.value(name).map(|node| (node, &node.value)) {
            None | Some((_, Value::Boolean(true))) => Others::Anything,
            Some((_, Value::Boolean(false))) => Others::Nothing,
            Some((schema, Value::Mapping(_))) => Others::Schema(self.index_of(schema)),
            Some((node, _)) => {
                self.unexpected(name, node, "a schema, `true` or `false`");
                Others::Anything
            }
        }
    }

    /// Names in alphabetical order, each once.
    fn names(&mut self, name: &str, nodes: &'nodes [Node]) -> Box<[Box<str>]> {
        let mut names = Vec::new();
        for node in nodes {
            match node.as_scalar_text() {
                Some(text) => names.push(text.into()),
                None => self.unexpected(name, node, "names of properties"),
            }
        }
        names.sort_unstable();
        names.dedup();
        names.into()
    }

    /// The entries of `properties` and its like.
    fn entries(&mut self, name: &str, expected: &str) -> &'nodes [postern_document::Entry] {
        let entries = self.read(name, expected, |node| Some(node.as_mapping()?.iter().as_slice()));
        entries.unwrap_or_default()
    }
}

/// The text of a number in JSON's form; YAML knows others.
fn number(node: &Node) -> Option<Box<str>> {
    matches!(node.value, Value::Number(_)).then(|| write_json(node).into())
}

pub(crate) fn types(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let expected = format!("one of `{}`, or a list of them", types::NAMES.join("`, `"));
    let node = reader.value("type")?;
    let named = |node: &Node| Types::named(node.as_text()?);
    let types = reader.read("type", &expected, |_| match &node.value {
        Value::Sequence(names) if !names.is_empty() => {
            names.iter().try_fold(Types::NONE, |types, name| Some(types.with(named(name)?)))
        }
        _ => named(node),
    });
    types.map(Keyword::Type)
}

pub(crate) fn enumeration(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let nodes = reader.list("enum", "a list of values")?;
    Some(Keyword::Enumeration(
        nodes.iter().filter_map(|node| serde_json::from_str(&write_json(node)).ok()).collect(),
    ))
}

pub(crate) fn multiple_of(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let expected = "a number greater than 0, of at most 19 digits";
    reader.read("multipleOf", expected, |node| {
        let text = number(node)?;
        Some(Keyword::MultipleOf { divisor: Divisor::of(&Decimal::of(&text))?, text })
    })
}

pub(crate) fn maximum(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.bound("maximum", "exclusiveMaximum").map(Keyword::Maximum)
}

pub(crate) fn minimum(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.bound("minimum", "exclusiveMinimum").map(Keyword::Minimum)
}

pub(crate) fn maximum_length(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.count("maxLength").map(Keyword::MaximumLength)
}

pub(crate) fn minimum_length(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.count("minLength").map(Keyword::MinimumLength)
}

pub(crate) fn pattern(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let node = reader.value("pattern")?;
    let source = reader.read("pattern", "text", Node::as_text)?;
    Pattern::compile(source, node, reader.problems).map(Keyword::Pattern)
}

pub(crate) fn maximum_items(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.count("maxItems").map(Keyword::MaximumItems)
}

pub(crate) fn minimum_items(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.count("minItems").map(Keyword::MinimumItems)
}

pub(crate) fn unique_items(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let is_asked_for = reader.read("uniqueItems", "`true` or `false`", Node::as_boolean)?;
    is_asked_for.then_some(Keyword::UniqueItems)
}

pub(crate) fn items(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let node = reader.value("items")?;
    let items = match &node.value {
        Value::Mapping(_) => Items { first: Box::default(), others: Others::Schema(reader.index_of(node)) },
        Value::Sequence(first) => {
            let first = first.iter().map(|schema| reader.index_of(schema)).collect();
            Items { first, others: reader.others("additionalItems") }
        }
        _ => {
            reader.unexpected("items", node, "a schema or a list of schemas");
            return None;
        }
    };
    Some(Keyword::Items(items))
}

pub(crate) fn maximum_properties(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.count("maxProperties").map(Keyword::MaximumProperties)
}

pub(crate) fn minimum_properties(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.count("minProperties").map(Keyword::MinimumProperties)
}

/// `required: true` on a property is draft 3's, and ignored (SD9).
pub(crate) fn required(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    if reader.value("required")?.as_boolean().is_some() {
        return None;
    }
    let nodes = reader.read("required", "a list of names", Node::as_sequence)?;
    Some(Keyword::Required(reader.names("required", nodes)))
}

pub(crate) fn members(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let mut named: Vec<_> = Vec::new();
    for entry in reader.entries("properties", "a mapping of names to schemas") {
        named.push((entry.key.clone(), reader.index_of(&entry.value)));
    }
    named.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut patterns = Vec::new();
    for entry in reader.entries("patternProperties", "a mapping of patterns to schemas") {
        let key = Node::new(entry.place.clone(), Value::Text(entry.key.clone()));
        let pattern = Pattern::compile(&entry.key, &key, reader.problems);
        let rule = reader.index_of(&entry.value);
        patterns.extend(pattern.map(|pattern| (pattern, rule)));
    }
    let others = reader.others("additionalProperties");
    Some(Keyword::Members(Members { named: named.into(), patterns: patterns.into(), others }))
}

pub(crate) fn dependencies(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let mut dependencies = Vec::new();
    for entry in reader.entries("dependencies", "a mapping of names to schemas or lists of names") {
        let dependency = match &entry.value.value {
            Value::Mapping(_) => Dependency::Schema(reader.index_of(&entry.value)),
            Value::Sequence(names) => Dependency::Members(reader.names("dependencies", names)),
            // Draft 3's form of a list of one.
            _ => Dependency::Members(reader.names("dependencies", std::slice::from_ref(&entry.value))),
        };
        dependencies.push((entry.key.clone(), dependency));
    }
    Some(Keyword::Dependencies(dependencies.into()))
}

pub(crate) fn all_of(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.schemas("allOf").map(Keyword::AllOf)
}

pub(crate) fn any_of(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.schemas("anyOf").map(Keyword::AnyOf)
}

pub(crate) fn one_of(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    reader.schemas("oneOf").map(Keyword::OneOf)
}

pub(crate) fn not(reader: &mut Reader<'_, '_>) -> Option<Keyword> {
    let schema = reader.value("not")?;
    Some(Keyword::Not(reader.index_of(schema)))
}
