//! Names of an alert episode: hashes of what it is about and of the state that counts it, so that they are
//! the same wherever that state is taken up again, and never those of another state.

use sha2::{Digest, Sha256};

use crate::model::{Labels, Now};

/// What an alert is about. Burn pairs are reasons, not identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    pub tenant: &'a str,
    /// An SLO's name, or `rule:` and a rule's.
    pub subject: &'a str,
    pub group: &'a Labels,
    /// When the state began in which episodes are counted: they are counted anew in a new one.
    pub since: Now,
}

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl Identity<'_> {
    /// 32 characters of base32, the same for every transition of one episode.
    pub fn dedup_key(&self, episode: u32) -> String {
        base32(&self.digest(episode)[..20])
    }

    /// `alt_` and 20 characters of base32.
    pub fn alert_id(&self, episode: u32) -> String {
        format!("alt_{}", &self.dedup_key(episode)[..20])
    }

    /// Every part is preceded by its length, so that no two identities read the same.
    fn digest(&self, episode: u32) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        part(self.tenant);
        part(self.subject);
        for (name, value) in self.group {
            part(name);
            part(value);
        }
        hash.update(self.since.0.to_be_bytes());
        hash.update(episode.to_be_bytes());
        hash.finalize().into()
    }
}

/// 32 characters of base32, the same for the same parts.
pub fn key_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    base32(&hash.finalize()[..20])
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(held >> bits) as usize & 31]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_episode_by_state_and_by_every_part_of_the_identity() {
        let (none, some) = (Labels::new(), Labels::from([("a".to_owned(), "b".to_owned())]));
        let key_in = |since, tenant, subject, group, episode| {
            Identity { tenant, subject, group, since: Now(since) }.dedup_key(episode)
        };
        let key = |tenant, slo, group, episode| key_in(7, tenant, slo, group, episode);
        let keys = [
            key("default", "shop", &none, 1),
            key("default", "shop", &none, 2),
            key("default", "shop2", &none, 1),
            key("defaults", "hop", &none, 1),
            key("default", "shop", &some, 1),
            key_in(8, "default", "shop", &none, 1),
        ];
        assert!(keys.iter().all(|key| key.len() == 32));
        assert!((1..keys.len()).all(|i| !keys[..i].contains(&keys[i])));
        assert_eq!(keys[0], key("default", "shop", &none, 1));
    }

    #[test]
    fn base32_reads_as_rfc_4648_in_lower_case() {
        assert_eq!(base32(b"foobar1234"), "mzxw6ytboiytemzu");
    }
}
