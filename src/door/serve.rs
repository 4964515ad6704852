//! The loop that accepts, and the life of one connection.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::socket::{Door, Patience, Socket};
use super::stream::{Stream, Wire};
use super::watch::{Answer, Busy, Line};
use super::{Bound, Entrance, Listener, Share};

/// How long a shutdown waits for requests that are already here.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);

/// From the accept to the end of the handshake of TLS.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// After a connection was told to go.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// Requests of one connection at a time. The page's answers are large, and a page asks for few.
const STREAMS_MAX: u32 = 100;
const PAGE_STREAMS_MAX: u32 = 32;
const HEADERS_BYTES_MAX: usize = 64 * 1024;
const URI_BYTES_MAX: usize = 8 * 1024;
/// Of HTTP/2: as much as HTTP/1 reads at once. Held whole before it is handed out.
const FRAME_BYTES_MAX: u32 = 64 * 1024;
const WINDOW_BYTES: u32 = 1024 * 1024;
/// Of an answer that is not taken yet.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// A peer that is quiet for so long is asked whether it is there, and cut if it does not say so in time.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_ANSWER_MAX: Duration = Duration::from_secs(20);

/// Who sent a request, as far as its connection tells. An extension of each request.
#[derive(Clone, Debug)]
pub struct Visitor {
    line: Line,
    share: Arc<Share>,
    certified: bool,
    local: bool,
}

impl Visitor {
    /// While it is held, the connection is not cut for being quiet.
    pub fn busy(&self) -> Busy {
        self.line.begin()
    }

    /// Of its address.
    pub fn share(&self) -> &Arc<Share> {
        &self.share
    }

    /// It is on this host.
    pub fn is_local(&self) -> bool {
        self.local
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
    let streams = if listener == Listener::Http { PAGE_STREAMS_MAX } else { STREAMS_MAX };
    // hyper's own bounds hold for the rest: 100 headers of HTTP/1, and what h2 says of continuations and resets.
    http.http1().max_buf_size(HEADERS_BYTES_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .max_header_list_size(HEADERS_BYTES_MAX as u32)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES)
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
    let (listener, line, share) = (socket.listener(), socket.line().clone(), Arc::clone(socket.share()));
    let local = socket.is_local();
    let stream = tokio::select! {
        stream = receive(socket, &entrance) => stream,
        () = told(&mut stopped) => return,
    };
    let Some(stream) = stream else { return };
    let visitor = Visitor { line: line.clone(), share, certified: stream.is_certified(), local };
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |request| answer(app.clone(), visitor.clone(), request));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // How a connection ended is its peer's to know; what it asked for has been counted.
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.await;
            return;
        }
        () = line.flooded() => connection.as_mut().graceful_shutdown(),
        () = line.deaf() => {}
    }
    entrance.meters.cut(listener);
    tracing::debug!(listener = listener.as_str(), "door.connection.cut");
    let _farewell = timeout(FAREWELL_MAX, connection).await;
}

async fn told(stopped: &mut watch::Receiver<bool>) {
    let _door_gone = stopped.wait_for(|stopped| *stopped).await;
}

async fn answer(
    app: TowerToHyperService<Router>,
    visitor: Visitor,
    mut request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let line = visitor.line.clone();
    let _busy = visitor.busy();
    let response = match request.uri().path_and_query().map_or(0, |path| path.as_str().len()) {
        0..=URI_BYTES_MAX => {
            request.extensions_mut().insert(visitor);
            app.call(request).await?
        }
        _ => StatusCode::URI_TOO_LONG.into_response(),
    };
    Ok(response.map(|body| line.answer(body)))
}

/// The handshake, where there is TLS. None: it failed, which has been counted.
async fn receive(socket: Socket, entrance: &Entrance) -> Option<Stream> {
    let (listener, line) = (socket.listener(), socket.line().clone());
    let Some(tls) = &entrance.tls else { return Some(Stream::new(Wire::Plain(socket), line)) };
    let acceptor = TlsAcceptor::from(tls.config(listener));
    let why = match timeout(HANDSHAKE_MAX, acceptor.accept(socket)).await {
        Ok(Ok(mut stream)) => {
            stream.get_mut().0.begin_head();
            return Some(Stream::new(Wire::Tls(Box::new(stream)), line));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    entrance.meters.handshake_failed(listener);
    tracing::debug!(listener = listener.as_str(), why, "door.handshake.failed");
    None
}
