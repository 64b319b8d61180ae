//! What was freed goes back to the system.

use std::hint::black_box;

/// Has the allocator give back to the system what has been free for a second. It looks for that where it frees a
/// large piece, which a gateway that has read its configuration, or rests, never does.
pub(crate) fn give_back_freed() {
    drop(black_box(Vec::<u8>::with_capacity(LARGE_BYTES)));
}

/// A piece that the allocator keeps for nobody: for it alone it looks at all that is free. It is never written to.
const LARGE_BYTES: usize = 4 << 20;

/// How often a gateway gives back memory, once a second, after it has freed much of it: the allocator waits a
/// second, and what served before may be freed late.
pub(crate) const TIMES: u8 = 3;
