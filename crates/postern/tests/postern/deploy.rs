//! What lies under `deploy` is right.

use std::fs;

use postern_document::{Node, parse_yaml};
use postern_testing::{Place, repository_root, run_program};

#[test]
fn the_sidecar_has_a_configuration_that_serves_and_a_restricted_container() {
    let text = fs::read_to_string(repository_root().join("deploy/kubernetes/sidecar.yaml")).unwrap();
    let documents: Vec<Node> =
        text.split("\n---\n").map(|text| parse_yaml("sidecar.yaml", text).unwrap()).collect();
    let files = documents[0].get("data").and_then(Node::as_mapping).unwrap();
    let place = Place::new();
    for file in files {
        place.write(&file.key, file.value.as_text().unwrap());
    }
    let outcome = run_program(place.path(), &["check", "--config", "postern.yaml"], "");
    assert_eq!(outcome.code, Some(0), "{}", outcome.output);
    let at = |node: &Node, path: &[&str]| {
        path.iter().try_fold(node.clone(), |node, key| match key.parse::<usize>() {
            Ok(index) => node.as_sequence()?.get(index).cloned(),
            Err(_) => node.get(key).cloned(),
        })
    };
    let container = at(&documents[1], &["spec", "template", "spec", "initContainers", "0"]).unwrap();
    for (path, expected) in [
        (&["restartPolicy"][..], "Always"),
        (&["securityContext", "runAsNonRoot"], "true"),
        (&["securityContext", "allowPrivilegeEscalation"], "false"),
        (&["securityContext", "readOnlyRootFilesystem"], "true"),
        (&["securityContext", "capabilities", "drop", "0"], "ALL"),
        (&["securityContext", "seccompProfile", "type"], "RuntimeDefault"),
    ] {
        let found = at(&container, path);
        assert_eq!(found.as_ref().and_then(Node::as_scalar_text), Some(expected), "{path:?}");
    }
}

#[test]
fn the_unit_is_the_one_of_the_hardening_page() {
    let unit = fs::read_to_string(repository_root().join("deploy/postern.service")).unwrap();
    for line in [
        "Type=notify",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "WatchdogSec=10",
        "TimeoutStopSec=45",
    ] {
        assert!(unit.lines().any(|own| own == line), "the unit lacks {line}");
    }
}
