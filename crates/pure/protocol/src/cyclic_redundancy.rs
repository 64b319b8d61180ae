//! Cyclic redundancy checks: CRC-32C of the PROXY protocol, CRC-32 of event streams.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// CRC-32 as in Ethernet, zip and `application/vnd.amazon.eventstream` (polynomial 0x04C11DB7, reflected).
pub(crate) static CRC_32: CyclicRedundancyCheck = CyclicRedundancyCheck::new(0xEDB8_8320);

/// CRC-32C, "Castagnoli", as in SCTP and the PROXY protocol (polynomial 0x1EDC6F41, reflected).
pub(crate) static CRC_32C: CyclicRedundancyCheck = CyclicRedundancyCheck::new(0x82F6_3B78);

/// One check, by the table of what each byte does to the register.
pub(crate) struct CyclicRedundancyCheck {
    table: [u32; 256],
}

impl CyclicRedundancyCheck {
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, with numbers up to 256"
    )]
    const fn new(polynomial: u32) -> Self {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut register = byte;
            let mut bit = 0;
            while bit < 8 {
                let carry = register & 1;
                register >>= 1;
                if carry == 1 {
                    register ^= polynomial;
                }
                bit += 1;
            }
            table[byte as usize] = register;
            byte += 1;
        }
        Self { table }
    }

    /// The check of these pieces, one after the other.
    pub(crate) fn of(&self, pieces: &[&[u8]]) -> u32 {
        let register = pieces.iter().copied().flatten().fold(u32::MAX, |register, byte| {
            let [low, ..] = register.to_le_bytes();
            let step = self.table.get(usize::from(low ^ byte)).copied().unwrap_or_default();
            (register >> 8) ^ step
        });
        !register
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: one bit at a time, no table.
    fn bit_by_bit(polynomial: u32, bytes: &[u8]) -> u32 {
        let mut register = u32::MAX;
        for byte in bytes {
            register ^= u32::from(*byte);
            for _ in 0..8 {
                register = if register & 1 == 1 { (register >> 1) ^ polynomial } else { register >> 1 };
            }
        }
        !register
    }

    /// "Check" values of the catalogue of parametrised CRC algorithms.
    #[test]
    fn the_check_values_of_the_catalogue() {
        assert_eq!(CRC_32.of(&[b"123456789"]), 0xCBF4_3926);
        assert_eq!(CRC_32C.of(&[b"123456789"]), 0xE306_9283);
        assert_eq!(CRC_32C.of(&[]), 0);
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_the_definition(bytes: Vec<u8>, cut in 0..64_usize) {
            let (before, after) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(CRC_32.of(&[before, after]), bit_by_bit(0xEDB8_8320, &bytes));
            prop_assert_eq!(CRC_32C.of(&[before, after]), bit_by_bit(0x82F6_3B78, &bytes));
        }
    }
}
