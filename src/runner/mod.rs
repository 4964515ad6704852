//! Steps of runbooks: child processes and requests, each within its bounds. What becomes of a step is told exactly once;
//! whether it is to be done is decided elsewhere.

mod child;
mod claim;
mod command;
mod http;
mod link;
mod memory;
mod output;
mod poll;
mod process;
#[cfg(test)]
mod tests;
mod user;
mod vault;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Client;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::respond::{self, Secret};
use crate::runbook::{Call, End, Outcome, StepCall, StepKey};
use claim::Claim;

pub(crate) use command::look_at;
pub use link::Link;
pub use vault::{Settings, StepSecrets, Vault};

/// Steps that run at once; more wait.
const RUNNING_MAX: usize = 64;
/// Steps that are here at once, those that wait too; more are not begun.
const HELD_MAX: usize = 10_000;
/// For the files of a step's secrets.
const SECRETS_WITHIN: Duration = Duration::from_secs(5);
/// A step's time is never longer.
const WITHIN_MAX: Duration = Duration::from_secs(604800);

/// How long it is waited for what; a value, so that tests need not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Between the signal that asks a program to end and the one that ends it.
    pub term_grace: Duration,
    /// For the end of a program that was killed.
    pub kill_grace: Duration,
    /// For what is left of a program's output when it has ended.
    pub pipe_grace: Duration,
    /// For what an answer says beside its status.
    pub excerpt_within: Duration,
    /// For the answer of one request where another one can ask again.
    pub answer_within: Duration,
    /// Before the first question after what was taken; doubled with each further one.
    pub poll: Duration,
    pub poll_max: Duration,
    /// How long a step is held back while somebody is to be told first.
    pub pages_first: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            term_grace: Duration::from_secs(5),
            kill_grace: Duration::from_secs(5),
            pipe_grace: Duration::from_millis(500),
            excerpt_within: Duration::from_secs(2),
            answer_within: Duration::from_secs(10),
            poll: Duration::from_secs(1),
            poll_max: Duration::from_secs(5),
            pages_first: Duration::from_secs(1),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    /// What runs may end; nothing begins.
    Draining,
    /// What runs is ended.
    Stopped,
}

/// Does steps. A clone is the same one. Dropped without [`Runner::drain`], it ends what runs, which is told as unknown.
#[derive(Clone)]
pub struct Runner {
    parts: Arc<Parts>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

/// What the tasks of steps share.
struct Parts {
    runtime: Handle,
    settings: RwLock<Arc<Settings>>,
    client: Client,
    /// Clients that trust authorities of a step's own, by these.
    trusting: Mutex<BTreeMap<Vec<u8>, Client>>,
    settled: Box<dyn Fn(StepKey, Outcome) + Send + Sync>,
    /// Steps that are handed in and not settled.
    held: watch::Sender<usize>,
    running: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
    /// Notifications that were not tried yet.
    untried: watch::Receiver<usize>,
    pace: Pace,
}

/// Hears that what runs is to be ended.
struct Stop(watch::Receiver<Phase>);

impl Stop {
    async fn now(&mut self) {
        // Without a sender there is nobody left who waits for the end.
        let _ = self.0.wait_for(|phase| *phase == Phase::Stopped).await;
    }
}

impl Runner {
    /// Needs a tokio runtime, in which the steps run whoever hands them in. `client` should come from
    /// [`respond::client`], which follows no redirect. While there are notifications that are `untried`, a step is held back,
    /// a second at most: a program is not to take the machine from a page. `settled` is called exactly once for each step handed in,
    /// from a task: it must not block.
    pub fn start(
        settings: Settings,
        client: Client,
        untried: watch::Receiver<usize>,
        settled: impl Fn(StepKey, Outcome) + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(Pace::default(), settings, client, untried, settled)
    }

    pub(crate) fn start_at(
        pace: Pace,
        settings: Settings,
        client: Client,
        untried: watch::Receiver<usize>,
        settled: impl Fn(StepKey, Outcome) + Send + Sync + 'static,
    ) -> Self {
        let parts = Parts {
            runtime: Handle::current(),
            settings: RwLock::new(Arc::new(settings)),
            client,
            trusting: Mutex::default(),
            settled: Box::new(settled),
            held: watch::Sender::new(0),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            phase: watch::Sender::new(Phase::Open),
            untried,
            pace,
        };
        Self { parts: Arc::new(parts), tasks: Arc::default() }
    }

    /// What signs the links that approve a run, and what they begin with where that is not our own address.
    pub fn links(&self) -> Option<(Secret, Option<String>)> {
        let settings = self.parts.settings.read().unwrap_or_else(PoisonError::into_inner);
        Some((settings.link_key.clone()?, settings.link_base.clone()))
    }

    /// Steps that are handed in from now on have the new secrets.
    pub fn reconfigure(&self, settings: Settings) {
        let kept = |pem: &Vec<u8>| settings.vault.values().any(|step| step.authorities.as_ref() == Some(pem));
        self.parts.trusting().retain(|pem, _| kept(pem));
        *self.parts.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Never blocks. Each step is a task of its own. Once those who are to be told were, it waits at most `timeout_ms` for its turn, where 64 run
    /// already, and ends within `timeout_ms` of its begin and the seconds that ending it takes; a week at most.
    pub fn run(&self, step: StepCall) {
        let claim = Claim::new(step.key.clone(), Arc::clone(&self.parts));
        let settings = Arc::clone(&self.parts.settings.read().unwrap_or_else(PoisonError::into_inner));
        let attempt = attempt(Arc::clone(&self.parts), settings, step, claim);
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(attempt, &self.parts.runtime);
    }

    /// Nothing begins any more: what waits has failed, as it has done nothing. What runs may end until the deadline;
    /// then programs are killed, and what did not end is unknown. All is settled when this returns, some seconds after
    /// the deadline at the latest.
    pub async fn drain(&self, deadline: Duration) {
        let mut held = self.parts.held.subscribe();
        let mut all_settled = async |within| timeout(within, held.wait_for(|held| *held == 0)).await.is_ok();
        self.parts.phase.send_replace(Phase::Draining);
        if !all_settled(deadline).await {
            self.parts.phase.send_replace(Phase::Stopped);
            all_settled(self.parts.pace.kill_grace * 2).await;
        }
        // The claims of tasks that end like this are settled as unknown.
        let mut tasks = std::mem::take(&mut *self.tasks());
        tasks.shutdown().await;
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    fn trusting(&self) -> std::sync::MutexGuard<'_, BTreeMap<Vec<u8>, Client>> {
        self.trusting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client for a step: made once for each set of authorities.
    fn client(&self, secrets: &StepSecrets) -> Result<Client, String> {
        let Some(pem) = &secrets.authorities else { return Ok(self.client.clone()) };
        let mut trusting = self.trusting();
        if let Some(client) = trusting.get(pem) {
            return Ok(client.clone());
        }
        let client = respond::client_trusting(pem)?;
        trusting.insert(pem.clone(), client.clone());
        Ok(client)
    }
}

async fn attempt(parts: Arc<Parts>, settings: Arc<Settings>, step: StepCall, mut claim: Claim) {
    let within = Duration::from_millis(step.timeout_ms).min(WITHIN_MAX);
    let _turn = match turn(&parts, within).await {
        Ok(turn) => turn,
        Err(why) => return claim.settle(not_begun(format!("was not begun: {why}"))),
    };
    if settings.identities.get(&step.runbook).is_some_and(|one| *one != step.identity) {
        return claim.settle(failed("was not begun: its runbook was changed".to_owned()));
    }
    let known = settings.vault.get(&(step.runbook, step.name)).cloned().unwrap_or_default();
    // A file may be on a volume that hangs.
    let fresh = timeout(within.min(SECRETS_WITHIN), tokio::task::spawn_blocking(move || known.fresh()));
    let Ok(Ok(secrets)) = fresh.await else {
        return claim.settle(not_begun("was not begun: its secrets can not be read".to_owned()));
    };
    claim.begins();
    let (secrets, pace) = (&secrets, &parts.pace);
    let stop = Stop(parts.phase.subscribe());
    let outcome = match step.call {
        Call::Command(call) => command::run(call, secrets, within, pace, stop).await,
        Call::Http(call) => match parts.client(secrets) {
            Ok(client) => http::run(&client, call, secrets, within, pace, stop).await,
            Err(why) => failed(why),
        },
    };
    claim.settle(outcome);
}

/// Waits for one of the places. The error says why there is none.
async fn turn(parts: &Parts, within: Duration) -> Result<tokio::sync::OwnedSemaphorePermit, String> {
    if *parts.held.borrow() > HELD_MAX {
        return Err(format!("{HELD_MAX} steps are here already"));
    }
    let (mut phase, mut untried) = (parts.phase.subscribe(), parts.untried.clone());
    let turn = async {
        // Where nobody is left who tells, nobody is to be told first.
        let _ = timeout(parts.pace.pages_first, untried.wait_for(|untried| *untried == 0)).await;
        timeout(within, Arc::clone(&parts.running).acquire_owned()).await
    };
    tokio::select! {
        biased;
        _ = phase.wait_for(|phase| *phase > Phase::Open) => Err("Evenkeel stops".to_owned()),
        turn = turn => match turn {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(format!("{RUNNING_MAX} steps ran for all of the {within:?} that it may take")),
        },
    }
}

fn not_begun(why: String) -> Outcome {
    Outcome::new(End::NotBegun, why)
}

fn failed(why: String) -> Outcome {
    Outcome::new(End::Failed, why)
}
