//! What a mapping template sees of an exchange: a view, nothing is built before it is asked for.

use std::borrow::Cow;

use postern_template::{CONTEXT_NAMES, ContextValue, ParameterPlace, Variables};

use super::{forwarding, parameters};
use crate::{
    Record,
    context::{OF_AUTHORIZER, Variable, View, lossy},
};

/// The view of a template. `body` is the client's in a request template, the backend's in a response
/// template, and absent in the response of a MOCK (MK5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct TemplateView<'v> {
    pub(crate) record: &'v Record<'v>,
    pub(crate) body: Option<&'v str>,
}

/// What `$context.identity` may hold here.
const IDENTITY_NAMES: [&str; 13] = [
    "accessKey",
    "accountId",
    "apiKey",
    "apiKeyId",
    "caller",
    "clientCert",
    "principalOrgId",
    "sourceIp",
    "user",
    "userAgent",
    "userArn",
    "vpcId",
    "vpceId",
];

/// What `$context.identity.clientCert` holds.
const CERTIFICATE_NAMES: [&str; 5] = ["clientCertPem", "subjectDN", "issuerDN", "serialNumber", "validity"];

impl TemplateView<'_> {
    const fn view(&self) -> View<'_> {
        View { record: self.record, error: None, sent: None }
    }
}

impl Variables for TemplateView<'_> {
    fn context(&self, path: &str) -> Option<ContextValue<'_>> {
        match path {
            "identity" => return Some(ContextValue::Branch),
            "authorizer" => return self.record.authorizer.as_ref().map(|_| ContextValue::Branch),
            "identity.clientCert" | "identity.clientCert.validity" => {
                return self.record.connection.client_certificate().map(|_| ContextValue::Branch);
            }
            "identity.apiKey" => return parameters::api_key(self.record).map(ContextValue::Text),
            _ => {}
        }
        if let Some(name) = path.strip_prefix(OF_AUTHORIZER) {
            return self.record.authorizer.as_ref()?.value(name).map(ContextValue::Text);
        }
        let variable = Variable::of_request(path)?;
        let mut text = String::new();
        let view = self.view();
        if let Some(number) = view.number(variable).filter(|_| variable == Variable::RequestTimeEpoch) {
            return i64::try_from(number).ok().map(ContextValue::Number);
        }
        view.write(variable, &mut text).then(|| ContextValue::Text(text.into()))
    }

    fn each_context_name(&self, branch: &str, visit: &mut dyn FnMut(&str)) {
        match branch {
            "" => CONTEXT_NAMES.iter().for_each(|name| visit(name)),
            "identity" => {
                let is_known = |name: &&&str| self.context(&format!("identity.{name}")).is_some();
                IDENTITY_NAMES.iter().filter(is_known).for_each(|name| visit(name));
            }
            "authorizer" => {
                let outcome = self.record.authorizer.iter();
                outcome.flat_map(|outcome| outcome.context()).for_each(|(name, _)| visit(name));
            }
            "identity.clientCert" => CERTIFICATE_NAMES.iter().for_each(|name| visit(name)),
            "identity.clientCert.validity" => ["notBefore", "notAfter"].iter().for_each(|name| visit(name)),
            _ => {}
        }
    }

    fn stage_variable(&self, name: &str) -> Option<Cow<'_, str>> {
        Some((&**self.record.located.as_ref()?.stage.variables.get(name)?).into())
    }

    fn each_stage_variable(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.record.located.iter().flat_map(|located| &located.stage.variables) {
            visit(name, value);
        }
    }

    fn parameter(&self, place: ParameterPlace, name: &str) -> Option<Cow<'_, str>> {
        parameters::request_parameter(self.record, place, name)
    }

    fn each_parameter(&self, place: ParameterPlace, visit: &mut dyn FnMut(&str, &str)) {
        match place {
            ParameterPlace::Path => {
                for (name, _) in self.record.matched.iter().flat_map(|matched| matched.variables()) {
                    if let Some(value) = parameters::request_parameter(self.record, place, name) {
                        visit(name, &value);
                    }
                }
            }
            ParameterPlace::Querystring => {
                for parameter in
                    parameters::query(self.record).into_iter().flat_map(|query| query.parameters())
                {
                    visit(&parameters::text(parameter.name()), &parameters::text(parameter.value()));
                }
            }
            ParameterPlace::Header => {
                let Some(arrival) = self.record.arrival else { return };
                for view in arrival.head.over(arrival.bytes).fields().iter() {
                    if !forwarding::is_invisible(view.name) {
                        visit(&lossy(&forwarding::spelled(self.record, view.name)), &lossy(view.value));
                    }
                }
                for (name, value) in forwarding::own_fields(self.record).iter() {
                    visit(&lossy(name), &lossy(value));
                }
            }
        }
    }

    fn body(&self) -> Option<&str> {
        self.body
    }
}
