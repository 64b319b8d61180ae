//! Models: schemas of a definition, turned into JSON Schema draft 4 and compiled.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use postern_document::{Entry, Mapping, Node, Problem, Problems, Severity, Value};
use postern_schema::Schema;

use crate::{context::Context, dialect::Dialect, reference::reference_of, report::Report};

/// Keywords that an import drops (SD2) or that change no answer, each with the reason.
const DROPPED: &[(&str, &str)] = &[
    ("discriminator", UNSUPPORTED),
    ("exclusiveMinimum", UNSUPPORTED),
    ("maxItems", UNSUPPORTED),
    ("minItems", UNSUPPORTED),
    ("readOnly", UNSUPPORTED),
    ("default", UNSUPPORTED),
    ("example", UNSUPPORTED),
    ("xml", UNSUPPORTED),
    ("examples", ANNOTATION),
    ("writeOnly", ANNOTATION),
    ("deprecated", ANNOTATION),
    ("externalDocs", ANNOTATION),
];

const UNSUPPORTED: &str = "the service drops it at import";
const ANNOTATION: &str = "it changes no answer";

/// The models of one definition.
pub(crate) struct Models<'a> {
    dialect: Dialect,
    /// Every model by name, in draft 4.
    converted: HashMap<&'a str, Node>,
    compiled: BTreeMap<Box<str>, Compiled>,
}

/// A model that some method asked for.
enum Compiled {
    Good(Arc<Schema>),
    /// It cannot be compiled; whether that was reported as an error yet.
    Bad {
        problems: Problems,
        is_reported: bool,
    },
}

impl<'a> Models<'a> {
    /// Converts every model; one is compiled when a method asks for it, since those of responses
    /// are documentation (MD4).
    pub(crate) fn read(context: &mut Context<'a>) -> Self {
        let dialect = context.dialect;
        let mut converted = HashMap::new();
        if let Some(node) = dialect.schemas(context.root) {
            match node.as_mapping() {
                Some(mapping) => {
                    for entry in mapping {
                        converted.insert(&*entry.key, convert(&entry.value, &mut context.report));
                    }
                }
                None => {
                    let message = format!("{} where models are expected: expected a mapping", node.kind());
                    context.report.error(&node.place, message);
                }
            }
        }
        Self { dialect, converted, compiled: BTreeMap::new() }
    }

    /// The schema of a request's body. Without a validator of bodies a model that does not compile
    /// is a warning and gives `None`: it would have no effect (V1).
    pub(crate) fn of_body(
        &mut self,
        node: &Node,
        is_validated: bool,
        report: &mut Report,
    ) -> Option<Arc<Schema>> {
        let Some(name) = self.name_of(node) else {
            let converted = convert(node, report);
            let mut compiled = self.compile(&converted);
            return compiled.take(is_validated, report);
        };
        if !self.compiled.contains_key(name) {
            let compiled = self.compile(node);
            self.compiled.insert(name.into(), compiled);
        }
        self.compiled.get_mut(name)?.take(is_validated, report)
    }

    /// The name of the model that a schema is nothing but a reference to.
    fn name_of<'node>(&self, node: &'node Node) -> Option<&'node str> {
        let name = reference_of(node)?.strip_prefix(self.dialect.schema_prefix())?;
        self.converted.contains_key(name).then_some(name)
    }

    fn compile(&self, node: &Node) -> Compiled {
        let mut problems = Problems::default();
        match Schema::compile(node, &|name| self.converted.get(name), &mut problems) {
            Some(schema) => Compiled::Good(Arc::new(schema)),
            None => Compiled::Bad { problems, is_reported: false },
        }
    }

    /// The compiled models by name.
    pub(crate) fn finish(self) -> BTreeMap<Box<str>, Arc<Schema>> {
        let good = |(name, compiled)| match compiled {
            Compiled::Good(schema) => Some((name, schema)),
            Compiled::Bad { .. } => None,
        };
        self.compiled.into_iter().filter_map(good).collect()
    }
}

impl Compiled {
    fn take(&mut self, is_validated: bool, report: &mut Report) -> Option<Arc<Schema>> {
        match self {
            Self::Good(schema) => Some(Arc::clone(schema)),
            Self::Bad { problems, is_reported } => {
                if !*is_reported {
                    *is_reported = is_validated;
                    report_bad(problems, is_validated, report);
                }
                None
            }
        }
    }
}

fn report_bad(problems: &Problems, is_validated: bool, report: &mut Report) {
    for problem in problems {
        let severity = if is_validated { problem.severity } else { Severity::Warning };
        report.problems.push(Problem { severity, ..problem.clone() });
    }
}

/// A schema of OpenAPI or Swagger in JSON Schema draft 4 (SD2, SD5, SD9).
fn convert(schema: &Node, report: &mut Report) -> Node {
    let Some(mapping) = schema.as_mapping() else { return schema.clone() };
    let is_nullable = mapping.get("nullable").and_then(Node::as_boolean) == Some(true);
    let entries = mapping.iter().filter_map(|entry| convert_entry(entry, is_nullable, report)).collect();
    Node::new(schema.place.clone(), Value::Mapping(Mapping::new(entries)))
}

fn convert_entry(entry: &Entry, is_nullable: bool, report: &mut Report) -> Option<Entry> {
    let node = &entry.value;
    if let Some((_, reason)) = DROPPED.iter().find(|(key, _)| *key == &*entry.key) {
        report.once(&entry.place, format!("`{}` of a model is ignored: {reason}", entry.key));
        return None;
    }
    let value = match &*entry.key {
        "nullable" => return None,
        "required" if node.as_boolean().is_some() => return None,
        "type" if is_nullable => nullable(node),
        "properties" | "patternProperties" | "definitions" => convert_values(node, report),
        "dependencies" => convert_values(node, report),
        "items" | "additionalItems" | "additionalProperties" | "not" | "allOf" | "anyOf" | "oneOf" => {
            convert_all(node, report)
        }
        _ => node.clone(),
    };
    Some(Entry { key: entry.key.clone(), place: entry.place.clone(), value })
}

/// A schema, or a list of schemas; anything else stays.
fn convert_all(node: &Node, report: &mut Report) -> Node {
    match &node.value {
        Value::Sequence(items) => {
            let items = items.iter().map(|item| convert(item, report)).collect();
            Node::new(node.place.clone(), Value::Sequence(items))
        }
        _ => convert(node, report),
    }
}

/// A mapping of names to schemas.
fn convert_values(node: &Node, report: &mut Report) -> Node {
    let Some(mapping) = node.as_mapping() else { return node.clone() };
    let convert_value = |entry: &Entry| Entry {
        key: entry.key.clone(),
        place: entry.place.clone(),
        value: convert(&entry.value, report),
    };
    Node::new(node.place.clone(), Value::Mapping(Mapping::new(mapping.iter().map(convert_value).collect())))
}

/// `nullable: true` beside a type: that type or null (SD5).
fn nullable(kind: &Node) -> Node {
    let null = Node::new(kind.place.clone(), Value::Text("null".into()));
    let kinds = match &kind.value {
        Value::Sequence(kinds) => kinds.iter().cloned().chain([null]).collect(),
        _ => vec![kind.clone(), null],
    };
    Node::new(kind.place.clone(), Value::Sequence(kinds))
}
