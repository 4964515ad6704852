//! What the group decides, in effect: partitions that come and go, and where each is read from.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::mpsc::{TrySendError, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client;
use super::consumer::Reader;
use super::context::{Change, Context, Key};
use super::lane::{Job, Kept, Report, lane_of};
use super::placing::{ASK, Place, Places};

/// How long the group may wait for us.
const RELEASE: Duration = Duration::from_secs(10);
/// After the first assignment those that follow may still be of topics that were there before.
const SETTLING: Duration = Duration::from_secs(60);
/// After the first assignment, until it is looked for partitions that nobody reads.
const SOON: Duration = Duration::from_secs(2);
/// Between attempts to give a lane a job that must reach it.
const PAUSE: Duration = Duration::from_millis(1);

impl<'c> Reader<'c, '_> {
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Assigned(keys) => self.assign(&keys),
            Change::Revoked(keys) => self.revoke(&keys),
        }
    }

    fn assign(&mut self, keys: &[Key]) {
        let (status, began) = (self.shop.status, Instant::now());
        status.assigned(keys.iter().cloned());
        if self.joined.is_none() {
            self.ask_again_at = Some(began + SOON);
        }
        let joined = *self.joined.get_or_insert(began);
        if joined.elapsed() < SETTLING {
            self.early.extend(keys.iter().cloned());
        }
        let committed = self.places().committed(keys);
        let (mut list, mut places) = (TopicPartitionList::new(), Vec::new());
        for (index, key) in keys.iter().enumerate() {
            // The group waits: what can not be known soon is looked for later.
            let of_group = match &committed {
                _ if began.elapsed() > RELEASE => Err("it took too long to find its place".to_owned()),
                Ok(all) => Ok(all[index]),
                Err(error) => Err(error.to_string()),
            };
            let place = of_group.and_then(|of_group| self.begin(key, of_group));
            places.extend(place.iter().map(|place| (key.clone(), place.next)));
            let offset = place.and_then(|place| self.put(key, place)).unwrap_or_else(|why| {
                self.hold(key, &why);
                Offset::End
            });
            let _fits = list.add_partition_offset(&key.0, key.1, offset);
        }
        status.note_of(self.consumer.incremental_assign(&list));
        // What is read by nobody else meanwhile is told to the group as well: it may go to another member as it is.
        if self.shop.counting.flush() {
            self.shop.kept.lock().unwrap_or_else(PoisonError::into_inner).extend(places);
        }
        // A pause outlives the assignment that it was of.
        let (held, placed): (Vec<&Key>, Vec<&Key>) =
            keys.iter().partition(|key| self.paused || self.unplaced.contains(*key));
        let paused = self.consumer.pause(&self::list(&mut held.into_iter()));
        let resumed = self.consumer.resume(&self::list(&mut placed.into_iter()));
        status.note_of(paused.and(resumed));
    }

    /// Another member goes on where we end: everything that was read is counted, and committed, before.
    fn revoke(&mut self, keys: &[Key]) {
        let status = self.shop.status;
        self.waiting.retain(|message| !is_of(message, keys));
        if self.consumer.assignment_lost() {
            tracing::warn!(partitions = keys.len(), "kafka.assignment.lost");
        } else if self.shop.counting.is_kept() {
            self.settle(keys);
            let mode = (&*self.signature, CommitMode::Sync);
            status.note_of(commit(self.consumer, self.shop.kept, keys.iter(), &mut BTreeMap::new(), mode));
        }
        for key in keys {
            self.assigned.remove(key);
            self.unplaced.remove(key);
            self.committed.remove(key);
        }
        status.revoked(keys.iter());
        status.note_of(self.consumer.incremental_unassign(&list(&mut keys.iter())));
    }

    /// Until nothing of them is under way, for so long as the group may wait.
    fn settle(&self, keys: &[Key]) {
        let until = Instant::now() + RELEASE;
        let (done, settled) = sync_channel(keys.len().max(1));
        let mut all = true;
        for key in keys {
            all &= self.tell(key, Job::Released { key: key.clone(), done: done.clone() });
        }
        drop(done);
        for _ in keys {
            all &= settled.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok();
        }
        if !all {
            self.shop.status.note("partitions that were taken from us could not be settled in time", false);
        }
    }

    pub(super) fn put_right(&mut self, report: Report) {
        let (Report::Rewind(key, generation) | Report::Replaced(key, generation)) = &report;
        if self.assigned.get(key) != Some(generation) || self.unplaced.contains(key) {
            return;
        }
        let place = match report {
            Report::Rewind(..) => self.places().again(key),
            Report::Replaced(..) => self.places().repair(key, true),
        };
        self.go(key, place);
    }

    /// Partitions without a place get one, and those whose log ends before, or begins after, what we asked for.
    pub(super) fn look_again(&mut self) {
        // One after the other, until one takes long: nothing is read meanwhile.
        let after = self.looked_at.take();
        let begins = |key: &&Key| after.as_ref().is_none_or(|after| *key > after);
        let (first, then): (Vec<Key>, Vec<Key>) = (
            self.unplaced.iter().filter(begins).cloned().collect(),
            self.unplaced.iter().filter(|key| !begins(key)).cloned().collect(),
        );
        for key in first.into_iter().chain(then) {
            let committed = self.places().committed(std::slice::from_ref(&key));
            let of_group = committed.map(|all| all[0]).map_err(|error| error.to_string());
            let place = of_group.and_then(|of_group| self.begin(&key, of_group));
            let failed = place.is_err();
            self.go(&key, place);
            if failed {
                self.looked_at = Some(key);
                break;
            }
        }
        if !std::mem::take(&mut self.survey) {
            return;
        }
        // librdkafka has stopped some partition, and does not say which: all are taken up again from where they stand.
        let read: Vec<Key> =
            self.assigned.keys().filter(|key| !self.unplaced.contains(*key)).cloned().collect();
        for key in read {
            let place = self.places().repair(&key, false);
            self.go(&key, place);
        }
    }

    /// All partitions, from where they stand.
    pub(super) fn read_again(&mut self) {
        let read: Vec<Key> =
            self.assigned.keys().filter(|key| !self.unplaced.contains(*key)).cloned().collect();
        for key in read {
            let place = self.places().again(&key);
            self.go(&key, place);
        }
    }

    /// A static member that comes back gets what it had, and nobody finds out about partitions that came to be meanwhile:
    /// where nobody seems to read some, the group is asked to assign anew. Who leads the group starts that by joining.
    pub(super) fn ask_again(&mut self) {
        let Ok(metadata) = self.consumer.fetch_metadata(None, ASK) else { return };
        let ours =
            metadata.topics().iter().filter(|topic| self.shop.settings.topic_of(topic.name()).is_some());
        let mut all =
            ours.flat_map(|topic| topic.partitions().iter().map(move |one| (topic.name(), one.id())));
        let counting = self.shop.counting;
        let is_new = |(topic, partition): &(&str, i32)| {
            !self.assigned.contains_key(&((*topic).to_owned(), *partition))
                && self.known.contains(*topic)
                && counting.position(topic, *partition) == Some(None)
        };
        let Some((topic, partition)) = all.find(is_new) else { return };
        tracing::info!(topic, partition, "kafka.asks.for.new.partitions");
        self.consumer.unsubscribe();
        if let Err(error) = client::subscribe(self.consumer, self.shop.settings) {
            self.shop.status.note(&error.to_string(), true);
        }
    }

    fn places(&self) -> Places<'_> {
        let (settings, counting) = (self.shop.settings, self.shop.counting);
        Places { consumer: self.consumer, settings, counting, known: &self.known }
    }

    fn begin(&self, key: &Key, committed: Option<i64>) -> Result<Place, String> {
        let topic = self.shop.settings.topic_of(&key.0).ok_or("no topic of the configuration fits it")?;
        self.places().begin(key, (topic, !self.early.contains(key)), committed)
    }

    /// On from another place, at once.
    fn go(&mut self, key: &Key, place: Result<Place, String>) {
        let one = list(&mut std::iter::once(key));
        let moved = place.and_then(|place| {
            let offset = self.put(key, place)?;
            // A partition whose offset was out of range can not be sought in, but it can be assigned anew.
            let assigned = self.consumer.incremental_unassign(&one).and_then(|()| {
                let mut anew = TopicPartitionList::new();
                anew.add_partition_offset(&key.0, key.1, offset)?;
                self.consumer.incremental_assign(&anew)
            });
            assigned.map_err(|error| error.to_string())
        });
        match moved {
            Ok(()) => {
                if self.unplaced.remove(key) {
                    self.shop.status.hold(key, None);
                }
                let moved = if self.paused { self.consumer.pause(&one) } else { self.consumer.resume(&one) };
                self.shop.status.note_of(moved);
            }
            Err(why) => {
                self.hold(key, &why);
                let _gone = self.consumer.pause(&one);
            }
        }
    }

    /// Tells the lane; the offset to ask for.
    fn put(&mut self, key: &Key, place: Place) -> Result<Offset, String> {
        self.waiting.retain(|message| !is_of(message, std::slice::from_ref(key)));
        self.generation += 1;
        self.assigned.insert(key.clone(), self.generation);
        let topic = self.shop.settings.topic_of(&key.0).ok_or("no topic of the configuration fits it")?;
        let (Place { next, expect, is_kept }, generation) = (place, self.generation);
        if !self.tell(key, Job::Placed { key: key.clone(), topic, next, expect, generation }) {
            return Err("what was read before is not counted yet".to_owned());
        }
        if is_kept {
            // The group hears of it as well, so that nobody goes on from an offset of a log that is no more.
            self.shop.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), next);
        }
        Ok(Offset::Offset(place.from()))
    }

    fn hold(&mut self, key: &Key, why: &str) {
        self.assigned.entry(key.clone()).or_insert(0);
        self.unplaced.insert(key.clone());
        self.shop.status.hold(key, Some(why));
    }

    /// Waits for room, for a while. Whether it was told.
    fn tell(&self, key: &Key, mut job: Job<'c>) -> bool {
        let (lane, began) = (&self.lanes[lane_of(&key.0, key.1, self.lanes.len())], Instant::now());
        while let Err(error) = lane.try_send(job) {
            let TrySendError::Full(back) = error else { return false };
            if began.elapsed() > ASK {
                return false;
            }
            job = back;
            std::thread::sleep(PAUSE);
        }
        true
    }

    /// Lanes finish what they have, and end. What was read.
    pub(super) fn leave(self) -> BTreeMap<Key, u64> {
        self.assigned
    }
}

fn is_of(message: &impl Message, keys: &[Key]) -> bool {
    keys.iter().any(|(topic, partition)| message.topic() == topic && message.partition() == *partition)
}

pub(super) fn list(keys: &mut dyn Iterator<Item = &Key>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in keys {
        list.add_partition(topic, *partition);
    }
    list
}

/// Tells the group how far what was read is kept: of these partitions, those that have moved.
pub(super) fn commit<'k>(
    consumer: &BaseConsumer<Context>,
    kept: &Kept,
    of: impl Iterator<Item = &'k Key>,
    committed: &mut BTreeMap<Key, i64>,
    (signature, mode): (&str, CommitMode),
) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    {
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        for key in of {
            let Some(offset) = kept.get(key).filter(|offset| committed.get(key) != Some(*offset)) else {
                continue;
            };
            list.add_partition_offset(&key.0, key.1, Offset::Offset(*offset))?;
            if let Some(mut one) = list.find_partition(&key.0, key.1) {
                one.set_metadata(signature);
            }
            committed.insert(key.clone(), *offset);
        }
    }
    if list.count() == 0 { Ok(()) } else { consumer.commit(&list, mode) }
}
