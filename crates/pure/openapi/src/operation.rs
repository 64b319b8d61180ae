//! Operations: a verb of a path, with everything that belongs to it.

use postern_document::{Node, Place, Record};
use postern_model::{
    Method, MethodResponse, ParameterLocation, PathPart, RequestModel, RequestParameter, RequestValidator,
    ResourcePath, Verb,
};

use crate::{
    context::{Context, status},
    dialect::Dialect,
    extension::{Level, RequestValidators, read_integration},
    model::Models,
    parameter::Parameters,
    report::Keys,
    security::SecuritySchemes,
    template::media_type,
};

const DOCUMENTATION: &str = "it changes no answer";

const KEYS: Keys = Keys {
    what: "an operation",
    documentation: &["summary", "description", "tags", "produces", "schemes"],
    ignored: &[
        ("deprecated", DOCUMENTATION),
        ("externalDocs", DOCUMENTATION),
        ("callbacks", "the service knows none"),
        ("servers", "the service reads those at the root alone"),
    ],
    level: Level::Operation,
};

const RESPONSE_KEYS: Keys = Keys {
    what: "a response",
    documentation: &["description", "schema", "content"],
    ignored: &[("links", "the service knows none"), ("examples", DOCUMENTATION)],
    level: Level::Elsewhere,
};

const BODY_KEYS: Keys = Keys {
    what: "a request body",
    documentation: &["description", "required"],
    ignored: &[],
    level: Level::Elsewhere,
};

/// What an operation declares, as far as its integration may speak of it.
pub(crate) struct Declared<'a> {
    pub(crate) parameters: &'a [RequestParameter],
    pub(crate) responses: &'a [MethodResponse],
}

/// What the operations of one definition share.
pub(crate) struct Shared<'a> {
    pub(crate) schemes: SecuritySchemes<'a>,
    pub(crate) validators: RequestValidators<'a>,
    pub(crate) models: Models<'a>,
    /// Swagger's `consumes` at the root.
    pub(crate) consumes: &'a [Node],
}

/// One operation that is to be read.
pub(crate) struct Operation<'a, 'path> {
    pub(crate) place: &'a Place,
    pub(crate) node: &'a Node,
    pub(crate) verb: Verb,
    pub(crate) path: &'path ResourcePath,
    /// The parameters of the path.
    pub(crate) parameters: Parameters<'a>,
}

/// What became of an operation.
pub(crate) enum Outcome {
    Method(Box<Method>),
    /// It is right but for the integration that it does not have (IN2).
    WithoutIntegration,
    /// Reported.
    Wrong,
}

impl<'a> Operation<'a, '_> {
    /// Reads the operation. Every part of it is read before one that is wrong counts.
    pub(crate) fn read(mut self, shared: &mut Shared<'a>, context: &mut Context<'a>) -> Outcome {
        let problems = &mut context.report.problems;
        let Some(mut record) = Record::read(self.node, KEYS.what, problems) else { return Outcome::Wrong };
        let operation_name = record.optional("operationId", |text| Ok::<_, String>(text.into()), problems);
        let parameters = record.sequence("parameters", problems);
        let responses = record.mapping("responses", problems);
        let integration = record.node("x-amazon-apigateway-integration");

        self.parameters.read(parameters, context);
        let responses = read_responses(responses, context);
        let name = format!("{} {}", self.verb, self.path);
        let security = shared.schemes.of_operation(&mut record, self.place, &name, context);
        let request_validator = shared.validators.of_operation(&mut record, context);
        let request_models = self.read_models(&mut record, request_validator, shared, context);
        context.report.unread(&record, &KEYS);
        self.check_validation(request_validator, &request_models, context);

        let Some(integration) = integration else { return Outcome::WithoutIntegration };
        let declared = Declared { parameters: &self.parameters.declared, responses: &responses };
        let integration = read_integration(integration, &declared, context);
        let (Some(integration), Some(security)) = (integration, security) else { return Outcome::Wrong };
        Outcome::Method(Box::new(Method {
            place: self.place.clone(),
            verb: self.verb,
            operation_name,
            authorization: security.authorization,
            api_key_required: security.api_key_required,
            request_parameters: self.parameters.declared,
            request_models,
            request_validator,
            responses,
            integration,
        }))
    }

    fn read_models(
        &self,
        record: &mut Record<'a>,
        validator: Option<RequestValidator>,
        shared: &mut Shared<'a>,
        context: &mut Context<'a>,
    ) -> Vec<RequestModel> {
        let schemas = match context.dialect {
            Dialect::Swagger2 => self.swagger_schemas(record, shared, context),
            Dialect::OpenApi3 => openapi_schemas(record, context),
        };
        let is_validated = validator.is_some_and(|validator| validator.body);
        let mut models: Vec<RequestModel> = Vec::new();
        for (media_type, schema) in schemas {
            if let Some(schema) = shared.models.of_body(schema, is_validated, &mut context.report)
                && !models.iter().any(|model| model.media_type == media_type)
            {
                models.push(RequestModel { media_type, schema });
            }
        }
        models
    }

    /// The schema of `in: body` for every media type of `consumes`.
    fn swagger_schemas(
        &self,
        record: &mut Record<'a>,
        shared: &Shared<'a>,
        context: &mut Context<'a>,
    ) -> Vec<(Box<str>, &'a Node)> {
        let own = record.sequence("consumes", &mut context.report.problems);
        let consumes = if own.is_empty() { shared.consumes } else { own };
        let Some(schema) = self.parameters.body else { return Vec::new() };
        if consumes.is_empty() {
            return vec![("application/json".into(), schema)];
        }
        consumes.iter().filter_map(Node::as_text).map(|text| (without_parameters(text), schema)).collect()
    }

    /// Doubts about what a validator will find (openapi-extensions.md section 7, VP6, VB9).
    fn check_validation(
        &self,
        validator: Option<RequestValidator>,
        models: &[RequestModel],
        context: &mut Context<'_>,
    ) {
        let Some(validator) = validator else { return };
        if validator.parameters {
            let names: Vec<&str> = self.path.parts().iter().filter_map(PathPart::variable).collect();
            let is_nowhere = |parameter: &&RequestParameter| {
                parameter.required
                    && parameter.location == ParameterLocation::Path
                    && !names.contains(&&*parameter.name)
            };
            if let Some(parameter) = self.parameters.declared.iter().find(is_nowhere) {
                let message = format!(
                    "the required path parameter `{}` is not in `{}`: every request is refused for it",
                    parameter.name, self.path
                );
                context.report.warning(self.place, message);
            }
        }
        if validator.body
            && models.is_empty()
            && !matches!(self.verb, Verb::Get | Verb::Head | Verb::Delete | Verb::Options)
        {
            let message = "the body is to be validated, but the method has no model: any JSON object passes";
            context.report.once(self.place, message);
        }
        let is_json =
            |name: &str| name == "application/json" || name == "$default" || name.ends_with("+json");
        if validator.body && models.iter().any(|model| !is_json(&model.media_type)) {
            context
                .report
                .once(self.place, "only JSON is validated: models of other media types have no effect");
        }
    }
}

/// The schemas of `requestBody.content` by media type.
fn openapi_schemas<'a>(record: &mut Record<'a>, context: &mut Context<'a>) -> Vec<(Box<str>, &'a Node)> {
    let Some(body) = record.node("requestBody").and_then(|node| context.follow(node)) else {
        return Vec::new();
    };
    let problems = &mut context.report.problems;
    let Some(mut body) = Record::read(body, BODY_KEYS.what, problems) else { return Vec::new() };
    let content = body.mapping("content", problems);
    context.report.unread(&body, &BODY_KEYS);
    content
        .iter()
        .filter_map(|entry| Some((without_parameters(&entry.key), entry.value.get("schema")?)))
        .collect()
}

/// Declared answers. `default` declares none.
fn read_responses<'a>(
    entries: &'a [postern_document::Entry],
    context: &mut Context<'a>,
) -> Vec<MethodResponse> {
    let mut responses = Vec::new();
    for entry in entries {
        if &*entry.key == "default" || entry.key.starts_with("x-") {
            continue;
        }
        let Ok(status) = status(&entry.key) else {
            let message = format!("the response `{}` is ignored: a method response has a status", entry.key);
            context.report.once(&entry.place, message);
            continue;
        };
        let Some(node) = context.follow(&entry.value) else { continue };
        let headers = if node.is_null() { Vec::new() } else { read_headers(node, context) };
        responses.push(MethodResponse { status, headers });
    }
    responses
}

/// The names of the headers that a response declares.
fn read_headers(node: &Node, context: &mut Context<'_>) -> Vec<Box<str>> {
    let problems = &mut context.report.problems;
    let Some(mut record) = Record::read(node, RESPONSE_KEYS.what, problems) else { return Vec::new() };
    let headers = record.mapping("headers", problems);
    context.report.unread(&record, &RESPONSE_KEYS);
    headers.iter().map(|header| header.key.clone()).collect()
}

/// A media type without parameters, in lower case.
fn without_parameters(text: &str) -> Box<str> {
    media_type(text.split(';').next().unwrap_or_default())
}
