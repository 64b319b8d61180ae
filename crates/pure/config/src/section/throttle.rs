//! Throttles: a rate and a burst that belong together.

use postern_document::Problems;
use postern_model::ThrottleLimit;

use crate::fields::Section;

/// `rateLimit` and `burstLimit`.
pub(crate) fn limit(section: &mut Section<'_>, problems: &mut Problems) -> Option<ThrottleLimit> {
    let rate = section.rate("rateLimit", problems);
    let burst = section.whole("burstLimit", problems);
    together(rate?, burst?)
}

/// `throttlingRateLimit` and `throttlingBurstLimit` of a method setting: both, or neither; `-1` is as
/// absent (TH-4).
pub(crate) fn method_limit(section: &mut Section<'_>, problems: &mut Problems) -> Option<ThrottleLimit> {
    let mut is_there = |name| section.node(name).is_some() && !section.is_word(name);
    match (is_there("throttlingRateLimit"), is_there("throttlingBurstLimit")) {
        (false, false) => None,
        (true, true) => {
            let rate = section.rate("throttlingRateLimit", problems);
            let burst = section.whole("throttlingBurstLimit", problems);
            together(rate?, burst?)
        }
        (has_rate, _) => {
            let (there, missing) = if has_rate {
                ("throttlingRateLimit", "throttlingBurstLimit")
            } else {
                ("throttlingBurstLimit", "throttlingRateLimit")
            };
            problems
                .error(section.place(), format!("`{missing}` is missing: `{there}` alone limits nothing"));
            None
        }
    }
}

fn together(rate: f64, burst: u64) -> Option<ThrottleLimit> {
    ThrottleLimit::new(rate, u32::try_from(burst).ok()?).ok()
}
