//! Distinguished encoding (X.690): one element after the other, no more than certificates need.

/// What elements are read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'der> {
    rest: &'der [u8],
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'der> {
    pub(super) tag: u8,
    pub(super) content: &'der [u8],
    /// Tag and length included.
    pub(super) whole: &'der [u8],
}

pub(super) const CONTEXT_0: u8 = 0xa0;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

impl<'der> Reader<'der> {
    pub(super) const fn new(der: &'der [u8]) -> Self {
        Self { rest: der }
    }

    /// The next element; `None` at the end, and where what comes is none.
    pub(super) fn next(&mut self) -> Option<Element<'der>> {
        let (tag, length_bytes) = self.rest.split_first()?;
        let (first, behind) = length_bytes.split_first()?;
        let (length, header) = match *first {
            short @ 0..=0x7f => (usize::from(short), 2),
            long @ 0x81..=0x84 => {
                let count = usize::from(long & 0x7f);
                let digits = behind.get(..count)?;
                let length = digits.iter().try_fold(0_usize, |length, byte| {
                    length.checked_mul(256)?.checked_add(usize::from(*byte))
                })?;
                (length, count.checked_add(2)?)
            }
            _ => return None,
        };
        let end = header.checked_add(length)?;
        let whole = self.rest.get(..end)?;
        let element = Element { tag: *tag, content: whole.get(header..)?, whole };
        self.rest = self.rest.get(end..)?;
        Some(element)
    }

    /// The next element if it has this tag; else nothing is taken.
    pub(super) fn next_if(&mut self, tag: u8) -> Option<Element<'der>> {
        let mut ahead = *self;
        let element = ahead.next().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'der> Element<'der> {
    /// What is in it.
    pub(super) const fn reader(&self) -> Reader<'der> {
        Reader::new(self.content)
    }
}

/// An object identifier as its numbers with dots between them.
pub(super) fn dotted(identifier: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in identifier {
        arc = arc.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.extend([first, arc.saturating_sub(first.saturating_mul(40))]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    arcs.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_one_after_the_other() {
        let mut reader = Reader::new(&[0x02, 1, 7, 0x30, 0x81, 2, 1, 2, 0x05, 0]);
        assert_eq!(reader.next_if(SEQUENCE), None);
        assert_eq!(reader.next_if(INTEGER).unwrap().content, [7]);
        let sequence = reader.next().unwrap();
        assert_eq!((sequence.tag, sequence.content, sequence.whole.len()), (SEQUENCE, &[1, 2][..], 5));
        assert!(reader.next().unwrap().content.is_empty());
        assert!(reader.is_at_end() && reader.next().is_none());
    }

    #[test]
    fn what_is_cut_short_or_of_no_length_is_no_element() {
        for bytes in
            [&[][..], &[2], &[2, 2, 1], &[2, 0x80, 0, 0], &[2, 0x85, 0, 0, 0, 0, 1, 1], &[2, 0x82, 1]]
        {
            assert!(Reader::new(bytes).next().is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn identifiers_have_their_numbers() {
        assert_eq!(dotted(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1]), "1.2.840.113549.1.9.1");
    }
}
