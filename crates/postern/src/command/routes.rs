//! `postern routes`.

use std::net::IpAddr;

use clap::{Arg, ArgAction, ArgMatches};
use postern_model::{
    AuthorizationType, BasePath, Configuration, ConnectionType, DomainName, EndpointType, HeaderCondition,
    Integration, Listener, Method, PublicListeners, Resource, RestApi, RestApiId, RoutingRule, Stage,
    StageName, UriSegment, UriTemplate, VpcEndpoint,
};

use super::{
    Action, Command, config_argument, config_path,
    terminal::{complain, say},
};
use crate::{exit::Exit, load::load};

pub(crate) const COMMAND: Command = Command {
    name: "routes",
    about: "Prints what is served: host, stage, method, path, integration, authorization, API key",
    action: Action::Run { arguments, run },
};

fn arguments() -> Vec<Arg> {
    let dns = Arg::new("dns").long("dns").action(ArgAction::SetTrue);
    vec![config_argument(), dns.help("Prints the DNS records to create instead")]
}

fn run(matches: &ArgMatches) -> Exit {
    let outcome = load(&config_path(matches)).outcome;
    let Some(configuration) = outcome.configuration else {
        outcome.problems.errors().for_each(complain);
        return Exit::WrongInput;
    };
    if matches.get_flag("dns") {
        records(&configuration).iter().for_each(say);
    } else {
        say_table(&routes(&configuration));
    }
    Exit::Done
}

/// One row of the table, its heading included.
type Row = [String; 7];

/// Every method of every stage, under every name that it is called by.
fn routes(configuration: &Configuration) -> Vec<Row> {
    let heading = ["HOST", "STAGE", "METHOD", "PATH", "INTEGRATION", "AUTHORIZATION", "API KEY"];
    let mut rows = vec![heading.map(str::to_owned)];
    for api in &configuration.rest_apis {
        for stage in &api.stages {
            for (host, base_path) in names_of_stage(configuration, api, stage) {
                rows.extend(methods(configuration, api, stage, (&host, &base_path)));
            }
        }
    }
    rows
}

/// The hosts and base paths under which a stage is called.
fn names_of_stage(configuration: &Configuration, api: &RestApi, stage: &Stage) -> Vec<(String, String)> {
    let mut names = Vec::new();
    if !api.disable_execute_api_endpoint {
        names.push((default_host(configuration, api), format!("/{}", stage.name)));
    }
    for domain_name in &configuration.domain_names {
        let asked = (domain_name.routing_mode.asks_rules(), domain_name.routing_mode.asks_mappings());
        let leads_here = |id: &RestApiId, name: &StageName| *id == api.id && *name == stage.name;
        let rules = domain_name.routing_rules.iter().filter(|_| asked.0);
        for rule in rules.filter(|rule| leads_here(&rule.rest_api_id, &rule.stage)) {
            names.extend(names_of_rule(domain_name, rule));
        }
        let mappings = domain_name.base_path_mappings.iter().filter(|_| asked.1);
        for mapping in mappings.filter(|mapping| leads_here(&mapping.rest_api_id, &mapping.stage)) {
            names.push((domain_name.name.to_string(), prefix(mapping.base_path.as_str())));
        }
    }
    names
}

/// The names that a rule gives a stage: its host with what it asks for, once for each base path.
fn names_of_rule(domain_name: &DomainName, rule: &RoutingRule) -> Vec<(String, String)> {
    let one_of = |condition: &HeaderCondition| {
        let matches = condition.any_of.iter();
        let matches = matches.map(|wanted| format!("{}: {}", wanted.header.as_str(), wanted.value_glob));
        matches.collect::<Vec<_>>().join(" or ")
    };
    let asked: Vec<String> = rule.headers.iter().map(one_of).collect();
    let asked = if asked.is_empty() { String::new() } else { format!(" with {}", asked.join(" and ")) };
    let host = format!("{} by rule {}{asked}", domain_name.name, rule.priority);
    if rule.base_paths.is_empty() {
        return vec![(host, String::new())];
    }
    let shown = |base_path: &BasePath| match rule.strip_base_path {
        true => (host.clone(), prefix(base_path.as_str())),
        // What is kept stands in the API's own paths.
        false => (format!("{host} under {}", prefix(base_path.as_str())), String::new()),
    };
    rule.base_paths.iter().map(shown).collect()
}

/// A base path as it stands in front of others.
fn prefix(base_path: &str) -> String {
    if base_path.is_empty() { String::new() } else { format!("/{base_path}") }
}

fn methods(
    configuration: &Configuration,
    api: &RestApi,
    stage: &Stage,
    (host, base_path): (&str, &str),
) -> Vec<Row> {
    let resources = api.definition.resources.iter();
    let methods =
        resources.flat_map(|resource| resource.methods.iter().map(move |method| (resource, method)));
    let row = |(resource, method): (&Resource, &Method)| {
        [
            host.to_owned(),
            stage.name.to_string(),
            method.verb.to_string(),
            format!("{base_path}{}", resource.path),
            integration(configuration, stage, &method.integration),
            authorization(method),
            if method.api_key_required { "required" } else { "-" }.to_owned(),
        ]
    };
    methods.map(row).collect()
}

fn integration(configuration: &Configuration, stage: &Stage, integration: &Integration) -> String {
    let mut text = integration.kind.to_string();
    if let Some(uri) = &integration.uri {
        text.push_str(&format!(" {}", in_stage(uri, stage)));
    }
    if let ConnectionType::VpcLink(id) = &integration.connection {
        let id = in_stage(id, stage);
        let link = configuration.vpc_links.iter().find(|link| link.id.as_str() == id);
        text.push_str(&match link.and_then(|link| link.name.as_deref()) {
            Some(name) => format!(" by {name} ({id})"),
            None => format!(" by {id}"),
        });
    }
    text
}

/// A text with a stage's variables in their places.
fn in_stage(template: &UriTemplate, stage: &Stage) -> String {
    let segment = |segment: &UriSegment| match segment {
        UriSegment::Literal(text) => text.to_string(),
        UriSegment::PathParameter(name) => format!("{{{name}}}"),
        UriSegment::StageVariable(name) => {
            stage.variables.get(name).map_or_else(String::new, ToString::to_string)
        }
    };
    template.segments().iter().map(segment).collect()
}

fn authorization(method: &Method) -> String {
    match &method.authorization {
        AuthorizationType::None => "NONE".to_owned(),
        AuthorizationType::AwsIam => "AWS_IAM".to_owned(),
        AuthorizationType::Custom(authorizer) => format!("CUSTOM {authorizer}"),
        AuthorizationType::CognitoUserPools { authorizer, .. } => format!("COGNITO_USER_POOLS {authorizer}"),
    }
}

fn say_table(rows: &[Row]) {
    let mut widths = [0; 7];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths);
        let line: String = cells.map(|(cell, width)| format!("{cell:width$}  ")).collect();
        say(line.trim_end());
    }
}

/// The DNS records to create, as lines of a zone file: for each door those that its clients need.
fn records(configuration: &Configuration) -> Vec<String> {
    let mut zone = Zone::default();
    for endpoint in &configuration.vpc_endpoints {
        let (id, vpc_id) = (&endpoint.vpc_endpoint_id, &endpoint.vpc_id);
        let names = names_of(configuration, endpoint);
        zone.add(&format!("; {id}: for clients of {vpc_id}"), &names, &endpoint.listeners);
    }
    let names = public_names(configuration);
    for PublicListeners { listeners, .. } in &configuration.public_listeners {
        zone.add("; public listeners: for everybody", &names, listeners);
    }
    zone.0
}

/// Lines of a zone file.
#[derive(Default)]
struct Zone(Vec<String>);

impl Zone {
    fn add(&mut self, heading: &str, names: &[String], listeners: &[Listener]) {
        if !self.0.is_empty() {
            self.0.push(String::new());
        }
        self.0.push(heading.to_owned());
        for name in names {
            if listeners.is_empty() {
                self.0.push(record_elsewhere(name));
            }
            for listener in listeners {
                self.0.push(record(name, listener.address.ip()));
            }
        }
        self.0.extend(unusual_ports(listeners));
    }
}

/// The names under which public listeners are reached: those of public APIs, and public domain names.
fn public_names(configuration: &Configuration) -> Vec<String> {
    let public =
        |api: &&RestApi| api.endpoint_type == EndpointType::Regional && !api.disable_execute_api_endpoint;
    let apis = configuration.rest_apis.iter().filter(public).map(|api| default_host(configuration, api));
    let domain_names = configuration.domain_names.iter().filter(|domain_name| !domain_name.private);
    apis.chain(domain_names.map(|domain_name| domain_name.name.to_string())).collect()
}

/// The names under which an endpoint is reached (H1 to H3 and H6 of private-access.md).
fn names_of(configuration: &Configuration, endpoint: &VpcEndpoint) -> Vec<String> {
    let Configuration { region, dns_suffix, .. } = configuration;
    let id = &endpoint.vpc_endpoint_id;
    let mut names = vec![format!("{id}.execute-api.{region}.vpce.{dns_suffix}")];
    let private =
        |api: &&RestApi| api.endpoint_type == EndpointType::Private && !api.disable_execute_api_endpoint;
    for api in configuration.rest_apis.iter().filter(private) {
        if endpoint.private_dns_enabled {
            names.push(default_host(configuration, api));
        }
        if api.vpc_endpoint_ids.contains(id) {
            names.push(format!("{}-{id}.execute-api.{region}.{dns_suffix}", api.id));
        }
    }
    let is_seen = |domain_name: &&DomainName| domain_name.private && domain_name.is_seen_through(id);
    names.extend(
        configuration.domain_names.iter().filter(is_seen).map(|domain_name| domain_name.name.to_string()),
    );
    names
}

/// An endpoint that comes by a load balancer has its addresses in its own VPC, where nobody here sees them.
fn record_elsewhere(name: &str) -> String {
    format!("; {name}. 60 IN A …  ; it comes by a load balancer: name the addresses of the VPC endpoint")
}

fn record(name: &str, address: IpAddr) -> String {
    let kind = if address.is_ipv4() { "A" } else { "AAAA" };
    if address.is_unspecified() {
        return format!(
            "; {name}. 60 IN {kind} …  ; the listener takes every address of the machine: name one"
        );
    }
    format!("{name}. 60 IN {kind} {address}")
}

/// The service is reached on port 443 alone, and no record can say another.
fn unusual_ports(listeners: &[Listener]) -> Option<String> {
    let ports: Vec<String> = listeners
        .iter()
        .map(|listener| listener.address)
        .filter(|address| address.port() != 443)
        .map(|address| address.to_string())
        .collect();
    (!ports.is_empty())
        .then(|| format!("; not on port 443, so that clients must name it: {}", ports.join(", ")))
}

fn default_host(configuration: &Configuration, api: &RestApi) -> String {
    format!("{}.execute-api.{}.{}", api.id, configuration.region, configuration.dns_suffix)
}
