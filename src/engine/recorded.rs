//! What recordings need beside the journal: a whole image at any moment, and recorded inputs under another plan.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Result;

use borsh::BorshDeserialize;

use super::batch::Batch;
use super::plan::{Plan, SloPlan};
use super::points::Points;
use super::saved::{Image, Part, Record, of_level};
use super::{AckToken, Effects, Engine, Input, SloDelta};
use crate::classify::Decider;
use crate::model::Now;

/// Parts that say which configuration it was, and where it stood; what they decide is in the other ones.
const PLAN: &str = "plan";
const RUNBOOKS: &str = "runbooks";
const CORE: &str = "core";

impl Engine {
    /// Everything, without an end to what the next image of the journal has to bring.
    pub fn full_image(&self) -> Image {
        let mut parts = self.parts();
        parts.push(Part::of(PLAN, &*self.plan));
        parts.push(Part::of(RUNBOOKS, &self.plan.runbooks));
        for (slo, groups) in self.levels.iter().enumerate() {
            parts.extend(groups.all().map(|(serial, level)| of_level(slo, serial, level)));
        }
        Image { is_full: true, parts, gone: Vec::new() }
    }

    /// For who goes on under another plan and calls nothing.
    pub fn forget_runs(&mut self) {
        self.alerts.runs = Default::default();
    }

    /// Time went on to here, and nothing came.
    pub fn stand_at(&mut self, now: Now) {
        self.now = self.now.max(now);
    }

    /// Whether an image is of this very state. The text of the plan may say other places of its files.
    pub fn is_as(&self, parts: &BTreeMap<String, Vec<u8>>) -> bool {
        let own = self.full_image().written();
        let same = |name: &String| match name.as_str() {
            PLAN | RUNBOOKS => true,
            // The first eight bytes are the time, which goes on where nothing comes.
            CORE => {
                own.get(name).and_then(|one| one.get(8..)) == parts.get(name).and_then(|one| one.get(8..))
            }
            _ => own.get(name) == parts.get(name),
        };
        // A recording of before has not all parts that there are now.
        parts.keys().all(same)
    }

    /// As [`Engine::replay`], for an engine under another plan than that of the records. What became of notifications
    /// then says nothing about those of now. `before` sees the state that each of them comes to, and when.
    pub fn replay_as(
        &mut self,
        records: &[u8],
        mapping: &Mapping,
        effects: &mut Effects,
        before: &mut dyn FnMut(Now, &Self),
    ) -> Result<()> {
        let mut rest = records;
        while !rest.is_empty() {
            let now = Now::deserialize(&mut rest)?.max(self.now);
            before(now, self);
            let input = match Record::deserialize(&mut rest)? {
                Record::Observed(batch) => mapping.observed(*batch),
                Record::Identified(mut batch, repeated, identities) => {
                    (batch.repeated, batch.identities) = (repeated, identities);
                    mapping.observed(*batch)
                }
                // What was written down was in its place then.
                Record::Sourced(mut batch, repeated, identities, _) => {
                    (batch.repeated, batch.identities) = (repeated, identities);
                    mapping.observed(*batch)
                }
                Record::Refused(signal, items) => Input::Refused { signal, items },
                Record::Injected(history) => Input::Injected(history),
                Record::Away => Input::Away,
                Record::Tick => Input::Tick,
                Record::Troubled(trouble, why) => Input::Troubled { trouble, why },
                Record::Repeated(signal, items) => {
                    self.now = now;
                    self.repeats.forget(now);
                    self.books.repeat(signal, items);
                    continue;
                }
                Record::Settled(..)
                | Record::Receivers(..)
                | Record::Placed(_)
                | Record::StepSettled(..)
                | Record::Asked(_)
                | Record::TakenUp(_) => {
                    self.now = now;
                    continue;
                }
            };
            self.step(now, input, effects);
            effects.requests.clear();
        }
        Ok(())
    }
}

/// When the first of them came in.
pub fn first_now(records: &[u8]) -> Option<Now> {
    Now::deserialize(&mut &*records).ok()
}

/// Where what was folded under one plan belongs in another: what counts the same events, under whatever name.
#[derive(Debug)]
pub struct Mapping {
    version: u64,
    /// For each service level of the old plan, those of the new one whose counts it has. Each of these has one source.
    slos: Vec<Vec<u32>>,
    watches: Vec<Option<u16>>,
    filter: Vec<Option<u16>>,
    classify: Vec<Option<u16>>,
    pub unanswered: Vec<Unanswered>,
}

/// What of a plan the records of another one can not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// A service level, by its name.
    Slo(String),
    /// Alerts of a rule, by its name.
    Watch(String),
    /// What is filtered, and so everything that is counted.
    Filter,
    /// Which rule decides, and so what each category has.
    Classify,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slo(name) => {
                write!(f, "SLO {name}: the recording did not count what its indicator counts")
            }
            Self::Watch(name) => {
                write!(f, "rule {name}: the recording did not look for what opens its alerts")
            }
            Self::Filter => f.write_str(
                "filter: its rules differ, and events were counted as those of the recording had it",
            ),
            Self::Classify => f.write_str(
                "classify: its rules differ, and events were classified as those of the recording had it",
            ),
        }
    }
}

impl Mapping {
    pub fn new(old: &Plan, new: &Plan) -> Self {
        let place = |place: usize| u16::try_from(place).ok();
        let mut slos = vec![Vec::new(); old.slos.len()];
        for (place, one) in (0..).zip(&new.slos) {
            if let Some(source) = source(old, one) {
                slos[source].push(place);
            }
        }
        let same_rules = same_at_first(old, new);
        let watches = old.watches.iter().map(|one| {
            let as_before = new.watches.iter().position(|other| other.rule == one.rule);
            as_before.filter(|_| usize::from(one.rule) < same_rules).and_then(place)
        });
        let filter = old
            .rules
            .filter
            .iter()
            .map(|one| new.rules.filter.iter().position(|other| other.name == one.name).and_then(place));
        let classify =
            old.rules.classify.iter().map(|one| {
                new.rules.classify.iter().position(|other| other.name == one.name).and_then(place)
            });
        let mut mapping = Self {
            version: new.version,
            filter: filter.collect(),
            classify: classify.collect(),
            watches: watches.collect(),
            slos,
            unanswered: Vec::new(),
        };
        mapping.unanswered = mapping.open_questions(old, new);
        mapping
    }

    fn open_questions(&self, old: &Plan, new: &Plan) -> Vec<Unanswered> {
        let mut open = Vec::new();
        for (place, one) in (0..).zip(&new.slos) {
            if !self.slos.iter().flatten().any(|known| *known == place) {
                open.push(Unanswered::Slo(one.slo.name.clone()));
            }
        }
        for (place, one) in (0..).zip(&new.watches) {
            if !self.watches.contains(&Some(place)) {
                open.push(Unanswered::Watch(one.name.clone()));
            }
        }
        let filters = |plan: &Plan| plan.rules.filter.iter().map(|rule| rule.identity).collect::<Vec<_>>();
        if filters(old) != filters(new) {
            open.push(Unanswered::Filter);
        }
        let rules = [old, new].map(|plan| plan.rules.classify.len());
        if rules != [same_at_first(old, new); 2] {
            open.push(Unanswered::Classify);
        }
        open
    }

    fn observed(&self, batch: Batch) -> Input {
        Input::Observed { token: AckToken(0), batch: Box::new(self.batch(batch)) }
    }

    fn batch(&self, mut batch: Batch) -> Batch {
        batch.plan_version = self.version;
        let places = |slo: u32| self.slos.get(slo as usize).into_iter().flatten().copied();
        let (mut own, groups) = (Own::new(), &mut batch.groups);
        let mut deltas: Vec<SloDelta> = Vec::new();
        for delta in &batch.slos {
            for slo in places(delta.slo) {
                let group = own_group(&mut own, groups, slo, delta.group);
                deltas.push(SloDelta { slo, group, ..*delta });
            }
        }
        deltas.sort_by(|a, b| {
            let of = |one: &SloDelta| (one.second, one.slo, &batch.groups[one.group as usize], one.track);
            of(a).cmp(&of(b))
        });
        batch.slos = deltas;
        batch.points = self.points(&batch.points);
        batch.hits.retain_mut(|hit| {
            let place = self.watches.get(usize::from(hit.watch)).copied().flatten();
            hit.watch = place.unwrap_or_default();
            place.is_some()
        });
        batch.filtered.retain_mut(|(rule, _)| {
            let place = self.filter.get(usize::from(*rule)).copied().flatten();
            *rule = place.unwrap_or_default();
            place.is_some()
        });
        for (decider, ..) in &mut batch.decided {
            if let Decider::Rule(rule) = decider {
                let place = self.classify.get(usize::from(*rule)).copied().flatten();
                *decider = place.map_or(Decider::Nothing, Decider::Rule);
            }
        }
        // For people to look at: they decide nothing.
        batch.events.clear();
        batch.mismatches.clear();
        batch
    }

    fn points(&self, before: &Points) -> Points {
        let mut after = Points { unusable: before.unusable, ..Points::default() };
        for point in &before.points {
            let first = after.uses.len() as u32;
            for one in &before.uses[point.uses.0 as usize..point.uses.1 as usize] {
                let places = self.slos.get(one.slo as usize).into_iter().flatten();
                after.uses.extend(places.map(|slo| super::points::Use { slo: *slo, ..*one }));
            }
            let uses = (first, after.uses.len() as u32);
            if uses.0 < uses.1 {
                after.points.push(super::points::SeriesPoint { uses, ..*point });
            }
        }
        after
    }
}

/// The service level of the old plan that counts what one of the new plan does: that of the same name before any other.
fn source(old: &Plan, one: &SloPlan) -> Option<usize> {
    let same = |other: &SloPlan| other.indicator_identity == one.indicator_identity;
    let named = old.slos.iter().position(|other| same(other) && other.slo.name == one.slo.name);
    named.or_else(|| old.slos.iter().position(same))
}

/// Of a service level and the group that it had in a batch: the group that it alone has there.
type Own = BTreeMap<(u32, u32), u32>;

/// But for the first one, no group of a batch is one of several service levels.
fn own_group(own: &mut Own, groups: &mut Vec<Vec<String>>, slo: u32, group: u32) -> u32 {
    if group == 0 {
        return 0;
    }
    *own.entry((slo, group)).or_insert_with(|| {
        groups.push(groups[group as usize].clone());
        groups.len() as u32 - 1
    })
}

/// So many classification rules at the beginning are the same: what they take is the same, too.
fn same_at_first(old: &Plan, new: &Plan) -> usize {
    let pairs = old.rules.classify.iter().zip(&new.rules.classify);
    pairs.take_while(|(one, other)| one.identity == other.identity).count()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, slo_plan};
    use super::*;
    use crate::decode::Encoding;
    use crate::engine::plan::Indicator;
    use crate::engine::{Request, fold};
    use crate::model::{EventTime, Signal};

    /// Service levels that count the same, by their names.
    fn named(names: &[&str]) -> Plan {
        let mut named = plan(28, "0.999", None);
        let first = named.slos.remove(0);
        named.slos = names
            .iter()
            .map(|name| {
                let mut one = slo_plan(first.slo.clone(), Indicator::Foreign);
                (*name).clone_into(&mut one.slo.name);
                one
            })
            .collect();
        named
    }

    #[test]
    fn a_service_level_has_its_counts_from_one_that_counted_the_same_and_once() {
        for (old, new, expected) in [
            (&["alpha", "beta"][..], &["alpha", "beta"][..], vec![vec![0], vec![1]]),
            (&["alpha", "beta"], &["beta", "alpha"], vec![vec![1], vec![0]]),
            (&["alpha", "beta"], &["gamma"], vec![vec![0], vec![]]),
            (&["alpha"], &["alpha", "beta"], vec![vec![0, 1]]),
        ] {
            assert_eq!(Mapping::new(&named(old), &named(new)).slos, expected, "{old:?} {new:?}");
        }
    }

    /// The ledger takes it that a group of a batch is one of one service level.
    #[test]
    fn a_group_that_two_service_levels_get_is_one_of_each() {
        let mapping = Mapping::new(&named(&["alpha"]), &named(&["alpha", "beta"]));
        let at = EventTime(5_000_000_000);
        let delta =
            |group| SloDelta { slo: 0, track: 0, group, second: 5, good: 1, bad: 0, oldest: at, newest: at };
        let batch = Batch {
            groups: vec![vec![], vec!["a".to_owned()], vec!["b".to_owned()]],
            slos: vec![delta(0), delta(1), delta(2)],
            ..empty()
        };
        let mapped = mapping.batch(batch);
        let told: Vec<(u32, &[String], u32)> = mapped
            .slos
            .iter()
            .map(|one| (one.slo, mapped.groups[one.group as usize].as_slice(), one.group))
            .collect();
        let mut groups: Vec<u32> = told.iter().map(|one| one.2).filter(|group| *group > 0).collect();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!((told.len(), groups.len()), (6, 4), "{told:?}");
        for slo in [0, 1] {
            let of: Vec<&[String]> = told.iter().filter(|one| one.0 == slo).map(|one| one.1).collect();
            assert_eq!(of, [&[][..], &["a".to_owned()], &["b".to_owned()]]);
        }
    }

    fn empty() -> Batch {
        let (signal, encoding) = (Signal::Traces, Encoding::Protobuf);
        fold(&Plan::empty(), 0, &Request { signal, encoding, body: &[], now: Now(0) }).unwrap()
    }
}
