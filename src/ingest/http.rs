//! OTLP/HTTP: `POST /v1/traces`, `/v1/logs`, `/v1/metrics`, protobuf or JSON, plain or gzip.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::counters::{Outcome, Tally, Transport};
use super::refusal::{Refusal, Taken, taken};
use super::{
    Admission, BODY_BYTES_MAX, Counters, Intake,
    admission::head_bytes,
    body,
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
pub async fn serve_http<I: Intake>(
    bound: Bound,
    entrance: Arc<Entrance>,
    intake: Arc<I>,
    admission: Arc<Admission>,
    counters: Arc<Counters>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let edge = Arc::new(Edge { entrance: Arc::clone(&entrance), intake, admission, counters });
    let app = Router::new().fallback(answer::<I>).with_state(edge);
    door::serve(bound, entrance, Listener::OtlpHttp, app, shutdown).await
}

async fn answer<I: Intake>(
    State(edge): State<Arc<Edge<I>>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response {
    let busy = visitor.busy();
    let (head, mut body) = request.into_parts();
    let signal = signal_of(head.uri.path());
    let mut tally =
        Tally { counters: &edge.counters, transport: Transport::Http, signal, outcome: Outcome::Abandoned };
    let encoding = encoding_of(&head.headers);
    let result = take(&edge, signal, (&visitor, &head), &encoding, &mut body).await;
    // What was said without knowing the type is for a person to read.
    let encoding = encoding.unwrap_or(Encoding::Json);
    let (response, outcome) = match (result, signal) {
        (Ok((rejected, reason)), Some(signal)) => {
            let body = reply::export_response(signal, encoding, rejected, reason.as_deref());
            let outcome = if rejected == 0 { Outcome::Accepted } else { Outcome::Partial };
            (respond(StatusCode::OK, encoding, body.into()), outcome)
        }
        (result, _) => {
            let refusal = result.err().unwrap_or_else(|| unknown(head.uri.path()));
            // A client that waits for `100 Continue` has sent nothing yet; one that is too slow had its time.
            if !head.headers.contains_key(header::EXPECT) && refusal != Refusal::TooSlow {
                body::drain(body, visitor.share().drain(), busy);
            }
            (refuse(&refusal, encoding), refusal.outcome())
        }
    };
    tally.outcome = outcome;
    response
}

async fn take<I: Intake>(
    edge: &Edge<I>,
    signal: Option<Signal>,
    (visitor, head): (&Visitor, &http::request::Parts),
    encoding: &Result<Encoding, Refusal>,
    sent: &mut Body,
) -> Taken {
    let guest = edge.entrance.admit(Listener::OtlpHttp, visitor, &head.headers)?;
    let signal = signal.ok_or_else(|| unknown(head.uri.path()))?;
    if head.method != Method::POST {
        return Err(Refusal::WrongMethod);
    }
    let encoding = encoding.clone()?;
    let compression = compression_of(&head.headers)?;
    let announced = announced(&head.headers);
    if announced.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
        return Err(Refusal::TooLarge);
    }
    let mut ticket = edge.admission.begin(guest.share(), announced.unwrap_or(0))?;
    ticket.grow(head_bytes(&head.headers))?;
    let bounds =
        body::Bounds { bytes_max: BODY_BYTES_MAX, read_max: body::READ_MAX, announced, prefixed: false };
    let counted = (&*edge.counters, Transport::Http);
    let mut bytes = body::read(sent, bounds, &mut ticket, counted).await?;
    if let Some(compression) = compression {
        (bytes, ticket) = inflate(compression, bytes, BODY_BYTES_MAX, ticket).await?;
        edge.counters.inflated(bytes.len());
    }
    guest.brought_bytes(bytes.len() as u64);
    let answer = edge.intake.take(signal, encoding, bytes).await;
    drop(ticket);
    taken(answer, &guest)
}

fn signal_of(path: &str) -> Option<Signal> {
    match path {
        "/v1/traces" => Some(Signal::Traces),
        "/v1/logs" => Some(Signal::Logs),
        "/v1/metrics" => Some(Signal::Metrics),
        _ => None,
    }
}

fn unknown(path: &str) -> Refusal {
    match path {
        "/v1development/profiles" | "/v1/profiles" => Refusal::Profiles,
        _ => Refusal::UnknownPath,
    }
}

/// Parameters such as `charset` do not matter: both encodings fix their own.
fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let given = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-protobuf") {
        Ok(Encoding::Protobuf)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Ok(Encoding::Json)
    } else {
        Err(Refusal::UnknownType(shown(media_type)))
    }
}

fn compression_of(headers: &HeaderMap) -> Result<Option<Compression>, Refusal> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, more) = (values.next(), values.next().is_some());
    let given = first.map_or("", |value| value.to_str().unwrap_or("?")).trim();
    if more {
        Err(Refusal::UnknownEncoding(format!("{}, …", shown(given))))
    } else if given.is_empty() || given.eq_ignore_ascii_case("identity") {
        Ok(None)
    } else {
        let compression = Compression::parse(given);
        compression.map(Some).ok_or_else(|| Refusal::UnknownEncoding(shown(given)))
    }
}

/// What a client sent, short enough to be said back to it.
fn shown(given: &str) -> String {
    given.chars().take(64).collect()
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn refuse(refusal: &Refusal, encoding: Encoding) -> Response {
    let body = reply::status(encoding, refusal.grpc(), &refusal.message());
    let mut response = respond(refusal.http(), encoding, body.into());
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after_s() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    match refusal {
        Refusal::Denied(denied) if denied.is_unknown() => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Refusal::WrongMethod => {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        Refusal::UnknownEncoding(_) => {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"));
        }
        Refusal::TooSlow => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

fn respond(status: StatusCode, encoding: Encoding, body: Body) -> Response {
    let media_type = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
