//! Everything that can be wrong with a message, and what a client is told.

use std::{error, fmt};

/// One row for each fault: its name, the status, the limit that it is about, and words for the log.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $fault:ident = $status:literal, $limit:expr, $reason:literal;)*) => {
        /// What is wrong with a message. A request that has it is answered with [`Fault::status`]
        /// and the connection closes, always; a response that has it is a 502 for the client, and
        /// the backend's connection is never used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])+ $fault,)*
        }

        impl Fault {
            /// All faults, in the order of their table.
            pub const ALL: &[Self] = &[$(Self::$fault,)*];

            /// The status that answers a client's message with this fault: 400, 405, 414, 417,
            /// 431, 501 or 505. Faults that only a backend's message can have say 502.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$fault => $status,)*
                }
            }

            /// The limit that was passed, by its key under `limits:`, for its metric.
            #[must_use]
            pub const fn limit(self) -> Option<&'static str> {
                match self {
                    $(Self::$fault => $limit,)*
                }
            }

            /// What was wrong, for logs. Never holds bytes of the peer.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self {
                    $(Self::$fault => $reason,)*
                }
            }
        }
    };
}

faults! {
    /// The first byte cannot start a message: TLS, a PROXY header, a second empty line.
    NotHttp = 400, None, "the first bytes are not HTTP";
    /// A line of the head ends with LF alone.
    BareLineFeed = 400, None, "a line ends with LF and no CR before it";
    /// A CR stands in the head without an LF behind it.
    BareCarriageReturn = 400, None, "a CR is not followed by LF";

    /// The first line is not method, target and version with one space between them.
    RequestLine = 400, None, "the request line is not `method target version`";
    /// The version is not `HTTP/`, a digit, a dot and a digit.
    Version = 400, None, "the version is malformed";
    /// A well-formed version of another major number; the preface of HTTP/2 is one.
    VersionUnsupported = 505, None, "the version is neither HTTP/1.0 nor HTTP/1.1";
    /// The method is longer than 32 bytes.
    MethodTooLong = 501, None, "the method is longer than 32 bytes";
    /// CONNECT or TRACE: never a tunnel, never an echo.
    MethodNotAllowed = 405, None, "CONNECT and TRACE are not served";

    /// The target, without scheme and host, is longer than its limit.
    TargetTooLong = 414, Some("requestLineBytes"), "the request target is too long";
    /// The target has a fragment, a control character, or a byte above 0x7e.
    TargetByte = 400, None, "the target has a byte that may not stand there";
    /// The target is neither `/…`, nor an `http` or `https` URL, nor `*` with OPTIONS.
    TargetForm = 400, None, "the target has none of the forms that are served";
    /// The authority of an absolute target is malformed or is not that of `Host`.
    TargetAuthority = 400, None, "the target's authority is not that of `Host`";

    /// A field line starts with white space: a folded line.
    FoldedLine = 400, None, "a field line starts with white space";
    /// A field line is not a token and a colon.
    FieldName = 400, None, "a field line does not start with a token and a colon";
    /// A field value has a control character other than HTAB.
    FieldValue = 400, None, "a field value has a control character";
    /// A field name is longer than its limit.
    FieldNameTooLong = 431, Some("headerNameBytes"), "a field name is too long";
    /// The field lines together are longer than their limit.
    FieldsTooLong = 431, Some("headBytes"), "the fields are too long";
    /// There are more field lines than their limit.
    TooManyFields = 431, Some("headerFields"), "there are too many fields";
    /// The head as it came is longer than its limit.
    HeadTooLong = 431, Some("rawHeadBytes"), "the head is too long";

    /// HTTP/1.1 without `Host`.
    HostMissing = 400, None, "`Host` is missing";
    /// More than one `Host`, even if equal.
    HostRepeated = 400, None, "`Host` came more than once";
    /// `Host` is not `uri-host [":" port]`.
    HostInvalid = 400, None, "`Host` is not a host with or without a port";

    /// `Content-Length` and `Transfer-Encoding` together.
    LengthAndCoding = 400, None, "`Content-Length` and `Transfer-Encoding` came together";
    /// `Content-Length` is not `1*DIGIT` or is above 2^63 - 1.
    ContentLength = 400, None, "`Content-Length` is not a number of bytes";
    /// More than one `Content-Length`, even if equal.
    ContentLengthRepeated = 400, None, "`Content-Length` came more than once";
    /// `Transfer-Encoding` is not `chunked`.
    TransferEncoding = 400, None, "`Transfer-Encoding` is not `chunked`";
    /// More than one `Transfer-Encoding`.
    TransferEncodingRepeated = 400, None, "`Transfer-Encoding` came more than once";
    /// `Transfer-Encoding` with HTTP/1.0.
    TransferEncodingInOldVersion = 400, None, "`Transfer-Encoding` came with HTTP/1.0";
    /// A known coding before `chunked`.
    TransferCodingUnsupported = 501, None, "a transfer coding other than `chunked` is not served";

    /// `Expect` is not `100-continue`.
    Expectation = 417, None, "`Expect` is not `100-continue`";
    /// `Connection` is not a list of tokens.
    ConnectionOption = 400, None, "`Connection` is not a list of tokens";
    /// `Connection` names a field that decides about framing, identity or permission.
    ConnectionNamesProtected = 400, None, "`Connection` names a field that may not be removed";
    /// `Connection` names more options than there may be fields.
    TooManyConnectionOptions = 431, Some("headerFields"), "`Connection` names too many options";

    /// A chunk size is not `1*16HEXDIG`, or what follows it is neither an extension nor CRLF.
    ChunkSize = 400, None, "a chunk size is malformed";
    /// A chunk extension has a control character or does not end with CRLF.
    ChunkExtension = 400, None, "a chunk extension is malformed";
    /// The extensions of one chunk are longer than their limit.
    ChunkExtensionTooLong = 400, Some("chunkExtensionBytes"), "the extensions of a chunk are too long";
    /// The extensions of one body are longer than their limit.
    ChunkExtensionsTooLong = 400, Some("chunkExtensionTotalBytes"), "the extensions of a body are too long";
    /// A chunk line, chunk data or the body does not end with CRLF.
    ChunkLineEnd = 400, None, "a chunk is not ended by CRLF";

    /// The first line of a response is not version, status and reason.
    StatusLine = 502, None, "the status line is malformed";
    /// A 101 that nobody asked for.
    SwitchingProtocols = 502, None, "101 was not asked for";
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl error::Error for Fault {}
