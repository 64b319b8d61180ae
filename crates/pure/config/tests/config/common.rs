//! Files and variables in memory, and what a reading of them told.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use postern_config::{Outcome, ReadFailure, Surroundings, read};

/// Files by path and variables by name.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Memory {
    pub(crate) fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    pub(crate) fn read(&self) -> Outcome {
        read("postern.yaml", self)
    }

    /// Every problem, as printed.
    pub(crate) fn told(&self) -> Vec<String> {
        self.read().problems.iter().map(ToString::to_string).collect()
    }
}

impl Surroundings for Memory {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        self.files.get(path).cloned().ok_or_else(ReadFailure::absence)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// A definition with one method: `GET /pets`, by MOCK.
pub(crate) const PETS: &str = r#"{"openapi": "3.0.1", "info": {"title": "pets"}, "paths": {
  "/pets": {"get": {
    "responses": {"200": {"description": "all pets"}},
    "x-amazon-apigateway-integration": {
      "type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
      "responses": {"default": {"statusCode": "200"}}
    }
  }}
}}"#;

/// A policy that lets everybody in.
pub(crate) const OPEN: &str = r#"{"Version": "2012-10-17", "Statement": {
  "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"
}}"#;

/// The same of an endpoint or a domain name.
pub(crate) const EVERYTHING: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}"#;

/// The files that every case may name, on a machine that has no credentials by itself.
pub(crate) fn files() -> Memory {
    let mut memory = Memory::default().with("apis/pets.json", PETS).with("policies/open.json", OPEN);
    memory.variables.insert("AWS_EC2_METADATA_DISABLED".into(), "true".into());
    memory
}
