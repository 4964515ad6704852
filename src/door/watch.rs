//! What goes on in one connection, told from one of its parts to the others: whether a request is answered,
//! whether an answer is taken, whether the peer floods us.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;

/// How often answers under way are looked at.
const LOOK_EACH: Duration = Duration::from_secs(12);
/// Less than this between two looks, and no answer ended: nobody reads.
const TAKEN_BYTES_MIN: u64 = 32 * 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<State>);

#[derive(Debug, Default)]
struct State {
    requests: Work,
    answers: Work,
    written: AtomicU64,
    is_http2: AtomicBool,
    flooded: Notify,
}

#[derive(Debug, Default)]
struct Work {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Held while a request is answered.
#[derive(Debug)]
pub struct Busy(Line);

/// An answer's body, until it was taken.
pub(super) struct Answer {
    body: Body,
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
        Answer { body, line: self.clone() }
    }

    /// Requests since the connection began.
    pub(super) fn begun(&self) -> u64 {
        self.0.requests.begun()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.begun() != self.0.requests.ended()
    }

    pub(super) fn is_http2(&self) -> bool {
        self.0.is_http2.load(Ordering::Relaxed)
    }

    pub(super) fn speaks_http2(&self) {
        self.0.is_http2.store(true, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.0.written.fetch_add(bytes as u64, Ordering::Relaxed);
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
        let look = || {
            let (answers, written) = (&self.0.answers, self.0.written.load(Ordering::Relaxed));
            let ended = answers.ended();
            (answers.begun() != ended, ended, written)
        };
        let mut before = look();
        loop {
            tokio::time::sleep(LOOK_EACH).await;
            let now = look();
            let stuck = before.0 && now.0 && before.1 == now.1;
            if stuck && now.2 - before.2 < TAKEN_BYTES_MIN {
                return;
            }
            before = now;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.requests.end();
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.line.0.answers.end();
    }
}

#[cfg(test)]
mod tests {
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
    }
}
