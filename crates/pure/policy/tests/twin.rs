//! The evaluator beside a slow and obvious twin: the rules of resource-policies.md once more, over
//! plain JSON, with no thought for speed.

#![cfg(test)]

mod common;

use std::net::IpAddr;

use common::API;
use postern_document::Problems;
use postern_policy::{
    Arn, ConditionKey, Context, ContextValue, Decision, Known, Lookup, Nothing, Outcome, Policy, PolicyKind,
    Principal, Reading, Request, evaluate, evaluate_case, explain, lint,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

// The twin.

/// A character of a pattern: itself, or a wildcard.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Character(char),
    Run,
    One,
}

struct Twin<'a> {
    context: &'a Map<String, Value>,
    has_variables: bool,
}

impl Twin<'_> {
    fn lookup(&self, key: &str) -> Vec<String> {
        let found = self.context.iter().find(|(name, _)| name.to_lowercase() == key.to_lowercase());
        match found.map(|(_, value)| value) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(text).collect(),
            Some(value) => vec![text(value)],
        }
    }

    /// The tokens of a text, or nothing where a variable has no value.
    fn tokens(&self, written: &str, wildcards: bool, variables: bool) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        let characters: Vec<char> = written.chars().collect();
        let mut at = 0;
        while at < characters.len() {
            if variables && self.has_variables && characters[at..].starts_with(&['$', '{']) {
                let rest: String = characters[at + 2..].iter().collect();
                let (inside, _) = rest.split_once('}').unwrap();
                at += 3 + inside.chars().count();
                if ["*", "?", "$"].contains(&inside) {
                    tokens.push(Token::Character(inside.chars().next().unwrap()));
                    continue;
                }
                let (key, default) = match inside.split_once(", ") {
                    Some((key, default)) => (key, Some(default.trim_matches('\'').to_owned())),
                    None => (inside, None),
                };
                let values = self.lookup(key);
                let is_single = values.len() == 1 && key.to_lowercase() != "aws:principalorgpaths";
                let value = if is_single { Some(values[0].clone()) } else { default };
                tokens.extend(value?.chars().map(Token::Character));
                continue;
            }
            tokens.push(match characters[at] {
                '*' if wildcards => Token::Run,
                '?' if wildcards => Token::One,
                character => Token::Character(character),
            });
            at += 1;
        }
        Some(tokens)
    }

    fn resource(&self, pattern: &str, arn: &str) -> bool {
        let pattern = match pattern.strip_prefix("execute-api:") {
            Some(path) => format!("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5{path}"),
            None => pattern.to_owned(),
        };
        if pattern == "*" {
            return true;
        }
        let patterns: Vec<&str> = pattern.splitn(6, ':').collect();
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        patterns.len() == 6
            && (0..6).all(|part| match self.tokens(patterns[part], true, part == 5) {
                Some(tokens) => glob(&tokens, &parts[part].chars().collect::<Vec<_>>()),
                None => false,
            })
    }

    fn condition(&self, operator: &str, key: &str, expected: &Value) -> bool {
        let actual = self.lookup(key);
        let operator = operator.to_lowercase();
        if operator == "null" {
            return list(expected).iter().any(|wanted| (text(wanted) == "true") == actual.is_empty());
        }
        let (set, operator) = match operator.split_once(':') {
            Some((set, operator)) => (set.to_owned(), operator.to_owned()),
            None => (String::new(), operator),
        };
        let (operator, if_exists) = match operator.strip_suffix("ifexists") {
            Some(operator) => (operator.to_owned(), true),
            None => (operator, false),
        };
        let negated = operator.contains("not");
        let operator = operator.replace("not", "");
        if actual.is_empty() {
            return if_exists || set == "forallvalues" || (set.is_empty() && negated);
        }
        let mut satisfied = actual.iter().map(|actual| {
            let matches =
                list(expected).iter().any(|expected| self.compare(&operator, &text(expected), actual));
            matches != negated
        });
        if set == "forallvalues" { satisfied.all(|it| it) } else { satisfied.any(|it| it) }
    }

    fn compare(&self, operator: &str, expected: &str, actual: &str) -> bool {
        let characters: Vec<char> = actual.chars().collect();
        match operator {
            "stringequals" => {
                self.tokens(expected, false, true).is_some_and(|tokens| glob(&tokens, &characters))
            }
            "stringequalsignorecase" => self.tokens(expected, false, true).is_some_and(|tokens| {
                let lower = |token: &Token| match token {
                    Token::Character(character) => character.to_ascii_lowercase(),
                    Token::Run | Token::One => panic!("no wildcards here"),
                };
                tokens.iter().map(lower).eq(characters.iter().map(char::to_ascii_lowercase))
            }),
            "stringlike" => {
                self.tokens(expected, true, true).is_some_and(|tokens| glob(&tokens, &characters))
            }
            "arnequals" | "arnlike" => self.tokens(expected, true, true).is_some_and(|tokens| {
                let parts = split(&characters, |character| *character == ':');
                if parts.len() < 6 || parts[0] != ['a', 'r', 'n'] {
                    return false;
                }
                let patterns = split(&tokens, |token| *token == Token::Character(':'));
                expected == "*"
                    || (patterns.len() == 6 && (0..6).all(|part| glob(&patterns[part], &parts[part])))
            }),
            "ipaddress" => {
                actual.parse::<IpAddr>().is_ok_and(|address| in_range(expected, address.to_canonical()))
            }
            "bool" => actual.to_lowercase() == expected.to_lowercase(),
            _ if operator.starts_with("numeric") => match actual.parse::<f64>() {
                Ok(actual) => ordered(operator, actual, expected.parse::<f64>().unwrap()),
                Err(_) => false,
            },
            _ if operator.starts_with("date") => match seconds(actual) {
                Some(actual) => ordered(operator, actual as f64, seconds(expected).unwrap() as f64),
                None => false,
            },
            _ => panic!("{operator}"),
        }
    }

    fn statement(&self, statement: &Value, principal: &str, action: &str, resource: &str) -> bool {
        let element = |plain: &str, negated: &str, test: &dyn Fn(&str) -> bool| match statement.get(plain) {
            Some(values) => list(values).iter().any(|value| test(&text(value))),
            None => !list(&statement[negated]).iter().any(|value| test(&text(value))),
        };
        let of_action = |pattern: &str| {
            let tokens = self.tokens(&pattern.to_lowercase(), true, false).unwrap();
            glob(&tokens, &action.to_lowercase().chars().collect::<Vec<_>>())
        };
        let mut conditions =
            statement["Condition"].as_object().into_iter().flatten().flat_map(|(operator, keys)| {
                keys.as_object().unwrap().iter().map(move |(key, expected)| (operator, key, expected))
            });
        of_principal(statement, principal)
            && element("Action", "NotAction", &of_action)
            && element("Resource", "NotResource", &|pattern| self.resource(pattern, resource))
            && conditions.all(|(operator, key, expected)| self.condition(operator, key, expected))
    }
}

fn twin(case: &Value) -> (Outcome, Option<usize>) {
    let of = |name: &str| case[name].as_str().unwrap();
    let policy = &case["policy"];
    let has_variables = policy["Version"] == "2012-10-17";
    let twin = Twin { context: case["context"].as_object().unwrap(), has_variables };
    let statements = policy["Statement"].as_array().unwrap();
    let first = |effect: &str| {
        statements.iter().position(|statement| {
            statement["Effect"] == effect
                && twin.statement(statement, of("principal"), of("action"), of("resource"))
        })
    };
    match (first("Deny"), first("Allow")) {
        (Some(by), _) => (Outcome::ExplicitDeny, Some(by)),
        (None, Some(by)) => (Outcome::Allow, Some(by)),
        (None, None) => (Outcome::ImplicitDeny, None),
    }
}

/// Wildcards as they are defined, by trying everything.
fn glob(pattern: &[Token], text: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        ([Token::Run, rest @ ..], text) => {
            glob(rest, text) || (!text.is_empty() && glob(pattern, &text[1..]))
        }
        ([Token::One, rest @ ..], [_, text @ ..]) => glob(rest, text),
        ([Token::Character(expected), rest @ ..], [taken, text @ ..]) => {
            expected == taken && glob(rest, text)
        }
        _ => false,
    }
}

/// Splits at the first five separators.
fn split<T: Clone>(items: &[T], is_separator: impl Fn(&T) -> bool) -> Vec<Vec<T>> {
    let mut parts = vec![Vec::new()];
    for item in items {
        if is_separator(item) && parts.len() < 6 {
            parts.push(Vec::new());
        } else {
            parts.last_mut().unwrap().push(item.clone());
        }
    }
    parts
}

fn of_principal(statement: &Value, principal: &str) -> bool {
    let entries = |element: &str| match &statement[element] {
        Value::String(star) => vec![star.clone()],
        kinds => list(&kinds["AWS"]).iter().map(text).collect(),
    };
    let account = |arn: &str| arn.split(':').nth(4).unwrap().to_owned();
    let is_root = |entry: &str, arn: &str| {
        entry == account(arn) || (entry.ends_with(":root") && account(entry) == account(arn))
    };
    // The one role of these tests, and its sessions.
    let role = "arn:aws:iam::123456789012:role/caller";
    let is_session = principal.starts_with("arn:aws:sts::123456789012:assumed-role/caller/");
    if statement.get("Principal").is_some() {
        return entries("Principal").iter().any(|entry| {
            entry == "*"
                || (principal != "anonymous"
                    && (entry == principal || is_root(entry, principal) || (is_session && entry == role)))
        });
    }
    let listed = entries("NotPrincipal");
    let spared = listed.contains(&"*".to_owned())
        || (principal != "anonymous"
            && listed.iter().any(|entry| is_root(entry, principal))
            && (principal.ends_with(":root") || listed.contains(&principal.to_owned()))
            && (!is_session || listed.contains(&role.to_owned())));
    !spared
}

fn in_range(range: &str, address: IpAddr) -> bool {
    let (base, length) =
        range.split_once('/').unwrap_or_else(|| (range, if range.contains(':') { "128" } else { "32" }));
    let length: u32 = length.parse().unwrap();
    match (base.parse::<IpAddr>().unwrap(), address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (0..length).all(|bit| (base.to_bits() << bit) >> 31 == (address.to_bits() << bit) >> 31)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            (0..length).all(|bit| (base.to_bits() << bit) >> 127 == (address.to_bits() << bit) >> 127)
        }
        _ => false,
    }
}

fn ordered(operator: &str, actual: f64, expected: f64) -> bool {
    let name = operator.trim_start_matches("numeric").trim_start_matches("date");
    match name {
        "equals" => actual == expected,
        "lessthan" => actual < expected,
        "lessthanequals" => actual <= expected,
        "greaterthan" => actual > expected,
        "greaterthanequals" => actual >= expected,
        _ => panic!("{operator}"),
    }
}

/// The dates that the tests use, by hand.
const DATES: [(&str, i64); 7] = [
    ("2026-01-01T00:00:00Z", 1_767_225_600),
    ("2026-01-01T01:00:00+01:00", 1_767_225_600),
    ("2026-01-01", 1_767_225_600),
    ("2025-12-31T23:59:59Z", 1_767_225_599),
    ("2026-02", 1_769_904_000),
    ("1767225600", 1_767_225_600),
    ("1767225601", 1_767_225_601),
];

fn seconds(text: &str) -> Option<i64> {
    let listed = DATES.iter().find(|(date, _)| *date == text).map(|(_, seconds)| *seconds);
    listed.or_else(|| text.parse().ok())
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

// What is generated: few values, so that they meet.

const PRINCIPALS: [&str; 7] = [
    "anonymous",
    "arn:aws:iam::123456789012:user/team/Alice",
    "arn:aws:iam::123456789012:user/Bob",
    "arn:aws:iam::123456789012:root",
    "arn:aws:sts::123456789012:assumed-role/caller/nightly",
    "arn:aws:sts::123456789012:assumed-role/caller/daily",
    "arn:aws:iam::999988887777:user/team/Alice",
];

const PATHS: [&str; 8] = [
    "demo/GET/pets",
    "demo/GET/pets/",
    "demo/GET/",
    "demo/POST/pets",
    "prod/GET/pets",
    "demo/GET/Alice",
    "demo/GET/*",
    "demo/GET/a:b",
];

const RESOURCES: [&str; 16] = [
    "*",
    "execute-api:/*",
    "execute-api:/demo/*",
    "execute-api:/*/GET/*",
    "execute-api:/demo/GET/pets",
    "execute-api:/demo/GET/pets*",
    "execute-api:/demo/GET/p?ts",
    "execute-api:/*/pets",
    "execute-api:/demo/GET/${aws:username}",
    "execute-api:/demo/GET/${aws:username, 'pets'}",
    "execute-api:/demo/GET/${*}",
    "arn:aws:execute-api:*:*:*",
    "arn:aws:execute-api:us-east-?:123456789012:a1b2c3d4e5/demo*",
    "arn:aws:execute-api:us-east-1:999988887777:a1b2c3d4e5/*",
    "arn:aws:execute-api:us-east-1:123456789012:oldapi1234/*",
    "arn:aws:execute-api:*/demo/*",
];

const ACTIONS: [&str; 6] = [
    "*",
    "execute-api:Invoke",
    "execute-api:*",
    "EXECUTE-API:invoke",
    "execute-api:InvalidateCache",
    "execute-api:In*e",
];

const KEYS: [&str; 10] = [
    "aws:SourceVpce",
    "aws:sourcevpc",
    "aws:VpcSourceIp",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:UserAgent",
    "aws:username",
    "aws:PrincipalArn",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalTag/Team",
];

const TEXTS: [&str; 18] = [
    "vpce-1",
    "vpce-2",
    "vpce-*",
    "*",
    "",
    "Alice",
    "alice",
    "A?ice",
    "${aws:username}",
    "${aws:PrincipalTag/team, 'red'}",
    "a${*}b",
    "a*b",
    "red",
    "true",
    "10.0.0.1",
    "${aws:username}*",
    "5",
    "é*",
];

const ARNS: [&str; 9] = [
    "*",
    "arn:aws:iam::123456789012:user/*",
    "arn:aws:iam::*:user/team/Alice",
    "arn:*:*:*:*:*",
    "arn:aws:*:user/Bob",
    "arn:aws:iam::123456789012:role/caller",
    "arn:aws:iam::${aws:userid, '123456789012'}:user/${aws:username}",
    "${aws:PrincipalArn}",
    "arn:aws:iam:?:1:a",
];

const ADDRESSES: [&str; 9] = [
    "10.0.0.1",
    "10.0.0.0/8",
    "10.0.0.2/31",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::1",
    "2001:db8::/32",
    "192.168.0.0/16",
    "10.0.0.1/32",
];

const NUMBERS: [&str; 6] = ["5", "5.0", "-1", "0.5", "1767225600", "10"];

/// What a request may have for a key.
const ACTUAL: [&str; 22] = [
    "vpce-1",
    "vpce-2",
    "",
    "Alice",
    "alice",
    "red",
    "a*b",
    "axb",
    "*",
    "true",
    "False",
    "10.0.0.1",
    "::ffff:10.0.0.3",
    "2001:db8::1",
    "5",
    "0.50",
    "-1",
    "2026-01-01T00:00:00Z",
    "1767225601",
    "arn:aws:iam::123456789012:user/Alice",
    "arn:aws:iam::123456789012:role/caller",
    "é",
];

fn values(pool: &'static [&'static str]) -> BoxedStrategy<Value> {
    prop_oneof![
        3 => select(pool).prop_map(|value| json!(value)),
        2 => vec(select(pool), 0..3).prop_map(|values| json!(values)),
    ]
    .boxed()
}

/// An operator with values that it takes.
fn comparison() -> BoxedStrategy<(String, Value)> {
    const DATE_TEXTS: [&str; 7] =
        [DATES[0].0, DATES[1].0, DATES[2].0, DATES[3].0, DATES[4].0, DATES[5].0, DATES[6].0];
    let of = |operators: &'static [&'static str], pool: &'static [&'static str]| {
        (select(operators), values(pool)).boxed()
    };
    let base = prop_oneof![
        4 => of(&["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase"], &TEXTS),
        2 => of(&["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], &ARNS),
        2 => of(&["IpAddress", "NotIpAddress"], &ADDRESSES),
        1 => of(&["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals",
            "NumericGreaterThan", "NumericGreaterThanEquals"], &NUMBERS),
        1 => of(&["DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
            "DateGreaterThanEquals"], &DATE_TEXTS),
        1 => of(&["Bool"], &["true", "false", "TRUE"]),
    ];
    let modified =
        (select(&["", "", "ForAllValues:", "ForAnyValue:"][..]), base, select(&["", "", "IfExists"][..]))
            .prop_map(|(set, (operator, values), suffix)| (format!("{set}{operator}{suffix}"), values));
    let presence = values(&["true", "false"]).prop_map(|values| ("Null".to_owned(), values));
    prop_oneof![8 => modified, 1 => presence].boxed()
}

fn conditions() -> impl Strategy<Value = Value> {
    vec((comparison(), select(&KEYS[..])), 0..4).prop_map(|conditions| {
        let mut all = json!({});
        for ((operator, values), key) in conditions {
            if all.get(&operator).is_none() {
                all[&operator] = json!({});
            }
            all[&operator][key] = values;
        }
        all
    })
}

fn principal() -> impl Strategy<Value = Value> {
    let entry =
        select(&["123456789012", "arn:aws:iam::123456789012:role/caller", "AIDAJQABLZS4A3QDU576Q"][..]);
    let entry = prop_oneof![entry, select(&PRINCIPALS[1..])];
    prop_oneof![
        3 => Just(json!("*")),
        1 => Just(json!({"AWS": "*"})),
        4 => vec(entry, 1..4).prop_map(|entries| json!({"AWS": entries})),
    ]
}

fn statements() -> impl Strategy<Value = Value> {
    let name = |plain: &'static str, negated: &'static str| prop_oneof![4 => Just(plain), 1 => Just(negated)];
    let many = |pool: &'static [&'static str]| vec(select(pool), 1..3);
    let effect = select(&["Allow", "Allow", "Deny"][..]);
    let who = (name("Principal", "NotPrincipal"), principal());
    let what = (name("Action", "NotAction"), many(&ACTIONS));
    let on = (name("Resource", "NotResource"), many(&RESOURCES));
    (effect, who, what, on, conditions()).prop_map(|(effect, who, what, on, conditions)| {
        json!({"Effect": effect, who.0: who.1, what.0: what.1, on.0: on.1, "Condition": conditions})
    })
}

fn policies() -> impl Strategy<Value = Value> {
    let version = select(&["2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"][..]);
    (version, vec(statements(), 1..4)).prop_map(|(version, statements)| {
        let statements = json!(statements);
        // Without variables this one is no ARN, and refused.
        let needs_variables = statements.to_string().contains("\"${aws:PrincipalArn}\"");
        let version = if needs_variables { "2012-10-17" } else { version };
        json!({"Version": version, "Statement": statements})
    })
}

fn contexts() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        5 => select(&ACTUAL[..]).prop_map(|value| json!(value)),
        1 => vec(select(&ACTUAL[..]), 0..3).prop_map(|values| json!(values)),
    ];
    vec((select(&KEYS[..]), value), 0..8)
        .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_uppercase(), value)).collect())
}

fn cases() -> impl Strategy<Value = Value> {
    let action = select(&["execute-api:Invoke", "execute-api:Invoke", "execute-api:InvalidateCache"][..]);
    (policies(), select(&PRINCIPALS[..]), action, select(&PATHS[..]), contexts()).prop_map(
        |(policy, principal, action, path, context)| {
            json!({"id": 1, "policy": policy, "principal": principal, "action": action, "resource": common::arn(path),
                "context": context})
        },
    )
}

fn cases_of(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

// A case as the library sees it.

struct Texts(Vec<(ConditionKey, Vec<Box<str>>)>);

impl Texts {
    fn of(case: &Value) -> Self {
        let context = case["context"].as_object().unwrap();
        let values = |value: &Value| list(value).iter().map(|value| text(value).into()).collect();
        Self(context.iter().map(|(key, value)| (ConditionKey::parse(key), values(value))).collect())
    }
}

impl Context for Texts {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map_or(Lookup::Absent, |(_, values)| Lookup::Texts(values))
    }
}

/// The same, each value of the type that its text looks like.
struct Typed<'a>(Vec<(ConditionKey, Vec<ContextValue<'a>>)>);

impl<'a> Typed<'a> {
    fn of(texts: &'a Texts) -> Self {
        let typed = |text: &'a str| {
            let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
            match (text, text.parse::<IpAddr>(), number) {
                ("true", ..) => ContextValue::Boolean(true),
                ("2026-01-01T00:00:00Z", ..) => ContextValue::Time(1_767_225_600_000),
                // Typed, a mapped address is written as what it maps.
                (_, Ok(address), _) if address.to_string() == address.to_canonical().to_string() => {
                    ContextValue::Address(address)
                }
                (_, _, Some(number)) => ContextValue::Number(number),
                (text, ..) => ContextValue::Text(text),
            }
        };
        Self(
            texts
                .0
                .iter()
                .map(|(key, values)| (key.clone(), values.iter().map(|text| typed(text)).collect()))
                .collect(),
        )
    }
}

impl Context for Typed<'_> {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        match self.0.iter().find(|(known, _)| known == key).map(|(_, values)| values.as_slice()) {
            None => Lookup::Absent,
            Some([one]) => Lookup::One(*one),
            Some(many) => Lookup::Many(many),
        }
    }
}

fn read(case: &Value) -> Policy {
    let reading = Reading { base: Some(&API), ..Reading::of(PolicyKind::Resource) };
    let mut problems = Problems::default();
    let policy = Policy::parse_text("p.json", &case["policy"].to_string(), &reading, &mut problems);
    policy.unwrap_or_else(|| panic!("{problems:?}"))
}

fn with_request<T>(case: &Value, ask: impl FnOnce(&Request<'_>) -> T) -> T {
    let principal: Principal = case["principal"].as_str().unwrap().parse().unwrap();
    let resource = Arn::parse(case["resource"].as_str().unwrap()).unwrap();
    ask(&Request { action: case["action"].as_str().unwrap(), resource, principal: &principal })
}

fn told(decision: Decision<'_>) -> (Outcome, Option<usize>) {
    (decision.outcome(), decision.statement().map(|statement| statement.index()))
}

proptest! {
    #![proptest_config(cases_of(6_000))]

    #[test]
    fn evaluate_agrees_with_its_twin(case in cases()) {
        let policy = read(&case);
        let decision = with_request(&case, |request| told(evaluate(&policy, request, &Texts::of(&case))));
        prop_assert_eq!(decision, twin(&case));
    }

    #[test]
    fn a_case_is_answered_as_its_twin_decides(case in cases()) {
        let (outcome, statement) = twin(&case);
        let statement = statement.map_or_else(|| "null".to_owned(), |index| index.to_string());
        let expected = format!(r#"{{"id":1,"decision":"{outcome}","statement":{statement}}}"#);
        prop_assert_eq!(evaluate_case(&case.to_string()).unwrap().to_string(), expected);
    }

}

proptest! {
    #![proptest_config(cases_of(2_500))]

    #[test]
    fn typed_values_decide_as_their_texts(case in cases()) {
        let policy = read(&case);
        let texts = Texts::of(&case);
        let (by_text, by_type) = with_request(&case, |request| {
            (told(evaluate(&policy, request, &texts)), told(evaluate(&policy, request, &Typed::of(&texts))))
        });
        prop_assert_eq!(by_text, by_type);
    }

    #[test]
    fn explain_agrees_with_evaluate(case in cases()) {
        let policy = read(&case);
        let texts = Texts::of(&case);
        let (decision, explanation) = with_request(&case, |request| {
            (told(evaluate(&policy, request, &texts)), explain(&policy, request, &texts))
        });
        prop_assert_eq!((explanation.outcome, explanation.deciding), decision);
        prop_assert_eq!(explanation.nearest.is_none(), decision.0 == Outcome::Allow
            || (decision.0 == Outcome::ImplicitDeny && explanation.statements.iter().all(|it| it.effect == postern_policy::Effect::Deny)));
        for statement in &explanation.statements {
            let elements = statement.principal.iter().chain([&statement.action, &statement.resource]);
            let mut all = elements.map(|check| check.matched).chain(statement.conditions.iter().map(|it| it.matched));
            prop_assert_eq!(statement.matched, all.all(|one| one));
        }
    }

    #[test]
    fn what_the_linter_says_can_never_match_does_not(case in cases()) {
        let policy = read(&case);
        let explanation = with_request(&case, |request| explain(&policy, request, &Texts::of(&case)));
        let told = lint(&policy);
        for statement in explanation.statements.iter().filter(|statement| statement.matched) {
            let never = format!("statement {} can never match", statement.index);
            prop_assert!(told.iter().all(|problem| !problem.message.starts_with(&never)), "{told:?}");
        }
    }

    #[test]
    fn a_specialised_policy_decides_alike(
        case in cases(),
        knows_action: bool,
        knows_principal: bool,
        knows_api: bool,
        keys in 0_usize..4,
    ) {
        let policy = read(&case);
        let texts = Texts::of(&case);
        let knows: [fn(&ConditionKey) -> bool; 4] = [
            |_| false,
            |_| true,
            ConditionKey::is_of_connection,
            |key| *key == ConditionKey::UserName || key.is_of_connection(),
        ];
        let (expected, actual, settled) = with_request(&case, |request| {
            let known = Known {
                action: knows_action.then_some(request.action),
                principal: knows_principal.then_some(request.principal),
                api: knows_api.then_some(&API),
                context: &texts,
                knows: knows[keys],
            };
            let specialised = policy.specialise(&known);
            let actual = specialised.evaluate(&policy, request, &texts);
            // Decided in two steps, it comes to the same.
            let before = policy.specialise(&Known { knows: |_| false, ..known });
            let of_keys = Known { action: None, principal: None, api: None, ..known };
            assert_eq!(before.specialise(&policy, &of_keys), specialised);
            (told(evaluate(&policy, request, &texts)), told(actual), specialised.settled(&policy).map(told))
        });
        prop_assert_eq!(expected, actual);
        prop_assert!(settled.is_none_or(|settled| settled == expected));
    }
}

proptest! {
    #![proptest_config(cases_of(2_500))]

    /// Two policies of which the same conditions are left serve each other's connections.
    #[test]
    fn policies_that_are_alike_decide_by_what_was_specialised_for_the_other(
        case in cases(),
        other in policies(),
        is_of_other: bool,
    ) {
        let mut twisted = case.clone();
        if is_of_other {
            twisted["policy"] = other;
        } else {
            // The same, written at other places of the file.
            let statements = twisted["policy"]["Statement"].as_array_mut().unwrap();
            for (number, statement) in statements.iter_mut().enumerate() {
                statement["Sid"] = json!(format!("Statement{number}"));
            }
        }
        let (one, two) = (read(&case), read(&twisted));
        let texts = Texts::of(&case);
        with_request(&case, |request| {
            let known = Known {
                action: Some(request.action),
                principal: Some(request.principal),
                api: Some(&API),
                context: &Nothing,
                knows: |_| false,
            };
            let (of_one, of_two) = (one.specialise(&known), two.specialise(&known));
            let is_alike = of_one.likeness(&one) == of_two.likeness(&two);
            assert!(is_alike || is_of_other);
            if is_alike {
                let known = Known {
                    action: None,
                    principal: None,
                    api: None,
                    context: &texts,
                    knows: ConditionKey::is_of_connection,
                };
                let further = of_one.specialise(&one, &known);
                assert_eq!(further, of_two.specialise(&two, &known));
                let decided = told(further.evaluate(&two, request, &texts));
                assert_eq!(decided, told(evaluate(&two, request, &texts)));
            }
        });
    }
}

/// A pattern of few characters, where wildcards meet often.
fn small(alphabet: &'static str) -> impl Strategy<Value = String> {
    let characters: Vec<char> = alphabet.chars().collect();
    vec(select(characters), 0..10).prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #![proptest_config(cases_of(2_500))]

    #[test]
    fn globs_agree_with_their_definition(pattern in small("ab*?é"), text in small("abé")) {
        let holds = common::holds(json!({"StringLike": {"aws:UserAgent": pattern}}), json!({"aws:UserAgent": text}));
        let twin = Twin { context: &Map::new(), has_variables: true };
        prop_assert_eq!(holds, twin.compare("stringlike", &pattern, &text));
    }

    #[test]
    fn globs_of_arns_agree_with_their_definition(pattern in small("a:*?"), text in small("a:"), variable in small("a:*")) {
        let (pattern, text) = (format!("arn:{pattern}${{aws:username}}:*"), format!("arn:{text}"));
        let context = json!({"aws:UserAgent": text, "aws:username": variable});
        let holds = common::holds(json!({"ArnLike": {"aws:UserAgent": pattern}}), context.clone());
        let twin = Twin { context: context.as_object().unwrap(), has_variables: true };
        prop_assert_eq!(holds, twin.compare("arnlike", &pattern, &text));
    }

    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,60}", key in "\\PC{0,20}") {
        let condition = json!({"StringLike": {&key: &text}, "ArnLike": {&key: &text}, "IpAddress": {&key: &text}});
        let _ = common::read(PolicyKind::Resource, &common::one(json!({"Condition": condition})).to_string());
        let _ = common::read(PolicyKind::Resource, &common::one(json!({"Resource": &text, "Action": &key})).to_string());
        let _ = common::read(PolicyKind::Resource, &text);
        let _ = evaluate_case(&text);
    }
}
