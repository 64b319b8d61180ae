//! What shape: required parameters and bodies, where a method names a validator
//! (models-and-validation.md).

mod body;
mod json;
mod parameters;

use postern_model::Method;

use crate::{Record, Refusal, content};

use body::BodyModels;
use parameters::RequiredParameters;

/// What the requests of a method are checked for, made at load.
#[derive(Debug, Default)]
pub(crate) struct Validation {
    parameters: RequiredParameters,
    body: Option<BodyModels>,
}

impl Validation {
    /// What a method's validator asks for: nothing where it names none (V1, V2).
    pub(crate) fn of(method: &Method) -> Self {
        let Some(validator) = method.request_validator else { return Self::default() };
        let parameters = validator.parameters.then(|| RequiredParameters::of(method));
        Self {
            parameters: parameters.unwrap_or_default(),
            body: validator.body.then(|| BodyModels::of(method)),
        }
    }

    /// Whether bodies are checked, and so have to be there whole.
    pub(crate) const fn reads_body(&self) -> bool {
        self.body.is_some()
    }

    /// The names of the parameters that are required.
    pub(crate) fn required_parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.names()
    }

    /// Refuses a request without a required parameter. This comes before the body is read (V5).
    pub(crate) fn check_parameters(&self, record: &Record<'_>) -> Result<(), Refusal> {
        let missing = self.parameters.missing(record);
        if missing.is_empty() { Ok(()) } else { Err(Refusal::MissingParameters(missing)) }
    }

    /// Refuses a body that is not as its model says.
    pub(crate) fn check_body(&self, record: &Record<'_>, body: &[u8]) -> Result<(), Refusal> {
        let (Some(models), Some(arrival)) = (&self.body, record.arrival) else { return Ok(()) };
        models.check(&content::of_body(arrival), body).map_err(Refusal::InvalidBody)
    }
}
