//! Accepted sockets: sent without Nagle's delay, limited in number, and cut when the peer keeps us waiting
//! for the head of a request. (The time a body may take is watched where bodies are read.)

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep};

use super::caps::Place;
use super::watch::Line;
use super::{Entrance, Listener, Share};

/// After an accept that failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a peer may keep us waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From the first byte of a head, or from the accept, to its end.
    pub(super) head: Duration,
    /// Between two requests. `None`: once HTTP/2 has begun, as long as it answers that protocol's own pings.
    pub(super) idle: Option<Duration>,
}

/// A listener that hands out [`Socket`]s.
pub(super) struct Door {
    socket: TcpListener,
    patience: Patience,
    entrance: Arc<Entrance>,
    listener: Listener,
}

pub(super) struct Socket {
    stream: TcpStream,
    line: Line,
    patience: Patience,
    state: Waiting,
    deadline: Pin<Box<Sleep>>,
    seen: u64,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    ForFirstByte,
    ForHead,
    Patiently,
}

impl Door {
    pub(super) fn new(
        socket: TcpListener,
        patience: Patience,
        entrance: Arc<Entrance>,
        listener: Listener,
    ) -> Self {
        Self { socket, patience, entrance, listener }
    }

    pub(super) async fn next(&mut self) -> Socket {
        let mut slot = None;
        loop {
            let free = match slot.take() {
                Some(slot) => slot,
                None => match Arc::clone(self.entrance.caps.slots(self.listener)).acquire_owned().await {
                    Ok(slot) => slot,
                    // The semaphore is never closed; were it, an accept that waits is the safe side.
                    Err(_) => return std::future::pending().await,
                },
            };
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    // Without this an export over gRPC takes 10 ms; where it fails we are merely slow.
                    let _ = stream.set_nodelay(true);
                    if let Some(place) = Place::take(&self.entrance, self.listener, peer.ip(), free) {
                        return Socket::new(stream, self.patience, place);
                    }
                }
                Err(error) if is_of_one_peer(&error) => slot = Some(free),
                Err(error) => {
                    tracing::warn!(%error, listener = self.listener.as_str(), "door.accept.failed");
                    sleep(ACCEPT_PAUSE).await;
                    slot = Some(free);
                }
            }
        }
    }
}

/// The peer went away before we took its connection.
fn is_of_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

impl Socket {
    fn new(stream: TcpStream, patience: Patience, place: Place) -> Self {
        let deadline = Box::pin(sleep(patience.head));
        let (line, state) = (Line::default(), Waiting::ForHead);
        Self { stream, line, patience, state, deadline, seen: 0, place }
    }

    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    pub(super) fn listener(&self) -> Listener {
        self.place.listener
    }

    /// Its peer is on this host.
    pub(super) fn is_local(&self) -> bool {
        self.place.is_local
    }

    /// Of its peer.
    pub(super) fn share(&self) -> &Arc<Share> {
        &self.place.share
    }

    /// After a handshake: the time of the first head begins now.
    pub(super) fn begin_head(&mut self) {
        self.wait(Waiting::ForHead, self.patience.head);
    }

    fn wait(&mut self, state: Waiting, at_most: Duration) {
        self.state = state;
        self.deadline.as_mut().reset(Instant::now() + at_most);
    }

    /// After the requests that were served since the last look the peer may be idle again.
    fn look_at_line(&mut self) {
        let begun = self.line.begun();
        if begun != self.seen {
            self.seen = begun;
            if let Some(idle) = self.patience.idle {
                self.wait(Waiting::ForFirstByte, idle);
            }
        }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.line.wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.line.blocked(),
        }
        written
    }

    fn arrived(&mut self) {
        match (self.state, self.patience.idle) {
            // A frame may come at any time and begins no request, so there is no head to wait for.
            (Waiting::ForFirstByte | Waiting::ForHead, Some(idle)) if self.line.is_http2() => {
                self.wait(Waiting::ForFirstByte, idle);
            }
            (Waiting::ForFirstByte, _) => self.wait(Waiting::ForHead, self.patience.head),
            _ => {}
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let busy = this.line.is_busy();
        if !busy {
            this.look_at_line();
        }
        if this.patience.idle.is_none() && this.line.is_http2() {
            this.state = Waiting::Patiently;
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                if !busy && buffer.filled().len() > before {
                    this.arrived();
                }
                Poll::Ready(result)
            }
            Poll::Pending if this.state == Waiting::Patiently || this.line.is_busy_until(cx) => Poll::Pending,
            Poll::Pending => {
                if busy {
                    this.look_at_line();
                }
                match this.deadline.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const QUICK: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(600);

    async fn pair(patience: Patience) -> (TcpStream, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut door = Door::new(listener, patience, Arc::default(), Listener::Http);
        let (peer, socket) = tokio::join!(TcpStream::connect(addr), door.next());
        (peer.unwrap(), socket)
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_is_cut() {
        let (_peer, mut socket) = pair(Patience { head: QUICK, idle: Some(LONG) }).await;
        assert!(socket.stream.nodelay().unwrap());
        let error = socket.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_head_that_trickles_is_cut() {
        let (mut peer, mut socket) = pair(Patience { head: QUICK, idle: Some(LONG) }).await;
        peer.write_all(b"P").await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'P');
        assert_eq!(socket.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn between_requests_the_idle_time_counts_and_then_the_head_time_again() {
        let (mut peer, mut socket) = pair(Patience { head: QUICK, idle: Some(LONG) }).await;
        drop(socket.line.begin());
        let quiet = tokio::time::timeout(QUICK * 3, socket.read_u8()).await;
        assert!(quiet.is_err(), "idle is not cut after the head time");
        peer.write_all(b"P").await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'P');
        assert_eq!(socket.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn while_a_request_is_answered_nothing_is_cut() {
        let (_peer, mut socket) = pair(Patience { head: QUICK, idle: Some(QUICK) }).await;
        let busy = socket.line.begin();
        assert!(tokio::time::timeout(QUICK * 3, socket.read_u8()).await.is_err());
        drop(busy);
        assert_eq!(socket.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_read_that_waits_already_is_cut_after_the_answer_too() {
        let (_peer, mut socket) = pair(Patience { head: QUICK, idle: Some(QUICK) }).await;
        let busy = socket.line.begin();
        let reading = tokio::spawn(async move { socket.read_u8().await });
        tokio::task::yield_now().await;
        drop(busy);
        let read = tokio::time::timeout(QUICK * 100, reading).await.expect("it is woken").unwrap();
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn without_an_idle_time_the_peer_is_urged_until_http2_has_begun() {
        let (mut peer, mut socket) = pair(Patience { head: QUICK, idle: None }).await;
        peer.write_all(b"P").await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'P');
        socket.line.speaks_http2();
        assert!(tokio::time::timeout(QUICK * 3, socket.read_u8()).await.is_err());
        let (mut peer, mut socket) = pair(Patience { head: QUICK, idle: None }).await;
        peer.write_all(b"P").await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'P');
        assert_eq!(socket.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn frames_between_requests_keep_http2_alive_for_the_idle_time() {
        let (mut peer, mut socket) = pair(Patience { head: QUICK, idle: Some(LONG) }).await;
        socket.line.speaks_http2();
        peer.write_all(b"P").await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'P');
        assert!(tokio::time::timeout(QUICK * 3, socket.read_u8()).await.is_err());
    }
}
