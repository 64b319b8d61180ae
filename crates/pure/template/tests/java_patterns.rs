//! Java's regular expressions, as `java.util.regex.Pattern` documents them, matched whole.

#![cfg(test)]

use postern_template::JavaPattern;
use proptest::prelude::*;

/// Pattern, texts that match, texts that do not.
type Row<'r> = (&'r str, &'r [&'r str], &'r [&'r str]);

fn check(rows: &[Row<'_>]) {
    for (written, matching, others) in rows {
        let pattern = JavaPattern::parse(written).unwrap_or_else(|problem| panic!("{written}: {problem}"));
        for text in *matching {
            assert!(pattern.matches(text), "{written} {text:?}");
        }
        for text in *others {
            assert!(!pattern.matches(text), "{written} {text:?}");
        }
    }
}

#[test]
fn sp4_the_whole_text_is_matched() {
    check(&[
        ("", &[""], &["a"]),
        ("200", &["200"], &["1200", "2000", "200\n"]),
        (r"4\d{2}", &["404", "499"], &["40", "4040", "4٠4"]),
        ("a|ab", &["a", "ab"], &["abb", "xab"]),
        ("^2..$", &["200"], &["200\n"]),
        (
            ".*Error.*",
            &["an Error here", "Error"],
            &["an\nError", "error", "Error\r", "Error\u{85}", "Error\u{2028}"],
        ),
        (r"(\n|.)+", &["a\nb"], &["a\rb", ""]),
        (r"(?s).*Error.*", &["an\nError\r\n"], &["error"]),
        (r"[\s\S]*", &["a\n\r\u{2028}", ""], &[]),
        (r"(?d).", &["\r", "\u{85}"], &["\n"]),
        (r"\AError\z", &["Error"], &["Error\n"]),
        (r"(?m)^a$\n^b$", &["a\nb"], &["ab"]),
        (r"a$|b\Z", &["a", "b"], &["a\n"]),
    ]);
}

#[test]
fn sp4_classes_are_of_ascii() {
    check(&[
        (r"\d+", &["0123456789"], &["٣", "a"]),
        (r"\D", &["٣", "a"], &["1"]),
        (r"\w+", &["aZ_9"], &["é", "-"]),
        (r"\W", &["é", "-"], &["_"]),
        (r"\s+", &[" \t\n\u{b}\u{c}\r"], &["\u{a0}", "\u{85}"]),
        (r"\S", &["\u{a0}"], &[" "]),
        (r"\h\v\H\V", &["\u{3000}\u{2028}ab"], &["  ab"]),
        (r"\R", &["\r\n", "\n", "\u{85}"], &["\n\r"]),
        (r"a\b.*", &["a b", "a-", "aé"], &["ab", "a_"]),
        (r"a\B.*", &["ab"], &["a b"]),
        (r"\p{Alpha}\p{Digit}\p{Punct}\p{XDigit}", &["a1!f", "Z0~F", "b2[9", "b2`9"], &["é1!f", "a1ag"]),
        (r"\p{Lower}\p{Upper}\p{Alnum}\P{Alpha}", &["aA11"], &["AA11", "aA1a"]),
        (r"[\p{Blank}\p{Cntrl}]+", &[" \t\u{0}\u{7f}"], &["a"]),
        (r"\p{ASCII}\p{Graph}\p{Print}\p{Space}", &["a! \t"], &["é! \t"]),
        (r"\p{L}\p{IsLu}\pN\p{IsLatin}\p{script=Greek}\p{IsAlphabetic}\P{gc=Lu}", &["éÉ1aλéa"], &["éé1aλéa"]),
    ]);
}

#[test]
fn sp4_classes_with_ranges_unions_and_intersections() {
    check(&[
        ("[a-c]+", &["abc"], &["d", "A"]),
        ("[^a-c]", &["d", "\n"], &["a"]),
        ("[a-cx-z]", &["b", "y"], &["m"]),
        ("[a-d[m-p]]", &["b", "n"], &["e"]),
        ("[a-z&&[def]]", &["d"], &["a"]),
        ("[a-z&&[^bc]]", &["a", "d"], &["b", "c"]),
        ("[]a]", &["]", "a"], &["b"]),
        ("[^]a]", &["b"], &["]", "a"]),
        ("[-a]", &["-", "a"], &["b"]),
        ("[a-]", &["-", "a"], &["b"]),
        ("[a&b~~-]", &["a", "&", "b", "~", "-"], &["c"]),
        (r"[\w.-]+", &["a-b.c"], &["a b"]),
        (r"[\d\s]+", &["1 2"], &["a"]),
        (r"[^\d\s]", &["a"], &["1", " "]),
        (r"[\[\]\\]+", &["[]\\"], &["a"]),
        (r"[\Qa-z]\E]+", &["a-z]"], &["b"]),
        (r"[\u0041-\x43]", &["A", "B", "C"], &["D"]),
        ("[$^.|]+", &["$^.|"], &["a"]),
    ]);
}

#[test]
fn sp4_escapes_and_quotes() {
    check(&[
        (r#"\Q{"a.b": *}\E"#, &[r#"{"a.b": *}"#], &[r#"{"axb": *}"#]),
        (r"\Qa.\E+", &["a..."], &["a.a."]),
        (r"x\Qrest [of it", &["xrest [of it"], &[]),
        (r#".*\{\Q"code":\E 5\d\d\}"#, &[r#"x{"code": 500}"#], &["{code: 500}"]),
        (r"\t\n\r\f\a\e\cA", &["\t\n\r\u{c}\u{7}\u{1b}\u{1}"], &[]),
        (r"\00\012\0377", &["\0\n\u{ff}"], &[]),
        (r"\0400", &["\u{20}0"], &["\u{100}"]),
        (r"\x41\x{1F600}\u00e9\ud83d\ude00", &["A😀é😀"], &[]),
        (r"\.\*\[\(\-\_\ \é", &[".*[(-_ é"], &[]),
        ("a]b}", &["a]b}"], &[]),
    ]);
}

#[test]
fn sp4_flags_hold_to_the_end_of_their_group() {
    check(&[
        ("(?i)not found", &["NOT Found"], &["not  found"]),
        ("(?i)[a-k]+x", &["AbKX"], &["\u{212a}x", "lx"]),
        ("(?i)k", &["K"], &["\u{212a}"]),
        ("(?i)é", &["é"], &["É"]),
        ("(?iu)é[à]k", &["ÉÀ\u{212a}"], &[]),
        ("(?i)[^a]", &["b"], &["A", "a"]),
        ("a(?i)b|c", &["aB", "C"], &["Ab"]),
        ("(a(?i)b)c", &["aBc"], &["aBC", "ABc"]),
        ("(?i:a)b", &["Ab"], &["AB"]),
        ("(?i)a(?-i)b", &["Ab"], &["AB"]),
        ("(?i)a(?-i:b)c", &["AbC"], &["ABC"]),
        ("(?is).*error.*", &["x\nERROR\ny"], &[]),
        ("(?x) a b # the rest\n c [ d e ]", &["abcd", "abce"], &["a b c d", "abc "]),
        ("(?x)a {2} +", &["aa"], &["a"]),
    ]);
}

#[test]
fn sp4_repetition_greedy_reluctant_and_possessive_at_the_end() {
    check(&[
        ("a*b+c?", &["b", "aabbc"], &["a"]),
        ("a*?b+?c??", &["b", "aabbc"], &["a"]),
        ("a{2}b{1,}c{0,2}", &["aab", "aabbcc"], &["ab", "aabccc"]),
        (r"(?:a|b){2}", &["ab"], &["a"]),
        (r"(?<code>4\d\d)", &["404"], &["500"]),
        (r"4\d++", &["404"], &["4"]),
        (r"a*+|b++$|c?+\z", &["aa", "b", ""], &["ab"]),
    ]);
}

#[test]
fn what_java_refuses_or_only_backtracking_can_match_is_refused_at_its_place() {
    let rows = [
        ("(?=a)", "looking around needs backtracking, at its character 1"),
        ("a(?!b)", "looking around needs backtracking, at its character 2"),
        ("(?<=a)b", "looking around needs backtracking, at its character 1"),
        ("(?<!a)b", "looking around needs backtracking, at its character 1"),
        ("(?>a*)b", "an atomic group needs backtracking, at its character 3"),
        (r"(a)\1", "a reference to a group needs backtracking, at its character 5"),
        (r"(?<n>a)\k<n>", "a reference to a group needs backtracking, at its character 9"),
        ("a*+b", "possessive repetition needs backtracking, at its character 3"),
        ("(a++)*", "possessive repetition needs backtracking, at its character 4"),
        ("*a", "there is nothing to repeat, at its character 1"),
        ("a**", "there is nothing to repeat, at its character 3"),
        ("a{2}{3}", "there is nothing to repeat, at its character 5"),
        ("(|+)", "there is nothing to repeat, at its character 3"),
        ("{\"code\": 5}", "there is nothing to repeat, at its character 1"),
        ("a{x}", "`{` without a count: write `\\{` for the character, at its character 2"),
        ("a{,2}", "`{` without a count: write `\\{` for the character, at its character 2"),
        ("a{3,2}", "invalid repetition count range, the start must be <= the end"),
        ("(a", "`(` has no `)`, at its character 1"),
        ("a)", "`)` has no `(`, at its character 2"),
        ("[a", "`[` has no `]`, at its character 1"),
        ("[]", "`[` has no `]`, at its character 1"),
        ("[z-a]", "the range ends before it begins, at its character 4"),
        (r"[a-\d]", "the range ends before it begins, at its character 5"),
        ("[&&a]", "`&&` stands between two classes, at its character 3"),
        (r"[\b]", "an escape that means nothing inside of a class, at its character 3"),
        (r"a\", "a pattern cannot end with a backslash, at its character 2"),
        (r"\y", "the escape `\\y` is not supported, at its character 2"),
        (r"\G", "the escape `\\G` is not supported, at its character 2"),
        (r"\b{g}", "`\\b{g}` is not supported, at its character 2"),
        (r"\xg", "`\\x` needs hexadecimal digits, at its character 2"),
        (r"\ud83d", "`\\u` needs four hexadecimal digits of a character, at its character 6"),
        (r"\0", "`\\0` needs octal digits, at its character 2"),
        (r"\p{Nope}", "there is no such character property, at its character 8"),
        (r"\p{InGreek}", "blocks and Java's own classes are not supported, at its character 11"),
        (r"\p{javaLowerCase}", "blocks and Java's own classes are not supported, at its character 17"),
        ("(?U)a", "the flag `U` is not supported: name the class, as in `\\p{L}`, at its character 3"),
        ("(?q)a", "an unknown flag, at its character 3"),
        ("(?<1é>a)", "the name of a group is of letters and digits, at its character 5"),
        ("((a{500}){500}){500}", "Compiled regex exceeds size limit of 1048576 bytes."),
    ];
    for (written, problem) in rows {
        let told = JavaPattern::parse(written).map(drop).expect_err(written).to_string();
        assert_eq!(told, problem, "{written}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_quoted_text_matches_itself_and_nothing_else(text in "[^\\\\]{0,20}", other in ".{0,20}") {
        let pattern = JavaPattern::parse(&format!(r"\Q{text}\E")).expect("a pattern");
        prop_assert!(pattern.matches(&text));
        prop_assert_eq!(pattern.matches(&other), text == other);
    }

    #[test]
    fn whatever_is_written_is_translated_to_what_the_engine_knows_or_refused_with_a_place(
        written in r"[ab0-9\-\[\]\^(){},.*+?|$\\dwsbxupQE:<>!=i&#é]{0,14}",
    ) {
        if let Err(problem) = JavaPattern::parse(&written) {
            let is_known = ["count range", "size limit", "group name", "empty"]
                .iter()
                .any(|known| problem.reason.contains(known));
            prop_assert!(problem.at.is_some() || is_known, "{written}: {problem}");
        }
    }
}
