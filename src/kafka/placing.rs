//! Where a partition is read from: what the state says comes first, then what the group has heard of others, then the
//! configuration. And what to make of a log that is no longer what it was.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::{Context, Key};
use super::form::digest;
use super::{Counting, client};
use crate::config::Kafka as Settings;
use crate::config::kafka::Start;
use crate::engine::{Mark, Placed, Placing, Position};

/// For one question to a broker.
pub(super) const ASK: Duration = Duration::from_secs(3);

/// Where to go on, and which record is to stand before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub next: i64,
    pub expect: Option<Mark>,
    /// It is as durable as the journal.
    pub is_kept: bool,
}

impl Place {
    /// What is read before it is not counted again.
    pub(super) fn from(self) -> i64 {
        self.expect.map_or(self.next, |mark| mark.offset)
    }

    fn of(position: &Position) -> Self {
        let before = position.marks.first().filter(|mark| mark.offset < position.next);
        Self { next: position.next, expect: before.copied(), is_kept: false }
    }
}

/// The name of a state: of its member in the group, and beside the offsets that it has committed.
pub fn signature(key: u64) -> String {
    format!("evenkeel-{key:016x}")
}

pub(super) struct Places<'p> {
    pub consumer: &'p BaseConsumer<Context>,
    pub settings: &'p Settings,
    pub counting: &'p dyn Counting,
    /// Topics that were read before this client began.
    pub known: &'p BTreeSet<String>,
}

impl Places<'_> {
    /// What another member has committed last, `None` where nobody has, or we did: our own state knows better.
    pub(super) fn committed(&self, keys: &[Key]) -> KafkaResult<Vec<Option<i64>>> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in keys {
            list.add_partition(topic, *partition);
        }
        let known = self.consumer.committed_offsets(list, ASK)?;
        let own = signature(self.counting.key());
        let offset = |(topic, partition): &Key| {
            let found = known.find_partition(topic, *partition)?;
            match found.offset() {
                Offset::Offset(offset) if found.metadata() != own => Some(offset),
                _ => None,
            }
        };
        Ok(keys.iter().map(offset).collect())
    }

    /// For a partition that was given to us; `came_later`: after this client had begun to read. `Err`: not to be known now, and why.
    pub(super) fn begin(
        &self,
        key: &Key,
        (topic, came_later): (usize, bool),
        committed: Option<i64>,
    ) -> Result<Place, String> {
        match (self.position(key)?, committed) {
            (Some(position), Some(elsewhere))
                if elsewhere > position.next && self.may_be(key, elsewhere)? =>
            {
                self.place(key, elsewhere, Placed::Elsewhere)
            }
            (Some(position), _) => Ok(Place::of(&position)),
            (None, Some(elsewhere)) if self.may_be(key, elsewhere)? => {
                self.place(key, elsewhere, Placed::Elsewhere)
            }
            (None, _) => {
                // What came to a partition before anybody knew of it is new as well.
                let is_new = came_later || self.known.contains(&key.0);
                let start = if is_new { Start::Earliest } else { self.settings.topics[topic].start };
                let next = self.start(key, start).map_err(|error| error.to_string())?;
                self.place(key, next, Placed::Start)
            }
        }
    }

    /// Where it stands, for a partition that is read already.
    pub(super) fn again(&self, key: &Key) -> Result<Place, String> {
        self.position(key)?.map(|position| Place::of(&position)).ok_or_else(|| "it has no place".to_owned())
    }

    /// After the log was found to end before, or to begin after, what was to be read; or to be another one.
    pub(super) fn repair(&self, key: &Key, is_other: bool) -> Result<Place, String> {
        let position = self.position(key)?.ok_or("it has no place")?;
        let (low, high) = self.watermarks(key).map_err(|error| error.to_string())?;
        let (topic, partition, next) = (&key.0, key.1, position.next);
        if !is_other && (low..=high).contains(&next) {
            let place = Place::of(&position);
            // What stood before it may be gone, by the topic's retention.
            return Ok(if place.from() < low { Place { expect: None, ..place } } else { place });
        }
        if !is_other && next < low {
            tracing::error!(topic, partition, next, low, "kafka.lost");
            return self.place(key, low, Placed::Lost);
        }
        if let Some(on) = self.still_there(key, &position.marks, (low, high))? {
            tracing::error!(topic, partition, next, high, on, "kafka.truncated");
            return self.place(key, on, Placed::Truncated);
        }
        tracing::error!(topic, partition, next, low, high, "kafka.replaced");
        self.place(key, low, Placed::Replaced)
    }

    /// What the group has committed may be of a log that is no more.
    fn may_be(&self, key: &Key, offset: i64) -> Result<bool, String> {
        let (low, high) = self.watermarks(key).map_err(|error| error.to_string())?;
        Ok((low..=high).contains(&offset))
    }

    fn position(&self, (topic, partition): &Key) -> Result<Option<Position>, String> {
        self.counting.position(topic, *partition).ok_or_else(|| "the daemon ends".to_owned())
    }

    fn place(&self, (topic, partition): &Key, next: i64, why: Placed) -> Result<Place, String> {
        tracing::info!(topic, partition, next, why = ?why, "kafka.placed");
        let placing = Placing { topic: topic.clone(), partition: *partition, next, why };
        match self.counting.place(placing) {
            Some(true) => Ok(Place { next, expect: None, is_kept: true }),
            Some(false) => Err("more partitions than there are places for".to_owned()),
            None => Err("the place could not be kept".to_owned()),
        }
    }

    fn watermarks(&self, (topic, partition): &Key) -> KafkaResult<(i64, i64)> {
        self.consumer.fetch_watermarks(topic, *partition, ASK)
    }

    fn start(&self, key: &Key, start: Start) -> KafkaResult<i64> {
        let since = match start {
            Start::Earliest => return Ok(self.watermarks(key)?.0),
            Start::Latest => return Ok(self.watermarks(key)?.1),
            Start::At(since) => since,
            Start::Back(back) => self.counting.now().0.saturating_sub(back),
        };
        let mut list = TopicPartitionList::new();
        let millis = i64::try_from(since / 1_000_000).unwrap_or(i64::MAX);
        list.add_partition_offset(&key.0, key.1, Offset::Offset(millis))?;
        let found = self.consumer.offsets_for_times(list, ASK)?;
        match found.find_partition(&key.0, key.1).map(|one| one.offset()) {
            Some(Offset::Offset(offset)) => Ok(offset),
            // Nothing is that new.
            _ => Ok(self.watermarks(key)?.1),
        }
    }

    /// Where to go on in a log that lost its end, if it is still the one that was counted: behind the newest of the records
    /// that are marked and still stand. `Err`: it can not be known now.
    fn still_there(&self, key: &Key, marks: &[Mark], (low, high): (i64, i64)) -> Result<Option<i64>, String> {
        let reader: BaseConsumer =
            client::reader(self.settings).create().map_err(|error: KafkaError| error.to_string())?;
        let mut differs = false;
        for mark in marks.iter().filter(|mark| (low..high).contains(&mark.offset)) {
            match read(&reader, key, mark.offset)? {
                Some(digest) if digest == mark.digest => {
                    return Ok(Some(if differs { mark.offset + 1 } else { high }));
                }
                // Another record stands there: what was counted ends somewhere before.
                Some(_) => differs = true,
                None => {}
            }
        }
        Ok(None)
    }
}

/// The digest of one record; `None` where compaction has taken it.
fn read(reader: &BaseConsumer, (topic, partition): &Key, offset: i64) -> Result<Option<u64>, String> {
    let mut list = TopicPartitionList::new();
    let added = list.add_partition_offset(topic, *partition, Offset::Offset(offset));
    added.and_then(|()| reader.assign(&list)).map_err(|error| error.to_string())?;
    let message = reader.poll(ASK).ok_or("one of its records could not be read again in time")?;
    let message = message.map_err(|error| error.to_string())?;
    Ok((message.offset() == offset).then(|| digest(&message)))
}
