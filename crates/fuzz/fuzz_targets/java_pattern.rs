//! Java's regular expressions: the first line is a text, the rest the pattern.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_template::JavaPattern;

fuzz_target!(|text: &str| {
    let (text, written) = text.split_once('\n').unwrap_or(("", text));
    if let Ok(pattern) = JavaPattern::parse(written) {
        let _ = pattern.matches(text);
    }
    // Quoted, every text is a pattern of itself.
    if !text.contains('\\') {
        let pattern = JavaPattern::parse(&format!(r"\Q{text}\E")).expect("a quoted text");
        assert!(pattern.matches(text));
    }
});
