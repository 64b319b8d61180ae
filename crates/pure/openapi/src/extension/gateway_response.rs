//! `x-amazon-apigateway-gateway-responses`: what the gateway itself answers.

use std::collections::BTreeMap;

use postern_document::{Entry, Record, did_you_mean};
use postern_model::{GatewayResponse, GatewayResponseSource, GatewayResponseType};
use postern_template::{SimpleSource, SimpleTemplate};

use super::Level;
use crate::{
    context::{Context, status},
    mapping,
    report::Keys,
    template::media_type,
};

const KEYS: Keys =
    Keys { what: "a gateway response", documentation: &[], ignored: &[], level: Level::Elsewhere };

/// Reads every gateway response of a definition.
pub(super) fn read_gateway_responses(
    entries: &[Entry],
    context: &mut Context<'_>,
) -> BTreeMap<GatewayResponseType, GatewayResponse> {
    let mut responses = BTreeMap::new();
    for entry in entries {
        let Ok(kind) = entry.key.to_ascii_uppercase().parse::<GatewayResponseType>() else {
            let suggestion =
                did_you_mean(&entry.key, GatewayResponseType::ALL.map(GatewayResponseType::as_str))
                    .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
            let message = format!("`{}` is no type of gateway response{suggestion}", entry.key);
            context.report.error(&entry.place, message);
            continue;
        };
        let Some(response) = read_one(entry, context) else { continue };
        if kind == GatewayResponseType::RequestTooLarge {
            let message = "`REQUEST_TOO_LARGE` is ignored: the service has no other answer for it (GR-4)";
            context.report.warning(&entry.place, message);
        } else {
            responses.insert(kind, response);
        }
    }
    responses
}

fn read_one(entry: &Entry, context: &mut Context<'_>) -> Option<GatewayResponse> {
    let problems = &mut context.report.problems;
    let mut record = Record::read(&entry.value, KEYS.what, problems)?;
    let status = record.optional("statusCode", status, problems);
    let parameters = record.mapping("responseParameters", problems);
    let templates = record.mapping("responseTemplates", problems);
    context.report.unread(&record, &KEYS);
    Some(GatewayResponse {
        status,
        headers: parameters.iter().filter_map(|entry| read_header(entry, context)).collect(),
        templates: templates.iter().filter_map(|entry| read_template(entry, context)).collect(),
    })
}

/// GR-24: only headers have an effect.
fn read_header(entry: &Entry, context: &mut Context<'_>) -> Option<(Box<str>, GatewayResponseSource)> {
    const OTHERS: [&str; 2] = ["gatewayresponse.path.", "gatewayresponse.querystring."];
    let source = context.parse(&entry.key, &entry.value, mapping::gateway_response_source);
    if OTHERS.iter().any(|prefix| entry.key.starts_with(prefix)) {
        let message = format!("`{}` is ignored: an answer has headers alone", entry.key);
        context.report.once(&entry.place, message);
        return None;
    }
    match mapping::gateway_response_header(&entry.key) {
        Ok(header) => {
            context.lints.gateway_headers |= header.to_ascii_lowercase().contains("access-control-");
            Some((header, source?))
        }
        Err(error) => {
            context.report.error(&entry.place, format!("`{}` cannot be set: {error}", entry.key));
            None
        }
    }
}

fn read_template(entry: &Entry, context: &mut Context<'_>) -> Option<(Box<str>, SimpleTemplate)> {
    let template = context.parse(&entry.key, &entry.value, |text| {
        Ok::<_, String>((SimpleTemplate::parse(text), text.to_owned()))
    });
    let (template, text) = template?;
    let is_message = |name: &str| name == "error.message";
    let prints_message = template
        .variables()
        .any(|variable| variable.source == SimpleSource::Context && is_message(&variable.name));
    if prints_message && text.contains("\"$context.error.message\"") {
        let message = "`$context.error.message` is not escaped inside quotation marks (GR-23): \
             `$context.error.messageString` brings its own";
        context.report.once(&entry.value.place, message);
    }
    Some((media_type(&entry.key), template))
}
