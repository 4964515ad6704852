//! The protobuf wire format over borrowed bytes. It knows fields and wire types, no message.

use crate::decode::Malformed;

/// More groups inside each other than this are refused. OTLP has none at all, only unknown fields can.
const GROUPS_MAX: usize = 64;

/// What is left of one message, and where in the request that is.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset in the request of the first byte after this message.
    end: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub number: u32,
    /// Offset of its tag in the request.
    pub at: usize,
    data: Data<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Data<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(Reader<'a>),
    Fixed32,
    Group,
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Varint,
    Fixed64,
    Bytes,
    Fixed32,
    Group,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, end: bytes.len() }
    }

    /// The next field, `None` after the last one.
    #[inline(always)]
    pub fn field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.offset();
        let (number, wire_type) = self.tag()?;
        let data = match wire_type {
            0 => Data::Varint(self.varint()?),
            1 => Data::Fixed64(self.fixed64()?),
            2 => Data::Bytes(self.block()?),
            3 => self.skip_group(number).map(|()| Data::Group)?,
            4 => return Err(malformed(at, "a group ends that never began")),
            _ => self.take(4).map(|_| Data::Fixed32)?,
        };
        Ok(Some(Field { number, at, data }))
    }

    /// Two fields of bytes, of these tags and in this order, and nothing else: the form in which every encoder writes an
    /// attribute. `None` says nothing of the message.
    #[inline(always)]
    pub fn two_blocks(&self, first: u8, second: u8) -> Option<(&'a [u8], Self)> {
        let [tag, len, rest @ ..] = self.rest else { return None };
        if *tag != first || *len >= 0x80 {
            return None;
        }
        let (one, rest) = rest.split_at_checked(usize::from(*len))?;
        let (len, rest) = match rest {
            [tag, len, rest @ ..] if *tag == second && *len < 0x80 => (usize::from(*len), rest),
            [tag, low, high, rest @ ..] if *tag == second && *high < 0x80 => {
                (usize::from(*low & 0x7f) | usize::from(*high) << 7, rest)
            }
            _ => return None,
        };
        (rest.len() == len).then_some((one, Self { rest, end: self.end }))
    }

    /// One short field of bytes of this tag, and nothing else. `None` says nothing of the message.
    #[inline(always)]
    pub fn one_block(&self, tag: u8) -> Option<&'a [u8]> {
        match self.rest {
            [found, len, rest @ ..] if *found == tag && *len < 0x80 && rest.len() == usize::from(*len) => {
                Some(rest)
            }
            _ => None,
        }
    }

    /// Takes one short field of bytes of this tag. `None` takes nothing, and says nothing of what is there.
    #[inline(always)]
    pub fn next_block(&mut self, tag: u8) -> Option<Self> {
        let [found, len, rest @ ..] = self.rest else { return None };
        if *found != tag || *len >= 0x80 {
            return None;
        }
        let (block, rest) = rest.split_at_checked(usize::from(*len))?;
        self.rest = rest;
        Some(Self { rest: block, end: self.offset() })
    }

    /// As [`Self::next_block`] for a field of eight bytes.
    #[inline(always)]
    pub fn next_fixed64(&mut self, tag: u8) -> Option<u64> {
        let (bytes, rest) = self.rest.split_first_chunk::<9>()?;
        let [found, number @ ..] = *bytes;
        (found == tag).then(|| {
            self.rest = rest;
            u64::from_le_bytes(number)
        })
    }

    /// As [`Self::next_block`] for a varint of one byte.
    #[inline(always)]
    pub fn next_byte(&mut self, tag: u8) -> Option<u64> {
        match self.rest {
            [found, number, rest @ ..] if *found == tag && *number < 0x80 => {
                self.rest = rest;
                Some(u64::from(*number))
            }
            _ => None,
        }
    }

    /// A varint of this tag, and nothing else.
    #[inline(always)]
    pub fn one_varint(&self, tag: u8) -> Option<u64> {
        let [found, rest @ ..] = self.rest else { return None };
        let mut one = Self { rest, end: self.end };
        (*found == tag).then(|| one.varint().ok()).flatten().filter(|_| one.rest.is_empty())
    }

    #[inline]
    pub fn into_bytes(self) -> &'a [u8] {
        self.rest
    }

    /// Whether the rest is nothing but whole varints.
    pub fn check_varints(mut self) -> Result<(), Malformed> {
        while !self.rest.is_empty() {
            self.varint()?;
        }
        Ok(())
    }

    #[cold]
    pub fn malformed(&self, what: &str) -> Malformed {
        malformed(self.offset(), what)
    }

    fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline(always)]
    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let at = self.offset();
        let key = self.varint()?;
        let (number, wire_type) = ((key >> 3) as u32, (key & 7) as u8);
        if key > u64::from(u32::MAX) || number == 0 || wire_type > 5 {
            return Err(bad_tag(at, key));
        }
        Ok((number, wire_type))
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().copied().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            // The tenth byte holds the 64th bit and nothing else.
            if byte < 0x80 && (index < 9 || byte < 2) {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        let what = if self.rest.len() < 10 { "a truncated varint" } else { "a varint above 64 bits" };
        Err(malformed(self.offset(), what))
    }

    #[inline]
    fn fixed64(&mut self) -> Result<u64, Malformed> {
        match self.rest.split_first_chunk::<8>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => self.take(8).map(|_| 0),
        }
    }

    /// A length-delimited field's bytes.
    #[inline(always)]
    fn block(&mut self) -> Result<Self, Malformed> {
        let len = self.varint()?;
        let rest = self.take(len)?;
        Ok(Self { rest, end: self.offset() })
    }

    #[inline(always)]
    fn take(&mut self, len: u64) -> Result<&'a [u8], Malformed> {
        let split = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let Some((taken, rest)) = split else { return Err(self.truncated(len)) };
        self.rest = rest;
        Ok(taken)
    }

    #[cold]
    fn truncated(&self, len: u64) -> Malformed {
        malformed(self.offset(), &format!("a field of {len} bytes where {} are left", self.rest.len()))
    }

    /// Reads past the end of the group `number`, whose start tag was just read. Not by recursion:
    /// how deep groups nest is the sender's choice.
    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), Malformed> {
        let mut open = vec![number];
        while let Some(innermost) = open.last().copied() {
            let at = self.offset();
            let (number, wire_type) = self.tag()?;
            match wire_type {
                0 => self.varint().map(|_| ())?,
                1 => self.take(8).map(|_| ())?,
                2 => self.block().map(|_| ())?,
                3 if open.len() < GROUPS_MAX => open.push(number),
                3 => return Err(malformed(at, "groups nested too deep")),
                4 if number == innermost => open.truncate(open.len() - 1),
                4 => return Err(malformed(at, "a group ends that never began")),
                _ => self.take(4).map(|_| ())?,
            }
        }
        Ok(())
    }
}

/// Each takes the field's name for the message that refuses another wire type.
impl<'a> Field<'a> {
    #[inline]
    pub fn message(&self, name: &str) -> Result<Reader<'a>, Malformed> {
        match self.data {
            Data::Bytes(reader) => Ok(reader),
            _ => Err(self.wrong(name, "length-delimited bytes")),
        }
    }

    pub fn is_bytes(&self) -> bool {
        matches!(self.data, Data::Bytes(_))
    }

    pub fn wire(&self) -> Wire {
        match self.data {
            Data::Varint(_) => Wire::Varint,
            Data::Fixed64(_) => Wire::Fixed64,
            Data::Bytes(_) => Wire::Bytes,
            Data::Fixed32 => Wire::Fixed32,
            Data::Group => Wire::Group,
        }
    }

    #[inline]
    pub fn bytes(&self, name: &str) -> Result<&'a [u8], Malformed> {
        self.message(name).map(Reader::into_bytes)
    }

    #[inline]
    pub fn varint(&self, name: &str) -> Result<u64, Malformed> {
        match self.data {
            Data::Varint(value) => Ok(value),
            _ => Err(self.wrong(name, "a varint")),
        }
    }

    #[inline]
    pub fn fixed64(&self, name: &str) -> Result<u64, Malformed> {
        match self.data {
            Data::Fixed64(value) => Ok(value),
            _ => Err(self.wrong(name, "8 bytes")),
        }
    }

    pub fn double(&self, name: &str) -> Result<f64, Malformed> {
        self.fixed64(name).map(f64::from_bits)
    }

    #[cold]
    fn wrong(&self, name: &str, expected: &str) -> Malformed {
        let found = match self.data {
            Data::Varint(_) => "a varint",
            Data::Fixed64(_) => "8 bytes",
            Data::Bytes(_) => "length-delimited bytes",
            Data::Fixed32 => "4 bytes",
            Data::Group => "a group",
        };
        malformed(self.at, &format!("{name} is {found} instead of {expected}"))
    }
}

#[cold]
fn bad_tag(at: usize, key: u64) -> Malformed {
    match key >> 3 {
        0 => malformed(at, "field number 0"),
        0x2000_0000.. => malformed(at, "a field number above 536870911"),
        _ => malformed(at, &format!("wire type {} does not exist", key & 7)),
    }
}

#[cold]
fn malformed(at: usize, what: &str) -> Malformed {
    Malformed::Undecodable(format!("protobuf, byte {at}: {what}"))
}
