//! The ledger's loop: one thread that owns the engine, and the handle by which everybody else reaches it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

use tokio::sync::{broadcast, oneshot};

use super::clock::Clock;
use crate::engine::{
    Ack, AckToken, Batch, Effect, Effects, Engine, Fact, History, Input, Notification, NotificationId,
    Outcome, Plan, What,
};
use crate::model::{Now, Signal};
use crate::store::{Journal, Sequence};

/// Requests that may wait for the ledger. It takes microseconds for one, so a full inbox means overload.
const INBOX_MAX: usize = 1_024;
/// Inputs that share one group of the journal.
const GROUP_MAX: usize = 256;
/// Questions that may wait; they have a channel of their own, so that a storm of either kind leaves the
/// other alone.
const QUESTIONS_MAX: usize = 64;
/// Facts that a slow onlooker may lag behind.
const FACTS_MAX: usize = 4_096;

type Question = Box<dyn FnOnce(&Sight<'_>) + Send>;

/// What a question may look at.
pub struct Sight<'a> {
    pub engine: &'a Engine,
    pub journal: &'a Journal,
}

enum Message {
    Observed {
        batch: Box<Batch>,
        reply: oneshot::Sender<Ack>,
    },
    Injected(History),
    Configured {
        plan: Arc<Plan>,
        reply: oneshot::Sender<Vec<String>>,
    },
    /// Something waits in one of the other channels.
    Look,
    Stop,
}

/// Hands inputs and questions to the ledger; never blocks on it.
#[derive(Clone)]
pub struct Ledger {
    inbox: SyncSender<Message>,
    questions: SyncSender<Question>,
    /// Holds at most one outcome for each notification that is pending.
    outcomes: Sender<(NotificationId, Outcome)>,
    refused: Arc<[AtomicU64; 3]>,
    facts: broadcast::Sender<Fact>,
}

/// The inbox was full, or the ledger has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// The loop's own half, to be run on a thread of its own.
pub struct Loop {
    inbox: Receiver<Message>,
    questions: Receiver<Question>,
    outcomes: Receiver<(NotificationId, Outcome)>,
    refused: Arc<[AtomicU64; 3]>,
    facts: broadcast::Sender<Fact>,
    engine: Engine,
    clock: Clock,
    journal: Journal,
    waiting: BTreeMap<AckToken, oneshot::Sender<Ack>>,
    last_token: u64,
}

pub fn ledger(engine: Engine, clock: Clock) -> (Ledger, Loop) {
    let (sender, inbox) = sync_channel(INBOX_MAX);
    let (asking, questions) = sync_channel(QUESTIONS_MAX);
    let (settling, outcomes) = channel();
    let refused: Arc<[AtomicU64; 3]> = Arc::default();
    let facts = broadcast::Sender::new(FACTS_MAX);
    let ledger = Ledger {
        inbox: sender,
        questions: asking,
        outcomes: settling,
        refused: refused.clone(),
        facts: facts.clone(),
    };
    let turns = Loop {
        inbox,
        questions,
        outcomes,
        refused,
        facts,
        engine,
        clock,
        journal: Journal::default(),
        waiting: BTreeMap::new(),
        last_token: 0,
    };
    (ledger, turns)
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

    /// Never blocks and never loses: what became of a notification must survive a busy moment, and the
    /// answer may come from within the ledger's own thread.
    pub fn settle(&self, id: NotificationId, outcome: Outcome) {
        let _stopped = self.outcomes.send((id, outcome));
        self.wake();
    }

    /// A full inbox keeps the loop turning, and every turn looks at the other channels.
    fn wake(&self) {
        let _busy = self.inbox.try_send(Message::Look);
    }

    pub fn inject(&self, history: History) {
        let _stopped = self.inbox.send(Message::Injected(history));
    }

    /// Puts another plan into effect between two batches; what differs, in words. Waits for room.
    pub async fn configure(&self, plan: Arc<Plan>) -> Result<Vec<String>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let inbox = self.inbox.clone();
        let sent =
            tokio::task::spawn_blocking(move || inbox.send(Message::Configured { plan, reply }).is_ok());
        if !sent.await.unwrap_or(false) {
            return Err(Unavailable);
        }
        answer.await.map_err(|_| Unavailable)
    }

    /// Answers a question from the state between two inputs.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Sight<'_>) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let asked: Question = Box::new(move |sight| {
            let _gone = reply.send(question(sight));
        });
        self.questions.try_send(asked).map_err(|_| Unavailable)?;
        self.wake();
        answer.await.map_err(|_| Unavailable)
    }

    /// Facts from now on, as they become durable.
    pub fn facts(&self) -> broadcast::Receiver<Fact> {
        self.facts.subscribe()
    }

    /// Everything handed in before this is still done.
    pub fn stop(&self) {
        let _stopped = self.inbox.send(Message::Stop);
    }
}

impl Loop {
    /// Runs until [`Ledger::stop`]. `notify` must not block.
    pub fn run(mut self, notify: impl Fn(Notification)) {
        let mut effects = Effects::default();
        loop {
            let stop = self.turn(&mut effects);
            let group = self.journal.append(&effects.facts);
            self.perform(group, &mut effects, &notify);
            if stop {
                return;
            }
        }
    }

    /// Takes what waits, up to one group. Whether it is over.
    fn turn(&mut self, effects: &mut Effects) -> bool {
        let mut next = self.wait(effects);
        let mut taken = 0;
        while let Some(message) = next {
            if matches!(message, Message::Stop) {
                return true;
            }
            self.take(message, effects);
            taken += 1;
            // What is taken out is worked on: beyond the group it stays in the inbox.
            next = if taken < GROUP_MAX { self.inbox.try_recv().ok() } else { None };
        }
        while let Ok((id, outcome)) = self.outcomes.try_recv() {
            self.step(Input::Settled { id, outcome }, effects);
        }
        while let Ok(question) = self.questions.try_recv() {
            self.count_refused(effects);
            question(&Sight { engine: &self.engine, journal: &self.journal });
        }
        if self.engine.deadline() <= self.clock.now() {
            self.step(Input::Tick, effects);
        }
        false
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
                self.last_token += 1;
                let token = AckToken(self.last_token);
                self.waiting.insert(token, reply);
                self.step(Input::Observed { token, batch }, effects);
            }
            Message::Injected(history) => self.step(Input::Injected(history), effects),
            Message::Configured { plan, reply } => {
                self.step(Input::Configured(plan), effects);
                let changes = effects.facts.iter().rev().find_map(|fact| match &fact.what {
                    What::ConfigApplied { changes } => Some(changes.clone()),
                    _ => None,
                });
                let _gone = reply.send(changes.unwrap_or_default());
            }
            Message::Look | Message::Stop => {}
        }
    }

    fn count_refused(&mut self, effects: &mut Effects) {
        for signal in Signal::ALL {
            let items = self.refused[*signal as usize].swap(0, Ordering::Relaxed);
            if items > 0 {
                self.step(Input::Refused { signal: *signal, items }, effects);
            }
        }
    }

    fn step(&mut self, input: Input, effects: &mut Effects) {
        self.engine.step(self.clock.now(), input, effects);
    }

    /// Facts first, then notices, answers last; none before its group is durable.
    fn perform(&mut self, group: Sequence, effects: &mut Effects, notify: &impl Fn(Notification)) {
        debug_assert!(group <= self.journal.durable(), "a journal in memory is durable at once");
        for fact in effects.facts.drain(..) {
            let _nobody_looks_on = self.facts.send(fact);
        }
        for request in effects.requests.drain(..) {
            match request {
                Effect::Notify(notification) => notify(*notification),
                Effect::Acknowledge { token, ack } => {
                    if let Some(reply) = self.waiting.remove(&token) {
                        let _gone = reply.send(ack);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::config::{self, World};

    /// No file, no variable.
    struct Nowhere;

    impl World for Nowhere {
        fn read(&self, _path: &Path) -> Result<String, String> {
            Err("there is none".to_owned())
        }

        fn env(&self, _name: &str) -> Option<String> {
            None
        }

        fn expand(&self, _pattern: &Path) -> Result<Vec<PathBuf>, String> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn what_comes_right_after_a_whole_group_is_not_lost() {
        let clock = Clock::default();
        let plan = config::load(&[], &Nowhere).config.expect("the defaults are fine").plan;
        let (ledger, mut turns) = ledger(Engine::new(Arc::new(plan), clock.now()), clock);
        (0..GROUP_MAX).for_each(|_| ledger.wake());
        ledger.stop();
        let mut effects = Effects::default();
        assert!(!turns.turn(&mut effects));
        effects.requests.clear();
        assert!(turns.turn(&mut effects), "it was told to stop");
    }
}
