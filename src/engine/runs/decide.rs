//! Whether a runbook starts: by a change of an alert, within its limits. Every trigger becomes a run, or a run that is
//! refused with the reason.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Book, RUNS_MAX, Run, RunFact, RunWhat, Runs, State};
use crate::alert::key_of;
use crate::engine::fact::Subject;
use crate::engine::plan::{Plan, RunbookPlan};
use crate::model::{EventTime, Labels, Now, SECOND_NS, rfc3339};
use crate::runbook::{Moment, Occasion, Runbook};

/// A change of an alert's episode.
pub(in crate::engine) struct Deciding<'a> {
    pub(in crate::engine) now: Now,
    pub(in crate::engine) moment: Moment,
    pub(in crate::engine) subject: &'a Subject,
    pub(in crate::engine) group: &'a Labels,
    pub(in crate::engine) occasion: Occasion,
}

impl Runs {
    /// What is to run now, in the order of the runbooks' names.
    pub(in crate::engine) fn decide(&self, plan: &Plan, change: &Deciding<'_>) -> Vec<RunFact> {
        let mut facts: Vec<RunFact> = Vec::new();
        if change.moment == Moment::Resolve {
            let waits = |run: &&Run| run.by.is_empty() && run.is_open() && run.began.is_none();
            let waiting = self.of_alert(&change.occasion.alert).filter(waits);
            let what = || RunWhat::Denied { by: String::new(), why: "the alert is over".to_owned() };
            facts.extend(waiting.map(|run| RunFact::of(run, what())));
        }
        for one in &plan.runbooks {
            let triggers = &one.runbook.triggers;
            if triggers.iter().any(|trigger| trigger.takes(change.moment, &change.occasion.labels)) {
                facts.push(self.triggered(one, change));
            }
        }
        facts
    }

    fn triggered(&self, one: &RunbookPlan, change: &Deciding<'_>) -> RunFact {
        let runbook = &one.runbook;
        let occasion = Occasion { moment: change.moment.as_str().to_owned(), ..change.occasion.clone() };
        let id = id_of(&[&occasion.dedup_key, &runbook.name, &occasion.moment]);
        if let Some(known) = self.run(&id).filter(|known| !matches!(known.state, State::Refused { .. })) {
            let why = "it has run for this alert already".to_owned();
            return RunFact::of(known, RunWhat::Refused { run: None, why });
        }
        let (values, target) = match runbook.values(&Default::default(), &occasion) {
            Ok(values) => {
                let target = runbook.target_of(&values, &occasion).to_owned();
                (Ok(values), target)
            }
            Err(why) => (Err(why), occasion.service.clone()),
        };
        let refused = match &values {
            Err(why) => Some(why.clone()),
            Ok(values) => {
                self.is_barred(one, &target, change.now).or_else(|| runbook.refusal(&id, values, &occasion))
            }
        };
        let state = match (refused, &runbook.approval) {
            (Some(why), _) => State::Refused { why },
            (None, Some(approval)) => {
                State::Asked { until: change.now.plus_ns(approval.expires_s * SECOND_NS) }
            }
            (None, None) => State::Waiting,
        };
        let run = Run {
            id,
            runbook: runbook.name.clone(),
            identity: runbook.identity,
            length: runbook.steps.len() as u32,
            target,
            params: values.unwrap_or_default(),
            occasion,
            subject: change.subject.clone(),
            group: change.group.clone(),
            by: String::new(),
            has_link: runbook.approval.as_ref().is_some_and(|approval| approval.by.is_empty()),
            state,
            ..Run::empty(change.now)
        };
        proposed(run)
    }

    /// Why none begins by itself on this target now.
    pub(in crate::engine) fn is_barred(&self, one: &RunbookPlan, target: &str, now: Now) -> Option<String> {
        let (limits, name) = (&one.runbook.limits, &one.runbook.name);
        if let Some(quiet) = one.quiet.iter().find(|quiet| quiet.covers(now.0 / SECOND_NS)) {
            return Some(format!("it does not start by itself at this time: {}", quiet.reason));
        }
        if !self.has_room(now) {
            return Some(format!("{RUNS_MAX} runs are under way, wait, are watched or need a person"));
        }
        if let Some(why) = self.is_busy(&one.runbook, target) {
            return Some(why);
        }
        let none = Book::default();
        let book = self.books.get(name).unwrap_or(&none);
        if let Some((until, why)) = book.stopped.as_ref().filter(|(until, _)| now < *until) {
            return Some(format!("{name} is stopped until {}: {why}", rfc3339(until.0)));
        }
        let acted = book.ends.get(target).max(book.targets.get(target));
        let cool = acted.map(|acted| acted.plus_ns(limits.cooldown_s * SECOND_NS));
        if let Some(cool) = cool.filter(|cool| now < *cool) {
            return Some(format!("it has acted on {target} lately and cools down until {}", rfc3339(cool.0)));
        }
        let first = self.open_on(name, target).next().filter(|_| limits.cooldown_s > 0);
        if let Some(first) = first {
            return Some(format!("{} is to act on {target}, and then it cools down", first.id));
        }
        let blast = limits.blast?;
        let from = now.0.saturating_sub(blast.within_s * SECOND_NS);
        let recent = book.targets.iter().filter(|(_, at)| from < at.0).map(|(target, _)| &**target);
        // And those that have yet to begin.
        let waiting = self.runs.iter().filter(|run| run.runbook == *name && run.is_open());
        let targets: BTreeSet<&str> = recent.chain(waiting.map(|run| &*run.target)).collect();
        let is_wide = !targets.contains(target) && targets.len() >= blast.targets as usize;
        is_wide.then(|| {
            let (most, within) = (blast.targets, blast.within_s);
            format!("it has acted on {most} targets within {within} s, and that is the most")
        })
    }

    /// Also for people.
    pub(super) fn is_busy(&self, runbook: &Runbook, target: &str) -> Option<String> {
        let first = self.open_on(&runbook.name, target).next()?;
        let is_full = self.open_on(&runbook.name, target).count() >= runbook.limits.concurrency as usize;
        is_full.then(|| format!("{} is under way on {target} or waits", first.id))
    }

    fn open_on(&self, runbook: &str, target: &str) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.is_open() && run.runbook == runbook && run.target == target)
    }
}

impl Run {
    pub(super) fn empty(now: Now) -> Self {
        Self {
            id: String::new(),
            runbook: String::new(),
            identity: 0,
            length: 0,
            target: String::new(),
            params: Default::default(),
            occasion: Occasion::default(),
            subject: Subject::Runbook(String::new()),
            group: Labels::new(),
            by: String::new(),
            state: State::Waiting,
            asked: now,
            came_further: now,
            began: None,
            ended: None,
            began_clock: EventTime(0),
            ended_clock: EventTime(0),
            steps: Vec::new(),
            has_link: false,
            approved_by: None,
            before: None,
            judgement: None,
            is_harmful: false,
            settled_by: None,
        }
    }
}

pub(super) fn proposed(run: Run) -> RunFact {
    let run = Arc::new(run);
    let what = match &run.state {
        State::Refused { why } => RunWhat::Refused { why: why.clone(), run: Some(Arc::clone(&run)) },
        _ => RunWhat::Proposed { run: Arc::clone(&run) },
    };
    RunFact::of(&run, what)
}

/// `run_` and 20 characters of base32.
pub(super) fn id_of(parts: &[&str]) -> String {
    format!("run_{}", &key_of(parts)[..20])
}
