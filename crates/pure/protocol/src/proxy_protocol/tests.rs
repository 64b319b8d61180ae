//! The rows of `hardening.md` section 4, the captures of the corpus, and what holds for all bytes.

use proptest::prelude::*;

use super::*;

const CORPUS: &str = include_str!("../../tests/corpus/proxy-protocol/aws-vpce.json");
const LENGTH_MAX: u16 = 4096;

/// The worked example of `private-access.md` section 5.1.
const EXAMPLE: &str = "0d0a0d0a000d0a515549540a 21 11 0026 0a000114 0a000909 c000 01bb
    ea 0017 01 767063652d3038643262663135666163353030316339";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A header of this thirteenth and fourteenth byte and this variable part.
fn header(command: u8, family: u8, variable: &[u8]) -> Vec<u8> {
    let length = u16::try_from(variable.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, variable].concat()
}

/// 10.0.1.20:49152 to 10.0.9.9:443, and these TLVs.
fn with_tlvs(tlvs: &[u8]) -> Vec<u8> {
    header(0x21, 0x11, &[&bytes("0a000114 0a000909 c000 01bb"), tlvs].concat())
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    write_tlv(kind, value, &mut written);
    written
}

fn done(bytes: &[u8]) -> (Header, &[u8]) {
    match read(bytes, LENGTH_MAX) {
        Ok(Progress::Done { header, rest }) => (header, rest),
        other => panic!("{other:?}"),
    }
}

fn refused(bytes: &[u8]) -> Malformed {
    read(bytes, LENGTH_MAX).unwrap_err()
}

fn addresses(source: &str, destination: &str) -> Option<Addresses> {
    Some(Addresses { source: source.parse().unwrap(), destination: destination.parse().unwrap() })
}

fn nobody(command: Command) -> Header {
    Header { command, addresses: None, vpc_endpoint_id: None }
}

#[test]
fn the_worked_example_of_private_access() {
    let example = bytes(EXAMPLE);
    let (header, rest) = done(&example);
    assert_eq!(header.command, Command::Proxy);
    assert_eq!(header.addresses, addresses("10.0.1.20:49152", "10.0.9.9:443"));
    assert_eq!(header.vpc_endpoint_id.as_deref(), Some("vpce-08d2bf15fac5001c9"));
    assert_eq!(rest, b"");
}

#[test]
fn the_captures_of_the_corpus() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(CORPUS).unwrap();
    let captures = cases.iter().filter(|case| case["hex"].is_string());
    assert_eq!(captures.clone().count(), 2);
    for case in captures {
        let bytes = bytes(case["hex"].as_str().unwrap());
        let (header, rest) = done(&bytes);
        let end = |address: &str, port: &str| format!("{}:{}", case[address].as_str().unwrap(), case[port]);
        assert_eq!(header.command, Command::Proxy);
        assert_eq!(
            header.addresses,
            addresses(&end("source", "sourcePort"), &end("destination", "destinationPort"))
        );
        assert_eq!(header.vpc_endpoint_id.as_deref(), case["vpcEndpointId"].as_str(), "{}", case["id"]);
        assert_eq!(rest, b"");
    }
}

/// The corpus says which TLVs give no endpoint; hardening says which of them close the connection.
#[test]
fn the_malformed_tlvs_of_the_corpus() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(CORPUS).unwrap();
    let outcome = |id: &str| {
        let case = cases.iter().find(|case| case["id"] == id).unwrap();
        let header = with_tlvs(&bytes(case["tlvHex"].as_str().unwrap()));
        read(&header, LENGTH_MAX).map(|_| done(&header).0.vpc_endpoint_id)
    };
    assert_eq!(outcome("tlv-empty-id"), Err(Malformed::EndpointEmpty));
    assert_eq!(outcome("tlv-bad-chars"), Err(Malformed::EndpointNotAnId));
    assert_eq!(outcome("tlv-unknown-subtype"), Ok(None));
}

#[test]
fn pa_50_another_protocol_is_refused_and_named() {
    let rows: [(&[u8], Malformed, &str); 5] = [
        (
            b"GET / HTTP/1.1\r\n",
            Malformed::NoSignature,
            "the connection does not start with the PROXY protocol's signature",
        ),
        (
            b"\x16\x03\x01\x02\x00\x01",
            Malformed::NoSignature,
            "the connection does not start with the PROXY protocol's signature",
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\r",
            Malformed::NoSignature,
            "the connection does not start with the PROXY protocol's signature",
        ),
        (
            b"POST / HTTP/1.1\r\n",
            Malformed::NoSignature,
            "the connection does not start with the PROXY protocol's signature",
        ),
        (
            b"PROXY TCP4 10.0.1.20 10.0.9.9 49152 443\r\n",
            Malformed::Version1,
            "PROXY protocol version 1 is not accepted: only version 2 is",
        ),
    ];
    for (bytes, expected, text) in rows {
        assert_eq!(refused(bytes), expected);
        assert_eq!(expected.to_string(), text);
    }
    assert_eq!(read(b"", LENGTH_MAX), Ok(Progress::NeedsMore(16)));
    assert_eq!(read(b"PRO", LENGTH_MAX), Ok(Progress::NeedsMore(3)));
}

#[test]
fn fixed_bytes_that_abort() {
    let rows = [
        (
            header(0x11, 0x11, &[0; 12]),
            Malformed::Version(1),
            "PROXY protocol version 1: only version 2 is accepted",
        ),
        (
            header(0x31, 0x11, &[0; 12]),
            Malformed::Version(3),
            "PROXY protocol version 3: only version 2 is accepted",
        ),
        (
            header(0x22, 0x11, &[0; 12]),
            Malformed::Command(2),
            "PROXY command 2: only LOCAL (0) and PROXY (1) exist",
        ),
        (
            header(0x21, 0x41, &[0; 12]),
            Malformed::Family(4),
            "address family 4: the highest that exists is 3",
        ),
        (header(0x21, 0x13, &[0; 12]), Malformed::Transport(3), "transport 3: the highest that exists is 2"),
        (header(0x20, 0x50, &[]), Malformed::Family(5), "address family 5: the highest that exists is 3"),
        (
            header(0x21, 0x11, &[0; 11]),
            Malformed::TooShort { length: 11, needed: 12 },
            "a PROXY header of 11 bytes: the addresses of its family need 12",
        ),
        (
            header(0x21, 0x21, &[0; 35]),
            Malformed::TooShort { length: 35, needed: 36 },
            "a PROXY header of 35 bytes: the addresses of its family need 36",
        ),
        (
            header(0x21, 0x31, &[0; 215]),
            Malformed::TooShort { length: 215, needed: 216 },
            "a PROXY header of 215 bytes: the addresses of its family need 216",
        ),
    ];
    for (bytes, expected, text) in rows {
        assert_eq!(refused(&bytes), expected);
        assert_eq!(expected.to_string(), text);
    }
}

#[test]
fn pa_56_the_length_is_bounded_before_the_bytes_arrive() {
    let announced = |length: u16| [&SIGNATURE[..], &[0x21, 0x11], &length.to_be_bytes()].concat();
    assert_eq!(read(&announced(4095), 4096), Ok(Progress::NeedsMore(4095)));
    assert_eq!(read(&announced(4096), 4096), Ok(Progress::NeedsMore(4096)));
    let too_long = Malformed::TooLong { length: 4097, length_max: 4096 };
    assert_eq!(read(&announced(4097), 4096), Err(too_long));
    assert_eq!(too_long.to_string(), "a PROXY header of 4097 bytes: at most 4096 are accepted");
    assert_eq!(read(&announced(65535), 65535), Ok(Progress::NeedsMore(65535)));
}

#[test]
fn tlvs_that_abort() {
    let endpoint = |id: &[u8]| tlv(TYPE_AWS, &[&[SUBTYPE_VPC_ENDPOINT_ID], id].concat());
    let twice = [endpoint(b"vpce-0a"), endpoint(b"vpce-0b")].concat();
    let checked_twice = {
        let once = with_tlvs(&[tlv(TYPE_CRC_32C, &[0; 4]), tlv(TYPE_CRC_32C, &[0; 4])].concat());
        let check = CRC_32C.of(&[&once]);
        with_tlvs(&[tlv(TYPE_CRC_32C, &check.to_be_bytes()), tlv(TYPE_CRC_32C, &[0; 4])].concat())
    };
    let long = [b"vpce-".to_vec(), vec![b'0'; 60]].concat();
    let rows = [
        (with_tlvs(b"\x04"), Malformed::TlvOverrun, "a TLV of the PROXY header ends behind the header"),
        (with_tlvs(b"\x04\x00"), Malformed::TlvOverrun, "a TLV of the PROXY header ends behind the header"),
        (
            with_tlvs(b"\x04\x00\x01"),
            Malformed::TlvOverrun,
            "a TLV of the PROXY header ends behind the header",
        ),
        (
            with_tlvs(b"\xEA\x00\x17\x01vpce-08d2bf15fac5001c"),
            Malformed::TlvOverrun,
            "a TLV of the PROXY header ends behind the header",
        ),
        (
            with_tlvs(&tlv(TYPE_CRC_32C, &[0; 4])),
            Malformed::ChecksumMismatch,
            "the PROXY header does not match its CRC-32C",
        ),
        (
            with_tlvs(&tlv(TYPE_CRC_32C, &[0; 3])),
            Malformed::ChecksumLength(3),
            "a CRC-32C TLV of 3 bytes: it has 4",
        ),
        (
            with_tlvs(&tlv(TYPE_CRC_32C, &[0; 5])),
            Malformed::ChecksumLength(5),
            "a CRC-32C TLV of 5 bytes: it has 4",
        ),
        (checked_twice, Malformed::ChecksumTwice, "the PROXY header has two CRC-32C TLVs"),
        (with_tlvs(&tlv(TYPE_AWS, b"")), Malformed::AwsSubtypeMissing, "a TLV of type 0xEA has no subtype"),
        (with_tlvs(&twice), Malformed::EndpointTwice, "the PROXY header names two VPC endpoints"),
        (
            with_tlvs(&endpoint(b"")),
            Malformed::EndpointEmpty,
            "the VPC endpoint id of the PROXY header is empty",
        ),
        (
            with_tlvs(&endpoint(&long)),
            Malformed::EndpointTooLong(65),
            "the VPC endpoint id of the PROXY header has 65 bytes: at most 64 are accepted",
        ),
        (
            with_tlvs(&endpoint(b"vpce-0g")),
            Malformed::EndpointNotAnId,
            "the VPC endpoint id of the PROXY header is not `vpce-` and then hexadecimal digits",
        ),
    ];
    for (bytes, expected, text) in rows {
        assert_eq!(refused(&bytes), expected);
        assert_eq!(expected.to_string(), text);
    }
    for id in ["vpce-", "vpc-0123", "vpce-0\0", "VPCE-0a", "vpce-0a\n", "vpce-é"] {
        assert_eq!(refused(&with_tlvs(&endpoint(id.as_bytes()))), Malformed::EndpointNotAnId, "{id:?}");
    }
}

#[test]
fn pa_54_the_longest_id_and_unknown_tlvs_pass() {
    let id = format!("vpce-{}", "0".repeat(59));
    let tlvs = [
        tlv(0x01, b"h2"),
        tlv(TYPE_AWS, b"\x02vpce-0bad"),
        tlv(TYPE_AWS, &[&[SUBTYPE_VPC_ENDPOINT_ID], id.as_bytes()].concat()),
        tlv(0x04, b""),
        tlv(0xEB, b"\x01vpce-0bad"),
    ];
    assert_eq!(done(&with_tlvs(&tlvs.concat())).0.vpc_endpoint_id.as_deref(), Some(&*id));
}

#[test]
fn pa_52_one_header_is_taken_and_the_rest_is_left() {
    let example = bytes(EXAMPLE);
    let twice = [&*example, &*example, b"\x16\x03\x01"].concat();
    let (header, rest) = done(&twice);
    assert_eq!(header.vpc_endpoint_id.as_deref(), Some("vpce-08d2bf15fac5001c9"));
    assert_eq!(rest, [&*example, b"\x16\x03\x01"].concat());
}

#[test]
fn pa_53_local_has_no_identity_whatever_it_carries() {
    let mut carrying = bytes(EXAMPLE);
    carrying[12] = 0x20;
    let rows =
        [carrying, header(0x20, 0x00, b""), header(0x20, 0x11, b""), header(0x20, 0x00, b"\x03\x00\x01")];
    for bytes in rows {
        assert_eq!(done(&bytes), (nobody(Command::Local), &b""[..]));
    }
}

#[test]
fn a_family_without_a_tcp_caller_has_no_identity() {
    let example = bytes(EXAMPLE);
    let variable = [&example[16..], &[0; 216]].concat();
    for family in [0x00, 0x01, 0x02, 0x10, 0x12, 0x20, 0x22, 0x30, 0x31, 0x32] {
        assert_eq!(
            done(&header(0x21, family, &variable)),
            (nobody(Command::Proxy), &b""[..]),
            "{family:#04x}"
        );
    }
}

#[test]
fn pa_55_any_changed_bit_breaks_a_checked_header() {
    let header = Header {
        command: Command::Proxy,
        addresses: addresses("10.0.1.20:49152", "10.0.9.9:443"),
        vpc_endpoint_id: Some("vpce-08d2bf15fac5001c9".into()),
    };
    let written = write(&header);
    let (last, _) = written.split_at(written.len() - 7);
    for index in 16..last.len() {
        for bit in 0..8 {
            let mut changed = written.clone();
            changed[index] ^= 1 << bit;
            assert!(read(&changed, LENGTH_MAX).is_err(), "bit {bit} of byte {index}");
        }
    }
}

fn headers() -> impl Strategy<Value = Header> {
    let addresses = prop_oneof![
        any::<([u8; 4], u16, [u8; 4], u16)>().prop_map(|(source, from, destination, to)| Addresses {
            source: SocketAddr::new(source.into(), from),
            destination: SocketAddr::new(destination.into(), to),
        }),
        any::<([u8; 16], u16, [u8; 16], u16)>().prop_map(|(source, from, destination, to)| Addresses {
            source: SocketAddr::new(source.into(), from),
            destination: SocketAddr::new(destination.into(), to),
        }),
    ];
    let carried =
        (addresses, proptest::option::of("vpce-[0-9a-f]{1,59}")).prop_map(|(addresses, id)| Header {
            command: Command::Proxy,
            addresses: Some(addresses),
            vpc_endpoint_id: id.map(String::into_boxed_str),
        });
    prop_oneof![8 => carried, 1 => Just(nobody(Command::Local)), 1 => Just(nobody(Command::Proxy))]
}

/// Bytes that get past the signature often enough to reach every branch.
fn nearly_headers() -> impl Strategy<Value = Vec<u8>> {
    let tlvs = prop::collection::vec((prop_oneof![Just(3_u8), Just(4), Just(0xEA)], ".{0,6}"), 0..4)
        .prop_map(|tlvs| {
            tlvs.into_iter().flat_map(|(kind, value)| tlv(kind, value.as_bytes())).collect::<Vec<u8>>()
        });
    prop_oneof![
        any::<Vec<u8>>(),
        (0x20..0x22_u8, any::<u8>(), any::<Vec<u8>>())
            .prop_map(|(command, family, rest)| header(command, family, &rest)),
        tlvs.prop_map(|tlvs| with_tlvs(&tlvs)),
        (tlvs_of_endpoints(), any::<Vec<u8>>()).prop_map(|(tlvs, rest)| [with_tlvs(&tlvs), rest].concat()),
    ]
}

fn tlvs_of_endpoints() -> impl Strategy<Value = Vec<u8>> {
    "\u{1}?(vpce-)?[0-9a-g]{0,5}".prop_map(|value| tlv(TYPE_AWS, value.as_bytes()))
}

proptest! {
    #[test]
    fn what_is_written_is_read(header in headers(), rest: Vec<u8>) {
        let bytes = [write(&header), rest.clone()].concat();
        prop_assert_eq!(read(&bytes, LENGTH_MAX), Ok(Progress::Done { header, rest: &rest }));
    }

    #[test]
    fn a_header_may_arrive_one_byte_at_a_time(header in headers()) {
        let written = write(&header);
        for length in 0..written.len() {
            let Ok(Progress::NeedsMore(more)) = read(&written[..length], LENGTH_MAX) else {
                return Err(TestCaseError::fail(format!("at {length} bytes")));
            };
            prop_assert!(more >= 1 && length.saturating_add(more) <= written.len());
        }
    }

    #[test]
    fn the_answer_does_not_depend_on_the_pieces(bytes in nearly_headers()) {
        let whole = read(&bytes, LENGTH_MAX);
        for length in 0..bytes.len() {
            match read(&bytes[..length], LENGTH_MAX) {
                Ok(Progress::NeedsMore(more)) => prop_assert!(more >= 1),
                Ok(Progress::Done { header, .. }) => {
                    let Ok(Progress::Done { header: of_whole, .. }) = &whole else {
                        return Err(TestCaseError::fail("done and then not"));
                    };
                    prop_assert_eq!(&header, of_whole);
                }
                Err(malformed) => prop_assert_eq!(Err(malformed), whole.clone()),
            }
        }
    }

    #[test]
    fn an_identity_is_always_a_well_formed_one(bytes in nearly_headers()) {
        if let Ok(Progress::Done { header, .. }) = read(&bytes, LENGTH_MAX)
            && let Some(id) = header.vpc_endpoint_id
        {
            prop_assert!(header.command == Command::Proxy && header.addresses.is_some());
            let digits = id.strip_prefix("vpce-").unwrap_or_default();
            prop_assert!(!digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_hexdigit()) && id.len() <= 64);
        }
    }
}
