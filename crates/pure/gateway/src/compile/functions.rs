//! The functions that integrations and authorizers call: found by their ARNs, each way to one made once.

use postern_model::{Function, FunctionArn, FunctionBackend, HttpEndpoint, StageVariables, UriTemplate};

use super::Destinations;
use crate::{
    DestinationTls,
    integration::{FunctionEndpoint, FunctionTarget, FunctionWay, Signing},
};

/// The function that a URI leads to, called in the name of the role of `credentials`; or why there is none.
pub(crate) fn resolve(
    uri: Option<&UriTemplate>,
    credentials: Option<&UriTemplate>,
    variables: &StageVariables,
    destinations: &mut Destinations<'_>,
) -> Result<FunctionTarget, String> {
    let uri = uri.and_then(|uri| uri.filled_text(variables));
    let uri = uri.ok_or("there is no URI, or one with a place that nothing fills")?;
    let arn = FunctionArn::of_uri(&uri).map_err(|error| format!("`{uri}` calls no function: {error}"))?;
    let role = credentials.and_then(|role| role.filled_text(variables));
    let function = destinations
        .function(&arn)
        .ok_or_else(|| format!("no entry of `functions` is called `{}`", arn.name()))?;
    let Function { name, backend } = function;
    let way = match backend {
        FunctionBackend::Process(process) => {
            FunctionWay::Hosted(destinations.hosted(name.name(), arn.region(), process))
        }
        FunctionBackend::Invoke(invoke) => FunctionWay::Invoke {
            endpoint: endpoint(&invoke.endpoint, false, destinations),
            signing: if invoke.is_signed {
                let key = destinations.call_key(role.as_deref());
                let key = key.ok_or("there is nothing to sign the call with")?;
                Some(Signing::new(key, arn.region(), "lambda"))
            } else {
                None
            },
        },
        FunctionBackend::RuntimeInterfaceEmulator(emulator) => {
            FunctionWay::Emulator(endpoint(&emulator, true, destinations))
        }
    };
    Ok(FunctionTarget { arn, way })
}

fn endpoint(
    endpoint: &HttpEndpoint,
    one_at_a_time: bool,
    destinations: &mut Destinations<'_>,
) -> FunctionEndpoint {
    let tls = endpoint.https.then(|| DestinationTls {
        server_name: endpoint.target.host.clone(),
        insecure_skip_verification: false,
    });
    let destination = destinations.endpoint(&endpoint.target, one_at_a_time, tls);
    FunctionEndpoint { destination, host: endpoint.authority().into() }
}
