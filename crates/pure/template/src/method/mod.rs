//! What values answer to method calls: Java's methods (statements D9, D10), and those of `$input`,
//! `$util` and `$foreach`.

mod collection;
mod string;

use std::rc::Rc;

use crate::{
    FailureReason,
    interpreter::{Interpreter, Running},
    limits::PATTERN_STEPS,
    number::Number,
    pattern::Pattern,
    program::{Call, Prepared},
    text::Text,
    value::{Truth, Value},
};

/// The table of method names, written once.
macro_rules! methods {
    ($($name:literal => $method:ident,)*) => {
        /// A method, known by its name at load.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Method {
            $($method,)*
            /// Nothing here has a method of this name.
            Unknown,
        }

        impl Method {
            /// The method of this name.
            pub(crate) fn named(name: &str) -> Self {
                match name {
                    $($name => Self::$method,)*
                    _ => Self::Unknown,
                }
            }
        }
    };
}

methods! {
    // $input
    "json" => Json,
    "path" => Path,
    "params" => Params,
    // $util
    "base64Decode" => Base64Decode,
    "base64Encode" => Base64Encode,
    "escapeJavaScript" => EscapeJavaScript,
    "parseJson" => ParseJson,
    "urlDecode" => UrlDecode,
    "urlEncode" => UrlEncode,
    // $foreach
    "getCount" => GetCount,
    "getIndex" => GetIndex,
    "hasNext" => HasNext,
    "isFirst" => IsFirst,
    "isLast" => IsLast,
    "stop" => Stop,
    // every value
    "equals" => Equals,
    "toString" => ToString,
    // strings
    "charAt" => CharAt,
    "compareTo" => CompareTo,
    "compareToIgnoreCase" => CompareToIgnoreCase,
    "concat" => Concat,
    "endsWith" => EndsWith,
    "equalsIgnoreCase" => EqualsIgnoreCase,
    "length" => Length,
    "matches" => Matches,
    "replace" => Replace,
    "replaceAll" => ReplaceAll,
    "replaceFirst" => ReplaceFirst,
    "split" => Split,
    "startsWith" => StartsWith,
    "substring" => Substring,
    "toLowerCase" => ToLowerCase,
    "toUpperCase" => ToUpperCase,
    "trim" => Trim,
    // lists and maps
    "add" => Add,
    "addAll" => AddAll,
    "clear" => Clear,
    "contains" => Contains,
    "containsAll" => ContainsAll,
    "containsKey" => ContainsKey,
    "containsValue" => ContainsValue,
    "entrySet" => EntrySet,
    "get" => Get,
    "getKey" => GetKey,
    "getOrDefault" => GetOrDefault,
    "getValue" => GetValue,
    "indexOf" => IndexOf,
    "isEmpty" => IsEmpty,
    "keySet" => KeySet,
    "lastIndexOf" => LastIndexOf,
    "put" => Put,
    "putAll" => PutAll,
    "putIfAbsent" => PutIfAbsent,
    "remove" => Remove,
    "set" => Set,
    "size" => Size,
    "subList" => SubList,
    "values" => Values,
    // numbers and booleans
    "booleanValue" => BooleanValue,
    "doubleValue" => DoubleValue,
    "intValue" => IntValue,
    "longValue" => LongValue,
    "parseBoolean" => ParseBoolean,
    "parseDouble" => ParseDouble,
    "parseInt" => ParseInt,
    "parseLong" => ParseLong,
    "valueOf" => ValueOf,
}

/// The arguments of a call: at most three.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    values: [Value<'a>; 3],
    count: usize,
}

impl Default for Arguments<'_> {
    fn default() -> Self {
        Self { values: [Value::Empty, Value::Empty, Value::Empty], count: 0 }
    }
}

impl<'a> Arguments<'a> {
    /// Adds an argument; false where there is no place for it.
    pub(crate) fn push(&mut self, value: Value<'a>) -> bool {
        let place = self.values.get_mut(self.count);
        self.count += 1;
        place.map(|place| *place = value).is_some()
    }

    /// The arguments in order.
    pub(crate) fn as_slice(&self) -> &[Value<'a>] {
        self.values.get(..self.count).unwrap_or_default()
    }
}

impl<'a> Interpreter<'a, '_> {
    /// Calls a method. What has no such method, or not with such arguments, gives the empty value.
    pub(crate) fn call(
        &mut self,
        value: &Value<'a>,
        call: &'a Call,
        arguments: &Arguments<'a>,
    ) -> Running<Value<'a>> {
        let result = match value {
            Value::Input => return self.call_input(call, arguments),
            Value::Util => return self.call_util(call.method, arguments),
            Value::Loop(level) => return Ok(self.call_loop(*level, call.method)),
            Value::Text(text) => self.call_string(text, call, arguments)?,
            Value::List(id) => self.call_list(*id, call.method, arguments)?,
            Value::Map(id) => self.call_map(*id, call.method, arguments)?,
            Value::Context(_) | Value::StageVariables | Value::Parameters(_) => {
                self.call_view(value, call.method, arguments)?
            }
            Value::Entry(id) => {
                let entry = self.heap.entry(*id);
                entry.and_then(|(key, value)| match call.method {
                    Method::GetKey => Some(Value::Text(key.clone())),
                    Method::GetValue => Some(value.clone()),
                    _ => None,
                })
            }
            Value::Integer(_) | Value::Float(_) | Value::Digits(_) => {
                self.call_number(value, call.method, arguments)?
            }
            Value::Boolean(boolean) => self.call_boolean(*boolean == Truth::True, call.method, arguments)?,
            Value::Block(_) | Value::Empty | Value::Null => None,
        };
        match (result, call.method, arguments.as_slice()) {
            (Some(result), ..) => Ok(result.or_empty()),
            (None, Method::ToString, []) if !value.is_nothing() => self.text_of(value).map(Value::Text),
            (None, Method::Equals, [other]) if !value.is_nothing() => {
                self.same(value, other, 0).map(Value::boolean)
            }
            _ => Ok(Value::Empty),
        }
    }

    fn call_loop(&mut self, level: usize, method: Method) -> Value<'a> {
        let name = match method {
            Method::GetCount => "count",
            Method::GetIndex => "index",
            Method::HasNext => "hasNext",
            Method::IsFirst => "first",
            Method::IsLast => "last",
            Method::Stop => {
                if let Some(state) = self.loops.get_mut(level) {
                    state.stopped = true;
                }
                return Value::Empty;
            }
            _ => return Value::Empty,
        };
        self.member(&Value::Loop(level), name)
    }

    fn call_number(
        &mut self,
        value: &Value<'a>,
        method: Method,
        arguments: &Arguments<'a>,
    ) -> Running<Option<Value<'a>>> {
        let Some(number) = Number::of(value) else { return Ok(None) };
        Ok(match (method, arguments.as_slice()) {
            (Method::IntValue | Method::LongValue, []) => Some(truncated(number)),
            (Method::DoubleValue, []) => Some(Value::Float(number.as_float())),
            (Method::CompareTo, [other]) => {
                let other = Number::of(other).and_then(|other| number.compare(other));
                other.map(|order| Value::Integer(order as i64))
            }
            // `#set($Integer = 0)` and `$Integer.parseInt("7")` is how templates read a number.
            (Method::ParseInt | Method::ParseLong | Method::ValueOf, [text])
                if number.as_integer().is_some() =>
            {
                let text = self.text_of(text)?;
                let parsed = text.strip_prefix('+').unwrap_or(&text).parse().map(Value::Integer);
                Some(parsed.map_err(|_| not_a_number(&text))?)
            }
            (Method::ParseDouble | Method::ValueOf, [text]) => {
                let text = self.text_of(text)?;
                Some(text.trim().parse().map(Value::Float).map_err(|_| not_a_number(&text))?)
            }
            // Java's static `Integer.toString(number)`.
            (Method::ToString, [other]) => Some(Value::Text(self.text_of(other)?)),
            _ => None,
        })
    }

    fn call_boolean(
        &mut self,
        boolean: bool,
        method: Method,
        arguments: &Arguments<'a>,
    ) -> Running<Option<Value<'a>>> {
        Ok(match (method, arguments.as_slice()) {
            (Method::BooleanValue, []) => Some(Value::boolean(boolean)),
            (Method::ParseBoolean | Method::ValueOf, [text]) => {
                Some(Value::boolean(self.text_of(text)?.eq_ignore_ascii_case("true")))
            }
            _ => None,
        })
    }

    /// The pattern of a call: compiled at load for a literal, else now.
    fn pattern_of(&mut self, call: &'a Call, written: &Text<'a>) -> Running<PatternOf<'a>> {
        if let Prepared::Pattern(pattern) = &call.prepared {
            return Ok(PatternOf::Literal(pattern));
        }
        if let Some((_, pattern)) = self.patterns.iter().find(|(known, _)| known == written) {
            return Ok(PatternOf::Made(Rc::clone(pattern)));
        }
        self.meter.spend(PATTERN_STEPS as usize)?;
        let pattern = Rc::new(Pattern::compile(written).map_err(FailureReason::bad)?);
        self.patterns.push((written.clone(), Rc::clone(&pattern)));
        Ok(PatternOf::Made(pattern))
    }
}

/// A pattern, wherever it lives.
enum PatternOf<'a> {
    Literal(&'a Pattern),
    Made(Rc<Pattern>),
}

impl std::ops::Deref for PatternOf<'_> {
    type Target = Pattern;

    fn deref(&self) -> &Pattern {
        match self {
            Self::Literal(pattern) => pattern,
            Self::Made(pattern) => pattern,
        }
    }
}

/// Without its fraction, as Java's `intValue` gives it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond the range becomes the nearest bound, as in Java"
)]
fn truncated<'a>(number: Number) -> Value<'a> {
    match number {
        Number::Integer(_) => number.into_value(),
        Number::Float(float) => Value::Integer(float as i64),
    }
}

fn not_a_number(text: &str) -> FailureReason {
    FailureReason::bad(format!("`{text}` is not a number"))
}
