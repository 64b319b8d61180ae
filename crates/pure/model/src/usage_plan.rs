//! Usage plans: how fast and how much a key may call.

use std::fmt;

use crate::{Malformed, RestApiId, StageName, Verb};

/// A usage plan.
#[derive(Clone, Debug, PartialEq)]
pub struct UsagePlan {
    /// Its name, unique.
    pub name: Box<str>,
    /// The bucket of each of its keys (TH-12); absent: none.
    pub throttle: Option<ThrottleLimit>,
    /// The allowance of each of its keys; absent: none.
    pub quota: Option<Quota>,
    /// The stages that its keys open.
    pub api_stages: Vec<ApiStage>,
    /// Its keys: their places among [`Configuration::api_keys`](crate::Configuration::api_keys), each once.
    pub api_keys: Vec<u32>,
}

/// A stage in a usage plan.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiStage {
    /// The API.
    pub api_id: RestApiId,
    /// The stage.
    pub stage: StageName,
    /// Buckets for single methods (L1 of TH-20).
    pub throttle: Vec<PlanMethodThrottle>,
}

/// A bucket for one method of a stage in a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanMethodThrottle {
    /// The resource's path template.
    pub resource_path: Box<str>,
    /// The verb; `ANY` stands for every verb that the resource names no entry for.
    pub verb: Verb,
    /// The bucket.
    pub limit: ThrottleLimit,
}

/// A token bucket (TH-1): `rate` tokens a second are added, `burst` is what it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThrottleLimit {
    rate_per_second: f64,
    burst: u32,
}

impl ThrottleLimit {
    /// A limit; the rate is finite and not negative.
    pub fn new(rate_per_second: f64, burst: u32) -> Result<Self, Malformed> {
        if rate_per_second.is_finite() && rate_per_second >= 0.0 {
            Ok(Self { rate_per_second, burst })
        } else {
            Err(Malformed::new("a rate of 0 or more requests a second"))
        }
    }

    /// Tokens a second; fractions are allowed.
    #[must_use]
    pub const fn rate_per_second(self) -> f64 {
        self.rate_per_second
    }

    /// How many tokens the bucket holds.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }
}

/// A quota: so many requests in a period (TH-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests in one period.
    pub limit: u64,
    /// The period.
    pub period: QuotaPeriod,
    /// Requests that the first period has less (TH-31); at most `limit`.
    pub offset: u64,
}

/// The period of a quota: each starts at midnight UTC (TH-35).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaPeriod {
    /// A day.
    Day,
    /// A week from Sunday.
    Week,
    /// A month from its first day.
    Month,
}

impl QuotaPeriod {
    /// Reads `DAY`, `WEEK` or `MONTH`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        match text {
            "DAY" => Ok(Self::Day),
            "WEEK" => Ok(Self::Week),
            "MONTH" => Ok(Self::Month),
            _ => Err(Malformed::new("`DAY`, `WEEK` or `MONTH`")),
        }
    }
}

impl fmt::Display for QuotaPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "DAY",
            Self::Week => "WEEK",
            Self::Month => "MONTH",
        })
    }
}
