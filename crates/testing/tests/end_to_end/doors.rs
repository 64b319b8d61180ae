//! Who may come in by which door: network ACLs and security groups by the peer's address, private APIs
//! and public ones, and what a client says of itself (private-access.md sections 5 to 7, hardening.md
//! section 4).

use std::net::SocketAddr;

use postern_testing::{
    API_HOST, API_ID, Backend, FrameKind, Gateway, Http2, VPC_ID, VPCE_A, VPCE_B, Wire, definition,
    http_proxy, mock, run_program,
};
use serde_json::{Value, json};

use crate::{gateway, get, pets, refusal, short};

fn forbidden() -> String {
    refusal("403 Forbidden", "ForbiddenException", r#"{"message":"Forbidden"}"#)
}

/// A connection from an address of loopback.
fn connect(source: &str, to: SocketAddr) -> Wire {
    Wire::from_to(source.parse().unwrap(), to)
}

/// Whether a caller at an address of loopback is served; else it is closed without a byte.
fn is_served(source: &str, to: SocketAddr) -> bool {
    let mut wire = connect(source, to);
    wire.send_anyway(get("/demo/pets"));
    match wire.try_answer() {
        Ok(Some(answer)) => {
            assert_eq!(short(&answer), (200, "pets"), "{source}");
            true
        }
        Ok(None) | Err(_) => false,
    }
}

fn refused(gateway: &Gateway, layer: &str) -> f64 {
    gateway.metric("postern_connections_refused_total", &[&format!("layer=\"{layer}\"")])
}

fn rule(number: u32, cidr: &str, action: &str) -> Value {
    json!({"ruleNumber": number, "cidr": cidr, "ruleAction": action})
}

#[test]
fn the_first_rule_of_a_network_acl_that_speaks_of_a_peer_decides() {
    let rows = [
        (json!([rule(100, "127.0.0.2/32", "allow")]), [true, false, false]),
        (json!([rule(100, "127.0.0.2/32", "deny"), rule(200, "127.0.0.0/8", "allow")]), [false, true, true]),
        // The number decides, not the order in which they are written.
        (json!([rule(200, "127.0.0.2/32", "deny"), rule(100, "127.0.0.0/8", "allow")]), [true, true, true]),
        (json!([rule(1, "127.0.0.0/30", "allow"), rule(2, "127.0.0.3/32", "deny")]), [true, true, false]),
        (json!([rule(1, "::/0", "allow")]), [false, false, false]),
    ];
    let mut gateway = gateway(&pets(), |_, configuration| {
        configuration["vpcEndpoints"][0]["networkAcl"] = json!([rule(1, "::ffff:127.0.0.0/104", "allow")]);
    });
    assert!(is_served("127.0.0.2", gateway.endpoint(0)));
    for (rules, expected) in rows {
        let mut configuration = gateway.configuration().clone();
        configuration["vpcEndpoints"][0]["networkAcl"] = rules.clone();
        gateway.reload(configuration);
        let served =
            ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map(|source| is_served(source, gateway.endpoint(0)));
        assert_eq!(served, expected, "{rules}");
    }
    // The endpoint beside it has none.
    assert!(is_served("127.0.0.2", gateway.endpoint(1)));
    assert!((refused(&gateway, "networkAcl") - 7.0).abs() < 0.5);
}

#[test]
fn a_security_group_lets_in_whom_it_names() {
    let mut gateway = gateway(&pets(), |_, configuration| {
        let group = json!({"ingress": [{"cidr": "127.0.0.2/32"}, {"cidr": "127.0.1.0/24"}]});
        configuration["vpcEndpoints"][0]["securityGroup"] = group;
    });
    for (source, expected) in [("127.0.0.2", true), ("127.0.1.77", true), ("127.0.0.3", false)] {
        assert_eq!(is_served(source, gateway.endpoint(0)), expected, "{source}");
    }
    // A connection that is open stays; an empty list lets nobody else in.
    let mut before = connect("127.0.0.2", gateway.endpoint(0));
    assert_eq!(before.ask(get("/demo/pets")).status(), 200);
    let mut configuration = gateway.configuration().clone();
    configuration["vpcEndpoints"][0]["securityGroup"] = json!({"ingress": []});
    gateway.reload(configuration.clone());
    assert!(!is_served("127.0.0.2", gateway.endpoint(0)));
    assert_eq!(before.ask(get("/demo/pets")).status(), 200);
    assert!((refused(&gateway, "securityGroup") - 2.0).abs() < 0.5);
    let line = gateway.log_line("a connection was turned away");
    assert!(line.contains("the security group does not hold the source"), "{line}");
    configuration["vpcEndpoints"][0].as_object_mut().unwrap().remove("securityGroup");
    gateway.reload(configuration);
    assert!(is_served("127.0.0.3", gateway.endpoint(0)));
}

#[test]
fn the_network_acl_is_asked_first() {
    let gateway = gateway(&pets(), |_, configuration| {
        configuration["vpcEndpoints"][0]["networkAcl"] = json!([rule(100, "127.0.0.2/31", "allow")]);
        configuration["vpcEndpoints"][0]["securityGroup"] =
            json!({"ingress": [{"cidr": "127.0.0.2/32"}, {"cidr": "127.0.0.4/32"}]});
    });
    for (source, expected, by_acl, by_group) in [
        ("127.0.0.2", true, 0.0, 0.0),
        ("127.0.0.3", false, 0.0, 1.0),
        ("127.0.0.4", false, 1.0, 1.0),
        ("127.0.0.5", false, 2.0, 1.0),
    ] {
        assert_eq!(is_served(source, gateway.endpoint(0)), expected, "{source}");
        let counted = (refused(&gateway, "networkAcl"), refused(&gateway, "securityGroup"));
        assert_eq!(counted, (by_acl, by_group), "{source}");
    }
}

/// A gateway with a private API and a public one, and a domain name of each kind.
fn both_kinds() -> Gateway {
    gateway(&pets(), |place, configuration| {
        configuration["publicListeners"] = json!([{"listeners": [{"address": place.address().to_string()}]}]);
        let public = json!({
            "id": "public0001",
            "definition": "api.json",
            "endpointConfiguration": {"types": ["REGIONAL"]},
            "stages": [{"stageName": "demo"}],
        });
        configuration["restApis"].as_array_mut().unwrap().push(public);
        let name = |name: &str, kind: &str, api: &str| {
            json!({
                "domainName": name,
                "endpointConfiguration": {"types": [kind]},
                "basePathMappings": [{"basePath": "store", "restApiId": api, "stage": "demo"}],
            })
        };
        configuration["domainNames"] =
            json!([name("in.corp", "PRIVATE", API_ID), name("out.corp", "REGIONAL", "public0001")]);
    })
}

#[test]
fn f1_a_private_api_is_never_reached_publicly_nor_the_other_way_round() {
    let gateway = both_kinds();
    let (inside, outside) = (gateway.endpoint(0), gateway.public());
    let ask = |address, host: &str, path: &str, lines: &str| {
        Wire::to(address).ask(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n"))
    };
    let public_host = "public0001.execute-api.us-east-1.amazonaws.com";
    let by_endpoint = format!("{API_ID}-{VPCE_A}.execute-api.us-east-1.amazonaws.com");
    let vpce_host = format!("{VPCE_A}-abcd.execute-api.us-east-1.vpce.amazonaws.com");
    let private_id = format!("x-apigw-api-id: {API_ID}\r\n");
    let public_id = "x-apigw-api-id: public0001\r\n";
    let identity = format!("x-amzn-vpce-id: {VPCE_A}\r\nx-amzn-vpc-id: {VPC_ID}\r\n");
    for (host, path, lines, is_private) in [
        (API_HOST, "/demo/pets", "", true),
        (&*by_endpoint, "/demo/pets", "", true),
        (&*vpce_host, "/demo/pets", &*private_id, true),
        ("anything.example", "/demo/pets", &*private_id, true),
        ("in.corp", "/store/pets", "", true),
        (public_host, "/demo/pets", "", false),
        ("anything.example", "/demo/pets", public_id, false),
        ("out.corp", "/store/pets", "", false),
    ] {
        let (right, wrong) = if is_private { (inside, outside) } else { (outside, inside) };
        assert_eq!(short(&ask(right, host, path, lines)), (200, "pets"), "{host} {lines}");
        // Not even by saying to be somebody else.
        for lines in [lines, &*format!("{lines}{identity}")] {
            assert_eq!(ask(wrong, host, path, lines).masked(), forbidden(), "{host} {lines}");
        }
    }
}

#[test]
fn f1_holds_in_http_2_too() {
    let gateway = gateway(&pets(), |place, configuration| {
        configuration["publicListeners"] =
            json!([{"listeners": [{"address": place.address().to_string()}], "http2": true}]);
    });
    let mut client = Http2::to(gateway.public(), &[]);
    client.get(1, API_HOST, "/demo/pets");
    assert_eq!(client.frame_of(FrameKind::Data).payload, br#"{"message":"Forbidden"}"#);
}

#[test]
fn edge_is_regional_with_a_warning() {
    let gateway = gateway(&pets(), |place, configuration| {
        configuration["publicListeners"] = json!([{"listeners": [{"address": place.address().to_string()}]}]);
        configuration["restApis"][0]["endpointConfiguration"] = json!({"types": ["EDGE"]});
    });
    assert_eq!(short(&Wire::to(gateway.public()).ask(get("/demo/pets"))), (200, "pets"));
    assert_eq!(gateway.get("/demo/pets").masked(), forbidden());
    let outcome = run_program(gateway.place().path(), &["check", "--config", "postern.yaml"], "");
    let told = format!("{}{}", outcome.output, outcome.complaints);
    assert!(told.contains("warning: `EDGE` is read as `REGIONAL`"), "{told}");
}

#[test]
fn public_listeners_have_network_layers_too() {
    let gateway = gateway(&pets(), |place, configuration| {
        configuration["restApis"][0]["endpointConfiguration"] = json!({"types": ["REGIONAL"]});
        configuration["publicListeners"] = json!([{
            "listeners": [{"address": place.address().to_string()}],
            "networkAcl": [rule(1, "127.0.0.2/31", "allow")],
            "securityGroup": {"ingress": [{"cidr": "127.0.0.2/32"}]},
        }]);
    });
    let served = ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map(|source| is_served(source, gateway.public()));
    assert_eq!(served, [true, false, false]);
    assert_eq!((refused(&gateway, "networkAcl"), refused(&gateway, "securityGroup")), (1.0, 1.0));
}

/// What a client may write to pass for somebody else.
const SPOOFED: [(&str, &str); 12] = [
    ("x-amzn-vpce-id", VPCE_B),
    ("X-Amzn-Vpce-Id", VPCE_B),
    ("x_amzn_vpce_id", VPCE_B),
    ("x-amzn-vpc-id", "vpc-0bad"),
    ("x-amzn_vpc-id", "vpc-0bad"),
    ("x-amzn-vpce-config", "0"),
    ("x-amzn-vpce-policy-url", "http://bad.example/"),
    ("forwarded", "for=9.9.9.9;host=bad.example;proto=https"),
    ("x-forwarded-for", "9.9.9.9"),
    ("x_forwarded_for", "9.9.9.9"),
    ("x-forwarded-host", "bad.example"),
    ("x-amzn-tls-version", "TLSv1.3"),
];

/// Sees that nothing of it came to a backend.
fn is_honest(seen: &str, client: &str) {
    for lie in
        [VPCE_B, "vpc-0bad", "bad.example", "9.9.9.9", "TLSv1.3", "forwarded: ", "policy-url", "_id", "_for"]
    {
        assert!(!seen.to_ascii_lowercase().contains(&lie.to_ascii_lowercase()), "{lie}:\n{seen}");
    }
    for (name, value) in [
        ("x-amzn-vpce-id", VPCE_A),
        ("x-amzn-vpc-id", VPC_ID),
        ("x-amzn-vpce-config", "1"),
        ("x-forwarded-for", client),
    ] {
        let lines = seen.lines().filter_map(|line| line.split_once(": "));
        let values: Vec<&str> =
            lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
        assert_eq!(values, [value], "{name}:\n{seen}");
    }
}

/// A backend that is called by a method whose policy asks for one endpoint, address and VPC.
fn watched() -> (Backend, Gateway) {
    let backend = Backend::answering(200, "[]");
    let said = "$context.identity.sourceIp $context.identity.vpceId $context.identity.vpcId";
    let definition = definition(&json!({
        "/passed": {"get": http_proxy("GET", backend.address(), "/")},
        "/said": {"get": mock(said)},
    }));
    let gateway = gateway(&definition, |place, configuration| {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
                {
                    "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
                    "Condition": {"StringNotEquals": {"aws:SourceVpce": VPCE_A}},
                },
                {
                    "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
                    "Condition": {"IpAddress": {"aws:VpcSourceIp": "127.0.0.66/32"}},
                },
            ],
        });
        place.write("policy.json", &policy.to_string());
        for endpoint in [0, 1] {
            configuration["vpcEndpoints"][endpoint]["http2"] = json!(true);
        }
    });
    (backend, gateway)
}

#[test]
fn identity_a_spoofed_header_reaches_no_decision_and_no_backend_by_http_1() {
    let (backend, gateway) = watched();
    let lines = |value: &dyn Fn(&str) -> String| -> String {
        SPOOFED.iter().map(|(name, told)| format!("{name}: {}\r\n", value(told))).collect()
    };
    let ask = |source: &str, to, path: &str, lines: &str| {
        connect(source, to).ask(format!("GET {path} HTTP/1.1\r\nHost: {API_HOST}\r\n{lines}\r\n"))
    };
    let spoofed = lines(&str::to_owned);
    assert_eq!(ask("127.0.0.5", gateway.endpoint(0), "/demo/passed", &spoofed).status(), 200);
    is_honest(&backend.request(0).head, "127.0.0.5");
    let said = ask("127.0.0.5", gateway.endpoint(0), "/demo/said", &spoofed);
    assert_eq!(short(&said), (200, &*format!("127.0.0.5 {VPCE_A} {VPC_ID}")));
    // Somebody at the other endpoint, and somebody at a denied address, who say to be somebody else.
    let as_the_first = lines(&|told| told.replace(VPCE_B, VPCE_A));
    assert_eq!(ask("127.0.0.5", gateway.endpoint(1), "/demo/said", &as_the_first).status(), 403);
    assert_eq!(ask("127.0.0.66", gateway.endpoint(0), "/demo/said", &spoofed).status(), 403);
}

#[test]
fn identity_a_spoofed_header_reaches_no_decision_and_no_backend_by_http_2() {
    let (backend, gateway) = watched();
    let status_of = |to, path: &str, told: &dyn Fn(&str) -> String| {
        let told: Vec<(String, String)> =
            SPOOFED.iter().map(|(name, value)| (name.to_ascii_lowercase(), told(value))).collect();
        let mut fields =
            vec![(":method", "GET"), (":scheme", "http"), (":authority", API_HOST), (":path", path)];
        fields.extend(told.iter().map(|(name, value)| (&**name, &**value)));
        let mut client = Http2::to(to, &[]);
        client.headers(1, &fields, true);
        String::from_utf8_lossy(&client.frame_of(FrameKind::Data).payload).into_owned()
    };
    assert_eq!(status_of(gateway.endpoint(0), "/demo/passed", &str::to_owned), "[]");
    is_honest(&backend.request(0).head, "127.0.0.1");
    let said = status_of(gateway.endpoint(0), "/demo/said", &str::to_owned);
    assert!(said.ends_with(&format!("{VPCE_A} {VPC_ID}")), "{said}");
    let other = status_of(gateway.endpoint(1), "/demo/said", &|told| told.replace(VPCE_B, VPCE_A));
    assert!(other.contains("not authorized"), "{other}");
}

#[test]
fn pa_68_a_trusted_list_stays_before_our_element_and_decides_nothing() {
    let backend = Backend::answering(200, "[]");
    let definition = definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), "/")}}));
    let gateway = gateway(&definition, |place, configuration| {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
                "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.5/32"}},
            }],
        });
        place.write("policy.json", &policy.to_string());
        configuration["restApis"][0]["endpointConfiguration"] = json!({"types": ["REGIONAL"]});
        let listener = |trusted: bool| {
            let address = place.address().to_string();
            json!({"listeners": [{"address": address}], "trustXForwardedFor": trusted})
        };
        configuration["publicListeners"] = json!([listener(true), listener(false)]);
    });
    let lines = "X-Forwarded-For: 127.0.0.5\r\nX-Forwarded-For: 8.8.8.8, 127.0.0.5\r\n";
    let request = format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\n{lines}\r\n");
    let second = gateway.configuration()["publicListeners"][1]["listeners"][0]["address"].clone();
    let second = second.as_str().unwrap().parse().unwrap();
    let rows = [(gateway.public(), "127.0.0.5, 8.8.8.8, 127.0.0.5, 127.0.0.5"), (second, "127.0.0.5")];
    for (index, (listener, expected)) in rows.into_iter().enumerate() {
        assert_eq!(connect("127.0.0.5", listener).ask(&request).status(), 200);
        assert_eq!(backend.request(index).field("X-Forwarded-For"), Some(expected));
        assert_eq!(connect("127.0.0.6", listener).ask(&request).status(), 403);
    }
}
