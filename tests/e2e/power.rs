//! Power cuts: what a volume may hold after one is made out of the calls of a daemon that ran, at many places of its
//! life; `power/disk.rs` says what may be there. Whatever it is, the next start has what was acknowledged, counts the
//! rest once when it comes again, and pages under the keys of before.
//!
//! `EVENKEEL_E2E_POWER_CUTS=600 cargo test --release --test e2e power -- --nocapture` makes 600 states;
//! `EVENKEEL_E2E_POWER_SEED=7` makes others.

mod disk;
mod recording;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::kills::next;
use crate::program::{Life, Scratch, assert_books_balance, shim, until};
use crate::sink::Sink;
use disk::What;
use recording::{Recording, Studio, of_page, post};

/// States of one recording. Its requests are known for 15 minutes, so nothing may be made of it after that.
const STATES_EACH: u64 = 100;
const RECORDING_AGE_MAX: Duration = Duration::from_secs(600);

const DOCUMENTS: &str = "
apiVersion: evenkeel/v1
kind: Config
spec:
  # Nothing is promised of what it writes after a power cut.
  recorder: {folded: false}
  classify:
    - {name: in-trouble, when: 'span && has(host.name)', category: exception, alert: {key: [host.name], quiet: 1h, priority: P2}}
  alerting:
    route: {receiver: oncall}
    receivers: [{name: oncall, webhook_configs: [{url: 'RECEIVER', format: evenkeel}]}]
";

/// The place of a cut, said where a check fails.
struct Place {
    seed: u64,
    recording: u64,
    state: u64,
    position: usize,
    of: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, recording, state, position, of } = self;
            eprintln!(
                "power cut: seed {seed}, recording {recording}, state {state}, after {position} of {of} calls"
            );
        }
    }
}

#[derive(Default)]
struct Tally {
    recordings: u64,
    calls: usize,
    syncs: usize,
    /// Spans that a start had, and those that came again and were counted then.
    kept: u64,
    again: u64,
    killed_again: u64,
}

/// Where to cut: anywhere, around the changes of names, around where one file takes another's place, around the syncs;
/// from the first one to the last.
fn position(recording: &Recording, (state, of): (u64, u64), chance: &mut u64) -> usize {
    let notes = &recording.notes;
    let is_turn = |note: &disk::Note| match state % 8 {
        0 | 4 => true,
        1 => note.changes_names(),
        // There is always the one that made the folder.
        5 => matches!(note.what, What::Rename | What::Mkdir),
        _ => note.what == What::Sync,
    };
    let turns: Vec<usize> = (0..notes.len()).filter(|place| is_turn(&notes[*place])).collect();
    let turn = (turns.len() as u64 * state + next(chance) % (8 * turns.len() as u64)) / of;
    turns[(turn as usize).min(turns.len() - 1)] + (next(chance) % 2) as usize
}

/// What a daemon on one such state has to do with it.
struct Trial<'t> {
    scratch: &'t Scratch,
    config: &'t std::path::Path,
    client: &'t reqwest::Client,
    recording: &'t Recording,
    /// Length of the log at the cut.
    cut: u64,
}

impl Trial<'_> {
    async fn start(&self) -> (Life, Value) {
        let args = ["run".as_ref(), "-c".as_ref(), self.config.as_os_str()];
        let mut life = Life::begin(self.scratch, args, &[]);
        match life.ready().await {
            Ok(ready) => (life, ready),
            Err(ended) => panic!("it ended by itself, {ended}: {}", life.said()),
        }
    }

    /// At least what was acknowledged, and at most what had been sent.
    fn assert_kept(&self, counts: &Value) -> u64 {
        let spans = |held: &dyn Fn(&recording::Sent) -> bool| {
            self.recording.sent.iter().filter(|sent| held(sent)).map(|sent| sent.spans).sum::<u64>()
        };
        let acknowledged = spans(&|sent| sent.acknowledged <= self.cut);
        let at_most = spans(&|sent| sent.begun <= self.cut);
        let accepted = accepted(counts);
        assert!(
            (acknowledged..=at_most).contains(&accepted),
            "{accepted} spans are there, {acknowledged} were acknowledged, {at_most} sent"
        );
        accepted
    }

    /// The same bytes as before. The first two make an outage one after the other; the rest come at once.
    async fn send_again(&self, ready: &Value) {
        let (outage, rest) = self.recording.sent.split_at(2);
        for sent in outage {
            assert_eq!(post(self.client, ready, &sent.body).await, 200);
        }
        let mut under_way = JoinSet::new();
        for sent in rest {
            let (client, ready, body) = (self.client.clone(), ready.clone(), sent.body.clone());
            under_way.spawn(async move { post(&client, &ready, &body).await });
        }
        while let Some(status) = under_way.join_next().await {
            assert_eq!(status.unwrap(), 200);
        }
    }

    fn assert_complete(&self, counts: &Value) {
        assert_books_balance(counts);
        let all: u64 = self.recording.sent.iter().map(|sent| sent.spans).sum();
        assert_eq!(accepted(counts), all, "{counts}");
        let in_levels: u64 =
            counts["slos"].as_array().unwrap().iter().map(|slo| slo["total"].as_u64().unwrap()).sum();
        assert_eq!(in_levels, all, "{counts}");
    }

    /// One key for each alert, over all that had been told before the cut and all that was told after it.
    fn assert_told_once(&self, after: &[(String, String)]) {
        let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let (told, cut) = (&self.recording.told, self.cut);
        let before = told.iter().filter(|told| told.before <= cut).map(|told| (&told.labels, &told.key));
        for (labels, key) in before.chain(after.iter().map(|(labels, key)| (labels, key))) {
            keys.entry(labels).or_default().insert(key);
        }
        let doubled: Vec<_> = keys.iter().filter(|(_, keys)| keys.len() > 1).collect();
        assert!(doubled.is_empty(), "told under two keys: {doubled:?}");
        // Right at the cut it is not known which came first.
        let perhaps = told.iter().filter(|told| told.after <= cut).map(|told| told.labels.as_str());
        let all: Vec<&str> = perhaps.chain(keys.into_keys()).collect();
        let hosts = self.recording.sent.iter().filter_map(|sent| sent.host.as_ref());
        let untold: Vec<_> =
            hosts.filter(|host| !all.iter().any(|labels| labels.contains(&format!("\"{host}\"")))).collect();
        assert!(untold.is_empty(), "never told: {untold:?}");
    }
}

fn accepted(counts: &Value) -> u64 {
    counts["items"]["spans"]["accepted"].as_u64().unwrap_or(0)
}

async fn counts(client: &reqwest::Client, ready: &Value) -> Value {
    let url = format!("http://{}/api/v1/counts", ready["http"].as_str().unwrap());
    client.get(url).send().await.unwrap().json().await.unwrap()
}

async fn try_one(trial: &Trial<'_>, sink: &mut Sink, kills_again: bool, tally: &mut Tally) {
    let (mut life, mut ready) = trial.start().await;
    let kept = trial.assert_kept(&counts(trial.client, &ready).await);
    if kills_again {
        tally.killed_again += 1;
        drop(life);
        (life, ready) = trial.start().await;
        assert_eq!(trial.assert_kept(&counts(trial.client, &ready).await), kept, "after another start");
    }
    trial.send_again(&ready).await;
    let counts = until("all pages are delivered", || async {
        let counts = counts(trial.client, &ready).await;
        (counts["notifications"]["pending"] == 0).then_some(counts)
    })
    .await;
    trial.assert_complete(&counts);
    let after: Vec<(String, String)> = sink.heard().iter().map(|post| of_page(&post.body)).collect();
    trial.assert_told_once(&after);
    let said = life.said();
    assert!(!said.contains("state.damaged"), "{said}");
    tally.kept += kept;
    tally.again += accepted(&counts) - kept;
}

/// Scenario: a daemon that is stopped, killed, reloaded, and whose writes fail for a while; the power is cut at any
/// place of it, and the volume holds any of what was not synced.
/// Guarantees: it starts and finds no damage; what was acknowledged is there, and what was not is counted once when it
/// comes again; nobody is told of one alert under two keys, and everybody is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let states = number("EVENKEEL_E2E_POWER_CUTS").unwrap_or(20);
    let seed = number("EVENKEEL_E2E_POWER_SEED").unwrap_or(1);
    let mut chance = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let (tools, mut sink) = (Scratch::new(), Sink::start().await);
    let shop = include_str!("shop.yaml");
    let till = shop.replace("shop", "till").replace("0.999", "0.5");
    let documents = DOCUMENTS.replace("RECEIVER", &sink.url);
    let config = tools.write("evenkeel.yaml", &format!("{shop}---\n{till}---\n{documents}"));
    let shims = (shim(&tools, "power"), shim(&tools, "faults"));
    let client = evenkeel::respond::client().unwrap();
    let studio = Studio { scratch: &tools, config: &config, client: &client, shims };
    let mut tally = Tally::default();
    for number in 0..states.div_ceil(STATES_EACH) {
        let recording = studio.record(&mut sink, &mut chance).await;
        tally.recordings += 1;
        tally.calls += recording.notes.len();
        tally.syncs += recording.notes.iter().filter(|note| note.what == What::Sync).count();
        let here = STATES_EACH.min(states - number * STATES_EACH);
        for state in 0..here {
            assert!(recording.begun.elapsed() < RECORDING_AGE_MAX, "too slow for the requests to be known");
            let position = position(&recording, (state, here), &mut chance);
            let of = recording.notes.len();
            let _said = Place { seed, recording: number, state, position, of };
            let scratch = Scratch::new();
            std::fs::create_dir(scratch.path("data")).unwrap();
            for (name, bytes) in disk::after_cut(&recording.notes[..position], &mut chance) {
                std::fs::write(scratch.path("data").join(name), bytes).unwrap();
            }
            let cut = position.checked_sub(1).map_or(0, |last| recording.notes[last].end);
            let trial =
                Trial { scratch: &scratch, config: &config, client: &client, recording: &recording, cut };
            try_one(&trial, &mut sink, next(&mut chance).is_multiple_of(4), &mut tally).await;
        }
    }
    let Tally { recordings, calls, syncs, kept, again, killed_again } = tally;
    println!(
        "{states} power cuts in {recordings} recordings of {calls} calls with {syncs} syncs: nothing acknowledged was lost or doubled, \
         {kept} spans were there and {again} counted when they came again; {killed_again} starts were killed again"
    );
}
