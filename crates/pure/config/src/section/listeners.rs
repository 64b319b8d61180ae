//! Listening addresses and certificates: of VPC endpoints, of public listeners, of the admin listener.

use std::net::SocketAddr;

use postern_model::{Listener, Malformed, PublicListeners, TlsIdentity};

use crate::{fields::Section, names::Names, reading::Reading, section::network};

/// Listeners without an endpoint identity.
pub(crate) fn public(
    root: &mut Section<'_>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Vec<PublicListeners> {
    root.sections("publicListeners", &mut reading.problems)
        .into_iter()
        .map(|mut section| {
            let listeners = listeners(&mut section, names, reading);
            let tls = tls(&mut section, reading);
            let http2 = http2(&mut section, &tls, reading);
            let proxy = network::proxy_protocol(&mut section, &mut reading.problems);
            PublicListeners {
                listeners,
                tls,
                http2,
                proxy_protocol: proxy.map(|read| read.proxy_protocol),
                network: network::layers(&mut section, &mut reading.problems),
                trust_x_forwarded_for: section.boolean("trustXForwardedFor", &mut reading.problems),
            }
        })
        .collect()
}

/// `listeners`: at least one. The service itself knows no plain text, so beyond loopback it is warned
/// of.
pub(crate) fn listeners(
    section: &mut Section<'_>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Vec<Listener> {
    let is_plain = section.node("tls").is_none();
    let items = section.required_list("listeners", &mut reading.problems);
    let mut listeners = Vec::new();
    for mut listener in section.sections_of("listeners", items, &mut reading.problems) {
        let Some(address) = address(&mut listener, names, reading) else { continue };
        if is_plain && !address.ip().is_loopback() {
            let place = listener.node("address").map_or_else(|| listener.place(), |node| &node.place);
            let message = format!("`{address}` speaks plain text: expected `tls` beyond loopback");
            reading.problems.warning(place, message);
        }
        listeners.push(Listener { address });
    }
    listeners
}

/// `address`, which nothing else may listen on.
pub(crate) fn address(
    section: &mut Section<'_>,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Option<SocketAddr> {
    let address = section.required("address", socket_address, &mut reading.problems)?;
    let place = section.node("address").map_or_else(|| section.place().clone(), |node| node.place.clone());
    names.addresses.claim(address, &place, &mut reading.problems);
    Some(address)
}

/// `tls`: absent for plain text; an empty list is refused, since it would lift TLS by accident.
pub(crate) fn tls(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<TlsIdentity> {
    let items = section.filled_list("tls", &mut reading.problems);
    section
        .sections_of("tls", items, &mut reading.problems)
        .into_iter()
        .filter_map(|mut identity| {
            let certificate = identity.required("certificateFile", path_text, &mut reading.problems);
            let private_key = identity.required("privateKeyFile", path_text, &mut reading.problems);
            Some(TlsIdentity {
                certificate_file: reading.file(&certificate?),
                private_key_file: reading.file(&private_key?),
            })
        })
        .collect()
}

/// `http2`: with TLS the default, without it prior knowledge that must be asked for.
pub(crate) fn http2(section: &mut Section<'_>, tls: &[TlsIdentity], reading: &mut Reading<'_>) -> bool {
    section.optional_boolean("http2", &mut reading.problems).unwrap_or(!tls.is_empty())
}

/// Reads an IP address and a port that can be called.
pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, Malformed> {
    text.parse()
        .ok()
        .filter(|address: &SocketAddr| address.port() != 0)
        .ok_or(Malformed::new("an IP address and a port such as `10.0.1.10:443` or `[::1]:443`"))
}

/// Reads a path that is not empty.
pub(crate) fn path_text(text: &str) -> Result<String, Malformed> {
    if text.is_empty() { Err(Malformed::new("a path")) } else { Ok(text.to_owned()) }
}
