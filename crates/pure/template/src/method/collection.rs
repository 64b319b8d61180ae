//! The methods of Java's lists and maps, and of what looks like a map.

use super::{Arguments, Method};
use crate::{
    FailureReason,
    interpreter::{Interpreter, Running},
    number::Number,
    text::Text,
    value::{ListId, MapId, Style, Truth, Value},
};

impl<'a> Interpreter<'a, '_> {
    /// A method of a list; `None` where there is none for these arguments.
    pub(super) fn call_list(
        &mut self,
        list: ListId,
        method: Method,
        arguments: &Arguments<'a>,
    ) -> Running<Option<Value<'a>>> {
        let size = self.heap.items(list).len();
        Ok(Some(match (method, arguments.as_slice()) {
            (Method::Size, []) => Value::Integer(count(size)),
            (Method::IsEmpty, []) => Value::boolean(size == 0),
            (Method::Get, [index]) => self.item(list, index).unwrap_or(Value::Null),
            (Method::Set, [index, value]) => self.set_member(&Value::List(list), index, value.clone())?,
            (Method::Contains, [value]) => Value::boolean(self.position_in(list, value, false)?.is_some()),
            (Method::IndexOf, [value]) => {
                Value::Integer(self.position_in(list, value, false)?.map_or(-1, count))
            }
            (Method::LastIndexOf, [value]) => {
                Value::Integer(self.position_in(list, value, true)?.map_or(-1, count))
            }
            (Method::ContainsAll, [Value::List(others)]) => Value::boolean(self.contains_all(list, *others)?),
            (Method::Add, [value]) => self.insert(list, size, value.clone())?,
            (Method::Add, [index, value]) => {
                let position = whole(index).filter(|position| *position <= size);
                self.insert(list, position.ok_or_else(outside)?, value.clone())?;
                Value::Text(Text::Borrowed(""))
            }
            (Method::AddAll, [others]) => self.add_all(list, others)?,
            (Method::Remove, [value]) => self.remove(list, value)?,
            (Method::Clear, []) => {
                if let Some(items) = self.heap.items_mut(list) {
                    items.clear();
                }
                Value::Text(Text::Borrowed(""))
            }
            (Method::SubList, [from, to]) => self.sub_list(list, from, to)?,
            _ => return Ok(None),
        }))
    }

    fn insert(&mut self, list: ListId, position: usize, value: Value<'a>) -> Running<Value<'a>> {
        let value = self.materialized(value)?;
        self.meter.spend((self.heap.items(list).len() - position) / ITEMS_PER_STEP)?;
        if let Some(items) = self.heap.items_mut(list) {
            items.insert(position, value);
        }
        Ok(Value::boolean(true))
    }

    fn add_all(&mut self, list: ListId, others: &Value<'a>) -> Running<Value<'a>> {
        let Value::List(others) = others else { return Ok(Value::Empty) };
        let others = self.heap.items(*others).to_vec();
        self.meter.spend(others.len())?;
        let added = !others.is_empty();
        if let Some(items) = self.heap.items_mut(list) {
            items.extend(others);
        }
        Ok(Value::boolean(added))
    }

    /// A number removes the item at its position and gives it, another value removes the first equal
    /// item and tells whether there was one.
    fn remove(&mut self, list: ListId, value: &Value<'a>) -> Running<Value<'a>> {
        let by_position = Number::of(value).is_some();
        let position = if by_position { whole(value) } else { self.position_in(list, value, false)? };
        let size = self.heap.items(list).len();
        let Some(position) = position.filter(|position| *position < size) else {
            return Ok(if by_position { Value::Null } else { Value::boolean(false) });
        };
        self.meter.spend((size - position) / ITEMS_PER_STEP)?;
        let removed = self.heap.items_mut(list).map(|items| items.remove(position));
        Ok(removed.filter(|_| by_position).unwrap_or(Value::Boolean(Truth::True)))
    }

    fn sub_list(&mut self, list: ListId, from: &Value<'a>, to: &Value<'a>) -> Running<Value<'a>> {
        let range = whole(from).zip(whole(to)).map(|(from, to)| from..to).ok_or_else(outside)?;
        let items = self.heap.items(list).get(range).ok_or_else(outside)?.to_vec();
        self.meter.spend(items.len())?;
        let style = self.heap.style(list);
        Ok(self.heap.list_of(items, style))
    }

    fn position_in(&mut self, list: ListId, value: &Value<'a>, from_end: bool) -> Running<Option<usize>> {
        let size = self.heap.items(list).len();
        for step in 0..size {
            let position = if from_end { size - 1 - step } else { step };
            let Some(item) = self.heap.items(list).get(position).cloned() else { break };
            if self.same(&item, value, 0)? {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    fn contains_all(&mut self, list: ListId, others: ListId) -> Running<bool> {
        for position in 0..self.heap.items(others).len() {
            let Some(other) = self.heap.items(others).get(position).cloned() else { break };
            if self.position_in(list, &other, false)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A method of a map; `None` where there is none for these arguments.
    pub(super) fn call_map(
        &mut self,
        map: MapId,
        method: Method,
        arguments: &Arguments<'a>,
    ) -> Running<Option<Value<'a>>> {
        let size = self.heap.pairs(map).len();
        let whole = Value::Map(map);
        Ok(Some(match (method, arguments.as_slice()) {
            (Method::Size, []) => Value::Integer(count(size)),
            (Method::IsEmpty, []) => Value::boolean(size == 0),
            (Method::Get, [key]) => self.index(&whole, key)?,
            (Method::GetOrDefault, [key, other]) => {
                if self.contains_key(map, key)? {
                    self.index(&whole, key)?
                } else {
                    other.clone()
                }
            }
            (Method::ContainsKey, [key]) => Value::boolean(self.contains_key(map, key)?),
            (Method::ContainsValue, [value]) => {
                let Value::List(values) = self.values(map)? else { return Ok(None) };
                Value::boolean(self.position_in(values, value, false)?.is_some())
            }
            (Method::KeySet, []) => {
                let keys: Vec<_> = self.heap.pairs(map).iter().map(|pair| pair.key.clone()).collect();
                self.text_list(keys)?
            }
            (Method::Values, []) => self.values(map)?,
            (Method::EntrySet, []) => self.entry_set(map)?,
            (Method::Put, [key, value]) => self.set_member(&whole, key, value.clone())?,
            (Method::PutIfAbsent, [key, value]) => {
                let old = self.index(&whole, key)?;
                if old.is_nothing() { self.set_member(&whole, key, value.clone())? } else { old }
            }
            (Method::PutAll, [others]) => self.put_all(map, others)?,
            (Method::Remove, [key]) => {
                self.meter.spend(size)?;
                let key = self.text_of(key)?;
                self.heap.map_mut(map).and_then(|map| map.remove(&key)).unwrap_or(Value::Null)
            }
            (Method::Clear, []) => {
                if let Some(map) = self.heap.map_mut(map) {
                    map.clear();
                }
                Value::Text(Text::Borrowed(""))
            }
            _ => return Ok(None),
        }))
    }

    fn contains_key(&mut self, map: MapId, key: &Value<'a>) -> Running<bool> {
        let key = self.text_of(key)?;
        Ok(self.heap.get(map, &key).is_some())
    }

    fn values(&mut self, map: MapId) -> Running<Value<'a>> {
        let values: Vec<_> = self.heap.pairs(map).iter().map(|pair| pair.value.clone()).collect();
        self.meter.spend(values.len())?;
        Ok(self.heap.list_of(values, Style::Java))
    }

    fn entry_set(&mut self, map: MapId) -> Running<Value<'a>> {
        let pairs = self.heap.pairs(map).to_vec();
        self.meter.spend(pairs.len())?;
        let entries = pairs.into_iter().map(|pair| self.heap.entry_of(pair.key, pair.value)).collect();
        Ok(self.heap.list_of(entries, Style::Java))
    }

    fn put_all(&mut self, map: MapId, others: &Value<'a>) -> Running<Value<'a>> {
        let others = self.materialized(others.clone())?;
        let Value::Map(others) = others else { return Ok(Value::Empty) };
        let pairs = self.heap.pairs(others).to_vec();
        self.meter.spend(pairs.len())?;
        if let Some(map) = self.heap.map_mut(map) {
            for pair in pairs {
                map.insert(pair.key, pair.value);
            }
        }
        Ok(Value::Text(Text::Borrowed("")))
    }

    /// A method of `$context`, `$stageVariables`, `$input.params()` or a part of them. They answer
    /// single look-ups themselves and everything else as the map that they stand for.
    pub(super) fn call_view(
        &mut self,
        view: &Value<'a>,
        method: Method,
        arguments: &Arguments<'a>,
    ) -> Running<Option<Value<'a>>> {
        match (view, method, arguments.as_slice()) {
            (view, Method::Get, [key]) => self.index(view, key).map(Some),
            (Value::Context(_), Method::Put, [key, value]) => {
                self.set_member(view, key, value.clone()).map(Some)
            }
            (Value::Context(branch), Method::PutAll, [others]) => {
                if let Value::Map(others) = self.materialized(others.clone())? {
                    self.override_all(branch, others)?;
                }
                Ok(Some(Value::Text(Text::Borrowed(""))))
            }
            (Value::Context(branch), Method::Remove, [key]) => {
                let key = self.text_of(key)?;
                Ok(Some(self.remove_override(branch, &key)))
            }
            // What `$context` holds prints nothing (statement X2).
            (Value::Context(_), Method::ToString, []) => Ok(Some(Value::Text(Text::Borrowed("")))),
            _ => match self.materialized(view.clone())? {
                Value::Map(map) => self.call_map(map, method, arguments),
                _ => Ok(None),
            },
        }
    }
}

/// Moving so many items costs one step.
const ITEMS_PER_STEP: usize = 64;

fn whole(value: &Value<'_>) -> Option<usize> {
    usize::try_from(Number::of(value)?.as_integer()?).ok()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn outside() -> FailureReason {
    FailureReason::bad("a position lies outside of the list")
}
