//! Credentials as others write them: what is found can stand in a header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_protocol::credential_source::{FoundKey, Profile, read_answer, read_profile};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = read_answer(bytes) {
        check(&key);
    }
    let text = String::from_utf8_lossy(bytes);
    for profile in ["default", "work"] {
        if let Profile::Key(key) = read_profile(&text, profile) {
            check(&key);
        }
    }
});

fn check(key: &FoundKey) {
    let parts = [Some(&key.access_key_id), Some(&*key.secret_access_key), key.session_token.as_deref()];
    for part in parts.into_iter().flatten() {
        assert!(!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
