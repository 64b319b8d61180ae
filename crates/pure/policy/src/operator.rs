//! The condition operators, in one table.

use std::cmp::Ordering;

use postern_document::did_you_mean;

/// An operator as a condition names it: modifiers around a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operator {
    pub(crate) quantifier: Option<Quantifier>,
    pub(crate) comparison: &'static Comparison,
    /// `…IfExists`: an absent key is enough.
    pub(crate) if_exists: bool,
}

/// What a condition over a set of request values asks (section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Quantifier {
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Comparison {
    /// The name as AWS spells it.
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    /// Whether the values must all differ instead of one being equal.
    pub(crate) negated: bool,
    /// The comparison in a sentence: "`aws:SourceVpce` … `vpce-1`".
    pub(crate) words: &'static str,
}

/// What is compared, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    Text,
    TextIgnoringCase,
    TextGlob,
    Number(Order),
    Date(Order),
    Boolean,
    Binary,
    Address,
    Arn,
    Presence,
}

/// How a value must stand to the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(crate) const fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

const fn row(name: &'static str, family: Family, negated: bool, words: &'static str) -> Comparison {
    Comparison { name, family, negated, words }
}

/// Section 3.1, in its order.
static COMPARISONS: [Comparison; 27] = [
    row("StringEquals", Family::Text, false, "is"),
    row("StringNotEquals", Family::Text, true, "is not"),
    row("StringEqualsIgnoreCase", Family::TextIgnoringCase, false, "is, letter case aside,"),
    row("StringNotEqualsIgnoreCase", Family::TextIgnoringCase, true, "is not, letter case aside,"),
    row("StringLike", Family::TextGlob, false, "is like"),
    row("StringNotLike", Family::TextGlob, true, "is not like"),
    row("NumericEquals", Family::Number(Order::Equal), false, "is the number"),
    row("NumericNotEquals", Family::Number(Order::Equal), true, "is not the number"),
    row("NumericLessThan", Family::Number(Order::Less), false, "is less than"),
    row("NumericLessThanEquals", Family::Number(Order::LessOrEqual), false, "is at most"),
    row("NumericGreaterThan", Family::Number(Order::Greater), false, "is more than"),
    row("NumericGreaterThanEquals", Family::Number(Order::GreaterOrEqual), false, "is at least"),
    row("DateEquals", Family::Date(Order::Equal), false, "is the moment"),
    row("DateNotEquals", Family::Date(Order::Equal), true, "is not the moment"),
    row("DateLessThan", Family::Date(Order::Less), false, "is before"),
    row("DateLessThanEquals", Family::Date(Order::LessOrEqual), false, "is not after"),
    row("DateGreaterThan", Family::Date(Order::Greater), false, "is after"),
    row("DateGreaterThanEquals", Family::Date(Order::GreaterOrEqual), false, "is not before"),
    row("Bool", Family::Boolean, false, "is"),
    row("BinaryEquals", Family::Binary, false, "is, byte for byte,"),
    row("IpAddress", Family::Address, false, "is in"),
    row("NotIpAddress", Family::Address, true, "is not in"),
    row("ArnEquals", Family::Arn, false, "is like"),
    row("ArnLike", Family::Arn, false, "is like"),
    row("ArnNotEquals", Family::Arn, true, "is not like"),
    row("ArnNotLike", Family::Arn, true, "is not like"),
    row("Null", Family::Presence, false, "is absent"),
];

impl Operator {
    /// Reads a name such as `ForAnyValue:StringLikeIfExists`, whatever its letter case (RP-52).
    ///
    /// # Errors
    /// What is wrong with the name, as the end of a sentence (RP-15, RP-61).
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let (quantifier, rest) = match name.split_once(':') {
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => (Some(Quantifier::All), rest),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => (Some(Quantifier::Any), rest),
            _ => (None, name),
        };
        let without_suffix = strip_suffix_ignoring_case(rest, "IfExists");
        let base = without_suffix.unwrap_or(rest);
        let comparison =
            COMPARISONS.iter().find(|row| row.name.eq_ignore_ascii_case(base)).ok_or_else(|| {
                did_you_mean(base, COMPARISONS.iter().map(|row| row.name))
                    .map_or_else(String::new, |known| format!(": did you mean `{known}`?"))
            })?;
        let is_modified = quantifier.is_some() || without_suffix.is_some();
        if comparison.family == Family::Presence && is_modified {
            return Err(": `Null` takes neither `IfExists` nor a set operator".to_owned());
        }
        Ok(Self { quantifier, comparison, if_exists: without_suffix.is_some() })
    }

    /// Whether a condition with this operator holds where the key is absent; `Null` aside
    /// (section 3.2).
    pub(crate) fn holds_when_absent(&self) -> bool {
        self.if_exists
            || match self.quantifier {
                Some(Quantifier::All) => true,
                Some(Quantifier::Any) => false,
                None => self.comparison.negated,
            }
    }
}

fn strip_suffix_ignoring_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (start, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rp_52_rp_65_names_compose_whatever_their_case() {
        for row in &COMPARISONS {
            let plain = Operator::parse(&row.name.to_lowercase()).unwrap();
            assert_eq!((plain.comparison, plain.quantifier, plain.if_exists), (row, None, false));
            if row.family != Family::Presence {
                let full = Operator::parse(&format!("FORANYVALUE:{}ifexists", row.name)).unwrap();
                assert_eq!(
                    (full.comparison, full.quantifier, full.if_exists),
                    (row, Some(Quantifier::Any), true)
                );
            }
        }
    }

    #[test]
    fn rp_15_rp_61_unknown_operators_are_refused() {
        let no_modifier = ": `Null` takes neither `IfExists` nor a set operator";
        for (name, message) in [
            ("StringEqual", ": did you mean `StringEquals`?"),
            ("ForAllValues:StringsLike", ": did you mean `StringLike`?"),
            ("Banana", ""),
            ("", ""),
            ("IfExists", ""),
            ("ForSomeValues:StringEquals", ""),
            ("StringEqualsIfExistsIfExists", ""),
            ("NullIfExists", no_modifier),
            ("ForAllValues:Null", no_modifier),
        ] {
            assert_eq!(Operator::parse(name).unwrap_err(), message, "{name}");
        }
    }
}
