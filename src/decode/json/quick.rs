//! OTLP/JSON in the form that exporters write, read several times as fast as by a general parser. It only ever says yes:
//! whatever is unusual, or wrong, is left to the long way, which decides and says what it is.

use super::depth::PARSER_MAX;
use super::read::{encoded, put};
use super::schema::{Field, Kind, Message};
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
    (quick.at == text.len()).then_some(quick.writer.bytes)
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
    /// Behind the brace that opens it.
    fn message(&mut self, message: &Message, depth: u32) -> Option<()> {
        let Limits { items_max, depth_max, bytes_max, .. } = self.limits;
        if depth > depth_max || self.items > items_max || self.writer.bytes.len() > bytes_max {
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
                b'n' => self.word(b"null")?,
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
                self.word(if truth { b"true" } else { b"false" })?;
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
        self.take(b'{')?;
        let open = self.writer.open(number);
        self.message(message, depth + 1)?;
        self.writer.close(open);
        Some(())
    }

    /// A text without escapes.
    #[inline]
    fn plain(&mut self) -> Option<&'t [u8]> {
        self.take(b'"')?;
        let begin = self.at;
        self.at += special(&self.text[begin..])?;
        self.take(b'"')?;
        Some(&self.text[begin..self.at - 1])
    }

    fn string(&mut self, number: u32) -> Option<()> {
        let begin = self.at;
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

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let found = self.text[self.at..].starts_with(word);
        self.at += word.len();
        found.then_some(())
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

/// So many always fit into 64 bits.
const DIGITS_MAX: usize = 19;

/// Fields come in one order from one sender: `next` is where the search begins.
#[inline]
fn find<'m>(message: &'m Message, key: &[u8], next: usize) -> Option<(usize, &'m Field)> {
    let all = message.fields.iter().enumerate();
    let mut turn = all.clone().skip(next).chain(all.take(next));
    turn.find(|(_, field)| field.camel.as_bytes() == key || field.name.as_bytes() == key)
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
    let is_zero = |eight: u64| eight.wrapping_sub(EACH) & !eight & TOP;
    let (eights, rest) = text.as_chunks::<8>();
    for (place, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let below_32 = eight.wrapping_sub(EACH << 5) & !eight & TOP;
        // Each may be wrong of a byte above one of which it is right.
        let found = is_zero(eight ^ EACH * 0x22) | is_zero(eight ^ EACH * 0x5c) | below_32;
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
