//! Links that approve a run: whoever has one may, until it is too old. The signature is over the run and the time.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::respond::{Secret, hex};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub run: String,
    /// Seconds since 1970.
    pub until_s: u64,
    /// In hexadecimal.
    pub signature: String,
}

impl Link {
    pub fn new(key: &Secret, run: &str, until_s: u64) -> Self {
        let signature = hex(&mac(key, run, until_s).finalize().into_bytes());
        Self { run: run.to_owned(), until_s, signature }
    }

    pub fn path(&self) -> String {
        format!("/approve/{}?until={}&sig={}", self.run, self.until_s, self.signature)
    }

    /// Compared in the same time wherever they differ.
    pub fn is_good(&self, key: &Secret, now_s: u64) -> bool {
        let given = bytes(&self.signature).unwrap_or_default();
        mac(key, &self.run, self.until_s).verify_slice(&given).is_ok() && now_s < self.until_s
    }
}

fn mac(key: &Secret, run: &str, until_s: u64) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).expect("a key of any length is taken");
    mac.update(format!("evenkeel approve\n{run}\n{until_s}").as_bytes());
    mac
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_run_until_its_time_and_with_its_key() {
        let (key, other) = (Secret::new("a key of some length"), Secret::new("another of some length"));
        let link = Link::new(&key, "run_a", 1_000);
        assert!(link.is_good(&key, 999) && !link.is_good(&key, 1_000) && !link.is_good(&other, 999));
        for forged in [
            Link { run: "run_b".to_owned(), ..link.clone() },
            Link { until_s: 2_000, ..link.clone() },
            Link { signature: String::new(), ..link.clone() },
            Link { signature: "zz".repeat(32), ..link.clone() },
            Link { signature: link.signature[..62].to_owned(), ..link.clone() },
        ] {
            assert!(!forged.is_good(&key, 999), "{forged:?}");
        }
        assert_eq!(link.path(), format!("/approve/run_a?until=1000&sig={}", link.signature));
    }
}
