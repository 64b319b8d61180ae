//! Texts with variables and nothing else: gateway response templates and access log formats.

use crate::{ParameterPlace, lexer::Scanner};

/// A text in which variables are replaced and nothing else is done (statement GR-20).
///
/// Variables are `$context.NAME`, `$stageVariables.NAME`, and `method.request.header.NAME`, `.path.`
/// and `.querystring.` with or without a `$`; the longest possible name is the variable's name
/// (statement GR-22). What is not a variable stands as it is.
///
/// ```
/// use postern_template::{SimpleSource, SimpleTemplate};
///
/// let template = SimpleTemplate::parse(r#"{"message":$context.error.messageString}"#);
/// let mut output = String::new();
/// template.render(&mut output, |output, variable| {
///     if variable.source == SimpleSource::Context && &*variable.name == "error.messageString" {
///         output.push_str("\"Forbidden\"");
///     }
/// });
/// assert_eq!(output, r#"{"message":"Forbidden"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleTemplate {
    pieces: Box<[SimplePiece]>,
}

/// A part of a [`SimpleTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimplePiece {
    /// Text that stands as it is.
    Text(Box<str>),
    /// A variable to be replaced.
    Variable(SimpleVariable),
}

/// A variable of a [`SimpleTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleVariable {
    /// Where its value comes from.
    pub source: SimpleSource,
    /// Its name there: `error.message`, `identity.sourceIp`, `Content-Type`.
    pub name: Box<str>,
}

/// Where the value of a [`SimpleVariable`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimpleSource {
    /// `$context.NAME`.
    Context,
    /// `$stageVariables.NAME`.
    StageVariable,
    /// `method.request.{path,querystring,header}.NAME`.
    Parameter(ParameterPlace),
}

impl SimpleTemplate {
    /// Reads a text. Every text is a template.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut scanner = Scanner::new(text);
        let mut start = 0;
        while scanner.peek().is_some() {
            let here = scanner.at();
            let Some(variable) = take_variable(&mut scanner) else {
                skip_text(&mut scanner);
                continue;
            };
            push_text(&mut pieces, text.get(start..here));
            pieces.push(SimplePiece::Variable(variable));
            start = scanner.at();
        }
        push_text(&mut pieces, text.get(start..));
        Self { pieces: pieces.into() }
    }

    /// The parts in order: for a caller that turns names into its own numbers once, at load.
    #[must_use]
    pub const fn pieces(&self) -> &[SimplePiece] {
        &self.pieces
    }

    /// The variables in order, repeated ones included.
    pub fn variables(&self) -> impl Iterator<Item = &SimpleVariable> {
        self.pieces.iter().filter_map(|piece| match piece {
            SimplePiece::Variable(variable) => Some(variable),
            SimplePiece::Text(_) => None,
        })
    }

    /// Writes the text to `output`, asking `value` to write each variable there itself, so that
    /// nothing is allocated; what it does not write is empty (statement GR-23).
    pub fn render(&self, output: &mut String, mut value: impl FnMut(&mut String, &SimpleVariable)) {
        for piece in &self.pieces {
            match piece {
                SimplePiece::Text(text) => output.push_str(text),
                SimplePiece::Variable(variable) => value(output, variable),
            }
        }
    }
}

/// What a variable begins with, and whether it must have its `$`.
const PREFIXES: [(&str, SimpleSource, bool); 5] = [
    ("context.", SimpleSource::Context, true),
    ("stageVariables.", SimpleSource::StageVariable, true),
    ("method.request.path.", SimpleSource::Parameter(ParameterPlace::Path), false),
    ("method.request.querystring.", SimpleSource::Parameter(ParameterPlace::Querystring), false),
    ("method.request.header.", SimpleSource::Parameter(ParameterPlace::Header), false),
];

/// Reads the variable that begins here, if one does.
fn take_variable(scanner: &mut Scanner<'_>) -> Option<SimpleVariable> {
    let start = scanner.at();
    let dollar = scanner.take("$");
    let brace = dollar && scanner.take("{");
    let prefix =
        PREFIXES.iter().find(|(prefix, _, needs_dollar)| (dollar || !needs_dollar) && scanner.take(prefix));
    let name = prefix.map_or("", |_| take_name(scanner));
    if let (Some((_, source, _)), false) = (prefix, name.is_empty())
        && (!brace || scanner.take("}"))
    {
        return Some(SimpleVariable { source: *source, name: name.into() });
    }
    scanner.go_to(start);
    None
}

/// The longest name: names joined with points. What follows a sentence's last word is not part of it.
fn take_name<'t>(scanner: &mut Scanner<'t>) -> &'t str {
    let start = scanner.at();
    let taken = scanner.take_while(|byte| is_name(byte) || byte == b'.');
    let name = taken.find("..").map_or(taken, |end| taken.get(..end).unwrap_or_default());
    let name = name.trim_end_matches(['.', '-']);
    scanner.go_to(start + name.len());
    name
}

/// Goes on to where the next variable may begin: a `$`, or the start of a word.
fn skip_text(scanner: &mut Scanner<'_>) {
    if scanner.take_while(is_name).is_empty() {
        let character = scanner.rest().chars().next();
        scanner.advance(character.map_or(1, char::len_utf8));
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn push_text(pieces: &mut Vec<SimplePiece>, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        pieces.push(SimplePiece::Text(text.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The template with each variable written as `<source:name>`.
    fn shown(text: &str) -> String {
        let mut output = String::new();
        SimpleTemplate::parse(text).render(&mut output, |output, variable| {
            let source = match variable.source {
                SimpleSource::Context => "context",
                SimpleSource::StageVariable => "stage",
                SimpleSource::Parameter(place) => place.name(),
            };
            output.push_str(&format!("<{source}:{}>", variable.name));
        });
        output
    }

    #[test]
    fn gr20_to_gr22_variables_are_found_and_nothing_else() {
        let table = [
            ("", ""),
            ("plain", "plain"),
            ("$context.error.message", "<context:error.message>"),
            (r#"{"m":$context.error.messageString}"#, r#"{"m":<context:error.messageString>}"#),
            ("${context.stage}s", "<context:stage>s"),
            ("${context.stage", "${context.stage"),
            ("$stageVariables.url/x", "<stage:url>/x"),
            ("method.request.header.X-Trace-Id, x", "<header:X-Trace-Id>, x"),
            ("$method.request.querystring.a.b", "<querystring:a.b>"),
            ("method.request.path.id.", "<path:id>."),
            ("amethod.request.path.id", "amethod.request.path.id"),
            ("context.stage", "context.stage"),
            ("$context.", "$context."),
            ("$context", "$context"),
            ("$context.stage-$context.apiId", "<context:stage>-<context:apiId>"),
            ("$context.stage..x", "<context:stage>..x"),
            ("$$context.stage", "$<context:stage>"),
            ("#if($context.stage) $util.x #end", "#if(<context:stage>) $util.x #end"),
            ("\u{fc}$context.stage\u{fc}", "\u{fc}<context:stage>\u{fc}"),
            (
                r#"$context.identity.sourceIp - - [$context.requestTime] "$context.httpMethod" $context.status"#,
                r#"<context:identity.sourceIp> - - [<context:requestTime>] "<context:httpMethod>" <context:status>"#,
            ),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn al1_the_variables_of_a_format_can_be_asked() {
        let template = SimpleTemplate::parse("$context.requestId $context.status $context.requestId");
        let names: Vec<_> = template.variables().map(|variable| &*variable.name).collect();
        assert_eq!(names, ["requestId", "status", "requestId"]);
        assert_eq!(template.pieces().len(), 5);
    }
}
