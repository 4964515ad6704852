//! gzip and zstd, bounded while they inflate. Every member or frame is read to its end; a cut one, and
//! anything after the last one that is none, makes the whole body unreadable.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use memchr::memmem;

use super::admission::Ticket;
use super::refusal::Refusal;

/// Read so much at a time; the budget is charged in the same steps.
const STEP_BYTES: usize = 64 * 1024;

/// What may inflate on the runtime's own thread (about a quarter of a millisecond). The rest is done where
/// blocking is allowed.
const INLINE_BYTES: usize = 256 * 1024;

/// As much of what gzip holds in one piece, which inflates twice as fast.
const INLINE_PIECE_BYTES: usize = 640 * 1024;

/// Deflate makes no more of a byte.
const EXPANSION_MAX: usize = 1_032;

/// How a member of gzip begins, and the bytes of its length at the end (RFC 1952, 2.2).
const MEMBER: [u8; 3] = [0x1f, 0x8b, 8];
const LENGTH_BYTES: usize = 4;
const TRAILER_BYTES: usize = 8;

/// A zstd frame that needs a larger window is refused: 8 MiB, the least that RFC 8878 asks decoders for.
const WINDOW_LOG_MAX: u32 = 23;
const WINDOW_LOG_MIN: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

struct Inflation {
    compression: Compression,
    source: Box<dyn Read + Send>,
    out: Vec<u8>,
    out_max: usize,
    ticket: Ticket,
}

/// The decompressed body and the ticket that now pays for it.
pub(super) async fn inflate(
    compression: Compression,
    compressed: Bytes,
    out_max: usize,
    mut ticket: Ticket,
) -> Result<(Bytes, Ticket), Refusal> {
    let compressed_bytes = compressed.len();
    if let Some(length) = one_member(compression, &compressed, out_max) {
        ticket.grow(length)?;
        if let Some(out) = in_one_piece(compressed.clone(), length).await? {
            ticket.shrink(compressed_bytes);
            return Ok((out.into(), ticket));
        }
        ticket.shrink(length);
    }
    let window_bytes = match compression {
        Compression::Gzip => 0,
        Compression::Zstd => 1 << window_log(&compressed),
    };
    ticket.grow(window_bytes)?;
    let source = compression.reader(compressed).map_err(|error| compression.broken(&error))?;
    let mut work = Inflation {
        compression,
        source,
        out: Vec::with_capacity(compressed_bytes.saturating_mul(4).min(INLINE_BYTES)),
        out_max,
        ticket,
    };
    if !work.advance(INLINE_BYTES)? {
        work = tokio::task::spawn_blocking(move || work.advance(usize::MAX).map(|_| work))
            .await
            .map_err(|_| Refusal::Unavailable { retry_after_s: 1 })??;
    }
    work.ticket.shrink(compressed_bytes + window_bytes);
    Ok((work.out.into(), work.ticket))
}

/// What a body of gzip says that it inflates to, where it looks like one member within the bound.
fn one_member(compression: Compression, compressed: &[u8], out_max: usize) -> Option<usize> {
    let rest = compressed.strip_prefix(&MEMBER).filter(|_| compression == Compression::Gzip)?;
    let length = u32::from_le_bytes(*rest.last_chunk::<LENGTH_BYTES>()?) as usize;
    let is_possible = (1..=out_max.min(compressed.len() * EXPANSION_MAX)).contains(&length);
    (is_possible && memmem::find(rest, &MEMBER).is_none()).then_some(length)
}

/// `None` where it is not that one member after all: the reader of many says what it is.
async fn in_one_piece(compressed: Bytes, length: usize) -> Result<Option<Vec<u8>>, Refusal> {
    let work = move || {
        let mut out = vec![0; length];
        let read = libdeflater::Decompressor::new().gzip_decompress(&compressed, &mut out);
        // The member's own trailer has been compared: the body must end with it. What stands between, if anything, is no
        // member and says nothing.
        let trailer = [libdeflater::crc32(&out), length as u32].map(u32::to_le_bytes).concat();
        (read == Ok(length) && compressed[compressed.len() - TRAILER_BYTES..] == trailer).then_some(out)
    };
    if length <= INLINE_PIECE_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Unavailable { retry_after_s: 1 })
}

impl Compression {
    /// By its name in `Content-Encoding` or `grpc-encoding`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Zstd].into_iter().find(|one| name.eq_ignore_ascii_case(one.as_str()))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn reader(self, compressed: Bytes) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Gzip => Ok(Box::new(MultiGzDecoder::new(Cursor::new(compressed)))),
            Self::Zstd if compressed.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Self::Zstd => {
                let window_log = window_log(&compressed);
                let mut decoder = zstd::Decoder::with_buffer(Cursor::new(compressed))?;
                decoder.window_log_max(window_log)?;
                Ok(Box::new(decoder))
            }
        }
    }

    fn broken(self, error: &io::Error) -> Refusal {
        Refusal::Malformed(format!("the body is not whole {}: {error}", self.as_str()))
    }
}

/// What the first frame says that its window needs, as a power of two (RFC 8878, 3.1.1.1). It is charged
/// before it is allocated, and frames that come after it get no more.
fn window_log(frame: &[u8]) -> u32 {
    let window = || {
        let (&descriptor, rest) = frame.strip_prefix(&0xfd2f_b528_u32.to_le_bytes())?.split_first()?;
        if descriptor & 0x20 == 0 {
            let (exponent, mantissa) = (rest.first()? >> 3, rest.first()? & 7);
            let base = 1_u64 << (10 + exponent);
            return Some(base + base / 8 * u64::from(mantissa));
        }
        // One segment: the window is the content, whose size follows the dictionary's id.
        let content = rest.get([0, 1, 2, 4][usize::from(descriptor & 3)]..)?;
        let width = 1 << (descriptor >> 6);
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(content.get(..width)?);
        Some(u64::from_le_bytes(bytes) + if width == 2 { 256 } else { 0 })
    };
    let window = window().unwrap_or(u64::MAX).max(1);
    window
        .checked_next_power_of_two()
        .map_or(WINDOW_LOG_MAX, u64::trailing_zeros)
        .clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX)
}

impl Inflation {
    /// Inflates until the end (`true`) or until `until` bytes are there.
    fn advance(&mut self, until: usize) -> Result<bool, Refusal> {
        while self.out.len() < until {
            let before = self.out.len();
            self.make_room(before + STEP_BYTES);
            self.out.resize(before + STEP_BYTES, 0);
            let read = self.source.read(&mut self.out[before..]);
            let read = read.map_err(|error| self.compression.broken(&error))?;
            self.out.truncate(before + read);
            if read == 0 {
                return Ok(true);
            }
            if self.out.len() > self.out_max {
                return Err(Refusal::TooLarge);
            }
            self.ticket.grow(read)?;
        }
        Ok(false)
    }

    /// In few steps, as what a step leaves is not given back at once, and never beyond what may be filled.
    fn make_room(&mut self, needed: usize) {
        if needed > self.out.capacity() {
            let most = self.out_max.saturating_add(2 * STEP_BYTES);
            let capacity = needed.max(self.out.capacity().saturating_mul(4).min(most));
            self.out.reserve_exact(capacity - self.out.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::super::admission::Admission;
    use super::*;

    const BOTH: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

    fn packed(compression: Compression, plain: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::bulk::compress(plain, 1).unwrap(),
        }
    }

    async fn inflated(compression: Compression, body: Vec<u8>) -> Result<Bytes, Refusal> {
        let admission = Arc::new(Admission::default());
        let mut ticket = admission.begin(&Arc::default(), 0).unwrap();
        ticket.grow(body.len()).unwrap();
        let result = inflate(compression, body.into(), 1_000_000, ticket).await;
        result.map(|(body, ticket)| {
            assert_eq!(admission.bytes_in_flight(), body.len() as u64);
            drop(ticket);
            assert_eq!(admission.bytes_in_flight(), 0);
            body
        })
    }

    #[tokio::test]
    async fn every_member_is_read() {
        for one in BOTH {
            let two = [packed(one, b"one,"), packed(one, b"two")].concat();
            assert_eq!(inflated(one, two).await.unwrap(), "one,two");
        }
    }

    /// A member says how long it is, not whether another follows: here each says the same.
    #[tokio::test]
    async fn a_member_that_comes_twice_is_read_twice() {
        for one in BOTH {
            assert_eq!(inflated(one, packed(one, b"same").repeat(2)).await.unwrap(), "samesame");
        }
    }

    /// What inflates at once, what needs another thread, and what must be read in steps give the same.
    #[tokio::test]
    async fn a_body_of_any_size_inflates_to_what_was_packed() {
        for bytes in [0, 1, 300, 65_536, INLINE_PIECE_BYTES, INLINE_PIECE_BYTES + 1, 999_999, 1_000_000] {
            let plain: Vec<u8> =
                (0..bytes as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            for one in BOTH {
                assert_eq!(inflated(one, packed(one, &plain)).await.unwrap(), plain, "{one:?} {bytes}");
            }
            let plain = vec![b'x'; bytes];
            assert_eq!(inflated(Compression::Gzip, packed(Compression::Gzip, &plain)).await.unwrap(), plain);
        }
    }

    #[tokio::test]
    async fn a_length_that_is_not_so_is_malformed_and_gives_its_budget_back() {
        let whole = packed(Compression::Gzip, &[7; 5_000]);
        for said in [0_u32, 1, 4_999, 5_001, 50_000, 999_999, u32::MAX] {
            let mut body = whole.clone();
            let at = body.len() - LENGTH_BYTES;
            body[at..].copy_from_slice(&said.to_le_bytes());
            let result = inflated(Compression::Gzip, body).await;
            assert!(matches!(result, Err(Refusal::Malformed(_))), "{said}: {result:?}");
        }
    }

    #[tokio::test]
    async fn a_body_cut_anywhere_is_malformed() {
        for one in BOTH {
            let whole = [packed(one, b"first member"), packed(one, b"second member")].concat();
            let first_ends_at = packed(one, b"first member").len();
            for end in (0..whole.len()).filter(|end| *end != first_ends_at) {
                let cut = inflated(one, whole[..end].to_vec()).await;
                assert!(matches!(cut, Err(Refusal::Malformed(_))), "{one:?} cut at {end} of {}", whole.len());
            }
        }
    }

    #[tokio::test]
    async fn what_follows_the_last_member_must_be_a_member() {
        for one in BOTH {
            for tail in [&b"garbage"[..], b"\0", b"\0\0\0\0", b"\x1f", b"{}"] {
                let body = [&packed(one, b"plain")[..], tail].concat();
                assert!(matches!(inflated(one, body).await, Err(Refusal::Malformed(_))), "{one:?} {tail:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_bomb_stops_at_the_bound() {
        for one in BOTH {
            let bomb = packed(one, &vec![0; 8_000_000]);
            assert!(bomb.len() < 100_000);
            assert_eq!(inflated(one, bomb).await, Err(Refusal::TooLarge), "{one:?}");
        }
    }

    /// `log` is what the frame asks for, and the window of its last frame.
    fn frame_with_window(log: u32) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        encoder.write_all(b"plain").unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn a_window_beyond_eight_mebibytes_is_refused_also_behind_a_small_frame() {
        assert_eq!(inflated(Compression::Zstd, frame_with_window(23)).await.unwrap(), "plain");
        let too_wide = inflated(Compression::Zstd, frame_with_window(24)).await;
        assert!(matches!(too_wide, Err(Refusal::Malformed(_))), "{too_wide:?}");
        let behind = [packed(Compression::Zstd, b"small"), frame_with_window(20)].concat();
        let behind = inflated(Compression::Zstd, behind).await;
        assert!(matches!(behind, Err(Refusal::Malformed(_))), "{behind:?}");
    }

    #[test]
    fn the_window_is_read_off_the_first_frame() {
        for log in [10, 17, 23] {
            assert_eq!(window_log(&frame_with_window(log)), log);
        }
        for (bytes, log) in [(1, 10), (1_500, 11), (70_000, 17), (300_000, 19)] {
            let plain: Vec<u8> =
                (0..bytes).map(|index: u32| index.wrapping_mul(2_654_435_761) as u8).collect();
            assert_eq!(window_log(&packed(Compression::Zstd, &plain)), log, "{bytes}");
        }
        assert_eq!(window_log(b"no frame"), WINDOW_LOG_MAX);
    }

    #[tokio::test]
    async fn the_budget_is_charged_while_it_inflates() {
        for one in BOTH {
            let admission = Arc::new(Admission::with_limits(500_000, 1));
            let bomb = packed(one, &vec![0; 900_000]);
            let result =
                inflate(one, bomb.into(), 1_000_000, admission.begin(&Arc::default(), 0).unwrap()).await;
            assert_eq!(result.map(|_| ()), Err(Refusal::Busy { retry_after_s: 1 }), "{one:?}");
            assert_eq!(admission.bytes_in_flight(), 0);
        }
    }
}
