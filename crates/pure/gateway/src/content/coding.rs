//! Content codings: gzip and deflate, off a request's body and onto an answer's (routing.md section 9).

use std::io::{Read as _, Write as _};

use flate2::{
    Compression, Decompress, FlushDecompress, Status,
    read::MultiGzDecoder,
    write::{GzEncoder, ZlibEncoder},
};
use postern_protocol::http1::{FieldBlock, KnownName};

use crate::{Arrival, Record, snapshot::Api};

/// A coding that is spoken here (Z2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// The format of zlib (RFC 9110 section 8.4.1.2).
    Deflate,
}

/// Why a coded body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodingFault {
    /// It has another coding, or more than one: 415 (Z4).
    Unsupported,
    /// It is not what its coding promises: 415 (Z4).
    Malformed,
    /// It is larger than `payloadBytes`, or a hundred times as large as it came: 413 (Z7).
    TooLarge,
}

impl Coding {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// Whether a request's body has a coding.
pub(crate) fn is_coded(arrival: &Arrival<'_>) -> bool {
    request_codings(arrival).next().is_some()
}

/// The coding to be taken off a request's body of this length; `None` where it has none, or where it is
/// shorter than what the API compresses (Z4, Z5). Requests are decompressed by default, whether or not
/// the API compresses its answers (the service's guide, "Payload compression for REST APIs").
pub(crate) fn request_coding(
    api: &Api,
    arrival: &Arrival<'_>,
    length: u64,
) -> Option<Result<Coding, CodingFault>> {
    if length < api.minimum_compression_size.unwrap_or(0).max(1) {
        return None;
    }
    let mut codings = request_codings(arrival);
    let coding = codings.next()?;
    let is = |name: &[u8]| coding.eq_ignore_ascii_case(name);
    Some(match codings.next() {
        None if is(b"gzip") || is(b"x-gzip") => Ok(Coding::Gzip),
        None if is(b"deflate") => Ok(Coding::Deflate),
        _ => Err(CodingFault::Unsupported),
    })
}

/// A request's body without its coding.
pub(crate) fn decode(coding: Coding, sent: &[u8], payload_bytes: u64) -> Result<Vec<u8>, CodingFault> {
    let most = usize::try_from(payload_bytes).unwrap_or(usize::MAX).min(sent.len().saturating_mul(RATIO_MAX));
    match coding {
        Coding::Gzip => gunzip(sent, most),
        Coding::Deflate => inflate(sent, most),
    }
}

/// Tells a backend of the coding that a request's body still has.
pub(crate) fn push_request_coding(arrival: &Arrival<'_>, block: &mut FieldBlock) {
    let codings: Vec<&[u8]> = request_codings(arrival).collect();
    block.push_trusted(b"Content-Encoding", &codings.join(b", ".as_slice()));
}

fn request_codings<'a>(arrival: &Arrival<'a>) -> impl Iterator<Item = &'a [u8]> {
    let values = arrival.head.over(arrival.bytes).fields().values(KnownName::ContentEncoding);
    elements(values).filter(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}

fn gunzip(sent: &[u8], most: usize) -> Result<Vec<u8>, CodingFault> {
    let mut decoded = Vec::new();
    let mut decoder = MultiGzDecoder::new(sent).take(most as u64 + 1);
    decoder.read_to_end(&mut decoded).map_err(|_| CodingFault::Malformed)?;
    if decoded.len() > most { Err(CodingFault::TooLarge) } else { Ok(decoded) }
}

fn inflate(sent: &[u8], most: usize) -> Result<Vec<u8>, CodingFault> {
    let mut state = Decompress::new(true);
    let mut decoded = Vec::new();
    let mut rest = sent;
    loop {
        decoded.reserve(INFLATE_STEP);
        let before = (state.total_in(), state.total_out());
        let status = state
            .decompress_vec(rest, &mut decoded, FlushDecompress::None)
            .map_err(|_| CodingFault::Malformed)?;
        if decoded.len() > most {
            return Err(CodingFault::TooLarge);
        }
        let read = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        rest = sent.get(read..).unwrap_or_default();
        match status {
            Status::StreamEnd if rest.is_empty() => return Ok(decoded),
            // Bytes behind the end, or an end that never comes.
            Status::StreamEnd => return Err(CodingFault::Malformed),
            _ if before == (state.total_in(), state.total_out()) => return Err(CodingFault::Malformed),
            _ => {}
        }
    }
}

/// The coding that an answer is given: where the API asks for it, the body is large enough and not
/// coded already, and the client prefers a coding that is spoken here (Z1).
pub(crate) fn answer_coding(record: &Record<'_>, fields: &FieldBlock, length: u64) -> Option<Coding> {
    let least = record.located.as_ref()?.api.minimum_compression_size?;
    let arrival = record.arrival?;
    if length < least.max(1) || fields.contains(b"Content-Encoding") {
        return None;
    }
    preferred(|| arrival.head.over(arrival.bytes).fields().values(KnownName::AcceptEncoding))
}

/// The coding of the highest weight, if it is one of ours; of several of one weight the first (Z2, Z3).
fn preferred<'a, V: Iterator<Item = &'a [u8]>>(values: impl Fn() -> V) -> Option<Coding> {
    let weight = |wanted: &[u8]| {
        elements(values()).map(weighted).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|it| it.1)
    };
    let highest = elements(values()).map(|element| weighted(element).1).fold(0.0, f32::max);
    if highest == 0.0 {
        return None;
    }
    let of_the_rest = weight(b"*").unwrap_or_default();
    [Coding::Gzip, Coding::Deflate]
        .into_iter()
        .find(|coding| weight(coding.as_str().as_bytes()).unwrap_or(of_the_rest) >= highest)
}

/// A name and its weight, 0 to 1; one that cannot be read weighs nothing.
fn weighted(element: &[u8]) -> (&[u8], f32) {
    let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
    let Some(weight) = weight else { return (name, 1.0) };
    let weight = std::str::from_utf8(weight).ok().and_then(|text| text.parse().ok());
    (name, weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or_default())
}

/// The elements of a list that may stand on several lines.
fn elements<'a>(values: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    let elements = values.flat_map(|value| value.split(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// A body in a coding. `None` never happens: nothing that is written to memory fails.
pub(crate) fn compress(coding: Coding, body: &[u8]) -> Option<Vec<u8>> {
    let output = Vec::with_capacity(body.len() / 4 + 64);
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(output, LEVEL);
            encoder.write_all(body).ok()?;
            encoder.finish().ok()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(output, LEVEL);
            encoder.write_all(body).ok()?;
            encoder.finish().ok()
        }
    }
}

/// The quickest: most of what can be saved at a fraction of the time.
const LEVEL: Compression = Compression::fast();

/// How many times its size a body may become (hardening.md section 7).
const RATIO_MAX: usize = 100;

/// How many bytes there is room for in each round.
const INFLATE_STEP: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred_of(lines: &[&str]) -> Option<Coding> {
        preferred(|| lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn z2_z3_the_highest_weight_decides() {
        use Coding::{Deflate, Gzip};
        for (line, expected) in [
            ("gzip", Some(Gzip)),
            ("deflate", Some(Deflate)),
            ("GZIP;Q=0.5", Some(Gzip)),
            ("gzip, deflate, br", Some(Gzip)),
            ("br, deflate", Some(Deflate)),
            ("br;q=1, gzip;q=0.8", None),
            ("gzip;q=0.5, deflate;q=0.9", Some(Deflate)),
            ("*", Some(Gzip)),
            ("gzip;q=0, *", Some(Deflate)),
            ("br, *;q=0.1", None),
            ("identity", None),
            ("identity;q=0.5, gzip;q=0.4", None),
            ("identity, gzip", Some(Gzip)),
            ("gzip;q=0", None),
            ("*;q=0", None),
            ("gzip;q=2", None),
            ("gzip;q=x", None),
            ("br", None),
            ("", None),
            (" , ,", None),
        ] {
            assert_eq!(preferred_of(&[line]), expected, "{line}");
        }
        assert_eq!(preferred_of(&[]), None);
        assert_eq!(preferred_of(&["br;q=0.1", "gzip"]), Some(Gzip));
    }

    #[test]
    fn what_is_compressed_reads_the_same_again() {
        for body in [b"".as_slice(), b"a", &[7; 100], "zoë ".repeat(10_000).as_bytes()] {
            let gzip = compress(Coding::Gzip, body).unwrap();
            assert_eq!(gunzip(&gzip, body.len()), Ok(body.to_vec()));
            let deflate = compress(Coding::Deflate, body).unwrap();
            assert_eq!(inflate(&deflate, body.len()), Ok(body.to_vec()));
        }
    }

    #[test]
    fn z7_an_end_is_put_to_what_grows() {
        let bomb = vec![0; 1 << 20];
        let gzip = compress(Coding::Gzip, &bomb).unwrap();
        let deflate = compress(Coding::Deflate, &bomb).unwrap();
        for most in [0, 1, bomb.len() - 1] {
            assert_eq!(gunzip(&gzip, most), Err(CodingFault::TooLarge), "{most}");
            assert_eq!(inflate(&deflate, most), Err(CodingFault::TooLarge), "{most}");
        }
        assert!(gunzip(&gzip, bomb.len()).is_ok() && inflate(&deflate, bomb.len()).is_ok());
    }

    #[test]
    fn z4_what_is_cut_short_or_goes_on_is_malformed() {
        let body = "some words that are here twice, some words".as_bytes();
        for coding in [Coding::Gzip, Coding::Deflate] {
            let decode = |sent: &[u8]| match coding {
                Coding::Gzip => gunzip(sent, 1_000),
                Coding::Deflate => inflate(sent, 1_000),
            };
            let whole = compress(coding, body).unwrap();
            for end in 1..whole.len() {
                assert_eq!(decode(&whole[..end]), Err(CodingFault::Malformed), "{coding:?} {end}");
            }
            let longer = [whole.as_slice(), b"x"].concat();
            assert_eq!(decode(&longer), Err(CodingFault::Malformed), "{coding:?}");
            assert_eq!(decode(b"plain text"), Err(CodingFault::Malformed), "{coding:?}");
        }
    }
}
