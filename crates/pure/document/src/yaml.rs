//! YAML text to [`Node`], places kept, duplicate keys refused.

use crate::{Node, Problems};

/// Reads one YAML (or JSON) document. (to be written)
pub fn parse_yaml(_file: &str, _text: &str) -> Result<Node, Problems> {
    Err(Problems::default())
}
