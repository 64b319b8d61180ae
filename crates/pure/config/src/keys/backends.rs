//! The keys of what stands behind methods: VPC links, functions, and who signs calls.

use super::{Absent, Fields, Kind, key};

pub(super) const VPC_LINK: &Fields = &Fields {
    what: "a VPC link",
    keys: &[
        key("id", Kind::Text, Absent::Refused, "What `connectionId` names."),
        key("name", Kind::Text, Absent::Means("none"), "A name for people."),
        key(
            "targets",
            Kind::List(&Kind::Text),
            Absent::Refused,
            "Where it leads: hosts or addresses with ports.",
        ),
        key(
            "loadBalancingAlgorithm",
            Kind::Choice(&["least_outstanding_requests", "round_robin"]),
            Absent::Value("least_outstanding_requests"),
            "Which target is next: the one with the fewest calls in flight, or each in turn.",
        ),
        key(
            "slowStartSeconds",
            Kind::Whole { least: 0, most: 900, unit: "seconds" },
            Absent::Number(30),
            "For how long a target that comes back gets less than its share; 0: not at all.",
        ),
        key(
            "healthCheck",
            Kind::Record(HEALTH_CHECK),
            Absent::Means("targets are put out by failed calls alone"),
            "How targets are asked whether they are well.",
        ),
    ],
    unsupported: &[],
};

const HEALTH_CHECK: &Fields = &Fields {
    what: "a health check",
    keys: &[
        key(
            "protocol",
            Kind::Choice(&["TCP", "HTTP", "HTTPS"]),
            Absent::Value("TCP"),
            "`TCP`: a connection is enough; `HTTP` and `HTTPS`: `GET` is answered with 200 to 399.",
        ),
        key(
            "path",
            Kind::Text,
            Absent::Value("/"),
            "The path that is asked for; for `HTTP` and `HTTPS` alone.",
        ),
        key(
            "intervalSeconds",
            Kind::Whole { least: 1, most: 300, unit: "seconds" },
            Absent::Number(30),
            "From one check to the next.",
        ),
        key(
            "timeoutSeconds",
            Kind::Whole { least: 1, most: 120, unit: "seconds" },
            Absent::Means("5, or the interval where that is less"),
            "How long a check may take; no longer than the interval.",
        ),
        key(
            "healthyThreshold",
            Kind::Whole { least: 1, most: 10, unit: "checks" },
            Absent::Number(5),
            "Checks in a row that must succeed before a target comes back.",
        ),
        key(
            "unhealthyThreshold",
            Kind::Whole { least: 1, most: 10, unit: "checks" },
            Absent::Number(2),
            "Checks in a row that must fail before a target is put out.",
        ),
    ],
    unsupported: &[],
};

pub(super) const FUNCTION: &Fields = &Fields {
    what: "a function",
    keys: &[
        key(
            "functionName",
            Kind::Text,
            Absent::Refused,
            "Its name or ARN; an alias or version in the ARN of an integration means the same function.",
        ),
        key(
            "process",
            Kind::Record(FUNCTION_PROCESS),
            Absent::Means("one of the next two"),
            "Processes on this machine, which speak the Lambda Runtime API.",
        ),
        key(
            "timeoutSeconds",
            Kind::Whole { least: 1, most: 900, unit: "seconds" },
            Absent::Number(3),
            "How long a call of a `process` may take; it is ended then.",
        ),
        key(
            "invoke",
            Kind::Record(INVOKE),
            Absent::Means("one of the others"),
            "Something that speaks the Invoke API: the service itself, or an emulator.",
        ),
        key(
            "runtimeInterfaceEmulator",
            Kind::Record(EMULATOR),
            Absent::Means("one of the others"),
            "A container with the Runtime Interface Emulator, which is given one call at a time.",
        ),
    ],
    unsupported: &[],
};

const FUNCTION_PROCESS: &Fields = &Fields {
    what: "a process",
    keys: &[
        key("command", Kind::List(&Kind::Text), Absent::Refused, "The program and its arguments."),
        key(
            "workingDirectory",
            Kind::Path,
            Absent::Means("the folder of the configuration file"),
            "Where it runs; `LAMBDA_TASK_ROOT` says so.",
        ),
        key(
            "environment",
            Kind::Map(&Kind::Text),
            Absent::Means("none"),
            "Variables beside those of the runtime; nothing of the gateway's own is passed on.",
        ),
        key(
            "concurrency",
            Kind::Whole { least: 1, most: 1_000, unit: "processes" },
            Absent::Number(4),
            "How many run at most; calls beyond wait in order, until the integration's timeout.",
        ),
        key(
            "idleSeconds",
            Kind::Whole { least: 1, most: 86_400, unit: "seconds" },
            Absent::Number(300),
            "After so long without a call a process is ended.",
        ),
        key(
            "memoryMiB",
            Kind::Whole { least: 16, most: 1_048_576, unit: "MiB" },
            Absent::Means("no limit"),
            "Memory that a process may have for its data (RLIMIT_DATA).",
        ),
    ],
    unsupported: &[],
};

const INVOKE: &Fields = &Fields {
    what: "an Invoke endpoint",
    keys: &[
        key(
            "endpoint",
            Kind::Text,
            Absent::Means("the service's own in the region"),
            "Where it is, such as `http://127.0.0.1:9001`.",
        ),
        key(
            "signing",
            Kind::Choice(&["sigv4", "none"]),
            Absent::Value("sigv4"),
            "Whether calls are signed with Signature Version 4.",
        ),
    ],
    unsupported: &[],
};

const EMULATOR: &Fields = &Fields {
    what: "a Runtime Interface Emulator",
    keys: &[key("endpoint", Kind::Text, Absent::Refused, "Where it is, such as `http://127.0.0.1:9002`.")],
    unsupported: &[],
};

pub(super) const ROLE_CREDENTIAL: &Fields = &Fields {
    what: "a credential",
    keys: &[
        key(
            "roleArn",
            Kind::Text,
            Absent::Refused,
            "The role that the `credentials` of an integration name.",
        ),
        key("accessKeyId", Kind::Text, Absent::Refused, "The access key id."),
        key(
            "secretAccessKeyFile",
            Kind::Path,
            Absent::Refused,
            "A file that holds the secret access key alone.",
        ),
    ],
    unsupported: &[],
};
