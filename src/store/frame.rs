//! One blob with what tells whether it is whole: its own number, its length, the checksum of the frame before it, and
//! its own. CRC32C (Castagnoli) over everything but itself; all numbers little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | sequence |
//! | 8..16 | length of the payload |
//! | 16..20 | checksum of the frame before |
//! | 20..24 | checksum |
//! | 24.. | payload |

use super::Sequence;

const HEAD: usize = 24;
const OWN: usize = 20;

/// A frame that holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'f> {
    pub sequence: Sequence,
    pub before: u32,
    pub checksum: u32,
    pub payload: &'f [u8],
}

/// The frame, and its checksum.
pub(super) fn write(sequence: Sequence, before: u32, payload: &[u8]) -> (Vec<u8>, u32) {
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend(sequence.0.to_le_bytes());
    frame.extend((payload.len() as u64).to_le_bytes());
    frame.extend(before.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&frame), payload);
    frame.extend(checksum.to_le_bytes());
    frame.extend(payload);
    (frame, checksum)
}

/// `None` for what is cut, changed, or something else.
pub(super) fn read(frame: &[u8]) -> Option<Frame<'_>> {
    let (head, payload) = frame.split_at_checked(HEAD)?;
    let long = |at: usize| Some(u64::from_le_bytes(head[at..at + 8].try_into().ok()?));
    let short = |at: usize| Some(u32::from_le_bytes(head[at..at + 4].try_into().ok()?));
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&head[..OWN]), payload);
    let whole = long(8)? == payload.len() as u64 && short(OWN)? == checksum;
    whole.then_some(Frame { sequence: Sequence(long(0)?), before: short(16)?, checksum, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_was_cut_or_changed_anywhere_is_none() {
        let (frame, checksum) = write(Sequence(7), 5, b"what came in");
        let whole = Frame { sequence: Sequence(7), before: 5, checksum, payload: b"what came in" };
        assert_eq!(read(&frame), Some(whole));
        for at in 0..frame.len() {
            assert_eq!(read(&frame[..at]), None, "cut to {at}");
            for bit in 0..8 {
                let mut changed = frame.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(read(&changed), None, "bit {bit} of byte {at}");
            }
        }
    }
}
