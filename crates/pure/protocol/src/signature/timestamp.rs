//! The moments of signatures: seconds since 1970 and `20150830T123600Z`.

#![deny(clippy::as_conversions)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a calendar of the years 1970 to 9999, whose seconds are far from the ends of u64"
)]

use std::fmt;

/// A moment, to the second, printed in ISO 8601's basic format.
///
/// ```
/// use postern_protocol::signature::Timestamp;
///
/// let timestamp = Timestamp::from_epoch_seconds(1_440_938_160);
/// assert_eq!(timestamp.to_string(), "20150830T123600Z");
/// assert_eq!(timestamp.date(), "20150830");
/// assert_eq!("20150830T123600Z".parse(), Ok(timestamp));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    epoch_seconds: u64,
}

impl Timestamp {
    /// The moment so many seconds after 1970-01-01T00:00:00Z. Later than the year 9999 is taken as its end.
    #[must_use]
    pub const fn from_epoch_seconds(epoch_seconds: u64) -> Self {
        let epoch_seconds = if epoch_seconds > LAST { LAST } else { epoch_seconds };
        Self { epoch_seconds }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn epoch_seconds(self) -> u64 {
        self.epoch_seconds
    }

    /// The day as a credential scope has it: `20150830`.
    #[must_use]
    pub fn date(self) -> String {
        let (year, month, day) = self.civil();
        format!("{year:04}{month:02}{day:02}")
    }

    /// Reads `Date` in its preferred form (RFC 9110 section 5.6.7): `Sun, 30 Aug 2015 12:36:00 GMT`. The day of
    /// the week is not compared.
    pub(super) fn parse_http_date(text: &[u8]) -> Option<Self> {
        let (weekday, text) = text.split_at_checked(5)?;
        let (date, time) = text.split_at_checked(12)?;
        let (hour, minute, second) = match time {
            [h1, h2, b':', m1, m2, b':', s1, s2, b' ', b'G', b'M', b'T'] => {
                (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?)
            }
            _ => return None,
        };
        let (day, month, year) = match date {
            [d1, d2, b' ', m1, m2, m3, b' ', year @ .., b' '] => {
                (number(&[*d1, *d2])?, month([*m1, *m2, *m3])?, number(year)?)
            }
            _ => return None,
        };
        let well_formed = matches!(weekday, [first, second, third, b',', b' ']
            if [first, second, third].iter().all(|letter| letter.is_ascii_alphabetic()));
        if well_formed { Self::from_parts([year, month, day, hour, minute, second]) } else { None }
    }

    /// The moment of year, month, day, hour, minute and second, if the calendar has it.
    fn from_parts([year, month, day, hour, minute, second]: [u64; 6]) -> Option<Self> {
        if year < 1970 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_before_year(year)
            + (1..month).map(|month| days_of_month(year, month)).sum::<u64>()
            + day.checked_sub(1).filter(|_| day <= days_of_month(year, month))?;
        Some(Self { epoch_seconds: ((days * 24 + hour) * 60 + minute) * 60 + second })
    }

    /// Year, month and day.
    fn civil(self) -> (u64, u64, u64) {
        let mut days = self.epoch_seconds / 86_400;
        // 366 days hold any year, so this is never too late, and 30 years of leap days at most too early.
        let mut year = 1970 + days / 366;
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        days -= days_before_year(year);
        let mut month = 1;
        while days >= days_of_month(year, month) {
            days -= days_of_month(year, month);
            month += 1;
        }
        (year, month, days + 1)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        let (hour, minute, second) =
            (self.epoch_seconds / 3600 % 24, self.epoch_seconds / 60 % 60, self.epoch_seconds % 60);
        write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }
}

/// Not a moment in the basic format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATimestamp;

impl std::str::FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let [y1, y2, y3, y4, o1, o2, d1, d2, b'T', h1, h2, m1, m2, s1, s2, b'Z'] = *text.as_bytes() else {
            return Err(NotATimestamp);
        };
        let parts = [&[y1, y2, y3, y4][..], &[o1, o2], &[d1, d2], &[h1, h2], &[m1, m2], &[s1, s2]];
        let mut numbers = [0; 6];
        for (place, digits) in numbers.iter_mut().zip(parts) {
            *place = number(digits).ok_or(NotATimestamp)?;
        }
        Self::from_parts(numbers).ok_or(NotATimestamp)
    }
}

/// Digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

fn month(name: [u8; 3]) -> Option<u64> {
    MONTHS.iter().zip(1..).find(|(month, _)| **month == &name).map(|(_, number)| number)
}

/// Days from 1970-01-01 to the first day of `year`, which is 1970 or later.
const fn days_before_year(year: u64) -> u64 {
    let past = year - 1;
    (year - 1970) * 365 + (past / 4 - past / 100 + past / 400) - LEAP_DAYS_BEFORE_1970
}

const fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// 1969 / 4 - 1969 / 100 + 1969 / 400.
const LEAP_DAYS_BEFORE_1970: u64 = 477;

/// 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_and_their_texts() {
        let rows = [
            (0, "19700101T000000Z"),
            (68_169_599, "19720228T235959Z"),
            (68_169_600, "19720229T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (4_107_542_400, "21000301T000000Z"),
            (LAST, "99991231T235959Z"),
        ];
        for (epoch_seconds, text) in rows {
            assert_eq!(Timestamp::from_epoch_seconds(epoch_seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp { epoch_seconds }), "{text}");
        }
        assert_eq!(Timestamp::from_epoch_seconds(u64::MAX).to_string(), "99991231T235959Z");
    }

    #[test]
    fn what_is_no_timestamp() {
        let rows = [
            "",
            "201",
            "20150830",
            "20150830T123600",
            "20150830T123600z",
            "20150830 123600Z",
            "2015-08-30T12:36:00Z",
            "20150230T123600Z",
            "20151301T123600Z",
            "20150800T123600Z",
            "20150831T240000Z",
            "20150831T126000Z",
            "20150831T123660Z",
            "19691231T235959Z",
            "+0150830T123600Z",
            "20150830T123600Z ",
        ];
        for text in rows {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATimestamp), "{text:?}");
        }
    }

    #[test]
    fn the_date_header() {
        let parse = |text: &str| Timestamp::parse_http_date(text.as_bytes()).map(|moment| moment.to_string());
        assert_eq!(parse("Sun, 30 Aug 2015 12:36:00 GMT").as_deref(), Some("20150830T123600Z"));
        let rows = [
            "",
            "Sun, 30 Aug 2015 12:36:00 UTC",
            "Sun, 30 Aug 2015 12:36:00",
            "Sun, 30 aug 2015 12:36:00 GMT",
            "Sun, 31 Feb 2015 12:36:00 GMT",
            "Sunday, 30-Aug-15 12:36:00 GMT",
            "Sun Aug 30 12:36:00 2015",
            "S1n, 30 Aug 2015 12:36:00 GMT",
        ];
        for text in rows {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(epoch_seconds in 0..=LAST) {
            let moment = Timestamp::from_epoch_seconds(epoch_seconds);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
            prop_assert!(moment.to_string().starts_with(&moment.date()));
        }

        #[test]
        fn order_of_moments_is_order_of_texts(one in 0..=LAST, other in 0..=LAST) {
            let text = |moment| Timestamp::from_epoch_seconds(moment).to_string();
            prop_assert_eq!(one.cmp(&other), text(one).cmp(&text(other)));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String, bytes: Vec<u8>) {
            let _ = text.parse::<Timestamp>();
            let _ = Timestamp::parse_http_date(&bytes);
        }
    }
}
