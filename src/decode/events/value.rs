//! A JSON text as a tree, borrowed where it can be and of a bounded number of values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::decode::json;
use crate::decode::{Limits, Malformed};

/// Values of one record, those within others too.
pub const VALUES_MAX: u32 = 65_536;

#[derive(Debug)]
pub enum Json<'t> {
    Null,
    Bool(bool),
    Int(i64),
    /// Whole numbers beyond `i64` too.
    Double(f64),
    Text(Cow<'t, str>),
    List(Vec<Json<'t>>),
    Object(Vec<(Cow<'t, str>, Json<'t>)>),
}

impl<'t> Json<'t> {
    pub fn parse(text: &'t [u8], limits: Limits) -> Result<Self, Malformed> {
        let text = json::text_of(text)?;
        json::depth::check(text, limits.depth_max)?;
        let mut values = 0;
        let mut json = serde_json::Deserializer::from_slice(text);
        let read = Seed(&mut values).deserialize(&mut json).and_then(|value| json.end().map(|()| value));
        read.map_err(|error| match values > VALUES_MAX {
            true => Malformed::TooMuch(format!("{VALUES_MAX} values")),
            false => Malformed::Undecodable(format!("no JSON: {error}")),
        })
    }

    /// A field of an object; of several of one name the last, as with attributes.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The field of the whole path's name, else what the rest of the path finds within one of its beginning. Null is absent.
    pub fn find(&self, path: &str) -> Option<&Self> {
        let whole = self.get(path).filter(|value| !matches!(value, Self::Null));
        whole.or_else(|| {
            let mut dots = path.match_indices('.');
            dots.find_map(|(dot, _)| self.get(&path[..dot])?.find(&path[dot + 1..]))
        })
    }

    /// What a message calls the value.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Double(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// A scalar as it is written; `None` for what has parts, and for null.
    pub fn scalar_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Null | Self::List(_) | Self::Object(_) => None,
            other => Some(Cow::Owned(other.text())),
        }
    }

    /// The value in JSON again.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(truth) => to.serialize_bool(*truth),
            Self::Int(number) => to.serialize_i64(*number),
            Self::Double(number) => to.serialize_f64(*number),
            Self::Text(text) => to.serialize_str(text),
            Self::List(values) => to.collect_seq(values),
            Self::Object(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

/// How many values there have been.
struct Seed<'c>(&'c mut u32);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        *self.0 += 1;
        if *self.0 > VALUES_MAX {
            return Err(D::Error::custom("too much"));
        }
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Json::Double(number as f64), Json::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Json::Double(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Seed(self.0))? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            fields.push((key, map.next_value_seed(Seed(self.0))?));
        }
        Ok(Json::Object(fields))
    }
}

struct KeySeed;

struct Key<'t>(Cow<'t, str>);

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}
