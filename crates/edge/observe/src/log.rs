//! What the program tells its operator: structured lines, one event each.

use std::{
    fmt::{self, Display, Write as _},
    io::{self, Write as _},
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All is well.
    Info,
    /// Something should be looked at; everything is served.
    Warning,
    /// Something does not work.
    Error,
}

/// What matters less is not logged from now on: for a program that has something else to say.
pub fn log_from(severity: Severity) {
    LEAST.store(severity as u8, Ordering::Relaxed);
}

static LEAST: AtomicU8 = AtomicU8::new(Severity::Info as u8);

/// Writes an event to the standard error stream: one line of JSON with the time, the severity, the
/// message and some fields, at most 8 KiB (hardening.md section 10). What others wrote (file contents,
/// bytes of clients) is escaped, so that it can neither end the line nor move a terminal's cursor.
///
/// Never blocks longer than the stream does, and does not fail: where nobody reads, nothing is lost
/// that somebody would have read.
pub fn log(severity: Severity, message: &str, fields: &[(&str, &dyn Display)]) {
    if (severity as u8) < LEAST.load(Ordering::Relaxed) {
        return;
    }
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let line = line(since_epoch, severity, message, fields);
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// One event, its line end included.
fn line(since_epoch: Duration, severity: Severity, message: &str, fields: &[(&str, &dyn Display)]) -> String {
    let mut line = String::with_capacity(256);
    line.push_str(r#"{"time":""#);
    write_time(since_epoch, &mut line);
    let severity = match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let _ = write!(line, r#"","severity":"{severity}""#);
    write_field("message", &message, &mut line);
    for (name, value) in fields {
        write_field(name, value, &mut line);
    }
    line.push_str("}\n");
    line
}

/// A line has at most so many bytes.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Where values are cut: the rest is for what closes the line.
const VALUE_END: usize = LINE_BYTES_MAX - 64;
/// The longest escape: a pair of surrogates.
const ESCAPE_BYTES: usize = 12;

fn write_field(name: &str, value: &dyn Display, line: &mut String) {
    if line.len() + name.len() + ESCAPE_BYTES > VALUE_END {
        return;
    }
    let _ = write!(line, r#","{name}":""#);
    // An error only says that the value was cut.
    let _ = write!(Escaping { line }, "{value}");
    line.push('"');
}

/// Escapes what is written to it, as JSON does, and what no terminal may see.
struct Escaping<'l> {
    line: &'l mut String,
}

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.line.len() + ESCAPE_BYTES > VALUE_END {
                return Err(fmt::Error);
            }
            match character {
                '"' | '\\' => self.line.extend(['\\', character]),
                '\n' => self.line.push_str("\\n"),
                _ if character.is_control() || moves_text(character) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.line, "\\u{unit:04x}");
                    }
                }
                _ => self.line.push(character),
            }
        }
        Ok(())
    }
}

/// Marks of direction, and the line ends of Unicode.
const fn moves_text(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// `2026-11-22T12:34:56.789Z` (RFC 3339).
fn write_time(since_epoch: Duration, line: &mut String) {
    let (days, second) = (since_epoch.as_secs() / 86_400, since_epoch.as_secs() % 86_400);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millisecond = since_epoch.subsec_millis();
    let _ = write!(line, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z");
}

/// Year, month and day of a count of days since 1970-01-01 (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1_795_350_896_789);

    #[test]
    fn log_an_event_is_one_line_of_json() {
        let told = line(MOMENT, Severity::Info, "serving", &[("generation", &7), ("file", &"a\"b")]);
        assert_eq!(
            told,
            "{\"time\":\"2026-11-22T12:34:56.789Z\",\"severity\":\"info\",\"message\":\"serving\",\
             \"generation\":\"7\",\"file\":\"a\\\"b\"}\n"
        );
    }

    #[test]
    fn log_what_others_wrote_cannot_end_the_line_or_move_the_cursor() {
        let told = line(MOMENT, Severity::Error, "x\r\n\u{1b}[2J\u{202e}\u{7f}", &[]);
        assert!(told.ends_with("\"message\":\"x\\u000d\\n\\u001b[2J\\u202e\\u007f\"}\n"), "{told}");
    }

    #[test]
    fn log_a_line_is_at_most_8_kib_and_still_whole() {
        let long = "ä".repeat(10_000);
        let told = line(MOMENT, Severity::Warning, "long", &[("one", &long), ("two", &"lost")]);
        assert!(told.len() <= LINE_BYTES_MAX && told.len() > LINE_BYTES_MAX - 128, "{}", told.len());
        assert!(told.ends_with("ä\"}\n"));
    }

    #[test]
    fn log_dates_are_those_of_the_calendar() {
        for (days, expected) in [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (20_779, (2026, 11, 22))] {
            assert_eq!(civil_from_days(days), expected);
        }
    }
}
