//! Attributes and values. A pair is looked up by its key first; only wanted values are read.

use super::fault::{Fault, Level};
use super::wire::Reader;
use crate::decode::Malformed;
use crate::model::text::utf8;
use crate::model::{Slots, Value, Wanted};

/// A value before anybody checked that its text is UTF-8.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Raw<'a> {
    Str(&'a [u8]),
    Read(Value<'a>),
}

/// Tags, each of one byte: `KeyValue.key`, `KeyValue.value`, `AnyValue.string_value`, `AnyValue.int_value`.
pub const KEY: u8 = 0x0a;
pub const VALUE: u8 = 0x12;
const TEXT: u8 = 0x0a;
const INT: u8 = 0x18;

/// Puts the value of one attribute of `level` into the slots that ask for it there. An attribute that
/// comes twice has the later value; one without a value counts as absent. `fault` gets what is wrong with it, unless
/// something else was before.
#[inline]
pub fn fill<'a>(
    pair: Reader<'a>,
    level: Level,
    wanted: &Wanted,
    slots: &mut Slots<'a>,
    fault: &mut Option<Fault<'a>>,
) -> Result<(), Malformed> {
    let usual = pair.two_blocks(KEY, VALUE);
    let key = match usual {
        Some((key, _)) => key,
        None => read_key(pair)?,
    };
    let Some(places) = wanted.places_of_bytes(key) else { return Ok(()) };
    let places = match level {
        Level::Resource => [places.nearest, places.resource],
        Level::Scope => [places.nearest, None],
        Level::Item => [places.nearest, places.item],
    };
    if places == [None, None] {
        return Ok(());
    }
    let checked = match usual.and_then(|(_, any)| any.one_block(TEXT)) {
        Some(text) => utf8(text).map(Value::Str),
        None => {
            let raw = match usual {
                Some((_, any)) => any_value(any)?,
                None => read_value(pair)?,
            };
            let Some(raw) = raw else { return Ok(()) };
            raw.checked()
        }
    };
    let Some(value) = checked else {
        fault.get_or_insert(Fault::Attribute(level, key));
        return Ok(());
    };
    for slot in places.into_iter().flatten() {
        slots.set(slot, value);
    }
    Ok(())
}

pub fn read_key<'a>(mut pair: Reader<'a>) -> Result<&'a [u8], Malformed> {
    let mut key: &[u8] = &[];
    while let Some(field) = pair.field()? {
        if field.number == 1 {
            key = field.bytes("KeyValue.key")?;
        }
    }
    Ok(key)
}

pub fn read_value<'a>(mut pair: Reader<'a>) -> Result<Option<Raw<'a>>, Malformed> {
    let mut value = None;
    while let Some(field) = pair.field()? {
        if field.number == 2 {
            value = any_value(field.message("KeyValue.value")?)?.or(value);
        }
    }
    Ok(value)
}

/// Of several values in one `AnyValue` the last one counts.
#[inline]
pub fn any_value<'a>(mut any: Reader<'a>) -> Result<Option<Raw<'a>>, Malformed> {
    if let Some(text) = any.one_block(TEXT) {
        return Ok(Some(Raw::Str(text)));
    }
    if let Some(int) = any.one_varint(INT) {
        return Ok(Some(Raw::Read(Value::Int(int.cast_signed()))));
    }
    let mut value = None;
    while let Some(field) = any.field()? {
        value = Some(match field.number {
            1 => Raw::Str(field.bytes("AnyValue.string_value")?),
            2 => Raw::Read(Value::Bool(field.varint("AnyValue.bool_value")? != 0)),
            3 => Raw::Read(Value::Int(field.varint("AnyValue.int_value")?.cast_signed())),
            4 => Raw::Read(Value::Double(field.double("AnyValue.double_value")?)),
            5 => field.message("AnyValue.array_value").map(|_| Raw::Read(Value::Other))?,
            6 => field.message("AnyValue.kvlist_value").map(|_| Raw::Read(Value::Other))?,
            7 => field.message("AnyValue.bytes_value").map(|_| Raw::Read(Value::Other))?,
            _ => continue,
        });
    }
    Ok(value)
}

impl<'a> Raw<'a> {
    /// `None` where the text is not UTF-8.
    pub fn checked(self) -> Option<Value<'a>> {
        match self {
            Self::Str(bytes) => utf8(bytes).map(Value::Str),
            Self::Read(value) => Some(value),
        }
    }
}
