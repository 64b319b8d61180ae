//! How much work one rendering may still do.

use crate::{BYTES_PER_STEP, FailureReason};

/// Counts steps down. Work that grows with data costs steps in proportion, so that no function is a
/// way around the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    steps_left: u32,
}

impl Meter {
    pub(crate) const fn new(steps: u32) -> Self {
        Self { steps_left: steps }
    }

    /// Takes one step.
    pub(crate) fn step(&mut self) -> Result<(), FailureReason> {
        self.spend(1)
    }

    /// Takes as many steps.
    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), FailureReason> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps_left.checked_sub(steps));
        self.steps_left = left.ok_or(FailureReason::TooManySteps)?;
        Ok(())
    }

    /// Takes the steps of reading or building so many bytes.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), FailureReason> {
        self.spend(bytes / BYTES_PER_STEP)
    }
}
