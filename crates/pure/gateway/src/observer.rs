//! Who watches a walk: which gate it stands at.

/// Watches a walk. The data plane watches nothing: [`Observer`] for `()` compiles to nothing.
pub trait Observer {
    /// The walk has come to a gate. It has passed every gate before this one.
    fn at(&mut self, gate: Gate);
}

/// What may refuse a request, in the order in which a connection and a walk come to it
/// (authorization.md section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// The PROXY header of a load balancer.
    ProxyProtocol,
    /// The network ACL of the VPC endpoint.
    NetworkAcl,
    /// Its security group.
    SecurityGroup,
    /// Plain text or TLS, and the server name.
    Tls,
    /// The grammar and the limits of the request's head.
    Head,
    /// Which API the host names.
    Api,
    /// Which stage, by the path or by a base path.
    Stage,
    /// The client's certificate, where domain names ask for one, and whether the connection was made for
    /// the domain name.
    ClientCertificate,
    /// The length of the method's ARN.
    MethodArn,
    /// The length that the body says it has.
    ContentLength,
    /// The account's throttle, where it stands before authorization (AU-2).
    AccountThrottle,
    /// Which method. "None" is found out before, and answered here (PA-40).
    Method,
    /// The API's resource policy.
    ResourcePolicy,
    /// The API key and its usage plan.
    ApiKey,
    /// The throttles.
    Throttle,
    /// The quota of the API key.
    Quota,
    /// Required parameters.
    Parameters,
    /// The body's bytes: their number and their content coding.
    Body,
    /// The body against its model.
    BodyModel,
    /// The mapping of the request, the call, and the mapping of its answer.
    Integration,
}

impl Observer for () {
    fn at(&mut self, _: Gate) {}
}
