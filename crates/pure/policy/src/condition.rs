//! One condition of a statement: an operator, a key, and the values that it may have.

use std::net::IpAddr;

use ipnet::IpNet;
use postern_document::{Place, Placed};

use crate::{
    context::{ConditionKey, Context, ContextValue},
    decimal::Decimal,
    instant::Instant,
    operator::{Family, Operator, Order, Quantifier},
    pattern::{Pattern, ShortText, Syntax},
};

/// One condition of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: ConditionKey,
    pub(crate) expected: Expected,
    written_operator: Box<str>,
    written_key: Box<str>,
    place: Place,
}

/// The values of a policy, ready to be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Expected {
    /// Text and ARNs.
    Texts(Box<[Pattern]>),
    Numbers(Order, Box<[Written<Decimal>]>),
    Dates(Order, Box<[Written<Instant>]>),
    Booleans(Box<[Written<bool>]>),
    /// Base64. One sequence of bytes has one spelling, so the text is compared.
    Binary(Box<[Box<str>]>),
    Networks(Box<[Written<IpNet>]>),
    /// `Null`: whether the key must be absent.
    Absence(Box<[Written<bool>]>),
}

/// A value and how the policy spells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Written<T> {
    text: Box<str>,
    pub(crate) value: T,
}

/// Where a condition stands and how it is spelt there.
pub(crate) struct Spelling<'a> {
    pub(crate) operator: &'a str,
    pub(crate) key: &'a str,
    pub(crate) place: Place,
}

impl Condition {
    pub(crate) fn new(operator: Operator, expected: Expected, spelling: Spelling<'_>) -> Self {
        Self {
            operator,
            key: ConditionKey::parse(spelling.key),
            expected,
            written_operator: spelling.operator.into(),
            written_key: spelling.key.into(),
            place: spelling.place,
        }
    }

    /// The operator as the policy spells it, modifiers included.
    #[must_use]
    pub fn operator(&self) -> &str {
        &self.written_operator
    }

    /// The key as the policy spells it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.written_key
    }

    /// The key that is looked up.
    #[must_use]
    pub const fn condition_key(&self) -> &ConditionKey {
        &self.key
    }

    /// Where the key stands in the policy.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The values as the policy spells them.
    pub fn expected(&self) -> impl Iterator<Item = &str> {
        self.expected.written()
    }

    /// Whether the condition holds for a request (section 3).
    pub(crate) fn holds(&self, context: &impl Context) -> bool {
        let found = context.lookup(&self.key);
        if let Expected::Absence(wanted) = &self.expected {
            return wanted.iter().any(|wanted| wanted.value == found.is_absent());
        }
        if found.is_absent() {
            return self.operator.holds_when_absent();
        }
        let satisfied = |value| self.expected.accepts(value, context) != self.operator.comparison.negated;
        match self.operator.quantifier {
            Some(Quantifier::All) => found.values().all(satisfied),
            // A key with several values and no set operator is read as `ForAnyValue` (RP-63).
            Some(Quantifier::Any) | None => found.values().any(satisfied),
        }
    }

    /// Whether the condition holds where the key is absent.
    pub(crate) fn holds_when_absent(&self) -> bool {
        match &self.expected {
            Expected::Absence(wanted) => wanted.iter().any(|wanted| wanted.value),
            _ => self.operator.holds_when_absent(),
        }
    }

    /// Every key that the condition reads: its own, and those of variables in its values.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ConditionKey> {
        let patterns: &[Pattern] =
            if let Expected::Texts(patterns) = &self.expected { patterns } else { &[] };
        std::iter::once(&self.key).chain(patterns.iter().flat_map(Pattern::variables))
    }
}

impl Expected {
    /// Reads the values of a condition; what is told of each that is malformed completes
    /// "… is `value`: …" (RP-56).
    pub(crate) fn parse(
        family: Family,
        variables: bool,
        values: &[Placed<&str>],
        refuse: impl FnMut(&Placed<&str>, &'static str),
    ) -> Self {
        let pattern = |syntax| move |text: &str| Pattern::compile(text, syntax, variables);
        match family {
            Family::Text => Self::Texts(read(values, pattern(Syntax::Exact), refuse)),
            Family::TextIgnoringCase => Self::Texts(read(values, pattern(Syntax::ExactIgnoringCase), refuse)),
            Family::TextGlob => Self::Texts(read(values, pattern(Syntax::Glob), refuse)),
            Family::Arn => Self::Texts(read(values, pattern(Syntax::Arn), refuse)),
            Family::Number(order) => {
                Self::Numbers(order, read(values, written(Decimal::parse, A_NUMBER), refuse))
            }
            Family::Date(order) => Self::Dates(order, read(values, written(Instant::parse, A_DATE), refuse)),
            Family::Boolean => Self::Booleans(read(values, written(parse_boolean, A_BOOLEAN), refuse)),
            Family::Binary => Self::Binary(read(values, parse_base64, refuse)),
            Family::Address => Self::Networks(read(values, written(parse_network, A_NETWORK), refuse)),
            Family::Presence => Self::Absence(read(values, written(parse_boolean, A_BOOLEAN), refuse)),
        }
    }

    /// Whether one of the values is what the request has; negation is the operator's. A value of
    /// the wrong type is none of them (RP-56).
    fn accepts(&self, actual: ContextValue<'_>, context: &impl Context) -> bool {
        match self {
            Self::Texts(patterns) => {
                with_text(actual, |text| patterns.iter().any(|pattern| pattern.matches(text, context)))
            }
            Self::Numbers(order, expected) => number_of(actual).is_some_and(|actual| {
                expected.iter().any(|expected| order.holds(actual.cmp(&expected.value)))
            }),
            Self::Dates(order, expected) => instant_of(actual).is_some_and(|actual| {
                expected.iter().any(|expected| order.holds(actual.cmp(&expected.value)))
            }),
            Self::Booleans(expected) => boolean_of(actual)
                .is_some_and(|actual| expected.iter().any(|expected| expected.value == actual)),
            Self::Binary(expected) => {
                with_text(actual, |text| expected.iter().any(|expected| **expected == *text))
            }
            Self::Networks(expected) => address_of(actual)
                .is_some_and(|actual| expected.iter().any(|expected| expected.value.contains(&actual))),
            Self::Absence(_) => false,
        }
    }

    /// The values as the policy spells them.
    fn written(&self) -> impl Iterator<Item = &str> {
        fn texts<T>(values: &[Written<T>]) -> Vec<&str> {
            values.iter().map(|value| &*value.text).collect()
        }
        match self {
            Self::Texts(patterns) => patterns.iter().map(Pattern::written).collect(),
            Self::Numbers(_, values) => texts(values),
            Self::Dates(_, values) => texts(values),
            Self::Booleans(values) | Self::Absence(values) => texts(values),
            Self::Binary(values) => values.iter().map(|value| &**value).collect(),
            Self::Networks(values) => texts(values),
        }
        .into_iter()
    }
}

const A_NUMBER: &str = "expected a decimal number of at most 38 digits";
const A_DATE: &str = "expected a date such as `2026-01-31T12:00:00Z`, or seconds since 1970";
const A_BOOLEAN: &str = "expected `true` or `false`";
const A_NETWORK: &str = "expected an address or a range such as `10.0.0.0/16` or `2001:db8::/32`";

fn read<T>(
    values: &[Placed<&str>],
    parse: impl Fn(&str) -> Result<T, &'static str>,
    mut refuse: impl FnMut(&Placed<&str>, &'static str),
) -> Box<[T]> {
    let mut read = Vec::new();
    for value in values {
        match parse(value.value) {
            Ok(parsed) => read.push(parsed),
            Err(expected) => refuse(value, expected),
        }
    }
    read.into()
}

/// A reader that keeps the spelling beside the value.
fn written<T>(
    parse: impl Fn(&str) -> Option<T>,
    expected: &'static str,
) -> impl Fn(&str) -> Result<Written<T>, &'static str> {
    move |text| parse(text).map(|value| Written { text: text.into(), value }).ok_or(expected)
}

fn parse_base64(text: &str) -> Result<Box<str>, &'static str> {
    if is_base64(text) { Ok(text.into()) } else { Err("expected base64") }
}

fn parse_boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

/// Standard base64 in its one canonical spelling: whole groups, padded, no bits left over.
fn is_base64(text: &str) -> bool {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let last_fits = match text.len().saturating_sub(digits.len()) {
        0 => true,
        1 => digits.ends_with(|last| "AEIMQUYcgkosw048".contains(last)),
        _ => digits.ends_with(['A', 'Q', 'g', 'w']),
    };
    text.len().is_multiple_of(4) && digits.bytes().all(is_digit) && last_fits
}

/// Reads an address or a range in CIDR notation; host bits are cleared. A range of IPv4-mapped IPv6
/// addresses is the range of those IPv4 addresses (RP-55).
#[must_use]
pub fn parse_network(text: &str) -> Option<IpNet> {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    };
    let is_number =
        length.bytes().all(|byte| byte.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
    let length: u8 = length.parse().ok().filter(|_| is_number)?;
    let address: IpAddr = address.parse().ok()?;
    let network = match (address.to_canonical(), length.checked_sub(96)) {
        (mapped @ IpAddr::V4(_), Some(length)) if address.is_ipv6() => IpNet::new(mapped, length),
        _ => IpNet::new(address, length),
    };
    network.ok().map(|network| network.trunc())
}

fn number_of(value: ContextValue<'_>) -> Option<Decimal> {
    match value {
        ContextValue::Text(text) => Decimal::parse(text),
        ContextValue::Number(number) => Some(number.into()),
        ContextValue::Address(_) | ContextValue::Boolean(_) | ContextValue::Time(_) => None,
    }
}

fn instant_of(value: ContextValue<'_>) -> Option<Instant> {
    match value {
        ContextValue::Text(text) => Instant::parse(text),
        ContextValue::Number(seconds) => Some(Instant::from_seconds(seconds)),
        ContextValue::Time(milliseconds) => Some(Instant::from_milliseconds(milliseconds)),
        ContextValue::Address(_) | ContextValue::Boolean(_) => None,
    }
}

fn boolean_of(value: ContextValue<'_>) -> Option<bool> {
    match value {
        ContextValue::Text(text) => parse_boolean(text),
        ContextValue::Boolean(boolean) => Some(boolean),
        ContextValue::Address(_) | ContextValue::Number(_) | ContextValue::Time(_) => None,
    }
}

fn address_of(value: ContextValue<'_>) -> Option<IpAddr> {
    match value {
        ContextValue::Text(text) => text.parse::<IpAddr>().ok().map(|address| address.to_canonical()),
        ContextValue::Address(address) => Some(address.to_canonical()),
        ContextValue::Number(_) | ContextValue::Boolean(_) | ContextValue::Time(_) => None,
    }
}

fn with_text<T>(value: ContextValue<'_>, ask: impl FnOnce(&str) -> T) -> T {
    match value {
        ContextValue::Text(text) => ask(text),
        _ => ask(ShortText::of(value).as_str()),
    }
}
