//! JSONPath in the dialect of Jayway's library, which API Gateway uses (statements J1 to J8).

mod evaluate;
mod parser;

use crate::{
    FailureReason, Json, TEMPLATE_OUTPUT_BYTES_MAX, TEMPLATE_STEPS_MAX,
    meter::Meter,
    pattern::Pattern,
    print::Printer,
    value::{Heap, Pair, Value},
};

/// A JSONPath expression, parsed once.
///
/// Supported: `$.a.b`, `$['a']`, `['a','b']`, indexes from either end, slices, `*`, `..`, filters
/// with comparisons, and `length()`.
#[derive(Clone, Debug)]
pub struct JsonPath {
    steps: Box<[Step]>,
}

impl JsonPath {
    /// Reads an expression. A path without `$` is read as if it began with `$.` (statement J4).
    ///
    /// # Errors
    /// What is wrong with the expression, or which function is not supported (statement J1), as a
    /// sentence without a full stop.
    ///
    /// ```
    /// use postern_template::JsonPath;
    ///
    /// assert!(JsonPath::parse("$.pets[?(@.type == 'dog')].price").is_ok());
    /// assert_eq!(
    ///     JsonPath::parse("$.prices.max()").unwrap_err(),
    ///     "`max()` is not supported in a JSONPath: only `length()` is",
    /// );
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        parser::parse(text)
    }

    /// The text of what the path leads to: a string bare, a number as it was written, a list or an
    /// object as compact JSON. `None` where a definite path leads nowhere or to null, and where
    /// finding out would take too long.
    #[must_use]
    pub fn text_in(&self, json: &Json<'_>) -> Option<String> {
        let mut meter = Meter::new(TEMPLATE_STEPS_MAX);
        let mut output = String::new();
        let mut printer = Printer { heap: &json.heap, output: &mut output, limit: TEMPLATE_OUTPUT_BYTES_MAX };
        match self.find(&json.heap, &json.root, &mut meter).ok()? {
            Found::Nothing | Found::One(Value::Null) => return None,
            Found::One(Value::Text(text)) => return Some(text.to_string()),
            Found::One(value) => printer.print_json(&value).ok()?,
            Found::Several(values) => printer.print_json_list(&values).ok()?,
            Found::Members(members) => printer.print_json_map(&members).ok()?,
            Found::MembersOfSeveral(maps) => printer.print_json_maps(&maps).ok()?,
            Found::Length(length) => return Some(length.to_string()),
        }
        Some(output)
    }

    /// What the path leads to from `root`.
    pub(crate) fn find<'a>(
        &self,
        heap: &Heap<'a>,
        root: &Value<'a>,
        meter: &mut Meter,
    ) -> Result<Found<'a>, FailureReason> {
        evaluate::find(&self.steps, heap, root, meter)
    }
}

/// What a path leads to.
#[derive(Clone, Debug)]
pub(crate) enum Found<'a> {
    /// A definite path leads nowhere.
    Nothing,
    /// A definite path leads to a value.
    One(Value<'a>),
    /// A path with `..`, `*`, a slice or a filter gives a list, maybe an empty one (statement J2).
    Several(Vec<Value<'a>>),
    /// Several members of one object, named in the last brackets, make an object.
    Members(Vec<Pair<'a>>),
    /// The same of every object that a path with `..`, `*`, a slice or a filter leads to.
    MembersOfSeveral(Vec<Vec<Pair<'a>>>),
    /// What `length()` counted.
    Length(i64),
}

/// One step along a path.
#[derive(Clone, Debug)]
struct Step {
    /// After `..`: taken from every value below, too.
    everywhere: bool,
    kind: StepKind,
}

#[derive(Clone, Debug)]
enum StepKind {
    Member(Box<str>),
    Members(Box<[Box<str>]>),
    Item(i64),
    Items(Box<[i64]>),
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    Filter(Condition),
    Length,
}

/// What stands in `[?(…)]`.
#[derive(Clone, Debug)]
enum Condition {
    Any(Box<[Self]>),
    All(Box<[Self]>),
    Not(Box<Self>),
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
}

#[derive(Clone, Debug)]
enum Operand {
    /// `@…`
    Here(JsonPath),
    /// `$…`
    Root(JsonPath),
    Null,
    Boolean(bool),
    Number(Box<str>),
    Text(Box<str>),
    List(Box<[Self]>),
    Pattern(Pattern),
}
