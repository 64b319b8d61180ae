//! ARNs as policies see them: six parts of a request's resource, and what short forms stand for.

/// The resource of a request: an ARN without its first part, which is always `arn`.
///
/// Borrowed, so that a request path can put it together without allocating.
///
/// ```
/// use postern_policy::Arn;
///
/// let arn = Arn::parse("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/pets:1").unwrap();
/// assert_eq!((arn.account, arn.resource), ("123456789012", "a1b2c3d4e5/demo/GET/pets:1"));
/// assert!(Arn::parse("arn:aws:execute-api").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// `execute-api`.
    pub service: &'a str,
    /// `us-east-1`.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
    /// Everything after the fifth colon: `{api}/{stage}/{METHOD}/{path}` (RP-20). May hold colons.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits at the first five colons (RP-26). `None` if there are fewer, or the text does not
    /// start with `arn:`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }

    /// Whether a text has the form of an ARN.
    pub(crate) fn is_arn(text: &'a str) -> bool {
        Self::parse(text).is_some()
    }
}

impl std::fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// What the short form `execute-api:/…` of a resource stands for: one API (RP-21) or one private
/// domain name (RP-22).
///
/// ```
/// use postern_policy::ExecuteApiBase;
///
/// let base = ExecuteApiBase::api("aws", "us-east-1", "123456789012", "a1b2c3d4e5");
/// assert_eq!(base.resource(), "a1b2c3d4e5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecuteApiBase<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> ExecuteApiBase<'a> {
    /// An API: `execute-api:/*` is `arn:{partition}:execute-api:{region}:{account}:{api_id}/*`.
    #[must_use]
    pub const fn api(partition: &'a str, region: &'a str, account: &'a str, api_id: &'a str) -> Self {
        Self { partition, region, account, resource: api_id }
    }

    /// A private domain name. `resource` is `/domainnames/{name}+{domain id}` (PA-100);
    /// `execute-api:/*` is that with `/*`, and the domain name itself (RP-22).
    #[must_use]
    pub const fn domain(partition: &'a str, region: &'a str, account: &'a str, resource: &'a str) -> Self {
        Self { partition, region, account, resource }
    }

    /// The API or domain name that a request's resource belongs to.
    #[must_use]
    pub fn of_request(arn: &Arn<'a>) -> Self {
        let resource = if arn.resource.starts_with('/') {
            arn.resource
        } else {
            arn.resource.split_once('/').map_or(arn.resource, |(api_id, _)| api_id)
        };
        Self { partition: arn.partition, region: arn.region, account: arn.account, resource }
    }

    /// An API that stands for any other: for reading a policy whose API is not known.
    #[must_use]
    pub const fn sample() -> Self {
        Self::api("aws", "us-east-1", "123456789012", "a1b2c3d4e5")
    }

    /// The API id, or `/domainnames/…`.
    #[must_use]
    pub const fn resource(&self) -> &'a str {
        self.resource
    }

    /// Whether this is a private domain name.
    #[must_use]
    pub fn is_domain(&self) -> bool {
        self.resource.starts_with('/')
    }

    /// The ARN of the API or domain name itself.
    pub(crate) const fn arn(&self) -> Arn<'a> {
        Arn {
            partition: self.partition,
            service: "execute-api",
            region: self.region,
            account: self.account,
            resource: self.resource,
        }
    }
}
