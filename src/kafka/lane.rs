//! One lane: a thread that folds the records of its partitions, each partition's in order, and hands the batches in. It
//! does not wait for one commit before it folds what comes next.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use hashbrown::{Equivalent, HashMap};
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::oneshot::error::TryRecvError;
use xxhash_rust::xxh3::xxh3_64;

use super::context::Key;
use super::dead_letter::{DeadLetters, UnderWay};
use super::status::Status;
use super::{Answer, Counting, form};
use crate::config::Kafka as Settings;
use crate::engine::{Ack, Batch, Identities, Mark, Offsets, RecordBody, fold_records};

/// Records of one batch, and their bytes.
const RUN_RECORDS_MAX: usize = 1_000;
const RUN_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of records that wait for the lanes, all together.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Batches of a lane between fold and commit. The ledger's inbox holds many more, so that requests are let in beside them.
const FLIGHTS_MAX: usize = 24;
/// Identities of items that were counted before, at most, until the batch is through.
const KNOWN_MAX: usize = 200_000;
/// How often it is looked for answers while nothing else comes.
const LOOK: Duration = Duration::from_millis(2);
/// How long what is under way may take to be kept, where somebody waits for that.
const SETTLE_MAX: Duration = Duration::from_secs(3);
/// Pauses of who waits for the state to be kept again.
const PAUSE: Duration = Duration::from_millis(50);

/// A record that waits, among the bytes that may.
pub(super) struct Held<'c> {
    pub message: BorrowedMessage<'c>,
    _weight: Weight,
}

/// Given back when it is dropped.
struct Weight {
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl<'c> Held<'c> {
    /// The record back, where there is no room. One alone always has room.
    pub(super) fn new(
        message: BorrowedMessage<'c>,
        waiting: &Arc<AtomicUsize>,
    ) -> Result<Self, BorrowedMessage<'c>> {
        let bytes = message.payload_len();
        let before = waiting.fetch_add(bytes, Ordering::Relaxed);
        let held = Self { message, _weight: Weight { bytes, waiting: Arc::clone(waiting) } };
        if before > 0 && before + bytes > WAITING_BYTES_MAX { Err(held.let_go()) } else { Ok(held) }
    }

    pub(super) fn let_go(self) -> BorrowedMessage<'c> {
        self.message
    }
}

pub(super) enum Job<'c> {
    Record(Held<'c>),
    /// A partition is read from here on; what its first record is to be, where that is known.
    Placed {
        key: Key,
        topic: usize,
        next: i64,
        expect: Option<Mark>,
        /// Of which time that it was placed reports are.
        generation: u64,
    },
    /// A partition is given up: answered once nothing of it is under way.
    Released {
        key: Key,
        done: SyncSender<()>,
    },
}

/// What the consumer has to put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// What was handed in did not count: on from where the partition stands.
    Rewind(Key, u64),
    /// The record before is not the one that was counted.
    Replaced(Key, u64),
}

/// Up to where each partition is kept, for the group.
pub(super) type Kept = Mutex<HashMap<Key, i64>>;

/// What all lanes share.
#[derive(Clone, Copy)]
pub(super) struct Shop<'s> {
    pub settings: &'s Settings,
    pub counting: &'s dyn Counting,
    pub dead_letters: Option<&'s DeadLetters>,
    pub status: &'s Status,
    pub kept: &'s Kept,
    /// The daemon ends: what can not be kept now is left where it is.
    pub stop: &'s AtomicBool,
}

struct Track<'c> {
    topic: usize,
    generation: u64,
    /// The offset after what was folded last.
    next: i64,
    expect: Option<Mark>,
    queue: VecDeque<Held<'c>>,
    /// Identities that the next batch is to leave out.
    known: Identities,
    /// Nothing more until it is placed again.
    halted: bool,
}

enum Stage {
    /// Its dead letters are under way.
    Folded(Option<Box<Batch>>, UnderWay),
    HandedIn(Answer),
}

struct Flight {
    key: Key,
    to: i64,
    stage: Stage,
}

pub(super) struct Lane<'c, 's> {
    shop: Shop<'s>,
    jobs: Receiver<Job<'c>>,
    reports: Sender<Report>,
    tracks: HashMap<Key, Track<'c>, FixedState>,
    flights: VecDeque<Flight>,
    /// There is no ledger any more.
    ended: bool,
}

impl<'c, 's> Lane<'c, 's> {
    pub(super) fn new(shop: Shop<'s>, jobs: Receiver<Job<'c>>, reports: Sender<Report>) -> Self {
        Self { shop, jobs, reports, tracks: HashMap::default(), flights: VecDeque::new(), ended: false }
    }

    /// Until nobody sends jobs any more.
    pub(super) fn run(mut self) {
        loop {
            let job = if self.flights.is_empty() {
                self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.jobs.recv_timeout(LOOK)
            };
            match job {
                Ok(job) => {
                    self.take(job);
                    for _ in 0..RUN_RECORDS_MAX {
                        let Ok(job) = self.jobs.try_recv() else { break };
                        self.take(job);
                    }
                    self.fold_all();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.pump();
        }
        self.settle(None);
    }

    fn take(&mut self, job: Job<'c>) {
        match job {
            Job::Record(held) => {
                let key = Borrowed(held.message.topic(), held.message.partition());
                let Some(track) = self.tracks.get_mut(&key) else { return };
                if !track.halted {
                    track.queue.push_back(held);
                }
            }
            Job::Placed { key, topic, next, expect, generation } => {
                // Of what was handed in before, answers are about a place that is no more.
                self.flights.retain(|flight| flight.key != key);
                let known = self.tracks.remove(&key).map(|track| track.known).unwrap_or_default();
                let queue = VecDeque::new();
                self.tracks
                    .insert(key, Track { topic, generation, next, expect, queue, known, halted: false });
            }
            Job::Released { key, done } => {
                self.fold_all();
                self.settle(Some(&key));
                self.tracks.remove(&key);
                let _gone = done.send(());
            }
        }
    }

    fn fold_all(&mut self) {
        let waiting: Vec<Key> = self
            .tracks
            .iter()
            .filter(|(_, track)| !track.queue.is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        for key in waiting {
            while self.tracks.get(&key).is_some_and(|track| !track.queue.is_empty() && !track.halted) {
                if self.make_room() {
                    self.fold(&key);
                } else if let Some(track) = self.tracks.get_mut(&key) {
                    track.halt();
                }
            }
        }
    }

    /// Waits until one more batch may be under way, and until it can be kept. `false`: the daemon ends before.
    fn make_room(&mut self) -> bool {
        let since = Instant::now();
        loop {
            self.pump();
            let waits = !self.shop.counting.is_kept() || self.flights.len() >= FLIGHTS_MAX;
            if self.ended || (waits && self.shop.stop.load(Ordering::Acquire) && since.elapsed() > SETTLE_MAX)
            {
                return false;
            }
            if !self.shop.counting.is_kept() {
                std::thread::sleep(PAUSE);
            } else if self.flights.len() >= FLIGHTS_MAX {
                std::thread::sleep(LOOK / 4);
            } else {
                return true;
            }
        }
    }

    /// One batch of the records that wait.
    fn fold(&mut self, key: &Key) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        if !track.drop_counted() {
            track.halt();
            let _gone = self.reports.send(Report::Replaced(key.clone(), track.generation));
            return;
        }
        let topic = &self.shop.settings.topics[track.topic];
        let (mut bodies, mut bytes) = (Vec::<Result<Cow<'_, [u8]>, String>>::new(), 0);
        for Held { message, .. } in track.queue.iter().take(RUN_RECORDS_MAX) {
            bytes += message.payload_len();
            if !bodies.is_empty() && bytes > RUN_BYTES_MAX {
                break;
            }
            bodies.push(form::body(&topic.format, message));
        }
        let records: Vec<RecordBody<'_>> = bodies
            .iter()
            .zip(&track.queue)
            .map(|(body, held)| RecordBody {
                body: body.as_ref().map(|body| &**body).map_err(String::as_str),
                time: form::time(&held.message),
            })
            .collect();
        let counting = self.shop.counting;
        let (plan, form) = (counting.plan(), (topic.signal, form::encoding(&topic.format)));
        let mut folded = fold_records(&plan, counting.key(), form, &records, counting.now(), &track.known);
        let Some(last) = folded.taken.checked_sub(1) else { return };
        let last = &track.queue[last].message;
        let to = last.offset() + 1;
        folded.batch.offsets = Some(Offsets {
            topic: key.0.clone(),
            partition: key.1,
            from: track.next,
            to,
            records: folded.taken as u64,
            poison: folded.poison.len() as u64,
            last: Some(Mark { offset: last.offset(), digest: form::digest(last) }),
        });
        let under_way = UnderWay::default();
        for (place, reason) in &folded.poison {
            self.shop.bury(&track.queue[*place].message, reason, &under_way);
        }
        track.next = to;
        track.queue.drain(..folded.taken);
        let stage = Stage::Folded(Some(Box::new(folded.batch)), under_way);
        self.flights.push_back(Flight { key: key.clone(), to, stage });
        self.pump();
    }

    /// Hands in what may be handed in, and takes answers, both in order.
    fn pump(&mut self) {
        for flight in &mut self.flights {
            let Stage::Folded(batch, under_way) = &mut flight.stage else { continue };
            if under_way.load(Ordering::Acquire) > 0 {
                break;
            }
            let Some(answer) = batch.take().and_then(|batch| self.shop.counting.submit(batch)) else {
                self.ended = true;
                break;
            };
            flight.stage = Stage::HandedIn(answer);
        }
        if self.ended {
            // Nobody counts any more.
            self.flights.clear();
        }
        while let Some(Flight { stage: Stage::HandedIn(answer), .. }) = self.flights.front_mut() {
            let ack = match answer.try_recv() {
                Ok(ack) => Some(ack),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Closed) => None,
            };
            if let Some(flight) = self.flights.pop_front() {
                self.answered(flight, ack);
            }
        }
    }

    fn answered(&mut self, flight: Flight, ack: Option<Ack>) {
        let Flight { key, to, .. } = flight;
        match ack {
            Some(Ack::Accepted { .. } | Ack::Duplicate { .. }) => {
                if let Some(track) = self.tracks.get_mut(&key) {
                    track.known.clear();
                }
                self.shop.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key, to);
                return;
            }
            Some(Ack::Known(identities)) => {
                if let Some(track) = self.tracks.get_mut(&key) {
                    track.known.extend(identities.into_iter().take(KNOWN_MAX));
                }
            }
            Some(Ack::StalePlan) => self.shop.counting.follow(),
            Some(Ack::Elsewhere { .. }) | None => {}
        }
        // What was handed in after it is refused as well, for it does not continue.
        self.flights.retain(|other| other.key != key);
        let Some(track) = self.tracks.get_mut(&key) else { return };
        track.halt();
        self.shop.status.rewinds.fetch_add(1, Ordering::Relaxed);
        let _gone = self.reports.send(Report::Rewind(key, track.generation));
    }

    /// Until nothing is under way, of this partition or at all, or the daemon ends.
    fn settle(&mut self, key: Option<&Key>) {
        let is_open = |flight: &Flight| key.is_none_or(|key| flight.key == *key);
        let since = Instant::now();
        while self.flights.iter().any(is_open) && self.shop.counting.is_kept() && since.elapsed() < SETTLE_MAX
        {
            self.pump();
            std::thread::sleep(LOOK / 4);
        }
    }
}

impl Track<'_> {
    fn halt(&mut self) {
        self.halted = true;
        self.queue.clear();
    }

    /// Records of before the place. `false`: the one before it is another than was counted.
    fn drop_counted(&mut self) -> bool {
        while let Some(Held { message: first, .. }) =
            self.queue.front().filter(|first| first.message.offset() < self.next)
        {
            let expected = self.expect.take_if(|mark| mark.offset == first.offset());
            if expected.is_some_and(|mark| mark.digest != form::digest(first)) {
                return false;
            }
            self.queue.pop_front();
        }
        true
    }
}

impl Shop<'_> {
    fn bury(&self, message: &BorrowedMessage<'_>, reason: &str, under_way: &UnderWay) {
        self.status.poison.fetch_add(1, Ordering::Relaxed);
        let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
        tracing::debug!(topic, partition, offset, reason, "kafka.poison");
        if let Some(dead_letters) = self.dead_letters {
            dead_letters.send(message, reason, under_way);
        }
    }
}

/// A key that is looked for.
struct Borrowed<'k>(&'k str, i32);

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As a pair of a text and a number hashes.
        self.0.hash(state);
        self.1.hash(state);
    }
}

impl Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.0 && self.1 == key.1
    }
}

/// Which lane a partition's records go to.
pub(super) fn lane_of(topic: &str, partition: i32, lanes: usize) -> usize {
    let seed = xxh3_64(topic.as_bytes()).wrapping_add(partition.unsigned_abs().into());
    usize::try_from(seed % lanes.max(1) as u64).unwrap_or_default()
}
