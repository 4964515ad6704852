//! A volume that fails: the n-th write or sync of the state's files, and some after it, end with an error. What was
//! acknowledged is counted once after the next start, whatever failed; who sends hears 503 with a time meanwhile.
//!
//! `EVENKEEL_E2E_FAULTS=200 cargo test --release --test e2e faults -- --nocapture` tries 200 places of each error.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{PATIENCE, Scratch, program};

const SPANS: u64 = 10;
const REQUESTS: u64 = 25;

/// Built once, from C, for it takes libc's place.
fn shim(scratch: &Scratch) -> PathBuf {
    let (source, built) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/faults.c"), scratch.path("faults.so"));
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&built).arg(source).status().unwrap();
    assert!(compiled.success());
    built
}

struct Life {
    child: std::process::Child,
    ready: Value,
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `None`: it did not start, said why, and ended as it should.
async fn start(scratch: &Scratch, shim: Option<(&Path, &str)>) -> Option<Life> {
    let ready_file = scratch.path("ready.json");
    let _not_there = std::fs::remove_file(&ready_file);
    let mut command = program();
    command.args(["run".as_ref(), "--ready-file".as_ref(), ready_file.as_os_str()]);
    command.env("EVENKEEL_DATA_DIR", scratch.path("data"));
    for listener in ["OTLP_GRPC", "OTLP_HTTP", "HTTP"] {
        command.env(format!("EVENKEEL_LISTEN__{listener}"), "127.0.0.1:0");
    }
    if let Some((shim, fault)) = shim {
        command.env("LD_PRELOAD", shim).env("EVENKEEL_FAULT", fault);
    }
    command.stderr(std::fs::File::create(scratch.path("stderr")).unwrap());
    let mut life = Life { child: command.spawn().unwrap(), ready: Value::Null };
    let begun = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(&ready_file) {
            life.ready = serde_json::from_str(&text).unwrap();
            return Some(life);
        }
        let said = || std::fs::read_to_string(scratch.path("stderr")).unwrap();
        if let Some(ended) = life.child.try_wait().unwrap() {
            assert!(ended.code() == Some(74) && said().contains("error: can not"), "{ended}: {}", said());
            return None;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", said());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn request(number: u64) -> String {
    let now_ns = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let span = |span: u64| {
        let id = number * SPANS + span + 1;
        json!({
            "traceId": format!("{id:032x}"), "spanId": format!("{id:016x}"), "name": "GET /", "kind": 2,
            "startTimeUnixNano": (now_ns - 1_000_000).to_string(), "endTimeUnixNano": now_ns.to_string(),
        })
    };
    let spans: Vec<Value> = (0..SPANS).map(span).collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()
}

/// Sends one request after the other, the same bytes until they are acknowledged; how many refusals there were.
async fn send_all(life: &Life, from: u64) -> u64 {
    let client = evenkeel::respond::client().unwrap();
    let url = format!("http://{}/v1/traces", life.ready["otlp_http"].as_str().unwrap());
    let mut refusals = 0;
    for number in from..from + REQUESTS {
        let (body, begun) = (request(number), Instant::now());
        loop {
            let post = client.post(&url).header("content-type", "application/json").body(body.clone());
            let answer = post.timeout(PATIENCE).send().await.unwrap();
            if answer.status() == 200 {
                break;
            }
            refusals += 1;
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key("retry-after"));
            assert!(begun.elapsed() < PATIENCE, "it does not heal");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    refusals
}

async fn accepted(life: &Life) -> Value {
    let url = format!("http://{}/api/v1/counts", life.ready["http"].as_str().unwrap());
    let counts = evenkeel::respond::client().unwrap().get(url).send().await.unwrap();
    counts.json::<Value>().await.unwrap()["items"]["spans"]["accepted"].clone()
}

/// Scenario: EIO and ENOSPC at many places of the life of a state, three calls in a row, then a kill.
/// Guarantees: nothing that was acknowledged is missing or doubled after the next start, and it heals by itself.
#[tokio::test]
async fn a_volume_that_fails_loses_nothing_that_was_acknowledged() {
    let places =
        std::env::var("EVENKEEL_E2E_FAULTS").map_or(4, |text| text.parse::<u64>().expect("a number"));
    let tools = Scratch::new();
    let shim = shim(&tools);
    let (mut refusals, mut not_started) = (0, 0);
    for error in ["EIO", "ENOSPC"] {
        for place in 0..places {
            // Dense at first, where the state begins.
            let first = 1 + place * (150 / places.max(1)).max(1);
            let scratch = Scratch::new();
            let fault = format!("{error} {first} 3");
            let mut sent = 0;
            match start(&scratch, Some((&shim, &fault))).await {
                Some(life) => {
                    refusals += send_all(&life, 0).await;
                    sent = REQUESTS;
                }
                None => not_started += 1,
            }
            let life = start(&scratch, None).await.expect("a sound volume");
            assert_eq!(accepted(&life).await, sent * SPANS, "{fault}");
            send_all(&life, sent).await;
            assert_eq!(accepted(&life).await, (sent + REQUESTS) * SPANS, "{fault}");
        }
    }
    println!(
        "{places} places of EIO and of ENOSPC: nothing acknowledged was lost or doubled; {refusals} requests heard 503, {not_started} times it did not start and said why"
    );
    assert!(refusals > 0, "no fault was felt");
}
