//! Regular expressions of ECMA-262 (SD6) in the form that the linear engine understands.

use postern_document::{Node, Problems};
use regex::{Regex, RegexBuilder};

/// A compiled `pattern`, which searches: it is anchored only where it says so.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    source: Box<str>,
}

impl Pattern {
    /// Compiles a pattern that stands at a node. What a linear engine cannot do (look-around,
    /// references back) is a problem at its place, and so is a program of more than 1 MiB.
    pub(crate) fn compile(source: &str, node: &Node, problems: &mut Problems) -> Option<Self> {
        let translated = translate(source).map_err(|refused| {
            let column = u32::try_from(refused.at).map_or(u32::MAX, |at| at.saturating_add(1));
            problems.error(&node.place_in_text(1, column), format!("pattern `{source}`: {}", refused.reason));
        });
        let compiled = RegexBuilder::new(&translated.ok()?).size_limit(MAXIMUM_PROGRAM_BYTES).build();
        match compiled {
            Ok(regex) => Some(Self { regex, source: source.into() }),
            Err(regex::Error::CompiledTooBig(_)) => {
                problems.error(&node.place, format!("pattern `{source}` needs more than 1 MiB"));
                None
            }
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default();
                problems.error(&node.place, format!("pattern `{source}`: {reason}"));
                None
            }
        }
    }

    /// Whether the pattern occurs in a text.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The pattern as it was written.
    pub(crate) const fn source(&self) -> &str {
        &self.source
    }
}

/// Why a pattern is not taken, and at which character.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    at: usize,
    reason: &'static str,
}

/// The same expression in the syntax of the engine.
fn translate(source: &str) -> Result<String, Refused> {
    let mut translator = Translator { source: source.chars().collect(), at: 0, out: String::new() };
    let mut can_repeat = false;
    while let Some(character) = translator.take() {
        can_repeat = translator.term(character, can_repeat)?;
    }
    Ok(translator.out)
}

struct Translator {
    source: Vec<char>,
    at: usize,
    out: String,
}

/// What stands in a class or behind a backslash.
enum Atom {
    Character(char),
    /// The inside of a class.
    Set(String),
}

impl Translator {
    /// Translates one term; tells whether a quantifier may follow.
    fn term(&mut self, character: char, can_repeat: bool) -> Result<bool, Refused> {
        match character {
            '\\' => return self.escape(),
            '[' => self.class()?,
            '(' => return self.group().map(|()| false),
            '.' => self.out.push_str(r"[^\n\r\x{2028}\x{2029}]"),
            ')' => self.out.push(')'),
            '^' | '$' | '|' => {
                self.out.push(character);
                return Ok(false);
            }
            '*' | '+' | '?' => return self.quantifier(character.to_string(), can_repeat),
            '{' => match self.counts() {
                Some(counts) => return self.quantifier(counts, can_repeat),
                None => self.literal('{'),
            },
            _ => self.literal(character),
        }
        Ok(true)
    }

    fn quantifier(&mut self, quantifier: String, can_repeat: bool) -> Result<bool, Refused> {
        if !can_repeat {
            return Err(self.refused("nothing to repeat"));
        }
        self.out.push_str(&quantifier);
        if self.take_if('?') {
            self.out.push('?');
        }
        Ok(false)
    }

    /// `{2}`, `{2,}` or `{2,5}` behind its brace; anything else is a brace (annex B of ECMA-262).
    fn counts(&mut self) -> Option<String> {
        let rest = self.source.get(self.at..)?;
        let inside: String = rest.iter().take_while(|character| **character != '}').collect();
        let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_closed = rest.len() > inside.chars().count();
        if least.is_empty() || !are_digits(least) || !are_digits(most) || !is_closed {
            return None;
        }
        self.at += inside.chars().count() + 1;
        Some(format!("{{{inside}}}"))
    }

    fn group(&mut self) -> Result<(), Refused> {
        self.out.push_str("(?:");
        if !self.take_if('?') {
            return Ok(());
        }
        let start = self.at;
        match (self.take(), self.peek()) {
            (Some(':'), _) => Ok(()),
            (Some('='), _) | (Some('!'), _) | (Some('<'), Some('=' | '!')) => {
                Err(Refused { at: start.saturating_sub(2), reason: "look-around is not supported" })
            }
            (Some('<'), _) => {
                // A named group; nobody asks for the name.
                while self.take().ok_or_else(|| self.refused("a group's name has no end"))? != '>' {}
                Ok(())
            }
            _ => Err(Refused { at: start, reason: "`:` is expected after `(?`" }),
        }
    }

    fn escape(&mut self) -> Result<bool, Refused> {
        match self.peek() {
            Some('b' | 'B') => {
                let boundary =
                    self.take().map_or("", |kind| if kind == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
                self.out.push_str(boundary);
                return Ok(false);
            }
            Some('1'..='9') => return Err(self.refused("references back are not supported")),
            Some('k') if self.source.get(self.at + 1) == Some(&'<') => {
                return Err(self.refused("references back are not supported"));
            }
            _ => {}
        }
        match self.atom_behind_backslash()? {
            Atom::Character(character) => self.literal(character),
            Atom::Set(set) => self.out.push_str(&format!("[{set}]")),
        }
        Ok(true)
    }

    fn class(&mut self) -> Result<(), Refused> {
        let start = self.at.saturating_sub(1);
        let unclosed = || Refused { at: start, reason: "`[` has no `]`" };
        let negation = if self.take_if('^') { "^" } else { "" };
        if self.take_if(']') {
            // `[]` matches nothing and `[^]` anything.
            let everything = if negation.is_empty() { "^" } else { "" };
            self.out.push_str(&format!("[{everything}{EVERYTHING}]"));
            return Ok(());
        }
        self.out.push_str(&format!("[{negation}"));
        while !self.take_if(']') {
            let first_at = self.at;
            let first = self.class_atom().ok_or_else(unclosed)??;
            let is_range =
                self.peek() == Some('-') && self.source.get(self.at + 1).is_some_and(|next| *next != ']');
            if !is_range {
                self.push_in_class(&first);
                continue;
            }
            self.take();
            let last = self.class_atom().ok_or_else(unclosed)??;
            match (&first, &last) {
                (Atom::Character(first), Atom::Character(last)) if first > last => {
                    return Err(Refused { at: first_at, reason: "a range out of order" });
                }
                (Atom::Character(_), Atom::Character(_)) => {
                    self.push_in_class(&first);
                    self.out.push('-');
                }
                // A hyphen beside a set is a hyphen (annex B of ECMA-262).
                _ => {
                    self.push_in_class(&first);
                    self.push_in_class(&Atom::Character('-'));
                }
            }
            self.push_in_class(&last);
        }
        self.out.push(']');
        Ok(())
    }

    /// The next atom of a class; `None` at the end of the pattern.
    fn class_atom(&mut self) -> Option<Result<Atom, Refused>> {
        match self.take()? {
            '\\' if self.take_if('b') => Some(Ok(Atom::Character('\u{8}'))),
            '\\' => Some(self.atom_behind_backslash()),
            character => Some(Ok(Atom::Character(character))),
        }
    }

    fn push_in_class(&mut self, atom: &Atom) {
        match atom {
            Atom::Character(character) => {
                self.out.push_str(&format!("\\x{{{:x}}}", u32::from(*character)));
            }
            Atom::Set(set) => self.out.push_str(&format!("[{set}]")),
        }
    }

    fn atom_behind_backslash(&mut self) -> Result<Atom, Refused> {
        let character = self.take().ok_or_else(|| self.refused("a backslash at the end"))?;
        let set = match character {
            'd' => "0-9".to_owned(),
            'D' => "^0-9".to_owned(),
            'w' => "0-9A-Za-z_".to_owned(),
            'W' => "^0-9A-Za-z_".to_owned(),
            's' => WHITE_SPACE.to_owned(),
            'S' => format!("^{WHITE_SPACE}"),
            'p' | 'P' if self.peek() == Some('{') => self.property(character)?,
            _ => return self.escaped_character(character).map(Atom::Character),
        };
        Ok(Atom::Set(set))
    }

    /// `\p{Letter}`: its names are those of the engine.
    fn property(&mut self, kind: char) -> Result<String, Refused> {
        let mut property = format!("\\{kind}");
        loop {
            let character = self.take().ok_or_else(|| self.refused("a property's name has no end"))?;
            property.push(character);
            if character == '}' {
                return Ok(property);
            }
        }
    }

    fn escaped_character(&mut self, character: char) -> Result<char, Refused> {
        Ok(match character {
            't' => '\t',
            'n' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            '0' => '\0',
            'c' => {
                let letter = self.take().filter(char::is_ascii_alphabetic);
                let letter = letter.ok_or_else(|| self.refused("`\\c` needs a letter"))?;
                char::from_u32(u32::from(letter) % 32).unwrap_or(letter)
            }
            // Without its digits, it is the letter (annex B of ECMA-262).
            'x' => self.hexadecimal(2).and_then(char::from_u32).unwrap_or('x'),
            'u' => return self.code_point(),
            other => other,
        })
    }

    /// Behind `\u`: four digits, two times four that are surrogates, or `{…}`.
    fn code_point(&mut self) -> Result<char, Refused> {
        let surrogate = "a surrogate without its other half";
        if self.peek() == Some('{') {
            let rest = self.source.get(self.at + 1..).unwrap_or_default();
            let digits: String = rest.iter().take_while(|character| **character != '}').collect();
            let character = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
            self.at += digits.chars().count() + 2;
            return character.ok_or_else(|| self.refused("not a character"));
        }
        let Some(first) = self.hexadecimal(4) else { return Ok('u') };
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let is_pair = first < 0xdc00 && self.take_if('\\') && self.take_if('u');
        let second = is_pair.then(|| self.hexadecimal(4)).flatten();
        let low = second.and_then(|second| second.checked_sub(0xdc00)).filter(|low| *low < 0x400);
        low.and_then(|low| char::from_u32(0x10000 + ((first - 0xd800) << 10) + low))
            .ok_or_else(|| self.refused(surrogate))
    }

    /// So many hexadecimal digits, or nothing.
    fn hexadecimal(&mut self, count: usize) -> Option<u32> {
        let digits: String = self.source.get(self.at..self.at + count)?.iter().collect();
        let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hexadecimal.then(|| u32::from_str_radix(&digits, 16).ok())??;
        self.at += count;
        Some(number)
    }

    fn literal(&mut self, character: char) {
        self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    fn peek(&self) -> Option<char> {
        self.source.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += 1;
        Some(character)
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// Refused at the character before the current one.
    fn refused(&self, reason: &'static str) -> Refused {
        Refused { at: self.at.saturating_sub(1), reason }
    }
}

/// What a compiled pattern may take; hardening asks for a limit.
const MAXIMUM_PROGRAM_BYTES: usize = 1024 * 1024;

/// `\s`: WhiteSpace and LineTerminator of ECMA-262 (sections 12.2 and 12.3).
const WHITE_SPACE: &str =
    r"\t\n\x0b\x0c\r\x20\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}";

/// Every character there is.
const EVERYTHING: &str = r"\x{0}-\x{10ffff}";

#[cfg(test)]
mod tests {
    use postern_document::parse_yaml;

    use super::*;

    fn compile(source: &str) -> Result<Pattern, Vec<String>> {
        let text = format!("- {}", serde_json::Value::from(source));
        let node = parse_yaml("a.yaml", &text).expect("valid");
        let mut problems = Problems::default();
        let pattern = Pattern::compile(source, &node.as_sequence().expect("a list")[0], &mut problems);
        pattern.ok_or_else(|| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn patterns_mean_what_ecma_262_says() {
        // Pattern, texts that match, texts that do not.
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("", &["", "a"], &[]),
            ("es", &["test", "es"], &["Te st", "ES"]),
            ("^abc$", &["abc"], &["abc\n", "xabc", "abc\nabc"]),
            ("a.c", &["abc", "a\u{85}c", "a😀c"], &["a\nc", "a\rc", "a\u{2028}c"]),
            (r"^\d+$", &["0123"], &["৪", "1a"]),
            (r"^\D$", &["৪", "a"], &["1"]),
            (r"^\w+$", &["aZ_9"], &["é", "-"]),
            (r"^\W$", &["é"], &["_"]),
            (r"^\s+$", &[" \t\n\u{b}\u{c}\r\u{a0}\u{feff}\u{2029}\u{3000}"], &["\u{85}", "\u{200b}"]),
            (r"^\S$", &["\u{85}"], &["\u{a0}"]),
            (r"\bcat\b", &["a cat", "écat"], &["cats", "_cat"]),
            (r"a\Bb", &["ab"], &["a b"]),
            (r"é\B", &["é", "éé"], &["éa"]),
            (r"^[\w.-]+$", &["a-b.c"], &["a b", "é"]),
            (r"^[\w-_]+$", &["a-_"], &[",", "^"]),
            (r"^[a-\d]+$", &["a-5"], &["b"]),
            (r"^[^\d\s]$", &["a", "\n\u{85}".get(1..).unwrap()], &["1", " "]),
            (r"^[\D]$", &["a"], &["1"]),
            (r"^[^\D]$", &["1"], &["a"]),
            (r"^[-&&~~[]+$", &["[&~-"], &["a", "]"]),
            (r"^[\b]$", &["\u{8}"], &["b"]),
            (r"^[\]\\^-]+$", &["]\\^-"], &["a"]),
            ("^[]$", &[], &["", "a"]),
            ("^[^]$", &["a", "\n", "😀"], &[""]),
            ("^[-a]+$", &["-a"], &["b"]),
            (r"^[\u0061-\x7a]+$", &["abz"], &["A"]),
            ("^[🐲-🐳]$", &["🐲"], &["a"]),
            (r"^\ud83d\udc32*$", &["🐲🐲"], &["🐉"]),
            (r"^\u{1f432}$", &["🐲"], &[]),
            (r"^\cA\cz\0\t\v$", &["\u{1}\u{1a}\0\t\u{b}"], &[]),
            (r"^\/\-\_\@\#\ \Z\a\é$", &["/-_@# Zaé"], &[]),
            (r"^\x4\u12$", &["x4u12"], &[]),
            (r"^a{2}b{1,}c{0,2}$", &["aabcc", "aabb"], &["ab", "aabccc"]),
            ("^a{,2}$", &["a{,2}"], &["aa"]),
            ("^{}a{x}]$", &["{}a{x}]"], &[]),
            ("^a+?b*?c??$", &["aabbc", "a"], &["b"]),
            ("^(a|(?:b)|(?<name>c))*$", &["abc", ""], &["d"]),
            (r"^\p{L}\P{Lu}$", &["Éa"], &["1a", "ab\u{c9}"]),
            ("^(?:25[0-5]|2[0-4][0-9])$", &["250", "249"], &["256"]),
            ("^a|b$", &["ax", "xb"], &["x"]),
        ];
        for (source, matching, others) in rows {
            let pattern = compile(source).expect(source);
            for text in *matching {
                assert!(pattern.is_match(text), "{source} {text:?}");
            }
            for text in *others {
                assert!(!pattern.is_match(text), "{source} {text:?}");
            }
        }
    }

    #[test]
    fn what_is_not_linear_or_not_right_is_refused_at_its_place() {
        let rows = [
            ("^(?=.*[0-9])", "a.yaml:1:5: pattern `^(?=.*[0-9])`: look-around is not supported"),
            ("a(?!b)", "a.yaml:1:5: pattern `a(?!b)`: look-around is not supported"),
            ("(?<=a)b", "a.yaml:1:4: pattern `(?<=a)b`: look-around is not supported"),
            ("(?<!a)b", "a.yaml:1:4: pattern `(?<!a)b`: look-around is not supported"),
            ("(a)b(?i)", "a.yaml:1:10: pattern `(a)b(?i)`: `:` is expected after `(?`"),
            ("(?<a", "a.yaml:1:7: pattern `(?<a`: a group's name has no end"),
            ("*a", "a.yaml:1:4: pattern `*a`: nothing to repeat"),
            ("a**", "a.yaml:1:6: pattern `a**`: nothing to repeat"),
            ("^*", "a.yaml:1:5: pattern `^*`: nothing to repeat"),
            ("a|{2}", "a.yaml:1:8: pattern `a|{2}`: nothing to repeat"),
            ("[a", "a.yaml:1:4: pattern `[a`: `[` has no `]`"),
            ("x[a-", "a.yaml:1:5: pattern `x[a-`: `[` has no `]`"),
            ("[z-a]", "a.yaml:1:5: pattern `[z-a]`: a range out of order"),
            ("(a", "a.yaml:1:3: pattern `(a`: error: unclosed group"),
            ("a)", "a.yaml:1:3: pattern `a)`: error: unopened group"),
            (
                "a{3,2}",
                "a.yaml:1:3: pattern `a{3,2}`: error: invalid repetition count range, the start must be <= the end",
            ),
            ("((a{500}){500}){500}", "a.yaml:1:3: pattern `((a{500}){500}){500}` needs more than 1 MiB"),
        ];
        for (source, problem) in rows {
            assert_eq!(compile(source).expect_err(source), [problem]);
        }
        // With escapes in the text that holds the pattern, only its start is known.
        let rows = [
            (r"(a)\1", r"a.yaml:1:3: pattern `(a)\1`: references back are not supported"),
            (r"(?<n>a)\k<n>", r"a.yaml:1:3: pattern `(?<n>a)\k<n>`: references back are not supported"),
            (r"a\", r"a.yaml:1:3: pattern `a\`: a backslash at the end"),
            (r"\c1", r"a.yaml:1:3: pattern `\c1`: `\c` needs a letter"),
            (r"\ud83d", r"a.yaml:1:3: pattern `\ud83d`: a surrogate without its other half"),
            (r"\ude00", r"a.yaml:1:3: pattern `\ude00`: a surrogate without its other half"),
            (r"\u{110000}", r"a.yaml:1:3: pattern `\u{110000}`: not a character"),
            (r"\p{L", r"a.yaml:1:3: pattern `\p{L`: a property's name has no end"),
            (r"\p{Nope}", r"a.yaml:1:3: pattern `\p{Nope}`: error: Unicode property not found"),
        ];
        for (source, problem) in rows {
            assert_eq!(compile(source).expect_err(source), [problem]);
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_is_translated_is_understood_by_the_engine(
            source in r"[a\-\[\]\^(){},.*+?|$\\dwsbxu0-9cé&~]{0,12}",
        ) {
            if let Err(problems) = compile(&source) {
                let known = ["nothing to repeat", "`[` has", "out of order", "look-around", "references back",
                    "is expected", "no end", "at the end", "a letter", "not a character", "surrogate", "1 MiB",
                    "unclosed group", "unopened group", "repetition count"];
                proptest::prop_assert!(known.iter().any(|known| problems[0].contains(known)), "{problems:?}");
            }
        }

        #[test]
        fn a_literal_matches_itself(text in ".{0,20}") {
            let source: String = text.chars().flat_map(|character| {
                let escaped = character.is_ascii_punctuation().then_some('\\');
                escaped.into_iter().chain([character])
            }).collect();
            let pattern = compile(&format!("^{source}$")).expect("a pattern");
            proptest::prop_assert!(pattern.is_match(&text));
        }
    }
}
