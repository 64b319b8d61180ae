//! Reaching into values: members, indexes, assignment, equality.

use crate::{
    FailureReason,
    interpreter::{Interpreter, Running},
    limits::VALUE_DEPTH_MAX,
    number::Number,
    text::Text,
    value::{ListId, MapId, Style, Value},
};

impl<'a> Interpreter<'a, '_> {
    /// `value.name`. What has no such member gives the empty value.
    pub(crate) fn member(&mut self, value: &Value<'a>, name: &'a str) -> Value<'a> {
        match value {
            Value::Map(id) => self.heap.get(*id, name).cloned().unwrap_or(Value::Empty),
            Value::Entry(id) => self.heap.entry(*id).map_or(Value::Empty, |(key, value)| match name {
                "key" => Value::Text(key.clone()),
                "value" => value.clone(),
                _ => Value::Empty,
            }),
            Value::List(id) if name == "empty" => Value::boolean(self.heap.items(*id).is_empty()),
            Value::Text(text) if name == "empty" => Value::boolean(text.is_empty()),
            Value::Loop(level) => self.loop_member(*level, name),
            Value::Input if name == "body" => self.body_text(),
            Value::Context(_) | Value::StageVariables | Value::Parameters(_) => {
                self.lookup(value, &Text::Borrowed(name))
            }
            _ => Value::Empty,
        }
    }

    /// `value[index]`
    pub(crate) fn index(&mut self, value: &Value<'a>, index: &Value<'a>) -> Running<Value<'a>> {
        match value {
            Value::List(id) => Ok(self.item(*id, index).unwrap_or(Value::Empty)),
            Value::Map(id) => {
                let key = self.text_of(index)?;
                Ok(self.heap.get(*id, &key).cloned().unwrap_or(Value::Empty))
            }
            Value::Context(_) | Value::StageVariables | Value::Parameters(_) => {
                let key = self.text_of(index)?;
                Ok(self.lookup(value, &key))
            }
            _ => Ok(Value::Empty),
        }
    }

    /// The item of a list; a negative index counts from the end. Nothing where there is none (ER2).
    pub(crate) fn item(&self, list: ListId, index: &Value<'a>) -> Option<Value<'a>> {
        let items = self.heap.items(list);
        items.get(position(index, items.len())?).cloned()
    }

    /// A member of `$context`, `$stageVariables` or `$input.params()`.
    pub(crate) fn lookup(&mut self, value: &Value<'a>, name: &Text<'a>) -> Value<'a> {
        match value {
            Value::Context(branch) if branch.is_empty() => self.context_value(name.clone()),
            Value::Context(branch) => self.context_value([branch, ".", name].concat().into()),
            Value::StageVariables => self.variables.stage_variable(name).map_or(Value::Empty, Value::text),
            Value::Parameters(place) => self.parameter_member(*place, name),
            _ => Value::Empty,
        }
    }

    /// `base[key] = value` or `base.key = value`; gives back what was there. What cannot be assigned
    /// to stays as it is.
    pub(crate) fn set_member(
        &mut self,
        base: &Value<'a>,
        key: &Value<'a>,
        value: Value<'a>,
    ) -> Running<Value<'a>> {
        let value = self.materialized(value)?;
        match base {
            Value::Map(id) => {
                let key = self.text_of(key)?;
                let old = self.heap.map_mut(*id).and_then(|map| map.insert(key, value));
                Ok(old.unwrap_or(Value::Null))
            }
            Value::List(id) => {
                let position = position(key, self.heap.items(*id).len());
                let item = self
                    .heap
                    .items_mut(*id)
                    .zip(position)
                    .and_then(|(items, position)| items.get_mut(position));
                Ok(item.map_or(Value::Null, |item| std::mem::replace(item, value)))
            }
            Value::Context(branch) => {
                let key = self.text_of(key)?;
                self.override_member(branch, &key, &value)
            }
            _ => Ok(Value::Null),
        }
    }

    /// The value as a list or map of the heap, where it is a view over something else.
    pub(crate) fn materialized(&mut self, value: Value<'a>) -> Running<Value<'a>> {
        match value {
            Value::Parameters(place) => self.parameter_map(place),
            Value::StageVariables => self.stage_variable_map(),
            Value::Context(branch) => self.context_map(&branch),
            value => Ok(value),
        }
    }

    /// Java's `equals`: like by like, lists and maps by what they hold.
    pub(crate) fn same(&mut self, left: &Value<'a>, right: &Value<'a>, depth: u32) -> Running<bool> {
        self.meter.step()?;
        if depth > VALUE_DEPTH_MAX {
            return Err(FailureReason::TooDeep);
        }
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                self.meter.spend_bytes(left.len().min(right.len()))?;
                Ok(left == right)
            }
            (Value::Boolean(left), Value::Boolean(right)) => Ok(left == right),
            (Value::List(left), Value::List(right)) => {
                let count = self.heap.items(*left).len();
                if count != self.heap.items(*right).len() {
                    return Ok(false);
                }
                for position in 0..count {
                    let item = |id| self.heap.items(id).get(position).cloned().unwrap_or(Value::Null);
                    let (left, right) = (item(*left), item(*right));
                    if !self.same(&left, &right, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Map(left), Value::Map(right)) => self.same_maps(*left, *right, depth),
            (left, right) if left.is_nothing() => Ok(right.is_nothing()),
            _ => {
                let numbers = Number::of(left).zip(Number::of(right));
                Ok(numbers
                    .is_some_and(|(left, right)| left.compare(right) == Some(std::cmp::Ordering::Equal)))
            }
        }
    }

    fn same_maps(&mut self, left: MapId, right: MapId, depth: u32) -> Running<bool> {
        let count = self.heap.pairs(left).len();
        if count != self.heap.pairs(right).len() {
            return Ok(false);
        }
        for position in 0..count {
            let Some(pair) = self.heap.pairs(left).get(position).cloned() else { return Ok(false) };
            let Some(other) = self.heap.get(right, &pair.key).cloned() else { return Ok(false) };
            if !self.same(&pair.value, &other, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `$foreach.name`
    pub(crate) fn loop_member(&self, level: usize, name: &str) -> Value<'a> {
        let Some(state) = self.loops.get(level).copied() else { return Value::Empty };
        match name {
            "index" => Value::Integer(i64::from(state.index)),
            "count" => Value::Integer(i64::from(state.index) + 1),
            "hasNext" => Value::boolean(state.has_next),
            "first" => Value::boolean(state.index == 0),
            "last" => Value::boolean(!state.has_next),
            "parent" => level.checked_sub(1).map_or(Value::Empty, Value::Loop),
            "topmost" => Value::Loop(0),
            _ => Value::Empty,
        }
    }

    /// A list of texts, as a template makes it.
    pub(crate) fn text_list(&mut self, texts: impl IntoIterator<Item = Text<'a>>) -> Running<Value<'a>> {
        let items: Vec<_> = texts.into_iter().map(Value::Text).collect();
        self.meter.spend(items.len())?;
        Ok(self.heap.list_of(items, Style::Java))
    }
}

/// The position that an index names in a list of so many items.
fn position(index: &Value<'_>, length: usize) -> Option<usize> {
    let index = Number::of(index)?.as_integer()?;
    let length = i128::try_from(length).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}
