//! The story, step by step, each told when it was really seen.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::time::{interval, sleep};

use super::pager::Pager;
use super::stage::{SPEED, Stage};
use crate::cli::args::Output;
use crate::daemon::{Addresses, Daemon};
use crate::engine::{Fact, What};
use crate::respond;
use crate::send::Wire;

/// How often the services send.
const EACH: Duration = Duration::from_millis(50);
const HEALTHY: Duration = Duration::from_secs(4);
/// From the page to the rollback.
const REPAIR: Duration = Duration::from_secs(3);
/// A step that takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) struct Story {
    daemon: Daemon,
    facts: broadcast::Receiver<Fact>,
    pager: Pager,
    stage: Stage,
    client: reqwest::Client,
    output: Output,
    left: Instant,
}

impl Story {
    pub(super) fn new(daemon: Daemon, pager: Pager, output: Output) -> anyhow::Result<Self> {
        let client = respond::client()?;
        let endpoint = format!("http://{}", daemon.addresses().otlp_http);
        let wire = Wire::Http { client: client.clone(), endpoint, gzip: false };
        let wall_ns = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
        let (facts, stage) = (daemon.facts(), Stage::new(wire, wall_ns));
        Ok(Self { daemon, facts, pager, stage, client, output, left: Instant::now() })
    }

    /// Whether every step was seen.
    pub(super) async fn tell(&mut self) -> anyhow::Result<bool> {
        let history = self.stage.history();
        let events: u64 = history.counts.iter().map(|(_, good, bad)| good + bad).sum();
        self.daemon.inject(history).await;
        let Addresses { otlp_http, http, .. } = self.daemon.addresses();
        self.say(
            "start",
            &format!(
                "checkout, catalog and payments send real OTLP to http://{otlp_http}; API on http://{http}"
            ),
        );
        self.say("start", &format!("simulated: {events} events of history put in as weighted counts; event time runs {SPEED} times as fast"));
        self.play_for(HEALTHY).await?;
        let before = self.budget().await?;
        let [informational, warnings, exceptions] = self.classified().await?;
        if informational == 0 {
            return Ok(false);
        }
        self.say(
            "events",
            &format!("{informational} informational, {warnings} warnings, {exceptions} exceptions so far"),
        );
        self.say(
            "healthy",
            &format!("checkout-availability: 99.9 % over 28 days, {before} of the budget left"),
        );

        self.stage.deploy("2.0.0", 0.5);
        self.say("deploy", "checkout 2.0.0 is out: half of its requests fail");
        let Some(fired) = self.await_fact("alert.fired").await? else { return Ok(false) };
        if let What::AlertFired(change) = &fired.what {
            let text = format!(
                "{} burns {} and {} times the allowed rate",
                change.condition, change.burn_long, change.burn_short
            );
            self.say("crossed", &text);
        }
        let Some((came, page)) = self.await_page("trigger").await? else { return Ok(false) };
        self.say_page(came, &page);
        self.play_for(REPAIR).await?;
        let spent = self.budget().await?;
        self.say("budget", &format!("{spent} of the budget left, {before} before the deploy"));
        if spent.parse::<f64>()? >= before.parse::<f64>()? {
            return Ok(false);
        }

        self.stage.deploy("1.4.2", 0.0);
        self.say("rollback", "checkout 1.4.2 is back");
        if self.await_fact("alert.resolved").await?.is_none() {
            return Ok(false);
        }
        let Some((_, resolved)) = self.await_page("resolve").await? else { return Ok(false) };
        let same = resolved["dedup_key"] == page["dedup_key"];
        self.say(
            "recovery",
            &format!(
                "the short window is clean again, the page resolves itself: {}",
                text(&resolved["explain"]["text"])
            ),
        );
        Ok(same)
    }

    /// Until Ctrl-C.
    pub(super) async fn go_on(&mut self) {
        let url = format!("http://{}", self.daemon.addresses().http);
        self.say("on", &format!("the services go on; try `evenkeel slo list --url {url}`, `evenkeel tap --url {url}`; Ctrl-C ends"));
        let forever = async {
            while self.stage.play().await.is_ok() {
                sleep(EACH).await;
            }
        };
        tokio::select! {
            () = forever => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }

    pub(super) async fn end(self) {
        self.daemon.drain().await;
    }

    async fn play_for(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        let mut pace = interval(EACH);
        while Instant::now() < end {
            pace.tick().await;
            self.left = self.stage.play().await?;
        }
        Ok(())
    }

    async fn await_fact(&mut self, name: &str) -> anyhow::Result<Option<Fact>> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.left = self.stage.play().await?;
            while let Ok(fact) = self.facts.try_recv() {
                if fact.what.name() == name {
                    return Ok(Some(fact));
                }
            }
            sleep(EACH).await;
        }
        Ok(None)
    }

    async fn await_page(&mut self, transition: &str) -> anyhow::Result<Option<(Instant, Value)>> {
        let end = tokio::time::Instant::now() + PATIENCE;
        while let Ok(Some((came, page))) = tokio::time::timeout_at(end, self.pager.pages.recv()).await {
            if page["transition"] == transition {
                return Ok(Some((came, page)));
            }
        }
        Ok(None)
    }

    async fn budget(&self) -> anyhow::Result<String> {
        let slo = self.get("/api/v1/slos/checkout-availability").await?;
        Ok(text(&slo["objectives"][0]["groups"][0]["budget"]["remaining"]).to_owned())
    }

    /// Events so far: informational, warning, exception.
    async fn classified(&self) -> anyhow::Result<[u64; 3]> {
        let events = &self.get("/api/v1/counts").await?["events"];
        Ok(["informational", "warning", "exception"].map(|category| events[category].as_u64().unwrap_or(0)))
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("http://{}{path}", self.daemon.addresses().http);
        Ok(self.client.get(url).send().await?.json().await?)
    }

    fn say_page(&self, came: Instant, page: &Value) {
        let after = came.saturating_duration_since(self.left);
        let alert = &page["alert"];
        self.say(
            "page",
            &format!(
                "{} {}, {:.1} ms after the request that crossed was sent: {}",
                text(&alert["priority"]),
                text(&alert["slo"]),
                after.as_secs_f64() * 1e3,
                text(&page["explain"]["text"]),
            ),
        );
    }

    fn say(&self, step: &str, words: &str) {
        let seconds = self.stage.elapsed().as_secs_f64();
        match self.output {
            Output::Human => println!("{seconds:6.1} s  {step:<9} {words}"),
            Output::Json | Output::Jsonl => {
                println!("{}", json!({ "seconds": seconds, "step": step, "text": words }));
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}
