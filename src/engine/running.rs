//! From runs to facts and calls: what is next, what became of it, whether it helped, and whom to tell.

use std::collections::BTreeMap;

use super::fact::{Fact, Subject, What};
use super::level::{Cx, Level};
use super::own::OwnAlert;
use super::runs::{self, Answered, Ask, BEFORE_S, Judgement, Measured, Run, RunFact, RunWhat, Verdict};
use super::{AckToken, Effect, Effects, Engine};
use crate::model::{EventTime, Labels, Now, Priority, SECOND_NS, rfc3339};
use crate::runbook::{End, Outcome, Params, StepKey};

const NEEDS_A_PERSON: &str = "evenkeel-run-needs-a-person";
const WAITS: &str = "evenkeel-run-waits-for-approval";
const STOPPED: &str = "evenkeel-runbook-stopped";
const NOT_HELPING: &str = "evenkeel-runbook-not-helping";
/// How often runs that are watched are looked at for harm, in seconds: their past is put together anew each time.
const LOOK_EACH_S: u64 = 10;
/// After that nobody is told any more that a run needs to be looked at.
const SETTLED_NS: u64 = 86_400 * SECOND_NS;

impl Engine {
    pub(super) fn step_settled(&mut self, key: &StepKey, outcome: &Outcome, effects: &mut Effects) {
        if let Some(fact) = self.alerts.runs.outcome(&self.plan, self.now, key, outcome) {
            self.run_fact(fact, effects);
        }
    }

    pub(super) fn answer(&mut self, token: AckToken, ask: &Ask, effects: &mut Effects) {
        let alert = match ask {
            Ask::Start { alert, .. } => self.alerts.record(alert),
            _ => None,
        };
        let answered = match self.alerts.runs.asked(&self.plan, self.now, ask, alert) {
            Ok(fact) => {
                let named = if fact.run.is_empty() { &fact.runbook } else { &fact.run };
                let named = named.clone();
                self.run_fact(fact, effects);
                Answered::Done(named)
            }
            Err(refusal) => Answered::Refused(refusal),
        };
        effects.requests.push(Effect::Answer { token, answered });
    }

    /// All that is due.
    pub(super) fn advance_runs(&mut self, effects: &mut Effects) {
        while let Some(fact) = self.alerts.runs.next(&self.plan, self.now, self) {
            self.run_fact(fact, effects);
        }
        self.alerts.runs.take_stirred();
    }

    /// Once, after a start, under the configuration that holds from then on.
    pub(super) fn take_up_runs(&mut self, is_doubtful: bool, effects: &mut Effects) {
        for fact in self.alerts.runs.taken_up(&self.plan, self.now, is_doubtful, self) {
            self.run_fact(fact, effects);
        }
        self.forget_approvals(effects);
    }

    /// Of runs that are not known any more.
    fn forget_approvals(&mut self, effects: &mut Effects) {
        let is_known =
            |group: &Labels| group.get("run").is_some_and(|run| self.alerts.runs.run(run).is_some());
        let waits = Subject::Rule(WAITS.to_owned());
        let open = self.alerts.records.iter().filter(|one| one.subject == waits && one.episode.is_open());
        let gone: Vec<Labels> = open.map(|one| one.group.clone()).filter(|group| !is_known(group)).collect();
        for group in gone {
            let (name, priority, text) = (WAITS, Priority::P3, "The run is not known any more.");
            let alert = OwnAlert { name, group, priority, reason: "", text, starts_runs: false };
            self.own_alert(&alert, false, effects);
        }
    }

    /// Once a second: what is due by the clock alone.
    pub(super) fn look_after_runs(&mut self, effects: &mut Effects) {
        let due = self.alerts.runs.to_be_judged(&self.plan, self.now).into_iter();
        let judged: Vec<RunFact> = due.map(|run| self.judged(run)).collect();
        let is_due = (self.now.0 / SECOND_NS).is_multiple_of(LOOK_EACH_S);
        let harm = if is_due { self.harm() } else { Vec::new() };
        let overdue =
            self.alerts.runs.overdue(self.now).into_iter().chain(self.alerts.runs.changed(&self.plan));
        let overdue: Vec<RunFact> = overdue.collect();
        for fact in judged.into_iter().chain(harm).chain(overdue) {
            self.run_fact(fact, effects);
        }
        self.advance_runs(effects);
    }

    /// Of runs that are still watched, and have already made it worse. What comes of them is said at the end of the watch.
    fn harm(&self) -> Vec<RunFact> {
        let (runs, plan) = (&self.alerts.runs, &self.plan);
        let stopped = runs.watched(plan, self.now).into_iter().filter_map(|run| {
            let judgement = self.judgement(run);
            let why = || format!("{} makes it worse: {}", run.id, judgement.why);
            let fact = RunFact::of(run, RunWhat::Judged(judgement.clone()));
            (judgement.verdict == Verdict::Worse).then(|| runs.stopped(plan, self.now, &fact, why()))?
        });
        stopped.take(1).collect()
    }

    fn judged(&self, run: &Run) -> RunFact {
        RunFact::of(run, RunWhat::Judged(self.judgement(run)))
    }

    fn judgement(&self, run: &Run) -> Judgement {
        let is_closed = self.alerts.record(&run.occasion.alert).is_none_or(|alert| !alert.episode.is_open());
        let is_of_slo = matches!(run.subject, Subject::Slo(_));
        let measured = self.after(run).map(|after| (run.before.unwrap_or_default(), after));
        // A service level that is gone says nothing.
        runs::judge(is_closed, measured.or(is_of_slo.then(Default::default)))
    }

    /// The indicator in the second half of the time since; `None` where the alert is about none.
    fn after(&self, run: &Run) -> Option<Measured> {
        let (cx, level) = self.level_about(run)?;
        let (ended_s, now_s) = (run.ended_clock.seconds(), level.clock.seconds());
        let half_s = ended_s + now_s.saturating_sub(ended_s) / 2;
        Some(sum(cx, level, half_s.max(ended_s + 1)..=now_s))
    }

    fn level_about(&self, run: &Run) -> Option<(Cx<'_>, &Level)> {
        let Subject::Slo(name) = &run.subject else { return None };
        let slo = self.plan.slos.iter().position(|one| one.slo.name == *name)?;
        let groups = &self.levels[slo];
        let level = groups.levels.iter().find(|level| level.group == run.group)?;
        Some((Cx { plan: &self.plan.slos[slo], shape: &groups.shape }, level))
    }

    /// Applies it, with what follows from it.
    fn run_fact(&mut self, fact: RunFact, effects: &mut Effects) {
        let (subject, group) = match self.alerts.runs.run(&fact.run) {
            Some(run) => (run.subject.clone(), run.group.clone()),
            None => (Subject::Runbook(fact.runbook.clone()), Labels::new()),
        };
        let (at, what) = (EventTime(self.now.0), What::Run(Box::new(fact.clone())));
        let whole = Fact { at, subject, group, what };
        self.alerts.apply(self.now, &whole, &mut effects.requests);
        effects.facts.push(whole);
        self.tell_of(&fact, effects);
        self.tell_of_approval(&fact, effects);
        for following in self.alerts.runs.consequences(&self.plan, self.now, &fact) {
            self.run_fact(following, effects);
        }
    }

    /// Who may approve what a person asked for hears of it; of what an alert starts its page says so.
    fn tell_of_approval(&mut self, fact: &RunFact, effects: &mut Effects) {
        let RunFact { run, runbook, what, .. } = fact;
        let (text, is_on) = match what {
            RunWhat::Proposed { run: proposed } if !proposed.by.is_empty() => {
                let Some(until) = proposed.approval_until() else { return };
                let (by, until) = (&proposed.by, rfc3339(until.0));
                (
                    format!(
                        "{by} wants {runbook} to run, and it waits for approval until {until}: `evenkeel runbook approve {run}`."
                    ),
                    true,
                )
            }
            RunWhat::Approved { by, .. } => (format!("{run} is approved by {by}."), false),
            RunWhat::Denied { why, .. } | RunWhat::Ended { why, .. } => {
                (format!("{run} does not wait for approval any more: {why}."), false)
            }
            _ => return,
        };
        let alert = OwnAlert {
            name: WAITS,
            group: labels(&[("run", run), ("runbook", runbook)]),
            priority: Priority::P3,
            reason: "somebody else has to agree",
            text: &text,
            starts_runs: false,
        };
        self.own_alert(&alert, is_on, effects);
    }

    /// Who has to look hears of it, and of its end.
    fn tell_of(&mut self, fact: &RunFact, effects: &mut Effects) {
        let RunFact { run, runbook, what, .. } = fact;
        let of_run = || labels(&[("run", run), ("runbook", runbook)]);
        let of_runbook = || labels(&[("runbook", runbook)]);
        let mut tell = |name, group, priority, (reason, text): (&str, &str), is_on| {
            let alert = OwnAlert { name, group, priority, reason, text, starts_runs: false };
            self.own_alert(&alert, is_on, effects);
        };
        match what {
            RunWhat::Ended { end, why, .. } if *end != End::Succeeded => {
                let (priority, reason) = match end {
                    End::Unknown => (Priority::P2, "nobody can tell whether it was done"),
                    _ => (Priority::P3, "what it was to do is not done"),
                };
                let on = if fact.target.is_empty() { String::new() } else { format!(" on {}", fact.target) };
                let text = format!(
                    "Runbook {runbook}{on} ended as {} ({why}). Look at `evenkeel runbook show {run}`, then `evenkeel runbook settle {run}`.",
                    end.as_str().replace('_', " ")
                );
                tell(NEEDS_A_PERSON, of_run(), priority, (reason, &text), true);
            }
            RunWhat::Settled { by, note } => {
                let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
                let text = format!("{run} is settled{by}: {note}");
                tell(NEEDS_A_PERSON, of_run(), Priority::P3, ("", &text), false);
            }
            RunWhat::Stopped { why, .. } => {
                let text = format!(
                    "Runbook {runbook} starts no more by itself for a while: {why}. `evenkeel runbook resume {runbook}` lets it go on."
                );
                let reason = "nothing is mended by it while it lasts";
                tell(STOPPED, of_runbook(), Priority::P3, (reason, &text), true);
            }
            RunWhat::Resumed { by } => {
                let is_by_person = !by.is_empty();
                let by =
                    if by.is_empty() { "its pause is over".to_owned() } else { format!("{by} let it go on") };
                let text = format!("Runbook {runbook} may start by itself again: {by}.");
                tell(STOPPED, of_runbook(), Priority::P3, ("", &text), false);
                if is_by_person {
                    tell(NOT_HELPING, of_runbook(), Priority::P4, ("", &text), false);
                }
            }
            RunWhat::NotHelping { why } => {
                let text = format!("Runbook {runbook} does not help any more: {why}.");
                tell(NOT_HELPING, of_runbook(), Priority::P4, ("nothing is mended by it", &text), true);
            }
            RunWhat::Judged(judgement) if judgement.verdict == Verdict::Helped => {
                let text = format!("Runbook {runbook} has helped again.");
                tell(NOT_HELPING, of_runbook(), Priority::P4, ("", &text), false);
            }
            _ => {}
        }
    }

    /// Something of runbooks is under way, or waits.
    pub fn has_open_runs(&self) -> bool {
        self.alerts.runs.has_open()
    }

    /// What a run of it would call, or why there would be none.
    pub fn dry_run(&self, runbook: &str, given: &Params, alert: &str) -> Result<runs::DryRun, runs::Refusal> {
        let record = self.alerts.record(alert);
        self.alerts.runs.dry_run(&self.plan, (runbook, given), (alert, record))
    }

    pub fn runbooks(&self) -> Vec<runs::RunbookView> {
        self.plan.runbooks.iter().map(|one| self.alerts.runs.runbook_view(one, self.now)).collect()
    }

    pub fn run_counts(&self) -> runs::RunCounts {
        self.alerts.runs.counts()
    }

    /// The newest first.
    pub fn run_views(&self) -> Vec<runs::RunView> {
        let mut views: Vec<runs::RunView> = self.alerts.runs.all().map(Run::short_view).collect();
        views.reverse();
        views
    }

    pub fn run_view(&self, id: &str) -> Option<runs::RunView> {
        self.alerts.runs.run(id).map(Run::view)
    }

    /// The same for all alerts, in one pass.
    pub(super) fn runs_by_alert(&self) -> BTreeMap<&str, Vec<runs::RunView>> {
        let mut by_alert: BTreeMap<&str, Vec<runs::RunView>> = BTreeMap::new();
        for run in self.alerts.runs.all().filter(|run| run.is_by_alert()) {
            by_alert.entry(&run.occasion.alert).or_default().push(run.short_view());
        }
        by_alert
    }

    /// In the order in which they were asked for.
    pub(super) fn runs_of_alert(&self, alert: &str) -> Vec<runs::RunView> {
        self.alerts.runs.of_alert(alert).map(Run::short_view).collect()
    }
}

impl runs::About for Engine {
    fn clock(&self, run: &Run) -> EventTime {
        self.level_about(run).map_or(EventTime(self.now.0), |(_, level)| level.clock)
    }

    fn before(&self, run: &Run) -> Option<Measured> {
        let (cx, level) = self.level_about(run)?;
        let now_s = level.clock.seconds();
        let [short, long] = BEFORE_S.map(|seconds| sum(cx, level, now_s.saturating_sub(seconds)..=now_s));
        Some(if short.is_worse_than(long) { short } else { long })
    }
}

/// Buckets that are wider than the time count where they begin in it, or else hold its beginning.
fn sum(cx: Cx<'_>, level: &Level, seconds: std::ops::RangeInclusive<u64>) -> Measured {
    let mut sum = Measured::default();
    let mut last = None;
    for (second, good, bad) in level.units_by_time(cx) {
        match second {
            second if second < *seconds.start() => last = Some((second, good, bad)),
            second if seconds.contains(&second) => (sum.good, sum.bad) = (sum.good + good, sum.bad + bad),
            _ => break,
        }
    }
    let holds_it =
        |second: u64| level.resolution_s(cx, second).is_some_and(|width| second + width > *seconds.start());
    match last.filter(|(second, ..)| sum == Measured::default() && holds_it(*second)) {
        Some((_, good, bad)) => Measured { good, bad },
        None => sum,
    }
}

impl runs::Runs {
    /// Pauses that are over, and runs that nobody has settled for a day.
    fn overdue(&self, now: Now) -> Vec<RunFact> {
        let note = || "nobody said within a day that it was looked at".to_owned();
        let is_old = |run: &&Run| {
            run.waits_for_a_person() && run.ended.is_some_and(|ended| ended.plus_ns(SETTLED_NS) <= now)
        };
        let settled = self.all().filter(is_old);
        let settled =
            settled.map(|run| RunFact::of(run, RunWhat::Settled { by: String::new(), note: note() }));
        let resumed = self.pauses_over(now).into_iter().map(|runbook| {
            let (run, target) = (String::new(), String::new());
            RunFact { run, runbook, target, what: RunWhat::Resumed { by: String::new() } }
        });
        settled.chain(resumed).collect()
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
