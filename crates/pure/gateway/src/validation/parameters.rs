//! Required parameters: presence alone (VP1 to VP7).

use postern_model::{Method, ParameterLocation, RequestParameter};
use postern_template::ParameterPlace;

use crate::{Record, integration::parameters::request_parameter};

/// The parameters that a request must bring, in the order in which missing ones are told.
#[derive(Debug, Default)]
pub(crate) struct RequiredParameters {
    required: Box<[RequestParameter]>,
}

impl RequiredParameters {
    /// Those of a method: headers, then path, then query, each by the alphabet (VP4).
    pub(crate) fn of(method: &Method) -> Self {
        let required = |parameter: &&RequestParameter| parameter.required;
        let mut required: Vec<_> = method.request_parameters.iter().filter(required).cloned().collect();
        required.sort_by(|one, other| (one.location, &one.name).cmp(&(other.location, &other.name)));
        Self { required: required.into() }
    }

    /// The names of all of them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.required.iter().map(|parameter| &*parameter.name)
    }

    /// The names of those that a request does not bring: absent or blank (VP2).
    pub(crate) fn missing(&self, record: &Record<'_>) -> Vec<Box<str>> {
        let is_missing = |parameter: &&RequestParameter| {
            let place = match parameter.location {
                ParameterLocation::Header => ParameterPlace::Header,
                ParameterLocation::Path => ParameterPlace::Path,
                ParameterLocation::QueryString => ParameterPlace::Querystring,
            };
            let value = request_parameter(record, place, &parameter.name);
            value.is_none_or(|value| value.trim().is_empty())
        };
        self.required.iter().filter(is_missing).map(|parameter| parameter.name.clone()).collect()
    }
}
