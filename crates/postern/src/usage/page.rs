//! `/usage` of the admin listener: a page that is written while it is sent, so that a million keys cost
//! neither its memory nor the time of others who ask.

use std::sync::Arc;

use postern_gateway::{KeyUsage, Snapshot, date_of_day, day_of_date, first_day_of};
use postern_model::QuotaPeriod;
use postern_protocol::uri::decode_form;

use super::{
    Days, UsageReader, UsageRow,
    days::{DAYS_KEPT, Kept},
};

/// What `/usage` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Question {
    /// The plan's name; absent: all.
    pub(crate) plan: Option<String>,
    /// The key's name; absent: all.
    pub(crate) key: Option<String>,
    /// The first day, counted from 1970-01-01.
    pub(crate) start: Option<u32>,
    /// The last day.
    pub(crate) end: Option<u32>,
    /// What is to be left (TH-36).
    pub(crate) remaining: Option<u64>,
}

impl Question {
    /// Reads a query.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub(crate) fn of(query: Option<&str>) -> Result<Self, String> {
        let mut question = Self::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value =
                decode_form(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes.into()).ok());
            let value = value.ok_or_else(|| format!("`{name}` is not UTF-8 text, percent-encoded"))?;
            let date = |text: &str| {
                let day = day_of_date(text);
                day.map(Some).ok_or_else(|| format!("`{name}`: expected a date such as `2026-11-22`"))
            };
            match name {
                "plan" => question.plan = Some(value),
                "key" => question.key = Some(value),
                "startDate" => question.start = date(&value)?,
                "endDate" => question.end = date(&value)?,
                "remaining" => {
                    let number = value.parse().map_err(|_| "`remaining`: expected a number of requests")?;
                    question.remaining = Some(number);
                }
                _ => return Err("expected `plan`, `key`, `startDate`, `endDate`, `remaining`".into()),
            }
        }
        if question.is_reversed() {
            return Err("`startDate` is after `endDate`".into());
        }
        Ok(question)
    }

    /// Whether the first day is said to come after the last.
    pub(crate) fn is_reversed(&self) -> bool {
        self.start.zip(self.end).is_some_and(|(start, end)| start > end)
    }

    /// The days that are asked for: up to today, and as far back as they are kept; from the first of the
    /// month, unless it is said.
    pub(crate) fn days(&self, today: u32) -> Days {
        let oldest = (today + 1).saturating_sub(DAYS_KEPT);
        let end = self.end.unwrap_or(today).min(today);
        let start = self.start.unwrap_or_else(|| first_day_of(QuotaPeriod::Month, end));
        start.max(oldest)..=end
    }
}

/// The page, as far as it is not sent yet.
#[derive(Debug)]
pub(crate) struct UsagePage {
    house: Arc<Snapshot>,
    /// Absent where nothing is kept: then what is counted now is all there is.
    reader: Option<UsageReader>,
    plan: Option<String>,
    key: Option<String>,
    days: Days,
    today: u32,
    next: Next,
}

/// What is sent next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Head,
    /// The number of the next place of a key in a plan, and whether a row stands before it.
    Row(usize, bool),
    Nothing,
}

/// So many bytes are sent at a time.
const PIECE_BYTES: usize = 16 * 1024;
/// So many places are looked at for one piece.
const PLACES_OF_PIECE: usize = 4_096;

impl UsagePage {
    pub(crate) fn new(
        house: Arc<Snapshot>,
        reader: Option<UsageReader>,
        question: Question,
        today: u32,
    ) -> Self {
        let days = question.days(today);
        let Question { plan, key, .. } = question;
        Self { house, reader, plan, key, days, today, next: Next::Head }
    }

    /// What is sent next; `None` at the end. An empty piece says that nothing of many places was asked for.
    pub(crate) fn next_piece(&mut self) -> Option<String> {
        match self.next {
            Next::Head => {
                self.next = Next::Row(0, false);
                let (start, end) = (date_of_day(*self.days.start()), date_of_day(*self.days.end()));
                Some(format!("{{\"startDate\":\"{start}\",\"endDate\":\"{end}\",\"usage\":["))
            }
            Next::Row(place, has_rows) => Some(self.rows(place, has_rows)),
            Next::Nothing => None,
        }
    }

    fn rows(&mut self, begin: usize, mut has_rows: bool) -> String {
        let mut piece = String::new();
        let end = self.house.usage_count().min(begin + PLACES_OF_PIECE);
        let mut place = begin;
        while place < end && piece.len() < PIECE_BYTES {
            if let Some(usage) = self.house.usage(place).filter(|usage| self.wants(usage)) {
                piece.push_str(if has_rows { ",\n" } else { "\n" });
                piece.push_str(&self.row(usage).json().to_string());
                has_rows = true;
            }
            place += 1;
        }
        self.next = Next::Row(place, has_rows);
        if place == self.house.usage_count() {
            piece.push_str("\n]}\n");
            self.next = Next::Nothing;
        }
        piece
    }

    fn wants(&self, usage: &KeyUsage<'_>) -> bool {
        self.plan.as_ref().is_none_or(|plan| plan == usage.plan)
            && self.key.as_ref().is_none_or(|key| key == usage.key)
    }

    fn row<'a>(&self, usage: KeyUsage<'a>) -> UsageRow<'a> {
        match &self.reader {
            Some(reader) => reader.row(usage, &self.days, self.today),
            None => UsageRow::of(usage, Kept::default(), (&self.days, self.today), |_| None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_from_a_query() {
        let question = Question::of(Some("plan=my+plan%2Fone&key=a&startDate=2026-11-01&endDate=2026-11-22"));
        let expected = Question {
            plan: Some("my plan/one".into()),
            key: Some("a".into()),
            start: Some(20_758),
            end: Some(20_779),
            remaining: None,
        };
        assert_eq!(question, Ok(expected));
        assert_eq!(Question::of(None), Ok(Question::default()));
        for (query, wrong) in [
            ("startDate=yesterday", "`startDate`: expected a date such as `2026-11-22`"),
            ("startDate=2026-11-22&endDate=2026-11-21", "`startDate` is after `endDate`"),
            ("remaining=-1", "`remaining`: expected a number of requests"),
            ("plan=%zz", "`plan` is not UTF-8 text, percent-encoded"),
            ("plam=gold", "expected `plan`, `key`, `startDate`, `endDate`, `remaining`"),
        ] {
            assert_eq!(Question::of(Some(query)), Err(wrong.into()));
        }
    }

    #[test]
    fn days_go_from_the_first_of_the_month_to_today() {
        let days = |query| Question::of(Some(query)).unwrap().days(20_779);
        assert_eq!(days(""), 20_758..=20_779);
        assert_eq!(days("startDate=2026-11-22&endDate=2026-12-24"), 20_779..=20_779);
        assert_eq!(days("startDate=2020-01-01"), 20_690..=20_779);
        assert_eq!(days("endDate=2026-10-15"), 20_727..=20_741);
    }
}
