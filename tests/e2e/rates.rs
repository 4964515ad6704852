//! What a sender may bring a second, and what happens beyond: over real sockets.

use serde_json::{Value, json};
use tonic::Code;
use tonic::transport::Channel;

use crate::hostile::{call_at, framed};
use crate::program::{Daemon, Scratch, assert_books_balance};
use crate::sink::{spans, wall_s};

const JSON: &str = "application/json";

const TOKENS: &str = "
apiVersion: evenkeel/v1
kind: Config
spec:
  auth:
    tokens:
      - {name: loud, file: loud.token, role: ingest, limits: {items_per_second: 10}}
      - {name: quiet, file: quiet.token, role: ingest}
      - {name: dashboard, file: viewer.token, role: viewer}
      - {name: pipeline, file: operator.token, role: operator}
";

fn config(limits: &str) -> String {
    format!("apiVersion: evenkeel/v1\nkind: Config\nspec:\n  limits: {limits}\n")
}

async fn with_tokens() -> Daemon {
    let scratch = Scratch::new();
    for name in ["loud", "quiet", "viewer", "operator"] {
        scratch.write(&format!("{name}.token"), &format!("token-of-{name}"));
    }
    let file = scratch.write("evenkeel.yaml", TOKENS);
    Daemon::start_with(scratch, ["run", "-c", &file.display().to_string()]).await
}

async fn send(daemon: &Daemon, token: &str, body: String) -> reqwest::Response {
    let url = format!("http://{}/v1/traces", daemon.address("otlp_http"));
    let request = evenkeel::respond::client().unwrap().post(url).header("content-type", JSON).body(body);
    request.header("authorization", format!("Bearer token-of-{token}")).send().await.unwrap()
}

async fn get(daemon: &Daemon, token: &str, path: &str) -> Value {
    let request = evenkeel::respond::client().unwrap().get(daemon.url(path));
    request
        .header("authorization", format!("Bearer token-of-{token}"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

/// Guarantees: who brings too much is told to wait, over both transports, and nothing of what was refused counts.
#[tokio::test]
async fn beyond_its_rate_a_sender_is_told_when_to_come_back() {
    let daemon = Daemon::start(&config("{items_per_second: 10}")).await;
    let from = wall_s() - 600;
    let first = daemon.export("traces", JSON, spans(from..from + 400, false)).await;
    assert_eq!(first.0, 200, "a request alone may overdraw: {}", first.1);

    let url = format!("http://{}/v1/traces", daemon.address("otlp_http"));
    let request = evenkeel::respond::client().unwrap().post(url).header("content-type", JSON);
    let answer = request.body(spans(from..from + 1, false)).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((30..=39).contains(&wait), "400 items at 10 a second, one second's worth saved: {wait}");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["code"], 8);
    assert!(body["message"].as_str().unwrap().contains("`limits`"), "{body}");

    let channel = Channel::from_shared(format!("http://{}", daemon.address("otlp_grpc"))).unwrap();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let status = call_at(path, &channel.connect().await.unwrap(), &[], &framed(0, b"")).await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains("google.rpc.RetryInfo"), "it can pass later: {details:?}");

    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(counts["items"]["spans"]["offered"], 400);
    let metrics = daemon.text("/metrics").await;
    for line in [
        "\nevenkeel_requests_denied_total{listener=\"otlp_http\",reason=\"rate_limited\"} 1\n",
        "\nevenkeel_requests_denied_total{listener=\"otlp_grpc\",reason=\"rate_limited\"} 1\n",
        "outcome=\"rate_limited\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

/// Guarantees: the rate of bytes is that of decompressed ones.
#[tokio::test]
async fn bytes_are_counted_as_they_are_decompressed() {
    use std::io::Write;
    let daemon = Daemon::start(&config("{bytes_per_second: 1000000}")).await;
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let empty = format!("{{\"resourceSpans\":[]{}}}", " ".repeat(10_000_000));
    zip.write_all(empty.as_bytes()).unwrap();
    let zipped = zip.finish().unwrap();
    assert!(zipped.len() < 100_000);
    let url = format!("http://{}/v1/traces", daemon.address("otlp_http"));
    let post = |body: Vec<u8>| {
        let request = evenkeel::respond::client().unwrap().post(&url).header("content-type", JSON);
        request.header("content-encoding", "gzip").body(body).send()
    };
    assert_eq!(post(zipped.clone()).await.unwrap().status(), 200);
    assert_eq!(post(zipped).await.unwrap().status(), 429);
}

/// Guarantees: a token's limit is its own: who is loud takes nothing from the others.
#[tokio::test]
async fn the_limit_of_a_token_holds_for_that_token_alone() {
    let daemon = with_tokens().await;
    let from = wall_s() - 600;
    let body = |offset: u64| spans(from + offset..from + offset + 20, false);
    assert_eq!(send(&daemon, "loud", body(0)).await.status(), 200);
    assert_eq!(send(&daemon, "loud", body(20)).await.status(), 429);
    for turn in 0..5 {
        assert_eq!(send(&daemon, "quiet", body(40 + 20 * turn)).await.status(), 200);
    }
    let counts = get(&daemon, "viewer", "/api/v1/counts").await;
    assert_eq!(counts["items"]["spans"]["accepted"], 120);
}

/// Scenario: a token owes a minute's worth; its limit is raised, one of all is set and taken away again, by reloads.
/// Guarantees: each is in effect at once, begins with nothing owed, and is told; what did not change goes on.
#[tokio::test]
async fn rates_change_by_a_reload() {
    let daemon = with_tokens().await;
    let reload = async |text: &str| {
        daemon.scratch().write("evenkeel.yaml", text);
        let request = evenkeel::respond::client().unwrap().post(daemon.url("/api/v1/reload"));
        let answer = request.header("authorization", "Bearer token-of-operator").send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!((&answer["applied"], &answer["warnings"]), (&json!(true), &json!([])), "{answer}");
        answer["changes"].clone()
    };
    let from = std::cell::Cell::new(wall_s() - 600);
    let status = async |token: &str| {
        let body = spans(from.get()..from.get() + 100, false);
        from.set(from.get() + 1);
        send(&daemon, token, body).await.status().as_u16()
    };
    assert_eq!((status("loud").await, status("loud").await), (200, 429));
    assert_eq!(reload(TOKENS).await, json!([]));
    assert_eq!(status("loud").await, 429, "what did not change goes on");

    let raised = TOKENS.replace("items_per_second: 10}", "items_per_second: 50}");
    assert_eq!(reload(&raised).await, json!(["limits of token loud: changed"]));
    assert_eq!((status("loud").await, status("loud").await), (200, 429));
    let free = TOKENS.replace(", limits: {items_per_second: 10}", "");
    assert_eq!(reload(&free).await, json!(["limits of token loud: changed"]));
    assert_eq!((status("loud").await, status("loud").await), (200, 200));

    let all = format!("{free}  limits: {{items_per_second: 20}}\n");
    assert_eq!(reload(&all).await, json!(["limits.items_per_second: not set -> 20"]));
    assert_eq!((status("quiet").await, status("loud").await), (200, 429));
    assert_eq!(reload(&free).await, json!(["limits.items_per_second: 20 -> not set"]));
    assert_eq!(status("quiet").await, 200);
}

/// Guarantees: an operator's token reads, reloads and records, a viewer's only reads, neither sends.
#[tokio::test]
async fn an_operator_may_reload_and_read_but_not_send() {
    let daemon = with_tokens().await;
    let reload = |token: &'static str| {
        let request = evenkeel::respond::client().unwrap().post(daemon.url("/api/v1/reload"));
        request.header("authorization", format!("Bearer token-of-{token}")).send()
    };
    assert_eq!(reload("viewer").await.unwrap().status(), 403);
    assert_eq!(reload("loud").await.unwrap().status(), 403);
    assert_eq!(reload("nobody").await.unwrap().status(), 401);
    let answer = reload("operator").await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(get(&daemon, "operator", "/api/v1/counts").await["items"]["spans"]["offered"], 0);
    let sent = send(&daemon, "operator", spans(wall_s() - 9..wall_s(), false)).await;
    assert_eq!(sent.status(), 403);

    for (token, expected) in [("viewer", 403), ("nobody", 401), ("operator", 200)] {
        let request = evenkeel::respond::client().unwrap().get(daemon.url("/api/v1/record"));
        let mut answer =
            request.header("authorization", format!("Bearer token-of-{token}")).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{token}");
        if expected == 200 {
            assert!(answer.chunk().await.unwrap().unwrap().starts_with(b"EKREC"), "it comes as it is made");
        }
    }

    let command = crate::program::ran(
        crate::program::program()
            .args(["reload", "--url", &format!("http://{}", daemon.address("http"))])
            .arg("--token-file")
            .arg(daemon.scratch().path("operator.token")),
    );
    assert_eq!(command.code, Some(0), "{}", command.err);
}

/// Guarantees: the fourth signal is answered as one that is not here, and says so.
#[tokio::test]
async fn profiles_are_answered_as_unimplemented() {
    let daemon = Daemon::start("").await;
    let url = format!("http://{}/v1development/profiles", daemon.address("otlp_http"));
    let request = evenkeel::respond::client().unwrap().post(url).header("content-type", JSON).body("{}");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["code"], json!(12), "{body}");
    assert!(body["message"].as_str().unwrap().starts_with("profiles are not taken here"), "{body}");
    let channel = Channel::from_shared(format!("http://{}", daemon.address("otlp_grpc"))).unwrap();
    let path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
    let status = call_at(path, &channel.connect().await.unwrap(), &[], &framed(0, b"")).await;
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().starts_with("profiles are not taken here"), "{status}");
}

/// Guarantees: the limit of series is the configured one, and `/metrics` tells how many there are.
#[tokio::test]
async fn series_beyond_the_configured_limit_share_one() {
    let slo = "---
apiVersion: openslo/v1
kind: SLO
metadata: {name: orders}
spec:
  service: shop
  indicator: {metadata: {name: orders}, spec: {ratioMetric: {counter: true,
    good: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"orders\" && code < 500'}}},
    total: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"orders\"'}}}}}}
  timeWindow: [{duration: 1d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
";
    let daemon = Daemon::start(&format!("{}{slo}", config("{series: 3}"))).await;
    let now = wall_s();
    let points: Vec<Value> = (0..10)
        .map(|shop| {
            json!({"timeUnixNano": format!("{now}000000000"), "startTimeUnixNano": format!("{}000000000", now - 1),
                "asInt": "7", "attributes": [{"key": "shop", "value": {"stringValue": format!("{shop}")}}]})
        })
        .collect();
    let sum = json!({"dataPoints": points, "aggregationTemporality": 1, "isMonotonic": true});
    let body =
        json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "orders", "sum": sum}]}]}]});
    let answer = daemon.export("metrics", JSON, body.to_string()).await;
    assert_eq!(answer, (200, "{}".to_owned()));
    let metrics = daemon.text("/metrics").await;
    for line in [
        "\nevenkeel_metric_series 3\n",
        "\nevenkeel_metric_series_limit 3\n",
        "\nevenkeel_metric_points_total{outcome=\"overflow\"} 7\n",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}
