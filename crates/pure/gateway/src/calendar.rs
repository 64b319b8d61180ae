//! Days, months and the ways in which answers and logs write a moment, in UTC.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECONDS_OF_DAY: u64 = 86_400;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: u64,
    /// From 1.
    pub(crate) month: u64,
    /// From 1.
    pub(crate) day: u64,
}

impl Date {
    /// The day that has so many days of 1970-01-01 and after before it. The algorithm counts years
    /// from March, so that the leap day is the last one (Howard Hinnant, "chrono-compatible low-level
    /// date algorithms").
    pub(crate) const fn of_days(days: u64) -> Self {
        let days = days + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        Self { year, month, day }
    }

    /// The days of 1970-01-01 and after before it. The inverse of [`Date::of_days`].
    const fn days(self) -> u64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let (era, year_of_era) = (year / 400, year % 400);
        let march_month = (self.month + 9) % 12;
        let day_of_year = (153 * march_month + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (era * 146_097 + day_of_era).saturating_sub(719_468)
    }

    pub(crate) const fn of_epoch_milliseconds(milliseconds: u64) -> Self {
        Self::of_days(milliseconds / 1_000 / SECONDS_OF_DAY)
    }
}

/// A day, counted from 1970-01-01, as `2026-07-10`.
///
/// ```
/// use postern_gateway::{date_of_day, day_of_date};
///
/// assert_eq!(date_of_day(20_779), "2026-11-22");
/// assert_eq!(day_of_date("2026-11-22"), Some(20_779));
/// assert_eq!(day_of_date("2026-02-29"), None);
/// ```
#[must_use]
pub fn date_of_day(day: u32) -> String {
    let Date { year, month, day } = Date::of_days(day.into());
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day of a date such as `2026-07-10`, counted from 1970-01-01. `None` for what is no such date.
#[must_use]
pub fn day_of_date(text: &str) -> Option<u32> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u64>().ok().filter(|number| *number > 0));
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || month > 12 || day > 31 {
        return None;
    }
    let number = u32::try_from(Date { year, month, day }.days()).ok()?;
    // What is written otherwise, or overflows its month, is written back in another way.
    (date_of_day(number) == text).then_some(number)
}

/// `10/Jul/2026:19:19:04 +0000`, the form of `$context.requestTime`.
pub(crate) fn request_time(epoch_milliseconds: u64) -> String {
    let Date { year, month, day } = Date::of_epoch_milliseconds(epoch_milliseconds);
    let month = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    let second = epoch_milliseconds / 1_000 % SECONDS_OF_DAY;
    let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{day:02}/{month}/{year:04}:{hours:02}:{minutes:02}:{seconds:02} +0000")
}

/// The text of `$context.requestTime`, kept by whoever writes many log lines: it is written anew only when
/// the second changes.
#[derive(Clone, Debug, Default)]
pub struct RequestTimeText {
    second: u64,
    text: String,
}

impl RequestTimeText {
    pub(crate) fn at(&mut self, epoch_milliseconds: u64) -> &str {
        let second = epoch_milliseconds / 1_000;
        if self.second != second || self.text.is_empty() {
            *self = Self { second, text: request_time(epoch_milliseconds) };
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (days, year, month, day) in [
            (0, 1970, 1, 1),
            (59, 1970, 3, 1),
            (11_016, 2000, 2, 29),
            (19_782, 2024, 2, 29),
            (20_779, 2026, 11, 22),
        ] {
            assert_eq!(Date::of_days(days), Date { year, month, day }, "{days}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = Date::of_days(0);
        for days in 1..146_097 {
            let date = Date::of_days(days);
            assert_eq!(date.days(), days);
            assert!(
                date > before && (date.day == before.day + 1 || date.day == 1),
                "{date:?} after {before:?}"
            );
            before = date;
        }
    }

    #[test]
    fn dates_are_read_as_they_are_written() {
        for day in 0..146_097 {
            assert_eq!(day_of_date(&date_of_day(day)), Some(day));
        }
        for text in [
            "",
            "2026",
            "2026-11",
            "2026-11-31",
            "2026-13-01",
            "2026-1-1",
            "1969-12-31",
            "2026-11-22 ",
            "+026-01-01",
        ] {
            assert_eq!(day_of_date(text), None, "{text}");
        }
    }

    #[test]
    fn request_time_is_written_as_the_service_writes_it() {
        assert_eq!(request_time(1_783_711_144_123), "10/Jul/2026:19:19:04 +0000");
    }

    #[test]
    fn request_time_is_kept_for_its_second_only() {
        let mut kept = RequestTimeText::default();
        for milliseconds in [0, 999, 1_000, 1_783_711_144_123, 1_783_711_144_999, 1_783_711_145_000, 0] {
            assert_eq!(kept.at(milliseconds), request_time(milliseconds));
        }
    }
}
