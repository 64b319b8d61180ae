//! Memory that a worker lends to exchanges, so that a busy connection to a backend allocates nothing
//! and an idle one holds nothing.

use std::{cell::RefCell, ops::Deref, rc::Rc};

use crate::reply::Answering;

/// Holds a head and what comes with it: big reads are the whole difference on large answers.
const LARGE_BYTES: usize = 128 << 10;
/// How many of each kind a worker keeps.
const KEPT: usize = 256;
const LARGE_KEPT: usize = 32;

/// A worker's spare memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Rc<RefCell<Spare>>);

#[derive(Debug, Default)]
struct Spare {
    large: Vec<Box<[u8]>>,
    /// Counted, so that lending one and taking it back moves a pointer and allocates nothing.
    answering: Vec<Rc<Answering>>,
}

/// A buffer on loan. Going out of scope gives it back.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    from: Buffers,
}

/// The memory of an answer, on loan. Going out of scope gives it back.
#[derive(Debug)]
pub(crate) struct Lent {
    memory: Rc<Answering>,
    from: Buffers,
}

impl Buffers {
    /// A buffer for whatever a backend sends.
    pub(crate) fn large(&self) -> Buffer {
        let bytes = self.0.borrow_mut().large.pop();
        Buffer { bytes: bytes.unwrap_or_else(|| vec![0; LARGE_BYTES].into()), from: self.clone() }
    }

    /// Memory for an answer that nothing has come of.
    pub(crate) fn answering(&self) -> Lent {
        let memory = self.0.borrow_mut().answering.pop();
        Lent { memory: memory.unwrap_or_default(), from: self.clone() }
    }
}

impl Buffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
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
        if bytes.len() == LARGE_BYTES && spare.large.len() < LARGE_KEPT {
            spare.large.push(bytes);
        }
    }
}

impl Lent {
    /// The memory to write in. Nobody else holds it while it is lent, so it is always there.
    pub(crate) fn get_mut(&mut self) -> Option<&mut Answering> {
        Rc::get_mut(&mut self.memory)
    }
}

impl Deref for Lent {
    type Target = Answering;

    fn deref(&self) -> &Answering {
        &self.memory
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(memory) = Rc::get_mut(&mut self.memory) {
            memory.forget();
        }
        let mut spare = self.from.0.borrow_mut();
        if spare.answering.len() < KEPT {
            spare.answering.push(Rc::clone(&self.memory));
        }
    }
}
