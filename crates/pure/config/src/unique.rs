//! Names that may stand once.

use std::{collections::BTreeMap, fmt::Display};

use postern_document::{Place, Problems};

/// The names of one kind that were met so far, each with its place.
pub(crate) struct Unique<T> {
    key: &'static str,
    places: BTreeMap<T, Place>,
}

impl<T: Ord + Display> Unique<T> {
    /// Nothing was met yet; `key` is what the file calls the name.
    pub(crate) const fn of(key: &'static str) -> Self {
        Self { key, places: BTreeMap::new() }
    }

    /// Notes a name; one that was met before is a problem.
    pub(crate) fn claim(&mut self, name: T, place: &Place, problems: &mut Problems) {
        if let Some(first) = self.places.get(&name) {
            let message = format!("`{}` is `{name}`: it stands at {first} already", self.key);
            problems.error(place, message);
        } else {
            self.places.insert(name, place.clone());
        }
    }
}
