//! How it is with Kafka, for whoever asks: readiness, metrics, the API.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use super::context::Key;

/// What went wrong counts as still wrong for so long after it was last heard of.
const FRESH: Duration = Duration::from_secs(3);
/// And a topic as still missing: it is asked for every ten seconds.
const MISSING: Duration = Duration::from_secs(25);
/// The same is not logged again before.
const AGAIN: Duration = Duration::from_secs(30);
/// Reasons that are logged within that time.
const SAID_MAX: usize = 32;
/// How long it may take to come up before that is worth a word.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Connecting, or waiting for the group.
    Joining,
    Reading,
    /// A member of the group, for which there is no partition now.
    Idle,
    /// Nothing is read, for this reason.
    Failing(String),
}

/// One partition that this member reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The offset after the last record that may be read, as it was known last.
    pub end: Option<i64>,
    /// Not read for now, and why.
    pub held: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub condition: Condition,
    pub partitions: BTreeMap<Key, PartitionStatus>,
    pub rebalances: u64,
    pub poison: u64,
    pub dead_letters: u64,
    pub dead_letters_failed: u64,
    pub rewinds: u64,
    pub errors: u64,
    /// The last of them.
    pub last_error: Option<String>,
}

#[derive(Debug)]
struct Inner {
    began: Instant,
    joined: bool,
    /// Some broker was connected when that was last looked at.
    up: bool,
    /// The end of the client: only another start helps.
    fatal: Option<String>,
    trouble: Option<(String, Instant)>,
    /// Records come damaged.
    damaged: Option<String>,
    /// Topics that are to be read and are not there, or not for us.
    missing: BTreeMap<String, (String, Instant)>,
    partitions: BTreeMap<Key, PartitionStatus>,
    last_error: Option<String>,
    /// What was logged lately.
    said: BTreeMap<String, Instant>,
}

#[derive(Debug)]
pub struct Status {
    inner: Mutex<Inner>,
    pub(super) rebalances: AtomicU64,
    pub(super) poison: AtomicU64,
    pub(super) dead_letters: AtomicU64,
    pub(super) dead_letters_failed: AtomicU64,
    pub(super) rewinds: AtomicU64,
    errors: AtomicU64,
}

impl Default for Status {
    fn default() -> Self {
        let none = || AtomicU64::new(0);
        let inner = Inner {
            began: Instant::now(),
            joined: false,
            up: false,
            fatal: None,
            trouble: None,
            damaged: None,
            missing: BTreeMap::new(),
            partitions: BTreeMap::new(),
            last_error: None,
            said: BTreeMap::new(),
        };
        Self {
            inner: Mutex::new(inner),
            rebalances: none(),
            poison: none(),
            dead_letters: none(),
            dead_letters_failed: none(),
            rewinds: none(),
            errors: none(),
        }
    }
}

impl Status {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let inner = self.inner();
        Snapshot {
            condition: inner.condition(),
            partitions: inner.partitions.clone(),
            rebalances: read(&self.rebalances),
            poison: read(&self.poison),
            dead_letters: read(&self.dead_letters),
            dead_letters_failed: read(&self.dead_letters_failed),
            rewinds: read(&self.rewinds),
            errors: read(&self.errors),
            last_error: inner.last_error.clone(),
        }
    }

    /// Why nothing is read, if it is so.
    pub fn trouble(&self) -> Option<String> {
        let inner = self.inner();
        match inner.condition() {
            Condition::Failing(why) => Some(why),
            Condition::Joining if inner.began.elapsed() > PATIENCE => {
                Some("the group has not let us in yet".to_owned())
            }
            _ => None,
        }
    }

    /// The group has let us in, and nothing keeps us from reading.
    pub(super) fn is_member(&self) -> bool {
        matches!(self.inner().condition(), Condition::Reading | Condition::Idle)
    }

    /// Of a client as a whole.
    pub(super) fn client_error(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        if code == RDKafkaErrorCode::Fatal {
            self.fatal(&format!("{reason} ({code})"));
            return;
        }
        let is_cause = code != RDKafkaErrorCode::AllBrokersDown;
        // One broker of several is no end of reading.
        let stops = is_of_all(code) || (is_of_one(code) && !self.inner().up);
        self.take_note(&format!("{reason} ({code})"), stops, is_cause);
    }

    pub(super) fn fatal(&self, reason: &str) {
        self.note(reason, true);
        self.inner().fatal = Some(reason.to_owned());
    }

    /// `stops`: nothing is read while it lasts.
    pub(super) fn note(&self, reason: &str, stops: bool) {
        self.take_note(reason, stops, true);
    }

    fn take_note(&self, reason: &str, stops: bool, is_cause: bool) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut inner = self.inner();
        inner.said.retain(|_, at| at.elapsed() < AGAIN);
        if !inner.said.contains_key(reason) && inner.said.len() < SAID_MAX {
            tracing::warn!(reason, "kafka.failing");
            inner.said.insert(reason.to_owned(), Instant::now());
        }
        inner.last_error = Some(reason.to_owned());
        if stops {
            // That nobody is left to ask follows from what was said before it.
            let before = inner.trouble.take().filter(|(_, at)| !is_cause && at.elapsed() < AGAIN);
            let reason = before.map_or_else(|| reason.to_owned(), |(before, _)| before);
            inner.trouble = Some((reason, Instant::now()));
        }
    }

    /// An error of something that goes on all the same.
    pub(super) fn note_of<T>(&self, done: KafkaResult<T>) {
        if let Err(error) = done {
            self.note(&error.to_string(), false);
        }
    }

    /// The client is gone, and what it read.
    pub(super) fn forget(&self) {
        let mut inner = self.inner();
        (inner.joined, inner.up, inner.fatal, inner.damaged) = (false, false, None, None);
        inner.partitions.clear();
    }

    /// `None`: no more.
    pub(super) fn damaged(&self, reason: Option<&str>) {
        let mut inner = self.inner();
        let before = inner.damaged.take();
        inner.damaged = reason.map(|reason| format!("records come damaged: {reason}"));
        if before.is_some() && inner.damaged.is_none() {
            tracing::info!("kafka.again");
        }
    }

    pub(super) fn missing(&self, topic: &str, reason: &str) {
        let mut inner = self.inner();
        if inner.missing.insert(topic.to_owned(), (reason.to_owned(), Instant::now())).is_none() {
            tracing::warn!(topic, reason, "kafka.topic.missing");
        }
    }

    /// Records come, or the group has spoken.
    pub(super) fn well(&self) {
        let mut inner = self.inner();
        if inner.trouble.take().is_some() {
            tracing::info!("kafka.again");
        }
    }

    pub(super) fn assigned(&self, keys: impl Iterator<Item = Key>) {
        self.rebalances.fetch_add(1, Ordering::Relaxed);
        self.well();
        let mut inner = self.inner();
        inner.joined = true;
        for key in keys {
            inner.missing.remove(&key.0);
            inner.partitions.entry(key).or_default();
        }
    }

    pub(super) fn revoked<'k>(&self, keys: impl Iterator<Item = &'k Key>) {
        self.rebalances.fetch_add(1, Ordering::Relaxed);
        let mut inner = self.inner();
        keys.for_each(|key| drop(inner.partitions.remove(key)));
    }

    /// `None`: it is read again.
    pub(super) fn hold(&self, key: &Key, why: Option<&str>) {
        if let Some(partition) = self.inner().partitions.get_mut(key)
            && partition.held.as_deref() != why
        {
            partition.held = why.map(str::to_owned);
            if let Some(why) = why {
                tracing::warn!(topic = key.0, partition = key.1, why, "kafka.partition.held");
            }
        }
    }

    pub(super) fn look(&self, statistics: &Statistics) {
        let up = statistics.brokers.values().any(|broker| broker.state == "UP" && broker.nodeid >= 0);
        let mut inner = self.inner();
        inner.up = up;
        if up && inner.trouble.take_if(|(_, at)| at.elapsed() > FRESH).is_some() {
            tracing::info!("kafka.again");
        }
        inner.missing.retain(|_, (_, at)| at.elapsed() < MISSING);
        for (key, partition) in &mut inner.partitions {
            let of_topic = statistics.topics.get(&key.0);
            let seen = of_topic.and_then(|topic| topic.partitions.get(&key.1));
            let end = seen.map(|one| one.ls_offset).filter(|end| *end >= 0);
            partition.end = end.or(partition.end);
        }
    }
}

impl Inner {
    fn condition(&self) -> Condition {
        if let Some(reason) = self.fatal.as_ref().or(self.trouble.as_ref().map(|(reason, _)| reason)) {
            return Condition::Failing(reason.clone());
        }
        if let Some(reason) = &self.damaged {
            return Condition::Failing(reason.clone());
        }
        if let Some((topic, (reason, _))) = self.missing.first_key_value() {
            return Condition::Failing(format!("topic `{topic}`: {reason}"));
        }
        if let Some((key, why)) =
            self.partitions.iter().find_map(|(key, one)| one.held.as_ref().map(|why| (key, why)))
        {
            return Condition::Failing(format!("partition {} of `{}`: {why}", key.1, key.0));
        }
        match (self.joined, self.partitions.is_empty()) {
            (false, _) => Condition::Joining,
            (true, true) => Condition::Idle,
            (true, false) => Condition::Reading,
        }
    }
}

/// Nobody can be reached, or nobody lets us in.
fn is_of_all(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}

/// Some broker can not be reached, or does not let us in.
fn is_of_one(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::Resolve
    )
}
