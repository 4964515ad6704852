//! Which series a point belongs to: a keyed hash of its resource, scope, metric and attributes.
//! The order of attributes does not matter, for SDKs change it from one run to the next.

use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

use super::wire::Reader;
use crate::decode::Malformed;

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

    fn with(self, parts: &[&[u8]]) -> Self {
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
    pub fn add(&mut self, series: Series, mut pair: Reader<'_>) -> Result<(), Malformed> {
        let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
        while let Some(field) = pair.field()? {
            match field.number {
                1 => key = field.bytes("KeyValue.key")?,
                2 => value = field.bytes("KeyValue.value")?,
                _ => {}
            }
        }
        let seed = xxh3_128_with_seed(key, series.key) as u64;
        self.0 = self.0.wrapping_add(xxh3_128_with_seed(value, seed));
        Ok(())
    }
}
