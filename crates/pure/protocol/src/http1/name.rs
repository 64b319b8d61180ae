//! Names that are treated specially, recognised once and then known by a number.

/// The methods that routes can have (routing M7), and the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum KnownMethod {
    /// Any other token: no route has it.
    #[default]
    Other,
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl KnownMethod {
    /// The method of this name. Letter case counts: `get` is not `GET`.
    #[must_use]
    pub fn of(method: &[u8]) -> Self {
        match method {
            b"GET" => Self::Get,
            b"PUT" => Self::Put,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }
}

macro_rules! known_names {
    ($($variant:ident = $name:literal,)*) => {
        /// The field names that routing, policies, header rules and mapping treat specially. The
        /// number fits a bit of a `u128`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum KnownName {
            /// Any other name.
            #[default]
            Other,
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl KnownName {
            /// All known names with their usual spelling.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$variant, $name),)*];
        }
    };
}

known_names! {
    Accept = "Accept",
    AcceptCharset = "Accept-Charset",
    AcceptEncoding = "Accept-Encoding",
    Age = "Age",
    Authorization = "Authorization",
    CacheControl = "Cache-Control",
    Connection = "Connection",
    ContentEncoding = "Content-Encoding",
    ContentLength = "Content-Length",
    ContentMd5 = "Content-MD5",
    ContentType = "Content-Type",
    Cookie = "Cookie",
    Date = "Date",
    Expect = "Expect",
    Forwarded = "Forwarded",
    Host = "Host",
    Http2Settings = "HTTP2-Settings",
    KeepAlive = "Keep-Alive",
    Location = "Location",
    MaxForwards = "Max-Forwards",
    Origin = "Origin",
    Pragma = "Pragma",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthenticationInfo = "Proxy-Authentication-Info",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyConnection = "Proxy-Connection",
    Range = "Range",
    Referer = "Referer",
    RetryAfter = "Retry-After",
    Server = "Server",
    SetCookie = "Set-Cookie",
    Te = "TE",
    Trailer = "Trailer",
    TransferEncoding = "Transfer-Encoding",
    Upgrade = "Upgrade",
    UserAgent = "User-Agent",
    Via = "Via",
    Warn = "Warn",
    WwwAuthenticate = "WWW-Authenticate",
    XAmzApigwId = "x-amz-apigw-id",
    XAmzContentSha256 = "X-Amz-Content-Sha256",
    XAmzDate = "X-Amz-Date",
    XAmzInvocationType = "X-Amz-Invocation-Type",
    XAmzSecurityToken = "X-Amz-Security-Token",
    XAmzSourceArn = "X-Amz-Source-Arn",
    XAmznApigatewayApiId = "X-Amzn-Apigateway-Api-Id",
    XAmznCipherSuite = "x-amzn-cipher-suite",
    XAmznErrorType = "x-amzn-ErrorType",
    XAmznLambdaIntegrationTag = "x-amzn-lambda-integration-tag",
    XAmznRequestId = "x-amzn-RequestId",
    XAmznTlsVersion = "x-amzn-tls-version",
    XAmznTraceId = "X-Amzn-Trace-Id",
    XAmznVpcId = "x-amzn-vpc-id",
    XAmznVpceConfig = "x-amzn-vpce-config",
    XAmznVpceId = "x-amzn-vpce-id",
    XAmznVpcePolicyUrl = "x-amzn-vpce-policy-url",
    XApiKey = "X-API-Key",
    XApigwApiId = "x-apigw-api-id",
    XForwardedFor = "X-Forwarded-For",
    XForwardedHost = "X-Forwarded-Host",
    XForwardedPort = "X-Forwarded-Port",
    XForwardedProto = "X-Forwarded-Proto",
    XHttpMethodOverride = "X-HTTP-Method-Override",
}

impl KnownName {
    /// The number of a name in any letter case, or [`KnownName::Other`].
    #[must_use]
    pub fn of(_name: &[u8]) -> Self {
        todo!()
    }

    /// The usual spelling; empty for [`KnownName::Other`].
    #[must_use]
    pub fn spelling(self) -> &'static str {
        todo!()
    }

    /// Whether the field is about one connection and is never forwarded (RFC 9110 section 7.6.1,
    /// hardening section 4): `Connection`, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`,
    /// `Transfer-Encoding`, `Upgrade`, `HTTP2-Settings`, `Proxy-Auth…`.
    #[must_use]
    pub const fn is_hop_by_hop(self) -> bool {
        todo!()
    }

    /// Whether the field tells who a caller is or how it came (PA-65, PA-67): removed from what a
    /// client sends, then set by the gateway.
    #[must_use]
    pub const fn is_identity(self) -> bool {
        todo!()
    }

    /// Whether the gateway itself sets the field towards backends. `Connection` may not name it.
    #[must_use]
    pub const fn is_set_by_gateway(self) -> bool {
        todo!()
    }
}
