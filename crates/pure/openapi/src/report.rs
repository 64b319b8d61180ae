//! What an import has to say: refused, warned of, ignored, and understood but not served yet.

use std::collections::HashMap;

use postern_document::{Entry, Place, Problem, Problems, Record, Severity, did_you_mean};

use crate::extension::{self, Level};

/// What is understood but not served yet, and the sentence that says so.
///
/// A definition with one of these is accepted by `postern openapi check` with that note, and refused
/// by `check` and `run`. What comes to be served loses its row here, and nothing else changes.
const UNSERVED: &[(Feature, &str)] = &[
    (Feature::CognitoAuthorizer, "Cognito user pool authorizers are not served yet"),
    (Feature::SecurityPolicy, "`x-amazon-apigateway-security-policy` is not served yet"),
    (Feature::EndpointAccessMode, "`x-amazon-apigateway-endpoint-access-mode` is not served yet"),
];

/// Something that a definition may ask for and that may not be served yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Feature {
    CognitoAuthorizer,
    SecurityPolicy,
    EndpointAccessMode,
}

/// The keys of one kind of object beside those that are read.
pub(crate) struct Keys {
    /// The object, with its article: "an operation".
    pub(crate) what: &'static str,
    /// Keys without any effect on requests, on the service neither: text for people.
    pub(crate) documentation: &'static [&'static str],
    /// Keys that the service drops, each with the reason.
    pub(crate) ignored: &'static [(&'static str, &'static str)],
    /// Which extensions belong here.
    pub(crate) level: Level,
}

/// Everything that was found so far.
#[derive(Default)]
pub(crate) struct Report {
    /// Errors, and warnings that stand for themselves.
    pub(crate) problems: Problems,
    undeployable: Problems,
    repeated: Vec<Repeated>,
    by_text: HashMap<Repeats, usize>,
}

/// What several places say alike is told once, at the first of them.
struct Repeated {
    repeats: Repeats,
    place: Place,
    others: usize,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repeats {
    Warning(String),
    Vendor,
    Unserved(&'static str),
}

impl Report {
    /// Refuses the definition.
    pub(crate) fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.error(place, message);
    }

    /// Warns of something at one place.
    pub(crate) fn warning(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.warning(place, message);
    }

    /// Refuses the definition where the API is strict, and warns otherwise.
    pub(crate) fn strict(&mut self, is_strict: bool, place: &Place, message: impl Into<String>) {
        let severity = if is_strict { Severity::Error } else { Severity::Warning };
        self.problems.push(Problem { place: place.clone(), severity, message: message.into() });
    }

    /// Warns of something once for the whole definition, however often it stands there.
    pub(crate) fn once(&mut self, place: &Place, message: impl Into<String>) {
        self.repeat(Repeats::Warning(message.into()), place);
    }

    /// Notes what the service imports and does not deploy, or deploys otherwise than it reads:
    /// accepted by `openapi check`, refused by `check` and `run`.
    pub(crate) fn undeployable(&mut self, place: &Place, message: impl Into<String>) {
        self.undeployable.error(place, message);
    }

    /// Notes that the definition asks for this, if it is not served yet.
    pub(crate) fn uses(&mut self, feature: Feature, place: &Place) {
        if let Some((_, sentence)) = UNSERVED.iter().find(|(unserved, _)| *unserved == feature) {
            self.repeat(Repeats::Unserved(sentence), place);
        }
    }

    /// Tells of every key that nothing has read.
    pub(crate) fn unread(&mut self, record: &Record<'_>, keys: &Keys) {
        for entry in record.unread() {
            self.unread_key(entry, record.known(), keys);
        }
    }

    fn unread_key(&mut self, entry: &Entry, known: &[&'static str], keys: &Keys) {
        let key = &*entry.key;
        if keys.documentation.contains(&key) {
            return;
        }
        if let Some((_, reason)) = keys.ignored.iter().find(|(ignored, _)| *ignored == key) {
            return self.once(&entry.place, format!("`{key}` of {} is ignored: {reason}", keys.what));
        }
        if let Some(name) = key.strip_prefix(extension::PREFIX) {
            return extension::unread(name, keys.level, &entry.place, self);
        }
        if key.starts_with("x-") {
            return self.repeat(Repeats::Vendor, &entry.place);
        }
        let words = known.iter().chain(keys.documentation).copied();
        let suggestion =
            did_you_mean(key, words).map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
        self.once(&entry.place, format!("`{key}` is no key of {} and is ignored{suggestion}", keys.what));
    }

    fn repeat(&mut self, repeats: Repeats, place: &Place) {
        if let Some(known) = self.by_text.get(&repeats).and_then(|index| self.repeated.get_mut(*index)) {
            known.others += 1;
            if *place < known.place {
                known.place = place.clone();
            }
            return;
        }
        self.by_text.insert(repeats.clone(), self.repeated.len());
        self.repeated.push(Repeated { repeats, place: place.clone(), others: 0 });
    }

    /// Problems and what is not served, each in the order of the file.
    pub(crate) fn finish(mut self) -> (Problems, Problems) {
        for Repeated { repeats, place, others } in self.repeated {
            let others = match others {
                0 => String::new(),
                1 => " (and at 1 other place)".to_owned(),
                _ => format!(" (and at {others} other places)"),
            };
            match repeats {
                Repeats::Warning(message) => self.problems.warning(&place, format!("{message}{others}")),
                Repeats::Vendor => {
                    self.problems.warning(&place, format!("extensions of other tools are ignored{others}"));
                }
                Repeats::Unserved(sentence) => self.undeployable.error(&place, format!("{sentence}{others}")),
            }
        }
        (in_order(self.problems), in_order(self.undeployable))
    }
}

/// In the order of the file, and each once: what several methods share may have been read for each.
fn in_order(mut problems: Problems) -> Problems {
    problems.sort_by_place();
    let mut once = Problems::default();
    let mut last = None;
    for problem in &problems {
        if last != Some(problem) {
            once.push(problem.clone());
        }
        last = Some(problem);
    }
    once
}
