//! `repeated` numbers: packed in one piece by every known sender, in several or one by one if it likes.

use std::borrow::Cow;

use super::wire::Field;
use crate::decode::Malformed;
use crate::model::Packed;

pub fn fixed64<'a>(into: &mut Packed<'a>, field: &Field<'a>, name: &str) -> Result<(), Malformed> {
    if field.is_bytes() {
        let packed = field.message(name)?;
        let bytes = field.bytes(name)?;
        if bytes.len() % 8 != 0 {
            return Err(packed.malformed(&format!("{name} is no row of 8 bytes each")));
        }
        append(into, bytes);
    } else {
        into.0.to_mut().extend_from_slice(&field.fixed64(name)?.to_le_bytes());
    }
    Ok(())
}

pub fn varints<'a>(into: &mut Packed<'a>, field: &Field<'a>, name: &str) -> Result<(), Malformed> {
    if field.is_bytes() {
        field.message(name)?.check_varints()?;
        append(into, field.bytes(name)?);
    } else {
        let mut value = field.varint(name)?;
        let bytes = into.0.to_mut();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }
    Ok(())
}

fn append<'a>(into: &mut Packed<'a>, bytes: &'a [u8]) {
    match into.is_empty() {
        true => into.0 = Cow::Borrowed(bytes),
        false => into.0.to_mut().extend_from_slice(bytes),
    }
}
