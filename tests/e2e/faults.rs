//! A volume that fails: the n-th write or sync of the state's files, and some after it, end with an error. What was
//! acknowledged is counted once after the next start, whatever failed; who sends hears 503 with a time meanwhile.
//!
//! `EVENKEEL_E2E_FAULTS=200 cargo test --release --test e2e faults -- --nocapture` tries 200 places of each error.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{Life, PATIENCE, Scratch, shim};

const SPANS: u64 = 10;
const REQUESTS: u64 = 25;

/// `None`: it did not start, said why, and ended as it should.
async fn start(scratch: &Scratch, shim: Option<(&Path, &str)>) -> Option<(Life, Value)> {
    let env: Vec<(&str, &OsStr)> = match shim {
        Some((shim, fault)) => vec![("LD_PRELOAD", shim.as_os_str()), ("EVENKEEL_FAULT", fault.as_ref())],
        None => Vec::new(),
    };
    let mut life = Life::begin(scratch, ["run"], &env);
    match life.ready().await {
        Ok(ready) => Some((life, ready)),
        Err(ended) => {
            let said = life.said();
            assert!(ended.code() == Some(74) && said.contains("error: can not"), "{ended}: {said}");
            None
        }
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
async fn send_all(ready: &Value, from: u64) -> u64 {
    let client = evenkeel::respond::client().unwrap();
    let url = format!("http://{}/v1/traces", ready["otlp_http"].as_str().unwrap());
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

async fn accepted(ready: &Value) -> Value {
    let url = format!("http://{}/api/v1/counts", ready["http"].as_str().unwrap());
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
    let shim = shim(&tools, "faults");
    let (mut refusals, mut not_started) = (0, 0);
    for error in ["EIO", "ENOSPC"] {
        for place in 0..places {
            // Dense at first, where the state begins.
            let first = 1 + place * (150 / places.max(1)).max(1);
            let scratch = Scratch::new();
            let fault = format!("{error} {first} 3");
            let mut sent = 0;
            match start(&scratch, Some((&shim, &fault))).await {
                Some((_life, ready)) => {
                    refusals += send_all(&ready, 0).await;
                    sent = REQUESTS;
                }
                None => not_started += 1,
            }
            let (_life, ready) = start(&scratch, None).await.expect("a sound volume");
            assert_eq!(accepted(&ready).await, sent * SPANS, "{fault}");
            send_all(&ready, sent).await;
            assert_eq!(accepted(&ready).await, (sent + REQUESTS) * SPANS, "{fault}");
        }
    }
    println!(
        "{places} places of EIO and of ENOSPC: nothing acknowledged was lost or doubled; {refusals} requests heard 503, {not_started} times it did not start and said why"
    );
    assert!(refusals > 0, "no fault was felt");
}
