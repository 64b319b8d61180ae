//! The whole file: its keys are checked, its sections read, and what they say compared.

use std::path::{Path, PathBuf};

use postern_document::{Node, Problems, parse_yaml};
use postern_model::{Configuration, Partition};

use crate::{
    agreement::{self, Parts},
    check::check_keys,
    fields::Section,
    keys::KEYS,
    names::Names,
    reading::Reading,
    section::{
        api_keys, credentials, domain_names, functions, gateway, listeners, principals,
        rest_apis::{self, Account, Scene},
        service_endpoints, usage_plans,
        vpc_endpoints::{self, ReadVpcEndpoints},
        vpc_links,
    },
    services,
    surroundings::Surroundings,
};

/// What reading a configuration gave.
#[derive(Debug)]
pub struct Outcome {
    /// The configuration; absent where there is an error among the problems.
    pub configuration: Option<Configuration>,
    /// Everything that is wrong or to be warned of, in the order of files and places.
    pub problems: Problems,
    /// The configuration file and every file that it names, to be watched: certificates and keys
    /// too, which are not read here.
    pub files: Vec<PathBuf>,
}

/// Reads a configuration file and everything that it names. Paths in it are relative to it.
///
/// ```
/// use std::path::Path;
/// use postern_config::{ReadFailure, Surroundings, read};
///
/// struct OneFile(&'static str);
///
/// impl Surroundings for OneFile {
///     fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
///         if path == Path::new("postern.yaml") { Ok(self.0.into()) } else { Err(ReadFailure::new("there is no such file")) }
///     }
///     fn variable(&self, _: &str) -> Option<String> {
///         None
///     }
/// }
///
/// let outcome = read("postern.yaml", &OneFile("region: us-east-1\naccountID: '123456789012'\n"));
/// assert!(outcome.configuration.is_none());
/// let told: Vec<_> = outcome.problems.iter().map(ToString::to_string).collect();
/// assert_eq!(told, [
///     "postern.yaml:1:1: `accountId` is missing in the configuration",
///     "postern.yaml:2:1: unknown key `accountID` in the configuration: did you mean `accountId`?",
/// ]);
/// ```
#[must_use]
pub fn read(path: &str, surroundings: &dyn Surroundings) -> Outcome {
    let path = Path::new(path);
    let mut reading = Reading::of(path, surroundings);
    let configuration = reading
        .configuration_text(path)
        .and_then(|text| parse(path, &text, &mut reading.problems))
        .and_then(|root| configuration(&root, &mut reading));
    let problems = in_order(std::mem::take(&mut reading.problems));
    let configuration = configuration.filter(|_| !problems.has_errors());
    Outcome { configuration, problems, files: reading.into_files() }
}

/// By file and place. What was found twice, in a file that two APIs name, is told once.
fn in_order(mut found: Problems) -> Problems {
    found.sort_by_place();
    let mut problems = Problems::default();
    let mut last = None;
    for problem in &found {
        if last != Some(problem) {
            problems.push(problem.clone());
        }
        last = Some(problem);
    }
    problems
}

fn parse(path: &Path, text: &str, problems: &mut Problems) -> Option<Node> {
    parse_yaml(&path.to_string_lossy(), text).map_err(|found| problems.extend(found)).ok()
}

/// Reads every section before giving up on one, so that all problems are told at once.
fn configuration(root: &Node, reading: &mut Reading<'_>) -> Option<Configuration> {
    check_keys(root, KEYS, &mut reading.problems);
    let root = &mut Section::read(root, KEYS, &mut reading.problems)?;
    let names = &mut Names::new();
    let region = root.required("region", str::parse, &mut reading.problems);
    let account_id = root.required("accountId", str::parse, &mut reading.problems);
    let dns_suffix = gateway::dns_suffix(root, region.as_ref(), &mut reading.problems);
    let ReadVpcEndpoints { vpc_endpoints, shared_listeners, .. } = vpc_endpoints::read(root, names, reading);
    let public_listeners = listeners::public(root, names, reading);
    let admin = gateway::admin(root, names, reading);
    let vpc_links = vpc_links::read(root, reading);
    let functions = functions::read(root, region.as_ref(), reading);
    let service_endpoints = service_endpoints::read(root, &mut reading.problems);
    let limits = gateway::limits(root, &mut reading.problems);
    let account = region.as_ref().zip(account_id.as_ref());
    let account = account.map(|(region, account_id)| Account { region, account_id });
    let rest_apis = rest_apis::read(root, &Scene { account, limits: &limits }, names, reading);
    let signs = services::are_signed(&rest_apis, &functions);
    let credentials = credentials::read(root, signs, reading);
    let domain_names = domain_names::read(root, account, names, reading);
    let principals = principals::read(root, reading);
    let plans = usage_plans::read(root, names, reading);
    let mut keys = api_keys::read(root, &plans.numbers, reading);
    let usage_plans = plans.with_keys(&mut keys, &mut reading.problems);
    let state_directory = gateway::state_directory(root, reading);
    let compatibility = gateway::compatibility(root, names, &mut reading.problems);
    let api_suffix = region.as_ref().map(|region| format!(".execute-api.{region}.{dns_suffix}"));
    let parts = Parts {
        api_suffix: api_suffix.as_deref(),
        vpc_endpoints: &vpc_endpoints,
        public_listeners: &public_listeners,
        rest_apis: &rest_apis,
        domain_names: &domain_names,
        vpc_links: &vpc_links,
        functions: &functions,
        credentials: &credentials,
        service_endpoints: &service_endpoints,
        usage_plans: &usage_plans,
        keeps_state: state_directory.is_some(),
    };
    agreement::check(&parts, names, &mut reading.problems);
    let configuration = Configuration {
        dns_suffix,
        vpc_endpoints,
        shared_listeners,
        public_listeners,
        rest_apis: rest_apis.into_iter().map(|read| read.api).collect(),
        domain_names: domain_names.into_iter().map(|domain_name| domain_name.value).collect(),
        vpc_links,
        functions,
        credentials,
        service_endpoints,
        api_keys: keys.into_api_keys(),
        usage_plans,
        principals,
        account_throttle: gateway::account_throttle(root, &mut reading.problems),
        state_directory,
        quota_flush_seconds: gateway::quota_flush_seconds(root, &mut reading.problems),
        request_streaming: root.boolean("requestStreaming", &mut reading.problems),
        hosts: gateway::hosts(root, &mut reading.problems),
        workers: gateway::workers(root, &mut reading.problems),
        admin,
        api_key_series: gateway::api_key_series(root, &mut reading.problems),
        access_log: gateway::access_log(root, reading),
        limits,
        compatibility,
        // Last, since nothing behind a missing one is read.
        partition: region.as_ref().map(Partition::of)?,
        region: region?,
        account_id: account_id?,
    };
    Some(configuration)
}
