//! Yes or no: does a value keep to a schema?

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::{Map, Value};

use crate::{
    decimal::Decimal,
    equality::{are_equal, are_unique},
    keyword::{Bound, Dependency, Keyword, Others},
    parse::Rule,
    types::Types,
};

/// One run over one value.
pub(crate) struct Checker<'schema> {
    rules: &'schema [Rule],
    /// What is known of recursive rules and parts of the value, by index and address. Without it,
    /// two schemas that recurse side by side would double the work with each level of the value.
    known: BTreeMap<(usize, usize), bool>,
    depth: usize,
    /// Whether the value was nested too deeply for an answer.
    pub(crate) gave_up: bool,
}

impl<'schema> Checker<'schema> {
    pub(crate) const fn new(rules: &'schema [Rule]) -> Self {
        Self { rules, known: BTreeMap::new(), depth: 0, gave_up: false }
    }

    /// The rule of an index.
    pub(crate) fn rule(&self, index: usize) -> Option<&'schema Rule> {
        self.rules.get(index)
    }

    /// Whether a value keeps to a rule.
    pub(crate) fn is_valid(&mut self, index: usize, value: &Value) -> bool {
        let Some(rule) = self.rule(index) else { return false };
        if !rule.is_recursive || !(value.is_array() || value.is_object()) {
            return self.keeps(rule, value);
        }
        let part = (index, std::ptr::from_ref(value).addr());
        if let Some(known) = self.known.get(&part) {
            return *known;
        }
        let is_valid = self.keeps(rule, value);
        self.known.insert(part, is_valid);
        is_valid
    }

    fn keeps(&mut self, rule: &Rule, value: &Value) -> bool {
        if self.depth == MAXIMUM_NESTING {
            self.gave_up = true;
            return false;
        }
        self.depth += 1;
        let is_valid = rule.keywords.iter().all(|keyword| {
            self.holds(keyword, value)
                && all_children(keyword, value, |_, rule, child| self.is_valid(rule, child))
        });
        self.depth -= 1;
        is_valid
    }

    /// Whether a keyword holds, apart from what it says about items and members.
    pub(crate) fn holds(&mut self, keyword: &Keyword, value: &Value) -> bool {
        match (keyword, value) {
            (Keyword::Type(types), _) => types.contains(Types::of(value)),
            (Keyword::Enumeration(values), _) => values.iter().any(|possible| are_equal(possible, value)),
            (Keyword::AllOf(rules), _) => rules.iter().all(|rule| self.is_valid(*rule, value)),
            (Keyword::AnyOf(rules), _) => rules.iter().any(|rule| self.is_valid(*rule, value)),
            (Keyword::OneOf(rules), _) => {
                rules.iter().filter(|rule| self.is_valid(**rule, value)).take(2).count() == 1
            }
            (Keyword::Not(rule), _) => !self.is_valid(*rule, value),
            (keyword, Value::Number(number)) => holds_for_number(keyword, number.as_str()),
            (keyword, Value::String(text)) => holds_for_text(keyword, text),
            (keyword, Value::Array(items)) => holds_for_items(keyword, items),
            (Keyword::Dependencies(dependencies), Value::Object(members)) => dependencies
                .iter()
                .filter(|(name, _)| members.contains_key(&**name))
                .all(|(_, dependency)| match dependency {
                    Dependency::Members(names) => has_all(members, names),
                    Dependency::Schema(rule) => self.is_valid(*rule, value),
                }),
            (keyword, Value::Object(members)) => holds_for_members(keyword, members),
            (_, Value::Null | Value::Bool(_)) => true,
        }
    }
}

fn holds_for_number(keyword: &Keyword, number: &str) -> bool {
    let is_beyond =
        |bound: &Bound, beyond: Ordering| match Decimal::of(number).cmp(&Decimal::of(&bound.number)) {
            Ordering::Equal => bound.is_exclusive,
            other => other == beyond,
        };
    match keyword {
        Keyword::MultipleOf { divisor, .. } => divisor.divides(&Decimal::of(number)),
        Keyword::Maximum(bound) => !is_beyond(bound, Ordering::Greater),
        Keyword::Minimum(bound) => !is_beyond(bound, Ordering::Less),
        _ => true,
    }
}

fn holds_for_text(keyword: &Keyword, text: &str) -> bool {
    match keyword {
        Keyword::MaximumLength(length) => text.len() <= *length || text.chars().count() <= *length,
        Keyword::MinimumLength(length) => text.chars().count() >= *length,
        Keyword::Pattern(pattern) => pattern.is_match(text),
        _ => true,
    }
}

fn holds_for_items(keyword: &Keyword, items: &[Value]) -> bool {
    match keyword {
        Keyword::MaximumItems(count) => items.len() <= *count,
        Keyword::MinimumItems(count) => items.len() >= *count,
        Keyword::UniqueItems => are_unique(items),
        Keyword::Items(known) => !matches!(known.others, Others::Nothing) || items.len() <= known.first.len(),
        _ => true,
    }
}

fn holds_for_members(keyword: &Keyword, members: &Map<String, Value>) -> bool {
    match keyword {
        Keyword::MaximumProperties(count) => members.len() <= *count,
        Keyword::MinimumProperties(count) => members.len() >= *count,
        Keyword::Required(names) => has_all(members, names),
        Keyword::Members(known) => {
            !matches!(known.others, Others::Nothing) || !members.keys().any(|name| known.is_other(name))
        }
        _ => true,
    }
}

fn has_all(members: &Map<String, Value>, names: &[Box<str>]) -> bool {
    names.iter().all(|name| members.contains_key(&**name))
}

/// Whether `visit` says yes to each item or member and each rule that a keyword has for it; the
/// first argument is a member's name.
pub(crate) fn all_children<'value>(
    keyword: &Keyword,
    value: &'value Value,
    mut visit: impl FnMut(&'value str, usize, &'value Value) -> bool,
) -> bool {
    let of_others = |others: &Others| if let Others::Schema(rule) = others { Some(*rule) } else { None };
    match (keyword, value) {
        (Keyword::Items(known), Value::Array(items)) => items.iter().enumerate().all(|(at, item)| {
            let rule = known.first.get(at).copied().or_else(|| of_others(&known.others));
            rule.is_none_or(|rule| visit("", rule, item))
        }),
        (Keyword::Members(known), Value::Object(members)) => members.iter().all(|(name, member)| {
            let named = known.named(name);
            let mut is_known = named.is_some();
            named.is_none_or(|rule| visit(name, rule, member))
                && known.patterns.iter().filter(|(pattern, _)| pattern.is_match(name)).all(|(_, rule)| {
                    is_known = true;
                    visit(name, *rule, member)
                })
                && (is_known || of_others(&known.others).is_none_or(|rule| visit(name, rule, member)))
        }),
        _ => true,
    }
}

/// How many rules may be open at once: far more than a value of 64 levels needs, and few enough
/// for the stack of a thread.
pub(crate) const MAXIMUM_NESTING: usize = 1_000;
