//! Lambda-style functions: what stands behind an ARN, and how it is reached.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use crate::{Malformed, Target};

/// A function: what the ARN of an integration leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// What it is called: a name, or a whole ARN.
    pub name: FunctionName,
    /// What runs it.
    pub backend: FunctionBackend,
}

/// What an entry of `functions` is called by: `hello`, or
/// `arn:aws:lambda:us-east-1:123456789012:function:hello`. No alias or version stands behind it.
///
/// ```
/// use postern_model::{FunctionArn, FunctionName};
///
/// let live: FunctionArn = "arn:aws:lambda:eu-west-1:123456789012:function:hello:live".parse().unwrap();
/// assert!("hello".parse::<FunctionName>().unwrap().means(&live));
/// assert!("arn:aws:lambda:eu-west-1:123456789012:function:hello".parse::<FunctionName>().unwrap().means(&live));
/// assert!(!"arn:aws:lambda:us-east-1:123456789012:function:hello".parse::<FunctionName>().unwrap().means(&live));
/// assert!("hello:live".parse::<FunctionName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionName {
    text: Box<str>,
    is_arn: bool,
}

/// The ARN of a function, with the alias or version that is called.
///
/// ```
/// use postern_model::FunctionArn;
///
/// let arn: FunctionArn = "arn:aws:lambda:eu-west-1:123456789012:function:hello:live".parse().unwrap();
/// assert_eq!((arn.name(), arn.qualifier()), ("hello", Some("live")));
/// assert_eq!(arn.unqualified(), "arn:aws:lambda:eu-west-1:123456789012:function:hello");
/// assert!("arn:aws:s3:::bucket".parse::<FunctionArn>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunctionArn {
    text: Box<str>,
    region: Box<str>,
    name: Box<str>,
    qualifier: Option<Box<str>>,
}

/// What runs a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionBackend {
    /// Processes on this machine, which speak the Lambda Runtime API.
    Process(FunctionProcess),
    /// Something that speaks the Invoke API.
    Invoke(InvokeEndpoint),
    /// A container with the Runtime Interface Emulator.
    RuntimeInterfaceEmulator(HttpEndpoint),
}

/// How the processes of a function are run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunctionProcess {
    /// The program and its arguments; at least the program.
    pub command: Vec<Box<str>>,
    /// Where they run.
    pub working_directory: PathBuf,
    /// What their environment holds beside the runtime's own, by name.
    pub environment: Vec<(Box<str>, Box<str>)>,
    /// How many run at most; calls beyond wait in order.
    pub concurrency: u32,
    /// After so many seconds without a call a process is ended.
    pub idle_seconds: u32,
    /// How much memory a process may have, in MiB; absent: as much as there is.
    pub memory_mebibytes: Option<u32>,
    /// How long a call may take, in seconds: 1 to 900. The process is ended then.
    pub timeout_seconds: u32,
}

/// Something that speaks the Invoke API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeEndpoint {
    /// Where it is.
    pub endpoint: HttpEndpoint,
    /// Whether calls are signed.
    pub is_signed: bool,
}

/// An HTTP endpoint: a scheme, a host and a port, and nothing behind them.
///
/// ```
/// use postern_model::HttpEndpoint;
///
/// let endpoint: HttpEndpoint = "http://127.0.0.1:9001".parse().unwrap();
/// assert_eq!((endpoint.https, endpoint.target.port), (false, 9001));
/// assert_eq!(endpoint.authority(), "127.0.0.1:9001");
/// assert_eq!("https://lambda.eu-west-1.amazonaws.com".parse::<HttpEndpoint>().unwrap().target.port, 443);
/// assert!("http://127.0.0.1:9001/path".parse::<HttpEndpoint>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpEndpoint {
    /// Whether TLS is spoken.
    pub https: bool,
    /// Where it is.
    pub target: Target,
}

impl Function {
    /// The one of these that an ARN leads to: the entry of this very ARN, else the one of its name.
    #[must_use]
    pub fn find<'all>(all: &'all [Self], arn: &FunctionArn) -> Option<&'all Self> {
        let mut meant: Vec<&Self> = all.iter().filter(|function| function.name.means(arn)).collect();
        meant.sort_by_key(|function| !function.name.is_arn());
        meant.first().copied()
    }
}

impl FunctionProcess {
    /// How long a call may take where the file does not say: as on the service.
    pub const TIMEOUT_SECONDS: u32 = 3;

    /// What a function is told that it has where there is no limit: as on the service.
    pub const MEMORY_MEBIBYTES: u32 = 128;
}

impl FunctionName {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name itself, without what stands before it in an ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.rsplit(':').next().unwrap_or(&self.text)
    }

    /// Whether an ARN leads here, whatever its alias or version.
    #[must_use]
    pub fn means(&self, arn: &FunctionArn) -> bool {
        if self.is_arn { *self.text == *arn.unqualified() } else { self.text == arn.name }
    }

    /// Whether it names one account and region.
    #[must_use]
    pub const fn is_arn(&self) -> bool {
        self.is_arn
    }
}

impl FromStr for FunctionName {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let is_arn = text.starts_with("arn:");
        let is_right = if is_arn {
            text.parse::<FunctionArn>().is_ok_and(|arn| arn.qualifier.is_none())
        } else {
            is_name(text)
        };
        if is_right {
            Ok(Self { text: text.into(), is_arn })
        } else {
            Err(Malformed::new("the name of a function, or its ARN without an alias or version"))
        }
    }
}

impl FunctionArn {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The alias or version.
    #[must_use]
    pub fn qualifier(&self) -> Option<&str> {
        self.qualifier.as_deref()
    }

    /// The ARN without alias and version.
    #[must_use]
    pub fn unqualified(&self) -> &str {
        let behind = self.qualifier.as_ref().map_or(0, |qualifier| qualifier.len() + 1);
        self.text.get(..self.text.len() - behind).unwrap_or(&self.text)
    }

    /// Reads the ARN out of what calls the function: `arn:…:lambda:path/DATE/functions/ARN/invocations`,
    /// or `…/response-streaming-invocations` (integrations.md section 10).
    ///
    /// ```
    /// use postern_model::FunctionArn;
    ///
    /// let uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
    ///            arn:aws:lambda:us-east-1:123456789012:function:hello/invocations";
    /// assert_eq!(FunctionArn::of_uri(uri).unwrap().name(), "hello");
    /// assert!(FunctionArn::of_uri("arn:aws:apigateway:us-east-1:sqs:path/x").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// When the text calls no function.
    pub fn of_uri(uri: &str) -> Result<Self, Malformed> {
        const CALLS: [(&str, &str); 2] = [
            ("/2015-03-31/functions/", "/invocations"),
            ("/2021-11-15/functions/", "/response-streaming-invocations"),
        ];
        let arn = CALLS.iter().find_map(|(before, behind)| {
            uri.split_once(before).and_then(|(_, rest)| rest.trim_end_matches('/').strip_suffix(behind))
        });
        arn.ok_or_else(|| Malformed::new("`…:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations`"))?
            .parse()
    }
}

impl FromStr for FunctionArn {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("`arn:aws:lambda:REGION:ACCOUNT:function:NAME`");
        let mut parts = text.split(':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service) = (next(), next(), next());
        let (region, account, kind) = (next(), next(), next());
        let (name, qualifier, more) = (next(), parts.next(), parts.next());
        let is_right = arn == "arn"
            && partition.starts_with("aws")
            && service == "lambda"
            && !region.is_empty()
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && kind == "function"
            && is_name(name)
            && qualifier.is_none_or(|qualifier| qualifier == "$LATEST" || is_name(qualifier))
            && more.is_none();
        if !is_right {
            return Err(malformed());
        }
        Ok(Self {
            text: text.into(),
            region: region.into(),
            name: name.into(),
            qualifier: qualifier.map(Into::into),
        })
    }
}

fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl HttpEndpoint {
    /// Host and port as `Host` has them: without the port where it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let Target { host, port } = &self.target;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
        match (self.https, port) {
            (true, 443) | (false, 80) => host,
            _ => format!("{host}:{port}"),
        }
    }

    /// The same below a subdomain; an address has none.
    pub(crate) fn below(&self, subdomain: &str) -> Self {
        let Target { host, port } = &self.target;
        if host.parse::<IpAddr>().is_ok() {
            return self.clone();
        }
        let host = format!("{subdomain}.{host}").into();
        Self { https: self.https, target: Target { host, port: *port } }
    }
}

impl fmt::Display for HttpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority())
    }
}

impl FromStr for HttpEndpoint {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("an endpoint such as `http://127.0.0.1:9001`");
        let (https, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(malformed()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address are no port.
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().ok().filter(|port| *port != 0).ok_or_else(malformed)?)
            }
            _ => (authority, if https { 443 } else { 80 }),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_address = bare.is_some_and(|bare| bare.parse::<std::net::Ipv6Addr>().is_ok());
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if !is_address && (host.is_empty() || !host.bytes().all(is_host)) {
            return Err(malformed());
        }
        let host = bare.unwrap_or(host).to_ascii_lowercase().into();
        Ok(Self { https, target: Target { host, port } })
    }
}
