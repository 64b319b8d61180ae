//! Certificates and truststores: whatever comes, nothing breaks, and what is read can be told and judged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_protocol::certificate::{Certificate, Truststore};

fuzz_target!(|bytes: &[u8]| {
    let mut problems = Vec::new();
    let store = Truststore::parse(bytes, &mut problems);
    assert_eq!(store.is_none(), problems.iter().any(|problem| !problem.is_warning));
    let Ok(certificate) = Certificate::read(bytes) else { return };
    let pem = certificate.pem();
    let Some(store) = Truststore::parse(pem.as_bytes(), &mut problems) else { return };
    let _ = store.judge(&certificate, 1_782_864_000);
});
