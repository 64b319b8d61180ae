//! Clients that we did not write: curl, openssl, h2load and wrk.

use std::{
    ffi::OsStr,
    io::{self, Write},
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
};

/// What curl saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curl {
    /// curl's exit code: 0 when there was an answer.
    pub code: i32,
    /// The version that the answer was spoken in: `1.1` or `2`.
    pub version: String,
    /// The status; 0 without an answer.
    pub status: u16,
    /// The head of the last answer.
    pub head: String,
    /// The body.
    pub body: String,
    /// What curl complained of.
    pub complaints: String,
}

/// Calls `curl` with these arguments. A URL may name any host: `address` is what it leads to.
#[must_use]
pub fn curl(address: SocketAddr, arguments: &[&str]) -> Curl {
    let mut command = curl_to(address);
    command.args(["--write-out", "\n%{http_version} %{http_code}"]).args(arguments);
    let output = run(command, b"");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (text, outcome) = text.rsplit_once('\n').expect("what --write-out adds");
    let (version, status) = outcome.split_once(' ').expect("two words");
    let mut rest = text;
    let mut head = "";
    // An interim answer stands before the answer.
    while let Some((first, after)) = rest.split_once("\r\n\r\n").filter(|_| rest.starts_with("HTTP/")) {
        (head, rest) = (first, after);
        if !head.contains(" 1") || head.split(' ').nth(1).is_some_and(|status| !status.starts_with('1')) {
            break;
        }
    }
    Curl {
        code: output.status.code().unwrap_or(-1),
        version: version.to_owned(),
        status: status.parse().unwrap_or(0),
        head: head.to_owned(),
        body: rest.to_owned(),
        complaints: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Starts `curl` with these arguments, so that heads and bodies can be read from it as they come.
#[must_use]
pub fn curl_unbuffered(address: SocketAddr, arguments: &[&str]) -> Child {
    let mut command = curl_to(address);
    command.arg("--no-buffer").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().unwrap_or_else(|error| does_not_start("curl", &error))
}

fn curl_to(address: SocketAddr) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--include", "--max-time", "30", "--noproxy", "*", "--connect-to"])
        .arg(format!("::{}:{}", address.ip(), address.port()));
    command
}

impl Curl {
    /// The value of a field, by its name in any letter case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Calls `openssl s_client`, sends it this input, and gives back all that it wrote.
#[must_use]
pub fn openssl_client(address: SocketAddr, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("openssl");
    command.arg("s_client").arg("-connect").arg(address.to_string()).args(arguments);
    let output = run(command, input.as_bytes());
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Calls `h2load` with these arguments and gives back its report.
#[must_use]
pub fn h2load(arguments: &[&str]) -> String {
    let mut command = Command::new("h2load");
    command.args(arguments);
    String::from_utf8_lossy(&run(command, b"").stdout).into_owned()
}

/// What wrk counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Answers with a status below 400.
    pub accepted: u64,
    /// All others.
    pub refused: u64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Has `wrk` ask for something as fast as it goes, over 20 connections, for so many seconds.
#[must_use]
pub fn wrk(url: &str, fields: &[&str], seconds: u32) -> Load {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", "20", "--duration", &format!("{seconds}s")]);
    command.args(fields.iter().flat_map(|field| ["--header", field])).arg(url);
    let report = String::from_utf8_lossy(&run(command, b"").stdout).into_owned();
    let after = |words: &str| report.split_once(words)?.1.split_whitespace().next();
    let all = report.lines().find_map(|line| line.split_once(" requests in ")?.0.trim().parse::<u64>().ok());
    let refused = after("Non-2xx or 3xx responses: ").map_or(Some(0), |count| count.parse().ok());
    let seconds =
        after(" requests in ").and_then(|text| text.trim_end_matches(',').strip_suffix('s')?.parse().ok());
    let (Some(all), Some(refused), Some(seconds)) = (all, refused, seconds) else {
        panic!("wrk tells nothing:\n{report}")
    };
    Load { accepted: all - refused, refused, seconds }
}

pub(crate) fn run(mut command: Command, input: &[u8]) -> Output {
    let name = command.get_program().to_owned();
    let name = OsStr::to_string_lossy(&name).into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap_or_else(|error| does_not_start(&name, &error));
    // A client that reads no input may be gone before it is written.
    let _ = process.stdin.take().expect("piped").write_all(input);
    process.wait_with_output().expect("it ends")
}

fn does_not_start(name: &str, error: &io::Error) -> ! {
    panic!("`{name}` does not start ({error}): `.ci/tools` installs what the tests need")
}
