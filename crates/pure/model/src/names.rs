//! Names and ids that have rules: parsed once, right ever after.

use std::{fmt, str::FromStr};

/// A text that is not what it was read as: the sentence says what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    expected: &'static str,
}

impl Malformed {
    /// What would have been right, as the end of a sentence: "expected …".
    #[must_use]
    pub const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for Malformed {}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(Malformed::new($expected)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The id of a REST API: what stands in its host name and its ARNs.
    ///
    /// The service makes ten lower-case letters and digits; any run of 1 to 64 of them is taken. It
    /// holds no hyphen (PA-11).
    ///
    /// ```
    /// use postern_model::RestApiId;
    ///
    /// assert!("a1b2c3d4e5".parse::<RestApiId>().is_ok());
    /// let error = "a1-b2".parse::<RestApiId>().unwrap_err();
    /// assert_eq!(error.to_string(), "expected 1 to 64 lower-case letters and digits");
    /// ```
    RestApiId,
    "1 to 64 lower-case letters and digits",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
);

name!(
    /// The name of a stage: letters, digits, `-` and `_`, at most 128 (PA-32).
    StageName,
    "1 to 128 letters, digits, `-` and `_`",
    |text| (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
);

name!(
    /// The id of an interface VPC endpoint.
    ///
    /// ```
    /// use postern_model::VpcEndpointId;
    ///
    /// assert!("vpce-01234567abcdef012".parse::<VpcEndpointId>().is_ok());
    /// let error = "vpc-01234567".parse::<VpcEndpointId>().unwrap_err();
    /// assert_eq!(error.to_string(), "expected `vpce-` and then hexadecimal digits");
    /// ```
    VpcEndpointId,
    "`vpce-` and then hexadecimal digits",
    |text| id_with_prefix(text, "vpce-")
);

name!(
    /// The id of a VPC: `vpc-` and hexadecimal digits.
    VpcId,
    "`vpc-` and then hexadecimal digits",
    |text| id_with_prefix(text, "vpc-")
);

name!(
    /// The id of a VPC link: what `connectionId` names.
    VpcLinkId,
    "1 to 64 letters, digits, `-` and `_`",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
);

name!(
    /// An AWS account id: twelve digits.
    AccountId,
    "twelve digits, in quotes",
    |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
);

name!(
    /// An AWS region such as `us-east-1`: what stands in host names and ARNs.
    Region,
    "a region such as `us-east-1`",
    |text| (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);

name!(
    /// A host name in lower case without port and trailing dot: letters, digits, hyphens and dots.
    HostName,
    "a host name in lower case, such as `api.corp.internal`",
    is_host_name
);

name!(
    /// The name of a custom domain name: a host name, or `*.` and one, which stands for every name with one
    /// more label in front, as in certificates (RFC 6125 section 6.4.3).
    ///
    /// ```
    /// use postern_model::DomainHost;
    ///
    /// let name: DomainHost = "*.shops.example".parse().unwrap();
    /// assert_eq!(name.wildcard_parent(), Some("shops.example"));
    /// assert!("*.".parse::<DomainHost>().is_err() && "a.*.example".parse::<DomainHost>().is_err());
    /// ```
    DomainHost,
    "a host name in lower case, such as `api.corp.internal`",
    |text| is_host_name(text.strip_prefix("*.").unwrap_or(text))
);

impl DomainHost {
    /// What stands behind `*.`, if it starts so.
    #[must_use]
    pub fn wildcard_parent(&self) -> Option<&str> {
        self.0.strip_prefix("*.")
    }
}

fn id_with_prefix(text: &str, prefix: &str) -> bool {
    text.len() <= 64
        && text
            .strip_prefix(prefix)
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
    };
    (1..=253).contains(&text.len()) && text.split('.').all(label)
}

/// The partition of a region: the second part of every ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partition {
    /// `aws`
    Aws,
    /// `aws-cn`
    AwsChina,
    /// `aws-us-gov`
    AwsUsGov,
}

impl Partition {
    /// The partition that a region belongs to.
    #[must_use]
    pub fn of(region: &Region) -> Self {
        if region.as_str().starts_with("cn-") {
            Self::AwsChina
        } else if region.as_str().starts_with("us-gov-") {
            Self::AwsUsGov
        } else {
            Self::Aws
        }
    }

    /// What the names of the service's own hosts end with.
    #[must_use]
    pub const fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::AwsUsGov => "amazonaws.com",
            Self::AwsChina => "amazonaws.com.cn",
        }
    }

    /// As it stands in an ARN.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsChina => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
        }
    }
}
