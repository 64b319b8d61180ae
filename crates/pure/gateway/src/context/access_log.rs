//! The access log line of an exchange (stages-and-deployments.md section 7).

use postern_protocol::http1::push_number;
use postern_template::{SimplePiece, SimpleSource, SimpleTemplate};

use super::{OF_AUTHORIZER, Variable, view::View};
use crate::{Record, RequestTimeText, Sent};

/// A line has at most so many bytes (hardening.md section 10).
const LINE_BYTES_MAX: usize = 8 << 10;

/// An access log format with every name resolved.
#[derive(Clone, Debug)]
pub struct CompiledAccessLog {
    pieces: Vec<Piece>,
    /// Whether the words of a refusal are asked for: they cost an allocation.
    names_error: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    Variable(Variable),
    /// What an authorizer says under a name.
    OfAuthorizer(Box<str>),
    /// A name that is known and has no value here: it prints `-`.
    Nothing,
}

impl Piece {
    fn of(name: &str) -> Self {
        match (Variable::of(name), name.strip_prefix(OF_AUTHORIZER)) {
            (Some(variable), _) => Self::Variable(variable),
            (None, Some(name)) => Self::OfAuthorizer(name.into()),
            (None, None) => Self::Nothing,
        }
    }
}

impl CompiledAccessLog {
    pub(crate) fn compile(format: &SimpleTemplate) -> Self {
        let piece = |piece: &SimplePiece| match piece {
            SimplePiece::Text(text) => Piece::Text(text.clone()),
            SimplePiece::Variable(variable) if variable.source == SimpleSource::Context => {
                Piece::of(&variable.name)
            }
            SimplePiece::Variable(_) => Piece::Nothing,
        };
        let pieces: Vec<Piece> = format.pieces().iter().map(piece).collect();
        let names_error =
            pieces.iter().any(|piece| matches!(piece, Piece::Variable(name) if name.is_of_error()));
        Self { pieces, names_error }
    }

    /// Appends the line of an exchange, its line end included. A missing value prints `-` (AL2), and
    /// what a client sent is escaped (AL3). The line is UTF-8.
    pub fn write_line(
        &self,
        record: &Record<'_>,
        sent: Sent,
        time: &mut RequestTimeText,
        output: &mut Vec<u8>,
    ) {
        let start = output.len();
        let refusal = record.refusal.as_ref().filter(|_| self.names_error);
        let wording = refusal.map(|refusal| refusal.wording());
        let view = View { record, error: wording.as_ref(), sent: Some(sent) };
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => output.extend_from_slice(text.as_bytes()),
                Piece::Nothing => output.push(b'-'),
                Piece::Variable(variable) => write_variable(*variable, &view, time, output),
                Piece::OfAuthorizer(name) => {
                    let outcome = record.authorizer.as_ref();
                    let value = outcome.and_then(|outcome| outcome.value(name));
                    output.extend_from_slice(
                        value.map_or_else(|| "-".to_owned(), |value| escape(&value)).as_bytes(),
                    );
                }
            }
        }
        cut(output, start + LINE_BYTES_MAX - 1);
        output.push(b'\n');
    }
}

/// Cuts UTF-8 to so many bytes, before a character and not within.
fn cut(output: &mut Vec<u8>, most: usize) {
    let is_within = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    if let Some((kept, over)) = output.split_at_checked(most)
        && over.first().is_some_and(is_within)
    {
        let within = kept.iter().rev().take_while(|byte| is_within(byte)).count() + 1;
        output.truncate(most - within);
    }
    output.truncate(most);
}

fn write_variable(variable: Variable, view: &View<'_>, time: &mut RequestTimeText, output: &mut Vec<u8>) {
    let record = view.record;
    // What stands in almost every line is copied from where it is; a client has no part in it.
    match variable {
        Variable::RequestId if !record.ids.replaced_invalid() => {
            output.extend_from_slice(record.ids.request_id_bytes());
        }
        Variable::RequestTime => {
            output.extend_from_slice(time.at(record.received.epoch_milliseconds).as_bytes());
        }
        Variable::IdentitySourceIp => output.extend_from_slice(record.connection.source_text()),
        _ => {
            if let Some(number) = view.number(variable) {
                push_number(output, number);
            } else if let Some(text) = view.text(variable) {
                write_text(variable, &text, output);
            } else {
                output.push(b'-');
            }
        }
    }
}

fn write_text(variable: Variable, text: &str, output: &mut Vec<u8>) {
    let is_quoted = variable == Variable::ErrorMessageString;
    if is_quoted || is_plain(text.as_bytes()) {
        output.extend_from_slice(text.as_bytes());
    } else {
        output.extend_from_slice(escape(text).as_bytes());
    }
}

/// Whether nothing of a text is to be escaped. Looks at every byte, which is quicker than to stop at one: the compiler
/// takes sixteen at a time. What is left behind them is looked at with some from before.
fn is_plain(text: &[u8]) -> bool {
    let is_plain = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'"' && *byte != b'\\';
    let are_plain = |bytes: &[u8; 16]| bytes.iter().fold(true, |so_far, byte| so_far & is_plain(byte));
    match text.last_chunk() {
        Some(last) => text.as_chunks().0.iter().all(are_plain) && are_plain(last),
        None => text.iter().all(is_plain),
    }
}

/// Escapes control characters, quotes, backslashes and marks that change the direction of text, as
/// JSON does, so that a line stays one line and one text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            _ if character.is_control() || is_direction_mark(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

const fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_what_a_client_sent_stays_on_its_line() {
        assert_eq!(escape("a\"b\\c\r\nd\u{202e}e\u{1b}[0m"), "a\\\"b\\\\c\\u000d\\u000ad\\u202ee\\u001b[0m");
        assert_eq!(escape("zoë"), "zoë");
    }

    #[test]
    fn log_every_byte_of_a_text_is_looked_at() {
        for length in 0..50 {
            assert!(is_plain(&vec![b'~'; length]));
            for (place, byte) in (0..length).flat_map(|place| (0..=255).map(move |byte| (place, byte))) {
                let mut text = vec![b' '; length];
                text[place] = byte;
                let expected = matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
                assert_eq!(is_plain(&text), expected, "{byte:#x} at {place} of {length}");
            }
        }
    }

    #[test]
    fn limits_a_line_is_cut_before_a_character() {
        let text = "a\u{e9}\u{20ac}\u{1f600}z";
        for most in 0..=text.len() + 2 {
            let mut cut_text = text.as_bytes().to_vec();
            cut(&mut cut_text, most);
            let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap();
            assert_eq!(cut_text, text.as_bytes()[..end], "{most}");
        }
    }

    #[test]
    fn every_variable_has_one_name() {
        let mut names = Variable::NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Variable::NAMES.len());
        assert!(names.iter().all(|name| Variable::of(name).is_some()));
    }
}
