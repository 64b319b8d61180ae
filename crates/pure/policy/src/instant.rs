//! Moments, as conditions write them: ISO 8601 in the W3C profile, or seconds since 1970.

use std::fmt;

/// A moment. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Instant {
    /// Since 1970-01-01T00:00:00Z.
    seconds: i64,
    nanoseconds: u32,
}

/// Reads a moment as conditions write it: a date such as `2026-01-31T12:00:00Z`, or seconds since 1970.
/// Gives seconds since 1970-01-01T00:00:00Z.
///
/// ```
/// assert_eq!(postern_policy::parse_date("2015-08-30T12:36:00Z"), Some(1_440_938_160));
/// assert_eq!(postern_policy::parse_date("1440938160"), Some(1_440_938_160));
/// assert_eq!(postern_policy::parse_date("tomorrow"), None);
/// ```
#[must_use]
pub fn parse_date(text: &str) -> Option<i64> {
    Instant::parse(text).map(Instant::seconds)
}

const SECONDS_OF_A_DAY: i64 = 86_400;

impl Instant {
    /// Reads a date, or seconds since 1970. Four digits alone are a year: that is how the W3C
    /// profile writes one, and nobody means the first hours of 1970.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::parse_date(text).or_else(|| Self::parse_epoch(text))
    }

    /// The seconds since 1970, fractions cut off.
    pub(crate) const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Whole seconds since 1970.
    pub(crate) const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }

    /// Milliseconds since 1970.
    pub(crate) fn from_milliseconds(milliseconds: i64) -> Self {
        let nanoseconds =
            u32::try_from(milliseconds.rem_euclid(1_000)).unwrap_or(0).saturating_mul(1_000_000);
        Self { seconds: milliseconds.div_euclid(1_000), nanoseconds }
    }

    fn parse_epoch(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if all_digits { text.parse().ok().map(Self::from_seconds) } else { None }
    }

    /// `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or `YYYY-MM-DDThh:mm[:ss[.s…]]` with `Z` or `±hh:mm`
    /// (<https://www.w3.org/TR/NOTE-datetime>).
    fn parse_date(text: &str) -> Option<Self> {
        let mut rest = Rest(text);
        let year = rest.number(4)?;
        let month = if rest.is_empty() { 1 } else { rest.after('-')?.number(2)? };
        let day = if rest.is_empty() { 1 } else { rest.after('-')?.number(2)? };
        if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
            return None;
        }
        let midnight = days_since_1970(year, month, day).checked_mul(SECONDS_OF_A_DAY)?;
        if rest.is_empty() {
            return Some(Self::from_seconds(midnight));
        }
        let (hour, minute) = rest.after('T')?.hour_and_minute()?;
        let (second, nanoseconds) = if rest.eat(':') { rest.second()? } else { (0, 0) };
        let offset = rest.offset_seconds()?;
        let of_day = seconds_of(hour, minute)?.checked_add(second)?;
        let seconds = midnight.checked_add(of_day)?.checked_sub(offset)?;
        rest.is_empty().then_some(Self { seconds, nanoseconds })
    }
}

/// What is left of a date's text.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn eat(&mut self, expected: char) -> bool {
        let after = self.0.strip_prefix(expected);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn after(&mut self, expected: char) -> Option<&mut Self> {
        self.eat(expected).then_some(self)
    }

    /// A number of exactly this many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
    }

    fn hour_and_minute(&mut self) -> Option<(i64, i64)> {
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        let minute = self.after(':')?.number(2).filter(|minute| *minute < 60)?;
        Some((hour, minute))
    }

    /// `ss` or `ss.s…`; what is finer than a nanosecond is cut off.
    fn second(&mut self) -> Option<(i64, u32)> {
        let second = self.number(2).filter(|second| *second < 60)?;
        if !self.eat('.') {
            return Some((second, 0));
        }
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(length).filter(|_| length > 0)?;
        self.0 = rest;
        let nanoseconds =
            digits.bytes().chain(std::iter::repeat(b'0')).take(9).try_fold(0_u32, |sum, digit| {
                sum.checked_mul(10)?.checked_add(u32::from(digit.checked_sub(b'0')?))
            })?;
        Some((second, nanoseconds))
    }

    fn offset_seconds(&mut self) -> Option<i64> {
        if self.eat('Z') {
            return Some(0);
        }
        let sign = if self.eat('+') { 1 } else { self.after('-').map(|_| -1)? };
        let (hour, minute) = self.hour_and_minute()?;
        seconds_of(hour, minute)?.checked_mul(sign)
    }
}

fn seconds_of(hour: i64, minute: i64) -> Option<i64> {
    hour.checked_mul(3_600)?.checked_add(minute.checked_mul(60)?)
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar. Years are counted from March,
/// so that the leap day is a year's last (<https://howardhinnant.github.io/date_algorithms.html>).
#[expect(clippy::arithmetic_side_effects, reason = "the year has four digits: every sum fits")]
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The reverse: year, month and day.
#[expect(clippy::arithmetic_side_effects, reason = "days come from seconds in an i64: every sum fits")]
const fn date_of(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// ISO 8601 in UTC, as `aws:CurrentTime` is written; milliseconds only where there are any.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.seconds.div_euclid(SECONDS_OF_A_DAY));
        let of_day = self.seconds.rem_euclid(SECONDS_OF_A_DAY);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.nanoseconds / 1_000_000 {
            0 => f.write_str("Z"),
            milliseconds => write!(f, ".{milliseconds:03}Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_w3c_profile_is_read() {
        for (text, expected) in [
            ("1970", "1970-01-01T00:00:00Z"),
            ("2026-03", "2026-03-01T00:00:00Z"),
            ("2026-02-28", "2026-02-28T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("2000-02-29", "2000-02-29T00:00:00Z"),
            ("2026-03-04T05:06Z", "2026-03-04T05:06:00Z"),
            ("2026-03-04T05:06:07Z", "2026-03-04T05:06:07Z"),
            ("2026-03-04T05:06:07.45+01:00", "2026-03-04T04:06:07.450Z"),
            ("2026-03-04T22:30:00-05:30", "2026-03-05T04:00:00Z"),
            ("2026-01-01T00:00:00+14:00", "2025-12-31T10:00:00Z"),
            ("0000-01-01", "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("1767225600", "2026-01-01T00:00:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("-1", "1969-12-31T23:59:59Z"),
            ("01970", "1970-01-01T00:32:50Z"),
        ] {
            assert_eq!(Instant::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "today",
            "2026-13",
            "2026-00",
            "2026-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-1-1",
            "2026-01-01T00:00:00",
            "2026-01-01T24:00Z",
            "2026-01-01T00:60Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01t00:00:00z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00Z",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00Zjunk",
            "2026-*",
            "20260101T000000Z",
            "1e9",
            "+5",
            "--5",
            "99999999999999999999",
            "2026-01-01T00:00:00+24:00",
            "２０２６",
        ] {
            assert_eq!(Instant::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn text_and_milliseconds_meet() {
        let written = Instant::parse("2026-03-04T05:06:07.089Z").unwrap();
        let counted = Instant::from_milliseconds(1_772_600_767_089);
        assert_eq!(written, counted);
        assert_eq!(counted.to_string(), "2026-03-04T05:06:07.089Z");
        assert!(Instant::from_milliseconds(-1) < Instant::from_seconds(0));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(milliseconds in -62_167_219_200_000_i64..253_402_300_800_000) {
            let instant = Instant::from_milliseconds(milliseconds);
            proptest::prop_assert_eq!(Instant::parse(&instant.to_string()), Some(instant));
        }
    }
}
