//! Commands that come to an end, byte for byte.

use std::{fs, path::Path};

use postern_testing::{Outcome, Place, run_program};
use serde_json::Value;

fn run(place: &Place, arguments: &[&str]) -> Outcome {
    run_program(place.path(), arguments, "")
}

fn check(place: &Place, arguments: &[&str], code: i32, output: &str, complaints: &str) {
    let expected = Outcome { code: Some(code), output: output.to_owned(), complaints: complaints.to_owned() };
    assert_eq!(run(place, arguments), expected, "postern {}", arguments.join(" "));
}

const MINIMAL: &str = "region: us-east-1\naccountId: '123456789012'\n";

#[test]
fn the_version_is_told() {
    let version = format!("postern {}\n", env!("CARGO_PKG_VERSION"));
    check(&Place::new(), &["--version"], 0, &version, "");
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_is_right() {
    for (arguments, words) in [
        (&[][..], "requires a subcommand"),
        (&["chek"], "some similar subcommands exist: 'schema', 'check'"),
        (&["check", "--confg", "x"], "a similar argument exists: '--config'"),
        (&["check", "--format", "xml"], "[possible values: text, json]"),
        (&["policy"], "requires a subcommand"),
        (&["policy", "evaluate"], "--cases <FILE>"),
        (&["policy", "lint"], "<FILE>..."),
        (&["openapi", "check"], "<FILE>..."),
        (&["template", "run"], "<FILE>"),
        (&["template", "run", "a.vtl", "--cases", "b.json"], "cannot be used with"),
        (&["template", "run", "--cases", "b.json", "--input", "c.json"], "cannot be used with"),
        (&["completions"], "<SHELL>"),
        (&["completions", "cmd"], "[possible values: bash, elvish, fish, powershell, zsh]"),
        (&["init"], "<DEFINITION>..."),
        (&["run", "extra"], "unexpected argument 'extra'"),
    ] {
        let outcome = run(&Place::new(), arguments);
        assert_eq!((outcome.code, &*outcome.output), (Some(2), ""), "{arguments:?}");
        assert!(outcome.complaints.contains(words), "{arguments:?}: {}", outcome.complaints);
    }
}

#[test]
fn help_stands_on_the_standard_output() {
    let place = Place::new();
    let expected = "\
A self-hosted private API gateway that behaves as Amazon API Gateway does

Usage: postern <COMMAND>

Commands:
  demo         The walkthrough of private APIs, on this machine alone: two VPC endpoints, a policy, a pet store
  run          Serves a configuration, in the foreground, until it is told to end
  check        Reads and compiles everything that `run` would, and prints every problem
  explain      Says what the gateway would decide about a request, gate by gate, and why
  routes       Prints what is served: host, stage, method, path, integration, authorization, API key
  usage        Prints the requests that the keys of a usage plan have used and left, day by day
  openapi      Tries API definitions
  policy       Tries resource policies
  template     Tries mapping templates
  init         Writes a postern.yaml that serves some definitions, and marks what only you can say
  schema       Prints the JSON Schema of postern.yaml, for editors
  completions  Prints the completions of a shell
  man          Prints the manual, a page for each command: postern man | man -l -
  help         Print this message or the help of the given subcommand(s)

Options:
  -h, --help     Print help
  -V, --version  Print version
";
    check(&place, &["--help"], 0, expected, "");
    let expected = "\
Reads and compiles everything that `run` would, and prints every problem

Usage: postern check [OPTIONS]

Options:
      --config <FILE>    The configuration [default: config/postern.yaml, then /etc/postern/postern.yaml]
      --format <FORMAT>  How problems are printed [default: text] [possible values: text, json]
  -h, --help             Print help
";
    check(&place, &["check", "--help"], 0, expected, "");
}

#[test]
fn check_tells_every_problem_at_its_place() {
    let place = Place::new();
    place.write("config/postern.yaml", "region: us-east-1\naccountID: '123456789012'\nworkers: none\n");
    let expected = "\
config/postern.yaml:1:1: `accountId` is missing in the configuration
config/postern.yaml:2:1: unknown key `accountID` in the configuration: did you mean `accountId`?
";
    let outcome = run(&place, &["check"]);
    assert_eq!((outcome.code, &*outcome.complaints), (Some(1), ""));
    assert!(outcome.output.starts_with(expected), "{}", outcome.output);
    assert!(outcome.output.contains("config/postern.yaml:3:10: "), "{}", outcome.output);
    assert!(outcome.output.ends_with("\nconfig/postern.yaml: 3 errors\n"), "{}", outcome.output);
}

#[test]
fn check_names_the_file_that_is_not_there() {
    let expected = "config/postern.yaml:1:1: there is no such file\nconfig/postern.yaml: 1 error\n";
    check(&Place::new(), &["check"], 1, expected, "");
    check(
        &Place::new(),
        &["check", "--config", "x.yaml"],
        1,
        "x.yaml:1:1: there is no such file\nx.yaml: 1 error\n",
        "",
    );
}

#[test]
fn check_counts_what_is_right() {
    let place = Place::new();
    place.write("a.yaml", MINIMAL);
    check(
        &place,
        &["check", "--config", "a.yaml"],
        0,
        "a.yaml: right: 0 VPC endpoints, 0 APIs, 0 stages\n",
        "",
    );
    check(
        &place,
        &["check", "--config", "a.yaml", "--format", "json"],
        0,
        "{\"ok\":true,\"problems\":[]}\n",
        "",
    );
}

#[test]
fn check_speaks_to_machines() {
    let place = Place::new();
    place.write("a.yaml", "region: us-east-1\naccountId: '12'\n");
    let outcome = run(&place, &["check", "--config", "a.yaml", "--format", "json"]);
    assert_eq!(outcome.code, Some(1));
    let page: Value = serde_json::from_str(&outcome.output).unwrap();
    assert_eq!(page["ok"], false);
    let problem = &page["problems"][0];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&"a.yaml".into(), &2.into(), &12.into())
    );
    assert_eq!(problem["severity"], "error");
    assert!(problem["message"].as_str().unwrap().starts_with("`accountId` is `12`: "));
}

#[test]
fn tls_a_certificate_is_refused_where_the_configuration_names_it() {
    let place = Place::new();
    let certificate = postern_testing::Certificate::write(&place, "one", &["one.example"]);
    let other = postern_testing::Certificate::write(&place, "other", &["other.example"]);
    place.write("tls/open.key", &fs::read_to_string(&certificate.key_file).unwrap());
    fs::set_permissions(
        place.path().join("tls/open.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    drop(other);
    let configuration = |certificate: &str, key: &str| {
        format!(
            "{MINIMAL}vpcEndpoints:\n  - vpcEndpointId: vpce-01234567abcdef012\n    vpcId: vpc-0aaaabbbbccccdddd\n    \
             listeners: [{{address: 127.0.0.1:8443}}]\n    tls:\n      - certificateFile: {certificate}\n        privateKeyFile: {key}\n"
        )
    };
    for (certificate, key, place_of, words) in [
        ("tls/none.crt", "tls/one.key", "8:26", "`certificateFile` is `tls/none.crt`: cannot be read: "),
        (
            "tls/one.crt",
            "tls/other.key",
            "9:25",
            "`privateKeyFile` is `tls/other.key`: this private key does not belong to the certificate in ",
        ),
        (
            "tls/one.crt",
            "tls/open.key",
            "9:25",
            "`privateKeyFile` is `tls/open.key`: its mode is 0644, so others may use this private key: make it 0600 or 0400",
        ),
        ("tls/one.key", "tls/one.key", "8:26", "`certificateFile` is `tls/one.key`: holds no certificate "),
    ] {
        place.write("a.yaml", &configuration(certificate, key));
        let outcome = run(&place, &["check", "--config", "a.yaml"]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.output);
        let expected = format!("a.yaml:{place_of}: {words}");
        assert!(outcome.output.starts_with(&expected), "expected {expected}, got {}", outcome.output);
    }
    place.write("a.yaml", &configuration("tls/one.crt", "tls/one.key"));
    assert_eq!(run(&place, &["check", "--config", "a.yaml"]).code, Some(0));
}

#[test]
fn the_sample_configuration_is_right() {
    let repository = postern_testing::repository_root();
    let outcome = run_program(&repository, &["check"], "");
    assert_eq!(outcome.code, Some(0), "{}", outcome.output);
    assert!(outcome.output.ends_with(": 2 VPC endpoints, 1 API, 1 stage\n"), "{}", outcome.output);
}

#[test]
fn routes_lists_every_method_under_every_name() {
    let outcome = run_program(&postern_testing::repository_root(), &["routes"], "");
    assert_eq!((outcome.code, &*outcome.complaints), (Some(0), ""));
    let lines: Vec<Vec<&str>> =
        outcome.output.lines().map(|line| line.split_whitespace().collect()).collect();
    let api = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";
    let pets = "http://petstore-demo-endpoint.execute-api.com/petstore/pets";
    assert_eq!(lines[0], ["HOST", "STAGE", "METHOD", "PATH", "INTEGRATION", "AUTHORIZATION", "API", "KEY"]);
    assert_eq!(lines[1], [api, "demo", "GET", "/demo/", "MOCK", "NONE", "-"]);
    assert_eq!(lines[2], [api, "demo", "GET", "/demo/pets", "HTTP", pets, "NONE", "-"]);
    assert_eq!(lines[7], ["api.corp.internal", "demo", "GET", "/store/", "MOCK", "NONE", "-"]);
    assert_eq!(lines.len(), 13);
}

#[test]
fn routes_dns_names_what_each_endpoint_needs() {
    let expected = "\
; vpce-01234567abcdef012: for clients of vpc-0aaaabbbbccccdddd
vpce-01234567abcdef012.execute-api.us-east-1.vpce.amazonaws.com. 60 IN A 127.0.0.1
a1b2c3d4e5.execute-api.us-east-1.amazonaws.com. 60 IN A 127.0.0.1
a1b2c3d4e5-vpce-01234567abcdef012.execute-api.us-east-1.amazonaws.com. 60 IN A 127.0.0.1
api.corp.internal. 60 IN A 127.0.0.1
; not on port 443, so that clients must name it: 127.0.0.1:8080

; vpce-0fedcba9876543210: for clients of vpc-0aaaabbbbccccdddd
vpce-0fedcba9876543210.execute-api.us-east-1.vpce.amazonaws.com. 60 IN A 127.0.0.2
a1b2c3d4e5.execute-api.us-east-1.amazonaws.com. 60 IN A 127.0.0.2
; not on port 443, so that clients must name it: 127.0.0.2:8080
";
    let outcome = run_program(&postern_testing::repository_root(), &["routes", "--dns"], "");
    assert_eq!(outcome, Outcome { code: Some(0), output: expected.to_owned(), complaints: String::new() });
}

#[test]
fn routes_dns_knows_that_endpoints_behind_a_load_balancer_have_their_addresses_elsewhere() {
    let place = Place::new();
    place.write(
        "x.yaml",
        "region: us-east-1
accountId: '123456789012'
vpcEndpoints:
  - vpcEndpointId: from-proxy-protocol
    proxyProtocol: {trustedSources: [127.0.0.0/8], vpcIds: {vpce-1: vpc-1}}
    listeners: [{address: 127.0.0.1:8080}]
",
    );
    let expected = "\
; vpce-1: for clients of vpc-1
; vpce-1.execute-api.us-east-1.vpce.amazonaws.com. 60 IN A …  ; it comes by a load balancer: name the addresses of the VPC endpoint
";
    check(&place, &["routes", "--config", "x.yaml", "--dns"], 0, expected, "");
}

#[test]
fn check_tries_what_a_gateway_would_write_to_and_leaves_nothing() {
    let place = Place::new();
    place.write("file", "text");
    let text = |state: &str, log: &str| {
        format!(
            "region: us-east-1
accountId: '123456789012'
stateDirectory: {state}
accessLog:
  destination: {log}
  format: $context.requestId
"
        )
    };
    place.write("x.yaml", &text("state/deep", "access.log"));
    let right = "x.yaml: right: 0 VPC endpoints, 0 APIs, 0 stages\n";
    check(&place, &["check", "--config", "x.yaml"], 0, right, "");
    assert!(!place.path().join("state").exists() && !place.path().join("access.log").exists());
    place.write("x.yaml", &text("file/state", "nowhere/access.log"));
    let outcome = run_program(place.path(), &["check", "--config", "x.yaml"], "");
    let told: Vec<&str> = outcome.output.lines().chain(outcome.complaints.lines()).collect();
    assert_eq!(outcome.code, Some(1), "{told:?}");
    for beginning in [
        "x.yaml:3:17: `stateDirectory` is `file/state`: cannot be written: ",
        "x.yaml:5:16: `destination` is `nowhere/access.log`: cannot be written: ",
    ] {
        assert!(told.iter().any(|line| line.starts_with(beginning)), "{beginning}: {told:?}");
    }
}

#[test]
fn routes_of_a_broken_configuration_are_its_problems() {
    check(&Place::new(), &["routes", "--config", "x.yaml"], 1, "", "x.yaml:1:1: there is no such file\n");
}

const POLICY: &str = r#"{"Statement":[{"Sid":"ours","Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}]}"#;

#[test]
fn policy_evaluate_answers_a_line_for_each_case() {
    let place = Place::new();
    let case = |id: &str, action: &str| {
        format!(
            r#"{{"id":{id},"policy":{POLICY},"principal":"anonymous","action":"{action}","resource":"arn:aws:execute-api:us-east-1:123456789012:a1/demo/GET/pets"}}"#
        )
    };
    let cases =
        [case("1", "execute-api:Invoke"), String::new(), case("\"two\"", "execute-api:InvalidateCache")];
    place.write("cases.jsonl", &cases.join("\n"));
    let expected = "{\"id\":1,\"decision\":\"allow\",\"statement\":\"ours\"}\n\
                    {\"id\":\"two\",\"decision\":\"implicitDeny\",\"statement\":null}\n";
    check(&place, &["policy", "evaluate", "--cases", "cases.jsonl"], 0, expected, "");
    place.write("cases.jsonl", &format!("{}\n{{\"id\":7}}\nnonsense\n", cases[0]));
    let outcome = run(&place, &["policy", "evaluate", "--cases", "cases.jsonl"]);
    assert_eq!(outcome.code, Some(1));
    let lines: Vec<Value> = outcome.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["id"], &lines[2]["id"]), (3, &7.into(), &Value::Null));
    assert_eq!(lines[1]["error"], "the case has no `principal`");
}

#[test]
fn policy_lint_tells_what_is_doubtful_and_refuses_what_is_wrong() {
    let place = Place::new();
    place.write("open.json", POLICY);
    place.write("broken.json", r#"{"Statement":[{"Effect":"Allow"}]}"#);
    let outcome = run(&place, &["policy", "lint", "open.json"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.output);
    assert!(outcome.output.contains("open.json:1:15: warning: "), "{}", outcome.output);
    assert!(outcome.output.ends_with("open.json: 1 warning\n"), "{}", outcome.output);
    let outcome = run(&place, &["policy", "lint", "broken.json", "open.json", "none.json"]);
    assert_eq!((outcome.code, &*outcome.complaints), (Some(1), "none.json: there is no such file\n"));
    assert!(outcome.output.contains("broken.json:1:15: "), "{}", outcome.output);
}

#[test]
fn template_run_renders_and_compares() {
    let place = Place::new();
    place.write("hello.vtl", "Hello $input.params('name')!\n");
    place.write("case.json", r#"{"params":{"path":{"name":"Rex"}}}"#);
    place.write("wrong.vtl", "#if(true)");
    place.write(
        "cases.json",
        r#"[{"id":"one","template":"a$input.body","body":"b","expected":"ab"},{"id":"two","template":"x","expected":"y"}]"#,
    );
    check(&place, &["template", "run", "hello.vtl", "--input", "case.json"], 0, "Hello Rex!\n", "");
    check(&place, &["template", "run", "hello.vtl"], 0, "Hello !\n", "");
    let wrong = run(&place, &["template", "run", "wrong.vtl"]);
    assert_eq!((wrong.code, &*wrong.output), (Some(1), ""));
    assert!(
        wrong.complaints.starts_with("wrong.vtl: the template is refused: line 1, "),
        "{}",
        wrong.complaints
    );
    let cases = ["template", "run", "--cases", "cases.json"];
    check(&place, &cases, 1, "two: expected \"y\", got \"x\"\n1 passed, 1 failed\n", "");
}

#[test]
fn openapi_check_says_what_becomes_of_each_definition() {
    let repository = postern_testing::repository_root();
    let petstore = "config/apis/petstore.json";
    let outcome = run_program(&repository, &["openapi", "check", petstore], "");
    assert_eq!(outcome.code, Some(0));
    assert!(
        outcome.output.ends_with("config/apis/petstore.json: accepted, 6 methods, 2 warnings\n"),
        "{}",
        outcome.output
    );
    let outcome = run_program(&repository, &["openapi", "check", "--fail-on-warnings", petstore], "");
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.output.ends_with("config/apis/petstore.json: refused, 6 methods, 2 warnings\n"),
        "{}",
        outcome.output
    );
    let place = Place::new();
    place.write("not.yaml", "openapi: 2\n");
    let outcome = run(&place, &["openapi", "check", "not.yaml", "none.yaml"]);
    assert_eq!((outcome.code, &*outcome.complaints), (Some(1), "none.yaml: there is no such file\n"));
    assert!(outcome.output.starts_with("not.yaml:1:10: "), "{}", outcome.output);
    assert!(outcome.output.ends_with("not.yaml: refused, 1 error\n"), "{}", outcome.output);
}

#[test]
fn init_writes_a_file_that_names_its_blanks_and_overwrites_nothing() {
    let place = Place::new();
    let petstore =
        fs::read_to_string(postern_testing::repository_root().join("config/apis/petstore.json")).unwrap();
    place.write("api.json", &petstore);
    let printed = run(&place, &["init", "--print", "api.json"]);
    assert_eq!((printed.code, &*printed.complaints), (Some(0), ""));
    assert!(!place.path().join("postern.yaml").exists());
    check(
        &place,
        &["init", "api.json"],
        0,
        "postern.yaml is written; 4 places to fill in. Then: postern check --config postern.yaml\n",
        "",
    );
    assert_eq!(place.read("postern.yaml"), printed.output);
    let checked = run(&place, &["check", "--config", "postern.yaml"]);
    assert_eq!(checked.code, Some(1));
    for words in ["`accountId` is missing", "`vpcEndpointId` is missing", "`vpcId` is missing"] {
        assert!(checked.output.contains(words), "{words}: {}", checked.output);
    }
    let again = run(&place, &["init", "api.json"]);
    assert_eq!((again.code, &*again.output), (Some(1), ""));
    assert!(again.complaints.starts_with("postern.yaml: "), "{}", again.complaints);
    assert_eq!(place.read("postern.yaml"), printed.output);
}

#[test]
fn pages_for_machines_are_whole() {
    let place = Place::new();
    let schema = run(&place, &["schema"]);
    let schema: Value = serde_json::from_str(&schema.output).unwrap();
    assert_eq!(schema["properties"]["region"]["type"], "string");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&place, &["completions", shell]);
        assert_eq!(script.code, Some(0), "{shell}");
        for command in ["demo", "check", "routes", "evaluate", "fail-on-warnings"] {
            assert!(script.output.contains(command), "{shell} does not complete {command}");
        }
    }
    let manual = run(&place, &["man"]).output;
    for page in
        [".TH postern 1", ".TH postern-check 1", ".TH postern-policy-evaluate 1", ".TH postern-demo 1"]
    {
        assert!(manual.contains(page), "the manual has no page {page}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let command = format!("{} man | head -c 1", postern_testing::program().display());
    let outcome = std::process::Command::new("bash")
        .args(["-o", "pipefail", "-c", &command])
        .current_dir(Path::new("/"))
        .output()
        .unwrap();
    assert_eq!((outcome.status.code(), outcome.stderr), (Some(0), Vec::new()));
}
