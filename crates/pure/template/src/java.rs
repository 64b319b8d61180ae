//! Java's regular expressions, written in the words of an engine of linear time.
//!
//! Everything that means something else to the engine is written out: Java's classes are of ASCII, its `.`
//! stops at every line terminator, its `(?i)` folds ASCII alone. What needs backtracking is refused.
//! `$` means the very end: before a last line terminator, where Java's matches too, it does not.

use std::fmt::{self, Write};

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JavaPatternProblem {
    /// The character of the pattern, from 1, where that is known.
    pub at: Option<usize>,
    /// What is wrong, as a sentence without a full stop.
    pub reason: String,
}

impl fmt::Display for JavaPatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        self.at.map_or(Ok(()), |at| write!(f, ", at its character {at}"))
    }
}

impl std::error::Error for JavaPatternProblem {}

/// Writes a pattern in the engine's words.
pub(crate) fn translate(written: &str) -> Result<String, JavaPatternProblem> {
    let mut translator = Translator {
        source: written.chars().collect(),
        at: 0,
        out: String::with_capacity(written.len() * 2),
        flags: Flags::default(),
        groups: Vec::new(),
    };
    translator.sequence()?;
    match translator.groups.last() {
        None => Ok(translator.out),
        Some(group) => Err(refused(group.at, "`(` has no `)`")),
    }
}

struct Translator {
    source: Vec<char>,
    at: usize,
    out: String,
    flags: Flags,
    /// The groups that are open.
    groups: Vec<Group>,
}

/// An open group: where it begins, and the flags that hold again after it.
struct Group {
    at: usize,
    flags: Flags,
}

/// What `(?idmsx)` and `(?u)` have switched on.
#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    unicode_case: bool,
    unix_lines: bool,
    multiline: bool,
    dot_all: bool,
    comments: bool,
}

/// What an escape means.
enum Atom {
    Character(char),
    /// A class, with its brackets.
    Set(String),
    /// A place between characters.
    Place(&'static str),
}

type Translating<T> = Result<T, JavaPatternProblem>;

impl Translator {
    fn sequence(&mut self) -> Translating<()> {
        loop {
            self.skip_comments();
            let Some(character) = self.take() else { return Ok(()) };
            match character {
                '(' => {
                    self.open()?;
                    continue;
                }
                '|' => {
                    self.out.push('|');
                    continue;
                }
                ')' => {
                    let group = self.groups.pop().ok_or_else(|| self.refused("`)` has no `(`"))?;
                    self.flags = group.flags;
                    self.out.push(')');
                }
                '[' => {
                    let class = self.class(0)?;
                    self.push_class(&class);
                }
                '.' => self.dot(),
                '^' => self.out.push_str(if self.flags.multiline { LINE_START } else { r"\A" }),
                '$' => self.out.push_str(if self.flags.multiline { LINE_END } else { r"\z" }),
                '*' | '+' | '?' | '{' => return Err(self.refused("there is nothing to repeat")),
                '\\' if self.take_if('Q') => self.quoted(),
                '\\' => match self.escape()? {
                    Atom::Character(character) => self.literal(character),
                    Atom::Set(set) => self.push_class(&set),
                    Atom::Place(place) => self.out.push_str(place),
                },
                character => self.literal(character),
            }
            self.repetition()?;
        }
    }

    /// What follows `(`.
    fn open(&mut self) -> Translating<()> {
        let group = Group { at: self.at, flags: self.flags };
        if !self.take_if('?') {
            self.out.push('(');
        } else if self.take_if(':') {
            self.out.push_str("(?:");
        } else if self.take_if('>') {
            return Err(self.refused("an atomic group needs backtracking"));
        } else if matches!(self.peek(), Some('=' | '!'))
            || self.peek() == Some('<') && matches!(self.peek_after(1), Some('=' | '!'))
        {
            return Err(refused(group.at, "looking around needs backtracking"));
        } else if self.take_if('<') {
            self.named_group()?;
        } else if !self.flags_of_group()? {
            // `(?i)` holds for the rest of the group that is open already.
            return Ok(());
        }
        self.groups.push(group);
        Ok(())
    }

    fn named_group(&mut self) -> Translating<()> {
        self.out.push_str("(?P<");
        loop {
            match self.take() {
                Some('>') => break,
                Some(letter) if letter.is_ascii_alphanumeric() => self.out.push(letter),
                _ => return Err(self.refused("the name of a group is of letters and digits")),
            }
        }
        self.out.push('>');
        Ok(())
    }

    /// Flags, and whether they open a group of their own.
    fn flags_of_group(&mut self) -> Translating<bool> {
        let mut on = true;
        loop {
            let flag = self.take().ok_or_else(|| self.refused("`(` has no `)`"))?;
            let place = match flag {
                ')' => return Ok(false),
                ':' => {
                    self.out.push_str("(?:");
                    return Ok(true);
                }
                '-' => {
                    on = false;
                    continue;
                }
                'i' => &mut self.flags.ignore_case,
                'u' => &mut self.flags.unicode_case,
                'd' => &mut self.flags.unix_lines,
                'm' => &mut self.flags.multiline,
                's' => &mut self.flags.dot_all,
                'x' => &mut self.flags.comments,
                'U' => {
                    return Err(self.refused("the flag `U` is not supported: name the class, as in `\\p{L}`"));
                }
                _ => return Err(self.refused("an unknown flag")),
            };
            *place = on;
        }
    }

    /// `*`, `+`, `?` or `{…}` behind an atom, greedy or reluctant.
    fn repetition(&mut self) -> Translating<()> {
        self.skip_comments();
        match self.peek() {
            Some(sign @ ('*' | '+' | '?')) => {
                self.at += 1;
                self.out.push(sign);
            }
            Some('{') => self.count()?,
            _ => return Ok(()),
        }
        self.skip_comments();
        if self.take_if('?') {
            self.out.push('?');
        } else if self.take_if('+') && !self.is_end() {
            return Err(self.refused("possessive repetition needs backtracking"));
        }
        self.skip_comments();
        match self.peek() {
            Some('*' | '+' | '?' | '{') => {
                self.at += 1;
                Err(self.refused("there is nothing to repeat"))
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self) -> Translating<()> {
        let start = self.at;
        self.at += 1;
        let mut count = String::from("{");
        while let Some(character @ ('0'..='9' | ',')) = self.peek() {
            self.at += 1;
            count.push(character);
        }
        let is_count = count.chars().nth(1).is_some_and(|first| first.is_ascii_digit())
            && count.matches(',').count() <= 1
            && self.take_if('}');
        if !is_count {
            return Err(refused(start + 1, "`{` without a count: write `\\{` for the character"));
        }
        self.out.push_str(&count);
        self.out.push('}');
        Ok(())
    }

    /// Whether nothing but the end can follow: giving back would find nothing else there, so a possessive
    /// repetition means the same as a greedy one.
    fn is_end(&self) -> bool {
        let mut rest = self.source.get(self.at..).unwrap_or_default();
        while let ['$', after @ ..] | ['\\', 'z' | 'Z', after @ ..] = rest {
            rest = after;
        }
        self.groups.is_empty() && matches!(rest, [] | ['|', ..])
    }

    fn dot(&mut self) {
        self.out.push_str(match self.flags {
            Flags { dot_all: true, .. } => "(?s:.)",
            Flags { unix_lines: true, .. } => r"[^\n]",
            _ => r"[^\n\r\x{85}\x{2028}\x{2029}]",
        });
    }

    /// `\Q…\E`
    fn quoted(&mut self) {
        while let Some(character) = self.take() {
            if character == '\\' && self.take_if('E') {
                return;
            }
            self.literal(character);
        }
    }

    fn literal(&mut self, character: char) {
        let mut class = String::new();
        if self.flags.ignore_case && character.is_alphabetic() {
            class.push('[');
            self.push_range(character, character, &mut class);
            class.push(']');
            return self.push_class(&class);
        }
        self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    fn push_class(&mut self, class: &str) {
        if self.flags.ignore_case && self.flags.unicode_case {
            self.out.push_str("(?i:");
            self.out.push_str(class);
            self.out.push(')');
        } else {
            self.out.push_str(class);
        }
    }

    /// A class, after its `[`.
    fn class(&mut self, depth: u32) -> Translating<String> {
        let start = self.at;
        if depth > CLASS_DEPTH_MAX {
            return Err(self.refused("classes are nested too deeply"));
        }
        let mut set = String::from(if self.take_if('^') { "[^" } else { "[" });
        let mut is_empty = true;
        loop {
            let character = self.take().ok_or_else(|| refused(start, "`[` has no `]`"))?;
            match character {
                ']' if !is_empty => break,
                '[' => set.push_str(&self.class(depth + 1)?),
                '&' if self.take_if('&') => {
                    if is_empty || matches!(self.peek(), Some(']' | '&')) {
                        return Err(self.refused("`&&` stands between two classes"));
                    }
                    set.push_str("&&");
                    is_empty = true;
                    continue;
                }
                '\\' if self.take_if('Q') => self.quoted_in_class(&mut set),
                character if self.flags.comments && character.is_ascii_whitespace() => continue,
                character => self.class_item(character, &mut set)?,
            }
            is_empty = false;
        }
        set.push(']');
        Ok(set)
    }

    fn quoted_in_class(&mut self, set: &mut String) {
        while let Some(character) = self.take() {
            if character == '\\' && self.take_if('E') {
                return;
            }
            self.push_range(character, character, set);
        }
    }

    /// A character, a range or an escape inside a class.
    fn class_item(&mut self, character: char, set: &mut String) -> Translating<()> {
        let first = match self.class_atom(character)? {
            Atom::Character(first) => first,
            Atom::Set(inner) => {
                set.push_str(&inner);
                return Ok(());
            }
            Atom::Place(_) => return Err(self.refused("an escape that means nothing inside of a class")),
        };
        let is_range =
            self.peek() == Some('-') && self.peek_after(1).is_some_and(|next| !matches!(next, ']' | '['));
        if !is_range {
            self.push_range(first, first, set);
            return Ok(());
        }
        self.at += 1;
        let last = self.take().unwrap_or_default();
        match self.class_atom(last)? {
            Atom::Character(last) if first <= last => self.push_range(first, last, set),
            _ => return Err(self.refused("the range ends before it begins")),
        }
        Ok(())
    }

    fn class_atom(&mut self, character: char) -> Translating<Atom> {
        if character == '\\' { self.escape() } else { Ok(Atom::Character(character)) }
    }

    /// Writes a range of a class, and the other case of its ASCII letters where case does not matter.
    fn push_range(&self, first: char, last: char, set: &mut String) {
        push_range(u32::from(first), u32::from(last), set);
        if !self.flags.ignore_case {
            return;
        }
        for (letters, other) in [('a'..='z', 'A'), ('A'..='Z', 'a')] {
            let (from, to) = (first.max(*letters.start()), last.min(*letters.end()));
            if from <= to {
                let offset =
                    |letter: char| u32::from(other) + (u32::from(letter) - u32::from(*letters.start()));
                push_range(offset(from), offset(to), set);
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Translating<Atom> {
        let character = self.take().ok_or_else(|| self.refused("a pattern cannot end with a backslash"))?;
        if let Some((_, set)) = CLASSES.iter().find(|(letter, _)| *letter == character) {
            return Ok(Atom::Set((*set).to_owned()));
        }
        if let Some((_, meant)) = CONTROLS.iter().find(|(letter, _)| *letter == character) {
            return Ok(Atom::Character(*meant));
        }
        if let Some((_, place)) = PLACES.iter().find(|(letter, _)| *letter == character) {
            if self.peek() == Some('{') {
                return Err(self.refused("`\\b{g}` is not supported"));
            }
            return Ok(Atom::Place(place));
        }
        Ok(match character {
            'p' | 'P' => Atom::Set(self.property(character == 'P')?),
            'c' => Atom::Character(self.control()?),
            '0' => Atom::Character(self.octal()?),
            'x' => Atom::Character(self.hexadecimal()?),
            'u' => Atom::Character(self.utf16()?),
            '1'..='9' | 'k' => return Err(self.refused("a reference to a group needs backtracking")),
            letter if letter.is_ascii_alphanumeric() => {
                return Err(self.refused(&format!("the escape `\\{letter}` is not supported")));
            }
            other => Atom::Character(other),
        })
    }

    fn control(&mut self) -> Translating<char> {
        let code = self.take().and_then(|letter| char::from_u32(u32::from(letter) ^ 64));
        code.ok_or_else(|| self.refused("`\\c` needs a character"))
    }

    /// `\0` with one to three octal digits.
    fn octal(&mut self) -> Translating<char> {
        let mut code = None;
        for _ in 0..3 {
            let Some(digit) = self.peek().and_then(|character| character.to_digit(8)) else { break };
            let longer = code.unwrap_or(0) * 8 + digit;
            if longer > 0o377 {
                break;
            }
            code = Some(longer);
            self.at += 1;
        }
        code.and_then(char::from_u32).ok_or_else(|| self.refused("`\\0` needs octal digits"))
    }

    /// `\xhh` or `\x{h…h}`.
    fn hexadecimal(&mut self) -> Translating<char> {
        let code = if self.take_if('{') {
            let digits = self.taken_until('}');
            u32::from_str_radix(&digits, 16).ok()
        } else {
            self.digits(2)
        };
        code.and_then(char::from_u32).ok_or_else(|| self.refused("`\\x` needs hexadecimal digits"))
    }

    /// `\uhhhh`, or two of them that are one character.
    fn utf16(&mut self) -> Translating<char> {
        let mut units = Vec::from_iter(self.digits(4));
        if matches!(units.first(), Some(0xD800..0xDC00)) && self.take_if('\\') && self.take_if('u') {
            units.extend(self.digits(4));
        }
        let units = units.into_iter().filter_map(|unit| u16::try_from(unit).ok());
        let mut characters = char::decode_utf16(units);
        let character = characters.next().and_then(Result::ok);
        character.ok_or_else(|| self.refused("`\\u` needs four hexadecimal digits of a character"))
    }

    /// So many hexadecimal digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.source.get(self.at..self.at + count)?;
        let code = digits.iter().try_fold(0, |code, digit| Some(code * 16 + digit.to_digit(16)?))?;
        self.at += count;
        Some(code)
    }

    /// `\p{Name}` or `\pL`, after its letter.
    fn property(&mut self, negated: bool) -> Translating<String> {
        let name = if self.take_if('{') { self.taken_until('}') } else { String::from_iter(self.take()) };
        let negation = if negated { "^" } else { "" };
        if let Some((_, set)) = POSIX.iter().find(|(known, _)| *known == name) {
            return Ok(format!("[{negation}{set}]"));
        }
        let kind = if negated { 'P' } else { 'p' };
        let name = match name.split_once('=') {
            Some((_, value)) => value,
            None if name.starts_with("In") || name.starts_with("java") => {
                return Err(self.refused("blocks and Java's own classes are not supported"));
            }
            None => name.strip_prefix("Is").unwrap_or(&name),
        };
        let is_name =
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        let property = format!("\\{kind}{{{name}}}");
        if is_name && regex::Regex::new(&property).is_ok() {
            return Ok(format!("[{property}]"));
        }
        Err(self.refused("there is no such character property"))
    }

    /// The characters up to one that is taken too.
    fn taken_until(&mut self, end: char) -> String {
        let rest = self.source.get(self.at..).unwrap_or_default();
        let taken: String = rest.iter().take_while(|character| **character != end).collect();
        self.at = self.source.len().min(self.at + taken.chars().count() + 1);
        taken
    }

    /// With the flag `x`, white space and what follows `#` mean nothing.
    fn skip_comments(&mut self) {
        while self.flags.comments {
            match self.peek() {
                Some('#') => {
                    self.taken_until('\n');
                }
                Some(character) if character.is_ascii_whitespace() => self.at += 1,
                _ => return,
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.peek_after(0)
    }

    fn peek_after(&self, characters: usize) -> Option<char> {
        self.source.get(self.at + characters).copied()
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

    /// Refused at the character that was taken last.
    fn refused(&self, reason: &str) -> JavaPatternProblem {
        refused(self.at, reason)
    }
}

fn refused(at: usize, reason: &str) -> JavaPatternProblem {
    JavaPatternProblem { at: Some(at), reason: reason.to_owned() }
}

fn push_range(first: u32, last: u32, set: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(set, "\\x{{{first:x}}}");
    if first < last {
        let _ = write!(set, "-\\x{{{last:x}}}");
    }
}

/// Classes inside of classes.
const CLASS_DEPTH_MAX: u32 = 32;

/// `^` and `$` with the flag `m`: beside line feeds and carriage returns, of which the two together are one.
const LINE_START: &str = "(?mR:^)";
const LINE_END: &str = "(?mR:$)";

/// Escapes that are classes.
const CLASSES: &[(char, &str)] = &[
    ('d', "[0-9]"),
    ('D', "[^0-9]"),
    ('w', "[a-zA-Z0-9_]"),
    ('W', "[^a-zA-Z0-9_]"),
    ('s', r"[ \t\n\x0B\f\r]"),
    ('S', r"[^ \t\n\x0B\f\r]"),
    ('h', r"[ \t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]"),
    ('H', r"[^ \t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]"),
    ('v', r"[\n\x0B\f\r\x{85}\x{2028}\x{2029}]"),
    ('V', r"[^\n\x0B\f\r\x{85}\x{2028}\x{2029}]"),
];

/// Escapes that are one character.
const CONTROLS: &[(char, char)] =
    &[('t', '\t'), ('n', '\n'), ('r', '\r'), ('f', '\u{c}'), ('a', '\u{7}'), ('e', '\u{1b}')];

/// Escapes that are a place, and the one that is a line terminator.
const PLACES: &[(char, &str)] = &[
    ('A', r"\A"),
    ('z', r"\z"),
    ('Z', r"\z"),
    ('b', r"(?-u:\b)"),
    ('B', r"(?-u:\B)"),
    ('R', r"(?:\r\n|[\n\x0B\f\r\x{85}\x{2028}\x{2029}])"),
];

/// The classes of POSIX, which are of ASCII in Java.
const POSIX: &[(&str, &str)] = &[
    ("Lower", "a-z"),
    ("Upper", "A-Z"),
    ("ASCII", r"\x00-\x7F"),
    ("Alpha", "a-zA-Z"),
    ("Digit", "0-9"),
    ("Alnum", "a-zA-Z0-9"),
    ("Punct", r"!-/:-@\[-`{-\x7E"),
    ("Graph", "!-~"),
    ("Print", r"\x20-\x7E"),
    ("Blank", r" \t"),
    ("Cntrl", r"\x00-\x1F\x7F"),
    ("XDigit", "0-9a-fA-F"),
    ("Space", r" \t\n\x0B\f\r"),
];
