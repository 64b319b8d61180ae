//! Network ACLs and security groups by real source addresses: a gateway with an interface in each of two
//! subnets, a client in each, and a third subnet whose client has no access.
//!
//! Everything stands in namespaces of the test's own, which go with its last process, so nothing of the
//! machine is touched. They need root or user namespaces. Where there are neither the test says so and
//! proves nothing, except in CI, where that is a failure.

use std::{
    env,
    process::{Command, Stdio},
};

use postern_testing::{API_HOST, Gateway, Place, VPCE_A, base_configuration, definition, mock};
use serde_json::json;

/// Set for the part of a test that runs inside.
const INSIDE: &str = "POSTERN_TEST_NAMESPACE";

/// New namespaces of the network and of mounts: by a user namespace, or by being root.
const WAYS: [&[&str]; 2] = [&["--user", "--map-root-user", "--net", "--mount"], &["--net", "--mount"]];

#[test]
fn a_security_group_and_a_network_acl_tell_subnets_apart() {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let Some(way) = WAYS.into_iter().find(|way| succeeds(Command::new("unshare").args(*way).arg("true")))
    else {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "namespaces need root or user namespaces");
        eprintln!("nothing was tested: namespaces need root or user namespaces");
        return;
    };
    let name = "subnets::a_security_group_and_a_network_acl_tell_subnets_apart";
    let status = Command::new("unshare")
        .args(way)
        .arg("--kill-child")
        .arg(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare starts");
    assert!(status.success(), "inside the namespaces: {status}");
}

fn inside() {
    run("ip link set lo up");
    // `ip` keeps the names of namespaces under /run, which is the machine's.
    run("mount -t tmpfs tmpfs /run");
    let subnets = [1, 2, 3];
    for subnet in subnets {
        join_subnet(subnet);
    }
    run("ip -n subnet2 address add 10.0.2.66/24 dev eth0");
    let mut gateway = start();
    let known = |source: &str| (0, format!("{VPCE_A} {source}"));

    // Each client by the interface in its own subnet, and by the other's.
    assert_eq!(call(1, "10.0.1.20", "10.0.1.10"), known("10.0.1.20"));
    assert_eq!(call(2, "10.0.2.20", "10.0.2.10"), known("10.0.2.20"));
    assert_eq!(call(1, "10.0.1.20", "10.0.2.10"), known("10.0.1.20"));
    assert_eq!(refused(&gateway), [0, 0]);

    // The third subnet is in no entry of the security group, whichever interface is called.
    for interface in ["10.0.1.10", "10.0.2.10"] {
        is_closed(call(3, "10.0.3.20", interface));
    }
    assert_eq!(refused(&gateway), [0, 2]);

    // One host of the second subnet is denied by the network ACL, which is asked first.
    is_closed(call(2, "10.0.2.66", "10.0.2.10"));
    assert_eq!(refused(&gateway), [1, 2]);

    // Another configuration holds for the next connection.
    let mut configuration = gateway.configuration().clone();
    configuration["vpcEndpoints"][0]["securityGroup"] = json!({"ingress": [{"cidr": "10.0.3.0/24"}]});
    gateway.reload(configuration);
    assert_eq!(call(3, "10.0.3.20", "10.0.1.10"), known("10.0.3.20"));
    is_closed(call(1, "10.0.1.20", "10.0.1.10"));
    assert_eq!(refused(&gateway), [1, 3]);
}

/// A subnet with a client at `.20`, and an interface of the gateway's at `.10`.
fn join_subnet(number: u8) {
    let namespace = format!("subnet{number}");
    run(&format!("ip netns add {namespace}"));
    run(&format!("ip link add veth{number} type veth peer name eth0 netns {namespace}"));
    run(&format!("ip address add 10.0.{number}.10/24 dev veth{number}"));
    run(&format!("ip link set veth{number} up"));
    run(&format!("ip -n {namespace} address add 10.0.{number}.20/24 dev eth0"));
    run(&format!("ip -n {namespace} link set eth0 up"));
    run(&format!("ip -n {namespace} route add default via 10.0.{number}.10"));
}

fn start() -> Gateway {
    let place = Place::new();
    let text = "$context.identity.vpceId $context.identity.sourceIp";
    let mut configuration = base_configuration(&place, &definition(&json!({"/say": {"get": mock(text)}})));
    let endpoint = &mut configuration["vpcEndpoints"][0];
    endpoint["listeners"] = json!([{"address": "10.0.1.10:8080"}, {"address": "10.0.2.10:8080"}]);
    endpoint["networkAcl"] = json!([
        {"ruleNumber": 100, "cidr": "10.0.2.66/32", "ruleAction": "deny"},
        {"ruleNumber": 200, "cidr": "10.0.0.0/16", "ruleAction": "allow"},
    ]);
    endpoint["securityGroup"] = json!({"ingress": [{"cidr": "10.0.1.0/24"}, {"cidr": "10.0.2.0/24"}]});
    Gateway::start(place, configuration)
}

/// What the network ACL and the security group have turned away.
fn refused(gateway: &Gateway) -> [u32; 2] {
    ["networkAcl", "securityGroup"].map(|layer| {
        let label = format!("layer=\"{layer}\"");
        let count = gateway.metric("postern_connections_refused_total", &[&label]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let count = count as u32;
        count
    })
}

/// Calls the gateway from an address of a subnet: curl's exit code, and the body.
fn call(subnet: u8, source: &str, interface: &str) -> (i32, String) {
    let output = Command::new("nsenter")
        .arg(format!("--net=/run/netns/subnet{subnet}"))
        .args(["curl", "--silent", "--max-time", "30", "--interface", source, "--noproxy", "*"])
        .args(["--header", &format!("Host: {API_HOST}"), &format!("http://{interface}:8080/demo/say")])
        .stdin(Stdio::null())
        .output()
        .expect("nsenter starts");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Sees that curl got no byte: the connection was closed (52) or reset (56).
fn is_closed((code, body): (i32, String)) {
    assert!(matches!(code, 52 | 56) && body.is_empty(), "curl ended with {code}: {body}");
}

fn run(command: &str) {
    let mut words = command.split(' ');
    let mut process = Command::new(words.next().unwrap());
    assert!(succeeds(process.args(words)), "`{command}` failed");
}

fn succeeds(command: &mut Command) -> bool {
    let outcome = command.stdin(Stdio::null()).output();
    outcome.is_ok_and(|output| output.status.success())
}
