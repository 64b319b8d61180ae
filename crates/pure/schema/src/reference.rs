//! `$ref`: where it leads (SD4), and where it must not (SD8).

use postern_document::{Node, Problems};

/// Finds models by name.
pub(crate) type Models<'call, 'nodes> = dyn Fn(&str) -> Option<&'nodes Node> + 'call;

/// A schema, and the model in which it stands: to that, `#` refers.
#[derive(Clone, Copy)]
pub(crate) struct Located<'nodes> {
    pub(crate) node: &'nodes Node,
    pub(crate) root: &'nodes Node,
}

impl<'nodes> Located<'nodes> {
    const fn model(root: &'nodes Node) -> Self {
        Self { node: root, root }
    }

    /// What tells this schema from all others: one node may be reached from two roots.
    pub(crate) fn address(&self) -> (usize, usize) {
        (std::ptr::from_ref(self.node).addr(), std::ptr::from_ref(self.root).addr())
    }
}

/// Follows references until a schema that is none. Beside `$ref`, other keywords count for nothing.
pub(crate) fn follow<'nodes>(
    mut schema: Located<'nodes>,
    models: &Models<'_, 'nodes>,
    problems: &mut Problems,
) -> Option<Located<'nodes>> {
    let mut followed = Vec::new();
    while let Some(reference) = schema.node.get("$ref") {
        let Some(text) = reference.as_text() else {
            problems.error(&reference.place, format!("`$ref` is {}: expected text", reference.kind()));
            return None;
        };
        if followed.contains(&schema.address()) {
            problems.error(&reference.place, format!("`$ref` is `{text}`, which leads back here"));
            return None;
        }
        followed.push(schema.address());
        match target(text, schema.root, models) {
            Ok(target) => schema = target,
            Err(reason) => {
                problems.error(&reference.place, format!("`$ref` is `{text}`: {reason}"));
                return None;
            }
        }
    }
    Some(schema)
}

fn target<'nodes>(
    reference: &str,
    root: &'nodes Node,
    models: &Models<'_, 'nodes>,
) -> Result<Located<'nodes>, &'static str> {
    if let Some(fragment) = reference.strip_prefix('#') {
        let pointer = decoded(fragment).ok_or("not a JSON pointer")?;
        let inside = root.at_pointer(&pointer).map(|node| Located { node, root });
        return inside.or_else(|| named(&pointer, models)).ok_or("no such definition or model");
    }
    let address = reference.strip_prefix(MODEL_ADDRESS).and_then(|rest| rest.split_once("/models/"));
    let Some((_, name)) = address else { return Err(REMOTE) };
    let (name, fragment) = name.split_once('#').unwrap_or((name, ""));
    let pointer = decoded(fragment).ok_or("not a JSON pointer")?;
    model(name, &pointer, models).ok_or("no such model")
}

/// A model by its place in a definition of an API.
fn named<'nodes>(pointer: &str, models: &Models<'_, 'nodes>) -> Option<Located<'nodes>> {
    let path = MODEL_POINTERS.iter().find_map(|prefix| pointer.strip_prefix(prefix))?;
    let end = path.find('/').unwrap_or(path.len());
    let (name, inside) = path.split_at_checked(end)?;
    model(&name.replace("~1", "/").replace("~0", "~"), inside, models)
}

fn model<'nodes>(name: &str, pointer: &str, models: &Models<'_, 'nodes>) -> Option<Located<'nodes>> {
    let root = models(name)?;
    Some(Located { node: root.at_pointer(pointer)?, ..Located::model(root) })
}

/// A fragment without its percent-encoding (RFC 6901 section 6).
fn decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// How the service names a model in another's schema.
const MODEL_ADDRESS: &str = "https://apigateway.amazonaws.com/restapis/";

/// Where Swagger 2.0 and OpenAPI 3.0 keep models.
const MODEL_POINTERS: [&str; 2] = ["/definitions/", "/components/schemas/"];

const REMOTE: &str = "schemas are never fetched from elsewhere: expected `#/definitions/NAME`, \
     `#/components/schemas/NAME` or `https://apigateway.amazonaws.com/restapis/API/models/NAME`";
