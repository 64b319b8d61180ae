//! Text with wildcards and policy variables, compiled so that matching allocates nothing.

use std::{
    fmt::{self, Write},
    str::Chars,
};

use crate::{
    arn::Arn,
    context::{ConditionKey, Context, ContextValue},
};

/// A compiled text of a policy and how it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pattern {
    written: Box<str>,
    syntax: Syntax,
    form: Form,
}

/// How a pattern is compared with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Syntax {
    /// Every character stands for itself.
    Exact,
    /// The same, letter case aside.
    ExactIgnoringCase,
    /// `*` is any run of characters, `?` one character.
    Glob,
    /// The same, letter case aside.
    GlobIgnoringCase,
    /// An ARN whose wildcards stay within one of its six parts.
    Arn,
}

/// What the text came to, the cheapest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// A lone `*`.
    Everything,
    /// The text as it is written.
    Literal,
    /// What stands before the only wildcard, a last `*`.
    Prefix,
    /// Anything else.
    Segments(Box<[Segment]>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Segment {
    Literal(Box<str>),
    AnyRun,
    AnyOne,
    Variable(Variable),
}

/// `${key}` or `${key, 'default'}` (RP-70, RP-71).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Variable {
    key: ConditionKey,
    default: Option<Box<str>>,
}

impl Pattern {
    /// Compiles a text. `variables` is false where `${` is literal text (RP-11).
    ///
    /// # Errors
    /// What was expected, where a variable or an ARN is malformed.
    pub(crate) fn compile(written: &str, syntax: Syntax, variables: bool) -> Result<Self, &'static str> {
        let segments = compile_segments(written, syntax, variables)?;
        let simple = |form: Form| Ok(Self { written: written.into(), syntax, form });
        if syntax == Syntax::Arn && written != "*" {
            check_arn(written, &segments)?;
        }
        match segments.as_slice() {
            [] => simple(Form::Literal),
            [Segment::AnyRun] => simple(Form::Everything),
            [Segment::Literal(literal)] if **literal == *written => simple(Form::Literal),
            [Segment::Literal(prefix), Segment::AnyRun]
                if syntax == Syntax::Glob && written.strip_suffix('*') == Some(prefix) =>
            {
                simple(Form::Prefix)
            }
            _ => simple(Form::Segments(segments.into())),
        }
    }

    /// The text as the policy has it.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Whether a text matches. A variable without value and default matches nothing (RP-29, RP-73).
    pub(crate) fn matches(&self, text: &str, context: &impl Context) -> bool {
        if self.syntax == Syntax::Arn && !Arn::is_arn(text) {
            return false;
        }
        match &self.form {
            Form::Everything => true,
            Form::Literal => match self.syntax {
                Syntax::Exact | Syntax::Glob | Syntax::Arn => *self.written == *text,
                Syntax::ExactIgnoringCase | Syntax::GlobIgnoringCase => {
                    // Written alike, as most are, they need not be folded.
                    *self.written == *text || self.written.chars().map(fold).eq(text.chars().map(fold))
                }
            },
            Form::Prefix => self.written.strip_suffix('*').is_some_and(|prefix| text.starts_with(prefix)),
            Form::Segments(segments) => run(segments, self.syntax, text, context),
        }
    }

    /// Whether every text that starts with `prefix` matches, whatever the context.
    pub(crate) fn matches_all_that_start_with(&self, prefix: &str) -> bool {
        match self.form {
            Form::Everything => true,
            Form::Prefix => self.written.strip_suffix('*').is_some_and(|own| prefix.starts_with(own)),
            Form::Literal | Form::Segments(_) => false,
        }
    }

    /// Whether a text that starts with `prefix` may match.
    pub(crate) fn may_match_what_starts_with(&self, prefix: &str) -> bool {
        let own = self.literal_start();
        own.starts_with(prefix) || (prefix.starts_with(own) && !matches!(self.form, Form::Literal))
    }

    /// The characters before the first wildcard or variable.
    fn literal_start(&self) -> &str {
        match &self.form {
            Form::Everything => "",
            Form::Literal => &self.written,
            Form::Prefix => self.written.strip_suffix('*').unwrap_or(""),
            Form::Segments(segments) => match segments.first() {
                Some(Segment::Literal(literal)) => literal,
                _ => "",
            },
        }
    }

    /// The keys of its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &ConditionKey> {
        let segments: &[Segment] = if let Form::Segments(segments) = &self.form { segments } else { &[] };
        segments.iter().filter_map(|segment| match segment {
            Segment::Variable(variable) => Some(&variable.key),
            _ => None,
        })
    }

    /// Whether it can match texts of more than one length: it has a `*` or a variable.
    pub(crate) fn is_elastic(&self) -> bool {
        match &self.form {
            Form::Everything | Form::Prefix => true,
            Form::Literal => false,
            Form::Segments(segments) => {
                segments.iter().any(|segment| matches!(segment, Segment::AnyRun | Segment::Variable(_)))
            }
        }
    }

    /// Whether it has a `*` or `?` that is a wildcard.
    pub(crate) fn has_wildcards(&self) -> bool {
        match &self.form {
            Form::Everything | Form::Prefix => true,
            Form::Literal => false,
            Form::Segments(segments) => {
                segments.iter().any(|segment| matches!(segment, Segment::AnyRun | Segment::AnyOne))
            }
        }
    }

    /// A text that matches: nothing for `*`, `x` for `?`, its value or nothing for a variable.
    pub(crate) fn example(&self, context: &impl Context) -> String {
        let segments = match &self.form {
            Form::Everything => return String::new(),
            Form::Literal => return self.written.to_string(),
            Form::Prefix => return self.written.strip_suffix('*').unwrap_or("").to_owned(),
            Form::Segments(segments) => segments,
        };
        let mut cursor = Cursor::new(segments, context);
        let mut example = String::new();
        loop {
            match cursor.next() {
                Step::Character(character) => example.push(character),
                Step::AnyOne => example.push('x'),
                Step::AnyRun => {}
                Step::End | Step::Missing => return example,
            }
        }
    }
}

fn compile_segments(written: &str, syntax: Syntax, variables: bool) -> Result<Vec<Segment>, &'static str> {
    let wildcards = matches!(syntax, Syntax::Glob | Syntax::GlobIgnoringCase | Syntax::Arn);
    let mut segments = Segments::default();
    let mut rest = written;
    loop {
        if let Some(inside) = rest.strip_prefix("${").filter(|_| variables) {
            rest = read_variable(inside, &mut segments)?;
            continue;
        }
        let mut characters = rest.chars();
        match characters.next() {
            None => return Ok(segments.finish()),
            Some('*') if wildcards => segments.push_run(),
            Some('?') if wildcards => segments.push(Segment::AnyOne),
            Some(character) => segments.literal.push(character),
        }
        rest = characters.as_str();
    }
}

/// Reads what stands behind `${` up to and with `}`; gives the rest.
fn read_variable<'a>(inside: &'a str, segments: &mut Segments) -> Result<&'a str, &'static str> {
    for escaped in ['*', '?', '$'] {
        if let Some(rest) = inside.strip_prefix(escaped).and_then(|rest| rest.strip_prefix('}')) {
            segments.literal.push(escaped);
            return Ok(rest);
        }
    }
    let end = inside.find(['}', ',']).ok_or("expected `}` behind `${`")?;
    let (name, behind) = inside.split_at_checked(end).unwrap_or((inside, ""));
    let (default, rest) = match behind.strip_prefix(',') {
        Some(quoted) => read_default(quoted)
            .ok_or("expected `${key, 'default'}`")
            .map(|(text, rest)| (Some(text), rest))?,
        None => (None, behind.strip_prefix('}').unwrap_or(behind)),
    };
    let name = name.trim();
    if name.is_empty() {
        return Err("expected a condition key behind `${`");
    }
    segments.push(Segment::Variable(Variable {
        key: ConditionKey::parse(name),
        default: default.map(Into::into),
    }));
    Ok(rest)
}

/// Reads ` 'default'}`.
fn read_default(text: &str) -> Option<(&str, &str)> {
    let (default, rest) = text.trim_start().strip_prefix('\'')?.split_once('\'')?;
    Some((default, rest.trim_start().strip_prefix('}')?))
}

/// Segments in the making.
#[derive(Default)]
struct Segments {
    done: Vec<Segment>,
    literal: String,
}

impl Segments {
    fn push(&mut self, segment: Segment) {
        if !self.literal.is_empty() {
            self.done.push(Segment::Literal(std::mem::take(&mut self.literal).into()));
        }
        self.done.push(segment);
    }

    /// Neighbouring stars are one.
    fn push_run(&mut self) {
        if !self.literal.is_empty() || self.done.last() != Some(&Segment::AnyRun) {
            self.push(Segment::AnyRun);
        }
    }

    fn finish(mut self) -> Vec<Segment> {
        if !self.literal.is_empty() {
            self.done.push(Segment::Literal(self.literal.into()));
        }
        self.done
    }
}

/// An ARN starts with `arn` and has six parts. One with wildcards may have fewer: a star that was
/// meant to stand for several parts is no mistake of spelling, it only never matches. What variables
/// bring is known later.
fn check_arn(written: &str, segments: &[Segment]) -> Result<(), &'static str> {
    let has_wildcards =
        segments.iter().any(|segment| *segment == Segment::AnyRun || *segment == Segment::AnyOne);
    let has_variables = segments.iter().any(|segment| matches!(segment, Segment::Variable(_)));
    let is_meant = match written.split(':').next() {
        Some("arn") => has_wildcards || !lacks_parts(written),
        Some(first) => first.contains(['*', '?']) && !lacks_parts(written),
        None => false,
    };
    if has_variables || is_meant {
        return Ok(());
    }
    Err("expected an ARN of six parts such as `arn:aws:iam::123456789012:user/*`, or `*`")
}

/// Whether a text has fewer than the six parts of an ARN.
pub(crate) fn lacks_parts(arn: &str) -> bool {
    arn.splitn(6, ':').count() < 6
}

/// Matches as wildcards do: the last `*` takes one character more each time the rest does not fit.
/// At most length of pattern times length of text steps, whatever the pattern.
fn run<C: Context>(segments: &[Segment], syntax: Syntax, text: &str, context: &C) -> bool {
    let mut state = State { cursor: Cursor::new(segments, context), rest: text.chars(), colons: 0 };
    let mut last_run: Option<State<'_, C>> = None;
    let in_parts = syntax == Syntax::Arn;
    let ignoring_case = matches!(syntax, Syntax::ExactIgnoringCase | Syntax::GlobIgnoringCase);
    loop {
        let step = state.cursor.next();
        let taken = match step {
            Step::Character(_) | Step::AnyOne => match state.rest.next() {
                // A `*` that took more would leave even less.
                None => return false,
                taken => taken,
            },
            Step::AnyRun | Step::Missing | Step::End => None,
        };
        let fits = match step {
            Step::Missing => return false,
            Step::AnyRun => {
                last_run = Some(state.clone());
                true
            }
            Step::AnyOne => taken != Some(':') || !in_parts || state.colons >= 5,
            Step::Character(expected) => {
                state.colons = state.colons.saturating_add(u8::from(expected == ':'));
                taken == Some(expected) || (ignoring_case && taken.map(fold) == Some(fold(expected)))
            }
            Step::End if state.rest.as_str().is_empty() => return !in_parts || state.colons >= 5,
            Step::End => false,
        };
        if fits {
            continue;
        }
        let Some(run) = &mut last_run else { return false };
        match run.rest.next() {
            None => return false,
            Some(':') if in_parts && run.colons < 5 => return false,
            Some(_) => state = run.clone(),
        }
    }
}

struct State<'a, C> {
    cursor: Cursor<'a, C>,
    rest: Chars<'a>,
    /// Colons of the pattern so far; after five a wildcard of an ARN may take colons.
    colons: u8,
}

impl<C> Clone for State<'_, C> {
    fn clone(&self) -> Self {
        Self { cursor: self.cursor.clone(), rest: self.rest.clone(), colons: self.colons }
    }
}

/// Walks a pattern character by character, variables filled in.
struct Cursor<'a, C> {
    segments: std::slice::Iter<'a, Segment>,
    characters: Characters<'a>,
    context: &'a C,
}

impl<C> Clone for Cursor<'_, C> {
    fn clone(&self) -> Self {
        let Self { segments, characters, context } = self;
        Self { segments: segments.clone(), characters: characters.clone(), context }
    }
}

/// What a pattern wants next.
enum Step {
    Character(char),
    AnyRun,
    AnyOne,
    /// A variable has neither value nor default.
    Missing,
    End,
}

impl<'a, C: Context> Cursor<'a, C> {
    fn new(segments: &'a [Segment], context: &'a C) -> Self {
        Self { segments: segments.iter(), characters: Characters::Text("".chars()), context }
    }

    fn next(&mut self) -> Step {
        loop {
            if let Some(character) = self.characters.next() {
                return Step::Character(character);
            }
            match self.segments.next() {
                None => return Step::End,
                Some(Segment::AnyRun) => return Step::AnyRun,
                Some(Segment::AnyOne) => return Step::AnyOne,
                Some(Segment::Literal(literal)) => self.characters = Characters::Text(literal.chars()),
                Some(Segment::Variable(variable)) => match variable.characters(self.context) {
                    Some(characters) => self.characters = characters,
                    None => return Step::Missing,
                },
            }
        }
    }
}

impl Variable {
    /// What stands for the variable. A key that may have several values has none here (RP-73).
    fn characters<'a>(&'a self, context: &'a impl Context) -> Option<Characters<'a>> {
        let value = if self.key.has_many_values() { None } else { context.lookup(&self.key).single() };
        match (value, &self.default) {
            (Some(ContextValue::Text(text)), _) => Some(Characters::Text(text.chars())),
            (Some(value), _) => Some(Characters::Short(ShortText::of(value), 0)),
            (None, Some(default)) => Some(Characters::Text(default.chars())),
            (None, None) => None,
        }
    }
}

#[derive(Clone)]
enum Characters<'a> {
    Text(Chars<'a>),
    /// A written-out value, and how many of its characters were taken.
    Short(ShortText, usize),
}

impl Iterator for Characters<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::Text(characters) => characters.next(),
            Self::Short(text, taken) => {
                let byte = text.as_str().as_bytes().get(*taken)?;
                *taken = taken.saturating_add(1);
                Some(char::from(*byte))
            }
        }
    }
}

/// An address, number, boolean or time written out without allocating. All of them are ASCII and
/// at most 39 characters long.
#[derive(Clone, Copy)]
pub(crate) struct ShortText {
    bytes: [u8; 48],
    length: usize,
}

impl ShortText {
    pub(crate) fn of(value: ContextValue<'_>) -> Self {
        let mut text = Self { bytes: [0; 48], length: 0 };
        // A value that did not fit would be cut off; none is that long.
        let _ = write!(text, "{value}");
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// A character without its letter case: upper, then lower, where each is one character. One
/// character stays one, so `ß` is not `ss`.
fn fold(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let upper = only(character.to_uppercase()).unwrap_or(character);
    only(upper.to_lowercase()).unwrap_or(upper)
}

fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    characters.next().filter(|_| characters.next().is_none())
}
