//! Who watches a walk: which gate it stands at, and what policies say.

use crate::PolicyStep;

/// Watches a walk. The data plane watches nothing: [`Observer`] for `()` compiles to nothing.
pub trait Observer {
    /// The walk has come to a gate. It has passed every gate before this one.
    fn at(&mut self, gate: Gate);

    /// A policy was asked.
    fn asked(&mut self, policy: &PolicyStep<'_>) {
        let _ = policy;
    }
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
    /// Which method. "None" is found out before, and answered here where nobody signed (PA-40).
    Method,
    /// The signature of a request, where somebody asks for it (AU-73 to AU-87).
    Signature,
    /// The policy of the VPC endpoint, for a private domain name and for the method (PA-105).
    EndpointPolicy,
    /// The policy of the private domain name.
    DomainPolicy,
    /// The caller's own policy, which decides together with the API's (RP-98).
    IdentityPolicy,
    /// The API's resource policy.
    ResourcePolicy,
    /// The method's Lambda authorizer, and its policy together with the API's (RP-98).
    Authorizer,
    /// Whether there is a method at all, for a signer whom the policies allow: only then it is told (F7).
    Resource,
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
