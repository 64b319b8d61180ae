//! Routing rules of custom domain names: conditions on headers and base paths, and the stage behind them.

use crate::{BasePath, Malformed, RestApiId, StageName};

/// In what order rules and base path mappings are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoutingMode {
    /// Mappings alone: rules are there and do nothing.
    #[default]
    BasePathMappingOnly,
    /// Rules first; mappings for what no rule takes (PA-142).
    RoutingRuleThenBasePathMapping,
    /// Rules alone: mappings are there and do nothing.
    RoutingRuleOnly,
}

impl RoutingMode {
    /// Every spelling: the first version of the service's API says `BASE_PATH_MAPPING` where the second
    /// and the guide say `API_MAPPING`.
    pub const WORDS: &'static [&'static str] = &[
        "BASE_PATH_MAPPING_ONLY",
        "ROUTING_RULE_THEN_BASE_PATH_MAPPING",
        "ROUTING_RULE_ONLY",
        "API_MAPPING_ONLY",
        "ROUTING_RULE_THEN_API_MAPPING",
    ];

    /// The mode that a word stands for; `None` for a word that is not one of [`Self::WORDS`].
    ///
    /// ```
    /// use postern_model::RoutingMode;
    ///
    /// assert!(RoutingMode::WORDS.iter().all(|word| RoutingMode::of_word(word).is_some()));
    /// let then = RoutingMode::of_word("ROUTING_RULE_THEN_API_MAPPING");
    /// assert_eq!(then, RoutingMode::of_word("ROUTING_RULE_THEN_BASE_PATH_MAPPING"));
    /// ```
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "BASE_PATH_MAPPING_ONLY" | "API_MAPPING_ONLY" => Some(Self::BasePathMappingOnly),
            "ROUTING_RULE_THEN_BASE_PATH_MAPPING" | "ROUTING_RULE_THEN_API_MAPPING" => {
                Some(Self::RoutingRuleThenBasePathMapping)
            }
            "ROUTING_RULE_ONLY" => Some(Self::RoutingRuleOnly),
            _ => None,
        }
    }

    /// Whether rules are asked.
    #[must_use]
    pub const fn asks_rules(self) -> bool {
        !matches!(self, Self::BasePathMappingOnly)
    }

    /// Whether mappings are asked.
    #[must_use]
    pub const fn asks_mappings(self) -> bool {
        !matches!(self, Self::RoutingRuleOnly)
    }
}

/// One rule: where all its conditions hold, its stage is invoked and no other rule is asked (PA-140).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingRule {
    /// Its turn, lowest first: 1 to 1,000,000, unique in its domain name.
    pub priority: u32,
    /// Base paths of which one must start the path; empty: every path. None of them is empty.
    pub base_paths: Vec<BasePath>,
    /// At most two conditions on headers, all of which must hold.
    pub headers: Vec<HeaderCondition>,
    /// The API.
    pub rest_api_id: RestApiId,
    /// Its stage.
    pub stage: StageName,
    /// Whether the base path that matched is taken off the path (PA-147).
    pub strip_base_path: bool,
}

impl RoutingRule {
    /// Rules of one domain name, at most (PA-150).
    pub const PER_DOMAIN_NAME_MAX: usize = 50;
    /// Conditions on headers in one rule, at most (PA-141).
    pub const HEADER_CONDITIONS_MAX: usize = 2;

    /// Reads a base path condition: one that a mapping could have, not empty, under 128 characters (PA-150).
    ///
    /// # Errors
    ///
    /// What would have been right.
    pub fn parse_base_path(text: &str) -> Result<BasePath, Malformed> {
        const EXPECTED: &str = "1 to 127 letters, digits and `$-_.+!*'()/`";
        let base_path = BasePath::parse(text).map_err(|_| Malformed::new(EXPECTED))?;
        let length = base_path.as_str().len();
        if (1..128).contains(&length) { Ok(base_path) } else { Err(Malformed::new(EXPECTED)) }
    }
}

/// A condition that holds where a field of the request matches one of these (PA-143, PA-144).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderCondition {
    /// Name and value of what is looked for; at least one.
    pub any_of: Vec<HeaderMatch>,
}

/// A header name and what its value must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    /// The name.
    pub header: ConditionHeader,
    /// What one line's value must be like.
    pub value_glob: ValueGlob,
}

/// The name of a header that a rule may look at, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConditionHeader(Box<str>);

impl ConditionHeader {
    /// Reads a name: a token under 40 characters that the service does not keep from rules (PA-149,
    /// PA-150).
    ///
    /// ```
    /// use postern_model::ConditionHeader;
    ///
    /// assert_eq!(ConditionHeader::parse("X-Version").unwrap().as_str(), "x-version");
    /// let error = ConditionHeader::parse("X-Amzn-Vpce-Id").unwrap_err();
    /// assert_eq!(error.to_string(), "expected a header that rules may look at");
    /// ```
    ///
    /// # Errors
    ///
    /// What would have been right.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !(1..40).contains(&text.len()) || !text.bytes().all(is_token_byte) {
            return Err(Malformed::new("a header name of 1 to 39 characters"));
        }
        let name = text.to_ascii_lowercase();
        let is_kept = KEPT_HEADERS.contains(&name.as_str())
            || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if is_kept { Err(Malformed::new("a header that rules may look at")) } else { Ok(Self(name.into())) }
    }

    /// The name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Headers that no rule may look at (PA-149).
const KEPT_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-apigw-api-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-restapi",
];

/// What names of other such headers start with (PA-149).
const KEPT_PREFIXES: &[&str] = &["access-control-", "apigw-", "x-amz-", "x-amzn-"];

/// What a value must be like: the same, or with `*` at an end, where anything may stand (PA-143).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueGlob {
    text: Box<str>,
    open_start: bool,
    open_end: bool,
}

impl ValueGlob {
    /// Reads a pattern: under 128 characters that a header value may have, one with `*` at both ends under
    /// 40; `*` stands at an end alone, `?` is itself (PA-143, PA-145, PA-150).
    ///
    /// ```
    /// use postern_model::ValueGlob;
    ///
    /// let ends_with = ValueGlob::parse("*json").unwrap();
    /// assert!(ends_with.matches(b"application/json") && !ends_with.matches(b"application/json,text/xml"));
    /// assert!(ValueGlob::parse("*").unwrap().matches(b""));
    /// assert!(ValueGlob::parse("a*b").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// What would have been right.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let printable = |byte: u8| (0x20..0x7f).contains(&byte);
        if !(1..128).contains(&text.len()) || !text.bytes().all(printable) || text.trim() != text {
            return Err(Malformed::new("1 to 127 characters that a header value may have"));
        }
        let (open_start, rest) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
        let (open_end, middle) = match rest.strip_suffix('*') {
            Some(middle) => (true, middle),
            // A star alone is at both ends.
            None => (open_start && rest.is_empty(), rest),
        };
        if middle.contains('*') {
            return Err(Malformed::new("`*` at the start, at the end or at both, and nowhere else"));
        }
        if open_start && open_end && text.len() >= 40 {
            return Err(Malformed::new("under 40 characters where `*` stands at both ends"));
        }
        Ok(Self { text: middle.into(), open_start, open_end })
    }

    /// Whether a value is like this; letters have case.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        let text = self.text.as_bytes();
        match (self.open_start, self.open_end) {
            (false, false) => value == text,
            (false, true) => value.starts_with(text),
            (true, false) => value.ends_with(text),
            (true, true) => text.is_empty() || value.windows(text.len()).any(|part| part == text),
        }
    }
}

impl std::fmt::Display for ValueGlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let star = |open: bool| if open { "*" } else { "" };
        // `*` alone is open at both ends.
        let end = star(self.open_end && !(self.open_start && self.text.is_empty()));
        write!(f, "{}{}{end}", star(self.open_start), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pa_143_to_145_globs_are_open_at_their_ends_alone() {
        for (glob, matching, others) in [
            ("beta", &["beta"][..], &["Beta", "betas", "abeta", ""][..]),
            ("a*", &["a", "alpha"], &["Alpha", "ba"]),
            ("*a", &["a", "alpha"], &["alphas", "A"]),
            ("*a*", &["a", "bar"], &["b", ""]),
            ("*", &["", "anything"], &[]),
            ("v?", &["v?"], &["v1"]),
        ] {
            let parsed = ValueGlob::parse(glob).unwrap();
            assert!(matching.iter().all(|value| parsed.matches(value.as_bytes())), "{glob}");
            assert!(!others.iter().any(|value| parsed.matches(value.as_bytes())), "{glob}");
            assert_eq!(parsed.to_string(), glob);
        }
        for refused in
            ["", "a*b", "*a*b*", "a\tb", " a", "ä", &"a".repeat(128), &format!("*{}*", "a".repeat(38))]
        {
            assert!(ValueGlob::parse(refused).is_err(), "{refused}");
        }
        assert!(ValueGlob::parse(&"a".repeat(127)).is_ok());
        assert!(ValueGlob::parse(&format!("*{}*", "a".repeat(37))).is_ok());
    }

    #[test]
    fn pa_149_and_150_some_headers_are_kept_from_rules() {
        for name in [
            "Authorization",
            "TE",
            "Via",
            "x-restAPI",
            "Access-Control-Allow-Origin",
            "apigw-x",
            "x-amz-date",
        ] {
            assert!(ConditionHeader::parse(name).is_err(), "{name}");
        }
        assert!(ConditionHeader::parse("Host").is_ok(), "PA-148");
        assert!(ConditionHeader::parse(&"a".repeat(39)).is_ok());
        for name in ["", "a b", "a:", &"a".repeat(40)] {
            assert!(ConditionHeader::parse(name).is_err(), "{name}");
        }
    }
}
