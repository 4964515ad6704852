//! The name of an episode at services that bound its length.

use sha2::{Digest, Sha256};

use super::words::Words;

/// The dedup key, or its hash where it is longer than the service allows: the same for every transition.
pub(super) fn key(words: &Words<'_>, max: usize) -> String {
    let key = &words.notification.dedup_key;
    match (1..=max).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()) {
        true => key.clone(),
        false => hex(&Sha256::digest(key.as_bytes())),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
