//! Our own metrics and traces over OTLP: to another daemon, and never to ourselves.

use serde_json::Value;

use crate::program::{Daemon, Scratch, program, ran, until};

fn config(endpoint: &str) -> String {
    format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  telemetry: {{otlp: {{endpoint: '{endpoint}', interval: 1s}}}}\n"
    )
}

fn of_evenkeel(counts: &Value) -> Option<Value> {
    let services = counts["services"].as_array().unwrap();
    services.iter().find(|service| service["name"] == "evenkeel").cloned()
}

/// Guarantees: metrics come each interval, spans at the end at the latest, under one resource.
#[tokio::test]
async fn another_daemon_hears_how_this_one_is() {
    let other = Daemon::start("").await;
    let endpoint = format!("http://{}", other.address("otlp_http"));
    let daemon = Daemon::start(&config(&endpoint)).await;
    let metrics = || async { of_evenkeel(&other.counts().await).filter(|one| one["metrics"] != 0) };
    until("metrics have come", metrics).await;
    let client = evenkeel::respond::client().unwrap();
    let reloaded = client.post(daemon.url("/api/v1/reload")).send().await.unwrap();
    assert_eq!(reloaded.status(), 200);
    assert_eq!(daemon.stop().await, Some(0));
    let told = of_evenkeel(&other.counts().await).unwrap();
    assert!(told["spans"].as_u64().unwrap() >= 1, "the span of the reload: {told}");
    let events = other.get("/api/v1/events").await.to_string();
    assert!(events.contains("config.reload"), "{events}");
}

/// Guarantees: a daemon that would tell itself does not start, whatever the endpoint is called.
#[tokio::test]
async fn an_endpoint_that_is_the_daemon_itself_is_refused() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let scratch = Scratch::new();
    let file = scratch.write("evenkeel.yaml", &config(&format!("http://localhost:{port}")));
    let mut command = program();
    command.args(["run", "-c"]).arg(&file).env("EVENKEEL_DATA_DIR", scratch.path("data"));
    for listener in ["OTLP_GRPC", "HTTP"] {
        command.env(format!("EVENKEEL_LISTEN__{listener}"), "127.0.0.1:0");
    }
    command.env("EVENKEEL_LISTEN__OTLP_HTTP", format!("127.0.0.1:{port}"));
    let told = ran(&mut command);
    assert_eq!(told.code, Some(78), "{}", told.err);
    assert!(told.err.contains("is this daemon itself"), "{}", told.err);
}

/// Guarantees: an endpoint where nobody is costs nothing but a line in the log.
#[tokio::test]
async fn an_endpoint_where_nobody_is_keeps_nobody_up() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let daemon = Daemon::start(&config(&format!("http://127.0.0.1:{port}"))).await;
    assert_eq!(daemon.status("/readyz").await.0, 200);
    assert_eq!(daemon.stop().await, Some(0));
}
