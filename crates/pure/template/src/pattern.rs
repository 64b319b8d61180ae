//! Java's regular expressions on an engine that cannot blow up.

use regex::{Captures, Regex, RegexBuilder};

use crate::{
    FailureReason,
    java::{JavaPatternProblem, translate},
    limits::PATTERN_BYTES_MAX,
    meter::Meter,
};

/// A pattern of Java's that is matched against whole texts, as `String.matches` does.
///
/// ```
/// use postern_template::JavaPattern;
///
/// let pattern = JavaPattern::parse(r"4\d{2}|(?i)not found").unwrap();
/// assert!(pattern.matches("404") && pattern.matches("NOT FOUND") && !pattern.matches("1404"));
/// let problem = JavaPattern::parse("(?=x)").unwrap_err();
/// assert_eq!(problem.to_string(), "looking around needs backtracking, at its character 1");
/// ```
#[derive(Clone, Debug)]
pub struct JavaPattern {
    whole: Regex,
}

impl JavaPattern {
    /// Reads a pattern; its program may take 1 MiB (hardening page, section 7).
    ///
    /// # Errors
    /// What is no pattern to Java, and what cannot be matched in linear time: looking around, references to
    /// groups, atomic groups, and possessive repetition that is not at the end.
    pub fn parse(written: &str) -> Result<Self, JavaPatternProblem> {
        Self::of_translated(&translate(written)?)
    }

    fn of_translated(translated: &str) -> Result<Self, JavaPatternProblem> {
        Ok(Self { whole: build(&format!(r"\A(?:{translated})\z"))? })
    }

    /// Whether the pattern matches the whole of `text`. Takes time in proportion to the text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

/// A pattern for Java's `matches`, `replaceAll`, `replaceFirst` and `split`.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    anywhere: Regex,
    whole: JavaPattern,
}

fn build(translated: &str) -> Result<Regex, JavaPatternProblem> {
    RegexBuilder::new(translated).size_limit(PATTERN_BYTES_MAX).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        JavaPatternProblem { at: None, reason }
    })
}

impl Pattern {
    /// Compiles a pattern that is written as Java's are; what is refused is told in a sentence.
    pub(crate) fn compile(written: &str) -> Result<Self, String> {
        let compiled = || {
            let translated = translate(written)?;
            Ok(Self { anywhere: build(&translated)?, whole: JavaPattern::of_translated(&translated)? })
        };
        compiled().map_err(|problem: JavaPatternProblem| {
            format!("the pattern `{written}` is not supported: {problem}")
        })
    }

    /// Java's `text.matches(pattern)`.
    pub(crate) fn matches_whole(&self, text: &str) -> bool {
        self.whole.matches(text)
    }

    /// Java's `text.replaceAll(pattern, replacement)`, or `replaceFirst`.
    pub(crate) fn replace(
        &self,
        text: &str,
        replacement: &str,
        only_first: bool,
        bounds: Bounds<'_>,
    ) -> Result<String, FailureReason> {
        let replacement = Replacement::parse(replacement, self.anywhere.captures_len())?;
        let mut built = String::with_capacity(text.len());
        let mut copied = 0;
        for found in self.matches(text) {
            let Some(whole) = found.get(0) else { break };
            bounds.meter.step()?;
            built.push_str(text.get(copied..whole.start()).unwrap_or_default());
            replacement.write(&found, &mut built);
            copied = whole.end();
            if built.len() > bounds.bytes {
                return Err(FailureReason::OutputTooLarge);
            }
            if only_first {
                break;
            }
        }
        built.push_str(text.get(copied..).unwrap_or_default());
        Ok(built)
    }

    /// Java's `text.split(pattern, limit)`: with limit 0, empty texts at the end are left out.
    pub(crate) fn split<'t>(
        &self,
        text: &'t str,
        limit: i64,
        meter: &mut Meter,
    ) -> Result<Vec<&'t str>, FailureReason> {
        let most = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        let mut from = 0;
        for found in self.matches(text) {
            let Some(whole) = found.get(0) else { break };
            meter.step()?;
            if parts.len() + 1 >= most {
                break;
            }
            // Nothing found at the very start makes no empty first part.
            if whole.end() == 0 {
                continue;
            }
            parts.push(text.get(from..whole.start()).unwrap_or_default());
            from = whole.end();
        }
        parts.push(text.get(from..).unwrap_or_default());
        if limit == 0 && parts.len() > 1 {
            let kept = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |position| position + 1);
            parts.truncate(kept);
        }
        Ok(parts)
    }

    /// The matches in Java's order: an empty match may directly follow another match.
    fn matches<'p, 't>(&'p self, text: &'t str) -> impl Iterator<Item = Captures<'t>> + use<'p, 't> {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let found = self.anywhere.captures_at(text, from?)?;
            let whole = found.get(0)?;
            from = if whole.is_empty() {
                text.get(whole.end()..)
                    .and_then(|rest| rest.chars().next())
                    .map(|character| whole.end() + character.len_utf8())
            } else {
                Some(whole.end())
            };
            Some(found)
        })
    }
}

/// What bounds a replacement.
pub(crate) struct Bounds<'m> {
    /// Bytes that may be built.
    pub(crate) bytes: usize,
    pub(crate) meter: &'m mut Meter,
}

/// A replacement text with its `$1` and `${name}`.
struct Replacement<'r> {
    parts: Vec<Part<'r>>,
}

enum Part<'r> {
    Character(char),
    Group(usize),
    Named(&'r str),
}

impl<'r> Replacement<'r> {
    fn parse(text: &'r str, groups: usize) -> Result<Self, FailureReason> {
        let wrong = |what: &str| FailureReason::bad(format!("the replacement `{text}` {what}"));
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
            match character {
                '\\' => {
                    let kept = rest.chars().next().ok_or_else(|| wrong("ends with a backslash"))?;
                    rest = rest.get(kept.len_utf8()..).unwrap_or_default();
                    parts.push(Part::Character(kept));
                }
                '$' if rest.starts_with('{') => {
                    let (name, after) = rest
                        .get(1..)
                        .and_then(|rest| rest.split_once('}'))
                        .ok_or_else(|| wrong("has a group name without a closing brace"))?;
                    parts.push(Part::Named(name));
                    rest = after;
                }
                '$' => {
                    let (group, length) =
                        group_number(rest, groups).ok_or_else(|| wrong("names a group that is not there"))?;
                    parts.push(Part::Group(group));
                    rest = rest.get(length..).unwrap_or_default();
                }
                _ => parts.push(Part::Character(character)),
            }
        }
        Ok(Self { parts })
    }

    fn write(&self, found: &Captures<'_>, built: &mut String) {
        for part in &self.parts {
            match part {
                Part::Character(character) => built.push(*character),
                Part::Group(number) => built.push_str(found.get(*number).map_or("", |group| group.as_str())),
                Part::Named(name) => built.push_str(found.name(name).map_or("", |group| group.as_str())),
            }
        }
    }
}

/// The group that digits name: as many digits as make a group that exists, but at least one.
fn group_number(digits: &str, groups: usize) -> Option<(usize, usize)> {
    let mut number = 0;
    let mut length = 0;
    for digit in digits.chars().map_while(|character| character.to_digit(10)) {
        let longer = number * 10 + usize::try_from(digit).ok()?;
        if longer >= groups {
            break;
        }
        number = longer;
        length += 1;
    }
    (length > 0).then_some((number, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str, pattern: &str, replacement: &str, only_first: bool) -> String {
        let mut meter = Meter::new(1_000);
        let bounds = Bounds { bytes: 1_000, meter: &mut meter };
        Pattern::compile(pattern).unwrap().replace(text, replacement, only_first, bounds).unwrap()
    }

    #[test]
    fn d9_replace_all_finds_what_java_finds() {
        let table = [
            ("foobar123bab", "ba.", "foo", "foofoo123foo"),
            ("abc", "x*", "-", "-a-b-c-"),
            ("aab", "a*", "-", "--b-"),
            ("äb", "", "-", "-ä-b-"),
            ("a.b", "\\.", "\\\\", "a\\b"),
            ("John Smith", "(\\w+) (?<last>\\w+)", "${last}, $1", "Smith, John"),
            ("ab", "(a)(b)", "$2$1$10", "baa0"),
            ("ab", "(x)?a", "[$1]", "[]b"),
            ("price", "price", "\\$5", "$5"),
            ("a\nb", ".", "x", "x\nx"),
            ("a\rb", "a.b", "x", "a\rb"),
            ("a\nb", "(?s)a.b", "x", "x"),
            ("äÄ1_", "\\w", "x", "äÄxx"),
            ("a\u{a0}b c", "\\s", "_", "a\u{a0}b_c"),
            ("[a]", "[\\[\\]]", "", "a"),
            ("a-b", "[a\\-b]", "x", "xxx"),
            ("a.b*c", "\\Q.b*\\E", "-", "a-c"),
            ("x/y", "\\/", "|", "x|y"),
            ("12a", "[\\d]+", "#", "#a"),
            ("1a2", "[^\\d]", "#", "1#2"),
        ];
        for (text, pattern, replacement, expected) in table {
            assert_eq!(replaced(text, pattern, replacement, false), expected, "{text} {pattern}");
        }
        assert_eq!(replaced("aaa", "a", "b", true), "baa");
    }

    #[test]
    fn d9_matches_means_the_whole_text() {
        let table = [
            ("[0-9]*", "123", true),
            ("[0-9]*", "d123", false),
            ("a|ab", "ab", true),
            ("", "", true),
            ("a", "a\n", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(
                Pattern::compile(pattern).unwrap().matches_whole(text),
                expected,
                "{pattern} {text:?}"
            );
        }
    }

    #[test]
    fn d9_split_leaves_out_what_java_leaves_out() {
        let table: [(&str, &str, i64, &[&str]); 9] = [
            ("a,b,,c,,", ",", 0, &["a", "b", "", "c"]),
            ("a,b,,c,,", ",", -1, &["a", "b", "", "c", "", ""]),
            ("a,b,c", ",", 2, &["a", "b,c"]),
            (",a", ",", 0, &["", "a"]),
            ("abc", "", 0, &["a", "b", "c"]),
            ("", ",", 0, &[""]),
            (",,", ",", 0, &[]),
            ("a", ",", 0, &["a"]),
            ("a1b22c", "[0-9]+", 0, &["a", "b", "c"]),
        ];
        for (text, pattern, limit, expected) in table {
            let parts = Pattern::compile(pattern).unwrap().split(text, limit, &mut Meter::new(100)).unwrap();
            assert_eq!(parts, expected, "{text} {pattern} {limit}");
        }
    }

    #[test]
    fn what_needs_backtracking_is_refused() {
        for pattern in ["(?=a)", "(a)\\1", "a*+b", "(", "[", "a\\", "(a{900}){900}"] {
            assert!(Pattern::compile(pattern).is_err(), "{pattern}");
        }
    }
}
