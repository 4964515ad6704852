//! Ways to send OTLP: a transport, an encoding, a compression. Requests are packed beforehand, so that the client
//! takes as little as it can of the machine while a receiver is measured.

use std::io::Write;

use bytes::Bytes;
use evenkeel::model::Signal;
use http_body_util::{BodyExt, Full};
use prost::Message;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};

use super::{json, traffic};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Http,
    Json,
    Grpc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way(pub Transport, pub Packing);

/// One request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Packet {
    pub signal: Signal,
    pub body: Bytes,
}

/// A way to one receiver.
#[derive(Clone)]
pub enum Line {
    Http { client: reqwest::Client, endpoint: String, way: Way, token: Option<String> },
    Grpc { channel: Channel, way: Way },
}

/// What people call the items of a signal.
pub fn items(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "spans",
        Signal::Logs => "logs",
        Signal::Metrics => "points",
    }
}

impl Packing {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    fn pack(self, plain: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Plain => plain,
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(&plain).and_then(|()| encoder.finish()).expect("memory takes all")
            }
            Self::Zstd => zstd::bulk::compress(&plain, 3).expect("memory takes all"),
        }
    }
}

impl Way {
    pub fn name(self) -> String {
        let transport = match self.0 {
            Transport::Http => "HTTP",
            Transport::Json => "HTTP, JSON",
            Transport::Grpc => "gRPC",
        };
        self.1.name().map_or(transport.to_owned(), |packing| format!("{transport}, {packing}"))
    }

    /// The `sequence`-th request of a signal.
    pub fn packet(self, signal: Signal, sequence: u64, now_ns: u64) -> Packet {
        let is_json = self.0 == Transport::Json;
        let plain = match signal {
            Signal::Traces => {
                let request = traffic::spans(sequence, now_ns);
                if is_json { json::spans(&request) } else { request.encode_to_vec() }
            }
            Signal::Logs => {
                let request = traffic::logs(sequence, now_ns);
                if is_json { json::logs(&request) } else { request.encode_to_vec() }
            }
            Signal::Metrics => {
                let request = traffic::points(sequence, now_ns);
                if is_json { json::points(&request) } else { request.encode_to_vec() }
            }
        };
        let mut body = self.1.pack(plain);
        if self.0 == Transport::Grpc {
            let prefix =
                [&[u8::from(self.1 != Packing::Plain)][..], &(body.len() as u32).to_be_bytes()].concat();
            body.splice(..0, prefix);
        }
        Packet { signal, body: body.into() }
    }

    /// `http` and `grpc` are a receiver's addresses.
    pub async fn open(self, http: &str, grpc: &str) -> Line {
        if self.0 == Transport::Grpc {
            let endpoint = Channel::from_shared(format!("http://{grpc}")).expect("an address");
            let channel = endpoint.tcp_nodelay(true).connect().await.expect("it listens");
            return Line::Grpc { channel, way: self };
        }
        let client = evenkeel::respond::client().expect("a client");
        Line::Http { client, endpoint: format!("http://{http}"), way: self, token: None }
    }
}

impl Line {
    /// Sends one request; anything but a full acceptance is an error, as the receiver told it.
    pub async fn send(&self, packet: &Packet) -> Result<(), String> {
        match self {
            Self::Http { client, endpoint, way, token } => {
                let kind =
                    if way.0 == Transport::Json { "application/json" } else { "application/x-protobuf" };
                let url = format!("{endpoint}/v1/{}", packet.signal);
                let mut request = client.post(url).header("content-type", kind).body(packet.body.clone());
                if let Some(encoding) = way.1.name() {
                    request = request.header("content-encoding", encoding);
                }
                if let Some(token) = token {
                    request = request.bearer_auth(token);
                }
                let answer = request.send().await.map_err(|error| error.to_string())?;
                let status = answer.status();
                let said = answer.bytes().await.map_err(|error| error.to_string())?;
                if status == 200 {
                    Ok(())
                } else {
                    Err(format!("{status}: {}", String::from_utf8_lossy(&said)))
                }
            }
            Self::Grpc { channel, way } => call(channel.clone(), *way, packet).await,
        }
    }
}

async fn call(mut channel: Channel, way: Way, packet: &Packet) -> Result<(), String> {
    let path = match packet.signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    };
    let mut request =
        http::Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    if let Some(encoding) = way.1.name() {
        request = request.header("grpc-encoding", encoding);
    }
    let body = tonic::body::Body::new(Full::new(packet.body.clone()).map_err(|never| match never {}));
    let request = request.body(body).expect("a request");
    let ready = channel.ready().await.map_err(|error| error.to_string())?;
    let answer = ready.call(request).await.map_err(|error| error.to_string())?;
    let (head, body) = answer.into_parts();
    let trailers = body.collect().await.map_err(|error| error.to_string())?.trailers().cloned();
    let told = [Some(head.headers), trailers].into_iter().flatten();
    let status = told.filter_map(|headers| tonic::Status::from_header_map(&headers)).next_back();
    match status {
        Some(status) if status.code() == tonic::Code::Ok => Ok(()),
        status => Err(format!("{status:?}")),
    }
}

/// Sends all, each line its share, one request after the other.
pub async fn send_all(lines: &[Line], packets: Vec<Packet>) {
    let mut shares: Vec<Vec<Packet>> = lines.iter().map(|_| Vec::new()).collect();
    for (index, packet) in packets.into_iter().enumerate() {
        shares[index % lines.len()].push(packet);
    }
    let senders = lines.iter().cloned().zip(shares).map(|(line, share)| {
        tokio::spawn(async move {
            for packet in share {
                line.send(&packet).await.expect("it is taken");
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("all was sent");
    }
}
