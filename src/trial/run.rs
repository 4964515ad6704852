//! One test from its beginning to its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::apart;
use super::coverage::Coverage;
use super::happen::happenings;
use super::judge::{Course, judge};
use super::recorded::Recorded;
use super::report::Report;
use super::scale::{Sum, folded};
use super::script::{Feed, Flow, TIME_S_MAX, Trial};
use super::stage::{Looks, Played, Stage};
use crate::engine::{Batch, Plan};
use crate::model::{EventTime, SECOND_NS, Signal};

/// A test that has begun.
pub struct Run<'t> {
    pub(super) trial: &'t Trial,
    pub(super) plan: Arc<Plan>,
    pub(super) start: EventTime,
    stage: Option<Stage>,
    /// Of a daemon's recording, which has a clock of its own.
    pub(super) recorded: Option<Recorded>,
    /// An event of the recording has a time that no test has.
    pub(super) is_beyond: bool,
}

impl<'t> Run<'t> {
    pub fn new(trial: &'t Trial, plan: Arc<Plan>) -> Self {
        Self { trial, plan, start: trial.start, stage: None, recorded: None, is_beyond: false }
    }

    /// A recorded request, folded; in the order in which they were recorded, and before `finish`.
    pub fn requested(&mut self, batch: Batch) {
        let first_s = batch.seconds.first().map(|first| first.0).or(batch.newest.map(EventTime::seconds));
        // What has no time before anything has begins no timeline.
        let Some(first_s) = first_s.or(self.stage.as_ref().map(Stage::came_s)) else { return };
        let last_s = batch.seconds.iter().map(|one| one.0).chain(batch.newest.map(EventTime::seconds)).max();
        self.is_beyond |= last_s.is_some_and(|last_s| last_s > TIME_S_MAX);
        if self.is_beyond {
            return;
        }
        let Self { trial, plan, start, stage, .. } = self;
        let stage = stage.get_or_insert_with(|| {
            *start = EventTime(first_s.saturating_mul(SECOND_NS));
            Stage::new(Arc::clone(plan), first_s, Looks::new(&trial.expects, *start))
        });
        stage.take_recorded(batch);
    }

    /// What is made up comes after what was recorded; then everything is judged. The error says why nothing can be.
    pub fn finish(self, coverage: &mut Coverage) -> Result<Report, String> {
        let Self { trial, plan, start, stage, recorded, is_beyond } = self;
        if is_beyond {
            return Err("an event of the recording is later than the year 2500".to_owned());
        }
        let stage = stage.or_else(|| recorded.and_then(Stage::after));
        if stage.is_none() && !trial.replay.is_empty() {
            return Err("nothing came of the recording: no event of it has a time".to_owned());
        }
        let base_s = stage.as_ref().map_or(start.seconds(), |stage| stage.came_s() + 1);
        let asked = trial.expects.iter().filter_map(|one| one.when.end()?.offset(start)).max().unwrap_or(0);
        let end_s = (base_s + trial.length_s()).max(start.seconds().saturating_add(asked));
        let Played { facts, seen, counts, .. } = match stage {
            Some(mut stage) => {
                Script::new(&plan, trial)?.play(&mut stage, base_s, None)?;
                stage.finish(end_s)
            }
            None => apart::play(trial, &plan, end_s)?,
        };
        coverage.observe(&facts, &counts);
        let happenings = happenings(&facts, start);
        let course = Course { start, happenings: &happenings, seen: &seen };
        Ok(Report {
            name: trial.name.clone(),
            declared_at: trial.declared_at.clone(),
            seconds: end_s - start.seconds(),
            lines: judge(&trial.expects, trial.strict, &course),
        })
    }
}

/// What is made up, ready to be played.
pub(super) struct Script<'s> {
    plan: &'s Plan,
    trial: &'s Trial,
    flows: Vec<(&'s Flow, [Batch; 2])>,
    /// With the service level's place.
    feeds: Vec<(&'s Feed, usize)>,
    /// Seconds at which something begins or ends, ascending.
    turns: Vec<u64>,
    /// Items are to be folded anew each second.
    reads_time: bool,
}

impl<'s> Script<'s> {
    pub(super) fn new(plan: &'s Plan, trial: &'s Trial) -> Result<Self, String> {
        let second = trial.start.seconds();
        let fold = |flow: &'s Flow| {
            Ok((flow, [folded(plan, &flow.good, second)?, folded(plan, &flow.bad, second)?]))
        };
        let place = |feed: &Feed| plan.slos.iter().position(|one| one.slo.name == feed.slo);
        let during = trial.flows.iter().map(|one| one.during).chain(trial.feeds.iter().map(|one| one.during));
        let turns: BTreeSet<u64> = during.flat_map(|during| [during.from_s, during.to_s]).collect();
        Ok(Self {
            plan,
            trial,
            flows: trial.flows.iter().map(fold).collect::<Result<_, String>>()?,
            feeds: trial.feeds.iter().filter_map(|feed| Some((feed, place(feed)?))).collect(),
            turns: turns.into_iter().collect(),
            reads_time: plan.reads_time(),
        })
    }

    /// `shared`: the seconds at which counts come, of this plan's service levels or of others. Then time passes as it does
    /// for all of them.
    pub(super) fn play(&self, stage: &mut Stage, base_s: u64, shared: Option<&[u64]>) -> Result<(), String> {
        for stretch in self.turns.windows(2) {
            let (from_s, to_s) = (stretch[0], stretch[1]);
            let flows: Vec<_> = self.flows.iter().filter(|(flow, _)| flow.during.holds(from_s)).collect();
            let feeds: Vec<_> = self.feeds.iter().filter(|(feed, _)| feed.during.holds(from_s)).collect();
            let all = self.all_feeds(from_s);
            if flows.is_empty() && all.is_empty() {
                continue;
            }
            let units = all.iter().map(|feed| feed.unit_s()).min();
            stage.pace(units.filter(|_| flows.is_empty()).unwrap_or(1));
            // Counts by the minute are looked for each minute; items may come in each second.
            let seconds: Box<dyn Iterator<Item = u64>> = match shared {
                Some(shared) => Box::new(within(shared, from_s, to_s)),
                None if flows.is_empty() => Box::new(due(&all, from_s, to_s)),
                None => Box::new(from_s..to_s),
            };
            for second in seconds {
                let at_s = base_s + second;
                let spans = self.sum(Signal::Traces, (second, at_s), &flows, &feeds)?;
                let logs = self.sum(Signal::Logs, (second, at_s), &flows, &[])?;
                let nothing = spans.is_none() && logs.is_none();
                for batch in [spans, logs].into_iter().flatten() {
                    stage.take(at_s, batch);
                }
                if nothing && shared.is_some() {
                    stage.pass_by(at_s);
                }
            }
            stage.pace(1);
        }
        Ok(())
    }

    /// The seconds at which counts come, ascending.
    pub(super) fn seconds_of_counts(&self) -> Vec<u64> {
        let stretches = self.turns.windows(2).flat_map(|stretch| {
            let feeds = self.all_feeds(stretch[0]);
            let comes = |second: &u64| feeds.iter().any(|feed| feed.events_in(*second) != (0, 0));
            due(&feeds, stretch[0], stretch[1]).filter(comes).collect::<Vec<u64>>()
        });
        stretches.collect()
    }

    fn all_feeds(&self, second: u64) -> Vec<&'s Feed> {
        self.trial.feeds.iter().filter(|feed| feed.during.holds(second)).collect()
    }

    fn sum(
        &self,
        signal: Signal,
        (second, at_s): (u64, u64),
        flows: &[&(&Flow, [Batch; 2])],
        feeds: &[&(&Feed, usize)],
    ) -> Result<Option<Batch>, String> {
        let mut sum = None;
        let new = || Sum::new(self.plan, signal, at_s);
        for (flow, folds) in flows.iter().filter(|(flow, _)| flow.good.signal == signal) {
            let (good, bad) = flow.items_in(second);
            for (count, sample, once) in [(good, &flow.good, &folds[0]), (bad, &flow.bad, &folds[1])] {
                if count == 0 {
                    continue;
                }
                let sum = sum.get_or_insert_with(new);
                match self.reads_time {
                    true => sum.add(&folded(self.plan, sample, at_s)?, count),
                    false => sum.add(once, count),
                }
            }
        }
        for (feed, slo) in feeds {
            let (good, bad) = feed.events_in(second);
            if good + bad > 0 {
                let sum = sum.get_or_insert_with(new);
                for (track, indicator) in (0..).zip(&self.plan.slos[*slo].indicators) {
                    let units = indicator.scale();
                    sum.count((*slo as u32, track), &feed.group, (good * units, bad * units));
                }
            }
        }
        Ok(sum.and_then(Sum::into_batch))
    }
}

/// The seconds of a stretch at which something may come of feeds.
fn due(feeds: &[&Feed], from_s: u64, to_s: u64) -> impl Iterator<Item = u64> {
    let due_from = move |second: u64| {
        let due = feeds.iter().map(|feed| feed.due_from(second)).min();
        due.filter(|due| *due < to_s)
    };
    std::iter::successors(due_from(from_s), move |last| due_from(last + 1))
}

fn within(seconds: &[u64], from_s: u64, to_s: u64) -> impl Iterator<Item = u64> {
    let from = seconds.partition_point(|second| *second < from_s);
    seconds[from..].iter().copied().take_while(move |second| *second < to_s)
}
