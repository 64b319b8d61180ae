//! API keys and who may use them where: in place, by hash, and in files as the service's import takes them.

use postern_model::{ApiKey, ApiKeyValue, Configuration};

use crate::common::{Memory, files};

/// The SHA-256 of `01234567890123456789`.
const HASH: &str = "4e76ad8354461437c04ef9b9b242540b6406d782ff2c3fb28afdab5b423f88fe";

fn gateway(rest: &str) -> Memory {
    let text = format!(
        "region: us-east-1
accountId: '123456789012'
stateDirectory: state
vpcEndpoints: [{{vpcEndpointId: vpce-1, vpcId: vpc-1, listeners: [{{address: 127.0.0.1:80}}]}}]
restApis:
  - id: a1
    definition: apis/pets.json
    policyFile: policies/open.json
    stages: [{{stageName: one}}, {{stageName: two}}]
{rest}"
    );
    files().with("postern.yaml", text)
}

fn read(memory: &Memory) -> Configuration {
    let outcome = memory.read();
    outcome.configuration.unwrap_or_else(|| panic!("{:#?}", outcome.problems))
}

fn value_of(key: &ApiKey) -> &str {
    match &key.value {
        ApiKeyValue::Plain(value) => value.reveal(),
        ApiKeyValue::Sha256(_) => "(hash)",
    }
}

/// The examples of the service's page on the format, line for line.
#[test]
fn files_are_read_as_the_import_of_the_service_reads_them() {
    let plans = "usagePlans: [{name: c7y23b, apiStages: [{apiId: a1, stage: one}]}, {name: glvrsr}]";
    let cases = [
        ("Key,name\napikey1234abcdefghij0123456789,MyFirstApiKey\n", true, vec![]),
        (
            "Name,key,description,Enabled,usageplanIds\nMyFirstApiKey,apikey1234abcdefghij0123456789,An imported key,TRUE,c7y23b\n",
            true,
            vec!["c7y23b"],
        ),
        (
            "Enabled,Name,key,UsageplanIds\ntrue,MyFirstApiKey,apikey1234abcdefghij0123456789,\"c7y23b,glvrsr\"\n",
            true,
            vec!["c7y23b", "glvrsr"],
        ),
        (
            "\u{feff}ENABLED, Name ,KEY,UsagePlanIDs\r\nFalse, MyFirstApiKey ,apikey1234abcdefghij0123456789,'glvrsr, c7y23b,'",
            false,
            vec!["c7y23b", "glvrsr"],
        ),
        ("Name,Key\n\r\n\"MyFirstApiKey\",'apikey1234abcdefghij0123456789'\n\n", true, vec![]),
    ];
    for (csv, enabled, expected) in cases {
        let memory = gateway(&format!("apiKeysFile: [keys.csv]\n{plans}")).with("keys.csv", csv);
        let configuration = read(&memory);
        let [key] = configuration.api_keys.as_slice() else { panic!("{csv}") };
        assert_eq!((&*key.name, value_of(key)), ("MyFirstApiKey", "apikey1234abcdefghij0123456789"), "{csv}");
        assert_eq!(key.enabled, enabled, "{csv}");
        let of_key = |plan: &&postern_model::UsagePlan| plan.api_keys == [0];
        let plans: Vec<&str> =
            configuration.usage_plans.iter().filter(of_key).map(|plan| &*plan.name).collect();
        assert_eq!(plans, expected, "{csv}");
    }
}

#[test]
fn quotes_inside_of_values_stay() {
    let csv = "Name,Key\n\"a \"\"b\"\" c\",01234567890123456789\n'tis d's,01234567890123456780\n'it''s',01234567890123456781\n";
    let configuration = read(&gateway("apiKeysFile: [keys.csv]").with("keys.csv", csv));
    let names: Vec<&str> = configuration.api_keys.iter().map(|key| &*key.name).collect();
    assert_eq!(names, ["a \"b\" c", "'tis d's", "it's"]);
}

#[test]
fn a_later_line_of_a_file_replaces_an_earlier_one() {
    let csv = "Name,Key,UsagePlanIds\nold,01234567890123456789,gold\nnew,01234567890123456789,silver\n";
    let plans = "apiKeysFile: [keys.csv]\nusagePlans: [{name: gold}, {name: silver}]";
    let memory = gateway(plans).with("keys.csv", csv);
    let configuration = read(&memory);
    assert_eq!(configuration.api_keys.len(), 1);
    assert_eq!(&*configuration.api_keys[0].name, "new");
    assert!(configuration.usage_plans[0].api_keys.is_empty());
    assert_eq!(configuration.usage_plans[1].api_keys, [0]);
    assert_eq!(
        memory.told(),
        ["keys.csv:2:1: warning: this key stands again at keys.csv:3:1, which replaces it"]
    );
}

#[test]
fn a_value_and_its_hash_are_one_key() {
    let memory = gateway(&format!(
        "apiKeys:\n  - {{name: one, value: '01234567890123456789'}}\n  - {{name: other, valueSha256: {HASH}}}"
    ));
    let expected = "postern.yaml:12:5: the value of this API key stands at postern.yaml:11:5 already";
    assert_eq!(memory.told(), [expected]);
}

#[test]
fn values_come_from_files_and_variables_without_their_line_end() {
    let mut memory =
        gateway("apiKeys: [{name: a, valueFile: keys/a}, {name: b, valueEnv: B_KEY, enabled: false}]")
            .with("keys/a", "abcdefghijklmnopqrst\r\n");
    memory.variables.insert("B_KEY".into(), "bcdefghijklmnopqrstu".into());
    let outcome = memory.read();
    assert!(outcome.files.contains(&"keys/a".into()));
    let configuration = outcome.configuration.unwrap();
    let values: Vec<_> = configuration.api_keys.iter().map(|key| (value_of(key), key.enabled)).collect();
    assert_eq!(values, [("abcdefghijklmnopqrst", true), ("bcdefghijklmnopqrstu", false)]);
}

/// AU-16: several plans are right as long as they have no stage in common.
#[test]
fn a_key_may_be_in_plans_of_different_stages() {
    let memory = gateway(
        "apiKeys: [{name: a, value: '01234567890123456789'}]
usagePlans:
  - {name: gold, apiStages: [{apiId: a1, stage: one}], apiKeys: [a]}
  - {name: silver, apiStages: [{apiId: a1, stage: two}], apiKeys: [a]}",
    );
    assert_eq!(memory.told(), Vec::<String>::new());
}

/// A look that is quadratic in the number of keys would take a minute here.
#[test]
fn many_keys_are_read_without_comparing_each_with_each() {
    const COUNT: usize = 10_000;
    let mut csv = String::from("Name,Key,UsagePlanIds\n");
    let mut names = String::new();
    let mut listed = String::new();
    for number in 0..COUNT {
        csv.push_str(&format!("imported-{number},imported-{number:020},gold\n"));
        listed.push_str(&format!("  - {{name: listed-{number}, value: listed-{number:020}}}\n"));
        names.push_str(&format!("      - listed-{number}\n"));
    }
    let rest = format!(
        "apiKeysFile: [keys.csv]\napiKeys:\n{listed}usagePlans:\n  - name: gold\n    apiStages: [{{apiId: a1, stage: one}}]\n    apiKeys:\n{names}"
    );
    let configuration = read(&gateway(&rest).with("keys.csv", csv));
    assert_eq!(configuration.api_keys.len(), 2 * COUNT);
    assert_eq!(configuration.usage_plans[0].api_keys.len(), 2 * COUNT);
}
