//! `$input`: the body and the request parameters (section 5 of the semantics page).

use crate::{
    FailureReason, ParameterPlace,
    interpreter::{Interpreter, Running},
    json::{JsonFault, read_json},
    json_path::{Found, JsonPath},
    method::{Arguments, Method},
    program::{Call, Prepared},
    text::Text,
    value::{Map, Style, Value},
};

/// The body as JSON, once something asked for it.
#[derive(Clone, Debug)]
pub(crate) enum Body<'a> {
    Unread,
    NotJson,
    Json(Value<'a>),
}

impl<'a> Interpreter<'a, '_> {
    /// `$input.body`: an empty body reads as `{}`.
    pub(crate) fn body_text(&self) -> Value<'a> {
        match self.variables.body() {
            None => Value::Empty,
            Some("") => Value::Text(Text::Borrowed("{}")),
            Some(body) => Value::Text(Text::Borrowed(body)),
        }
    }

    /// A method of `$input`.
    pub(crate) fn call_input(&mut self, call: &'a Call, arguments: &Arguments<'a>) -> Running<Value<'a>> {
        match (call.method, arguments.as_slice()) {
            (Method::Path, [path]) => Ok(match self.find(call, path)? {
                Found::Nothing => Value::Empty,
                Found::One(value) => value.or_empty(),
                Found::Length(length) => Value::Integer(length),
                found => self.collected(found),
            }),
            (Method::Json, [path]) => {
                let value = self.json_value(call, path)?;
                self.apart(|interpreter| interpreter.printer().print_json(&value)).map(Value::Text)
            }
            (Method::Params, []) => Ok(Value::Parameters(None)),
            (Method::Params, [name]) => {
                let name = self.text_of(name)?;
                let mut places = ParameterPlace::ALL.into_iter();
                let found = places.find_map(|place| self.variables.parameter(place, &name));
                Ok(found.map_or(Value::Empty, Value::text))
            }
            _ => Ok(Value::Empty),
        }
    }

    /// The value that `$input.json(path)` writes as JSON.
    pub(crate) fn json_value(&mut self, call: &'a Call, path: &Value<'a>) -> Running<Value<'a>> {
        Ok(match self.find(call, path)? {
            // A missing path, null, and a body that is not JSON are an empty text (J6).
            Found::Nothing | Found::One(Value::Null) => Value::Text(Text::Borrowed("")),
            Found::One(value) => value,
            Found::Length(length) => Value::Integer(length),
            found => self.collected(found),
        })
    }

    fn find(&mut self, call: &'a Call, path: &Value<'a>) -> Running<Found<'a>> {
        let Some(root) = self.body_json()? else { return Ok(Found::Nothing) };
        if let Prepared::Path(path) = &call.prepared {
            return path.find(&self.heap, &root, &mut self.meter);
        }
        let path = self.text_of(path)?;
        self.meter.spend_bytes(path.len())?;
        let path = JsonPath::parse(&path).map_err(FailureReason::bad)?;
        path.find(&self.heap, &root, &mut self.meter)
    }

    fn collected(&mut self, found: Found<'a>) -> Value<'a> {
        match found {
            Found::Several(values) => self.heap.list_of(values, Style::Json),
            Found::Members(members) => self.heap.map_of(Map::of_pairs(members)),
            Found::MembersOfSeveral(maps) => {
                let maps = maps.into_iter().map(|members| self.heap.map_of(Map::of_pairs(members))).collect();
                self.heap.list_of(maps, Style::Json)
            }
            Found::Nothing | Found::One(_) | Found::Length(_) => Value::Empty,
        }
    }

    /// The body's JSON, read at the first question, and again where the template changed what it got:
    /// on the service each question reads the body anew.
    fn body_json(&mut self) -> Running<Option<Value<'a>>> {
        if matches!(self.body, Body::Json(_)) && self.heap.body_changed() {
            self.body = Body::Unread;
        }
        if matches!(self.body, Body::Unread) {
            let again = self.heap.body_changed();
            let text = match self.variables.body() {
                Some("") => "{}",
                Some(body) => body,
                None => "",
            };
            self.body = match read_json(text, Text::Borrowed, &mut self.heap) {
                Ok(read) => {
                    if again {
                        self.meter.spend(read.values as usize)?;
                    }
                    Body::Json(read.root)
                }
                Err(JsonFault::NotJson) => Body::NotJson,
                Err(JsonFault::TooLarge) => return Err(FailureReason::JsonTooLarge),
            };
            self.heap.mark_body();
        }
        Ok(match &self.body {
            Body::Json(root) => Some(root.clone()),
            Body::Unread | Body::NotJson => None,
        })
    }

    /// A member of `$input.params()` or of one of its places.
    pub(crate) fn parameter_member(&self, place: Option<ParameterPlace>, name: &str) -> Value<'a> {
        match place {
            None => {
                ParameterPlace::from_name(name).map_or(Value::Empty, |place| Value::Parameters(Some(place)))
            }
            Some(place) => self.variables.parameter(place, name).map_or(Value::Empty, Value::text),
        }
    }

    /// `$input.params()`, or one of its places, as a map.
    pub(crate) fn parameter_map(&mut self, place: Option<ParameterPlace>) -> Running<Value<'a>> {
        let mut map = Map::default();
        match place {
            Some(place) => {
                self.variables.each_parameter(place, &mut |name, value| {
                    map.insert(Text::copied(name), Value::Text(Text::copied(value)));
                });
                self.meter.spend(map.len())?;
            }
            None => {
                for place in ParameterPlace::ALL {
                    let inner = self.parameter_map(Some(place))?;
                    map.insert(Text::Borrowed(place.name()), inner);
                }
            }
        }
        Ok(self.heap.map_of(map))
    }
}
