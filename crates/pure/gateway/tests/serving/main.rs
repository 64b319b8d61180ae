//! One request after the other through the whole walk, in memory: definitions as OpenAPI text, a
//! backend that follows a script, calls and answers byte for byte.
//!
//! What is proved stands in `cases/`: one file for each subject, one row for each behaviour, named after
//! the statements that ask for it.

#![cfg(test)]

mod authorizers;
mod case;
mod coding;
mod functions;
mod gateway;
mod memory;

use case::check_file;

/// A test for each file of cases.
macro_rules! files {
    ($($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let file = concat!(stringify!($name), ".yaml");
                check_file(file, include_str!(concat!("cases/", stringify!($name), ".yaml")));
            }
        )*
    };
}

files! {
    binary,
    context,
    gateway_responses,
    header_rules,
    mock,
    overrides,
    passthrough,
    response_mapping,
    selection,
    request_mapping,
    templates,
    validation,
    validation_default,
}
