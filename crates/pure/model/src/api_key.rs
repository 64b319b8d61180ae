//! API keys.

use crate::{Malformed, Secret};

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name, unique; at most 1024 characters.
    pub name: Box<str>,
    /// Its value, or the value's hash.
    pub value: ApiKeyValue,
    /// Whether it opens anything.
    pub enabled: bool,
}

/// What is known of a key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiKeyValue {
    /// The value itself: 20 to 128 characters (AU-15).
    Plain(Secret<String>),
    /// The SHA-256 of the value.
    Sha256([u8; 32]),
}

impl ApiKeyValue {
    /// Reads a value.
    pub fn plain(text: &str) -> Result<Self, Malformed> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if (20..=128).contains(&text.len()) && visible {
            Ok(Self::Plain(Secret::new(text.to_owned())))
        } else {
            Err(Malformed::new("20 to 128 visible ASCII characters"))
        }
    }

    /// Reads 64 hexadecimal digits.
    pub fn sha256(text: &str) -> Result<Self, Malformed> {
        let malformed = Malformed::new("the 64 hexadecimal digits of a SHA-256");
        let mut hash = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(malformed);
        }
        for (index, byte) in hash.iter_mut().enumerate() {
            let digits = text.get(index * 2..index * 2 + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).map_err(|_| malformed.clone())?;
        }
        Ok(Self::Sha256(hash))
    }
}
