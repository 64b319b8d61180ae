//! What a person writes, and what the crate says to it.

#[cfg(test)]
mod api_keys;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod common;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod init;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod sample;
