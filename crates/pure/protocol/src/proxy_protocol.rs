//! The PROXY protocol, version 2: who the balancer in front says is calling, and through which VPC endpoint.
//!
//! Source: "The PROXY protocol, versions 1 and 2" (HAProxy Technologies), sections 2.2 and 2.3, and "Proxy
//! protocol" in the user guide for Network Load Balancers, for the TLV that names the endpoint. What is refused:
//! `hardening.md` section 4. The statements PA-50 to PA-56 are those of `private-access.md`.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use crate::cyclic_redundancy::CRC_32C;

/// What a connection's first bytes gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<'bytes> {
    /// A whole header.
    Done {
        /// What it says.
        header: Header,
        /// What follows it: the first bytes of TLS or HTTP. Exactly one header is taken (PA-52).
        rest: &'bytes [u8],
    },
    /// Well formed so far; at least this many more bytes are needed.
    NeedsMore(usize),
}

/// One header of version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether a connection is carried, or the balancer speaks for itself.
    pub command: Command,
    /// Source and destination as the balancer saw them. `None` with [`Command::Local`], whose address bytes are
    /// ignored (PA-53), and for families other than TCP over IPv4 or IPv6.
    pub addresses: Option<Addresses>,
    /// The VPC endpoint the caller came through: `vpce-` and hexadecimal digits, at most 64 bytes. Never there
    /// without addresses.
    pub vpc_endpoint_id: Option<Box<str>>,
}

/// The two ends of the carried connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Who calls.
    pub source: SocketAddr,
    /// What was called.
    pub destination: SocketAddr,
}

/// The low half of the thirteenth byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The balancer's own connection, such as a health check.
    Local,
    /// A connection carried for somebody else.
    Proxy,
}

/// Reads one header from the first bytes of a connection.
///
/// `length_max` bounds what may follow the sixteen fixed bytes. The answer does not depend on the pieces in which
/// the bytes arrive: what is refused early would be refused whole.
///
/// ```
/// use postern_protocol::proxy_protocol::{Progress, read};
///
/// let health_check = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
/// assert!(matches!(read(health_check, 4096), Ok(Progress::Done { rest: b"", .. })));
/// assert_eq!(read(b"\r\n\r\n", 4096), Ok(Progress::NeedsMore(12)));
/// assert_eq!(
///     read(b"GET / HTTP/1.1\r\n", 4096).unwrap_err().to_string(),
///     "the connection does not start with the PROXY protocol's signature",
/// );
/// ```
///
/// # Errors
///
/// [`Malformed`] says what is wrong. The connection is then closed without an answer.
pub fn read(bytes: &[u8], length_max: u16) -> Result<Progress<'_>, Malformed> {
    if !agree(bytes, &SIGNATURE) {
        return refuse_other_protocol(bytes);
    }
    let Some((fixed, _)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        return Ok(Progress::NeedsMore(FIXED_BYTES.saturating_sub(bytes.len())));
    };
    let fixed = FixedPart::read(fixed, length_max)?;
    let whole = FIXED_BYTES.saturating_add(fixed.length.into());
    let Some((header, rest)) = bytes.split_at_checked(whole) else {
        return Ok(Progress::NeedsMore(whole.saturating_sub(bytes.len())));
    };
    Ok(Progress::Done { header: fixed.read_variable_part(header)?, rest })
}

/// Writes a header as a balancer would, with its CRC-32C. For demonstrations and tests.
///
/// A header without addresses is written with the unspecified family; a source and destination of different
/// families are both written as IPv6.
#[must_use]
pub fn write(header: &Header) -> Vec<u8> {
    let command = match header.command {
        Command::Local => 0x20,
        Command::Proxy => 0x21,
    };
    let mut variable = Vec::new();
    let family_and_transport = match header.addresses {
        None => 0x00,
        Some(addresses) => write_addresses(addresses, &mut variable),
    };
    if let Some(id) = &header.vpc_endpoint_id {
        let value = [&[SUBTYPE_VPC_ENDPOINT_ID], id.as_bytes()].concat();
        write_tlv(TYPE_AWS, &value, &mut variable);
    }
    write_tlv(TYPE_CRC_32C, &[0; 4], &mut variable);
    let length = u16::try_from(variable.len()).unwrap_or(u16::MAX).to_be_bytes();
    let fixed = [&SIGNATURE[..], &[command, family_and_transport], &length].concat();
    let check = CRC_32C.of(&[&fixed, &variable]).to_be_bytes();
    let before = variable.split_last_chunk::<4>().map(|(before, _)| before).unwrap_or_default();
    [&*fixed, before, &check].concat()
}

/// Why the first bytes of a connection are not a header that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Something else than PROXY.
    NoSignature,
    /// The text form of version 1. It cannot carry an endpoint id and is not taken.
    Version1,
    /// A version nibble other than 2.
    Version(u8),
    /// A command other than LOCAL and PROXY.
    Command(u8),
    /// A family above 3.
    Family(u8),
    /// A transport above 2.
    Transport(u8),
    /// A length above what the listener takes.
    TooLong {
        /// The length in the header, in bytes.
        length: u16,
        /// The most that is taken.
        length_max: u16,
    },
    /// A length that does not hold the addresses of the family.
    TooShort {
        /// The length in the header, in bytes.
        length: u16,
        /// What the addresses need.
        needed: u16,
    },
    /// A TLV that ends behind the header, or one or two bytes that are none.
    TlvOverrun,
    /// A CRC-32C TLV that is not four bytes long.
    ChecksumLength(u16),
    /// Two CRC-32C TLVs.
    ChecksumTwice,
    /// The bytes do not have the CRC-32C that is written in them.
    ChecksumMismatch,
    /// A TLV of Amazon's type without the subtype byte.
    AwsSubtypeMissing,
    /// Two endpoint ids.
    EndpointTwice,
    /// An endpoint id without a byte.
    EndpointEmpty,
    /// An endpoint id of more than 64 bytes.
    EndpointTooLong(u16),
    /// Something else than `vpce-` and hexadecimal digits.
    EndpointNotAnId,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSignature => {
                f.write_str("the connection does not start with the PROXY protocol's signature")
            }
            Self::Version1 => f.write_str("PROXY protocol version 1 is not accepted: only version 2 is"),
            Self::Version(version) => {
                write!(f, "PROXY protocol version {version}: only version 2 is accepted")
            }
            Self::Command(command) => {
                write!(f, "PROXY command {command}: only LOCAL (0) and PROXY (1) exist")
            }
            Self::Family(family) => write!(f, "address family {family}: the highest that exists is 3"),
            Self::Transport(transport) => write!(f, "transport {transport}: the highest that exists is 2"),
            Self::TooLong { length, length_max } => {
                write!(f, "a PROXY header of {length} bytes: at most {length_max} are accepted")
            }
            Self::TooShort { length, needed } => {
                write!(f, "a PROXY header of {length} bytes: the addresses of its family need {needed}")
            }
            Self::TlvOverrun => f.write_str("a TLV of the PROXY header ends behind the header"),
            Self::ChecksumLength(length) => write!(f, "a CRC-32C TLV of {length} bytes: it has 4"),
            Self::ChecksumTwice => f.write_str("the PROXY header has two CRC-32C TLVs"),
            Self::ChecksumMismatch => f.write_str("the PROXY header does not match its CRC-32C"),
            Self::AwsSubtypeMissing => f.write_str("a TLV of type 0xEA has no subtype"),
            Self::EndpointTwice => f.write_str("the PROXY header names two VPC endpoints"),
            Self::EndpointEmpty => f.write_str("the VPC endpoint id of the PROXY header is empty"),
            Self::EndpointTooLong(length) => {
                write!(
                    f,
                    "the VPC endpoint id of the PROXY header has {length} bytes: at most 64 are accepted"
                )
            }
            Self::EndpointNotAnId => f.write_str(
                "the VPC endpoint id of the PROXY header is not `vpce-` and then hexadecimal digits",
            ),
        }
    }
}

impl Error for Malformed {}

/// Whether two byte strings agree as far as both go.
fn agree(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.iter().zip(expected).all(|(byte, expected)| byte == expected)
}

/// Names what is not version 2, once it is clear whether it is version 1.
fn refuse_other_protocol(bytes: &[u8]) -> Result<Progress<'_>, Malformed> {
    if !agree(bytes, VERSION_1) {
        return Err(Malformed::NoSignature);
    }
    match VERSION_1.len().saturating_sub(bytes.len()) {
        0 => Err(Malformed::Version1),
        missing => Ok(Progress::NeedsMore(missing)),
    }
}

/// The sixteen bytes that every header has.
struct FixedPart {
    command: Command,
    family: Family,
    length: u16,
}

/// What family and transport mean together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    TcpOverIpv4,
    TcpOverIpv6,
    /// Unspecified, datagrams or local sockets: no caller that a gateway could have. A receiver treats a pair
    /// that it does not support as unspecified.
    NoCaller {
        /// Bytes of addresses.
        length: u16,
    },
}

impl FixedPart {
    fn read(bytes: &[u8; FIXED_BYTES], length_max: u16) -> Result<Self, Malformed> {
        let [.., version_and_command, family_and_transport, length_high, length_low] = *bytes;
        if version_and_command >> 4 != 2 {
            return Err(Malformed::Version(version_and_command >> 4));
        }
        let command = match version_and_command & 0x0F {
            0 => Command::Local,
            1 => Command::Proxy,
            other => return Err(Malformed::Command(other)),
        };
        let family = Family::read(family_and_transport)?;
        let length = u16::from_be_bytes([length_high, length_low]);
        if length > length_max {
            return Err(Malformed::TooLong { length, length_max });
        }
        // LOCAL carries nothing that is read, addresses included, so it may be as short as it likes.
        if command == Command::Proxy && length < family.address_length() {
            return Err(Malformed::TooShort { length, needed: family.address_length() });
        }
        Ok(Self { command, family, length })
    }

    /// Reads addresses and TLVs. `header` is the whole header, since its checksum covers all of it.
    fn read_variable_part(&self, header: &[u8]) -> Result<Header, Malformed> {
        let nobody = Header { command: self.command, addresses: None, vpc_endpoint_id: None };
        if self.command == Command::Local {
            return Ok(nobody);
        }
        let variable = header.get(FIXED_BYTES..).unwrap_or_default();
        let Some((addresses, tlvs)) = self.family.read_addresses(variable) else {
            return Ok(nobody);
        };
        let vpc_endpoint_id = read_tlvs(header, tlvs)?.map(Box::from);
        Ok(Header { command: self.command, addresses: Some(addresses), vpc_endpoint_id })
    }
}

impl Family {
    fn read(byte: u8) -> Result<Self, Malformed> {
        match (byte >> 4, byte & 0x0F) {
            (family @ 4.., _) => Err(Malformed::Family(family)),
            (_, transport @ 3..) => Err(Malformed::Transport(transport)),
            (0, _) => Ok(Self::NoCaller { length: 0 }),
            (1, 1) => Ok(Self::TcpOverIpv4),
            (1, _) => Ok(Self::NoCaller { length: IPV4_BYTES }),
            (2, 1) => Ok(Self::TcpOverIpv6),
            (2, _) => Ok(Self::NoCaller { length: IPV6_BYTES }),
            (3, _) => Ok(Self::NoCaller { length: UNIX_BYTES }),
        }
    }

    const fn address_length(self) -> u16 {
        match self {
            Self::TcpOverIpv4 => IPV4_BYTES,
            Self::TcpOverIpv6 => IPV6_BYTES,
            Self::NoCaller { length } => length,
        }
    }

    /// The addresses and what follows them; nothing where there is no caller.
    fn read_addresses(self, bytes: &[u8]) -> Option<(Addresses, &[u8])> {
        let (source, bytes) = self.read_ip_address(bytes)?;
        let (destination, bytes) = self.read_ip_address(bytes)?;
        let (source_port, bytes) = bytes.split_first_chunk()?;
        let (destination_port, bytes) = bytes.split_first_chunk()?;
        let addresses = Addresses {
            source: SocketAddr::new(source, u16::from_be_bytes(*source_port)),
            destination: SocketAddr::new(destination, u16::from_be_bytes(*destination_port)),
        };
        Some((addresses, bytes))
    }

    fn read_ip_address(self, bytes: &[u8]) -> Option<(IpAddr, &[u8])> {
        match self {
            Self::TcpOverIpv4 => {
                bytes.split_first_chunk::<4>().map(|(octets, rest)| (Ipv4Addr::from(*octets).into(), rest))
            }
            Self::TcpOverIpv6 => {
                bytes.split_first_chunk::<16>().map(|(octets, rest)| (Ipv6Addr::from(*octets).into(), rest))
            }
            Self::NoCaller { .. } => None,
        }
    }
}

/// Walks the TLVs, checks a CRC-32C among them and gives the endpoint id. Other types and subtypes are skipped.
fn read_tlvs<'bytes>(header: &[u8], mut tlvs: &'bytes [u8]) -> Result<Option<&'bytes str>, Malformed> {
    let mut checked = false;
    let mut vpc_endpoint_id = None;
    while let Some((kind, after_kind)) = tlvs.split_first() {
        let (length, after_length) = after_kind.split_first_chunk().ok_or(Malformed::TlvOverrun)?;
        let length = u16::from_be_bytes(*length);
        let (value, rest) = after_length.split_at_checked(length.into()).ok_or(Malformed::TlvOverrun)?;
        match *kind {
            TYPE_CRC_32C => {
                if std::mem::replace(&mut checked, true) {
                    return Err(Malformed::ChecksumTwice);
                }
                let expected = value.try_into().map_err(|_| Malformed::ChecksumLength(length))?;
                check(header, rest.len(), u32::from_be_bytes(expected))?;
            }
            TYPE_AWS => {
                let (subtype, id) = value.split_first().ok_or(Malformed::AwsSubtypeMissing)?;
                if *subtype == SUBTYPE_VPC_ENDPOINT_ID
                    && vpc_endpoint_id.replace(read_vpc_endpoint_id(id)?).is_some()
                {
                    return Err(Malformed::EndpointTwice);
                }
            }
            _ => {}
        }
        tlvs = rest;
    }
    Ok(vpc_endpoint_id)
}

/// Checks the header, whose checksum ends `bytes_after` bytes before its end and counts as zeros.
fn check(header: &[u8], bytes_after: usize, expected: u32) -> Result<(), Malformed> {
    let (with_checksum, after) = header.split_at(header.len().saturating_sub(bytes_after));
    let before = with_checksum.split_last_chunk::<4>().map(|(before, _)| before).unwrap_or_default();
    if CRC_32C.of(&[before, &[0; 4], after]) == expected { Ok(()) } else { Err(Malformed::ChecksumMismatch) }
}

fn read_vpc_endpoint_id(bytes: &[u8]) -> Result<&str, Malformed> {
    if bytes.is_empty() {
        return Err(Malformed::EndpointEmpty);
    }
    if bytes.len() > VPC_ENDPOINT_ID_BYTES_MAX {
        return Err(Malformed::EndpointTooLong(u16::try_from(bytes.len()).unwrap_or(u16::MAX)));
    }
    let digits = bytes.strip_prefix(b"vpce-").unwrap_or_default();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Malformed::EndpointNotAnId);
    }
    str::from_utf8(bytes).map_err(|_| Malformed::EndpointNotAnId)
}

/// Writes both addresses and gives the byte of family and transport.
fn write_addresses(addresses: Addresses, to: &mut Vec<u8>) -> u8 {
    let Addresses { source, destination } = addresses;
    let byte = if let (IpAddr::V4(source), IpAddr::V4(destination)) = (source.ip(), destination.ip()) {
        to.extend_from_slice(&source.octets());
        to.extend_from_slice(&destination.octets());
        0x11
    } else {
        for address in [source.ip(), destination.ip()] {
            let octets = match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            to.extend_from_slice(&octets);
        }
        0x21
    };
    to.extend_from_slice(&source.port().to_be_bytes());
    to.extend_from_slice(&destination.port().to_be_bytes());
    byte
}

fn write_tlv(kind: u8, value: &[u8], to: &mut Vec<u8>) {
    to.push(kind);
    to.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    to.extend_from_slice(value);
}

/// What no other protocol starts with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// How the text form of version 1 starts.
const VERSION_1: &[u8] = b"PROXY ";

/// Signature, version and command, family and transport, length.
const FIXED_BYTES: usize = 16;

/// Two addresses and two ports.
const IPV4_BYTES: u16 = 12;

/// Two addresses and two ports.
const IPV6_BYTES: u16 = 36;

/// Two paths of local sockets.
const UNIX_BYTES: u16 = 216;

/// `PP2_TYPE_CRC32C`.
const TYPE_CRC_32C: u8 = 0x03;

/// `PP2_TYPE_AWS`.
const TYPE_AWS: u8 = 0xEA;

/// `PP2_SUBTYPE_AWS_VPCE_ID`.
const SUBTYPE_VPC_ENDPOINT_ID: u8 = 0x01;

/// Three times what the service hands out today.
const VPC_ENDPOINT_ID_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests;
