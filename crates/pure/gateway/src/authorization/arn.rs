//! ARNs as policies and answers have them.

use std::{borrow::Cow, fmt::Write};

use postern_policy::{Arn, ExecuteApiBase};

use crate::{Arrival, Refusal, Snapshot, routing::Located};

/// Refuses a method whose ARN is too long.
pub(crate) fn check_arn_length(
    house: &Snapshot,
    located: &Located<'_>,
    arrival: &Arrival<'_>,
) -> Result<(), Refusal> {
    let fixed = "arn::execute-api:::".len();
    let verb = verb_of(located, arrival);
    let resource: usize = parts(located, &verb).iter().map(|part| part.len()).sum();
    let length = fixed + located.api.partition.len() + house.region.len() + house.account_id.len() + resource;
    if length as u64 > house.limits.method_arn_bytes { Err(Refusal::MethodArnTooLong) } else { Ok(()) }
}

/// The ARN of a method (RP-20, RP-23).
pub(crate) fn method_arn(house: &Snapshot, located: &Located<'_>, arrival: &Arrival<'_>) -> String {
    let mut text = String::new();
    write_method(located, arrival, &mut text);
    of(house, located, &text).to_string()
}

/// Writes what stands behind the account in the ARN of the method (RP-20, RP-23, RP-24).
pub(super) fn write_method(located: &Located<'_>, arrival: &Arrival<'_>, text: &mut String) {
    text.clear();
    text.extend(parts(located, &verb_of(located, arrival)));
}

/// The ARN of something under an API's account.
pub(super) fn of<'a>(house: &'a Snapshot, located: &Located<'a>, resource: &'a str) -> Arn<'a> {
    Arn {
        partition: located.api.partition,
        service: "execute-api",
        region: &house.region,
        account: &house.account_id,
        resource,
    }
}

/// What the ARNs of all methods of the API begin with.
pub(crate) fn base_of<'a>(house: &'a Snapshot, located: &Located<'a>) -> ExecuteApiBase<'a> {
    let api = located.api;
    ExecuteApiBase::api(api.partition, &house.region, &house.account_id, api.id.as_str())
}

/// The ARN as a denial shows it: of the account, the last four digits (RP-110).
pub(super) fn masked(arn: &Arn<'_>) -> Box<str> {
    let last_four = arn.account.get(arn.account.len().saturating_sub(4)..).unwrap_or_default();
    let mut text = String::with_capacity(96);
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", Arn { account: "********", ..*arn });
    text.replacen(":********:", &format!(":********{last_four}:"), 1).into()
}

fn parts<'l>(located: &Located<'l>, verb: &'l str) -> [&'l str; 6] {
    [located.api.id.as_str(), "/", &located.stage.name, "/", verb, located.resource_path]
}

/// The verb that routing took, or what was sent in its place where no route can have it.
fn verb_of<'v>(located: &Located<'_>, arrival: &Arrival<'v>) -> Cow<'v, str> {
    match located.verb {
        Some(verb) => verb.as_str().into(),
        None => String::from_utf8_lossy(arrival.head.over(arrival.bytes).method()),
    }
}
