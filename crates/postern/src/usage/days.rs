//! Used and left, day by day, as the service's usage call tells it
//! ([GetUsage](https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsage.html)).

use std::ops::RangeInclusive;

use postern_gateway::{DayUse, KeyUsage, QuotaLevel, first_day_of};
use postern_model::Quota;
use serde_json::{Value, json};

/// So many days are kept, the one that it is included. What is older is dropped.
pub(crate) const DAYS_KEPT: u32 = 90;

/// One day of a key in a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DayLeft {
    /// The day, counted from 1970-01-01; 0: none.
    pub(crate) day: u32,
    /// Requests that were counted on it.
    pub(crate) used: u64,
    /// Requests of the plan's quota that were left when it ended, or that are left now; absent without
    /// a quota.
    pub(crate) left: Option<u64>,
}

/// What a key has used of a plan, as it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What is used of the plan's quota.
    pub(crate) quota: QuotaLevel,
    /// The last day on which the key was used.
    pub(crate) last: DayLeft,
}

impl Kept {
    /// Goes on to what is counted now. Gives the days that are over since this was written.
    pub(crate) fn go_on(self, usage: &KeyUsage<'_>) -> (Self, Vec<DayLeft>) {
        let level = usage.level;
        let (mut last, mut over) = (self.last, Vec::new());
        for DayUse { day, used } in level.days.into_iter().filter(|day| day.day >= self.last.day.max(1)) {
            if day > last.day {
                over.extend((last.day > 0).then_some(last));
                let quota = usage.quota;
                let left = quota.map(|quota| Self::left_before(day, quota, level.quota, last));
                last = DayLeft { day, used: 0, left };
            }
            let more = used.saturating_sub(last.used);
            last = DayLeft { day, used, left: last.left.map(|left| left.saturating_sub(more)) };
        }
        // Of the last day it is known exactly. Without a plan there is nothing to tell.
        if let Some(quota) = usage.quota {
            last.left = Some(left_of(level.quota, quota, last.day));
        }
        (Self { quota: level.quota, last }, over)
    }

    /// What was left when a day began on which the key was used.
    fn left_before(day: u32, quota: Quota, level: QuotaLevel, last: DayLeft) -> u64 {
        let period = first_day_of(quota.period, day);
        let left = last.left.filter(|_| last.day > 0 && first_day_of(quota.period, last.day) == period);
        left.unwrap_or_else(|| limit_of(level, quota, period))
    }
}

/// Which days a question is about, both counted from 1970-01-01.
pub(crate) type Days = RangeInclusive<u32>;

/// What is told of a key in a plan.
#[derive(Debug)]
pub(crate) struct UsageRow<'a> {
    pub(crate) usage: KeyUsage<'a>,
    /// The last day, for the plan's period.
    pub(crate) today: u32,
    /// Used and left of each day that was asked for.
    pub(crate) days: Vec<DayLeft>,
}

impl<'a> UsageRow<'a> {
    /// Lays what is counted now over what is kept. `kept_day` tells what is kept of days that are over.
    pub(crate) fn of(
        usage: KeyUsage<'a>,
        kept: Kept,
        (days, today): (&Days, u32),
        kept_day: impl Fn(u32) -> Option<DayLeft>,
    ) -> Self {
        let was_used = kept.last.day;
        let (now, over) = kept.go_on(&usage);
        let known = |day: u32| {
            let counted = over.iter().chain([&now.last]).find(|own| own.day == day).copied();
            counted.or_else(|| (day < was_used).then(|| kept_day(day)).flatten())
        };
        let start = *days.start();
        let begin = usage.quota.map_or(start, |quota| first_day_of(quota.period, start));
        let mut told = Vec::new();
        let mut left = None;
        for day in begin..=*days.end() {
            if let Some(quota) = usage.quota
                && first_day_of(quota.period, day) == day
            {
                left = Some(limit_of(usage.level.quota, quota, day));
            }
            let known = known(day);
            // What was left while the plan had no quota is not told.
            if let (Some(_), Some(known)) = (left, known.and_then(|known| known.left)) {
                left = Some(known);
            }
            if days.contains(&day) {
                told.push(DayLeft { day, used: known.map_or(0, |known| known.used), left });
            }
        }
        Self { usage, today, days: told }
    }

    /// The row as the admin listener tells it: the present period, then the days.
    pub(crate) fn json(&self) -> Value {
        let KeyUsage { plan, key, quota, level } = self.usage;
        let days: Vec<Value> = self.days.iter().map(DayLeft::json).collect();
        match quota {
            Some(quota) => {
                let (used, left) = level.quota.used_and_left(quota, milliseconds_of(self.today));
                let period = quota.period.to_string();
                json!({
                    "plan": plan, "key": key, "period": period, "limit": quota.limit,
                    "used": used, "left": left, "days": days,
                })
            }
            None => json!({"plan": plan, "key": key, "days": days}),
        }
    }
}

impl DayLeft {
    /// `[used, left]`, as the service writes it.
    fn json(&self) -> Value {
        json!([self.used, self.left])
    }
}

fn left_of(level: QuotaLevel, quota: Quota, day: u32) -> u64 {
    level.used_and_left(quota, milliseconds_of(day)).1
}

fn limit_of(level: QuotaLevel, quota: Quota, period: u32) -> u64 {
    u64::try_from(level.limit_in(quota, period)).unwrap_or_default()
}

fn milliseconds_of(day: u32) -> u64 {
    u64::from(day) * 86_400_000
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use postern_gateway::UsageLevel;
    use postern_model::QuotaPeriod;

    use super::*;

    /// 2026-11-22, a Sunday.
    const TODAY: u32 = 20_779;

    fn usage(quota: Option<Quota>, quota_used: (u32, i64), days: [(u32, u64); 2]) -> KeyUsage<'static> {
        let quota_level = QuotaLevel { period: quota_used.0, used: quota_used.1, first_period: Some(1) };
        let days = days.map(|(day, used)| DayUse { day, used });
        KeyUsage { plan: "gold", key: "checkout", quota, level: UsageLevel { quota: quota_level, days } }
    }

    fn month(limit: u64) -> Option<Quota> {
        Some(Quota { limit, period: QuotaPeriod::Month, offset: 0 })
    }

    fn day(limit: u64) -> Option<Quota> {
        Some(Quota { limit, period: QuotaPeriod::Day, offset: 0 })
    }

    const fn left(day: u32, used: u64, left: u64) -> DayLeft {
        DayLeft { day, used, left: Some(left) }
    }

    #[test]
    fn a_day_that_is_over_is_given_out_with_its_last_requests() {
        let month_begin = first_day_of(QuotaPeriod::Month, TODAY);
        let (kept, over) = Kept::default().go_on(&usage(month(100), (month_begin, 5), [(0, 0), (TODAY, 5)]));
        assert_eq!((kept.last, over), (left(TODAY, 5, 95), vec![]));
        // Two more came before midnight and three after, since it was written.
        let (kept, over) = kept.go_on(&usage(month(100), (month_begin, 10), [(TODAY, 7), (TODAY + 1, 3)]));
        assert_eq!((kept.last, over), (left(TODAY + 1, 3, 90), vec![left(TODAY, 7, 93)]));
    }

    #[test]
    fn a_day_that_was_never_written_is_given_out_too() {
        let (kept, over) = Kept::default().go_on(&usage(day(100), (TODAY, 3), [(TODAY - 1, 7), (TODAY, 3)]));
        assert_eq!((kept.last, over), (left(TODAY, 3, 97), vec![left(TODAY - 1, 7, 93)]));
        let old = Kept { last: left(TODAY - 9, 1, 99), ..Kept::default() };
        let (_, over) = old.go_on(&usage(day(100), (TODAY, 3), [(TODAY - 1, 7), (TODAY, 3)]));
        assert_eq!(over, [left(TODAY - 9, 1, 99), left(TODAY - 1, 7, 93)]);
    }

    #[test]
    fn days_are_told_with_what_was_left_of_their_period() {
        let kept_days = BTreeMap::from([(TODAY - 3, left(TODAY - 3, 10, 90))]);
        let kept = Kept { last: left(TODAY - 1, 5, 85), ..Kept::default() };
        let begin = first_day_of(QuotaPeriod::Month, TODAY);
        let now = usage(month(100), (begin, 16), [(TODAY - 1, 5), (TODAY, 1)]);
        let row = UsageRow::of(now, kept, (&(TODAY - 4..=TODAY), TODAY), |day| kept_days.get(&day).copied());
        let told: Vec<_> = row.days.iter().map(|day| (day.used, day.left.unwrap())).collect();
        assert_eq!(told, [(0, 100), (10, 90), (0, 90), (5, 85), (1, 84)]);
    }

    #[test]
    fn each_period_begins_with_its_own_allowance() {
        let quota = Quota { limit: 10, period: QuotaPeriod::Week, offset: 4 };
        let level = QuotaLevel { period: TODAY - 7, used: 6, first_period: Some(TODAY - 7) };
        let days = [DayUse::default(), DayUse { day: TODAY - 2, used: 6 }];
        let now = KeyUsage {
            quota: Some(quota),
            level: UsageLevel { quota: level, days },
            ..usage(None, (0, 0), [(0, 0); 2])
        };
        let row = UsageRow::of(now, Kept::default(), (&(TODAY - 8..=TODAY), TODAY), |_| None);
        let told: Vec<_> = row.days.iter().map(|day| (day.used, day.left.unwrap())).collect();
        assert_eq!(told, [(0, 10), (0, 6), (0, 6), (0, 6), (0, 6), (0, 6), (6, 0), (0, 0), (0, 10)]);
    }

    #[test]
    fn without_a_quota_only_what_was_used_is_told() {
        let now = usage(None, (0, 0), [(TODAY - 1, 7), (TODAY, 3)]);
        let row = UsageRow::of(now, Kept::default(), (&(TODAY - 2..=TODAY), TODAY), |_| None);
        assert_eq!(
            row.json().to_string(),
            r#"{"plan":"gold","key":"checkout","days":[[0,null],[7,null],[3,null]]}"#
        );
    }

    #[test]
    fn a_day_s_row_is_as_the_service_writes_it() {
        let now = usage(day(10), (TODAY, 3), [(0, 0), (TODAY, 3)]);
        let row = UsageRow::of(now, Kept::default(), (&(TODAY - 1..=TODAY), TODAY), |_| None);
        let expected = r#"{"plan":"gold","key":"checkout","period":"DAY","limit":10,"used":3,"left":7,"days":[[0,10],[3,7]]}"#;
        assert_eq!(row.json().to_string(), expected);
    }
}
