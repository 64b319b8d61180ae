//! Numbers as Java reckons and prints them (statement D7).

use std::{cmp::Ordering, fmt::Write};

use crate::value::Value;

/// A number to reckon with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

/// The arithmetic of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    /// The usual case: whole numbers with a result that fits.
    pub(crate) const fn of_integers(self, left: i64, right: i64) -> Option<i64> {
        match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
        }
    }
}

impl Number {
    /// The number that a value is, if it is one. Text is not.
    pub(crate) fn of(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(Self::Integer(i128::from(*number))),
            Value::Float(number) => Some(Self::Float(*number)),
            Value::Digits(digits) => Self::read(digits),
            _ => None,
        }
    }

    /// Reads the digits of a JSON number or of a literal.
    pub(crate) fn read(digits: &str) -> Option<Self> {
        digits.parse().map(Self::Integer).or_else(|_| digits.parse().map(Self::Float)).ok()
    }

    /// The number as a value.
    pub(crate) fn into_value<'a>(self) -> Value<'a> {
        match self {
            Self::Integer(number) => i64::try_from(number)
                .map_or_else(|_| Value::Digits(number.to_string().into()), Value::Integer),
            Self::Float(number) => Value::Float(number),
        }
    }

    /// Reckons; `None` where there is no result, as when dividing by zero.
    pub(crate) fn reckon(self, how: Arithmetic, other: Self) -> Option<Self> {
        let divides = matches!(how, Arithmetic::Divide | Arithmetic::Remainder);
        if divides && other.as_float() == 0.0 {
            return None;
        }
        if let (Self::Integer(left), Self::Integer(right)) = (self, other)
            && let Some(result) = reckon_integers(left, how, right)
        {
            return Some(Self::Integer(result));
        }
        let (left, right) = (self.as_float(), other.as_float());
        Some(Self::Float(match how {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
        }))
    }

    /// Compares by value, whatever the kinds.
    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(&right)),
            _ => self.as_float().partial_cmp(&other.as_float()),
        }
    }

    /// The whole number, where it is one.
    pub(crate) const fn as_integer(self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(number),
            Self::Float(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "Java's widening to double loses the same digits")]
    pub(crate) const fn as_float(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// `None` where the result does not fit; it is then reckoned in floating point.
const fn reckon_integers(left: i128, how: Arithmetic, right: i128) -> Option<i128> {
    match how {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder => left.checked_rem(right),
    }
}

/// Writes a whole number.
pub(crate) fn write_integer(number: i64, output: &mut String) {
    if let Ok(digit @ 0..=9) = u8::try_from(number) {
        return output.push(char::from(b'0' + digit));
    }
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        start -= 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        output.push('-');
    }
    output.push_str(digits.get(start..).and_then(|digits| str::from_utf8(digits).ok()).unwrap_or_default());
}

/// Writes a number as Java's `Double.toString` does: `2.0`, `0.05`, `1.0E10`.
pub(crate) fn write_float(number: f64, output: &mut String) {
    if number.is_nan() {
        return output.push_str("NaN");
    }
    if number.is_sign_negative() {
        output.push('-');
    }
    let number = number.abs();
    if number.is_infinite() {
        return output.push_str("Infinity");
    }
    // Writing to a string cannot fail, so the results of `write!` carry nothing.
    if number == 0.0 || (1e-3..1e7).contains(&number) {
        let _ = write!(output, "{number:?}");
        return;
    }
    let shortest = format!("{number:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    let _ = write!(output, "{digits}{point}E{exponent}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_print_in_full() {
        for number in [0, 1, -1, 9, 10, -10, 1_234_567_890, i64::MAX, i64::MIN] {
            let mut printed = String::new();
            write_integer(number, &mut printed);
            assert_eq!(printed, number.to_string());
        }
    }

    #[test]
    fn floats_print_as_java_prints_doubles() {
        let table = [
            (2.0, "2.0"),
            (0.05, "0.05"),
            (0.5 * 0.1, "0.05"),
            (1990.19, "1990.19"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.5e10, "1.5E10"),
            (-2.5, "-2.5"),
            (-1e-9, "-1.0E-9"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::MAX, "1.7976931348623157E308"),
        ];
        for (number, expected) in table {
            let mut printed = String::new();
            write_float(number, &mut printed);
            assert_eq!(printed, expected);
        }
    }

    #[test]
    fn d7_integers_stay_integers_and_zero_divides_nothing() {
        let reckon = |left: &str, how, right: &str| {
            Number::read(left).unwrap().reckon(how, Number::read(right).unwrap())
        };
        let table = [
            ("7", Arithmetic::Divide, "2", Some(Number::Integer(3))),
            ("-7", Arithmetic::Divide, "2", Some(Number::Integer(-3))),
            ("-7", Arithmetic::Remainder, "3", Some(Number::Integer(-1))),
            ("100.0", Arithmetic::Divide, "50", Some(Number::Float(2.0))),
            ("9223372036854775807", Arithmetic::Add, "1", Some(Number::Integer(9_223_372_036_854_775_808))),
            ("1", Arithmetic::Divide, "0", None),
            ("1", Arithmetic::Remainder, "0.0", None),
        ];
        for (left, how, right, expected) in table {
            assert_eq!(reckon(left, how, right), expected, "{left} {how:?} {right}");
        }
    }
}
