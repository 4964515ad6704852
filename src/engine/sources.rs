//! Where each partition of a topic stands: which of its records are in the counts. A record counts once, for what comes
//! next has to begin where the last one ended.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

use super::batch::{Ack, AckToken};
use super::effect::Effect;
use super::{Effects, Engine};
use crate::model::EventTime;

/// Partitions that have a place of their own; no other is read.
pub const PARTITIONS_MAX: usize = 10_000;

/// Records of one partition that a batch is made of: offsets `from..to`, those included that hold no record, since a
/// transaction or compaction has them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Offsets {
    pub topic: String,
    pub partition: i32,
    pub from: i64,
    pub to: i64,
    pub records: u64,
    /// Of the records, those that could not be read.
    pub poison: u64,
    /// The last of them.
    pub last: Option<Mark>,
}

/// By which a record is known again: a log that was deleted and made anew has other records at the same offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Mark {
    pub offset: i64,
    /// XXH3 of the record's value and time, 64 bits.
    pub digest: u64,
}

/// A partition's place that does not follow from what was read.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Placing {
    pub topic: String,
    pub partition: i32,
    pub next: i64,
    pub why: Placed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Placed {
    /// Read for the first time.
    Start,
    /// Another member of the group has read up to here.
    Elsewhere,
    /// Records before this were deleted unread, by the topic's retention: they are lost to us.
    Lost,
    /// The end of the log is gone; what comes now is new.
    Truncated,
    /// The topic was deleted and made anew.
    Replaced,
}

/// Where a partition stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Position {
    /// The offset of the record that comes next.
    pub next: i64,
    /// Counted, poison included.
    pub records: u64,
    pub poison: u64,
    /// Offsets that were gone before they were read.
    pub lost: u64,
    /// Times that the log was found to be another one, or shorter.
    pub replaced: u64,
    /// The newest time of its events.
    pub newest: Option<EventTime>,
    /// The last record, and some of before, each about twice as far back as the next: where the end of a log was lost one
    /// of them is still there.
    pub marks: Vec<Mark>,
}

#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Sources {
    partitions: BTreeMap<(String, i32), Position>,
}

impl Sources {
    /// `Err`: what is to come there, if the partition has a place.
    pub(super) fn continues(&self, offsets: &Offsets) -> Result<(), Option<i64>> {
        let next = self.get(&offsets.topic, offsets.partition).map(|position| position.next);
        if next == Some(offsets.from) && offsets.from <= offsets.to { Ok(()) } else { Err(next) }
    }

    pub(super) fn advance(&mut self, offsets: &Offsets, newest: Option<EventTime>) {
        let Some(position) = self.partitions.get_mut(&(offsets.topic.clone(), offsets.partition)) else {
            return;
        };
        position.next = offsets.to;
        position.records += offsets.records;
        position.poison += offsets.poison;
        position.newest = position.newest.max(newest);
        let Some(last) = offsets.last else { return };
        position.marks.insert(0, last);
        thin(&mut position.marks);
    }

    /// `false`: there is no room for one more.
    fn place(&mut self, placing: &Placing) -> bool {
        let key = (placing.topic.clone(), placing.partition);
        if self.partitions.len() >= PARTITIONS_MAX && !self.partitions.contains_key(&key) {
            return false;
        }
        let position = self.partitions.entry(key).or_insert(Position {
            next: placing.next,
            records: 0,
            poison: 0,
            lost: 0,
            replaced: 0,
            newest: None,
            marks: Vec::new(),
        });
        match placing.why {
            Placed::Start | Placed::Elsewhere => {}
            Placed::Lost => {
                let lost = placing.next.saturating_sub(position.next);
                position.lost += u64::try_from(lost).unwrap_or_default();
            }
            Placed::Truncated | Placed::Replaced => position.replaced += 1,
        }
        if placing.next != position.next {
            position.marks.clear();
        }
        position.next = placing.next;
        true
    }

    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<&Position> {
        self.partitions.get(&(topic.to_owned(), partition))
    }
}

/// Of marks, the newest first, takes out those that the next newer and the next older one make up for.
fn thin(marks: &mut Vec<Mark>) {
    let Some(newest) = marks.first().map(|mark| mark.offset) else { return };
    let mut place = 1;
    while place + 1 < marks.len() {
        let [newer, older] = [marks[place - 1], marks[place + 1]].map(|mark| newest - mark.offset);
        if older <= 2 * newer + 1 {
            marks.remove(place);
        } else {
            place += 1;
        }
    }
}

impl Engine {
    /// Where a partition stands, if it was ever read.
    pub fn position(&self, topic: &str, partition: i32) -> Option<&Position> {
        self.sources.get(topic, partition)
    }

    /// Every partition that was read, by topic and number.
    pub fn positions(&self) -> impl Iterator<Item = (&str, i32, &Position)> {
        self.sources.partitions.iter().map(|((topic, partition), one)| (topic.as_str(), *partition, one))
    }

    pub(super) fn place(&mut self, token: AckToken, placing: &Placing, effects: &mut Effects) {
        let ack = if self.sources.place(placing) {
            effects.records.placed(self.now, placing);
            Ack::Accepted { rejected: 0, reason: None }
        } else {
            Ack::Elsewhere { next: None }
        };
        effects.requests.push(Effect::Acknowledge { token, ack });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(from: i64, to: i64) -> Offsets {
        let last = Some(Mark { offset: to - 1, digest: 7 });
        Offsets { topic: "spans".to_owned(), partition: 3, from, to, records: 1, poison: 0, last }
    }

    fn placing(next: i64, why: Placed) -> Placing {
        Placing { topic: "spans".to_owned(), partition: 3, next, why }
    }

    #[test]
    fn what_does_not_begin_where_the_last_one_ended_is_told_where_that_was() {
        let mut sources = Sources::default();
        assert_eq!(sources.continues(&at(0, 5)), Err(None), "nobody has said where to begin");
        assert!(sources.place(&placing(10, Placed::Start)));
        assert_eq!(sources.continues(&at(9, 12)), Err(Some(10)));
        assert_eq!(sources.continues(&at(11, 12)), Err(Some(10)));
        assert_eq!(sources.continues(&at(10, 12)), Ok(()));
        sources.advance(&at(10, 12), Some(EventTime(5)));
        assert_eq!(sources.continues(&at(10, 12)), Err(Some(12)), "the same records again");
        assert_eq!(sources.continues(&at(12, 20)), Ok(()));
    }

    #[test]
    fn what_was_lost_is_counted() {
        let mut sources = Sources::default();
        sources.place(&placing(0, Placed::Start));
        sources.advance(&at(0, 5), None);
        sources.place(&placing(30_000, Placed::Lost));
        let position = sources.get("spans", 3).unwrap();
        assert_eq!((position.next, position.lost, position.records), (30_000, 30_000 - 5, 1));
        assert!(position.marks.is_empty(), "what stood before a gap proves nothing behind it");
    }

    #[test]
    fn some_record_stays_marked_close_before_wherever_a_log_is_cut() {
        let mut sources = Sources::default();
        sources.place(&placing(0, Placed::Start));
        for from in 0..3_000 {
            sources.advance(&at(from, from + 1), None);
            let marks = &sources.get("spans", 3).unwrap().marks;
            assert!(marks.len() <= 32 && marks[0].offset == from, "{marks:?}");
            for lost in [1, 2, 3, 10, 70, 500, 2_000].into_iter().filter(|lost| *lost <= from) {
                let mark = marks.iter().find(|mark| mark.offset <= from - lost);
                let back = mark.map(|mark| from - mark.offset);
                assert!(back.is_some_and(|back| back <= 2 * lost + 1), "{lost} of {from}: {marks:?}");
            }
        }
    }

    #[test]
    fn there_is_room_for_so_many_partitions_and_no_more() {
        let mut sources = Sources::default();
        for partition in 0..PARTITIONS_MAX as i32 {
            assert!(sources.place(&Placing { partition, ..placing(0, Placed::Start) }));
        }
        assert!(!sources.place(&Placing { partition: -1, ..placing(0, Placed::Start) }));
        assert!(sources.place(&Placing { partition: 0, ..placing(9, Placed::Start) }));
    }
}
