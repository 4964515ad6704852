//! What a worker makes of one item, times how many of it came: the same batch as that of a request which holds them all,
//! without its bytes. Only the records that people look at are left out.

use std::collections::BTreeMap;

use crate::decode::{Encoding, Malformed};
use crate::engine::{Batch, Plan, Request, ServiceDelta, SloDelta, fold_replayed};
use crate::model::{EventTime, Now, SECOND_NS, Signal};

use super::sample::Sample;

/// Always the same: nobody who writes a test has others' names to guard.
const KEY: u64 = u64::from_be_bytes(*b"evenkeel");

/// What the plan makes of one item at a second. The error says why it can make nothing of it.
pub(super) fn folded(plan: &Plan, sample: &Sample, second: u64) -> Result<Batch, String> {
    let body = sample.request(second, 1);
    let now = Now(second.saturating_mul(SECOND_NS));
    let request = Request { signal: sample.signal, encoding: Encoding::Protobuf, body: &body, now };
    fold_replayed(plan, KEY, &request).map_err(|malformed| {
        let (Malformed::Undecodable(why) | Malformed::TooMuch(why)) = malformed;
        format!("a made-up {} of {} can not be taken: {why}", sample.signal.item_kind(), sample.service)
    })
}

/// All that comes in one second, of one signal.
pub(super) struct Sum {
    batch: Batch,
    second: u64,
    /// Places of groups by service level and values, and of counts by service level, indicator and group.
    groups: BTreeMap<u32, BTreeMap<Vec<String>, u32>>,
    counts: BTreeMap<(u32, u16, u32), usize>,
}

impl Sum {
    pub(super) fn new(plan: &Plan, signal: Signal, second: u64) -> Self {
        let batch = Batch::empty(plan.version, signal);
        Self { batch, second, groups: BTreeMap::new(), counts: BTreeMap::new() }
    }

    fn at(&self) -> EventTime {
        EventTime(self.second.saturating_mul(SECOND_NS))
    }

    /// So many items of one kind.
    pub(super) fn add(&mut self, one: &Batch, count: u64) {
        let (at, sum) = (self.at(), &mut self.batch);
        sum.items += one.items * count;
        sum.rejected += one.rejected * count;
        sum.newest = Some(at);
        for (rule, hits) in &one.filtered {
            *entry(&mut sum.filtered, *rule) += hits * count;
        }
        for (place, mismatches) in &one.mismatches {
            *entry(&mut sum.mismatches, *place) += mismatches * count;
        }
        for (decider, category, events) in &one.decided {
            match sum.decided.iter_mut().find(|(known, _, _)| known == decider) {
                Some((_, _, sum)) => *sum += events * count,
                None => sum.decided.push((*decider, *category, events * count)),
            }
        }
        for service in &one.services {
            add_service(&mut sum.services, service, count);
        }
        for (_, events) in &one.seconds {
            *entry(&mut sum.seconds, self.second) += events * count;
        }
        self.add_hits(one, count);
        for delta in &one.slos {
            let marks = (delta.good * count, delta.bad * count);
            self.count((delta.slo, delta.track), &one.groups[delta.group as usize], marks);
        }
    }

    fn add_hits(&mut self, one: &Batch, count: u64) {
        let (at, hits) = (self.at(), &mut self.batch.hits);
        for hit in &one.hits {
            let same = |known: &&mut crate::engine::WatchHit| {
                (known.watch, known.ended, &known.key) == (hit.watch, hit.ended, &hit.key)
            };
            match hits.iter_mut().find(same) {
                Some(known) => {
                    known.count += hit.count * count;
                    known.service.clone_from(&hit.service);
                    known.example.clone_from(&hit.example);
                }
                None => {
                    let mut hit = hit.clone();
                    (hit.count, hit.second, hit.newest) = (hit.count * count, self.second, at);
                    hits.push(hit);
                }
            }
        }
    }

    /// Good and bad units of an indicator of a service level.
    pub(super) fn count(&mut self, (slo, track): (u32, u16), values: &[String], (good, bad): (u64, u64)) {
        let (at, second) = (self.at(), self.second);
        let group = if values.is_empty() { 0 } else { self.place_of(slo, values) };
        let slos = &mut self.batch.slos;
        let place = *self.counts.entry((slo, track, group)).or_insert_with(|| {
            slos.push(SloDelta { slo, track, group, second, good: 0, bad: 0, oldest: at, newest: at });
            slos.len() - 1
        });
        slos[place].good += good;
        slos[place].bad += bad;
    }

    /// No two service levels share a group but the first one.
    fn place_of(&mut self, slo: u32, values: &[String]) -> u32 {
        let of_slo = self.groups.entry(slo).or_default();
        if let Some(known) = of_slo.get(values) {
            return *known;
        }
        let groups = &mut self.batch.groups;
        groups.push(values.to_vec());
        let place = groups.len() as u32 - 1;
        of_slo.insert(values.to_vec(), place);
        place
    }

    /// In the order in which a fold leaves them; `None` where nothing came.
    pub(super) fn into_batch(self) -> Option<Batch> {
        let mut sum = self.batch;
        let groups = &sum.groups;
        let place = |one: &SloDelta| (one.second, one.slo, groups[one.group as usize].as_slice(), one.track);
        sum.slos.sort_by(|a, b| place(a).cmp(&place(b)));
        sum.filtered.sort_unstable();
        sum.mismatches.sort_unstable();
        sum.hits.sort_by(|a, b| (a.watch, &a.key, a.ended).cmp(&(b.watch, &b.key, b.ended)));
        (sum.items > 0 || !sum.slos.is_empty()).then_some(sum)
    }
}

fn add_service(services: &mut Vec<ServiceDelta>, one: &ServiceDelta, count: u64) {
    let place = services.iter().position(|known| known.service == one.service).unwrap_or_else(|| {
        services.push(ServiceDelta { service: one.service.clone(), items: 0, categories: [0; 3] });
        services.len() - 1
    });
    let known = &mut services[place];
    known.items += one.items * count;
    for (sum, more) in known.categories.iter_mut().zip(one.categories) {
        *sum += more * count;
    }
}

fn entry<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K) -> &mut u64 {
    let place = counts.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        counts.push((key, 0));
        counts.len() - 1
    });
    &mut counts[place].1
}
