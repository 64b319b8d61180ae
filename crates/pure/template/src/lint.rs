//! What a template may say and probably does not mean.

use std::collections::BTreeSet;

use crate::syntax::{Block, Expression, Link, Offset, Operator, Reference, Statement};

/// Looks through a template and tells what is doubtful, with its place.
pub(crate) fn lint(block: &Block, lints: &mut Vec<(Offset, String)>) {
    let mut linter = Linter { booleans: BTreeSet::new(), lints };
    linter.find_booleans(block);
    linter.block(block);
}

struct Linter<'l> {
    /// Variables to which the template assigns true or false somewhere.
    booleans: BTreeSet<String>,
    lints: &'l mut Vec<(Offset, String)>,
}

/// The members of `$util`.
const UTIL: [&str; 6] =
    ["escapeJavaScript", "parseJson", "urlEncode", "urlDecode", "base64Encode", "base64Decode"];

/// The members of `$input`.
const INPUT: [&str; 4] = ["body", "json", "path", "params"];

/// Methods that answer true or false.
const ASKING_METHODS: [&str; 13] = [
    "contains",
    "containsAll",
    "containsKey",
    "containsValue",
    "endsWith",
    "equals",
    "equalsIgnoreCase",
    "hasNext",
    "isEmpty",
    "matches",
    "parseBoolean",
    "startsWith",
    "booleanValue",
];

/// Members that are true or false.
const ASKING_MEMBERS: [&str; 4] = ["hasNext", "first", "last", "empty"];

impl Linter<'_> {
    fn find_booleans(&mut self, block: &Block) {
        for statement in block {
            match statement {
                Statement::Set { target, value } if target.links.is_empty() && self.is_boolean(value) => {
                    self.booleans.insert(target.name.clone());
                }
                Statement::If { branches, otherwise } => {
                    branches.iter().for_each(|(_, body)| self.find_booleans(body));
                    self.find_booleans(otherwise);
                }
                Statement::Foreach { body, .. } | Statement::Define { body, .. } => self.find_booleans(body),
                _ => {}
            }
        }
    }

    fn is_boolean(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Boolean(_) | Expression::Not(_) => true,
            Expression::Chain(_, rest) => rest.iter().any(|(operator, _)| operator.strength() <= COMPARING),
            Expression::Reference(reference) => self.is_asking(reference),
            _ => false,
        }
    }

    fn is_asking(&self, reference: &Reference) -> bool {
        match reference.links.last() {
            None => self.booleans.contains(&reference.name) || reference.name == "velocityHasNext",
            Some(Link::Property(name)) => ASKING_MEMBERS.contains(&name.as_str()),
            Some(Link::Call { name, .. }) => ASKING_METHODS.contains(&name.as_str()),
            Some(Link::Index(_)) => false,
        }
    }

    fn block(&mut self, block: &Block) {
        for statement in block {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Print(reference) => {
                let is_path = |link: &Link| matches!(link, Link::Call { name, .. } if name == "path");
                if reference.name == "input" && reference.links.last().is_some_and(is_path) {
                    self.tell(
                        reference.at,
                        "`$input.path` prints an object as `{name=value}`: for JSON use `$input.json`",
                    );
                }
                self.reference(reference);
            }
            Statement::Set { target, value } => {
                self.reference(target);
                self.expression(value);
            }
            Statement::If { branches, otherwise } => {
                for (condition, body) in branches {
                    self.condition(condition);
                    self.expression(condition);
                    self.block(body);
                }
                self.block(otherwise);
            }
            Statement::Foreach { items, body, .. } => {
                self.expression(items);
                self.block(body);
            }
            Statement::Define { body, .. } => self.block(body),
            Statement::Text(_) | Statement::Break | Statement::Stop => {}
        }
    }

    /// A condition that is a reference alone holds for everything but `false` (statement D2).
    fn condition(&mut self, condition: &Expression) {
        match condition {
            Expression::Reference(reference) if !self.is_asking(reference) => self.tell(
                reference.at,
                "this condition holds unless the value is `false`, also where there is no value: compare with `\"\"`",
            ),
            Expression::Not(operand) => self.condition(operand),
            Expression::Chain(first, rest) => {
                let joins = |operator: &Operator| matches!(operator, Operator::And | Operator::Or);
                if rest.iter().all(|(operator, _)| joins(operator)) {
                    self.condition(first);
                    rest.iter().for_each(|(_, operand)| self.condition(operand));
                }
            }
            _ => {}
        }
    }

    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Interpolated(block) => self.block(block),
            Expression::List(items) => items.iter().for_each(|item| self.expression(item)),
            Expression::Range(from, to) => {
                self.expression(from);
                self.expression(to);
            }
            Expression::Map(pairs) => {
                for (key, value) in pairs {
                    self.expression(key);
                    self.expression(value);
                }
            }
            Expression::Reference(reference) => self.reference(reference),
            Expression::Not(operand) => self.expression(operand),
            Expression::Chain(first, rest) => {
                self.expression(first);
                rest.iter().for_each(|(_, operand)| self.expression(operand));
            }
            Expression::Null | Expression::Boolean(_) | Expression::Number(_) | Expression::Text(_) => {}
        }
    }

    fn reference(&mut self, reference: &Reference) {
        let known: &[&str] = match reference.name.as_str() {
            "util" => &UTIL,
            "input" => &INPUT,
            _ => &[],
        };
        if let Some(Link::Property(name) | Link::Call { name, .. }) = reference.links.first()
            && !known.is_empty()
            && !known.contains(&name.as_str())
        {
            let message = format!("API Gateway has no `${}.{name}`: it gives nothing", reference.name);
            self.lints.push((reference.at, message));
        }
        for link in &reference.links {
            match link {
                Link::Property(_) => {}
                Link::Index(index) => self.expression(index),
                Link::Call { arguments, .. } => {
                    arguments.iter().for_each(|argument| self.expression(argument))
                }
            }
        }
    }

    fn tell(&mut self, at: Offset, message: &str) {
        self.lints.push((at, message.to_owned()));
    }
}

/// The strength of the operators that compare, and of those that join conditions.
const COMPARING: u8 = 3;
