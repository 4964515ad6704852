//! Edge: a recording of what came in and when, as bytes: an image of the state, then the groups that changed it. Written by
//! a daemon, read by `replay`; it decides nothing.
//!
//! A recording begins with [`MAGIC`]. After it come frames, each of which tells whether it is whole:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `EKFR` |
//! | 4 | kind: 1 header, 2 image, 3 part of it, 4 group, 5 configuration, 6 gap, 7 end |
//! | 5..9 | length of the payload, little-endian |
//! | 9..13 | CRC32C of kind, length and payload |
//! | 13.. | payload, in borsh |

mod folder;
mod frame;
mod intake;
mod reader;
mod writer;

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use xxhash_rust::xxh3::xxh3_64;

pub use folder::{ENDING, FOLDER, Folder};
pub use frame::Torn;
pub use intake::{Intake, Written};
pub use reader::{Found, Reader, Refused};
pub use writer::Writer;

use crate::engine::Fact;
use crate::model::Now;

/// The sixth byte is the number of the form.
pub const MAGIC: [u8; 8] = *b"EKREC\x01\r\n";

/// What a recording says of itself.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// The form of records and images.
    pub format: u32,
    /// The version of Evenkeel.
    pub product: String,
    pub tenant: String,
    /// The hash of the configuration at its beginning.
    pub configuration: u64,
    pub began: Now,
}

/// One entry of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The whole state at a time, by the names of its parts.
    Image { now: Now, parts: BTreeMap<String, Vec<u8>> },
    /// What came in, with a hash of the facts that it led to.
    Group { decided: u64, records: Vec<u8> },
    /// Another configuration took effect.
    Configured { now: Now, decided: u64, plan: Vec<u8> },
    /// So many groups came faster than they could be recorded.
    Gap { groups: u64 },
    /// Nothing follows.
    End,
}

/// What a group decided, to be compared when it is done again.
pub fn digest(facts: &[Fact]) -> u64 {
    if facts.is_empty() {
        return 0;
    }
    let mut lines = Vec::new();
    for fact in facts {
        // A fact is made of texts and integers: it can always be written.
        let _never = serde_json::to_writer(&mut lines, fact);
        lines.push(b'\n');
    }
    xxh3_64(&lines)
}

#[cfg(test)]
mod tests;
