//! What recordings need beside the journal: a whole image at any moment, and recorded inputs under another plan.

use std::collections::BTreeMap;
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
const CORE: &str = "core";

impl Engine {
    /// Everything, without an end to what the next image of the journal has to bring.
    pub fn full_image(&self) -> Image {
        let mut parts = self.parts();
        parts.push(Part::of(PLAN, &*self.plan));
        for (slo, groups) in self.levels.iter().enumerate() {
            parts.extend(groups.all().map(|(serial, level)| of_level(slo, serial, level)));
        }
        Image { is_full: true, parts, gone: Vec::new() }
    }

    /// Time went on to here, and nothing came.
    pub fn stand_at(&mut self, now: Now) {
        self.now = self.now.max(now);
    }

    /// Whether an image is of this very state. The text of the plan may say other places of its files.
    pub fn is_as(&self, parts: &BTreeMap<String, Vec<u8>>) -> bool {
        let own = self.full_image().written();
        let same = |name: &String| match name.as_str() {
            PLAN => true,
            // The first eight bytes are the time, which goes on where nothing comes.
            CORE => {
                own.get(name).and_then(|one| one.get(8..)) == parts.get(name).and_then(|one| one.get(8..))
            }
            _ => own.get(name) == parts.get(name),
        };
        own.len() == parts.len() && parts.keys().all(same)
    }

    /// As [`Engine::replay`], for an engine under another plan than that of the records. What became of notifications
    /// then says nothing about those of now.
    pub fn replay_as(&mut self, records: &[u8], mapping: &Mapping, effects: &mut Effects) -> Result<()> {
        let mut rest = records;
        while !rest.is_empty() {
            let now = Now::deserialize(&mut rest)?.max(self.now);
            let input = match Record::deserialize(&mut rest)? {
                Record::Observed(batch) => mapping.observed(*batch),
                Record::Identified(mut batch, repeated, identities) => {
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
                Record::Settled(..) | Record::Receivers(..) => {
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
    /// For each service level of the old plan, those of the new one.
    slos: Vec<Vec<u32>>,
    watches: Vec<Option<u16>>,
    filter: Vec<Option<u16>>,
    classify: Vec<Option<u16>>,
    /// What of the new plan can not be answered, in words.
    pub unanswered: Vec<String>,
}

impl Mapping {
    pub fn new(old: &Plan, new: &Plan) -> Self {
        let place = |place: usize| u16::try_from(place).ok();
        let counts = |one: &SloPlan| {
            let same = |(_, other): &(usize, &SloPlan)| other.indicator_identity == one.indicator_identity;
            let ours = new.slos.iter().enumerate().filter(same);
            ours.filter_map(|(place, _)| u32::try_from(place).ok()).collect()
        };
        let slos: Vec<Vec<u32>> = old.slos.iter().map(counts).collect();
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

    fn open_questions(&self, old: &Plan, new: &Plan) -> Vec<String> {
        let mut open = Vec::new();
        for (place, one) in (0..).zip(&new.slos) {
            if !self.slos.iter().flatten().any(|known| *known == place) {
                let name = &one.slo.name;
                open.push(format!("SLO {name}: the recording did not count what its indicator counts"));
            }
        }
        for (place, one) in (0..).zip(&new.watches) {
            if !self.watches.contains(&Some(place)) {
                open.push(format!("rule {}: the recording did not look for what opens its alerts", one.name));
            }
        }
        let filters = |plan: &Plan| plan.rules.filter.iter().map(|rule| rule.identity).collect::<Vec<_>>();
        if filters(old) != filters(new) {
            open.push(
                "filter: its rules differ, and events were counted as those of the recording had it"
                    .to_owned(),
            );
        }
        open
    }

    fn observed(&self, batch: Batch) -> Input {
        Input::Observed { token: AckToken(0), batch: Box::new(self.batch(batch)) }
    }

    fn batch(&self, mut batch: Batch) -> Batch {
        batch.plan_version = self.version;
        let places = |slo: u32| self.slos.get(slo as usize).into_iter().flatten().copied();
        let deltas = batch.slos.iter();
        let deltas = deltas.flat_map(|delta| places(delta.slo).map(|slo| SloDelta { slo, ..*delta }));
        let mut deltas: Vec<SloDelta> = deltas.collect();
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

/// So many classification rules at the beginning are the same: what they take is the same, too.
fn same_at_first(old: &Plan, new: &Plan) -> usize {
    let pairs = old.rules.classify.iter().zip(&new.rules.classify);
    pairs.take_while(|(one, other)| one.identity == other.identity).count()
}
