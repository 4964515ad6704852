//! Another configuration: what did not change keeps its state, what is gone is closed, nobody is told twice.

use std::sync::Arc;

use super::alerts::About;
use super::burning;
use super::effect::Explain;
use super::fact::{Fact, Subject, What};
use super::level::{Cx, Groups, Level};
use super::plan::{Plan, SloPlan};
use super::{At, Effects, Engine};
use crate::alert::Episode;
use crate::classify::Decider;
use crate::model::{EventTime, Labels};

/// Names of service levels that are gone and whose last episode is remembered, should they come back.
const RETIRED_MAX: usize = 1_000;

impl Engine {
    /// Applies a plan between two batches. The same plan again changes nothing.
    pub(super) fn configure(&mut self, new: Arc<Plan>, effects: &mut Effects) {
        let old = std::mem::replace(&mut self.plan, new);
        let plan = Arc::clone(&self.plan);
        let changes = changes(&old, &plan);
        self.baselines.set_limit(plan.series_max);
        let renamed = |decider: Decider| renamed(&old, &plan, decider);
        self.books.reconfigure(&old, &plan, &renamed);
        self.events.reconfigure(&renamed);
        for (index, changed) in self.watches.reconfigure(&old.watches, &plan.watches, self.now) {
            self.tell_watch(None, &old.watches[index], changed, effects);
        }
        self.replace_levels(&old, &plan, effects);
        let subject = Subject::Config(format!("{:016x}", plan.version));
        let what = What::ConfigApplied { changes };
        effects.facts.push(Fact { at: EventTime(self.now.0), subject, group: Labels::new(), what });
    }

    /// Open alerts that nobody has heard of, for whoever is to hear of them now.
    pub(super) fn tell_anew(&mut self, known: &[String], changed: &[String], effects: &mut Effects) {
        for fact in self.alerts.tell_anew(&self.plan, known, changed) {
            self.alerts.apply(self.now, &fact, &mut effects.requests);
            effects.facts.push(fact);
        }
    }

    fn replace_levels(&mut self, old: &Plan, plan: &Plan, effects: &mut Effects) {
        let before = std::mem::take(&mut self.levels);
        let mut before: Vec<Option<Groups>> = before.into_iter().map(Some).collect();
        let mut undecided = Vec::new();
        for (slo, one) in plan.slos.iter().enumerate() {
            let place = old.slos.iter().position(|other| other.slo.name == one.slo.name);
            let held = place.and_then(|place| Some((&old.slos[place], before[place].take()?)));
            let groups = match held {
                None => self.returned(one),
                Some((same, groups)) if same.identity == one.identity => groups,
                Some((other, groups)) if other.indicator_identity == one.indicator_identity => {
                    undecided.push(slo);
                    reconfigured(other, one, groups)
                }
                Some((other, groups)) => {
                    self.retire(other, groups, "it measures something else now", effects);
                    self.returned(one)
                }
            };
            self.levels.push(groups);
        }
        for (one, groups) in old.slos.iter().zip(before) {
            if let Some(groups) = groups {
                self.retire(one, groups, "it was taken away", effects);
            }
        }
        for slo in undecided {
            for place in 0..self.levels[slo].levels.len() {
                self.evaluate(At { slo, place }, true, effects);
            }
        }
    }

    /// New levels, whose episodes are counted on from those that are remembered.
    fn returned(&mut self, one: &SloPlan) -> Groups {
        let mut groups = Groups::new(one);
        for place in 0..groups.levels.len() {
            let (_, level) = groups.level_mut(place);
            level.episode = self.retired.remove(&(one.slo.name.clone(), level.group.clone()));
        }
        groups
    }

    /// Ends what is open about a service level that is no more, and remembers its last episodes.
    fn retire(&mut self, one: &SloPlan, groups: Groups, why: &str, effects: &mut Effects) {
        let (shape, levels) = groups.into_levels();
        for (_, level) in levels {
            let Some(last) = self.close(Cx { plan: one, shape: &shape }, &level, why, effects) else {
                continue;
            };
            if self.retired.len() < RETIRED_MAX {
                self.retired.insert((one.slo.name.clone(), level.group), last);
            }
        }
    }

    /// The last episode, ended.
    fn close(&mut self, cx: Cx<'_>, level: &Level, why: &str, effects: &mut Effects) -> Option<Episode> {
        let last = level.episode.clone()?;
        let at = level.clock.max(last.opened_at);
        let Some(step) = Episode::next(Some(&last), at, None) else { return Some(last) };
        let closed = step.episode().clone();
        let subject = Subject::Slo(cx.plan.slo.name.clone());
        let place = burning::place_of(&cx.plan.slo, &closed.condition);
        let about = burning::about(&self.plan, cx, level, &subject, &closed, place);
        let about = About { starts_runs: false, ..about };
        let text = format!("{} is not watched as before: {why}.", cx.plan.slo.name);
        for what in self.alerts.tell((&self.plan, self.now), about, step, Explain { text, burns: None }) {
            let fact = Fact { at, subject: subject.clone(), group: level.group.clone(), what };
            self.alerts.apply(self.now, &fact, &mut effects.requests);
            effects.facts.push(fact);
        }
        Some(closed)
    }
}

/// The events of the same indicators go on under other objectives, windows or conditions.
fn reconfigured(old: &SloPlan, new: &SloPlan, groups: Groups) -> Groups {
    let (shape, levels) = groups.into_levels();
    let mut after = Groups::new(new);
    for (values, level) in levels {
        let cx = Cx { plan: new, shape: &after.shape };
        let level = level.reconfigured(Cx { plan: old, shape: &shape }, cx);
        after.adopt(values, level);
    }
    after
}

/// What decided, by its place in the new plan; `None` where it is gone.
fn renamed(old: &Plan, new: &Plan, decider: Decider) -> Option<Decider> {
    let Decider::Rule(place) = decider else { return Some(decider) };
    let name = &old.rules.classify.get(usize::from(place))?.name;
    let place = new.rules.classify.iter().position(|rule| rule.name == *name)?;
    u16::try_from(place).ok().map(Decider::Rule)
}

/// `SLO checkout: changed`, in the order of the new plan, then what is gone.
fn changes(old: &Plan, new: &Plan) -> Vec<String> {
    let filter =
        |plan: &Plan| named("filter rule", plan.rules.filter.iter().map(|one| (&one.name, one.identity)));
    let classify =
        |plan: &Plan| named("classify rule", plan.rules.classify.iter().map(|one| (&one.name, one.identity)));
    let slos = |plan: &Plan| named("SLO", plan.slos.iter().map(|one| (&one.slo.name, one.identity)));
    let runbooks = |plan: &Plan| {
        named("runbook", plan.runbooks.iter().map(|one| (&one.runbook.name, one.runbook.identity)))
    };
    let all = |plan: &Plan| [filter(plan), classify(plan), slos(plan), runbooks(plan)].concat();
    let (before, after) = (all(old), all(new));
    let mut changes = Vec::new();
    for (name, identity) in &after {
        match before.iter().find(|(one, _)| one == name) {
            None => changes.push(format!("{name}: added")),
            Some((_, other)) if other != identity => changes.push(format!("{name}: changed")),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(name, _)| !after.iter().any(|(one, _)| one == name));
    changes.extend(gone.map(|(name, _)| format!("{name}: removed")));
    changes
}

fn named<'n>(kind: &str, items: impl Iterator<Item = (&'n String, u64)>) -> Vec<(String, u64)> {
    items.map(|(name, identity)| (format!("{kind} {name}"), identity)).collect()
}

#[cfg(test)]
#[path = "reload/tests.rs"]
mod tests;
