//! What functions of Lambda authorizers answer: nothing breaks, and what cannot be read is told in one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_gateway::AuthorizerOutput;
use postern_policy::ExecuteApiBase;

fuzz_target!(|payload: &[u8]| {
    if let Err(reason) = AuthorizerOutput::parse(payload, &ExecuteApiBase::sample()) {
        assert!(!reason.is_empty() && reason.chars().count() <= 256, "{reason}");
    }
});
