//! Reads JSON values into fields, as serde hands them over. An error leaves the path where it is, so
//! that whoever reports it knows the place.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::schema::{Field, Kind, Message};
use super::text;
use super::write::Writer;
use crate::decode::Limits;

/// What has been read so far, and where the reading is.
#[derive(Debug)]
pub struct Progress {
    writer: Writer,
    path: Vec<Step>,
    items: u64,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Field(&'static [u8]),
    Index(usize),
}

impl Progress {
    pub fn new(bytes: usize, limits: Limits) -> Self {
        let writer = Writer { bytes: Vec::with_capacity(bytes) };
        Self { writer, path: Vec::new(), items: 0, limits }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.writer.bytes
    }

    /// What there is too much of.
    pub fn too_much(&self) -> Option<String> {
        let Limits { items_max, bytes_max, .. } = self.limits;
        if self.items > items_max {
            return Some(format!("{items_max} items"));
        }
        (self.writer.bytes.len() > bytes_max).then(|| format!("{bytes_max} bytes of protobuf"))
    }

    fn within_limits<E: Error>(&self) -> Result<(), E> {
        self.too_much().map_or(Ok(()), |_| Err(E::custom("too much")))
    }

    /// `resourceSpans[0].scopeSpans: `, or nothing at the top.
    pub fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) => {
                    place.extend((!place.is_empty()).then_some('.'));
                    place.extend(name.iter().copied().map(char::from));
                }
                Step::Index(index) => place.push_str(&format!("[{index}]")),
            }
        }
        if place.is_empty() { place } else { place + ": " }
    }

    fn fields<'de, A: MapAccess<'de>>(&mut self, message: &Message, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Name(message))? {
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.path.push(Step::Field(field.camel.as_bytes()));
            map.next_value_seed(Place { progress: self, field, is_list: field.repeated })?;
            self.path.pop();
        }
        Ok(())
    }
}

/// The whole request.
pub struct Root<'p> {
    message: &'static Message,
    progress: &'p mut Progress,
}

impl<'p> Root<'p> {
    pub fn new(message: &'static Message, progress: &'p mut Progress) -> Self {
        Self { message, progress }
    }
}

impl<'de> DeserializeSeed<'de> for Root<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OTLP export request, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.progress.fields(self.message, map)
    }
}

/// A key of an object: the field of that name, if there is one.
struct Name<'m>(&'m Message);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().find(|field| field.is_named(key.as_bytes())))
    }
}

/// The field that one JSON value is for.
struct Place<'p> {
    progress: &'p mut Progress,
    field: &'static Field,
    /// The value is the whole list, not one of its elements.
    is_list: bool,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected())
    }

    /// `null` is the same as no field; but a list has no absent elements.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.field.repeated && !self.is_list { self.mismatch("null") } else { Ok(()) }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool if !self.is_list => self.write(Encoded::Varint(u64::from(value))),
            _ => self.mismatch(if value { "true" } else { "false" }),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.integer(i128::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(i128::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match (self.field.kind, text::whole(value)) {
            (Kind::Double, _) if !self.is_list => self.write(Encoded::Fixed64(value.to_bits())),
            (_, Some(whole)) => self.integer(whole),
            _ => self.mismatch(&format!("number {value}")),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if self.is_list { self.mismatch("string") } else { self.text(value) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.is_list {
            return self.mismatch("array");
        }
        let Self { progress, field, .. } = self;
        progress.path.push(Step::Index(0));
        while let Some(()) = list.next_element_seed(Place { progress, field, is_list: false })? {
            if let Some(Step::Index(index)) = progress.path.last_mut() {
                *index += 1;
            }
            progress.within_limits()?;
        }
        progress.path.pop();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let message = match self.field.kind {
            _ if self.is_list => return self.mismatch("object"),
            Kind::Message(message) => message,
            Kind::Item(message) => {
                self.progress.items += 1;
                message
            }
            _ => return self.mismatch("object"),
        };
        self.progress.within_limits()?;
        let open = self.progress.writer.open(self.field.number);
        self.progress.fields(message, map)?;
        self.progress.writer.close(open);
        Ok(())
    }
}

impl Place<'_> {
    fn integer<E: Error>(self, value: i128) -> Result<(), E> {
        match encoded(self.field.kind, value) {
            Some(encoded) if !self.is_list => self.write(encoded),
            _ => self.mismatch(&format!("number {value}")),
        }
    }

    fn text<E: Error>(self, value: &str) -> Result<(), E> {
        let encoded = match self.field.kind {
            Kind::String => return self.write_text(value.as_bytes()),
            Kind::Bytes => text::base64(value).map(Encoded::Text),
            Kind::Id => text::hex(value).map(Encoded::Text),
            Kind::Double => text::double(value).map(|double| Encoded::Fixed64(double.to_bits())),
            Kind::Enum(names) => {
                let number = names.iter().position(|name| *name == value);
                number.map(|number| Encoded::Varint(number as u64))
            }
            kind => text::integer(value).and_then(|number| encoded(kind, number)),
        };
        match encoded {
            Some(encoded) => self.write(encoded),
            None => self.mismatch(&format!("string {}", start(value))),
        }
    }

    fn write<E>(self, value: Encoded) -> Result<(), E> {
        put(&mut self.progress.writer, self.field.number, value);
        Ok(())
    }

    fn write_text<E>(self, value: &[u8]) -> Result<(), E> {
        self.progress.writer.text(self.field.number, value);
        Ok(())
    }

    #[cold]
    fn mismatch<E: Error>(&self, found: &str) -> Result<(), E> {
        Err(E::custom(format_args!("expected {}, found {found}", self.expected())))
    }

    fn expected(&self) -> &'static str {
        match self.field.kind {
            _ if self.is_list => "an array",
            Kind::String => "a string",
            Kind::Bool => "true or false",
            Kind::Bytes => "a string in base64",
            Kind::Id => "a string in hex",
            Kind::Uint32 | Kind::Fixed32 => "an unsigned 32-bit integer",
            Kind::Sint32 => "a 32-bit integer",
            Kind::Int64 | Kind::Sfixed64 => "a 64-bit integer",
            Kind::Uint64 | Kind::Fixed64 => "an unsigned 64-bit integer",
            Kind::Double => "a number",
            Kind::Enum(_) => "a number or an enum name",
            Kind::Message(_) | Kind::Item(_) => "an object",
        }
    }
}

/// A value as its field's type has it on the wire.
pub(super) enum Encoded {
    Text(Vec<u8>),
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
}

pub(super) fn put(writer: &mut Writer, number: u32, value: Encoded) {
    match value {
        Encoded::Varint(value) => writer.varint(number, value),
        Encoded::Fixed64(value) => writer.fixed64(number, value),
        Encoded::Fixed32(value) => writer.fixed32(number, value),
        Encoded::Text(value) => writer.text(number, &value),
    }
}

/// `None` where the number is out of the type's range, or the type is not a number at all.
pub(super) fn encoded(kind: Kind, value: i128) -> Option<Encoded> {
    Some(match kind {
        Kind::Double => Encoded::Fixed64((value as f64).to_bits()),
        Kind::Enum(_) => Encoded::Varint(i64::from(i32::try_from(value).ok()?).cast_unsigned()),
        Kind::Sint32 => Encoded::Varint(u64::from(zigzag(i32::try_from(value).ok()?))),
        Kind::Uint32 => Encoded::Varint(u64::from(u32::try_from(value).ok()?)),
        Kind::Int64 => Encoded::Varint(i64::try_from(value).ok()?.cast_unsigned()),
        Kind::Uint64 => Encoded::Varint(u64::try_from(value).ok()?),
        Kind::Sfixed64 => Encoded::Fixed64(i64::try_from(value).ok()?.cast_unsigned()),
        Kind::Fixed64 => Encoded::Fixed64(u64::try_from(value).ok()?),
        Kind::Fixed32 => Encoded::Fixed32(u32::try_from(value).ok()?),
        Kind::String | Kind::Bool | Kind::Bytes | Kind::Id | Kind::Message(_) | Kind::Item(_) => return None,
    })
}

fn zigzag(value: i32) -> u32 {
    (value << 1 ^ value >> 31).cast_unsigned()
}

/// As much of a text as an error message needs.
fn start(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((index, _)) => format!("{:?} and more", &text[..index]),
        None => format!("{text:?}"),
    }
}
