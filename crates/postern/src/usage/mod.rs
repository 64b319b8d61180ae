//! What keys have used of usage plans: kept from one process to the next, and told to whoever asks.

mod days;
mod keeper;
mod page;
mod store;

pub(crate) use days::{Days, UsageRow};
pub(crate) use keeper::UsageKeeper;
pub(crate) use page::{Question, UsagePage};
pub(crate) use store::{UsageReader, UsageStore};
