//! What was freed goes back to the system.

use std::{hint::black_box, time::Duration};

use tokio::time;

/// Has the allocator give back to the system what is free, in whole pages: what requests needed, what threads that
/// have ended left, what this thread has freed. It does that before it refuses memory. Otherwise it does only while it
/// frees a page, for what has been free for a second; a gateway that rests frees none.
pub(crate) fn give_back_freed() {
    // It fails, which is what it is for.
    let _ = black_box(Vec::<u8>::new().try_reserve_exact(black_box(MORE_THAN_THERE_IS)));
}

/// Gives back again and again what requests needed and need no more.
pub(crate) async fn give_back_again_and_again() {
    loop {
        time::sleep(INTERVAL).await;
        give_back_freed();
    }
}

/// So long memory may stand free. What is used all the time is rarely free just then.
const INTERVAL: Duration = Duration::from_secs(1);

/// More bytes than any system gives to a process.
const MORE_THAN_THERE_IS: usize = usize::MAX / 4;
