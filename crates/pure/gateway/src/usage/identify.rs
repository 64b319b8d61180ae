//! The key of a request (AU-10 to AU-18), and what it takes of buckets and quota.

use std::sync::Arc;

use postern_model::ApiKeySource;
use postern_protocol::http1::KnownName;

use super::Usage;
use crate::{
    ApiKeyFault, Arrival, Now, Record, Refusal, Snapshot, ThrottleLevel,
    authorization::Permit,
    routing::{Located, Matched},
    throttle::{Bucket, Pace},
};

/// Finds the key of a request, where the method wants one, and notes it in the record. It comes from the
/// header, or from the authorizer and then whatever the header says (AU-11).
pub(crate) fn identify(
    record: &mut Record<'_>,
    located: &Located<'_>,
    matched: &Matched<'_>,
    arrival: &Arrival<'_>,
    _permit: &Permit,
) -> Result<Option<Usage>, Refusal> {
    if !matched.method.api_key_required {
        return Ok(None);
    }
    let value = match located.api.api_key_source {
        ApiKeySource::Header => of_header(arrival)?,
        ApiKeySource::Authorizer => {
            let outcome = record.authorizer.as_ref();
            outcome.and_then(|outcome| outcome.usage_identifier_key()).map(str::as_bytes)
        }
    };
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Err(Refusal::ApiKey(ApiKeyFault::Missing));
    };
    let (key, usage) = record.house.keys.find(value, located.stage.number);
    record.key = key;
    record.usage = usage.ok();
    usage.map(Some).map_err(Refusal::ApiKey)
}

fn of_header<'a>(arrival: &Arrival<'a>) -> Result<Option<&'a [u8]>, Refusal> {
    let fields = arrival.head.over(arrival.bytes).fields();
    if fields.is_repeated(KnownName::XApiKey) {
        return Err(Refusal::Head { status: 400, reason: "x-api-key came more than once" });
    }
    Ok(fields.value(KnownName::XApiKey))
}

/// Takes a token from every bucket that holds for the request, in the documented order (TH-20), and
/// counts it against the quota (TH-22). A refused request takes nothing anywhere (TH-24).
pub(crate) fn take(
    house: &Snapshot,
    located: &Located<'_>,
    matched: &Matched<'_>,
    usage: Option<Usage>,
    now: Now,
) -> Result<(), Refusal> {
    let mut taken = Taken { count: 0, buckets: [None; 3] };
    for (level, bucket, pace) in buckets(house, located, matched, usage) {
        taken.take(bucket, pace, level, now)?;
    }
    let plan = usage.and_then(|usage| house.keys.of(usage));
    if let Some((plan, membership)) = plan
        && !house.keys.accounts.count(membership.account, plan.quota, now.epoch_milliseconds)
    {
        taken.give_back();
        return Err(Refusal::QuotaExceeded);
    }
    Ok(())
}

/// The buckets that hold for a request behind authorization, in the order in which they are asked
/// (TH-20): of the method in the plan, else of the plan; of the method in the stage; of the account.
pub(crate) fn buckets<'a>(
    house: &'a Snapshot,
    located: &Located<'_>,
    matched: &Matched<'a>,
    usage: Option<Usage>,
) -> impl Iterator<Item = (ThrottleLevel, &'a Bucket, Pace)> {
    let plan = usage.and_then(|usage| house.keys.of(usage));
    let of_plan = plan.and_then(|(plan, membership)| {
        let method = plan.method(located.stage.number, &matched.method.path, matched.verb);
        let own = method.and_then(|(pace, place)| Some((pace, house.keys.method_bucket(membership, place)?)));
        if let Some((pace, bucket)) = own {
            return Some((ThrottleLevel::PlanMethod, &**bucket, pace));
        }
        let account = house.keys.accounts.get(membership.account)?;
        Some((ThrottleLevel::Plan, &account.bucket, plan.throttle?))
    });
    let of_method = matched.stage_method.throttles.of(matched.verb);
    let of_method = of_method.map(|(pace, bucket)| (ThrottleLevel::Method, bucket, pace));
    let of_account = house.account_throttle.as_ref().filter(|(it, ..)| !it.before_authorization);
    let of_account = of_account.map(|(_, pace, bucket)| (ThrottleLevel::Account, &**bucket, *pace));
    [of_plan, of_method, of_account].into_iter().flatten()
}

/// Takes from the account's bucket where that stands before authorization (AU-2).
pub(crate) fn take_before_authorization(house: &Snapshot, now: Now) -> Result<(), Refusal> {
    let account = house.account_throttle.as_ref().filter(|(it, ..)| it.before_authorization);
    match account {
        Some((_, pace, bucket)) if !bucket.take(*pace, now.monotonic_nanoseconds) => {
            Err(Refusal::Throttled(ThrottleLevel::Account))
        }
        _ => Ok(()),
    }
}

/// The buckets that a request has taken from so far.
struct Taken<'a> {
    count: usize,
    buckets: [Option<(&'a Bucket, Pace)>; 3],
}

impl<'a> Taken<'a> {
    fn take(
        &mut self,
        bucket: &'a Bucket,
        pace: Pace,
        level: ThrottleLevel,
        now: Now,
    ) -> Result<(), Refusal> {
        if !bucket.take(pace, now.monotonic_nanoseconds) {
            self.give_back();
            return Err(Refusal::Throttled(level));
        }
        if let Some(place) = self.buckets.get_mut(self.count) {
            *place = Some((bucket, pace));
            self.count += 1;
        }
        Ok(())
    }

    fn give_back(&mut self) {
        for (bucket, pace) in self.buckets.iter_mut().filter_map(Option::take) {
            bucket.give_back(pace);
        }
    }
}

/// A bucket that is shared between snapshots, and the limits that it goes from and to.
#[derive(Debug)]
pub(crate) struct Adaptation {
    pub(crate) bucket: AdaptedBucket,
    pub(crate) old: Pace,
    pub(crate) new: Pace,
}

/// Where a shared bucket stands.
#[derive(Debug)]
pub(crate) enum AdaptedBucket {
    Own(Arc<Bucket>),
    /// Of a method in a stage, by its place.
    OfMethod(Arc<[Bucket]>, usize),
    /// Of a key in a plan, by the number of its account.
    OfAccount(u32),
}

impl Adaptation {
    pub(crate) fn apply(&self, house: &Snapshot, now: Now) {
        let bucket = match &self.bucket {
            AdaptedBucket::Own(bucket) => Some(&**bucket),
            AdaptedBucket::OfMethod(buckets, place) => buckets.get(*place),
            AdaptedBucket::OfAccount(number) => {
                house.keys.accounts.get(*number).map(|account| &account.bucket)
            }
        };
        if let Some(bucket) = bucket {
            bucket.adapt(self.old, self.new, now.monotonic_nanoseconds);
        }
    }
}
