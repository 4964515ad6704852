//! Whether a run helped: the indicator before it and after it, by counts.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::{Run, RunFact, RunWhat, Runs, VERDICTS};
use crate::engine::plan::Plan;
use crate::model::{Now, Quotient, SECOND_NS};
use crate::runbook::End;

/// So long before a run is looked at, in seconds: the worse of the two says how bad it was, for the longer one may have more of
/// the good time before the trouble.
pub(in crate::engine) const BEFORE_S: [u64; 2] = [10, 60];
/// So long after a run harm can be told, in seconds.
const HARM_S: u64 = 60;
/// Runs that are looked at in one second: the past of each is put together anew.
const LOOKS_MAX: usize = 20;
/// Fewer bad events make nothing worse.
const BAD_MIN: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Verdict {
    Helped,
    DidNotHelp,
    Worse,
    /// Nothing came in by which it could be told.
    Unclear,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Helped => "helped",
            Self::DidNotHelp => "did_not_help",
            Self::Worse => "worse",
            Self::Unclear => "unclear",
        }
    }

    pub(in crate::engine) fn words(self) -> &'static str {
        match self {
            Self::Helped => "helped",
            Self::DidNotHelp => "did not help",
            Self::Worse => "made it worse",
            Self::Unclear => "unclear whether it helped",
        }
    }
}

/// Units of the indicator that the alert is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct Measured {
    pub good: u64,
    pub bad: u64,
}

impl Measured {
    fn total(self) -> u128 {
        u128::from(self.good) + u128::from(self.bad)
    }

    /// The bad share of `self` is at most `over / under` of that of `other`.
    fn is_at_most(self, (over, under): (u128, u128), other: Self) -> bool {
        u128::from(self.bad) * other.total() * under <= u128::from(other.bad) * self.total() * over
    }

    pub(in crate::engine) fn is_worse_than(self, other: Self) -> bool {
        !self.is_at_most((1, 1), other)
    }

    /// As a decimal from 0 to 1.
    fn share(self) -> String {
        Quotient::new((u128::from(self.bad), 1), (self.total(), 1)).decimal()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    /// In the ten seconds or the minute before the run, whichever was worse.
    pub before: Measured,
    /// In the second half of the time that it was watched.
    pub after: Measured,
    pub why: String,
}

/// `closed`: the alert is over. `measured`: before and after, where the alert is about a service level.
pub(in crate::engine) fn judge(is_closed: bool, measured: Option<(Measured, Measured)>) -> Judgement {
    let Some((before, after)) = measured else {
        let (verdict, why) = match is_closed {
            true => (Verdict::Helped, "the alert is over"),
            false => (Verdict::DidNotHelp, "the alert is still open"),
        };
        let none = Measured::default();
        return Judgement { verdict, before: none, after: none, why: why.to_owned() };
    };
    let is_worse = after.bad >= BAD_MIN && !after.is_at_most((3, 2), before);
    let verdict = match () {
        () if after.total() == 0 || before.total() == 0 => Verdict::Unclear,
        () if is_worse => Verdict::Worse,
        () if is_closed || after.is_at_most((1, 2), before) => Verdict::Helped,
        () => Verdict::DidNotHelp,
    };
    let alert = if is_closed { "the alert is over" } else { "the alert is still open" };
    let why = match (before.total(), after.total()) {
        (0, _) => format!("no events came in before it; {alert}"),
        (_, 0) => format!("no events came in after it; {alert}"),
        _ => format!("bad share {} before, {} after; {alert}", before.share(), after.share()),
    };
    Judgement { verdict, before, after, why }
}

impl Runs {
    /// Runs that have been watched for as long as they are to be.
    pub(in crate::engine) fn to_be_judged(&self, plan: &Plan, now: Now) -> Vec<&Run> {
        let is_due = |run: &&Run| {
            let watched = run.judgement.is_none() && run.may_be_judged();
            watched && run.ended.is_some_and(|ended| ended.plus_ns(watch_ns(plan, run)) <= now)
        };
        self.runs.iter().filter(is_due).take(LOOKS_MAX).collect()
    }

    /// Runs that are not watched to the end yet, and for long enough that harm can be told; the newest ones.
    pub(in crate::engine) fn watched(&self, plan: &Plan, now: Now) -> Vec<&Run> {
        let is_watched = |run: &&Run| {
            let watched = run.judgement.is_none() && !run.is_harmful && run.may_be_judged();
            let time = |ended: Now| ended.plus_ns(HARM_S * SECOND_NS)..ended.plus_ns(watch_ns(plan, run));
            watched && run.ended.is_some_and(|ended| time(ended).contains(&now))
        };
        self.runs.iter().rev().filter(is_watched).take(LOOKS_MAX).collect()
    }

    /// The runbook starts no more by itself for a while.
    pub(in crate::engine) fn stopped(
        &self,
        plan: &Plan,
        now: Now,
        last: &RunFact,
        why: String,
    ) -> Option<RunFact> {
        let one = plan.runbooks.iter().find(|one| one.runbook.name == last.runbook)?;
        let until = now.plus_ns(one.runbook.limits.breaker.pause_s * SECOND_NS);
        let is_new = self.is_stopped(&last.runbook, now).is_none();
        is_new.then(|| RunFact { what: RunWhat::Stopped { until, why }, ..last.clone() })
    }

    /// What follows for the runbook from how runs of it ended and whether they helped.
    pub(in crate::engine) fn consequences(&self, plan: &Plan, now: Now, last: &RunFact) -> Vec<RunFact> {
        let Some(book) = self.books.get(&last.runbook) else { return Vec::new() };
        let Some(one) = plan.runbooks.iter().find(|one| one.runbook.name == last.runbook) else {
            return Vec::new();
        };
        let breaker = one.runbook.limits.breaker;
        let mut facts = Vec::new();
        match &last.what {
            RunWhat::Judged(judgement)
                if judgement.verdict == Verdict::Worse
                    && self.run(&last.run).is_some_and(|run| !run.is_harmful) =>
            {
                let why = format!("{} made it worse: {}", last.run, judgement.why);
                facts.extend(self.stopped(plan, now, last, why));
            }
            RunWhat::Ended { end, .. } if *end != End::Succeeded && book.failures >= breaker.failures => {
                let why = format!("{} runs in a row did not end well", book.failures);
                facts.extend(self.stopped(plan, now, last, why));
            }
            _ => {}
        }
        let helps_no_more = book.tally.helped > 0
            && book.verdicts.len() == VERDICTS
            && !book.verdicts.contains(&Verdict::Helped);
        if matches!(last.what, RunWhat::Judged(_)) && helps_no_more && !book.is_reported {
            let why = format!("it helped {} times, and none of the last {VERDICTS} times", book.tally.helped);
            facts.push(RunFact { what: RunWhat::NotHelping { why }, ..last.clone() });
        }
        facts
    }
}

/// That of most runbooks where it is no more.
fn watch_ns(plan: &Plan, run: &Run) -> u64 {
    let runbook = plan.runbooks.iter().find(|one| one.runbook.name == run.runbook);
    runbook.map_or(crate::runbook::WATCH_S, |one| one.runbook.watch_s) * SECOND_NS
}
