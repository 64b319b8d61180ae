//! A first `postern.yaml` for some definitions, with blanks where only a person knows.

use std::collections::BTreeSet;

use postern_document::{Place, Problems, parse_yaml};
use postern_model::{
    AccountId, AuthorizationType, ConnectionType, Definition, Method, Region, UriTemplate, VpcEndpointId,
};
use postern_openapi::{ImportOptions, Imported, import};

use crate::uses::{self, Hints, Used};

/// What marks a blank.
const FILL_IN: &str = "# FILL IN:";

/// The stage of a definition that names none.
const STAGE: &str = "prod";

/// Writes the text of a `postern.yaml` that serves these definitions (file names and texts): an entry
/// for every link, function (of an authorizer too), stage variable and key that they refer to. `FILL IN`
/// marks what a person must say; until then the reader refuses each of these lines.
///
/// # Errors
/// Everything that is wrong with the definitions.
pub fn init(definitions: &[(&str, &str)]) -> Result<String, Problems> {
    let mut problems = Problems::default();
    let mut found: Vec<Found<'_>> = definitions
        .iter()
        .filter_map(|(file, text)| Found::in_definition(file, text, &mut problems))
        .collect();
    if problems.has_errors() {
        return Err(problems);
    }
    give_ids(&mut found);
    let mut file = File::default();
    file.account(&found);
    file.vpc_endpoints(&found);
    file.rest_apis(&found);
    file.vpc_links(&found);
    file.keys(&found);
    file.functions(&found);
    file.compatibility(&found);
    file.instruments();
    Ok(file.text)
}

/// What one definition says and asks for.
struct Found<'text> {
    file: &'text str,
    id: Box<str>,
    hints: Hints,
    stage_variables: Used,
    definition: Definition,
    /// What is understood and not served yet.
    unserved: Problems,
}

impl<'text> Found<'text> {
    fn in_definition(file: &'text str, text: &str, problems: &mut Problems) -> Option<Self> {
        let root = parse_yaml(file, text).map_err(|found| problems.extend(found)).ok()?;
        let hints = Hints::of(&root);
        let stage_variables = uses::stage_variables(&root);
        let Imported { definition, problems: found, unserved } =
            import(file, text, &ImportOptions::default());
        problems.extend(found);
        Some(Self { file, id: Box::default(), hints, stage_variables, definition: definition?, unserved })
    }

    fn methods(&self) -> impl Iterator<Item = &Method> {
        self.definition.resources.iter().flat_map(|resource| &resource.methods)
    }

    fn links(&self) -> impl Iterator<Item = (&UriTemplate, &Place)> {
        self.methods().filter_map(|method| match &method.integration.connection {
            ConnectionType::VpcLink(id) => Some((id, &method.integration.place)),
            ConnectionType::Internet => None,
        })
    }

    fn asks_for_key(&self) -> bool {
        self.methods().any(|method| method.api_key_required)
    }

    fn stage(&self) -> &str {
        self.hints.stage.as_ref().map_or(STAGE, |stage| stage.as_str())
    }
}

/// Each API keeps its old id; one that has none, or whose id is taken, gets one from its title.
fn give_ids(found: &mut [Found<'_>]) {
    let mut taken = BTreeSet::new();
    for found in found {
        let letters = found.definition.title.to_ascii_lowercase();
        let letters: String = letters.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        let own = found.hints.api_id.as_ref().map(|id| id.as_str().to_owned());
        let name = if letters.is_empty() { "api".to_owned() } else { letters };
        let candidates =
            own.into_iter().chain([name.clone()]).chain((2..).map(|number| format!("{name}{number}")));
        for candidate in candidates {
            if taken.insert(candidate.clone()) {
                found.id = candidate.into();
                break;
            }
        }
    }
}

/// The file while it is written.
#[derive(Default)]
struct File {
    text: String,
}

impl File {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn account(&mut self, found: &[Found<'_>]) {
        self.line(
            "# Written by `postern init`. What only you can say is marked; `postern check` names each of",
        );
        self.line("# these lines until it is filled in.");
        let region: Option<&Region> = found.iter().find_map(|found| found.hints.region.as_ref());
        match region {
            Some(region) => self.line(&format!("region: {region}")),
            None => {
                self.line(&format!("region:  {FILL_IN} the region of host names and ARNs, such as us-east-1"))
            }
        }
        let account_id: Option<&AccountId> = found.iter().find_map(|found| found.hints.account_id.as_ref());
        match account_id {
            Some(account_id) => self.line(&format!("accountId: \"{account_id}\"")),
            None => self.line(&format!("accountId:  {FILL_IN} twelve digits, in quotes")),
        }
    }

    fn vpc_endpoints(&mut self, found: &[Found<'_>]) {
        let ids: BTreeSet<&VpcEndpointId> =
            found.iter().flat_map(|found| &found.definition.vpc_endpoint_ids).collect();
        self.line("\nvpcEndpoints:");
        if ids.is_empty() {
            self.line(&format!(
                "  - vpcEndpointId:  {FILL_IN} the VPC endpoint that clients come through, vpce-…"
            ));
            self.vpc_endpoint(8_080);
        }
        for (id, port) in ids.iter().zip(8_080..) {
            self.line(&format!("  - vpcEndpointId: {id}"));
            self.vpc_endpoint(port);
        }
    }

    fn vpc_endpoint(&mut self, port: u16) {
        self.line(&format!("    vpcId:  {FILL_IN} the VPC it stands in, vpc-…"));
        self.line("    listeners:  # plain text on loopback; elsewhere name certificates under `tls`");
        self.line(&format!("      - address: 127.0.0.1:{port}"));
        self.line(
            "    # securityGroup: {ingress: [{cidr: 10.0.0.0/16}]}  # absent: whoever reaches the listener",
        );
    }

    fn rest_apis(&mut self, found: &[Found<'_>]) {
        self.line("\nrestApis:");
        for found in found {
            for unserved in &found.unserved {
                self.line(&format!("  # {unserved}"));
            }
            self.line(&format!("  - id: {}", found.id));
            self.line(&format!("    definition: {}", quoted(found.file)));
            self.endpoint_configuration(found);
            if found.definition.policy.is_none() {
                self.line(&format!(
                    "    policyFile:  {FILL_IN} the resource policy; without one every request is denied"
                ));
            }
            self.line("    stages:");
            self.line(&format!("      - stageName: {}", quoted(found.stage())));
            if !found.stage_variables.is_empty() {
                self.line("        variables:");
            }
            for (name, place) in &found.stage_variables {
                self.line(&format!("          {}:  {FILL_IN} used at {place}", quoted(name)));
            }
        }
    }

    fn endpoint_configuration(&mut self, found: &Found<'_>) {
        let ids: Vec<&str> = found.definition.vpc_endpoint_ids.iter().map(VpcEndpointId::as_str).collect();
        let ids =
            if ids.is_empty() { String::new() } else { format!(", vpcEndpointIds: [{}]", ids.join(", ")) };
        self.line(&format!("    endpointConfiguration: {{types: [PRIVATE]{ids}}}"));
    }

    fn vpc_links(&mut self, found: &[Found<'_>]) {
        let mut links = Used::new();
        for (id, place) in found.iter().flat_map(Found::links) {
            links.entry(id.as_str().into()).or_insert_with(|| place.clone());
        }
        if !links.is_empty() {
            self.line("\nvpcLinks:");
        }
        for (id, place) in links {
            if id.contains("${stageVariables.") {
                self.line(&format!("  - id:  {FILL_IN} what `{id}` at {place} is"));
            } else {
                self.line(&format!("  - id: {}", quoted(&id)));
            }
            self.line(&format!("    targets: []  {FILL_IN} hosts and ports, such as 10.0.3.10:8080"));
        }
    }

    fn keys(&mut self, found: &[Found<'_>]) {
        let asking: Vec<&Found<'_>> = found.iter().filter(|found| found.asks_for_key()).collect();
        if asking.is_empty() {
            return;
        }
        self.line("\napiKeys:");
        self.line("  - name: client");
        self.line(&format!("    valueFile:  {FILL_IN} a file that holds the key: 20 to 128 characters"));
        self.line("usagePlans:");
        self.line("  - name: usual");
        self.line("    apiStages:");
        for found in asking {
            let (id, stage) = (&found.id, quoted(found.stage()));
            self.line(&format!("      - {{apiId: {id}, stage: {stage}}}"));
        }
        self.line("    apiKeys: [client]");
    }

    fn functions(&mut self, found: &[Found<'_>]) {
        let mut functions = Used::new();
        for (name, place) in found.iter().flat_map(|found| &found.hints.functions) {
            functions.entry(name.clone()).or_insert_with(|| place.clone());
        }
        if !functions.is_empty() {
            self.line("\nfunctions:");
        }
        for (name, place) in functions {
            if name.contains("${stageVariables.") {
                self.line(&format!("  - functionName:  {FILL_IN} what `{name}` at {place} is"));
            } else {
                self.line(&format!("  - functionName: {}", quoted(&name)));
            }
            self.line("    process:  # or `invoke: {}` for the service itself");
            self.line(&format!("      command: []  {FILL_IN} the program and its arguments"));
        }
    }

    /// What a person should know of authorizers before they serve (RP-99).
    fn compatibility(&mut self, found: &[Found<'_>]) {
        let is_guarded = |method: &Method| matches!(method.authorization, AuthorizationType::Custom(_));
        if found.iter().flat_map(Found::methods).any(is_guarded) {
            self.line("\ncompatibility:");
            self.line("  authorizerSilence: allow  # as the service; deny refuses what an authorizer's policy does not name");
        }
    }

    fn instruments(&mut self) {
        self.line("\nadmin: {address: 127.0.0.1:9901}");
        self.line("accessLog:");
        self.line("  destination: stderr");
        self.line(concat!(
            r#"  format: '{"requestId":"$context.requestId","ip":"$context.identity.sourceIp","#,
            r#""method":"$context.httpMethod","path":"$context.path","status":"$context.status"}'"#,
        ));
    }
}

/// A text as YAML reads it back: in quotes where it could be something else than text.
fn quoted(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let is_word = ["true", "false", "null"].iter().any(|word| text.eq_ignore_ascii_case(word));
    if starts_well && text.chars().all(is_plain) && !is_word {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "''"))
}
