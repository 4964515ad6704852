//! The newest classified events, for people to look at. Like ones are merged, and the logs of a trace go into
//! the record of its failed span: this concerns records alone, every event keeps its place in the counts.

use std::collections::{BTreeMap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};

use super::record::EventRecord;
use crate::classify::Decider;
use crate::model::{Category, EventTime, ItemKind};

/// Kept records of each category.
const KEPT_MAX: usize = 1_000;
/// Kinds of log records that one span's record remembers, so that their likes follow them.
const TAKEN_MAX: usize = 16;

#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Events {
    revision: u64,
    /// By `Category as usize`, so that a flood of one kind does not push out the others. Ascending by sequence.
    kept: [VecDeque<Kept>; 3],
    /// The newest record of each fingerprint.
    alike: BTreeMap<u64, Place>,
    /// The newest record that began with this trace.
    traces: BTreeMap<String, Place>,
    merged: BTreeMap<Decider, u64>,
}

#[derive(Debug, BorshSerialize, BorshDeserialize)]
struct Kept {
    record: EventRecord,
    /// Fingerprints of the logs that were taken in.
    taken: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Place {
    category: Category,
    sequence: u64,
}

impl Events {
    pub(super) fn keep(&mut self, records: Vec<EventRecord>) {
        for record in records {
            self.keep_one(record);
        }
    }

    pub(super) fn records_mut(&mut self) -> impl Iterator<Item = &mut EventRecord> {
        self.kept.iter_mut().flatten().map(|kept| &mut kept.record)
    }

    fn keep_one(&mut self, record: EventRecord) {
        let (decider, own) = (record.decider, record.count - 1);
        if record.fingerprint == 0 {
            self.insert(record, Vec::new());
            return;
        }
        let Some(place) = self.home_of(&record) else {
            let (record, taken, logs) = self.with_logs_of_its_trace(record);
            self.insert(record, taken);
            for (decider, count) in std::iter::once((decider, own)).chain(logs).filter(|(_, n)| *n > 0) {
                *self.merged.entry(decider).or_default() += count;
            }
            return;
        };
        *self.merged.entry(decider).or_default() += record.count;
        self.join(place, record);
    }

    /// The record that an event belongs to: the one of its likes, or that of its trace's span.
    fn home_of(&mut self, record: &EventRecord) -> Option<Place> {
        let alike = self.alike.get(&record.fingerprint).copied();
        if let Some(place) = alike.filter(|place| self.reaches(*place, record.time)) {
            return Some(place);
        }
        if record.kind != ItemKind::Log {
            return None;
        }
        self.of_trace(record, ItemKind::Span)
    }

    fn of_trace(&self, record: &EventRecord, kind: ItemKind) -> Option<Place> {
        let place = self.traces.get(&record.trace_id).copied()?;
        let found = &self.find(place)?.record;
        let fits = found.kind == kind && found.service == record.service && found.reaches(record.time);
        fits.then_some(place)
    }

    fn join(&mut self, place: Place, record: EventRecord) {
        self.revision += 1;
        let revision = self.revision;
        let Some(kept) = self.find_mut(place) else { return };
        kept.record.revision = revision;
        if kept.record.kind == record.kind {
            return kept.record.merge(record.count, record.first_seen, record.last_seen);
        }
        let fingerprint = record.fingerprint;
        kept.record.absorb(record);
        let category = kept.record.category;
        let is_new = !kept.taken.contains(&fingerprint) && kept.taken.len() < TAKEN_MAX;
        if is_new {
            kept.taken.push(fingerprint);
        }
        let place = self.moved(place, category);
        if is_new {
            self.alike.insert(fingerprint, place);
        }
    }

    /// A span that comes after the log of its trace takes it in.
    fn with_logs_of_its_trace(
        &mut self,
        mut record: EventRecord,
    ) -> (EventRecord, Vec<u64>, Option<(Decider, u64)>) {
        let place = match record.kind {
            ItemKind::Span => self.of_trace(&record, ItemKind::Log),
            _ => None,
        };
        let Some(log) = place.and_then(|place| self.take(place)) else { return (record, Vec::new(), None) };
        // Its own repeats are in the count of merged events already.
        let (fingerprint, merged) = (log.record.fingerprint, (log.record.decider, 1));
        record.absorb(log.record);
        (record, vec![fingerprint], Some(merged))
    }

    fn insert(&mut self, mut record: EventRecord, taken: Vec<u64>) {
        self.revision += 1;
        (record.sequence, record.revision) = (self.revision, self.revision);
        let place = Place { category: record.category, sequence: record.sequence };
        if self.kept[place.category as usize].len() == KEPT_MAX
            && let Some(oldest) = self.kept[place.category as usize].pop_front()
        {
            self.forget(&oldest);
        }
        for fingerprint in taken.iter().copied().chain([record.fingerprint]).filter(|one| *one != 0) {
            self.alike.insert(fingerprint, place);
        }
        if !record.trace_id.is_empty() && record.fingerprint != 0 {
            self.traces.insert(record.trace_id.clone(), place);
        }
        self.kept[place.category as usize].push_back(Kept { record, taken });
    }

    /// A record whose category was raised, among its new equals.
    fn moved(&mut self, place: Place, category: Category) -> Place {
        let to = Place { category, ..place };
        if to == place {
            return place;
        }
        let Some(kept) = self.take(place) else { return place };
        let equals = &mut self.kept[category as usize];
        if equals.len() == KEPT_MAX
            && let Some(oldest) = equals.pop_front()
        {
            self.forget(&oldest);
        }
        let equals = &mut self.kept[category as usize];
        let at = equals.partition_point(|one| one.record.sequence < place.sequence);
        for fingerprint in kept.taken.iter().copied().chain([kept.record.fingerprint]) {
            self.alike.insert(fingerprint, to);
        }
        if !kept.record.trace_id.is_empty() {
            self.traces.insert(kept.record.trace_id.clone(), to);
        }
        equals.insert(at, kept);
        to
    }

    fn take(&mut self, place: Place) -> Option<Kept> {
        let index = self.index_of(place)?;
        let kept = self.kept[place.category as usize].remove(index)?;
        self.forget(&kept);
        Some(kept)
    }

    /// Nothing leads to a record that is gone.
    fn forget(&mut self, gone: &Kept) {
        let sequence = gone.record.sequence;
        for fingerprint in gone.taken.iter().chain([&gone.record.fingerprint]) {
            if self.alike.get(fingerprint).is_some_and(|place| place.sequence == sequence) {
                self.alike.remove(fingerprint);
            }
        }
        if self.traces.get(&gone.record.trace_id).is_some_and(|place| place.sequence == sequence) {
            self.traces.remove(&gone.record.trace_id);
        }
    }

    fn reaches(&self, place: Place, time: EventTime) -> bool {
        self.find(place).is_some_and(|kept| kept.record.reaches(time))
    }

    fn index_of(&self, place: Place) -> Option<usize> {
        let kept = &self.kept[place.category as usize];
        kept.binary_search_by_key(&place.sequence, |one| one.record.sequence).ok()
    }

    fn find(&self, place: Place) -> Option<&Kept> {
        self.kept[place.category as usize].get(self.index_of(place)?)
    }

    fn find_mut(&mut self, place: Place) -> Option<&mut Kept> {
        let index = self.index_of(place)?;
        self.kept[place.category as usize].get_mut(index)
    }

    /// Under other rules no event is like one of before.
    pub(super) fn reconfigure(&mut self, renamed: &dyn Fn(Decider) -> Option<Decider>) {
        self.alike.clear();
        self.traces.clear();
        self.kept.iter_mut().flatten().for_each(|kept| kept.taken.clear());
        let merged = std::mem::take(&mut self.merged);
        self.merged = merged.into_iter().filter_map(|(decider, n)| Some((renamed(decider)?, n))).collect();
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn merged(&self) -> &BTreeMap<Decider, u64> {
        &self.merged
    }

    /// All that are kept, by category and in order of their numbers.
    pub(super) fn records(&self) -> impl Iterator<Item = &EventRecord> {
        self.kept.iter().flatten().map(|kept| &kept.record)
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&EventRecord> {
        let found = Category::ALL.iter().find_map(|&category| self.find(Place { category, sequence }));
        found.map(|kept| &kept.record)
    }

    /// The `limit` records that changed last, after a revision, and are wanted; the last change last.
    pub(super) fn newest(
        &self,
        category: Option<Category>,
        after: u64,
        limit: usize,
        is_wanted: impl Fn(&EventRecord) -> bool,
    ) -> Vec<EventRecord> {
        let wanted = |one: &Category| category.is_none_or(|category| category == *one);
        let mut found: Vec<&EventRecord> = Category::ALL
            .iter()
            .filter(|one| wanted(one))
            .flat_map(|one| {
                let records = self.kept[*one as usize].iter().map(|kept| &kept.record);
                records.filter(|record| record.revision > after && is_wanted(record))
            })
            .collect();
        found.sort_unstable_by_key(|record| record.revision);
        found.iter().skip(found.len().saturating_sub(limit)).copied().cloned().collect()
    }
}

#[cfg(test)]
#[path = "events/tests.rs"]
mod tests;
