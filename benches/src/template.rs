//! Running mapping templates.

use std::borrow::Cow;

use postern_template::{ContextValue, Limits, Overrides, ParameterPlace, Template, Variables};
use serde_json::Value;

use crate::Operation;

/// A template as people write them, and what it is run with: also what `benches/airspeed` renders.
const ORDERS: &str = include_str!("../templates/orders.vtl");
const ORDERS_CASE: &str = include_str!("../templates/orders.json");

const MOCK: &str = r#"{#if($input.params('tenant') == "acme")"statusCode": 200#{else}"statusCode": 404#end}"#;

/// Two kilobytes with a loop over twenty elements; the body is read anew each time.
pub(crate) fn run() -> Operation {
    rendered(ORDERS)
}

/// What a MOCK integration asks.
pub(crate) fn mock() -> Operation {
    rendered(MOCK)
}

fn rendered(text: &str) -> Operation {
    let limits = Limits::default();
    let template = Template::parse(text, &limits).expect("a template");
    let case = Case(serde_json::from_str(ORDERS_CASE).expect("JSON"));
    let mut output = String::new();
    Box::new(move || {
        output.clear();
        template.render(&case, &mut Overrides::default(), &limits, &mut output).expect("a rendering");
        output.len()
    })
}

/// A case as `postern template run` takes it.
struct Case(Value);

impl Case {
    fn text(&self, pointer: &str) -> Option<Cow<'_, str>> {
        Some(self.0.pointer(pointer)?.as_str()?.into())
    }
}

impl Variables for Case {
    fn context(&self, path: &str) -> Option<ContextValue<'_>> {
        let pointer = match path {
            "requestId" => "/context/requestId",
            "stage" => "/context/stage",
            "identity" => return Some(ContextValue::Branch),
            "identity.sourceIp" => "/context/identity/sourceIp",
            _ => return None,
        };
        self.text(pointer).map(ContextValue::Text)
    }

    fn each_context_name(&self, _: &str, _: &mut dyn FnMut(&str)) {}

    fn stage_variable(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "backend").then(|| self.text("/stageVariables/backend"))?
    }

    fn each_stage_variable(&self, _: &mut dyn FnMut(&str, &str)) {}

    fn parameter(&self, place: ParameterPlace, name: &str) -> Option<Cow<'_, str>> {
        match (place, name) {
            (ParameterPlace::Path, "tenant") => self.text("/params/path/tenant"),
            (ParameterPlace::Header, "X-Trace") => self.text("/params/header/X-Trace"),
            _ => None,
        }
    }

    fn each_parameter(&self, _: ParameterPlace, _: &mut dyn FnMut(&str, &str)) {}

    fn body(&self) -> Option<&str> {
        self.0["body"].as_str()
    }
}
