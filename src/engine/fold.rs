//! The workers' half: one request and the plan -> one delta batch. Pure, and the same on every worker.

use std::fmt::Write;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::batch::{Batch, Request, ServiceDelta, SloDelta};
use super::course::Course;
use super::plan::{Dedup, Marks, Plan, SloPlan};
use super::points::{Points, USES_MAX, Use};
use super::record::{self, EventRecord};
use super::watch::Hits;
use crate::classify::{Decider, Finder, Verdict};
use crate::decode::{Decoded, Limits, Malformed, decode_series};
use crate::model::{Category, EventTime, Item, ItemKind, Now, SECOND_NS, Signal};

/// An event further ahead of our clock than this is counted as `future` and moves nothing.
pub const FUTURE_NS: u64 = 600 * SECOND_NS;

/// What one request may touch: each is an evaluation of a service level while all others wait.
const DELTAS_MAX: usize = 65_536;
/// Kinds of warnings and exceptions of one request that are kept.
const NOTABLE_MAX: usize = 1_000;
/// Characters of a group's value.
const GROUP_VALUE_MAX: usize = 128;
/// Informational events of one request that are kept as a sample.
const SAMPLE_MAX: usize = 4;

/// Folds one request. `key` seeds the fingerprint and the maps: an attacker who does not know it can make
/// neither two requests nor many names collide.
pub fn fold(plan: &Plan, key: u64, request: &Request<'_>) -> Result<Batch, Malformed> {
    fold_within(plan, key, request, FUTURE_NS, None)
}

/// As [`fold`], without the items that are `known` by their identity, and each other one once, where the plan asks for
/// it.
pub fn fold_unknown(
    plan: &Plan,
    key: u64,
    request: &Request<'_>,
    known: Identities,
) -> Result<Batch, Malformed> {
    fold_within(plan, key, request, FUTURE_NS, (plan.dedup == Dedup::Items).then_some(known))
}

/// As [`fold`], where time is what the events say: none is ahead of it.
pub fn fold_replayed(plan: &Plan, key: u64, request: &Request<'_>) -> Result<Batch, Malformed> {
    fold_within(plan, key, request, u64::MAX, None)
}

fn fold_within(
    plan: &Plan,
    key: u64,
    request: &Request<'_>,
    future_ns: u64,
    known: Option<Identities>,
) -> Result<Batch, Malformed> {
    let mut fold = Fold::new(plan, key, request.now, future_ns);
    fold.known = known;
    let mut finder = plan.numbered().index.finder();
    let decoded = fold.body(request, &mut finder)?;
    let repeatable = decoded.identifiable && plan.dedup != Dedup::Off;
    let fingerprint = repeatable.then(|| fingerprint(key, request, &plan.tenant));
    Ok(fold.finish(request.signal, fingerprint, decoded))
}

/// Hashes of items' own names.
pub type Identities = HashSet<u64, FixedState>;

type Map<K> = HashMap<K, usize, FixedState>;

pub(super) struct Fold<'p> {
    plan: &'p Plan,
    now: Now,
    /// Of an item that gives itself none.
    pub(super) time: EventTime,
    future_ns: u64,
    /// Items that were handed out by the decoder, rejected ones not.
    pub(super) seen: u64,
    newest: Option<EventTime>,
    timeless: u64,
    filtered: Vec<u64>,
    decided: Vec<(Decider, Category, u64)>,
    services: Vec<ServiceDelta>,
    service_places: Map<String>,
    service: usize,
    seconds: Vec<(u64, u64)>,
    second_places: Map<u64>,
    second: usize,
    slos: Vec<SloDelta>,
    slo_places: Map<(u32, u32, u64)>,
    /// The delta that the last event of a track went into: most events of a request share their second.
    slo_last: Vec<usize>,
    groups: Groups,
    points: Points,
    /// What the point at hand counts as for ratios.
    of_ratios: Vec<Use>,
    hits: Hits,
    events: Vec<EventRecord>,
    /// The newest record of a fingerprint.
    alike: Map<u64>,
    /// What the service levels made of the event at hand.
    judged: Vec<(u32, bool)>,
    course: Course<'p>,
    text: String,
    key: u64,
    notable: usize,
    sampled: usize,
    future: u64,
    /// More deltas than a batch may have: nothing of the request will be used.
    overfull: bool,
    /// As [`Batch::mismatches`], those without any too.
    mismatches: Vec<u64>,
    /// `None` where items have no identity.
    pub(super) known: Option<Identities>,
    identities: Vec<u64>,
    repeated: u64,
}

const NOWHERE: usize = usize::MAX;

impl<'p> Fold<'p> {
    pub(super) fn new(plan: &'p Plan, key: u64, now: Now, future_ns: u64) -> Self {
        let hasher = || FixedState::with_seed(key);
        Self {
            plan,
            now,
            time: EventTime(now.0),
            future_ns,
            seen: 0,
            newest: None,
            timeless: 0,
            filtered: vec![0; plan.rules.filter.len()],
            decided: Vec::new(),
            services: Vec::new(),
            service_places: Map::with_hasher(hasher()),
            service: NOWHERE,
            seconds: Vec::new(),
            second_places: Map::with_hasher(hasher()),
            second: NOWHERE,
            slos: Vec::new(),
            slo_places: Map::with_hasher(hasher()),
            slo_last: vec![NOWHERE; plan.tracks()],
            groups: Groups::new(key),
            points: Points::default(),
            of_ratios: Vec::new(),
            hits: Hits::new(plan, key),
            events: Vec::new(),
            alike: Map::with_hasher(hasher()),
            judged: Vec::new(),
            course: Course::default(),
            text: String::new(),
            key,
            notable: 0,
            sampled: 0,
            future: 0,
            overfull: false,
            mismatches: vec![0; plan.rules.len() + plan.slos.len()],
            known: None,
            identities: Vec::new(),
            repeated: 0,
        }
    }

    /// Everything that one body holds. After an `Err` the fold is of use only where it has seen nothing of the body.
    pub(super) fn body(
        &mut self,
        request: &Request<'_>,
        finder: &mut Finder<'_>,
    ) -> Result<Decoded, Malformed> {
        let Request { signal, encoding, body, .. } = *request;
        let (plan, key) = (self.plan, self.key);
        let series_key = plan.reads_points().then(|| xxh3_128_with_seed(plan.tenant.as_bytes(), key) as u64);
        let each = &mut |item: &Item<'_>| self.observe(item, finder);
        let decoded = decode_series(signal, encoding, body, &plan.wanted, Limits::DEFAULT, series_key, each)?;
        if self.overfull {
            return Err(Malformed::TooMuch(format!(
                "{DELTAS_MAX} seconds of event time or {USES_MAX} points times service levels"
            )));
        }
        Ok(decoded)
    }

    fn observe(&mut self, item: &Item<'_>, finder: &mut Finder<'_>) {
        self.seen += 1;
        if self.is_repeated(item) {
            self.repeated += 1;
            return;
        }
        self.newest = self.newest.max(item.time);
        self.timeless += u64::from(item.time.is_none());
        let time = item.time.unwrap_or(self.time);
        let service = self.service(item.service);
        self.services[service].items += 1;
        if time.ahead_of_ns(self.now) > self.future_ns {
            self.future += 1;
            return;
        }
        finder.find(item);
        match self.plan.rules.verdict(finder, item, &mut self.mismatches) {
            Verdict::Filtered { rule } => self.filtered[usize::from(rule)] += 1,
            Verdict::Kept { category, decider } => {
                self.services[service].categories[category as usize] += 1;
                self.count_decided(decider, category);
                self.count_second(time.seconds());
                self.count_slos(item, time, finder);
                let of_rules = &mut self.mismatches[self.plan.rules.filter.len()..];
                self.hits.take(self.plan, item, time, decider, (finder, of_rules));
                self.keep(item, time, category, decider);
            }
        }
    }

    /// A client and its server may share a span's id: the kind tells them apart.
    fn is_repeated(&mut self, item: &Item<'_>) -> bool {
        let Some(known) = &mut self.known else { return false };
        if item.kind != ItemKind::Span || (item.trace_id.len(), item.span_id.len()) != (16, 8) {
            return false;
        }
        if item.trace_id == [0; 16] || item.span_id == [0; 8] {
            return false;
        }
        let mut name = [0; 25];
        name[..item.trace_id.len()].copy_from_slice(item.trace_id);
        name[16..24].copy_from_slice(item.span_id);
        name[24] = item.span_kind as u8;
        let identity = xxh3_64_with_seed(&name, self.key);
        let is_new = known.insert(identity);
        self.identities.extend(is_new.then_some(identity));
        !is_new
    }

    fn service(&mut self, name: &str) -> usize {
        if self.services.get(self.service).is_some_and(|last| last.service == name) {
            return self.service;
        }
        let place = self.service_places.get(name).copied();
        self.service = place.unwrap_or_else(|| {
            self.services.push(ServiceDelta { service: name.to_owned(), items: 0, categories: [0; 3] });
            self.service_places.insert(name.to_owned(), self.services.len() - 1);
            self.services.len() - 1
        });
        self.service
    }

    fn count_decided(&mut self, decider: Decider, category: Category) {
        match self.decided.iter_mut().find(|(one, _, _)| *one == decider) {
            Some((_, _, count)) => *count += 1,
            None => self.decided.push((decider, category, 1)),
        }
    }

    fn count_second(&mut self, second: u64) {
        if self.seconds.get(self.second).is_none_or(|last| last.0 != second) {
            self.second = *self.second_places.entry(second).or_insert_with(|| {
                self.seconds.push((second, 0));
                self.seconds.len() - 1
            });
        }
        self.seconds[self.second].1 += 1;
    }

    fn count_slos(&mut self, item: &Item<'_>, time: EventTime, finder: &Finder<'_>) {
        self.judged.clear();
        if item.point.is_some() {
            return self.count_point(item, time, finder);
        }
        let (plan, mut course) = (self.plan, std::mem::take(&mut self.course));
        match course.steps(plan, finder, item) {
            Some(steps) => {
                for step in steps {
                    if let Some(marks) = step.marks(item) {
                        self.judge(step.to.slo, marks);
                        self.count_slo(step.to, time, marks);
                    }
                }
            }
            None => self.ask_slos(item, time, finder),
        }
        self.course = course;
    }

    fn ask_slos(&mut self, item: &Item<'_>, time: EventTime, finder: &Finder<'_>) {
        let plan = self.plan;
        for index in plan.concerned(finder) {
            let slo = &plan.slos[index];
            let flat = plan.numbered().tracks_before[index];
            let mut group = None;
            for (track, indicator) in slo.indicators.iter().enumerate() {
                let mismatches = &mut self.mismatches[plan.rules.len() + index];
                if let Some(marks) =
                    indicator.judge(item, plan.selects(finder, flat + track, item, mismatches))
                {
                    let group = *group.get_or_insert_with(|| self.groups.of(index, slo, item));
                    self.judge(index as u32, marks);
                    let to = Counter { slo: index as u32, track: track as u16, group, flat: flat + track };
                    self.count_slo(to, time, marks);
                }
            }
        }
    }

    /// An event is good for a service level that counts it for several goals if it is good for each.
    fn judge(&mut self, slo: u32, marks: Marks) {
        match self.judged.last_mut() {
            Some((last, good)) if *last == slo => *good &= marks.is_good(),
            _ => self.judged.push((slo, marks.is_good())),
        }
    }

    fn count_point(&mut self, item: &Item<'_>, time: EventTime, finder: &Finder<'_>) {
        let (plan, mut points) = (self.plan, std::mem::take(&mut self.points));
        let mut mismatches = std::mem::take(&mut self.mismatches);
        let mut groups = std::mem::take(&mut self.groups);
        let mut of_ratios = std::mem::take(&mut self.of_ratios);
        let scratch = (&mut groups, &mut *mismatches, &mut of_ratios);
        points.take((plan, finder), item, time, scratch, &mut |to, marks| {
            self.count_slo(to, time, marks);
        });
        self.overfull |= points.uses.len() > USES_MAX;
        (self.points, self.mismatches, self.groups) = (points, mismatches, groups);
        self.of_ratios = of_ratios;
    }

    fn count_slo(&mut self, to: Counter, time: EventTime, marks: Marks) {
        let second = time.seconds();
        if self.slos.len() >= DELTAS_MAX {
            self.overfull = true;
            return;
        }
        let Counter { slo, track, group, flat } = to;
        let last = self.slos.get(self.slo_last[flat]);
        if last.is_none_or(|last| (last.second, last.group) != (second, group)) {
            self.slo_last[flat] = *self.slo_places.entry((flat as u32, group, second)).or_insert_with(|| {
                let delta =
                    SloDelta { slo, track, group, second, good: 0, bad: 0, oldest: time, newest: time };
                self.slos.push(delta);
                self.slos.len() - 1
            });
        }
        let delta = &mut self.slos[self.slo_last[flat]];
        delta.good += marks.good;
        delta.bad += marks.bad;
        delta.oldest = delta.oldest.min(time);
        delta.newest = delta.newest.max(time);
    }

    fn keep(&mut self, item: &Item<'_>, time: EventTime, category: Category, decider: Decider) {
        let mut fingerprint = 0;
        if category == Category::Informational {
            if self.sampled >= SAMPLE_MAX {
                return;
            }
            self.sampled += 1;
        } else {
            fingerprint = record::fingerprint(self.key, item, decider, &mut self.text);
            let alike = self.alike.get(&fingerprint).and_then(|place| self.events.get_mut(*place));
            if let Some(alike) = alike.filter(|one| one.reaches(time)) {
                return alike.merge(1, time, time);
            }
            if self.notable >= NOTABLE_MAX {
                return;
            }
            self.notable += 1;
            self.alike.insert(fingerprint, self.events.len());
        }
        let mut kept = EventRecord::of(self.plan, item, time, (category, decider), &self.judged);
        kept.fingerprint = fingerprint;
        self.events.push(kept);
    }

    pub(super) fn finish(mut self, signal: Signal, fingerprint: Option<u128>, decoded: Decoded) -> Batch {
        self.seconds.sort_unstable();
        let groups = self.groups.values;
        self.slos.sort_unstable_by(|a, b| {
            let place = |one: &SloDelta| (one.second, one.slo, groups[one.group as usize].as_slice());
            place(a).cmp(&place(b)).then(a.track.cmp(&b.track))
        });
        let filtered = self.filtered.iter().enumerate().filter(|(_, hits)| **hits > 0);
        let mismatched = self.mismatches.iter().enumerate().filter(|(_, count)| **count > 0);
        Batch {
            plan_version: self.plan.version,
            signal,
            fingerprint,
            items: decoded.items,
            rejected: decoded.rejected,
            reason: decoded.reason,
            repeated: self.repeated,
            identities: self.identities,
            offsets: None,
            newest: self.newest,
            timeless: self.timeless,
            future: self.future,
            filtered: filtered.map(|(rule, hits)| (rule as u16, *hits)).collect(),
            decided: self.decided,
            services: self.services,
            seconds: self.seconds,
            groups,
            slos: self.slos,
            points: self.points,
            hits: self.hits.into_sorted(),
            events: self.events,
            mismatches: mismatched.map(|(place, count)| (place, *count)).collect(),
        }
    }
}

/// Where an item of a service level counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter {
    pub(super) slo: u32,
    pub(super) track: u16,
    pub(super) group: u32,
    /// The track's place among those of all service levels.
    pub(super) flat: usize,
}

/// The groups of one request.
#[derive(Debug, Default)]
pub(super) struct Groups {
    values: Vec<Vec<String>>,
    places: Map<String>,
    text: String,
}

impl Groups {
    fn new(key: u64) -> Self {
        let places = Map::with_hasher(FixedState::with_seed(key));
        Self { values: vec![Vec::new()], places, text: String::new() }
    }

    /// The place of the item's group for a service level.
    pub(super) fn of(&mut self, index: usize, slo: &SloPlan, item: &Item<'_>) -> u32 {
        let Some(group_by) = &slo.group_by else { return 0 };
        self.text.clear();
        let _ = write!(self.text, "{index}");
        let each = group_by.keys.iter().map(|key| shortened(&key.of(item), GROUP_VALUE_MAX));
        let values: Vec<String> = each.collect();
        for value in &values {
            // A value's length keeps two groups apart whose values read alike one after the other.
            let _ = write!(self.text, " {} {value}", value.len());
        }
        let place = self.places.get(&self.text).copied().unwrap_or_else(|| {
            self.places.insert(self.text.clone(), self.values.len());
            self.values.push(values);
            self.values.len() - 1
        });
        place as u32
    }
}

/// 128 bits over tenant, signal and the decompressed body.
fn fingerprint(key: u64, request: &Request<'_>, tenant: &str) -> u128 {
    let scope = xxh3_128_with_seed(tenant.as_bytes(), key ^ request.signal as u64);
    xxh3_128_with_seed(request.body, scope as u64) ^ scope
}

pub(super) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
