//! One export request over HTTP or gRPC, and what the other side said.

use std::io::Write;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::HeaderValue;
use prost::Message;
use reqwest::header;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

use super::export::Export;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceResponse;
use crate::model::Signal;

const CONNECT_MAX: Duration = Duration::from_secs(3);
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Taken for good; some of its items may have been rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub rejected: u64,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered.
    Unreachable(String),
    /// May pass later, after this time if one was told.
    Busy { text: String, retry_after: Option<Duration> },
    /// Will not pass.
    Refused(String),
    /// Will not pass with this token, or without one.
    Denied(String),
}

/// A way to one receiver.
#[derive(Clone, Debug)]
pub enum Wire {
    Http { client: reqwest::Client, endpoint: String, gzip: bool },
    Grpc { channel: Channel, gzip: bool, authorization: Option<HeaderValue> },
}

impl Wire {
    pub async fn deliver(&self, export: &Export) -> Result<Delivered, Failure> {
        match self {
            Self::Http { client, endpoint, gzip } => post(client, endpoint, export, *gzip).await,
            Self::Grpc { channel, gzip, authorization } => {
                call(channel, export, *gzip, authorization.as_ref()).await
            }
        }
    }
}

/// What a caller shows, and whom it trusts. HTTP's client brings its own along; this is for gRPC.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    pub authorization: Option<HeaderValue>,
    /// PEM text of the authorities to trust. None: those of this machine.
    pub ca: Option<Vec<u8>>,
    /// PEM texts of a certificate and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Credentials {
    fn tls(&self) -> ClientTlsConfig {
        let tls = match &self.ca {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match &self.identity {
            Some((cert, key)) => tls.identity(Identity::from_pem(cert, key)),
            None => tls,
        }
    }
}

/// A gRPC channel to `endpoint` (`http://HOST:PORT`, or `https:`), connected.
pub async fn connect(endpoint: &str, credentials: &Credentials) -> Result<Channel, Failure> {
    let wrong = |error: tonic::transport::Error| Failure::Refused(chain(&error));
    let encrypted = endpoint.starts_with("https:");
    let endpoint = Endpoint::from_shared(endpoint.to_owned()).map_err(wrong)?;
    let mut endpoint = endpoint.connect_timeout(CONNECT_MAX).timeout(ANSWER_MAX).tcp_nodelay(true);
    if encrypted {
        endpoint = endpoint.tls_config(credentials.tls()).map_err(wrong)?;
    }
    endpoint.connect().await.map_err(|error| Failure::Unreachable(chain(&error)))
}

/// OTLP/HTTP with protobuf. `endpoint` is the base URL; the signal's path is added.
pub async fn post(
    client: &reqwest::Client,
    endpoint: &str,
    export: &Export,
    gzip: bool,
) -> Result<Delivered, Failure> {
    let mut request = client
        .post(format!("{endpoint}/v1/{}", export.signal))
        .timeout(ANSWER_MAX)
        .header(header::CONTENT_TYPE, "application/x-protobuf");
    request = match gzip {
        true => request.header(header::CONTENT_ENCODING, "gzip").body(compressed(&export.body)),
        false => request.body(export.body.clone()),
    };
    let response = request.send().await.map_err(|error| match error.is_builder() {
        true => Failure::Refused(chain(&error)),
        false => Failure::Unreachable(chain(&error)),
    })?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after =
        retry_after.and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    let body = response.bytes().await.map_err(|error| Failure::Unreachable(chain(&error)))?;
    match status {
        200..=299 => delivered(&body),
        401 | 403 => Err(Failure::Denied(said(status, &body))),
        429 | 502 | 503 | 504 => Err(Failure::Busy { text: said(status, &body), retry_after }),
        _ => Err(Failure::Refused(said(status, &body))),
    }
}

/// OTLP/gRPC.
pub async fn call(
    channel: &Channel,
    export: &Export,
    gzip: bool,
    authorization: Option<&HeaderValue>,
) -> Result<Delivered, Failure> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    if gzip {
        client = client.send_compressed(CompressionEncoding::Gzip);
    }
    client.ready().await.map_err(|error| Failure::Unreachable(chain(&error)))?;
    let path = http::uri::PathAndQuery::from_static(match export.signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    });
    let mut request = tonic::Request::new(Bytes::copy_from_slice(&export.body));
    if let Some(value) = authorization {
        let mut headers = http::HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.clone());
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
    }
    match client.unary(request, path, Raw).await {
        Ok(response) => delivered(&response.into_inner()),
        Err(status) => Err(failure(&status)),
    }
}

fn failure(status: &Status) -> Failure {
    let text = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        // tonic says the same for a connection that broke and for an answer; only the former has a cause.
        Code::Unavailable if std::error::Error::source(status).is_some() => Failure::Unreachable(text),
        Code::Unavailable | Code::Aborted | Code::DeadlineExceeded | Code::Cancelled => {
            Failure::Busy { text, retry_after: None }
        }
        Code::Unauthenticated | Code::PermissionDenied => Failure::Denied(text),
        Code::ResourceExhausted if !status.details().is_empty() => Failure::Busy { text, retry_after: None },
        _ => Failure::Refused(text),
    }
}

/// The responses of the three signals agree in their field numbers.
fn delivered(body: &[u8]) -> Result<Delivered, Failure> {
    let response = ExportTraceServiceResponse::decode(body)
        .map_err(|error| Failure::Refused(format!("the answer is no export response: {error}")))?;
    Ok(response.partial_success.map_or_else(Delivered::default, |partial| Delivered {
        rejected: partial.rejected_spans.try_into().unwrap_or(0),
        reason: Some(partial.error_message).filter(|text| !text.is_empty()),
    }))
}

/// The message of the `google.rpc.Status` in an HTTP error.
fn said(status: u16, body: &[u8]) -> String {
    #[derive(prost::Message)]
    struct RpcStatus {
        #[prost(string, tag = "2")]
        message: String,
    }
    match RpcStatus::decode(body) {
        Ok(said) if !said.message.is_empty() => format!("HTTP {status}: {}", said.message),
        _ => format!("HTTP {status}"),
    }
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.unwrap_or_else(|error| unreachable!("writing to memory: {error}"))
}

/// An error with its causes: the outer one alone seldom says why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Messages that are bytes already.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}
