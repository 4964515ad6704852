//! The ledger's loop: one thread that owns the engine, and the handle by which everybody else reaches it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

use tokio::sync::{broadcast, oneshot};

use super::clock::Clock;
use super::commit::{Committer, Condition, Group, Health, Keep};
use super::recorder::{Recorder, Tape};
use crate::engine::{
    Ack, AckToken, Answered, Ask, Batch, Effect, Effects, Engine, Fact, History, Input, Placing, Plan,
    Records, Trouble, What,
};
use crate::kafka::Outlet;
use crate::model::{Now, SECOND_NS, Signal};
use crate::recording::digest;
use crate::runbook::StepKey;
use crate::store::{Recent, Sequence};
use outcomes::Settled;

/// Requests that may wait for the ledger. It takes microseconds for one, so a full inbox means overload.
const INBOX_MAX: usize = 1_024;
/// Inputs that share one group of the journal.
const GROUP_MAX: usize = 256;
/// What may wait for a commit that is under way; beyond it the loop waits too, and the inbox turns away.
const WAITING_MAX: usize = 4_096;
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// An image is made when so much was written down since the last one, or so much time has passed: both bound what a
/// start has to do again.
const TAIL_BYTES_MAX: u64 = 16 * 1024 * 1024;
const TAIL_NS_MAX: u64 = 60 * SECOND_NS;
const TAIL_BYTES_SMALL: u64 = 256 * 1024;
/// A tick that is so much too late was held up with everything else.
const AWAY_NS: u64 = 2 * SECOND_NS;
/// Questions that may wait; they have a channel of their own, so that a storm of either kind leaves the
/// other alone.
const QUESTIONS_MAX: usize = 64;
/// Facts that a slow onlooker may lag behind.
const FACTS_MAX: usize = 4_096;

type Question = Box<dyn FnOnce(&Sight<'_>) + Send>;

/// By name: all that there are, and those of them that are new or changed.
#[derive(Debug, Default)]
pub struct Receivers {
    pub known: Vec<String>,
    pub changed: Vec<String>,
}

/// What a question may look at.
pub struct Sight<'a> {
    pub engine: &'a Engine,
    pub recent: &'a Recent,
}

enum Message {
    Observed {
        batch: Box<Batch>,
        reply: oneshot::Sender<Ack>,
    },
    Placed {
        placing: Placing,
        reply: oneshot::Sender<Ack>,
    },
    Troubled {
        trouble: Trouble,
        why: Option<String>,
    },
    Injected(History),
    Asked {
        ask: Ask,
        reply: oneshot::Sender<Answered>,
    },
    Configured {
        plan: Arc<Plan>,
        receivers: Receivers,
        reply: oneshot::Sender<Vec<String>>,
    },
    Flush(oneshot::Sender<()>),
    /// No step of a runbook begins from now on: it is put off to after the next start.
    HoldRuns,
    /// Something waits in one of the other channels.
    Look,
    Stop,
}

/// Hands inputs and questions to the ledger; never blocks on it.
#[derive(Clone)]
pub struct Ledger {
    inbox: SyncSender<Message>,
    questions: SyncSender<Question>,
    /// Holds at most one outcome for each notification that is pending, and for each step.
    outcomes: Sender<Settled>,
    refused: Arc<[AtomicU64; 3]>,
    facts: broadcast::Sender<Fact>,
    health: Arc<Health>,
}

/// The inbox was full, or the ledger has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// The loop's own half, to be run on a thread of its own.
pub struct Loop {
    inbox: Receiver<Message>,
    questions: Receiver<Question>,
    outcomes: Receiver<Settled>,
    refused: Arc<[AtomicU64; 3]>,
    engine: Engine,
    clock: Clock,
    recent: Recent,
    /// And who is not answered before the commit, however the others are.
    waiting: BTreeMap<AckToken, (oneshot::Sender<Ack>, bool)>,
    asking: BTreeMap<AckToken, oneshot::Sender<Answered>>,
    last_token: u64,
    commits: SyncSender<Group>,
    health: Arc<Health>,
    /// What the next commit brings.
    group: Group,
    records: Records,
    last: Sequence,
    /// Bytes since the last image, and when that was.
    tail: (u64, Now),
    /// Answers do not wait for the commit.
    ack_early: bool,
    /// The next image has the plan, too.
    wants_image: bool,
    /// As it was told last.
    condition: Condition,
    tape: Tape,
    outlet: Option<Outlet>,
    /// Steps that were put off, where they are.
    put_off: Option<Vec<StepKey>>,
}

/// What a ledger begins with.
pub struct Start {
    pub engine: Engine,
    pub clock: Clock,
    pub keep: Keep,
    /// The newest group that is kept.
    pub last: Sequence,
    /// Of the groups that were done again.
    pub tail_bytes: u64,
    /// What is kept is not whole: an image of everything takes its place at once.
    pub mend: bool,
    pub ack_early: bool,
    pub recorder: Arc<Recorder>,
    /// Where it is published, if it is.
    pub outlet: Option<Outlet>,
}

pub fn ledger(start: Start) -> (Ledger, Loop, Committer) {
    let Start { engine, clock, keep, last, tail_bytes, mend, ack_early, recorder, outlet } = start;
    let (sender, inbox) = sync_channel(INBOX_MAX);
    let (asking, questions) = sync_channel(QUESTIONS_MAX);
    let (settling, outcomes) = channel();
    let refused: Arc<[AtomicU64; 3]> = Arc::default();
    let facts = broadcast::Sender::new(FACTS_MAX);
    let health: Arc<Health> = Arc::default();
    let (commits, groups) = sync_channel(1);
    let records = if matches!(keep, Keep::Memory) { Records::default() } else { Records::on() };
    let committer = Committer::new(
        groups,
        keep,
        Arc::clone(&health),
        facts.clone(),
        (Arc::clone(&recorder), outlet.clone()),
    );
    let ledger = Ledger {
        inbox: sender,
        questions: asking,
        outcomes: settling,
        refused: refused.clone(),
        facts,
        health: Arc::clone(&health),
    };
    let turns = Loop {
        tape: Tape::begin(recorder, &engine),
        outlet,
        inbox,
        questions,
        outcomes,
        refused,
        // Much to do again is much to do again at the next start: the first commit brings an image.
        tail: (tail_bytes, if tail_bytes >= TAIL_BYTES_SMALL { Now::default() } else { clock.now() }),
        engine,
        clock,
        recent: Recent::default(),
        waiting: BTreeMap::new(),
        asking: BTreeMap::new(),
        last_token: 0,
        commits,
        health,
        group: Group::default(),
        records,
        last,
        ack_early,
        wants_image: mend,
        // So that a trouble of before is over, if it is.
        condition: Condition::Failing,
        put_off: None,
    };
    (ledger, turns, committer)
}

impl Ledger {
    /// Hands a batch in and waits for its answer. A full inbox refuses at once and is counted.
    pub async fn observe(&self, batch: Batch) -> Result<Ack, Unavailable> {
        let (signal, items) = (batch.signal, batch.items);
        let (reply, answer) = oneshot::channel();
        if let Err(error) = self.inbox.try_send(Message::Observed { batch: Box::new(batch), reply }) {
            if matches!(error, TrySendError::Full(_)) {
                self.refused(signal, items);
            }
            return Err(Unavailable);
        }
        answer.await.map_err(|_| Unavailable)
    }

    /// Counts items that were read and could not be taken now.
    pub fn refused(&self, signal: Signal, items: u64) {
        self.refused[signal as usize].fetch_add(items, Ordering::Relaxed);
    }

    /// A full inbox keeps the loop turning, and every turn looks at the other channels.
    fn wake(&self) {
        let _busy = self.inbox.try_send(Message::Look);
    }

    /// Facts from now on, as they become durable.
    pub fn facts(&self) -> broadcast::Receiver<Fact> {
        self.facts.subscribe()
    }

    /// Until everything that was handed in before is kept, and let out.
    pub async fn flush(&self) {
        let (reply, done) = oneshot::channel();
        let inbox = self.inbox.clone();
        let sent = tokio::task::spawn_blocking(move || inbox.send(Message::Flush(reply)).is_ok());
        if sent.await.unwrap_or(false) {
            let _stopped = done.await;
        }
    }

    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Looks whether there is something to hand over. Never blocks.
    pub fn waker(&self) -> impl Fn() + Send + use<> {
        let inbox = self.inbox.clone();
        move || {
            let _busy = inbox.try_send(Message::Look);
        }
    }

    /// Everything handed in before this is still done.
    pub fn stop(&self) {
        let _stopped = self.inbox.send(Message::Stop);
    }
}

impl Loop {
    /// Takes up a state that was kept: another plan is an input like any other, and notifications of which it is not
    /// known what became of them go out again.
    pub fn resume(&mut self, plan: Arc<Plan>, receivers: Vec<String>, is_doubtful: bool) {
        let mut effects = self.effects();
        for notification in self.engine.unsettled() {
            effects.requests.push(Effect::Notify(Box::new(notification)));
        }
        if plan.version == self.engine.plan().version {
            self.engine.adopt(plan);
        } else {
            let (known, changed) = (receivers.clone(), receivers);
            self.configure(plan, Receivers { known, changed }, &mut effects);
        }
        self.take_up(is_doubtful, &mut effects);
        self.collect(&mut effects);
        self.records = effects.records;
    }

    /// Runs until [`Ledger::stop`].
    pub fn run(mut self) {
        let mut effects = self.effects();
        while self.once(&mut effects) {}
    }

    /// What every turn of this loop is to be given.
    pub(super) fn effects(&mut self) -> Effects {
        Effects { records: std::mem::take(&mut self.records), ..Effects::default() }
    }

    /// One turn: waits for an input or for the tick. `false`: it was the last one.
    pub(super) fn once(&mut self, effects: &mut Effects) -> bool {
        let stop = self.turn(effects);
        self.collect(effects);
        self.put_off(effects);
        let committer_lives = self.hand_over(&mut effects.records, stop);
        !stop && committer_lives
    }

    #[cfg(test)]
    pub(super) fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Who waits for an answer, and what waits for a commit.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> (usize, &Group) {
        (self.waiting.len(), &self.group)
    }

    /// Puts what was decided into the group that waits for the next commit.
    fn collect(&mut self, effects: &mut Effects) {
        self.recent.add(&effects.facts);
        self.group.facts.append(&mut effects.facts);
        for request in effects.requests.drain(..) {
            match request {
                Effect::Notify(mut notification) => {
                    self.engine.plan().annotate(&mut notification);
                    self.group.notifications.push(*notification);
                }
                Effect::Run(step) => match &mut self.put_off {
                    Some(put_off) => put_off.push(step.key),
                    None => self.group.steps.push(*step),
                },
                Effect::Answer { token, answered } => {
                    let reply = self.asking.remove(&token);
                    self.group.answered.extend(reply.map(|reply| (reply, answered)));
                }
                Effect::Acknowledge { token, ack } => {
                    let Some((reply, waits)) = self.waiting.remove(&token) else { continue };
                    if self.ack_early && !waits && !matches!(self.health.condition(), Condition::Failing) {
                        let _gone = reply.send(ack);
                    } else {
                        self.group.answers.push((reply, ack));
                    }
                }
            }
        }
    }

    /// Gives the group to the committer if that is free; waits for it only where too much has gathered, or at the end.
    /// `false`: there is no committer any more.
    fn hand_over(&mut self, records: &mut Records, stop: bool) -> bool {
        let wants_image = self.wants_image || self.health.wants_image();
        let is_idle = records.is_empty() && self.group.is_idle() && !self.tape.is_due();
        if is_idle && !wants_image && !stop {
            return true;
        }
        let too_much = self.group.answers.len() >= WAITING_MAX || records.len() >= WAITING_BYTES_MAX;
        if self.health.is_busy() && !too_much && !stop {
            return true;
        }
        let (now, (bytes, since)) = (self.clock.now(), self.tail);
        let bytes = bytes + records.len() as u64;
        let is_long = bytes >= TAIL_BYTES_MAX || (bytes > 0 && since.plus_ns(TAIL_NS_MAX) <= now);
        self.tail = (bytes, since);
        let mut group = std::mem::take(&mut self.group);
        group.strip = self.tape.take(&self.engine, records.bytes(), &group.facts);
        if records.is_on() && (wants_image || is_long || stop) {
            // Whatever became of the commit before the last one, all of it is there.
            group.image = Some(self.engine.image(wants_image || stop));
            self.wants_image = false;
            self.tail = (0, now);
            records.take();
        } else if !records.is_empty() {
            group.payload = digest(&group.facts).to_le_bytes().to_vec();
            group.payload.append(&mut records.take());
        }
        if group.image.is_some() || !group.payload.is_empty() {
            self.last = self.last.next();
        }
        group.sequence = self.last;
        self.health.set_busy();
        self.commits.send(group).is_ok()
    }

    /// Takes what waits, up to one group. Whether it is over.
    fn turn(&mut self, effects: &mut Effects) -> bool {
        let mut next = self.wait(effects);
        let (mut taken, mut stop) = (0, false);
        while let Some(message) = next {
            stop = matches!(message, Message::Stop);
            self.take(message, effects);
            taken += 1;
            // What is taken out is worked on: beyond the group it stays in the inbox.
            next = if taken < GROUP_MAX && !stop { self.inbox.try_recv().ok() } else { None };
        }
        self.take_outcomes(effects);
        while let Ok(question) = self.questions.try_recv() {
            self.count_refused(effects);
            question(&Sight { engine: &self.engine, recent: &self.recent });
        }
        self.tell_condition(effects);
        let (now, due) = (self.clock.now(), self.engine.deadline());
        if due.plus_ns(AWAY_NS) <= now {
            self.step(Input::Away, effects);
        }
        if due <= now {
            self.step(Input::Tick, effects);
        }
        stop
    }

    fn wait(&self, effects: &Effects) -> Option<Message> {
        debug_assert!(effects.requests.is_empty(), "the last group was performed");
        let Now(now) = self.clock.now();
        let rest = Duration::from_nanos(self.engine.deadline().0.saturating_sub(now));
        match self.inbox.recv_timeout(rest) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
        }
    }

    fn take(&mut self, message: Message, effects: &mut Effects) {
        match message {
            Message::Observed { batch, reply } => {
                let token = self.expect(reply, batch.offsets.is_some());
                let outlet = self.outlet.as_ref();
                let mut told = outlet.map_or_else(Vec::new, |outlet| outlet.select(&batch.events));
                self.step(Input::Observed { token, batch }, effects);
                if matches!(
                    effects.requests.last(),
                    Some(Effect::Acknowledge { ack: Ack::Accepted { .. }, .. })
                ) {
                    self.group.events.append(&mut told);
                }
            }
            Message::Placed { placing, reply } => {
                let token = self.expect(reply, true);
                self.step(Input::Placed { token, placing }, effects);
            }
            Message::Troubled { trouble, why } => self.step(Input::Troubled { trouble, why }, effects),
            Message::Injected(history) => self.step(Input::Injected(history), effects),
            Message::Asked { ask, reply } => {
                self.last_token += 1;
                let token = AckToken(self.last_token);
                self.asking.insert(token, reply);
                self.step(Input::Asked { token, ask }, effects);
            }
            Message::Configured { plan, receivers, reply } => {
                let _gone = reply.send(self.configure(plan, receivers, effects));
            }
            Message::Flush(reply) => self.group.flushed.push(reply),
            Message::HoldRuns => self.put_off = Some(Vec::new()),
            Message::Look | Message::Stop => {}
        }
    }

    fn expect(&mut self, reply: oneshot::Sender<Ack>, waits: bool) -> AckToken {
        self.last_token += 1;
        let token = AckToken(self.last_token);
        self.waiting.insert(token, (reply, waits));
        token
    }

    /// What differs, in words. A recording has what came before and after it apart.
    fn configure(&mut self, plan: Arc<Plan>, receivers: Receivers, effects: &mut Effects) -> Vec<String> {
        self.collect(effects);
        self.tape.cut(&self.engine, effects.records.bytes(), &self.group.facts);
        self.step(Input::Configured(plan), effects);
        self.wants_image = true;
        let changes = effects.facts.iter().rev().find_map(|fact| match &fact.what {
            What::ConfigApplied { changes } => Some(changes.clone()),
            _ => None,
        });
        self.collect(effects);
        self.tape.configured(&self.engine, &self.group.facts);
        let Receivers { known, changed } = receivers;
        self.step(Input::Receivers { known, changed }, effects);
        changes.unwrap_or_default()
    }

    fn step(&mut self, input: Input, effects: &mut Effects) {
        self.engine.step(self.clock.now(), input, effects);
    }
}

mod handing;
mod outcomes;
#[cfg(test)]
mod tests;
