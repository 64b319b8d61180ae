//! The sample gateway at the top of the repository loads.

use std::path::{Path, PathBuf};

use postern_config::{Outcome, ReadFailure, Surroundings, read};
use postern_model::{EndpointType, Verb};

/// The real files, from the top of the repository.
struct Repository;

impl Surroundings for Repository {
    #[expect(clippy::disallowed_methods, reason = "this test reads the files that users get")]
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        Ok(std::fs::read(top.join(path))?)
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn sample() -> Outcome {
    read("config/postern.yaml", &Repository)
}

/// The definition is the service's own export, and what is worth a warning in it stays there.
#[test]
fn the_sample_has_no_error_and_no_warning_of_its_own() {
    let told: Vec<String> = sample().problems.iter().map(ToString::to_string).collect();
    let own = told.iter().filter(|told| !told.starts_with("config/apis/petstore.json"));
    assert_eq!(own.count(), 0, "{told:#?}");
    assert!(sample().configuration.is_some(), "{told:#?}");
}

#[test]
fn the_sample_is_the_walkthrough_of_private_apis() {
    let configuration = sample().configuration.unwrap();
    assert_eq!(configuration.vpc_endpoints.len(), 2);
    let api = &configuration.rest_apis[0];
    assert_eq!((api.id.as_str(), api.endpoint_type), ("a1b2c3d4e5", EndpointType::Private));
    assert_eq!(api.policy.as_ref().unwrap().statements().len(), 2);
    let settings = &api.stages[0].method_settings;
    assert_eq!(settings.of("/pets", Verb::Get).throttle.unwrap().burst(), 20);
    assert_eq!(settings.of("/pets", Verb::Post).throttle.unwrap().burst(), 5_000);
    let paths: Vec<&str> = api.definition.resources.iter().map(|resource| resource.path.as_str()).collect();
    assert_eq!(paths, ["/", "/pets", "/pets/{petId}"]);
    let needed = (configuration.hosts[0].host.as_ref(), configuration.hosts[0].port);
    assert_eq!(needed, ("petstore-demo-endpoint.execute-api.com", 80));
}

#[test]
fn every_file_that_is_named_is_watched() {
    let expected = ["config/apis/petstore.json", "config/policies/source-vpce.json", "config/postern.yaml"];
    assert_eq!(sample().files, expected.map(PathBuf::from));
}

#[test]
fn a_missing_configuration_is_told_at_its_start() {
    let outcome = read("config/none.yaml", &Repository);
    let told: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["config/none.yaml:1:1: there is no such file"]);
    assert_eq!(outcome.files, [PathBuf::from("config/none.yaml")]);
}
