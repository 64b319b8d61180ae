//! JSONPath: the statements as a table, and a slow twin on generated paths.

#![cfg(test)]

use postern_template::{Json, JsonPath};
use proptest::prelude::*;
use serde_json::{Value, json};

const STORE: &str = r#"{
    "store": {
        "book": [
            {"category": "reference", "title": "Sayings", "price": 8.95, "tags": ["a", "b"]},
            {"category": "fiction", "title": "Sword", "price": 12.99, "isbn": "0-1"},
            {"category": "fiction", "title": "Moby", "price": 8.99, "isbn": null},
            {"category": "fiction", "title": "Lord", "price": 22.99, "isbn": "0-3"}
        ],
        "bicycle": {"color": "red", "price": 19.95}
    },
    "expensive": 10,
    "odd key": {"a.b": 1, "it's": 2},
    "empty": [], "nothing": null, "text": "hi"
}"#;

#[test]
fn j1_to_j4_a_path_leads_where_jayway_leads() {
    check(&[
        ("$.text", Some("hi")),
        ("text", Some("hi")),
        ("store.bicycle.color", Some("red")),
        ("$['store']['bicycle']['color']", Some("red")),
        ("$[\"store\"].bicycle[ 'color' ]", Some("red")),
        ("['text']", Some("hi")),
        ("$.['text']", Some("hi")),
        ("$['odd key']['a.b']", Some("1")),
        ("$['odd key']['it\\'s']", Some("2")),
        ("$.store.book[0].title", Some("Sayings")),
        ("$.store.book[-1].title", Some("Lord")),
        ("$.store.book[9].title", None),
        ("$.store.book.title", None),
        ("$.missing", None),
        ("$.missing.deeper[0]", None),
        ("$.nothing", None),
        ("$.text.deeper", None),
        ("$.store.bicycle", Some(r#"{"color":"red","price":19.95}"#)),
        ("$.empty", Some("[]")),
        ("$.expensive", Some("10")),
        // Indefinite paths give a list, maybe an empty one.
        ("$.store.book[*].title", Some(r#"["Sayings","Sword","Moby","Lord"]"#)),
        ("$.store.*.color", Some(r#"["red"]"#)),
        ("$..title", Some(r#"["Sayings","Sword","Moby","Lord"]"#)),
        ("$..missing", Some("[]")),
        ("$..book[0].price", Some("[8.95]")),
        ("$.store..price", Some("[8.95,12.99,8.99,22.99,19.95]")),
        ("$.store.book[0:2].title", Some(r#"["Sayings","Sword"]"#)),
        ("$.store.book[:1].title", Some(r#"["Sayings"]"#)),
        ("$.store.book[-1:].title", Some(r#"["Lord"]"#)),
        ("$.store.book[2:].title", Some(r#"["Moby","Lord"]"#)),
        ("$.store.book[1:-1].title", Some(r#"["Sword","Moby"]"#)),
        ("$.store.book[5:9].title", Some("[]")),
        ("$.store.book[0, 2].title", Some(r#"["Sayings","Moby"]"#)),
        ("$.store.book[0]['title','price']", Some(r#"{"title":"Sayings","price":8.95}"#)),
        (
            "$.store.book[0:2]['title','price']",
            Some(r#"[{"title":"Sayings","price":8.95},{"title":"Sword","price":12.99}]"#),
        ),
        ("$.store.book[?(@.isbn)]['isbn','none']", Some(r#"[{"isbn":"0-1"},{"isbn":null},{"isbn":"0-3"}]"#)),
        ("$.store.book[*]['title','price'].length()", Some("4")),
        ("$.empty[*]", Some("[]")),
        // Length.
        ("$.store.book.length()", Some("4")),
        ("$.store.bicycle.length()", Some("2")),
        ("$.text.length()", None),
        ("$..title.length()", Some("4")),
    ]);
}

#[test]
fn j1_filters_keep_what_they_hold_for() {
    check(&[
        ("$.store.book[?(@.isbn)].title", Some(r#"["Sword","Moby","Lord"]"#)),
        ("$.store.book[?(!@.isbn)].title", Some(r#"["Sayings"]"#)),
        ("$.store.book[?(@.price < 10)].title", Some(r#"["Sayings","Moby"]"#)),
        ("$.store.book[?(@.price > $.expensive)].title", Some(r#"["Sword","Lord"]"#)),
        ("$.store.book[?(@.category == 'fiction' && @.price < 13)].title", Some(r#"["Sword","Moby"]"#)),
        ("$.store.book[?(@.title == 'Lord' || @.price == 8.95)].price", Some("[8.95,22.99]")),
        (
            "$.store.book[?((@.price < 9 || @.price > 20) && @.category != \"reference\")].title",
            Some(r#"["Moby","Lord"]"#),
        ),
        ("$.store.book[?(!(@.price < 10))].title", Some(r#"["Sword","Lord"]"#)),
        ("$.store.book[?(@.title =~ /S.*/)].title", Some(r#"["Sayings","Sword"]"#)),
        ("$.store.book[?(@.title =~ /s.*D/i)].title", Some(r#"["Sword"]"#)),
        ("$.store.book[?(@.title in ['Moby', 'Lord'])].title", Some(r#"["Moby","Lord"]"#)),
        ("$.store.book[?(@.title nin ['Moby', 'Lord'])].title", Some(r#"["Sayings","Sword"]"#)),
        ("$.store.book[?(@.tags contains 'a')].title", Some(r#"["Sayings"]"#)),
        ("$.store.book[?(@.title contains 'or')].title", Some(r#"["Sword","Lord"]"#)),
        ("$.store.book[?(@.isbn == null)].title", Some(r#"["Moby"]"#)),
        ("$.store.book[?(@.isbn != '0-1')].title", Some(r#"["Sayings","Moby","Lord"]"#)),
        ("$.store.book[?(@.price == '8.95')].title", Some(r#"["Sayings"]"#)),
        ("$.store.book[?(@.tags.length() == 2)].title", Some(r#"["Sayings"]"#)),
        ("$.store.book[?(@['price'] >= 12.99)].title", Some(r#"["Sword","Lord"]"#)),
        ("$.store.book[?(@.tags == ['a', 'b'])].title", Some(r#"["Sayings"]"#)),
        ("$.store.bicycle[?(@.color == 'red')].price", Some("[19.95]")),
        ("$..[?(@.color)].color", Some(r#"["red"]"#)),
    ]);
}

fn check(table: &[(&str, Option<&str>)]) {
    let json = Json::parse(STORE).unwrap();
    for (path, expected) in table {
        let found =
            JsonPath::parse(path).unwrap_or_else(|message| panic!("{path}: {message}")).text_in(&json);
        assert_eq!(found.as_deref(), *expected, "{path}");
    }
}

#[test]
fn j1_what_is_not_supported_is_refused() {
    let table = [
        ("", "the JSONPath is empty"),
        ("$.", "a JSONPath needs the name of a member after `.`"),
        ("$..", "a JSONPath needs the name of a member after `.`"),
        ("$.a b", "the JSONPath `$.a b` cannot go on with ` b`"),
        ("$.a.min()", "`min()` is not supported in a JSONPath: only `length()` is"),
        ("$.a.length(1)", "`length()` is not supported in a JSONPath: only `length()` is"),
        ("$[", "a JSONPath needs a number, a quoted name, `*` or `?(` in brackets"),
        ("$['a", "a quoted name in a JSONPath has no closing quote"),
        ("$[0", "expected `]` in the JSONPath before ``"),
        ("$[1-2]", "`1-2` is not an index of a JSONPath"),
        ("$[?(@.a]", "expected `)` in the JSONPath before `]`"),
        ("$[?(@.a ==)]", "the filter of a JSONPath cannot go on with `)]`"),
        ("$[?(@.a =~ /(/)]", "the pattern `(` is not supported: `(` has no `)`, at its character 1"),
        ("$.length().a", "the JSONPath `$.length().a` cannot go on with `.a`"),
        ("$(a)", "a JSONPath names a member before `(`"),
    ];
    for (path, expected) in table {
        assert_eq!(JsonPath::parse(path).map(drop).unwrap_err(), expected, "{path}");
    }
}

/// One step of a generated path, with its text.
#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Item(i64),
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    Has(String),
    Everywhere(String),
}

impl Step {
    fn text(&self) -> String {
        let bound = |bound: &Option<i64>| bound.map_or_else(String::new, |number| number.to_string());
        match self {
            Self::Member(name) => format!(".{name}"),
            Self::Item(index) => format!("[{index}]"),
            Self::Slice(from, to) => format!("[{}:{}]", bound(from), bound(to)),
            Self::Wildcard => "[*]".to_owned(),
            Self::Has(name) => format!("[?(@.{name})]"),
            Self::Everywhere(name) => format!("..{name}"),
        }
    }

    fn is_definite(&self) -> bool {
        matches!(self, Self::Member(_) | Self::Item(_))
    }

    /// The definition: what one step makes of one value.
    fn take(&self, value: &Value) -> Vec<Value> {
        let items = value.as_array().cloned().unwrap_or_default();
        let count = i64::try_from(items.len()).unwrap();
        let taken = |keep: &dyn Fn(i64) -> bool| {
            (0..).zip(&items).filter(|(at, _)| keep(*at)).map(|(_, item)| item.clone()).collect()
        };
        match self {
            Self::Member(name) => {
                value.as_object().and_then(|object| object.get(name)).cloned().into_iter().collect()
            }
            Self::Item(index) => {
                let index = if *index < 0 { index + count } else { *index };
                taken(&|at| at == index)
            }
            Self::Slice(from, to) => {
                let bound = |number: i64| if number < 0 { number + count } else { number };
                let (from, to) = (bound(from.unwrap_or(0)), bound(to.unwrap_or(count)));
                taken(&|at| at >= from && at < to)
            }
            Self::Wildcard => children(value),
            Self::Has(name) => {
                let candidates = if value.is_object() { vec![value.clone()] } else { items };
                candidates.into_iter().filter(|candidate| candidate.get(name).is_some()).collect()
            }
            Self::Everywhere(name) => {
                let mut found = Self::Member(name.clone()).take(value);
                found.extend(children(value).iter().flat_map(|child| self.take(child)));
                found
            }
        }
    }
}

fn children(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Object(object) => object.values().cloned().collect(),
        _ => Vec::new(),
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (0..9).prop_map(Value::from),
        "[a-c]".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-c]", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        "[a-c]".prop_map(Step::Member),
        (-3_i64..4).prop_map(Step::Item),
        (proptest::option::of(-3_i64..4), proptest::option::of(-3_i64..4))
            .prop_map(|(from, to)| Step::Slice(from, to)),
        Just(Step::Wildcard),
        "[a-c]".prop_map(Step::Has),
        "[a-c]".prop_map(Step::Everywhere),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_path_agrees_with_its_definition(value in values(), steps in proptest::collection::vec(steps(), 0..5)) {
        let path: String = steps.iter().map(Step::text).collect();
        let path = JsonPath::parse(&format!("${path}")).unwrap();
        let text = value.to_string();
        let found = path.text_in(&Json::parse(&text).unwrap());

        let expected = steps.iter().fold(vec![value], |values, step| values.iter().flat_map(|value| step.take(value)).collect());
        if steps.iter().all(Step::is_definite) {
            let expected = expected.first().filter(|value| !value.is_null());
            let expected = expected.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            prop_assert_eq!(found, expected);
        } else {
            prop_assert_eq!(found.unwrap(), Value::from(expected).to_string());
        }
    }
}
