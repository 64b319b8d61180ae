//! `postern usage`.
//!
//! A gateway that runs counts ahead of what it has written, and has the file to itself: it is asked
//! through its admin listener. Where none listens, the file tells.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use clap::{Arg, ArgMatches, value_parser};
use postern_gateway::{KeyUsage, date_of_day, day_of_date};
use postern_model::{Configuration, UsagePlan};
use postern_protocol::uri::encode_form;
use serde_json::{Value, json};

use super::{
    Action, Command, config_argument, config_path,
    terminal::{complain, put, say},
    text,
};
use crate::{
    exit::Exit,
    load::load_without_secrets,
    status::today,
    usage::{Days, Question, UsageReader},
};

pub(crate) const COMMAND: Command = Command {
    name: "usage",
    about: "Prints the requests that the keys of a usage plan have used and left, day by day",
    action: Action::Run { arguments, run },
};

fn arguments() -> Vec<Arg> {
    let name =
        |name: &'static str| Arg::new(name).long(name).value_name("NAME").value_parser(value_parser!(String));
    let date = |name: &'static str| {
        let read = |text: &str| day_of_date(text).ok_or("expected a date such as `2026-11-22`");
        Arg::new(name).long(name).value_name("DATE").value_parser(read)
    };
    let format = Arg::new("format").long("format").value_name("FORMAT").value_parser(["text", "json"]);
    vec![
        config_argument(),
        name("plan").required(true).help("The usage plan"),
        name("key").help("The API key [default: every key of the plan]"),
        date("start-date").help("The first day, UTC [default: the first of the month]"),
        date("end-date").help("The last day, UTC [default: today]"),
        format.default_value("text").help("`json`: as the service's usage call answers"),
    ]
}

fn run(matches: &ArgMatches) -> Exit {
    let plan = text(matches, "plan").unwrap_or_default();
    let day = |name| matches.get_one::<u32>(name).copied();
    let question = Question {
        plan: Some(plan.to_owned()),
        key: text(matches, "key").map(str::to_owned),
        start: day("start-date"),
        end: day("end-date"),
        remaining: None,
    };
    if question.is_reversed() {
        complain("`--start-date` is after `--end-date`");
        return Exit::WrongCommandLine;
    }
    let outcome = load_without_secrets(&config_path(matches));
    let Some(configuration) = outcome.configuration else {
        outcome.problems.errors().for_each(complain);
        return Exit::WrongInput;
    };
    let is_json = text(matches, "format") == Some("json");
    match tell(&configuration, plan, &question, is_json) {
        Ok(()) => Exit::Done,
        Err(problem) => {
            complain(problem);
            Exit::WrongInput
        }
    }
}

fn tell(
    configuration: &Configuration,
    plan_name: &str,
    question: &Question,
    is_json: bool,
) -> Result<(), String> {
    let plan = configuration.usage_plans.iter().find(|plan| &*plan.name == plan_name);
    let plan = plan.ok_or_else(|| format!("there is no usage plan `{plan_name}`"))?;
    let name = |place: &u32| configuration.api_keys.get(*place as usize).map(|key| &*key.name);
    let is_asked_for = |key: &&str| question.key.as_deref().is_none_or(|own| own == *key);
    let keys: Vec<&str> = plan.api_keys.iter().filter_map(name).filter(is_asked_for).collect();
    if let (Some(key), true) = (&question.key, keys.is_empty()) {
        return Err(format!("usage plan `{plan_name}` has no API key `{key}`"));
    }
    let (today, admin) = (today(), configuration.admin.map(|admin| admin.address));
    let days = question.days(today);
    let mut table = Table { plan: plan_name, days: days.clone(), is_json, has_rows: false };
    if let Some((address, stream)) = admin.and_then(|address| Some((address, connect(address)?))) {
        let told = ask(stream, question, &mut table);
        return told.map_err(|fault| format!("the gateway on {address} does not tell: {fault}"));
    }
    let directory = configuration.state_directory.as_deref();
    let directory =
        directory.ok_or("no gateway listens on `admin`, and without `stateDirectory` nothing is kept")?;
    read(directory, (plan, &keys), (&days, today), &mut table)
}

/// How long a gateway that listens may take to accept and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to the admin listener; `None` where nobody listens.
fn connect(address: SocketAddr) -> Option<TcpStream> {
    TcpStream::connect_timeout(&address, PATIENCE).ok()
}

/// Asks a gateway that runs, line by line.
fn ask(mut stream: TcpStream, question: &Question, table: &mut Table<'_>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    // So that the answer ends with the connection and is not cut into chunks.
    write!(stream, "GET /usage?{} HTTP/1.0\r\n\r\n", query_of(question, &table.days))?;
    let mut lines = BufReader::new(stream).lines();
    let mut next = || lines.next().ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = next()?;
    while !next()?.is_empty() {}
    let begin = next()?;
    if status.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(begin));
    }
    table.begin();
    loop {
        let line = next()?;
        if line == "]}" {
            table.end();
            return Ok(());
        }
        let row: Value = serde_json::from_str(line.trim_end_matches(','))?;
        let key = row.get("key").and_then(Value::as_str).unwrap_or_default();
        let days = row.get("days").and_then(Value::as_array).into_iter().flatten();
        table.row(
            key,
            days.map(|day| UsedAndLeft { used: number(day, 0).unwrap_or_default(), left: number(day, 1) }),
        );
    }
}

fn number(day: &Value, place: usize) -> Option<u64> {
    day.get(place)?.as_u64()
}

fn query_of(question: &Question, days: &Days) -> String {
    let named = [("plan", &question.plan), ("key", &question.key)];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    let dates = [("startDate", date_of_day(*days.start())), ("endDate", date_of_day(*days.end()))];
    let pair = |(name, value): (&str, String)| {
        let mut pair = format!("{name}=").into_bytes();
        encode_form(value.as_bytes(), &mut pair);
        String::from_utf8(pair).unwrap_or_default()
    };
    named.chain(dates).map(pair).collect::<Vec<_>>().join("&")
}

/// Reads what a gateway that ran has written.
fn read(
    directory: &Path,
    (plan, keys): (&UsagePlan, &[&str]),
    (days, today): (&Days, u32),
    table: &mut Table<'_>,
) -> Result<(), String> {
    let reader = UsageReader::open(directory)?;
    table.begin();
    for key in keys {
        let kept = reader.kept(&plan.name, key).map_err(|fault| fault.to_string())?.unwrap_or_default();
        let usage = KeyUsage { plan: &plan.name, key, quota: plan.quota, level: kept.level() };
        let row = reader.row(usage, days, today);
        table.row(key, row.days.iter().map(|day| UsedAndLeft { used: day.used, left: day.left }));
    }
    table.end();
    Ok(())
}

/// What is printed, row by row: there may be a million keys.
struct Table<'p> {
    plan: &'p str,
    days: Days,
    is_json: bool,
    has_rows: bool,
}

/// One day of a key.
struct UsedAndLeft {
    used: u64,
    left: Option<u64>,
}

impl Table<'_> {
    fn begin(&self) {
        if self.is_json {
            let (start, end) = (date_of_day(*self.days.start()), date_of_day(*self.days.end()));
            let plan = json!(self.plan);
            put(format_args!(r#"{{"usagePlanId":{plan},"startDate":"{start}","endDate":"{end}","items":{{"#));
        } else {
            say("DAY                 USED            LEFT  KEY");
        }
    }

    /// In JSON every day; in text those on which the key was used, and the last one.
    fn row(&mut self, key: &str, days: impl Iterator<Item = UsedAndLeft>) {
        if self.is_json {
            let days: Vec<Value> = days.map(|day| json!([day.used, day.left])).collect();
            let separator = if std::mem::replace(&mut self.has_rows, true) { "," } else { "" };
            put(format_args!("{separator}\n{}:{}", json!(key), Value::from(days)));
            return;
        }
        for (day, UsedAndLeft { used, left }) in self.days.clone().zip(days) {
            if used > 0 || day == *self.days.end() {
                let left = left.map_or_else(|| "-".to_owned(), |left| left.to_string());
                say(format_args!("{}  {used:>12}  {left:>14}  {key}", date_of_day(day)));
            }
        }
    }

    fn end(&self) {
        if self.is_json {
            say("\n}}");
        }
    }
}
