//! Which conditions of a level are true, and what they amount to.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{Cx, LATE_NS, Level};
use crate::alert::{Assessment, Situation, assess};
use crate::engine::fact::What;
use crate::engine::plan::Indicator;
use crate::model::{EventTime, Parts, Quotient, SECOND_NS, Severity};
use crate::slo::{Check, Condition, Count, Early, NoData, Pace, Slo, chance};

/// What is known to be true of one goal, or of the composite.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct Judge {
    pub(in crate::engine) conditions: Vec<Truth>,
    pub(in crate::engine) spent: bool,
    pub(in crate::engine) breached: bool,
    /// As it was last looked at.
    pub(in crate::engine) spent_now: bool,
    pub(in crate::engine) breached_now: bool,
}

#[derive(Clone, Copy, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct Truth {
    /// As the facts have it.
    pub(in crate::engine) firing: bool,
    /// As it was last looked at.
    pub(in crate::engine) now: bool,
    /// Since when its check has been true without a break.
    since: Option<EventTime>,
}

/// What is true now where it differs from what was, or matters to an open episode.
#[derive(Debug)]
pub(in crate::engine) struct Verdict {
    /// The judge and condition that decide, and what it all amounts to. `None` when none is true.
    pub(in crate::engine) decisive: Option<(usize, usize, Assessment)>,
}

impl Judge {
    pub(super) fn new(conditions: usize) -> Self {
        Self {
            conditions: vec![Truth::default(); conditions],
            spent: false,
            breached: false,
            spent_now: false,
            breached_now: false,
        }
    }

    fn has_changed(&self) -> bool {
        let condition = self.conditions.iter().any(|truth| truth.firing != truth.now);
        condition || self.spent != self.spent_now || self.breached != self.breached_now
    }
}

pub(super) fn early(condition: &Condition) -> Option<&Early> {
    if let Check::Early(early) = &condition.check { Some(early) } else { None }
}

impl Level {
    /// `None` where nothing changes. Without events a condition may only end, unless it is about time itself.
    pub(in crate::engine) fn decide(&mut self, cx: Cx<'_>, may_fire: bool) -> Option<Verdict> {
        self.look(cx, may_fire);
        let slo = &cx.plan.slo;
        let tells = |(judge, index, condition): (usize, usize, &Condition)| {
            self.judges[judge].conditions[index].now && condition.tells.breach
        };
        let any = placed(slo).any(tells);
        let calm = !any && self.episode.as_ref().is_none_or(|last| !last.is_open());
        if calm && !self.judges.iter().any(Judge::has_changed) {
            return None;
        }
        let decisive = self.most_urgent(slo).map(|(judge, index)| (judge, index, self.assess(slo)));
        Some(Verdict { decisive })
    }

    fn look(&mut self, cx: Cx<'_>, may_fire: bool) {
        let slo = &cx.plan.slo;
        for judge in 0..self.judges.len() {
            let composite = slo.composite.as_ref().filter(|_| judge == slo.goals.len());
            let conditions = composite.map_or_else(|| &slo.goals[judge].conditions, |one| &one.conditions);
            for (index, condition) in conditions.iter().enumerate() {
                let holds = self.holds(cx, judge, index, condition);
                let may = may_fire || is_about_time(cx, condition);
                let truth = &mut self.judges[judge].conditions[index];
                truth.since = truth.since.filter(|_| holds).or(holds.then_some(self.clock));
                let held_ns = truth.since.map_or(0, |since| self.clock.since_ns(since));
                let for_long = holds && held_ns >= condition.hold_s.saturating_mul(SECOND_NS);
                truth.now = for_long && (truth.firing || may);
            }
            let spent = self.spent(cx, judge).reaches(1);
            let sla = slo.goals.get(judge).and_then(|goal| goal.sla);
            let breached = sla.is_some_and(|sla| self.sla(cx, judge, sla).reaches(1));
            let state = &mut self.judges[judge];
            (state.spent_now, state.breached_now) = (spent, breached);
        }
    }

    /// The plain truth of one condition: both windows burn above its factor, coverage-scaled,
    /// and the long one holds enough bad events to speak of.
    pub(in crate::engine) fn holds(
        &self,
        cx: Cx<'_>,
        judge: usize,
        index: usize,
        condition: &Condition,
    ) -> bool {
        match &condition.check {
            Check::Burn { op, factor } => {
                let (count, burn) = self.deciding(cx, judge, index, true);
                let enough = match op.is_upward() {
                    true => count.bad >= condition.min_bad,
                    false => count.total() > 0,
                };
                let short = || op.holds(self.deciding(cx, judge, index, false).1, *factor);
                enough
                    && op.holds(burn, *factor)
                    && (condition.short_s.is_none() || short())
                    && (!op.is_upward() || self.is_no_chance(cx, judge, count))
            }
            Check::NoData => {
                let patience_ns = condition.long_s.saturating_mul(SECOND_NS);
                self.newest().is_some_and(|newest| self.clock.since_ns(newest) >= patience_ns)
            }
            Check::Early(early) => {
                self.evidence[judge].stands(self.clock) && self.has_spent(cx, judge, early.floor)
            }
        }
    }

    /// Many services that meet their target have a bad event now and then.
    fn is_no_chance(&self, cx: Cx<'_>, judge: usize, long: Count) -> bool {
        let (Some(limit), Some(goal)) = (cx.plan.slo.chance, cx.plan.slo.goals.get(judge)) else {
            return true;
        };
        chance::is_unlikely(long.bad, long.total(), goal.objective.budget(), limit)
    }

    /// The last hour took at least this share of the period's budget: burn x hour / window.
    fn has_spent(&self, cx: Cx<'_>, judge: usize, share: Parts) -> bool {
        let burn = self.last_hour(cx, judge).burn.rounded(Parts::ONE.0);
        let window_s = u128::from(cx.plan.slo.window.nominal_s());
        Quotient::new((burn, 3_600), (window_s, u128::from(Parts::ONE.0))).is_at_least(share)
    }

    fn assess(&self, slo: &Slo) -> Assessment {
        let on = || {
            placed(slo).filter(|(judge, index, condition)| {
                self.judges[*judge].conditions[*index].now && condition.tells.breach
            })
        };
        let is_burn = |condition: &Condition| !matches!(condition.check, Check::NoData);
        let at_pace = |pace| on().any(|(_, _, one)| one.pace == pace && is_burn(one));
        assess(Situation {
            tier: slo.tier,
            fast: at_pace(Pace::Fast),
            slow: at_pace(Pace::Slow),
            no_data: on().any(|(_, _, one)| !is_burn(one)),
            spent: self.judges.iter().any(|judge| judge.spent_now),
            sla_breached: self.judges.iter().any(|judge| judge.breached_now),
            written: on().filter(|(_, _, one)| one.written).map(|(_, _, one)| one.severity).min(),
        })
    }

    /// The condition that decides: the most urgent severity, then the faster pace, then the first.
    fn most_urgent(&self, slo: &Slo) -> Option<(usize, usize)> {
        let on = placed(slo).filter(|(judge, index, condition)| {
            self.judges[*judge].conditions[*index].now && condition.tells.breach
        });
        let urgency = |condition: &Condition| -> (Severity, std::cmp::Reverse<Pace>) {
            (condition.severity, std::cmp::Reverse(condition.pace))
        };
        on.min_by_key(|(judge, index, condition)| (urgency(condition), *judge, *index))
            .map(|(judge, index, _)| (judge, index))
    }

    /// No event came for two of the condition's short windows.
    pub(in crate::engine) fn has_no_data(&self, condition: &Condition) -> bool {
        let Some(newest) = self.newest() else { return true };
        let patience_ns = condition.shortest_s().saturating_mul(2 * SECOND_NS);
        self.clock.since_ns(newest) >= patience_ns.max(LATE_NS)
    }

    pub(in crate::engine) fn apply(&mut self, what: &What) {
        match what {
            What::AlertFired(change) => self.judges[change.judge].conditions[change.index].firing = true,
            What::AlertResolved(change) => self.judges[change.judge].conditions[change.index].firing = false,
            What::BudgetSpent(change) => self.judges[change.judge].spent = true,
            What::BudgetRestored(change) => self.judges[change.judge].spent = false,
            What::SlaBreached(change) => self.judges[change.judge].breached = true,
            What::SlaRestored(change) => self.judges[change.judge].breached = false,
            What::EpisodeOpened(change) | What::EpisodeEscalated(change) | What::EpisodeClosed(change) => {
                self.episode = Some(change.episode.clone());
            }
            What::BudgetAmended { .. }
            | What::ExclusionBegan { .. }
            | What::ExclusionEnded { .. }
            | What::ConfigApplied { .. }
            | What::FlappingStarted { .. }
            | What::FlappingEnded
            | What::NotificationQueued { .. }
            | What::NotificationAttempted { .. }
            | What::NotificationSettled { .. }
            | What::Run(_) => {}
        }
    }
}

/// Judge, place and condition of each.
fn placed(slo: &Slo) -> impl Iterator<Item = (usize, usize, &Condition)> {
    let goals = slo.goals.iter().map(|goal| &goal.conditions);
    let all = goals.chain(slo.composite.iter().map(|composite| &composite.conditions));
    all.enumerate().flat_map(|(judge, conditions)| {
        conditions.iter().enumerate().map(move |(index, condition)| (judge, index, condition))
    })
}

/// Whether it may become true without an event, as time goes by.
fn is_about_time(cx: Cx<'_>, condition: &Condition) -> bool {
    let slo = &cx.plan.slo;
    let fresh = || cx.plan.indicators.iter().any(|one| matches!(one, Indicator::Freshness { .. }));
    matches!(condition.check, Check::NoData) || slo.no_data == NoData::Bad || fresh()
}
