//! JSONPath expressions: the first line is the path, the rest the body that it is asked of, both as a template
//! finds them at run time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_template::{JsonPath, Limits, run_case};

fuzz_target!(|text: &str| {
    let (path, body) = text.split_once('\n').unwrap_or((text, r#"{"a":[{"b":1},{"b":"x"}],"c":null}"#));
    let parsed = JsonPath::parse(path);
    let limits = Limits { steps: 10_000, output_bytes: 100_000, ..Limits::default() };
    let parameters = serde_json::json!({"querystring": {"path": path}});
    let case = serde_json::json!({"body": body, "params": parameters}).to_string();
    let asked = run_case("$input.json($input.params('path'))", &case, &limits);
    if let Ok(output) = &asked {
        assert!(output.text.len() <= limits.output_bytes);
        // A body that is no JSON is never asked.
        let is_json = serde_json::from_str::<serde_json::Value>(body).is_ok();
        assert!(parsed.is_ok() || !is_json || path.is_empty(), "{path} is no path and gave {}", output.text);
    }
});
