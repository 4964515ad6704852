//! The consumer's thread: polls, gives records to the lanes, and puts into effect what the group decides. It keeps polling
//! whatever the lanes do, so that the group does not take us for dead.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use super::context::{Context, Key};
use super::dead_letter::DeadLetters;
use super::group::{commit, list};
use super::lane::{Held, Job, Kept, Lane, Report, Shop, lane_of};
use super::placing::{ASK, signature};
use super::status::Status;
use super::{Counting, client};
use crate::config::Kafka as Settings;
use crate::config::kafka::TopicName;

/// Records that wait for a lane.
const JOBS_MAX: usize = 2_000;
/// Records after which all else is looked at, where they come one after the other.
const LOOK_EACH: u32 = 64;
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(50);
/// From one commit to the group to the next.
const COMMIT: Duration = Duration::from_secs(2);
/// Between attempts to place what could not be placed, or to come up.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// A trouble of less than this is nobody's business.
const TROUBLE: Duration = Duration::from_secs(30);
/// Between attempts to read records that come damaged, at most: nothing else is read meanwhile.
const DAMAGED_MAX: Duration = Duration::from_secs(4);
/// Nothing is damaged any more that was not so for this time.
const CALM: Duration = Duration::from_secs(3);
/// How long a lane may take to have room before everything is paused.
const PATIENCE: Duration = Duration::from_millis(500);

/// Until it is told to stop. A client that can not go on is made anew.
pub(super) fn run(
    settings: &Settings,
    instance: Option<&str>,
    counting: &dyn Counting,
    status: &Arc<Status>,
    stop: &AtomicBool,
) {
    let (mut pause, mut alarm) = (RETRY, Alarm::default());
    while !stop.load(Ordering::Acquire) {
        let began = Instant::now();
        if let Err(error) = consume(settings, instance, counting, (status, &mut alarm), stop) {
            status.fatal(&error.to_string());
        }
        status.forget();
        pause = if began.elapsed() > RETRY_MAX { RETRY } else { (pause * 2).min(RETRY_MAX) };
        let until = Instant::now() + pause;
        while Instant::now() < until && !stop.load(Ordering::Acquire) {
            alarm.look(status, counting);
            std::thread::sleep(POLL);
        }
    }
}

/// A trouble that stays is one to be paged for.
#[derive(Default)]
struct Alarm {
    /// Since when there is one.
    since: Option<Instant>,
    /// Whether one was told that is not over. Before the first word it is not known: one of before the start may stand.
    told: Option<bool>,
}

impl Alarm {
    fn look(&mut self, status: &Status, counting: &dyn Counting) {
        if let Some(why) = status.trouble() {
            let since = *self.since.get_or_insert_with(Instant::now);
            if self.told != Some(true) && since.elapsed() > TROUBLE {
                counting.trouble(Some(why));
                self.told = Some(true);
            }
        } else {
            self.since = None;
            if self.told != Some(false) && status.is_member() {
                counting.trouble(None);
                self.told = Some(false);
            }
        }
    }
}

/// Records that came damaged: what came behind them waits until they are read again.
#[derive(Default)]
struct Damage {
    stands: bool,
    /// Before the last attempt.
    pause: Duration,
    /// The next attempt, or, while nothing is damaged, the end of it all.
    next: Option<Instant>,
}

impl Damage {
    fn seen(&mut self) {
        if !std::mem::replace(&mut self.stands, true) {
            self.pause = (self.pause * 2).clamp(RETRY, DAMAGED_MAX);
            self.next = Some(Instant::now() + self.pause);
        }
    }
}

fn consume(
    settings: &Settings,
    instance: Option<&str>,
    counting: &dyn Counting,
    (status, alarm): (&Arc<Status>, &mut Alarm),
    stop: &AtomicBool,
) -> KafkaResult<()> {
    let context = Context::new(Arc::clone(status));
    let consumer: BaseConsumer<Context> =
        client::consumer(settings, instance).create_with_context(context)?;
    client::subscribe(&consumer, settings)?;
    let dead_letters = DeadLetters::open(settings, status);
    let kept = Kept::default();
    let shop = Shop { settings, counting, dead_letters: dead_letters.as_ref(), status, kept: &kept, stop };
    let lanes = available_parallelism().map_or(1, std::num::NonZero::get);
    let done = std::thread::scope(|scope| {
        let (reports, told) = channel();
        let mut senders = Vec::new();
        for _ in 0..lanes {
            let (sender, jobs) = sync_channel(JOBS_MAX / lanes);
            let lane = Lane::new(shop, jobs, reports.clone());
            scope.spawn(move || lane.run());
            senders.push(sender);
        }
        let mut reader = Reader {
            consumer: &consumer,
            shop,
            lanes: senders,
            reports: told,
            assigned: BTreeMap::new(),
            generation: 0,
            known: counting.topics(),
            early: BTreeSet::new(),
            ask_again_at: None,
            looked_at: None,
            pause: RETRY,
            unplaced: BTreeSet::new(),
            waiting: VecDeque::new(),
            waiting_since: Instant::now(),
            waiting_bytes: Arc::default(),
            broken: false,
            damage: Damage::default(),
            paused: false,
            survey: false,
            committed: BTreeMap::new(),
            joined: None,
            alarm,
            signature: signature(counting.key()),
            retry_at: Instant::now(),
            commit_at: Instant::now() + COMMIT,
        };
        let done = reader.read();
        let assigned = reader.leave();
        (done, assigned)
    });
    // Every lane has ended: what was under way is kept.
    if let Some(dead_letters) = &dead_letters {
        dead_letters.flush();
    }
    let mode = (&*signature(counting.key()), CommitMode::Sync);
    let _later = commit(&consumer, &kept, done.1.keys(), &mut BTreeMap::new(), mode);
    consumer.context().close();
    done.0
}

pub(super) struct Reader<'c, 's> {
    pub(super) consumer: &'c BaseConsumer<Context>,
    pub(super) shop: Shop<'s>,
    pub(super) lanes: Vec<SyncSender<Job<'c>>>,
    reports: Receiver<Report>,
    /// By partition, the generation of its place.
    pub(super) assigned: BTreeMap<Key, u64>,
    pub(super) generation: u64,
    /// Topics that were read before this client began, and partitions that were there then.
    pub(super) known: BTreeSet<String>,
    pub(super) early: BTreeSet<Key>,
    /// When to look whether partitions came to be while we were away.
    pub(super) ask_again_at: Option<Instant>,
    /// The partition without a place that was looked at last.
    pub(super) looked_at: Option<Key>,
    /// Those of them that are not read, for it is not known from where on.
    pub(super) unplaced: BTreeSet<Key>,
    /// Records that no lane has room for, in order: none of them may be passed over.
    pub(super) waiting: VecDeque<BorrowedMessage<'c>>,
    /// Since when the first of them waits.
    waiting_since: Instant,
    waiting_bytes: Arc<AtomicUsize>,
    /// A lane has ended before its time.
    broken: bool,
    damage: Damage,
    pub(super) paused: bool,
    /// Some partition's offset was out of range.
    pub(super) survey: bool,
    pub(super) committed: BTreeMap<Key, i64>,
    /// When partitions were first given to this client.
    pub(super) joined: Option<Instant>,
    alarm: &'s mut Alarm,
    pub(super) signature: String,
    retry_at: Instant,
    /// From one look at what has no place to the next.
    pause: Duration,
    commit_at: Instant,
}

impl<'c> Reader<'c, '_> {
    fn read(&mut self) -> KafkaResult<()> {
        let mut records = 0_u32;
        while !self.shop.stop.load(Ordering::Acquire) {
            self.flow();
            if self.broken {
                return Err(self.gave_up());
            }
            let wait = if self.waiting.is_empty() { POLL } else { Duration::from_millis(1) };
            if self.waiting.is_empty() || self.paused {
                match self.consumer.poll(wait) {
                    // What is behind a gap comes again after it.
                    Some(Ok(_)) if self.damage.stands => {}
                    Some(Ok(message)) => {
                        self.hand(message);
                        records = records.wrapping_add(1);
                        if !records.is_multiple_of(LOOK_EACH) {
                            continue;
                        }
                    }
                    Some(Err(error)) => self.failed(&error)?,
                    None => {}
                }
            } else {
                std::thread::sleep(wait);
            }
            while let Some(change) = self.consumer.context().take() {
                self.change(change);
            }
            while let Ok(report) = self.reports.try_recv() {
                self.put_right(report);
            }
            self.survey |= self.consumer.context().take_out_of_range();
            let now = Instant::now();
            if now >= self.retry_at && (self.survey || !self.unplaced.is_empty()) {
                self.look_again();
                self.pause = if self.looked_at.is_some() { (self.pause * 2).min(RETRY_MAX) } else { RETRY };
                self.retry_at = Instant::now() + self.pause;
            }
            self.mend(now);
            self.alarm.look(self.shop.status, self.shop.counting);
            if self.ask_again_at.take_if(|at| *at <= now).is_some() {
                self.ask_again();
            }
            if now >= self.commit_at && self.shop.counting.is_kept() {
                self.commit_at = now + COMMIT;
                let (keys, mode) = (self.assigned.keys(), (&*self.signature, CommitMode::Async));
                let done = commit(self.consumer, self.shop.kept, keys, &mut self.committed, mode);
                self.shop.status.note_of(done);
            }
        }
        Ok(())
    }

    /// A fault of ours, which nobody else would tell of.
    fn gave_up(&self) -> KafkaError {
        let why = "a thread that folds records has ended, which is a fault of Evenkeel: start it again";
        self.shop.status.fatal(why);
        self.shop.counting.trouble(Some(why.to_owned()));
        KafkaError::Canceled
    }

    fn mend(&mut self, now: Instant) {
        if self.damage.next.take_if(|next| *next <= now).is_none() {
            return;
        }
        if std::mem::take(&mut self.damage.stands) {
            self.damage.next = Some(now + CALM);
            self.read_again();
        } else {
            self.damage = Damage::default();
            self.shop.status.damaged(None);
        }
    }

    fn hand(&mut self, message: BorrowedMessage<'c>) {
        if !self.waiting.is_empty() {
            self.waiting.push_back(message);
        } else if let Some(left) = self.try_hand(message) {
            self.waiting.push_back(left);
            self.waiting_since = Instant::now();
        }
    }

    /// The record back, where there is no room for it.
    fn try_hand(&mut self, message: BorrowedMessage<'c>) -> Option<BorrowedMessage<'c>> {
        let lane = &self.lanes[lane_of(message.topic(), message.partition(), self.lanes.len())];
        let held = match Held::new(message, &self.waiting_bytes) {
            Ok(held) => held,
            Err(message) => return Some(message),
        };
        match lane.try_send(Job::Record(held)) {
            Ok(()) => None,
            Err(TrySendError::Full(Job::Record(held))) => Some(held.let_go()),
            Err(_) => {
                self.broken = true;
                None
            }
        }
    }

    /// Records that wait go first. While nothing can be taken, everything is paused, and the group still hears of us.
    fn flow(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            if let Some(left) = self.try_hand(message) {
                self.waiting.push_front(left);
                break;
            }
            self.waiting_since = Instant::now();
        }
        let waits = !self.waiting.is_empty() && self.waiting_since.elapsed() > PATIENCE;
        let stuck = waits || self.damage.stands || !self.shop.counting.is_kept();
        if stuck == self.paused {
            return;
        }
        let list = list(&mut self.assigned.keys().filter(|key| !self.unplaced.contains(*key)));
        let done = if stuck { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        self.shop.status.note_of(done);
        self.paused = stuck;
    }

    fn failed(&mut self, error: &KafkaError) -> KafkaResult<()> {
        let status = self.shop.status;
        match error {
            KafkaError::MessageConsumptionFatal(code) => {
                status.note(&format!("{code}"), true);
                return Err(error.clone());
            }
            KafkaError::MessageConsumption(code) => match code {
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => self.survey = true,
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed => self.find_missing(*code),
                // Which partition it was is not to be known.
                RDKafkaErrorCode::BadMessage
                | RDKafkaErrorCode::BadCompression
                | RDKafkaErrorCode::InvalidMessage => self.damage.seen(),
                RDKafkaErrorCode::GroupAuthorizationFailed => {
                    status.note(&format!("group `{}`: {code}", self.shop.settings.group), true);
                }
                _ => status.note(&code.to_string(), false),
            },
            other => status.note(&other.to_string(), false),
        }
        Ok(())
    }

    /// The error does not say which topic it is about.
    fn find_missing(&self, code: RDKafkaErrorCode) {
        for topic in &self.shop.settings.topics {
            let TopicName::Name(name) = &topic.name else { continue };
            let Ok(known) = self.consumer.fetch_metadata(Some(name), ASK) else { return };
            if known.topics().first().is_none_or(|one| one.error().is_some()) {
                self.shop.status.missing(name, &code.to_string());
            }
        }
    }
}
