//! Which series a point belongs to: a keyed hash of its resource, scope, metric and attributes.
//! The order of attributes does not matter, for SDKs change it from one run to the next.

use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

use super::attributes::{KEY, VALUE};
use super::wire::Reader;
use crate::decode::Malformed;

const SHORT_MAX: usize = 128;

/// The sum of the hashes of some attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity(u128);

/// What the points below have in common so far.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    key: u64,
    hash: u128,
}

impl Series {
    pub fn new(key: u64) -> Self {
        Self { key, hash: u128::from(key) }
    }

    /// With the attributes of a resource or scope, and the scope's name and version.
    pub fn within(self, attributes: Identity, name: &[u8], version: &[u8]) -> Self {
        self.with(&[&attributes.0.to_le_bytes(), name, version])
    }

    pub fn metric(self, name: &[u8], data: u32, kind: u8) -> Self {
        self.with(&[name, &data.to_le_bytes(), &[kind]])
    }

    pub fn point(self, attributes: Identity) -> u128 {
        self.with(&[&attributes.0.to_le_bytes()]).hash
    }

    /// In one piece where it is short, as nearly all are: the hash is the same, without a state to set up.
    fn with(self, parts: &[&[u8]]) -> Self {
        let mut short = [0; SHORT_MAX];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            let room = short.get_mut(at..at + bytes.len())?;
            room.copy_from_slice(bytes);
            at += bytes.len();
            Some(())
        };
        let mut all = || {
            put(&self.hash.to_le_bytes())?;
            parts.iter().try_for_each(|part| {
                put(&(part.len() as u64).to_le_bytes())?;
                put(part)
            })
        };
        match all() {
            Some(()) => Self { hash: xxh3_128_with_seed(&short[..at], self.key), ..self },
            None => self.with_long(parts),
        }
    }

    fn with_long(self, parts: &[&[u8]]) -> Self {
        let mut state = Xxh3::with_seed(self.key);
        state.update(&self.hash.to_le_bytes());
        for part in parts {
            state.update(&(part.len() as u64).to_le_bytes());
            state.update(part);
        }
        Self { hash: state.digest128(), ..self }
    }
}

impl Identity {
    /// By key and encoded value, in whatever order they stand in the pair.
    pub fn add(&mut self, series: Series, pair: Reader<'_>) -> Result<(), Malformed> {
        let (key, value) = match pair.two_blocks(KEY, VALUE) {
            Some((key, value)) => (key, value.into_bytes()),
            None => read(pair)?,
        };
        let seed = xxh3_128_with_seed(key, series.key) as u64;
        self.0 = self.0.wrapping_add(xxh3_128_with_seed(value, seed));
        Ok(())
    }
}

fn read(mut pair: Reader<'_>) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some(field) = pair.field()? {
        match field.number {
            1 => key = field.bytes("KeyValue.key")?,
            2 => value = field.bytes("KeyValue.value")?,
            _ => {}
        }
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_in_one_piece_is_that_of_its_parts() {
        for len in [0, 1, 8, 16, 17, 95, 96, 97, 200, 500] {
            let bytes: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            let (series, parts) = (Series::new(7).metric(b"name", 9, 1), [&bytes[..], b"", b"x"]);
            assert_eq!(series.with(&parts).hash, series.with_long(&parts).hash, "{len}");
        }
    }
}
