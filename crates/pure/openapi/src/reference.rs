//! `$ref`: found within the document, never fetched.

use std::{cell::RefCell, collections::HashMap};

use postern_document::{Mapping, Node, Place, Value};

use crate::report::Report;

/// How many references may point at each other before one points at a thing.
const MAXIMUM_STEPS: usize = 32;

/// Finds what references of one document point at.
///
/// The mappings that references go through are indexed at their first use, since a definition may
/// have thousands of models and parameters, each referred to.
pub(crate) struct References<'document> {
    root: &'document Node,
    indexes: RefCell<HashMap<*const Mapping, HashMap<&'document str, &'document Node>>>,
}

impl<'document> References<'document> {
    pub(crate) fn new(root: &'document Node) -> Self {
        Self { root, indexes: RefCell::default() }
    }

    /// The node itself, or what its `$ref` points at, through further references.
    ///
    /// `None` where that is nowhere, which is reported: a reference that leaves the document is
    /// never fetched (SD8, IN4).
    pub(crate) fn follow(&self, node: &'document Node, report: &mut Report) -> Option<&'document Node> {
        let mut current = node;
        for _ in 0..MAXIMUM_STEPS {
            let Some(reference) = reference_of(current) else { return Some(current) };
            match self.find(reference) {
                Ok(target) => current = target,
                Err(reason) => {
                    report.error(reference_place(current), format!("`$ref` is `{reference}`: {reason}"));
                    return None;
                }
            }
        }
        report.error(&node.place, "`$ref` leads back to itself");
        None
    }

    /// What a reference points at.
    fn find(&self, reference: &str) -> Result<&'document Node, &'static str> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err("only references within the definition are followed: nothing is fetched");
        };
        self.at(&decode(pointer)).ok_or("nothing stands there")
    }

    fn at(&self, pointer: &str) -> Option<&'document Node> {
        if pointer.is_empty() {
            return Some(self.root);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self.root, |node, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match &node.value {
                Value::Mapping(mapping) => self.entry(mapping, &step),
                Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }

    fn entry(&self, mapping: &'document Mapping, key: &str) -> Option<&'document Node> {
        let mut indexes = self.indexes.borrow_mut();
        let index = indexes
            .entry(std::ptr::from_ref(mapping))
            .or_insert_with(|| mapping.iter().map(|entry| (&*entry.key, &entry.value)).collect());
        index.get(key).copied()
    }
}

/// The reference that a node is, if it is one.
pub(crate) fn reference_of(node: &Node) -> Option<&str> {
    node.get("$ref")?.as_text()
}

fn reference_place(node: &Node) -> &Place {
    node.get("$ref").map_or(&node.place, |reference| &reference.place)
}

/// A URI fragment without its percent-encoding (RFC 6901 section 6); what does not decode stays.
fn decode(fragment: &str) -> String {
    if !fragment.contains('%') {
        return fragment.to_owned();
    }
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| fragment.to_owned())
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
