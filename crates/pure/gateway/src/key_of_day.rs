//! Keys that signatures are made with: derived once a day.

use arc_swap::ArcSwapOption;
use postern_model::Secret;
use postern_protocol::signature::SigningKey;

/// The key of one region and service, as it was derived last. Every worker reads it without a lock (AU-77).
#[derive(Debug, Default)]
pub(crate) struct KeyOfDay(ArcSwapOption<Derived>);

#[derive(Debug)]
struct Derived {
    from: Secret<String>,
    date: Box<str>,
    key: SigningKey,
}

impl KeyOfDay {
    /// The key of a secret access key for a day, which is written as in a scope: `20150830`. Region and service are the
    /// same at every call.
    pub(crate) fn of(
        &self,
        secret: &Secret<String>,
        date: &str,
        (region, service): (&str, &str),
    ) -> SigningKey {
        let kept = self.0.load();
        if let Some(kept) = kept.as_ref().filter(|kept| *kept.date == *date && kept.from == *secret) {
            return kept.key.clone();
        }
        let key = SigningKey::derive(secret.reveal(), date, region, service);
        // An address that was signed days ago does not put out the key of today.
        if kept.as_ref().is_none_or(|kept| *kept.date <= *date) {
            let derived = Derived { from: secret.clone(), date: date.into(), key: key.clone() };
            self.0.store(Some(derived.into()));
        }
        key
    }

    /// For which day one is kept.
    #[cfg(test)]
    fn date(&self) -> Option<Box<str>> {
        self.0.load().as_ref().map(|kept| kept.date.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_that_of_its_secret_and_day_whatever_is_kept() {
        let kept = KeyOfDay::default();
        let scope = ("us-east-1", "sqs");
        for (secret, date, kept_for) in [
            ("one", "20150830", "20150830"),
            ("one", "20150830", "20150830"),
            ("two", "20150830", "20150830"),
            ("one", "20150830", "20150830"),
            ("one", "20150831", "20150831"),
            ("one", "20150829", "20150831"),
            ("two", "20150831", "20150831"),
        ] {
            let key = kept.of(&Secret::new(secret.to_owned()), date, scope);
            let derived = SigningKey::derive(secret, date, scope.0, scope.1);
            assert_eq!(key.sign(b"text"), derived.sign(b"text"), "{secret} {date}");
            assert_eq!(kept.date().as_deref(), Some(kept_for), "{secret} {date}");
        }
    }
}
