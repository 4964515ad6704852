//! Kafka beside the other ways in and out: what its consumer needs of the daemon, and who publishes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::State;
use super::clock::Clock;
use super::commit;
use super::ledger::{Ledger, Sight};
use crate::api::{KafkaView, Outcomes, PartitionView};
use crate::config;
use crate::engine::{Ack, Batch, Engine, Fact, Placing, Plan, Position, Subject, Trouble};
use crate::kafka::{self, Answer, Condition, Consumer, Counting, Outlet, Publisher, Status};
use crate::model::{EventTime, Now, rfc3339};

/// Whose facts they are that no service has.
const SERVICE: &str = "evenkeel";

type SharedPlan = Arc<RwLock<Arc<Plan>>>;

/// Nothing of it where the configuration has no `kafka`.
#[derive(Default)]
pub(super) struct Kafka {
    settings: Option<config::Kafka>,
    status: OnceLock<Arc<Status>>,
    consumer: Mutex<Option<Consumer>>,
    publisher: Mutex<Option<Publisher>>,
}

impl Kafka {
    /// `facts`: what was decided before the last start and is perhaps not published.
    pub(super) fn new(
        settings: Option<config::Kafka>,
        plan: &SharedPlan,
        facts: &[Fact],
    ) -> anyhow::Result<Self> {
        let mut publisher = None;
        if let Some(settings) = settings.as_ref().filter(|settings| !settings.publish.is_empty()) {
            let plan = Arc::clone(plan);
            let source = format!("/evenkeel/{}", current(&plan).tenant);
            let service = move |subject: &Subject| service_of(&current(&plan), subject);
            publisher = Some(Publisher::start(settings, source, service)?);
        }
        let kafka = Self { settings, publisher: Mutex::new(publisher), ..Self::default() };
        if let Some(outlet) = kafka.outlet() {
            facts.iter().for_each(|fact| outlet.fact(fact));
        }
        Ok(kafka)
    }

    pub(super) fn outlet(&self) -> Option<Outlet> {
        self.publisher.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.outlet()
    }

    /// From here on topics are read. A member whose state is kept has a name of its own in the group, so that it finds its
    /// partitions again.
    pub(super) fn read(&self, reading: Reading, state: State) -> anyhow::Result<()> {
        let Some(settings) = self.settings.as_ref().filter(|settings| !settings.topics.is_empty()) else {
            // Of before the start: there is nothing to read any more.
            reading.trouble(None);
            return Ok(());
        };
        let instance = (state == State::Kept).then(|| kafka::signature(reading.key));
        let consumer = Consumer::start(settings.clone(), instance, Arc::new(reading))?;
        let _first = self.status.set(consumer.status());
        *self.consumer.lock().unwrap_or_else(PoisonError::into_inner) = Some(consumer);
        Ok(())
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.status.get()?.trouble().map(|why| format!("Kafka is not read: {why}"))
    }

    /// `places`: as the state has them.
    pub(super) fn view(&self, places: Vec<PartitionView>) -> KafkaView {
        let mut view = KafkaView { condition: "off", partitions: places, ..KafkaView::default() };
        let publisher = self.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some([delivered, dropped, failed]) = publisher.as_ref().map(Publisher::counts) {
            view.published = Outcomes { delivered, dropped, failed };
        }
        let Some(status) = self.status.get() else { return view };
        let now = status.snapshot();
        let (condition, reason) = match now.condition {
            Condition::Joining => ("joining", None),
            Condition::Reading => ("reading", None),
            Condition::Idle => ("idle", None),
            Condition::Failing(why) => ("failing", Some(why)),
        };
        (view.condition, view.reason, view.last_error) = (condition, reason, now.last_error);
        (view.rebalances, view.rewinds, view.errors) = (now.rebalances, now.rewinds, now.errors);
        view.dead_letters =
            Outcomes { delivered: now.dead_letters, dropped: 0, failed: now.dead_letters_failed };
        for (key, status) in now.partitions {
            let known = view.partitions.iter_mut().find(|one| (&one.topic, one.partition) == (&key.0, key.1));
            if let Some(one) = known {
                let behind = status.end.map(|end| end.saturating_sub(one.next_offset));
                one.lag = behind.map(|behind| u64::try_from(behind).unwrap_or_default());
                (one.assigned, one.held) = (true, status.held);
            }
        }
        view
    }

    pub(super) fn stop_reading(&self) {
        drop(self.consumer.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// After the last outlet is gone.
    pub(super) fn stop_publishing(&self) {
        drop(self.publisher.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Where each partition stands that was ever read.
pub(super) fn places(engine: &Engine) -> Vec<PartitionView> {
    let places = engine.positions().map(|(topic, partition, one)| PartitionView {
        topic: topic.to_owned(),
        partition,
        assigned: false,
        next_offset: one.next,
        records: one.records,
        poison: one.poison,
        lost: one.lost,
        replaced: one.replaced,
        lag: None,
        watermark: one.newest.map(|at| rfc3339(at.0)),
        watermark_s: one.newest.map(EventTime::seconds),
        held: None,
    });
    places.collect()
}

fn current(plan: &SharedPlan) -> Arc<Plan> {
    plan.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn service_of(plan: &Plan, subject: &Subject) -> String {
    let Subject::Slo(name) = subject else { return SERVICE.to_owned() };
    let slo = plan.slos.iter().find(|one| one.slo.name == *name);
    slo.map_or(SERVICE, |one| &one.slo.service).to_owned()
}

/// The daemon, as the consumer sees it.
pub(super) struct Reading {
    /// The one that requests are folded under.
    plan: SharedPlan,
    clock: Clock,
    ledger: Ledger,
    /// Seeds what a fold hashes with, and names the state.
    key: u64,
}

impl Reading {
    pub(super) fn of(plan: &SharedPlan, clock: &Clock, ledger: &Ledger, key: u64) -> Self {
        Self { plan: Arc::clone(plan), clock: clock.clone(), ledger: ledger.clone(), key }
    }
}

impl Counting for Reading {
    fn plan(&self) -> Arc<Plan> {
        current(&self.plan)
    }

    fn follow(&self) {
        if let Some(plan) = self.ledger.ask_and_wait(|sight| sight.engine.plan()) {
            *self.plan.write().unwrap_or_else(PoisonError::into_inner) = plan;
        }
    }

    fn key(&self) -> u64 {
        self.key
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn is_kept(&self) -> bool {
        self.ledger.health().condition() == commit::Condition::Kept
    }

    fn submit(&self, batch: Box<Batch>) -> Option<Answer> {
        self.ledger.submit(batch)
    }

    fn place(&self, placing: Placing) -> Option<bool> {
        let answer = self.ledger.place(placing)?.blocking_recv().ok()?;
        Some(matches!(answer, Ack::Accepted { .. }))
    }

    fn flush(&self) -> bool {
        self.ledger.flush_and_wait() && self.is_kept()
    }

    fn topics(&self) -> BTreeSet<String> {
        let topics = |sight: &Sight<'_>| sight.engine.positions().map(|(one, ..)| one.to_owned()).collect();
        self.ledger.ask_and_wait(topics).unwrap_or_default()
    }

    fn trouble(&self, why: Option<String>) {
        let why = why.map(|why| {
            format!("What comes by Kafka is not counted: {why}. It goes on where it stood, by itself.")
        });
        self.ledger.troubled(Trouble::KafkaNotRead, why);
    }

    fn position(&self, topic: &str, partition: i32) -> Option<Option<Position>> {
        let topic = topic.to_owned();
        self.ledger.ask_and_wait(move |sight| sight.engine.position(&topic, partition).cloned())
    }
}
