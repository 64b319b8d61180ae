//! The import: from text to a definition, in the order in which its parts need each other.

use postern_document::{Entry, Node, Place, Problems, Record, parse_json, parse_yaml};
use postern_model::{Definition, Method, Resource, ResourcePath, Verb};

use crate::{
    ImportOptions,
    context::Context,
    dialect::Dialect,
    extension::{self, Level, RequestValidators},
    model::Models,
    operation::{Operation, Outcome, Shared},
    parameter::Parameters,
    path::Paths,
    placeholder,
    report::{Keys, Report},
    security::SecuritySchemes,
};

/// What an import gives.
#[derive(Debug)]
pub struct Imported {
    /// The definition, where nothing refuses it.
    pub definition: Option<Definition>,
    /// What refuses the definition (errors), and what is ignored or doubtful (warnings), in the order
    /// of the file.
    pub problems: Problems,
    /// What the import accepts and the gateway cannot serve: what is not served yet, and what the
    /// service itself imports and does not deploy. Errors, in the order of the file: they refuse
    /// `check` and `run`, and are notes to `openapi check`.
    pub unserved: Problems,
}

const KEYS: Keys = Keys {
    what: "a definition",
    documentation: &["host", "basePath", "schemes", "produces", "responses", "parameters"],
    ignored: &[("externalDocs", "it changes no answer"), ("webhooks", "the service knows none")],
    level: Level::Root,
};

const COMPONENTS_KEYS: Keys = Keys {
    what: "`components`",
    documentation: &["schemas", "responses", "parameters", "requestBodies", "headers", "securitySchemes"],
    ignored: &[
        ("examples", "they change no answer"),
        ("links", "the service knows none"),
        ("callbacks", "the service knows none"),
    ],
    level: Level::Components,
};

const PATH_ITEM_KEYS: Keys = Keys {
    what: "a path",
    documentation: &["summary", "description"],
    ignored: &[
        ("trace", "the service has no TRACE methods"),
        ("servers", "the service reads those at the root alone"),
    ],
    level: Level::PathItem,
};

/// The verbs as keys of a path.
const VERBS: [(&str, Verb); 8] = [
    ("delete", Verb::Delete),
    ("get", Verb::Get),
    ("head", Verb::Head),
    ("options", Verb::Options),
    ("patch", Verb::Patch),
    ("post", Verb::Post),
    ("put", Verb::Put),
    ("x-amazon-apigateway-any-method", Verb::Any),
];

/// How many resources the service lets an API have (stages-and-deployments.md section 13).
const RESOURCES: usize = 300;

/// Imports an OpenAPI 3.0 or Swagger 2.0 definition with API Gateway's extensions.
///
/// `file` is its name in messages; a name that ends in `.json` says that the text is JSON, any other
/// text may be YAML or JSON. Nothing is fetched: every `$ref` must stay within the text. Nothing is
/// dropped silently: what is ignored is told once, at the first place where it stands.
///
/// ```
/// use postern_openapi::{ImportOptions, import};
///
/// let text = r#"{"openapi": "3.0.1", "info": {"title": "pets"}, "paths": {"/pets": {"get": {
///     "responses": {"200": {"description": "all pets"}},
///     "x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "GET", "uri": "http://pets.internal/"}
/// }}}}"#;
/// let imported = import("pets.json", text, &ImportOptions::default());
/// let definition = imported.definition.unwrap();
/// assert_eq!(&*definition.title, "pets");
/// assert_eq!(definition.resources[0].path.to_string(), "/pets");
/// assert!(imported.problems.is_empty() && imported.unserved.is_empty());
/// ```
#[must_use]
pub fn import(file: &str, text: &str, options: &ImportOptions<'_>) -> Imported {
    match read(file, text, options) {
        Ok(root) => import_root(&root, text, options),
        Err(problems) => Imported { definition: None, problems, unserved: Problems::default() },
    }
}

/// The text as a tree, if it is small enough.
fn read(file: &str, text: &str, options: &ImportOptions<'_>) -> Result<Node, Problems> {
    let mut problems = Problems::default();
    if text.len() > options.definition_bytes {
        let message = format!("{} bytes: a definition has at most {}", text.len(), options.definition_bytes);
        problems.error(&Place::start_of(file), message);
        return Err(problems);
    }
    let is_json = file.rsplit('.').next().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let root = if is_json { parse_json(file, text) } else { parse_yaml(file, text) };
    root.map_err(|problems| placeholder::explain(file, text, problems))
}

/// A hash of the text (FNV-1a of 64 bits): another one after any change.
fn revision(text: &str) -> Box<str> {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}").into()
}

fn import_root(root: &Node, text: &str, options: &ImportOptions<'_>) -> Imported {
    let mut report = Report::default();
    let dialect = match placeholder::check(root) {
        Ok(doubtful) => {
            for unfilled in doubtful {
                report.once(&unfilled.place, unfilled.doubt());
            }
            Dialect::of(root, &mut report)
        }
        Err(unfilled) => {
            report.error(&unfilled.place, unfilled.message());
            None
        }
    };
    let mut definition = None;
    if let Some(dialect) = dialect {
        let mut context = Context::new(root, dialect, options, report);
        definition = read_definition(root, revision(text), &mut context);
        Context { report, .. } = context;
    }
    let (problems, unserved) = report.finish();
    let definition = definition.filter(|_| !problems.has_errors());
    Imported { definition, problems, unserved }
}

fn read_definition<'a>(root: &'a Node, revision: Box<str>, context: &mut Context<'a>) -> Option<Definition> {
    let problems = &mut context.report.problems;
    let mut record = Record::read(root, KEYS.what, problems)?;
    let _version = (record.node("openapi"), record.node("swagger"));
    let title = read_title(&mut record, context);
    let extensions = extension::read_root(&mut record, context);
    let mut shared = Shared {
        validators: RequestValidators::read(&mut record, context),
        schemes: SecuritySchemes::read(context),
        models: Models::read(context),
        consumes: record.sequence("consumes", &mut context.report.problems),
    };
    let _read_by_dialect = ["definitions", "securityDefinitions", "security"].map(|key| record.entry(key));
    if let Some(components) = record.node("components") {
        read_components(components, context);
    }
    read_tags(&mut record, context);
    let resources = read_paths(&mut record, &mut shared, context);
    context.report.unread(&record, &KEYS);
    let authorizers = shared.schemes.finish(context);
    std::mem::take(&mut context.lints).finish(&mut context.report);
    Some(Definition {
        title,
        resources,
        policy: extensions.policy,
        binary_media_types: extensions.binary_media_types,
        minimum_compression_size: extensions.minimum_compression_size,
        api_key_source: extensions.api_key_source,
        gateway_responses: extensions.gateway_responses,
        models: shared.models.finish(),
        authorizers,
        revision,
        disable_execute_api_endpoint: extensions.disable_execute_api_endpoint,
        vpc_endpoint_ids: extensions.vpc_endpoint_ids,
        security_policy: extensions.security_policy,
        endpoint_access_mode: extensions.endpoint_access_mode,
    })
}

/// `info.title`; everything else in `info` is documentation.
fn read_title(record: &mut Record<'_>, context: &mut Context<'_>) -> Box<str> {
    const KEYS: Keys = Keys {
        what: "`info`",
        documentation: &["version", "description", "termsOfService", "contact", "license", "summary"],
        ignored: &[],
        level: Level::Elsewhere,
    };
    let info = record.node("info");
    let title = info.and_then(|info| {
        let mut record = Record::read(info, KEYS.what, &mut context.report.problems)?;
        let title =
            record.optional("title", |text| Ok::<_, String>(text.into()), &mut context.report.problems);
        context.report.unread(&record, &KEYS);
        title
    });
    title.unwrap_or_else(|| {
        let place = info.map_or_else(|| record.place(), |info| &info.place);
        context.report.warning(place, "`title` is missing in `info`: the API has no name");
        Box::default()
    })
}

/// Tags are documentation but for an extension, which is told.
fn read_tags(record: &mut Record<'_>, context: &mut Context<'_>) {
    const KEYS: Keys = Keys {
        what: "a tag",
        documentation: &["name", "description", "externalDocs"],
        ignored: &[],
        level: Level::Elsewhere,
    };
    for tag in record.sequence("tags", &mut context.report.problems) {
        if let Some(record) = Record::read(tag, KEYS.what, &mut context.report.problems) {
            context.report.unread(&record, &KEYS);
        }
    }
}

fn read_components<'a>(node: &'a Node, context: &mut Context<'a>) {
    let Some(mut record) = Record::read(node, COMPONENTS_KEYS.what, &mut context.report.problems) else {
        return;
    };
    let integrations = record.node("x-amazon-apigateway-integrations");
    if let Some(node) = integrations {
        let message =
            "`x-amazon-apigateway-integrations` belongs to HTTP APIs; references to it are followed";
        context.report.warning(&node.place, message);
    }
    context.report.unread(&record, &COMPONENTS_KEYS);
}

/// Every path with its methods, ordered by path.
fn read_paths<'a>(
    record: &mut Record<'a>,
    shared: &mut Shared<'a>,
    context: &mut Context<'a>,
) -> Vec<Resource> {
    let Some(paths) = record.entry("paths") else {
        context.report.error(record.place(), "`paths` is missing in a definition");
        return Vec::new();
    };
    let entries = record.mapping("paths", &mut context.report.problems);
    let (base_path, base_place) = context.dialect.base_path(context.root);
    let prefix = context.options.base_path.prefix(&base_path);
    if !prefix.is_empty()
        && let Err(error) = ResourcePath::parse(&prefix)
    {
        context
            .report
            .error(base_place, format!("the base path `{prefix}` cannot be put in front of paths: {error}"));
        return Vec::new();
    }
    let mut reader = Resources::default();
    for entry in entries {
        if entry.key.starts_with("x-") {
            context.report.once(&entry.place, format!("`{}` is ignored: paths start with `/`", entry.key));
        } else if let Some(path) = reader.tree.add(&prefix, entry, &mut context.report) {
            reader.read(path, entry, shared, context);
        }
    }
    reader.finish(&paths.place, context)
}

/// The resources of a definition while they are read.
#[derive(Default)]
struct Resources {
    tree: Paths,
    resources: Vec<Resource>,
    /// Whether any operation has an integration, be it a wrong one.
    has_integration: bool,
    without_integration: Vec<(Place, String)>,
}

impl Resources {
    fn read<'a>(
        &mut self,
        path: ResourcePath,
        entry: &'a Entry,
        shared: &mut Shared<'a>,
        context: &mut Context<'a>,
    ) {
        let Some(node) = context.follow(&entry.value).filter(|node| !node.is_null()) else { return };
        let problems = &mut context.report.problems;
        let Some(mut record) = Record::read(node, PATH_ITEM_KEYS.what, problems) else { return };
        let items = record.sequence("parameters", problems);
        let mut parameters = Parameters::default();
        parameters.read(items, context);
        let mut methods = Vec::new();
        for (key, verb) in VERBS {
            let operation = record.entry(key).filter(|entry| !entry.value.is_null());
            let Some(Entry { place, value: node, .. }) = operation else { continue };
            let parameters = parameters.clone();
            let operation = Operation { place, node, verb, path: &path, parameters };
            match operation.read(shared, context) {
                Outcome::Method(method) => {
                    self.has_integration = true;
                    methods.push(*method);
                }
                Outcome::WithoutIntegration => {
                    self.without_integration.push((place.clone(), format!("{verb} {path}")));
                }
                Outcome::Wrong => self.has_integration = true,
            }
        }
        context.report.unread(&record, &PATH_ITEM_KEYS);
        self.push(path, methods);
    }

    fn push(&mut self, path: ResourcePath, methods: Vec<Method>) {
        if !methods.is_empty() {
            self.resources.push(Resource { path, methods });
        }
    }

    fn finish(mut self, place: &Place, context: &mut Context<'_>) -> Vec<Resource> {
        if self.tree.len() > RESOURCES {
            let message = format!(
                "{} resources: the service allows an API {RESOURCES} where nothing else is agreed",
                self.tree.len()
            );
            context.report.warning(place, message);
        }
        if !self.has_integration {
            let message = "no operation has an integration, so that there is nothing to serve: an export carries \
                 integrations with `extensions=integrations` or `extensions=apigateway`";
            context.report.undeployable(place, message);
        } else {
            for (place, method) in &self.without_integration {
                let message =
                    format!("{method} has no integration: the service imports that and does not deploy it");
                context.report.undeployable(place, message);
            }
        }
        self.resources.sort_by(|one, other| one.path.cmp(&other.path));
        self.resources
    }
}
