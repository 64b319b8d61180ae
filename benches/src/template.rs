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

/// What the large template gives.
pub(crate) fn orders() -> String {
    let mut output = String::new();
    prepare(ORDERS)(&mut output);
    output
}

fn rendered(text: &str) -> Operation {
    let render = prepare(text);
    let mut output = String::new();
    Box::new(move || {
        output.clear();
        render(&mut output);
        output.len()
    })
}

fn prepare(text: &str) -> impl Fn(&mut String) + use<> {
    let limits = Limits::default();
    let template = Template::parse(text, &limits).expect("a template");
    let case = Case::read(ORDERS_CASE);
    move |output| template.render(&case, &mut Overrides::default(), &limits, output).expect("a rendering")
}

/// A case as `postern template run` takes it, with its members at hand as a gateway has them.
struct Case {
    body: String,
    request_id: String,
    source_ip: String,
    tenant: String,
    trace: String,
    stage: String,
    backend: String,
}

impl Case {
    fn read(json: &str) -> Self {
        let case: Value = serde_json::from_str(json).expect("JSON");
        let text = |pointer: &str| case.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned();
        Self {
            body: text("/body"),
            request_id: text("/context/requestId"),
            source_ip: text("/context/identity/sourceIp"),
            tenant: text("/params/path/tenant"),
            trace: text("/params/header/X-Trace"),
            stage: text("/context/stage"),
            backend: text("/stageVariables/backend"),
        }
    }
}

impl Variables for Case {
    fn context(&self, path: &str) -> Option<ContextValue<'_>> {
        let text = match path {
            "requestId" => &self.request_id,
            "stage" => &self.stage,
            "identity" => return Some(ContextValue::Branch),
            "identity.sourceIp" => &self.source_ip,
            _ => return None,
        };
        Some(ContextValue::Text(text.into()))
    }

    fn each_context_name(&self, _: &str, _: &mut dyn FnMut(&str)) {}

    fn stage_variable(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "backend").then(|| (&self.backend).into())
    }

    fn each_stage_variable(&self, _: &mut dyn FnMut(&str, &str)) {}

    fn parameter(&self, place: ParameterPlace, name: &str) -> Option<Cow<'_, str>> {
        match (place, name) {
            (ParameterPlace::Path, "tenant") => Some((&self.tenant).into()),
            (ParameterPlace::Header, "X-Trace") => Some((&self.trace).into()),
            _ => None,
        }
    }

    fn each_parameter(&self, _: ParameterPlace, _: &mut dyn FnMut(&str, &str)) {}

    fn body(&self) -> Option<&str> {
        Some(&self.body)
    }
}
