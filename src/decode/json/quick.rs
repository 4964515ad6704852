//! OTLP/JSON in the form that exporters write, read several times as fast as by a general parser. It only ever says yes:
//! whatever is unusual, or wrong, is left to the long way, which decides and says what it is.

use super::depth::PARSER_MAX;
use super::read::{encoded, put};
use super::schema::{Field, KEY_VALUE, Kind, Message};
use super::text;
use super::write::Writer;
use crate::decode::Limits;

/// The request in protobuf; `None` says nothing of it.
pub fn to_protobuf(message: &Message, text: &[u8], limits: Limits) -> Option<Vec<u8>> {
    str::from_utf8(text).ok()?;
    let limits = Limits { depth_max: limits.depth_max.min(PARSER_MAX), ..limits };
    let writer = Writer { bytes: Vec::with_capacity(text.len() / 2) };
    let mut quick = Quick { text, at: 0, writer, items: 0, limits };
    quick.space();
    quick.take(b'{')?;
    quick.message(message, 1)?;
    quick.space();
    (quick.at == text.len() && quick.is_within()).then_some(quick.writer.bytes)
}

struct Quick<'t> {
    /// Valid UTF-8.
    text: &'t [u8],
    at: usize,
    writer: Writer,
    items: u64,
    limits: Limits,
}

impl<'t> Quick<'t> {
    fn is_within(&self) -> bool {
        self.items <= self.limits.items_max && self.writer.bytes.len() <= self.limits.bytes_max
    }

    /// Behind the brace that opens it.
    fn message(&mut self, message: &Message, depth: u32) -> Option<()> {
        if depth > self.limits.depth_max || !self.is_within() {
            return None;
        }
        self.space();
        if self.take(b'}').is_some() {
            return Some(());
        }
        let mut next = 0;
        loop {
            let key = self.plain()?;
            let (place, field) = find(message, key, next)?;
            next = place + 1;
            self.space();
            self.take(b':')?;
            self.space();
            match self.peek()? {
                b'n' => self.literal(b"null")?,
                b'[' if field.repeated => self.list(field, depth + 1)?,
                _ if field.repeated => return None,
                _ => self.value(field, depth)?,
            }
            self.space();
            if self.take(b'}').is_some() {
                return Some(());
            }
            self.take(b',')?;
            self.space();
        }
    }

    fn list(&mut self, field: &Field, depth: u32) -> Option<()> {
        if depth > self.limits.depth_max {
            return None;
        }
        self.take(b'[')?;
        self.space();
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(field, depth)?;
            if !self.is_within() {
                return None;
            }
            self.space();
            if self.take(b']').is_some() {
                return Some(());
            }
            self.take(b',')?;
            self.space();
        }
    }

    fn value(&mut self, field: &Field, depth: u32) -> Option<()> {
        let number = field.number;
        match field.kind {
            Kind::Message(message) => self.nested(number, message, depth),
            Kind::Item(message) => {
                self.items += 1;
                self.nested(number, message, depth)
            }
            Kind::String => self.string(number),
            Kind::Id => self.plain().and_then(|id| self.id(number, id)),
            Kind::Bytes => {
                let bytes = text::base64(str::from_utf8(self.plain()?).ok()?)?;
                self.writer.text(number, &bytes);
                Some(())
            }
            Kind::Bool => {
                let truth = self.peek()? == b't';
                self.literal(if truth { b"true" } else { b"false" })?;
                self.writer.varint(number, u64::from(truth));
                Some(())
            }
            Kind::Double => {
                let value = self.double()?;
                self.writer.fixed64(number, value.to_bits());
                Some(())
            }
            Kind::Enum(names) if self.peek()? == b'"' => {
                let name = self.plain()?;
                let place = names.iter().position(|one| one.as_bytes() == name)?;
                self.writer.varint(number, place as u64);
                Some(())
            }
            kind => {
                let value = self.integer()?;
                put(&mut self.writer, number, encoded(kind, value)?);
                Some(())
            }
        }
    }

    fn nested(&mut self, number: u32, message: &Message, depth: u32) -> Option<()> {
        if std::ptr::eq(message, &KEY_VALUE) && depth + 2 <= self.limits.depth_max {
            let at = self.at;
            if self.attribute(number).is_some() {
                return Some(());
            }
            self.at = at;
        }
        self.take(b'{')?;
        let open = self.writer.open(number);
        self.message(message, depth + 1)?;
        self.writer.close(open);
        Some(())
    }

    /// A short text or whole number under a short key, without a space: most of what a document is made of. Where it is
    /// something else nothing is written.
    fn attribute(&mut self, number: u32) -> Option<()> {
        self.literal(br#"{"key":""#)?;
        let key = self.until_quote()?;
        self.literal(br#"","value":{""#)?;
        let mut value = [0; VALUE_MAX];
        let len = if self.literal(br#"stringValue":""#).is_some() {
            let text = self.until_quote()?;
            self.literal(br#""}}"#)?;
            value.get_mut(2..2 + text.len())?.copy_from_slice(text);
            [value[0], value[1]] = [TEXT, text.len() as u8];
            2 + text.len()
        } else {
            self.literal(br#"intValue":"#)?;
            let mut int = i64::try_from(self.integer()?).ok()?.cast_unsigned();
            self.literal(b"}}")?;
            let mut len = 1;
            value[0] = INT;
            while int >= 0x80 {
                value[len] = int as u8 | 0x80;
                (int, len) = (int >> 7, len + 1);
            }
            value[len] = int as u8;
            len + 1
        };
        let pair = 4 + key.len() + len;
        if pair >= 0x80 {
            return None;
        }
        let bytes = &mut self.writer.bytes;
        bytes.extend_from_slice(&[(number as u8) << 3 | BYTES, pair as u8, KEY, key.len() as u8]);
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&[VALUE, len as u8]);
        bytes.extend_from_slice(&value[..len]);
        Some(())
    }

    #[inline]
    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        let found = self.text.get(self.at..)?.starts_with(literal);
        found.then(|| self.at += literal.len())
    }

    #[inline]
    fn until_quote(&mut self) -> Option<&'t [u8]> {
        let begin = self.at;
        self.at += special(&self.text[begin..])?;
        Some(&self.text[begin..self.at])
    }

    /// A text without escapes.
    #[inline]
    fn plain(&mut self) -> Option<&'t [u8]> {
        self.take(b'"')?;
        let text = self.until_quote()?;
        self.take(b'"')?;
        Some(text)
    }

    fn string(&mut self, number: u32) -> Option<()> {
        let begin = self.at;
        self.take(b'"')?;
        self.at = begin;
        if let Some(plain) = self.plain() {
            self.writer.text(number, plain);
            return Some(());
        }
        self.at = begin + 1;
        let open = self.writer.open(number);
        loop {
            let len = special(&self.text[self.at..])?;
            self.writer.bytes.extend_from_slice(&self.text[self.at..self.at + len]);
            self.at += len + 1;
            match self.text[self.at - 1] {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
        self.writer.close(open);
        Some(())
    }

    /// Behind the backslash. Halves of a pair are left to the long way.
    fn escape(&mut self) -> Option<()> {
        let escaped = self.peek()?;
        self.at += 1;
        let character = match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let code = digits.iter().try_fold(0, |code, byte| Some(code << 4 | digit(byte)?))?;
                char::from_u32(code)?
            }
            _ => return None,
        };
        self.writer.bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }

    fn id(&mut self, number: u32, id: &[u8]) -> Option<()> {
        let mut bytes = [0; 16];
        let (pairs, rest) = id.as_chunks::<2>();
        let room = bytes.get_mut(..pairs.len())?;
        if !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in room.iter_mut().zip(pairs) {
            let pair = HEX[usize::from(*high)] << 4 | HEX[usize::from(*low)];
            *byte = u8::try_from(pair).ok()?;
        }
        self.writer.text(number, room);
        Some(())
    }

    /// Digits, in quotes or not.
    fn integer(&mut self) -> Option<i128> {
        let quoted = self.take(b'"').is_some();
        let negative = self.take(b'-').is_some();
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = &self.text[self.at..self.at + digits];
        let has_leading_zero = text.first() == Some(&b'0') && (digits > 1 || negative);
        if digits == 0 || digits > DIGITS_MAX || has_leading_zero {
            return None;
        }
        self.at += digits;
        match quoted {
            true => self.take(b'"')?,
            false => self.ends()?,
        }
        let value = text.iter().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        Some(if negative { -i128::from(value) } else { i128::from(value) })
    }

    fn double(&mut self) -> Option<f64> {
        let rest = &self.text[self.at..];
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit() || b"-+.eE".contains(byte)).count();
        let text = &rest[..len];
        self.at += len;
        self.ends()?;
        is_number(text)
            .then(|| str::from_utf8(text).ok()?.parse().ok())
            .flatten()
            .filter(|one: &f64| one.is_finite())
    }

    /// A number ends here, and not in a part of one.
    fn ends(&self) -> Option<()> {
        matches!(self.peek()?, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t').then_some(())
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }
}

/// Tags, each of one byte, and what is length-delimited in a tag: `KeyValue.key` and `value`, `AnyValue.string_value` and
/// `int_value`.
const KEY: u8 = 0x0a;
const VALUE: u8 = 0x12;
const TEXT: u8 = 0x0a;
const INT: u8 = 0x18;
const BYTES: u8 = 2;
/// Of a value that still fits into a pair whose length is one byte.
const VALUE_MAX: usize = 124;

/// So many always fit into 64 bits.
const DIGITS_MAX: usize = 19;

/// Fields come in one order from one sender: `next` is where the search begins.
#[inline]
fn find<'m>(message: &'m Message, key: &[u8], next: usize) -> Option<(usize, &'m Field)> {
    let is_it = |field: &Field| field.is_named(key);
    let (before, from) = message.fields.split_at_checked(next)?;
    let later = from.iter().position(is_it).map(|place| next + place);
    let place = later.or_else(|| before.iter().position(is_it))?;
    Some((place, &message.fields[place]))
}

/// A JSON number: no leading zeros, digits before and after the point.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    match &text[whole..] {
        [] => true,
        [b'.', fraction @ ..] => {
            let len = digits(fraction);
            len > 0 && is_exponent(&fraction[len..])
        }
        rest => is_exponent(rest),
    }
}

fn is_exponent(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => {
            !rest.is_empty() && rest.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// How far it is to a quote, a backslash or a control character, eight bytes at a time.
#[inline]
fn special(text: &[u8]) -> Option<usize> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = EACH << 7;
    const QUOTES: u64 = EACH * b'"' as u64;
    const BACKSLASHES: u64 = EACH * b'\\' as u64;
    let is_zero = |eight: u64| eight.wrapping_sub(EACH) & !eight & TOP;
    let (eights, rest) = text.as_chunks::<8>();
    for (place, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let below_32 = eight.wrapping_sub(EACH << 5) & !eight & TOP;
        // Each may be wrong of a byte above one of which it is right.
        let found = is_zero(eight ^ QUOTES) | is_zero(eight ^ BACKSLASHES) | below_32;
        if found != 0 {
            return Some(place * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let place = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
    Some(eights.len() * 8 + place)
}

/// What a digit stands for; more than a byte holds where it is none.
static HEX: [u16; 256] = {
    let mut table = [0x100; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u16;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u16;
        digit += 1;
    }
    table
};
