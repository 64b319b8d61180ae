//! Finding a method by path and verb.

use std::hint::black_box;

use postern_gateway::{MethodIndex, Tree};
use postern_model::{ResourcePath, Verb};

use crate::Operation;

/// Resources under one first segment, as large APIs have them.
const PER_SERVICE: usize = 1_000;

/// Searches a tree of so many resources, `/v1/service7/collection42/{id}/items`, for the one in the middle.
pub(crate) fn find(resources: usize) -> Operation {
    let mut tree = Tree::new();
    for number in 0..resources {
        let (service, collection) = (number / PER_SERVICE, number % PER_SERVICE);
        let path = format!("/v1/service{service}/collection{collection}/{{id}}/items");
        let path = ResourcePath::parse(&path).expect("a path");
        tree.insert(&path, Verb::Get, MethodIndex::try_from(number).expect("a small number"));
    }
    tree.shrink();
    let middle = resources / 2;
    let (service, collection) = (middle / PER_SERVICE, middle % PER_SERVICE);
    let path = format!("/v1/service{service}/collection{collection}/48151/items");
    let mut variables = Vec::new();
    Box::new(move || {
        let found = tree.find(black_box(&path), Verb::Get, &mut variables).expect("a method");
        assert_eq!((found as usize, variables.len()), (middle, 1));
        found as usize
    })
}
