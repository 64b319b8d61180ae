//! Do the services that integrations call exist, in every stage, and is there what their calls are signed with.

use postern_document::Problems;
use postern_model::{
    AuthorizationType, Function, FunctionBackend, Integration, IntegrationType, Malformed, Method, RestApi,
    ServiceCall, Stage, calls_function, is_of_caller,
};

use crate::{
    agreement::{Parts, filled, methods},
    section::rest_apis::ReadApi,
};

/// Reports every integration that calls a service which cannot be called.
pub(crate) fn check(api: &RestApi, parts: &Parts<'_>, problems: &mut Problems) {
    for method in methods(&api.definition).filter(|method| is_of_service(&method.integration)) {
        let integration = &method.integration;
        let Some(uri) = &integration.uri else { continue };
        let templates = [Some(uri), integration.credentials.as_ref()];
        let depends_on_stage =
            templates.into_iter().flatten().any(|template| template.stage_variables().next().is_some());
        for stage in &api.stages {
            match check_in(method, stage, parts) {
                Ok(None) => {}
                Ok(Some(warning)) => problems.warning(&integration.place, warning),
                Err(fault) => {
                    let within =
                        if depends_on_stage { format!(", in stage `{}`", stage.name) } else { String::new() };
                    let message = format!("`uri` is `{}`{within}: {fault}", uri.as_str());
                    problems.error(&integration.place, message);
                }
            }
            if !depends_on_stage {
                break;
            }
        }
    }
}

/// Whether any call is signed.
pub(crate) fn are_signed(apis: &[ReadApi], functions: &[Function]) -> bool {
    let is_signed = |function: &Function| matches!(&function.backend, FunctionBackend::Invoke(invoke) if invoke.is_signed);
    functions.iter().any(is_signed)
        || apis
            .iter()
            .any(|read| methods(&read.api.definition).any(|method| is_of_service(&method.integration)))
}

fn is_of_service(integration: &Integration) -> bool {
    integration.kind == IntegrationType::Aws && !integration.uri.as_ref().is_some_and(calls_function)
}

fn check_in(method: &Method, stage: &Stage, parts: &Parts<'_>) -> Result<Option<String>, String> {
    let integration = &method.integration;
    let Some(uri) = &integration.uri else { return Ok(None) };
    // A variable that the stage has not got is reported elsewhere.
    if uri.stage_variables().any(|name| !stage.variables.contains_key(name)) {
        return Ok(None);
    }
    let call =
        ServiceCall::parse(&uri.filled(&stage.variables)).map_err(|error: Malformed| error.to_string())?;
    call.resolve(parts.service_endpoints)?;
    let role = integration.credentials.as_ref().and_then(|role| filled(role, stage));
    check_signing(&method.authorization, role.as_deref(), &call.service, parts)
}

/// Whether there is what calls of a service are signed with; a warning where it is not what was named.
pub(crate) fn check_signing(
    authorization: &AuthorizationType,
    role: Option<&str>,
    service: &str,
    parts: &Parts<'_>,
) -> Result<Option<String>, String> {
    if role.is_some_and(is_of_caller) {
        if *authorization == AuthorizationType::AwsIam {
            return Ok(None);
        }
        return Err(
            "`credentials` are those of the caller, and the method lets in callers who have not signed: \
             expected AWS_IAM authorization"
                .to_owned(),
        );
    }
    if parts.credentials.of(role).is_some() {
        let unnamed = role.filter(|role| !parts.credentials.names(role));
        return Ok(unnamed.map(|role| {
            format!(
                "no entry of `credentials` is for the role `{role}`: calls of `{service}` are signed with the \
                 gateway's own key"
            )
        }));
    }
    Err(format!(
        "calls of `{service}` are signed, and there is nothing to sign with: expected AWS_ACCESS_KEY_ID and its \
         companions in the environment, a credentials file, or an entry of `credentials` for the role"
    ))
}
