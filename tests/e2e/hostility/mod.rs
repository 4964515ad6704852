//! Bad input by name: a table of cases over real sockets. Each has the answers that are right, a good request is
//! answered after each, the books balance at the end, and the process stays as small as it was.

mod compressed;
mod frames;
mod json;
mod protobuf;
mod wire;

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::Channel;

use crate::hostile::call_at;
use crate::program::{Daemon, assert_books_balance};
use crate::sink::{spans, wall_s};

pub const JSON: &str = "application/json";
pub const PROTOBUF: &str = "application/x-protobuf";
const GROWTH_MAX: u64 = 64 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

/// What may come back: HTTP statuses, gRPC codes as 1000 + code, [`CUT`] for a connection that just ends.
pub type Right = &'static [u16];
pub const CUT: u16 = 0;
pub const OK: Right = &[200];
pub const BAD: Right = &[400];
pub const TOO_LARGE: Right = &[413];
pub const UNKNOWN: Right = &[415];
pub const GRPC_OK: Right = &[1000];
pub const INVALID: Right = &[1003];
pub const EXHAUSTED: Right = &[1008];
pub const UNIMPLEMENTED: Right = &[1012];

pub struct Case {
    name: String,
    how: How,
    right: Right,
    /// Items that it adds to the books.
    items: u64,
}

enum How {
    /// Bytes as they stand, to `otlp_http`.
    Raw(Vec<u8>),
    Post {
        path: &'static str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    Call {
        path: &'static str,
        headers: Vec<(&'static str, &'static str)>,
        body: Vec<u8>,
    },
}

impl Case {
    pub fn raw(name: &str, bytes: impl Into<Vec<u8>>, right: Right) -> Self {
        Self { name: name.to_owned(), how: How::Raw(bytes.into()), right, items: 0 }
    }

    pub fn post(name: &str, kind: &str, body: impl Into<Vec<u8>>, right: Right) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        let how = How::Post { path: "/v1/traces", headers, body: body.into() };
        Self { name: name.to_owned(), how, right, items: 0 }
    }

    pub fn call(name: &str, path: &'static str, body: impl Into<Vec<u8>>, right: Right) -> Self {
        let how = How::Call { path, headers: Vec::new(), body: body.into() };
        Self { name: name.to_owned(), how, right, items: 0 }
    }

    pub fn to(mut self, to: &'static str) -> Self {
        match &mut self.how {
            How::Post { path, .. } | How::Call { path, .. } => *path = to,
            How::Raw(_) => {}
        }
        self
    }

    pub fn with(mut self, header: &'static str, value: &'static str) -> Self {
        match &mut self.how {
            How::Post { headers, .. } => headers.push((header, value.to_owned())),
            How::Call { headers, .. } => headers.push((header, value)),
            How::Raw(_) => {}
        }
        self
    }

    pub fn items(mut self, items: u64) -> Self {
        self.items = items;
        self
    }
}

struct Siege {
    daemon: Daemon,
    client: reqwest::Client,
    good: u64,
}

impl Siege {
    async fn answer(&self, how: &How) -> u16 {
        match how {
            How::Raw(bytes) => self.raw(bytes).await,
            How::Post { path, headers, body } => {
                let url = format!("http://{}{path}", self.daemon.address("otlp_http"));
                let request = self.client.post(url).body(body.clone());
                let request =
                    headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
                request.send().await.map_or(CUT, |answer| answer.status().as_u16())
            }
            How::Call { path, headers, body } => {
                let url = format!("http://{}", self.daemon.address("otlp_grpc"));
                let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
                1000 + call_at(path, &channel, headers, body).await.code() as u16
            }
        }
    }

    /// The status of the first answer to bytes as they stand.
    async fn raw(&self, bytes: &[u8]) -> u16 {
        let stream = TcpStream::connect(self.daemon.address("otlp_http")).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let bytes = bytes.to_vec();
        // The other side may have had enough before all is sent.
        let writing = tokio::spawn(async move {
            let _ended = write.write_all(&bytes).await;
            write
        });
        let mut head = Vec::new();
        while head.len() < 12 {
            let mut piece = [0; 512];
            match read.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(length) => head.extend_from_slice(&piece[..length]),
            }
        }
        drop(writing.await);
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        status.and_then(|digits| digits.parse().ok()).unwrap_or(CUT)
    }

    async fn goes_on(&mut self, after: &str) {
        let end = wall_s() - 3_000 + self.good;
        let answer = self.daemon.export("traces", JSON, spans(end..=end, false)).await;
        assert_eq!(answer, (200, "{}".to_owned()), "after {after}");
        self.good += 1;
    }

    /// Forgets the highest memory so far; the memory now, in bytes.
    fn begin_watching(&self) -> u64 {
        let process = format!("/proc/{}", self.daemon.pid());
        std::fs::write(format!("{process}/clear_refs"), "5").unwrap();
        self.memory("VmRSS:")
    }

    fn memory(&self, field: &str) -> u64 {
        self.daemon.memory_kb(field) * 1024
    }
}

/// `group` as docs/limits.md has it. With `--nocapture`, what made the process grow most is told.
async fn hold_out(group: &str, cases: Vec<Case>, at_least: usize) {
    assert!(cases.len() >= at_least, "{} cases", cases.len());
    let daemon = Daemon::start("").await;
    let client = evenkeel::respond::client().unwrap();
    let mut siege = Siege { daemon, client, good: 0 };
    let (mut items, mut wrong, mut most) = (0, Vec::new(), (0, ""));
    for case in &cases {
        let before = siege.begin_watching();
        let answer = tokio::time::timeout(PATIENCE, siege.answer(&case.how)).await;
        match answer {
            Ok(status) if case.right.contains(&status) => {}
            Ok(status) => wrong.push(format!("{}: {status}, not {:?}", case.name, case.right)),
            Err(_) => wrong.push(format!("{}: no answer, not {:?}", case.name, case.right)),
        }
        let growth = siege.memory("VmHWM:").saturating_sub(before);
        most = most.max((growth, &case.name));
        if growth > GROWTH_MAX {
            wrong.push(format!("{}: grew by {} MiB", case.name, growth >> 20));
        }
        items += case.items;
        siege.goes_on(&case.name).await;
    }
    let mib = most.0 as f64 / f64::from(1 << 20);
    println!("{group}: {} cases, the largest growth {mib:.1} MiB: {}", cases.len(), most.1);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let counts = siege.daemon.counts().await;
    assert_books_balance(&counts);
    let offered = |signal: &str| counts["items"][signal]["offered"].as_u64().unwrap();
    let sum = offered("spans") + offered("logs") + offered("metrics");
    assert_eq!(sum, siege.good + items, "nothing of what was refused counts: {counts}");
    assert_eq!(counts["items"]["spans"]["refused"], json!(0));
}
