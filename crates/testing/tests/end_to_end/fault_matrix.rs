//! The fault matrix: every way in which a backend can fail, asked by GET and by POST, with an answer that passes through
//! and with one that is mapped; one stated answer each (integrations.md section 14, hardening.md section 8).

use std::{fs, thread};

use postern_testing::{
    Backend, Gateway, Message, Place, Step, Wire, base_configuration, bytes, close, definition, expect, hang,
    http, http_proxy, reset,
};
use serde_json::{Value, json};

use crate::{get, post, refusal};

/// A way to fail, and what the client is told.
struct Row {
    /// What the backend does, as the documentation has it.
    name: &'static str,
    /// What it sends first.
    sends: &'static str,
    then: Then,
    /// The timeout of the integration: only where it is to be waited for it is short.
    milliseconds: u32,
    /// Where the answer passes through: `HTTP_PROXY`.
    proxy: Told,
    /// Where the answer is mapped: `HTTP`.
    mapped: Told,
}

/// What a backend does after that; not before the client has got what may pass through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It does not even listen.
    Refuses,
    /// Nothing: the connection stays.
    Stays,
    Ends,
    Resets,
    Sends(&'static str),
}

/// What the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The answer, with the body `ok`.
    Fine,
    /// The head and the first `half`, then the end of the connection.
    Cut,
    /// That the answer is bad.
    Bad,
    /// That there was no answer in time.
    TooLate,
    /// That there was no answer; what may be sent twice was.
    NoAnswer,
}

use Then::{Ends, Refuses, Resets, Sends, Stays};
use Told::{Bad, Cut, Fine, NoAnswer, TooLate};

const fn row(name: &'static str, sends: &'static str, then: Then, (proxy, mapped): (Told, Told)) -> Row {
    Row { name, sends, then, milliseconds: 29_000, proxy, mapped }
}

const fn late(name: &'static str, sends: &'static str, milliseconds: u32, told: (Told, Told)) -> Row {
    Row { milliseconds, ..row(name, sends, Stays, told) }
}

/// As the table in `config/README.md`, row by row.
const MATRIX: &[Row] = &[
    row("refuses the connection", "", Refuses, (NoAnswer, NoAnswer)),
    row("breaks the connection before its answer", "", Resets, (NoAnswer, NoAnswer)),
    row("closes the connection before its answer", "", Ends, (NoAnswer, NoAnswer)),
    row("closes the connection within the head", "HTTP/1.1 200 OK\r\nContent-", Ends, (Bad, Bad)),
    row("breaks the connection within the body", HALF, Resets, (Cut, Bad)),
    row("sends less than it says, and closes", HALF, Ends, (Cut, Bad)),
    row("closes the connection between chunks", HALF_IN_CHUNKS, Ends, (Cut, Bad)),
    row("breaks a connection whose end is the end of the body", HALF_UNTIL_CLOSE, Resets, (Cut, Bad)),
    late("says nothing", "", 500, (TooLate, TooLate)),
    late(
        "does not finish its head in time",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        500,
        (TooLate, TooLate),
    ),
    late("does not finish its body in time", HALF, 3_000, (Cut, TooLate)),
    row(
        "is slow, but finishes in time",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
        Sends("k"),
        (Fine, Fine),
    ),
    row("speaks something else than HTTP", "SSH-2.0-OpenSSH_9.2\r\n", Stays, (Bad, Bad)),
    row("gives two different lengths", TWO_LENGTHS, Stays, (Bad, Bad)),
    row("sends more than it says", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay", Stays, (Fine, Fine)),
    row(
        "says that its body is too large",
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nhalf",
        Stays,
        (Bad, Bad),
    ),
    row("sends too large a body whose length it did not say", HALF_UNTIL_CLOSE, Sends(TOO_MUCH), (Cut, Bad)),
    row("sends interim answers (1xx) first", INTERIM, Stays, (Fine, Fine)),
    row("changes the protocol unasked (101)", "HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n", Stays, (Bad, Bad)),
    row("closes after an interim answer", "HTTP/1.1 103 Early Hints\r\n\r\n", Ends, (Bad, Bad)),
    row("speaks HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Ends, (Fine, Fine)),
    row("speaks HTTP/1.0 in chunks", CHUNKS_IN_1_0, Ends, (Bad, Bad)),
    row("ends its body by closing the connection", "HTTP/1.1 200 OK\r\n\r\nok", Ends, (Fine, Fine)),
];

const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf";
const HALF_IN_CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
const HALF_UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\nhalf";
const TWO_LENGTHS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok";
const INTERIM: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                       HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CHUNKS_IN_1_0: &str = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
/// More than [`LIMIT`], behind the half.
const TOO_MUCH: &str = match std::str::from_utf8(&[b'x'; LIMIT]) {
    Ok(text) => text,
    Err(_) => "",
};
/// `payloadBytes` of the gateway.
const LIMIT: usize = 1_000;

/// One way to ask.
#[derive(Clone, Copy, Debug)]
struct Way {
    verb: &'static str,
    is_mapped: bool,
}

const WAYS: [Way; 4] = [
    Way { verb: "GET", is_mapped: false },
    Way { verb: "POST", is_mapped: false },
    Way { verb: "GET", is_mapped: true },
    Way { verb: "POST", is_mapped: true },
];

impl Way {
    fn path(self, number: usize) -> String {
        format!("/{}{number}", if self.is_mapped { "mapped" } else { "proxy" })
    }

    fn told(self, row: &Row) -> Told {
        if self.is_mapped { row.mapped } else { row.proxy }
    }

    /// How often a backend is asked.
    fn times(self, row: &Row) -> usize {
        let is_tried_again = self.told(row) == NoAnswer && row.then != Refuses && self.verb == "GET";
        if is_tried_again { 2 } else { 1 }
    }

    fn backend(self, row: &Row) -> Option<Backend> {
        let last = match row.then {
            Refuses => return None,
            Stays => vec![],
            Ends => vec![hang(), close()],
            Resets => vec![hang(), reset()],
            Sends(more) => vec![hang(), bytes(more)],
        };
        let visit: Vec<Step> = [expect(self.verb), bytes(row.sends)].into_iter().chain(last).collect();
        Some(Backend::script(vec![visit; self.times(row)].concat()))
    }

    fn operation(self, row: &Row, backend: Option<&Backend>) -> Value {
        let address = backend.map_or_else(|| Place::new().address(), Backend::address);
        let mut operation =
            if self.is_mapped { http(self.verb, address, "/") } else { http_proxy(self.verb, address, "/") };
        let integration = &mut operation["x-amazon-apigateway-integration"];
        integration["timeoutInMillis"] = json!(row.milliseconds);
        if self.is_mapped {
            let templates = json!({"application/json": "$input.body"});
            integration["requestTemplates"] = templates.clone();
            integration["responses"]["default"]["responseTemplates"] = templates;
        }
        operation
    }

    /// Asks, and checks what is told.
    fn check(self, gateway: &Gateway, number: usize, row: &Row, backend: Option<&Backend>) {
        let path = format!("/demo{}", self.path(number));
        let request = if self.verb == "GET" { get(&path) } else { post(&path, "{}") };
        let mut wire = gateway.wire();
        wire.send(request);
        let release = || backend.into_iter().for_each(Backend::release);
        let (told, case) = (self.told(row), format!("{} {self:?}", row.name));
        if told == Cut {
            assert_half(&mut wire, release, &case);
        } else {
            (0..self.times(row)).for_each(|_| release());
            assert_told(told, &wire.answer(), &case);
        }
        assert_eq!(backend.map_or(1, Backend::connections), self.times(row), "{case}");
    }
}

/// The client gets a half, and sees that it is not the whole.
fn assert_half(wire: &mut Wire, go_on: impl FnOnce(), case: &str) {
    let mut came = Vec::new();
    while !came.ends_with(b"half") {
        came.extend(wire.take(1));
    }
    let came = String::from_utf8(came).unwrap();
    assert!(came.starts_with("HTTP/1.1 200 OK\r\n"), "{case}: {came}");
    if came.contains("chunked") {
        assert_eq!(wire.take(2), b"\r\n", "{case}");
    }
    go_on();
    wire.ends();
}

fn assert_told(told: Told, answer: &Message, case: &str) {
    let fault = |status: &str, message: &str| {
        refusal(status, "InternalServerErrorException", &format!(r#"{{"message": "{message}"}}"#))
    };
    let expected = match told {
        Fine => return assert_eq!((answer.status(), answer.text()), (200, "ok"), "{case}"),
        Bad => fault("502 Bad Gateway", "Internal server error"),
        TooLate => fault("504 Gateway Timeout", "Endpoint request timed out"),
        NoAnswer => fault("504 Gateway Timeout", "Network error communicating with endpoint"),
        Cut => unreachable!("a half is no answer"),
    };
    assert_eq!(answer.masked(), expected, "{case}");
}

#[test]
fn every_fault_has_one_answer_for_each_way_to_ask() {
    let backends: Vec<[Option<Backend>; 4]> =
        MATRIX.iter().map(|row| WAYS.map(|way| way.backend(row))).collect();
    let mut paths = json!({});
    for (number, (row, backends)) in MATRIX.iter().zip(&backends).enumerate() {
        for (way, backend) in WAYS.iter().zip(backends) {
            let operation = way.operation(row, backend.as_ref());
            paths[way.path(number)][way.verb.to_ascii_lowercase()] = operation;
        }
    }
    let place = Place::new();
    let mut configuration = base_configuration(&place, &definition(&paths));
    configuration["limits"]["payloadBytes"] = json!(LIMIT);
    let gateway = Gateway::start(place, configuration);
    // The rows of one way one after the other, and all ways at once: some wait for their timeout.
    thread::scope(|scope| {
        for (index, way) in WAYS.iter().enumerate() {
            let (gateway, backends) = (&gateway, &backends);
            scope.spawn(move || {
                for (number, row) in MATRIX.iter().enumerate() {
                    way.check(gateway, number, row, backends[number][index].as_ref());
                }
            });
        }
    });
}

#[test]
fn the_documentation_has_the_same_table() {
    let told = |told: Told| match told {
        Fine => "200",
        Cut => "200, cut short",
        Bad => "502",
        TooLate => "504, `Endpoint request timed out`",
        NoAnswer => "504, `Network error communicating with endpoint`",
    };
    let rows =
        MATRIX.iter().map(|row| format!("| {} | {} | {} |\n", row.name, told(row.proxy), told(row.mapped)));
    let table: String = rows.collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/README.md");
    assert!(fs::read_to_string(path).unwrap().contains(&table), "{path} lacks:\n{table}");
}
