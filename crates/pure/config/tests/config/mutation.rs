//! Whatever is written, reading it ends with an answer.

use proptest::prelude::*;

use crate::common::{Memory, files};

const SAMPLE: &str = include_str!("../../../../../config/postern.yaml");
const CASES: &str = include_str!("bad_input.txt");

/// One change to a text.
#[derive(Clone, Debug)]
enum Mutation {
    Remove(usize, usize),
    Insert(usize, &'static str),
    Repeat(usize, usize),
    Swap(usize, usize),
}

const PIECES: &[&str] = &[
    "\n",
    " ",
    "  ",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "|\n",
    "~",
    "-1",
    "1e999",
    "0x",
    "null",
    "\u{feff}",
    "é",
    "\0",
    "stages:",
    "restApis:",
    "../",
    "/",
    "$context.requestId",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>;
    prop_oneof![
        (at(), 1..40_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (at(), prop::sample::select(PIECES)).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (at(), 1..200_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        (at(), at()).prop_map(|(one, other)| Mutation::Swap(one, other)),
    ]
}

fn mutated(text: &str, mutations: &[Mutation]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for mutation in mutations {
        let count = characters.len().max(1);
        match mutation {
            Mutation::Remove(at, length) => {
                let at = (at % count).min(characters.len());
                let end = (at + length).min(characters.len());
                characters.drain(at..end);
            }
            Mutation::Insert(at, piece) => {
                let at = (at % count).min(characters.len());
                characters.splice(at..at, piece.chars());
            }
            Mutation::Repeat(at, length) => {
                let at = (at % count).min(characters.len());
                let end = (at + length).min(characters.len());
                let piece: Vec<char> = characters[at..end].to_vec();
                characters.splice(at..at, piece);
            }
            Mutation::Swap(one, other) => {
                let (one, other) = (one % count, other % count);
                if one.max(other) < characters.len() {
                    characters.swap(one, other);
                }
            }
        }
    }
    characters.into_iter().collect()
}

/// The sample with its files, or a piece of the table of bad input.
fn start() -> impl Strategy<Value = &'static str> {
    let pieces: Vec<&'static str> = CASES.split("\n== ").skip(1).collect();
    prop_oneof![Just(SAMPLE), prop::sample::select(pieces)]
}

fn memory(text: String) -> Memory {
    files()
        .with("apis/petstore.json", include_str!("../../../../../config/apis/petstore.json"))
        .with("policies/source-vpce.json", include_str!("../../../../../config/policies/source-vpce.json"))
        .with("postern.yaml", text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_configuration_is_read_or_refused(
        text in start(),
        mutations in prop::collection::vec(mutation(), 0..12),
    ) {
        let memory = memory(mutated(text, &mutations));
        let outcome = memory.read();
        prop_assert_eq!(outcome.configuration.is_none(), outcome.problems.has_errors());
        let told = |problems: &postern_document::Problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        prop_assert_eq!(told(&outcome.problems), told(&memory.read().problems));
    }

    #[test]
    fn a_mutated_file_of_keys_is_read_or_refused(mutations in prop::collection::vec(mutation(), 0..12)) {
        let csv = "Name,Key,Enabled,UsagePlanIds\na,01234567890123456789,TRUE,\"gold, silver\"\n'b',\"012345678901234567890\",,\n";
        let text = "{region: us-east-1, accountId: '123456789012', apiKeysFile: [a.csv], usagePlans: [{name: gold}, {name: silver}]}";
        let outcome = files().with("postern.yaml", text).with("a.csv", mutated(csv, &mutations)).read();
        prop_assert_eq!(outcome.configuration.is_none(), outcome.problems.has_errors());
    }

    #[test]
    fn init_answers_whatever_it_is_given(
        mutations in prop::collection::vec(mutation(), 0..4),
    ) {
        let text = mutated(crate::common::PETS, &mutations);
        if let Ok(file) = postern_config::init(&[("apis/pets.json", &text)]) {
            prop_assert!(postern_document::parse_yaml("postern.yaml", &file).is_ok(), "{}", file);
        }
    }
}
