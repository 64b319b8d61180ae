//! The keys of `vpcEndpoints` and of public listeners.

use super::{Absent, Fields, Key, Kind, key};

pub(super) const VPC_ENDPOINT: &Fields = &Fields {
    what: "a VPC endpoint",
    keys: &[
        key(
            "vpcEndpointId",
            Kind::Text,
            Absent::Refused,
            "Its id: `vpce-` and hexadecimal digits; `from-proxy-protocol` for listeners that endpoints share.",
        ),
        key(
            "vpcId",
            Kind::Text,
            Absent::Means("with `from-proxy-protocol` alone, whose `vpcIds` say it of each endpoint"),
            "The VPC it stands in: `vpc-` and hexadecimal digits.",
        ),
        key(
            "listeners",
            Kind::List(&Kind::Record(LISTENER)),
            Absent::Means("it comes by the listeners of `from-proxy-protocol` alone"),
            "Where it listens: one for each subnet.",
        ),
        key(
            "tls",
            Kind::List(&Kind::Record(TLS_IDENTITY)),
            Absent::Means("plain text, for a sidecar on loopback"),
            "Certificates by server name; the first is the default.",
        ),
        HTTP2,
        key(
            "proxyProtocol",
            Kind::Record(PROXY_PROTOCOL),
            Absent::Means("no connection starts with a PROXY header"),
            "Load balancers in front: every connection starts with a PROXY header of version 2.",
        ),
        NETWORK_ACL,
        SOURCES,
        key(
            "policyFile",
            Kind::Path,
            Absent::Means("full access"),
            "The endpoint policy: what it does not allow is refused before any other policy is asked.",
        ),
        key(
            "privateDnsEnabled",
            Kind::Boolean,
            Absent::Value("true"),
            "Which names `postern routes --dns` prints; decides nothing about a request.",
        ),
        TRUST_X_FORWARDED_FOR,
    ],
    unsupported: &[],
};

pub(super) const PUBLIC_LISTENERS: &Fields = &Fields {
    what: "public listeners",
    keys: &[
        key("listeners", Kind::List(&Kind::Record(LISTENER)), Absent::Refused, "Where they listen."),
        key(
            "tls",
            Kind::List(&Kind::Record(TLS_IDENTITY)),
            Absent::Means("plain text"),
            "Certificates by server name; the first is the default.",
        ),
        HTTP2,
        key(
            "proxyProtocol",
            Kind::Record(PUBLIC_PROXY_PROTOCOL),
            Absent::Means("no connection starts with a PROXY header"),
            "Load balancers in front: every connection starts with a PROXY header of version 2.",
        ),
        NETWORK_ACL,
        SOURCES,
        TRUST_X_FORWARDED_FOR,
    ],
    unsupported: &[],
};

const HTTP2: Key = key(
    "http2",
    Kind::Boolean,
    Absent::Means("`true` with `tls`, else `false`"),
    "Whether HTTP/2 is served: by ALPN with TLS, by prior knowledge without.",
);

const NETWORK_ACL: Key = key(
    "networkAcl",
    Kind::List(&Kind::Record(NETWORK_ACL_RULE)),
    Absent::Means("every source passes"),
    "Inbound rules: the lowest number that speaks of a source decides, and no match denies.",
);

const SOURCES: Key = key(
    "securityGroup",
    Kind::Record(SECURITY_GROUP),
    Absent::Means("every source passes"),
    "The sources that may talk; asked after the network ACL.",
);

const TRUST_X_FORWARDED_FOR: Key = key(
    "trustXForwardedFor",
    Kind::Boolean,
    Absent::Value("false"),
    "Whether a client's `X-Forwarded-For` stays before ours.",
);

const TRUSTED_SOURCES: Key = key(
    "trustedSources",
    Kind::List(&Kind::Text),
    Absent::Refused,
    "CIDR blocks of the load balancers; other peers are closed before a byte is read.",
);

const PROXY_PROTOCOL: &Fields = &Fields {
    what: "the PROXY protocol",
    keys: &[
        TRUSTED_SOURCES,
        key(
            "vpcIds",
            Kind::Map(&Kind::Text),
            Absent::Means("no VPC endpoint is let in"),
            "With `from-proxy-protocol`: the endpoints that headers may name, each with its VPC.",
        ),
    ],
    unsupported: &[],
};

const PUBLIC_PROXY_PROTOCOL: &Fields =
    &Fields { what: "the PROXY protocol", keys: &[TRUSTED_SOURCES], unsupported: &[] };

const NETWORK_ACL_RULE: &Fields = &Fields {
    what: "a rule of a network ACL",
    keys: &[
        key(
            "ruleNumber",
            Kind::Whole { least: 1, most: 32_766, unit: "" },
            Absent::Refused,
            "Its place in the order: 1 to 32766, each once.",
        ),
        key("cidr", Kind::Text, Absent::Refused, "The sources that it speaks of: `10.0.0.0/16`."),
        key("ruleAction", Kind::Choice(&["allow", "deny"]), Absent::Refused, "What it says of them."),
    ],
    unsupported: &[],
};

const SECURITY_GROUP: &Fields = &Fields {
    what: "a security group",
    keys: &[key(
        "ingress",
        Kind::List(&Kind::Record(SECURITY_GROUP_ENTRY)),
        Absent::Refused,
        "The sources that may talk; an empty list: none.",
    )],
    unsupported: &[],
};

const SECURITY_GROUP_ENTRY: &Fields = &Fields {
    what: "an entry of a security group",
    keys: &[key("cidr", Kind::Text, Absent::Refused, "A range of sources: `10.0.0.0/16`.")],
    unsupported: &[],
};

const LISTENER: &Fields = &Fields {
    what: "a listener",
    keys: &[key("address", Kind::Text, Absent::Refused, "An IP address and a port: `10.0.1.10:443`.")],
    unsupported: &[],
};

const TLS_IDENTITY: &Fields = &Fields {
    what: "a TLS identity",
    keys: &[
        key("certificateFile", Kind::Path, Absent::Refused, "PEM: the certificate, then its issuers."),
        key(
            "privateKeyFile",
            Kind::Path,
            Absent::Refused,
            "PEM: the private key, readable by its owner alone.",
        ),
    ],
    unsupported: &[],
};
