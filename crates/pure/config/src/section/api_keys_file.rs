//! Files of API keys in the CSV form of the service's import.
//!
//! The form ([API Gateway API key file format][format]): a first line with the names of the columns, in
//! any order and letter case; `Name` and `Key` must be there, `Description`, `Enabled` and
//! `UsagePlanIds` may be. Values with commas stand in double or single quotes. Other columns are
//! ignored. No message shows a value, since any cell may hold a key.
//!
//! [format]: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-key-file-format.html

use std::{borrow::Cow, sync::Arc};

use postern_document::{Place, Problems};
use postern_model::ApiKeyValue;

use crate::section::api_keys::key_name;

/// One line of the file.
pub(crate) struct ImportedKey<'row> {
    /// The name.
    pub(crate) name: Box<str>,
    /// The value; absent where it was refused.
    pub(crate) value: Option<ApiKeyValue>,
    /// Whether it opens anything.
    pub(crate) enabled: bool,
    /// The usage plans that it belongs to, separated by commas, and their place.
    pub(crate) usage_plans: (&'row str, Place),
    /// Where the line starts.
    pub(crate) place: Place,
}

/// Reads the lines of a file and hands each key to `take`.
pub(crate) fn read(
    file: &str,
    text: &str,
    problems: &mut Problems,
    mut take: impl FnMut(ImportedKey<'_>, &mut Problems),
) {
    let mut rows = Rows::of(file, text);
    let mut cells = Vec::new();
    if !rows.next(&mut cells, problems) {
        problems.error(&rows.place(1), "the first line names no columns: expected `Name` and `Key`");
        return;
    }
    let Some(columns) = Columns::read(&cells, &rows, problems) else { return };
    while rows.next(&mut cells, problems) {
        if let Some(key) = columns.key(&cells, &rows, problems) {
            take(key, problems);
        }
    }
}

/// Which column is which.
struct Columns {
    count: usize,
    name: usize,
    key: usize,
    enabled: Option<usize>,
    usage_plans: Option<usize>,
}

impl Columns {
    fn read(header: &[Cell<'_>], rows: &Rows<'_>, problems: &mut Problems) -> Option<Self> {
        let find = |wanted: &str| header.iter().position(|cell| cell.text.eq_ignore_ascii_case(wanted));
        let (Some(name), Some(key)) = (find("Name"), find("Key")) else {
            // A file without a first line of names starts with a key, so nothing of it is shown.
            problems
                .error(&rows.place(1), "the first line must name the columns, `Name` and `Key` among them");
            return None;
        };
        let known = ["Name", "Key", "Description", "Enabled", "UsagePlanIds"];
        for (index, cell) in header.iter().enumerate() {
            let column = &*cell.text;
            if find(column).is_some_and(|first| first < index) {
                problems.error(&rows.place(cell.column), format!("the column `{column}` stands twice"));
            } else if !known.iter().any(|known| known.eq_ignore_ascii_case(column)) {
                problems.warning(&rows.place(cell.column), format!("the column `{column}` is ignored"));
            }
        }
        let (enabled, usage_plans) = (find("Enabled"), find("UsagePlanIds"));
        Some(Self { count: header.len(), name, key, enabled, usage_plans })
    }

    fn key<'row>(
        &self,
        cells: &'row [Cell<'_>],
        rows: &Rows<'_>,
        problems: &mut Problems,
    ) -> Option<ImportedKey<'row>> {
        if cells.len() > self.count {
            let message = format!("{} values: expected {}, as the first line names", cells.len(), self.count);
            problems.error(&rows.place(1), message);
            return None;
        }
        let cell = |index: Option<usize>| cells.get(index?);
        let text = |index| cell(index).map_or(("", 1), |cell| (&*cell.text, cell.column));
        let (name, name_column) = text(Some(self.name));
        let (value, value_column) = text(Some(self.key));
        let (enabled, enabled_column) = text(self.enabled);
        let (plans, plans_column) = text(self.usage_plans);
        let enabled = read_enabled(enabled).unwrap_or_else(|| {
            problems.error(&rows.place(enabled_column), "`Enabled`: expected `true` or `false`");
            false
        });
        let value = ApiKeyValue::plain(value)
            .map_err(|error| problems.error(&rows.place(value_column), format!("`Key`: {error}")))
            .ok();
        let name = key_name(name)
            .map_err(|error| problems.error(&rows.place(name_column), format!("`Name`: {error}")))
            .ok();
        let usage_plans = (plans, rows.place(plans_column));
        Some(ImportedKey { name: name?, value, enabled, usage_plans, place: rows.place(1) })
    }
}

fn read_enabled(text: &str) -> Option<bool> {
    match text {
        "" => Some(true),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// One value of a line.
struct Cell<'text> {
    text: Cow<'text, str>,
    column: u32,
}

/// The lines of a CSV text (RFC 4180, with single quotes too); empty ones are skipped.
struct Rows<'text> {
    file: Arc<str>,
    rest: &'text str,
    line: u32,
    column: u32,
    row_line: u32,
}

impl<'text> Rows<'text> {
    fn of(file: &str, text: &'text str) -> Self {
        let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { file: file.into(), rest, line: 1, column: 1, row_line: 1 }
    }

    /// A column of the row that was read last.
    fn place(&self, column: u32) -> Place {
        Place::new(Arc::clone(&self.file), self.row_line, column)
    }

    /// Reads the next line that holds something into `cells`; `false` at the end.
    fn next(&mut self, cells: &mut Vec<Cell<'text>>, problems: &mut Problems) -> bool {
        cells.clear();
        while self.take_line_end() {}
        if self.rest.is_empty() {
            return false;
        }
        self.row_line = self.line;
        loop {
            cells.push(self.cell(problems));
            if !self.take_if(',') {
                break;
            }
        }
        self.take_line_end();
        true
    }

    fn cell(&mut self, problems: &mut Problems) -> Cell<'text> {
        self.take_spaces();
        let column = self.column;
        let text = match self.quoted() {
            Some(text) => text,
            None if self.rest.starts_with('"') => {
                problems
                    .error(&self.place(column), "the quotation mark has no other at the end of the value");
                Cow::Borrowed(self.unquoted())
            }
            None => Cow::Borrowed(self.unquoted()),
        };
        Cell { text, column }
    }

    /// A value in quotes of either kind, if the closing one ends it. Doubled ones stand for one.
    fn quoted(&mut self) -> Option<Cow<'text, str>> {
        let quote = self.rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
        let inside = self.rest.strip_prefix(quote)?;
        let mut from = 0;
        let end = loop {
            let at = from + inside.get(from..)?.find(quote)?;
            let behind = inside.get(at + 1..)?;
            if behind.starts_with(quote) {
                from = at + 2;
            } else if behind.trim_start_matches([' ', '\t']).starts_with([',', '\r', '\n'])
                || behind.trim().is_empty()
            {
                break at;
            } else {
                return None;
            }
        };
        let text = inside.get(..end)?;
        self.skip(end + 2);
        self.take_spaces();
        let doubled = [quote, quote].iter().collect::<String>();
        Some(if text.contains(&doubled) {
            Cow::Owned(text.replace(&doubled, &quote.to_string()))
        } else {
            Cow::Borrowed(text)
        })
    }

    fn unquoted(&mut self) -> &'text str {
        let rest = self.rest;
        let end = rest.find([',', '\r', '\n']).unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        self.skip(end);
        text.trim_end()
    }

    fn take_spaces(&mut self) {
        let spaces = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.skip(spaces);
    }

    fn take_line_end(&mut self) -> bool {
        let length = if self.rest.starts_with("\r\n") { 2 } else { 1 };
        let is_end = self.rest.starts_with(['\r', '\n']);
        if is_end {
            self.skip(length);
        }
        is_end
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let is_next = self.rest.starts_with(wanted);
        if is_next {
            self.skip(wanted.len_utf8());
        }
        is_next
    }

    /// Passes over so many bytes, counting lines and columns.
    fn skip(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
        let last = passed.rsplit('\n').next().unwrap_or_default();
        let whole = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let columns = whole(last.chars().count());
        self.line = self.line.saturating_add(whole(lines));
        self.column =
            if lines == 0 { self.column.saturating_add(columns) } else { columns.saturating_add(1) };
        self.rest = rest;
    }
}
