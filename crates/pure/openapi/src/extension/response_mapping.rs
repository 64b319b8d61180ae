//! Entries of an integration's `responses`: which answer is chosen, and what is made of it.

use postern_document::{Entry, Node, Record};
use postern_model::{IntegrationResponse, ResponseMapping};

use super::{Level, content_handling};
use crate::{
    context::{Context, status},
    mapping,
    operation::Declared,
    report::Keys,
    template,
};

const KEYS: Keys = Keys {
    what: "an integration response",
    documentation: &["description"],
    ignored: &[],
    level: Level::Elsewhere,
};

/// Reads one entry: its key is the pattern, `default` or nothing is none (SP5).
pub(super) fn read<'a>(
    entry: &'a Entry,
    calls_function: bool,
    declared: &Declared<'_>,
    context: &mut Context<'a>,
) -> Option<IntegrationResponse> {
    let problems = &mut context.report.problems;
    let mut record = Record::read(&entry.value, KEYS.what, problems)?;
    let status = record.required("statusCode", status, problems);
    let parameters = record.mapping("responseParameters", problems);
    let templates = record.mapping("responseTemplates", problems);
    let content_handling = content_handling(&mut record, problems);
    context.report.unread(&record, &KEYS);

    let selection_pattern = match &*entry.key {
        "" | "default" => None,
        text => Some(context.pattern(text, &entry.place)?),
    };
    if calls_function && selection_pattern.as_ref().is_some_and(|pattern| pattern.matches("")) {
        let message = format!(
            "`{}` matches an answer without an error message too: it takes the successes of the function",
            entry.key
        );
        context.report.warning(&entry.place, message);
    }
    let response_parameters =
        parameters.iter().filter_map(|entry| read_parameter(entry, status, declared, context)).collect();
    let response_templates = template::read_all("responseTemplates", templates, context);
    let status = status?;
    if !declared.responses.iter().any(|response| response.status == status) {
        let message = format!("the method declares no response {status}: to answer with it is to answer 500");
        context.report.warning(&entry.place, message);
    }
    Some(IntegrationResponse {
        selection_pattern,
        status,
        response_parameters,
        response_templates,
        content_handling,
    })
}

fn read_parameter(
    entry: &Entry,
    status: Option<u16>,
    declared: &Declared<'_>,
    context: &mut Context<'_>,
) -> Option<ResponseMapping> {
    let source = context.parse(&entry.key, &entry.value, mapping::response_source);
    let header = match mapping::response_header(&entry.key) {
        Ok(header) => header,
        Err(error) => {
            context.report.error(&entry.place, format!("`{}` cannot be set: {error}", entry.key));
            return None;
        }
    };
    let response = declared.responses.iter().find(|response| Some(response.status) == status);
    let is_declared = response
        .is_none_or(|response| response.headers.iter().any(|name| name.eq_ignore_ascii_case(&header)));
    if !is_declared {
        let message =
            format!("the header `{header}` is set by a mapping and not declared by the method response");
        context.report.once(&entry.place, message);
    }
    context.lints.note_header(&header, &entry.place);
    Some(ResponseMapping { header, source: source? })
}

/// The answer of a proxy passes as it is (PR3). The entry without mappings that exports and tools
/// write is no mistake; mappings are.
pub(super) fn have_no_effect(responses: &[Entry], context: &mut Context<'_>) {
    for entry in responses {
        for key in ["responseParameters", "responseTemplates"] {
            let mapped =
                entry.value.get(key).and_then(Node::as_mapping).filter(|mapping| !mapping.is_empty());
            if mapped.is_some() {
                let message =
                    format!("`{key}` of a proxy integration has no effect: the backend's answer passes");
                context.report.once(&entry.value.place, message);
            }
        }
    }
}
