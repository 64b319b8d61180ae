//! One table of the keywords, and what each becomes.

use serde_json::Value;

use crate::{
    decimal::Divisor,
    parse::{self, Reader},
    pattern::Pattern,
    types::Types,
};

/// How the keywords of one check are read from a schema; `None` where there is nothing to check.
pub(crate) type Read = fn(&mut Reader<'_, '_>) -> Option<Keyword>;

/// The keywords of JSON Schema draft 4 (its validation document, section 5), those that belong
/// together in one row, in the order in which they are checked and told.
///
/// `required` stands before `additionalProperties`, since the service tells them in that order.
pub(crate) const KEYWORDS: &[(&[&str], Read)] = &[
    (&["type"], parse::types),
    (&["enum"], parse::enumeration),
    (&["multipleOf"], parse::multiple_of),
    (&["maximum", "exclusiveMaximum"], parse::maximum),
    (&["minimum", "exclusiveMinimum"], parse::minimum),
    (&["maxLength"], parse::maximum_length),
    (&["minLength"], parse::minimum_length),
    (&["pattern"], parse::pattern),
    (&["maxItems"], parse::maximum_items),
    (&["minItems"], parse::minimum_items),
    (&["uniqueItems"], parse::unique_items),
    (&["items", "additionalItems"], parse::items),
    (&["maxProperties"], parse::maximum_properties),
    (&["minProperties"], parse::minimum_properties),
    (&["required"], parse::required),
    (&["properties", "patternProperties", "additionalProperties"], parse::members),
    (&["dependencies"], parse::dependencies),
    (&["allOf"], parse::all_of),
    (&["anyOf"], parse::any_of),
    (&["oneOf"], parse::one_of),
    (&["not"], parse::not),
];

/// Keywords that check nothing: those of draft 4 (`format` too, SD7), of OpenAPI, and comments.
/// Keys that start with `x-` are another's.
pub(crate) const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$comment",
    "id",
    "title",
    "description",
    "default",
    "definitions",
    "format",
    "example",
    "examples",
    "externalDocs",
    "discriminator",
    "xml",
    "readOnly",
    "writeOnly",
    "deprecated",
];

/// One check, ready to run. Schemas inside it are indices into the list of all rules.
#[derive(Clone, Debug)]
pub(crate) enum Keyword {
    Type(Types),
    Enumeration(Box<[Value]>),
    MultipleOf {
        divisor: Divisor,
        text: Box<str>,
    },
    Maximum(Bound),
    Minimum(Bound),
    MaximumLength(usize),
    MinimumLength(usize),
    Pattern(Pattern),
    MaximumItems(usize),
    MinimumItems(usize),
    UniqueItems,
    Items(Items),
    MaximumProperties(usize),
    MinimumProperties(usize),
    /// Sorted, as they are told.
    Required(Box<[Box<str>]>),
    Members(Members),
    Dependencies(Box<[(Box<str>, Dependency)]>),
    AllOf(Box<[usize]>),
    AnyOf(Box<[usize]>),
    OneOf(Box<[usize]>),
    Not(usize),
}

/// The end of a range of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// The number in JSON's form.
    pub(crate) number: Box<str>,
    /// Whether the number itself is outside.
    pub(crate) is_exclusive: bool,
}

/// What may stand where no other keyword says it.
#[derive(Clone, Debug)]
pub(crate) enum Others {
    Anything,
    Nothing,
    Schema(usize),
}

/// `items` and `additionalItems`.
#[derive(Clone, Debug)]
pub(crate) struct Items {
    /// The schemas of the first items, in order.
    pub(crate) first: Box<[usize]>,
    /// What the items behind them are.
    pub(crate) others: Others,
}

/// `properties`, `patternProperties` and `additionalProperties`.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    /// Sorted by name.
    pub(crate) named: Box<[(Box<str>, usize)]>,
    pub(crate) patterns: Box<[(Pattern, usize)]>,
    /// What a member is whose name neither has.
    pub(crate) others: Others,
}

impl Members {
    /// The schema of a name under `properties`.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        let at = self.named.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.named.get(at).map(|(_, rule)| *rule)
    }

    /// Whether neither `properties` nor `patternProperties` speaks of a name.
    pub(crate) fn is_other(&self, name: &str) -> bool {
        self.named(name).is_none() && !self.patterns.iter().any(|(pattern, _)| pattern.is_match(name))
    }
}

/// What a member asks of the object that has it.
#[derive(Clone, Debug)]
pub(crate) enum Dependency {
    /// Other members, sorted.
    Members(Box<[Box<str>]>),
    Schema(usize),
}

impl Keyword {
    /// The rules that this applies to the very value that it checks.
    pub(crate) fn rules_for_itself(&self) -> Vec<usize> {
        match self {
            Self::AllOf(rules) | Self::AnyOf(rules) | Self::OneOf(rules) => rules.to_vec(),
            Self::Not(rule) => vec![*rule],
            Self::Dependencies(dependencies) => {
                let rule = |(_, dependency): &(_, _)| match dependency {
                    Dependency::Schema(rule) => Some(*rule),
                    Dependency::Members(_) => None,
                };
                dependencies.iter().filter_map(rule).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The rules that this applies to items or members.
    pub(crate) fn rules_for_children(&self) -> Vec<usize> {
        let of_others = |others: &Others| if let Others::Schema(rule) = others { Some(*rule) } else { None };
        match self {
            Self::Items(items) => items.first.iter().copied().chain(of_others(&items.others)).collect(),
            Self::Members(members) => {
                let named = members.named.iter().map(|(_, rule)| *rule);
                let patterns = members.patterns.iter().map(|(_, rule)| *rule);
                named.chain(patterns).chain(of_others(&members.others)).collect()
            }
            _ => Vec::new(),
        }
    }
}
