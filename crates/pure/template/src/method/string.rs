//! The methods of Java's `String`. Positions count UTF-16 units, as Java's do.

use super::{Arguments, Method};
use crate::{
    FailureReason,
    interpreter::{Interpreter, Running},
    number::Number,
    pattern::Bounds,
    program::Call,
    text::Text,
    value::Value,
};

impl<'a> Interpreter<'a, '_> {
    /// A method of a text; `None` where there is none for these arguments.
    pub(super) fn call_string(
        &mut self,
        text: &Text<'a>,
        call: &'a Call,
        arguments: &Arguments<'a>,
    ) -> Running<Option<Value<'a>>> {
        self.meter.spend_bytes(text.len())?;
        match arguments.as_slice() {
            [] => self.string_alone(text, call.method),
            [Value::Text(other)] => self.string_with_text(text, call, other),
            [number] => string_with_numbers(text, call.method, number, None),
            [Value::Text(one), Value::Text(other)] => self.string_with_texts(text, call, one, other),
            [Value::Text(other), number] => self.string_with_text_and_number(text, call, other, number),
            [one, other] => string_with_numbers(text, call.method, one, Some(other)),
            _ => Ok(None),
        }
    }

    fn string_alone(&mut self, text: &Text<'a>, method: Method) -> Running<Option<Value<'a>>> {
        Ok(Some(match method {
            Method::Length => Value::Integer(length(text)),
            Method::IsEmpty => Value::boolean(text.is_empty()),
            Method::Trim => Value::Text(self.part(text, text.trim_matches(|character| character <= ' '))?),
            Method::ToLowerCase => Value::Text(self.built(text.to_lowercase())?),
            Method::ToUpperCase => Value::Text(self.built(text.to_uppercase())?),
            _ => return Ok(None),
        }))
    }

    fn string_with_text(
        &mut self,
        text: &Text<'a>,
        call: &'a Call,
        other: &Text<'a>,
    ) -> Running<Option<Value<'a>>> {
        Ok(Some(match call.method {
            Method::Contains => Value::boolean(text.contains(&**other)),
            Method::StartsWith => Value::boolean(text.starts_with(&**other)),
            Method::EndsWith => Value::boolean(text.ends_with(&**other)),
            Method::EqualsIgnoreCase => Value::boolean(text.to_lowercase() == other.to_lowercase()),
            Method::CompareTo => Value::Integer(compare(text, other)),
            Method::CompareToIgnoreCase => {
                Value::Integer(compare(&text.to_lowercase(), &other.to_lowercase()))
            }
            Method::Concat => Value::Text(self.built([&**text, &**other].concat())?),
            Method::IndexOf => Value::Integer(index_of(text, text.find(&**other))),
            Method::LastIndexOf => Value::Integer(index_of(text, text.rfind(&**other))),
            Method::Matches => Value::boolean(self.pattern_of(call, other)?.matches_whole(text)),
            Method::Split => self.split(text, call, other, 0)?,
            _ => return Ok(None),
        }))
    }

    fn string_with_texts(
        &mut self,
        text: &Text<'a>,
        call: &'a Call,
        one: &Text<'a>,
        other: &Text<'a>,
    ) -> Running<Option<Value<'a>>> {
        let built = match call.method {
            Method::Replace => {
                // Where the text grows most, it grows at every character.
                let growth = text.len().saturating_add(1).saturating_mul(other.len().saturating_add(1));
                if growth > self.limits.output_bytes && growth_of(text, one, other) > self.limits.output_bytes
                {
                    return Err(FailureReason::OutputTooLarge);
                }
                text.replace(&**one, other)
            }
            Method::ReplaceAll | Method::ReplaceFirst => {
                let pattern = self.pattern_of(call, one)?;
                let bounds = Bounds { bytes: self.limits.output_bytes, meter: &mut self.meter };
                pattern.replace(text, other, call.method == Method::ReplaceFirst, bounds)?
            }
            _ => return Ok(None),
        };
        self.built(built).map(|text| Some(Value::Text(text)))
    }

    fn string_with_text_and_number(
        &mut self,
        text: &Text<'a>,
        call: &'a Call,
        other: &Text<'a>,
        number: &Value<'a>,
    ) -> Running<Option<Value<'a>>> {
        let Some(number) = whole(number) else { return Ok(None) };
        let from = byte_position(text, number.max(0)).unwrap_or(text.len());
        let rest = text.get(from..).unwrap_or_default();
        Ok(Some(match call.method {
            Method::Split => self.split(text, call, other, number)?,
            Method::StartsWith => {
                Value::boolean(number >= 0 && number <= length(text) && rest.starts_with(&**other))
            }
            Method::IndexOf => Value::Integer(index_of(text, rest.find(&**other).map(|found| from + found))),
            Method::LastIndexOf => {
                let end = from.saturating_add(other.len()).min(text.len());
                Value::Integer(index_of(text, text.get(..end).and_then(|head| head.rfind(&**other))))
            }
            _ => return Ok(None),
        }))
    }

    fn split(
        &mut self,
        text: &Text<'a>,
        call: &'a Call,
        separator: &Text<'a>,
        limit: i64,
    ) -> Running<Value<'a>> {
        let pattern = self.pattern_of(call, separator)?;
        let parts = pattern.split(text, limit, &mut self.meter)?;
        let parts: Vec<_> = parts.into_iter().map(|part| part_of(text, part)).collect();
        self.text_list(parts)
    }

    fn part(&mut self, text: &Text<'a>, part: &str) -> Running<Text<'a>> {
        if part.len() == text.len() {
            return Ok(text.clone());
        }
        self.meter.spend_bytes(part.len())?;
        Ok(part_of(text, part))
    }
}

/// A part of a text as a text: borrowed where the whole is. `part` is known to lie in `text`.
fn part_of<'a>(text: &Text<'a>, part: &str) -> Text<'a> {
    if let Text::Borrowed(whole) = text {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        if let Some(borrowed) = whole.get(start..start.wrapping_add(part.len())) {
            return Text::Borrowed(borrowed);
        }
    }
    Text::copied(part)
}

/// The methods that take positions.
fn string_with_numbers<'a>(
    text: &Text<'a>,
    method: Method,
    one: &Value<'a>,
    other: Option<&Value<'a>>,
) -> Running<Option<Value<'a>>> {
    let outside = || FailureReason::bad("a position lies outside of the text");
    let Some(start) = whole(one) else { return Ok(None) };
    let end = match other {
        None => None,
        Some(other) => match whole(other) {
            None => return Ok(None),
            end => end,
        },
    };
    let (start, end) = match (method, end) {
        (Method::Substring, end) => (start, end.unwrap_or_else(|| length(text))),
        (Method::CharAt, None) => (start, start.saturating_add(1)),
        _ => return Ok(None),
    };
    if start > end {
        return Err(outside());
    }
    let from = byte_position(text, start).ok_or_else(outside)?;
    let to = byte_position(text, end).ok_or_else(outside)?;
    Ok(Some(Value::Text(part_of(text, text.get(from..to).unwrap_or_default()))))
}

/// The length in UTF-16 units.
fn length(text: &str) -> i64 {
    let units = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    i64::try_from(units).unwrap_or(i64::MAX)
}

/// Where the UTF-16 unit of this number begins; inside a pair, where its character begins.
fn byte_position(text: &str, unit: i64) -> Option<usize> {
    let unit = usize::try_from(unit).ok()?;
    if text.is_ascii() {
        return (unit <= text.len()).then_some(unit);
    }
    let mut units = 0;
    for (position, character) in text.char_indices() {
        if units + character.len_utf16() > unit {
            return Some(position);
        }
        units += character.len_utf16();
    }
    (units == unit).then_some(text.len())
}

/// A byte position as Java tells it: in UTF-16 units, or -1.
fn index_of(text: &str, found: Option<usize>) -> i64 {
    found.and_then(|found| text.get(..found)).map_or(-1, length)
}

/// Java's `compareTo`: the difference of the first units that differ, or of the lengths.
fn compare(left: &str, right: &str) -> i64 {
    let differing = left.encode_utf16().zip(right.encode_utf16()).find(|(left, right)| left != right);
    differing.map_or_else(|| length(left) - length(right), |(left, right)| i64::from(left) - i64::from(right))
}

/// How long a text is after every `part` has become `replacement`.
fn growth_of(text: &str, part: &str, replacement: &str) -> usize {
    let found = text.matches(part).count();
    (text.len() - found * part.len()).saturating_add(found.saturating_mul(replacement.len()))
}

fn whole(value: &Value<'_>) -> Option<i64> {
    i64::try_from(Number::of(value)?.as_integer()?).ok()
}
