//! Security policies of domain names: what TLS may agree on (private-access.md section 7).

/// What TLS may agree on. Of each policy those versions and suites are spoken that are spoken at all: TLS 1.2
/// and 1.3 with forward secrecy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SecurityPolicy {
    /// TLS 1.2 and 1.3 with every suite.
    #[default]
    Tls12,
    /// TLS 1.2 with AES-GCM alone, and 1.3.
    Tls12ForwardSecret,
    /// TLS 1.2 and 1.3 with AES-GCM alone.
    Tls12ForwardSecretFips,
    /// TLS 1.3 alone.
    Tls13,
    /// TLS 1.3 with AES-GCM alone.
    Tls13Fips,
}

impl SecurityPolicy {
    /// The names of the service's policies.
    pub const WORDS: &'static [&'static str] = &[
        "TLS_1_2",
        "TLS_1_0",
        "SecurityPolicy_TLS13_1_3_2025_09",
        "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
        "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
        "SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09",
        "SecurityPolicy_TLS13_1_2_PQ_2025_09",
        "SecurityPolicy_TLS13_1_2_2021_06",
    ];

    /// What a policy's name stands for; `None` for a name that is not one of [`Self::WORDS`]. `TLS_1_0` is
    /// read as `TLS_1_2`.
    ///
    /// ```
    /// use postern_model::SecurityPolicy;
    ///
    /// assert!(SecurityPolicy::WORDS.iter().all(|word| SecurityPolicy::of_word(word).is_some()));
    /// ```
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "TLS_1_2"
            | "TLS_1_0"
            | "SecurityPolicy_TLS13_1_2_PQ_2025_09"
            | "SecurityPolicy_TLS13_1_2_2021_06" => Self::Tls12,
            "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09" => Self::Tls12ForwardSecret,
            "SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09" => Self::Tls12ForwardSecretFips,
            "SecurityPolicy_TLS13_1_3_2025_09" => Self::Tls13,
            "SecurityPolicy_TLS13_1_3_FIPS_2025_09" => Self::Tls13Fips,
            _ => return None,
        })
    }

    /// Whether TLS 1.2 is spoken beside 1.3.
    #[must_use]
    pub const fn speaks_tls12(self) -> bool {
        !matches!(self, Self::Tls13 | Self::Tls13Fips)
    }

    /// Whether ChaCha20 is spoken in TLS 1.2.
    #[must_use]
    pub const fn has_chacha20_in_tls12(self) -> bool {
        matches!(self, Self::Tls12)
    }

    /// Whether ChaCha20 is spoken in TLS 1.3.
    #[must_use]
    pub const fn has_chacha20_in_tls13(self) -> bool {
        !self.is_fips()
    }

    /// Whether only algorithms that FIPS 140 approves are spoken.
    #[must_use]
    pub const fn is_fips(self) -> bool {
        matches!(self, Self::Tls12ForwardSecretFips | Self::Tls13Fips)
    }
}
