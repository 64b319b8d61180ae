//! Who may enter, end to end in memory: what decides and what explains always agree, and deciding
//! allocates nothing, however many APIs there are.

#![cfg(test)]

mod still;

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use postern_config::{ReadFailure, Surroundings, read};
use postern_gateway::{
    AnswerBody, Arrival, BodyFault, BodyLength, Connection, Denial, Ending, Gate, HttpVersion, NoBackend,
    PolicyDenial, Question, Record, Refusal, RequestBody, Scratch, Snapshot, State, Transcript, compile,
    explain, serve,
};
use postern_protocol::http1::RequestHead;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use still::{NOW, Still, read_head};

const ENDPOINTS: [&str; 2] = ["vpce-01234567abcdef012", "vpce-0fedcba9876543210"];

/// What the walkthrough of private APIs writes.
fn source_endpoint() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
            "Condition": {"StringNotEquals": {"aws:SourceVpce": ENDPOINTS[0]}}},
    ]})
}

struct Files {
    configuration: String,
    definition: String,
    /// `policy0.json` and so on.
    policies: Vec<String>,
}

impl Surroundings for Files {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        match path.to_str() {
            Some("postern.yaml") => Ok(self.configuration.clone().into()),
            Some("api.json") => Ok(self.definition.clone().into()),
            path => {
                let number = path.and_then(|path| path.strip_prefix("policy")?.strip_suffix(".json"));
                let policy = number.and_then(|number| self.policies.get(number.parse::<usize>().ok()?));
                policy.cloned().map(Into::into).ok_or_else(|| ReadFailure::new("there is no such file"))
            }
        }
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn api_id(number: usize) -> String {
    format!("api{number:07}")
}

/// So many private APIs with one policy, behind two endpoints.
fn house(apis: usize, policy: &Value) -> Result<Snapshot, String> {
    let policies = vec![policy.to_string(); apis];
    house_of(policies, apis, &mut State::new([7; 32]))
}

/// Private APIs behind two endpoints; endpoints have the policies behind those of the APIs, if there are any.
fn house_of(policies: Vec<String>, apis: usize, state: &mut State) -> Result<Snapshot, String> {
    let proxy = json!({"x-amazon-apigateway-integration": {
        "type": "http_proxy", "httpMethod": "GET", "uri": "http://backend.example/in"}});
    let paths = json!({"/pets": {"get": &proxy, "post": &proxy}, "/pets/{id}": {"get": &proxy}});
    let api = |number: usize| {
        json!({"id": api_id(number), "definition": "api.json", "policyFile": format!("policy{number}.json"),
            "endpointConfiguration": {"types": ["PRIVATE"]}, "stages": [{"stageName": "demo"}]})
    };
    let endpoint = |(number, id): (usize, &&str)| {
        let mut endpoint = json!({"vpcEndpointId": id, "vpcId": format!("vpc-0aaaabbbbccccddd{number}"),
            "listeners": [{"address": format!("127.0.0.{}:8080", number + 1)}]});
        if apis + number < policies.len() {
            endpoint["policyFile"] = json!(format!("policy{}.json", apis + number));
        }
        endpoint
    };
    let configuration = json!({
        "region": "us-east-1",
        "accountId": "123456789012",
        "vpcEndpoints": ENDPOINTS.iter().enumerate().map(endpoint).collect::<Value>(),
        "restApis": (0..apis).map(api).collect::<Value>(),
    });
    let files = Files {
        configuration: configuration.to_string(),
        definition: json!({"openapi": "3.0.1", "info": {"title": "pets", "version": "1"}, "paths": paths})
            .to_string(),
        policies,
    };
    let outcome = read("postern.yaml", &files);
    let told: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
    let configuration = outcome.configuration.ok_or_else(|| told.join("\n"))?;
    Ok(compile(configuration, None, state).begin(NOW))
}

fn connection(house: &Snapshot, endpoint: usize, source: IpAddr) -> Connection {
    let entrance = &house.entrances()[endpoint];
    let source = SocketAddr::new(source, 40_000);
    Connection::new(Arc::clone(&entrance.identity), source, entrance.addresses[0], None)
}

/// Nothing here waits: every future is ready at once.
fn finish<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("somebody waits for what never comes"),
    }
}

struct NoBody;

impl RequestBody for NoBody {
    fn length(&self) -> BodyLength {
        BodyLength::None
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        Ok(None)
    }

    fn take_arrived(&mut self) -> &[u8] {
        &[]
    }
}

fn arrival<'a>(connection: &'a Connection, bytes: &'a [u8], head: &'a RequestHead) -> Arrival<'a> {
    Arrival { connection, bytes, head, version: HttpVersion::Http1, now: NOW, random: 7 }
}

/// What a served request is answered with, why if it was refused, and what is kept of it.
struct Served {
    status: u16,
    body: Vec<u8>,
    refusal: Option<Refusal>,
    denial: Option<Denial>,
}

fn served(house: &Snapshot, connection: &Connection, bytes: &[u8], scratch: &mut Scratch) -> Served {
    let head = read_head(bytes);
    let arrival = arrival(connection, bytes, &head);
    let backend = Still::new();
    let mut record = Record::new(house, &arrival);
    let answer = finish(serve(&mut record, &mut NoBody, &backend, scratch, &mut ()));
    let body = match &answer.body {
        AnswerBody::Whole(bytes) => bytes.to_vec(),
        AnswerBody::Stream(_) => Vec::new(),
    };
    Served { status: answer.status, body, refusal: record.refusal().cloned(), denial: Denial::of(&record) }
}

fn explained(house: &Snapshot, endpoint: usize, source: IpAddr, bytes: &[u8]) -> Transcript {
    let entrance = &house.entrances()[endpoint];
    let question = Question {
        entrance,
        door: entrance,
        local: entrance.addresses[0],
        source: SocketAddr::new(source, 40_000),
        tls: None,
        head: bytes,
        body: &[],
        now: NOW,
        random: 7,
    };
    finish(explain::<NoBackend>(house, &question, None))
}

fn get(api: usize, path: &str, lines: &str) -> Vec<u8> {
    let host = format!("{}.execute-api.us-east-1.amazonaws.com", api_id(api));
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n").into_bytes()
}

#[test]
fn letting_a_request_in_allocates_nothing_however_many_apis_there_are() {
    for apis in [1, 1_000] {
        let house = house(apis, &source_endpoint()).unwrap();
        let connection = connection(&house, 0, [10, 0, 1, 20].into());
        let bytes = get(apis / 2, "/demo/pets", "User-Agent: curl\r\n");
        let head = read_head(&bytes);
        let arrival = arrival(&connection, &bytes, &head);
        let (backend, mut scratch) = (Still::new(), Scratch::default());
        let mut serve_one = || {
            let mut record = Record::new(&house, &arrival);
            let answer = finish(serve(&mut record, &mut NoBody, &backend, &mut scratch, &mut ()));
            assert_eq!(answer.status, 200);
        };
        // The connection's part of the policy is found once, and the memory grows to its size.
        serve_one();
        let counted = allocation_counter::measure(serve_one);
        assert_eq!(counted.count_total, 0, "{apis} APIs");
    }
}

#[test]
fn a_denial_costs_as_much_with_a_thousand_apis_as_with_one() {
    let costs = [1, 1_000].map(|apis| {
        let house = house(apis, &source_endpoint()).unwrap();
        let connection = connection(&house, 1, [10, 0, 1, 20].into());
        let bytes = get(apis / 2, "/demo/pets", "");
        let head = read_head(&bytes);
        let arrival = arrival(&connection, &bytes, &head);
        let (backend, mut scratch) = (Still::new(), Scratch::default());
        let mut serve_one = || {
            let mut record = Record::new(&house, &arrival);
            let answer = finish(serve(&mut record, &mut NoBody, &backend, &mut scratch, &mut ()));
            assert_eq!(answer.status, 403);
        };
        serve_one();
        allocation_counter::measure(serve_one).count_total
    });
    assert_eq!(costs[0], costs[1]);
}

// Generated policies, connections and requests.

fn conditions() -> impl Strategy<Value = Value> {
    let operators = select(vec![
        ("StringEquals", "aws:SourceVpce", json!(ENDPOINTS[0])),
        ("StringNotEquals", "aws:SourceVpce", json!([ENDPOINTS[0], "vpce-1"])),
        ("StringNotEqualsIfExists", "aws:SourceVpc", json!("vpc-0aaaabbbbccccddd0")),
        ("StringLike", "aws:sourcevpce", json!("vpce-0f*")),
        ("IpAddress", "aws:VpcSourceIp", json!(["10.0.0.0/16", "2001:db8::/32"])),
        ("NotIpAddress", "aws:VpcSourceIp", json!("10.0.1.0/24")),
        ("IpAddress", "aws:SourceIp", json!("10.0.0.0/8")),
        ("Bool", "aws:SecureTransport", json!("false")),
        ("StringLike", "aws:UserAgent", json!(["curl*", "*robot*"])),
        ("StringNotLike", "aws:UserAgent", json!("curl*")),
        ("StringEquals", "aws:Referer", json!("https://a/")),
        ("Null", "aws:Referer", json!("true")),
        ("Null", "aws:UserAgent", json!("false")),
        ("DateGreaterThan", "aws:CurrentTime", json!("2024-01-01T00:00:00Z")),
        ("NumericLessThan", "aws:EpochTime", json!(1_716_523_575)),
        ("StringEquals", "aws:PrincipalType", json!("Anonymous")),
        ("StringEquals", "aws:RequestedRegion", json!("us-east-1")),
        ("StringEquals", "aws:username", json!("Alice")),
        ("ForAnyValue:StringLike", "aws:UserAgent", json!("robot*")),
        ("ForAllValues:StringLike", "aws:UserAgent", json!("curl*")),
        ("ArnLike", "aws:SourceArn", json!("arn:aws:*:*:*:*")),
    ]);
    vec(operators, 0..3).prop_map(|conditions| {
        let mut all = json!({});
        for (operator, key, value) in conditions {
            all[operator][key] = value;
        }
        all
    })
}

fn statements() -> impl Strategy<Value = Value> {
    let principals = select(vec![
        json!({"Principal": "*"}),
        json!({"Principal": {"AWS": ["*"]}}),
        json!({"Principal": {"AWS": "arn:aws:iam::123456789012:user/Alice"}}),
        json!({"NotPrincipal": {"AWS": "arn:aws:iam::123456789012:user/Alice"}}),
    ]);
    let actions = select(vec![
        json!({"Action": "execute-api:Invoke"}),
        json!({"Action": ["execute-api:InvalidateCache", "EXECUTE-API:in*"]}),
        json!({"Action": "execute-api:InvalidateCache"}),
        json!({"NotAction": "execute-api:InvalidateCache"}),
    ]);
    let resources = select(vec![
        json!({"Resource": "execute-api:/*"}),
        json!({"Resource": ["execute-api:/demo/GET/pets", "execute-api:/demo/POST/*"]}),
        json!({"Resource": "execute-api:/demo/*/pets/?"}),
        json!({"Resource": "arn:aws:execute-api:us-east-1:123456789012:api0000000/demo/GET/pets/*"}),
        json!({"Resource": "execute-api:/prod/*"}),
        json!({"NotResource": "execute-api:/demo/GET/pets"}),
    ]);
    let effects = select(vec!["Allow", "Allow", "Deny"]);
    (effects, principals, actions, resources, conditions()).prop_map(
        |(effect, principal, action, resource, condition)| {
            let mut statement = json!({"Effect": effect, "Condition": condition});
            for part in [principal, action, resource] {
                statement.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            }
            statement
        },
    )
}

fn policies() -> impl Strategy<Value = Value> {
    vec(statements(), 1..5).prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

fn requests(apis: usize) -> impl Strategy<Value = Vec<u8>> {
    let verbs = select(vec!["GET", "POST", "DELETE"]);
    let paths = select(vec![
        "/demo/pets",
        "/demo/pets/",
        "/demo/pets/7",
        "/demo/pets/70",
        "/demo/cats",
        "/prod/pets",
    ]);
    let fields = select(vec![
        "User-Agent: curl/8\r\n",
        "User-Agent: a robot\r\nUser-Agent: curl/8\r\n",
        "Referer: https://a/\r\n",
        "X-HTTP-Method-Override: POST\r\n",
    ]);
    (0..apis, verbs, paths, vec(fields, 0..3)).prop_map(|(api, verb, path, mut fields)| {
        fields.dedup();
        let bytes = get(api, path, &fields.concat());
        [verb.as_bytes(), &bytes[3..]].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// One connection asks several times, so that what is kept of its policy is used and replaced.
    #[test]
    fn what_decides_and_what_explains_agree(
        policy in policies(),
        endpoint in 0_usize..2,
        source in select(vec!["10.0.1.20", "10.0.2.20", "192.168.0.1", "2001:db8::1"]),
        requests in vec(requests(1), 1..6),
    ) {
        let source: IpAddr = source.parse().unwrap();
        let house = house(1, &policy).unwrap();
        let connection = connection(&house, endpoint, source);
        let mut scratch = Scratch::default();
        for bytes in requests {
            let served = served(&house, &connection, &bytes, &mut scratch);
            let told = explained(&house, endpoint, source, &bytes);
            prop_assert_eq!(is_let_in(&told), served.refusal.is_none());
            if let Ending::Answer(answer) = &told.ending {
                prop_assert_eq!(answer.status, served.status);
                prop_assert_eq!(answer.body.as_bytes(), &*served.body);
            }
            check_policy(&told, served.refusal.as_ref())?;
            // What is kept of a denial tells the same, gate by gate.
            let kept = served.denial.and_then(|denial| denial.explain(&house));
            prop_assert_eq!(kept.is_some(), told.refused_by().is_some_and(|trace| trace.gate >= Gate::Api));
            if let Some(kept) = kept {
                prop_assert_eq!(&kept.ending, &told.ending);
                let policy = |transcript: &Transcript| {
                    transcript.gates.iter().find_map(|trace| trace.policy.clone())
                };
                prop_assert_eq!(policy(&kept), policy(&told));
                prop_assert_eq!(kept.refused_by(), told.refused_by());
            }
        }
    }
}

fn is_let_in(told: &Transcript) -> bool {
    told.ending == Ending::NotCalled && told.refused_by().is_none()
}

/// What an endpoint policy says: of every API, of some, of some methods.
fn endpoint_policies() -> impl Strategy<Value = String> {
    let resources = select(vec![
        json!({"Resource": "*"}),
        json!({"NotResource": "*"}),
        json!({"Resource": "arn:aws:execute-api:us-east-1:123456789012:api0000000/*"}),
        json!({"Resource": ["arn:aws:execute-api:*:*:api0000001/*", "arn:aws:execute-api:*:*:api0000002/demo/GET/*"]}),
        json!({"NotResource": "arn:aws:execute-api:us-east-1:123456789012:api0000002/*"}),
    ]);
    let statement = (select(vec!["Allow", "Allow", "Deny"]), resources, conditions());
    let statements = vec(statement, 1..4).prop_map(|statements| {
        let statement = |(effect, resource, condition): (&str, Value, Value)| {
            let mut statement =
                json!({"Effect": effect, "Principal": "*", "Action": "*", "Condition": condition});
            statement.as_object_mut().unwrap().extend(resource.as_object().unwrap().clone());
            statement
        };
        let statements: Vec<Value> = statements.into_iter().map(statement).collect();
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    });
    statements.boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Connections of both endpoints ask APIs with policies of few kinds by turns, while the configuration
    /// is replaced: each time what decides is what a connection is told that comes for the first time.
    #[test]
    fn what_is_kept_of_one_api_never_decides_for_another(
        kinds in vec(policies(), 1..4),
        of_api in vec(0_usize..4, 3),
        of_endpoints in prop::option::of(vec(endpoint_policies(), 2)),
        later_of_api in vec(0_usize..4, 3),
        sources in vec(select(vec!["10.0.1.20", "10.0.2.20", "192.168.0.1", "2001:db8::1"]), 4),
        requests in vec((0_usize..4, requests(3), prop::bool::weighted(0.2)), 2..12),
    ) {
        let mut state = State::new([7; 32]);
        let mut house = |of_api: &[usize]| {
            let policies = of_api.iter().map(|kind| kinds[kind % kinds.len()].to_string());
            let policies = policies.chain(of_endpoints.iter().flatten().cloned()).collect();
            house_of(policies, 3, &mut state).unwrap()
        };
        let houses = [house(&of_api), house(&later_of_api)];
        let sources: Vec<IpAddr> = sources.iter().map(|source| source.parse().unwrap()).collect();
        let connections: Vec<_> =
            sources.iter().zip(0..).map(|(source, at)| connection(&houses[0], at % 2, *source)).collect();
        let (mut scratch, mut current) = (Scratch::default(), 0);
        for (at, bytes, replace) in requests {
            current = (current + usize::from(replace)) % 2;
            let house = &houses[current];
            let served = served(house, &connections[at], &bytes, &mut scratch);
            let first = connection(house, at % 2, sources[at]);
            let expected = self::served(house, &first, &bytes, &mut scratch);
            prop_assert_eq!((served.status, served.body), (expected.status, expected.body));
            let told = explained(house, at % 2, sources[at], &bytes);
            prop_assert_eq!(is_let_in(&told), served.refusal.is_none());
            if told.gates.iter().any(|trace| trace.gate == Gate::ResourcePolicy) {
                check_policy(&told, served.refusal.as_ref())?;
            }
        }
    }
}

/// Outcome and statement of the traced policy are those of the compiled one.
fn check_policy(told: &Transcript, refusal: Option<&Refusal>) -> Result<(), TestCaseError> {
    let trace = told.gates.iter().find(|trace| trace.gate == Gate::ResourcePolicy).unwrap();
    let Some(policy) = &trace.policy else { return Ok(()) };
    let expected = match refusal {
        Some(Refusal::PolicyDenied(PolicyDenial { explicit: true, statement, .. })) => {
            let told = policy.deciding.map(|index| index.to_string().into_boxed_str());
            prop_assert_eq!(&told, statement);
            "explicitDeny"
        }
        Some(Refusal::PolicyDenied(_)) => "implicitDeny",
        _ => "allow",
    };
    prop_assert_eq!(policy.outcome.to_string(), expected);
    Ok(())
}
