//! Decimal numbers, compared exactly.

use std::cmp::Ordering;

/// A decimal number of at most 38 digits: `mantissa * 10^exponent`, the mantissa without zeros at
/// its end, so that equal numbers have equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Decimal {
    mantissa: i128,
    exponent: i32,
}

/// Far beyond every number that a condition can mean; keeps the arithmetic on exponents in range.
const EXPONENT_MAX: i32 = 100_000;

impl Decimal {
    /// Reads `-12`, `12.5`, `.5`, `+1e3`. `None` for anything else, and for more than 38 digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (text, negative) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text.strip_prefix('+').unwrap_or(text), false),
        };
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if integer.is_empty() && fraction.is_empty() {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let mut mantissa: i128 = 0;
        for digit in integer.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return None;
            }
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit.checked_sub(b'0')?))?;
        }
        let mantissa = if negative { mantissa.checked_neg()? } else { mantissa };
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Self { mantissa, exponent }.normalised())
    }

    fn normalised(mut self) -> Self {
        if self.mantissa == 0 {
            return Self { mantissa: 0, exponent: 0 };
        }
        while let Some(0) = self.mantissa.checked_rem(10) {
            self.mantissa = self.mantissa.checked_div(10).unwrap_or_default();
            self.exponent = self.exponent.saturating_add(1);
        }
        self
    }

    /// The power of ten of the first digit, for comparing sizes without scaling.
    fn magnitude(self) -> i64 {
        let digits = self.mantissa.unsigned_abs().checked_ilog10().unwrap_or(0);
        i64::from(self.exponent).saturating_add(i64::from(digits))
    }

    /// The mantissa with `zeros` more zeros. Only asked for numbers of one magnitude, where the
    /// result has as many digits as the other's mantissa; saturation is never reached.
    fn scaled(self, to_exponent: i32) -> i128 {
        let zeros = u32::try_from(self.exponent.saturating_sub(to_exponent)).unwrap_or(0);
        self.mantissa.saturating_mul(10_i128.saturating_pow(zeros))
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|exponent: &i32| exponent.unsigned_abs() <= EXPONENT_MAX.unsigned_abs())
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self { mantissa: i128::from(number), exponent: 0 }.normalised()
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_sign = self.mantissa.signum().cmp(&other.mantissa.signum());
        if by_sign.is_ne() || self.mantissa == 0 {
            return by_sign;
        }
        let by_magnitude = self.magnitude().cmp(&other.magnitude());
        if by_magnitude.is_ne() {
            return if self.mantissa < 0 { by_magnitude.reverse() } else { by_magnitude };
        }
        let exponent = self.exponent.min(other.exponent);
        self.scaled(exponent).cmp(&other.scaled(exponent))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_decimals() {
        let ascending = [
            "-1e30",
            "-12.5",
            "-12.4999999999999999999",
            "-1",
            "-0.001",
            "0",
            "1e-9",
            "0.1",
            "0.10000000000000000001",
            "1",
            "9",
            "10",
            "10.01",
            "99999999999999999999999999999999999999",
            "1e38",
            "1e100000",
        ];
        for (row, one) in ascending.iter().enumerate() {
            for (column, other) in ascending.iter().enumerate() {
                let compared = Decimal::parse(one).unwrap().cmp(&Decimal::parse(other).unwrap());
                assert_eq!(compared, row.cmp(&column), "{one} and {other}");
            }
        }
    }

    #[test]
    fn spellings_of_one_number_are_equal() {
        for (one, other) in [
            ("5", "5.0"),
            ("5", "+5"),
            ("500", "5e2"),
            (".5", "0.50"),
            ("5.", "5"),
            ("-0", "0"),
            ("007", "7"),
            ("1200e-2", "12"),
        ] {
            assert_eq!(Decimal::parse(one), Decimal::parse(other), "{one} and {other}");
            assert!(Decimal::parse(one).is_some(), "{one}");
        }
        assert_eq!(Decimal::from(-120), Decimal::parse("-1.2e2").unwrap());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "+-5",
            "5x",
            " 5",
            "5 ",
            "1.2.3",
            "1e",
            "1e+",
            "1e5.5",
            "e5",
            "NaN",
            "inf",
            "0x10",
            "1_000",
            "٣",
            "1e100001",
            "1234567890123456789012345678901234567890",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }
}
