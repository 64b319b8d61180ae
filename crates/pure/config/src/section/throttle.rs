//! Throttles: a rate and a burst that belong together.

use postern_document::Problems;
use postern_model::ThrottleLimit;

use crate::fields::Section;

/// The keys of a method setting.
const RATE: &str = "throttlingRateLimit";
const BURST: &str = "throttlingBurstLimit";

/// `rateLimit` and `burstLimit`.
pub(crate) fn limit(section: &mut Section<'_>, problems: &mut Problems) -> Option<ThrottleLimit> {
    let rate = section.rate("rateLimit", problems);
    let burst = section.whole("burstLimit", problems);
    together(rate?, burst?)
}

/// `throttlingRateLimit` and `throttlingBurstLimit` of a method setting: both, or neither; `-1` is as
/// absent (TH-4).
pub(crate) fn method_limit(section: &mut Section<'_>, problems: &mut Problems) -> Option<ThrottleLimit> {
    let has_rate = is_number(section, RATE);
    let has_burst = is_number(section, BURST);
    let rate = has_rate.then(|| section.rate(RATE, problems));
    let burst = has_burst.then(|| section.whole(BURST, problems));
    let (there, missing) = match (rate, burst) {
        (Some(rate), Some(burst)) => return together(rate?, burst?),
        (None, None) => return None,
        (Some(_), None) => (RATE, BURST),
        (None, Some(_)) => (BURST, RATE),
    };
    problems.error(section.place(), format!("`{missing}` is missing: `{there}` alone limits nothing"));
    None
}

/// Whether a key says something else than `-1`.
fn is_number(section: &mut Section<'_>, name: &'static str) -> bool {
    section.node(name).is_some() && !section.is_word(name)
}

fn together(rate: f64, burst: u64) -> Option<ThrottleLimit> {
    ThrottleLimit::new(rate, u32::try_from(burst).ok()?).ok()
}
