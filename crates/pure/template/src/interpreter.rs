//! Running a compiled template: in one pass, into one buffer.

use std::{cmp::Ordering, rc::Rc};

use crate::{
    FailureReason, Limits, Overrides, TemplateFailure, Variables,
    input::Body,
    limits::NESTING_MAX,
    meter::Meter,
    method::{Arguments, Method},
    number::{Arithmetic, Number, write_integer},
    pattern::Pattern,
    print::Printer,
    program::{Expression, Link, Member, Operation, Program, Reference, Step},
    text::Text,
    value::{Heap, ListId, Map, Style, Truth, Value},
};

/// What went wrong inside; the line is added at the end.
pub(crate) type Running<T> = Result<T, FailureReason>;

/// One rendering.
pub(crate) struct Interpreter<'a, 'o> {
    program: &'a Program,
    pub(crate) variables: &'a dyn Variables,
    pub(crate) overrides: &'o mut Overrides,
    pub(crate) limits: &'a Limits,
    pub(crate) heap: Heap<'a>,
    pub(crate) meter: Meter,
    pub(crate) body: Body<'a>,
    pub(crate) loops: Vec<Loop>,
    /// Patterns that were compiled while running.
    pub(crate) patterns: Vec<(Text<'a>, Rc<Pattern>)>,
    slots: Vec<Value<'a>>,
    output: String,
    /// How long `output` may become.
    output_limit: usize,
    /// The line of the last look-up, for failures.
    line: u32,
    /// Blocks that are open.
    depth: u32,
    /// Calls, lists and operations that are open, in all blocks.
    nesting: u32,
}

/// A running `#foreach`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loop {
    pub(crate) index: u32,
    pub(crate) has_next: bool,
    /// `$foreach.stop()` was called.
    pub(crate) stopped: bool,
}

/// How a run of steps ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Stop,
}

/// What `#foreach` goes through.
enum Items<'a> {
    List(ListId),
    Values(Vec<Value<'a>>),
    Range(i64, i64),
}

/// Runs `program` and writes to `output`, after what stands there.
pub(crate) fn run(
    program: &Program,
    variables: &dyn Variables,
    overrides: &mut Overrides,
    limits: &Limits,
    output: &mut String,
) -> Result<(), TemplateFailure> {
    let output_limit = output.len().saturating_add(limits.output_bytes);
    let mut interpreter = Interpreter {
        program,
        variables,
        overrides,
        limits,
        heap: Heap::default(),
        meter: Meter::new(limits.steps),
        body: Body::Unread,
        loops: Vec::new(),
        patterns: Vec::new(),
        slots: vec![Value::Empty; program.slots.count],
        output: std::mem::take(output),
        output_limit,
        line: 1,
        depth: 0,
        nesting: 0,
    };
    interpreter.give_names();
    let flow = interpreter.steps(&program.steps);
    *output = interpreter.output;
    flow.map(drop).map_err(|reason| TemplateFailure { line: interpreter.line, reason })
}

impl<'a> Interpreter<'a, '_> {
    fn give_names(&mut self) {
        let slots = &self.program.slots;
        self.assign(slots.input, Value::Input);
        self.assign(slots.util, Value::Util);
        self.assign(slots.context, Value::Context(Text::Borrowed("")));
        self.assign(slots.stage_variables, Value::StageVariables);
    }

    fn steps(&mut self, steps: &'a [Step]) -> Running<Flow> {
        for step in steps {
            self.meter.step()?;
            match step {
                Step::Text(text) => {
                    self.output.push_str(text);
                    self.check_output()?;
                }
                Step::Print(reference) => self.print_reference(reference)?,
                Step::Set { target, member, value } => self.set(target, member.as_ref(), value)?,
                Step::If { branches, otherwise } => {
                    let flow = self.choose(branches, otherwise)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Step::Foreach { line, slot, items, body } => {
                    self.line = *line;
                    if self.foreach(*slot, items, body)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
                Step::Define { slot, block } => self.assign(Some(*slot), Value::Block(*block)),
                Step::Break => return Ok(Flow::Break),
                Step::Stop => return Ok(Flow::Stop),
            }
        }
        Ok(Flow::Next)
    }

    /// Runs a block inside another.
    fn nested(&mut self, steps: &'a [Step]) -> Running<Flow> {
        if self.depth >= self.limits.depth {
            return Err(FailureReason::TooDeep);
        }
        self.depth += 1;
        let flow = self.steps(steps);
        self.depth -= 1;
        flow
    }

    #[inline(never)]
    fn choose(&mut self, branches: &'a [(Expression, Box<[Step]>)], otherwise: &'a [Step]) -> Running<Flow> {
        for (condition, body) in branches {
            if self.holds(condition)? {
                return self.nested(body);
            }
        }
        if otherwise.is_empty() { Ok(Flow::Next) } else { self.nested(otherwise) }
    }

    /// Whether a condition holds. The usual ones are decided without making values.
    fn holds(&mut self, condition: &'a Expression) -> Running<bool> {
        match condition {
            Expression::Reference(reference) => {
                self.meter.spend(1 + reference.links.len())?;
                match find_member(&self.slots, &self.heap, reference) {
                    Some(value) => Ok(value.is_true()),
                    None => self.follow_links(reference).map(|value| value.is_true()),
                }
            }
            Expression::Chain(first, rest) => match &**rest {
                [(operation, operand)] if !matches!(operation, Operation::Arithmetic(_)) => {
                    self.meter.step()?;
                    let left = self.evaluate(first)?;
                    let right = self.evaluate(operand)?;
                    self.compare(&left, *operation, &right)
                }
                _ => self.chain(first, rest).map(|value| value.is_true()),
            },
            Expression::Logic { all, operands } => self.logic(*all, operands),
            condition => self.evaluate(condition).map(|value| value.is_true()),
        }
    }

    /// Loops. The variable, `$foreach` and the counters have their old values again afterwards
    /// (statement D5).
    #[inline(never)]
    fn foreach(&mut self, slot: usize, items: &'a Expression, body: &'a [Step]) -> Running<Flow> {
        let Some(items) = self.items(items)? else { return Ok(Flow::Next) };
        if self.length_of(&items) == 0 {
            return Ok(Flow::Next);
        }
        let slots = &self.program.slots;
        let assigned = [Some(slot), slots.foreach, slots.velocity_count, slots.velocity_has_next];
        let before = assigned.map(|slot| self.slot(slot));
        let flow = self.iterate(slot, &items, body);
        for (slot, value) in assigned.into_iter().zip(before).rev() {
            self.assign(slot, value);
        }
        flow
    }

    fn iterate(&mut self, slot: usize, items: &Items<'a>, body: &'a [Step]) -> Running<Flow> {
        let line = self.line;
        let level = self.loops.len();
        self.loops.push(Loop { index: 0, has_next: false, stopped: false });
        self.assign(self.program.slots.foreach, Value::Loop(level));
        let mut flow = Flow::Next;
        let mut index = 0;
        while let Some(item) = self.item_of(items, index) {
            self.meter.step()?;
            if index >= self.limits.loop_iterations {
                self.line = line;
                return Err(FailureReason::LoopTooLong);
            }
            let has_next = self.length_of(items) > u64::from(index) + 1;
            let slots = &self.program.slots;
            self.assign(slots.velocity_count, Value::Integer(i64::from(index) + 1));
            self.assign(slots.velocity_has_next, Value::boolean(has_next));
            self.assign(Some(slot), item.or_empty());
            if let Some(state) = self.loops.get_mut(level) {
                *state = Loop { index, has_next, stopped: false };
            }
            flow = self.nested(body)?;
            if flow != Flow::Next || self.loops.get(level).is_some_and(|state| state.stopped) {
                break;
            }
            index += 1;
        }
        self.loops.truncate(level);
        Ok(if flow == Flow::Stop { flow } else { Flow::Next })
    }

    /// What an expression lets a loop go through; nothing for a value that is no collection
    /// (statement D4).
    fn items(&mut self, items: &'a Expression) -> Running<Option<Items<'a>>> {
        if let Expression::Range(bounds) = items {
            return Ok(self.bounds(bounds)?.map(|(from, to)| Items::Range(from, to)));
        }
        let value = self.evaluate(items)?;
        Ok(match self.materialized(value)? {
            Value::List(id) => Some(Items::List(id)),
            Value::Map(id) => {
                self.meter.spend(self.heap.pairs(id).len())?;
                Some(Items::Values(self.heap.pairs(id).iter().map(|pair| pair.value.clone()).collect()))
            }
            _ => None,
        })
    }

    fn length_of(&self, items: &Items<'a>) -> u64 {
        match items {
            Items::List(id) => self.heap.items(*id).len() as u64,
            Items::Values(values) => values.len() as u64,
            Items::Range(from, to) => from.abs_diff(*to).saturating_add(1),
        }
    }

    fn item_of(&self, items: &Items<'a>, index: u32) -> Option<Value<'a>> {
        match items {
            Items::List(id) => self.heap.items(*id).get(index as usize).cloned(),
            Items::Values(values) => values.get(index as usize).cloned(),
            Items::Range(from, to) => {
                let step = i64::from(index);
                (from.abs_diff(*to) >= u64::from(index))
                    .then(|| Value::Integer(if from <= to { from + step } else { from - step }))
            }
        }
    }

    fn set(
        &mut self,
        target: &'a Reference,
        member: Option<&'a Member>,
        value: &'a Expression,
    ) -> Running<()> {
        self.line = target.line;
        let value = match self.evaluate(value)? {
            // Arithmetic without a result leaves the variable as it is, as Velocity does by default.
            Value::Null if !matches!(value, Expression::Null) => return Ok(()),
            value => value.or_empty(),
        };
        let Some(member) = member else {
            self.assign(Some(target.slot), value);
            return Ok(());
        };
        let base = self.reference(target)?;
        let key = match member {
            Member::Name(name) => Value::Text(Text::Borrowed(name)),
            Member::Index(index) => self.evaluate(index)?,
        };
        self.set_member(&base, &key, value).map(drop)
    }

    /// Prints what a reference leads to; a text where it stands is not even cloned.
    fn print_reference(&mut self, reference: &'a Reference) -> Running<()> {
        match find_member(&self.slots, &self.heap, reference) {
            Some(Value::Text(text)) => {
                self.output.push_str(text);
                self.meter.spend(reference.links.len())?;
                return self.check_output();
            }
            None | Some(Value::Block(_) | Value::Parameters(_) | Value::StageVariables) => {}
            Some(value) => {
                self.meter.spend(reference.links.len())?;
                let printer =
                    &mut Printer { heap: &self.heap, output: &mut self.output, limit: self.output_limit };
                return printer.print(value);
            }
        }
        // `$input.json(…)` is the one call whose text may be as large as a body: it is written where it
        // belongs and nowhere else.
        if let (Some(Value::Input), [Link::Call(call)]) = (self.slots.get(reference.slot), &*reference.links)
            && let (Method::Json, [path]) = (call.method, &*call.arguments)
        {
            self.line = reference.line;
            let path = self.evaluate(path)?;
            let value = self.json_value(call, &path)?;
            return self.printer().print_json(&value);
        }
        let value = self.reference(reference)?;
        self.print(&value)
    }

    /// Follows a reference to its value.
    pub(crate) fn reference(&mut self, reference: &'a Reference) -> Running<Value<'a>> {
        if let Some(value) = find_member(&self.slots, &self.heap, reference) {
            self.meter.spend(reference.links.len())?;
            return Ok(if matches!(value, Value::Null) { Value::Empty } else { value.clone() });
        }
        self.follow_links(reference)
    }

    #[inline(never)]
    fn follow_links(&mut self, reference: &'a Reference) -> Running<Value<'a>> {
        self.line = reference.line;
        if let (Some(Value::Loop(level)), [Link::Member(name, _)]) =
            (self.slots.get(reference.slot), &*reference.links)
        {
            return Ok(self.loop_member(*level, name));
        }
        let mut value = self.slot(Some(reference.slot));
        let mut links = &*reference.links;
        if let (Some((path, count)), Value::Context(root)) = (&reference.path, &value)
            && root.is_empty()
        {
            self.meter.step()?;
            value = self.context_value(Text::Borrowed(path));
            links = links.get(*count..).unwrap_or_default();
        }
        let Some((last, links)) = links.split_last() else { return Ok(value.or_empty()) };
        for link in links {
            self.meter.step()?;
            if value.is_nothing() {
                return Ok(Value::Empty);
            }
            value = self.follow(&value, link)?;
        }
        self.meter.step()?;
        if value.is_nothing() {
            return Ok(Value::Empty);
        }
        let mut found = self.follow(&value, last);
        if let Ok(null @ Value::Null) = &mut found {
            *null = Value::Empty;
        }
        found
    }

    fn follow(&mut self, value: &Value<'a>, link: &'a Link) -> Running<Value<'a>> {
        if let Link::Member(name, _) = link {
            return Ok(self.member(value, name));
        }
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(FailureReason::TooDeep);
        }
        let value = self.follow_arguments(value, link);
        self.nesting -= 1;
        value
    }

    fn follow_arguments(&mut self, value: &Value<'a>, link: &'a Link) -> Running<Value<'a>> {
        match link {
            Link::Member(name, _) => Ok(self.member(value, name)),
            Link::Index(index) => {
                let index = self.evaluate(index)?;
                self.index(value, &index)
            }
            Link::Call(call) => {
                let mut arguments = Arguments::default();
                for argument in &call.arguments {
                    let argument = self.evaluate(argument)?.or_empty();
                    if !arguments.push(argument) {
                        // No method here takes as many.
                        return Ok(Value::Empty);
                    }
                }
                self.call(value, call, &arguments)
            }
        }
    }

    /// The value of an expression. The usual ones stand here and the others apart, so that the frame of
    /// this function stays small.
    pub(crate) fn evaluate(&mut self, expression: &'a Expression) -> Running<Value<'a>> {
        self.meter.step()?;
        match expression {
            Expression::Reference(reference) => self.reference(reference),
            Expression::Text(text) => Ok(Value::Text(Text::Borrowed(text))),
            Expression::Integer(number) => Ok(Value::Integer(*number)),
            Expression::Boolean(boolean) => Ok(Value::boolean(*boolean)),
            expression => {
                self.nesting += 1;
                if self.nesting > NESTING_MAX {
                    return Err(FailureReason::TooDeep);
                }
                let value = match expression {
                    Expression::Chain(first, rest) => self.chain(first, rest),
                    expression => self.evaluate_other(expression),
                };
                self.nesting -= 1;
                value
            }
        }
    }

    fn chain(&mut self, first: &'a Expression, rest: &'a [(Operation, Expression)]) -> Running<Value<'a>> {
        let mut value = self.evaluate(first)?;
        for (operation, operand) in rest {
            let operand = self.evaluate(operand)?;
            value = self.operate(&value, *operation, &operand)?;
        }
        Ok(value)
    }

    #[inline(never)]
    fn evaluate_other(&mut self, expression: &'a Expression) -> Running<Value<'a>> {
        Ok(match expression {
            Expression::Float(number) => Value::Float(*number),
            Expression::Digits(digits) => Value::Digits(Text::Borrowed(digits)),
            Expression::Interpolated(steps) => Value::Text(self.interpolate(steps)?),
            Expression::List(items) => self.list(items)?,
            Expression::Range(bounds) => self.range(bounds)?,
            Expression::Map(pairs) => self.map(pairs)?,
            Expression::Not(operand) => Value::boolean(!self.holds(operand)?),
            Expression::Logic { all, operands } => Value::boolean(self.logic(*all, operands)?),
            // The last five have their values in `evaluate`.
            Expression::Null
            | Expression::Reference(_)
            | Expression::Text(_)
            | Expression::Integer(_)
            | Expression::Boolean(_)
            | Expression::Chain(..) => Value::Null,
        })
    }

    /// Whether all operands hold, or one does.
    fn logic(&mut self, all: bool, operands: &'a [Expression]) -> Running<bool> {
        self.meter.step()?;
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(FailureReason::TooDeep);
        }
        let mut decided = all;
        for operand in operands {
            decided = self.holds(operand)?;
            if decided != all {
                break;
            }
        }
        self.nesting -= 1;
        Ok(decided)
    }

    fn operate(&mut self, left: &Value<'a>, operation: Operation, right: &Value<'a>) -> Running<Value<'a>> {
        match operation {
            Operation::Arithmetic(how) => self.reckon(left, how, right),
            operation => self.compare(left, operation, right).map(Value::boolean),
        }
    }

    fn compare(&mut self, left: &Value<'a>, operation: Operation, right: &Value<'a>) -> Running<bool> {
        match operation {
            Operation::Equal => return self.equal(left, right),
            Operation::NotEqual => return self.equal(left, right).map(|equal| !equal),
            _ => {}
        }
        // Values that are not both numbers compare false with everything.
        let order = Number::of(left).zip(Number::of(right)).and_then(|(left, right)| left.compare(right));
        Ok(order.is_some_and(match operation {
            Operation::Less => Ordering::is_lt,
            Operation::Greater => Ordering::is_gt,
            Operation::LessOrEqual => Ordering::is_le,
            _ => Ordering::is_ge,
        }))
    }

    /// Arithmetic; adding to a text joins (statement D7).
    fn reckon(&mut self, left: &Value<'a>, how: Arithmetic, right: &Value<'a>) -> Running<Value<'a>> {
        if let (Value::Integer(left), Value::Integer(right)) = (left, right)
            && let Some(result) = how.of_integers(*left, *right)
        {
            return Ok(Value::Integer(result));
        }
        if how == Arithmetic::Add && (left.as_text().is_some() || right.as_text().is_some()) {
            let left = self.text_of(left)?;
            let right = self.text_of(right)?;
            return Ok(Value::Text(self.built([&*left, &*right].concat())?));
        }
        let result =
            Number::of(left).zip(Number::of(right)).and_then(|(left, right)| left.reckon(how, right));
        Ok(result.map_or(Value::Null, Number::into_value))
    }

    /// `==`: numbers by value, like by like, and what is of two kinds by its text (statement D6).
    pub(crate) fn equal(&mut self, left: &Value<'a>, right: &Value<'a>) -> Running<bool> {
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                self.meter.spend_bytes(left.len().min(right.len()))?;
                Ok(left == right)
            }
            (Value::Boolean(left), Value::Boolean(right)) => Ok(left == right),
            (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => self.same(left, right, 0),
            _ => {
                if let Some((left, right)) = Number::of(left).zip(Number::of(right)) {
                    return Ok(left.compare(right).is_some_and(Ordering::is_eq));
                }
                let left = self.text_of(left)?;
                let right = self.text_of(right)?;
                Ok(left == right)
            }
        }
    }

    fn list(&mut self, items: &'a [Expression]) -> Running<Value<'a>> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = self.evaluate(item)?.or_empty();
            values.push(self.materialized(value)?);
        }
        Ok(self.heap.list_of(values, Style::Java))
    }

    fn map(&mut self, pairs: &'a [(Expression, Expression)]) -> Running<Value<'a>> {
        let mut map = Map::default();
        for (key, value) in pairs {
            let key = self.evaluate(key)?;
            let key = self.text_of(&key)?;
            let value = self.evaluate(value)?.or_empty();
            map.insert(key, self.materialized(value)?);
        }
        Ok(self.heap.map_of(map))
    }

    /// A range as a list, in either direction (statement D8).
    fn range(&mut self, bounds: &'a [Expression; 2]) -> Running<Value<'a>> {
        let Some((from, to)) = self.bounds(bounds)? else { return Ok(Value::Null) };
        self.meter.spend(usize::try_from(from.abs_diff(to)).unwrap_or(usize::MAX))?;
        let numbers = from.min(to)..=from.max(to);
        let items = if from <= to {
            numbers.map(Value::Integer).collect()
        } else {
            numbers.rev().map(Value::Integer).collect()
        };
        Ok(self.heap.list_of(items, Style::Java))
    }

    fn bounds(&mut self, bounds: &'a [Expression; 2]) -> Running<Option<(i64, i64)>> {
        let [from, to] = bounds;
        let from = self.evaluate(from)?;
        let to = self.evaluate(to)?;
        let whole = |value: &Value<'_>| i64::try_from(Number::of(value)?.as_integer()?).ok();
        Ok(whole(&from).zip(whole(&to)))
    }

    /// Renders steps to a text of their own.
    fn interpolate(&mut self, steps: &'a [Step]) -> Running<Text<'a>> {
        if let [Step::Print(reference)] = steps {
            let value = self.reference(reference)?;
            return self.text_of(&value);
        }
        self.apart(|interpreter| interpreter.nested(steps).map(drop))
    }

    /// The text that a value prints.
    pub(crate) fn text_of(&mut self, value: &Value<'a>) -> Running<Text<'a>> {
        match value {
            Value::Text(text) | Value::Digits(text) => Ok(text.clone()),
            Value::Empty | Value::Null => Ok(Text::Borrowed("")),
            Value::Boolean(Truth::True) => Ok(Text::Borrowed("true")),
            Value::Boolean(Truth::False) => Ok(Text::Borrowed("false")),
            Value::Integer(number) => {
                let mut text = String::with_capacity(20);
                write_integer(*number, &mut text);
                Ok(text.into())
            }
            value => self.apart(|interpreter| interpreter.print(value)),
        }
    }

    /// Lets `write` write to a text of its own instead of the output.
    pub(crate) fn apart(&mut self, write: impl FnOnce(&mut Self) -> Running<()>) -> Running<Text<'a>> {
        let output = std::mem::take(&mut self.output);
        let limit = std::mem::replace(&mut self.output_limit, self.limits.output_bytes);
        let result = write(self);
        let built = std::mem::replace(&mut self.output, output);
        self.output_limit = limit;
        result?;
        self.built(built)
    }

    /// A text that was built: it counts (statement ER2 and the limits).
    pub(crate) fn built(&mut self, text: String) -> Running<Text<'a>> {
        if text.len() > self.limits.output_bytes {
            return Err(FailureReason::OutputTooLarge);
        }
        self.meter.spend_bytes(text.len())?;
        Ok(text.into())
    }

    pub(crate) fn print(&mut self, value: &Value<'a>) -> Running<()> {
        match value {
            Value::Text(text) => {
                self.output.push_str(text);
                self.check_output()
            }
            Value::Block(block) => {
                let block = self.program.blocks.get(*block).map_or(&[][..], |steps| steps);
                self.nested(block).map(drop)
            }
            Value::Parameters(_) | Value::StageVariables => {
                let map = self.materialized(value.clone())?;
                self.printer().print(&map)
            }
            value => self.printer().print(value),
        }
    }

    pub(crate) fn printer(&mut self) -> Printer<'_, 'a> {
        Printer { heap: &self.heap, output: &mut self.output, limit: self.output_limit }
    }

    fn check_output(&self) -> Running<()> {
        if self.output.len() > self.output_limit { Err(FailureReason::OutputTooLarge) } else { Ok(()) }
    }

    fn slot(&self, slot: Option<usize>) -> Value<'a> {
        slot.and_then(|slot| self.slots.get(slot)).cloned().unwrap_or(Value::Empty)
    }

    fn assign(&mut self, slot: Option<usize>, value: Value<'a>) {
        if let Some(place) = slot.and_then(|slot| self.slots.get_mut(slot)) {
            *place = value;
        }
    }
}

/// What a reference leads to that is a variable and members of maps, the usual one by far; `None` for
/// any other, and where there is nothing.
fn find_member<'v, 'a>(
    slots: &'v [Value<'a>],
    heap: &'v Heap<'a>,
    reference: &Reference,
) -> Option<&'v Value<'a>> {
    let mut value = slots.get(reference.slot)?;
    for link in &reference.links {
        match (value, link) {
            (Value::Map(id), Link::Member(name, signature)) => {
                value = heap.get_signed(*id, name, *signature)?
            }
            _ => return None,
        }
    }
    Some(value)
}
