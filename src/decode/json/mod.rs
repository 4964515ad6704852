//! OTLP/JSON -> the same request in protobuf, in one streaming pass along the tables of [`schema`].
//!
//! Known fields are checked for their type, unknown ones are skipped, as OTLP demands. What the values
//! mean is not decided here: that is left to the one reader of protobuf.

pub(super) mod depth;
pub(super) mod quick;
mod read;
pub(super) mod schema;
mod signal;
pub(super) mod text;
pub(super) mod write;

use serde::de::DeserializeSeed;

use self::read::{Progress, Root};
pub use self::signal::signal;
use super::{Limits, Malformed};
use crate::model::Signal;

pub fn to_protobuf(signal: Signal, body: &[u8], limits: Limits) -> Result<Vec<u8>, Malformed> {
    let (body, message) = (text_of(body)?, message_of(signal));
    match quick::to_protobuf(message, body, limits) {
        Some(bytes) => Ok(bytes),
        None => by_parser(message, body, limits),
    }
}

fn message_of(signal: Signal) -> &'static schema::Message {
    match signal {
        Signal::Traces => &schema::TRACES,
        Signal::Logs => &schema::LOGS,
        Signal::Metrics => &schema::METRICS,
    }
}

pub(super) fn by_parser(
    message: &'static schema::Message,
    body: &[u8],
    limits: Limits,
) -> Result<Vec<u8>, Malformed> {
    depth::check(body, limits.depth_max)?;
    let mut progress = Progress::new(body.len() / 2, limits);
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Root::new(message, &mut progress).deserialize(&mut json).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(progress.into_bytes()),
        Err(error) => Err(match progress.too_much() {
            Some(what) => Malformed::TooMuch(what),
            None => Malformed::Undecodable(format!("{}{error}", progress.place())),
        }),
    }
}

/// Without the byte order mark that some editors write.
pub(super) fn text_of(body: &[u8]) -> Result<&[u8], Malformed> {
    match body {
        [0xef, 0xbb, 0xbf, text @ ..] => Ok(text),
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, _, ..] | [_, 0, ..] => {
            Err(Malformed::Undecodable("JSON in UTF-16 or UTF-32; only UTF-8 is read".to_owned()))
        }
        text => Ok(text),
    }
}
