//! Large buffers of one worker, lent while a body flows.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
    rc::Rc,
};

/// A worker's stock of body buffers.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyBuffers(Rc<RefCell<Stock>>);

#[derive(Debug, Default)]
struct Stock {
    spare: Vec<Box<[u8]>>,
    lent: usize,
}

impl BodyBuffers {
    /// A buffer of [`BODY_BUFFER_BYTES`]; it comes back when it is dropped.
    pub(crate) fn lend(&self) -> BodyBuffer {
        let mut stock = self.0.borrow_mut();
        stock.lent += 1;
        let bytes = stock.spare.pop();
        let bytes = bytes.unwrap_or_else(|| vec![0; BODY_BUFFER_BYTES].into_boxed_slice());
        BodyBuffer { bytes, home: self.clone() }
    }

    /// Whether so many are lent that who can do with less should.
    pub(crate) fn are_scarce(&self) -> bool {
        self.0.borrow().lent > LENT_FREELY_MAX
    }
}

/// A lent buffer. What stands in it at first is what somebody left.
#[derive(Debug)]
pub(crate) struct BodyBuffer {
    bytes: Box<[u8]>,
    home: BodyBuffers,
}

impl Deref for BodyBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for BodyBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for BodyBuffer {
    fn drop(&mut self) {
        let mut stock = self.home.0.borrow_mut();
        stock.lent -= 1;
        if stock.spare.len() < SPARE_MAX {
            stock.spare.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// Small buffers are the whole difference between a byte pump and a slow proxy on large bodies.
pub(crate) const BODY_BUFFER_BYTES: usize = 128 << 10;
/// Buffers that a worker keeps: 512 KiB.
const SPARE_MAX: usize = 4;
/// Buffers that may be lent before they are scarce: 8 MiB.
const LENT_FREELY_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_and_the_stock_has_an_end() {
        let buffers = BodyBuffers::default();
        let first = buffers.lend();
        assert_eq!(first.len(), BODY_BUFFER_BYTES);
        drop(first);
        assert_eq!(buffers.0.borrow().spare.len(), 1);
        let many: Vec<_> = (0..SPARE_MAX + 5).map(|_| buffers.lend()).collect();
        assert!(buffers.0.borrow().spare.is_empty());
        drop(many);
        assert_eq!(buffers.0.borrow().spare.len(), SPARE_MAX);
    }

    #[test]
    fn buffers_are_scarce_while_many_are_lent() {
        let buffers = BodyBuffers::default();
        let mut lent: Vec<_> = (0..LENT_FREELY_MAX).map(|_| buffers.lend()).collect();
        assert!(!buffers.are_scarce());
        lent.push(buffers.lend());
        assert!(buffers.are_scarce());
        drop(lent);
        assert!(!buffers.are_scarce());
    }
}
