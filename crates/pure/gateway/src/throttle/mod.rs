//! How fast: token buckets.

mod bucket;

pub(crate) use bucket::{Bucket, Pace};
