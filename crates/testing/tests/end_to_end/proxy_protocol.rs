//! Callers whose identity comes by PROXY headers of version 2 (private-access.md section 5, hardening.md
//! section 4). Each case is written byte by byte.

use postern_testing::{
    API_HOST, API_ID, Authority, Backend, Balancer, Certificate, FrameKind, Gateway, Http2, VPC_ID, VPCE_A,
    VPCE_B, Wire, answer, curl, definition, expect, h2load, http_proxy, mock, openssl_client,
};
use serde_json::{Value, json};

use crate::{gateway, get, refusal, short};

/// The endpoint of the vector that semantics page and parser share.
const ENDPOINT: &str = "vpce-08d2bf15fac5001c9";
const ITS_VPC: &str = "vpc-0eeeeeeeeeeeeeee0";

/// The vector: 10.0.1.20:49152 calls 10.0.9.9:443 through [`ENDPOINT`]; computed by hand from the layout.
const VECTOR: [u8; 54] = [
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0x00, 0x26, 0x0a,
    0x00, 0x01, 0x14, 0x0a, 0x00, 0x09, 0x09, 0xc0, 0x00, 0x01, 0xbb, 0xea, 0x00, 0x17, 0x01, 0x76, 0x70,
    0x63, 0x65, 0x2d, 0x30, 0x38, 0x64, 0x32, 0x62, 0x66, 0x31, 0x35, 0x66, 0x61, 0x63, 0x35, 0x30, 0x30,
    0x31, 0x63, 0x39,
];

const SIGNATURE: &[u8] = &[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

/// 10.0.1.20:49152 to 10.0.9.9:443.
const ADDRESSES: &[u8] = &[10, 0, 1, 20, 10, 0, 9, 9, 0xc0, 0x00, 0x01, 0xbb];

/// A header of these bytes: version and command, family and transport, and all that follows the length.
fn header(version_and_command: u8, family_and_transport: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[version_and_command, family_and_transport], &length, &rest].concat()
}

/// A header over TCP and IPv4 with the usual addresses and these TLVs.
fn carrying(tlvs: &[&[u8]]) -> Vec<u8> {
    header(0x21, 0x11, &[ADDRESSES, &tlvs.concat()])
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

fn endpoint_tlv(id: &str) -> Vec<u8> {
    tlv(0xea, &[&[0x01], id.as_bytes()].concat())
}

/// A caller at an IPv4 address, through an endpoint.
fn from(source: [u8; 4], id: &str) -> Vec<u8> {
    let addresses = [&source[..], &ADDRESSES[4..]].concat();
    header(0x21, 0x11, &[&addresses, &endpoint_tlv(id)])
}

/// CRC-32C, bit by bit (RFC 3720 section B.4).
fn crc_32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}

/// The header with its right checksum in front of the other TLVs.
fn with_checksum(tlvs: &[u8]) -> Vec<u8> {
    let mut header = carrying(&[&tlv(0x03, &[0; 4]), tlvs]);
    let checksum = crc_32c(&header).to_be_bytes();
    header[31..35].copy_from_slice(&checksum);
    header
}

fn says_who() -> Value {
    let text = "$context.identity.vpceId $context.identity.vpcId $context.identity.sourceIp";
    definition(&json!({"/say": {"get": mock(text)}}))
}

/// Adds listeners that two endpoints share: one with an entry of its own, one without.
fn share(place: &postern_testing::Place, configuration: &mut Value) {
    let shared = json!({
        "vpcEndpointId": "from-proxy-protocol",
        "proxyProtocol": {"trustedSources": ["127.0.0.0/8"], "vpcIds": {ENDPOINT: ITS_VPC, "vpce-0fff": ITS_VPC}},
        "listeners": [{"address": place.address().to_string()}],
    });
    let own = json!({"vpcEndpointId": ENDPOINT, "vpcId": ITS_VPC});
    configuration["vpcEndpoints"].as_array_mut().unwrap().extend([shared, own]);
}

/// Where the shared listeners stand among the endpoints.
const SHARED: usize = 2;

fn sharing(definition: &Value, change: impl FnOnce(&postern_testing::Place, &mut Value)) -> Gateway {
    gateway(definition, |place, configuration| {
        share(place, configuration);
        change(place, configuration);
    })
}

fn wire(gateway: &Gateway) -> Wire {
    Wire::to(gateway.endpoint(SHARED))
}

/// Sends a header and a request, and sees the connection end without a byte.
fn is_turned_away(gateway: &Gateway, header: &[u8]) {
    let mut wire = wire(gateway);
    wire.send_anyway([header, get("/demo/say").as_bytes()].concat());
    wire.ends();
}

fn refused(gateway: &Gateway, layer: &str) -> u32 {
    let label = format!("layer=\"{layer}\"");
    let count = gateway.metric("postern_connections_refused_total", &[&label]);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
    let count = count as u32;
    count
}

fn forbidden() -> String {
    refusal("403 Forbidden", "ForbiddenException", r#"{"message":"Forbidden"}"#)
}

fn known() -> String {
    format!("{ENDPOINT} {ITS_VPC} 10.0.1.20")
}

#[test]
fn pa_58_identity_and_source_come_from_the_header() {
    let gateway = sharing(&says_who(), |_, _| {});
    // In one write with the request, before it, and with an IPv6 source.
    let mut wire_one = wire(&gateway);
    let both = [&VECTOR[..], get("/demo/say").as_bytes()].concat();
    assert_eq!(short(&wire_one.ask(both)), (200, &*known()));
    let mut wire_two = wire(&gateway);
    wire_two.send(VECTOR);
    assert_eq!(short(&wire_two.ask(get("/demo/say"))), (200, &*known()));
    let six = [&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0; 16], &[0xc0, 0, 1, 0xbb]];
    let six = header(0x21, 0x21, &[&six.concat(), &endpoint_tlv("vpce-0fff")]);
    let mut wire_three = wire(&gateway);
    wire_three.send(six);
    assert_eq!(short(&wire_three.ask(get("/demo/say"))), (200, &*format!("vpce-0fff {ITS_VPC} 2001:db8::7")));
}

#[test]
fn a_header_and_a_request_may_come_byte_by_byte() {
    let gateway = sharing(&says_who(), |_, _| {});
    let mut wire = wire(&gateway);
    for byte in [&with_checksum(&endpoint_tlv(ENDPOINT))[..], get("/demo/say").as_bytes()].concat() {
        wire.send([byte]);
    }
    assert_eq!(short(&wire.answer()), (200, &*known()));
}

#[test]
fn the_identity_is_that_of_the_whole_connection() {
    let gateway = sharing(&says_who(), |_, _| {});
    let mut wire = wire(&gateway);
    wire.send(VECTOR);
    let spoofed = "x-amzn-vpce-id: vpce-0fff\r\nX-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n";
    for lines in ["", spoofed, ""] {
        let request = format!("GET /demo/say HTTP/1.1\r\nHost: {API_HOST}\r\n{lines}\r\n");
        assert_eq!(short(&wire.ask(request)), (200, &*known()));
    }
}

#[test]
fn pa_54_what_is_unknown_is_skipped_and_a_right_checksum_passes() {
    let gateway = sharing(&says_who(), |_, _| {});
    let noop = tlv(0x04, &[0; 7]);
    let other_subtype = tlv(0xea, b"\x02vpce-0fff");
    let unknown = tlv(0xe0, ENDPOINT.as_bytes());
    let id = endpoint_tlv(ENDPOINT);
    for header in
        [carrying(&[&noop, &other_subtype, &unknown, &id, &noop]), with_checksum(&[&noop[..], &id].concat())]
    {
        let mut wire = wire(&gateway);
        wire.send(header);
        assert_eq!(short(&wire.ask(get("/demo/say"))), (200, &*known()));
    }
    assert_eq!(refused(&gateway, "proxyHeader"), 0);
}

#[test]
fn proxyproto_every_malformed_header_ends_the_connection() {
    let gateway = sharing(&says_who(), |_, _| {});
    let id = endpoint_tlv(ENDPOINT);
    let changed = |at: usize, byte: u8| {
        let mut header = VECTOR.to_vec();
        header[at] = byte;
        header
    };
    let mut wrong_checksum = with_checksum(&id);
    wrong_checksum[34] ^= 1;
    let mut carried_byte_changed = with_checksum(&id);
    carried_byte_changed[19] ^= 1;
    let long_id = format!("vpce-{}", "0".repeat(60));
    let cases: [(&str, Vec<u8>); 24] = [
        ("nothing but a request", Vec::new()),
        ("version 1", b"PROXY TCP4 10.0.1.20 10.0.9.9 49152 443\r\n".to_vec()),
        ("a signature that breaks at its last byte", changed(11, 0x0b)),
        ("a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaa".to_vec()),
        ("version 3", changed(12, 0x31)),
        ("command 2", changed(12, 0x22)),
        ("family 4", changed(13, 0x41)),
        ("transport 3", changed(13, 0x13)),
        ("a length below that of the addresses", header(0x21, 0x11, &[&ADDRESSES[..11]])),
        ("addresses of IPv4 where IPv6 is said", header(0x21, 0x21, &[ADDRESSES, &id[..20]])),
        ("a TLV that ends behind the header", carrying(&[&id[..20]])),
        ("one byte left over", carrying(&[&id, &[4]])),
        ("two bytes left over", carrying(&[&id, &[4, 0]])),
        ("a wrong checksum", wrong_checksum),
        ("a checksum of another address", carried_byte_changed),
        ("a checksum of three bytes", carrying(&[&tlv(0x03, &[0; 3]), &id])),
        ("two checksums", with_checksum(&[&tlv(0x03, &[0; 4])[..], &id].concat())),
        ("no subtype", carrying(&[&tlv(0xea, b""), &id])),
        ("the endpoint twice", carrying(&[&id, &id])),
        ("two endpoints", carrying(&[&id, &endpoint_tlv("vpce-0fff")])),
        ("an empty id", carrying(&[&endpoint_tlv("")])),
        ("an id of 65 bytes", carrying(&[&endpoint_tlv(&long_id)])),
        ("an id with other letters", carrying(&[&endpoint_tlv("vpce-08d2bf15fac5001cg")])),
        ("an id with a byte of zero", carrying(&[&endpoint_tlv("vpce-08d2bf15fac5001c9\0")])),
    ];
    for (index, (what, header)) in (1..).zip(&cases) {
        is_turned_away(&gateway, header);
        assert_eq!(refused(&gateway, "proxyHeader"), index, "{what}");
    }
    // Told once a second for each peer, with the reason.
    let line = gateway.log_line("a connection was turned away");
    assert!(line.contains("the connection does not start with the PROXY protocol's signature"), "{line}");
}

#[test]
fn pa_57_an_endpoint_that_is_not_listed_ends_the_connection() {
    let gateway = sharing(&says_who(), |_, _| {});
    let headers = [
        // Known to this gateway, by another listener.
        carrying(&[&endpoint_tlv(VPCE_A)]),
        carrying(&[&endpoint_tlv("vpce-0123")]),
        // The same digits in other letters are another id.
        carrying(&[&endpoint_tlv(&ENDPOINT.to_ascii_uppercase().replace("VPCE", "vpce"))]),
        carrying(&[]),
    ];
    for (index, header) in (1..).zip(&headers) {
        is_turned_away(&gateway, header);
        assert_eq!(refused(&gateway, "vpcIds"), index);
    }
}

#[test]
fn pa_52_a_second_header_is_no_request() {
    let gateway = sharing(&says_who(), |_, _| {});
    let mut wire = wire(&gateway);
    wire.send([&VECTOR[..], &from([9, 9, 9, 9], "vpce-0fff"), get("/demo/say").as_bytes()].concat());
    assert_eq!(wire.answer().status(), 400);
    wire.ends();
}

#[test]
fn pa_53_a_connection_that_carries_nobody_is_answered_and_reaches_nothing() {
    let gateway = sharing(&says_who(), |_, _| {});
    let id = endpoint_tlv(ENDPOINT);
    for header in [
        header(0x20, 0x00, &[]),
        // Addresses and TLVs are not looked at: not even wrong ones.
        header(0x20, 0x11, &[ADDRESSES, &id, &id, &[9]]),
        header(0x21, 0x00, &[&id]),
        header(0x21, 0x31, &[&[0; 216], &id]),
    ] {
        let mut wire = wire(&gateway);
        wire.send(header);
        let by_id =
            format!("GET /demo/say HTTP/1.1\r\nHost: health.example\r\nx-apigw-api-id: {API_ID}\r\n\r\n");
        for request in [get("/demo/say"), by_id, get("/")] {
            assert_eq!(wire.ask(request).masked(), forbidden());
        }
    }
    // A health check that only connects and leaves is no fault of anybody's.
    let mut check = wire(&gateway);
    check.send(header(0x20, 0x00, &[])).finish();
    check.ends();
    assert_eq!(refused(&gateway, "proxyHeader"), 0);
}

#[test]
fn pa_51_only_trusted_sources_are_believed() {
    let gateway = sharing(&says_who(), |_, configuration| {
        configuration["vpcEndpoints"][SHARED]["proxyProtocol"]["trustedSources"] = json!(["127.0.0.3/32"]);
    });
    let at = gateway.endpoint(SHARED);
    let both = [&VECTOR[..], get("/demo/say").as_bytes()].concat();
    let mut stranger = Wire::from_to("127.0.0.2".parse().unwrap(), at);
    stranger.send_anyway(&both).ends();
    assert_eq!(refused(&gateway, "trustedSources"), 1);
    let mut balancer = Wire::from_to("127.0.0.3".parse().unwrap(), at);
    assert_eq!(short(&balancer.ask(both)), (200, &*known()));
}

#[test]
fn pa_56_a_header_has_its_time_and_its_size() {
    let gateway = sharing(&says_who(), |_, configuration| {
        configuration["limits"]["proxyHeaderSeconds"] = json!(1);
        configuration["limits"]["proxyHeaderBytes"] = json!(256);
    });
    let hits = |limit: &str| gateway.metric("postern_limit_hits_total", &[limit]);
    // Nothing, a part, and a part that grows all the time.
    for begun in [0, 1, 12, 53] {
        let mut wire = wire(&gateway);
        wire.send(&VECTOR[..begun]).ends();
    }
    assert!((hits("proxyHeaderSeconds") - 4.0).abs() < 0.5);
    // One that ends by itself is cut short.
    let mut short_one = wire(&gateway);
    short_one.send(&VECTOR[..53]).finish();
    short_one.ends();
    assert_eq!(refused(&gateway, "proxyHeader"), 5);
    // 12 bytes of addresses, 26 of the endpoint, and padding.
    let padded = |length: usize| carrying(&[&endpoint_tlv(ENDPOINT), &tlv(0x04, &vec![0; length - 41])]);
    for length in [255, 256] {
        let mut wire = wire(&gateway);
        wire.send(padded(length));
        assert_eq!(short(&wire.ask(get("/demo/say"))), (200, &*known()), "{length}");
    }
    is_turned_away(&gateway, &padded(257));
    assert!((hits("proxyHeaderBytes") - 1.0).abs() < 0.5);
}

#[test]
fn pa_70_the_layers_of_the_endpoint_test_the_carried_source() {
    let gateway = sharing(&says_who(), |_, configuration| {
        let endpoint = &mut configuration["vpcEndpoints"][SHARED + 1];
        endpoint["networkAcl"] = json!([
            {"ruleNumber": 100, "cidr": "10.0.2.0/24", "ruleAction": "deny"},
            {"ruleNumber": 200, "cidr": "10.0.0.0/16", "ruleAction": "allow"},
        ]);
        endpoint["securityGroup"] = json!({"ingress": [{"cidr": "10.0.1.0/24"}, {"cidr": "10.0.2.0/24"}]});
    });
    for (source, served, layer) in [
        ([10, 0, 1, 20], true, ""),
        ([10, 0, 2, 20], false, "networkAcl"),
        ([192, 0, 2, 1], false, "networkAcl"),
        ([10, 0, 3, 20], false, "securityGroup"),
    ] {
        let before = if layer.is_empty() { 0 } else { refused(&gateway, layer) };
        if served {
            let mut wire = wire(&gateway);
            wire.send(from(source, ENDPOINT));
            assert_eq!(wire.ask(get("/demo/say")).status(), 200, "{source:?}");
        } else {
            is_turned_away(&gateway, &from(source, ENDPOINT));
            assert_eq!(refused(&gateway, layer), before + 1, "{source:?}");
        }
        // The endpoint beside it has no layers.
        let mut other = wire(&gateway);
        other.send(from(source, "vpce-0fff"));
        assert_eq!(other.ask(get("/demo/say")).status(), 200, "{source:?}");
    }
    // An IPv4 address in IPv6 clothes is that IPv4 address.
    let mapped = |last: u8| {
        let source = [&[0; 10][..], &[0xff, 0xff, 10, 0, last, 20]].concat();
        let addresses = [&source[..], &source, &[0xc0, 0, 1, 0xbb]].concat();
        header(0x21, 0x21, &[&addresses, &endpoint_tlv(ENDPOINT)])
    };
    let mut wire = wire(&gateway);
    wire.send(mapped(1));
    assert_eq!(short(&wire.ask(get("/demo/say"))), (200, &*known()));
    is_turned_away(&gateway, &mapped(2));
}

#[test]
fn policies_and_associations_see_the_carried_endpoint() {
    let gateway = sharing(&says_who(), |place, configuration| {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
                "Condition": {
                    "StringEquals": {"aws:SourceVpce": ENDPOINT, "aws:SourceVpc": ITS_VPC},
                    "IpAddress": {"aws:VpcSourceIp": "10.0.1.0/24"},
                },
            }],
        });
        place.write("policy.json", &policy.to_string());
        configuration["domainNames"] = json!([{
            "domainName": "api.corp.internal",
            "accessAssociations": [ENDPOINT],
            "basePathMappings": [{"basePath": "store", "restApiId": API_ID, "stage": "demo"}],
        }]);
    });
    let domain = "GET /store/say HTTP/1.1\r\nHost: api.corp.internal\r\n\r\n";
    for (header, by_host, by_domain) in [
        (from([10, 0, 1, 20], ENDPOINT), 200, 200),
        (from([10, 0, 2, 20], ENDPOINT), 403, 403),
        (from([10, 0, 1, 20], "vpce-0fff"), 403, 403),
    ] {
        let mut wire = wire(&gateway);
        wire.send(header);
        assert_eq!((wire.ask(get("/demo/say")).status(), wire.ask(domain).status()), (by_host, by_domain));
    }
    // F10: to the endpoint without an association the name is as unknown as any other.
    let mut other = wire(&gateway);
    other.send(from([10, 0, 1, 20], "vpce-0fff"));
    assert_eq!(other.ask(domain).masked(), forbidden());
}

#[test]
fn the_policy_of_the_carried_endpoint_holds_at_listeners_that_it_shares() {
    let gateway = sharing(&says_who(), |place, configuration| {
        let mut policy = postern_testing::open_policy();
        policy["Statement"][0]["Effect"] = json!("Deny");
        policy["Statement"][0]["Resource"] = json!("*");
        place.write("endpoint.json", &policy.to_string());
        configuration["vpcEndpoints"][SHARED + 1]["policyFile"] = json!("endpoint.json");
    });
    for (id, status) in [(ENDPOINT, 403), ("vpce-0fff", 200)] {
        let mut wire = wire(&gateway);
        wire.send(from([10, 0, 1, 20], id));
        assert_eq!(wire.ask(get("/demo/say")).status(), status, "{id}");
    }
}

#[test]
fn the_backend_sees_the_carried_caller() {
    let backend = Backend::answering(200, "[]");
    let definition = definition(&json!({"/say": {"get": http_proxy("GET", backend.address(), "/")}}));
    let gateway = sharing(&definition, |_, configuration| {
        configuration["vpcEndpoints"][SHARED + 1]["trustXForwardedFor"] = json!(true);
    });
    let lines = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Port: 1\r\nx-amzn-vpce-id: vpce-0bad\r\n";
    let request = format!("GET /demo/say HTTP/1.1\r\nHost: {API_HOST}\r\n{lines}\r\n");
    for (index, (id, forwarded_for)) in
        [(ENDPOINT, "9.9.9.9, 10.0.1.20"), ("vpce-0fff", "10.0.1.20")].iter().enumerate()
    {
        let mut wire = wire(&gateway);
        wire.send(from([10, 0, 1, 20], id));
        assert_eq!(wire.ask(&request).status(), 200);
        let seen = backend.request(index);
        assert_eq!(seen.field("X-Forwarded-For"), Some(*forwarded_for));
        // The port that the caller called, not that of the listener behind the load balancer.
        assert_eq!(seen.field("X-Forwarded-Port"), Some("443"));
        assert_eq!(seen.field("x-amzn-vpce-id"), Some(*id));
        assert_eq!(seen.field("x-amzn-vpc-id"), Some(ITS_VPC));
    }
}

#[test]
fn clients_of_all_kinds_come_through_a_load_balancer() {
    let gateway = sharing(&says_who(), |place, configuration| {
        let certificate = Certificate::write(place, "one", &[API_HOST]);
        configuration["vpcEndpoints"][SHARED]["tls"] = json!([
            {"certificateFile": certificate.certificate_file, "privateKeyFile": certificate.key_file}
        ]);
    });
    let balancer = Balancer::start(gateway.place(), gateway.endpoint(SHARED), VECTOR);
    let file = gateway.place().path().join("tls/one.crt");
    let trusted = file.to_string_lossy();
    let url = format!("https://{API_HOST}/demo/say");
    for (argument, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let answer = curl(balancer.address(), &[argument, "--cacert", &trusted, &url]);
        assert_eq!((answer.status, &*answer.version, &*answer.body), (200, version, &*known()), "{answer:?}");
    }
    let request = get("/demo/say").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let seen = openssl_client(balancer.address(), &["-servername", API_HOST, "-ign_eof"], &request);
    assert!(seen.contains(&known()), "{seen}");
    let to = format!("--connect-to={}", balancer.address());
    let report = h2load(&["--requests=200", "--clients=5", "--max-concurrent-streams=10", &to, &url]);
    assert!(report.contains("200 succeeded, 0 failed") && report.contains("200 2xx"), "{report}");
    // curl's own header is of version 1, and without one nothing is read as TLS.
    for arguments in
        [&["--haproxy-protocol", "--cacert", &*trusted, &*url][..], &["--cacert", &*trusted, &*url]]
    {
        let answer = curl(gateway.endpoint(SHARED), arguments);
        assert!(answer.code != 0 && answer.status == 0, "{answer:?}");
    }
    assert_eq!(refused(&gateway, "proxyHeader"), 2);
}

/// One name may be two domains, seen through two endpoints that share a listener: what the name asks of a
/// client is what it asks at the endpoint that the header names.
#[test]
fn mutual_tls_is_asked_for_by_the_domain_of_the_carried_endpoint() {
    let ours = Authority::new("ours");
    let gateway = sharing(&says_who(), |place, configuration| {
        place.write("tls/ours.pem", ours.pem());
        let certificate = Certificate::write(place, "one", &["api.corp.internal"]);
        configuration["vpcEndpoints"][SHARED]["tls"] = json!([
            {"certificateFile": certificate.certificate_file, "privateKeyFile": certificate.key_file}
        ]);
        let domain = |endpoint: &str| {
            json!({
                "domainName": "api.corp.internal",
                "accessAssociations": [endpoint],
                "basePathMappings": [{"restApiId": API_ID, "stage": "demo"}],
            })
        };
        let mut closed = domain(ENDPOINT);
        closed["mutualTlsAuthentication"] = json!({"truststoreFile": "tls/ours.pem"});
        configuration["domainNames"] = json!([closed, domain("vpce-0fff")]);
    });
    let client = ours.issue(gateway.place(), "client", (2020, 2050));
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let trusted = text(&gateway.place().path().join("tls/one.crt"));
    let (certificate, key) = (text(&client.certificate_file), text(&client.key_file));
    let shown = ["--cert", &certificate, "--key", &key];
    let start = |header: &[u8]| Balancer::start(gateway.place(), gateway.endpoint(SHARED), header);
    let (closed, open) = (start(&VECTOR), start(&from([10, 0, 1, 20], "vpce-0fff")));
    let fetch = |balancer: &Balancer, more: &[&str]| {
        let url = "https://api.corp.internal/say";
        curl(balancer.address(), &[&["--cacert", &*trusted, url][..], more].concat())
    };
    assert_eq!(fetch(&open, &[]).status, 200);
    let with_certificate = fetch(&closed, &shown);
    assert_eq!((with_certificate.status, &*with_certificate.body), (200, &*known()));
    let without = fetch(&closed, &[]);
    assert!(without.code != 0 && without.status == 0, "{without:?}");
    // A session that was made where nobody asks is none where somebody does.
    let request = "GET /say HTTP/1.1\r\nHost: api.corp.internal\r\nConnection: close\r\n\r\n";
    let session = text(&gateway.place().path().join("session"));
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = ["-servername", "api.corp.internal", "-ign_eof", version];
        let made =
            openssl_client(open.address(), &[&arguments[..], &["-sess_out", &session]].concat(), request);
        assert!(made.contains("200 OK"), "{made}");
        let again =
            openssl_client(open.address(), &[&arguments[..], &["-sess_in", &session]].concat(), request);
        assert!(again.contains("200 OK") && again.contains("Reused, "), "{again}");
        let moved =
            openssl_client(closed.address(), &[&arguments[..], &["-sess_in", &session]].concat(), request);
        assert!(!moved.contains("200 OK") && !moved.contains("Reused, "), "{moved}");
    }
}

#[test]
fn http_2_by_prior_knowledge_follows_a_header() {
    let gateway = sharing(&says_who(), |_, configuration| {
        configuration["vpcEndpoints"][SHARED]["http2"] = json!(true);
    });
    let balancer = Balancer::start(gateway.place(), gateway.endpoint(SHARED), VECTOR);
    let mut client = Http2::to(balancer.address(), &[]);
    client.get(1, API_HOST, "/demo/say");
    assert_eq!(String::from_utf8_lossy(&client.frame_of(FrameKind::Data).payload), known());
    // A load balancer's own connection has no identity in HTTP/2 either.
    let check = Balancer::start(gateway.place(), gateway.endpoint(SHARED), header(0x20, 0, &[]));
    let mut client = Http2::to(check.address(), &[]);
    client.get(1, API_HOST, "/demo/say");
    let body = client.frame_of(FrameKind::Data).payload;
    assert_eq!(String::from_utf8_lossy(&body), r#"{"message":"Forbidden"}"#);
}

#[test]
fn an_entry_of_its_own_may_stand_behind_a_load_balancer() {
    let gateway = gateway(&says_who(), |_, configuration| {
        configuration["vpcEndpoints"][0]["proxyProtocol"] = json!({"trustedSources": ["127.0.0.0/8"]});
        configuration["vpcEndpoints"][0]["securityGroup"] = json!({"ingress": [{"cidr": "10.0.1.0/24"}]});
    });
    let expected = format!("{VPCE_A} {VPC_ID} 10.0.1.20");
    for header in [carrying(&[]), from([10, 0, 1, 20], VPCE_A)] {
        let mut wire = gateway.wire();
        wire.send(header);
        assert_eq!(short(&wire.ask(get("/demo/say"))), (200, &*expected));
    }
    for (header, layer) in [
        (from([10, 0, 1, 20], VPCE_B), "vpcIds"),
        (from([10, 0, 2, 20], VPCE_A), "securityGroup"),
        (Vec::new(), "proxyHeader"),
    ] {
        let mut wire = gateway.wire();
        wire.send_anyway([&header, get("/demo/say").as_bytes()].concat()).ends();
        assert_eq!(refused(&gateway, layer), 1, "{layer}");
    }
}

#[test]
fn public_listeners_may_stand_behind_a_load_balancer() {
    let backend = Backend::script([expect("GET /"), answer(200, "[]")]);
    let definition = definition(&json!({"/say": {"get": http_proxy("GET", backend.address(), "/")}}));
    let gateway = gateway(&definition, |place, configuration| {
        configuration["restApis"][0]["endpointConfiguration"] = json!({"types": ["REGIONAL"]});
        configuration["publicListeners"] = json!([{
            "listeners": [{"address": place.address().to_string()}],
            "proxyProtocol": {"trustedSources": ["127.0.0.0/8"]},
            "securityGroup": {"ingress": [{"cidr": "10.0.1.0/24"}]},
        }]);
    });
    let ask = |header: &[u8]| {
        let mut wire = Wire::to(gateway.public());
        wire.send_anyway([header, get("/demo/say").as_bytes()].concat());
        wire
    };
    assert_eq!(ask(&carrying(&[])).answer().status(), 200);
    assert_eq!(backend.request(0).field("X-Forwarded-For"), Some("10.0.1.20"));
    // A private caller has nothing to do here, and a health check reaches nothing.
    ask(&from([10, 0, 1, 20], VPCE_A)).ends();
    assert_eq!(refused(&gateway, "vpcIds"), 1);
    assert_eq!(ask(&header(0x20, 0, &[])).answer().masked(), forbidden());
    ask(b"").ends();
    assert_eq!(refused(&gateway, "proxyHeader"), 1);
}

#[test]
fn a_reload_holds_for_new_connections_at_once_and_changes_nobody() {
    let mut gateway = sharing(&says_who(), |place, configuration| {
        // An endpoint that has listeners of its own besides.
        let address = place.address().to_string();
        configuration["vpcEndpoints"][SHARED + 1]["listeners"] = json!([{"address": address}]);
    });
    let mut before = wire(&gateway);
    before.send(VECTOR);
    assert_eq!(short(&before.ask(get("/demo/say"))), (200, &*known()));
    let mut configuration = gateway.configuration().clone();
    configuration["vpcEndpoints"][SHARED]["proxyProtocol"]["vpcIds"] = json!({"vpce-0fff": ITS_VPC});
    gateway.reload(configuration.clone());
    is_turned_away(&gateway, &VECTOR);
    assert_eq!(refused(&gateway, "vpcIds"), 1);
    assert_eq!(short(&before.ask(get("/demo/say"))), (200, &*known()));
    let mut other = wire(&gateway);
    other.send(from([10, 0, 1, 20], "vpce-0fff"));
    assert_eq!(other.ask(get("/demo/say")).status(), 200);
    configuration["vpcEndpoints"][SHARED]["proxyProtocol"]["trustedSources"] = json!(["192.0.2.0/24"]);
    gateway.reload(configuration.clone());
    is_turned_away(&gateway, &from([10, 0, 1, 20], "vpce-0fff"));
    assert_eq!(refused(&gateway, "trustedSources"), 1);
    assert_eq!(other.ask(get("/demo/say")).status(), 200);
    // Who is not configured any more keeps its identity, which opens nothing.
    configuration["vpcEndpoints"][SHARED]["proxyProtocol"]["vpcIds"] = json!({ENDPOINT: ITS_VPC});
    gateway.reload(configuration);
    assert_eq!(other.ask(get("/demo/say")).masked(), forbidden());
}

/// A connection may be handed to another worker before its header was read.
#[test]
fn every_worker_reads_headers() {
    let gateway = sharing(&says_who(), |_, configuration| configuration["workers"] = json!(3));
    let mut wires: Vec<Wire> = (0..24).map(|_| wire(&gateway)).collect();
    // The headers of all come in two parts, and the last part in the opposite order.
    for (number, wire) in (0_u8..24).zip(&mut wires) {
        wire.send(&from([10, 0, 1, number], ENDPOINT)[..20]);
    }
    for (number, wire) in (0_u8..24).zip(&mut wires).rev() {
        wire.send(&from([10, 0, 1, number], ENDPOINT)[20..]);
        let expected = format!("{ENDPOINT} {ITS_VPC} 10.0.1.{number}");
        assert_eq!(short(&wire.ask(get("/demo/say"))), (200, &*expected));
    }
}

#[test]
fn connections_of_load_balancers_are_counted_by_endpoint() {
    let gateway = sharing(&says_who(), |_, configuration| {
        configuration["limits"]["connectionsPerPeer"] = json!(2);
    });
    let open = |id: &str| {
        let mut wire = wire(&gateway);
        wire.send_anyway([&from([10, 0, 1, 20], id), get("/demo/say").as_bytes()].concat());
        wire
    };
    let mut wires = [open(ENDPOINT), open(ENDPOINT), open("vpce-0fff"), open("vpce-0fff")];
    for wire in &mut wires {
        assert_eq!(wire.answer().status(), 200);
    }
    open(ENDPOINT).ends();
    assert!((gateway.metric("postern_limit_hits_total", &["connectionsPerPeer"]) - 1.0).abs() < 0.5);
}
