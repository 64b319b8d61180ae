//! `postern explain`.

mod asked;
mod denied;
mod invoke;
mod json;
mod text;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use postern_gateway::{
    Entrance, Hello, Identity, NoBackend, Question, Snapshot, State, Transcript, compile, explain,
};
use postern_server::Clock;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use self::{
    asked::{Address, HeaderLine, head_of},
    json::{request_json, transcript_json},
    text::{origin, transcript_text},
};
use super::{
    Action, Command, config_argument, config_path,
    terminal::{complain, print},
    text,
};
use crate::{assemble::secret, exit::Exit, load::load};

pub(crate) use denied::{denial_json, denial_text};

pub(crate) const COMMAND: Command = Command {
    name: "explain",
    about: "Says what the gateway would decide about a request, gate by gate, and why",
    action: Action::Run { arguments, run },
};

fn arguments() -> Vec<Arg> {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let header = option("header", "'NAME: VALUE'", "A field of the request; may be given several times");
    let data = option("data", "BODY", "The body of the request");
    let format = option("format", "FORMAT", "How the answer is printed").value_parser(["text", "json"]);
    vec![
        config_argument(),
        option("vpce", "ID", "The VPC endpoint that the request comes by [default: a public listener]"),
        option("source-ip", "IP", "The client's address [default: 127.0.0.1]")
            .value_parser(value_parser!(IpAddr)),
        header.short('H').action(ArgAction::Append).value_parser(value_parser!(HeaderLine)),
        data.short('d').value_parser(value_parser!(String)),
        option("cert", "FILE", "The certificate that the client shows, with https (PEM)"),
        format.default_value("text"),
        Arg::new("invoke")
            .long("invoke")
            .action(ArgAction::SetTrue)
            .help("Really calls the authorizer and the backend"),
        Arg::new("method").value_name("METHOD").required(true).help("The method of the request"),
        Arg::new("url")
            .value_name("URL")
            .required(true)
            .value_parser(value_parser!(Address))
            .help("The address of the request; https speaks TLS, http plain text"),
    ]
}

fn run(matches: &ArgMatches) -> Exit {
    let outcome = load(&config_path(matches)).outcome;
    let Some(configuration) = outcome.configuration else {
        outcome.problems.errors().for_each(complain);
        return Exit::WrongInput;
    };
    let clock = Clock::start();
    // Nothing is served, so buckets and quotas are those of a gateway that has just begun.
    let state = &mut State::new(secret().unwrap_or_default());
    let house = compile(configuration, None, state).begin(clock.now());
    match answer(&house, clock, matches) {
        Ok(page) => {
            print(page.as_bytes());
            Exit::Done
        }
        Err((exit, problems)) => {
            problems.into_iter().for_each(complain);
            exit
        }
    }
}

/// What is printed, or what is wrong.
fn answer(house: &Snapshot, clock: Clock, matches: &ArgMatches) -> Result<String, (Exit, Vec<String>)> {
    let Some(address) = matches.get_one::<Address>("url") else {
        return Err((Exit::WrongCommandLine, Vec::new()));
    };
    let wrong = |problems| (Exit::WrongInput, problems);
    let vpc_endpoint = text(matches, "vpce");
    let entrance = entrance(house, vpc_endpoint);
    let entrance = entrance.ok_or_else(|| wrong(vec![no_such_door(house, vpc_endpoint)]))?;
    let source = matches.get_one::<IpAddr>("source-ip").copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let method = text(matches, "method").unwrap_or_default();
    let body = text(matches, "data").unwrap_or_default();
    let fields: Vec<&HeaderLine> = matches.get_many("header").into_iter().flatten().collect();
    let door = house.door_of(entrance);
    let head = head_of(method, address, &fields, body);
    let certificate = text(matches, "cert").map(read_certificate).transpose().map_err(wrong)?;
    let question = Question {
        entrance,
        door,
        local: local(door, address),
        source: SocketAddr::new(source, CLIENT_PORT),
        tls: hello(house, door, address, certificate.as_deref()).map_err(wrong)?,
        head: head.as_bytes(),
        body: body.as_bytes(),
        now: clock.now(),
        random: random(),
    };
    let transcript = ask(house, &question, matches.get_flag("invoke").then_some(clock));
    let transcript = transcript.map_err(|fault| (Exit::Fault, vec![fault.to_string()]))?;
    let url = address.to_string();
    if text(matches, "format") == Some("json") {
        let request = request_json((method, ("url", &url)), &entrance.identity, source);
        let mut page = transcript_json(&transcript);
        page.insert("request".to_owned(), request);
        return Ok(format!("{:#}\n", Value::Object(page)));
    }
    let told = transcript_text(&transcript);
    let origin = origin(&entrance.identity, source);
    Ok(format!("{method} {url}\n{origin}\n\n{told}{FRESH}\n"))
}

/// What a person might else take for the running gateway's.
const FRESH: &str = "Throttles and quotas are those of a gateway that has just begun.";

/// Where clients come from: no rule asks for it.
const CLIENT_PORT: u16 = 40_000;

fn entrance<'h>(house: &'h Snapshot, vpc_endpoint: Option<&str>) -> Option<&'h Entrance> {
    house.entrances().iter().find(|entrance| match (&*entrance.identity, vpc_endpoint) {
        (Identity::VpcEndpoint { vpc_endpoint_id, .. }, Some(named)) => vpc_endpoint_id.as_str() == named,
        (Identity::Public, None) => true,
        _ => false,
    })
}

/// Says which doors there are.
fn no_such_door(house: &Snapshot, vpc_endpoint: Option<&str>) -> String {
    let ids = house.entrances().iter().filter_map(|entrance| match &*entrance.identity {
        Identity::VpcEndpoint { vpc_endpoint_id, .. } => Some(vpc_endpoint_id.as_str()),
        Identity::Public | Identity::Nobody => None,
    });
    let ids: Vec<&str> = ids.collect();
    let known = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
    match vpc_endpoint {
        Some(named) => format!("`{named}` is no VPC endpoint of this configuration: expected one of {known}"),
        None => format!("there is no public listener: name a VPC endpoint with --vpce, one of {known}"),
    }
}

/// The address that the client connects to: the one of the URL's port, or the first.
fn local(entrance: &Entrance, address: &Address) -> SocketAddr {
    let mut addresses = entrance.addresses.iter();
    let named = addresses.find(|own| own.port() == address.port());
    let usual = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
    *named.or_else(|| entrance.addresses.first()).unwrap_or(&usual)
}

/// How the client begins TLS, where it does.
fn hello<'a>(
    house: &Snapshot,
    entrance: &Entrance,
    address: &'a Address,
    client_certificate: Option<&'a [u8]>,
) -> Result<Option<Hello<'a>>, Vec<String>> {
    if !address.is_https {
        return Ok(None);
    }
    let server_name = address.server_name();
    // Certificates are read only for a name that nothing else in the configuration has.
    let unknown = server_name.filter(|name| !house.knows_server_name(entrance, &name.to_ascii_lowercase()));
    let covered = unknown.map(|name| postern_server::certificates_cover(entrance, name)).transpose()?;
    Ok(Some(Hello { server_name, is_covered: covered.unwrap_or_default(), client_certificate }))
}

/// The first certificate of a PEM file.
fn read_certificate(file: &str) -> Result<Vec<u8>, Vec<String>> {
    let read = CertificateDer::from_pem_file(file);
    read.map(|certificate| certificate.to_vec())
        .map_err(|fault| vec![format!("{file}: no certificate: {fault}")])
}

fn random() -> u128 {
    let bytes = secret().unwrap_or_default();
    u128::from_be_bytes(bytes.first_chunk().copied().unwrap_or_default())
}

fn ask(house: &Snapshot, question: &Question<'_>, invoke: Option<Clock>) -> io::Result<Transcript> {
    let runtime: LocalRuntime =
        Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let Some(clock) = invoke else {
            invoke::stand_in_for_credentials(house);
            return Ok(explain::<NoBackend>(house, question, None).await);
        };
        if let Err(problem) = invoke::fetch_credentials(house).await {
            complain(problem);
        }
        Ok(explain(house, question, Some(&invoke::backends(house, clock)?)).await)
    })
}
