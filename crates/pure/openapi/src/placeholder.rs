//! What stands in a definition that was not filled in: placeholders of templating tools and
//! functions of CloudFormation. The first one refuses the definition.

use std::borrow::Cow;

use postern_document::{Entry, Mapping, Node, Place, Problems, Value, parse_yaml_partly};

/// Looks for placeholders and functions: the first one, if any of them matters, is the error.
///
/// Text that only people read (descriptions, examples) may hold what looks like one, and templates
/// have `${…}` of their own; these count only where the definition has another one that matters.
/// What looks like one in a template all the same is given back to be warned of.
pub(crate) fn check(root: &Node) -> Result<Vec<Unfilled>, Unfilled> {
    let mut search = Search::default();
    search.node(root, Zone::Plain);
    let Search { mut found, matters, .. } = search;
    if !matters {
        found.retain(|unfilled| unfilled.zone == Zone::Template);
        return Ok(found);
    }
    let others = found.len().saturating_sub(1);
    let first = found.into_iter().min_by(|one, other| one.place.cmp(&other.place));
    first.map_or_else(|| Ok(Vec::new()), |first| Err(Unfilled { others, ..first }))
}

/// Says more about a text that is not a document: what stands before the first problem may be the
/// reason for it (`uri: {{address}}`), or will be one when that is mended.
pub(crate) fn explain(file: &str, text: &str, problems: Problems) -> Problems {
    let Some(first_problem) = problems.iter().next().map(|problem| problem.place.clone()) else {
        return problems;
    };
    let on_the_line = in_line(text, &first_problem);
    let before =
        || check(&parse_yaml_partly(file, text)).err().filter(|unfilled| unfilled.place < first_problem);
    let mut explained = Problems::default();
    if let Some(unfilled) = before().or(on_the_line) {
        explained.error(&unfilled.place, unfilled.message());
    }
    explained.extend(problems);
    explained
}

/// A placeholder on the line of a problem, which need not stand in any text.
fn in_line(text: &str, problem: &Place) -> Option<Unfilled> {
    const MARKS: [(&str, &str); 4] = [("{{", "}}"), ("${", "}"), ("{%", "%}"), ("<%", "%>")];
    let line = text.lines().nth(usize::try_from(problem.line()).ok()?.checked_sub(1)?)?;
    let (at, name) = MARKS.into_iter().find_map(|(open, close)| braced(line, line.find(open)?, close))?;
    if is_own(name, Zone::Plain) {
        return None;
    }
    let place = problem.at(problem.line(), line_and_column(line, at).1);
    Some(Unfilled { place, what: What::Placeholder(name.to_owned()), zone: Zone::Plain, others: 0 })
}

/// Something that was not filled in, and how many more there are.
pub(crate) struct Unfilled {
    pub(crate) place: Place,
    what: What,
    zone: Zone,
    others: usize,
}

enum What {
    Placeholder(String),
    Function(String),
}

impl Unfilled {
    /// The sentence that warns of one in a template.
    pub(crate) fn doubt(&self) -> String {
        let (What::Placeholder(text) | What::Function(text)) = &self.what;
        format!("`{text}` is set nowhere in its template and prints nothing: is it a placeholder?")
    }

    /// The sentence that refuses the definition.
    pub(crate) fn message(&self) -> String {
        let others = match self.others {
            0 => String::new(),
            others => format!(" ({others} more like it)"),
        };
        match &self.what {
            What::Placeholder(text) => {
                format!(
                    "`{text}` is a placeholder: it must be filled in before the definition is read{others}"
                )
            }
            What::Function(name) => format!(
                "`{name}` is a CloudFormation function: it must be resolved before the definition is read{others}"
            ),
        }
    }
}

/// The values of CloudFormation's pseudo parameters, which the service's import fills in itself.
pub(crate) struct PseudoParameters<'a>([(&'static str, &'a str); 3]);

impl<'a> PseudoParameters<'a> {
    pub(crate) const fn new([region, account_id, partition]: [&'a str; 3]) -> Self {
        Self([
            ("${AWS::Region}", region),
            ("${AWS::AccountId}", account_id),
            ("${AWS::Partition}", partition),
        ])
    }

    /// The text with the pseudo parameters filled in.
    pub(crate) fn fill<'text>(&self, text: &'text str) -> Cow<'text, str> {
        if !text.contains("${AWS::") {
            return text.into();
        }
        let filled = self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        filled.into()
    }

    /// The node with the pseudo parameters filled in wherever text stands.
    pub(crate) fn fill_node(&self, node: &Node) -> Node {
        let value = match &node.value {
            Value::Text(text) if text.contains("${AWS::") => Value::Text(self.fill(text).into()),
            Value::Sequence(items) => {
                Value::Sequence(items.iter().map(|item| self.fill_node(item)).collect())
            }
            Value::Mapping(mapping) => {
                let fill = |entry: &Entry| Entry {
                    key: entry.key.clone(),
                    place: entry.place.clone(),
                    value: self.fill_node(&entry.value),
                };
                Value::Mapping(Mapping::new(mapping.iter().map(fill).collect()))
            }
            _ => return node.clone(),
        };
        Node::new(node.place.clone(), value)
    }
}

/// What kind of text stands here, and so what a `${` in it means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zone {
    Plain,
    /// Read by people alone.
    Documentation,
    /// `${…}` is the template's own, if it is a path or is set there.
    Template,
    /// `${prefix:name}` is a policy variable.
    Policy,
}

#[derive(Default)]
struct Search {
    found: Vec<Unfilled>,
    matters: bool,
}

impl Search {
    fn node(&mut self, node: &Node, zone: Zone) {
        match &node.value {
            Value::Text(text) => self.text(node, text, zone),
            Value::Sequence(items) => items.iter().for_each(|item| self.node(item, zone)),
            Value::Mapping(mapping) => self.mapping(mapping, zone),
            Value::Null | Value::Boolean(_) | Value::Number(_) => {}
        }
    }

    fn mapping(&mut self, mapping: &Mapping, zone: Zone) {
        for entry in mapping {
            if is_function(entry, mapping.len()) {
                self.matters |= zone != Zone::Documentation;
                self.push(entry.place.clone(), What::Function(entry.key.to_string()), zone);
                continue;
            }
            if let Some((_, name)) = placeholders(&entry.key, zone).next() {
                self.placeholder(entry.place.clone(), name, zone);
            }
            self.node(&entry.value, inner_zone(entry, zone));
        }
    }

    fn text(&mut self, node: &Node, text: &str, zone: Zone) {
        if !text.contains('{') {
            return;
        }
        for (at, name) in placeholders(text, zone) {
            let (line, column) = line_and_column(text, at);
            self.placeholder(node.place_in_text(line, column), name, zone);
        }
    }

    fn placeholder(&mut self, place: Place, name: &str, zone: Zone) {
        self.matters |= matches!(zone, Zone::Plain | Zone::Policy);
        self.push(place, What::Placeholder(name.to_owned()), zone);
    }

    fn push(&mut self, place: Place, what: What, zone: Zone) {
        self.found.push(Unfilled { place, what, zone, others: 0 });
    }
}

/// `Fn::…` as a key, or `Ref` as the only key with a name for its value.
fn is_function(entry: &Entry, siblings: usize) -> bool {
    entry.key.starts_with("Fn::") || &*entry.key == "Ref" && siblings == 1 && entry.value.as_text().is_some()
}

fn inner_zone(entry: &Entry, zone: Zone) -> Zone {
    let is_scalar = !matches!(entry.value.value, Value::Mapping(_));
    match &*entry.key {
        _ if zone == Zone::Documentation => Zone::Documentation,
        "requestTemplates" | "responseTemplates" => Zone::Template,
        "x-amazon-apigateway-policy" => Zone::Policy,
        "description" | "summary" | "enum" | "pattern" | "default" if is_scalar => Zone::Documentation,
        "example" | "examples" | "externalDocs" | "x-amazon-apigateway-documentation" => Zone::Documentation,
        key if key.starts_with("x-") && !key.starts_with("x-amazon-apigateway-") => Zone::Documentation,
        _ => zone,
    }
}

/// The byte offsets and texts of the placeholders in a text.
fn placeholders(text: &str, zone: Zone) -> impl Iterator<Item = (usize, &str)> {
    let dollar = text.match_indices("${").filter_map(move |(at, _)| braced(text, at, "}"));
    let moustache = text.match_indices("{{").filter_map(move |(at, _)| braced(text, at, "}}"));
    let is_known = move |name: &str| match zone {
        Zone::Template => is_of_template(name, text),
        Zone::Plain | Zone::Documentation | Zone::Policy => is_own(name, zone),
    };
    dollar.chain(moustache).filter(move |(_, name)| !is_known(name))
}

/// Whether a template may mean this: a reference to something that it sets or is given, or more
/// than a name.
fn is_of_template(placeholder: &str, template: &str) -> bool {
    const GIVEN: [&str; 7] =
        ["input", "util", "context", "stageVariables", "foreach", "velocityCount", "velocityHasNext"];
    let name = placeholder.trim_matches(['$', '{', '}', ' ']);
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !is_name || GIVEN.contains(&name) {
        return true;
    }
    let dense: String = template.chars().filter(|character| !" \t\r\n{}!".contains(*character)).collect();
    ["set($", "foreach($", "define($"].iter().any(|directive| dense.contains(&format!("{directive}{name}")))
}

fn braced<'text>(text: &'text str, at: usize, close: &str) -> Option<(usize, &'text str)> {
    let rest = text.get(at..)?;
    let end = rest.find(close)? + close.len();
    Some((at, rest.get(..end)?))
}

/// Whether this is not a placeholder but something that the service knows.
fn is_own(name: &str, zone: Zone) -> bool {
    const PSEUDO_PARAMETERS: [&str; 3] = ["${AWS::Region}", "${AWS::AccountId}", "${AWS::Partition}"];
    match zone {
        Zone::Policy if !name.starts_with("${AWS::") => {
            name.contains(':') || matches!(name, "${*}" | "${?}" | "${$}")
        }
        Zone::Plain | Zone::Documentation | Zone::Template | Zone::Policy => {
            name.starts_with("${stageVariables.") || PSEUDO_PARAMETERS.contains(&name)
        }
    }
}

/// Line and column, from 1 and in characters, of a byte offset.
fn line_and_column(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
