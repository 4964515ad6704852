//! The whole way: made, sent over a socket, received by our own listeners, read by our own decoder.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use clap::Parser;

use super::*;
use crate::decode::{self, Encoding, Limits};
use crate::door::bind;
use crate::ingest::{Answer, Intake, serve_grpc, serve_http};
use crate::model::{Signal, SpanKind, SpanStatus, Wanted};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: SendArgs,
}

fn args(line: &str) -> SendArgs {
    Line::try_parse_from(["send"].into_iter().chain(line.split_whitespace())).unwrap().args
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

#[derive(Default)]
struct Keeper {
    bodies: Mutex<Vec<(Signal, Bytes)>>,
    answers: Mutex<Vec<Answer>>,
}

impl Intake for Keeper {
    async fn take(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Answer {
        assert_eq!(encoding, Encoding::Protobuf);
        let told = self.answers.lock().unwrap().pop();
        if !matches!(told, Some(Answer::Busy { .. })) {
            self.bodies.lock().unwrap().push((signal, body));
        }
        told.unwrap_or(Answer::Accepted { items: 1, rejected: 0, reason: None })
    }
}

impl Keeper {
    /// Kind, status and severity of every item received of one signal.
    fn items(&self, signal: Signal) -> Vec<(SpanKind, SpanStatus, i32, String, bool)> {
        let mut items = Vec::new();
        for (of, body) in &*self.bodies.lock().unwrap() {
            if *of == signal {
                decode::decode(
                    signal,
                    Encoding::Protobuf,
                    body,
                    &Wanted::default(),
                    Limits::DEFAULT,
                    &mut |item| {
                        let service = item.service.to_owned();
                        items.push((
                            item.span_kind,
                            item.status,
                            item.severity,
                            service,
                            item.time.is_some(),
                        ));
                    },
                )
                .unwrap();
            }
        }
        items
    }
}

async fn keeper(protocol: Protocol, answers: Vec<Answer>) -> (Arc<Keeper>, SocketAddr) {
    let bound = bind("127.0.0.1:0").await.unwrap();
    let addr = bound.addr();
    let keeper = Arc::new(Keeper { answers: Mutex::new(answers), ..Keeper::default() });
    let (intake, admission, counters) = (Arc::clone(&keeper), Arc::default(), Arc::default());
    match protocol {
        Protocol::HttpProtobuf => {
            tokio::spawn(serve_http(bound, Arc::default(), intake, admission, counters, pending()));
        }
        Protocol::Grpc => {
            tokio::spawn(serve_grpc(bound, Arc::default(), intake, admission, counters, pending()));
        }
    }
    (keeper, addr)
}

async fn sent(line: &str) -> Result<Report, SendError> {
    run(&args(line), &client(), &Credentials::default(), &mut std::io::sink()).await
}

#[tokio::test]
async fn what_is_sent_arrives_over_both_protocols_and_is_readable() {
    for (protocol, name) in [(Protocol::HttpProtobuf, "http/protobuf"), (Protocol::Grpc, "grpc")] {
        for gzip in ["", "--gzip"] {
            let (keeper, addr) = keeper(protocol, Vec::new()).await;
            let report = sent(&format!(
                "--endpoint {addr} --protocol {name} {gzip} --signal all --service a --service b \
                 --rate 1k/s --for 100ms --interval 20ms --errors 20% --seed 3"
            ))
            .await
            .unwrap();
            assert_eq!((report.rejected, report.failed, &report.reason), (0, 0, &None), "{name} {gzip}");

            let spans = keeper.items(Signal::Traces);
            assert_eq!(spans.len(), 200);
            assert!(spans.iter().all(|(kind, _, _, _, timed)| *kind == SpanKind::Server && *timed));
            assert_eq!(spans.iter().filter(|(_, _, _, service, _)| service == "a").count(), 100);
            let logs = keeper.items(Signal::Logs);
            let failed_spans =
                spans.iter().filter(|(_, status, _, _, _)| *status == SpanStatus::Error).count();
            let error_logs = logs.iter().filter(|(_, _, severity, _, _)| *severity == 17).count();
            assert!(failed_spans > 15 && error_logs == failed_spans, "{failed_spans} {error_logs}");
            let points = keeper.items(Signal::Metrics).len() as u64;
            assert_eq!((report.sent, report.accepted), (400 + points, 400 + points));
        }
    }
}

#[tokio::test]
async fn a_busy_receiver_is_tried_again_and_rejections_are_told() {
    let (keeper, addr) = keeper(
        Protocol::HttpProtobuf,
        vec![
            Answer::Malformed("no".to_owned()),
            Answer::Accepted { items: 9, rejected: 2, reason: Some("bad id".to_owned()) },
            Answer::Busy { retry_after_s: 0 },
        ],
    )
    .await;
    let report = sent(&format!("--endpoint http://{addr}/ --rate 100/s --for 300ms --interval 100ms")).await;
    let report = report.unwrap();
    assert_eq!((report.requests, report.sent), (3, 30));
    assert_eq!((report.accepted, report.rejected, report.failed), (18, 2, 10));
    assert!(report.to_string().ends_with("18 accepted, 2 rejected, 10 failed (bad id)"), "{report}");
    assert_eq!(keeper.bodies.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn where_nobody_listens_is_said_at_once() {
    let bound = bind("127.0.0.1:0").await.unwrap();
    let addr = bound.addr();
    drop(bound);
    for protocol in ["http/protobuf", "grpc"] {
        let line = format!("--endpoint {addr} --protocol {protocol} --for 1h --interval 10ms");
        let error = sent(&line).await.unwrap_err();
        assert!(matches!(error, SendError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}

#[tokio::test]
async fn endpoints_that_cannot_be_are_usage_errors() {
    for line in ["--endpoint ftp://x", "--endpoint http://", "--endpoint ftp://x --protocol grpc"] {
        assert!(matches!(sent(line).await, Err(SendError::BadEndpoint { .. })), "{line}");
    }
}

#[test]
fn a_request_covers_the_interval_or_fewer_items() {
    assert_eq!(args("").slice(), Duration::from_millis(200));
    assert_eq!(args("--rate 5120/s").slice(), Duration::from_millis(100));
    assert_eq!(args("--rate 10/s --batch 1").slice(), Duration::from_millis(100));
    assert_eq!(args("").endpoint(), "http://127.0.0.1:4318");
    assert_eq!(args("--protocol grpc").endpoint(), "http://127.0.0.1:4317");
}
