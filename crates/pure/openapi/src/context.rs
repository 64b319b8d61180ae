//! What every reader of one import shares.

use std::{borrow::Cow, collections::HashMap};

use postern_document::{Node, Place, did_you_mean};
use postern_model::SelectionPattern;

use crate::{
    ImportOptions, dialect::Dialect, lint::Lints, placeholder::PseudoParameters, reference::References,
    report::Report,
};

/// The document that is imported, how, and what was found so far.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a ImportOptions<'a>,
    pub(crate) root: &'a Node,
    pub(crate) dialect: Dialect,
    pub(crate) references: References<'a>,
    pub(crate) pseudo_parameters: PseudoParameters<'a>,
    pub(crate) report: Report,
    pub(crate) lints: Lints,
    patterns: HashMap<String, Option<SelectionPattern>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        root: &'a Node,
        dialect: Dialect,
        options: &'a ImportOptions<'a>,
        report: Report,
    ) -> Self {
        Self {
            options,
            root,
            dialect,
            references: References::new(root),
            pseudo_parameters: PseudoParameters::new(options.pseudo_parameters()),
            report,
            lints: Lints::default(),
            patterns: HashMap::new(),
        }
    }

    /// The node itself or what its `$ref` points at.
    pub(crate) fn follow(&mut self, node: &'a Node) -> Option<&'a Node> {
        self.references.follow(node, &mut self.report)
    }

    /// The text with pseudo parameters such as `${AWS::Region}` filled in.
    pub(crate) fn fill<'text>(&self, text: &'text str) -> Cow<'text, str> {
        self.pseudo_parameters.fill(text)
    }

    /// A text that must be there and be right otherwise than a scalar: filled and parsed; what is
    /// wrong is reported as "`key` is `text`: …".
    pub(crate) fn parse<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        node: &Node,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = node.as_scalar_text() else {
            self.report.error(&node.place, format!("`{key}` is {}: expected text", node.kind()));
            return None;
        };
        let text = self.fill(text);
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.report.error(&node.place, format!("`{key}` is `{text}`: {error}"));
                None
            }
        }
    }

    /// A pattern, compiled once for the whole definition since the same few come again and again.
    pub(crate) fn pattern(&mut self, text: &str, place: &Place) -> Option<SelectionPattern> {
        if let Some(known) = self.patterns.get(text) {
            return known.clone();
        }
        let pattern = match SelectionPattern::parse(text) {
            Ok(pattern) => Some(pattern),
            Err(problem) => {
                self.report.error(place, format!("`{text}` is not a pattern that can be matched: {problem}"));
                None
            }
        };
        self.patterns.insert(text.to_owned(), pattern.clone());
        pattern
    }
}

/// One of the words that a table knows, without regard to case (openapi-extensions.md).
pub(crate) fn word<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Result<T, String> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, meaning)| *meaning).ok_or_else(
        || {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let suggestion = did_you_mean(text, words.iter().map(|(word, _)| *word))
                .map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
            format!("expected {}{suggestion}", either(&known))
        },
    )
}

/// "a, b or c".
fn either(words: &[String]) -> String {
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A whole number of a range.
pub(crate) fn whole_number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("expected a whole number from {least} to {most}"))
}

/// A status code.
pub(crate) fn status(text: &str) -> Result<u16, &'static str> {
    text.parse()
        .ok()
        .filter(|status| text.len() == 3 && (100..=599).contains(status))
        .ok_or("expected a status from 100 to 599")
}
