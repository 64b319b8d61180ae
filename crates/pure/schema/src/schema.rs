//! A compiled model.

use postern_document::{Node, Problems};
use serde_json::Value;

use crate::{
    Violations,
    check::Checker,
    parse::{self, Rule},
    violation,
};

/// A model that values are checked against: JSON Schema draft 4 as the service understands it
/// (SD1 to SD10).
///
/// ```
/// use postern_document::{Problems, parse_json};
/// use postern_schema::Schema;
///
/// let pet = parse_json("pet.json", r##"{"type": "object", "properties": {"friend": {"$ref": "#"}}}"##).unwrap();
/// let schema = Schema::compile(&pet, &|_| None, &mut Problems::default()).unwrap();
/// assert!(schema.is_valid(&serde_json::json!({"friend": {"friend": {}}})));
/// assert!(!schema.is_valid(&serde_json::json!({"friend": {"friend": 1}})));
/// ```
#[derive(Clone, Debug)]
pub struct Schema {
    rules: Box<[Rule]>,
}

impl Schema {
    /// Compiles a schema, with everything that it refers to.
    ///
    /// `models` finds other models by name, for `#/definitions/NAME`, `#/components/schemas/NAME`
    /// and `https://apigateway.amazonaws.com/restapis/API/models/NAME` (SD4); what `root` itself
    /// has under a `#` reference comes first. Models may refer to each other in circles.
    ///
    /// `None` where an error was found: a keyword of the wrong shape, a reference that leads
    /// nowhere or elsewhere on the network (SD8), a pattern that needs look-around or references
    /// back, or a schema that applies itself to the same value without end. Keywords that draft 4
    /// does not know are ignored with a warning; `format` is not enforced (SD7).
    pub fn compile<'nodes>(
        root: &'nodes Node,
        models: &dyn Fn(&str) -> Option<&'nodes Node>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut found = Problems::default();
        let rules = parse::read(root, models, &mut found);
        let is_sound = !found.has_errors();
        problems.extend(found);
        is_sound.then(|| Self { rules: rules.into() })
    }

    /// Whether a value keeps to the schema: the quick answer, for the path of a request.
    ///
    /// A value that is nested deeper than about a thousand schemas does not.
    #[must_use]
    pub fn is_valid(&self, value: &Value) -> bool {
        let mut checker = Checker::new(&self.rules);
        checker.is_valid(0, value) && !checker.gave_up
    }

    /// Whether a value keeps to the schema, and if not, why.
    ///
    /// # Errors
    /// The violations, for `$context.error.validationErrorString`.
    pub fn check(&self, value: &Value) -> Result<(), Violations> {
        violation::explain(&self.rules, value)
    }
}
