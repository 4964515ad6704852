//! Reads a recording as far as it is whole; after a damaged entry, on from the next image.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

use borsh::BorshDeserialize;

use super::frame::{self, Frame, Kind, MARK, Torn};
use super::{Entry, Header, MAGIC};
use crate::engine::FORMAT;
use crate::model::Now;

/// Why nothing of a file can be read as a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    NotOne,
    /// It ends before, or within, what it says of itself.
    NoHeader(Torn),
    OtherForm(u8),
    /// Of a newer Evenkeel.
    Newer {
        format: u32,
        product: String,
    },
    Io(String),
}

/// Entries, and where what can not be read begins.
pub struct Reader<R> {
    input: R,
    header: Header,
    offset: u64,
    /// What came before is gone: nothing means anything before the next image.
    is_lost: bool,
    over: bool,
}

/// One step through a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Entry(Entry),
    /// At this byte something can not be read. Entries after it begin with an image.
    Torn {
        at: u64,
        torn: Torn,
    },
}

impl<R: BufRead + Seek> Reader<R> {
    pub fn open(mut input: R) -> Result<Self, Refused> {
        let io = |error: io::Error| Refused::Io(error.to_string());
        let mut magic = Vec::new();
        input.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(io)?;
        let known = magic.iter().zip(&MAGIC).take_while(|(one, other)| one == other).count();
        match (known, magic.len()) {
            (8, _) => {}
            (5, 6..) => return Err(Refused::OtherForm(magic[5])),
            (known, length) if known == length && known > 0 => return Err(Refused::NoHeader(Torn::Cut)),
            _ => return Err(Refused::NotOne),
        }
        let found = frame::read(&mut input).map_err(io)?;
        let frame = found.unwrap_or(Err(Torn::Cut)).map_err(Refused::NoHeader)?;
        let header = Header::deserialize(&mut &*frame.payload).ok().filter(|_| frame.kind == Kind::Header);
        let header = header.ok_or(Refused::NoHeader(Torn::Damaged))?;
        if header.format > FORMAT {
            return Err(Refused::Newer { format: header.format, product: header.product });
        }
        let offset = (MAGIC.len() + frame::HEAD + frame.payload.len()) as u64;
        Ok(Self { input, header, offset, is_lost: true, over: false })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes that were read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// `None` at the end of the file.
    pub fn step(&mut self) -> io::Result<Option<Found>> {
        while !self.over {
            let at = self.offset;
            let entry = match self.frame()? {
                None => break,
                Some(Err(torn)) => return self.torn(at, torn).map(Some),
                Some(Ok(frame)) => match self.entry(&frame)? {
                    Ok(entry) => entry,
                    Err(torn) => return self.torn(at, torn).map(Some),
                },
            };
            if let Some(entry) = entry {
                return Ok(Some(Found::Entry(entry)));
            }
        }
        Ok(None)
    }

    fn frame(&mut self) -> io::Result<Option<Result<Frame, Torn>>> {
        let found = frame::read(&mut self.input)?;
        if let Some(Ok(frame)) = &found {
            self.offset += (frame::HEAD + frame.payload.len()) as u64;
        }
        Ok(found)
    }

    /// `Ok(Ok(None))`: an entry that means nothing without what was lost.
    fn entry(&mut self, frame: &Frame) -> io::Result<Result<Option<Entry>, Torn>> {
        let mut payload = &*frame.payload;
        let entry = match frame.kind {
            Kind::Image => match self.image(payload)? {
                Ok(image) => {
                    self.is_lost = false;
                    return Ok(Ok(Some(image)));
                }
                Err(torn) => return Ok(Err(torn)),
            },
            Kind::End => Some(Entry::End),
            Kind::Gap => u64::deserialize(&mut payload).ok().map(|groups| Entry::Gap { groups }),
            Kind::Header | Kind::Part if self.is_lost => return Ok(Ok(None)),
            Kind::Header | Kind::Part => None,
            Kind::Group | Kind::Configured if self.is_lost => return Ok(Ok(None)),
            Kind::Group => payload.split_first_chunk().map(|(decided, records)| Entry::Group {
                decided: u64::from_le_bytes(*decided),
                records: records.to_vec(),
            }),
            Kind::Configured => <(Now, u64, Vec<u8>)>::deserialize(&mut payload)
                .ok()
                .map(|(now, decided, plan)| Entry::Configured { now, decided, plan }),
        };
        self.is_lost |= matches!(entry, Some(Entry::Gap { .. }));
        Ok(entry.map(Some).ok_or(Torn::Damaged))
    }

    fn image(&mut self, mut head: &[u8]) -> io::Result<Result<Entry, Torn>> {
        let Ok((now, count)) = <(Now, u32)>::deserialize(&mut head) else { return Ok(Err(Torn::Damaged)) };
        let mut parts = BTreeMap::new();
        for _ in 0..count {
            let frame = match self.frame()? {
                None => return Ok(Err(Torn::Cut)),
                Some(Err(torn)) => return Ok(Err(torn)),
                Some(Ok(frame)) => frame,
            };
            let part = <(String, Vec<u8>)>::deserialize(&mut &*frame.payload);
            let Some((name, bytes)) = part.ok().filter(|_| frame.kind == Kind::Part) else {
                return Ok(Err(Torn::Damaged));
            };
            parts.insert(name, bytes);
        }
        Ok(Ok(Entry::Image { now, parts }))
    }

    /// Goes to the next frame that is whole.
    fn torn(&mut self, at: u64, torn: Torn) -> io::Result<Found> {
        self.is_lost = true;
        // Parts of an image that are whole are no sign that something follows it.
        let mut from = self.offset.max(at + 1);
        loop {
            let Some(mark) = self.find_mark(from)? else {
                self.over = true;
                break;
            };
            self.input.seek(SeekFrom::Start(mark))?;
            if let Some(Ok(_)) = frame::read(&mut self.input)? {
                self.input.seek(SeekFrom::Start(mark))?;
                self.offset = mark;
                break;
            }
            from = mark + 1;
        }
        // What only looks cut is damaged where something whole follows.
        let torn = if self.over { torn } else { Torn::Damaged };
        Ok(Found::Torn { at, torn })
    }

    fn find_mark(&mut self, from: u64) -> io::Result<Option<u64>> {
        self.input.seek(SeekFrom::Start(from))?;
        let (mut at, mut seen) = (from, 0);
        loop {
            let held = self.input.fill_buf()?;
            if held.is_empty() {
                return Ok(None);
            }
            for (place, byte) in held.iter().enumerate() {
                seen = if *byte == MARK[seen] { seen + 1 } else { usize::from(*byte == MARK[0]) };
                if seen == MARK.len() {
                    return Ok(Some(at + place as u64 + 1 - MARK.len() as u64));
                }
            }
            let length = held.len();
            self.input.consume(length);
            at += length as u64;
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOne => f.write_str("it is no recording of Evenkeel"),
            Self::NoHeader(Torn::Cut) => f.write_str("the recording ends before it begins: nothing is in it"),
            Self::NoHeader(Torn::Damaged) => {
                f.write_str("the beginning of the recording is damaged: nothing of it can be understood")
            }
            Self::OtherForm(form) => write!(
                f,
                "the recording has form {form}, and this Evenkeel knows {}: replay it with the version that wrote it",
                MAGIC[5]
            ),
            Self::Newer { format, product } => write!(
                f,
                "the recording is of Evenkeel {product} (format {format}), and this one knows {FORMAT} at most: replay it with that version"
            ),
            Self::Io(error) => write!(f, "it can not be read: {error}"),
        }
    }
}
