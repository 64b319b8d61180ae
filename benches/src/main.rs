//! Small benches, counted in instructions: `benches/instructions` runs each under callgrind.
//!
//! Without an argument the program lists the names of the benches. With one it prepares that bench, runs its
//! operation a few times to warm up, and then [`ROUNDS`] times inside of [`counted`], the one function that
//! callgrind counts; a second argument is another number of rounds. `--print` gives what the large template
//! renders, for the comparison with another engine. A new bench is a row of [`BENCHES`] and a function that
//! prepares it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "whatever goes wrong here is a bench that does not count what it should"
)]

mod access;
mod bucket;
mod head;
mod http2;
mod key;
mod policy;
mod route;
mod template;

use std::{hint::black_box, io::Write, process::ExitCode};

use mimalloc::MiMalloc;

/// The program's own allocator, so that an allocation costs what it costs there.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What is counted: one operation, ready to be run again and again. It gives a number that depends on its
/// result, so that no part of it can be left out.
type Operation = Box<dyn FnMut() -> usize>;

/// A name, what one operation is, and how it is prepared.
type Bench = (&'static str, &'static str, fn() -> Operation);

/// Every bench, in the order of the table.
const BENCHES: &[Bench] = &[
    ("nothing", "the bench itself: what every row holds on top", || Box::new(|| 0)),
    ("head-parse", "a request's head of 12 fields, which came before", head::parse),
    ("head-parse-short", "a request's head of 3 fields, 110 bytes, which came before", head::parse_short),
    ("head-parse-changed", "the same, where a field differs each time", head::parse_changed),
    ("head-response", "a backend's head of 5 fields, which came before", head::response),
    ("h2-head", "a request's head of 13 fields over HTTP/2, all of them in the table", http2::head),
    ("h2-head-changed", "the same, where two ids differ each time", http2::head_changed),
    ("h2-head-spelled", "the same, spelled out in Huffman codes", http2::head_spelled),
    ("h2-exchange", "a request from the table, its answer of 6 fields and 14 bytes framed", http2::exchange),
    ("query", "the check of a query of two parameters", head::query),
    ("authority", "a host of 18 bytes, and its normal form", head::authority),
    ("route-10", "the method of a path among 10 resources", || route::find(10)),
    ("route-1000", "the method of a path among 1,000 resources", || route::find(1_000)),
    ("route-100000", "the method of a path among 100,000 resources", || route::find(100_000)),
    ("policy-settled", "a source-VPC-endpoint policy, specialised for the connection", policy::settled),
    ("policy-whole", "the same policy, statement by statement", policy::whole),
    (
        "policy-by-path",
        "six statements for paths, verbs and networks, statement by statement",
        policy::by_path,
    ),
    ("access-open", "who may enter, from a head to its body: a policy without conditions", access::open),
    ("access-private", "the same: a source-VPC-endpoint policy", || access::let_in(1)),
    ("access-private-10000", "the same among 10,000 APIs with such a policy each", || access::let_in(10_000)),
    (
        "access-by-turns",
        "the same by one connection that asks ten APIs in turn, policies alike",
        access::by_turns,
    ),
    (
        "access-by-turns-unlike",
        "the same, where each policy denies a network of its own",
        access::by_turns_unlike,
    ),
    ("access-denied", "the same by the other endpoint, its answer written", access::denied),
    ("serve", "the same API's request, from its head to its answer, but for the backend", access::served),
    ("sign", "the same by a call of a service, which is signed", access::signed),
    ("log-line", "the access log line of that request, with 7 variables", access::log_line),
    ("key-10", "the API key of a request among 10", || key::find(10)),
    ("key-10000", "the API key of a request among 10,000", || key::find(10_000)),
    ("key-1000000", "the API key of a request among 1,000,000", || key::find(1_000_000)),
    ("bucket-take", "a token of a bucket", bucket::take),
    ("bucket-refuse", "no token, since the bucket is empty", bucket::refuse),
    (
        "bucket-contended",
        "a token of a bucket that another thread takes from all the time",
        bucket::contended,
    ),
    ("template-run", "a template of 2 KB with a loop over 20 elements", template::run),
    ("template-mock", "a template that sets a status, with one `#if`", template::mock),
];

/// Operations before counting: caches of the operation are full, its buffers grown.
const WARM_UP: usize = 3;

/// Operations that are counted together.
const ROUNDS: usize = 100;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut output = std::io::stdout().lock();
    let Some(name) = arguments.next() else {
        for (name, operation, _) in BENCHES {
            writeln!(output, "{name}\t{ROUNDS}\t{operation}").expect("somebody who reads");
        }
        return ExitCode::SUCCESS;
    };
    if name == "--print" {
        output.write_all(template::orders().as_bytes()).expect("somebody who reads");
        return ExitCode::SUCCESS;
    }
    let Some((_, _, prepare)) = BENCHES.iter().find(|(own, ..)| *own == name) else {
        writeln!(output, "there is no bench `{name}`").expect("somebody who reads");
        return ExitCode::FAILURE;
    };
    let rounds = arguments.next().map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let mut operation = prepare();
    for _ in 0..WARM_UP {
        black_box(operation());
    }
    counted(&mut operation, rounds);
    ExitCode::SUCCESS
}

/// The one function that callgrind counts, found by its name.
#[inline(never)]
fn counted(operation: &mut Operation, rounds: usize) {
    for _ in 0..rounds {
        black_box(operation());
    }
}
