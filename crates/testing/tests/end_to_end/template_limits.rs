//! The limits of templates: at each limit a template still answers, past it the client sees 500.

use postern_testing::{Place, base_configuration, definition, mock, run_program, until};
use serde_json::json;

use crate::{gateway, short};

const INTERNAL: (u16, &str) = (500, r#"{"message": "Internal server error"}"#);

/// What a MOCK with this response template answers under a limit.
fn under(limit: &str, value: u64, template: &str) -> (u16, String) {
    let gateway = gateway(&definition(&json!({"/say": {"get": mock(template)}})), |_, configuration| {
        configuration["limits"][limit] = json!(value);
    });
    let answer = gateway.get("/demo/say");
    if answer.status() == 500 {
        until(&format!("a hit of {limit}"), || {
            (gateway.metric("postern_limit_hits_total", &[limit]) > 0.5).then_some(())
        });
    }
    (answer.status(), answer.text().to_owned())
}

fn refused() -> (u16, String) {
    (INTERNAL.0, INTERNAL.1.to_owned())
}

#[test]
fn template_bytes_are_counted_at_load() {
    let place = Place::new();
    let template = "x".repeat(1_000);
    for (limit, code) in [(1_001, 0), (1_000, 0), (999, 1)] {
        let mut configuration =
            base_configuration(&place, &definition(&json!({"/say": {"get": mock(&template)}})));
        configuration["limits"]["templateBytes"] = json!(limit);
        place.write("postern.yaml", &configuration.to_string());
        let outcome = run_program(place.path(), &["check", "--config", "postern.yaml"], "");
        assert_eq!(outcome.code, Some(code), "{limit}: {outcome:?}");
    }
}

#[test]
fn template_output_is_counted() {
    let text = "x".repeat(100);
    assert_eq!(under("templateOutputBytes", 101, &text), (200, text.clone()));
    assert_eq!(under("templateOutputBytes", 100, &text), (200, text.clone()));
    assert_eq!(under("templateOutputBytes", 99, &text), refused());
}

#[test]
fn the_rounds_of_a_loop_are_counted() {
    let template = "#foreach($i in [1..20])x#end";
    let text = "x".repeat(20);
    assert_eq!(under("templateLoop", 21, template), (200, text.clone()));
    assert_eq!(under("templateLoop", 20, template), (200, text));
    assert_eq!(under("templateLoop", 19, template), refused());
}

#[test]
fn the_steps_of_a_rendering_are_counted() {
    let template = "#foreach($i in [1..100])x#end";
    assert_eq!(under("templateSteps", 10_000, template).0, 200);
    assert_eq!(under("templateSteps", 50, template), refused());
}

#[test]
fn the_depth_of_a_template_is_counted() {
    let template = format!("{}x{}", "#if(true)".repeat(10), "#end".repeat(10));
    assert_eq!(under("templateDepth", 15, &template).0, 200);
    assert_eq!(short_depth(5, &template), refused());
}

/// Too deep may be seen when the template is read or when it runs.
fn short_depth(limit: u64, template: &str) -> (u16, String) {
    let place = Place::new();
    let mut configuration =
        base_configuration(&place, &definition(&json!({"/say": {"get": mock(template)}})));
    configuration["limits"]["templateDepth"] = json!(limit);
    place.write("postern.yaml", &configuration.to_string());
    if run_program(place.path(), &["check", "--config", "postern.yaml"], "").code == Some(1) {
        return refused();
    }
    under("templateDepth", limit, template)
}

#[test]
fn a_template_that_reads_the_body_answers_with_it() {
    let gateway = gateway(&definition(&json!({"/say": {"get": mock("$input.params('a')")}})), |_, _| {});
    assert_eq!(short(&gateway.get("/demo/say?a=b%20c")), (200, "b c"));
}
