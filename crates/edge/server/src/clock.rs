//! Both clocks of the process, and the date in the words of HTTP.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postern_gateway::Now;

/// The clocks of one process. Everything that is compared between workers (buckets, for example) goes
/// by one of these, made once.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts now, at a moment that leaves room before it.
    #[must_use]
    pub fn start() -> Self {
        let now = Instant::now();
        // Nothing that happened "a while ago" may underflow.
        Self { origin: now.checked_sub(ROOM_BEFORE_START).unwrap_or(now) }
    }

    /// Both clocks as they stand now.
    #[must_use]
    pub fn now(&self) -> Now {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now {
            monotonic_nanoseconds: self.monotonic_nanoseconds(),
            epoch_milliseconds: u64::try_from(epoch.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The monotonic clock alone, in nanoseconds.
    #[must_use]
    pub fn monotonic_nanoseconds(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Clock {
    /// What is to be added to the monotonic clock for nanoseconds since 1970.
    pub(crate) fn epoch_offset(&self) -> i64 {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let epoch = i64::try_from(epoch.as_nanos()).unwrap_or(i64::MAX);
        epoch.saturating_sub_unsigned(self.monotonic_nanoseconds())
    }
}

const ROOM_BEFORE_START: Duration = Duration::from_secs(3_600);

/// The `Date` field line, written anew when the second changes.
#[derive(Debug)]
pub(crate) struct DateLine {
    epoch_seconds: u64,
    line: [u8; DATE_LINE_BYTES],
}

impl DateLine {
    /// No second yet.
    pub(crate) const fn new() -> Self {
        Self { epoch_seconds: u64::MAX, line: *b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" }
    }

    /// `Date: Sun, 06 Nov 1994 08:49:37 GMT` and its line end (RFC 9110 section 5.6.7).
    pub(crate) fn at(&mut self, epoch_milliseconds: u64) -> &[u8] {
        let seconds = epoch_milliseconds / 1_000;
        if seconds != self.epoch_seconds {
            self.epoch_seconds = seconds;
            self.write(seconds);
        }
        &self.line
    }

    fn write(&mut self, seconds: u64) {
        let days = seconds / 86_400;
        let (year, month, day) = civil_from_days(days);
        let in_day = seconds % 86_400;
        let mut at = DATE_NAME_BYTES;
        let mut put = |bytes: &[u8]| {
            if let Some(place) = self.line.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
            at += bytes.len();
        };
        put(name_of(WEEKDAYS, days % 7));
        put(b", ");
        put(&two_digits(day));
        put(b" ");
        put(name_of(MONTHS, month - 1));
        put(b" ");
        put(&two_digits(year / 100));
        put(&two_digits(year % 100));
        put(b" ");
        put(&two_digits(in_day / 3_600));
        put(b":");
        put(&two_digits(in_day / 60 % 60));
        put(b":");
        put(&two_digits(in_day % 60));
    }
}

/// Year, month and day of a count of days since 1970-01-01 (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

fn name_of(names: &'static [&'static str], index: u64) -> &'static [u8] {
    usize::try_from(index).ok().and_then(|index| names.get(index)).map_or(b"???", |name| name.as_bytes())
}

fn two_digits(number: u64) -> [u8; 2] {
    let digit = |value: u64| u8::try_from(value % 10).map_or(b'0', |digit| b'0' + digit);
    [digit(number / 10), digit(number)]
}

const DATE_NAME_BYTES: usize = "Date: ".len();
const DATE_LINE_BYTES: usize = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n".len();
/// The first of January 1970 was a Thursday.
const WEEKDAYS: &[&str] = &["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let mut line = DateLine::new();
        for (seconds, expected) in [
            (0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
            (784_111_777, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
            (951_782_400, "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n"),
            (951_868_799, "Date: Tue, 29 Feb 2000 23:59:59 GMT\r\n"),
            (1_735_689_599, "Date: Tue, 31 Dec 2024 23:59:59 GMT\r\n"),
            (4_107_542_400, "Date: Mon, 01 Mar 2100 00:00:00 GMT\r\n"),
        ] {
            assert_eq!(line.at(seconds * 1_000 + 999), expected.as_bytes(), "{seconds}");
        }
    }
}
