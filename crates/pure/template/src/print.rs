//! How values become text: Java's and JSON's forms (section 4 of the semantics page).

use std::fmt::Write;

use crate::{
    FailureReason,
    limits::VALUE_DEPTH_MAX,
    number::{write_float, write_integer},
    value::{Heap, Pair, Style, Truth, Value},
};

/// Writes values, up to `limit` bytes in `output` altogether.
pub(crate) struct Printer<'p, 'a> {
    pub(crate) heap: &'p Heap<'a>,
    pub(crate) output: &'p mut String,
    pub(crate) limit: usize,
}

impl<'a> Printer<'_, 'a> {
    /// Writes a value as it stands in the output of a template.
    pub(crate) fn print(&mut self, value: &Value<'a>) -> Result<(), FailureReason> {
        match value {
            // Only inside a list or map is Java's null seen as a word.
            Value::Null => Ok(()),
            value => self.value(value, Style::Java, 0),
        }
    }

    /// Writes a value as compact JSON.
    pub(crate) fn print_json(&mut self, value: &Value<'a>) -> Result<(), FailureReason> {
        self.value(value, Style::Json, 0)
    }

    /// Writes values as a compact JSON list.
    pub(crate) fn print_json_list(&mut self, values: &[Value<'a>]) -> Result<(), FailureReason> {
        self.list(values, Style::Json, 1)
    }

    /// Writes members as a compact JSON object.
    pub(crate) fn print_json_map(&mut self, pairs: &[Pair<'a>]) -> Result<(), FailureReason> {
        self.map(pairs, Style::Json, 1)
    }

    /// Writes the members of several objects as a compact JSON list of objects.
    pub(crate) fn print_json_maps(&mut self, maps: &[Vec<Pair<'a>>]) -> Result<(), FailureReason> {
        self.output.push('[');
        for (position, pairs) in maps.iter().enumerate() {
            self.separate(position, Style::Json);
            self.map(pairs, Style::Json, 2)?;
        }
        self.output.push(']');
        Ok(())
    }

    fn value(&mut self, value: &Value<'a>, style: Style, depth: u32) -> Result<(), FailureReason> {
        if depth > VALUE_DEPTH_MAX {
            return Err(FailureReason::TooDeep);
        }
        match value {
            Value::List(id) => {
                let style = if style == Style::Json { style } else { self.heap.style(*id) };
                self.list(self.heap.items(*id), style, depth + 1)?;
            }
            Value::Map(id) => self.map(self.heap.pairs(*id), style, depth + 1)?,
            Value::Entry(id) => {
                if let Some((key, value)) = self.heap.entry(*id) {
                    self.pair(key, value, style, depth + 1)?;
                }
            }
            value => self.scalar(value, style),
        }
        if self.output.len() > self.limit { Err(FailureReason::OutputTooLarge) } else { Ok(()) }
    }

    fn list(&mut self, items: &[Value<'a>], style: Style, depth: u32) -> Result<(), FailureReason> {
        self.output.push('[');
        for (position, item) in items.iter().enumerate() {
            self.separate(position, style);
            self.value(item, style, depth)?;
        }
        self.output.push(']');
        Ok(())
    }

    fn map(&mut self, pairs: &[Pair<'a>], style: Style, depth: u32) -> Result<(), FailureReason> {
        self.output.push('{');
        for (position, pair) in pairs.iter().enumerate() {
            self.separate(position, style);
            self.pair(&pair.key, &pair.value, style, depth)?;
        }
        self.output.push('}');
        Ok(())
    }

    fn pair(&mut self, key: &str, value: &Value<'a>, style: Style, depth: u32) -> Result<(), FailureReason> {
        match style {
            Style::Json => {
                write_json_string(key, self.output);
                self.output.push(':');
            }
            Style::Java => {
                self.output.push_str(key);
                self.output.push('=');
            }
        }
        self.value(value, style, depth)
    }

    fn separate(&mut self, position: usize, style: Style) {
        if position > 0 {
            self.output.push_str(if style == Style::Json { "," } else { ", " });
        }
    }

    fn scalar(&mut self, value: &Value<'a>, style: Style) {
        match value {
            Value::Null => self.output.push_str("null"),
            Value::Boolean(Truth::True) => self.output.push_str("true"),
            Value::Boolean(Truth::False) => self.output.push_str("false"),
            Value::Integer(number) => write_integer(*number, self.output),
            Value::Float(number) => write_float(*number, self.output),
            Value::Digits(digits) => self.output.push_str(digits),
            Value::Text(text) if style == Style::Json => write_json_string(text, self.output),
            Value::Text(text) => self.output.push_str(text),
            _ if style == Style::Json => self.output.push_str("\"\""),
            _ => {}
        }
    }
}

/// Writes a JSON string with its quotes. Only what RFC 8259 demands is escaped (statement J3).
pub(crate) fn write_json_string(text: &str, output: &mut String) {
    output.push('"');
    let mut rest = text;
    while let Some(position) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)) {
        let (plain, special) = rest.split_at(position);
        output.push_str(plain);
        let byte = special.bytes().next().unwrap_or_default();
        match byte {
            b'"' => output.push_str("\\\""),
            b'\\' => output.push_str("\\\\"),
            b'\n' => output.push_str("\\n"),
            b'\r' => output.push_str("\\r"),
            b'\t' => output.push_str("\\t"),
            0x8 => output.push_str("\\b"),
            0xC => output.push_str("\\f"),
            _ => {
                let _ = write!(output, "\\u{byte:04X}");
            }
        }
        rest = special.get(1..).unwrap_or_default();
    }
    output.push_str(rest);
    output.push('"');
}
