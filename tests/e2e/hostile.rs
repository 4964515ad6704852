//! Bad input over the sockets: a clear answer each, nothing of it counted, and the daemon goes on.

use std::io::Write;
use std::time::Duration;

use evenkeel::decode::otlp::common::v1::any_value::Value as Any;
use evenkeel::decode::otlp::common::v1::{AnyValue, KeyValue};
use evenkeel::decode::otlp::resource::v1::Resource;
use evenkeel::decode::otlp::trace::v1::Span;
use http_body_util::BodyExt;
use prost::Message;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::Channel;

use crate::program::{Daemon, assert_books_balance};
use crate::sink::{spans, wall_s};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const BODY_BYTES_MAX: usize = 20 * 1024 * 1024;
const EXPORT_TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

const DOCUMENTS: &str = concat!(
    include_str!("shop.yaml"),
    "---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify:\n",
    "    - {name: deep, when: 'span && deep == \"abyss\"', category: exception}\n"
);

/// A daemon under attack, and what it must have counted.
pub struct Siege {
    pub daemon: Daemon,
    client: reqwest::Client,
    pub good: u64,
}

impl Siege {
    pub async fn start() -> Self {
        let (daemon, client) = (Daemon::start(DOCUMENTS).await, evenkeel::respond::client().unwrap());
        Self { daemon, client, good: 0 }
    }

    /// Sends a good request and finds the good ones counted, and nothing else.
    pub async fn goes_on(&mut self, after: &str) {
        let now = wall_s();
        let body = spans(now - 600 + self.good..now - 600 + self.good + 3, false);
        assert_eq!(self.daemon.export("traces", JSON, body).await, (200, "{}".to_owned()), "after {after}");
        self.good += 3;
        let counts = self.daemon.counts().await;
        assert_books_balance(&counts);
        let good = self.good;
        let expected =
            json!({"offered": good, "accepted": good, "duplicate": 0, "refused": 0, "rejected": 0});
        let nothing = json!({"offered": 0, "accepted": 0, "duplicate": 0, "refused": 0, "rejected": 0});
        assert_eq!(counts["items"]["spans"], expected, "after {after}");
        assert_eq!(
            (&counts["items"]["logs"], &counts["items"]["metrics"]),
            (&nothing, &nothing),
            "after {after}"
        );
        assert_eq!((&counts["slos"][0]["good"], &counts["slos"][0]["bad"]), (&json!(good), &json!(0)));
        assert_eq!(counts["services"].as_array().unwrap().len(), 1, "after {after}: {counts}");
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.daemon.address("otlp_http"));
        self.client.request(method, url)
    }

    /// Posts a body that must be refused with this status, told in its own encoding.
    async fn refused(&self, kind: &str, gzip: bool, body: Vec<u8>, status: u16) -> String {
        let mut request = self.request(Method::POST, "/v1/traces").header("content-type", kind);
        if gzip {
            request = request.header("content-encoding", "gzip");
        }
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], kind);
        let body = answer.bytes().await.unwrap();
        let (code, message) = match kind {
            JSON => json_status(&body),
            _ => RpcStatus::decode(body).map(|status| (status.code, status.message)).unwrap(),
        };
        let expected = if status == 413 { 8 } else { 3 };
        assert_eq!(code, expected, "{message}");
        assert!(!message.is_empty());
        message
    }

    /// How often a rule has decided.
    async fn hits(&self, rule: &str) -> u64 {
        let counts = self.daemon.counts().await;
        let rules = counts["rules"]["classify"].as_array().unwrap();
        rules.iter().find(|one| one["name"] == rule).unwrap()["hits"].as_u64().unwrap()
    }

    pub async fn channel(&self) -> Channel {
        let url = format!("http://{}", self.daemon.address("otlp_grpc"));
        Channel::from_shared(url).unwrap().connect().await.unwrap()
    }

    pub async fn raw(&self, listener: &str, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.daemon.address(listener)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }
}

#[derive(prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn json_status(body: &[u8]) -> (i32, String) {
    let status: Value = serde_json::from_slice(body).unwrap();
    (status["code"].as_i64().unwrap() as i32, status["message"].as_str().unwrap().to_owned())
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// One span of `shop` whose attribute `deep` is this encoded `AnyValue`.
fn protobuf(deep: &[u8]) -> Vec<u8> {
    let end = wall_s() * 1_000_000_000;
    let span = Span { kind: 2, end_time_unix_nano: end, ..Span::default() };
    let attribute = [field(1, b"deep"), field(2, deep)].concat();
    let span = [span.encode_to_vec(), field(9, &attribute)].concat();
    let shop = AnyValue { value: Some(Any::StringValue("shop".to_owned())) };
    let service = KeyValue { key: "service.name".to_owned(), value: Some(shop) };
    let resource = Resource { attributes: vec![service], ..Resource::default() }.encode_to_vec();
    let block = [field(1, &resource), field(2, &field(2, &span))].concat();
    field(1, &block)
}

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&head(number, content.len())[..], content].concat()
}

fn head(number: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(length as u64, &mut bytes);
    bytes
}

/// An `AnyValue` that is a list that holds a list, and so on.
fn nested(depth: usize) -> Vec<u8> {
    let (mut heads, mut length) = (Vec::new(), 0);
    for _ in 0..depth {
        let values = head(1, length);
        let list = head(5, values.len() + length);
        length += values.len() + list.len();
        heads.push([list, values].concat());
    }
    heads.reverse();
    heads.concat()
}

/// Bytes that look random and are the same on every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn protobuf_that_is_none_is_refused_wherever_it_breaks() {
    let mut siege = Siege::start().await;
    let whole = protobuf(b"\x0a\x05abyss");
    for end in 1..whole.len() {
        let said = siege.refused(PROTOBUF, false, whole[..end].to_vec(), 400).await;
        assert!(said.starts_with("protobuf, byte "), "cut at {end}: {said}");
    }
    siege.goes_on("cut protobuf").await;
    for seed in 0..64 {
        let body = noise(seed, 100 + 50 * seed as usize);
        siege.refused(PROTOBUF, false, body.clone(), 400).await;
        siege.refused(JSON, false, body, 400).await;
    }
    siege.goes_on("noise").await;
    siege.refused(PROTOBUF, false, spans(1..2, true).into_bytes(), 400).await;
    siege.refused(JSON, false, whole, 400).await;
    siege.goes_on("one encoding called the other").await;
}

#[tokio::test]
async fn json_of_wrong_types_is_refused_in_json() {
    let mut siege = Siege::start().await;
    let inside = |span: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
    for body in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        r#"{"resourceSpans":{}}"#.to_owned(),
        r#"{"resourceSpans":["span"]}"#.to_owned(),
        inside("7"),
        inside(r#"{"name":7}"#),
        inside(r#"{"kind":"no such kind"}"#),
        inside(r#"{"traceId":[1,2]}"#),
        inside(r#"{"endTimeUnixNano":"yesterday"}"#),
        inside(r#"{"endTimeUnixNano":-1}"#),
        inside(r#"{"attributes":[{"key":"a","value":{"intValue":"1.5"}}]}"#),
        inside(r#"{"status":{"code":[]}}"#),
        format!("{}}}", inside("{}")),
        spans(1..2, false).replace("\"spans\"", "\"spans\":[],\"spans\"") + "x",
    ] {
        let said = siege.refused(JSON, false, body.clone().into_bytes(), 400).await;
        assert!(said.len() < 500, "{body}: {said}");
    }
    siege.goes_on("JSON of wrong types").await;
}

#[tokio::test]
async fn types_paths_and_methods_that_are_not_ours_are_named() {
    let mut siege = Siege::start().await;
    let body = spans(1..2, false);
    for kind in ["text/plain", "application/grpc", "application/x-www-form-urlencoded", "json", "*/*"] {
        let (status, said) = siege.daemon.export("traces", kind, body.clone()).await;
        assert_eq!(status, 415, "{kind}");
        assert!(json_status(said.as_bytes()).1.contains(kind), "{said}");
    }
    let bare = siege.request(Method::POST, "/v1/traces").body(body.clone()).send().await.unwrap();
    assert_eq!(bare.status(), 415);
    for encoding in ["br", "deflate", "snappy", "gzip, gzip", "zstd, zstd"] {
        let request = siege.request(Method::POST, "/v1/logs").header("content-type", JSON);
        let answer = request.header("content-encoding", encoding).body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 415, "{encoding}");
        assert_eq!(answer.headers()["accept-encoding"], "gzip, zstd", "{encoding}");
    }
    for path in ["/", "/v1", "/v1/trace", "/v1/traces/", "/v1/profiles", "/v1/traces%00", "/V1/TRACES"] {
        let answer = siege.request(Method::POST, path).header("content-type", JSON).body(body.clone());
        assert_eq!(answer.send().await.unwrap().status(), 404, "{path}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
            let answer = siege.request(method.clone(), path).send().await.unwrap();
            assert_eq!(answer.status(), 405, "{method} {path}");
            assert_eq!(answer.headers()["allow"], "POST", "{method} {path}");
        }
    }
    siege.goes_on("types, paths and methods").await;
}

#[tokio::test]
async fn gzip_that_is_none_is_refused() {
    let mut siege = Siege::start().await;
    let plain = spans(1..20, true);
    let whole = gzip(plain.as_bytes());
    let mut wrong_sum = whole.clone();
    *wrong_sum.iter_mut().nth_back(5).unwrap() ^= 1;
    for body in [plain.into_bytes(), Vec::new(), whole[..whole.len() / 2].to_vec(), wrong_sum, noise(7, 500)]
    {
        let said = siege.refused(JSON, true, body, 400).await;
        assert!(said.contains("gzip"), "{said}");
    }
    siege.goes_on("what is no gzip").await;
}

/// Scenario: a body above the limit; as its head announces, in pieces without a length, and inflated.
/// Guarantees: 413 each time, and where it is announced, before the body has come.
#[tokio::test]
async fn bodies_above_the_limit_are_refused_however_they_come() {
    let mut siege = Siege::start().await;
    let mut padded = spans(1..2, true).into_bytes();
    padded.resize(BODY_BYTES_MAX + 1, b' ');
    let said = siege.refused(JSON, false, padded.clone(), 413).await;
    assert!(said.contains("20971520 bytes"), "{said}");
    let bomb = gzip(&padded);
    assert!(bomb.len() < BODY_BYTES_MAX / 20, "the limit is met inflated: {}", bomb.len());
    siege.refused(JSON, true, bomb, 413).await;

    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let announced = format!("{head}content-length: {}\r\n\r\n{{", BODY_BYTES_MAX + 1);
    let mut stream = siege.raw("otlp_http", announced.as_bytes()).await;
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413 "));

    let mut stream =
        siege.raw("otlp_http", format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await;
    for piece in padded.chunks(1024 * 1024) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        stream.write_all(piece).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413 "));
    siege.goes_on("bodies above the limit").await;

    padded.truncate(BODY_BYTES_MAX);
    assert_eq!(siege.daemon.export("traces", JSON, padded).await.0, 200, "the limit itself is allowed");
}

/// The first bytes of what comes back.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 1024];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut bytes)).await;
    bytes.truncate(read.expect("an answer in time").unwrap());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Scenario: an attribute that a rule reads holds a list in a list, a hundred thousand times.
/// Guarantees: protobuf, which is not read that deep, counts as any value that is no text; JSON, which
/// would have to be, is refused.
#[tokio::test]
async fn values_nested_without_end_do_not_exhaust_the_stack() {
    let mut siege = Siege::start().await;
    let body = protobuf(&nested(100_000));
    assert!(body.len() > 500_000);
    assert_eq!(siege.daemon.export("traces", PROTOBUF, body).await, (200, String::new()));
    siege.good += 1;
    siege.goes_on("a deep value").await;

    let deep = |depth: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(depth);
        let close = "]}}".repeat(depth);
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"deep","value":{open}{close}}}]}}]}}]}}]}}"#
        )
    };
    for depth in [100, 100_000] {
        let said = siege.refused(JSON, false, deep(depth).into_bytes(), 400).await;
        assert!(said.starts_with("JSON nested deeper than 64 levels"), "{said}");
    }
    siege.goes_on("deep JSON").await;
    assert_eq!(siege.hits("deep").await, 0);
    let marked = protobuf(b"\x0a\x05abyss");
    assert_eq!(siege.daemon.export("traces", PROTOBUF, marked).await.0, 200);
    assert_eq!(siege.hits("deep").await, 1, "the rule does read it");
}

pub async fn call(channel: &Channel, headers: &[(&str, &str)], body: &[u8]) -> tonic::Status {
    call_at(EXPORT_TRACES, channel, headers, body).await
}

pub async fn call_at(path: &str, channel: &Channel, headers: &[(&str, &str)], body: &[u8]) -> tonic::Status {
    let mut request = http::Request::post(path).header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = http_body_util::Full::new(bytes::Bytes::copy_from_slice(body)).map_err(|never| match never {});
    let request = request.body(tonic::body::Body::new(body)).unwrap();
    let mut channel = channel.clone();
    let ready = tower::ServiceExt::ready(&mut channel).await.unwrap();
    let answer = tower::Service::call(ready, request).await.unwrap();
    assert_eq!(answer.status(), 200);
    tonic::Status::from_header_map(answer.headers()).unwrap_or_else(|| tonic::Status::ok(""))
}

pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

#[tokio::test]
async fn garbage_over_grpc_is_an_invalid_argument() {
    use tonic::Code::{InvalidArgument, Ok, ResourceExhausted, Unimplemented};
    let mut siege = Siege::start().await;
    let channel = siege.channel().await;
    let whole = protobuf(b"\x0a\x05abyss");
    let gzip_said = [("grpc-encoding", "gzip")];
    let mut wrong_length = framed(0, &whole);
    wrong_length[4] ^= 1;
    for (headers, body, code) in [
        (&[][..], Vec::new(), InvalidArgument),
        (&[], b"\0\0\0".to_vec(), InvalidArgument),
        (&[], wrong_length, InvalidArgument),
        (&[], framed(0, &whole[..whole.len() - 1]), InvalidArgument),
        (&[], framed(0, &noise(3, 2_000)), InvalidArgument),
        (&[], framed(0, spans(1..2, true).as_bytes()), InvalidArgument),
        (&[], framed(1, &gzip(&whole)), InvalidArgument),
        (&gzip_said, framed(1, &whole), InvalidArgument),
        (&gzip_said, framed(1, &gzip(&whole[..whole.len() - 1])), InvalidArgument),
        (&gzip_said, framed(1, &gzip(&vec![0; BODY_BYTES_MAX + 1])), ResourceExhausted),
        (&[], b"\0\xff\xff\xff\xff".to_vec(), ResourceExhausted),
        (&[("grpc-encoding", "br")], framed(1, &whole), Unimplemented),
    ] {
        let status = call(&channel, headers, &body).await;
        assert_eq!(status.code(), code, "{headers:?} {} bytes: {}", body.len(), status.message());
        assert!(!status.message().is_empty(), "{headers:?} {} bytes", body.len());
    }
    siege.goes_on("garbage over gRPC").await;
    assert_eq!(call(&channel, &gzip_said, &framed(1, &gzip(&whole))).await.code(), Ok);
    assert_eq!(siege.daemon.counts().await["items"]["spans"]["accepted"], siege.good + 1);
    let other = protobuf(b"\x0a\x05other");
    let packed = zstd::bulk::compress(&other, 1).unwrap();
    assert_eq!(call(&channel, &[("grpc-encoding", "zstd")], &framed(1, &packed)).await.code(), Ok);
    assert_eq!(siege.daemon.counts().await["items"]["spans"]["accepted"], siege.good + 2);
}

/// Scenario: the attribute that one SLO compares with a number is text on every span, the value that
/// another one measures is text as well.
/// Guarantees: the third one counts each span, and the mismatches are counted for the one that has them.
#[tokio::test]
async fn one_bad_slo_never_stops_the_others() {
    let shop = include_str!("shop.yaml");
    let by_code = shop.replace("shop-availability", "by-code").replace("status == \"error\"", "code >= 500");
    let by_size = "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: by-size}\nspec:\n  service: shop\n  \
                   indicator: {spec: {thresholdMetric: {metricSource: {type: evenkeel, \
                   spec: {spans: 'size > 3', value: size}}}}}\n  \
                   timeWindow: [{duration: 28d, isRolling: true}]\n  budgetingMethod: Occurrences\n  \
                   objectives: [{op: lte, value: 9, target: 0.99}]\n";
    let daemon = Daemon::start(&format!("{by_code}---\n{by_size}---\n{shop}")).await;
    let now = wall_s();
    for (ends, failed) in [(now - 90..now - 50, false), (now - 50..now - 40, true)] {
        let text = r#""name":"GET /","attributes":[{"key":"code","value":{"stringValue":"500"}},{"key":"size","value":{"stringValue":"big"}}]"#;
        let body = spans(ends, failed).replace(r#""name":"GET /""#, text);
        assert_eq!(daemon.export("traces", JSON, body).await, (200, "{}".to_owned()));
    }
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    let of = |name: &str| counts["slos"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    let numbers = |name: &str| (of(name)["good"].clone(), of(name)["bad"].clone());
    assert_eq!(numbers("shop-availability"), (json!(40), json!(10)), "{counts}");
    assert_eq!(numbers("by-code"), (json!(50), json!(0)), "a comparison that can not be made is false");
    assert_eq!(numbers("by-size"), (json!(0), json!(0)), "{counts}");
    for (name, mismatches) in [("by-code", 50), ("by-size", 50), ("shop-availability", 0)] {
        assert_eq!(daemon.get(&format!("/api/v1/slos/{name}")).await["mismatches"], mismatches, "{name}");
    }
}
