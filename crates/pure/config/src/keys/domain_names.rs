//! The keys of `domainNames`.

use postern_model::{RoutingMode, SecurityPolicy};

use super::{Absent, Fields, Kind, key};

pub(super) const DOMAIN_NAME: &Fields = &Fields {
    what: "a domain name",
    keys: &[
        key("domainName", Kind::Text, Absent::Refused, "The host name, in lower case."),
        key(
            "endpointConfiguration",
            Kind::Record(DOMAIN_ENDPOINT_CONFIGURATION),
            Absent::Means("`{types: [PRIVATE]}`"),
            "Through which doors it is seen.",
        ),
        key(
            "accessAssociations",
            Kind::List(&Kind::Text),
            Absent::Means("every VPC endpoint of this gateway"),
            "The VPC endpoints through which a private name is seen.",
        ),
        key(
            "domainNameId",
            Kind::Text,
            Absent::Means("ten characters made of the name"),
            "What stands behind a private name in its ARN: lower-case letters and digits.",
        ),
        key(
            "policyFile",
            Kind::Path,
            Absent::Means("no rule of its own: the API's policy decides"),
            "The policy of a private name.",
        ),
        key(
            "securityPolicy",
            Kind::Choice(SecurityPolicy::WORDS),
            Absent::Value("TLS_1_2"),
            "What TLS may agree on; a private name has `TLS_1_2` always.",
        ),
        key(
            "endpointAccessMode",
            Kind::Choice(&["BASIC", "STRICT"]),
            Absent::Means("`BASIC`; beside a `SecurityPolicy_…` it must be there"),
            "Whether a public name is served through public listeners alone, and to connections made for it.",
        ),
        key(
            "mutualTlsAuthentication",
            Kind::Record(MUTUAL_TLS),
            Absent::Means("no client certificate is asked for"),
            "Which client certificates are let in.",
        ),
        key(
            "routingMode",
            Kind::Choice(RoutingMode::WORDS),
            Absent::Value("BASE_PATH_MAPPING_ONLY"),
            "Whether `routingRules`, `basePathMappings` or both are asked, rules first.",
        ),
        key(
            "routingRules",
            Kind::List(&Kind::Record(ROUTING_RULE)),
            Absent::Means("none"),
            "Rules by headers and base paths, at most 50; the first that matches decides.",
        ),
        key(
            "basePathMappings",
            Kind::List(&Kind::Record(BASE_PATH_MAPPING)),
            Absent::Means("none"),
            "What stands under its paths.",
        ),
    ],
    unsupported: &[],
};

const MUTUAL_TLS: &Fields = &Fields {
    what: "mutual TLS",
    keys: &[key(
        "truststoreFile",
        Kind::Path,
        Absent::Refused,
        "PEM: who may have issued a client's certificate, each with its issuers up to the root.",
    )],
    unsupported: &["truststoreUri", "truststoreVersion"],
};

const DOMAIN_ENDPOINT_CONFIGURATION: &Fields = &Fields {
    what: "an endpoint configuration",
    keys: &[key(
        "types",
        Kind::List(&Kind::Choice(&["PRIVATE", "REGIONAL", "EDGE"])),
        Absent::Value("[PRIVATE]"),
        "One type; `EDGE` is read as `REGIONAL`.",
    )],
    unsupported: &[],
};

const BASE_PATH_MAPPING: &Fields = &Fields {
    what: "a base path mapping",
    keys: &[
        key(
            "basePath",
            Kind::Text,
            Absent::Means("every path that no other mapping takes"),
            "The path before the API's own; `(none)` is as absent.",
        ),
        key("restApiId", Kind::Text, Absent::Refused, "The API."),
        key("stage", Kind::Text, Absent::Refused, "Its stage."),
    ],
    unsupported: &[],
};

const ROUTING_RULE: &Fields = &Fields {
    what: "a routing rule",
    keys: &[
        key(
            "priority",
            Kind::Whole { least: 1, most: 1_000_000, unit: "turns" },
            Absent::Refused,
            "Its turn, lowest first; no other rule of the domain name has it.",
        ),
        key(
            "conditions",
            Kind::List(&Kind::Record(ROUTING_CONDITION)),
            Absent::Means("every request matches"),
            "What must all hold: at most one condition on base paths and two on headers.",
        ),
        key("actions", Kind::List(&Kind::Record(ROUTING_ACTION)), Absent::Refused, "One action."),
    ],
    unsupported: &[],
};

const ROUTING_CONDITION: &Fields = &Fields {
    what: "a condition",
    keys: &[
        key(
            "matchBasePaths",
            Kind::Record(MATCH_BASE_PATHS),
            Absent::Means("any path"),
            "What the path starts with.",
        ),
        key(
            "matchHeaders",
            Kind::Record(MATCH_HEADERS),
            Absent::Means("any headers"),
            "What a header holds.",
        ),
    ],
    unsupported: &[],
};

const MATCH_BASE_PATHS: &Fields = &Fields {
    what: "a condition on base paths",
    keys: &[key("anyOf", Kind::List(&Kind::Text), Absent::Refused, "Base paths of which one must match.")],
    unsupported: &[],
};

const MATCH_HEADERS: &Fields = &Fields {
    what: "a condition on headers",
    keys: &[key(
        "anyOf",
        Kind::List(&Kind::Record(HEADER_MATCH)),
        Absent::Refused,
        "Headers of which one must match.",
    )],
    unsupported: &[],
};

const HEADER_MATCH: &Fields = &Fields {
    what: "a header to match",
    keys: &[
        key("header", Kind::Text, Absent::Refused, "Its name, in any letter case."),
        key(
            "valueGlob",
            Kind::Text,
            Absent::Refused,
            "What one line of it holds, with letter case; `*` at the start or the end stands for anything.",
        ),
    ],
    unsupported: &[],
};

const ROUTING_ACTION: &Fields = &Fields {
    what: "an action",
    keys: &[key("invokeApi", Kind::Record(INVOKE_API), Absent::Refused, "Invokes a stage.")],
    unsupported: &[],
};

const INVOKE_API: &Fields = &Fields {
    what: "what a rule invokes",
    keys: &[
        key("apiId", Kind::Text, Absent::Refused, "The API."),
        key("stage", Kind::Text, Absent::Refused, "Its stage."),
        key(
            "stripBasePath",
            Kind::Boolean,
            Absent::Value("false"),
            "Whether the base path that matched is taken off the path.",
        ),
    ],
    unsupported: &[],
};
