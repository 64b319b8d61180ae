//! What templates set under `$context.requestOverride` and `$context.responseOverride`: plain data.

/// What templates have overridden so far. A request template's overrides are handed on to the
/// response template, which may read and change them (statements OV1 to OV7, X5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `$context.requestOverride.header`.
    pub request_header: OverrideGroup,
    /// `$context.requestOverride.path`.
    pub request_path: OverrideGroup,
    /// `$context.requestOverride.querystring`.
    pub request_querystring: OverrideGroup,
    /// `$context.responseOverride.header`.
    pub response_header: OverrideGroup,
    /// `$context.responseOverride.status` as the template wrote it; [`Overrides::status`] is what
    /// counts.
    pub response_status: Option<String>,
    /// How often a template assigned a target that was assigned before. The last one counts; the
    /// service may answer 5XX (statement OV2).
    pub repeated_assignments: u32,
}

impl Overrides {
    /// The overriding status, if it is a number from 100 to 599 (statement OV3).
    ///
    /// ```
    /// use postern_template::Overrides;
    ///
    /// let status = |text: &str| Overrides { response_status: Some(text.into()), ..Overrides::default() }.status();
    /// assert_eq!(status("444"), Some(444));
    /// assert_eq!(status("600"), None);
    /// assert_eq!(status("teapot"), None);
    /// ```
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let status = self.response_status.as_ref()?.parse().ok()?;
        (100..=599).contains(&status).then_some(status)
    }
}

/// The overridden members of one group, in the order of their first assignment.
///
/// ```
/// use postern_template::{OverrideGroup, OverrideValue};
///
/// let mut group = OverrideGroup::default();
/// group.set("X-Pet", OverrideValue::One("dog".to_owned()));
/// assert_eq!(group.set("X-Pet", OverrideValue::One("cat".to_owned())), Some(OverrideValue::One("dog".to_owned())));
/// assert_eq!(group.iter().count(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverrideGroup {
    entries: Vec<(String, OverrideValue)>,
}

/// What a member is overridden with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideValue {
    /// One value.
    One(String),
    /// A list: several values of a header or a query parameter (statement X7).
    Several(Vec<String>),
}

impl OverrideGroup {
    /// The value of a member; names are compared as they were written.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OverrideValue> {
        self.entries.iter().find(|(entry, _)| entry == name).map(|(_, value)| value)
    }

    /// Every member, in the order of first assignment.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OverrideValue)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether nothing is overridden.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a member and gives back what it was before.
    pub fn set(&mut self, name: &str, value: OverrideValue) -> Option<OverrideValue> {
        match self.entries.iter_mut().find(|(entry, _)| entry == name) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                self.entries.push((name.to_owned(), value));
                None
            }
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<OverrideValue> {
        let position = self.entries.iter().position(|(entry, _)| entry == name)?;
        Some(self.entries.remove(position).1)
    }
}
