//! Reading a mapping field by field.

use postern_document::{Problems, Record, parse_yaml};

fn told(problems: &Problems) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_there_is_read_and_null_counts_as_absent() {
    let text = "port: 443\nname: ~\nproxy: true\nlist: [1, 2]\nmap: {a: 1}\n";
    let node = parse_yaml("a.yaml", text).expect("valid");
    let mut problems = Problems::default();
    let mut record = Record::read(&node, "a listener", &mut problems).expect("a mapping");
    assert_eq!(record.required("port", str::parse::<u16>, &mut problems), Some(443));
    assert!(record.node("name").is_none());
    assert!(record.boolean("proxy", false, &mut problems));
    assert!(record.boolean("absent", true, &mut problems));
    assert_eq!(record.sequence("list", &mut problems).len(), 2);
    assert_eq!(record.mapping("map", &mut problems).len(), 1);
    assert!(record.sequence("none", &mut problems).is_empty());
    record.refuse_unknown_keys(&mut problems);
    assert_eq!(told(&problems), [""; 0]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let text = "port: 70000\nname: [a]\nproxy: yes\nlist: {}\nmap: []\nprot: 1\n";
    let node = parse_yaml("a.yaml", text).expect("valid");
    let mut problems = Problems::default();
    let mut record = Record::read(&node, "a listener", &mut problems).expect("a mapping");
    record.required("port", |text| text.parse::<u16>().map_err(|_| "expected a port"), &mut problems);
    record.optional("name", |text| Ok::<_, String>(text.to_owned()), &mut problems);
    record.boolean("proxy", false, &mut problems);
    record.sequence("list", &mut problems);
    record.mapping("map", &mut problems);
    record.required_node("host", &mut problems);
    record.refuse_unknown_keys(&mut problems);
    let expected = [
        "a.yaml:1:7: `port` is `70000`: expected a port",
        "a.yaml:2:7: `name` is a list: expected one value",
        "a.yaml:3:8: `proxy` is `yes`: expected `true` or `false`",
        "a.yaml:4:7: `list` is a mapping: expected a list",
        "a.yaml:5:6: `map` is a list: expected a mapping",
        "a.yaml:1:1: `host` is missing in a listener",
        "a.yaml:6:1: unknown key `prot` in a listener: did you mean `port`?",
    ];
    assert_eq!(told(&problems), expected);
}

#[test]
fn anything_but_a_mapping_is_no_record() {
    let node = parse_yaml("a.yaml", "- 1\n").expect("valid");
    let mut problems = Problems::default();
    assert!(Record::read(&node, "a listener", &mut problems).is_none());
    assert_eq!(told(&problems), ["a.yaml:1:1: a list where a listener is expected: expected a mapping"]);
}

#[test]
fn problems_are_sorted_by_place() {
    let node = parse_yaml("a.yaml", "a: 1\nb: 2\n").expect("valid");
    let mut problems = Problems::default();
    problems.error(&node.get("b").expect("there").place, "second");
    problems.warning(&node.get("a").expect("there").place, "first");
    problems.sort_by_place();
    assert_eq!(told(&problems), ["a.yaml:1:4: warning: first", "a.yaml:2:4: second"]);
    assert_eq!((problems.errors().count(), problems.warnings().count()), (1, 1));
}
