//! YAML text to [`Node`], places kept, duplicate keys refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::{
    Entry, MAXIMUM_DEPTH, Mapping, Node, Place, Problems, Value,
    json::{self, Unreadable},
    node::Layout,
};

/// Reads one YAML 1.2 document, or a JSON one; a byte order mark is tolerated.
///
/// Plain scalars follow the core schema: `yes` and `on` are text, and so is `2012-10-17`;
/// `.inf` and `.nan`, which JSON cannot say, are text too. Numbers keep the text that was
/// written. Anchors, aliases and merge keys (`<<`) are followed. No text at all is null.
///
/// # Errors
/// All problems that were found: duplicate keys with both places, keys that are no scalars, tags
/// (those of CloudFormation with a word of advice), a second document, aliases that grow without
/// bound, more than [`MAXIMUM_DEPTH`] levels; and the first breach of the syntax, behind which
/// nothing is read.
pub fn parse_yaml(file: &str, text: &str) -> Result<Node, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with(['{', '[']) {
        return read(file, text).map_err(|unreadable| unreadable.problems);
    }
    json::read(file, text).or_else(|as_json| {
        if !as_json.breaks_syntax {
            return Err(as_json.problems);
        }
        read(file, text).map_err(|as_yaml| {
            let likelier = if as_yaml.breaks_syntax { as_json } else { as_yaml };
            likelier.problems
        })
    })
}

/// Reads as much of a YAML or JSON text as can be read: up to the first breach of the syntax, with
/// everything else that [`parse_yaml`] refuses left in (of duplicate keys, all). For telling more
/// about a text that is refused anyway.
///
/// ```
/// use postern_document::parse_yaml_partly;
///
/// let node = parse_yaml_partly("a.yaml", "a: [1, {b: !Ref c}]\nd: 'e");
/// assert_eq!(node.at_pointer("/a/1/b").unwrap().as_text(), Some("c"));
/// assert_eq!(node.get("d"), None);
/// ```
#[must_use]
pub fn parse_yaml_partly(file: &str, text: &str) -> Node {
    let (mut builder, _) = build(file, text.strip_prefix('\u{feff}').unwrap_or(text));
    while !builder.open.is_empty() {
        builder.close();
    }
    builder.root.unwrap_or_else(|| Node::new(Place::start_of(file), Value::Null))
}

fn read(file: &str, text: &str) -> Result<Node, Unreadable> {
    let (builder, breaks_syntax) = build(file, text);
    if builder.problems.is_empty() {
        Ok(builder.root.unwrap_or_else(|| Node::new(Place::start_of(file), Value::Null)))
    } else {
        Err(Unreadable { problems: builder.problems, breaks_syntax })
    }
}

/// Takes in a text up to its end or the first breach of the syntax, and tells whether there is one.
fn build(file: &str, text: &str) -> (Builder, bool) {
    let mut builder = Builder::new(file);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if builder.take(event, span.start, span.end).is_err() {
                    break;
                }
            }
            Err(error) => {
                let place = builder.place(*error.marker());
                builder.problems.error(&place, format!("not valid YAML: {}", error.info()));
                return (builder, true);
            }
        }
    }
    (builder, false)
}

/// Reading further would make no sense; the problem is noted.
struct Stop;

/// Puts events together to nodes.
struct Builder {
    file: Arc<str>,
    problems: Problems,
    open: Vec<Open>,
    anchored: BTreeMap<usize, Node>,
    aliased_bytes: usize,
    root: Option<Node>,
}

/// A list or mapping that has started.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, merged: Vec<Entry>, key: Option<Key> },
}

/// A key whose value has not come yet.
enum Key {
    Name(Box<str>, Place),
    /// A plain `<<`.
    Merge,
    /// Reported; its value goes nowhere.
    Refused,
}

impl Builder {
    fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            problems: Problems::default(),
            open: Vec::new(),
            anchored: BTreeMap::new(),
            aliased_bytes: 0,
            root: None,
        }
    }

    fn take(&mut self, event: Event<'_>, start: Marker, end: Marker) -> Result<(), Stop> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.start_document(start),
            Event::Alias(anchor) => self.alias(anchor, start),
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar { text: &text, style, tag: tag.as_deref(), start, end };
                self.scalar(&scalar, anchor);
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "seq", start);
                self.open(Content::Sequence(Vec::new()), anchor, start)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "map", start);
                let content = Content::Mapping { entries: Vec::new(), merged: Vec::new(), key: None };
                self.open(content, anchor, start)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close();
                Ok(())
            }
        }
    }

    fn start_document(&mut self, start: Marker) -> Result<(), Stop> {
        if self.root.is_none() {
            return Ok(());
        }
        self.problems.error(&self.place(start), "a second document: a file holds one");
        Err(Stop)
    }

    fn open(&mut self, content: Content, anchor: usize, start: Marker) -> Result<(), Stop> {
        let place = self.place(start);
        if self.open.len() == MAXIMUM_DEPTH {
            return Err(self.too_deep(&place));
        }
        self.open.push(Open { place, anchor, content });
        Ok(())
    }

    fn close(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        let value = match closed.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, merged, .. } => {
                Value::Mapping(merge(Mapping::of_unique(entries, &mut self.problems), merged))
            }
        };
        let node = Node::new(closed.place, value);
        self.keep(closed.anchor, &node);
        if self.awaits_key() {
            let message = format!("{} as a key: a key is one value", node.kind());
            self.problems.error(&node.place, message);
            self.put_key(Key::Refused);
        } else {
            self.put(node);
        }
    }

    fn alias(&mut self, anchor: usize, start: Marker) -> Result<(), Stop> {
        let place = self.place(start);
        let Some(node) = self.anchored.get(&anchor) else {
            self.problems.error(&place, "an alias inside of what it names");
            return Err(Stop);
        };
        self.aliased_bytes = self.aliased_bytes.saturating_add(bytes_of(node));
        if self.aliased_bytes > MAXIMUM_ALIASED_BYTES {
            self.problems.error(&place, format!("aliases copy more than {MAXIMUM_ALIASED_BYTES} bytes"));
            return Err(Stop);
        }
        if self.open.len() + depth_of(node) > MAXIMUM_DEPTH {
            return Err(self.too_deep(&place));
        }
        let node = node.clone();
        if !self.awaits_key() {
            self.put(node);
        } else if let Some(key) = node.as_scalar_text() {
            self.put_key(Key::Name(key.into(), place));
        } else {
            self.problems.error(&place, format!("{} as a key: a key is one value", node.kind()));
            self.put_key(Key::Refused);
        }
        Ok(())
    }

    fn scalar(&mut self, scalar: &Scalar<'_>, anchor: usize) {
        let place = self.place(scalar.start);
        let value = self.scalar_value(scalar, &place);
        let is_plain_text = anchor == 0 && matches!(value, Value::Text(_));
        let layout = if is_plain_text { scalar.layout() } else { Layout::Opaque };
        let node = Node::with_layout(place, value, layout);
        self.keep(anchor, &node);
        if !self.awaits_key() {
            return self.put(node);
        }
        let is_plain = scalar.style == ScalarStyle::Plain;
        match scalar.text {
            "<<" if is_plain => self.put_key(Key::Merge),
            "" if is_plain => {
                self.problems.error(&node.place, "a key is missing");
                self.put_key(Key::Refused);
            }
            text => self.put_key(Key::Name(text.into(), node.place)),
        }
    }

    fn scalar_value(&mut self, scalar: &Scalar<'_>, place: &Place) -> Value {
        let as_text = || Value::Text(scalar.text.into());
        let Some(tag) = scalar.tag else {
            return if scalar.style == ScalarStyle::Plain { plain(scalar.text) } else { as_text() };
        };
        if is_unspecific(tag) || core_type(tag) == Some("str") {
            return as_text();
        }
        let value = plain(scalar.text);
        let known = match core_type(tag) {
            Some("null") => Some(matches!(value, Value::Null)),
            Some("bool") => Some(matches!(value, Value::Boolean(_))),
            Some("int" | "float") => Some(matches!(value, Value::Number(_))),
            _ => None,
        };
        match known {
            None => self.problems.error(place, unknown_tag(tag)),
            Some(false) => self.problems.error(place, format!("`{}` is not of its tag's type", scalar.text)),
            Some(true) => {}
        }
        value
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, own: &str, start: Marker) {
        let unknown = tag.filter(|tag| !is_unspecific(tag) && core_type(tag) != Some(own));
        if let Some(tag) = unknown {
            self.problems.error(&self.place(start), unknown_tag(tag));
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Mapping { key: None, .. }, .. }))
    }

    fn put_key(&mut self, name: Key) {
        if let Some(Open { content: Content::Mapping { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(name);
        }
    }

    /// Puts a node where the text has it: under its key, into its list, or at the root.
    fn put(&mut self, node: Node) {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { entries, merged, key }) => match key.take() {
                Some(Key::Name(key, place)) => entries.push(Entry { key, place, value: node }),
                Some(Key::Merge) => take_merged(node, merged, &mut self.problems),
                Some(Key::Refused) | None => {}
            },
        }
    }

    fn keep(&mut self, anchor: usize, node: &Node) {
        if anchor != 0 {
            self.anchored.insert(anchor, node.clone());
        }
    }

    fn too_deep(&mut self, place: &Place) -> Stop {
        self.problems.error(place, format!("lists and mappings stand more than {MAXIMUM_DEPTH} deep"));
        Stop
    }

    fn place(&self, marker: Marker) -> Place {
        let whole = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place::new(Arc::clone(&self.file), whole(marker.line()), whole(marker.col()).saturating_add(1))
    }
}

/// A scalar as the events tell it.
struct Scalar<'text> {
    text: &'text str,
    style: ScalarStyle,
    tag: Option<&'text Tag>,
    start: Marker,
    end: Marker,
}

impl Scalar<'_> {
    fn layout(&self) -> Layout {
        let quotation = match self.style {
            ScalarStyle::Literal if self.tag.is_none() => return Layout::Block,
            ScalarStyle::Literal | ScalarStyle::Folded => return Layout::Opaque,
            ScalarStyle::Plain => 0,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
        };
        // Escapes and tags make what is written longer than the text.
        let written = self.end.index().saturating_sub(self.start.index());
        let is_as_written = self.text.chars().count() + 2 * quotation as usize == written;
        if self.start.line() == self.end.line() && is_as_written {
            Layout::Inline { quotation }
        } else {
            Layout::Opaque
        }
    }
}

/// The value of a plain scalar by the core schema (YAML 1.2.2 section 10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ if is_number(text) => Value::Number(text.into()),
        _ => Value::Text(text.into()),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, `0o[0-7]+` or `0x[0-9a-fA-F]+`.
fn is_number(text: &str) -> bool {
    let is_all = |digits: &str, is_digit: fn(&u8) -> bool| {
        !digits.is_empty() && digits.as_bytes().iter().all(is_digit)
    };
    if let Some(digits) = text.strip_prefix("0o") {
        return is_all(digits, |byte| matches!(byte, b'0'..=b'7'));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return is_all(digits, u8::is_ascii_hexdigit);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned
        .split_once(['e', 'E'])
        .map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_exponent_digits =
        |exponent: &str| is_all(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), u8::is_ascii_digit);
    are_digits(whole)
        && are_digits(fraction)
        && whole.len() + fraction.len() > 0
        && exponent.is_none_or(has_exponent_digits)
}

/// `!` alone: "whatever it looks like", which is text for a scalar.
fn is_unspecific(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty()
}

/// The name behind `tag:yaml.org,2002:` of a tag, which is written `!!name` or in full.
fn core_type(tag: &Tag) -> Option<&str> {
    let name = if tag.handle.is_empty() { tag.suffix.strip_prefix(CORE_TAGS)? } else { &tag.suffix };
    (tag.handle.is_empty() || tag.handle == CORE_TAGS).then_some(name)
}

fn unknown_tag(tag: &Tag) -> String {
    if tag.handle == "!" && CLOUD_FORMATION_FUNCTIONS.contains(&tag.suffix.as_str()) {
        return format!(
            "`!{}` is a CloudFormation function: functions must be resolved before the text is read here",
            tag.suffix
        );
    }
    core_type(tag).map_or_else(
        || format!("unknown tag `{}{}`", tag.handle, tag.suffix),
        |name| format!("unknown tag `!!{name}`"),
    )
}

/// Notes what `<<` brings: a mapping, or several of which the earlier win.
fn take_merged(node: Node, merged: &mut Vec<Entry>, problems: &mut Problems) {
    let sources = match node.value {
        Value::Sequence(items) => items,
        _ => vec![node],
    };
    for source in sources {
        match source.value {
            Value::Mapping(mapping) => merged.extend(mapping.into_entries()),
            _ => problems.error(&source.place, format!("`<<` is {}: expected a mapping", source.kind())),
        }
    }
}

/// Adds the merged entries whose keys the mapping does not have itself.
fn merge(mapping: Mapping, merged: Vec<Entry>) -> Mapping {
    if merged.is_empty() {
        return mapping;
    }
    let mut known: BTreeSet<Box<str>> = mapping.iter().map(|entry| entry.key.clone()).collect();
    let mut entries = mapping.into_entries();
    entries.extend(merged.into_iter().filter(|entry| known.insert(entry.key.clone())));
    Mapping::new(entries)
}

/// What a copy of a node takes, about.
fn bytes_of(node: &Node) -> usize {
    let inside = match &node.value {
        Value::Null | Value::Boolean(_) => 0,
        Value::Number(text) | Value::Text(text) => text.len(),
        Value::Sequence(items) => items.iter().map(bytes_of).sum(),
        Value::Mapping(mapping) => mapping
            .iter()
            .map(|entry| size_of::<Entry>() - size_of::<Node>() + entry.key.len() + bytes_of(&entry.value))
            .sum(),
    };
    size_of::<Node>() + inside
}

/// How many levels of lists and mappings a node has, itself included.
fn depth_of(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Mapping(mapping) => 1 + mapping.iter().map(|entry| depth_of(&entry.value)).max().unwrap_or(0),
        _ => 0,
    }
}

/// What all aliases of a document together may copy, in bytes: stops a "billion laughs".
const MAXIMUM_ALIASED_BYTES: usize = 16 * 1024 * 1024;

/// What tags of the core schema start with; `!!` stands for it (YAML 1.2.2 section 10.3).
const CORE_TAGS: &str = "tag:yaml.org,2002:";

/// CloudFormation's functions in their short form: [the list in its user guide][list].
///
/// [list]: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
const CLOUD_FORMATION_FUNCTIONS: &[&str] = &[
    "And",
    "Base64",
    "Cidr",
    "Condition",
    "Contains",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Ref",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
];
