//! Stages: the settings under which a definition is served.

use std::collections::BTreeMap;

use crate::{StageName, ThrottleLimit, Verb};

/// One stage of an API.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The first path segment of its requests.
    pub name: StageName,
    /// Its variables.
    pub variables: StageVariables,
    /// Its settings by method.
    pub method_settings: MethodSettings,
}

/// Stage variables: names of letters, digits and `_`, at most 64 long; values at most 512; at most
/// 100 of them (stages-and-deployments.md section 2).
pub type StageVariables = BTreeMap<Box<str>, Box<str>>;

/// Settings by method. A method's own setting stands before `*/*`, property by property.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MethodSettings {
    /// `*/*`: a template that each method without its own setting takes (TH-10).
    pub default: MethodSetting,
    /// Settings of (resource path, verb).
    pub methods: BTreeMap<(Box<str>, Verb), MethodSetting>,
}

/// What can be set for a method.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MethodSetting {
    /// `throttlingRateLimit` and `throttlingBurstLimit`; absent: no limit at this level (TH-4).
    pub throttle: Option<ThrottleLimit>,
}

impl MethodSettings {
    /// The setting of a method: its own, else that of `ANY` on its resource (TH-14), else `*/*`.
    #[must_use]
    pub fn of(&self, resource_path: &str, verb: Verb) -> MethodSetting {
        let own = |verb| self.methods.get(&(Box::from(resource_path), verb)).copied();
        let throttle = own(verb)
            .and_then(|setting| setting.throttle)
            .or_else(|| own(Verb::Any).and_then(|setting| setting.throttle))
            .or(self.default.throttle);
        MethodSetting { throttle }
    }
}
