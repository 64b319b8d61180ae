//! The targets of VPC links: which is next, which are well.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use postern_testing::{
    API_HOST, Backend, Gateway, Message, answer, definition, expect, hang, http_proxy, until,
};
use serde_json::{Value, json};

use crate::{gateway, get, plain_gateway};

/// `GET /ID` for each of these links.
fn paths_of(links: &Value) -> Value {
    let mut paths = json!({});
    for link in links.as_array().unwrap() {
        let mut operation = http_proxy("GET", "127.0.0.1:9".parse().unwrap(), "/");
        let integration = &mut operation["x-amazon-apigateway-integration"];
        integration["uri"] = json!("http://petstore.internal/");
        integration["connectionType"] = json!("VPC_LINK");
        integration["connectionId"] = link["id"].clone();
        integration["timeoutInMillis"] = json!(1_000);
        paths[format!("/{}", link["id"].as_str().unwrap())] = json!({"get": operation});
    }
    definition(&paths)
}

fn with_links(links: Value) -> Gateway {
    gateway(&paths_of(&links), |_, configuration| configuration["vpcLinks"] = links)
}

/// Whether the target of a link is given calls.
fn is_healthy(gateway: &Gateway, link: &str, target: &Backend) -> bool {
    let words = [&*format!("link=\"{link}\""), &*format!("target=\"{}\"", target.address())];
    gateway.metric("postern_target_healthy", &words) > 0.0
}

fn until_healthy_is(expected: bool, gateway: &Gateway, link: &str, target: &Backend) {
    until("another state of health", || (is_healthy(gateway, link, target) == expected).then_some(()));
}

/// A target that counts the checks that it answers, and says that it is ill while it is told to.
struct Patient {
    backend: Backend,
    is_ill: Arc<AtomicBool>,
    checks: Arc<AtomicUsize>,
}

impl Patient {
    fn new() -> Self {
        let (is_ill, checks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (ill, counted) = (Arc::clone(&is_ill), Arc::clone(&checks));
        let backend = Backend::with(move |request: &Message| {
            if request.field("User-Agent") != Some("Postern-HealthChecker") {
                return ok();
            }
            counted.fetch_add(1, Ordering::SeqCst);
            if ill.load(Ordering::SeqCst) { unavailable() } else { ok() }
        });
        Self { backend, is_ill, checks }
    }

    fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }

    /// Becomes ill or well, and counts checks from now on.
    fn becomes(&self, ill: bool) {
        self.is_ill.store(ill, Ordering::SeqCst);
        self.checks.store(0, Ordering::SeqCst);
    }
}

fn ok() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()
}

fn unavailable() -> Vec<u8> {
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec()
}

#[test]
fn a_health_check_speaks_its_protocol_and_asks_for_its_path() {
    let backends = [(); 4].map(|()| Backend::answering(200, "{}"));
    let link = |id: &str, backend: &Backend, check: Value| json!({"id": id, "targets": [backend.address().to_string()], "healthCheck": check});
    let gateway = with_links(json!([
        link("tcp", &backends[0], json!({"intervalSeconds": 1})),
        link("http", &backends[1], json!({"intervalSeconds": 1, "protocol": "HTTP", "path": "/health?deep"})),
        link("root", &backends[2], json!({"intervalSeconds": 1, "protocol": "HTTP"})),
        link("https", &backends[3], json!({"intervalSeconds": 1, "protocol": "HTTPS"})),
    ]));
    assert_eq!(backends[1].request(0).first_line(), "GET /health?deep HTTP/1.1");
    assert_eq!(backends[1].request(0).field("Host"), Some(&*backends[1].address().to_string()));
    assert_eq!(backends[2].request(0).first_line(), "GET / HTTP/1.1");
    until("a connection", || (backends[0].connections() > 0).then_some(()));
    assert!(backends[0].requests().is_empty(), "nothing is said with TCP");
    // It does not speak TLS.
    until_healthy_is(false, &gateway, "https", &backends[3]);
    for (id, backend) in ["tcp", "http", "root"].into_iter().zip(&backends) {
        assert!(is_healthy(&gateway, id, backend), "{id}");
    }
}

#[test]
fn checks_come_in_their_interval() {
    let (often, seldom) = (Patient::new(), Patient::new());
    let link = |id: &str, patient: &Patient, seconds: u32| {
        let check = json!({"protocol": "HTTP", "intervalSeconds": seconds, "timeoutSeconds": 1});
        json!({"id": id, "targets": [patient.backend.address().to_string()], "healthCheck": check})
    };
    let _gateway = with_links(json!([link("often", &often, 1), link("seldom", &seldom, 300)]));
    until("three checks", || (often.checks() >= 3).then_some(()));
    assert_eq!(seldom.checks(), 1);
}

#[test]
fn a_check_has_its_time() {
    let silent = || Backend::script([expect("GET /"), hang()]);
    let (hurried, patient) = (silent(), silent());
    let link = |id: &str, backend: &Backend, seconds: u32| {
        let check = json!({"protocol": "HTTP", "intervalSeconds": 60, "timeoutSeconds": seconds});
        json!({"id": id, "targets": [backend.address().to_string()], "healthCheck": check})
    };
    let gateway = with_links(json!([link("hurried", &hurried, 1), link("patient", &patient, 60)]));
    let _ = (hurried.request(0), patient.request(0));
    until_healthy_is(false, &gateway, "hurried", &hurried);
    assert!(is_healthy(&gateway, "patient", &patient));
}

#[test]
fn as_many_checks_in_a_row_decide_as_it_says() {
    let (quick, slow) = (Patient::new(), Patient::new());
    let link = |id: &str, patient: &Patient, threshold: u32| {
        let check = json!({
            "protocol": "HTTP", "intervalSeconds": 1,
            "healthyThreshold": threshold, "unhealthyThreshold": threshold,
        });
        json!({"id": id, "targets": [patient.backend.address().to_string()], "healthCheck": check})
    };
    let gateway = with_links(json!([link("quick", &quick, 1), link("slow", &slow, 3)]));
    until("the first checks", || (quick.checks() > 0 && slow.checks() > 0).then_some(()));
    for ill in [true, false] {
        quick.becomes(ill);
        slow.becomes(ill);
        until_healthy_is(!ill, &gateway, "quick", &quick.backend);
        assert_eq!(is_healthy(&gateway, "slow", &slow.backend), ill, "one check does not decide");
        until_healthy_is(!ill, &gateway, "slow", &slow.backend);
        assert!(slow.checks() >= 3, "{}", slow.checks());
    }
}

#[test]
fn a_target_that_comes_back_starts_slowly_where_it_says_so() {
    // A half of the calls, or a tenth of that at first.
    for (seconds, expected) in [(0, 30..=30), (900, 2..=3)] {
        let (steady, patient) = (Backend::answering(200, "steady"), Patient::new());
        let check =
            json!({"protocol": "HTTP", "intervalSeconds": 1, "healthyThreshold": 1, "unhealthyThreshold": 1});
        let targets = [steady.address().to_string(), patient.backend.address().to_string()];
        let links =
            json!([{"id": "vl1", "targets": targets, "slowStartSeconds": seconds, "healthCheck": check}]);
        let gateway = with_links(links);
        patient.becomes(true);
        until_healthy_is(false, &gateway, "vl1", &patient.backend);
        // A worker knows of it when it has had to choose.
        assert_eq!(gateway.get("/demo/vl1").text(), "steady");
        patient.becomes(false);
        until_healthy_is(true, &gateway, "vl1", &patient.backend);
        let answers = (0..60).map(|_| gateway.get("/demo/vl1").text().to_owned());
        let count = answers.filter(|text| text == "ok").count();
        assert!(expected.contains(&count), "{seconds}: {count}");
    }
}

#[test]
fn the_algorithm_decides_which_target_is_next() {
    for (algorithm, next) in [
        (None, ["two", "two"]),
        (Some("least_outstanding_requests"), ["two", "two"]),
        // Its turn comes, though it hangs.
        (Some("round_robin"), ["two", r#"{"message": "Endpoint request timed out"}"#]),
    ] {
        let one = Backend::script([expect("GET /"), hang(), answer(200, "one")]);
        let two = Backend::answering(200, "two");
        let mut link =
            json!({"id": "vl1", "targets": [one.address().to_string(), two.address().to_string()]});
        if let Some(algorithm) = algorithm {
            link["loadBalancingAlgorithm"] = json!(algorithm);
        }
        let mut links = paths_of(&json!([link]));
        links["paths"]["/vl1"]["get"]["x-amazon-apigateway-integration"]["timeoutInMillis"] = json!(29_000);
        links["paths"]["/short"] = paths_of(&json!([link]))["paths"]["/vl1"].clone();
        let gateway = gateway(&links, |_, configuration| configuration["vpcLinks"] = json!([link]));
        let mut first = gateway.wire();
        first.send(get("/demo/vl1"));
        let _ = one.request(0);
        for expected in next {
            assert_eq!(gateway.get("/demo/short").text(), expected, "{algorithm:?}");
        }
        one.release();
        assert_eq!(first.answer().text(), "one");
    }
}

/// Clients that ask again and again, each by one connection, until they are told to stop.
struct Load {
    is_over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn on(gateway: &Gateway, path: &str) -> Self {
        let (is_over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = || {
            let (is_over, answers) = (Arc::clone(&is_over), Arc::clone(&answers));
            let (mut wire, request) = (gateway.wire(), get(path));
            thread::spawn(move || {
                let mut others = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let answer = wire.ask(&request);
                    answers.fetch_add(1, Ordering::SeqCst);
                    if answer.status() != 200 {
                        others.push(answer.head);
                    }
                }
                others
            })
        };
        let clients = (0..8).map(|_| client()).collect();
        Self { is_over, answers, clients }
    }

    /// Waits for so many more answers.
    fn goes_on(&self, count: usize) {
        let before = self.answers.load(Ordering::SeqCst);
        let has_more = || self.answers.load(Ordering::SeqCst) >= before + count;
        until("more answers", || has_more().then_some(()));
    }

    /// Everything that was answered otherwise than with 200.
    fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::SeqCst);
        self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    }
}

#[test]
fn targets_that_are_killed_or_drained_under_load_lose_no_call() {
    let mut targets = [plain_gateway(&crate::pets()), plain_gateway(&crate::pets())];
    let addresses = [targets[0].endpoint(0), targets[1].endpoint(0)];
    let link = json!([{
        "id": "vl1", "targets": addresses.map(|address| address.to_string()), "slowStartSeconds": 0,
        "healthCheck": {"intervalSeconds": 1, "healthyThreshold": 1, "unhealthyThreshold": 1},
    }]);
    let mut definition = paths_of(&link);
    definition["paths"]["/vl1"]["get"]["x-amazon-apigateway-integration"]["uri"] =
        json!(format!("http://{API_HOST}/demo/pets"));
    let front = gateway(&definition, |_, configuration| configuration["vpcLinks"] = link);
    let served = |target: &Gateway| target.metric("postern_requests_total", &[]);
    let load = Load::on(&front, "/demo/vl1");
    until("calls to both", || targets.iter().all(|target| served(target) > 0.0).then_some(()));
    for drains in [false, true] {
        for target in &mut targets {
            if drains {
                target.stop()
            } else {
                target.kill()
            }
            load.goes_on(200);
            target.start_again();
            until("its return", || (served(target) > 0.0).then_some(()));
        }
    }
    load.goes_on(200);
    assert_eq!(load.end(), [""; 0]);
}

#[test]
fn a_link_that_nobody_checks_shows_what_calls_found_out() {
    let nobody = postern_testing::Place::new().address();
    let two = Backend::answering(200, "two");
    let link = json!({"id": "vl1", "targets": [nobody.to_string(), two.address().to_string()]});
    let gateway = with_links(json!([link]));
    for _ in 0..10 {
        assert_eq!(gateway.get("/demo/vl1").text(), "two", "no call is lost");
    }
    let words = ["link=\"vl1\"", &*format!("target=\"{nobody}\"")];
    assert!(gateway.metric("postern_target_healthy", &words) < 1.0);
    assert!(gateway.metric("postern_target_ejections_total", &words) > 0.0);
    assert!(gateway.metric("postern_backend_connect_failures_total", &[]) >= 3.0);
    assert!(is_healthy(&gateway, "vl1", &two));
    assert!(!plain_gateway(&crate::pets()).ask_admin("GET", "/metrics").text().contains("postern_target_"));
}
