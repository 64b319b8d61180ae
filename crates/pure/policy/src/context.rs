//! The keys that conditions read, and the trait that answers for them.

use std::{fmt, net::IpAddr};

use crate::instant::Instant;

/// Answers what a request is, key by key. `gateway` answers from one exchange, a test from a map.
pub trait Context {
    /// The values of a key. Asked on the request path: must neither allocate nor block.
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_>;
}

impl<C: Context + ?Sized> Context for &C {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        (**self).lookup(key)
    }
}

/// What a context knows about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The request does not have the key.
    Absent,
    /// One value.
    One(ContextValue<'a>),
    /// Several values. None at all is the same as [`Lookup::Absent`].
    Many(&'a [ContextValue<'a>]),
    /// Several texts, as they are stored. None at all is the same as [`Lookup::Absent`].
    Texts(&'a [Box<str>]),
}

impl<'a> Lookup<'a> {
    /// Whether there is no value.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::One(_) => false,
            Self::Many(values) => values.is_empty(),
            Self::Texts(texts) => texts.is_empty(),
        }
    }

    /// The values in their order.
    pub fn values(self) -> impl Iterator<Item = ContextValue<'a>> {
        let (one, many, texts): (_, &[_], &[_]) = match self {
            Self::Absent => (None, &[], &[]),
            Self::One(value) => (Some(value), &[], &[]),
            Self::Many(values) => (None, values, &[]),
            Self::Texts(texts) => (None, &[], texts),
        };
        let texts = texts.iter().map(|text| ContextValue::Text(text));
        one.into_iter().chain(many.iter().copied()).chain(texts)
    }

    /// The value, where there is exactly one.
    pub(crate) fn single(self) -> Option<ContextValue<'a>> {
        let mut values = self.values();
        values.next().filter(|_| values.next().is_none())
    }
}

/// One value of a key. Typed, so that nothing has to be written out to be compared; where a text
/// operator meets an address, number, boolean or time, it is compared by its usual spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextValue<'a> {
    /// Text. Numbers, dates, booleans and addresses may be given as text too.
    Text(&'a str),
    /// An address; an IPv4-mapped IPv6 address counts as IPv4 (RP-55).
    Address(IpAddr),
    /// A whole number, such as seconds.
    Number(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

impl fmt::Display for ContextValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Address(address) => write!(f, "{}", address.to_canonical()),
            Self::Number(number) => write!(f, "{number}"),
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Time(milliseconds) => write!(f, "{}", Instant::from_milliseconds(*milliseconds)),
        }
    }
}

/// A condition key: resource-policies.md section 4 names those that Postern fills.
///
/// Names are read without regard to letter case (RP-51); the variants say what is looked up.
///
/// ```
/// use postern_policy::ConditionKey;
///
/// assert_eq!(ConditionKey::parse("aws:sourcevpce"), ConditionKey::SourceVpce);
/// assert_eq!(ConditionKey::parse("aws:PrincipalTag/Team"), ConditionKey::PrincipalTag("team".into()));
/// assert_eq!(ConditionKey::parse("aws:Unheard").to_string(), "aws:unheard");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConditionKey {
    /// `aws:SourceVpce`: the VPC endpoint's id.
    SourceVpce,
    /// `aws:SourceVpc`: the id of the endpoint's VPC.
    SourceVpc,
    /// `aws:VpcSourceIp`: the caller's address, for calls through an endpoint.
    VpcSourceIp,
    /// `aws:SourceIp`: the caller's address, for calls that do not come through an endpoint.
    SourceIp,
    /// `aws:CurrentTime`: when the request began, as a date.
    CurrentTime,
    /// `aws:EpochTime`: the same in seconds since 1970.
    EpochTime,
    /// `aws:SecureTransport`: whether the request came by TLS.
    SecureTransport,
    /// `aws:UserAgent`: the header's value.
    UserAgent,
    /// `aws:Referer`: the header's value.
    Referer,
    /// `aws:SourceArn`: the resource on whose behalf a service calls; always absent in Postern.
    SourceArn,
    /// `aws:PrincipalArn`: the user's ARN, or the ARN of a session's role.
    PrincipalArn,
    /// `aws:PrincipalAccount`: the caller's account.
    PrincipalAccount,
    /// `aws:PrincipalType`: `User`, `AssumedRole`, `Account`, `FederatedUser` or `Anonymous`.
    PrincipalType,
    /// `aws:PrincipalOrgID`: the organization of the caller's account.
    PrincipalOrgId,
    /// `aws:PrincipalOrgPaths`: where in the organization the account stands; has many values.
    PrincipalOrgPaths,
    /// `aws:PrincipalTag/…`: a tag of the caller; its name in lower case.
    PrincipalTag(Box<str>),
    /// `aws:userid`: the caller's unique id.
    UserId,
    /// `aws:username`: the friendly name, of users only.
    UserName,
    /// `aws:TokenIssueTime`: when temporary credentials were issued.
    TokenIssueTime,
    /// `aws:MultiFactorAuthPresent`: whether temporary credentials were issued with MFA.
    MultiFactorAuthPresent,
    /// `aws:MultiFactorAuthAge`: seconds since that.
    MultiFactorAuthAge,
    /// `aws:ResourceAccount`: the API's account.
    ResourceAccount,
    /// `aws:ResourceOrgID`: the organization of the API's account.
    ResourceOrgId,
    /// `aws:RequestedRegion`: the API's region.
    RequestedRegion,
    /// `aws:ViaAWSService`: always false in Postern.
    ViaAwsService,
    /// `aws:PrincipalIsAWSService`: always false in Postern.
    PrincipalIsAwsService,
    /// `execute-api:viaDomainArn`: the ARN of the private domain name that was called.
    ViaDomainArn,
    /// A key that Postern does not know, in lower case: absent from every request (RP-81).
    Other(Box<str>),
}

/// The names of all known keys but the tags, as AWS spells them.
static KNOWN: [(&str, ConditionKey); 26] = [
    ("aws:SourceVpce", ConditionKey::SourceVpce),
    ("aws:SourceVpc", ConditionKey::SourceVpc),
    ("aws:VpcSourceIp", ConditionKey::VpcSourceIp),
    ("aws:SourceIp", ConditionKey::SourceIp),
    ("aws:CurrentTime", ConditionKey::CurrentTime),
    ("aws:EpochTime", ConditionKey::EpochTime),
    ("aws:SecureTransport", ConditionKey::SecureTransport),
    ("aws:UserAgent", ConditionKey::UserAgent),
    ("aws:Referer", ConditionKey::Referer),
    ("aws:SourceArn", ConditionKey::SourceArn),
    ("aws:PrincipalArn", ConditionKey::PrincipalArn),
    ("aws:PrincipalAccount", ConditionKey::PrincipalAccount),
    ("aws:PrincipalType", ConditionKey::PrincipalType),
    ("aws:PrincipalOrgID", ConditionKey::PrincipalOrgId),
    ("aws:PrincipalOrgPaths", ConditionKey::PrincipalOrgPaths),
    ("aws:userid", ConditionKey::UserId),
    ("aws:username", ConditionKey::UserName),
    ("aws:TokenIssueTime", ConditionKey::TokenIssueTime),
    ("aws:MultiFactorAuthPresent", ConditionKey::MultiFactorAuthPresent),
    ("aws:MultiFactorAuthAge", ConditionKey::MultiFactorAuthAge),
    ("aws:ResourceAccount", ConditionKey::ResourceAccount),
    ("aws:ResourceOrgID", ConditionKey::ResourceOrgId),
    ("aws:RequestedRegion", ConditionKey::RequestedRegion),
    ("aws:ViaAWSService", ConditionKey::ViaAwsService),
    ("aws:PrincipalIsAWSService", ConditionKey::PrincipalIsAwsService),
    ("execute-api:viaDomainArn", ConditionKey::ViaDomainArn),
];

const PRINCIPAL_TAG: &str = "aws:principaltag/";

impl ConditionKey {
    /// The key of a name, whatever its letter case.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        if let Some((_, key)) = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return key.clone();
        }
        let name = name.to_lowercase();
        match name.strip_prefix(PRINCIPAL_TAG) {
            Some(tag) => Self::PrincipalTag(tag.into()),
            None => Self::Other(name.into()),
        }
    }

    /// The names of the known keys, as AWS spells them; of the tags only the part before the name.
    pub(crate) fn known_names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name).chain(["aws:PrincipalTag/"])
    }

    /// Whether a request may have several values of the key.
    #[must_use]
    pub const fn has_many_values(&self) -> bool {
        matches!(self, Self::PrincipalOrgPaths)
    }

    /// Whether the key's value cannot change while a connection lives (RP-130, RP-131).
    #[must_use]
    pub const fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::SourceVpce | Self::SourceVpc | Self::VpcSourceIp | Self::SourceIp | Self::SecureTransport
        )
    }

    /// Whether every call to a private API has the key.
    pub(crate) const fn is_always_present(&self) -> bool {
        matches!(
            self,
            Self::SourceVpce
                | Self::SourceVpc
                | Self::VpcSourceIp
                | Self::CurrentTime
                | Self::EpochTime
                | Self::SecureTransport
                | Self::RequestedRegion
                | Self::ViaAwsService
                | Self::PrincipalIsAwsService
        )
    }
}

impl fmt::Display for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrincipalTag(tag) => write!(f, "aws:PrincipalTag/{tag}"),
            Self::Other(name) => f.write_str(name),
            _ => f.write_str(KNOWN.iter().find(|(_, key)| key == self).map_or("", |(name, _)| name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rp_51_names_are_read_without_regard_to_case() {
        for (name, key) in &KNOWN {
            for spelling in [name.to_uppercase(), name.to_lowercase(), (*name).to_owned()] {
                assert_eq!(ConditionKey::parse(&spelling), *key, "{spelling}");
            }
            assert_eq!(key.to_string(), *name);
        }
        assert_eq!(
            ConditionKey::parse("AWS:PRINCIPALTAG/Team"),
            ConditionKey::parse("aws:PrincipalTag/tEAM")
        );
    }

    #[test]
    fn values_are_written_as_policies_spell_them() {
        for (value, text) in [
            (ContextValue::Address("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1"),
            (ContextValue::Address("2001:DB8::1".parse().unwrap()), "2001:db8::1"),
            (ContextValue::Number(-5), "-5"),
            (ContextValue::Boolean(true), "true"),
            (ContextValue::Time(1_767_225_600_000), "2026-01-01T00:00:00Z"),
            (ContextValue::Text("a b"), "a b"),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }
}
