//! Calls of services: what the URI of an `AWS` integration says (integrations.md section 9).

use postern_protocol::service::{ActionProtocol, Service};

use crate::{HttpEndpoint, Malformed, Partition, Region, UriSegment, UriTemplate};

/// The URI of an `AWS` integration with a service, stage variables filled in (AW1):
/// `arn:aws:apigateway:REGION:SERVICE:path/PATH`, or `…:action/ACTION&NAME=VALUE`.
///
/// ```
/// use postern_model::{ServiceCall, UriTemplate};
///
/// let uri: UriTemplate = "arn:aws:apigateway:eu-west-1:sns:action/Publish&TopicArn=t".parse().unwrap();
/// let call = ServiceCall::parse(uri.segments()).unwrap();
/// assert_eq!((&*call.service, call.action.as_deref()), ("sns", Some("Publish")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCall {
    /// The region of the service.
    pub region: Region,
    /// The service, and what stands before its name: `dynamodb`, `bucket.s3`.
    pub service: Box<str>,
    /// What is asked for, where it is asked for by its name.
    pub action: Option<Box<str>>,
    /// Path and query of the call, with the places that path parameters fill. Begins with `/`.
    pub target: Vec<UriSegment>,
}

/// Where services are called that are not called at their own hosts: `serviceEndpoints`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceEndpoints(Vec<(Box<str>, HttpEndpoint)>);

/// A call whose service is known: where it goes, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedService {
    /// Where connections go.
    pub endpoint: HttpEndpoint,
    /// What it is called there, in `Host` and in TLS: what stands before the name of the service stands
    /// before that of an endpoint of the operator's too.
    pub called: HttpEndpoint,
    /// Whether the operator named the endpoint.
    pub is_named_by_operator: bool,
    /// What signatures call the service.
    pub signing_name: Box<str>,
    /// How its actions are asked for.
    pub protocol: ActionProtocol,
}

impl ServiceEndpoints {
    /// These: services, each once, and their endpoints.
    #[must_use]
    pub const fn new(endpoints: Vec<(Box<str>, HttpEndpoint)>) -> Self {
        Self(endpoints)
    }

    fn of(&self, service: &str) -> Option<&HttpEndpoint> {
        self.0.iter().find(|(own, _)| **own == *service).map(|(_, endpoint)| endpoint)
    }
}

/// What an address of a service looks like.
const EXPECTED: Malformed =
    Malformed::new("`arn:aws:apigateway:REGION:SERVICE:path/…` or `…:action/ACTION&NAME=VALUE`");

impl ServiceCall {
    /// Reads a URI whose stage variables are filled in. A client's value can change neither region, service
    /// nor action: no path parameter may stand there.
    ///
    /// # Errors
    ///
    /// When it is none, with the reason.
    pub fn parse(uri: &[UriSegment]) -> Result<Self, Malformed> {
        let Some((UriSegment::Literal(first), places)) = uri.split_first() else { return Err(EXPECTED) };
        let parts: Vec<&str> = first.splitn(6, ':').collect();
        let ["arn", _, "apigateway", region, service, call] = parts.as_slice() else { return Err(EXPECTED) };
        let region = region.parse()?;
        if !is_host_label(service) {
            return Err(Malformed::new("a service such as `dynamodb` or `bucket.s3`"));
        }
        let (action, start) = if let Some(path) = call.strip_prefix("path/") {
            let is_whole = path.starts_with('/');
            (None, if is_whole { path.to_owned() } else { format!("/{path}") })
        } else {
            let (action, rest) = split_action(call.strip_prefix("action/").ok_or(EXPECTED)?);
            if !is_action(action) || (rest.is_empty() && !places.is_empty()) {
                return Err(Malformed::new("an action such as `PutItem` behind `action/`"));
            }
            (Some(action.into()), format!("/?Action={action}{rest}"))
        };
        let mut target = vec![UriSegment::Literal(start.into())];
        target.extend(places.iter().cloned());
        Ok(Self { region, service: (*service).into(), action, target })
    }

    /// Finds the service: at the endpoint that the operator names for it, or at its own host.
    ///
    /// A service that is not known is called where the operator says, as the guide has it: an action by
    /// `Action` in the query, signed for the name of the service.
    ///
    /// # Errors
    ///
    /// When nobody knows the service, or when it has no actions and is asked for one; with the reason.
    pub fn resolve(&self, endpoints: &ServiceEndpoints) -> Result<ResolvedService, String> {
        let known = Service::find(&self.service);
        let (subdomain, name) = match known {
            Some((subdomain, service)) => (subdomain, service.endpoint_prefix),
            None => match self.service.rsplit_once('.') {
                Some((subdomain, name)) if endpoints.of(&self.service).is_none() => (Some(subdomain), name),
                _ => (None, &*self.service),
            },
        };
        let protocol = known.map_or(ActionProtocol::Query, |(_, service)| service.protocol);
        if let (ActionProtocol::Rest, Some(action)) = (protocol, &self.action) {
            return Err(format!("service `{name}` has no actions such as `{action}`: expected `path/…`"));
        }
        let whole = endpoints.of(&self.service);
        let written = whole.or_else(|| endpoints.of(name));
        if written.is_none() && known.is_none() {
            return Err(format!(
                "service `{name}` is not known: expected another name, or an entry of `serviceEndpoints` for it"
            ));
        }
        let endpoint = match written {
            Some(endpoint) => endpoint.clone(),
            None => self.own_endpoint(known)?,
        };
        let before = subdomain.filter(|_| written.is_some() && whole.is_none());
        Ok(ResolvedService {
            called: before.map_or_else(|| endpoint.clone(), |before| endpoint.below(before)),
            endpoint,
            is_named_by_operator: written.is_some(),
            signing_name: known.map_or(name, |(_, service)| service.signing_name).into(),
            protocol,
        })
    }

    /// The host of the service itself, which a company's `dnsSuffix` does not rename.
    fn own_endpoint(&self, known: Option<(Option<&str>, &Service)>) -> Result<HttpEndpoint, String> {
        let suffix = Partition::of(&self.region).dns_suffix();
        let host = known.map(|(subdomain, service)| service.host_prefix(subdomain));
        let host = host.as_deref().unwrap_or(&self.service);
        let endpoint = format!("https://{host}.{}.{suffix}", self.region);
        endpoint.parse().map_err(|error: Malformed| error.to_string())
    }
}

/// The value of `credentials` that stands for the caller's own (AW2).
#[must_use]
pub fn is_of_caller(credentials: &str) -> bool {
    credentials.starts_with("arn:") && credentials.ends_with(":iam::*:user/*")
}

/// Whether the URI of an `AWS` integration calls a function instead of a service.
#[must_use]
pub fn calls_function(uri: &UriTemplate) -> bool {
    uri.as_str().contains(":lambda:path/")
}

/// The action, and its parameters as they stand in a query: `&NAME=VALUE…`.
fn split_action(call: &str) -> (&str, String) {
    match call.split_once(['&', '?']) {
        Some((action, parameters)) => (action, format!("&{parameters}")),
        None => (call, String::new()),
    }
}

fn is_action(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_host_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(uri: &str) -> Result<ServiceCall, String> {
        let uri: UriTemplate = format!("arn:aws:apigateway:{uri}").parse().unwrap();
        ServiceCall::parse(uri.segments()).map_err(|error| error.to_string())
    }

    /// A target with its places in braces.
    fn target(call: &ServiceCall) -> String {
        let text = |segment: &UriSegment| match segment {
            UriSegment::PathParameter(name) => format!("{{{name}}}"),
            UriSegment::Literal(text) | UriSegment::StageVariable(text) => text.to_string(),
        };
        call.target.iter().map(text).collect()
    }

    #[test]
    fn aw1_paths_stand_under_the_endpoint_and_actions_in_the_query() {
        for (uri, service, action, expected) in [
            ("us-east-1:s3:path/{bucket}/{key}", "s3", None, "/{bucket}/{key}"),
            ("us-east-1:s3:path//", "s3", None, "/"),
            ("us-east-1:s3:path/b?list-type=2&prefix={p}", "s3", None, "/b?list-type=2&prefix={p}"),
            ("us-east-1:b.s3:path/{key}", "b.s3", None, "/{key}"),
            ("us-east-1:sqs:path/123456789012/queue", "sqs", None, "/123456789012/queue"),
            ("us-east-1:dynamodb:action/PutItem", "dynamodb", Some("PutItem"), "/?Action=PutItem"),
            (
                "us-east-1:sns:action/Publish&Version=2010-03-31&TopicArn={t}",
                "sns",
                Some("Publish"),
                "/?Action=Publish&Version=2010-03-31&TopicArn={t}",
            ),
            (
                "us-east-1:sqs:action/SendMessage?Version=2012-11-05",
                "sqs",
                Some("SendMessage"),
                "/?Action=SendMessage&Version=2012-11-05",
            ),
        ] {
            let call = call(uri).unwrap();
            assert_eq!((&*call.service, call.action.as_deref()), (service, action), "{uri}");
            assert_eq!((call.region.as_str(), &*target(&call)), ("us-east-1", expected), "{uri}");
        }
    }

    #[test]
    fn upstream_a_clients_value_changes_neither_region_nor_service_nor_action() {
        for uri in [
            "{region}:s3:path/b",
            "us-east-1:{service}:path/b",
            "us-east-1:{bucket}.s3:path/key",
            "us-east-1:dynamodb:action/{action}",
            "us-east-1:dynamodb:action/Put{what}",
            "us-east-1:dynamodb:{kind}/PutItem",
        ] {
            assert!(call(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn aw1_what_is_no_address_of_a_service_is_refused() {
        for (uri, expected) in [
            ("us-east-1:s3:bucket", EXPECTED.to_string()),
            ("US_EAST_1:s3:path/b", "expected a region such as `us-east-1`".to_owned()),
            ("us-east-1::path/b", "expected a service such as `dynamodb` or `bucket.s3`".to_owned()),
            ("us-east-1:sqs:action/", "expected an action such as `PutItem` behind `action/`".to_owned()),
            ("us-east-1:sqs:action/A b", "expected an action such as `PutItem` behind `action/`".to_owned()),
        ] {
            assert_eq!(call(uri).unwrap_err(), expected, "{uri}");
        }
    }

    /// Service, endpoints, and: where connections go, what it is called there, what signatures call it.
    #[test]
    fn a_service_is_called_at_its_own_host_or_where_the_operator_says() {
        let none: &[(&str, &str)] = &[];
        let local = &[("s3", "http://localhost:9000"), ("b.s3", "http://10.0.0.1:9001")];
        let own = &[("mine", "http://127.0.0.1:7000"), ("sqs", "https://127.0.0.1:9324")];
        for (service, endpoints, connects, called, signing_name) in [
            ("dynamodb", none, "https://dynamodb.cn-north-1.amazonaws.com.cn", "", "dynamodb"),
            ("a.s3", none, "https://a.s3.cn-north-1.amazonaws.com.cn", "", "s3"),
            ("iotdata", none, "https://data-ats.iot.cn-north-1.amazonaws.com.cn", "", "iotdata"),
            ("a-ats.iotdata", none, "https://a-ats.iot.cn-north-1.amazonaws.com.cn", "", "iotdata"),
            ("email", none, "https://email.cn-north-1.amazonaws.com.cn", "", "ses"),
            ("s3", local, "http://localhost:9000", "", "s3"),
            ("a.s3", local, "http://localhost:9000", "http://a.localhost:9000", "s3"),
            ("b.s3", local, "http://10.0.0.1:9001", "", "s3"),
            ("mine", own, "http://127.0.0.1:7000", "", "mine"),
            ("sqs", own, "https://127.0.0.1:9324", "", "sqs"),
            ("a.sqs", own, "https://127.0.0.1:9324", "", "sqs"),
        ] {
            let endpoints = endpoints.iter().map(|(name, at)| ((*name).into(), at.parse().unwrap()));
            let endpoints = ServiceEndpoints::new(endpoints.collect());
            let call = call(&format!("cn-north-1:{service}:path/x")).unwrap();
            let resolved = call.resolve(&endpoints).unwrap();
            assert_eq!(resolved.endpoint.to_string(), connects, "{service}");
            let expected = if called.is_empty() { connects } else { called };
            assert_eq!(resolved.called.to_string(), expected, "{service}");
            assert_eq!(&*resolved.signing_name, signing_name, "{service}");
            assert_eq!(resolved.is_named_by_operator, !connects.contains("cn-north-1"), "{service}");
        }
    }

    #[test]
    fn aw6_what_cannot_be_called_is_refused_with_a_reason() {
        let refused = |uri: &str| call(uri).unwrap().resolve(&ServiceEndpoints::default()).unwrap_err();
        assert_eq!(
            refused("us-east-1:s3:action/GetObject&Bucket=b"),
            "service `s3` has no actions such as `GetObject`: expected `path/…`"
        );
        assert_eq!(
            refused("us-east-1:dynamobd:action/PutItem"),
            "service `dynamobd` is not known: expected another name, or an entry of `serviceEndpoints` for it"
        );
    }
}
