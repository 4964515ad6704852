//! Another configuration for a running daemon: read, checked and built whole, then put into effect in one step,
//! or nothing changes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Mutex;

use super::ledger::{Ledger, Receivers, Unavailable};
use super::links::links;
use super::programs;
use crate::api::{Busy, Reloaded};
use crate::config::{Ack, Config, Level, Listen, Loaded, Setting, differences};
use crate::door::{ALL_LIMITS, Entrance, Settings};
use crate::engine::Plan;
use crate::respond::{Heart, Responder};
use crate::runner::Runner;

/// Reads the configuration anew, from where it was read first.
pub type Source = Arc<dyn Fn() -> Loaded + Send + Sync>;

/// What a reload can not change, as it was at the start.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    pub(super) listen: Listen,
    pub(super) entrance: Settings,
    pub(super) data_dir: std::path::PathBuf,
    pub(super) export: Option<crate::config::Export>,
    pub(super) recorder: crate::config::Recorder,
    pub(super) kafka: Option<crate::config::Kafka>,
    pub(super) ack: Ack,
}

impl Fixed {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            listen: config.listen.clone(),
            entrance: config.entrance.clone(),
            data_dir: config.data_dir.clone(),
            export: config.export.clone(),
            recorder: config.recorder.clone(),
            kafka: config.kafka.clone(),
            ack: config.ack,
        }
    }

    fn differences(&self, new: &Self) -> Vec<String> {
        let later = |what: &str| format!("{what} differs and is in effect from the next start");
        let differs = [
            ("listen", self.listen != new.listen),
            ("auth, listen.limits or listen.tls", !self.entrance.same_but_for_rates(&new.entrance)),
            ("ack", self.ack != new.ack),
            ("data_dir", self.data_dir != new.data_dir),
            ("telemetry", self.export != new.export),
            ("recorder", self.recorder != new.recorder),
            ("kafka", self.kafka != new.kafka),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| later(what)).collect()
    }
}

/// How the last reload went, for the metrics.
#[derive(Debug)]
pub(super) struct LastReload {
    good: AtomicBool,
    good_at_s: AtomicU64,
}

impl LastReload {
    /// The configuration that the daemon started with counts as one.
    pub(super) fn started() -> Self {
        Self { good: AtomicBool::new(true), good_at_s: AtomicU64::new(wall_s()) }
    }

    fn set(&self, good: bool) {
        self.good.store(good, Ordering::Relaxed);
        if good {
            self.good_at_s.store(wall_s(), Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> (bool, u64) {
        (self.good.load(Ordering::Relaxed), self.good_at_s.load(Ordering::Relaxed))
    }
}

#[derive(Clone)]
pub(super) struct Reloader {
    pub(super) source: Option<Source>,
    pub(super) ledger: Ledger,
    pub(super) responder: Arc<Responder>,
    pub(super) runner: Arc<Runner>,
    pub(super) heart: Heart,
    pub(super) entrance: Arc<Entrance>,
    /// The address of the page's port.
    pub(super) page: SocketAddr,
    pub(super) plan: Arc<RwLock<Arc<Plan>>>,
    pub(super) fixed: Fixed,
    pub(super) last: Arc<LastReload>,
    /// What is in effect. One reload at a time.
    pub(super) said: Arc<Mutex<Vec<Setting>>>,
}

impl Reloader {
    pub(super) async fn reload(&self) -> Result<Reloaded, Busy> {
        let mut said = self.said.lock().await;
        let Some(source) = self.source.clone() else {
            return Ok(Reloaded::rejected(vec!["this daemon has no files to read again".to_owned()]));
        };
        let Ok(loaded) = tokio::task::spawn_blocking(move || source()).await else { return Err(Busy) };
        let findings = |level: Level| {
            let of_level = loaded.findings.iter().filter(move |one| one.level == level);
            of_level
                .map(|one| format!("{}:{}:{}: {}: {}", one.file, one.line, one.column, one.code, one.message))
        };
        let warnings: Vec<String> = findings(Level::Warning).collect();
        let errors: Vec<String> = findings(Level::Error).collect();
        let Some(config) = loaded.config else {
            self.last.set(false);
            tracing::warn!(errors = errors.len(), first = errors.first(), "config.rejected");
            return Ok(Reloaded::rejected(errors));
        };
        let new = config.said.clone();
        let reloaded = self.apply(config, &said, warnings).await.map_err(|Unavailable| Busy)?;
        *said = new;
        self.last.set(true);
        Ok(reloaded)
    }

    #[tracing::instrument(target = "evenkeel::spans", name = "config.reload", skip_all, level = "info")]
    async fn apply(
        &self,
        config: Config,
        before: &[Setting],
        mut warnings: Vec<String>,
    ) -> Result<Reloaded, Unavailable> {
        let later = self.fixed.differences(&Fixed::of(&config));
        let differs = differences(before, &config.said);
        let plan = Arc::new(config.plan);
        warnings.extend(programs::warn(&plan));
        // Before the plan: what it decides finds its receivers.
        let known = config.receivers.iter().map(|receiver| receiver.name.clone()).collect();
        self.runner.reconfigure(config.runner);
        let external = links(config.external_url.as_deref(), self.entrance.scheme(), self.page);
        let begun = self.responder.reconfigure(config.receivers, external.url);
        let receivers = Receivers { known, changed: begun.clone() };
        let mut changes = self.ledger.configure(plan.clone(), receivers).await?;
        changes.extend(self.entrance.set_rates(&config.entrance));
        changes.extend(self.heart.set(config.heartbeat).then(|| "heartbeat: changed".to_owned()));
        let before_version = self.plan.read().unwrap_or_else(PoisonError::into_inner).version;
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = plan.clone();
        for receiver in begun {
            let name = receiver.clone();
            let standing = self.ledger.ask(move |sight| sight.engine.standing(&name)).await?;
            for mut last in standing {
                plan.annotate(&mut last);
                self.responder.resume(last);
            }
            changes.push(format!("receiver {receiver}: new or changed"));
        }
        if differs.iter().any(|(key, _)| key.starts_with("limits.")) {
            changes.retain(|line| line != ALL_LIMITS);
        }
        changes.extend(untold(&changes, differs));
        changes.extend(later);
        if changes.is_empty() && before_version != plan.version {
            changes.push("documents: changed in what decides nothing, such as descriptions".to_owned());
        }
        let version = format!("{:016x}", plan.version);
        tracing::info!(version, changes = changes.len(), "config.applied");
        Ok(Reloaded { applied: true, version: Some(version), changes, warnings, diagnostics: Vec::new() })
    }
}

/// The settings that no other line tells of.
fn untold(told: &[String], differs: Vec<(String, String)>) -> Vec<String> {
    let by_other_lines = [
        ("filter", "filter rule "),
        ("classify", "classify rule "),
        ("alerting.receivers", "receiver "),
        ("alerting.heartbeat", "heartbeat:"),
    ];
    let is_told = |key: &str| {
        let line = by_other_lines.iter().find(|(one, _)| *one == key);
        line.is_some_and(|(_, line)| told.iter().any(|one| one.starts_with(line)))
    };
    differs.into_iter().filter(|(key, _)| !is_told(key)).map(|(_, line)| line).collect()
}

fn wall_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
