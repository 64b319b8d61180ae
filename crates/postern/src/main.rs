//! The program. fn main below.
fn main() {}
