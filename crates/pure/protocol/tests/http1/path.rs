//! Hardening section 3: one reading of a path, row by row.

use postern_protocol::http1::path::{PathRefusal, normalise};

fn normalised(path: &str) -> Result<String, PathRefusal> {
    normalise(path.as_bytes(), 128, &mut Vec::new()).map(str::to_owned)
}

#[test]
fn path_is_kept_as_sent_but_for_leading_slashes_and_unreserved_escapes() {
    for (sent, expected) in [
        ("/", "/"),
        ("//", "/"),
        ("/prod/pets", "/prod/pets"),
        // R7: slashes before the stage are skipped; all others are kept.
        ("//prod/admin", "/prod/admin"),
        ("////prod", "/prod"),
        ("/prod//admin", "/prod//admin"),
        ("/prod/a/", "/prod/a/"),
        ("//prod//a//", "/prod//a//"),
        // Unreserved characters are decoded, once.
        ("/prod/%61", "/prod/a"),
        ("/%70rod/%7E%2D%5f%2e%41", "/prod/~-_.A"),
        ("/prod/%2561", "/prod/%2561"),
        ("/prod/%25%36%31", "/prod/%2561"),
        ("/prod/%252e%252e/a", "/prod/%252e%252e/a"),
        // All else stays in its own spelling.
        ("/prod/a%2Fb", "/prod/a%2Fb"),
        ("/prod/a%2fb", "/prod/a%2fb"),
        ("/prod/space%20value", "/prod/space%20value"),
        ("/prod/test%2Bx@y/plus/t+x@y", "/prod/test%2Bx@y/plus/t+x@y"),
        ("/prod/%3b%3B%3F%23%25", "/prod/%3b%3B%3F%23%25"),
        ("/prod/a;b=c", "/prod/a;b=c"),
        ("/prod/*", "/prod/*"),
        ("/prod/%2A%3f", "/prod/%2A%3f"),
        ("/prod/{a}|\"<>^`", "/prod/{a}|\"<>^`"),
        // Not dot segments.
        ("/prod/...", "/prod/..."),
        ("/prod/.a", "/prod/.a"),
        ("/prod/..a", "/prod/..a"),
        ("/prod/a..", "/prod/a.."),
        ("/prod/a.;x", "/prod/a.;x"),
        ("/prod/;..", "/prod/;.."),
        ("/prod/%2e%2e%2e", "/prod/..."),
        ("/prod/..%20", "/prod/..%20"),
        ("/prod/..%252F", "/prod/..%252F"),
        // UTF-8 of two, three and four bytes, and their borders.
        ("/%C3%A9", "/%C3%A9"),
        ("/%c2%80%df%bf", "/%c2%80%df%bf"),
        ("/%E0%A0%80%EF%BF%BF", "/%E0%A0%80%EF%BF%BF"),
        ("/%F0%90%80%80%F4%8F%BF%BF", "/%F0%90%80%80%F4%8F%BF%BF"),
        ("/%ED%9F%BF%EE%80%80", "/%ED%9F%BF%EE%80%80"),
    ] {
        assert_eq!(normalised(sent), Ok(expected.to_owned()), "{sent}");
    }
}

#[test]
fn path_with_two_readings_is_refused() {
    for (sent, refusal) in [
        ("", PathRefusal::NoSlash),
        ("*", PathRefusal::NoSlash),
        ("prod", PathRefusal::NoSlash),
        ("%2Fprod", PathRefusal::NoSlash),
        ("/%", PathRefusal::MalformedEscape),
        ("/%4", PathRefusal::MalformedEscape),
        ("/%4g", PathRefusal::MalformedEscape),
        ("/%g4", PathRefusal::MalformedEscape),
        ("/%%41", PathRefusal::MalformedEscape),
        ("/% 41", PathRefusal::Byte),
        ("/%u0041", PathRefusal::MalformedEscape),
        ("/%+1", PathRefusal::MalformedEscape),
        ("/a%00", PathRefusal::EscapedControl),
        ("/a%0d%0aX:%20y", PathRefusal::EscapedControl),
        ("/%09", PathRefusal::EscapedControl),
        ("/%1F", PathRefusal::EscapedControl),
        ("/%7f", PathRefusal::EscapedControl),
        ("/a%5Cb", PathRefusal::EscapedBackslash),
        ("/a%5cb", PathRefusal::EscapedBackslash),
        ("/a\\b", PathRefusal::Byte),
        ("/..\\admin", PathRefusal::Byte),
        ("/a b", PathRefusal::Byte),
        ("/a\0", PathRefusal::Byte),
        ("/a?b", PathRefusal::Byte),
        ("/a#b", PathRefusal::Byte),
        ("/\u{e9}", PathRefusal::Byte),
    ] {
        assert_eq!(normalised(sent), Err(refusal), "{sent}");
        assert_eq!((refusal.status(), refusal.limit()), (400, None));
        assert!(!refusal.to_string().is_empty());
    }
}

#[test]
fn path_dot_segments_are_refused_in_every_disguise() {
    for dots in [".", "..", "%2e", "%2E.", ".%2e", "%2e%2E"] {
        for behind in ["", "/", "/admin", "%2Fadmin", "%2f", ";", ";a=b", ";a/b", "%3B", "%3ba"] {
            for before in ["/", "//", "/prod/", "/prod//", "/prod%2F", "/a%2fb%2F", "/a;b/", "/%20/"] {
                let path = format!("{before}{dots}{behind}");
                assert_eq!(normalised(&path), Err(PathRefusal::DotSegment), "{path}");
            }
        }
    }
}

#[test]
fn path_escapes_that_are_not_utf_8_are_refused() {
    for bytes in [
        "%80", // A continuation alone.
        "%BF",
        "%C3", // Cut short.
        "%C3a",
        "%C3/%A9",
        "%C3%41",
        "%E2%82",
        "%F0%9F%98",
        "%C0%AF", // Overlong slash, of two, three and four bytes.
        "%E0%80%AF",
        "%F0%80%80%AF",
        "%C0%AE%C0%AE", // Overlong dots.
        "%C1%BF",
        "%E0%9F%BF",
        "%F0%8F%BF%BF",
        "%ED%A0%80", // A surrogate.
        "%ED%BF%BF",
        "%F4%90%80%80", // Above U+10FFFF.
        "%F5%80%80%80",
        "%FE",
        "%FF",
    ] {
        assert_eq!(normalised(&format!("/{bytes}")), Err(PathRefusal::NotUtf8), "{bytes}");
        assert_eq!(normalised(&format!("/%61{bytes}b")), Err(PathRefusal::NotUtf8), "{bytes}");
    }
    assert_eq!(normalised("/%C3%"), Err(PathRefusal::MalformedEscape));
}

#[test]
fn path_without_changes_is_not_copied() {
    for path in ["/prod/a/b;c/%2F%20", "//prod/%C3%A9"] {
        let mut output = Vec::new();
        let result = normalise(path.as_bytes(), 128, &mut output).unwrap();
        let inside = path.as_bytes().as_ptr_range();
        assert!(inside.contains(&result.as_ptr()), "{path}");
    }
}

/// The usual readings of backends, each a step; a backend may apply any of them in any order.
fn readings() -> [fn(&str) -> String; 7] {
    [
        decode_once,
        merge_slashes,
        remove_dot_segments,
        strip_parameters,
        turn_backslashes,
        ignore_case,
        cut_at_nul,
    ]
}

fn decode_once(path: &str) -> String {
    let bytes = postern_protocol::uri::decode(path.as_bytes()).map(|it| it.into_owned());
    // A path that was decoded by an earlier step may hold a `%` that is none.
    String::from_utf8_lossy(&bytes.unwrap_or_else(|_| path.as_bytes().to_vec())).into_owned()
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::new();
    for character in path.chars() {
        if !(character == '/' && merged.ends_with('/')) {
            merged.push(character);
        }
    }
    merged
}

fn remove_dot_segments(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    segments.join("/")
}

fn strip_parameters(path: &str) -> String {
    path.split('/').map(|segment| segment.split(';').next().unwrap()).collect::<Vec<_>>().join("/")
}

fn turn_backslashes(path: &str) -> String {
    path.replace('\\', "/")
}

fn ignore_case(path: &str) -> String {
    path.to_lowercase()
}

fn cut_at_nul(path: &str) -> String {
    path.split('\0').next().unwrap().to_owned()
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    /// Pieces that paths are attacked with, and plain ones.
    fn paths() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("/"),
            Just("/"),
            Just("."),
            Just(".."),
            Just("%2e"),
            Just("%2F"),
            Just("%5C"),
            Just("\\"),
            Just(";"),
            Just("%3B"),
            Just("%00"),
            Just("%25"),
            Just("%252e"),
            Just("%61"),
            Just("admin"),
            Just("a"),
            Just("Z9"),
            Just("%C3%A9"),
            Just("%C0%AE"),
            Just("%"),
            Just("%0a"),
            Just("*"),
            Just("%2"),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    /// Section 3 step by step, with no thought for speed.
    fn reference(path: &str) -> Option<String> {
        let path = format!("/{}", path.trim_start_matches('/'));
        let decoded = decode_strictly(&path)?;
        let text = String::from_utf8(decoded).ok()?;
        let is_plain = |character: char| !character.is_ascii_control() && character != '\\';
        if !path.bytes().all(|byte| (0x21..0x7f).contains(&byte)) || !text.chars().all(is_plain) {
            return None;
        }
        let is_dots = |segment: &str| matches!(segment.split(';').next().unwrap(), "." | "..");
        if text.split('/').any(is_dots) {
            return None;
        }
        let mut result = String::new();
        let mut rest = path.as_str();
        while let Some(character) = rest.chars().next() {
            let length = if character == '%' { 3 } else { 1 };
            let (piece, behind) = rest.split_at(length);
            let decoded = decode_once(piece);
            let is_unreserved = decoded.chars().all(|it| it.is_ascii_alphanumeric() || "-._~".contains(it));
            result.push_str(if is_unreserved { &decoded } else { piece });
            rest = behind;
        }
        Some(result)
    }

    fn decode_strictly(path: &str) -> Option<Vec<u8>> {
        let mut pieces = path.split('%');
        let mut decoded = pieces.next()?.as_bytes().to_vec();
        for piece in pieces {
            let digits = piece.get(..2).filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()))?;
            decoded.push(u8::from_str_radix(digits, 16).unwrap());
            decoded.extend(piece.as_bytes().get(2..)?);
        }
        Some(decoded)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn path_agrees_with_its_definition(path in paths()) {
            prop_assert_eq!(normalised(&path).ok(), reference(&path));
        }

        #[test]
        fn path_is_normalised_once_and_for_all(path in paths()) {
            if let Ok(once) = normalised(&path) {
                prop_assert_eq!(normalised(&once), Ok(once));
            }
        }

        /// The reading of a path lies under the reading of each of its prefixes, so no backend can
        /// be led out of the resource that the policy was evaluated for.
        #[test]
        fn path_readings_lie_under_the_resource(
            path in paths(),
            order in Just([0_usize, 1, 2, 3, 4, 5, 6]).prop_shuffle(),
            taken in 0..=7_usize,
        ) {
            let Ok(path) = normalised(&path) else { return Ok(()) };
            let read = |path: &str| {
                order.iter().take(taken).fold(path.to_owned(), |path, step| readings()[*step](&path))
            };
            let whole = read(&path);
            for (end, _) in path.match_indices('/').skip(1) {
                let (prefix, _) = path.split_at(end);
                let resource = read(prefix);
                let under = whole.strip_prefix(&resource);
                prop_assert!(
                    under.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || resource.ends_with('/')),
                    "{} is read as {}, {} as {}", path, whole, prefix, resource
                );
            }
        }

        #[test]
        fn path_of_any_bytes_is_no_panic(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = normalise(&path, 8, &mut Vec::new());
            let _ = normalise(&[b"/%", path.as_slice()].concat(), 8, &mut Vec::new());
        }
    }
}
