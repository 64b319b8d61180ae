//! Mutual TLS of custom domain names: whether a connection was made for the domain name that a request is
//! for, and whether its client's certificate is good (private-access.md section 11, hardening.md section 6).
//!
//! In the handshake a client only proves that it has the key of its certificate. Whether that is let in is
//! judged here, by the truststore of the snapshot that serves the request: so a reload revokes it for
//! connections that stand, and resumed sessions are judged like new ones.

use postern_protocol::certificate::{Certificate, Distrust};

use crate::{
    Arrival, Connection, Refusal, Snapshot,
    routing::{By, Domain, Located},
};

/// What a truststore said about a connection's certificate, by snapshot and domain name. A good one is good
/// until a certificate of its chain ends, in seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CachedVerdict {
    generation: u64,
    domain: usize,
    outcome: Result<u64, Distrust>,
}

/// Checks that a request may come by its connection.
pub(crate) fn check(house: &Snapshot, located: &Located<'_>, arrival: &Arrival<'_>) -> Result<(), Refusal> {
    let seen = &located.entrance.domains;
    if !seen.has_own_terms {
        return Ok(());
    }
    let named = match located.by {
        By::Domain { domain, .. } => Some(domain),
        By::ExecuteApi => None,
    };
    let shaken_for = arrival.connection.server_name().and_then(|name| seen.find(name));
    let shaken_for = shaken_for.and_then(|index| house.domains.get(index));
    let policy = |domain: Option<&Domain>| domain.map(|domain| domain.security_policy).unwrap_or_default();
    let mutual = |domain: Option<&Domain>| {
        domain.filter(|domain| domain.truststore.is_some()).map(|domain| domain.index)
    };
    // The configuration of TLS follows from the server name, and may serve its own hosts alone.
    if mutual(named) != mutual(shaken_for) || policy(named) != policy(shaken_for) {
        return Err(Refusal::Misdirected);
    }
    let named = mutual(named);
    let Some(domain) = named else { return Ok(()) };
    let epoch_seconds = arrival.now.epoch_milliseconds / 1_000;
    let verdict = &arrival.connection.verdict;
    let cached = verdict.get().filter(|cached| {
        let holds = cached.outcome.is_ok_and(|until| epoch_seconds <= until) || cached.outcome.is_err();
        holds && cached.generation == house.generation && cached.domain == domain
    });
    let outcome = match cached {
        Some(cached) => cached.outcome,
        None => {
            let outcome = judge(house, domain, arrival.connection, epoch_seconds)?;
            verdict.set(Some(CachedVerdict { generation: house.generation, domain, outcome }));
            outcome
        }
    };
    outcome.map(drop).map_err(Refusal::ClientCertificate)
}

/// Asks the truststore. A connection without a certificate was made before one was asked for: the client
/// may try again on a new one.
fn judge(
    house: &Snapshot,
    domain: usize,
    connection: &Connection,
    epoch_seconds: u64,
) -> Result<Result<u64, Distrust>, Refusal> {
    let truststore = house.domains.get(domain).and_then(|domain| domain.truststore.as_ref());
    let (Some(truststore), Some(shown)) = (truststore, connection.client_certificate()) else {
        return Err(Refusal::Misdirected);
    };
    Ok(match shown {
        ClientCertificate::Readable(certificate) => {
            truststore.judge(certificate, epoch_seconds).map(|vouched| vouched.until_epoch_seconds)
        }
        ClientCertificate::Malformed => Err(Distrust::Malformed),
    })
}

/// The certificate whose key a client has proved to have.
#[derive(Debug)]
pub enum ClientCertificate {
    /// This one.
    Readable(Certificate),
    /// One that cannot be read: it is let in nowhere.
    Malformed,
}

impl ClientCertificate {
    /// Reads what a client has shown.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Certificate::read(der).map_or(Self::Malformed, Self::Readable)
    }
}
