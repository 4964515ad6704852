//! OTLP over gRPC: every status as the protocol wants it.

use http_body_util::BodyExt;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::*;

/// The face that all three export responses share.
#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<Partial>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Partial {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

async fn start(answers: impl IntoIterator<Item = Answer>) -> (Edge, Channel) {
    let edge = Setting::of(Transport::Grpc).start(answers).await;
    let channel = channel(&edge).await;
    (edge, channel)
}

async fn channel(edge: &Edge) -> Channel {
    Channel::from_shared(format!("http://{}", edge.addr)).unwrap().connect().await.unwrap()
}

/// The intake does not care that the message is a `StringValue` and not an export request.
async fn export(
    channel: &Channel,
    path: &'static str,
    message: String,
    compression: Option<CompressionEncoding>,
) -> Result<Response, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    if let Some(encoding) = compression {
        client = client.send_compressed(encoding);
    }
    client.ready().await.unwrap();
    let path = ::http::uri::PathAndQuery::from_static(path);
    let codec = ProstCodec::<String, Response>::default();
    client.unary(tonic::Request::new(message), path, codec).await.map(tonic::Response::into_inner)
}

/// A call whose body and headers a gRPC library would not write.
async fn call(channel: &Channel, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Status {
    let mut request = ::http::Request::post(path).header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = http_body_util::Full::new(Bytes::copy_from_slice(body)).map_err(|never| match never {});
    let request = request.body(tonic::body::Body::new(body)).unwrap();
    let mut channel = channel.clone();
    let response = tower::Service::call(tower::ServiceExt::ready(&mut channel).await.unwrap(), request);
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok(""))
}

#[tokio::test]
async fn each_signal_reaches_the_intake_plain_and_compressed() {
    let (edge, channel) = start([]).await;
    for (path, signal) in [(TRACES, Signal::Traces), (LOGS, Signal::Logs), (METRICS, Signal::Metrics)] {
        for compression in [None, Some(CompressionEncoding::Gzip)] {
            let response = export(&channel, path, "abc".to_owned(), compression).await.unwrap();
            assert_eq!(response, Response { partial_success: None });
            let body = Bytes::from_static(b"\x0a\x03abc");
            assert_eq!(edge.seen(), [(signal, Encoding::Protobuf, body)]);
        }
    }
    assert_eq!(edge.counted(Outcome::Accepted), 6);
}

#[tokio::test]
async fn a_partial_success_counts_and_says_why() {
    let (_edge, channel) =
        start([Answer::Accepted { items: 9, rejected: 3, reason: Some("bad id".to_owned()) }]).await;
    let response = export(&channel, LOGS, String::new(), None).await.unwrap();
    let partial = Partial { rejected: 3, error_message: "bad id".to_owned() };
    assert_eq!(response.partial_success, Some(partial));
}

#[tokio::test]
async fn what_can_never_pass_is_refused_without_a_time_to_come_back() {
    let answers = [Answer::Malformed("cut".to_owned()), Answer::TooMuch("9 items".to_owned())];
    let (edge, channel) = start(answers).await;
    let status = export(&channel, TRACES, String::new(), None).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "cut"));
    let status = export(&channel, TRACES, String::new(), None).await.unwrap_err();
    assert_eq!((status.code(), status.details()), (Code::ResourceExhausted, &b""[..]));

    let too_large = "x".repeat(BODY_BYTES_MAX);
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let status = export(&channel, TRACES, too_large.clone(), compression).await.unwrap_err();
        assert_eq!((status.code(), status.details()), (Code::ResourceExhausted, &b""[..]), "{compression:?}");
    }
    assert_eq!(edge.seen().len(), 2);
    let largest = "x".repeat(BODY_BYTES_MAX - 5);
    export(&channel, TRACES, largest, None).await.unwrap();
    assert_eq!(edge.seen()[0].2.len(), BODY_BYTES_MAX);
}

#[tokio::test]
async fn what_can_pass_later_carries_retry_info() {
    let (_edge, channel) =
        start([Answer::Busy { retry_after_s: 1 }, Answer::Unavailable { retry_after_s: 5 }]).await;
    for seconds in [1, 5] {
        let status = export(&channel, METRICS, String::new(), None).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        let mut retry_info = b"type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08".to_vec();
        retry_info.push(seconds);
        assert!(status.details().ends_with(&retry_info), "{:?}", status.details());
    }
}

#[tokio::test]
async fn the_budget_is_shared_and_given_back() {
    let setting = Setting { bytes_max: 30_000, permits: 0, ..Setting::of(Transport::Grpc) };
    let edge = setting.start([]).await;
    let channel = channel(&edge).await;
    let held = tokio::spawn({
        let channel = channel.clone();
        async move { export(&channel, LOGS, "x".repeat(12_000), None).await }
    });
    edge.intake.arrived.acquire().await.unwrap().forget();
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let status = export(&channel, LOGS, "x".repeat(3_000), compression).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.details().ends_with(b"\x08\x01"));
    }
    edge.intake.permits.add_permits(1);
    held.await.unwrap().unwrap();
    assert_eq!(edge.admission.bytes_in_flight(), 0);
}

#[tokio::test]
async fn unknown_methods_and_encodings_are_unimplemented() {
    let (_edge, channel) = start([]).await;
    for path in [
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/v1/traces",
    ] {
        assert_eq!(call(&channel, path, &[], b"\0\0\0\0\0").await.code(), Code::Unimplemented, "{path}");
    }
    let status = call(&channel, TRACES, &[("grpc-encoding", "br")], b"\x01\0\0\0\0").await;
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.metadata().get("grpc-accept-encoding").unwrap(), "gzip,zstd,identity");
}

#[tokio::test]
async fn a_message_that_contradicts_its_frame_is_the_clients_fault() {
    let (edge, channel) = start([]).await;
    let gzip_said = [("grpc-encoding", "gzip")];
    let compressed = gzip(b"\x0a\x00");
    let mut cut = vec![1, 0, 0, 0, 12];
    cut.extend_from_slice(&compressed[..12]);
    for (headers, body) in [
        (&[][..], &b""[..]),                  // no message
        (&[], b"\0\0\0"),                     // half a prefix
        (&[], b"\0\0\0\0\x02x"),              // shorter than it says
        (&[], b"\0\0\0\0\0\0\0\0\0\0"),       // two messages
        (&[], b"\x01\0\0\0\x01x"),            // compressed, but no encoding was named
        (&gzip_said[..], b"\x01\0\0\0\x01x"), // not gzip
        (&gzip_said[..], b"\x01\0\0\0\0"),    // empty is not gzip either
        (&gzip_said[..], &cut[..]),
        (&gzip_said[..], b"\x02\0\0\0\0"), // neither 0 nor 1
    ] {
        let status = call(&channel, TRACES, headers, body).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{headers:?} {body:?}");
    }
    let status = call(&channel, TRACES, &[], b"\0\xff\xff\xff\xff").await;
    assert_eq!(status.code(), Code::ResourceExhausted, "a length that no message may have");
    assert!(edge.seen().is_empty());
    assert_eq!(call(&channel, TRACES, &gzip_said, b"\0\0\0\0\0").await.code(), Code::Ok, "plain is allowed");
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_in_flight_and_accepts_nothing_more() {
    let setting = Setting { permits: 0, ..Setting::of(Transport::Grpc) };
    let edge = setting.start([]).await;
    let channel = channel(&edge).await;
    let held = tokio::spawn(async move { export(&channel, LOGS, String::new(), None).await });
    edge.intake.arrived.acquire().await.unwrap().forget();
    edge.stop.send(()).unwrap();
    while tokio::net::TcpStream::connect(edge.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    edge.intake.permits.add_permits(1);
    held.await.unwrap().unwrap();
    edge.served.await.unwrap().unwrap();
}
