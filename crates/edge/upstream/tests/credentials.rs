//! Fetching credentials: where an endpoint may be, and what of an answer is taken.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::net::SocketAddr;

use postern_gateway::FetchedCredentials;
use postern_model::CredentialSource;
use postern_upstream::{Backends, ClientTls};
use rustls::RootCertStore;
use support::*;

const ANSWER: &str = r#"{"AccessKeyId": "ASIA1", "SecretAccessKey": "the-secret", "Token": "the-token"}"#;

fn container(address: SocketAddr) -> FetchedCredentials {
    let endpoint = format!("http://{address}").parse().unwrap();
    FetchedCredentials::new(CredentialSource::Container { endpoint, path: "/".into(), token: None })
}

async fn fetch(wanted: &FetchedCredentials) -> Result<(), String> {
    let tls = ClientTls::with_roots(RootCertStore::empty()).unwrap();
    Backends::fetch_credentials(wanted, &tls).await
}

#[test]
fn an_endpoint_may_have_an_address_of_version_six() {
    run(async {
        let peer = Peer::at("[::1]:0", |mut visit, _| async move {
            visit.request().await;
            visit.send(&ok(ANSWER)).await;
        })
        .await;
        let wanted = container(peer.address);
        fetch(&wanted).await.unwrap();
        assert_eq!(&*wanted.held().unwrap().key.access_key_id, "ASIA1");
        let request = peer.requests().remove(0);
        assert!(request.contains(&format!("\r\nHost: [::1]:{}\r\n", peer.address.port())), "{request}");
    });
}

/// Who is sent elsewhere would show its token there.
#[test]
fn a_redirect_is_not_followed() {
    run(async {
        let elsewhere = Peer::named("elsewhere").await;
        let location = elsewhere.address;
        let peer = Peer::start(move |mut visit, _| async move {
            visit.request().await;
            let head = format!("HTTP/1.1 302 Found\r\nLocation: http://{location}/\r\n");
            visit.send(&format!("{head}Content-Length: {}\r\n\r\n{ANSWER}", ANSWER.len())).await;
        })
        .await;
        let wanted = container(peer.address);
        let expected = format!("GET http://{}: answered 302", peer.address);
        assert_eq!(fetch(&wanted).await, Err(expected));
        assert!(wanted.held().is_none());
        assert_eq!((peer.connections(), elsewhere.connections()), (1, 0));
    });
}

#[test]
fn an_answer_that_is_too_long_is_refused_however_its_end_is_told() {
    let answer =
        |filler: usize| format!(r#"{}, "x": "{}"}}"#, ANSWER.trim_end_matches('}'), "x".repeat(filler));
    let framings: [fn(String) -> String; 3] = [
        |body| ok(&body),
        |body| {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
        },
        |body| format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
    ];
    for framed in framings {
        for (filler, is_taken) in [(60_000, true), (1_000_000, false)] {
            run(async {
                let text = framed(answer(filler));
                let peer = Peer::start(move |mut visit, _| {
                    let text = text.clone();
                    async move {
                        visit.request().await;
                        visit.send(&text).await;
                    }
                })
                .await;
                let wanted = container(peer.address);
                let refused = format!("GET http://{}: the answer is too long", peer.address);
                assert_eq!(fetch(&wanted).await, if is_taken { Ok(()) } else { Err(refused) });
                assert_eq!(wanted.held().is_some(), is_taken);
            });
        }
    }
}
