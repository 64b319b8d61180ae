//! How services are spoken to: what calls are signed for, and how an action is asked for.

mod table;

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// What its host names begin with, which is also what integrations call it by: `dynamodb`, `states`,
    /// `runtime.sagemaker`.
    pub endpoint_prefix: &'static str,
    /// What signatures call it.
    pub signing_name: &'static str,
    /// How an action is asked for.
    pub protocol: ActionProtocol,
}

/// How an action of a service is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionProtocol {
    /// By `Action` in the query; parameters stand in the query or in a form.
    Query,
    /// By `X-Amz-Target: PREFIX.ACTION`; parameters are a JSON object.
    Json {
        /// What stands before the action.
        target_prefix: &'static str,
        /// `1.0` or `1.1`: the end of `application/x-amz-json-1.1`.
        version: &'static str,
    },
    /// By method and path: there are no actions.
    Rest,
}

impl Service {
    /// The service that an integration names, and what stands before its name (`bucket` of `bucket.s3`).
    ///
    /// ```
    /// use postern_protocol::service::Service;
    ///
    /// let (subdomain, service) = Service::find("pictures.s3").unwrap();
    /// assert_eq!((subdomain, service.endpoint_prefix), (Some("pictures"), "s3"));
    /// let (subdomain, service) = Service::find("runtime.sagemaker").unwrap();
    /// assert_eq!((subdomain, service.signing_name), (None, "sagemaker"));
    /// assert!(Service::find("dynamobd").is_none());
    /// ```
    #[must_use]
    pub fn find(name: &str) -> Option<(Option<&str>, &'static Self)> {
        let mut start = 0;
        loop {
            let rest = name.get(start..)?;
            if let Ok(index) = table::SERVICES.binary_search_by_key(&rest, |service| service.endpoint_prefix)
            {
                let subdomain = start.checked_sub(1).and_then(|dot| name.get(..dot));
                return Some((subdomain, table::SERVICES.get(index)?));
            }
            start += rest.find('.')? + 1;
        }
    }

    /// The names of all services.
    pub fn names() -> impl Iterator<Item = &'static str> {
        table::SERVICES.iter().map(|service| service.endpoint_prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_each_service_once() {
        assert!(table::SERVICES.is_sorted_by_key(|service| service.endpoint_prefix));
        assert!(Service::names().zip(Service::names().skip(1)).all(|(one, next)| one != next));
    }

    #[test]
    fn the_services_that_most_integrations_call() {
        let json = |target_prefix, version| ActionProtocol::Json { target_prefix, version };
        for (name, signing_name, protocol) in [
            ("dynamodb", "dynamodb", json("DynamoDB_20120810", "1.0")),
            ("kinesis", "kinesis", json("Kinesis_20131202", "1.1")),
            ("states", "states", json("AWSStepFunctions", "1.0")),
            ("events", "events", json("AWSEvents", "1.1")),
            ("firehose", "firehose", json("Firehose_20150804", "1.1")),
            ("sqs", "sqs", ActionProtocol::Query),
            ("sns", "sns", ActionProtocol::Query),
            ("ssm", "ssm", ActionProtocol::Query),
            ("email", "ses", ActionProtocol::Query),
            ("s3", "s3", ActionProtocol::Rest),
            ("appsync-api", "appsync", ActionProtocol::Rest),
        ] {
            let (subdomain, service) = Service::find(name).unwrap();
            assert_eq!((subdomain, service.signing_name, service.protocol), (None, signing_name, protocol));
        }
        assert_eq!(Service::find("a.b.s3").unwrap().0, Some("a.b"));
        for nothing in ["", ".", "s3.", "S3", "iam"] {
            assert!(Service::find(nothing).is_none(), "{nothing}");
        }
    }
}
