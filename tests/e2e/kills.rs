//! SIGKILL at any moment, again and again, under load and with a receiver that fails in every way: what was
//! acknowledged is counted once, and who was to be paged is paged.
//!
//! `EVENKEEL_E2E_KILLS=1000 cargo test --release --test e2e kills -- --nocapture` does it a thousand times;
//! `EVENKEEL_E2E_KILLS_SEED=7` chooses other moments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use crate::program::{Life, PATIENCE, Scratch, assert_books_balance, until};

const SENDERS: u64 = 3;
/// Spans of a request, of which the first fails.
const SPANS: u64 = 20;
/// Hosts in trouble stay below the 2,000 keys that a rule may have: one request of `8 + kills / 12` has one.
fn trouble_each(kills: u64) -> u64 {
    8 + kills / 12
}

const DOCUMENTS: &str = "
apiVersion: evenkeel/v1
kind: Config
spec:
  classify:
    - {name: in-trouble, when: 'span && has(host.name)', category: exception, alert: {key: [host.name], quiet: 2s, priority: P2}}
  alerting:
    route: {receiver: oncall}
    receivers: [{name: oncall, webhook_configs: [{url: 'RECEIVER', format: evenkeel}]}]
";

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    requests: AtomicU64,
    hosts: Mutex<BTreeSet<String>>,
    one_more: Notify,
}

/// Posts until the answer is 200, to whoever listens then: the same bytes again and again.
async fn send(
    (sender, each): (u64, u64),
    to: watch::Receiver<Option<String>>,
    done: Arc<AtomicBool>,
    acknowledged: Arc<Acknowledged>,
) {
    let client = evenkeel::respond::client().unwrap();
    for number in 0_u64.. {
        if done.load(Ordering::SeqCst) {
            return;
        }
        let host = number.is_multiple_of(each).then(|| format!("h{sender}-{number}"));
        let body = request(sender, number, host.as_deref());
        loop {
            let address = to.borrow().clone();
            let Some(address) = address else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            let url = format!("http://{address}/v1/traces");
            let post = client.post(url).header("content-type", "application/json").body(body.clone());
            let post = post.timeout(Duration::from_secs(5));
            match post.send().await {
                Ok(answer) if answer.status() == 200 => break,
                Ok(answer) => assert_eq!(answer.status(), 503, "{:?}", answer.text().await),
                Err(_killed) => {}
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        acknowledged.requests.fetch_add(1, Ordering::SeqCst);
        acknowledged.hosts.lock().unwrap().extend(host);
        acknowledged.one_more.notify_waiters();
    }
}

fn request(sender: u64, number: u64, host: Option<&str>) -> String {
    let now_ns = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let spans: Vec<Value> = (0..SPANS)
        .map(|span| {
            let id = (sender << 48) | (number * SPANS + span + 1);
            let mut one = json!({
                "traceId": format!("{id:032x}"), "spanId": format!("{id:016x}"), "name": "GET /", "kind": 2,
                "startTimeUnixNano": (now_ns - 1_000_000).to_string(), "endTimeUnixNano": now_ns.to_string(),
                "status": {"code": if span == 0 { 2 } else { 0 }},
            });
            if let (0, Some(host)) = (span, host) {
                one["attributes"] = json!([{"key": "host.name", "value": {"stringValue": host}}]);
            }
            one
        })
        .collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": spans}],
    }]})
    .to_string()
}

/// What the receiver has heard: by key and sequence, how often it said 200, and what was posted.
#[derive(Default)]
struct Heard {
    posts: u64,
    /// From here on it says 200.
    mended: bool,
    accepted: BTreeMap<(String, u64), (u64, Value)>,
}

/// Says 200, then 503, then nothing, then garbage, then breaks off, then 200 late, and so on.
async fn receive(listener: TcpListener, heard: Arc<Mutex<Heard>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(BufReader::new(stream), Arc::clone(&heard)));
    }
}

async fn answer(mut stream: BufReader<TcpStream>, heard: Arc<Mutex<Heard>>) -> Option<()> {
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let body: Value = serde_json::from_slice(&body).unwrap();
        let turn = {
            let mut heard = heard.lock().unwrap();
            heard.posts += 1;
            if heard.mended { 0 } else { heard.posts }
        };
        match turn % 6 {
            1 => {
                stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await.ok()?;
                continue;
            }
            2 => return None,
            3 => {
                stream.write_all(b"what do you mean\r\n\r\n").await.ok()?;
                return None;
            }
            4 => tokio::time::sleep(Duration::from_millis(30)).await,
            _ => {}
        }
        let of = (body["dedup_key"].as_str().unwrap().to_owned(), body["sequence"].as_u64().unwrap());
        {
            let mut heard = heard.lock().unwrap();
            let (times, first) = heard.accepted.entry(of).or_insert_with(|| (0, body.clone()));
            *times += 1;
            assert_eq!(
                (&first["transition"], &first["alert"]["labels"]),
                (&body["transition"], &body["alert"]["labels"])
            );
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
    }
}

/// Xorshift, by Marsaglia.
pub fn next(chance: &mut u64) -> u64 {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    *chance
}

fn spawn(scratch: &Scratch, config: &Path) -> Life {
    Life::begin(scratch, ["run".as_ref(), "-c".as_ref(), config.as_os_str()], &[])
}

async fn ready(life: &mut Life) -> Value {
    life.ready().await.unwrap_or_else(|ended| panic!("it ended by itself, {ended}: {}", life.said()))
}

/// How long each start took, and how many were killed in it.
async fn kill_again_and_again(
    (kills, mut chance): (u64, u64),
    (scratch, config): (&Scratch, &Path),
    address: &watch::Sender<Option<String>>,
    acknowledged: &Acknowledged,
) -> (Vec<Duration>, u64) {
    let (mut took, mut in_start) = (Vec::new(), 0);
    for _ in 0..kills {
        let begun = Instant::now();
        let mut life = spawn(scratch, config);
        if next(&mut chance).is_multiple_of(4) {
            in_start += 1;
            tokio::time::sleep(Duration::from_micros(next(&mut chance) % 60_000)).await;
            continue;
        }
        let ready = ready(&mut life).await;
        took.push(begun.elapsed());
        address.send_replace(Some(ready["otlp_http"].as_str().unwrap().to_owned()));
        tokio::time::sleep(Duration::from_millis(20 + next(&mut chance) % 300)).await;
        if next(&mut chance).is_multiple_of(2) {
            let acknowledged = acknowledged.one_more.notified();
            tokio::time::timeout(PATIENCE, acknowledged).await.expect("something is acknowledged");
            tokio::time::sleep(Duration::from_micros(next(&mut chance) % 2_000)).await;
        }
        drop(life);
        address.send_replace(None);
    }
    (took, in_start)
}

/// Every request once, whatever became of its answers.
fn reconcile(seed: u64, requests: u64, counts: &Value) {
    assert_books_balance(counts);
    let accepted = counts["items"]["spans"]["accepted"].as_u64();
    assert_eq!(
        accepted,
        Some(requests * SPANS),
        "seed {seed}: acknowledged {requests} requests of {SPANS} spans"
    );
    let slo = &counts["slos"][0];
    assert_eq!((slo["bad"].as_u64(), slo["total"].as_u64()), (Some(requests), Some(requests * SPANS)));
}

/// Every host in trouble was paged, and under one key.
fn reconcile_pages(seed: u64, heard: &Heard, hosts: &BTreeSet<String>) {
    let mut keys: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for ((key, sequence), (_, body)) in &heard.accepted {
        if let (1, Some(host)) = (*sequence, body["alert"]["labels"]["host_name"].as_str()) {
            keys.entry(host.to_owned()).or_default().insert(key);
        }
    }
    let lost: Vec<&String> = hosts.iter().filter(|host| !keys.contains_key(*host)).collect();
    assert!(lost.is_empty(), "seed {seed}: never paged: {lost:?}");
    let doubled: Vec<_> = keys.iter().filter(|(_, keys)| keys.len() > 1).collect();
    assert!(doubled.is_empty(), "seed {seed}: paged under two keys: {doubled:?}");
}

/// Scenario: three senders that repeat what was not acknowledged; a process that is killed at random moments, right
/// after an answer, and while it starts; a receiver that fails two times in three.
/// Guarantees: every request is counted once, whatever became of its first answer; each host in trouble has one alert,
/// with one key, and the receiver has heard of it; the books balance; the state is never damaged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_counted_once_and_every_page_comes() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let kills = number("EVENKEEL_E2E_KILLS").unwrap_or(20);
    let seed = number("EVENKEEL_E2E_KILLS_SEED").unwrap_or(1);
    let chance = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let scratch = Scratch::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = format!("http://{}/hook", listener.local_addr().unwrap());
    let config = scratch.write(
        "evenkeel.yaml",
        &format!("{}---\n{}", include_str!("shop.yaml"), DOCUMENTS.replace("RECEIVER", &receiver)),
    );
    let heard: Arc<Mutex<Heard>> = Arc::default();
    tokio::spawn(receive(listener, Arc::clone(&heard)));
    let (address, to) = watch::channel(None);
    let (done, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(Acknowledged::default()));
    let each = trouble_each(kills);
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            tokio::spawn(send((sender, each), to.clone(), Arc::clone(&done), Arc::clone(&acknowledged)))
        })
        .collect();
    let (mut took, in_start) =
        kill_again_and_again((kills, chance), (&scratch, &config), &address, &acknowledged).await;
    heard.lock().unwrap().mended = true;
    let mut life = spawn(&scratch, &config);
    let ready = ready(&mut life).await;
    address.send_replace(Some(ready["otlp_http"].as_str().unwrap().to_owned()));
    done.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    let url = format!("http://{}/api/v1/counts", ready["http"].as_str().unwrap());
    let client = evenkeel::respond::client().unwrap();
    let counts = until("all pages are delivered", || async {
        let counts: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
        let heard = heard.lock().unwrap();
        let triggered = heard.accepted.keys().filter(|(_, sequence)| *sequence == 1).count();
        let all = triggered >= acknowledged.hosts.lock().unwrap().len();
        (all && counts["notifications"]["pending"] == 0).then_some(counts)
    })
    .await;
    drop(life);

    let requests = acknowledged.requests.load(Ordering::SeqCst);
    reconcile(seed, requests, &counts);
    let (heard, hosts) = (heard.lock().unwrap(), acknowledged.hosts.lock().unwrap());
    reconcile_pages(seed, &heard, &hosts);
    let said = std::fs::read_to_string(scratch.path("stderr")).unwrap();
    assert!(!said.contains("state.damaged"), "{said}");
    let duplicate = &counts["items"]["spans"]["duplicate"];
    took.sort_unstable();
    let at = |share: f64| took[((took.len() as f64 * share).ceil() as usize).max(1) - 1].as_millis();
    let again = heard.accepted.values().filter(|(times, _)| *times > 1).count();
    println!(
        "{kills} kills, {in_start} of them while it started: {requests} requests of {SPANS} spans acknowledged, all counted once \
         ({duplicate} spans came again); {} hosts paged once each, {again} of {} notifications heard again with the same key; \
         start to ready p50 {} ms, p99 {} ms",
        hosts.len(),
        heard.accepted.len(),
        at(0.5),
        at(0.99)
    );
}
