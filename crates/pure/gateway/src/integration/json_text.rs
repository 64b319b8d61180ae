//! JSON written straight into a text: objects of texts, numbers and lists, nothing kept.

use std::{borrow::Cow, fmt::Write};

use crate::context::{Variable, View};

/// An object while it is written.
#[derive(Debug)]
pub(crate) struct Object<'o> {
    output: &'o mut String,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub(crate) fn begin(output: &'o mut String) -> Self {
        output.push('{');
        Self { output, is_empty: true }
    }

    /// Closes it.
    pub(crate) fn end(self) {
        self.output.push('}');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_empty) {
            self.output.push(',');
        }
        push_quoted(name, self.output);
        self.output.push(':');
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        push_quoted(value, self.output);
    }

    /// A text that needs no escapes, as `write` appends it.
    pub(crate) fn plain_text(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        self.name(name);
        self.output.push('"');
        write(self.output);
        self.output.push('"');
    }

    /// A variable of `$context`, null where it has no value.
    pub(crate) fn value(&mut self, name: &str, view: &View<'_>, variable: Variable) {
        match view.text(variable) {
            Some(text) => self.text(name, &text),
            None => self.null(name),
        }
    }

    /// `null`.
    pub(crate) fn null(&mut self, name: &str) {
        self.name(name);
        self.output.push_str("null");
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.output.push_str(if value { "true" } else { "false" });
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        // Writing to a text cannot fail.
        let _ = write!(self.output, "{value}");
    }

    /// A list of texts.
    pub(crate) fn list<'v>(&mut self, name: &str, values: impl Iterator<Item = Cow<'v, str>>) {
        self.name(name);
        self.output.push('[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.output.push(',');
            }
            push_quoted(&value, self.output);
        }
        self.output.push(']');
    }

    /// An object within this one.
    pub(crate) fn object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        let mut inner = Object::begin(self.output);
        write(&mut inner);
        inner.end();
    }
}

/// Appends a text in quotes: what RFC 8259 wants escaped is, and nothing else.
fn push_quoted(text: &str, output: &mut String) {
    output.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, behind) = rest.split_at(at);
        output.push_str(plain);
        let mut characters = behind.chars();
        match characters.next() {
            Some('"') => output.push_str("\\\""),
            Some('\\') => output.push_str("\\\\"),
            Some('\n') => output.push_str("\\n"),
            Some('\r') => output.push_str("\\r"),
            Some('\t') => output.push_str("\\t"),
            Some(control) => {
                let _ = write!(output, "\\u{:04x}", u32::from(control));
            }
            None => {}
        }
        rest = characters.as_str();
    }
    output.push_str(rest);
    output.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(text in any::<String>()) {
            let mut quoted = String::new();
            push_quoted(&text, &mut quoted);
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }

    #[test]
    fn objects_are_written_as_they_are_told() {
        let mut output = String::new();
        let mut object = Object::begin(&mut output);
        object.text("a\"", "b\u{1}\u{7f}/ü");
        object.null("n");
        object.boolean("t", true);
        object.number("i", 7);
        object.list("l", ["x", "y"].into_iter().map(Cow::Borrowed));
        object.object("none", |_| ());
        object.object("some", |inner| inner.text("k", "v"));
        object.end();
        let expected = concat!(
            r#"{"a\"":"b\u0001"#,
            "\u{7f}/ü",
            r#"","n":null,"t":true,"i":7,"l":["x","y"],"none":{},"some":{"k":"v"}}"#
        );
        assert_eq!(output, expected);
    }
}
