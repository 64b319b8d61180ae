//! Who may call a method: security schemes, and the requirements of operations and root.

use std::collections::{BTreeMap, HashMap};

use postern_document::{Entry, Node, Place, Record, did_you_mean};
use postern_model::{AuthorizationType, Authorizer, AuthorizerKind};

use crate::{
    RootSecurity,
    context::{Context, word},
    extension::{Level, is_of_http_apis, read_authorizer},
    report::{Feature, Keys},
};

/// The keys of a security scheme.
const KEYS: Keys = Keys {
    what: "a security scheme",
    documentation: &[
        "description",
        "flow",
        "flows",
        "scopes",
        "authorizationUrl",
        "tokenUrl",
        "scheme",
        "bearerFormat",
        "openIdConnectUrl",
    ],
    ignored: &[],
    level: Level::SecurityScheme,
};

/// How SAM says that a method has no authorizer: the name of a scheme that does not exist.
const SAM_NONE: &str = "NONE";

/// How many authorizers the service lets an API have (stages-and-deployments.md section 13).
const AUTHORIZERS: usize = 10;

/// What a method asks of its callers.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    pub(crate) authorization: AuthorizationType,
    pub(crate) api_key_required: bool,
}

/// The security schemes of a definition, and the requirement at its root.
#[derive(Default)]
pub(crate) struct SecuritySchemes<'a> {
    schemes: HashMap<&'a str, Scheme>,
    authorizers: BTreeMap<Box<str>, Authorizer>,
    root: Option<Root<'a>>,
}

/// What a scheme means to a method that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    LambdaAuthorizer,
    CognitoAuthorizer,
    Signature,
    ApiKey,
    /// The service ignores it: it has no authorizer.
    Unenforced,
    /// Reported already.
    Wrong,
}

/// A list of requirements, read.
struct Requirement<'a> {
    security: Security,
    /// The first scheme in it that nothing enforces.
    unenforced: Option<&'a Entry>,
}

/// The requirement at the root, and the methods that it reaches.
struct Root<'a> {
    place: &'a Place,
    requirement: Requirement<'a>,
    reached: Vec<String>,
}

impl<'a> SecuritySchemes<'a> {
    /// Reads the schemes, and the requirement at the root if it is to be applied.
    pub(crate) fn read(context: &mut Context<'a>) -> Self {
        let mut schemes = Self::default();
        if let Some(node) = context.dialect.security_schemes(context.root) {
            schemes.read_all(node, context);
        }
        if let Some(entry) = context.root.as_mapping().and_then(|root| root.entry("security")) {
            schemes.read_root(entry, context);
        }
        schemes
    }

    fn read_all(&mut self, node: &'a Node, context: &mut Context<'a>) {
        let Some(mapping) = node.as_mapping() else {
            let message = format!("{} where security schemes are expected: expected a mapping", node.kind());
            return context.report.error(&node.place, message);
        };
        for entry in mapping {
            let node = context.follow(&entry.value);
            let scheme = node.and_then(|node| self.read_scheme(entry, node, context));
            self.schemes.insert(&entry.key, scheme.unwrap_or(Scheme::Wrong));
        }
        if self.authorizers.len() > AUTHORIZERS {
            let message =
                format!("{} authorizers: the service allows an API {AUTHORIZERS}", self.authorizers.len());
            context.report.warning(&node.place, message);
        }
    }

    fn read_scheme(&mut self, entry: &Entry, node: &'a Node, context: &mut Context<'a>) -> Option<Scheme> {
        let mut record = Record::read(node, KEYS.what, &mut context.report.problems)?;
        let mut text = |key| record.node(key).and_then(Node::as_scalar_text).unwrap_or_default();
        let (kind, name, location) = (text("type"), text("name"), text("in"));
        let auth_type = text("x-amazon-apigateway-authtype");
        let authorizer = record.node("x-amazon-apigateway-authorizer");
        context.report.unread(&record, &KEYS);
        if let Some(node) = authorizer {
            if is_of_http_apis(node) {
                context
                    .report
                    .warning(&node.place, "an authorizer of type `jwt` belongs to HTTP APIs and is ignored");
                return Some(Scheme::Unenforced);
            }
            let header = location.eq_ignore_ascii_case("header").then_some(name);
            let authorizer = read_authorizer(node, header, context)?;
            let scheme = match authorizer.kind {
                AuthorizerKind::Token(_) | AuthorizerKind::Request(_) => Scheme::LambdaAuthorizer,
                AuthorizerKind::CognitoUserPools(_) => Scheme::CognitoAuthorizer,
            };
            self.authorizers.insert(entry.key.clone(), authorizer);
            return Some(scheme);
        }
        Some(if auth_type.eq_ignore_ascii_case("awsSigv4") {
            Scheme::Signature
        } else if kind.eq_ignore_ascii_case("apiKey") && name.eq_ignore_ascii_case("x-api-key") {
            Scheme::ApiKey
        } else {
            Scheme::Unenforced
        })
    }

    /// The requirement at the root: the service is said not to use it; applied it fails closed
    /// (openapi-extensions.md section 1, AU-120).
    fn read_root(&mut self, entry: &'a Entry, context: &mut Context<'a>) {
        match context.options.root_security {
            RootSecurity::Apply => {
                self.root = self.requirement(&entry.value, context).map(|requirement| Root {
                    place: &entry.place,
                    requirement,
                    reached: Vec::new(),
                });
            }
            RootSecurity::Ignore => {
                let message = "`security` at the root is ignored, as `rootSecurity: ignore` says";
                context.report.warning(&entry.place, message);
            }
        }
    }

    /// What an operation asks of its callers; `method` names it in messages.
    ///
    /// A wrong requirement is reported and gives `None`: no method is open by mistake (AU-122).
    pub(crate) fn of_operation(
        &mut self,
        operation: &mut Record<'a>,
        place: &Place,
        method: &str,
        context: &mut Context<'a>,
    ) -> Option<Security> {
        // What was left empty by mistake must not let everybody in.
        for key in ["x-amazon-apigateway-auth", "security"] {
            if let Some(entry) = operation.entry(key).filter(|entry| entry.value.is_null()) {
                let message = format!("`{key}` has no value: write one, or leave the key out");
                context.report.error(&entry.place, message);
            }
        }
        let auth = operation.node("x-amazon-apigateway-auth");
        let own = operation.node("security");
        let mut security = match own {
            Some(own) => {
                let Requirement { security, unenforced } = self.requirement(own, context)?;
                if let Some(named) = unenforced {
                    report_unenforced(named, &security, auth.is_some(), context);
                }
                security
            }
            None => self.of_root(method, auth.is_some(), context),
        };
        if let Some(auth) = auth {
            let authorization = read_auth(auth, context)?;
            let is_set = security.authorization != AuthorizationType::None;
            if is_set && security.authorization != authorization {
                context.report.warning(&auth.place, "`x-amazon-apigateway-auth` wins over `security`");
            }
            security.authorization = authorization;
        }
        note_use(&security, place, context);
        Some(security)
    }

    fn of_root(&mut self, method: &str, is_overridden: bool, context: &mut Context<'a>) -> Security {
        let Some(root) = &mut self.root else {
            return Security { authorization: AuthorizationType::None, api_key_required: false };
        };
        let security = root.requirement.security.clone();
        if let Some(named) = root.requirement.unenforced.take_if(|_| !is_overridden) {
            report_unenforced(named, &security, false, context);
        }
        if security.api_key_required || security.authorization != AuthorizationType::None && !is_overridden {
            root.reached.push(method.to_owned());
        }
        security
    }

    /// Reads a list of requirements: the first scheme that proves who calls decides, and an API key
    /// is asked for wherever one is named.
    fn requirement(&self, node: &'a Node, context: &mut Context<'a>) -> Option<Requirement<'a>> {
        let Some(requirements) = node.as_sequence() else {
            let message = format!("`security` is {}: expected a list of requirements", node.kind());
            context.report.error(&node.place, message);
            return None;
        };
        let mut authorization = AuthorizationType::None;
        let mut api_key_required = false;
        let mut unenforced = None;
        for named in requirements.iter().filter_map(Node::as_mapping).flatten() {
            let proof = match self.schemes.get(&*named.key) {
                Some(Scheme::Wrong) => return None,
                Some(Scheme::LambdaAuthorizer) => AuthorizationType::Custom(named.key.clone()),
                Some(Scheme::CognitoAuthorizer) => cognito(named),
                Some(Scheme::Signature) => AuthorizationType::AwsIam,
                Some(Scheme::ApiKey) => {
                    api_key_required = true;
                    continue;
                }
                Some(Scheme::Unenforced) => {
                    unenforced = unenforced.or(Some(named));
                    continue;
                }
                None if &*named.key == SAM_NONE => continue,
                None => {
                    self.report_missing(named, context);
                    return None;
                }
            };
            if authorization == AuthorizationType::None {
                authorization = proof;
            }
        }
        Some(Requirement { security: Security { authorization, api_key_required }, unenforced })
    }

    fn report_missing(&self, named: &Entry, context: &mut Context<'a>) {
        let suggestion = did_you_mean(&named.key, self.schemes.keys().copied())
            .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
        let message =
            format!("the security scheme `{}` is missing from the definition{suggestion}", named.key);
        context.report.undeployable(&named.place, message);
    }

    /// The authorizers by name. Tells which methods the requirement at the root reached.
    pub(crate) fn finish(self, context: &mut Context<'a>) -> BTreeMap<Box<str>, Authorizer> {
        if let Some(Root { place, reached, .. }) = self.root.filter(|root| !root.reached.is_empty()) {
            let message = format!(
                "`security` at the root, which the service may not use, is applied to {}",
                reached.join(", ")
            );
            context.report.warning(place, message);
        }
        self.authorizers
    }
}

fn cognito(named: &Entry) -> AuthorizationType {
    let scopes = named.value.as_sequence().unwrap_or_default();
    AuthorizationType::CognitoUserPools {
        authorizer: named.key.clone(),
        scopes: scopes.iter().filter_map(Node::as_text).map(Into::into).collect(),
    }
}

/// A scheme without an authorizer proves nothing. Where the method would be open to everybody for
/// it, and nothing says that it is meant to be, it is not served.
fn report_unenforced(named: &Entry, security: &Security, is_overridden: bool, context: &mut Context<'_>) {
    let name = &named.key;
    if is_overridden || security.authorization != AuthorizationType::None {
        let message = format!("the security scheme `{name}` is ignored: it has no authorizer");
        return context.report.once(&named.place, message);
    }
    let message = format!(
        "the security scheme `{name}` has no authorizer, so that everybody could call: an export carries \
         authorizers with `extensions=authorizers`, and `x-amazon-apigateway-auth: {{type: NONE}}` opens a method"
    );
    context.report.undeployable(&named.place, message);
}

fn read_auth(node: &Node, context: &mut Context<'_>) -> Option<AuthorizationType> {
    const ARE_SIGNED: &[(&str, bool)] = &[("NONE", false), ("AWS_IAM", true)];
    let what = "`x-amazon-apigateway-auth`";
    let mut record = Record::read(node, what, &mut context.report.problems)?;
    let is_signed = record.required("type", |text| word(text, ARE_SIGNED), &mut context.report.problems);
    let keys = Keys { what, documentation: &[], ignored: &[], level: Level::Elsewhere };
    context.report.unread(&record, &keys);
    Some(if is_signed? { AuthorizationType::AwsIam } else { AuthorizationType::None })
}

fn note_use(security: &Security, place: &Place, context: &mut Context<'_>) {
    if matches!(security.authorization, AuthorizationType::CognitoUserPools { .. }) {
        context.report.uses(Feature::CognitoAuthorizer, place);
    }
}
