//! The loop that accepts, and the life of one connection.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::socket::{Busy, Door, Line, Patience, Socket};
use super::stream::Stream;
use super::{Bound, Entrance, Listener};

/// How long a shutdown waits for requests that are already here.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);

/// From the accept to the end of the handshake of TLS.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

const STREAMS_MAX: u32 = 100;
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;
const WINDOW_BYTES: u32 = 1024 * 1024;
/// A peer that is quiet for so long is asked whether it is there, and cut if it does not say so in time.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_ANSWER_MAX: Duration = Duration::from_secs(20);

/// Who sent a request, as far as its connection tells. An extension of each request.
#[derive(Clone, Debug)]
pub struct Visitor {
    line: Line,
    certified: bool,
}

impl Visitor {
    /// While it is held, the connection is not cut for being quiet.
    pub fn busy(&self) -> Busy {
        self.line.begin()
    }

    /// It has shown a certificate that was found good.
    pub(super) fn is_certified(&self) -> bool {
        self.certified
    }
}

/// Serves until `shutdown`, then finishes what is in flight, for [`DRAIN_MAX`] at most.
pub async fn serve(
    bound: Bound,
    entrance: Arc<Entrance>,
    listener: Listener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let mut door = Door::new(bound.listener, patience(listener), Arc::clone(&entrance), listener);
    let http = protocol(listener);
    let (stop, stopped) = watch::channel(false);
    let mut visits = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            socket = door.next() => {
                visits.spawn(visit(
                    socket,
                    Arc::clone(&entrance),
                    http.clone(),
                    app.clone(),
                    stopped.clone(),
                ));
            }
            Some(_ended) = visits.join_next() => {}
            () = &mut shutdown => break,
        }
    }
    drop(door);
    stop.send_replace(true);
    let _impatient = timeout(DRAIN_MAX, async { while visits.join_next().await.is_some() {} }).await;
    Ok(())
}

fn patience(listener: Listener) -> Patience {
    let head = Duration::from_secs(10);
    match listener {
        Listener::OtlpGrpc => Patience { head, idle: None },
        Listener::OtlpHttp | Listener::Http => Patience { head, idle: Some(Duration::from_secs(60)) },
    }
}

fn protocol(listener: Listener) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .initial_connection_window_size(WINDOW_BYTES)
        .initial_stream_window_size(WINDOW_BYTES)
        .keep_alive_interval(Some(KEEPALIVE))
        .keep_alive_timeout(KEEPALIVE_ANSWER_MAX);
    match listener {
        Listener::OtlpGrpc => http.http2_only(),
        Listener::OtlpHttp | Listener::Http => http,
    }
}

/// One connection from its first byte to its last.
async fn visit(
    socket: Socket,
    entrance: Arc<Entrance>,
    http: Builder<TokioExecutor>,
    app: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let line = socket.line().clone();
    let stream = tokio::select! {
        stream = receive(socket, &entrance) => stream,
        _ = stopped.wait_for(|stopped| *stopped) => return,
    };
    let Some(stream) = stream else { return };
    let visitor = Visitor { line, certified: stream.is_certified() };
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let busy = visitor.busy();
        request.extensions_mut().insert(visitor.clone());
        let answer = app.call(request);
        async move {
            let answer = answer.await;
            drop(busy);
            answer
        }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // How a connection ended is its peer's to know; what it asked for has been counted.
    tokio::select! {
        _ended = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}

/// The handshake, where there is TLS. None: it failed, which has been counted.
async fn receive(socket: Socket, entrance: &Entrance) -> Option<Stream> {
    let listener = socket.listener();
    let Some(tls) = &entrance.tls else { return Some(Stream::Plain(socket)) };
    let acceptor = TlsAcceptor::from(tls.config(listener));
    let why = match timeout(HANDSHAKE_MAX, acceptor.accept(socket)).await {
        Ok(Ok(mut stream)) => {
            stream.get_mut().0.begin_head();
            return Some(Stream::Tls(Box::new(stream)));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    entrance.meters.handshake_failed(listener);
    tracing::debug!(listener = listener.as_str(), why, "door.handshake.failed");
    None
}
