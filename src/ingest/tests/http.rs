//! OTLP over HTTP: every status as the protocol wants it.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::*;
use crate::door::Listener;

const PROTOBUF: &str = "Content-Type: application/x-protobuf\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

/// One answer, as far as the tests look at it.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case(header))
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(addr: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(addr).await.unwrap()))
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    async fn reply(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).await.unwrap(), 0, "closed after {head:?}");
        }
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ").map(|text| text.parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).await.unwrap();
        Reply { status: head[9..12].parse().unwrap(), head, body }
    }

    /// Sends with a length.
    async fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Reply {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.write(&[head.as_bytes(), body].concat()).await;
        self.reply().await
    }
}

async fn start(answers: impl IntoIterator<Item = Answer>) -> (Edge, Client) {
    let edge = Setting::of(Transport::Http).start(answers).await;
    let client = Client::connect(edge.addr).await;
    (edge, client)
}

fn refused(rejected: u64, reason: &str) -> Answer {
    Answer::Accepted { items: 9, rejected, reason: Some(reason.to_owned()) }
}

#[tokio::test]
async fn each_signal_reaches_the_intake_as_it_was_sent_and_the_connection_stays() {
    let (edge, mut client) = start([]).await;
    for (path, signal) in
        [("/v1/traces", Signal::Traces), ("/v1/logs", Signal::Logs), ("/v1/metrics", Signal::Metrics)]
    {
        let reply = client.post(path, PROTOBUF, b"\x0a\x00").await;
        assert_eq!((reply.status, &reply.body[..]), (200, &b""[..]));
        assert!(reply.has("content-type: application/x-protobuf"), "{}", reply.head);
        let reply = client.post(path, JSON, b" {} ").await;
        assert_eq!((reply.status, reply.text()), (200, "{}"));
        assert!(reply.has("content-type: application/json"), "{}", reply.head);
        assert_eq!(
            edge.seen(),
            [
                (signal, Encoding::Protobuf, Bytes::from_static(b"\x0a\x00")),
                (signal, Encoding::Json, Bytes::from_static(b" {} ")),
            ]
        );
    }
    assert_eq!(edge.counted(Outcome::Accepted), 6);
    assert_eq!(edge.entrance.meters().snapshot()[Listener::OtlpHttp as usize].accepted, 1);
}

#[tokio::test]
async fn a_partial_success_is_told_in_the_encoding_of_the_request() {
    let (edge, mut client) = start([refused(2, "bad id"), refused(2, "bad id")]).await;
    let reply = client.post("/v1/traces", PROTOBUF, b"").await;
    assert_eq!((reply.status, &reply.body[..]), (200, &b"\x0a\x0a\x08\x02\x12\x06bad id"[..]));
    let reply = client.post("/v1/logs", JSON, b"{}").await;
    let expected = r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"bad id"}}"#;
    assert_eq!((reply.status, reply.text()), (200, expected));
    assert_eq!(edge.counted(Outcome::Partial), 2);
}

#[tokio::test]
async fn content_types_are_compared_without_case_and_parameters() {
    let (_edge, mut client) = start([]).await;
    for (headers, status) in [
        ("Content-Type: application/json; charset=utf-8\r\n", 200),
        ("content-type: Application/X-Protobuf ;x=y\r\n", 200),
        ("", 415),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/protobuf\r\n", 415),
        ("Content-Type: application/json+x\r\n", 415),
        ("Content-Type: \u{e9}\r\n", 415),
    ] {
        assert_eq!(client.post("/v1/logs", headers, b"{}").await.status, status, "{headers:?}");
    }
}

#[tokio::test]
async fn one_gzip_or_zstd_or_nothing_is_a_readable_encoding() {
    let (edge, mut client) = start([]).await;
    for (encoding, body, status) in [
        ("gzip", gzip(b"{}"), 200),
        ("GZIP", [gzip(b"{"), gzip(b"}")].concat(), 200),
        ("identity", b"{}".to_vec(), 200),
        ("gzip, gzip", gzip(&gzip(b"{}")), 415),
        ("deflate", b"{}".to_vec(), 415),
        ("br", b"{}".to_vec(), 415),
        ("zstd", zstd::bulk::compress(b"{}", 1).unwrap(), 200),
        ("zstd", b"{}".to_vec(), 400),
        ("gzip\r\nContent-Encoding: gzip", gzip(&gzip(b"{}")), 415),
        ("gzip", gzip(b"{}")[..12].to_vec(), 400),
        ("gzip", [gzip(b"{}"), b"tail".to_vec()].concat(), 400),
        ("gzip", b"{}".to_vec(), 400),
        ("gzip", Vec::new(), 400),
    ] {
        let headers = format!("{JSON}Content-Encoding: {encoding}\r\n");
        let reply = client.post("/v1/traces", &headers, &body).await;
        assert_eq!(reply.status, status, "{encoding} {body:?}");
        assert_eq!(reply.has("accept-encoding: gzip, zstd"), status == 415);
    }
    assert!(edge.seen().iter().all(|(_, _, body)| body == "{}"));
    assert_eq!(edge.counted(Outcome::Accepted), 4);
}

#[tokio::test]
async fn wrong_methods_and_paths_say_what_is_right() {
    let (edge, mut client) = start([]).await;
    for method in ["GET", "PUT", "OPTIONS"] {
        client.write(format!("{method} /v1/logs HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        let reply = client.reply().await;
        assert!(reply.status == 405 && reply.has("allow: POST"), "{reply:?}");
    }
    for path in ["/", "/v1/traces/", "/v1/profiles", "/v1"] {
        let reply = client.post(path, JSON, b"{}").await;
        assert_eq!(reply.status, 404);
        assert!(reply.text().starts_with(r#"{"code":12,"#), "{}", reply.text());
    }
    assert_eq!(edge.counted(Outcome::Unsupported), 7);
    assert!(edge.seen().is_empty());
}

#[tokio::test]
async fn errors_carry_a_status_in_the_encoding_of_the_request() {
    let malformed = || Answer::Malformed("field 3 is cut".to_owned());
    let (_edge, mut client) = start([malformed(), malformed(), Answer::TooMuch("9 items".to_owned())]).await;
    let reply = client.post("/v1/traces", JSON, b"{").await;
    assert_eq!((reply.status, reply.text()), (400, r#"{"code":3,"message":"field 3 is cut"}"#));
    let reply = client.post("/v1/traces", PROTOBUF, b"\x0a").await;
    assert_eq!((reply.status, &reply.body[..]), (400, &b"\x08\x03\x12\x0efield 3 is cut"[..]));
    assert!(reply.has("content-type: application/x-protobuf"));
    let reply = client.post("/v1/traces", JSON, b"{}").await;
    assert_eq!(reply.status, 413);
    assert!(reply.text().contains("more than 9 items"), "{}", reply.text());
    assert!(!reply.head.to_ascii_lowercase().contains("retry-after"));
}

#[tokio::test]
async fn a_full_inbox_and_a_drain_tell_when_to_come_back() {
    let answers = [Answer::Busy { retry_after_s: 1 }, Answer::Unavailable { retry_after_s: 5 }];
    let (edge, mut client) = start(answers).await;
    for seconds in [1, 5] {
        let reply = client.post("/v1/metrics", PROTOBUF, b"").await;
        assert_eq!(reply.status, 503);
        assert!(reply.has(&format!("retry-after: {seconds}")), "{}", reply.head);
    }
    assert_eq!((edge.counted(Outcome::Busy), edge.counted(Outcome::Unavailable)), (1, 1));
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_bound_and_not_larger() {
    let (edge, mut client) = start([]).await;
    let largest = vec![7; BODY_BYTES_MAX];
    assert_eq!(client.post("/v1/traces", PROTOBUF, &largest).await.status, 200);
    let larger = vec![7; BODY_BYTES_MAX + 1];
    assert_eq!(client.post("/v1/traces", PROTOBUF, &larger).await.status, 413);
    let headers = format!("{PROTOBUF}Content-Encoding: gzip\r\n");
    assert_eq!(client.post("/v1/traces", &headers, &gzip(&largest)).await.status, 200);
    assert_eq!(client.post("/v1/traces", &headers, &gzip(&larger)).await.status, 413);
    assert_eq!(edge.seen().iter().map(|(_, _, body)| body.len()).max(), Some(BODY_BYTES_MAX));
    assert_eq!(edge.counted(Outcome::TooLarge), 2);
    assert_eq!(edge.admission.bytes_in_flight(), 0);
}

#[tokio::test]
async fn an_announced_length_beyond_the_bound_is_refused_before_it_is_sent() {
    let (_edge, mut client) = start([]).await;
    let head = format!("POST /v1/logs HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 20971521\r\n\r\n");
    client.write(head.as_bytes()).await;
    assert_eq!(client.reply().await.status, 413);
}

#[tokio::test]
async fn who_asks_before_sending_is_refused_without_a_continue() {
    let (_edge, mut client) = start([]).await;
    let head = "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nExpect: 100-continue\r\n";
    client.write(format!("{head}Content-Length: 9\r\n\r\n").as_bytes()).await;
    assert_eq!(client.reply().await.status, 415);
}

#[tokio::test]
async fn chunks_without_a_length_are_read_and_bounded() {
    let (edge, mut client) = start([]).await;
    let head = format!("POST /v1/logs HTTP/1.1\r\nHost: x\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n");
    client.write(format!("{head}1\r\n{{\r\n2\r\n }}\r\n0\r\n\r\n").as_bytes()).await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(edge.seen()[0].2, "{ }");

    let chunk = [b"100000\r\n", &vec![b' '; 1 << 20][..], b"\r\n"].concat();
    client.write(head.as_bytes()).await;
    for _ in 0..21 {
        client.write(&chunk).await;
    }
    client.write(b"0\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 413);

    client.write(format!("{head}zz\r\n").as_bytes()).await;
    assert_eq!(client.reply().await.status, 400);
}

#[tokio::test]
async fn beyond_the_budget_requests_are_refused_and_it_is_given_back() {
    let setting = Setting { bytes_max: 30_000, permits: 0, ..Setting::of(Transport::Http) };
    let edge = setting.start([]).await;
    let mut first = Client::connect(edge.addr).await;
    let head = format!("POST /v1/logs HTTP/1.1\r\nHost: x\r\n{PROTOBUF}Content-Length: 12000\r\n\r\n");
    first.write(&[head.as_bytes(), &[0; 12_000]].concat()).await;
    edge.intake.arrived.acquire().await.unwrap().forget();
    let held = edge.admission.bytes_in_flight();
    assert!((20_000..22_000).contains(&held), "the body, and about as much for the head as it takes: {held}");

    let mut second = Client::connect(edge.addr).await;
    let announced = second.post("/v1/logs", PROTOBUF, &[0; 3_000]).await;
    assert!(announced.status == 503 && announced.has("retry-after: 1"), "{announced:?}");
    let gzipped = format!("{PROTOBUF}Content-Encoding: gzip\r\n");
    assert_eq!(second.post("/v1/logs", &gzipped, &gzip(&[0; 3_000])).await.status, 503);
    let head = format!("POST /v1/logs HTTP/1.1\r\nHost: x\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n");
    second.write(format!("{head}bb8\r\n{}\r\n0\r\n\r\n", " ".repeat(3_000)).as_bytes()).await;
    assert_eq!(second.reply().await.status, 503);

    edge.intake.permits.add_permits(2);
    assert_eq!(first.reply().await.status, 200);
    assert_eq!(second.post("/v1/logs", PROTOBUF, &[0; 12_000]).await.status, 200);
    assert_eq!(edge.admission.bytes_in_flight(), 0);
    assert_eq!(edge.counted(Outcome::Busy), 3);
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_share_of_the_budget_back() {
    let setting = Setting { permits: 0, ..Setting::of(Transport::Http) };
    let edge = setting.start([]).await;
    let mut client = Client::connect(edge.addr).await;
    let head = format!("POST /v1/logs HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 2\r\n\r\n{{}}");
    client.write(head.as_bytes()).await;
    edge.intake.arrived.acquire().await.unwrap().forget();
    drop(client);
    while edge.counted(Outcome::Abandoned) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(edge.admission.bytes_in_flight(), 0);
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_in_flight_and_accepts_nothing_more() {
    let setting = Setting { permits: 0, ..Setting::of(Transport::Http) };
    let edge = setting.start([]).await;
    let mut client = Client::connect(edge.addr).await;
    client.write(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n").await;
    client.write(b"Content-Length: 2\r\n\r\n{}").await;
    edge.intake.arrived.acquire().await.unwrap().forget();
    edge.stop.send(()).unwrap();
    while TcpStream::connect(edge.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!edge.served.is_finished());
    edge.intake.permits.add_permits(1);
    assert_eq!(client.reply().await.status, 200);
    edge.served.await.unwrap().unwrap();
}
