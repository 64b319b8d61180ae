//! Asking for credentials: the endpoint of a container, and the metadata of an instance, version 2.

use std::{fs, io};

use postern_gateway::HeldKey;
use postern_model::{AccessKey, ContainerToken, CredentialSource, HttpEndpoint, Secret};
use postern_protocol::{
    credential_source::read_answer,
    http1::{ChunkedReader, Progress, ResponseFraming, ResponseHead, read_response},
};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{ClientTls, incoming::REPLY_LIMITS, name::look_up, tls::Trust};

/// No answer is longer, by far.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Fetches credentials. The reason of a failure quotes nothing of an answer.
pub(super) async fn fetch(source: &CredentialSource, tls: &ClientTls) -> Result<HeldKey, String> {
    let answer = match source {
        CredentialSource::Container { endpoint, path, token } => {
            let lines = match token {
                None => String::new(),
                Some(token) => format!("Authorization: {}\r\n", read_token(token)?.reveal()),
            };
            ask(endpoint, &Request { method: "GET", path, lines: &lines }, tls).await?
        }
        CredentialSource::Instance(endpoint) => of_instance(endpoint, tls).await?,
    };
    let found = read_answer(answer.reveal())?;
    let expires_at = found.expires_at.map(|end| end.epoch_seconds());
    Ok(HeldKey { key: AccessKey::from(&found), expires_at })
}

/// A token for the session, the name of the role, its credentials.
async fn of_instance(endpoint: &HttpEndpoint, tls: &ClientTls) -> Result<Secret<Vec<u8>>, String> {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let lines = "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: 0\r\n";
    let request = Request { method: "PUT", path: "/latest/api/token", lines };
    let token = line(&ask(endpoint, &request, tls).await?, "the metadata give no token")?;
    let lines = Secret::new(format!("X-aws-ec2-metadata-token: {}\r\n", token.reveal()));
    let request = Request { method: "GET", path: ROLES, lines: lines.reveal() };
    let role = line(&ask(endpoint, &request, tls).await?, "the instance has no role")?;
    let path = format!("{ROLES}{}", role.reveal());
    ask(endpoint, &Request { method: "GET", path: &path, lines: lines.reveal() }, tls).await
}

/// The first line of an answer, which becomes part of a head.
fn line(answer: &Secret<Vec<u8>>, otherwise: &str) -> Result<Secret<String>, String> {
    let first = answer.reveal().split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let is_plain = !first.is_empty() && first.iter().all(u8::is_ascii_graphic);
    let text = is_plain.then(|| String::from_utf8_lossy(first).into_owned());
    text.map(Secret::new).ok_or_else(|| otherwise.to_owned())
}

fn read_token(token: &ContainerToken) -> Result<Secret<String>, String> {
    let text = match token {
        ContainerToken::Text(text) => text.clone(),
        ContainerToken::File(path) => {
            let read = fs::read_to_string(path);
            let read = read.map_err(|error| format!("the token in {}: {error}", path.display()))?;
            Secret::new(read)
        }
    };
    let token = text.reveal().trim_end_matches(['\r', '\n']);
    if token.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("the token for the container endpoint is no line of text".to_owned());
    }
    Ok(Secret::new(token.to_owned()))
}

/// What is asked. The lines end with line ends.
struct Request<'r> {
    method: &'r str,
    path: &'r str,
    lines: &'r str,
}

/// The body of an answer with status 200.
async fn ask(
    endpoint: &HttpEndpoint,
    request: &Request<'_>,
    tls: &ClientTls,
) -> Result<Secret<Vec<u8>>, String> {
    let Request { method, path, lines } = request;
    let failed = |error: io::Error| format!("{method} {endpoint}: {error}");
    let head = Secret::new(format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Postern\r\nAccept: */*\r\n{lines}Connection: close\r\n\r\n",
        endpoint.authority()
    ));
    let target = &endpoint.target;
    let addresses = look_up(&target.host, target.port, true).await?;
    let mut socket = TcpStream::connect(&*addresses).await.map_err(failed)?;
    let (status, body) = if endpoint.https {
        let name = ServerName::try_from(target.host.to_string()).map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(tls.config(Trust::KnownRoots));
        exchange(&mut connector.connect(name, socket).await.map_err(failed)?, &head).await.map_err(failed)?
    } else {
        exchange(&mut socket, &head).await.map_err(failed)?
    };
    if status != 200 {
        return Err(format!("{method} {endpoint}: answered {status}"));
    }
    Ok(body)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    head: &Secret<String>,
) -> io::Result<(u16, Secret<Vec<u8>>)> {
    stream.write_all(head.reveal().as_bytes()).await?;
    stream.flush().await?;
    let (mut bytes, mut answer) = (Vec::new(), ResponseHead::default());
    loop {
        let progress = read_response(&bytes, &REPLY_LIMITS, false, &mut answer);
        match progress.map_err(|fault| io::Error::other(fault.reason()))? {
            Progress::Complete if !answer.is_interim() => break,
            Progress::Complete => {
                bytes.drain(..answer.length());
                answer.clear();
            }
            Progress::Partial => more(stream, &mut bytes).await?,
        }
    }
    let rest = bytes.split_off(answer.length());
    Ok((answer.status(), Secret::new(read_body(stream, answer.framing(), rest).await?)))
}

/// Reads a body of which so much has come.
async fn read_body<S: AsyncRead + Unpin>(
    stream: &mut S,
    framing: ResponseFraming,
    mut came: Vec<u8>,
) -> io::Result<Vec<u8>> {
    match framing {
        ResponseFraming::None => Ok(Vec::new()),
        ResponseFraming::Length(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            while came.len() < length {
                more(stream, &mut came).await?;
            }
            came.truncate(length);
            Ok(came)
        }
        ResponseFraming::UntilClose => {
            while read_some(stream, &mut came).await? {}
            Ok(came)
        }
        ResponseFraming::Chunked => {
            let (mut reader, mut body) = (ChunkedReader::new(), Vec::new());
            loop {
                let step = reader.feed(&came, &REPLY_LIMITS);
                let step = step.map_err(|fault| io::Error::other(fault.reason()))?;
                body.extend_from_slice(came.get(step.data).unwrap_or_default());
                if step.finished {
                    return Ok(body);
                }
                came.drain(..step.consumed);
                if came.is_empty() {
                    too_long(&body)?;
                    more(stream, &mut came).await?;
                }
            }
        }
    }
}

/// Reads more, of which there must be some.
async fn more<S: AsyncRead + Unpin>(stream: &mut S, bytes: &mut Vec<u8>) -> io::Result<()> {
    if read_some(stream, bytes).await? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Reads more, if there is more.
async fn read_some<S: AsyncRead + Unpin>(stream: &mut S, bytes: &mut Vec<u8>) -> io::Result<bool> {
    too_long(bytes)?;
    Ok(stream.read_buf(bytes).await? > 0)
}

fn too_long(bytes: &[u8]) -> io::Result<()> {
    if bytes.len() > ANSWER_BYTES_MAX { Err(io::Error::other("the answer is too long")) } else { Ok(()) }
}
