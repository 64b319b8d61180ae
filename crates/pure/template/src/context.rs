//! `$context` with its overrides, and `$stageVariables`.

use crate::{
    ContextValue, OverrideGroup, OverrideValue, Overrides,
    interpreter::{Interpreter, Running},
    text::Text,
    value::{Map, MapId, Style, Value},
};

/// What a path under `$context.requestOverride` or `$context.responseOverride` names.
enum Override<'p> {
    /// A branch with these members.
    Branch(&'static [&'static str]),
    Group(Group),
    Member(Group, &'p str),
    Status,
    Nothing,
}

/// One group of overrides.
#[derive(Clone, Copy)]
struct Group {
    get: fn(&Overrides) -> &OverrideGroup,
    get_mut: fn(&mut Overrides) -> &mut OverrideGroup,
}

/// The groups by their paths.
const GROUPS: [(&str, Group); 4] = [
    (
        "requestOverride.header",
        Group {
            get: |overrides| &overrides.request_header,
            get_mut: |overrides| &mut overrides.request_header,
        },
    ),
    (
        "requestOverride.path",
        Group { get: |overrides| &overrides.request_path, get_mut: |overrides| &mut overrides.request_path },
    ),
    (
        "requestOverride.querystring",
        Group {
            get: |overrides| &overrides.request_querystring,
            get_mut: |overrides| &mut overrides.request_querystring,
        },
    ),
    (
        "responseOverride.header",
        Group {
            get: |overrides| &overrides.response_header,
            get_mut: |overrides| &mut overrides.response_header,
        },
    ),
];

/// `None` for a path that belongs to the rest of `$context`.
fn parse_override(path: &str) -> Option<Override<'_>> {
    match path {
        "requestOverride" => return Some(Override::Branch(&["path", "header", "querystring"])),
        "responseOverride" => return Some(Override::Branch(&["header"])),
        "responseOverride.status" => return Some(Override::Status),
        _ if !path.starts_with("re") => return None,
        _ => {}
    }
    for (group_path, group) in GROUPS {
        if let Some(rest) = path.strip_prefix(group_path) {
            if rest.is_empty() {
                return Some(Override::Group(group));
            }
            if let Some(name) = rest.strip_prefix('.') {
                return Some(Override::Member(group, name));
            }
        }
    }
    let is_override = path.starts_with("requestOverride.") || path.starts_with("responseOverride.");
    is_override.then_some(Override::Nothing)
}

impl<'a> Interpreter<'a, '_> {
    /// The value at a path under `$context`.
    pub(crate) fn context_value(&mut self, path: Text<'a>) -> Value<'a> {
        match parse_override(&path) {
            None => match self.variables.context(&path) {
                None => Value::Empty,
                Some(ContextValue::Text(text)) => Value::text(text),
                Some(ContextValue::Number(number)) => Value::Integer(number),
                Some(ContextValue::Branch) => Value::Context(path),
            },
            Some(Override::Branch(_) | Override::Group(_)) => Value::Context(path),
            Some(Override::Member(group, name)) => match (group.get)(self.overrides).get(name) {
                None => Value::Empty,
                Some(OverrideValue::One(text)) => Value::Text(Text::copied(text)),
                Some(OverrideValue::Several(texts)) => {
                    let items = texts.iter().map(|text| Value::Text(Text::copied(text))).collect();
                    self.heap.list_of(items, Style::Java)
                }
            },
            Some(Override::Status) => self
                .overrides
                .response_status
                .as_deref()
                .map_or(Value::Empty, |status| Value::Text(Text::copied(status))),
            Some(Override::Nothing) => Value::Empty,
        }
    }

    /// The names under a branch of `$context`, in the service's order (statement X1).
    pub(crate) fn context_names(&self, branch: &str) -> Vec<Text<'a>> {
        let mut names = Vec::new();
        match parse_override(branch) {
            None => self.variables.each_context_name(branch, &mut |name| names.push(Text::copied(name))),
            Some(Override::Branch(members)) => names.extend(members.iter().map(|name| Text::Borrowed(name))),
            Some(Override::Group(group)) => {
                names.extend((group.get)(self.overrides).iter().map(|(name, _)| Text::copied(name)));
            }
            Some(_) => {}
        }
        names
    }

    /// A branch of `$context` as a map of what is under it.
    pub(crate) fn context_map(&mut self, branch: &Text<'a>) -> Running<Value<'a>> {
        let names = self.context_names(branch);
        self.meter.spend(names.len())?;
        let mut map = Map::default();
        for name in names {
            let value = self.lookup(&Value::Context(branch.clone()), &name);
            map.insert(name, value);
        }
        Ok(self.heap.map_of(map))
    }

    /// Assigns to a member of a branch; only overrides can be assigned (statement X4).
    pub(crate) fn override_member(
        &mut self,
        branch: &str,
        name: &str,
        value: &Value<'a>,
    ) -> Running<Value<'a>> {
        if value.is_nothing() {
            return Ok(Value::Null);
        }
        let path = [branch, ".", name].concat();
        let old = self.context_value(Text::copied(&path));
        let repeated = match parse_override(&path) {
            Some(Override::Status) => {
                let status = self.text_of(value)?.to_string();
                self.overrides.response_status.replace(status).is_some()
            }
            Some(Override::Member(group, name)) => {
                let value = self.override_value(value)?;
                self.meter.spend((group.get)(self.overrides).iter().count())?;
                (group.get_mut)(self.overrides).set(name, value).is_some()
            }
            Some(Override::Group(group)) => {
                if let Value::Map(id) = value {
                    *(group.get_mut)(self.overrides) = OverrideGroup::default();
                    self.override_all(&path, *id)?;
                }
                false
            }
            _ => false,
        };
        self.overrides.repeated_assignments += u32::from(repeated);
        Ok(if old.is_nothing() { Value::Null } else { old })
    }

    /// Takes an override out.
    pub(crate) fn remove_override(&mut self, branch: &str, name: &str) -> Value<'a> {
        let removed = match parse_override(&[branch, ".", name].concat()) {
            Some(Override::Member(group, name)) => (group.get_mut)(self.overrides).remove(name),
            Some(Override::Status) => self.overrides.response_status.take().map(OverrideValue::One),
            _ => None,
        };
        match removed {
            Some(OverrideValue::One(text)) => Value::text(text),
            _ => Value::Null,
        }
    }

    /// Assigns every entry of a map.
    pub(crate) fn override_all(&mut self, branch: &str, map: MapId) -> Running<()> {
        for position in 0..self.heap.pairs(map).len() {
            self.meter.step()?;
            if let Some(pair) = self.heap.pairs(map).get(position).cloned() {
                self.override_member(branch, &pair.key, &pair.value)?;
            }
        }
        Ok(())
    }

    /// A list overrides with several values, anything else with its text (statement X7).
    fn override_value(&mut self, value: &Value<'a>) -> Running<OverrideValue> {
        let Value::List(id) = value else {
            return Ok(OverrideValue::One(self.text_of(value)?.to_string()));
        };
        let mut texts = Vec::new();
        for position in 0..self.heap.items(*id).len() {
            self.meter.step()?;
            if let Some(item) = self.heap.items(*id).get(position).cloned() {
                texts.push(self.text_of(&item)?.to_string());
            }
        }
        Ok(OverrideValue::Several(texts))
    }

    /// `$stageVariables` as a map.
    pub(crate) fn stage_variable_map(&mut self) -> Running<Value<'a>> {
        let mut map = Map::default();
        self.variables.each_stage_variable(&mut |name, value| {
            map.insert(Text::copied(name), Value::Text(Text::copied(value)));
        });
        self.meter.spend(map.len())?;
        Ok(self.heap.map_of(map))
    }
}
