//! One frame: what it is, how long it is, and whether it is whole.

use std::io::{self, BufRead, Read, Write};

pub(super) const MARK: [u8; 4] = *b"EKFR";
pub(super) const HEAD: usize = 13;
/// The largest payload; an image is written in parts.
pub(super) const PAYLOAD_BYTES_MAX: usize = 1_073_741_824;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Header = 1,
    Image = 2,
    Part = 3,
    Group = 4,
    Configured = 5,
    Gap = 6,
    End = 7,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Header, Self::Image, Self::Part, Self::Group, Self::Configured, Self::Gap, Self::End];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A frame that holds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub payload: Vec<u8>,
}

/// Why there is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    /// The file ends within it.
    Cut,
    Damaged,
}

/// Bytes that were written.
pub(super) fn write(out: &mut impl Write, kind: Kind, payload: &[u8]) -> io::Result<u64> {
    let Some(length) = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= PAYLOAD_BYTES_MAX)
    else {
        let why = format!("an entry of {} bytes is too large for a recording", payload.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    };
    let mut head = Vec::with_capacity(HEAD + payload.len());
    head.extend(MARK);
    head.push(kind as u8);
    head.extend(length.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&head[MARK.len()..]), payload);
    head.extend(checksum.to_le_bytes());
    // In one piece: a process that is killed leaves whole entries.
    head.extend(payload);
    out.write_all(&head)?;
    Ok((HEAD + payload.len()) as u64)
}

/// `None` at the end of the file. The memory that it takes is that of what is there, whatever the length says.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Result<Frame, Torn>>> {
    let mut head = Vec::with_capacity(HEAD);
    input.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(None);
    }
    if !MARK.starts_with(&head[..head.len().min(MARK.len())]) {
        return Ok(Some(Err(Torn::Damaged)));
    }
    let Some((fields, checksum)) = head.split_last_chunk::<4>().filter(|_| head.len() == HEAD) else {
        return Ok(Some(Err(Torn::Cut)));
    };
    let length = fields.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    let Some(kind) = Kind::of(fields[MARK.len()]).filter(|_| length <= PAYLOAD_BYTES_MAX) else {
        return Ok(Some(Err(Torn::Damaged)));
    };
    let mut payload = Vec::new();
    input.by_ref().take(length as u64).read_to_end(&mut payload)?;
    if payload.len() < length {
        return Ok(Some(Err(Torn::Cut)));
    }
    let found = crc32c::crc32c_append(crc32c::crc32c(&fields[MARK.len()..]), &payload);
    let is_whole = found == u32::from_le_bytes(*checksum);
    Ok(Some(if is_whole { Ok(Frame { kind, payload }) } else { Err(Torn::Damaged) }))
}

/// The kind of the frame that begins here, and how long it is; `None` while it is not there as a whole.
pub(super) fn measure(bytes: &[u8]) -> Option<(u8, usize)> {
    let length = bytes.get(MARK.len() + 1..MARK.len() + 5)?.first_chunk::<4>()?;
    let length = HEAD + u32::from_le_bytes(*length) as usize;
    (bytes.len() >= length).then(|| (bytes[MARK.len()], length))
}
