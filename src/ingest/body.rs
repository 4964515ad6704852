//! Request bodies, read within the bounds of size, time and memory.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::admission::Ticket;
use super::counters::{Counters, Transport};
use super::refusal::Refusal;

/// From the head of a request to the end of its body.
pub(super) const READ_MAX: Duration = Duration::from_secs(30);

/// What we read and throw away after an early refusal, so that a client which is still sending reads the
/// answer instead of a reset connection.
const DRAINED_BYTES_MAX: usize = 64 * 1024 * 1024;
const DRAINED_MAX: Duration = Duration::from_secs(5);

/// Set aside at once where a length is announced; more only as it comes.
const RESERVED_MAX: u64 = 1024 * 1024;

/// What one body may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes_max: usize,
    pub(super) read_max: Duration,
    pub(super) announced: Option<u64>,
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
    loop {
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
            all.reserve(bounds.announced.unwrap_or(0).min(RESERVED_MAX) as usize);
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
}

/// Reads what the client still sends, up to a limit, holding `keep` until then.
pub(super) fn drain(mut body: Body, keep: impl Send + 'static) {
    tokio::spawn(async move {
        let mut bytes = 0;
        let read = async {
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
                if bytes > DRAINED_BYTES_MAX {
                    break;
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

    const BOUNDS: Bounds =
        Bounds { bytes_max: 8, read_max: Duration::from_millis(30), announced: Some(u64::MAX) };

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

    #[tokio::test]
    async fn a_body_that_stops_coming_is_too_slow() {
        let body = tokio_stream::iter(pieces(&["ab"])).chain(tokio_stream::pending());
        assert_eq!(read_all(Body::from_stream(body)).await, Err(Refusal::TooSlow));
    }
}
