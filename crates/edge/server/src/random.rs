//! Random bits for request ids, drawn from the cryptographic generator in batches.

use rustls::crypto::SecureRandom;

/// A worker's stock of random bits.
#[derive(Debug)]
pub(crate) struct Randomness {
    source: &'static dyn SecureRandom,
    stock: Box<[u8; STOCK_BYTES]>,
    used: usize,
}

impl Randomness {
    /// An empty stock.
    pub(crate) fn new() -> Self {
        let source = rustls::crypto::aws_lc_rs::default_provider().secure_random;
        Self { source, stock: Box::new([0; STOCK_BYTES]), used: STOCK_BYTES }
    }

    /// Sixteen bytes that nobody had before.
    pub(crate) fn draw(&mut self) -> u128 {
        const BYTES: usize = size_of::<u128>();
        if self.used >= STOCK_BYTES {
            // The generator fails only where the system has none at all. Ids may then repeat, which
            // no decision rests on.
            if self.source.fill(&mut *self.stock).is_err() {
                self.stock.rotate_left(1);
            }
            self.used = 0;
        }
        let bytes = self.stock.get(self.used..self.used + BYTES).unwrap_or_default();
        self.used += BYTES;
        bytes.try_into().map_or(0, u128::from_ne_bytes)
    }
}

/// 256 draws.
const STOCK_BYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_draw_repeats() {
        let mut randomness = Randomness::new();
        let drawn: HashSet<u128> = (0..1_000).map(|_| randomness.draw()).collect();
        assert_eq!(drawn.len(), 1_000);
    }
}
