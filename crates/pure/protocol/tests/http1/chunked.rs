//! Chunked bodies, row by row and by a law.

use postern_protocol::http1::{CHUNK_END, ChunkedReader, Fault, LAST_CHUNK, Limits, write_chunk_head};
use proptest::prelude::*;

/// The data of a body and what is left behind it; `None` when it did not end.
type Outcome = Result<Option<(Vec<u8>, Vec<u8>)>, Fault>;

/// Feeds the pieces of a body.
fn read<'input>(pieces: impl IntoIterator<Item = &'input [u8]>) -> Outcome {
    let mut reader = ChunkedReader::new();
    let (mut data, mut left, mut finished) = (Vec::new(), Vec::new(), false);
    for mut piece in pieces {
        while !piece.is_empty() && !finished {
            let step = reader.feed(piece, &Limits::PRIVATE)?;
            assert!(step.data.end <= step.consumed && step.consumed > 0);
            data.extend_from_slice(&piece[step.data]);
            piece = &piece[step.consumed..];
            finished = step.finished;
        }
        left.extend_from_slice(piece);
    }
    Ok(finished.then_some((data, left)))
}

#[test]
fn smuggling_chunked_bodies_that_are_served() {
    for (bytes, data, left) in [
        ("0\r\n\r\n", "", ""),
        ("5\r\nhello\r\n0\r\n\r\nGET", "hello", "GET"),
        ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", ""),
        ("0000000000000005\r\nhello\r\n00\r\n\r\n", "hello", ""),
        ("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""),
        // Data is not looked at.
        ("7\r\n0\r\n\r\n\n\0\r\n0\r\n\r\n", "0\r\n\r\n\n\0", ""),
        // Extensions are ignored.
        ("5;a=b;c\r\nhello\r\n0;last\r\n\r\n", "hello", ""),
        ("5;\r\nhello\r\n0; \t\r\n\r\n", "hello", ""),
        ("5;a=\"b\\\"\u{e9}\"\r\nhello\r\n0\r\n\r\n", "hello", ""),
        // Trailers are dropped.
        ("0\r\nX: y\r\nContent-Length: 5\r\n\r\nGET", "", "GET"),
        ("0\r\nX:\r\nY: \t \u{e9} \r\n\r\n", "", ""),
    ] {
        let expected = Ok(Some((data.as_bytes().to_vec(), left.as_bytes().to_vec())));
        assert_eq!(read([bytes.as_bytes()]), expected, "{bytes:?}");
        assert_eq!(read(bytes.as_bytes().chunks(1)), expected, "{bytes:?} byte by byte");
    }
}

#[test]
fn smuggling_chunked_bodies_that_are_refused() {
    for (bytes, fault) in [
        ("\r\n", Fault::ChunkSize),
        ("x\r\n", Fault::ChunkSize),
        ("+5\r\nhello", Fault::ChunkSize),
        ("-5\r\nhello", Fault::ChunkSize),
        ("0x5\r\nhello", Fault::ChunkSize),
        (" 5\r\nhello", Fault::ChunkSize),
        ("5 \r\nhello", Fault::ChunkSize),
        ("5\t;a\r\nhello", Fault::ChunkSize),
        ("5\x0b\r\nhello", Fault::ChunkSize),
        ("5,5\r\nhello", Fault::ChunkSize),
        ("5\nhello", Fault::ChunkSize),
        (";a\r\n", Fault::ChunkSize),
        ("00000000000000005\r\nhello", Fault::ChunkSize),
        ("10000000000000000\r\n", Fault::ChunkSize),
        ("5\rhello", Fault::ChunkLineEnd),
        ("5\r\rhello", Fault::ChunkLineEnd),
        ("5;a\nhello", Fault::ChunkExtension),
        ("5;a\rhello", Fault::ChunkLineEnd),
        ("5;a\0\r\nhello", Fault::ChunkExtension),
        ("5;a\x7f\r\nhello", Fault::ChunkExtension),
        ("5\r\nhello\n0\r\n\r\n", Fault::ChunkLineEnd),
        ("5\r\nhello\r0\r\n\r\n", Fault::ChunkLineEnd),
        ("5\r\nhello0\r\n\r\n", Fault::ChunkLineEnd),
        ("5\r\nhello!\r\n0\r\n\r\n", Fault::ChunkLineEnd),
        ("0\r\n\n", Fault::BareLineFeed),
        ("0\r\n\r\r", Fault::ChunkLineEnd),
        ("0\r\nX\r\n\r\n", Fault::FieldName),
        ("0\r\nX : y\r\n\r\n", Fault::FieldName),
        ("0\r\n: y\r\n\r\n", Fault::FieldName),
        ("0\r\n X: y\r\n\r\n", Fault::FoldedLine),
        ("0\r\nX: y\r\n\tz\r\n\r\n", Fault::FoldedLine),
        ("0\r\nX: y\n\r\n", Fault::BareLineFeed),
        ("0\r\nX: y\rz", Fault::BareCarriageReturn),
        ("0\r\nX: \0\r\n\r\n", Fault::FieldValue),
    ] {
        assert_eq!(read([bytes.as_bytes()]), Err(fault), "{bytes:?}");
        assert_eq!(read(bytes.as_bytes().chunks(1)), Err(fault), "{bytes:?} byte by byte");
        assert_eq!(fault.status(), 400, "{bytes:?}");
    }
}

#[test]
fn smuggling_chunked_bodies_that_are_cut_short_do_not_end() {
    let whole = b"5;a\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for end in 0..whole.len() {
        assert_eq!(read([&whole[..end]]), Ok(None), "{end}");
    }
}

#[test]
fn limits_the_largest_chunk_is_counted_right() {
    let mut reader = ChunkedReader::new();
    let step = reader.feed(b"ffffffffffffffff\r\nabc", &Limits::PRIVATE).unwrap();
    assert_eq!((step.consumed, step.data), (21, 18..21));
}

proptest! {
    #[test]
    fn smuggling_chunks_that_are_written_are_read_again(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
        cuts in proptest::collection::vec(1..30_usize, 1..60),
    ) {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            write_chunk_head(&mut bytes, chunk.len());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(CHUNK_END);
        }
        bytes.extend_from_slice(LAST_CHUNK);
        bytes.extend_from_slice(b"next");
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(rest);
        prop_assert_eq!(read(pieces), Ok(Some((chunks.concat(), b"next".to_vec()))));
    }

    #[test]
    fn smuggling_any_bytes_are_read_alike_whole_and_in_pieces(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'1'), Just(b';')], 0..60),
    ) {
        prop_assert_eq!(read([bytes.as_slice()]), read(bytes.chunks(1)));
    }
}
