//! Texts with variables and nothing else: gateway response templates and access log formats.

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
    Parameter(crate::ParameterPlace),
}

impl SimpleTemplate {
    /// Reads a text. Every text is a template.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pieces = [SimplePiece::Text(text.into())];
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
