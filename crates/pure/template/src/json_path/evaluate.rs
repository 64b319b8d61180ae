//! Walking a path through a JSON value.

use std::cmp::Ordering;

use super::{Comparison, Condition, Found, JsonPath, Operand, Step, StepKind};
use crate::{
    FailureReason,
    meter::Meter,
    number::Number,
    text::Text,
    value::{Heap, MapId, Pair, Value},
};

type Walking<T> = Result<T, FailureReason>;

pub(super) fn find<'a>(
    steps: &[Step],
    heap: &Heap<'a>,
    root: &Value<'a>,
    meter: &mut Meter,
) -> Walking<Found<'a>> {
    Walker { heap, root, meter }.find(steps, root)
}

/// Goes through values that are JSON: at most 64 deep, and never in a circle.
struct Walker<'w, 'a> {
    heap: &'w Heap<'a>,
    root: &'w Value<'a>,
    meter: &'w mut Meter,
}

impl<'a> Walker<'_, 'a> {
    fn find(&mut self, steps: &[Step], from: &Value<'a>) -> Walking<Found<'a>> {
        let (path, last) = match steps.split_last() {
            Some((Step { everywhere: false, kind }, path)) => (path, Some(kind)),
            _ => (steps, None),
        };
        match last {
            Some(StepKind::Length) => Ok(match self.find(path, from)? {
                Found::One(value) => self.length(&value).map_or(Found::Nothing, Found::Length),
                Found::Several(values) => Found::Length(count(values.len())),
                Found::Members(members) => Found::Length(count(members.len())),
                Found::MembersOfSeveral(maps) => Found::Length(count(maps.len())),
                Found::Nothing | Found::Length(_) => Found::Nothing,
            }),
            Some(StepKind::Members(names)) if is_definite(path) => Ok(match self.definite(path, from)? {
                Some(value) => self.members(&value, names).map_or(Found::Nothing, Found::Members),
                None => Found::Nothing,
            }),
            Some(StepKind::Members(names)) => {
                let mut found = Vec::new();
                self.collect(path, from, &mut found)?;
                let members = found.iter().filter_map(|value| self.members(value, names));
                Ok(Found::MembersOfSeveral(members.collect()))
            }
            _ if is_definite(steps) => Ok(self.definite(steps, from)?.map_or(Found::Nothing, Found::One)),
            _ => {
                let mut found = Vec::new();
                self.collect(steps, from, &mut found)?;
                Ok(Found::Several(found))
            }
        }
    }

    fn definite(&mut self, steps: &[Step], from: &Value<'a>) -> Walking<Option<Value<'a>>> {
        let mut here = from.clone();
        for step in steps {
            self.meter.step()?;
            let next = match &step.kind {
                StepKind::Member(name) => self.member(&here, name),
                StepKind::Item(index) => self.item(&here, *index),
                _ => None,
            };
            match next {
                Some(value) => here = value,
                None => return Ok(None),
            }
        }
        Ok(Some(here))
    }

    /// Those members of an object that have one of these names.
    fn members(&self, value: &Value<'a>, names: &[Box<str>]) -> Option<Vec<Pair<'a>>> {
        let Value::Map(id) = value else { return None };
        let pairs = self.heap.pairs(*id);
        let named = names.iter().filter_map(|name| pairs.iter().find(|pair| *pair.key == **name));
        Some(named.cloned().collect())
    }

    fn collect(&mut self, steps: &[Step], from: &Value<'a>, found: &mut Vec<Value<'a>>) -> Walking<()> {
        self.meter.step()?;
        let Some((step, rest)) = steps.split_first() else {
            found.push(from.clone());
            return Ok(());
        };
        self.take(&step.kind, rest, from, found)?;
        if step.everywhere {
            for child in self.children(from) {
                self.collect(steps, &child, found)?;
            }
        }
        Ok(())
    }

    /// Takes one step from a value, and the rest of the path from there.
    fn take(
        &mut self,
        kind: &StepKind,
        rest: &[Step],
        from: &Value<'a>,
        found: &mut Vec<Value<'a>>,
    ) -> Walking<()> {
        let next: Vec<Value<'a>> = match kind {
            StepKind::Member(name) => self.member(from, name).into_iter().collect(),
            StepKind::Members(names) => names.iter().filter_map(|name| self.member(from, name)).collect(),
            StepKind::Item(index) => self.item(from, *index).into_iter().collect(),
            StepKind::Items(indexes) => indexes.iter().filter_map(|index| self.item(from, *index)).collect(),
            StepKind::Slice(start, end) => self.slice(from, *start, *end),
            StepKind::Wildcard => self.children(from),
            StepKind::Filter(condition) => self.filtered(from, condition)?,
            StepKind::Length => self.length(from).map(Value::Integer).into_iter().collect(),
        };
        for value in next {
            self.collect(rest, &value, found)?;
        }
        Ok(())
    }

    fn member(&self, value: &Value<'a>, name: &str) -> Option<Value<'a>> {
        match value {
            Value::Map(id) => self.heap.get(*id, name).cloned(),
            _ => None,
        }
    }

    fn item(&self, value: &Value<'a>, index: i64) -> Option<Value<'a>> {
        let Value::List(id) = value else { return None };
        let items = self.heap.items(*id);
        let index = if index < 0 { count(items.len()) + index } else { index };
        items.get(usize::try_from(index).ok()?).cloned()
    }

    fn slice(&self, value: &Value<'a>, start: Option<i64>, end: Option<i64>) -> Vec<Value<'a>> {
        let Value::List(id) = value else { return Vec::new() };
        let items = self.heap.items(*id);
        let length = count(items.len());
        let bound = |at: i64| usize::try_from(if at < 0 { (length + at).max(0) } else { at.min(length) });
        let start = bound(start.unwrap_or(0)).unwrap_or(0);
        let end = bound(end.unwrap_or(length)).unwrap_or(0);
        items.get(start..end).unwrap_or_default().to_vec()
    }

    fn children(&self, value: &Value<'a>) -> Vec<Value<'a>> {
        match value {
            Value::List(id) => self.heap.items(*id).to_vec(),
            Value::Map(id) => self.heap.pairs(*id).iter().map(|pair| pair.value.clone()).collect(),
            _ => Vec::new(),
        }
    }

    fn length(&self, value: &Value<'a>) -> Option<i64> {
        match value {
            Value::List(id) => Some(count(self.heap.items(*id).len())),
            Value::Map(id) => Some(count(self.heap.pairs(*id).len())),
            _ => None,
        }
    }

    /// The items of a list, or an object itself, for which a condition holds.
    fn filtered(&mut self, value: &Value<'a>, condition: &Condition) -> Walking<Vec<Value<'a>>> {
        let candidates = match value {
            Value::List(id) => self.heap.items(*id),
            Value::Map(_) => std::slice::from_ref(value),
            _ => &[],
        };
        let mut kept = Vec::new();
        for candidate in candidates {
            if self.holds(condition, candidate)? {
                kept.push(candidate.clone());
            }
        }
        Ok(kept)
    }

    fn holds(&mut self, condition: &Condition, here: &Value<'a>) -> Walking<bool> {
        self.meter.step()?;
        match condition {
            Condition::Any(conditions) => {
                for condition in conditions {
                    if self.holds(condition, here)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::All(conditions) => {
                for condition in conditions {
                    if !self.holds(condition, here)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Not(condition) => Ok(!self.holds(condition, here)?),
            Condition::Exists(operand) => Ok(match self.operand(operand, here)? {
                Side::Missing => false,
                Side::Value(_) => true,
                Side::Several(values) => !values.is_empty(),
            }),
            Condition::Compare(left, comparison, right) => self.compare(left, *comparison, right, here),
        }
    }

    fn compare(
        &mut self,
        left: &Operand,
        how: Comparison,
        right: &Operand,
        here: &Value<'a>,
    ) -> Walking<bool> {
        if let (Comparison::Matches, Operand::Pattern(pattern)) = (how, right) {
            let Side::Value(Value::Text(text)) = self.operand(left, here)? else { return Ok(false) };
            self.meter.spend_bytes(text.len())?;
            return Ok(pattern.matches_whole(&text));
        }
        let left = self.operand(left, here)?;
        let right = self.operand(right, here)?;
        Ok(match how {
            Comparison::Equal => self.equal(&left, &right)?,
            Comparison::NotEqual => !self.equal(&left, &right)?,
            Comparison::Less => order(&left, &right) == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(order(&left, &right), Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => order(&left, &right) == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => {
                matches!(order(&left, &right), Some(Ordering::Greater | Ordering::Equal))
            }
            Comparison::In => self.is_in(&left, &right)?,
            Comparison::NotIn => !self.is_in(&left, &right)?,
            Comparison::Contains => self.contains(&left, &right)?,
            Comparison::Matches => false,
        })
    }

    fn operand(&mut self, operand: &Operand, here: &Value<'a>) -> Walking<Side<'a>> {
        Ok(match operand {
            Operand::Here(path) => self.path(path, here)?,
            Operand::Root(path) => {
                let root = self.root;
                self.path(path, root)?
            }
            Operand::Null => Side::Value(Value::Null),
            Operand::Boolean(boolean) => Side::Value(Value::boolean(*boolean)),
            Operand::Number(digits) => Side::Value(Value::Digits(Text::copied(digits))),
            Operand::Text(text) => Side::Value(Value::Text(Text::copied(text))),
            Operand::List(operands) => {
                let mut values = Vec::with_capacity(operands.len());
                for operand in operands {
                    if let Side::Value(value) = self.operand(operand, here)? {
                        values.push(value);
                    }
                }
                Side::Several(values)
            }
            Operand::Pattern(_) => Side::Missing,
        })
    }

    fn path(&mut self, path: &JsonPath, from: &Value<'a>) -> Walking<Side<'a>> {
        Ok(match self.find(&path.steps, from)? {
            Found::One(value) => Side::Value(value),
            Found::Length(length) => Side::Value(Value::Integer(length)),
            Found::Several(values) => Side::Several(values),
            Found::Nothing | Found::Members(_) | Found::MembersOfSeveral(_) => Side::Missing,
        })
    }

    fn is_in(&mut self, left: &Side<'a>, right: &Side<'a>) -> Walking<bool> {
        let Some(items) = self.items_of(right) else { return Ok(false) };
        for item in items {
            if self.equal(left, &Side::Value(item))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn contains(&mut self, left: &Side<'a>, right: &Side<'a>) -> Walking<bool> {
        if let (Side::Value(Value::Text(text)), Side::Value(Value::Text(part))) = (left, right) {
            self.meter.spend_bytes(text.len())?;
            return Ok(text.contains(&**part));
        }
        self.is_in(right, left)
    }

    fn items_of(&self, side: &Side<'a>) -> Option<Vec<Value<'a>>> {
        match side {
            Side::Several(values) => Some(values.clone()),
            Side::Value(Value::List(id)) => Some(self.heap.items(*id).to_vec()),
            _ => None,
        }
    }

    fn equal(&mut self, left: &Side<'a>, right: &Side<'a>) -> Walking<bool> {
        self.meter.step()?;
        if let (Some(left), Some(right)) = (self.items_of(left), self.items_of(right)) {
            return self.equal_items(left, right);
        }
        let (Side::Value(left), Side::Value(right)) = (left, right) else { return Ok(false) };
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(left), Value::Boolean(right)) => left == right,
            (Value::Text(left), Value::Text(right)) => left == right,
            (Value::Map(left), Value::Map(right)) => return self.equal_maps(*left, *right),
            // Jayway reads a text as a number where the other side is one.
            (number, Value::Text(text)) | (Value::Text(text), number) => {
                let of_text = Number::read(text);
                of_text
                    .zip(Number::of(number))
                    .is_some_and(|(left, right)| left.compare(right) == Some(Ordering::Equal))
            }
            _ => order_values(left, right) == Some(Ordering::Equal),
        })
    }

    fn equal_items(&mut self, left: Vec<Value<'a>>, right: Vec<Value<'a>>) -> Walking<bool> {
        if left.len() != right.len() {
            return Ok(false);
        }
        for (left, right) in left.into_iter().zip(right) {
            if !self.equal(&Side::Value(left), &Side::Value(right))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn equal_maps(&mut self, left: MapId, right: MapId) -> Walking<bool> {
        let pairs = self.heap.pairs(left);
        if pairs.len() != self.heap.pairs(right).len() {
            return Ok(false);
        }
        for pair in pairs {
            let Some(other) = self.heap.get(right, &pair.key) else { return Ok(false) };
            if !self.equal(&Side::Value(pair.value.clone()), &Side::Value(other.clone()))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// One side of a comparison.
enum Side<'a> {
    Missing,
    Value(Value<'a>),
    Several(Vec<Value<'a>>),
}

fn is_definite(steps: &[Step]) -> bool {
    steps.iter().all(|step| !step.everywhere && matches!(step.kind, StepKind::Member(_) | StepKind::Item(_)))
}

fn order(left: &Side<'_>, right: &Side<'_>) -> Option<Ordering> {
    match (left, right) {
        (Side::Value(left), Side::Value(right)) => order_values(left, right),
        _ => None,
    }
}

fn order_values(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => Number::of(left)?.compare(Number::of(right)?),
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
