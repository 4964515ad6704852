//! Writes protobuf fields into one buffer.

#[derive(Debug)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

/// Where an open message's content begins.
#[derive(Clone, Copy, Debug)]
pub struct Open(usize);

impl Writer {
    pub fn varint(&mut self, number: u32, value: u64) {
        self.tag(number, 0);
        self.raw_varint(value);
    }

    pub fn fixed64(&mut self, number: u32, value: u64) {
        self.tag(number, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn fixed32(&mut self, number: u32, value: u32) {
        self.tag(number, 5);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn text(&mut self, number: u32, value: &[u8]) {
        self.tag(number, 2);
        self.raw_varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Begins a message whose length nobody knows yet: one byte is kept for it, as most are short.
    pub fn open(&mut self, number: u32) -> Open {
        self.tag(number, 2);
        self.bytes.push(0);
        Open(self.bytes.len())
    }

    /// Ends a message, moving its content where one byte is not enough for the length.
    pub fn close(&mut self, Open(begin): Open) {
        let len = self.bytes.len() - begin;
        if len < 0x80 {
            self.bytes[begin - 1] = len as u8;
            return;
        }
        let end = self.bytes.len();
        self.raw_varint(len as u64);
        let width = self.bytes.len() - end;
        let mut varint = [0; 10];
        varint[..width].copy_from_slice(&self.bytes[end..]);
        self.bytes.truncate(end + width - 1);
        self.bytes.copy_within(begin..end, begin + width - 1);
        self.bytes[begin - 1..][..width].copy_from_slice(&varint[..width]);
    }

    #[inline]
    fn tag(&mut self, number: u32, wire_type: u64) {
        self.raw_varint(u64::from(number) << 3 | wire_type);
    }

    #[inline]
    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}
