//! The services that integrations call: found by their URIs (integrations.md section 9).

use postern_model::{Integration, ResourcePath, ServiceCall, StageVariables, UriSegment, Verb};
use postern_protocol::{service::ActionProtocol, uri};

use super::Destinations;
use crate::{
    DestinationTls,
    integration::{Address, JsonAction, ServiceTarget, Signing, TargetPiece},
};

/// Resolves the service of an integration.
pub(crate) fn resolve(
    (integration, path): (&Integration, &ResourcePath),
    variables: &StageVariables,
    destinations: &mut Destinations<'_>,
) -> Result<ServiceTarget, String> {
    let uri = integration.uri.as_ref().ok_or("the integration has no URI")?;
    let call = ServiceCall::parse(&uri.filled(variables)).map_err(|error| error.to_string())?;
    let service = destinations.service(&call)?;
    let role = integration.credentials.as_ref().and_then(|role| role.filled_text(variables));
    let key = destinations.call_key(role.as_deref()).ok_or("there is nothing to sign the call with")?;
    let signing = Signing::new(key, call.region.as_str(), &service.signing_name);
    let tls = service.endpoint.https.then(|| DestinationTls {
        server_name: service.called.target.host.clone(),
        insecure_skip_verification: false,
    });
    let destination = destinations.host(&service.endpoint.target, service.is_named_by_operator, tls);
    let is_s3 = &*service.signing_name == "s3";
    let segments = if is_s3 { canonical(&call.target) } else { call.target };
    let (pieces, has_query) = TargetPiece::of(&segments, &integration.request_parameters, path);
    let json_action = match service.protocol {
        ActionProtocol::Json { target_prefix, version } => call.action.map(|action| JsonAction {
            target: (!WITHOUT_TARGET.contains(&&*service.signing_name))
                .then(|| format!("{target_prefix}.{action}").into()),
            content_type: format!("application/x-amz-json-{version}").into(),
        }),
        ActionProtocol::Query | ActionProtocol::Rest => None,
    };
    Ok(ServiceTarget {
        address: Address {
            destination,
            host: service.called.authority().into(),
            pieces,
            has_query,
            copies_all: false,
            verb: integration.http_method.filter(|verb| *verb != Verb::Any),
        },
        signing,
        json_action,
    })
}

/// Services whose `X-Amz-Target` the definition must map (AW4).
const WITHOUT_TARGET: &[&str] = &["events"];

/// The path as S3 writes it into what is signed, which takes it from the wire: everything escaped that may be,
/// once. The query is signed in a form of its own.
fn canonical(target: &[UriSegment]) -> Vec<UriSegment> {
    let mut is_path = true;
    let segment = |segment: &UriSegment| {
        let UriSegment::Literal(text) = segment else { return segment.clone() };
        let (path, query) = match text.find('?').filter(|_| is_path) {
            Some(at) => text.split_at(at),
            None if is_path => (&**text, ""),
            None => ("", &**text),
        };
        is_path &= query.is_empty();
        let decoded = uri::decode(path.as_bytes()).unwrap_or_else(|_| path.as_bytes().into());
        let mut written = Vec::with_capacity(text.len());
        uri::encode_path(&decoded, &mut written);
        UriSegment::Literal(format!("{}{query}", String::from_utf8_lossy(&written)).into())
    };
    target.iter().map(segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_is_sent_the_path_that_is_signed() {
        for (path, sent) in [
            ("/bucket/a:b+c(d)=e", "/bucket/a%3Ab%2Bc%28d%29%3De"),
            ("/bucket/a%20b//c", "/bucket/a%20b//c"),
            ("/bucket?prefix=a:b&x", "/bucket?prefix=a:b&x"),
            ("/bucket/%zz", "/bucket/%25zz"),
        ] {
            assert_eq!(
                canonical(&[UriSegment::Literal(path.into())]),
                [UriSegment::Literal(sent.into())],
                "{path}"
            );
        }
        let place = UriSegment::PathParameter("key".into());
        let query = UriSegment::Literal("&a=b:c".into());
        let start = UriSegment::Literal("/b?x=".into());
        assert_eq!(
            canonical(&[start.clone(), place.clone(), query.clone()]),
            [start, place, query],
            "what stands behind a question mark is no path"
        );
    }
}
