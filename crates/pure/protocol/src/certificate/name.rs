//! Distinguished names as text: in the order of the certificate, `,` between the parts, escaped as RFC 4514
//! asks.

use std::fmt::Write;

use super::der::{OBJECT_IDENTIFIER, Reader, SEQUENCE, SET, dotted};

/// Short names of attributes (RFC 4514 section 3, and those that certificates use beside them).
const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "T"),
    ("2.5.4.42", "GIVENNAME"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "EMAILADDRESS"),
];

const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const BMP_STRING: u8 = 0x1e;

/// The text of a name, given what is in its outer sequence; `None` where it is malformed.
pub(super) fn text(name: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut parts = Reader::new(name);
    while !parts.is_at_end() {
        let mut attributes = parts.next_if(SET)?.reader();
        let mut separator = if text.is_empty() { "" } else { "," };
        while !attributes.is_at_end() {
            text.push_str(separator);
            separator = "+";
            let mut attribute = attributes.next_if(SEQUENCE)?.reader();
            let kind = dotted(attribute.next_if(OBJECT_IDENTIFIER)?.content);
            let value = attribute.next()?;
            let short = SHORT_NAMES.iter().find(|(identifier, _)| *identifier == kind);
            text.push_str(short.map_or(kind.as_str(), |(_, short)| short));
            text.push('=');
            match string(value.tag, value.content) {
                Some(value) => push_escaped(&value, &mut text),
                None => push_hexadecimal(value.whole, &mut text),
            }
        }
    }
    Some(text)
}

fn string(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING | PRINTABLE_STRING | IA5_STRING => String::from_utf8(content.to_vec()).ok(),
        // In practice Latin-1.
        TELETEX_STRING => Some(content.iter().copied().map(char::from).collect()),
        BMP_STRING => {
            let units = content.chunks(2).map(|pair| match pair {
                [high, low] => Some(u16::from_be_bytes([*high, *low])),
                _ => None,
            });
            String::from_utf16(&units.collect::<Option<Vec<u16>>>()?).ok()
        }
        _ => None,
    }
}

/// RFC 4514 section 2.4.
fn push_escaped(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().enumerate() {
        let special = match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            '#' => index == 0,
            ' ' => index == 0 || index == last,
            _ => false,
        };
        if special {
            text.push('\\');
        }
        match character {
            '\0'..='\x1f' | '\x7f' => {
                // Writing to text does not fail.
                let _ = write!(text, "\\{:02x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
}

fn push_hexadecimal(bytes: &[u8], text: &mut String) {
    text.push('#');
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn attribute(identifier: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        element(SEQUENCE, &[element(OBJECT_IDENTIFIER, identifier), element(tag, value)].concat())
    }

    #[test]
    fn names_are_written_in_their_order_and_escaped() {
        let name = [
            element(SET, &attribute(&[0x55, 4, 6], PRINTABLE_STRING, b"US")),
            element(SET, &attribute(&[0x55, 4, 10], UTF8_STRING, b" Pets, \"Inc\"; a\\b#")),
            element(
                SET,
                &[
                    attribute(&[0x55, 4, 11], TELETEX_STRING, b"Z\xfcrich"),
                    attribute(&[0x55, 4, 3], BMP_STRING, &[0, b'#', 0, b'x']),
                ]
                .concat(),
            ),
            element(SET, &attribute(&[0x2a, 3], 0x02, &[5])),
            element(SET, &attribute(&[0x55, 4, 3], UTF8_STRING, b"a\nb ")),
        ]
        .concat();
        let expected = r#"C=US,O=\ Pets\, \"Inc\"\; a\\b#,OU=Zürich+CN=\#x,1.2.3=#020105,CN=a\0ab\ "#;
        assert_eq!(text(&name).unwrap(), expected);
        assert_eq!(text(&[]).unwrap(), "");
        for cut in 1..name.len() {
            let _ = text(&name[..cut]);
        }
        assert_eq!(text(&name[..5]), None);
    }
}
