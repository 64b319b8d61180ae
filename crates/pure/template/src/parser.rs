//! From text to the tree of `syntax.rs`: the grammar of Velocity 1.7 as API Gateway runs it.

use crate::{
    Limits, TemplateProblem,
    lexer::{DirectiveWord, Scanner},
    limits::EXPRESSION_DEPTH_MAX,
    syntax::{Block, Expression, Link, OPERATORS, Offset, Operator, Reference, Statement},
};

/// What was parsed, with what is doubtful in it.
pub(crate) struct Parsed {
    pub(crate) block: Block,
    pub(crate) lints: Vec<(Offset, String)>,
}

/// Parses a template.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Parsed, TemplateProblem> {
    let mut parser = Parser {
        scanner: Scanner::new(text),
        base: 0,
        in_string: false,
        blocks_left: limits.depth,
        expressions_left: EXPRESSION_DEPTH_MAX,
        lints: Vec::new(),
    };
    match parser.whole() {
        Ok(block) => Ok(Parsed { block, lints: parser.lints }),
        Err(problem) => Err(located(text, problem.at, problem.message)),
    }
}

/// A problem or lint with the line and column of an offset.
pub(crate) fn located(text: &str, at: Offset, message: String) -> TemplateProblem {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |position| position + 1);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    TemplateProblem {
        line: count(before.bytes().filter(|byte| *byte == b'\n').count() + 1),
        column: count(before.get(line_start..).map_or(0, |line| line.chars().count()) + 1),
        message,
    }
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    /// Where this text stands in the template: not 0 inside a string.
    base: Offset,
    /// Inside a double-quoted string, where a `$` or `#` may stand last.
    in_string: bool,
    blocks_left: u32,
    expressions_left: u32,
    lints: Vec<(Offset, String)>,
}

struct Problem {
    at: Offset,
    message: String,
}

type Parsing<T> = Result<T, Problem>;

/// What ended a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terminator {
    EndOfText,
    End,
    Else,
    Elseif,
}

/// The directives that exist on API Gateway, besides those with a grammar of their own: what a
/// backslash before them escapes.
const DIRECTIVES: [&str; 12] =
    ["if", "elseif", "else", "end", "set", "foreach", "define", "break", "stop", "macro", "parse", "include"];

impl Parser<'_> {
    fn whole(&mut self) -> Parsing<Block> {
        let mut block = Block::new();
        let start = self.scanner.at();
        match self.block(&mut block)? {
            Terminator::EndOfText => Ok(block),
            Terminator::End => self.fail(start.max(self.scanner.at()), "`#end` closes nothing"),
            Terminator::Else => self.fail(self.scanner.at(), "`#else` has no `#if`"),
            Terminator::Elseif => self.fail(self.scanner.at(), "`#elseif` has no `#if`"),
        }
    }

    /// Reads statements up to the end of the text or a directive that ends a block.
    fn block(&mut self, block: &mut Block) -> Parsing<Terminator> {
        loop {
            if self.scanner.take_set() {
                block.push(self.set()?);
                continue;
            }
            match self.scanner.peek() {
                None => return Ok(Terminator::EndOfText),
                Some(b'\\') => self.backslashes(block)?,
                Some(b'$') => self.dollar(block, 0)?,
                Some(b'#') => {
                    if let Some(end) = self.hash(block)? {
                        return Ok(end);
                    }
                }
                Some(_) => push_text(block, self.scanner.take_plain_text()),
            }
        }
    }

    /// A block inside a directive that began at `start`, up to its `#end`.
    fn body(&mut self, start: Offset, directive: &str) -> Parsing<Block> {
        let mut body = Block::new();
        let end = self.inner_block(&mut body, start, directive)?;
        if end == Terminator::End {
            return Ok(body);
        }
        self.fail(self.scanner.at(), &format!("expected the `#end` of `#{directive}`"))
    }

    fn inner_block(&mut self, body: &mut Block, start: Offset, directive: &str) -> Parsing<Terminator> {
        let Some(left) = self.blocks_left.checked_sub(1) else {
            return self.fail(start, "blocks are nested more deeply than is allowed");
        };
        self.blocks_left = left;
        let end = self.block(body)?;
        self.blocks_left += 1;
        if end == Terminator::EndOfText {
            return self.fail(start, &format!("`#{directive}` has no `#end`"));
        }
        Ok(end)
    }

    /// Backslashes mean something before a reference and before a directive (statement D13).
    fn backslashes(&mut self, block: &mut Block) -> Parsing<()> {
        let start = self.scanner.at();
        let written = self.scanner.take_while(|byte| byte == b'\\');
        let count = written.len();
        let half = written.get(..count / 2).unwrap_or_default();
        match self.scanner.peek() {
            Some(b'$') if self.reference_starts() => self.dollar(block, count)?,
            Some(b'#') => {
                let word = self.scanner.directive_word(1);
                let known = word.is_some_and(|word| DIRECTIVES.contains(&word.name));
                match word {
                    Some(word) if count % 2 == 1 => {
                        push_text(block, if known { half } else { written });
                        let hash = self.scanner.at();
                        self.scanner.advance(1 + word.length);
                        push_text(block, self.scanner.since(hash));
                    }
                    // `#set` is not among those before which doubled backslashes are halved.
                    Some(word) if known && word.name != "set" => push_text(block, half),
                    _ => push_text(block, written),
                }
            }
            _ => push_text(block, self.scanner.since(start)),
        }
        Ok(())
    }

    /// Whether the `$` that stands here begins a reference.
    fn reference_starts(&self) -> bool {
        let after = 1 + usize::from(self.scanner.peek_at(1) == Some(b'!'));
        let brace = usize::from(self.scanner.peek_at(after) == Some(b'{'));
        self.scanner.name_starts(after + brace)
    }

    /// A `$` in text, after as many backslashes.
    fn dollar(&mut self, block: &mut Block, backslashes: usize) -> Parsing<()> {
        let start = self.scanner.at();
        if !self.reference_starts() {
            return self.lone_dollar(block);
        }
        let reference = self.reference()?;
        push_text(block, &"\\".repeat(backslashes / 2));
        if backslashes % 2 == 1 {
            push_text(block, self.scanner.since(start));
        } else {
            block.push(Statement::Print(reference));
        }
        Ok(())
    }

    /// A `$` that begins no reference is text. After `$!` the `!` is lost, as in Velocity, and at the
    /// end of a template both are an error, as on the service.
    fn lone_dollar(&mut self, block: &mut Block) -> Parsing<()> {
        let start = self.scanner.at();
        self.scanner.advance(1);
        push_text(block, "$");
        let bang = self.scanner.take("!");
        match self.scanner.peek() {
            None if !self.in_string => self.fail(start, "a template cannot end with `$`"),
            Some(b'[' | b'{') if bang => {
                push_text(block, "!");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A `#` in text: a comment, a literal, a directive, or itself.
    fn hash(&mut self, block: &mut Block) -> Parsing<Option<Terminator>> {
        let start = self.scanner.at();
        if self.scanner.take("##") {
            self.scanner.skip_line();
        } else if self.scanner.take("#[[") {
            let (literal, closed) = self.scanner.take_until("]]#");
            if !closed {
                return self.fail(start, "`#[[` has no `]]#`");
            }
            push_text(block, literal);
        } else if self.scanner.take("#*") {
            // Velocity takes a comment without an end as one that goes to the end of the text.
            self.scanner.take_until("*#");
        } else if let Some(word) = self.scanner.directive_word(1) {
            return self.directive(block, word);
        } else {
            self.scanner.advance(1);
            if self.scanner.peek().is_none() && !self.in_string {
                return self.fail(start, "a template cannot end with `#`");
            }
            push_text(block, "#");
        }
        Ok(None)
    }

    fn directive(&mut self, block: &mut Block, word: DirectiveWord<'_>) -> Parsing<Option<Terminator>> {
        let start = self.scanner.at();
        self.scanner.advance(1 + word.length);
        match word.name {
            "end" => {
                self.scanner.skip_rest_of_line();
                return Ok(Some(Terminator::End));
            }
            "else" => {
                self.scanner.skip_rest_of_line();
                return Ok(Some(Terminator::Else));
            }
            "elseif" => return Ok(Some(Terminator::Elseif)),
            "if" => block.push(self.if_statement(start)?),
            "foreach" => block.push(self.foreach(start)?),
            "define" => block.push(self.define(start)?),
            "break" => {
                self.optional_arguments(start, "break")?;
                block.push(Statement::Break);
            }
            "stop" => {
                self.optional_arguments(start, "stop")?;
                block.push(Statement::Stop);
            }
            "macro" => self.macro_definition(start)?,
            "parse" | "include" => {
                return self
                    .fail(start, &format!("`#{}` is not supported: a template stands alone", word.name));
            }
            name => self.unknown_directive(block, start, name)?,
        }
        Ok(None)
    }

    fn if_statement(&mut self, start: Offset) -> Parsing<Statement> {
        let mut branches = Vec::new();
        let mut otherwise = Block::new();
        let mut end = Terminator::Elseif;
        while end == Terminator::Elseif {
            let condition = self.condition()?;
            let mut body = Block::new();
            end = self.inner_block(&mut body, start, "if")?;
            branches.push((condition, body));
        }
        if end == Terminator::Else {
            otherwise = self.else_body(start)?;
        }
        Ok(Statement::If { branches, otherwise })
    }

    fn else_body(&mut self, start: Offset) -> Parsing<Block> {
        let mut body = Block::new();
        match self.inner_block(&mut body, start, "if")? {
            Terminator::End => Ok(body),
            _ => self.fail(self.scanner.at(), "after `#else` only `#end` can follow"),
        }
    }

    /// `( expression )` with the line break after it.
    fn condition(&mut self) -> Parsing<Expression> {
        self.scanner.skip_space();
        self.expect("(", "an opening parenthesis")?;
        let condition = self.expression()?;
        self.close_directive()?;
        Ok(condition)
    }

    /// `#foreach( $variable in items )`
    fn foreach(&mut self, start: Offset) -> Parsing<Statement> {
        self.open_arguments(start, "foreach")?;
        let variable = self.variable("foreach")?;
        self.scanner.skip_space();
        if !self.scanner.take_word("in") {
            return self.fail(self.scanner.at(), "expected `in`, as in `#foreach($item in $list)`");
        }
        self.scanner.skip_space();
        let items = self.argument()?;
        self.close_directive()?;
        let body = self.body(start, "foreach")?;
        Ok(Statement::Foreach { at: self.base + start, variable, items, body })
    }

    /// `#define( $name )`
    fn define(&mut self, start: Offset) -> Parsing<Statement> {
        self.open_arguments(start, "define")?;
        let name = self.variable("define")?;
        self.close_directive()?;
        let body = self.body(start, "define")?;
        Ok(Statement::Define { name, body })
    }

    fn open_arguments(&mut self, start: Offset, directive: &str) -> Parsing<()> {
        self.scanner.skip_space();
        if !self.scanner.take("(") {
            return self.fail(start, &format!("`#{directive}` needs its parentheses"));
        }
        self.scanner.skip_space();
        Ok(())
    }

    /// A plain variable that a directive assigns.
    fn variable(&mut self, directive: &str) -> Parsing<String> {
        let start = self.scanner.at();
        if self.scanner.peek() == Some(b'$') && self.reference_starts() {
            let reference = self.reference()?;
            if reference.links.is_empty() {
                return Ok(reference.name);
            }
        }
        self.fail(start, &format!("`#{directive}` needs a plain variable here, such as `$item`"))
    }

    /// `#break` and `#stop` may have arguments, which change nothing here.
    fn optional_arguments(&mut self, start: Offset, directive: &str) -> Parsing<()> {
        if self.scanner.parenthesis_follows() {
            self.open_arguments(start, directive)?;
            self.directive_arguments()?;
        }
        Ok(())
    }

    /// A macro's definition vanishes; its calls are unknown directives.
    fn macro_definition(&mut self, start: Offset) -> Parsing<()> {
        self.open_arguments(start, "macro")?;
        if self.scanner.directive_word(0).is_none() {
            return self.fail(self.scanner.at(), "`#macro` needs a name");
        }
        self.directive_arguments()?;
        self.body(start, "macro")?;
        self.lint(
            start,
            "API Gateway has no macros: `#macro` does nothing, and its calls are printed as text",
        );
        Ok(())
    }

    /// What is no directive is printed as it stands, its arguments too; they must be well formed.
    fn unknown_directive(&mut self, block: &mut Block, start: Offset, name: &str) -> Parsing<()> {
        if self.scanner.parenthesis_follows() {
            self.open_arguments(start, name)?;
            self.directive_arguments()?;
            if name.starts_with('@') {
                self.body(start, name)?;
            }
            self.lint(start, &format!("`#{name}` is no directive on API Gateway: it is printed as text"));
        }
        push_text(block, self.scanner.since(start));
        Ok(())
    }

    /// The arguments of a directive up to its closing parenthesis, without meaning.
    fn directive_arguments(&mut self) -> Parsing<()> {
        loop {
            self.scanner.skip_space();
            if self.scanner.take(",") {
                continue;
            }
            if self.scanner.peek() == Some(b')') {
                return self.close_directive();
            }
            match self.scanner.directive_word(0) {
                Some(word) if self.scanner.peek() != Some(b'{') => self.scanner.advance(word.length),
                _ => drop(self.argument()?),
            }
        }
    }

    /// `#set( target = value )`, after its opening parenthesis.
    fn set(&mut self) -> Parsing<Statement> {
        self.scanner.skip_space();
        let start = self.scanner.at();
        if self.scanner.peek() != Some(b'$') || !self.reference_starts() {
            return self.fail(start, "`#set` needs a reference to assign to, as in `#set($name = 1)`");
        }
        let target = self.reference()?;
        if matches!(target.links.last(), Some(Link::Call { .. })) {
            return self.fail(start, "a method call cannot be assigned to");
        }
        self.scanner.skip_space();
        if self.scanner.rest().starts_with("==") || !self.scanner.take("=") {
            return self.fail(self.scanner.at(), "expected `=` in `#set`");
        }
        let value = self.expression()?;
        self.close_directive()?;
        Ok(Statement::Set { target, value })
    }

    fn close_directive(&mut self) -> Parsing<()> {
        self.scanner.skip_space();
        self.expect(")", "a closing parenthesis")?;
        self.scanner.skip_rest_of_line();
        Ok(())
    }

    /// A reference, which stands here for certain.
    fn reference(&mut self) -> Parsing<Reference> {
        let start = self.scanner.at();
        self.scanner.advance(1);
        self.scanner.take("!");
        let formal = self.scanner.take("{");
        let name = self.name()?;
        let links = self.links()?;
        if formal && !self.scanner.take("}") {
            let message = if self.scanner.peek() == Some(b'|') {
                "`${name|'other'}` is not supported: API Gateway's language has no alternate values"
            } else {
                "expected `}` at the end of the reference"
            };
            return self.fail(self.scanner.at(), message);
        }
        Ok(Reference { at: self.base + start, name, links })
    }

    fn name(&mut self) -> Parsing<String> {
        let start = self.scanner.at();
        match self.scanner.take_name() {
            word @ ("true" | "false") => {
                self.fail(start, &format!("`{word}` cannot be the name of a reference"))
            }
            name => Ok(name.to_owned()),
        }
    }

    fn links(&mut self) -> Parsing<Vec<Link>> {
        let mut links = Vec::new();
        loop {
            match self.scanner.peek() {
                Some(b'[') => {
                    self.scanner.advance(1);
                    links.push(Link::Index(self.nested(Self::index)?));
                }
                Some(b'.') if self.scanner.peek_at(1).is_some_and(|byte| byte.is_ascii_alphabetic()) => {
                    self.scanner.advance(1);
                    let at = self.base + self.scanner.at();
                    let name = self.name()?;
                    links.push(if self.scanner.take("(") {
                        let arguments = self.nested(|parser| parser.arguments(")"))?;
                        Link::Call { at, name, arguments }
                    } else {
                        Link::Property(name)
                    });
                }
                _ => return Ok(links),
            }
        }
    }

    /// What stands between square brackets after a reference.
    fn index(&mut self) -> Parsing<Expression> {
        self.scanner.skip_space();
        let start = self.scanner.at();
        let index = self.argument()?;
        let allowed = match &index {
            Expression::Text(_) | Expression::Interpolated(_) | Expression::Boolean(_) => true,
            Expression::Number(digits) => !digits.contains(['.', 'e', 'E']),
            Expression::Reference(_) => true,
            _ => false,
        };
        if !allowed {
            return self.fail(start, "an index is a text, a whole number or a reference");
        }
        self.scanner.skip_space();
        self.expect("]", "`]` after the index")?;
        Ok(index)
    }

    /// Arguments or items, separated by commas, up to `close`.
    fn arguments(&mut self, close: &str) -> Parsing<Vec<Expression>> {
        let mut arguments = Vec::new();
        self.scanner.skip_space();
        if self.scanner.take(close) {
            return Ok(arguments);
        }
        loop {
            self.scanner.skip_space();
            arguments.push(self.argument()?);
            self.scanner.skip_space();
            if self.scanner.take(close) {
                return Ok(arguments);
            }
            self.expect(",", &format!("`,` or `{close}`"))?;
        }
    }

    fn expression(&mut self) -> Parsing<Expression> {
        self.nested(|parser| parser.chain(0))
    }

    /// Operands that are joined by operators of at least this strength.
    fn chain(&mut self, strength: u8) -> Parsing<Expression> {
        let first = self.operand(strength)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.operator(strength) {
            rest.push((operator, self.operand(strength)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Chain(Box::new(first), rest) })
    }

    fn operand(&mut self, strength: u8) -> Parsing<Expression> {
        if strength < Operator::STRONGEST { self.chain(strength + 1) } else { self.unary() }
    }

    /// Reads an operator of exactly this strength.
    fn operator(&mut self, strength: u8) -> Option<Operator> {
        self.scanner.skip_space();
        let is_word = self.scanner.peek().is_some_and(|byte| byte.is_ascii_alphabetic());
        let here = self.scanner.at();
        let (_, operator) = OPERATORS.iter().find(|(written, _)| {
            if is_word { self.scanner.take_word(written) } else { self.scanner.take(written) }
        })?;
        if operator.strength() != strength {
            self.scanner.go_to(here);
            return None;
        }
        // A sign that touches its number belongs to the number, so two operands meet here.
        if *operator == Operator::Subtract && self.scanner.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.scanner.go_to(here);
            return None;
        }
        Some(*operator)
    }

    fn unary(&mut self) -> Parsing<Expression> {
        self.scanner.skip_space();
        if self.scanner.take("!") || self.scanner.take_word("not") {
            let operand = self.nested(Self::unary)?;
            return Ok(Expression::Not(Box::new(operand)));
        }
        if self.scanner.take("(") {
            let inner = self.expression()?;
            self.scanner.skip_space();
            self.expect(")", "`)`")?;
            return Ok(inner);
        }
        self.argument()
    }

    /// A single value: what may stand as an argument, in a list or in a map.
    fn argument(&mut self) -> Parsing<Expression> {
        let start = self.scanner.at();
        match self.scanner.peek() {
            Some(b'$') if self.reference_starts() => Ok(Expression::Reference(self.reference()?)),
            Some(b'"') => self.double_quoted(),
            Some(b'\'') => match self.scanner.take_string('\'') {
                Some(text) => Ok(Expression::Text(text.replace("''", "'"))),
                None => self.fail(start, "the text has no closing quote"),
            },
            Some(b'[') => {
                self.scanner.advance(1);
                self.nested(Self::list)
            }
            Some(b'{') => {
                self.scanner.advance(1);
                self.nested(Self::map)
            }
            _ => self.word_or_number(),
        }
    }

    fn word_or_number(&mut self) -> Parsing<Expression> {
        const WORDS: [(&str, Expression); 3] = [
            ("true", Expression::Boolean(true)),
            ("false", Expression::Boolean(false)),
            ("null", Expression::Null),
        ];
        if let Some((_, expression)) = WORDS.iter().find(|(word, _)| self.scanner.take_word(word)) {
            return Ok(expression.clone());
        }
        match self.scanner.take_number() {
            Some(digits) => Ok(Expression::Number(digits.to_owned())),
            None => self
                .fail(self.scanner.at(), "expected a value: a reference, a text, a number, a list or a map"),
        }
    }

    /// The rest of a list or range, after its bracket.
    fn list(&mut self) -> Parsing<Expression> {
        let mut items = Vec::new();
        self.scanner.skip_space();
        if self.scanner.peek() != Some(b']') {
            items.push(self.argument()?);
            self.scanner.skip_space();
            if self.scanner.take("..") {
                return self.range(items.pop().unwrap_or(Expression::Null));
            }
            if self.scanner.peek() != Some(b']') {
                self.expect(",", "`,` or `]`")?;
                items.extend(self.arguments("]")?);
                if items.len() > 1 {
                    return Ok(Expression::List(items));
                }
                return self.fail(self.scanner.at(), "expected a value after the comma");
            }
        }
        self.scanner.advance(1);
        Ok(Expression::List(items))
    }

    fn range(&mut self, from: Expression) -> Parsing<Expression> {
        self.scanner.skip_space();
        let start = self.scanner.at();
        let to = self.argument()?;
        let is_bound = |bound: &Expression| match bound {
            Expression::Number(digits) => !digits.contains(['.', 'e', 'E']),
            Expression::Reference(_) => true,
            _ => false,
        };
        if !is_bound(&from) || !is_bound(&to) {
            return self.fail(start, "a range goes from one whole number to another");
        }
        self.scanner.skip_space();
        self.expect("]", "`]`")?;
        Ok(Expression::Range(Box::new(from), Box::new(to)))
    }

    /// The rest of a map, after its brace.
    fn map(&mut self) -> Parsing<Expression> {
        let mut pairs = Vec::new();
        self.scanner.skip_space();
        if self.scanner.take("}") {
            return Ok(Expression::Map(pairs));
        }
        loop {
            self.scanner.skip_space();
            let key = self.argument()?;
            self.scanner.skip_space();
            self.expect(":", "`:` after the key")?;
            self.scanner.skip_space();
            pairs.push((key, self.argument()?));
            self.scanner.skip_space();
            if self.scanner.take("}") {
                return Ok(Expression::Map(pairs));
            }
            self.expect(",", "`,` or `}`")?;
        }
    }

    /// Double-quoted text, which is a template itself where it holds a `$` or `#`.
    fn double_quoted(&mut self) -> Parsing<Expression> {
        let start = self.scanner.at();
        let Some(written) = self.scanner.take_string('"') else {
            return self.fail(start, "the text has no closing quote");
        };
        let Some(text) = with_characters(written.replace("\"\"", "\"")) else {
            return self.fail(start, "`\\u` in a text needs four hexadecimal digits");
        };
        if !text.contains(['$', '#']) {
            return Ok(Expression::Text(text));
        }
        let Some(blocks_left) = self.blocks_left.checked_sub(1) else {
            return self.fail(start, "blocks are nested more deeply than is allowed");
        };
        let mut inner = Parser {
            scanner: Scanner::new(&text),
            // Exact up to the first doubled quote in the text.
            base: self.base + start + 1,
            in_string: true,
            blocks_left,
            expressions_left: self.expressions_left,
            lints: Vec::new(),
        };
        let block = inner.whole()?;
        self.lints.append(&mut inner.lints);
        Ok(Expression::Interpolated(block))
    }

    /// Goes one level deeper into an expression.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsing<T>) -> Parsing<T> {
        let Some(left) = self.expressions_left.checked_sub(1) else {
            return self.fail(self.scanner.at(), "the expression is nested too deeply");
        };
        self.expressions_left = left;
        let read = read(self);
        self.expressions_left += 1;
        read
    }

    fn expect(&mut self, word: &str, what: &str) -> Parsing<()> {
        if self.scanner.take(word) {
            return Ok(());
        }
        let found = match self.scanner.rest().chars().next() {
            Some(character) => format!("`{character}`"),
            None => "the end of the text".to_owned(),
        };
        self.fail(self.scanner.at(), &format!("expected {what}, found {found}"))
    }

    fn fail<T>(&self, at: Offset, message: &str) -> Parsing<T> {
        Err(Problem { at: self.base + at, message: message.to_owned() })
    }

    fn lint(&mut self, at: Offset, message: &str) {
        self.lints.push((self.base + at, message.to_owned()));
    }
}

/// Adds text to a block, joined to the text before it.
fn push_text(block: &mut Block, text: &str) {
    match block.last_mut() {
        _ if text.is_empty() => {}
        Some(Statement::Text(before)) => before.push_str(text),
        _ => block.push(Statement::Text(text.to_owned())),
    }
}

/// Replaces `\uXXXX`, the only escape of double-quoted text; `None` where the digits are missing.
fn with_characters(text: String) -> Option<String> {
    if !text.contains("\\u") {
        return Some(text);
    }
    let mut parts = text.split("\\u");
    let mut units: Vec<u16> = parts.next()?.encode_utf16().collect();
    for part in parts {
        let digits = part.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        units.push(u16::from_str_radix(digits, 16).ok()?);
        units.extend(part.get(4..)?.encode_utf16());
    }
    Some(String::from_utf16_lossy(&units))
}
