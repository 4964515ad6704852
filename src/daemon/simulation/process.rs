//! One life of the daemon without its listeners: the real workers, loop, committer and recovery, turned by hand.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use tokio::sync::broadcast;

use super::journal::{Journal, Written};
use super::plans::RECEIVERS;
use super::receivers::Lane;
use super::steps::{Steps, outcome};
use super::volumes::{Faulty, Handle};
use crate::config;
use crate::daemon::clock::Clock;
use crate::daemon::commit::{Committer, Condition, Group, Keep, Outgoing};
use crate::daemon::intake::Workers;
use crate::daemon::ledger::{Ledger, Loop, Start, ledger};
use crate::daemon::recorder::{Keeper, Recorder};
use crate::daemon::recover::{Recovered, recover};
use crate::engine::{Effects, Engine, Fact, NotificationId, Plan};
use crate::model::Now;
use crate::recording::FOLDER;
use crate::runbook::End;

/// What is committed and not let out, or not even committed.
struct InHand {
    group: Group,
    written: Written,
    kept: Option<bool>,
}

pub(super) struct Process {
    pub(super) clock: Clock,
    pub(super) ledger: Ledger,
    turns: Loop,
    effects: Effects,
    committer: Committer,
    in_hand: VecDeque<InHand>,
    pub(super) workers: Arc<Workers>,
    /// As the workers have it.
    pub(super) plan: Arc<RwLock<Arc<Plan>>>,
    pub(super) lanes: BTreeMap<&'static str, Lane>,
    pub(super) steps: Steps,
    facts: broadcast::Receiver<Fact>,
    keeper: Keeper,
    /// What was let out without being kept.
    pub(super) unkept: Vec<(NotificationId, String)>,
}

/// What a life begins with.
pub(super) struct Born<'b> {
    pub(super) folder: &'b Path,
    pub(super) now: u64,
    pub(super) volume: &'b Handle,
    pub(super) recorder: &'b config::Recorder,
}

impl Born<'_> {
    /// As `Daemon::start` reads it.
    pub(super) fn recover(&self, plan: &Arc<Plan>) -> (Recovered, Clock) {
        let clock = Clock::by_hand(Now(self.now));
        let recovered = recover(self.folder, plan, &clock).expect("the folder is ours to use");
        recovered.database.breaks_off().expect("the database takes its settings");
        (recovered, clock)
    }

    /// And as it goes on.
    pub(super) fn live(&self, (recovered, clock): (Recovered, Clock), plan: &Arc<Plan>) -> Process {
        let Recovered { engine, database, last, key, report, otherwise, tail_bytes, .. } = recovered;
        let mend = !report.is_empty() || !otherwise.is_empty();
        let volume = Box::new(Faulty::new(database, self.volume.clone()));
        let keep = Keep::On { volume, key };
        let recorder = Arc::<Recorder>::default();
        let keeper = Keeper::begin(&recorder, &self.folder.join(FOLDER), self.recorder.clone());
        let keeper = keeper.expect("the folder is ours to use");
        let ack_early = false;
        let start = Start {
            engine,
            clock: clock.clone(),
            keep,
            last,
            tail_bytes,
            mend,
            ack_early,
            recorder,
            outlet: None,
        };
        let (ledger, mut turns, committer) = ledger(start);
        let facts = ledger.facts();
        turns.resume(Arc::clone(plan), super::plans::receivers(), mend);
        let plan = Arc::new(RwLock::new(Arc::clone(plan)));
        let workers = Workers::new(Arc::clone(&plan), clock.clone(), ledger.clone(), key);
        Process {
            clock,
            ledger,
            effects: turns.effects(),
            turns,
            committer,
            in_hand: VecDeque::new(),
            workers: Arc::new(workers),
            plan,
            lanes: RECEIVERS.into_iter().map(|name| (name, Lane::new())).collect(),
            steps: Steps::default(),
            facts,
            keeper,
            unkept: Vec::new(),
        }
    }
}

impl Process {
    /// One turn of the loop; `epoch` is what it is made under. `false`: it was the last one.
    pub(super) fn turn(&mut self, epoch: usize) -> bool {
        self.ledger.waker()();
        let goes_on = self.turns.once(&mut self.effects);
        self.in_hand.extend(self.committer.take().map(|group| {
            let written = Written::of(&group, epoch);
            InHand { group, written, kept: None }
        }));
        goes_on
    }

    /// Half of a commit: to the volume, or out to those who wait. What was done, if anything was.
    pub(super) fn commit(&mut self, now: Instant, volume: &Handle, journal: &mut Journal) -> Option<String> {
        let first = self.in_hand.front_mut()?;
        let number = first.group.sequence.0;
        let Some(kept) = first.kept else {
            let kept = self.committer.keep(&first.group, now);
            first.kept = Some(kept);
            if kept && first.written.is_full_image() {
                self.unkept.clear();
            }
            let landed = volume.has_landed(first.group.sequence);
            if landed {
                journal.add(first.written.clone());
            }
            return Some(format!("group {number} is kept: {kept}, is there: {landed}"));
        };
        let InHand { group, .. } = self.in_hand.pop_front()?;
        journal.released(group.sequence);
        if !kept {
            self.unkept.extend(group.notifications.iter().map(|one| (one.id, one.dedup_key.clone())));
        }
        let (answers, notifications, steps) =
            (group.answers.len(), group.notifications.len(), group.steps.len());
        let edge = RefCell::new((&mut self.lanes, &mut self.steps));
        self.committer.release(group, kept, &|one| {
            let (lanes, steps) = &mut *edge.borrow_mut();
            match one {
                Outgoing::Notification(notification) => {
                    let lane = lanes.get_mut(notification.receiver.as_str());
                    lane.expect("a receiver of ours").push(notification);
                }
                Outgoing::Step(step) => steps.hand_in(step),
                Outgoing::NotBegun(key) => self.ledger.settle_step(key, outcome(End::NotBegun)),
            }
        });
        self.keeper.turn();
        self.ledger.health().set_idle();
        self.ledger.waker()();
        Some(format!(
            "group {number} lets out {answers} answers, {notifications} notifications, {steps} steps"
        ))
    }

    /// What the committer does each second in which nothing comes.
    pub(super) fn look_again(&mut self, now: Instant) {
        if self.in_hand.is_empty() {
            self.committer.look_again(now);
            if self.ledger.health().wants_image() {
                self.ledger.waker()();
            }
        }
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        self.turns.engine()
    }

    pub(super) fn is_kept(&self) -> bool {
        self.ledger.health().condition() == Condition::Kept
    }

    pub(super) fn facts(&mut self) -> Vec<Fact> {
        std::iter::from_fn(|| self.facts.try_recv().ok()).collect()
    }

    /// Nothing waits for anything but the next tick.
    pub(super) fn is_at_rest(&mut self) -> bool {
        let (waiting, group) = self.turns.waiting();
        let is_idle = waiting == 0 && group.is_idle() && self.in_hand.is_empty();
        let is_told = self.lanes.values().all(|lane| lane.len() == 0);
        let is_done = self.steps.len() == 0 && !self.engine().has_open_runs();
        is_idle && is_told && is_done && self.is_kept() && self.engine().unsettled().is_empty()
    }

    /// How much there is of what could grow.
    pub(super) fn sizes(&mut self) -> [usize; 6] {
        let (waiting, group) = self.turns.waiting();
        let (answers, notifications) = (group.answers.len(), group.notifications.len());
        let queued = self.lanes.values().map(Lane::len).sum();
        [waiting, answers, notifications, queued, self.steps.len(), self.engine().unsettled().len()]
    }

    /// Of the group that is committed and not let out.
    pub(super) fn holds_back(&self) -> bool {
        self.in_hand.front().is_some_and(|first| first.kept.is_some())
    }
}
