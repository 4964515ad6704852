//! A classification rule's `alert`, compiled, and the workers' half of it: which events of a request concern it.

use borsh::{BorshDeserialize, BorshSerialize};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::fold::shortened;
use super::plan::{Numbered, Plan};
use crate::classify::{Decider, Finder, Key, Predicate};
use crate::model::{Category, EventTime, Item, Priority, Value};

/// Keys times seconds that one request may name; further ones go to the key whose parts are all `overflow`.
const HITS_MAX: usize = 4_096;
/// Characters of a key's part.
const PART_MAX: usize = 128;
pub(super) const OVERFLOW: &str = "overflow";

/// When the events of a rule open an alert, and when they close it.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Watch {
    /// The rule's place among the classification rules.
    pub rule: u16,
    pub name: String,
    pub category: Category,
    pub priority: Priority,
    /// One alert for each combination of values.
    pub key: Vec<Key>,
    pub form: Form,
    /// No second alert of a key opens before this time has passed since the first one did.
    pub once_within_ns: u64,
    /// The same for equal text of the `alert`.
    pub identity: u64,
    /// `FILE:LINE:COLUMN` of the rule.
    pub declared_at: String,
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub enum Form {
    /// Opens at `count` events within `within_ns`; closes when none came for `quiet_ns`, or at an event of `until`.
    Seen { count: u64, within_ns: u64, quiet_ns: u64, until: Option<Predicate>, flapping: Option<Flapping> },
    /// Opens when none came for `after_ns`, closes at the next.
    Absent { after_ns: u64 },
}

/// So many changes between the rule's events and those of `until` within a time, and the alert stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Flapping {
    pub changes: u64,
    pub within_ns: u64,
}

/// Events of one key in one second.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct WatchHit {
    pub watch: u16,
    pub key: Vec<String>,
    pub second: u64,
    /// Events of `until`.
    pub ended: bool,
    pub count: u64,
    pub newest: EventTime,
    pub service: String,
    /// The name or body of the last one.
    pub example: String,
}

impl Watch {
    fn key_of(&self, item: &Item<'_>) -> Vec<String> {
        self.key.iter().map(|part| shortened(&part.of(item), PART_MAX)).collect()
    }

    pub(super) fn overflow_key(&self) -> Vec<String> {
        vec![OVERFLOW.to_owned(); self.key.len()]
    }

    pub(super) fn until(&self) -> Option<&Predicate> {
        match &self.form {
            Form::Seen { until, .. } => until.as_ref(),
            Form::Absent { .. } => None,
        }
    }
}

type Place = (u16, bool, u64, Vec<String>);

/// The hits of one request.
pub(super) struct Hits {
    /// By rule: its watch.
    of_rule: Vec<Option<u16>>,
    places: HashMap<Place, usize, FixedState>,
    hits: Vec<WatchHit>,
}

impl Hits {
    pub(super) fn new(plan: &Plan, key: u64) -> Self {
        let mut of_rule = Vec::new();
        if !plan.watches.is_empty() {
            of_rule = vec![None; plan.rules.classify.len()];
            for (index, watch) in (0..).zip(&plan.watches) {
                of_rule[usize::from(watch.rule)] = Some(index);
            }
        }
        Self { of_rule, places: HashMap::with_hasher(FixedState::with_seed(key)), hits: Vec::new() }
    }

    /// `mismatches` counts for classification rules, by place.
    pub(super) fn take(
        &mut self,
        plan: &Plan,
        item: &Item<'_>,
        time: EventTime,
        decider: Decider,
        (finder, mismatches): (&Finder<'_>, &mut [u64]),
    ) {
        if self.of_rule.is_empty() {
            return;
        }
        if let Decider::Rule(rule) = decider
            && let Some(index) = self.of_rule[usize::from(rule)]
        {
            self.add(plan, index, item, time, false);
        }
        let Numbered { slos_end, ending, .. } = plan.numbered();
        for number in finder.leading(*slos_end..*slos_end + ending.len()) {
            let index = ending[*number as usize - slos_end];
            let watch = &plan.watches[usize::from(index)];
            let counter = &mut mismatches[usize::from(watch.rule)];
            let mut ends = || {
                watch
                    .until()
                    .is_some_and(|until| finder.holds(*number as usize, || until.matches(item, counter)))
            };
            if decider != Decider::Rule(watch.rule) && ends() {
                self.add(plan, index, item, time, true);
            }
        }
    }

    fn add(&mut self, plan: &Plan, index: u16, item: &Item<'_>, time: EventTime, ended: bool) {
        let watch = &plan.watches[usize::from(index)];
        let second = time.seconds();
        let mut place = (index, ended, second, watch.key_of(item));
        if self.hits.len() >= HITS_MAX && !self.places.contains_key(&place) {
            place = (index, ended, 0, watch.overflow_key());
        }
        let hits = &mut self.hits;
        let key = &place.3;
        let at = self.places.get(&place).copied().unwrap_or_else(|| {
            hits.push(WatchHit {
                watch: index,
                key: key.clone(),
                second,
                ended,
                count: 0,
                newest: time,
                service: String::new(),
                example: String::new(),
            });
            hits.len() - 1
        });
        self.places.entry(place).or_insert(at);
        let hit = &mut hits[at];
        hit.count += 1;
        if time >= hit.newest {
            hit.newest = time;
            hit.second = time.seconds();
            item.service.clone_into(&mut hit.service);
            hit.example = match item.body {
                Some(Value::Str(text)) => shortened(text, PART_MAX),
                _ => shortened(item.name, PART_MAX),
            };
        }
    }

    /// In order of time; what ends comes after what begins in the same second.
    pub(super) fn into_sorted(mut self) -> Vec<WatchHit> {
        self.hits
            .sort_by(|a, b| (a.second, a.watch, &a.key, a.ended).cmp(&(b.second, b.watch, &b.key, b.ended)));
        self.hits
    }
}
