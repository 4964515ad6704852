//! What another target would have meant for the time that is held: the same engine over the same counts, for itself.

use std::sync::Arc;

use serde::Serialize;

use crate::engine::batch::SloDelta;
use crate::engine::fact::What;
use crate::engine::level::{Cx, Level, Shape};
use crate::engine::plan::{Plan, SloPlan};
use crate::engine::{Effects, Engine, Fact, Input};
use crate::model::{EventTime, Labels, Now, Parts, SECOND_NS, Severity, rfc3339};
use crate::slo::{Method, Objective, Setting, Window, standard_conditions};

/// Groups that are looked at, those with the most bad events first.
const GROUPS_MAX: usize = 100;
/// Episodes that are told of each side; all are counted.
const EPISODES_MAX: usize = 50;

/// `GET /api/v1/slos/NAME/what-if`
#[derive(Clone, Debug, Serialize)]
pub struct WhatIf {
    pub slo: String,
    pub from: String,
    pub to: String,
    /// Both sides see what is still told apart: seconds of late, minutes of a day, quarters of an hour of a month ago.
    pub as_is: Side,
    pub what_if: Side,
    /// Groups that were left out.
    pub more_groups: usize,
    /// What a different target does not change.
    pub notes: Vec<String>,
}

/// One target over the stretch.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    pub target: String,
    /// Episodes that began in the stretch, by what people hear.
    pub pages: u64,
    pub tickets: u64,
    /// At the end of the stretch, of the group that has the least.
    pub budget_remaining: String,
    pub exhausted: bool,
    /// The highest burn of the budget's window in the stretch is not kept; this is the one at its end.
    pub burn: String,
    pub episodes: Vec<EpisodeView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct EpisodeView {
    pub group: Labels,
    pub opened_at: String,
    pub closed_at: Option<String>,
    pub severity: &'static str,
    pub priority: &'static str,
    pub condition: String,
}

/// What of a state is needed, to be worked on by somebody else than its owner.
#[derive(Debug)]
pub struct Past {
    plan: Arc<Plan>,
    slo: usize,
    levels: Vec<Arc<Level>>,
    more_groups: usize,
}

impl Engine {
    /// `None`: there is no such service level.
    pub fn past_of(&self, name: &str) -> Option<Past> {
        let slo = self.index_of(name)?;
        let mut levels = self.levels[slo].levels.clone();
        let cx = Cx { plan: &self.plan.slos[slo], shape: &self.levels[slo].shape };
        levels.sort_by_key(|level| std::cmp::Reverse(level.budget(cx, 0).count.bad));
        let more_groups = levels.len().saturating_sub(GROUPS_MAX);
        levels.truncate(GROUPS_MAX);
        Some(Past { plan: Arc::clone(&self.plan), slo, levels, more_groups })
    }
}

impl Past {
    /// Another target, and the episodes that begin from a time on. `Err`: a sentence about what can not be.
    pub fn what_if(&self, target: Parts, from: Option<EventTime>) -> Result<WhatIf, String> {
        let plan = &self.plan.slos[self.slo];
        let objective = Objective::new(target).map_err(|_| {
            format!("a target is above 0 and below 1, with a budget: {} is not", target.display())
        })?;
        if plan.slo.composite.is_some() || plan.slo.goals.len() > 1 {
            let text = format!(
                "`{}` has several objectives: one target can not stand for all of them",
                plan.slo.name
            );
            return Err(text);
        }
        let clock = self.levels.iter().map(|level| level.clock).max().unwrap_or_default();
        let held_s = clock.seconds().saturating_sub(Shape::new(plan).longest_s);
        let from = from.unwrap_or_default().max(EventTime(held_s * SECOND_NS));
        let (other, notes) = with_target(plan, objective);
        let shape = Shape::new(plan);
        let side = |plan: &SloPlan| self.side(&shape, plan, from);
        Ok(WhatIf {
            slo: plan.slo.name.clone(),
            from: rfc3339(from.0),
            to: rfc3339(clock.0),
            as_is: side(plan),
            what_if: side(&other),
            more_groups: self.more_groups,
            notes,
        })
    }

    fn side(&self, shape: &Shape, plan: &SloPlan, from: EventTime) -> Side {
        let mut side = Side {
            target: plan.slo.goals[0].objective.target().display(),
            pages: 0,
            tickets: 0,
            budget_remaining: "1".to_owned(),
            exhausted: false,
            burn: "0".to_owned(),
            episodes: Vec::new(),
        };
        let mut least = None;
        let held = Cx { plan: &self.plan.slos[self.slo], shape };
        for level in &self.levels {
            let (engine, facts) = self.again(held, plan, level);
            let mut running = Running::default();
            for fact in &facts {
                side.take(&mut running, &level.group, fact, from);
            }
            let cx = Cx { plan, shape: &engine.levels[0].shape };
            let budget = engine.levels[0].levels[0].budget(cx, 0);
            let spent = budget.burn.rounded(Parts::ONE.0);
            if least.is_none_or(|least| spent > least) {
                least = Some(spent);
                side.budget_remaining = budget.burn.decimal_of_rest();
                side.burn = budget.raw.decimal();
                side.exhausted = budget.burn.reaches(1);
            }
        }
        side
    }

    /// Everything that a level holds, in order of time, through an engine that has nothing else.
    fn again(&self, held: Cx<'_>, plan: &SloPlan, level: &Level) -> (Engine, Vec<Fact>) {
        let mut of_one = Plan { tenant: self.plan.tenant.clone(), ..Plan::empty() };
        of_one.slos.push(SloPlan { group_by: None, ..plan.clone() });
        let counts = level.units_by_time(held);
        let begin_s = counts.first().map_or(level.clock.seconds(), |first| first.0);
        let mut engine = Engine::new(Arc::new(of_one), Now(begin_s.saturating_mul(SECOND_NS)));
        let (mut effects, groups) = (Effects::default(), [Vec::new()]);
        for (second, good, bad) in counts {
            // What ends in silence ends before the next event.
            let before = Now((second * SECOND_NS).saturating_sub(1)).max(engine.now);
            engine.step(before, Input::Tick, &mut effects);
            engine.now = Now(second * SECOND_NS).max(engine.now);
            let at = EventTime(second * SECOND_NS);
            let delta = SloDelta { slo: 0, track: 0, group: 0, second, good, bad, oldest: at, newest: at };
            engine.apply(&[delta], &groups, &mut effects);
            effects.requests.clear();
        }
        let end = Now(level.clock.0).max(engine.now);
        engine.step(end, Input::Tick, &mut effects);
        (engine, effects.facts)
    }
}

/// What one group's alert is while its facts are gone through.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    /// As people know it; `None` where it began before the stretch, or there is none.
    severity: Option<Severity>,
    /// Its place among the episodes that are told.
    told: Option<usize>,
}

impl Side {
    fn count(&mut self, severity: Severity) -> Option<&mut u64> {
        match severity {
            Severity::Page => Some(&mut self.pages),
            Severity::Ticket => Some(&mut self.tickets),
            Severity::Log => None,
        }
    }

    fn take(&mut self, running: &mut Running, group: &Labels, fact: &Fact, from: EventTime) {
        match &fact.what {
            What::EpisodeOpened(change) => {
                *running = Running::default();
                if fact.at < from {
                    return;
                }
                running.severity = Some(change.episode.severity);
                self.count(change.episode.severity).into_iter().for_each(|count| *count += 1);
                if self.episodes.len() < EPISODES_MAX {
                    running.told = Some(self.episodes.len());
                    self.episodes.push(EpisodeView {
                        group: group.clone(),
                        opened_at: rfc3339(fact.at.0),
                        closed_at: None,
                        severity: change.episode.severity.as_str(),
                        priority: change.episode.priority.as_str(),
                        condition: change.episode.condition.clone(),
                    });
                }
            }
            What::EpisodeEscalated(change) => {
                let Some(before) = running.severity.replace(change.episode.severity) else {
                    running.severity = None;
                    return;
                };
                if before != change.episode.severity {
                    self.count(before).into_iter().for_each(|count| *count -= 1);
                    self.count(change.episode.severity).into_iter().for_each(|count| *count += 1);
                }
                if let Some(told) = running.told.and_then(|told| self.episodes.get_mut(told)) {
                    told.severity = change.episode.severity.as_str();
                    told.priority = change.episode.priority.as_str();
                }
            }
            What::EpisodeClosed(_) => {
                if let Some(told) = running.told.and_then(|told| self.episodes.get_mut(told)) {
                    told.closed_at = Some(rfc3339(fact.at.0));
                }
                *running = Running::default();
            }
            _ => {}
        }
    }
}

/// The same service level with another target: the standard pairs are made anew, what a person wrote stays.
fn with_target(plan: &SloPlan, objective: Objective) -> (SloPlan, Vec<String>) {
    let mut other = plan.clone();
    let slo = &mut other.slo;
    let window_s = match &slo.window {
        Window::Rolling { seconds, .. } => *seconds,
        Window::Calendar(_) => slo.window.nominal_s(),
    };
    let mut notes = Vec::new();
    let goal = &mut slo.goals[0];
    goal.objective = objective;
    let is_standard = |one: &crate::slo::Condition| one.document.is_none() && one.factor().is_some();
    if goal.conditions.iter().any(is_standard) {
        let min_bad = None;
        let slice_s = goal.slice.map(|slice| slice.seconds);
        let (standard, said) =
            standard_conditions(Setting { window_s, objective, tier: slo.tier, min_bad, slice_s });
        notes.extend(said.into_iter().map(|note| format!("{}: {}", note.pair, note.text)));
        let before = std::mem::take(&mut goal.conditions);
        let kept = |one: crate::slo::Condition| {
            // What the document says of a pair beside its factor holds on.
            before
                .iter()
                .find(|old| old.name == one.name)
                .map_or(one.clone(), |old| crate::slo::Condition { min_bad: old.min_bad, ..one })
        };
        goal.conditions = standard.into_iter().map(kept).collect();
        goal.conditions.extend(before.iter().filter(|one| !is_standard(one)).cloned());
    } else if !goal.conditions.is_empty() {
        notes.push(
            "the conditions are those of the document: their factors stay as they are written".to_owned(),
        );
    }
    if slo.method != Method::Occurrences {
        notes.push("a slice of time stays good or bad as it was".to_owned());
    }
    (other, notes)
}
