//! `stages`: the settings under which a definition is served.

use std::collections::BTreeMap;

use postern_document::{Place, Problems};
use postern_model::{Malformed, MethodSetting, MethodSettings, RestApiId, Stage, StageName, StageVariables};

use crate::{
    fields::Section,
    names::UsedMethod,
    section::{method_key::MethodKey, throttle},
    unique::Unique,
};

/// The most variables that a stage may have.
const VARIABLES_MAX: usize = 100;

/// The stages of one API.
#[derive(Default)]
pub(crate) struct Stages {
    /// As far as they could be read.
    pub(crate) stages: Vec<Stage>,
    /// Every stage whose name could be read, and where it starts.
    pub(crate) declared: BTreeMap<StageName, Place>,
    /// The methods that their settings are for.
    pub(crate) used_methods: Vec<UsedMethod>,
}

impl Stages {
    /// Reads the stages of the API of this id.
    pub(crate) fn read(section: &mut Section<'_>, api: Option<&RestApiId>, problems: &mut Problems) -> Self {
        let mut stages = Self::default();
        let mut names = Unique::of("stageName");
        for mut section in section.sections("stages", problems) {
            let name: Option<StageName> = section.required("stageName", str::parse, problems);
            if let (Some(name), Some(node)) = (&name, section.node("stageName")) {
                names.claim(name.clone(), &node.place, problems);
                stages.declared.entry(name.clone()).or_insert_with(|| section.place().clone());
            }
            let variables = variables(&mut section, problems);
            let method_settings = stages.method_settings(&mut section, api, problems);
            stages.stages.extend(name.map(|name| Stage { name, variables, method_settings }));
        }
        stages
    }

    /// `methodSettings` (stages-and-deployments.md section 3).
    fn method_settings(
        &mut self,
        section: &mut Section<'_>,
        api: Option<&RestApiId>,
        problems: &mut Problems,
    ) -> MethodSettings {
        let mut settings = MethodSettings::default();
        let mut methods = Unique::of("methodSettings");
        for (entry, mut section) in section.map_sections("methodSettings", problems) {
            let setting = MethodSetting { throttle: throttle::method_limit(&mut section, problems) };
            let method = match MethodKey::parse(&entry.key) {
                Ok(method) => method,
                Err(error) => {
                    problems.error(&entry.place, format!("method setting `{}`: {error}", entry.key));
                    continue;
                }
            };
            methods.claim(method.clone(), &entry.place, problems);
            match method {
                MethodKey::Every => settings.default = setting,
                MethodKey::One(path, verb) => {
                    let place = entry.place.clone();
                    let used =
                        api.map(|api| UsedMethod { api: api.clone(), path: path.clone(), verb, place });
                    self.used_methods.extend(used);
                    settings.methods.insert((path, verb), setting);
                }
            }
        }
        settings
    }
}

/// `variables`, by the rules of stages-and-deployments.md section 2.
fn variables(section: &mut Section<'_>, problems: &mut Problems) -> StageVariables {
    let entries = section.map("variables", problems);
    if let Some(entry) = entries.get(VARIABLES_MAX) {
        let message = format!("{} stage variables: expected at most {VARIABLES_MAX}", entries.len());
        problems.error(&entry.place, message);
    }
    let mut variables = StageVariables::new();
    for entry in entries {
        if let Err(error) = variable_name(&entry.key) {
            problems.error(&entry.place, format!("stage variable `{}`: {error}", entry.key));
        }
        let Some(value) = entry.value.as_scalar_text() else {
            let kind = entry.value.kind();
            problems.error(&entry.value.place, format!("`{}` is {kind}: expected one value", entry.key));
            continue;
        };
        if let Err(error) = variable_value(value) {
            problems.error(&entry.value.place, format!("`{}` is `{value}`: {error}", entry.key));
        }
        variables.insert(entry.key.clone(), value.into());
    }
    variables
}

fn variable_name(text: &str) -> Result<(), Malformed> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Malformed::new("a name of 1 to 64 letters, digits and `_`"))
    }
}

fn variable_value(text: &str) -> Result<(), Malformed> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&byte);
    if text.len() <= 512 && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Malformed::new("at most 512 letters, digits and `-._~:/?#&=,`"))
    }
}
