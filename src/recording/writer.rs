//! Writes a recording to wherever bytes go.

use std::io::{self, Write};

use super::frame::{self, Kind};
use super::{Header, MAGIC};
use crate::engine::Image;
use crate::model::Now;

#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Writer<W> {
    pub fn begin(mut out: W, header: &Header) -> io::Result<Self> {
        out.write_all(&MAGIC)?;
        let mut writer = Self { out, bytes: MAGIC.len() as u64 };
        writer.put(Kind::Header, &borsh::to_vec(header)?)?;
        Ok(writer)
    }

    /// Part by part, so that it needs the memory of one.
    pub fn image(&mut self, now: Now, image: &Image) -> io::Result<()> {
        debug_assert!(image.is_full, "a recording has no other image to add to");
        self.put(Kind::Image, &borsh::to_vec(&(now, image.parts.len() as u32))?)?;
        for part in &image.parts {
            self.put(Kind::Part, &borsh::to_vec(&(&part.name, part.bytes()))?)?;
        }
        Ok(())
    }

    pub fn group(&mut self, decided: u64, records: &[u8]) -> io::Result<()> {
        self.put(Kind::Group, &[&decided.to_le_bytes(), records].concat())
    }

    pub fn configured(&mut self, now: Now, decided: u64, plan: &[u8]) -> io::Result<()> {
        self.put(Kind::Configured, &borsh::to_vec(&(now, decided, plan))?)
    }

    pub fn gap(&mut self, groups: u64) -> io::Result<()> {
        self.put(Kind::Gap, &groups.to_le_bytes())
    }

    /// It was ended, and not cut.
    pub fn end(&mut self) -> io::Result<()> {
        self.put(Kind::End, &[])
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    fn put(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        self.bytes += frame::write(&mut self.out, kind, payload)?;
        Ok(())
    }
}
