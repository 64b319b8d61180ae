//! The seven primitive types of JSON Schema.

use serde_json::Value;

/// A set of primitive types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    /// No type at all.
    pub(crate) const NONE: Self = Self(0);

    /// The types of a name. `number` includes `integer`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let at = NAMES.iter().position(|known| *known == name)?;
        let implied = if at == NUMBER { 1 << INTEGER } else { 0 };
        Some(Self(1 << at | implied))
    }

    /// The one type of a value. An integer is a number that is written without fraction and
    /// exponent: in draft 4, 1.0 is none.
    pub(crate) fn of(value: &Value) -> Self {
        let at = match value {
            Value::Array(_) => 0,
            Value::Bool(_) => 1,
            Value::Number(number) if !number.as_str().contains(['.', 'e', 'E']) => INTEGER,
            Value::Null => 3,
            Value::Number(_) => NUMBER,
            Value::Object(_) => 5,
            Value::String(_) => 6,
        };
        Self(1 << at)
    }

    /// The types of both.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all types of another set are in this one.
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names, in alphabetical order.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, name)| *name)
    }
}

/// All names, in alphabetical order: the position of a name is its bit.
pub(crate) const NAMES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

const INTEGER: usize = 2;
const NUMBER: usize = 4;
