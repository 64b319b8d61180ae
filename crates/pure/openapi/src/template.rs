//! Mapping templates by media type.

use postern_document::Entry;
use postern_model::Template;
use postern_template::TemplateProblem;

use crate::context::Context;

/// Reads the templates under `key` (`requestTemplates`, `responseTemplates`), in the order of the
/// file.
pub(crate) fn read_all(key: &str, entries: &[Entry], context: &mut Context<'_>) -> Vec<(Box<str>, Template)> {
    entries.iter().filter_map(|entry| Some((media_type(&entry.key), read(key, entry, context)?))).collect()
}

fn read(key: &str, entry: &Entry, context: &mut Context<'_>) -> Option<Template> {
    let Entry { key: media_type, value: node, .. } = entry;
    if node.is_null() {
        return Some(Template::Passthrough);
    }
    let Some(text) = node.as_scalar_text() else {
        let message =
            format!("the {key} entry for `{media_type}` is {}: expected a template as text", node.kind());
        context.report.error(&node.place, message);
        return None;
    };
    let text = context.fill(text);
    let place = |problem: &TemplateProblem| node.place_in_text(problem.line, problem.column);
    match postern_template::Template::parse(&text, &context.options.template_limits) {
        Ok(template) => {
            for lint in template.lints() {
                let message = format!("the {key} entry for `{media_type}`, {lint}");
                context.report.warning(&place(lint), message);
            }
            Some(Template::Parsed(template))
        }
        Err(problem) => {
            let message = format!("the {key} entry for `{media_type}` is not a template: {problem}");
            context.report.strict(context.options.strict, &place(&problem), message);
            Some(Template::Broken)
        }
    }
}

/// Proxy integrations render no templates: to write one is probably a mistake.
pub(crate) fn has_no_effect(key: &str, entries: &[Entry], context: &mut Context<'_>) {
    if let Some(first) = entries.first() {
        let message = format!("`{key}` of a proxy integration has no effect: the request passes as it is");
        context.report.once(&first.place, message);
    }
}

/// A media type as a key: without white space and in lower case. `$default` stays as it is.
pub(crate) fn media_type(key: &str) -> Box<str> {
    key.trim().to_ascii_lowercase().into()
}
