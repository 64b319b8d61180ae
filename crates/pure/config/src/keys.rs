//! The table of keys: every key that `postern.yaml` may hold, what it takes, what holds without it.
//!
//! Everything else follows from this table: which keys are unknown or not supported yet (`check.rs`),
//! ranges and defaults (`fields.rs`), the JSON Schema (`json_schema.rs`), and the list that the house
//! test compares with the end-to-end tests of settings. A key with children stands above them.

mod backends;
mod domain_names;
mod usage;
mod vpc_endpoints;

use postern_model::{LIMITS, LimitRow};

use backends::{FUNCTION, ROLE_CREDENTIAL, VPC_LINK};
use domain_names::DOMAIN_NAME;
use usage::{API_KEY, USAGE_PLAN};
use vpc_endpoints::{PUBLIC_LISTENERS, VPC_ENDPOINT};

/// The keys of one kind of mapping in the file.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// What the mapping is, with its article, for messages: "a VPC endpoint".
    pub what: &'static str,
    /// Its keys, in the order in which people expect them.
    pub keys: &'static [Key],
    /// Keys that are known and refused until they work.
    pub unsupported: &'static [&'static str],
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it stands in the file.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds where it is absent.
    pub absent: Absent,
    /// What it means, as one sentence.
    pub meaning: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One value with rules of its own, which the meaning tells.
    Text,
    /// The path of a file or folder, relative to the configuration file.
    Path,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number in a range.
    Whole {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
        /// What is counted, in the plural; nothing where it is a mere number.
        unit: &'static str,
    },
    /// Requests a second: 0 to [`MOST_REQUESTS_PER_SECOND`], fractions allowed.
    Rate,
    /// This word, or what the second kind takes.
    WordOr(&'static str, &'static Self),
    /// A mapping with these keys.
    Record(&'static Fields),
    /// A list.
    List(&'static Self),
    /// A mapping whose keys the user chooses.
    Map(&'static Self),
}

/// What holds where a key is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The file is refused.
    Refused,
    /// This value, as it would be written.
    Value(&'static str),
    /// This number.
    Number(u64),
    /// What these words say.
    Means(&'static str),
}

/// A key and where it stands.
#[derive(Clone, Debug)]
pub struct KeyPath {
    /// For example `vpcEndpoints[].tls[].certificateFile` or
    /// `usagePlans[].apiStages[].throttle{}.rateLimit`: `[]` stands for an item of a list, `{}` for a
    /// key that the user chooses.
    pub path: String,
    /// The key.
    pub key: &'static Key,
}

impl KeyPath {
    /// Whether this is a setting itself, not only a place for others.
    #[must_use]
    pub const fn is_setting(&self) -> bool {
        self.key.kind.fields().is_none()
    }
}

impl Kind {
    /// The keys under this one, if it takes mappings, or lists or maps of mappings.
    #[must_use]
    pub const fn fields(&self) -> Option<&'static Fields> {
        match self {
            Self::Record(fields) => Some(fields),
            Self::List(inner) | Self::Map(inner) => inner.fields(),
            _ => None,
        }
    }

    /// How the path of a key under this one goes on: `.`, `[].` or `{}.`.
    const fn joint(&self) -> &'static str {
        match self {
            Self::List(_) => "[].",
            Self::Map(_) => "{}.",
            _ => ".",
        }
    }
}

/// Every key with its path, parents first, in the order of the table.
#[must_use]
pub fn key_paths() -> Vec<KeyPath> {
    let mut paths = Vec::new();
    add_paths("", KEYS, &mut paths);
    paths
}

fn add_paths(prefix: &str, fields: &'static Fields, paths: &mut Vec<KeyPath>) {
    for key in fields.keys {
        let path = format!("{prefix}{}", key.name);
        let below = key.kind.fields().map(|fields| (format!("{path}{}", key.kind.joint()), fields));
        paths.push(KeyPath { path, key });
        if let Some((prefix, fields)) = below {
            add_paths(&prefix, fields, paths);
        }
    }
}

/// The fastest rate that a throttle may have: one request a nanosecond.
pub const MOST_REQUESTS_PER_SECOND: u32 = 1_000_000_000;

/// The largest burst, as the service's API has it.
const MOST_BURST: u64 = 2_147_483_647;

const fn key(name: &'static str, kind: Kind, absent: Absent, meaning: &'static str) -> Key {
    Key { name, kind, absent, meaning }
}

const BURST: Kind = Kind::Whole { least: 0, most: MOST_BURST, unit: "requests" };

/// The table: the keys at the root of the file, and all others under them.
pub const KEYS: &Fields = &Fields {
    what: "the configuration",
    keys: &[
        key(
            "region",
            Kind::Text,
            Absent::Refused,
            "The region of every host name and ARN, such as `us-east-1`.",
        ),
        key("accountId", Kind::Text, Absent::Refused, "The account in every ARN: twelve digits, in quotes."),
        key(
            "dnsSuffix",
            Kind::Text,
            Absent::Means("`amazonaws.com`, and `amazonaws.com.cn` in the China partition"),
            "What the service's host names end with, so that a company can use its own zone.",
        ),
        key(
            "stateDirectory",
            Kind::Path,
            Absent::Means("the directory of the variable STATE_DIRECTORY, else memory alone"),
            "Where quota counters are kept.",
        ),
        key(
            "quotaFlushSeconds",
            Kind::Whole { least: 1, most: 3_600, unit: "seconds" },
            Absent::Number(1),
            "What a crash may lose of the quota counters.",
        ),
        key(
            "vpcEndpoints",
            Kind::List(&Kind::Record(VPC_ENDPOINT)),
            Absent::Means("none"),
            "The interface VPC endpoints: who comes in by their listeners has their identity.",
        ),
        key(
            "publicListeners",
            Kind::List(&Kind::Record(PUBLIC_LISTENERS)),
            Absent::Means("none"),
            "Listeners without an endpoint identity, for REGIONAL APIs.",
        ),
        key("restApis", Kind::List(&Kind::Record(REST_API)), Absent::Means("none"), "The APIs."),
        key(
            "domainNames",
            Kind::List(&Kind::Record(DOMAIN_NAME)),
            Absent::Means("none"),
            "Custom domain names.",
        ),
        key(
            "vpcLinks",
            Kind::List(&Kind::Record(VPC_LINK)),
            Absent::Means("none"),
            "What the `connectionId` of an integration leads to.",
        ),
        key(
            "functions",
            Kind::List(&Kind::Record(FUNCTION)),
            Absent::Means("none"),
            "Lambda-style functions: what the ARNs in integrations lead to.",
        ),
        key(
            "credentials",
            Kind::List(&Kind::Record(ROLE_CREDENTIAL)),
            Absent::Means(
                "those of the environment, the credentials file, the container or the instance alone",
            ),
            "What calls are signed with in the name of a role.",
        ),
        key(
            "serviceEndpoints",
            Kind::Map(&Kind::Text),
            Absent::Means("every service at its own host"),
            "Where integrations call services instead, as `dynamodb: http://127.0.0.1:8000`.",
        ),
        key(
            "apiKeys",
            Kind::List(&Kind::Record(API_KEY)),
            Absent::Means("none"),
            "API keys; very many stand better in files under `apiKeysFile`.",
        ),
        key(
            "apiKeysFile",
            Kind::List(&Kind::Path),
            Absent::Means("none"),
            "Files of API keys in the CSV form of the service's import; their `UsagePlanIds` name usage plans here.",
        ),
        key(
            "usagePlans",
            Kind::List(&Kind::Record(USAGE_PLAN)),
            Absent::Means("none"),
            "Usage plans: which keys open which stages, how fast and how often.",
        ),
        key(
            "principals",
            Kind::List(&Kind::Record(PRINCIPAL)),
            Absent::Means("none: every signature is that of an unknown caller"),
            "Callers that may sign requests.",
        ),
        key(
            "accountThrottle",
            Kind::Record(ACCOUNT_THROTTLE),
            Absent::Means("no throttle at this level"),
            "The throttle that all APIs share.",
        ),
        key(
            "requestStreaming",
            Kind::Boolean,
            Absent::Value("true"),
            "Whether request bodies that no step reads pass through in pieces.",
        ),
        key(
            "hosts",
            Kind::Map(&Kind::Text),
            Absent::Means("none"),
            "Addresses for upstream names, as `\"host:port\": address:port`.",
        ),
        key(
            "workers",
            Kind::WordOr("auto", &Kind::Whole { least: 1, most: 1_024, unit: "workers" }),
            Absent::Value("auto"),
            "How many workers serve; `auto`: one for each CPU that the process may use.",
        ),
        key("admin", Kind::Record(ADMIN), Absent::Means("no admin listener"), "The admin listener."),
        key("metrics", Kind::Record(METRICS), Absent::Means("every metric at its default"), "Metrics."),
        key("accessLog", Kind::Record(ACCESS_LOG), Absent::Means("no access log"), "The access log."),
        key("limits", Kind::Record(LIMIT_FIELDS), Absent::Means("every limit at its default"), "Limits."),
        key(
            "compatibility",
            Kind::Record(COMPATIBILITY),
            Absent::Means("as the service"),
            "Where the service's behaviour may be left.",
        ),
    ],
    unsupported: &["keySets"],
};

const REST_API: &Fields = &Fields {
    what: "an API",
    keys: &[
        key(
            "id",
            Kind::Text,
            Absent::Refused,
            "What stands in its host name and ARNs: lower-case letters and digits.",
        ),
        key(
            "definition",
            Kind::Path,
            Absent::Refused,
            "OpenAPI 3.0 or Swagger 2.0 with `x-amazon-apigateway-` extensions.",
        ),
        key(
            "endpointConfiguration",
            Kind::Record(API_ENDPOINT_CONFIGURATION),
            Absent::Means("`{types: [PRIVATE]}`"),
            "Through which doors it is reached.",
        ),
        key(
            "policyFile",
            Kind::Path,
            Absent::Means("the policy in the definition; a private API without one denies every request"),
            "The resource policy; it wins over the definition's own.",
        ),
        key(
            "disableExecuteApiEndpoint",
            Kind::Boolean,
            Absent::Means("what the definition says, else `false`"),
            "Whether it answers by its custom domain names alone.",
        ),
        key(
            "basePath",
            Kind::Choice(&["ignore", "prepend", "split"]),
            Absent::Value("ignore"),
            "What becomes of the definition's base path.",
        ),
        key(
            "rootSecurity",
            Kind::Choice(&["apply", "ignore"]),
            Absent::Value("apply"),
            "Whether `security` at the root of the definition holds for its methods.",
        ),
        key(
            "rewritePolicyApiId",
            Kind::Boolean,
            Absent::Value("true"),
            "Whether a policy's resources that name another API, as an exported policy's do, are read as this one's.",
        ),
        key(
            "strict",
            Kind::Boolean,
            Absent::Value("true"),
            "Whether what the service would answer 500 to is refused at load; `false` only warns.",
        ),
        key("stages", Kind::List(&Kind::Record(STAGE)), Absent::Means("none"), "Its stages."),
    ],
    unsupported: &[],
};

const API_ENDPOINT_CONFIGURATION: &Fields = &Fields {
    what: "an endpoint configuration",
    keys: &[
        key(
            "types",
            Kind::List(&Kind::Choice(&["PRIVATE", "REGIONAL", "EDGE"])),
            Absent::Value("[PRIVATE]"),
            "One type; `EDGE` is read as `REGIONAL`.",
        ),
        key(
            "vpcEndpointIds",
            Kind::List(&Kind::Text),
            Absent::Means("the definition's own, else none"),
            "The endpoints that give a private API a host name of its own with them; no access control.",
        ),
    ],
    unsupported: &[],
};

const STAGE: &Fields = &Fields {
    what: "a stage",
    keys: &[
        key("stageName", Kind::Text, Absent::Refused, "The first path segment: letters, digits, `-`, `_`."),
        key(
            "variables",
            Kind::Map(&Kind::Text),
            Absent::Means("none"),
            "Stage variables; each that the definition uses must be here.",
        ),
        key(
            "methodSettings",
            Kind::Map(&Kind::Record(METHOD_SETTING)),
            Absent::Means("none"),
            "Settings by method: `\"*/*\"` for each, or a path and a verb such as `\"/pets/{id}/GET\"`.",
        ),
    ],
    unsupported: &[
        "canarySettings",
        "cacheClusterEnabled",
        "cacheClusterSize",
        "accessLogSettings",
        "tracingEnabled",
        "clientCertificateFile",
    ],
};

const METHOD_SETTING: &Fields = &Fields {
    what: "a method setting",
    keys: &[
        key(
            "throttlingRateLimit",
            Kind::WordOr("-1", &Kind::Rate),
            Absent::Means("no throttle at this level"),
            "Requests a second; `-1` is as absent.",
        ),
        key(
            "throttlingBurstLimit",
            Kind::WordOr("-1", &BURST),
            Absent::Means("no throttle at this level"),
            "What the bucket holds; `-1` is as absent.",
        ),
    ],
    unsupported: &[
        "metricsEnabled",
        "loggingLevel",
        "dataTraceEnabled",
        "cachingEnabled",
        "cacheTtlInSeconds",
        "cacheDataEncrypted",
        "requireAuthorizationForCacheControl",
        "unauthorizedCacheControlHeaderStrategy",
    ],
};

const PRINCIPAL: &Fields = &Fields {
    what: "a principal",
    keys: &[
        key(
            "arn",
            Kind::Text,
            Absent::Refused,
            "Who it is: a user, a role, a role session, a federated user or an account.",
        ),
        key("accessKeyId", Kind::Text, Absent::Refused, "Its access key id, which no other entry has."),
        key(
            "secretAccessKey",
            Kind::Text,
            Absent::Means("one of the next two"),
            "What its requests are signed with.",
        ),
        key(
            "secretAccessKeyFile",
            Kind::Path,
            Absent::Means("one of the others"),
            "A file that holds the secret alone.",
        ),
        key(
            "secretAccessKeyEnv",
            Kind::Text,
            Absent::Means("one of the others"),
            "A variable that holds the secret.",
        ),
        key(
            "sessionToken",
            Kind::Text,
            Absent::Means("one of the next two, or credentials that are not temporary"),
            "What every request of a session carries.",
        ),
        key(
            "sessionTokenFile",
            Kind::Path,
            Absent::Means("as `sessionToken`"),
            "A file that holds the token alone.",
        ),
        key(
            "sessionTokenEnv",
            Kind::Text,
            Absent::Means("as `sessionToken`"),
            "A variable that holds the token.",
        ),
        key(
            "expiration",
            Kind::Text,
            Absent::Means("the session does not end"),
            "When the session ends: a date such as `2026-01-31T12:00:00Z`, or seconds since 1970.",
        ),
        key(
            "tokenIssueTime",
            Kind::Text,
            Absent::Means("unknown"),
            "When the credentials of the session were issued.",
        ),
        key(
            "multiFactorAuthTime",
            Kind::Text,
            Absent::Means("none was shown"),
            "When a second factor was shown for the session.",
        ),
        key(
            "userId",
            Kind::Text,
            Absent::Means("unknown"),
            "The unique id: `AIDA…`, of a session `AROA…:name`.",
        ),
        key(
            "organizationId",
            Kind::Text,
            Absent::Means("the account is in no organization"),
            "The organization that the account belongs to: `o-…`.",
        ),
        key(
            "organizationPaths",
            Kind::List(&Kind::Text),
            Absent::Means("none"),
            "Where in the organization the account stands: `o-…/r-…/ou-…/`.",
        ),
        key("tags", Kind::Map(&Kind::Text), Absent::Means("none"), "Its tags, for `aws:PrincipalTag/…`."),
        key(
            "identityPolicyFile",
            Kind::Path,
            Absent::Means("nothing is allowed by it"),
            "What the caller itself may do, for methods with AWS_IAM authorization.",
        ),
    ],
    unsupported: &[],
};

const ACCOUNT_THROTTLE: &Fields = &Fields {
    what: "the account throttle",
    keys: &[
        key("rateLimit", Kind::Rate, Absent::Refused, "Requests a second."),
        key("burstLimit", BURST, Absent::Refused, "What the bucket holds."),
        key(
            "beforeAuthorization",
            Kind::Boolean,
            Absent::Value("false"),
            "Whether the bucket is asked before authorization instead of after it.",
        ),
    ],
    unsupported: &[],
};

const ADMIN: &Fields = &Fields {
    what: "the admin listener",
    keys: &[key(
        "address",
        Kind::Text,
        Absent::Refused,
        "An IP address and a port; beyond loopback only `/livez`, `/readyz` and `/metrics` answer.",
    )],
    unsupported: &[],
};

const METRICS: &Fields = &Fields {
    what: "metrics",
    keys: &[key(
        "apiKeys",
        Kind::Whole { least: 0, most: 10_000, unit: "API keys" },
        Absent::Value("0"),
        "So many API keys, the first that are refused, have their refusals counted by name; others together.",
    )],
    unsupported: &[],
};

const ACCESS_LOG: &Fields = &Fields {
    what: "the access log",
    keys: &[
        key(
            "destination",
            Kind::Text,
            Absent::Value("stderr"),
            "`stderr`, `stdout`, or the path of a file relative to the configuration file.",
        ),
        key(
            "format",
            Kind::Text,
            Absent::Refused,
            "One line: text with `$context` variables, among them `$context.requestId` or `$context.extendedRequestId`.",
        ),
    ],
    unsupported: &[],
};

const COMPATIBILITY: &Fields = &Fields {
    what: "the compatibility settings",
    keys: &[
        key(
            "methodOverride",
            Kind::Boolean,
            Absent::Value("true"),
            "Whether `X-HTTP-Method-Override` changes the method before routing.",
        ),
        key(
            "caseSensitiveHeaderNames",
            Kind::Boolean,
            Absent::Value("true"),
            "Whether names of header parameters and mappings have case over HTTP/1.1.",
        ),
        key(
            "authorizerSilence",
            Kind::Choice(&["allow", "deny"]),
            Absent::Value("allow"),
            "What becomes of a request that a Lambda authorizer's policy says nothing about: `allow` leaves it to \
             the resource policy, `deny` refuses.",
        ),
    ],
    unsupported: &[],
};

const LIMIT_FIELDS: &Fields = &Fields {
    what: "the limits",
    keys: &LIMIT_KEYS,
    unsupported: &[
        "bufferedBodyBytes",
        "connectionBufferBytes",
        "dropUnderscoreHeaders",
        "h2HeaderTableBytes",
        "pipelined",
    ],
};

const LIMIT_KEYS: [Key; LIMITS.len()] = limit_keys();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler: an index too large does not build")]
const fn limit_keys() -> [Key; LIMITS.len()] {
    let mut keys = [key("", Kind::Boolean, Absent::Refused, ""); LIMITS.len()];
    let mut index = 0;
    while index < keys.len() {
        let LimitRow { name, default, least, most, unit, meaning } = LIMITS[index];
        keys[index] = key(name, Kind::Whole { least, most, unit }, Absent::Number(default), meaning);
        index += 1;
    }
    keys
}
