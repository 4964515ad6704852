//! Request bodies, read within the bounds of size, time and memory.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::admission::Ticket;
use super::counters::{Counters, Transport};
use super::refusal::Refusal;
use crate::door::Drain;

/// From the head of a request to the end of its body.
pub(super) const READ_MAX: Duration = Duration::from_secs(30);

/// What we read and throw away after an early refusal, so that a client which is still sending reads the
/// answer instead of a reset connection.
const DRAINED_BYTES_MAX: u64 = 64 * 1024 * 1024;
const DRAINED_MAX: Duration = Duration::from_secs(5);

/// Before each so many bytes a drain rests, the longer the more there are of its sender: who floods us with what we
/// refuse is slowed down by TCP, to 64 MiB a second in all, instead of keeping us busy.
const DRAIN_STEP_BYTES: u64 = 256 * 1024;
const DRAIN_REST: Duration = Duration::from_millis(4);

/// After so many bytes the others have their turn, however fast more of them come.
const TURN_BYTES_MAX: usize = 256 * 1024;

/// Set aside at once where a length is announced. The rest when so much has come: who announces much and sends little
/// gets little, and what is large is not copied again and again as it grows.
const RESERVED_MAX: usize = 1024 * 1024;

/// What one body may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes_max: usize,
    pub(super) read_max: Duration,
    pub(super) announced: Option<u64>,
    /// Its own first bytes announce a length where nothing else does: those of gRPC's prefix.
    pub(super) prefixed: bool,
}

/// gRPC's prefix: a flag, and the length of the message behind it.
pub(super) const PREFIX_BYTES: usize = 5;

/// What the prefix announces, itself included.
fn announced_by_prefix(data: &[u8]) -> Option<u64> {
    let [_flag, length @ ..] = *data.first_chunk::<PREFIX_BYTES>()?;
    Some(u64::from(u32::from_be_bytes(length)) + PREFIX_BYTES as u64)
}

/// The bytes as sent, paid for by `ticket`.
pub(super) async fn read(
    body: &mut Body,
    bounds: Bounds,
    ticket: &mut Ticket,
    counted: (&Counters, Transport),
) -> Result<Bytes, Refusal> {
    let until = Instant::now() + bounds.read_max;
    let (counters, transport) = counted;
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let (mut turn, mut announced) = (0, 0);
    loop {
        if turn >= TURN_BYTES_MAX {
            turn = 0;
            yield_now().await;
        }
        let data = match timeout_at(until, body.frame()).await {
            Err(_) => return Err(Refusal::TooSlow),
            Ok(None) if all.is_empty() => return Ok(first),
            Ok(None) => return Ok(all.freeze()),
            Ok(Some(Err(error))) => {
                return Err(Refusal::Malformed(format!("the body could not be read: {error}")));
            }
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => data,
                Err(_trailers) => continue,
            },
        };
        turn += data.len();
        counters.received(transport, data.len());
        if first.len() + all.len() + data.len() > bounds.bytes_max {
            return Err(Refusal::TooLarge);
        }
        ticket.grow(data.len())?;
        if first.is_empty() && all.is_empty() {
            first = data; // most requests are one piece, which then is not copied
            continue;
        }
        if all.is_empty() {
            let by_prefix = bounds.prefixed.then(|| announced_by_prefix(&first)).flatten();
            let told = bounds.announced.or(by_prefix).unwrap_or(0);
            announced = told.min(bounds.bytes_max as u64) as usize;
            all.reserve(announced.min(RESERVED_MAX));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        if all.len() + data.len() > all.capacity() {
            all.reserve(announced.saturating_sub(all.len()).max(data.len()));
        }
        all.extend_from_slice(&data);
    }
}

/// Reads what the client still sends, up to a limit, holding `keep` until then.
pub(super) fn drain(mut body: Body, of: Drain, keep: impl Send + 'static) {
    tokio::spawn(async move {
        let mut bytes = 0;
        let read = async {
            while bytes < DRAINED_BYTES_MAX && !body.is_end_stream() {
                let most = body.size_hint().exact().unwrap_or(u64::MAX).clamp(1, DRAIN_STEP_BYTES);
                let rest = DRAIN_REST.as_nanos() as u64 * u64::from(of.all()) * most / DRAIN_STEP_BYTES;
                sleep(Duration::from_nanos(rest)).await;
                let until = bytes + most;
                while bytes < until {
                    let Some(Ok(frame)) = body.frame().await else { return };
                    bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                }
            }
        };
        let _ = timeout(DRAINED_MAX, read).await;
        drop(keep);
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_stream::StreamExt;

    use super::super::admission::Admission;
    use super::*;

    const BOUNDS: Bounds = Bounds {
        bytes_max: 8,
        read_max: Duration::from_millis(30),
        announced: Some(u64::MAX),
        prefixed: false,
    };

    fn pieces(pieces: &[&'static str]) -> Vec<Result<Bytes, std::io::Error>> {
        pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect()
    }

    async fn read_all(mut body: Body) -> Result<Bytes, Refusal> {
        let admission = Arc::new(Admission::default());
        let mut ticket = admission.begin(&Arc::default(), 0).unwrap();
        read(&mut body, BOUNDS, &mut ticket, (&Counters::default(), Transport::Http)).await
    }

    #[tokio::test]
    async fn pieces_are_put_together_up_to_the_bound() {
        for parts in [&[][..], &["a"], &["", "a"], &["ab", "", "cd", "efgh"]] {
            let body = Body::from_stream(tokio_stream::iter(pieces(parts)));
            assert_eq!(read_all(body).await.unwrap(), parts.concat());
        }
        let body = Body::from_stream(tokio_stream::iter(pieces(&["abcdefgh", "i"])));
        assert_eq!(read_all(body).await, Err(Refusal::TooLarge));
    }

    /// Guarantees: a message of gRPC, which comes in small pieces without a length, does not move as it grows.
    #[tokio::test]
    async fn a_prefix_tells_how_much_room_a_message_needs() {
        let message = [&[0][..], &600_000_u32.to_be_bytes(), &[7; 600_000]].concat();
        let pieces: Vec<Bytes> = message.chunks(16_384).map(Bytes::copy_from_slice).collect();
        let mut body = Body::from_stream(tokio_stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)));
        let admission = Arc::new(Admission::default());
        let mut ticket = admission.begin(&Arc::default(), 0).unwrap();
        let bounds = Bounds { bytes_max: 1 << 20, read_max: READ_MAX, announced: None, prefixed: true };
        let counters = Counters::default();
        let read = read(&mut body, bounds, &mut ticket, (&counters, Transport::Grpc)).await.unwrap();
        assert_eq!(read, message);
        let room = read.try_into_mut().unwrap().capacity();
        assert!((600_005..700_000).contains(&room), "{room}: a buffer that grows has 1 MiB");
        assert_eq!(announced_by_prefix(&[0, 0, 0, 1]), None);
        assert_eq!(announced_by_prefix(&[1, 0, 0, 1, 0, 9]), Some(261));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_thrown_away_is_read_at_one_pace_however_many_bodies_a_sender_has() {
        let share = Arc::new(crate::door::Share::default());
        for bodies in [1, 4] {
            let begin = Instant::now();
            let mut ends = Vec::new();
            let drains: Vec<Drain> = (0..bodies).map(|_| share.drain()).collect();
            for of in drains {
                let piece = Bytes::from_static(&[0; DRAIN_STEP_BYTES as usize]);
                let pieces = std::iter::repeat_n(piece, 64).map(Ok::<_, std::io::Error>);
                let (until_the_end, end) = tokio::sync::oneshot::channel::<()>();
                drain(Body::from_stream(tokio_stream::iter(pieces)), of, until_the_end);
                ends.push(end);
            }
            for end in ends {
                assert!(end.await.is_err(), "it was dropped");
            }
            let wanted = Duration::from_millis(256 * bodies);
            assert!(
                (wanted..wanted + Duration::from_millis(80)).contains(&begin.elapsed()),
                "{:?}",
                begin.elapsed()
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_too_slow() {
        let body = tokio_stream::iter(pieces(&["ab"])).chain(tokio_stream::pending());
        assert_eq!(read_all(Body::from_stream(body)).await, Err(Refusal::TooSlow));
    }
}
