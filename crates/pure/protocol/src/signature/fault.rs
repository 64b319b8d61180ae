//! Everything that can be wrong with a signature, and what the caller is told.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::{error::Error, fmt};

use super::Timestamp;

/// Why a request does not count as signed. Its text is the `message` the caller reads; it never holds the value of
/// a header (AU-89). The status is 403 for every one of them.
///
/// ```
/// use postern_protocol::signature::SignatureFault;
///
/// let fault = SignatureFault::Mismatch;
/// assert_eq!(fault.error_type(), "InvalidSignatureException");
/// assert_eq!(fault.response_type(), "INVALID_SIGNATURE");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureFault {
    /// AU-80: nothing was signed where a signature is needed.
    Missing,
    /// AU-81: an access key that is not known, or a session token that is not that key's.
    UnknownClient,
    /// AU-82: a session that has ended.
    SessionExpired,
    /// AU-83: something in `Authorization` that is not `key=value`.
    EqualSignMissing,
    /// AU-83: `Authorization` or the date header lacks these parts.
    HeaderIncomplete(Vec<HeaderPart>),
    /// AU-83: the query lacks these parameters.
    QueryIncomplete(Vec<&'static str>),
    /// AU-83: a header, part or parameter that must come once came twice.
    Repeated(&'static str),
    /// AU-83: a credential that is not key id, date, region, service and terminator.
    MalformedCredential,
    /// AU-83: a date in another form than ISO 8601's basic one.
    MalformedDate,
    /// AU-83: `X-Amz-Expires` outside of 1 second to 7 days.
    MalformedExpiry,
    /// `Authorization` and `X-Amz-Algorithm` in one request: two identities.
    HeaderAndQuery,
    /// AU-84: signed too long ago.
    Expired {
        /// The moment of the signature.
        signed: Timestamp,
        /// The moment of the check.
        now: Timestamp,
        /// For how many seconds it was good.
        window_seconds: u32,
    },
    /// AU-85: signed in the future.
    NotYetCurrent {
        /// The moment of the signature.
        signed: Timestamp,
        /// The moment of the check.
        now: Timestamp,
        /// How many seconds clocks may differ.
        window_seconds: u32,
    },
    /// AU-75: `host` is not signed.
    HostNotSigned,
    /// AU-87: a scope for somewhere else.
    WrongScope(Box<WrongScope>),
    /// AU-86: the signature is not the one of this request; or it does not cover what it must, uses another
    /// algorithm (AU-91) or leaves the body out (AU-76).
    Mismatch,
}

/// What `Authorization` must have, and the header beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderPart {
    /// `Credential=…`
    Credential,
    /// `Signature=…`
    Signature,
    /// `SignedHeaders=…`
    SignedHeaders,
    /// `X-Amz-Date` or `Date`.
    Date,
}

/// Which parts of a credential scope are for somewhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrongScope {
    /// The region in the scope, if it is not the API's.
    pub region: Option<Box<str>>,
    /// The service that was expected, if the scope names another.
    pub service: Option<Box<str>>,
    /// Whether the scope does not end in `aws4_request`.
    pub terminator: bool,
    /// Whether the scope's day is not the signature's.
    pub date: bool,
}

impl SignatureFault {
    /// The HTTP status: always 403.
    #[must_use]
    pub const fn status(&self) -> u16 {
        403
    }

    /// The value of `x-amzn-ErrorType`.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        self.kind().0
    }

    /// The name of the gateway response type that answers it.
    #[must_use]
    pub const fn response_type(&self) -> &'static str {
        self.kind().1
    }

    const fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Missing => ("MissingAuthenticationTokenException", "MISSING_AUTHENTICATION_TOKEN"),
            Self::UnknownClient => ("UnrecognizedClientException", "ACCESS_DENIED"),
            Self::SessionExpired => ("ExpiredTokenException", "EXPIRED_TOKEN"),
            Self::EqualSignMissing
            | Self::HeaderIncomplete(_)
            | Self::QueryIncomplete(_)
            | Self::Repeated(_)
            | Self::MalformedCredential
            | Self::MalformedDate
            | Self::MalformedExpiry => ("IncompleteSignatureException", "DEFAULT_4XX"),
            Self::HeaderAndQuery
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::HostNotSigned
            | Self::WrongScope(_)
            | Self::Mismatch => ("InvalidSignatureException", "INVALID_SIGNATURE"),
        }
    }
}

impl fmt::Display for SignatureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Missing Authentication Token"),
            Self::UnknownClient => f.write_str("The security token included in the request is invalid."),
            Self::SessionExpired => f.write_str("The security token included in the request is expired"),
            Self::EqualSignMissing => {
                f.write_str("Invalid key=value pair (missing equal-sign) in Authorization header")
            }
            Self::HeaderIncomplete(parts) => write_sentences(f, parts.iter().map(|part| part.missing())),
            Self::QueryIncomplete(names) => {
                for name in names {
                    write!(f, "AWS query-string parameters must include '{name}'. ")?;
                }
                f.write_str("Re-examine the query-string parameters.")
            }
            Self::Repeated(name) => write!(f, "'{name}' must not be given more than once."),
            Self::MalformedCredential => f.write_str(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
            ),
            Self::MalformedDate => f.write_str(
                "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601",
            ),
            Self::MalformedExpiry => f.write_str("X-Amz-Expires must be a number of seconds from 1 to 604800."),
            Self::HeaderAndQuery => f.write_str(
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
            ),
            Self::Expired { signed, now, window_seconds } => {
                let limit = now.epoch_seconds().saturating_sub((*window_seconds).into());
                let (limit, window) = (Timestamp::from_epoch_seconds(limit), Window(*window_seconds));
                write!(f, "Signature expired: {signed} is now earlier than {limit} ({now} - {window})")
            }
            Self::NotYetCurrent { signed, now, window_seconds } => {
                let limit = now.epoch_seconds().saturating_add((*window_seconds).into());
                let (limit, window) = (Timestamp::from_epoch_seconds(limit), Window(*window_seconds));
                write!(f, "Signature not yet current: {signed} is still later than {limit} ({now} + {window})")
            }
            Self::HostNotSigned => {
                f.write_str("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
            }
            Self::WrongScope(wrong) => write!(f, "{wrong}"),
            Self::Mismatch => f.write_str(
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details.",
            ),
        }
    }
}

impl Error for SignatureFault {}

impl HeaderPart {
    const fn missing(self) -> &'static str {
        match self {
            Self::Credential => "Authorization header requires 'Credential' parameter.",
            Self::Signature => "Authorization header requires 'Signature' parameter.",
            Self::SignedHeaders => "Authorization header requires 'SignedHeaders' parameter.",
            Self::Date => {
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
            }
        }
    }
}

impl fmt::Display for WrongScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self
            .region
            .iter()
            .map(|region| format!("Credential should be scoped to a valid region, not '{region}'."));
        let service = self
            .service
            .iter()
            .map(|service| format!("Credential should be scoped to correct service: '{service}'."));
        let terminator = self
            .terminator
            .then(|| "Credential should be scoped with a valid terminator: 'aws4_request'.".to_owned());
        let date = self.date.then(|| {
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
                .to_owned()
        });
        write_sentences(f, region.chain(service).chain(terminator).chain(date))
    }
}

fn write_sentences(
    f: &mut fmt::Formatter<'_>,
    sentences: impl Iterator<Item = impl fmt::Display>,
) -> fmt::Result {
    for (index, sentence) in sentences.enumerate() {
        if index > 0 {
            f.write_str(" ")?;
        }
        write!(f, "{sentence}")?;
    }
    Ok(())
}

/// A time span as the service prints it: whole minutes where it can.
struct Window(u32);

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(60) {
            write!(f, "{} min.", self.0 / 60)
        } else {
            write!(f, "{} sec.", self.0)
        }
    }
}
