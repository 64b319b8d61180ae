//! How fast: token buckets.

mod bucket;

pub use bucket::{Bucket, Pace};
