//! A connection as HTTP sees it: out of its TLS, if it has any, and with an eye on floods of frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::frames::Frames;
use super::socket::Socket;
use super::watch::Line;

pub(super) enum Wire {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

pub(super) struct Stream {
    wire: Wire,
    frames: Frames,
    line: Line,
    /// The peer has flooded us: nothing more is read.
    flooded: bool,
}

impl Stream {
    pub(super) fn new(wire: Wire, line: Line) -> Self {
        Self { wire, frames: Frames::default(), line, flooded: false }
    }

    /// The peer has shown a certificate, and it was found good.
    pub(super) fn is_certified(&self) -> bool {
        match &self.wire {
            Wire::Plain(_) => false,
            Wire::Tls(stream) => stream.get_ref().1.peer_certificates().is_some(),
        }
    }
}

macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Wire::Plain($inner) => $call,
            Wire::Tls($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.flooded {
            return Poll::Pending; // nobody wakes us: the connection is ended from outside
        }
        let before = buffer.filled().len();
        let this = &mut *self;
        ready!(either!(&mut this.wire, inner => Pin::new(inner).poll_read(cx, buffer)))?;
        let begun = this.frames.are_here();
        if this.frames.look(&buffer.filled()[before..]).is_err() {
            buffer.set_filled(before);
            this.flooded = true;
            this.line.flood();
            return Poll::Pending;
        }
        if !begun && this.frames.are_here() {
            this.line.speaks_http2();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(&mut self.wire, inner => Pin::new(inner).poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.wire, inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.wire, inner => Pin::new(inner).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(&mut self.wire, inner => Pin::new(inner).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        either!(&self.wire, inner => inner.is_write_vectored())
    }
}
