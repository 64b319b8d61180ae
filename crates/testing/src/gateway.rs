//! The real program, running on loopback with a configuration of the test's own.

use std::{
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
};

use serde_json::Value;

use crate::{Message, PATIENCE, Place, Wire, program, until};

/// A running gateway. It is killed, by its number, when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    place: Place,
    configuration: Value,
    variables: Vec<(String, String)>,
    process: Child,
    log: Arc<Log>,
    output: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Gateway {
    /// Writes the configuration to `postern.yaml`, starts the program, and waits until it is ready.
    #[must_use]
    pub fn start(place: Place, configuration: Value) -> Self {
        Self::start_with(place, configuration, &[])
    }

    /// As [`Gateway::start`], with these variables in the program's environment.
    #[must_use]
    pub fn start_with(place: Place, configuration: Value, variables: &[(&str, &str)]) -> Self {
        let mut gateway = Self::launch_with(place, configuration, variables);
        gateway.until_ready();
        gateway
    }

    /// As [`Gateway::start_with`], but waits only until it lives: it may not be ready yet.
    #[must_use]
    pub fn launch_with(place: Place, configuration: Value, variables: &[(&str, &str)]) -> Self {
        place.write("postern.yaml", &configuration.to_string());
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>();
        let (process, log, output, readers) = launch(&place, &variables);
        let mut gateway = Self { place, configuration, variables, process, log, output, readers };
        gateway.until_admin_answers("/livez");
        gateway
    }

    /// Ends it in order and waits for the end.
    pub fn stop(&mut self) {
        self.signal("TERM");
        assert_eq!(self.wait().code(), Some(0), "{}", self.log());
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it anew in the same place, with the same configuration, and waits until it is ready.
    pub fn start_again(&mut self) {
        assert!(!self.runs(), "it still runs");
        (self.process, self.log, self.output, self.readers) = launch(&self.place, &self.variables);
        self.until_ready();
    }

    /// Waits until it says that it is ready.
    pub fn until_ready(&mut self) {
        self.until_admin_answers("/readyz");
    }

    fn until_admin_answers(&mut self, path: &str) {
        let admin = self.admin();
        until(path, || {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("the gateway ended with {status}:\n{}", self.log());
            }
            TcpStream::connect_timeout(&admin, PATIENCE).ok()?;
            (self.ask_admin("GET", path).status() == 200).then_some(())
        });
    }

    /// The place of its files.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What it was last configured with.
    #[must_use]
    pub fn configuration(&self) -> &Value {
        &self.configuration
    }

    /// What its environment holds beside that of the test.
    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// The address of a VPC endpoint's first listener, by the endpoint's place in the configuration.
    #[must_use]
    pub fn endpoint(&self, index: usize) -> SocketAddr {
        address(&self.configuration["vpcEndpoints"][index]["listeners"][0])
    }

    /// The address of the first public listener.
    #[must_use]
    pub fn public(&self) -> SocketAddr {
        address(&self.configuration["publicListeners"][0]["listeners"][0])
    }

    /// The address of the admin listener.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        address(&self.configuration["admin"])
    }

    /// The page of the denial of a request. It is recorded when its answer has been written, which may be a moment after
    /// that was read.
    #[must_use]
    pub fn denial(&self, request_id: &str) -> Message {
        let path = format!("/denials/{request_id}");
        until("the denial to be kept", || {
            let page = self.ask_admin("GET", &path);
            (page.status() == 200).then_some(page)
        })
    }

    /// Asks the admin listener.
    #[must_use]
    pub fn ask_admin(&self, verb: &str, path: &str) -> Message {
        let request = format!(
            "{verb} {path} HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        Wire::to(self.admin()).ask(request)
    }

    /// The value of a metric: the sum over all its series that hold these words.
    #[must_use]
    pub fn metric(&self, name: &str, words: &[&str]) -> f64 {
        let page = self.ask_admin("GET", "/metrics");
        let lines = page.text().lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
                && words.iter().all(|word| line.contains(word))
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// A connection to the first endpoint.
    #[must_use]
    pub fn wire(&self) -> Wire {
        Wire::to(self.endpoint(0))
    }

    /// Sends one GET for the API through the first endpoint and reads the answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Message {
        self.get_with(path, "")
    }

    /// As [`Gateway::get`], with more header lines, each with its line end.
    #[must_use]
    pub fn get_with(&self, path: &str, lines: &str) -> Message {
        self.wire().ask(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{lines}\r\n", crate::API_HOST))
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal by its name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.number().to_string()).status();
        assert!(status.expect("kill starts").success(), "SIG{name} could not be sent");
    }

    /// Writes another configuration, has it loaded, and waits until it serves.
    pub fn reload(&mut self, configuration: Value) {
        let before = self.generation();
        self.rewrite(configuration);
        self.signal("HUP");
        until("another configuration to serve", || (self.generation() > before).then_some(()));
    }

    /// Writes another configuration and says nothing.
    pub fn rewrite(&mut self, configuration: Value) {
        self.place.write("postern.yaml", &configuration.to_string());
        self.configuration = configuration;
    }

    /// Which configuration serves, counted from the start.
    #[must_use]
    pub fn generation(&self) -> u64 {
        let answer = self.ask_admin("GET", "/config");
        let page: Value = serde_json::from_slice(&answer.body).expect("/config answers JSON");
        page["generation"].as_u64().unwrap_or_else(|| panic!("no generation in {page}"))
    }

    /// Everything that it has written to its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    /// Waits for a line of its log that holds these words, and gives it back.
    #[must_use]
    pub fn log_line(&self, words: &str) -> String {
        self.log.line(words)
    }

    /// Waits for a line of its standard output that holds these words, and gives it back.
    #[must_use]
    pub fn output_line(&self, words: &str) -> String {
        self.output.line(words)
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        until("the gateway to end", || self.process.try_wait().unwrap())
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        if thread::panicking() {
            eprint_log(&self.log());
        }
    }
}

impl Log {
    fn line(&self, words: &str) -> String {
        let found = |lines: &[String]| lines.iter().find(|line| line.contains(words)).cloned();
        let lines = self.lines.lock().unwrap();
        let (lines, _) =
            self.changed.wait_timeout_while(lines, PATIENCE, |lines| found(lines).is_none()).unwrap();
        found(&lines).unwrap_or_else(|| panic!("no line with {words:?} in:\n{}", lines.join("\n")))
    }
}

type Launched = (Child, Arc<Log>, Arc<Log>, Vec<JoinHandle<()>>);

fn launch(place: &Place, variables: &[(String, String)]) -> Launched {
    let mut process = Command::new(program())
        .current_dir(place.path())
        .args(["run", "--config", "postern.yaml"])
        .env_remove("STATE_DIRECTORY")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let (log, output) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let readers = vec![
        keep(process.stderr.take().expect("piped"), Arc::clone(&log)),
        keep(process.stdout.take().expect("piped"), Arc::clone(&output)),
    ];
    (process, log, output, readers)
}

fn keep(stream: impl Read + Send + 'static, log: Arc<Log>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            log.lines.lock().unwrap().push(line);
            log.changed.notify_all();
        }
    })
}

fn address(at: &Value) -> SocketAddr {
    at["address"].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no address in {at}"))
}

#[expect(clippy::print_stderr, reason = "the log of a gateway whose test failed is what one wants to see")]
fn eprint_log(log: &str) {
    eprintln!("the gateway's log:\n{log}");
}
