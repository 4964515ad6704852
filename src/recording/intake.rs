//! A recording that comes in pieces: what is written ends after a whole entry, wherever the pieces end.

use std::fs::File;
use std::io::{self, Seek, Write};

use borsh::BorshDeserialize;

use super::MAGIC;
use super::frame::{self, Kind};
use crate::model::Now;

#[derive(Debug)]
pub struct Intake {
    file: File,
    /// What is not a whole entry yet.
    rest: Vec<u8>,
    /// Parts of the image that are still to come.
    parts: u32,
    /// Of the file, up to the end of the last whole entry.
    whole_bytes: u64,
    bytes: u64,
    written: Written,
    has_ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    pub images: u64,
    pub groups: u64,
}

impl Intake {
    pub fn new(file: File) -> Self {
        let (rest, written) = (Vec::new(), Written::default());
        Self { file, rest, parts: 0, whole_bytes: 0, bytes: 0, written, has_ended: false }
    }

    pub fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.rest.extend(piece);
        let mut done = 0;
        if self.bytes == 0 {
            if self.rest.len() < MAGIC.len() {
                return Ok(());
            }
            done = MAGIC.len();
        }
        while let Some((kind, length)) = frame::measure(&self.rest[done..]) {
            self.count(kind, done, length);
            done += length;
            if self.parts == 0 {
                self.whole_bytes = self.bytes + done as u64;
            }
        }
        self.file.write_all(&self.rest[..done])?;
        self.bytes += done as u64;
        self.rest.drain(..done);
        Ok(())
    }

    fn count(&mut self, kind: u8, at: usize, length: usize) {
        if kind == Kind::Image as u8 {
            let payload = &self.rest[at + frame::HEAD..at + length];
            self.parts = <(Now, u32)>::deserialize(&mut &*payload).map_or(0, |(_, parts)| parts);
            self.written.images += 1;
        } else if kind == Kind::Part as u8 {
            self.parts = self.parts.saturating_sub(1);
        }
        self.written.groups += u64::from(kind == Kind::Group as u8);
        self.has_ended |= kind == Kind::End as u8;
    }

    /// Ends it after the last whole entry.
    pub fn finish(mut self) -> io::Result<Written> {
        if self.parts > 0 {
            self.written.images -= 1;
        }
        self.file.set_len(self.whole_bytes)?;
        if !self.has_ended && self.whole_bytes > 0 {
            self.file.seek(io::SeekFrom::End(0))?;
            self.whole_bytes += frame::write(&mut self.file, Kind::End, &[])?;
        }
        self.written.bytes = self.whole_bytes;
        Ok(self.written)
    }
}
