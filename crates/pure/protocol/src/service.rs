//! How services are spoken to: what calls are signed for, and how an action is asked for.

mod table;

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// What integrations call it by: `dynamodb`, `states`, `runtime.sagemaker`. Its host names begin with that too, but
    /// for AWS IoT Data Plane.
    pub endpoint_prefix: &'static str,
    /// What its host names begin with: of AWS IoT Data Plane what stands before the name when nothing is written
    /// there, and what stands in place of the name.
    host: (Option<&'static str>, &'static str),
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

    /// What stands before the region in its host name, by what is written before its name.
    ///
    /// ```
    /// use postern_protocol::service::Service;
    ///
    /// let host = |name| Service::find(name).map(|(subdomain, service)| service.host_prefix(subdomain)).unwrap();
    /// assert_eq!(host("pictures.s3"), "pictures.s3");
    /// assert_eq!(host("a1b2c3d4e5f6g7-ats.iotdata"), "a1b2c3d4e5f6g7-ats.iot");
    /// assert_eq!(host("iotdata"), "data-ats.iot");
    /// ```
    #[must_use]
    pub fn host_prefix(&self, subdomain: Option<&str>) -> String {
        let (usual, domain) = self.host;
        subdomain.or(usual).map_or_else(|| domain.to_owned(), |subdomain| format!("{subdomain}.{domain}"))
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
            ("iotdata", "iotdata", ActionProtocol::Rest),
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
