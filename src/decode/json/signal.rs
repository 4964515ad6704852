//! Which signal a request in JSON is of: that of the first list at its top that holds something.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{message_of, text_of};
use crate::decode::Malformed;
use crate::model::Signal;

/// Reads no further than to the first thing that tells. `None` where nothing does, as there is nothing.
pub fn signal(body: &[u8]) -> Result<Option<Signal>, Malformed> {
    let mut found = None;
    let mut json = serde_json::Deserializer::from_slice(text_of(body)?);
    match json.deserialize_map(Top(&mut found)) {
        Err(error) if found.is_none() => Err(Malformed::Undecodable(error.to_string())),
        _ => Ok(found),
    }
}

struct Top<'f>(&'f mut Option<Signal>);

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OTLP export request, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(list) = map.next_key_seed(Key)? {
            match list {
                Some(signal) => map.next_value_seed(Content { signal, found: self.0 })?,
                None => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        Ok(())
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<Signal>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Option<Signal>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let is_list = |signal: &&Signal| message_of(**signal).fields[0].is_named(key.as_bytes());
        Ok(Signal::ALL.iter().find(is_list).copied())
    }
}

/// A list, or its first element; whichever is there ends the reading with an error, as it is all that was asked.
struct Content<'f> {
    signal: Signal,
    found: &'f mut Option<Signal>,
}

impl<'de> DeserializeSeed<'de> for Content<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Content<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { signal, found } = self;
        list.next_element_seed(Content { signal, found }).map(|_| ())
    }

    fn visit_map<A: MapAccess<'de>>(self, _map: A) -> Result<(), A::Error> {
        *self.found = Some(self.signal);
        Err(A::Error::custom("found"))
    }
}
