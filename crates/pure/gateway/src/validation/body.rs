//! The body against its model (VB1 to VB10).

use std::sync::Arc;

use postern_document::{Problems, parse_json};
use postern_model::Method;
use postern_schema::{Schema, Violations};

use super::json;
use crate::content::is_json;

/// The models of a method's bodies, by media type.
#[derive(Debug)]
pub(crate) struct BodyModels {
    models: Vec<(Box<str>, Arc<Schema>)>,
}

impl BodyModels {
    /// Those of a method; one that has none gets the built-in model `Empty` (VB3).
    pub(crate) fn of(method: &Method) -> Self {
        let mut models: Vec<_> = method
            .request_models
            .iter()
            .map(|model| (model.media_type.clone(), Arc::clone(&model.schema)))
            .collect();
        if models.is_empty() {
            models.extend(empty_model().map(|schema| (ANY.into(), Arc::new(schema))));
        }
        Self { models }
    }

    /// Checks a body of a media type. What no model is for passes (VB2), and so does what is not JSON
    /// by its type (VB9).
    pub(crate) fn check(&self, media_type: &str, body: &[u8]) -> Result<(), Violations> {
        if !is_json(media_type) {
            return Ok(());
        }
        let of = |wanted: &str| self.models.iter().find(|(own, _)| own.eq_ignore_ascii_case(wanted));
        let Some((_, schema)) = of(media_type).or_else(|| of(ANY)) else { return Ok(()) };
        // No body stands for no members (VB4).
        let body = if body.is_empty() { b"{}".as_slice() } else { body };
        let value = json::read(body).ok_or_else(Violations::unreadable)?;
        if schema.is_valid(&value) { Ok(()) } else { schema.check(&value) }
    }
}

/// The key of the model that other types take.
const ANY: &str = "$default";

/// The built-in model `Empty` (MD2).
fn empty_model() -> Option<Schema> {
    const TEXT: &str = r#"{"title": "Empty Schema", "type": "object"}"#;
    let node = parse_json("Empty", TEXT).ok()?;
    Schema::compile(&node, &|_| None, &mut Problems::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md2_the_model_of_methods_without_one_compiles() {
        assert!(empty_model().is_some());
    }
}
