//! Declared parameters: name, place and whether they are required; nothing else of them counts.

use postern_document::{Node, Record};
use postern_model::{ParameterLocation, RequestParameter};

use crate::{
    context::{Context, word},
    dialect::Dialect,
    extension::Level,
    report::Keys,
};

/// Why everything that constrains a parameter's value is ignored (openapi-extensions.md section 3).
const PRESENCE: &str = "of a parameter, only the presence is checked";

const KEYS: Keys = Keys {
    what: "a parameter",
    documentation: &[
        "description",
        "type",
        "style",
        "explode",
        "allowReserved",
        "allowEmptyValue",
        "content",
    ],
    ignored: &[
        ("format", PRESENCE),
        ("enum", PRESENCE),
        ("pattern", PRESENCE),
        ("default", PRESENCE),
        ("items", PRESENCE),
        ("collectionFormat", PRESENCE),
        ("minimum", PRESENCE),
        ("maximum", PRESENCE),
        ("exclusiveMinimum", PRESENCE),
        ("exclusiveMaximum", PRESENCE),
        ("minLength", PRESENCE),
        ("maxLength", PRESENCE),
        ("minItems", PRESENCE),
        ("maxItems", PRESENCE),
        ("uniqueItems", PRESENCE),
        ("multipleOf", PRESENCE),
        ("deprecated", "it changes no answer"),
        ("example", "it changes no answer"),
        ("examples", "it changes no answer"),
    ],
    level: Level::Elsewhere,
};

/// The parameters of a path and of one of its methods, read.
#[derive(Clone, Default)]
pub(crate) struct Parameters<'a> {
    pub(crate) declared: Vec<RequestParameter>,
    /// The schema of Swagger's `in: body`.
    pub(crate) body: Option<&'a Node>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Declared(ParameterLocation),
    Body,
    FormData,
    Cookie,
}

impl<'a> Parameters<'a> {
    /// Takes in a list `parameters`. What stands there already is replaced where location and name
    /// are the same: a method's parameters win over those of its path.
    pub(crate) fn read(&mut self, items: &'a [Node], context: &mut Context<'a>) {
        for item in items {
            if let Some(node) = context.follow(item) {
                self.read_one(node, context);
            }
        }
    }

    fn read_one(&mut self, node: &'a Node, context: &mut Context<'a>) -> Option<()> {
        let problems = &mut context.report.problems;
        let mut record = Record::read(node, KEYS.what, problems)?;
        let location = record.required("in", |text| locations(context.dialect, text), problems);
        let schema = record.node("schema");
        let name = record.node("name");
        let required = record.boolean("required", false, problems);
        context.report.unread(&record, &KEYS);
        match location? {
            In::Body => self.body = schema,
            In::FormData => {
                let message = "parameters in a form are ignored: the service knows none";
                context.report.once(&node.place, message);
            }
            In::Cookie => {
                context.report.once(&node.place, "parameters in cookies are ignored: the service knows none");
            }
            In::Declared(location) => {
                if let Some(schema) = schema {
                    ignore_constraints(schema, context);
                }
                let Some(name) = name else {
                    context.report.error(&node.place, "`name` is missing in a parameter");
                    return None;
                };
                let name: Box<str> = context.parse("name", name, |text| Ok::<_, String>(text.into()))?;
                self.declare(RequestParameter { location, name, required });
            }
        }
        Some(())
    }

    fn declare(&mut self, parameter: RequestParameter) {
        let is_same = |other: &&mut RequestParameter| {
            other.location == parameter.location && other.name == parameter.name
        };
        match self.declared.iter_mut().find(is_same) {
            Some(known) => *known = parameter,
            None => self.declared.push(parameter),
        }
    }
}

fn locations(dialect: Dialect, text: &str) -> Result<In, String> {
    const LOCATIONS: &[(&str, In)] = &[
        ("path", In::Declared(ParameterLocation::Path)),
        ("query", In::Declared(ParameterLocation::QueryString)),
        ("header", In::Declared(ParameterLocation::Header)),
        ("cookie", In::Cookie),
        ("body", In::Body),
        ("formData", In::FormData),
    ];
    let known = match dialect {
        Dialect::Swagger2 => LOCATIONS,
        Dialect::OpenApi3 => LOCATIONS.get(..4).unwrap_or(LOCATIONS),
    };
    word(text, known)
}

/// In OpenAPI 3.0 the constraints stand in the parameter's schema.
fn ignore_constraints(schema: &Node, context: &mut Context<'_>) {
    for entry in schema.as_mapping().into_iter().flatten() {
        if KEYS.ignored.iter().any(|(key, reason)| *key == &*entry.key && *reason == PRESENCE) {
            context
                .report
                .once(&entry.place, format!("`{}` of a parameter is ignored: {PRESENCE}", entry.key));
        }
    }
}
