//! Bytes of one OTLP export request -> items. No sockets, no clock, no rules.
//!
//! Protobuf is read in place: nothing is copied, and only the attributes in [`Wanted`] are looked at.
//! JSON is first turned into protobuf, so that both encodings mean the same by construction.

pub mod events;
mod json;
pub mod otlp;
mod protobuf;
#[cfg(test)]
mod tests;

use crate::model::{Item, Signal, Wanted};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
}

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub items_max: u64,
    /// Resources, scopes and metrics, which cost as much as items where they are empty.
    pub blocks_max: u64,
    pub depth_max: u32,
    /// Bytes of the protobuf form that JSON is turned into: `[0,0]` takes nine times two bytes there.
    pub bytes_max: usize,
}

impl Limits {
    pub const DEFAULT: Self =
        Self { items_max: 200_000, blocks_max: 1_000_000, depth_max: 64, bytes_max: 20 * 1024 * 1024 };
}

/// How many items a request held. `rejected` of them can never be accepted and were not handed out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    pub items: u64,
    pub rejected: u64,
    /// Why the first of the rejected items was.
    pub reason: Option<String>,
    /// Every item has a time or an id, so that equal bytes mean a repeated request.
    pub identifiable: bool,
}

/// A request that can never be read, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not the encoding that it claims to be; the text says where and what.
    Undecodable(String),
    /// More than may be in one request; the text says of what: `200000 items`.
    TooMuch(String),
}

impl Malformed {
    /// Why a record of a topic can not be read.
    pub fn of_record(self) -> String {
        match self {
            Self::Undecodable(reason) => reason,
            Self::TooMuch(what) => format!("more than {what} in one record"),
        }
    }
}

/// Hands every readable item of one export request to `each`, in the order of the request.
/// On `Err` some items may have been handed out already: the caller throws away what it made of them.
pub fn decode(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
    wanted: &Wanted,
    limits: Limits,
    each: &mut dyn FnMut(&Item<'_>),
) -> Result<Decoded, Malformed> {
    decode_series(signal, encoding, body, wanted, limits, None, each)
}

/// Which signal a request is of, where nobody says: by its lists in JSON, by the wire shape of its first items in
/// protobuf. `None` where nothing in it tells, since nothing is there; any signal does then.
pub fn signal_of(encoding: Encoding, body: &[u8]) -> Result<Option<Signal>, Malformed> {
    match encoding {
        Encoding::Protobuf => protobuf::signal(body),
        Encoding::Json => json::signal(body),
    }
}

/// As [`decode`]; with a key every metric point says which series it belongs to.
pub fn decode_series(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
    wanted: &Wanted,
    limits: Limits,
    series_key: Option<u64>,
    each: &mut dyn FnMut(&Item<'_>),
) -> Result<Decoded, Malformed> {
    match encoding {
        Encoding::Protobuf => protobuf::walk(signal, body, wanted, limits, series_key, each),
        Encoding::Json => {
            let body = json::to_protobuf(signal, body, limits)?;
            protobuf::walk(signal, &body, wanted, limits, series_key, each)
        }
    }
}
