//! Runs of runbooks: what was asked for, what is under way, how it ended and whether it helped. A run changes by facts
//! alone, and each call of a step is a fact before it is made.

mod advance;
mod ask;
mod decide;
mod fact;
mod judge;
mod tally;
mod view;
pub(super) mod words;

use std::collections::{BTreeMap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};

use super::fact::Subject;
use crate::alert::REOPEN_NS;
use crate::model::{EventTime, Labels, Now, SECOND_NS};
use crate::runbook::{End, Moment, Occasion, Outcome, Params, StepCall, StepKey};

pub(super) use advance::About;
pub use ask::{Answered, Ask, Refusal};
pub(super) use decide::Deciding;
pub use fact::{RunFact, RunWhat};
pub(super) use judge::{BEFORE_S, judge};
pub use judge::{Judgement, Measured, Verdict};
use tally::Tally;
pub use view::{CallView, DryRun, DryStep, RunCounts, RunView, RunbookView, StepView};

/// Runs that are remembered; the oldest that has ended goes first.
const RUNS_MAX: usize = 1_000;
/// Runs that are under way at once, of all runbooks and of one of them; others wait for their turn.
pub(super) const AT_ONCE: usize = 16;
const OF_ONE: usize = 8;
/// And so many more that people asked for.
const FOR_PEOPLE: usize = 4;
/// Targets that are remembered of one runbook; its blast radius is at most so wide.
const TARGETS_MAX: usize = 1_000;
/// Beginnings that are counted of one runbook.
const STARTS_MAX: usize = 10_000;
/// Verdicts in a row by which it is told that a runbook does not help any more.
const VERDICTS: usize = 5;
/// Of one attempt, and of all runs together: the oldest go first.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;
const OUTPUTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What was not begun, and is not against it, is tried again after this.
const AGAIN_NS: u64 = 10 * SECOND_NS;
/// What has waited for so long is not begun any more: who would be helped by it has done something else by then.
const WAIT_NS: u64 = 7_200 * SECOND_NS;
/// A call that was under way when we ended is made again within this time alone.
const REPEAT_NS: u64 = 600 * SECOND_NS;
/// Beyond a step's own timeout: after that nobody will say any more how it ended.
const UNHEARD_NS: u64 = 120 * SECOND_NS;
pub(super) const WEEK_NS: u64 = 7 * 86_400 * SECOND_NS;

/// One run, or one that was asked for and is not to be.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Run {
    /// `run_…`
    pub id: String,
    pub runbook: String,
    /// Of the runbook's text when it was asked for: under another one it does not go on.
    pub identity: u64,
    /// Its steps.
    pub length: u32,
    pub target: String,
    pub params: Params,
    pub occasion: Occasion,
    /// What the alert is about; the runbook where there is none.
    pub subject: Subject,
    pub group: Labels,
    /// A person's name; empty: a trigger.
    pub by: String,
    pub state: State,
    pub asked: Now,
    /// When it last came further: asked for, approved, a step ended.
    pub came_further: Now,
    pub began: Option<Now>,
    pub ended: Option<Now>,
    /// The clock of what the alert is about, at the beginning and at the end.
    pub began_clock: EventTime,
    pub ended_clock: EventTime,
    pub steps: Vec<Done>,
    /// Whoever has the link may approve.
    pub has_link: bool,
    pub approved_by: Option<String>,
    /// The indicator in the time before it.
    pub before: Option<Measured>,
    pub judgement: Option<Judgement>,
    /// It was told that it does harm, while it is still watched.
    pub is_harmful: bool,
    /// A person has looked at how it ended.
    pub settled_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum State {
    /// Somebody has to agree, until then.
    Asked {
        until: Now,
    },
    /// For its turn.
    Waiting,
    Doing {
        since: Now,
        step: Box<StepCall>,
    },
    /// The step of this place is next, at that time, for the so manieth time.
    Next {
        step: u32,
        attempt: u32,
        at: Now,
    },
    Ended {
        end: End,
        why: String,
    },
    /// It is not to be.
    Refused {
        why: String,
    },
}

/// One attempt that has ended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Done {
    pub key: StepKey,
    pub name: String,
    pub began: Now,
    pub ended: Now,
    pub outcome: Outcome,
}

/// What is known of one runbook.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Book {
    /// Runs in a row that did not end well.
    failures: u32,
    /// Until when, and why, none begins by itself.
    stopped: Option<(Now, String)>,
    /// When runs began, within the last week.
    recent: VecDeque<Now>,
    /// When targets were last acted upon.
    targets: BTreeMap<String, Now>,
    /// The last end, by target.
    ends: BTreeMap<String, Now>,
    tally: Tally,
    /// The newest last.
    verdicts: VecDeque<Verdict>,
    /// It has been told that it does not help any more.
    is_reported: bool,
}

#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Runs {
    runs: VecDeque<Run>,
    books: BTreeMap<String, Book>,
    /// Of what people asked for.
    last_ask: u64,
    /// Something may be next.
    #[borsh(skip)]
    is_stirred: bool,
}

impl Run {
    /// It has begun, or will by itself.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.state, State::Waiting | State::Doing { .. } | State::Next { .. })
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_active() || matches!(self.state, State::Asked { .. })
    }

    fn is_under_way(&self) -> bool {
        matches!(self.state, State::Doing { .. } | State::Next { .. })
    }

    /// The attempt that it is at has ended, and what follows from that is not said yet.
    fn has_done_step(&self) -> bool {
        let State::Doing { since, step } = &self.state else { return false };
        self.steps.last().is_some_and(|done| done.key == step.key && done.began == *since)
    }

    pub(super) fn is_by_alert(&self) -> bool {
        !self.occasion.alert.is_empty()
    }

    pub(super) fn approval_until(&self) -> Option<Now> {
        match self.state {
            State::Asked { until } => Some(until),
            _ => None,
        }
    }

    /// It may have done something, and there is something to judge it by.
    pub(super) fn may_be_judged(&self) -> bool {
        let may_have_done = matches!(self.state, State::Ended { end: End::Succeeded | End::Unknown, .. });
        may_have_done && self.is_by_alert() && self.occasion.moment != Moment::Resolve.as_str()
    }

    /// And nobody has said that they did.
    pub(super) fn waits_for_a_person(&self) -> bool {
        self.needs_a_person().is_some() && self.settled_by.is_none()
    }

    /// How it ended, where somebody has to look.
    pub(super) fn needs_a_person(&self) -> Option<(End, &str)> {
        match &self.state {
            State::Ended { end, why } if *end != End::Succeeded => Some((*end, why)),
            _ => None,
        }
    }
}

impl Runs {
    pub(super) fn run(&self, id: &str) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.id == id)
    }

    fn run_mut(&mut self, id: &str) -> Option<&mut Run> {
        self.runs.iter_mut().rev().find(|run| run.id == id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    pub(super) fn of_alert(&self, alert: &str) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.occasion.alert == alert && !alert.is_empty())
    }

    /// Runbooks that were stopped until now.
    pub(super) fn pauses_over(&self, now: Now) -> Vec<String> {
        let is_over = |book: &Book| book.stopped.as_ref().is_some_and(|(until, _)| *until <= now);
        self.books.iter().filter(|(_, book)| is_over(book)).map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn has_open(&self) -> bool {
        self.runs.iter().any(Run::is_open)
    }

    pub(super) fn take_stirred(&mut self) -> bool {
        std::mem::take(&mut self.is_stirred)
    }

    /// What a fact says. The call that it begins, if it begins one.
    pub(super) fn apply(&mut self, now: Now, fact: &RunFact) -> Option<StepCall> {
        self.is_stirred = true;
        match &fact.what {
            RunWhat::Proposed { run, .. } | RunWhat::Refused { run: Some(run), .. } => self.enter(now, run),
            RunWhat::Refused { run: None, .. } => self.count_refused(&fact.runbook, true),
            RunWhat::Approved { by, .. } => self.change(fact, |run| {
                run.approved_by = Some(by.clone());
                (run.state, run.came_further) = (State::Waiting, now);
            }),
            RunWhat::Denied { why, .. } => {
                self.change(fact, |run| run.state = State::Refused { why: why.clone() });
                self.count_refused(&fact.runbook, false);
            }
            RunWhat::StepBegan { step, clock, before } => {
                self.began(now, fact, step, (*clock, *before));
                return Some((**step).clone());
            }
            RunWhat::StepEnded { key, outcome, next } => self.step_ended(now, fact, key, outcome, *next),
            RunWhat::Ended { end, why, clock } => self.ended(now, fact, (*end, why), *clock),
            RunWhat::Judged(judgement) => self.judged(fact, judgement),
            RunWhat::Stopped { until, why } => {
                self.change(fact, |run| run.is_harmful = true);
                self.books.entry(fact.runbook.clone()).or_default().stopped = Some((*until, why.clone()));
            }
            RunWhat::Resumed { by } => {
                let book = self.books.entry(fact.runbook.clone()).or_default();
                (book.stopped, book.failures) = (None, 0);
                if !by.is_empty() {
                    book.is_reported = false;
                    book.verdicts.clear();
                }
            }
            RunWhat::NotHelping { .. } => {
                self.books.entry(fact.runbook.clone()).or_default().is_reported = true;
            }
            RunWhat::Settled { by, .. } => self.change(fact, |run| run.settled_by = Some(by.clone())),
        }
        None
    }

    fn change(&mut self, fact: &RunFact, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.run_mut(&fact.run) {
            change(run);
        }
    }

    fn count_refused(&mut self, runbook: &str, is_triggered: bool) {
        let tally = &mut self.books.entry(runbook.to_owned()).or_default().tally;
        tally.refused += 1;
        tally.triggered += u64::from(is_triggered);
    }

    fn enter(&mut self, now: Now, run: &Run) {
        if run.by.is_empty() {
            self.books.entry(run.runbook.clone()).or_default().tally.triggered += 1;
        } else {
            self.last_ask += 1;
        }
        if matches!(run.state, State::Refused { .. }) {
            self.count_refused(&run.runbook, false);
        }
        self.runs.retain(|known| known.id != run.id);
        if self.runs.len() >= RUNS_MAX {
            match self.dispensable(now) {
                Some(place) => _ = self.runs.remove(place),
                // Counted, and told by its fact. What is to run has its place: at most one for each runbook.
                None if matches!(run.state, State::Refused { .. }) => return,
                None => {}
            }
        }
        self.runs.push_back(run.clone());
    }

    /// Whose place another run may take: first one that was refused, then one that is done with, the oldest.
    fn dispensable(&self, now: Now) -> Option<usize> {
        let refused = |run: &Run| matches!(run.state, State::Refused { .. });
        let done = |run: &Run| {
            let is_past = run.ended.is_some_and(|ended| ended.plus_ns(REOPEN_NS) < now);
            let is_watched = run.judgement.is_none() && run.may_be_judged();
            !run.is_open() && !run.waits_for_a_person() && is_past && !is_watched
        };
        self.runs.iter().position(refused).or_else(|| self.runs.iter().position(done))
    }

    fn has_room(&self, now: Now) -> bool {
        self.runs.len() < RUNS_MAX || self.dispensable(now).is_some()
    }

    fn began(
        &mut self,
        now: Now,
        fact: &RunFact,
        step: &StepCall,
        (clock, before): (EventTime, Option<Measured>),
    ) {
        let Some(run) = self.run_mut(&fact.run) else { return };
        run.state = State::Doing { since: now, step: Box::new(step.clone()) };
        if run.began.is_some() {
            return;
        }
        (run.began, run.began_clock, run.before) = (Some(now), clock, before);
        let book = self.books.entry(fact.runbook.clone()).or_default();
        book.tally.began += 1;
        book.recent.push_back(now);
        let is_old = |at: &Now| at.0.saturating_add(WEEK_NS) < now.0;
        while book.recent.len() > STARTS_MAX || book.recent.front().is_some_and(is_old) {
            book.recent.pop_front();
        }
        remember(&mut book.targets, &fact.target, now);
    }

    fn step_ended(
        &mut self,
        now: Now,
        fact: &RunFact,
        key: &StepKey,
        outcome: &Outcome,
        next: Option<(u32, u32, Now)>,
    ) {
        let first = self.run(&fact.run).filter(|run| run.steps.is_empty() && outcome.end == End::NotBegun);
        if let Some(began) = first.map(|run| run.began) {
            let book = self.books.entry(fact.runbook.clone()).or_default();
            if book.targets.get(&fact.target).copied() == began {
                book.targets.remove(&fact.target);
            }
            book.tally.began = book.tally.began.saturating_sub(1);
            book.recent.pop_back();
        }
        self.change(fact, |run| {
            let State::Doing { since, step } = &run.state else { return };
            let (name, began) = (step.name.clone(), *since);
            if outcome.end != End::NotBegun {
                let mut outcome = outcome.clone();
                shorten(&mut outcome.output);
                // It was asked for again with its key.
                run.steps.pop_if(|last| last.key == *key);
                run.steps.push(Done { key: key.clone(), name, began, ended: now, outcome });
                run.came_further = now;
            } else if run.steps.is_empty() {
                (run.began, run.before) = (None, None);
            }
            if let Some((step, attempt, at)) = next {
                run.state = State::Next { step, attempt, at };
            }
        });
        self.forget_outputs();
    }

    /// Those of the oldest runs, beyond what all may take.
    fn forget_outputs(&mut self) {
        let outputs = |run: &Run| run.steps.iter().map(|done| done.outcome.output.len()).sum::<usize>();
        let mut bytes: usize = self.runs.iter().map(outputs).sum();
        for run in &mut self.runs {
            if bytes <= OUTPUTS_BYTES_MAX {
                break;
            }
            bytes -= outputs(run);
            run.steps.iter_mut().for_each(|done| done.outcome.output = String::new());
        }
    }

    /// Time in which nobody could have been heard is not held against what is under way.
    pub(super) fn postpone(&mut self, now: Now) {
        for run in self.runs.iter_mut().filter(|run| !run.has_done_step()) {
            if let State::Doing { since, .. } = &mut run.state {
                *since = now;
            }
        }
    }

    fn ended(&mut self, now: Now, fact: &RunFact, (end, why): (End, &str), clock: EventTime) {
        let Some(run) = self.run_mut(&fact.run) else { return };
        run.state = State::Ended { end, why: why.to_owned() };
        (run.ended, run.ended_clock) = (Some(now), clock);
        let book = self.books.entry(fact.runbook.clone()).or_default();
        remember(&mut book.ends, &fact.target, now);
        book.tally.count_end(end);
        book.failures = if end == End::Succeeded { 0 } else { book.failures + 1 };
    }

    fn judged(&mut self, fact: &RunFact, judgement: &Judgement) {
        self.change(fact, |run| run.judgement = Some(judgement.clone()));
        let book = self.books.entry(fact.runbook.clone()).or_default();
        book.tally.count_verdict(judgement.verdict);
        book.is_reported &= judgement.verdict != Verdict::Helped;
        if judgement.verdict != Verdict::Unclear {
            if book.verdicts.len() >= VERDICTS {
                book.verdicts.pop_front();
            }
            book.verdicts.push_back(judgement.verdict);
        }
    }
}

/// The one that was longest ago goes first.
fn remember(times: &mut BTreeMap<String, Now>, target: &str, now: Now) {
    if times.len() >= TARGETS_MAX
        && !times.contains_key(target)
        && let Some(oldest) = times.iter().min_by_key(|(_, at)| **at).map(|(target, _)| target.clone())
    {
        times.remove(&oldest);
    }
    times.insert(target.to_owned(), now);
}

/// Its end says most.
fn shorten(output: &mut String) {
    if output.len() > OUTPUT_BYTES_MAX {
        let from = output.ceil_char_boundary(output.len() - OUTPUT_BYTES_MAX);
        *output = format!("…{}", &output[from..]);
    }
}
