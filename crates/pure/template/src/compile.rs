//! From the tree of `syntax.rs` to the program of `program.rs`.

use std::collections::BTreeMap;

use crate::{
    TemplateProblem,
    json_path::JsonPath,
    method::Method,
    number::{Arithmetic, Number},
    parser::located,
    pattern::Pattern,
    program::{Call, Expression, Link, Member, Operation, Prepared, Program, Reference, Slots, Step, Steps},
    syntax::{self, Operator, Statement},
    value::Signature,
};

/// Compiles a parsed template. `text` is its source, for places.
///
/// A JSONPath or pattern that stands as a literal is refused here, with its place, if it is wrong or
/// asks for what is not supported.
pub(crate) fn compile(text: &str, block: syntax::Block) -> Result<Program, TemplateProblem> {
    let mut compiler = Compiler {
        text,
        lines: line_starts(text),
        names: BTreeMap::new(),
        blocks: Vec::new(),
        reads_body: false,
    };
    let steps = compiler.steps(block)?;
    let slot = |name: &str| compiler.names.get(name).copied();
    let slots = Slots {
        count: compiler.names.len(),
        input: slot("input"),
        util: slot("util"),
        context: slot("context"),
        stage_variables: slot("stageVariables"),
        foreach: slot("foreach"),
        velocity_count: slot("velocityCount"),
        velocity_has_next: slot("velocityHasNext"),
    };
    Ok(Program { steps, blocks: compiler.blocks.into(), slots, reads_body: compiler.reads_body })
}

struct Compiler<'t> {
    text: &'t str,
    lines: Vec<usize>,
    names: BTreeMap<String, usize>,
    blocks: Vec<Steps>,
    reads_body: bool,
}

type Compiling<T> = Result<T, TemplateProblem>;

impl Compiler<'_> {
    fn steps(&mut self, block: syntax::Block) -> Compiling<Steps> {
        block.into_iter().map(|statement| self.step(statement)).collect()
    }

    fn step(&mut self, statement: Statement) -> Compiling<Step> {
        Ok(match statement {
            Statement::Text(text) => Step::Text(text.into()),
            Statement::Print(reference) => Step::Print(self.reference(reference)?),
            Statement::Set { target, value } => self.set(target, value)?,
            Statement::If { branches, otherwise } => {
                let branches = branches
                    .into_iter()
                    .map(|(condition, body)| Ok((self.expression(condition)?, self.steps(body)?)))
                    .collect::<Compiling<_>>()?;
                Step::If { branches, otherwise: self.steps(otherwise)? }
            }
            Statement::Foreach { at, variable, items, body } => Step::Foreach {
                line: self.line(at),
                slot: self.slot(variable),
                items: self.expression(items)?,
                body: self.steps(body)?,
            },
            Statement::Define { name, body } => {
                let body = self.steps(body)?;
                self.blocks.push(body);
                Step::Define { slot: self.slot(name), block: self.blocks.len() - 1 }
            }
            Statement::Break => Step::Break,
            Statement::Stop => Step::Stop,
        })
    }

    fn set(&mut self, mut target: syntax::Reference, value: syntax::Expression) -> Compiling<Step> {
        let member = match target.links.pop() {
            None => None,
            Some(syntax::Link::Property(name)) => Some(Member::Name(name.into())),
            Some(syntax::Link::Index(index)) => Some(Member::Index(self.expression(index)?)),
            Some(syntax::Link::Call { at, .. }) => {
                return Err(located(self.text, at, "a method call cannot be assigned to".to_owned()));
            }
        };
        Ok(Step::Set { target: self.reference(target)?, member, value: self.expression(value)? })
    }

    fn reference(&mut self, reference: syntax::Reference) -> Compiling<Reference> {
        let path = if reference.name == "context" { leading_names(&reference.links) } else { None };
        let is_input = reference.name == "input";
        let of_parameters = matches!(
            reference.links.first(),
            Some(syntax::Link::Call { name, .. } | syntax::Link::Property(name)) if name == "params"
        );
        self.reads_body |= is_input && !of_parameters;
        Ok(Reference {
            line: self.line(reference.at),
            slot: self.slot(reference.name),
            path,
            links: reference
                .links
                .into_iter()
                .map(|link| self.link(link, is_input))
                .collect::<Compiling<_>>()?,
        })
    }

    fn link(&mut self, link: syntax::Link, is_input: bool) -> Compiling<Link> {
        Ok(match link {
            // `$map["key"]` is `$map.key`, and a list has no such item either way.
            syntax::Link::Property(name) | syntax::Link::Index(syntax::Expression::Text(name)) => {
                Link::Member(name.as_str().into(), Signature::of(&name))
            }
            syntax::Link::Index(index) => Link::Index(self.expression(index)?),
            syntax::Link::Call { at, name, arguments } => {
                Link::Call(self.call(at, &name, arguments, is_input)?)
            }
        })
    }

    fn call(
        &mut self,
        at: usize,
        name: &str,
        arguments: Vec<syntax::Expression>,
        is_input: bool,
    ) -> Compiling<Call> {
        let method = Method::named(name);
        let prepared = match arguments.first() {
            Some(syntax::Expression::Text(text)) => {
                prepare(method, text, is_input).map_err(|message| located(self.text, at, message))?
            }
            _ => Prepared::Nothing,
        };
        Ok(Call { method, arguments: self.expressions(arguments)?, prepared })
    }

    fn expressions(&mut self, expressions: Vec<syntax::Expression>) -> Compiling<Box<[Expression]>> {
        expressions.into_iter().map(|expression| self.expression(expression)).collect()
    }

    fn expression(&mut self, expression: syntax::Expression) -> Compiling<Expression> {
        Ok(match expression {
            syntax::Expression::Null => Expression::Null,
            syntax::Expression::Boolean(boolean) => Expression::Boolean(boolean),
            syntax::Expression::Number(digits) => number(&digits),
            syntax::Expression::Text(text) => Expression::Text(text.into()),
            syntax::Expression::Interpolated(block) => Expression::Interpolated(self.steps(block)?),
            syntax::Expression::List(items) => Expression::List(self.expressions(items)?),
            syntax::Expression::Range(from, to) => {
                Expression::Range(Box::new([self.expression(*from)?, self.expression(*to)?]))
            }
            syntax::Expression::Map(pairs) => Expression::Map(
                pairs
                    .into_iter()
                    .map(|(key, value)| Ok((self.expression(key)?, self.expression(value)?)))
                    .collect::<Compiling<_>>()?,
            ),
            syntax::Expression::Reference(reference) => Expression::Reference(self.reference(reference)?),
            syntax::Expression::Not(operand) => Expression::Not(Box::new(self.expression(*operand)?)),
            syntax::Expression::Chain(first, rest) => self.chain(*first, rest)?,
        })
    }

    fn chain(
        &mut self,
        first: syntax::Expression,
        rest: Vec<(Operator, syntax::Expression)>,
    ) -> Compiling<Expression> {
        let first = self.expression(first)?;
        let is_all = |operator: Operator| match operator {
            Operator::And => Some(true),
            Operator::Or => Some(false),
            _ => None,
        };
        // One chain holds operators of one strength, so the first tells what all of them are.
        if let Some(all) = rest.first().and_then(|(operator, _)| is_all(*operator)) {
            let mut operands = vec![first];
            for (_, operand) in rest {
                operands.push(self.expression(operand)?);
            }
            return Ok(Expression::Logic { all, operands: operands.into() });
        }
        let rest = rest
            .into_iter()
            .map(|(operator, operand)| Ok((operation(operator), self.expression(operand)?)))
            .collect::<Compiling<_>>()?;
        Ok(Expression::Chain(Box::new(first), rest))
    }

    fn slot(&mut self, name: String) -> usize {
        let next = self.names.len();
        *self.names.entry(name).or_insert(next)
    }

    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0).chain(breaks.map(|(position, _)| position + 1)).collect()
}

/// The names at the start of a way, joined with points, and how many there are.
fn leading_names(links: &[syntax::Link]) -> Option<(Box<str>, usize)> {
    let names: Vec<&str> = links
        .iter()
        .map_while(|link| match link {
            syntax::Link::Property(name) | syntax::Link::Index(syntax::Expression::Text(name)) => {
                Some(name.as_str())
            }
            _ => None,
        })
        .collect();
    (!names.is_empty()).then(|| (names.join(".").into(), names.len()))
}

fn number(digits: &str) -> Expression {
    match Number::read(digits) {
        Some(Number::Integer(number)) => i64::try_from(number)
            .map_or_else(|_| Expression::Digits(number.to_string().into()), Expression::Integer),
        Some(Number::Float(number)) => Expression::Float(number),
        None => Expression::Digits(digits.into()),
    }
}

fn operation(operator: Operator) -> Operation {
    match operator {
        Operator::Equal => Operation::Equal,
        Operator::NotEqual => Operation::NotEqual,
        Operator::Less => Operation::Less,
        Operator::Greater => Operation::Greater,
        Operator::LessOrEqual => Operation::LessOrEqual,
        Operator::GreaterOrEqual => Operation::GreaterOrEqual,
        Operator::Subtract => Operation::Arithmetic(Arithmetic::Subtract),
        Operator::Multiply => Operation::Arithmetic(Arithmetic::Multiply),
        Operator::Divide => Operation::Arithmetic(Arithmetic::Divide),
        Operator::Remainder => Operation::Arithmetic(Arithmetic::Remainder),
        Operator::Add | Operator::And | Operator::Or => Operation::Arithmetic(Arithmetic::Add),
    }
}

/// Compiles a literal first argument where the method wants a path, as those of `$input` do, or a pattern.
fn prepare(method: Method, argument: &str, is_input: bool) -> Result<Prepared, String> {
    match method {
        Method::Path | Method::Json if is_input => JsonPath::parse(argument).map(Prepared::Path),
        Method::Matches | Method::ReplaceAll | Method::ReplaceFirst | Method::Split => {
            Pattern::compile(argument).map(|pattern| Prepared::Pattern(Box::new(pattern)))
        }
        _ => Ok(Prepared::Nothing),
    }
}
