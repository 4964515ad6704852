//! OTLP/gRPC: the three `Export` methods. The one message of a call is read
//! here, so that it meets the same bounds as over HTTP, is inflated away from the runtime, and reaches
//! [`Intake`] as the bytes that were sent.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};

use super::counters::{Outcome, Tally, Transport};
use super::refusal::{Refusal, Taken, taken};
use super::{
    Admission, BODY_BYTES_MAX, Counters, Intake,
    admission::head_bytes,
    body::{self, PREFIX_BYTES},
    inflate::{Compression, inflate},
    reply,
};
use crate::decode::Encoding;
use crate::door::{self, Bound, Entrance, Listener, Visitor};
use crate::model::Signal;

struct Edge<I> {
    entrance: Arc<Entrance>,
    intake: Arc<I>,
    admission: Arc<Admission>,
    counters: Arc<Counters>,
}

/// Serves until `shutdown`, then finishes what is in flight, for [`door::DRAIN_MAX`] at most.
pub async fn serve_grpc<I: Intake>(
    bound: Bound,
    entrance: Arc<Entrance>,
    intake: Arc<I>,
    admission: Arc<Admission>,
    counters: Arc<Counters>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let edge = Arc::new(Edge { entrance: Arc::clone(&entrance), intake, admission, counters });
    let app = Router::new().fallback(answer::<I>).with_state(edge);
    door::serve(bound, entrance, Listener::OtlpGrpc, app, shutdown).await
}

async fn answer<I: Intake>(
    State(edge): State<Arc<Edge<I>>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    let signal = signal_of(head.uri.path());
    let mut tally =
        Tally { counters: &edge.counters, transport: Transport::Grpc, signal, outcome: Outcome::Abandoned };
    if let Some(status) = not_grpc(&head) {
        tally.outcome = Outcome::Unsupported;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        return response;
    }
    match take(&edge, signal, (&visitor, &head), &mut body).await {
        Ok((signal, rejected, reason)) => {
            tally.outcome = if rejected == 0 { Outcome::Accepted } else { Outcome::Partial };
            respond(&reply::export_response(signal, Encoding::Protobuf, rejected, reason.as_deref()))
        }
        Err(refusal) => {
            tally.outcome = refusal.outcome();
            if refusal != Refusal::TooSlow {
                body::drain(body, visitor.share().drain(), ());
            }
            refuse(&refusal)
        }
    }
}

async fn take<I: Intake>(
    edge: &Edge<I>,
    signal: Option<Signal>,
    (visitor, head): (&Visitor, &http::request::Parts),
    sent: &mut Body,
) -> Result<(Signal, u64, Option<String>), Refusal> {
    let (headers, path) = (&head.headers, head.uri.path());
    let guest = edge.entrance.admit(Listener::OtlpGrpc, visitor, headers)?;
    let signal = signal.ok_or_else(|| unknown(path))?;
    let compression = compression_of(headers)?;
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse().ok());
    let bytes_max = BODY_BYTES_MAX + PREFIX_BYTES;
    if announced.is_some_and(|bytes: u64| bytes > bytes_max as u64) {
        return Err(Refusal::TooLarge);
    }
    let mut ticket = edge.admission.begin(guest.share(), announced.unwrap_or(0))?;
    ticket.grow(head_bytes(headers))?;
    let bounds = body::Bounds { bytes_max, read_max: body::READ_MAX, announced, prefixed: true };
    let counted = (&*edge.counters, Transport::Grpc);
    let framed = body::read(sent, bounds, &mut ticket, counted).await?;
    let (compressed, mut message) = unframe(framed, compression)?;
    if let Some(compression) = compressed {
        (message, ticket) = inflate(compression, message, BODY_BYTES_MAX, ticket).await?;
        edge.counters.inflated(message.len());
    }
    guest.brought_bytes(message.len() as u64);
    let answer = edge.intake.take(signal, Encoding::Protobuf, message).await;
    drop(ticket);
    let answered: Taken = taken(answer, &guest);
    answered.map(|(rejected, reason)| (signal, rejected, reason))
}

/// What is no gRPC call at all gets an HTTP status.
fn not_grpc(head: &http::request::Parts) -> Option<StatusCode> {
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let is_grpc = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        media_type == "application/grpc" || media_type == "application/grpc+proto"
    });
    match head.method {
        Method::POST if is_grpc => None,
        Method::POST => Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        _ => Some(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn signal_of(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        _ => None,
    }
}

fn unknown(path: &str) -> Refusal {
    match path.starts_with("/opentelemetry.proto.collector.profiles.") {
        true => Refusal::Profiles,
        false => Refusal::UnknownPath,
    }
}

fn compression_of(headers: &HeaderMap) -> Result<Option<Compression>, Refusal> {
    match headers.get("grpc-encoding").map_or("identity", |value| value.to_str().unwrap_or("?")) {
        "identity" => Ok(None),
        other => {
            let unknown = || Refusal::UnknownEncoding(other.chars().take(64).collect());
            Compression::parse(other).map(Some).ok_or_else(unknown)
        }
    }
}

/// The one message of a unary call, and how it is compressed.
fn unframe(framed: Bytes, announced: Option<Compression>) -> Result<(Option<Compression>, Bytes), Refusal> {
    let malformed = |text: &str| Err(Refusal::Malformed(text.to_owned()));
    let Some((prefix, _)) = framed.split_first_chunk::<PREFIX_BYTES>() else {
        return malformed("the call carries no whole message");
    };
    let [flag, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if length > BODY_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    let message = framed.slice(PREFIX_BYTES..);
    if message.len() < length {
        return malformed("the message is shorter than its prefix says");
    }
    if message.len() > length {
        return malformed("the call carries more than one message");
    }
    match flag {
        0 => Ok((None, message)),
        1 if announced.is_some() => Ok((announced, message)),
        1 => malformed("the message says that it is compressed, the header grpc-encoding does not"),
        _ => malformed("the compressed flag of the message is neither 0 nor 1"),
    }
}

fn respond(message: &[u8]) -> Response {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn refuse(refusal: &Refusal) -> Response {
    let (code, message) = (refusal.grpc(), refusal.message());
    let status = match refusal.retry_after_s() {
        Some(seconds) => {
            let details = reply::status_with_retry(code, &message, seconds);
            tonic::Status::with_details(code, message, details)
        }
        None => tonic::Status::new(code, message),
    };
    let mut response = status.into_http::<Body>();
    if matches!(refusal, Refusal::UnknownEncoding(_)) {
        response.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static("gzip,zstd,identity"));
    }
    response
}
