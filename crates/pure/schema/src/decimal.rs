//! Numbers as they are written in JSON, compared without rounding (SD10).

use std::{cmp::Ordering, hash::Hasher};

/// A decimal number that borrows its digits: 0.d₁d₂d₃… · 10^magnitude, d₁ and the last digit not 0.
///
/// Zero has no digits and no sign. A magnitude beyond ±2^62 is taken for ±2^62.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'text> {
    is_negative: bool,
    whole: &'text str,
    fraction: &'text str,
    magnitude: i64,
}

impl<'text> Decimal<'text> {
    /// Reads a number in JSON's form, which the reader of the text has checked.
    pub(crate) fn of(text: &'text str) -> Self {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0');
        let significant = if whole.is_empty() { fraction.trim_start_matches('0') } else { fraction };
        let shift = length(whole) - (length(fraction) - length(significant));
        let fraction = significant.trim_end_matches('0');
        let whole = if fraction.is_empty() { whole.trim_end_matches('0') } else { whole };
        if whole.is_empty() && fraction.is_empty() {
            return Self { is_negative: false, whole, fraction, magnitude: 0 };
        }
        let magnitude = exponent_of(exponent).saturating_add(shift).clamp(-LARGEST, LARGEST);
        Self { is_negative, whole, fraction, magnitude }
    }

    /// Whether this is greater than zero.
    pub(crate) const fn is_positive(&self) -> bool {
        !self.is_negative && !self.is_zero()
    }

    const fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// The significant digits, without zeros at either end.
    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes()).map(|digit| digit - b'0')
    }

    /// The power of ten of the last digit.
    fn exponent(&self) -> i64 {
        self.magnitude - length(self.whole) - length(self.fraction)
    }

    /// Feeds what makes two numbers equal to a hasher.
    pub(crate) fn hash(&self, hasher: &mut impl Hasher) {
        hasher.write_u8(u8::from(self.is_negative));
        hasher.write_i64(self.magnitude);
        self.digits().for_each(|digit| hasher.write_u8(digit));
    }

    fn compare_unsigned(&self, other: &Self) -> Ordering {
        // Zero has no place on the scale of magnitudes.
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => {
                self.magnitude.cmp(&other.magnitude).then_with(|| self.digits().cmp(other.digits()))
            }
        }
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.compare_unsigned(other),
            (true, true) => other.compare_unsigned(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal<'_> {}

/// What `multipleOf` divides by: `digits` · 10^`exponent`.
#[derive(Clone, Debug)]
pub(crate) struct Divisor {
    digits: u64,
    exponent: i64,
}

impl Divisor {
    /// The divisor, if it is positive and has at most 19 significant digits.
    pub(crate) fn of(number: &Decimal<'_>) -> Option<Self> {
        let digits = number
            .digits()
            .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit)))?;
        number.is_positive().then(|| Self { digits, exponent: number.exponent() })
    }

    /// Whether a number is a whole multiple of this, exactly.
    pub(crate) fn divides(&self, number: &Decimal<'_>) -> bool {
        if number.is_zero() {
            return true;
        }
        // The last digit of the number is not 0, so no power of ten divides its digits.
        let Ok(power) = u64::try_from(number.exponent().saturating_sub(self.exponent)) else { return false };
        let modulus = u128::from(self.digits);
        let digits =
            number.digits().fold(0, |remainder, digit| (remainder * 10 + u128::from(digit)) % modulus);
        (digits * power_of_ten(power, modulus)).is_multiple_of(modulus)
    }
}

/// 10^power modulo a number below 2^64.
fn power_of_ten(mut power: u64, modulus: u128) -> u128 {
    let mut result = 1 % modulus;
    let mut base = 10 % modulus;
    while power > 0 {
        if power % 2 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        power /= 2;
    }
    result
}

/// The exponent of a number; one that has too many digits for 64 bits is the largest there is.
fn exponent_of(text: &str) -> i64 {
    let furthest = if text.starts_with('-') { -LARGEST } else { LARGEST };
    text.parse().unwrap_or(furthest)
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(LARGEST)
}

/// Far enough from the ends of `i64` for sums of two.
const LARGEST: i64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly() {
        // Each is less than the next.
        let ascending = [
            "-1e400",
            "-972783798187987123879878123.188781371",
            "-972783798187987123879878123.18878137",
            "-10",
            "-9.5",
            "-0.01",
            "0",
            "1e-99999999999999999999",
            "1e-400",
            "0.0099",
            "0.01",
            "0.1",
            "1",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "1e400",
            "1.1e400",
            "1e99999999999999999999",
        ];
        for (index, one) in ascending.iter().enumerate() {
            for (other_index, other) in ascending.iter().enumerate() {
                let expected = index.cmp(&other_index);
                assert_eq!(Decimal::of(one).cmp(&Decimal::of(other)), expected, "{one} {other}");
            }
        }
    }

    #[test]
    fn one_number_has_many_forms() {
        let equal = [
            &["0", "-0", "0.0", "0e5", "-0.00E-7", "0e99999999999999999999"] as &[_],
            &["1", "1.0", "10e-1", "0.1e1", "1E0", "0.001e+3", "100e-2", "1.000"],
            &["-1200", "-1.2e3", "-12e2", "-1200.00", "-0.12E4"],
        ];
        for forms in equal {
            for one in forms {
                for other in forms {
                    assert_eq!(Decimal::of(one), Decimal::of(other), "{one} {other}");
                }
            }
        }
    }

    #[test]
    fn multiples_are_exact() {
        let rows = [
            ("10", "2", true),
            ("7", "2", false),
            ("0", "3.7", true),
            ("4.5", "1.5", true),
            ("35", "1.5", false),
            ("0.0075", "0.0001", true),
            ("0.00751", "0.0001", false),
            ("19.99", "0.01", true),
            ("-19.99", "0.01", true),
            ("1e308", "0.5", true),
            ("1e308", "0.123456789", false),
            ("123456789012345678901234567890", "3", true),
            ("123456789012345678901234567891", "3", false),
            ("1", "1e3", false),
            ("1e3", "1e3", true),
            ("1e99999999999999999999", "7", false),
            ("18446744073709551615", "18446744073709551615", true),
        ];
        for (number, divisor, expected) in rows {
            let divisor = Divisor::of(&Decimal::of(divisor)).expect(divisor);
            assert_eq!(divisor.divides(&Decimal::of(number)), expected, "{number}");
        }
        for refused in ["0", "-1", "0.123456789012345678901"] {
            assert!(Divisor::of(&Decimal::of(refused)).is_none(), "{refused}");
        }
    }
}
