//! The keys of API keys and usage plans.

use super::{Absent, BURST, Fields, Kind, key};

/// The largest count that JSON readers agree on.
const MOST_REQUESTS: u64 = 9_007_199_254_740_991;

pub(super) const API_KEY: &Fields = &Fields {
    what: "an API key",
    keys: &[
        key("name", Kind::Text, Absent::Refused, "Its name: at most 1024 characters."),
        key(
            "value",
            Kind::Text,
            Absent::Means("one of the next three"),
            "The key itself: 20 to 128 characters.",
        ),
        key("valueFile", Kind::Path, Absent::Means("one of the others"), "A file that holds the key alone."),
        key("valueEnv", Kind::Text, Absent::Means("one of the others"), "A variable that holds the key."),
        key(
            "valueSha256",
            Kind::Text,
            Absent::Means("one of the others"),
            "The SHA-256 of the key: 64 hexadecimal digits.",
        ),
        key("enabled", Kind::Boolean, Absent::Value("true"), "Whether it opens anything."),
    ],
    unsupported: &[],
};

pub(super) const USAGE_PLAN: &Fields = &Fields {
    what: "a usage plan",
    keys: &[
        key("name", Kind::Text, Absent::Refused, "Its name."),
        key(
            "throttle",
            Kind::Record(THROTTLE),
            Absent::Means("no throttle at this level"),
            "The bucket that each of its keys has.",
        ),
        key(
            "quota",
            Kind::Record(QUOTA),
            Absent::Means("no quota"),
            "What each of its keys may use up in a period.",
        ),
        key(
            "apiStages",
            Kind::List(&Kind::Record(API_STAGE)),
            Absent::Means("none"),
            "The stages that its keys open.",
        ),
        key(
            "apiKeys",
            Kind::List(&Kind::Text),
            Absent::Means("those of `apiKeysFile` alone"),
            "Names of its keys.",
        ),
    ],
    unsupported: &[],
};

const THROTTLE: &Fields = &Fields {
    what: "a throttle",
    keys: &[
        key("rateLimit", Kind::Rate, Absent::Refused, "Requests a second."),
        key("burstLimit", BURST, Absent::Refused, "What the bucket holds."),
    ],
    unsupported: &[],
};

const QUOTA: &Fields = &Fields {
    what: "a quota",
    keys: &[
        key(
            "limit",
            Kind::Whole { least: 0, most: MOST_REQUESTS, unit: "requests" },
            Absent::Refused,
            "Requests in one period.",
        ),
        key(
            "period",
            Kind::Choice(&["DAY", "WEEK", "MONTH"]),
            Absent::Refused,
            "The period; each starts at midnight UTC, a week on Sunday.",
        ),
        key(
            "offset",
            Kind::Whole { least: 0, most: MOST_REQUESTS, unit: "requests" },
            Absent::Number(0),
            "Requests that a key's first period has less.",
        ),
    ],
    unsupported: &[],
};

const API_STAGE: &Fields = &Fields {
    what: "a stage of a usage plan",
    keys: &[
        key("apiId", Kind::Text, Absent::Refused, "The API."),
        key("stage", Kind::Text, Absent::Refused, "Its stage."),
        key(
            "throttle",
            Kind::Map(&Kind::Record(THROTTLE)),
            Absent::Means("none"),
            "Buckets for single methods, by path and verb such as `\"/pets/GET\"`.",
        ),
    ],
    unsupported: &[],
};
