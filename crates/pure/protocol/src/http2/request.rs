//! The head of a request: fields of HPACK, written as a head of HTTP/1.1 and read like one, so that every
//! version passes one grammar.

use super::CompressionFault;
use super::decode::Decoder;
use super::table::{FieldLine, LINE_END, Meaning};
use crate::bytes::is_token;
use crate::http1::{self, Authority, KnownLine, KnownName, Progress, RequestHead, read_known_request};

/// Where the head of a request is put. Used again: [`HeadMemory::clear`] keeps its memory.
#[derive(Debug, Default)]
pub struct HeadMemory {
    /// The head as HTTP/1.1 has it.
    pub bytes: Vec<u8>,
    /// What was read of it.
    pub head: RequestHead,
    /// Whether HEAD was asked, so that no body may follow; known of a head that is refused too.
    pub is_head: bool,
}

impl HeadMemory {
    /// Forgets the head.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.head.clear();
        self.is_head = false;
    }
}

/// A head that is answered with a status of its own and no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadRefusal {
    /// The status.
    pub status: u16,
    /// Why, for an operator.
    pub reason: &'static str,
    /// The limit that is exceeded, by its key under `limits:`.
    pub limit: Option<&'static str>,
}

impl HeadRefusal {
    const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason, limit: None }
    }
}

/// What is wrong with a header block beyond its own request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockFault {
    /// It cannot be read: the connection is over.
    Compression,
    /// It is far above its limit: the connection is over.
    TooLarge,
    /// Its fields break RFC 9113 section 8: the stream is reset.
    Malformed,
}

impl From<CompressionFault> for BlockFault {
    fn from(CompressionFault: CompressionFault) -> Self {
        Self::Compression
    }
}

/// Reads the blocks of one connection.
#[derive(Debug)]
pub(super) struct BlockReader {
    decoder: Decoder,
    /// Method, path and authority, until the first line is written.
    pseudo: Vec<u8>,
    cookies: Vec<u8>,
    /// The field lines of the head, which need not be looked at again.
    lines: Vec<KnownLine>,
    list_bytes_max: usize,
}

impl BlockReader {
    pub(super) fn new(list_bytes_max: usize) -> Self {
        Self {
            decoder: Decoder::new(),
            pseudo: Vec::new(),
            cookies: Vec::new(),
            lines: Vec::new(),
            list_bytes_max,
        }
    }

    /// Reads the block of a request. The outer fault concerns more than an answer.
    pub(super) fn request(
        &mut self,
        block: &[u8],
        limits: &http1::Limits,
        memory: &mut HeadMemory,
    ) -> Result<Result<(), HeadRefusal>, BlockFault> {
        memory.clear();
        self.pseudo.clear();
        self.cookies.clear();
        self.lines.clear();
        let mut writing = Writing {
            output: &mut memory.bytes,
            pseudo: &mut self.pseudo,
            cookies: &mut self.cookies,
            lines: &mut self.lines,
            parts: Parts::default(),
            list_bytes: 0,
            list_bytes_max: self.list_bytes_max,
            is_malformed: false,
            refusal: None,
        };
        self.decoder.decode(block, |field| writing.take(field))?;
        memory.is_head = writing.parts.method.is_some_and(|method| writing.of(method) == b"HEAD");
        let outcome = writing.finish();
        let read = outcome.map(|written| {
            written.and_then(|()| {
                match read_known_request(&memory.bytes, &self.lines, limits, &mut memory.head) {
                    Ok(Progress::Complete) => Ok(()),
                    Ok(Progress::Partial) => Err(HeadRefusal::new(400, "the head does not end")),
                    Err(fault) => Err(HeadRefusal {
                        status: fault.status(),
                        reason: fault.reason(),
                        limit: fault.limit(),
                    }),
                }
            })
        });
        self.give_back();
        read
    }

    /// Gives back the memory of a large head.
    fn give_back(&mut self) {
        for buffer in [&mut self.pseudo, &mut self.cookies] {
            if buffer.capacity() > BUFFER_BYTES_KEPT {
                *buffer = Vec::new();
            }
        }
        if self.lines.capacity() > LINES_KEPT {
            self.lines = Vec::new();
        }
    }

    /// Reads the block of trailers, which are dropped.
    pub(super) fn trailers(&mut self, block: &[u8]) -> Result<(), BlockFault> {
        let mut list_bytes = 0_usize;
        let mut is_malformed = false;
        self.decoder.decode(block, |field| {
            list_bytes = list_bytes.saturating_add(field.size());
            is_malformed |= !matches!(field.meaning, Meaning::Plain | Meaning::Host | Meaning::Cookie);
        })?;
        match () {
            () if list_bytes > self.list_bytes_max.saturating_mul(FAR) => Err(BlockFault::TooLarge),
            () if is_malformed || list_bytes > self.list_bytes_max => Err(BlockFault::Malformed),
            () => Ok(()),
        }
    }
}

/// A header list of so many times its limit ends the connection (hardening section 5).
pub(super) const FAR: usize = 4;

/// What a connection keeps of the memory of pseudo fields, and of cookies.
const BUFFER_BYTES_KEPT: usize = 1 << 10;
/// What it keeps of the memory for field lines.
const LINES_KEPT: usize = 32;

/// A head that is being written.
struct Writing<'w> {
    output: &'w mut Vec<u8>,
    pseudo: &'w mut Vec<u8>,
    cookies: &'w mut Vec<u8>,
    lines: &'w mut Vec<KnownLine>,
    parts: Parts,
    list_bytes: usize,
    list_bytes_max: usize,
    is_malformed: bool,
    refusal: Option<HeadRefusal>,
}

/// What the pseudo fields said: places in `Writing::pseudo`.
#[derive(Default)]
struct Parts {
    method: Option<Place>,
    path: Option<Place>,
    authority: Option<Place>,
    scheme: Option<Scheme>,
    has_protocol: bool,
    has_host: bool,
    /// The first line is written: no pseudo field may follow.
    are_over: bool,
}

type Place = (usize, usize);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Other,
}

impl Writing<'_> {
    fn take(&mut self, field: FieldLine<'_>) {
        self.list_bytes = self.list_bytes.saturating_add(field.size());
        if self.list_bytes > self.list_bytes_max || self.is_malformed {
            return;
        }
        match field.meaning {
            Meaning::Plain => {
                self.write_first_lines();
                self.write(field);
            }
            Meaning::Cookie => {
                self.write_first_lines();
                // Pieces are one field elsewhere (RFC 9113 section 8.2.3).
                let before: &[u8] = if self.cookies.is_empty() { b"cookie: " } else { b"; " };
                self.cookies.extend_from_slice(before);
                self.cookies.extend_from_slice(field.value());
            }
            Meaning::Host => {
                self.write_first_lines();
                self.take_host(field);
            }
            Meaning::Te if field.value().eq_ignore_ascii_case(b"trailers") => {
                self.write_first_lines();
                self.write(field);
            }
            Meaning::Te | Meaning::OfConnection | Meaning::OtherPseudo | Meaning::Malformed => {
                self.is_malformed = true;
            }
            Meaning::Method | Meaning::Scheme | Meaning::Authority | Meaning::Path | Meaning::Protocol => {
                self.is_malformed |= self.parts.are_over || self.take_pseudo(field).is_none();
            }
        }
    }

    fn write(&mut self, field: FieldLine<'_>) {
        self.output.extend_from_slice(field.line);
        self.lines.push(field.known_line());
    }

    /// Takes a pseudo field; `None` where it came before.
    fn take_pseudo(&mut self, field: FieldLine<'_>) -> Option<()> {
        let parts = &mut self.parts;
        let start = self.pseudo.len();
        let slot = match field.meaning {
            Meaning::Method => &mut parts.method,
            Meaning::Path => &mut parts.path,
            Meaning::Authority => &mut parts.authority,
            Meaning::Scheme => {
                let is_served =
                    [&b"https"[..], b"http"].iter().any(|it| field.value().eq_ignore_ascii_case(it));
                let scheme = if is_served { Scheme::Http } else { Scheme::Other };
                return parts.scheme.replace(scheme).is_none().then_some(());
            }
            _ => return (!std::mem::replace(&mut parts.has_protocol, true)).then_some(()),
        };
        self.pseudo.extend_from_slice(field.value());
        slot.replace((start, self.pseudo.len())).is_none().then_some(())
    }

    /// The host must agree with the authority, which stands in its place.
    fn take_host(&mut self, field: FieldLine<'_>) {
        if std::mem::replace(&mut self.parts.has_host, true) {
            return self.refuse(HeadRefusal::new(400, "more than one host"));
        }
        match self.parts.authority {
            None => self.write(field),
            Some(authority) => {
                let agree = match (Authority::parse(self.of(authority)), Authority::parse(field.value())) {
                    (Some(one), Some(other)) => one.agrees_with(&other),
                    _ => false,
                };
                if !agree {
                    self.refuse(HeadRefusal::new(400, "host and :authority disagree"));
                }
            }
        }
    }

    fn of(&self, (start, end): Place) -> &[u8] {
        self.pseudo.get(start..end).unwrap_or_default()
    }

    /// Keeps the first refusal.
    fn refuse(&mut self, refusal: HeadRefusal) {
        self.refusal = self.refusal.or(Some(refusal));
    }

    /// Writes the request line and the host, once all pseudo fields have come.
    fn write_first_lines(&mut self) {
        if std::mem::replace(&mut self.parts.are_over, true) {
            return;
        }
        let Parts { method, path, authority, scheme, has_protocol, .. } = self.parts;
        let is_tunnel = method.is_some_and(|method| self.of(method) == b"CONNECT");
        self.is_malformed |= match (method, path, scheme) {
            (Some(method), Some((start, end)), Some(_)) => !is_token(self.of(method)) || start == end,
            // RFC 9113 section 8.5 gives CONNECT neither.
            _ => !is_tunnel,
        } || (has_protocol && !is_tunnel);
        if self.is_malformed {
            return;
        }
        let Self { output, pseudo, lines, .. } = self;
        let of = |(start, end): Place| pseudo.get(start..end).unwrap_or_default();
        let target = path.map_or(&b"/"[..], of);
        output.extend_from_slice(method.map(of).unwrap_or_default());
        output.push(b' ');
        output.extend_from_slice(target);
        output.extend_from_slice(b" HTTP/1.1\r\n");
        if let Some(authority) = authority {
            let start = output.len();
            output.extend_from_slice(b"host: ");
            output.extend_from_slice(of(authority));
            output.extend_from_slice(LINE_END);
            let length = output.len().saturating_sub(start);
            lines.push(KnownLine { name_length: "host".len(), name: KnownName::Host, length });
        }
        let is_path = is_tunnel || matches!(target, [b'/', ..] | b"*");
        if !is_path {
            self.refuse(HeadRefusal::new(400, "the path does not start with `/`"));
        }
        if scheme == Some(Scheme::Other) {
            self.refuse(HeadRefusal::new(400, "the scheme is neither http nor https"));
        }
    }

    /// Ends the head. The outer fault concerns more than an answer.
    fn finish(mut self) -> Result<Result<(), HeadRefusal>, BlockFault> {
        if self.list_bytes > self.list_bytes_max.saturating_mul(FAR) {
            return Err(BlockFault::TooLarge);
        }
        if self.list_bytes <= self.list_bytes_max {
            self.write_first_lines();
        }
        if self.is_malformed {
            return Err(BlockFault::Malformed);
        }
        if self.list_bytes > self.list_bytes_max {
            let limit = Some("h2HeaderListBytes");
            return Ok(Err(HeadRefusal { status: 431, reason: "the header list is too long", limit }));
        }
        if self.parts.authority.is_none() && !self.parts.has_host {
            self.refuse(HeadRefusal::new(400, "no host"));
        }
        if !self.cookies.is_empty() {
            self.cookies.extend_from_slice(LINE_END);
            self.output.extend_from_slice(self.cookies);
            let length = self.cookies.len();
            self.lines.push(KnownLine { name_length: "cookie".len(), name: KnownName::Cookie, length });
        }
        self.output.extend_from_slice(LINE_END);
        Ok(self.refusal.map_or(Ok(()), Err))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::table::STATIC_COUNT;
    use super::*;

    fn block(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
        block
    }

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":path", "/a?b"), (":scheme", "https"), (":authority", "h.test")];

    fn read(fields: &[(&str, &str)]) -> Result<Result<String, HeadRefusal>, BlockFault> {
        let mut memory = HeadMemory::default();
        let outcome = BlockReader::new(500).request(&block(fields), &http1::Limits::PRIVATE, &mut memory)?;
        Ok(outcome.map(|()| String::from_utf8(memory.bytes).unwrap()))
    }

    fn with(fields: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        [&GET[..], fields].concat()
    }

    #[test]
    fn a_request_is_a_head_of_http_1() {
        for (fields, expected) in [
            (with(&[]), "GET /a?b HTTP/1.1\r\nhost: h.test\r\n\r\n"),
            (
                with(&[("host", "H.test"), ("x-a", "b")]),
                "GET /a?b HTTP/1.1\r\nhost: h.test\r\nx-a: b\r\n\r\n",
            ),
            (
                with(&[("cookie", "a=1"), ("te", "trailers"), ("cookie", "b=2")]),
                "GET /a?b HTTP/1.1\r\nhost: h.test\r\nte: trailers\r\ncookie: a=1; b=2\r\n\r\n",
            ),
            (
                vec![(":scheme", "http"), (":path", "*"), (":method", "OPTIONS"), ("host", "h.test:80")],
                "OPTIONS * HTTP/1.1\r\nhost: h.test:80\r\n\r\n",
            ),
        ] {
            assert_eq!(read(&fields), Ok(Ok(expected.to_owned())));
        }
    }

    #[test]
    fn h2downgrade_malformed_heads_reset_their_stream() {
        for (what, fields) in [
            ("an upper-case name", with(&[("X-A", "b")])),
            ("an empty name", with(&[("", "b")])),
            ("a blank in a name", with(&[("x a", "b")])),
            ("connection", with(&[("connection", "close")])),
            ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
            ("te", with(&[("te", "gzip")])),
            ("a line end in a value", with(&[("x-a", "a\r\nb: c")])),
            ("a line end in the path", [&GET[..1], &[(":path", "/ HTTP/1.1\r\nx: y")], &GET[2..]].concat()),
            (":status", with(&[(":status", "200")])),
            (":protocol without CONNECT", with(&[(":protocol", "websocket")])),
            ("a pseudo field behind a field", [&[("x-a", "b")], &GET[..]].concat()),
            ("two methods", with(&[(":method", "GET")])),
            ("two schemes", with(&[(":scheme", "https")])),
            ("no method", GET[1..].to_vec()),
            ("no path", [&GET[..1], &GET[2..]].concat()),
            ("no scheme", [&GET[..2], &GET[3..]].concat()),
            ("an empty path", [&GET[..1], &[(":path", "")], &GET[2..]].concat()),
            ("a method that is no token", [&[(":method", "GET /")], &GET[1..]].concat()),
        ] {
            assert_eq!(read(&fields), Err(BlockFault::Malformed), "{what}");
        }
    }

    #[test]
    fn h2downgrade_what_the_grammar_refuses_is_answered() {
        let path = |path: &'static str| [&GET[..1], &[(":path", path)], &GET[2..]].concat();
        let long = "x".repeat(100);
        let much: Vec<_> = (0..4).map(|_| ("x-long", long.as_str())).collect();
        for (what, fields, status) in [
            ("no host", GET[..3].to_vec(), 400),
            ("two hosts", with(&[("host", "h.test"), ("host", "h.test")]), 400),
            ("another host", with(&[("host", "other.test")]), 400),
            ("an absolute path", path("http://h.test/"), 400),
            ("a path without a slash", path("a"), 400),
            ("a blank in the path", path("/a b"), 400),
            ("a request line in the path", path("/a HTTP/1.1"), 400),
            ("a fragment", path("/a#b"), 400),
            ("another scheme", [&GET[..2], &[(":scheme", "ftp")], &GET[3..]].concat(), 400),
            ("CONNECT", vec![(":method", "CONNECT"), (":authority", "h.test:443")], 405),
            (
                "extended CONNECT",
                [&[(":method", "CONNECT"), (":protocol", "websocket")], &GET[1..]].concat(),
                405,
            ),
            ("a long list", [&GET[..], &much].concat(), 431),
        ] {
            assert_eq!(read(&fields).unwrap().unwrap_err().status, status, "{what}");
        }
    }

    #[test]
    fn head_is_known_of_what_is_refused() {
        let head = [&[(":method", "HEAD")], &GET[1..]].concat();
        let long = [("x-long", "long"); 10];
        for fields in [head.clone(), [&head[..], &[("host", "other")]].concat(), [&head[..], &long].concat()]
        {
            let mut memory = HeadMemory::default();
            let mut reader = BlockReader::new(500);
            let _ = reader.request(&block(&fields), &http1::Limits::PRIVATE, &mut memory);
            assert!(memory.is_head, "{fields:?}");
            let _ = reader.request(&block(&GET), &http1::Limits::PRIVATE, &mut memory);
            assert!(!memory.is_head);
        }
    }

    #[test]
    fn a_connection_keeps_no_memory_of_large_heads() {
        let mut reader = BlockReader::new(100_000);
        let mut memory = HeadMemory::default();
        let malformed = [(":path", "/"), (":path", "/")];
        for fields in [&GET[..], &malformed] {
            reader.pseudo.reserve(5_000);
            reader.cookies.reserve(5_000);
            let outcome = reader.request(&block(fields), &http1::Limits::PRIVATE, &mut memory);
            assert_eq!(outcome.is_ok(), fields == &GET[..]);
            assert!(reader.pseudo.capacity() <= 1_024 && reader.cookies.capacity() <= 1_024);
        }
    }

    #[test]
    fn h2flood_a_list_far_above_its_limit_ends_the_connection() {
        let long = "x".repeat(100);
        let far: Vec<_> = (0..20).map(|_| ("x-long", long.as_str())).collect();
        assert_eq!(read(&[&GET[..], &far].concat()), Err(BlockFault::TooLarge));
        let mut reader = BlockReader::new(500);
        assert_eq!(reader.trailers(&block(&far)), Err(BlockFault::TooLarge));
        assert_eq!(reader.trailers(&block(&far[..4])), Err(BlockFault::Malformed));
        assert_eq!(reader.trailers(&block(&[(":path", "/")])), Err(BlockFault::Malformed));
        assert_eq!(reader.trailers(&block(&[("x-checksum", "1")])), Ok(()));
    }

    /// What a client writes: a field that is in its table by its index, others spelled out and perhaps kept there.
    fn write(
        table: &mut Vec<(String, String)>,
        block: &mut Vec<u8>,
        (name, value, is_kept): &(String, String, bool),
    ) {
        let field = (name.clone(), value.clone());
        if let Some(age) = table.iter().rev().position(|known| *known == field) {
            block.push(0x80 | u8::try_from(STATIC_COUNT.saturating_add(1).saturating_add(age)).unwrap());
            return;
        }
        block.push(if *is_kept { 0x40 } else { 0 });
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
        // The first 50 fit into both tables, whatever they are.
        if *is_kept {
            table.push(field);
        }
    }

    fn any_field() -> impl Strategy<Value = (String, String, bool)> {
        let name = proptest::sample::select(vec![
            "accept",
            "user-agent",
            "x-a",
            "x_b",
            "content_type",
            "cookie",
            "te",
            "host",
            "content-length",
            "expect",
            "x-name-of-some-length",
            "content-type",
            "trailer",
            "x-forwarded-for",
            "proxy-authorization",
            "x~",
        ]);
        let value = prop_oneof![
            4 => "[!-~\u{e9}]{0,12}",
            4 => proptest::sample::select(vec!["5", "100-continue", "trailers", "h.test", "", "a\tb  c", "005"])
                .prop_map(str::to_owned),
            1 => proptest::sample::select(vec![" a", "a\t", "a\nb", "\u{7f}"]).prop_map(str::to_owned),
        ];
        (name.prop_map(str::to_owned), value, any::<bool>())
    }

    fn any_head() -> impl Strategy<Value = Vec<(String, String, bool)>> {
        let path = proptest::sample::select(vec!["/", "/a?b", "/a b", "*", "/#", "/long/path/of/many/bytes"]);
        let method = proptest::sample::select(vec!["GET", "POST", "OPTIONS", "TRACE", "HEAD", "X"]);
        let authority = proptest::option::of(proptest::sample::select(vec!["h.test", "h.test:80", "h/"]));
        let fields = proptest::collection::vec(any_field(), 0..8);
        (path, method, authority, fields).prop_map(|(path, method, authority, fields)| {
            let pseudo = [(":method", method), (":scheme", "https"), (":path", path)].into_iter();
            let pseudo = pseudo.chain(authority.map(|authority| (":authority", authority)));
            let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.to_owned(), false));
            pseudo.chain(fields).collect()
        })
    }

    fn any_limits() -> impl Strategy<Value = http1::Limits> {
        (10..60_usize, 40..300_usize, 60..400_usize, 1..12_usize, 4..30_usize).prop_map(
            |(request_line_bytes, head_bytes, raw_head_bytes, header_fields, header_name_bytes)| {
                http1::Limits {
                    request_line_bytes,
                    head_bytes,
                    raw_head_bytes,
                    header_fields,
                    header_name_bytes,
                    ..http1::Limits::PRIVATE
                }
            },
        )
    }

    proptest! {
        /// The twin: the same head as a client of HTTP/1.1 sends it, looked at byte for byte.
        #[test]
        fn h2downgrade_known_lines_are_judged_like_their_text(
            heads in proptest::collection::vec((any_head(), proptest::option::of(any_limits())), 1..7),
        ) {
            let (mut reader, mut memory, mut table) = (BlockReader::new(600), HeadMemory::default(), Vec::new());
            for (fields, limits) in heads {
                let limits = limits.unwrap_or(http1::Limits::PRIVATE);
                let mut block = Vec::new();
                fields.iter().for_each(|field| write(&mut table, &mut block, field));
                let Ok(outcome) = reader.request(&block, &limits, &mut memory) else { continue };
                let mut head = RequestHead::default();
                let twin = http1::read_request(&memory.bytes, &limits, &mut head);
                match (outcome, twin) {
                    (Ok(()), twin) => {
                        prop_assert_eq!(twin, Ok(Progress::Complete));
                        prop_assert_eq!(memory.head.fields().as_slice(), head.fields().as_slice());
                        prop_assert_eq!(format!("{:?}", memory.head), format!("{head:?}"));
                    }
                    (Err(HeadRefusal { reason, .. }), _) if OF_HTTP2.contains(&reason) => {}
                    (Err(refusal), Err(fault)) => prop_assert_eq!(
                        (refusal.status, refusal.reason, refusal.limit),
                        (fault.status(), fault.reason(), fault.limit())
                    ),
                    (Err(refusal), Ok(Progress::Partial)) => prop_assert_eq!(refusal.reason, "the head does not end"),
                    (Err(refusal), Ok(Progress::Complete)) => prop_assert!(false, "{:?}", refusal),
                }
            }
        }
    }

    /// What is refused before the grammar of HTTP/1.1 is asked.
    const OF_HTTP2: [&str; 6] = [
        "more than one host",
        "host and :authority disagree",
        "no host",
        "the path does not start with `/`",
        "the scheme is neither http nor https",
        "the header list is too long",
    ];
}
