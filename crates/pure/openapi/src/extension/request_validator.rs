//! `x-amazon-apigateway-request-validators` and `-request-validator`: what is validated (V1 to V4).

use std::collections::HashMap;

use postern_document::{Node, Record, did_you_mean};
use postern_model::RequestValidator;

use super::Level;
use crate::{
    context::Context,
    report::{Keys, Report},
};

const KEYS: Keys =
    Keys { what: "a request validator", documentation: &[], ignored: &[], level: Level::Elsewhere };

/// The validators of a definition, and which one holds where a method names none.
#[derive(Default)]
pub(crate) struct RequestValidators<'a> {
    by_name: HashMap<&'a str, RequestValidator>,
    default: Option<RequestValidator>,
}

impl<'a> RequestValidators<'a> {
    /// Reads the two extensions at the root.
    pub(crate) fn read(record: &mut Record<'a>, context: &mut Context<'a>) -> Self {
        let mut validators = Self::default();
        let declared = record.mapping("x-amazon-apigateway-request-validators", &mut context.report.problems);
        for entry in declared {
            let validator = read_one(&entry.value, &mut context.report);
            validators.by_name.insert(&entry.key, validator);
        }
        if let Some(name) = record.node("x-amazon-apigateway-request-validator") {
            validators.default = validators.named(name, &mut context.report);
        }
        validators
    }

    /// What is validated of a method's requests.
    pub(crate) fn of_operation(
        &self,
        operation: &mut Record<'a>,
        context: &mut Context<'a>,
    ) -> Option<RequestValidator> {
        match operation.node("x-amazon-apigateway-request-validator") {
            Some(name) => self.named(name, &mut context.report),
            None => self.default,
        }
    }

    fn named(&self, node: &Node, report: &mut Report) -> Option<RequestValidator> {
        let name = node.as_scalar_text().unwrap_or_default();
        let validator = self.by_name.get(name).copied();
        if validator.is_none() {
            let suggestion = did_you_mean(name, self.by_name.keys().copied())
                .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
            let message =
                format!("`{name}` is no validator of `x-amazon-apigateway-request-validators`{suggestion}");
            report.error(&node.place, message);
        }
        validator
    }
}

fn read_one(node: &Node, report: &mut Report) -> RequestValidator {
    let problems = &mut report.problems;
    let Some(mut record) = Record::read(node, KEYS.what, problems) else {
        return RequestValidator { parameters: false, body: false };
    };
    let validator = RequestValidator {
        parameters: record.boolean("validateRequestParameters", false, problems),
        body: record.boolean("validateRequestBody", false, problems),
    };
    report.unread(&record, &KEYS);
    validator
}
