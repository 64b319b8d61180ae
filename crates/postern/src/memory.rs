//! What was freed goes back to the system.

use std::hint::black_box;

/// Has the allocator give back to the system what is free, as far as whole pages of it are: all that threads which
/// have ended left, and what this thread has freed. It does so before it says that there is not enough memory, and
/// otherwise only where a page of it becomes empty later than a second after another one did, which in a gateway that
/// has read its configuration may never be.
pub(crate) fn give_back_freed() {
    // It fails, which is what it is for.
    let _ = black_box(Vec::<u8>::new()).try_reserve_exact(MORE_THAN_THERE_IS);
}

/// More bytes than any system gives to a process.
const MORE_THAN_THERE_IS: usize = usize::MAX / 4;
