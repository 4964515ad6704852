//! A webhook receiver on the loopback, and the outage that makes it ring.

use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::program::{Daemon, PATIENCE, assert_books_balance};

/// One POST as it came: header lines in lower case, and the body.
pub struct Post {
    pub head: String,
    pub body: Value,
    pub at: Instant,
}

impl Post {
    pub fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default()
    }
}

/// What a sink says to a POST.
#[derive(Clone, Copy)]
pub enum Reply {
    Ok,
    Busy {
        retry_after_s: u32,
    },
    /// Final.
    Forbidden,
    /// Nothing, and the connection stays open.
    Silence,
}

pub struct Sink {
    pub url: String,
    posts: mpsc::UnboundedReceiver<Post>,
}

impl Sink {
    pub async fn start() -> Self {
        Self::saying(&[Reply::Ok]).await
    }

    /// Says one reply after the other, and the last one for ever.
    pub async fn saying(replies: &[Reply]) -> Self {
        let replies: Vec<Reply> = replies.iter().rev().copied().collect();
        let replies = Arc::new(Mutex::new(replies));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, posts) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, sender.clone(), Arc::clone(&replies)));
            }
        });
        Self { url, posts }
    }

    pub async fn next(&mut self) -> Post {
        tokio::time::timeout(PATIENCE, self.posts.recv()).await.expect("a post comes").unwrap()
    }

    /// What has come and was not looked at yet.
    pub fn heard(&mut self) -> Vec<Post> {
        std::iter::from_fn(|| self.posts.try_recv().ok()).collect()
    }

    pub fn is_quiet(&mut self) -> bool {
        self.posts.try_recv().is_err()
    }
}

async fn answer(stream: TcpStream, posts: mpsc::UnboundedSender<Post>, replies: Arc<Mutex<Vec<Reply>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        // A sign of life has no body.
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        let _test_over = posts.send(Post { head, body, at: Instant::now() });
        let said = match next_of(&replies) {
            Reply::Ok => "200 OK\r\n".to_owned(),
            Reply::Busy { retry_after_s } => format!("503 Busy\r\nretry-after: {retry_after_s}\r\n"),
            Reply::Forbidden => "403 Forbidden\r\n".to_owned(),
            Reply::Silence => std::future::pending().await,
        };
        let said = format!("HTTP/1.1 {said}content-length: 0\r\n\r\n");
        stream.write_all(said.as_bytes()).await.unwrap();
    }
}

fn next_of(replies: &Mutex<Vec<Reply>>) -> Reply {
    let mut replies = replies.lock().unwrap();
    let last = replies.len() == 1;
    if last { replies[0] } else { replies.pop().unwrap() }
}

pub fn wall_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// One export request of server spans of `shop` that end at these seconds.
pub fn spans(ends_s: impl Iterator<Item = u64>, failed: bool) -> String {
    let span = |end: u64| {
        json!({
            "traceId": format!("{end:032x}"), "spanId": format!("{:016x}", end * 2 + u64::from(failed)),
            "name": "GET /", "kind": 2,
            "startTimeUnixNano": format!("{}", end * 1_000_000_000 - 1_000_000),
            "endTimeUnixNano": format!("{}", end * 1_000_000_000),
            "status": {"code": if failed { 2 } else { 0 }},
        })
    };
    let spans: Vec<Value> = ends_s.map(span).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": spans}],
    }]})
    .to_string()
}

/// An hour of good requests, then two minutes of bad ones, all in the past.
pub async fn send_outage(daemon: &Daemon) {
    let now = wall_s();
    for body in [spans(now - 4_100..now - 500, false), spans(now - 500..now - 380, true)] {
        assert_eq!(daemon.export("traces", "application/json", body).await, (200, "{}".to_owned()));
    }
}

/// Scenario: an hour of good requests, two minutes of failures, then good ones again.
/// Guarantees: one trigger and one resolve with one key, told to the sink as the contract says; the
/// books balance; a byte-equal retry changes nothing.
#[tokio::test]
async fn an_outage_is_one_page_and_one_resolve() {
    let mut sink = Sink::start().await;
    let daemon = Daemon::start(&format!(
        "{}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  alerting:\n    route: {{receiver: oncall}}\n    receivers:\n      - {{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}\n",
        include_str!("shop.yaml"),
        sink.url
    ))
    .await;
    send_outage(&daemon).await;
    let trigger = sink.next().await;
    assert_eq!(trigger.body["transition"], "trigger");
    assert_eq!((&trigger.body["version"], &trigger.body["sequence"]), (&json!("evenkeel/v1"), &json!(1)));
    assert_eq!(trigger.body["alert"]["condition"], "1h/5m");
    assert_eq!(trigger.body["alert"]["priority"], "P2");
    let key = trigger.body["dedup_key"].as_str().unwrap();
    assert!(trigger.head.contains(&format!("idempotency-key: {key}:1\r\n")), "{}", trigger.head);

    let now = wall_s();
    let recovered = spans(now - 380..now, false);
    assert_eq!(daemon.export("traces", "application/json", recovered.clone()).await.0, 200);
    let resolve = sink.next().await;
    assert_eq!((&resolve.body["transition"], &resolve.body["sequence"]), (&json!("resolve"), &json!(2)));
    assert_eq!(resolve.body["dedup_key"], key);

    assert_eq!(daemon.export("traces", "application/json", recovered).await.0, 200);
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(counts["items"]["spans"]["duplicate"], 380);
    assert_eq!(counts["slos"][0]["bad"], 120);
    assert_eq!(counts["slos"][0]["good"], 3_600 + 380);
    assert_eq!(counts["notifications"]["triggered"], 1);
    assert!(sink.is_quiet());
    assert_eq!(daemon.stop().await, Some(0));
}
