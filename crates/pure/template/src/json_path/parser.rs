//! From text to the steps of a path.

use super::{Comparison, Condition, JsonPath, Operand, Step, StepKind};
use crate::{lexer::Scanner, pattern::Pattern};

/// Nested parentheses, negations and paths in filters: what bounds the stack.
const DEPTH_MAX: u32 = 20;

/// Steps of one path: what bounds the stack of its evaluation.
const STEPS_MAX: usize = 100;

pub(super) fn parse(text: &str) -> Result<JsonPath, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the JSONPath is empty".to_owned());
    }
    let mut parser = Parser { scanner: Scanner::new(text), depth: 0 };
    let path = if parser.scanner.take("$") || parser.scanner.take("@") {
        parser.steps(false)
    } else {
        parser.bare_steps()
    }?;
    match parser.scanner.rest() {
        "" => Ok(path),
        rest => Err(format!("the JSONPath `{text}` cannot go on with `{rest}`")),
    }
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    depth: u32,
}

type Parsing<T> = Result<T, String>;

const COMPARISONS: [(&str, Comparison); 10] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    ("<", Comparison::Less),
    (">=", Comparison::GreaterOrEqual),
    (">", Comparison::Greater),
    ("=~", Comparison::Matches),
    ("in", Comparison::In),
    ("nin", Comparison::NotIn),
    ("contains", Comparison::Contains),
];

impl Parser<'_> {
    /// A path that does not begin with `$`: its first member stands without a point.
    fn bare_steps(&mut self) -> Parsing<JsonPath> {
        let mut steps = Vec::new();
        if self.scanner.peek() != Some(b'[') {
            steps.push(self.named_step(false)?);
        }
        self.more_steps(steps, false)
    }

    fn steps(&mut self, in_filter: bool) -> Parsing<JsonPath> {
        self.more_steps(Vec::new(), in_filter)
    }

    fn more_steps(&mut self, mut steps: Vec<Step>, in_filter: bool) -> Parsing<JsonPath> {
        loop {
            match self.scanner.peek() {
                Some(b'.') => {
                    let everywhere = self.scanner.take("..");
                    if !everywhere {
                        self.scanner.advance(1);
                    }
                    let bracket = self.scanner.peek() == Some(b'[');
                    steps.push(if bracket {
                        self.bracket(everywhere)?
                    } else {
                        self.named_step(everywhere)?
                    });
                }
                Some(b'[') => steps.push(self.bracket(false)?),
                _ => break,
            }
            if steps.len() > STEPS_MAX {
                return Err(format!("a JSONPath has at most {STEPS_MAX} steps"));
            }
            if matches!(steps.last().map(|step| &step.kind), Some(StepKind::Length)) {
                break;
            }
        }
        if !in_filter && matches!(self.scanner.peek(), Some(b'(')) {
            return Err("a JSONPath names a member before `(`".to_owned());
        }
        Ok(JsonPath { steps: steps.into() })
    }

    /// `name`, `*` or `length()`, after its point.
    fn named_step(&mut self, everywhere: bool) -> Parsing<Step> {
        if self.scanner.take("*") {
            return Ok(Step { everywhere, kind: StepKind::Wildcard });
        }
        let name = self.scanner.take_while(is_member_byte);
        if name.is_empty() {
            return Err("a JSONPath needs the name of a member after `.`".to_owned());
        }
        if !self.scanner.take("(") {
            return Ok(Step { everywhere, kind: StepKind::Member(name.into()) });
        }
        if name == "length" && self.scanner.take(")") {
            return Ok(Step { everywhere, kind: StepKind::Length });
        }
        Err(format!("`{name}()` is not supported in a JSONPath: only `length()` is"))
    }

    /// `[…]`
    fn bracket(&mut self, everywhere: bool) -> Parsing<Step> {
        self.scanner.advance(1);
        self.scanner.skip_space();
        let kind = match self.scanner.peek() {
            Some(b'*') => {
                self.scanner.advance(1);
                StepKind::Wildcard
            }
            Some(b'?') => {
                self.scanner.advance(1);
                self.scanner.skip_space();
                self.expect("(")?;
                let condition = self.condition()?;
                self.scanner.skip_space();
                self.expect(")")?;
                StepKind::Filter(condition)
            }
            Some(b'\'' | b'"') => self.quoted_members()?,
            _ => self.items()?,
        };
        self.scanner.skip_space();
        self.expect("]")?;
        Ok(Step { everywhere, kind })
    }

    fn quoted_members(&mut self) -> Parsing<StepKind> {
        let mut names = vec![self.quoted()?];
        self.scanner.skip_space();
        while self.scanner.take(",") {
            self.scanner.skip_space();
            names.push(self.quoted()?);
            self.scanner.skip_space();
        }
        let only = if names.len() == 1 { names.pop() } else { None };
        Ok(only.map_or_else(|| StepKind::Members(names.into()), StepKind::Member))
    }

    /// `1`, `-1`, `0,2`, `1:3`, `:2`, `-2:`
    fn items(&mut self) -> Parsing<StepKind> {
        let first = self.whole_number()?;
        self.scanner.skip_space();
        if self.scanner.take(":") {
            self.scanner.skip_space();
            let to = self.whole_number()?;
            return Ok(StepKind::Slice(first, to));
        }
        let expected = || "a JSONPath needs a number, a quoted name, `*` or `?(` in brackets".to_owned();
        let mut numbers = vec![first.ok_or_else(expected)?];
        while self.scanner.take(",") {
            self.scanner.skip_space();
            numbers.push(self.whole_number()?.ok_or_else(expected)?);
            self.scanner.skip_space();
        }
        Ok(match numbers.as_slice() {
            [number] => StepKind::Item(*number),
            _ => StepKind::Items(numbers.into()),
        })
    }

    fn whole_number(&mut self) -> Parsing<Option<i64>> {
        let digits = self.scanner.take_while(|byte| byte.is_ascii_digit() || byte == b'-');
        if digits.is_empty() {
            return Ok(None);
        }
        digits.parse().map(Some).map_err(|_| format!("`{digits}` is not an index of a JSONPath"))
    }

    /// A quoted text, in which a backslash keeps the character after it.
    fn quoted(&mut self) -> Parsing<Box<str>> {
        let quote = match self.scanner.peek() {
            Some(b'\'') => '\'',
            Some(b'"') => '"',
            _ => return Err("a JSONPath needs a quoted name here".to_owned()),
        };
        self.scanner.advance(1);
        let mut text = String::new();
        let mut escaped = false;
        for character in self.scanner.rest().chars() {
            self.scanner.advance(character.len_utf8());
            match character {
                _ if escaped => {
                    escaped = false;
                    text.push(character);
                }
                '\\' => escaped = true,
                _ if character == quote => return Ok(text.into()),
                _ => text.push(character),
            }
        }
        Err("a quoted name in a JSONPath has no closing quote".to_owned())
    }

    fn condition(&mut self) -> Parsing<Condition> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the filter of a JSONPath is nested too deeply".to_owned());
        }
        let mut any = vec![self.conjunction()?];
        while self.take_joint("||") {
            any.push(self.conjunction()?);
        }
        self.depth -= 1;
        Ok(joined(any, Condition::Any))
    }

    fn conjunction(&mut self) -> Parsing<Condition> {
        let mut all = vec![self.simple_condition()?];
        while self.take_joint("&&") {
            all.push(self.simple_condition()?);
        }
        Ok(joined(all, Condition::All))
    }

    fn take_joint(&mut self, joint: &str) -> bool {
        self.scanner.skip_space();
        self.scanner.take(joint)
    }

    fn simple_condition(&mut self) -> Parsing<Condition> {
        self.scanner.skip_space();
        if self.scanner.take("!") {
            self.scanner.skip_space();
            let negated =
                if self.scanner.take("(") { self.parenthesis()? } else { Condition::Exists(self.operand()?) };
            return Ok(Condition::Not(Box::new(negated)));
        }
        if self.scanner.take("(") {
            return self.parenthesis();
        }
        let left = self.operand()?;
        self.scanner.skip_space();
        let is_word = self.scanner.peek().is_some_and(|byte| byte.is_ascii_alphabetic());
        let comparison = COMPARISONS.iter().find(|(written, _)| {
            if is_word { self.scanner.take_word(written) } else { self.scanner.take(written) }
        });
        let Some((_, comparison)) = comparison else { return Ok(Condition::Exists(left)) };
        self.scanner.skip_space();
        Ok(Condition::Compare(left, *comparison, self.operand()?))
    }

    fn parenthesis(&mut self) -> Parsing<Condition> {
        let condition = self.condition()?;
        self.scanner.skip_space();
        self.expect(")")?;
        Ok(condition)
    }

    fn operand(&mut self) -> Parsing<Operand> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the filter of a JSONPath is nested too deeply".to_owned());
        }
        let operand = match self.scanner.peek() {
            Some(b'@') => {
                self.scanner.advance(1);
                Operand::Here(self.steps(true)?)
            }
            Some(b'$') => {
                self.scanner.advance(1);
                Operand::Root(self.steps(true)?)
            }
            Some(b'\'' | b'"') => Operand::Text(self.quoted()?),
            Some(b'[') => self.list()?,
            Some(b'/') => self.pattern()?,
            _ => self.word_or_number()?,
        };
        self.depth -= 1;
        Ok(operand)
    }

    fn list(&mut self) -> Parsing<Operand> {
        self.scanner.advance(1);
        let mut items = Vec::new();
        self.scanner.skip_space();
        while !self.scanner.take("]") {
            if !items.is_empty() {
                self.expect(",")?;
                self.scanner.skip_space();
            }
            items.push(self.operand()?);
            self.scanner.skip_space();
        }
        Ok(Operand::List(items.into()))
    }

    /// `/…/` or `/…/i`
    fn pattern(&mut self) -> Parsing<Operand> {
        self.scanner.advance(1);
        let (written, closed) = self.scanner.take_until("/");
        if !closed {
            return Err("a pattern in a JSONPath has no closing `/`".to_owned());
        }
        let any_case = self.scanner.take("i");
        let written = if any_case { format!("(?i){written}") } else { written.to_owned() };
        Pattern::compile(&written).map(Operand::Pattern)
    }

    fn word_or_number(&mut self) -> Parsing<Operand> {
        for (word, operand) in
            [("null", Operand::Null), ("true", Operand::Boolean(true)), ("false", Operand::Boolean(false))]
        {
            if self.scanner.take_word(word) {
                return Ok(operand);
            }
        }
        self.scanner
            .take_number()
            .map(|digits| Operand::Number(digits.into()))
            .ok_or_else(|| format!("the filter of a JSONPath cannot go on with `{}`", self.scanner.rest()))
    }

    fn expect(&mut self, word: &str) -> Parsing<()> {
        if self.scanner.take(word) {
            return Ok(());
        }
        Err(format!("expected `{word}` in the JSONPath before `{}`", self.scanner.rest()))
    }
}

fn joined(mut conditions: Vec<Condition>, join: fn(Box<[Condition]>) -> Condition) -> Condition {
    match (conditions.len(), conditions.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            conditions.extend(last);
            join(conditions.into())
        }
    }
}

fn is_member_byte(byte: u8) -> bool {
    !matches!(
        byte,
        b'.' | b'['
            | b'('
            | b')'
            | b']'
            | b' '
            | b'\t'
            | b'\n'
            | b'\r'
            | b'='
            | b'!'
            | b'<'
            | b'>'
            | b'&'
            | b'|'
            | b','
    )
}
