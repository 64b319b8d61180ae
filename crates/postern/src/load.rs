//! Reading a configuration up to the point where it could serve: what `check`, `run` and every reload
//! share.

use std::path::{Path, PathBuf};

use postern_config::Outcome;
use postern_document::{Node, Place, Problem, Problems, Severity, parse_yaml};
use postern_gateway::Snapshot;
use postern_protocol::signature::PayloadHash;

use crate::surroundings::Machine;

/// What reading a configuration gave.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The configuration, problems and files.
    pub(crate) outcome: Outcome,
    /// A hash of all that was read.
    pub(crate) hash: PayloadHash,
}

/// Reads a configuration from the machine's files.
pub(crate) fn load(path: &str) -> Loaded {
    let machine = Machine::default();
    let outcome = postern_config::read(path, &machine);
    Loaded { outcome, hash: machine.hash() }
}

/// Reads a configuration for who only looks at it: no secret of a variable is asked for.
pub(crate) fn load_without_secrets(path: &str) -> Outcome {
    postern_config::read(path, &Machine::without_secrets())
}

/// Puts sentences about certificates and keys, as the server gives them, at the places where the
/// configuration names those files.
pub(crate) fn place_identity_problems(
    path: &str,
    house: &Snapshot,
    severity: Severity,
    sentences: Vec<String>,
    problems: &mut Problems,
) {
    if sentences.is_empty() {
        return;
    }
    let mentions = mentions_of_identities(path);
    let files: Vec<&PathBuf> = house
        .entrances()
        .iter()
        .flat_map(|entrance| &entrance.tls)
        .flat_map(|identity| [&identity.certificate_file, &identity.private_key_file])
        .collect();
    for sentence in sentences {
        let named = files.iter().find_map(|file| {
            let rest = sentence.strip_prefix(&*file.to_string_lossy())?.strip_prefix(": ")?;
            Some((*file, rest))
        });
        let mention = named.and_then(|(file, rest)| {
            let mention = mentions.iter().find(|mention| mention.file == *file)?;
            Some((mention, rest))
        });
        problems.push(match mention {
            Some((Mention { place, key, written, .. }, rest)) => {
                let message = format!("`{key}` is `{written}`: {rest}");
                Problem { place: place.clone(), severity, message }
            }
            None => Problem { place: Place::start_of(path), severity, message: sentence },
        });
    }
}

/// Where a configuration names a certificate or a key.
struct Mention {
    key: &'static str,
    written: String,
    file: PathBuf,
    place: Place,
}

fn mentions_of_identities(path: &str) -> Vec<Mention> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let Ok(root) = parse_yaml(path, &text) else { return Vec::new() };
    let folder = Path::new(path).parent().unwrap_or_else(|| Path::new(""));
    let items = |node: &Node, key: &str| {
        let list = node.get(key).and_then(Node::as_sequence);
        list.unwrap_or_default().to_vec()
    };
    let entrances = ["vpcEndpoints", "publicListeners"].into_iter().flat_map(|section| items(&root, section));
    let identities = entrances.flat_map(|entrance| items(&entrance, "tls"));
    let mentions = identities.flat_map(|identity| {
        ["certificateFile", "privateKeyFile"].into_iter().filter_map(move |key| {
            let node = identity.get(key)?;
            let written = node.as_scalar_text()?.to_owned();
            Some(Mention { key, file: folder.join(&written), written, place: node.place.clone() })
        })
    });
    mentions.collect()
}
