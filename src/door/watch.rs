//! What goes on in one connection, told from one of its parts to the others: whether a request is answered,
//! whether an answer is taken, whether the peer floods us.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;

/// How often answers under way are looked at.
const LOOK_EACH: Duration = Duration::from_secs(12);
const PIECE_BYTES: usize = 16 * 1024;
/// Less than this between two looks, and no answer ended: nobody reads.
const TAKEN_BYTES_MIN: u64 = 32 * 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<State>);

#[derive(Debug, Default)]
struct State {
    requests: Work,
    answers: Work,
    written: AtomicU64,
    is_blocked: AtomicBool,
    is_http2: AtomicBool,
    flooded: Notify,
    /// Who reads, and would like to know when no request is answered any more.
    reader: Mutex<Option<Waker>>,
}

#[derive(Debug, Default)]
struct Work {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Held while a request is answered.
#[derive(Debug)]
pub struct Busy(Line);

/// An answer's body, until it was taken. In small pieces, or hyper would take all of it at once.
pub(super) struct Answer {
    body: Body,
    rest: Bytes,
    line: Line,
}

impl Work {
    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Line {
    pub(super) fn begin(&self) -> Busy {
        self.0.requests.begin();
        Busy(self.clone())
    }

    pub(super) fn answer(&self, body: Body) -> Answer {
        self.0.answers.begin();
        Answer { body, rest: Bytes::new(), line: self.clone() }
    }

    /// Requests since the connection began.
    pub(super) fn begun(&self) -> u64 {
        self.0.requests.begun()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.begun() != self.0.requests.ended()
    }

    /// As [`Line::is_busy`]; where it is, the task is woken as soon as it is not.
    pub(super) fn is_busy_until(&self, cx: &Context<'_>) -> bool {
        if !self.is_busy() {
            return false;
        }
        *self.reader() = Some(cx.waker().clone());
        self.is_busy()
    }

    fn reader(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.0.is_http2.load(Ordering::Relaxed)
    }

    pub(super) fn speaks_http2(&self) {
        self.0.is_http2.store(true, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.0.written.fetch_add(bytes as u64, Ordering::Relaxed);
        self.0.is_blocked.store(false, Ordering::Relaxed);
    }

    /// The socket takes no more for now.
    pub(super) fn blocked(&self) {
        self.0.is_blocked.store(true, Ordering::Relaxed);
    }

    pub(super) fn flood(&self) {
        self.0.flooded.notify_one();
    }

    /// Resolves when the peer has flooded us.
    pub(super) async fn flooded(&self) {
        self.0.flooded.notified().await;
    }

    /// Resolves when answers lie ready and the peer does not take them.
    pub(super) async fn deaf(&self) {
        let mut before = self.look();
        loop {
            tokio::time::sleep(LOOK_EACH).await;
            let now = self.look();
            let written = now.written - before.written;
            let untaken = before.waits && now.waits && now.ended == before.ended;
            // hyper may still put an answer into its own memory while the socket takes nothing.
            let blocked = before.is_blocked && now.is_blocked && written == 0;
            if blocked || untaken && written < TAKEN_BYTES_MIN {
                return;
            }
            before = now;
        }
    }

    fn look(&self) -> Look {
        let answers = &self.0.answers;
        let ended = answers.ended();
        Look {
            waits: answers.begun() != ended,
            ended,
            written: self.0.written.load(Ordering::Relaxed),
            is_blocked: self.0.is_blocked.load(Ordering::Relaxed),
        }
    }
}

/// How it stands with the answers of a connection.
struct Look {
    waits: bool,
    ended: u64,
    written: u64,
    is_blocked: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.requests.end();
        if !self.0.is_busy()
            && let Some(reader) = self.0.reader().take()
        {
            reader.wake();
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.line.0.answers.end();
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_that_nobody_takes_are_noticed_within_half_a_minute() {
        let deaf = async |line: &Line| timeout(Duration::from_secs(30), line.deaf()).await.is_ok();
        let line = Line::default();
        assert!(!deaf(&line).await, "nothing was asked");
        let answer = line.answer(Body::empty());
        assert!(deaf(&line).await);
        let reader = async {
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                line.wrote(4 * 1024);
            }
        };
        let (is_deaf, ()) = tokio::join!(deaf(&line), reader);
        assert!(!is_deaf, "it is read slowly");
        drop(answer);
        assert!(!deaf(&line).await, "it was taken");
        line.blocked();
        assert!(deaf(&line).await, "the socket takes nothing");
    }

    #[tokio::test]
    async fn an_answer_goes_out_in_pieces_and_whole() {
        let line = Line::default();
        let all: Vec<u8> = (0..40_000_u32).map(|number| number as u8).collect();
        let mut answer = line.answer(Body::from(all.clone()));
        let mut taken = Vec::new();
        let mut sizes = Vec::new();
        loop {
            assert_eq!(answer.size_hint().exact(), Some((all.len() - taken.len()) as u64));
            let Some(frame) = answer.frame().await else { break };
            let piece = frame.unwrap().into_data().unwrap();
            sizes.push(piece.len());
            taken.extend_from_slice(&piece);
        }
        assert!(answer.is_end_stream());
        assert_eq!((sizes, taken), (vec![16_384, 16_384, 7_232], all));
    }
}
