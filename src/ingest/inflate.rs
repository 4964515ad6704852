//! gzip, bounded while it inflates. Every member is read to its end; a cut member, and anything after the
//! last one that is not a member, makes the whole body unreadable.

use std::io::{Cursor, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::admission::Ticket;
use super::refusal::Refusal;

/// Read so much at a time; the budget is charged in the same steps.
const STEP_BYTES: usize = 64 * 1024;

/// What may inflate on the runtime's own thread (about a quarter of a millisecond). The rest is done where
/// blocking is allowed.
const INLINE_BYTES: usize = 256 * 1024;

struct Inflation {
    source: MultiGzDecoder<Cursor<Bytes>>,
    out: Vec<u8>,
    out_max: usize,
    ticket: Ticket,
}

/// The decompressed body and the ticket that now pays for it.
pub(super) async fn inflate(
    compressed: Bytes,
    out_max: usize,
    ticket: Ticket,
) -> Result<(Bytes, Ticket), Refusal> {
    let compressed_bytes = compressed.len();
    let mut work = Inflation {
        source: MultiGzDecoder::new(Cursor::new(compressed)),
        out: Vec::with_capacity(compressed_bytes.saturating_mul(4).min(INLINE_BYTES)),
        out_max,
        ticket,
    };
    if !work.advance(INLINE_BYTES)? {
        work = tokio::task::spawn_blocking(move || work.advance(usize::MAX).map(|_| work))
            .await
            .map_err(|_| Refusal::Unavailable { retry_after_s: 1 })??;
    }
    work.ticket.shrink(compressed_bytes);
    Ok((work.out.into(), work.ticket))
}

impl Inflation {
    /// Inflates until the end (`true`) or until `until` bytes are there.
    fn advance(&mut self, until: usize) -> Result<bool, Refusal> {
        while self.out.len() < until {
            let before = self.out.len();
            self.out.resize(before + STEP_BYTES, 0);
            let read = self.source.read(&mut self.out[before..]);
            let read =
                read.map_err(|error| Refusal::Malformed(format!("the body is not whole gzip: {error}")))?;
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
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::super::admission::Admission;
    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    async fn inflated(body: Vec<u8>) -> Result<Bytes, Refusal> {
        let admission = Arc::new(Admission::default());
        let mut ticket = admission.begin(0).unwrap();
        ticket.grow(body.len()).unwrap();
        let result = inflate(body.into(), 1_000_000, ticket).await;
        result.map(|(body, ticket)| {
            assert_eq!(admission.bytes_in_flight(), body.len() as u64);
            drop(ticket);
            assert_eq!(admission.bytes_in_flight(), 0);
            body
        })
    }

    #[tokio::test]
    async fn every_member_is_read() {
        let two = [gzip(b"one,"), gzip(b"two")].concat();
        assert_eq!(inflated(two).await.unwrap(), "one,two");
    }

    #[tokio::test]
    async fn a_body_cut_anywhere_is_malformed() {
        let whole = [gzip(b"first member"), gzip(b"second member")].concat();
        let first_ends_at = gzip(b"first member").len();
        for end in (0..whole.len()).filter(|end| *end != first_ends_at) {
            assert!(
                matches!(inflated(whole[..end].to_vec()).await, Err(Refusal::Malformed(_))),
                "cut at {end} of {}",
                whole.len()
            );
        }
    }

    #[tokio::test]
    async fn what_follows_the_last_member_must_be_a_member() {
        for tail in [&b"garbage"[..], b"\0", b"\0\0\0\0", b"\x1f", b"{}"] {
            let body = [&gzip(b"plain")[..], tail].concat();
            assert!(matches!(inflated(body).await, Err(Refusal::Malformed(_))), "tail {tail:?}");
        }
    }

    #[tokio::test]
    async fn a_bomb_stops_at_the_bound() {
        let bomb = gzip(&vec![0; 8_000_000]);
        assert!(bomb.len() < 100_000);
        assert_eq!(inflated(bomb).await, Err(Refusal::TooLarge));
    }

    #[tokio::test]
    async fn the_budget_is_charged_while_it_inflates() {
        let admission = Arc::new(Admission::with_limit(500_000));
        let bomb = gzip(&vec![0; 900_000]);
        let result = inflate(bomb.into(), 1_000_000, admission.begin(0).unwrap()).await;
        assert_eq!(result.map(|_| ()), Err(Refusal::Busy { retry_after_s: 1 }));
        assert_eq!(admission.bytes_in_flight(), 0);
    }
}
