//! Taking from a token bucket, alone and beside another thread.

use std::{hint::black_box, sync::Arc, thread};

use postern_gateway::{Bucket, Pace};
use postern_model::ThrottleLimit;

use crate::Operation;

/// Far above what is asked for, so that there is always a token.
const PLENTY: f64 = 1e9;

fn pace(rate_per_second: f64, burst: u32) -> Pace {
    Pace::of(ThrottleLimit::new(rate_per_second, burst).expect("a limit"))
}

/// Takes a token that is there.
pub(crate) fn take() -> Operation {
    taking(Arc::new(Bucket::default()))
}

/// Asks a bucket that is empty.
pub(crate) fn refuse() -> Operation {
    let (bucket, pace) = (Bucket::default(), pace(1.0, 1));
    bucket.take(pace, 1);
    Box::new(move || usize::from(bucket.take(black_box(pace), 1)))
}

/// Takes a token while another thread does the same. Callgrind lets one thread run at a time and gives the other
/// its turn after some thousand instructions, so a count holds the attempts that a turn in between spoilt, and not the
/// time that two CPUs lose over one cache line.
pub(crate) fn contended() -> Operation {
    let bucket = Arc::new(Bucket::default());
    let mut other = taking(Arc::clone(&bucket));
    // It ends with the process.
    thread::spawn(move || {
        loop {
            black_box(other());
        }
    });
    taking(bucket)
}

fn taking(bucket: Arc<Bucket>) -> Box<dyn FnMut() -> usize + Send> {
    let (pace, mut now) = (pace(PLENTY, 1_000_000), 0);
    Box::new(move || {
        now += 10;
        usize::from(bucket.take(black_box(pace), now))
    })
}
