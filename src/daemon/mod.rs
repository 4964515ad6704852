//! Wiring: start order, drain order. The only folder that knows every other one; it decides nothing.

mod clock;
mod commit;
mod doors;
mod intake;
mod kafka;
mod ledger;
mod links;
mod metrics;
mod outgoing;
mod programs;
mod recorder;
mod recover;
mod reload;
#[cfg(test)]
mod simulation;
pub mod state;
mod views;
mod volume;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::task::JoinSet;

use crate::api::{self, Readiness, Reloaded};
use crate::config::{self, Config};
use crate::door::Entrance;
use crate::engine::{Engine, Fact, History, Mask, Notification, Plan, Trouble};
use crate::ingest::{self, Counters};
use crate::recording;
use crate::respond::{self, Drained, Heart, Receiver, Responder};
use crate::runner::Runner;
pub use crate::store::Refusal;
use crate::store::{Reserve, Sequence};
use crate::telemetry::Export;
use clock::Clock;
use commit::Keep;
use doors::Doors;
pub use doors::NoPort;
use intake::Workers;
use kafka::{Kafka, Reading};
use ledger::{Ledger, Start};
pub use links::{Links, links};
use outgoing::Out;
pub use programs::{Unready, unready};
use recorder::{Keeper, Recorder};
use recover::{Recovered, random_key, recover};
pub use reload::Source;
use reload::{Fixed, LastReload, Reloader};
use views::Eyes;
use volume::Folder;

/// What is left for deliveries that are under way when the daemon is told to stop.
const DELIVERIES_MAX: Duration = Duration::from_secs(3);

/// What is left for steps of runbooks that are under way; those that do not end are told as unknown.
const STEPS_MAX: Duration = Duration::from_secs(10);

/// What is left for records that were read to be counted, and for the group to hear of it.
const READING_MAX: Duration = Duration::from_secs(4);

/// What is left for the last commits.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// How old what is exported may be, where the interval is longer.
const REFRESH_MAX: Duration = Duration::from_secs(5);

/// Where the listeners are, port 0 resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
    pub http: SocketAddr,
}

/// A daemon whose listeners accept.
pub struct Daemon {
    addresses: Addresses,
    readiness: Readiness,
    ledger: Ledger,
    turns: JoinHandle<()>,
    commits: JoinHandle<()>,
    recorder: Arc<Recorder>,
    /// Writes what the recorder keeps.
    keeping: Option<JoinHandle<()>>,
    /// Ends with the ledger's thread, by whatever way.
    turning: oneshot::Receiver<()>,
    responder: Arc<Responder>,
    runner: Arc<Runner>,
    servers: JoinSet<std::io::Result<()>>,
    eyes: Option<Eyes>,
    reloader: Reloader,
    stop: watch::Sender<bool>,
    kafka: Arc<Kafka>,
}

/// Where the state of a daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In `data_dir`.
    Kept,
    /// In memory, for a demonstration.
    Fleeting,
}

/// Whether there is life in a daemon.
pub struct Pulse(Ledger);

impl Pulse {
    pub async fn beats(&self) -> bool {
        self.0.health().is_well() && self.0.ask(|_| ()).await.is_ok()
    }
}

impl Daemon {
    /// Takes every port first, then brings up the state, then accepts.
    /// `source` is where the configuration is read again from; without it, it stays what it is.
    pub async fn start(config: Config, source: Option<Source>, state: State) -> anyhow::Result<Self> {
        let fixed = Fixed::of(&config);
        let entrance = Arc::new(Entrance::open(&config.entrance).context("read who may come in")?);
        let doors = Doors::bind(&config.listen).await?;
        let addresses = doors.addresses();
        let (clock, plan) = (Clock::default(), Arc::new(config.plan));
        programs::warn(&plan);
        let up = bring_up(&config.data_dir, &plan, &clock, state)?;
        let shared_plan = Arc::new(RwLock::new(Arc::clone(&plan)));
        let kafka = Arc::new(Kafka::new(config.kafka, &shared_plan, &up.facts)?);
        let (recorder, keeping) = keep_recording(&config.data_dir, config.recorder, state)?;
        let standing = standing(&up.engine, &plan, &config.receivers);
        let (ledger, mut turns, committer) = ledger::ledger(Start {
            engine: up.engine,
            clock: clock.clone(),
            keep: up.keep,
            last: up.last,
            tail_bytes: up.tail_bytes,
            mend: up.mend,
            ack_early: config.ack == config::Ack::Memory,
            recorder: Arc::clone(&recorder),
            outlet: kafka.outlet(),
        });
        turns.resume(plan.clone(), config.receivers.iter().map(|one| one.name.clone()).collect(), up.mend);
        tell_damage(&ledger, &up.damage);
        let Links { url, .. } = links(config.external_url.as_deref(), entrance.scheme(), addresses.http);
        let out = Out::start(config.receivers, config.runner, &ledger, url)?;
        let (responder, runner) = (out.responder.clone(), out.runner.clone());
        let heart = Heart::new(config.heartbeat);
        standing.into_iter().for_each(|last| responder.resume(last));
        let wake = ledger.waker();
        let commits = thread("committer", move || committer.run(|one| out.send(one), wake))?;
        let (turns, turning) = turn_round(turns)?;
        let (stop, stopped) = watch::channel(false);
        let reloader = Reloader {
            source,
            ledger: ledger.clone(),
            responder: responder.clone(),
            runner: runner.clone(),
            heart: heart.clone(),
            entrance: entrance.clone(),
            page: addresses.http,
            plan: shared_plan.clone(),
            fixed,
            last: Arc::new(LastReload::started()),
            said: Arc::new(tokio::sync::Mutex::new(config.said)),
        };
        let mut daemon = Self {
            addresses,
            readiness: Readiness::default(),
            ledger: ledger.clone(),
            turns,
            commits,
            recorder,
            keeping,
            turning,
            responder,
            runner,
            servers: JoinSet::new(),
            eyes: None,
            reloader,
            stop,
            kafka,
        };
        daemon.kafka.read(Reading::of(&shared_plan, &clock, &ledger, up.key), state)?;
        daemon.serve(doors, entrance, Workers::new(shared_plan, clock, ledger, up.key), &stopped);
        daemon.live(heart, until(stopped))?;
        Ok(daemon)
    }

    fn live(
        &mut self,
        heart: Heart,
        stopped: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let client = respond::client().context("set up the client for signs of life")?;
        self.servers.spawn(beat(heart, client, self.ledger.clone(), stopped));
        self.readiness.set(true);
        Ok(())
    }

    fn serve(
        &mut self,
        doors: Doors,
        entrance: Arc<Entrance>,
        workers: Workers,
        stopped: &watch::Receiver<bool>,
    ) {
        let (admission, counters) = (workers.admission.clone(), Arc::new(Counters::default()));
        let workers = Arc::new(workers);
        let eyes = Eyes {
            ledger: self.ledger.clone(),
            entrance: entrance.clone(),
            admission: admission.clone(),
            counters: counters.clone(),
            meters: self.responder.meters(),
            reloader: self.reloader.clone(),
            recorder: Arc::clone(&self.recorder),
            kafka: Arc::clone(&self.kafka),
            runner: Arc::clone(&self.runner),
        };
        self.eyes = Some(eyes.clone());
        let quiet = || until(stopped.clone());
        self.servers.spawn(entrance.clone().keep(quiet()));
        self.servers.spawn(ingest::serve_http(
            doors.otlp_http,
            entrance.clone(),
            workers.clone(),
            admission.clone(),
            counters.clone(),
            quiet(),
        ));
        self.servers.spawn(ingest::serve_grpc(
            doors.otlp_grpc,
            entrance.clone(),
            workers,
            admission,
            counters,
            quiet(),
        ));
        self.servers.spawn(api::serve(doors.http, entrance, eyes, self.readiness.clone(), quiet()));
    }

    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Facts from now on.
    pub fn facts(&self) -> broadcast::Receiver<Fact> {
        self.ledger.facts()
    }

    /// Keeps our own metrics up to date where they are exported from.
    pub fn export(&mut self, export: Export) {
        let Some(eyes) = self.eyes.clone() else { return };
        let mut stopped = self.stop.subscribe();
        self.servers.spawn(async move {
            let mut pace = tokio::time::interval(export.interval().min(REFRESH_MAX));
            loop {
                tokio::select! {
                    _ = pace.tick() => {}
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                }
                if let Ok(metrics) = eyes.scrape().await {
                    export.publish(metrics);
                }
            }
            if let Ok(metrics) = eyes.scrape().await {
                export.publish(metrics);
            }
            let _panicked = tokio::task::spawn_blocking(move || export.close()).await;
            Ok(())
        });
    }

    pub fn pulse(&self) -> Pulse {
        Pulse(self.ledger.clone())
    }

    /// Reads the configuration again, as `POST /api/v1/reload` does.
    pub async fn reload(&self) -> Option<Reloaded> {
        self.reloader.reload().await.ok()
    }

    /// Resolves if the ledger ends before it was told to: a fault of ours, after which nothing is counted.
    pub async fn broken(&mut self) {
        let _dropped = (&mut self.turning).await;
        self.readiness.set(false);
    }

    /// Weighted counts of the past; waits for room, so not for the request path.
    pub async fn inject(&self, history: History) {
        let ledger = self.ledger.clone();
        let _stopped = tokio::task::spawn_blocking(move || ledger.inject(history)).await;
    }

    /// Stops accepting, answers what is under way, stops the ledger, delivers what can be delivered.
    pub async fn drain(mut self) -> Drained {
        self.readiness.set(false);
        self.stop.send_replace(true);
        self.recorder.close_taps();
        while self.servers.join_next().await.is_some() {}
        // A thread of its own, for a broker or a disk that hangs must not hold the end up.
        let (kafka, (done, ended)) = (Arc::clone(&self.kafka), oneshot::channel());
        let stopping = thread("kafka-stop", move || {
            kafka.stop_reading();
            let _late = done.send(());
        });
        if stopping.is_ok() {
            let _hangs = tokio::time::timeout(READING_MAX, ended).await;
        }
        // What became of the last deliveries is kept as well, so the ledger outlives them.
        // A disk that hangs does not hold the end up.
        let _hangs = tokio::time::timeout(FLUSH_MAX, self.ledger.flush()).await;
        let ledger = self.ledger.clone();
        let _panicked = tokio::task::spawn_blocking(move || ledger.hold_runs()).await;
        let (drained, ()) = tokio::join!(self.responder.drain(DELIVERIES_MAX), self.runner.drain(STEPS_MAX));
        let (ledger, turns, commits, keeping) = (self.ledger, self.turns, self.commits, self.keeping);
        let kafka = self.kafka;
        let ended = move || {
            ledger.stop();
            let joined = (turns.join(), commits.join(), keeping.map(JoinHandle::join));
            kafka.stop_publishing();
            joined
        };
        let _panicked = tokio::task::spawn_blocking(ended).await;
        drained
    }
}

/// What receivers have heard last of alerts that are open.
fn standing(engine: &Engine, plan: &Plan, receivers: &[Receiver]) -> Vec<Notification> {
    let mut standing: Vec<Notification> =
        receivers.iter().flat_map(|receiver| engine.standing(&receiver.name)).collect();
    standing.iter_mut().for_each(|last| plan.annotate(last));
    standing
}

/// A ledger that answers, and can keep what it decides, is what there is life in.
async fn beat(
    heart: Heart,
    client: reqwest::Client,
    ledger: Ledger,
    stopped: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let well = move || {
        let ledger = ledger.clone();
        async move { ledger.health().is_well() && ledger.ask(|_| ()).await.is_ok() }
    };
    tokio::select! {
        () = heart.beat(client, well) => {}
        () = stopped => {}
    }
    Ok(())
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _daemon_gone = stopped.wait_for(|stopped| *stopped).await;
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    let begun = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    begun.with_context(|| format!("start the thread of the {name}"))
}

/// Who is told when it has ended, by whatever way.
fn turn_round(turns: ledger::Loop) -> anyhow::Result<(JoinHandle<()>, oneshot::Receiver<()>)> {
    let (turned, turning) = oneshot::channel();
    let turning_round = move || {
        let _until_the_end = turned;
        turns.run();
    };
    Ok((thread("ledger", turning_round)?, turning))
}

/// The thread that writes what is kept; without it a daemon does all else as ever.
fn keep_recording(
    data_dir: &Path,
    settings: config::Recorder,
    state: State,
) -> anyhow::Result<(Arc<Recorder>, Option<JoinHandle<()>>)> {
    let recorder = Arc::new(Recorder::new(Mask::of(&settings.mask)));
    if state == State::Fleeting {
        recorder.set_fleeting();
    } else if settings.folded {
        match Keeper::begin(&recorder, &data_dir.join(recording::FOLDER), settings) {
            Ok(keeper) => {
                let keeping = thread("recorder", move || keeper.run())?;
                return Ok((recorder, Some(keeping)));
            }
            Err(error) => tracing::error!(reason = error.to_string(), "recorder.failed"),
        }
    }
    Ok((recorder, None))
}

/// A state before anybody works with it.
struct Up {
    engine: Engine,
    keep: Keep,
    last: Sequence,
    tail_bytes: u64,
    /// It is not what it was.
    mend: bool,
    /// What of it was lost, in words.
    damage: Vec<String>,
    key: u64,
    /// Decided since the last image.
    facts: Vec<Fact>,
}

/// In the words of the log, and no more than a page takes.
fn tell_damage(ledger: &Ledger, damage: &[String]) {
    const TOLD_MAX: usize = 5;
    if damage.is_empty() {
        return;
    }
    let told: Vec<&str> = damage.iter().take(TOLD_MAX).map(String::as_str).collect();
    let more = damage.len().saturating_sub(TOLD_MAX);
    let more = if more > 0 { format!("; and {more} more in the log") } else { String::new() };
    let why = format!("A part of the state was lost before this start: {}{more}.", told.join("; "));
    ledger.troubled(Trouble::StateDamaged, Some(why));
}

fn bring_up(folder: &Path, plan: &Arc<Plan>, clock: &Clock, state: State) -> anyhow::Result<Up> {
    if state == State::Fleeting {
        let engine = Engine::new(Arc::clone(plan), clock.now());
        let (keep, last, key) = (Keep::Memory, Sequence(0), random_key());
        return Ok(Up {
            engine,
            keep,
            last,
            tail_bytes: 0,
            mend: false,
            damage: Vec::new(),
            key,
            facts: Vec::new(),
        });
    }
    let began = std::time::Instant::now();
    let Recovered { engine, database, last, key, report, otherwise, replayed, tail_bytes, facts } =
        recover(folder, plan, clock)?;
    let mend = !report.is_empty() || !otherwise.is_empty();
    for line in report.iter().chain(&otherwise) {
        tracing::error!(what = line, "state.damaged");
    }
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(folder = %folder.display(), groups = replayed, took_ms, "state.up");
    let reserve = Reserve::new(folder);
    let keep = Keep::On { volume: Box::new(Folder { database, reserve }), key };
    Ok(Up { engine, keep, last, tail_bytes, mend, damage: report, key, facts })
}
