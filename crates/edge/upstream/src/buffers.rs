//! Memory that a worker lends to exchanges, so that a busy connection to a backend allocates nothing
//! and an idle one holds nothing.

use std::{cell::RefCell, rc::Rc};

use postern_protocol::http1::ResponseHead;

/// Holds a head and small bodies.
const SMALL_BYTES: usize = 16 << 10;
/// Moves large bodies: big reads are the whole difference on large answers.
const LARGE_BYTES: usize = 128 << 10;
/// How many of each kind a worker keeps.
const KEPT: usize = 256;
const LARGE_KEPT: usize = 32;

/// A worker's spare buffers and heads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Rc<RefCell<Spare>>);

#[derive(Debug, Default)]
struct Spare {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
    /// Counted, since a head is large and a reply is moved: passing one on is passing a pointer.
    heads: Vec<Rc<ResponseHead>>,
}

/// A buffer on loan. Going out of scope gives it back.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    from: Buffers,
}

impl Buffers {
    /// A buffer for a head and a small body.
    pub(crate) fn small(&self) -> Buffer {
        let bytes = self.0.borrow_mut().small.pop();
        Buffer { bytes: bytes.unwrap_or_else(|| vec![0; SMALL_BYTES].into()), from: self.clone() }
    }

    /// A buffer for a large body.
    pub(crate) fn large(&self) -> Buffer {
        let bytes = self.0.borrow_mut().large.pop();
        Buffer { bytes: bytes.unwrap_or_else(|| vec![0; LARGE_BYTES].into()), from: self.clone() }
    }

    /// An empty head with memory for its fields, held by nobody else.
    pub(crate) fn head(&self) -> Rc<ResponseHead> {
        let mut head = self.0.borrow_mut().heads.pop().unwrap_or_default();
        match Rc::get_mut(&mut head) {
            Some(own) => own.clear(),
            None => head = Rc::default(),
        }
        head
    }

    /// Takes a head back.
    pub(crate) fn give_back_head(&self, head: &Rc<ResponseHead>) {
        let mut spare = self.0.borrow_mut();
        if spare.heads.len() < KEPT {
            spare.heads.push(Rc::clone(head));
        }
    }
}

impl Buffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Who lent it.
    pub(crate) const fn owner(&self) -> &Buffers {
        &self.from
    }

    /// Twice the room. Such a buffer is not kept when it is given back.
    pub(crate) fn grow(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes).into_vec();
        bytes.resize(bytes.len().saturating_mul(2), 0);
        self.bytes = bytes.into_boxed_slice();
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut spare = self.from.0.borrow_mut();
        match bytes.len() {
            SMALL_BYTES if spare.small.len() < KEPT => spare.small.push(bytes),
            LARGE_BYTES if spare.large.len() < LARGE_KEPT => spare.large.push(bytes),
            _ => {}
        }
    }
}
